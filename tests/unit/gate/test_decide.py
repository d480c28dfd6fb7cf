"""A failed check holds the figures that it can have changed, and no others."""

from datetime import date

from plumbline.gate import HELD, STALE, WARNED, Cell
from plumbline.indicators.sight import EVER
from tests.unit.gate.conftest import Company, failed

BY_CATEGORY = ("product__category",)


def held(company: Company, **check: object) -> set[str]:
    return {cell.metric for cell in company.decide(failed(**check)).held}


def test_nothing_is_ruled_where_every_check_passes(company: Company) -> None:
    assert company.decide(failed(verdict="passed"), failed(verdict="skipped")).rulings == {}


def test_a_column_holds_the_metrics_that_rest_on_it(company: Company) -> None:
    assert held(company, column="cost") == {"costs", "profit", "margin"}


def test_rows_in_doubt_hold_every_metric_of_the_table(company: Company) -> None:
    found = held(company, column="")
    assert {"orders", "sales", "customers"} <= found
    assert "costs" in found


def test_a_column_of_members_holds_only_what_is_broken_down_by_them(company: Company) -> None:
    decision = company.decide(failed("marts.products", "category"))
    assert decision.held
    assert {cell.dimensions for cell in decision.held} == {BY_CATEGORY}


def test_old_data_make_figures_stale(company: Company) -> None:
    decision = company.decide(failed(about_age=True))
    assert {ruling.verdict for ruling in decision.rulings.values()} == {STALE}


def test_a_warning_is_told_and_holds_nothing(company: Company) -> None:
    decision = company.decide(failed(severity="warning"))
    assert decision.held == {}
    assert decision.rulings[Cell("costs")].verdict == WARNED


def test_the_worst_of_several_checks_decides_and_is_the_reason(company: Company) -> None:
    warned, stale = failed(severity="warning"), failed(about_age=True)
    ruling = company.decide(warned, stale, failed(column="amount")).rulings[Cell("profit")]
    assert ruling.verdict == HELD
    assert ruling.reason == "marts.orders: amount is never empty: 2 of 12 rows break it"


def test_a_check_that_could_not_be_judged_holds_as_well(company: Company) -> None:
    assert held(company, verdict="error") == {"costs", "profit", "margin"}


def test_a_wrong_figure_holds_the_metric_and_what_rests_on_it(company: Company) -> None:
    check = failed("candidates.indicator_value", "value", metrics=("costs",))
    assert {cell.metric for cell in company.decide(check).held} == {"costs", "profit", "margin"}


def test_a_wrong_figure_of_a_period_holds_the_periods_that_see_it(company: Company) -> None:
    january = (date(2025, 1, 1), date(2025, 1, 31))
    check = failed(
        "candidates.indicator_value", "value", metrics=("sales", "costs"), spans={"sales": (january,)}
    )
    held = company.decide(check).held
    assert held[Cell("sales")].held_days == (january,)
    # A year later it is what another figure is compared with; until the year ends it is in the total.
    assert held[Cell("sales_growth")].held_days == ((january[0], date(2026, 2, 1)),)
    assert held[Cell("sales_to_date")].held_days == ((january[0], date(2025, 12, 31)),)
    # Costs may be wrong in any period, and so what rests on them.
    assert {name for name, ruling in held.items() if ruling.held_days == EVER} >= {
        Cell("costs"),
        Cell("profit"),
        Cell("margin"),
    }
    assert Cell("orders") not in held


def test_a_wrong_total_holds_what_accumulates_it(company: Company) -> None:
    check = failed("candidates.indicator_value", "value", metrics=("sales",))
    assert "sales_to_date" in {cell.metric for cell in company.decide(check).held}


def test_a_wide_table_in_doubt_holds_its_own_cells(company: Company) -> None:
    decision = company.decide(failed("candidates.sales_by_category_monthly", "month"))
    assert set(decision.held) == {Cell(name, BY_CATEGORY) for name in ("sales", "margin", "sales_growth")}


def test_a_long_table_in_doubt_as_a_whole_holds_everything(company: Company) -> None:
    decision = company.decide(failed("candidates.indicator_value", ""))
    assert Cell("orders") in decision.held
    assert Cell("sales", BY_CATEGORY) in decision.held


def test_targets_in_doubt_hold_the_metrics_that_have_some(company: Company) -> None:
    decision = company.decide(failed("marts.period_targets", "figure"), with_targets=("margin",))
    assert {cell.metric for cell in decision.held} == {"margin"}


def test_a_critical_failure_that_touches_no_figure_is_not_forgotten(company: Company) -> None:
    check = failed("marts.nobody_reads", "note")
    assert company.decide(check).idle == (check,)
