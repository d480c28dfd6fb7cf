"""Candidates are what the definitions say, up to the as-of date, for what has landed."""

from datetime import date

import pytest

from plumbline.errors import DefinitionError
from tests.unit.indicators.conftest import LANDED, Builder

TOTAL = """
SELECT period_start, value FROM candidates.indicator_value
WHERE dimensions = '' AND metric = '{}' AND grain = '{}' ORDER BY 1"""


def test_a_saved_query_is_a_typed_table_in_order(build: Builder) -> None:
    built = build()
    described = build.rows("DESCRIBE candidates.sales_by_category_monthly")
    assert [(row[0], row[1]) for row in described] == [
        ("month", "DATE"),
        ("product_category", "VARCHAR"),
        ("sales", "DECIMAL(38,4)"),
        ("margin", "DOUBLE"),
        ("sales_growth", "DOUBLE"),
        ("is_partial", "BOOLEAN"),
        ("partial_metrics", "VARCHAR"),
        ("sales__verdict", "VARCHAR"),
        ("margin__verdict", "VARCHAR"),
        ("sales_growth__verdict", "VARCHAR"),
    ]
    rows = build.rows("SELECT month, product_category FROM candidates.sales_by_category_monthly")
    assert rows == sorted(rows, key=lambda row: (row[0], row[1] is None, row[1] or ""))
    assert built.rows["sales_by_category_monthly"] == len(rows)


@pytest.mark.usefixtures("built")
def test_counts_are_whole_numbers_that_bi_tools_know(build: Builder) -> None:
    assert ("orders", "BIGINT") in [
        (row[0], row[1]) for row in build.rows("DESCRIBE candidates.sales_monthly")
    ]


def test_no_period_begins_after_the_as_of_date(build: Builder) -> None:
    build(as_of=date(2024, 2, 15))
    assert build.rows("SELECT max(month) FROM candidates.sales_monthly") == [(date(2024, 2, 1),)]
    assert build.rows("SELECT max(period_start) FROM candidates.indicator_value") == [(date(2024, 2, 1),)]


@pytest.mark.usefixtures("built")
def test_periods_begin_with_the_data_and_holes_stay(build: Builder) -> None:
    months = [row[0].isoformat()[:7] for row in build.rows("SELECT month FROM candidates.sales_monthly")]
    assert months == ["2024-01", "2024-02", "2024-03", "2024-05", "2025-01", "2025-02", "2025-03"]


@pytest.mark.usefixtures("built")
def test_a_running_period_is_partial(build: Builder) -> None:
    partial = build.rows("""
        SELECT DISTINCT grain, period_start, period_end FROM candidates.indicator_value
        WHERE is_partial AND metric = 'sales' ORDER BY grain""")
    assert partial == [
        ("month", date(2025, 3, 1), date(2025, 3, 31)),
        ("quarter", date(2025, 1, 1), date(2025, 3, 31)),
        ("year", date(2025, 1, 1), date(2025, 12, 31)),
    ]


def test_a_conversion_is_partial_until_the_time_for_what_follows_is_over(build: Builder) -> None:
    build(as_of=date(2025, 3, 29))
    partial = "SELECT period_start, is_partial FROM candidates.indicator_value WHERE metric = 'came_back'"
    assert build.rows(f"{partial} AND grain = 'month' ORDER BY 1 DESC LIMIT 2") == [
        (date(2025, 3, 1), True),
        (date(2025, 2, 1), False),
    ]
    build(as_of=date(2025, 3, 28))
    assert (date(2025, 2, 1), True) in build.rows(partial)


def test_a_period_that_ends_on_the_as_of_date_is_whole(build: Builder) -> None:
    build(as_of=date(2024, 3, 31))
    assert build.rows("""
        SELECT DISTINCT grain, is_partial FROM candidates.indicator_value
        WHERE grain IN ('quarter', 'year') AND metric = 'sales' ORDER BY 1""") == [
        ("quarter", False),
        ("year", True),
    ]


@pytest.mark.usefixtures("built")
def test_totals_come_by_month_quarter_and_year(build: Builder) -> None:
    for grain in ("month", "quarter", "year"):
        expected = build.rows(f"""
            SELECT CAST(date_trunc('{grain}', order_date) AS DATE), sum(amount) FROM marts.orders
            GROUP BY 1 ORDER BY 1""")
        assert build.rows(TOTAL.format("sales", grain)) == expected


@pytest.mark.usefixtures("built")
def test_a_ratio_shows_what_it_divides(build: Builder) -> None:
    rows = build.rows("""
        SELECT value, numerator, denominator FROM candidates.indicator_value
        WHERE metric = 'margin' AND grain = 'year' AND dimensions = '' ORDER BY period_start""")
    assert [(float(value), float(above), float(below)) for value, above, below in rows] == [
        (0.436842105263, 83.0, 190.0),
        (0.5, 160.0, 320.0),
    ]


@pytest.mark.usefixtures("built")
def test_members_are_readable_json(build: Builder) -> None:
    members = {
        row[0]
        for row in build.rows("""
            SELECT members FROM candidates.indicator_value
            WHERE dimensions = 'product__category' AND metric = 'sales'""")
    }
    assert members == {
        '{"product__category":"Bikes"}',
        '{"product__category":"Bells"}',
        '{"product__category":null}',
    }


@pytest.mark.usefixtures("built")
def test_a_metric_for_all_time_has_one_value(build: Builder) -> None:
    assert build.rows("""
        SELECT grain, period_start, period_end, value::INTEGER FROM candidates.indicator_value
        WHERE metric = 'orders_ever'""") == [("all", None, date(2025, 3, 10), 12)]


