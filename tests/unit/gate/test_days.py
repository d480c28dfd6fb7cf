"""Where a check names its rows, only the periods are held that see the days of these rows."""

from collections.abc import Callable
from datetime import date, datetime

import pytest

from plumbline.gate import Cell
from plumbline.indicators.sight import EVER
from plumbline.quality import CheckResult
from plumbline.serving import Question, ask, open_generation
from plumbline.serving.library import verdicts
from tests.unit.gate.conftest import NEXT_DAY, Company, failed

LONG = """
SELECT strftime(period_start, '%Y-%m'), verdict FROM published.indicator_value
WHERE metric = '{}' AND grain = 'month' AND dimensions = '' ORDER BY period_start"""
BAD = "order_id IN (6)"


def naming(rows: str = BAD, count: int = 1, column: str = "cost", **changes: object) -> CheckResult:
    """A check of orders that names its rows; order 6 is of March 2024."""
    return failed(column=column, broken=rows, unexpected=count, **changes)


def held(company: Company, metric: str) -> set[str]:
    return {month for month, verdict in company.published(LONG.format(metric)) if verdict == "held"}


def months(company: Company, metric: str) -> set[str]:
    return {month for month, _ in company.published(LONG.format(metric))}


def days(company: Company, check: CheckResult, metric: str, *dimensions: str) -> object:
    company.build()
    return company.dating.days(check, Cell(metric, dimensions))


@pytest.fixture
def spoiled(begun: Company) -> Company:
    """A good day; then the amount and the cost of the order of March are others."""
    begun.con.execute(f"UPDATE marts.orders SET cost = 1000, amount = 9000 WHERE {BAD}")
    return begun


def test_a_sum_is_held_in_the_period_of_the_row(spoiled: Company) -> None:
    spoiled.day(naming())
    assert held(spoiled, "costs") == {"2024-03"}
    assert len(months(spoiled, "costs")) > 4


def test_the_held_period_keeps_its_last_good_value_and_others_go_on(spoiled: Company) -> None:
    query = """SELECT value FROM published.indicator_value WHERE metric = 'costs' AND dimensions = ''
        AND grain = 'month' AND period_start = DATE '{}'"""
    march = spoiled.published(query.format("2024-03-01"))
    spoiled.con.execute("INSERT INTO marts.orders VALUES (13, DATE '2025-02-03', 1, 1, 30, 5, 5)")
    february = spoiled.published(query.format("2025-02-01"))
    spoiled.day(naming())
    assert spoiled.published(query.format("2024-03-01")) == march
    assert spoiled.published(query.format("2025-02-01")) == [(february[0][0] + 5,)]


def test_periods_of_every_length_are_held_that_have_the_day(spoiled: Company) -> None:
    spoiled.day(naming())
    found = spoiled.published("""
        SELECT grain, list_sort(list(period_start::VARCHAR)) FROM published.indicator_value
        WHERE metric = 'costs' AND dimensions = '' AND verdict = 'held' GROUP BY 1""")
    assert dict(found) == {
        "month": ["2024-03-01"],
        "quarter": ["2024-01-01"],
        "year": ["2024-01-01"],
    }


def test_a_total_to_date_is_held_until_its_year_ends(spoiled: Company) -> None:
    spoiled.day(naming(column="amount"))
    later = {month for month in months(spoiled, "sales_to_date") if "2024-03" <= month <= "2024-12"}
    assert held(spoiled, "sales_to_date") == later
    assert "2025-01" in months(spoiled, "sales_to_date")


def test_a_figure_compared_with_an_earlier_one_is_held_in_both(spoiled: Company) -> None:
    spoiled.day(naming(column="amount"))
    seen = {month for month in months(spoiled, "sales_growth") if "2024-03" <= month <= "2025-03"}
    assert held(spoiled, "sales_growth") == seen


def test_wide_tables_tell_it_row_by_row(spoiled: Company) -> None:
    before = dict(spoiled.published("SELECT month, sales FROM published.sales_monthly"))
    spoiled.day(naming(column="amount"))
    rows = spoiled.published(
        "SELECT month, sales, sales__verdict, orders__verdict FROM published.sales_monthly"
    )
    assert {row[0].isoformat()[:7] for row in rows if row[2] == "held"} == {"2024-03"}
    assert {row[3] for row in rows} == {"certified"}
    assert all(row[1] == before.get(row[0]) for row in rows if row[2] == "held")


