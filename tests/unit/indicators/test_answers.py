"""Answers that are kept from run to run are those that a full run would give."""

from datetime import date
from typing import Any

import duckdb
import pytest

from plumbline.compiler import compile as answers_compile
from plumbline.compiler import early
from plumbline.indicators import Candidates, answers
from plumbline.indicators.reads import columns_read
from tests.unit.definitions import shop
from tests.unit.indicators.conftest import Builder

CHANGES = {
    "a new day": "INSERT INTO marts.orders VALUES (13, DATE '2025-03-09', 2, 1, 80, 50, 3)",
    "a row that comes late": "INSERT INTO marts.orders VALUES (13, DATE '2024-02-10', 4, 2, 30, 9, 2)",
    "a corrected row of an old month": "UPDATE marts.orders SET amount = 55 WHERE order_id = 3",
    "a row that has gone": "DELETE FROM marts.orders WHERE order_id = 8",
    "a month that has gone": "DELETE FROM marts.orders WHERE order_date < DATE '2024-02-01'",
    "a row that moved to another month": (
        "UPDATE marts.orders SET order_date = DATE '2024-04-01' WHERE order_id = 6"
    ),
    "rows that swap a value": (
        "UPDATE marts.orders SET amount = CASE order_id WHEN 1 THEN 10 ELSE 100 END WHERE order_id IN (1, 2)"
    ),
    "a first row before all others": "INSERT INTO marts.orders VALUES (13, DATE '2023-12-05', 9, 1, 8, 3, 1)",
    "what follows an earlier event": (
        "UPDATE marts.orders SET order_date = DATE '2024-02-20' WHERE order_id = 8"
    ),
    "a member with another name": "UPDATE marts.products SET category = 'Cycles' WHERE product_id = 1",
    "a member that was missing": "INSERT INTO marts.products VALUES (99, 'Horns')",
    "stock that was counted again": (
        "UPDATE marts.stock SET quantity = 7 WHERE product_id = 2 AND stock_date = DATE '2024-01-31'"
    ),
    "a later day in the calendar": "INSERT INTO marts.days VALUES (DATE '2025-03-16'), (DATE '2025-04-01')",
    "a column of another type": "ALTER TABLE marts.stock ALTER quantity TYPE INTEGER",
    "no row at all": "DELETE FROM marts.orders",
}


def published(build: Builder) -> dict[str, list[Any]]:
    tables = build.rows("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'candidates'")
    return {
        name: build.rows(f"DESCRIBE candidates.{name}")
        + sorted(build.rows(f"FROM candidates.{name}"), key=repr)
        for (name,) in tables
    }


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.usefixtures("built")
def test_after_a_change_the_figures_are_those_of_a_full_run(build: Builder, change: str) -> None:
    build.con.execute(change)
    build()
    kept = published(build)
    build(full=True)
    assert kept == published(build)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.usefixtures("built")
def test_the_digits_do_not_depend_on_threads(build: Builder, threads: int) -> None:
    build.con.execute(f"SET threads = {threads}; " + CHANGES["a row that comes late"])
    build()
    kept = published(build)
    build.con.execute("SET threads = 3")
    build(full=True)
    assert kept == published(build)