@pytest.mark.usefixtures("built")
def test_every_value_has_one_row(build: Builder) -> None:
    assert (
        build.rows("""
        SELECT metric FROM candidates.indicator_value
        GROUP BY metric, grain, period_start, dimensions, members HAVING count(*) > 1""")
        == []
    )


def test_a_missing_source_empties_its_columns_and_says_why(build: Builder) -> None:
    built = build(landed={"erp.stock"})
    assert built.rows["sales_monthly"] == 0
    assert built.rows["stock_monthly"] == 2
    assert build.rows(
        "SELECT available, unavailable_reason FROM candidates.indicator WHERE name = 'sales'"
    ) == [(False, "no extract of erp.sales_order_header")]
    assert build.rows("SELECT DISTINCT metric FROM candidates.indicator_value") == [("stock",)]


def test_a_metric_without_any_value_says_so(build: Builder) -> None:
    build.con.execute("DELETE FROM marts.stock")
    build()
    assert build.rows(
        "SELECT available, unavailable_reason FROM candidates.indicator WHERE name = 'stock'"
    ) == [(False, "no value in what has landed")]


def test_a_metric_without_any_value_says_so_beside_others(build: Builder) -> None:
    build.con.execute("UPDATE marts.orders SET amount = NULL")
    build()
    assert build.rows(
        "SELECT DISTINCT sales, sales__verdict, orders__verdict FROM candidates.sales_monthly"
    ) == [(None, "not_available", "certified")]


def test_nothing_landed_is_no_error(build: Builder) -> None:
    built = build(landed=set())
    assert built.rows["indicator_value"] == 0
    assert built.rows["indicator"] == len(built.unavailable) == 16


@pytest.mark.usefixtures("built")
def test_the_library_explains_each_metric(build: Builder) -> None:
    formulas = dict(build.rows("SELECT name, formula FROM candidates.indicator"))
    assert formulas["sales"] == "sum of amount of orders"
    assert formulas["orders"] == "number of orders"
    assert formulas["order_value"] == "Sales ÷ Orders"
    assert formulas["recent_sales"] == "sum of amount of orders, over the 28 days that end with the period"
    assert formulas["sales_growth"].endswith("where sales = Sales, sales_before = Sales 1 year earlier")
    assert formulas["stock"] == "sum of quantity of stock, at the last snapshot"


@pytest.mark.usefixtures("built")
def test_a_formula_tells_its_filters_in_the_names_that_people_filter_by(build: Builder) -> None:
    formulas = dict(build.rows("SELECT name, formula FROM candidates.indicator"))
    assert not [name for name, text in formulas.items() if "{{" in text]
    begun, followed = formulas["came_back"].removeprefix("followed ÷ begun, where ").split("; ")
    assert begun == "begun = number of orders, only where order__number_of_customer = 1"
    assert followed.endswith("of orders within 30 days, of the same customer")


@pytest.mark.usefixtures("built")
def test_the_library_names_the_periods_and_tables_of_a_metric(build: Builder) -> None:
    found = build.rows(
        "SELECT name, grains, published_in FROM candidates.indicator WHERE name LIKE 'orders%'"
    )
    assert found == [("orders", "month, quarter, year", "sales_monthly"), ("orders_ever", "all", "")]


@pytest.mark.usefixtures("built")
def test_edges_name_what_a_metric_rests_on(build: Builder) -> None:
    edges = build.rows("SELECT child, role FROM candidates.indicator_edge WHERE parent = 'margin' ORDER BY 1")
    assert edges == [("profit", "numerator"), ("sales", "denominator")]
    assert ("sales", "accumulated") in build.rows(
        "SELECT child, role FROM candidates.indicator_edge WHERE parent = 'sales_to_date'"
    )


def test_building_twice_gives_the_same_tables(build: Builder) -> None:
    def digest() -> list[tuple[object, ...]]:
        return build.rows("SELECT md5(string_agg(CAST(v AS VARCHAR), ';')) FROM candidates.indicator_value v")

    build()
    first = digest()
    build()
    assert digest() == first


@pytest.mark.usefixtures("built")
def test_definitions_that_do_not_fit_leave_the_candidates_as_they_were(build: Builder) -> None:
    before = build.rows(TOTAL.format("sales", "month"))
    build.con.execute("ALTER TABLE marts.orders DROP COLUMN cost")
    with pytest.raises(DefinitionError, match="do not fit the marts") as caught:
        build()
    assert caught.value.code == "definitions-do-not-fit"
    assert "cost" in str(caught.value)
    assert build.rows(TOTAL.format("sales", "month")) == before


def test_the_context_of_the_run_gives_as_of_and_extracts(build: Builder) -> None:
    build.con.execute("""
        CREATE SCHEMA landing_run;
        CREATE TABLE landing_run.context AS SELECT DATE '2024-01-31' AS as_of;
        CREATE TABLE landing_run.loads AS
          SELECT 1 AS load, 'erp' AS system, 'sales_order_header' AS table_name, true AS is_current;
        CREATE TABLE landing_run.missing_columns
          (load BIGINT, system VARCHAR, table_name VARCHAR, column_name VARCHAR)""")
    from plumbline.indicators import build_candidates
    from plumbline.project import Project

    built = build_candidates(build.con, Project(build.home.root), build.home)
    assert built.rows["sales_monthly"] == 1
    assert built.unavailable == {"stock": "no extract of erp.stock or erp.stock_count"}


def test_progress_names_the_tables(build: Builder) -> None:
    seen: list[str] = []
    build(landed=LANDED, progress=seen.append)
    assert "sales_monthly" in seen