def test_the_hold_says_on_which_days(spoiled: Company) -> None:
    spoiled.day(naming())
    found = spoiled.published(
        "SELECT DISTINCT period_start, period_end FROM published.hold WHERE metric = 'costs'"
    )
    assert found == [(date(2024, 3, 5), date(2024, 3, 5))]


@pytest.mark.parametrize(
    "check",
    [
        failed(column="cost"),
        naming(column="order_date"),
        naming("order_id IN (6, 7)"),
        naming("no_such_column = 1"),
        naming(touches=(("marts.orders", ""),)),
        naming(about_age=True),
        naming("customer_id = 77", 1),
    ],
    ids=["no rows", "the day itself", "other rows than counted", "no condition", "rows", "age", "none"],
)
def test_all_periods_are_held_where_the_day_is_not_known(company: Company, check: CheckResult) -> None:
    assert days(company, check, "costs") == EVER


def test_an_empty_day_may_be_any(company: Company) -> None:
    company.con.execute("UPDATE marts.orders SET order_date = NULL WHERE order_id = 6")
    assert days(company, naming(), "costs") == EVER


def test_members_of_another_table_may_be_of_any_day(company: Company) -> None:
    check = failed("marts.products", "category", broken="product_id = 3", unexpected=1)
    assert days(company, check, "sales", "product__category") == EVER


def test_rows_on_several_days_are_several_ranges(company: Company) -> None:
    found = days(company, naming("order_id IN (1, 6)", 2), "costs")
    assert found == ((date(2024, 1, 10),) * 2, (date(2024, 3, 5),) * 2)


def test_a_hold_that_grows_keeps_the_first_days_of_what_was_held(spoiled: Company) -> None:
    spoiled.day(naming())
    later = datetime(2025, 3, 12, 6)
    spoiled.day(naming("order_id IN (6, 7)", 2), now=later)
    found = spoiled.published("""
        SELECT period_start::VARCHAR, held_since, last_good FROM published.hold
        WHERE metric = 'costs' AND dimensions = '' ORDER BY 1""")
    assert found == [
        ("2024-03-05", NEXT_DAY, "shop-000001"),
        ("2024-05-01", later, "shop-000002"),
    ]


def test_a_hold_on_all_periods_after_one_on_some_is_since_two_days(spoiled: Company) -> None:
    spoiled.day(naming())
    later = datetime(2025, 3, 12, 6)
    spoiled.day(failed(column="cost"), now=later)
    found = spoiled.published("""
        SELECT period_start::VARCHAR, period_end::VARCHAR, held_since FROM published.hold
        WHERE metric = 'costs' AND dimensions = '' ORDER BY period_start NULLS FIRST""")
    assert found == [
        (None, "2024-03-04", later),
        ("2024-03-05", "2024-03-05", NEXT_DAY),
        ("2024-03-06", None, later),
    ]
    assert held(spoiled, "costs") == months(spoiled, "costs")


def test_a_warning_is_told_in_other_periods_and_a_hold_in_its_own(spoiled: Company) -> None:
    spoiled.day(naming(), failed(column="cost", severity="warning"))
    verdicts = dict(spoiled.published(LONG.format("costs")))
    assert verdicts.pop("2024-03") == "held"
    assert set(verdicts.values()) == {"certified_with_warnings"}


def test_mended_rows_release_their_period(spoiled: Company, poison: Callable[[], None]) -> None:
    spoiled.day(naming())
    spoiled.day(now=datetime(2025, 3, 12, 6))
    assert held(spoiled, "costs") == set()
    assert "costs" in {cell.metric for cell in spoiled.released}


@pytest.mark.parametrize(
    ("start", "end", "number"),
    [
        ("2024-03", "2024-03", "shop-000001"),
        ("2024-01", "2024-03-05", "shop-000001"),
        ("2024-04", None, "shop-000002"),
        (None, "2024-02", "shop-000002"),
        (None, None, "shop-000001"),
    ],
)
def test_a_question_is_answered_from_the_newest_figures_where_it_sees_no_day_in_doubt(
    spoiled: Company, start: str | None, end: str | None, number: str
) -> None:
    spoiled.day(naming())
    with open_generation(spoiled.home, sealed=True) as source:
        answer = ask(
            spoiled.home, source, Question(("costs",), ("metric_time__month",), start=start, end=end)
        )
        assert answer.publication is not None
        assert answer.publication.publication_id == number


def test_the_library_says_which_periods_are_held(spoiled: Company) -> None:
    spoiled.day(naming())
    with open_generation(spoiled.home, sealed=True) as source:
        told = verdicts(source, "costs")["costs"]
    assert (told["verdict"], told["held_periods"]) == ("held", "2024-03")