@pytest.mark.usefixtures("built")
def test_of_large_marts_answers_are_the_same_and_kept_as_before(
    build: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = published(build)
    monkeypatch.setattr(answers, "MANY", 0)
    monkeypatch.setattr(early, "_STEP", -1e12)
    asked: list[str] = []

    def compiled(*given: Any, **more: Any) -> str:
        asked.append(answers_compile(*given, **more))
        return asked[-1]

    monkeypatch.setattr(answers, "compile", compiled)
    assert set(build().since.values()) == {None}
    build(full=True)
    assert published(build) == before
    assert any('"stored moment"' in sql for sql in asked)


def test_changes_add_up_over_runs(build: Builder) -> None:
    for change in CHANGES.values():
        build()
        build.con.execute(change)
    build()
    kept = published(build)
    build(full=True)
    assert kept == published(build)


@pytest.mark.usefixtures("built")
def test_nothing_is_asked_again_when_nothing_changed(build: Builder) -> None:
    before = published(build)
    assert set(build().since.values()) == {None}
    assert published(build) == before


def test_a_later_as_of_date_alone_asks_nothing_again(build: Builder) -> None:
    build(as_of=date(2024, 3, 15))
    assert set(build(as_of=date(2025, 3, 10)).since.values()) == {None}
    kept = published(build)
    build(full=True)
    assert kept == published(build)


@pytest.mark.usefixtures("built")
def test_a_new_day_asks_again_from_its_month_on(build: Builder) -> None:
    build.con.execute(CHANGES["a new day"])
    assert build().since["sales_monthly"] == date(2025, 3, 1)


@pytest.mark.usefixtures("built")
def test_kept_columns_in_another_order_are_asked_for_anew(build: Builder) -> None:
    columns = [row[0] for row in build.rows("DESCRIBE answers.sales_monthly")]
    turned = ", ".join(columns[::-1])
    build.con.execute(
        f"CREATE OR REPLACE TABLE answers.sales_monthly AS SELECT {turned} FROM answers.sales_monthly"
    )
    build.con.execute(CHANGES["a new day"])
    build()
    kept = published(build)
    build(full=True)
    assert kept == published(build)


def test_which_columns_a_question_reads_is_found_out_once(
    build: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr(
        answers, "columns_read", lambda sql, marts: looked_at.append(sql) or columns_read(sql, marts)
    )
    build()
    build.con.execute(CHANGES["a new day"])
    build()
    assert looked_at
    looked_at.clear()
    build.con.execute(CHANGES["a row that has gone"])
    build()
    assert not looked_at
    build.con.execute("ALTER TABLE marts.orders ADD COLUMN weight INTEGER")
    build()
    assert looked_at


@pytest.mark.usefixtures("built")
def test_what_rests_on_other_marts_is_not_asked_again(build: Builder) -> None:
    build.con.execute(CHANGES["a new day"])
    since = build().since
    assert since["stock_monthly"] is None
    build.con.execute("UPDATE marts.stock SET quantity = 1 WHERE stock_date = DATE '2024-03-31'")
    since = build().since
    assert since["sales_monthly"] is None
    assert since["stock_monthly"] == date(2024, 3, 1)


@pytest.mark.usefixtures("built")
def test_a_changed_member_asks_everything_again_that_names_it(build: Builder) -> None:
    build.con.execute(CHANGES["a member with another name"])
    since = build().since
    assert since["sales_by_category_monthly"] == date.min
    assert since["sales_monthly"] is None


DATED_PRODUCTS = """
ALTER TABLE marts.products ADD COLUMN since DATE;
UPDATE marts.products SET since = MAKE_DATE(2023, 4 + product_id, 1) WHERE product_id < 3"""
DATED_CHANGES = {
    "a member with another name": (
        "UPDATE marts.products SET category = 'Horns' WHERE product_id = 2",
        date(2024, 1, 31),
    ),
    "a member without a date": (
        "UPDATE marts.products SET category = 'Horns' WHERE product_id = 3",
        date(2024, 2, 29),
    ),
    "a member that has gone": ("DELETE FROM marts.products WHERE product_id = 3", date(2024, 2, 29)),
    "a member that was missing": (
        "INSERT INTO marts.products VALUES (99, 'Horns', DATE '2024-03-01')",
        date(2024, 3, 5),
    ),
    "a member that nothing names": (
        "INSERT INTO marts.products VALUES (77, 'Horns', DATE '2024-03-01')",
        None,
    ),
    "a member in another part": (
        "UPDATE marts.products SET since = DATE '2024-07-01' WHERE product_id = 3",
        date(2024, 2, 29),
    ),
    "a member with another name, in another part": (
        "UPDATE marts.products SET category = 'Horns', since = DATE '2023-05-02' WHERE product_id = 3",
        date(2024, 1, 10),
    ),
}


@pytest.mark.parametrize(("change", "since"), DATED_CHANGES.values(), ids=DATED_CHANGES.keys())
def test_a_changed_member_with_a_date_asks_again_from_the_first_row_that_names_it(
    build: Builder, change: str, since: date | None
) -> None:
    build.con.execute(DATED_PRODUCTS)
    build()
    build.con.execute(change)
    assert build().since["sales_by_category_monthly"] == since
    kept = published(build)
    build(full=True)
    assert kept == published(build)


def test_a_late_row_is_asked_again_when_its_member_changes_afterwards(build: Builder) -> None:
    build.con.execute(DATED_PRODUCTS)
    build()
    build.con.execute("INSERT INTO marts.orders VALUES (13, DATE '2024-01-02', 4, 3, 30, 9, 2)")
    build()
    build.con.execute("UPDATE marts.products SET category = 'Horns' WHERE product_id = 3")
    assert build().since["sales_by_category_monthly"] == date(2024, 1, 1)
    kept = published(build)
    build(full=True)
    assert kept == published(build)


def test_a_member_that_goes_with_the_rows_that_named_it_is_not_forgotten(build: Builder) -> None:
    build.con.execute(DATED_PRODUCTS)
    build()
    build.con.execute("UPDATE marts.orders SET product_id = 99 WHERE order_id = 4")
    build.con.execute("DELETE FROM marts.products WHERE product_id = 3")
    build()
    kept = published(build)
    build(full=True)
    assert kept == published(build)


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
def test_changes_of_dated_members_add_up_over_runs(build: Builder, every: int) -> None:
    build.con.execute(DATED_PRODUCTS)
    changes = [*CHANGES.values(), *(change for change, _ in DATED_CHANGES.values())]
    for change in changes[::every]:
        build()
        build.con.execute(change.replace("(99, 'Horns')", "(99, 'Horns', NULL)"))
        kept = (build(), published(build))[1]
        build(full=True)
        assert kept == published(build)


def test_periods_that_have_not_begun_are_there_when_their_day_has_come(build: Builder) -> None:
    build.con.execute("INSERT INTO marts.orders VALUES (13, DATE '2025-06-09', 2, 1, 80, 50, 3)")
    build()
    build.con.execute(CHANGES["a new day"])
    build()
    assert build(as_of=date(2025, 6, 30)).since["sales_by_category_monthly"] is None
    kept = published(build)
    build(as_of=date(2025, 6, 30), full=True)
    assert kept == published(build)


def test_a_column_that_nobody_asks_for_changes_nothing(build: Builder) -> None:
    build.con.execute(
        "ALTER TABLE marts.products ADD COLUMN seen DATE; UPDATE marts.products SET seen = '2025-03-10'"
    )
    build()
    build.con.execute("UPDATE marts.products SET seen = DATE '2025-03-11'")
    assert build().since["sales_by_category_monthly"] is None


@pytest.mark.usefixtures("built")
def test_a_conversion_is_asked_again_for_the_events_before_it(build: Builder) -> None:
    build.con.execute("UPDATE marts.orders SET number_of_customer = 3 WHERE order_id = 3")
    since = build().since
    assert since["sales_totals_month"] == date(2024, 1, 2)


def asked(build: Builder, monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], str]]:
    """Build, and give the metrics and the first day of what was asked again of the totals by month."""
    ranges: list[tuple[list[str], str]] = []

    def compiled(manifest: Any, query: Any, *more: Any, **options: Any) -> Any:
        if "came_back" in query["metrics"] and query["group_by"] == ["metric_time__month"]:
            ranges.extend(
                [(query["metrics"], query["time_constraint"][0])] if "time_constraint" in query else []
            )
        return answers_compile(manifest, query, *more, **options)

    monkeypatch.setattr(answers, "compile", compiled)
    build()
    return ranges


