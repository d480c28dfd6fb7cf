"""What is held keeps its last good figures, with the reason; all others are published."""

from collections.abc import Callable
from datetime import datetime

from plumbline.publication import current_publication
from tests.unit.gate.conftest import NEXT_DAY, Company, failed

WIDE = "SELECT month, orders, sales, order_value FROM published.sales_monthly ORDER BY month"
LONG = """
SELECT period_start, value FROM published.indicator_value
WHERE metric = '{}' AND grain = 'month' AND dimensions = '' ORDER BY period_start"""


def long(company: Company, metric: str) -> dict[str, object]:
    return {day.isoformat()[:7]: value for day, value in company.published(LONG.format(metric))}


def test_a_good_day_is_certified_throughout(company: Company) -> None:
    assert company.day() == []
    assert company.published("SELECT DISTINCT verdict, reason FROM published.indicator_value") == [
        ("certified", None)
    ]
    assert company.published("SELECT DISTINCT sales__verdict FROM published.sales_monthly") == [
        ("certified",)
    ]
    assert company.published("SELECT count(*) FROM published.hold") == [(0,)]


def test_held_figures_stay_and_the_others_go_on(company: Company, poison: Callable[[], None]) -> None:
    costs, sales = long(company, "costs"), long(company, "sales")
    poison()
    company.day(failed(column="cost"))
    now = long(company, "costs")
    assert {month: now[month] for month in costs} == costs
    assert long(company, "sales")["2025-02"] == sales["2025-02"] + 30


def test_wide_tables_show_the_last_good_cells_beside_new_ones(
    company: Company, poison: Callable[[], None]
) -> None:
    before = {row[0]: row for row in company.published(WIDE)}
    poison()
    company.con.execute("UPDATE marts.orders SET amount = 9999 WHERE order_id = 1")
    company.day(failed(column="amount"))
    after = {row[0]: row for row in company.published(WIDE)}
    assert {day: row[2:] for day, row in after.items()} == {day: row[2:] for day, row in before.items()}
    february = next(day for day in after if day.isoformat() == "2025-02-01")
    assert after[february][1] == before[february][1] + 1
    verdicts = "SELECT DISTINCT orders__verdict, sales__verdict FROM published.sales_monthly"
    assert company.published(verdicts) == [("certified", "held")]


def test_a_new_period_of_a_held_figure_has_no_value(company: Company, poison: Callable[[], None]) -> None:
    poison()
    company.con.execute("UPDATE marts.orders SET order_date = DATE '2024-12-24' WHERE order_id = 8")
    company.day(failed(column="cost"))
    assert long(company, "costs")["2024-12"] is None
    assert company.published(
        "SELECT verdict FROM published.indicator_value WHERE value IS NULL GROUP BY 1"
    ) == [("held",)]


def test_a_hold_says_why_since_when_whose_and_what_to_do(
    company: Company, poison: Callable[[], None]
) -> None:
    poison()
    company.day(failed(column="cost"))
    told = company.published("""
        SELECT verdict, reason, table_name, column_name, owner, todo, examples, held_since, last_good
        FROM published.hold WHERE metric = 'margin' AND dimensions = ''""")
    assert told == [
        (
            "held",
            "marts.orders: cost is never empty: 2 of 12 rows break it",
            "marts.orders",
            "cost",
            "Finance: controller",
            "Have them entered.",
            '[{"order_id": 11}]',
            NEXT_DAY,
            "shop-000001",
        )
    ]
    of_figures = company.published("""
        SELECT DISTINCT verdict, held_since, last_good FROM published.indicator_value
        WHERE metric = 'margin'""")
    assert of_figures == [("held", NEXT_DAY, "shop-000001")]


def test_a_hold_that_lasts_keeps_its_first_day_and_its_last_good_publication(
    company: Company, poison: Callable[[], None]
) -> None:
    costs = long(company, "costs")
    poison()
    company.day(failed(column="cost"))
    company.day(failed(column="cost"), now=datetime(2025, 3, 12, 6))
    (row,) = company.published(
        "SELECT held_since, last_good FROM published.hold WHERE metric = 'costs' AND dimensions = ''"
    )
    assert row == (NEXT_DAY, "shop-000001")
    now = long(company, "costs")
    assert {month: now[month] for month in costs} == costs


def test_mended_data_release_what_was_held(company: Company, poison: Callable[[], None]) -> None:
    poison()
    company.day(failed(column="cost"))
    company.day(now=datetime(2025, 3, 12, 6))
    assert {cell.metric for cell in company.released} == {"costs", "profit", "margin"}
    assert long(company, "costs")["2025-01"] == 1000
    assert company.published("SELECT DISTINCT verdict FROM published.indicator_value") == [("certified",)]


def test_what_was_never_good_has_no_value(company: Company) -> None:
    holds = company.day(failed(column="cost"))
    assert {each.last_good for each in holds} == {""}
    assert set(long(company, "costs").values()) == {None}
    wide = "SELECT DISTINCT margin, margin__verdict FROM published.sales_by_category_monthly"
    assert company.published(wide) == [(None, "held")]


def test_the_generation_of_last_good_figures_is_kept_while_they_are_shown(
    company: Company, poison: Callable[[], None]
) -> None:
    poison()
    for day in range(11, 17):
        company.day(failed(column="cost"), now=datetime(2025, 3, day, 6))
    current = current_publication(company.home)
    assert current is not None
    there = sorted(path.name for path in current.path.parent.glob("gen-*.duckdb"))
    assert there == ["gen-000001.duckdb", "gen-000005.duckdb", "gen-000006.duckdb", "gen-000007.duckdb"]


def test_members_and_empty_members_are_matched(company: Company, poison: Callable[[], None]) -> None:
    query = "SELECT month, product_category, margin FROM published.sales_by_category_monthly ORDER BY ALL"
    before = company.published(query)
    assert any(row[1] is None for row in before)
    poison()
    company.day(failed(column="cost"))
    assert [row for row in company.published(query) if row[2] is not None] == [
        row for row in before if row[2] is not None
    ]
