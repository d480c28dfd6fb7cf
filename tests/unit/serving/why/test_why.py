"""Why a figure moved, held to SQL written by hand."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from plumbline.definitions import load
from plumbline.errors import DefinitionError, UsageError
from plumbline.serving import Question, ask, open_generation
from plumbline.serving.periods import read_period
from plumbline.serving.why import Moved, explain_change, read_versus, whole_month_before

YEAR = read_period("2026", "2026")


@dataclass
class Reply:
    columns: Any
    notes: list[str]
    found: list[tuple[Any, ...]]

    def rows(self):
        return self.found


@pytest.fixture(scope="module")
def explain(published):
    """Ask why on the shop."""
    with open_generation(published.home, sealed=True) as source:
        definitions = load(source.manifest)

        def answered(question: Question) -> Reply:
            answer = ask(published.home, source, question, definitions)
            rows = answer.rows()
            return Reply(answer.columns, answer.notes(rows), rows)

        yield lambda metric, period=YEAR, **more: explain_change(
            answered, definitions, Moved(metric, period, **more)
        )


def parts_of(split):
    return [*split.parts, *([split.rest] if split.rest else [])]


def test_members_of_a_sum_add_their_own_change(explain, published):
    why = explain("net_sales", versus="year-ago", by=("product__category",))
    oracle = dict(
        published.sql("""
        SELECT category, coalesce(sum(net_amount) FILTER (year(order_date) = 2026), 0)
            - coalesce(sum(net_amount) FILTER (year(order_date) = 2025), 0)
        FROM marts.order_lines LEFT JOIN marts.products USING (product_id) GROUP BY 1""")
    )
    (split,) = why.dimensions
    assert split.method == "adds up"
    assert {part.member: part.contribution for part in split.parts} == oracle
    assert sum(part.contribution for part in split.parts) == why.change == sum(oracle.values())
    assert why.adds_up


def test_members_that_are_not_named_stand_in_the_rest(explain):
    (split,) = explain("net_sales", versus="year-ago", by=("product__category",), members=1).dimensions
    assert len(split.parts) == 1
    assert split.rest.count == 2
    assert split.parts[0].contribution + split.rest.contribution == Decimal("69.999999")


def test_a_ratio_is_split_over_its_inputs_and_into_mix_and_rate(explain, published):
    why = explain("average_order_value", versus="year-ago", by=("order__channel",))
    ((above0, below0, above1, below1),) = published.sql("""
        SELECT sum(net_amount) FILTER (year(l.order_date) = 2025),
            count(DISTINCT order_id) FILTER (year(l.order_date) = 2025),
            sum(net_amount) FILTER (year(l.order_date) = 2026),
            count(DISTINCT order_id) FILTER (year(l.order_date) = 2026)
        FROM marts.order_lines l""")
    assert why.before == pytest.approx(above0 / below0)
    assert why.after == pytest.approx(above1 / below1)
    assert sum(part.contribution for part in why.formula.parts) == why.change
    by_sales = (above1 - above0) * (1 / Decimal(below0) + 1 / Decimal(below1)) / 2
    assert why.formula.parts[0].contribution == pytest.approx(by_sales)
    (split,) = why.dimensions
    assert split.method == "mix and rate"
    assert sum(part.mix + part.rate for part in parts_of(split)) == why.change


def test_a_metric_that_compares_periods_is_split_over_the_shifted_one(explain):
    why = explain("monthly_growth", read_period("2026-02", "2026-02"), versus="year-ago")
    figures = [(part.name, part.before, part.after, part.contribution) for part in why.formula.parts]
    assert figures == [
        ("net_sales", 30, 50, 20),
        ("before", Decimal("150.000001"), 200, Decimal("-49.999999")),
    ]


def test_a_member_without_one_of_the_inputs_adds_what_it_has_of_the_other(explain):
    """No bikes were sold in February 2026, so they have no growth; that they sold 200 in January counts."""
    asked = {"versus": "year-ago", "by": ("product__category",)}
    (split,) = explain("monthly_growth", read_period("2026-02", "2026-02"), **asked).dimensions
    parts = {part.member: (part.after, part.contribution) for part in split.parts}
    # 30 - 100.000001 a year ago, and nothing - 200 now.
    assert parts["Bikes"] == (None, Decimal("-129.999999"))
    assert sum(contribution for _, contribution in parts.values()) == Decimal("-29.999999")
    assert split.unattributed is None


def test_without_a_figure_before_there_is_nothing_to_split(explain):
    why = explain("net_sales", read_period("2025", "2025"))
    assert why.change is None
    assert "there is no figure of 2024-01-01 to 2024-12-31: no change to split" in why.notes


def test_without_a_dimension_it_is_split_by_those_it_is_published_by(explain):
    assert [split.dimension for split in explain("net_sales", versus="year-ago").dimensions] == []


def test_conditions_hold_for_all_figures(explain, published):
    why = explain("net_sales", versus="year-ago", where=("order__channel = 'online'",))
    ((now,),) = published.sql("""
        SELECT sum(net_amount) FROM marts.order_lines l JOIN marts.orders USING (order_id)
        WHERE channel = 'online' AND year(l.order_date) = 2026""")
    assert why.after == now


def test_an_unknown_dimension_is_an_error_that_helps(explain):
    with pytest.raises(DefinitionError, match="product__category"):
        explain("net_sales", versus="year-ago", by=("product__categry",))


def test_an_unknown_comparison_is_an_error(explain):
    with pytest.raises(UsageError, match="previous, year-ago"):
        explain("net_sales", versus="last-year")


def test_an_open_period_cannot_be_compared(explain):
    with pytest.raises(UsageError, match="no whole period"):
        explain("net_sales", read_period("2026", None))


def test_what_to_compare_with_may_be_a_period_of_its_own():
    assert read_versus("2025-Q1") == read_period("2025-Q1", "2025-Q1")
    assert read_versus("2025-01", "2025-02") == read_period("2025-01", "2025-02")
    assert read_versus("year-ago") == "year-ago"


@pytest.mark.parametrize(
    ("as_of", "month"), [("2026-02-28", "2026-02"), ("2026-02-27", "2026-01"), ("2026-01-31", "2026-01")]
)
def test_the_last_whole_month_is_over(as_of, month):
    day = read_period(as_of, as_of).start
    assert whole_month_before(day) == read_period(month, month)