SECOND_ORDER_IS_ANOTHER = "UPDATE marts.orders SET number_of_customer = 3 WHERE order_id = 3"


@pytest.mark.usefixtures("built")
def test_for_the_periods_before_a_change_only_conversions_are_asked_for(
    build: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = build.rows("FROM answers.sales_totals_month ORDER BY ALL")
    build.con.execute(SECOND_ORDER_IS_ANOTHER)
    alone, every = asked(build, monkeypatch)
    assert alone == (["came_back"], "2024-01-01")
    assert len(every[0]) > 1
    assert every[1] == "2024-02-01"
    kept = published(build)
    assert build.rows("FROM answers.sales_totals_month ORDER BY ALL")[0] != before[0]
    build(full=True)
    assert kept == published(build)


@pytest.mark.usefixtures("built")
def test_where_rows_differ_from_those_of_conversions_all_is_asked_for(
    build: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.con.execute("DELETE FROM answers.sales_totals_month WHERE metric_time__month = DATE '2024-01-01'")
    build.con.execute(SECOND_ORDER_IS_ANOTHER)
    _, every = asked(build, monkeypatch)
    assert len(every[0]) > 1
    assert every[1] == "2024-01-01"
    kept = published(build)
    build(full=True)
    assert kept == published(build)


@pytest.mark.usefixtures("built")
def test_a_changed_definition_is_asked_anew(build: Builder) -> None:
    changed = shop.manifest()
    sales = next(item for item in changed["metrics"] if item["name"] == "sales")
    sales["filter"] = {"where_filters": [{"where_sql_template": shop.FIRST_ORDERS}]}
    shop.write(build.home.semantic_manifest, changed)
    built: Candidates = build()
    assert built.since["sales_monthly"] == date.min
    assert built.since["stock_monthly"] is None
    kept = published(build)
    build(full=True)
    assert kept == published(build)


@pytest.mark.usefixtures("built")
def test_answers_that_nobody_asks_for_are_forgotten(build: Builder) -> None:
    changed = shop.manifest()
    changed["saved_queries"] = changed["saved_queries"][:1]
    shop.write(build.home.semantic_manifest, changed)
    build()
    assert build.rows("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'stock_monthly'") == [(0,)]


@pytest.mark.usefixtures("built")
def test_a_build_that_fails_leaves_the_answers_as_they_were(build: Builder) -> None:
    before = build.rows("FROM answers.sales_monthly"), build.rows("FROM answers.basis")
    build.con.execute("ALTER TABLE marts.stock RENAME quantity TO pieces; " + CHANGES["a new day"])
    with pytest.raises(Exception, match="definitions"):
        build()
    assert (build.rows("FROM answers.sales_monthly"), build.rows("FROM answers.basis")) == before


@pytest.mark.parametrize(
    ("grain", "length"),
    [("day", "1 DAY"), ("week", "7 DAY"), ("month", "1 MONTH"), ("quarter", "3 MONTH"), ("year", "1 YEAR")],
)
def test_a_period_is_that_of_the_engine(grain: str, length: str) -> None:
    days = [date(1, 1, 2), date(2023, 12, 31), date(2024, 2, 29), date(2024, 12, 30), date(2025, 3, 31)]
    with duckdb.connect() as con:
        for day in days:
            begins = f"date_trunc('{grain}', DATE '{day:%Y-%m-%d}')"
            row = con.execute(f"SELECT {begins}::DATE, ({begins} + INTERVAL {length} - INTERVAL 1 DAY)::DATE")
            assert answers._period(grain, day) == row.fetchone()


def test_the_last_period_ends_with_the_last_day_there_is() -> None:
    assert answers._period("week", date.max)[1] == date.max
    assert answers._period("year", date.max) == (date(9999, 1, 1), date.max)
