"""What SELECT gives over metrics, against hand-written SQL over the shop's rows; and what it refuses."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.unit.serving.conftest import Shop

Session = psycopg.Connection[Any]
LINES = "FROM marts.order_lines AS line LEFT JOIN marts.products USING (product_id)"


def rows(session: Session, text: str, values: Any = None) -> list[tuple[Any, ...]]:
    return session.execute(text, values).fetchall()


def test_a_measure_by_a_dimension_is_what_its_definition_says(ana: Session, sold: Shop) -> None:
    found = rows(ana, "SELECT product__category, MEASURE(net_sales) FROM metrics GROUP BY 1 ORDER BY 1")
    assert found == sold.sql(f"SELECT category, sum(net_amount) {LINES} GROUP BY 1 ORDER BY 1 NULLS LAST")


def test_a_ratio_of_all_is_no_sum_of_ratios(ana: Session, sold: Shop) -> None:
    found = rows(ana, "SELECT MEASURE(average_order_value) FROM metrics")
    ((expected,),) = sold.sql(
        "SELECT (SELECT sum(net_amount) FROM marts.order_lines) / (SELECT count(*) FROM marts.orders)"
    )
    assert [round(value, 6) for (value,) in found] == [round(float(expected), 6)]


def test_expressions_over_measures_are_postgresqls_own(ana: Session) -> None:
    text = (
        "SELECT MEASURE(net_sales) / MEASURE(orders) AS each, round(MEASURE(net_sales), 2) + 1,"
        " CASE WHEN MEASURE(orders) > 4 THEN 'many' ELSE 'few' END FROM metrics"
    )
    ((each, added, many),) = rows(ana, text)
    assert (round(each, 4), added, many) == (Decimal("86.0000"), Decimal("431.00"), "many")


@pytest.mark.parametrize(
    "text",
    [
        # Power BI, DirectQuery.
        'select "_"."product__category" as "c1", "_"."a0" from (select "rows"."product__category" as'
        ' "product__category", sum("rows"."net_sales") as "a0" from (select "product__category", "net_sales"'
        ' from "metrics" "$Table") "rows" group by "product__category") "_" where not "_"."a0" is null'
        " order by 1 limit 1000001",
        # Filtered and renamed, twice.
        "SELECT f.a, SUM(f.b) FROM (SELECT g.c AS a, g.d AS b FROM (SELECT m.product__category AS c,"
        " net_sales AS d FROM metrics m WHERE true) AS g) AS f GROUP BY f.a ORDER BY f.a",
        "SELECT a AS month, MEASURE(b) AS a FROM (SELECT product__category AS a, net_sales AS b FROM metrics)"
        " AS f GROUP BY month ORDER BY month",
        "WITH x AS (SELECT a, SUM(b) FROM (SELECT product__category AS a, net_sales AS b FROM metrics) f"
        " GROUP BY a) SELECT * FROM x ORDER BY a",
    ],
)
def test_nested_selects_that_only_choose_and_rename_are_one_question(
    ana: Session, sold: Shop, text: str
) -> None:
    assert rows(ana, text) == sold.sql(
        f"SELECT category, sum(net_amount) {LINES} GROUP BY 1 ORDER BY 1 NULLS LAST"
    )


def test_conditions_of_nested_selects_all_count(ana: Session, sold: Shop) -> None:
    text = (
        "SELECT a, SUM(b) AS b FROM (SELECT m.product__category AS a, m.net_sales AS b, m.metric_time AS t"
        " FROM metrics AS m WHERE m.metric_time < DATE '2026-02-01' OR false) AS f"
        " WHERE t >= %s OR false GROUP BY a ORDER BY a"
    )
    found = rows(ana, text, (date(2025, 2, 1),))
    assert found == sold.sql(
        f"SELECT category, sum(net_amount) {LINES} WHERE order_date >= '2025-02-01' AND"
        " order_date < '2026-02-01' GROUP BY 1 ORDER BY 1 NULLS LAST"
    )


def test_a_nested_select_keeps_the_names_of_its_columns(ana: Session) -> None:
    text = "SELECT A, SUM(b) FROM (SELECT product__category AS a, net_sales AS b FROM metrics) f GROUP BY A"
    found = ana.execute(text)
    assert found.description is not None
    assert [column.name for column in found.description] == ["a", "sum"]


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        ("SELECT DISTINCT product__category AS a, net_sales AS b FROM metrics", "a, SUM(b)"),
        ("SELECT product__category AS a, net_sales AS b FROM metrics LIMIT 3", "a, SUM(b)"),
        ("SELECT upper(product__category) AS a, net_sales AS b FROM metrics", "a, SUM(b)"),
        ("SELECT order__channel AS a, average_order_value AS b FROM metrics", "a, SUM(b)"),
        ("SELECT product__category AS a, net_sales AS b FROM metrics", "a, COUNT(*)"),
        ("SELECT product__category AS a, net_sales AS b FROM metrics", "a, MAX(b)"),
    ],
)
def test_nested_selects_without_an_exact_answer_are_refused(ana: Session, inner: str, outer: str) -> None:
    with pytest.raises(psycopg.Error) as raised:
        rows(ana, f"SELECT {outer} FROM ({inner}) AS f GROUP BY a")
    assert raised.value.sqlstate in ("0A000", "42803")
    assert rows(ana, "SELECT 1") == [(1,)]


def test_a_nested_total_is_an_answer_of_its_own(ana: Session) -> None:
    text = "SELECT COUNT(*), MAX(b) = (SELECT MEASURE(net_sales) FROM metrics) FROM ({}) AS f"
    assert rows(ana, text.format("SELECT net_sales AS b FROM metrics")) == [(1, True)]


@pytest.mark.parametrize(
    "nested",
    ["MEASURE(orders) FROM metrics", "MEASURE(orders) FROM metrics WHERE metric_time > '2020-01-01'"],
)
def test_a_nested_measure_needs_no_name(ana: Session, nested: str) -> None:
    assert rows(ana, f"SELECT * FROM (SELECT {nested}) AS f") == [(5,)]
    assert rows(ana, f"SELECT COUNT(*), MAX(orders) FROM (SELECT {nested}) AS f LIMIT 100") == [(1, 5)]


@pytest.mark.parametrize("outer", ["*", "COUNT(*)", "SUM(net_sales)"])
@pytest.mark.parametrize("inner", ["*", "1", "m.*"])
def test_a_nested_select_of_every_column_is_refused_in_words(ana: Session, outer: str, inner: str) -> None:
    with pytest.raises(errors.FeatureNotSupported):
        rows(ana, f"SELECT {outer} FROM (SELECT {inner} FROM metrics m) AS f")


def test_whole_figures_divide_to_a_fraction(ana: Session) -> None:
    half = Decimal("2.5")
    assert rows(ana, "SELECT MEASURE(orders) / 2, SUM(orders) / 2 FROM metrics") == [(half, half)]
    assert rows(ana, "SELECT a / 2 FROM (SELECT MEASURE(orders) AS a FROM metrics) AS f") == [(half,)]
    ((kind,),) = rows(ana, "SELECT pg_typeof(orders)::text FROM (SELECT MEASURE(orders) FROM metrics) AS f")
    ((listed,),) = rows(
        ana,
        "SELECT data_type FROM information_schema.columns"
        " WHERE (table_schema, table_name, column_name) = ('metrics', 'metrics', 'orders')",
    )
    assert kind == listed == "numeric"


def test_a_nested_select_hides_the_columns_that_it_does_not_choose(ana: Session) -> None:
    with pytest.raises(psycopg.Error) as raised:
        rows(ana, "SELECT order__channel, SUM(b) FROM (SELECT net_sales AS b FROM metrics) f GROUP BY 1")
    assert raised.value.sqlstate in ("0A000", "42703")
    assert rows(ana, "SELECT 1") == [(1,)]


def test_months_are_cut_by_date_trunc(ana: Session) -> None:
    text = "SELECT date_trunc('month', metric_time) AS m, MEASURE(orders) FROM metrics GROUP BY 1 ORDER BY m"
    assert rows(ana, text) == [
        (datetime(2025, 1, 1), 1),
        (datetime(2025, 2, 1), 1),
        (datetime(2026, 1, 1), 1),
        (datetime(2026, 2, 1), 2),
    ]


@pytest.mark.parametrize(
    ("period", "value"),
    [
        ("EXTRACT(year FROM metric_time)", Decimal(2025)),
        ("date_part('year', metric_time)", 2025.0),
        ("CAST(TRUNC(EXTRACT(YEAR FROM metric_time)) AS INTEGER)", 2025),
        ("FLOOR(EXTRACT(YEAR FROM metric_time))::int", 2025),
        ("to_char(metric_time, 'YYYY')", "2025"),
        ("date_trunc('year', metric_time)::date", date(2025, 1, 1)),
        ("metric_time__year", date(2025, 1, 1)),
        ("year", date(2025, 1, 1)),
    ],
)
def test_a_year_may_be_written_in_many_ways(ana: Session, period: str, value: Any) -> None:
    found = rows(ana, f"SELECT {period}, MEASURE(orders) FROM metrics GROUP BY {period} ORDER BY 1 LIMIT 1")
    assert found == [(value, 2)]


def test_year_and_month_together_name_one_month(ana: Session) -> None:
    text = (
        "SELECT EXTRACT(month FROM metric_time), EXTRACT(year FROM metric_time), MEASURE(orders)"
        " FROM metrics GROUP BY 1, 2 ORDER BY 2, 1"
    )
    assert [tuple(map(int, row)) for row in rows(ana, text)] == [
        (1, 2025, 1),
        (2, 2025, 1),
        (1, 2026, 1),
        (2, 2026, 2),
    ]


@pytest.mark.parametrize(
    ("period", "first"),
    [
        ("to_char(date_trunc('month', metric_time), 'YYYY-MM-DD')", "2025-01-01"),
        ("TO_CHAR(DATE_TRUNC('month', metric_time), 'YYYY-MM-DD HH24:MI:SS')", "2025-01-01 00:00:00"),
        ("to_char(metric_time__month, 'DD.MM.YYYY')", "01.01.2025"),
        ("to_char(metric_time, 'Mon YYYY')", "Jan 2025"),
        ("to_char(metric_time, 'TMMonth, FMMM, YYYY')", "January, 1, 2025"),
        ("to_char(date_trunc('month', metric_time), 'YYYY-MM')", "2025-01"),
    ],
)
def test_a_month_may_be_written_as_its_first_day(ana: Session, period: str, first: str) -> None:
    text = f"SELECT {period} AS m, MEASURE(orders) AS n FROM metrics GROUP BY 1"
    found = rows(ana, text)
    assert (first, 1) in found
    assert sorted(count for _, count in found) == [1, 1, 1, 2]


def test_a_quarter_may_be_written_with_its_sign(ana: Session) -> None:
    quarter = "to_char(metric_time, 'YYYY-\"Q\"Q')"
    found = rows(ana, f"SELECT {quarter}, MEASURE(orders) FROM metrics GROUP BY 1 ORDER BY 1")
    assert found == [("2025-Q1", 2), ("2026-Q1", 3)]


def test_a_dimension_may_be_cast_to_a_text(ana: Session) -> None:
    channel = "order__channel::text"
    text = f"SELECT {channel} AS c, MEASURE(orders) FROM metrics GROUP BY {channel} ORDER BY 1"
    assert rows(ana, text) == [("online", 3), ("store", 2)]
    assert rows(ana, "SELECT CAST(order__channel AS varchar), MEASURE(orders) FROM metrics GROUP BY 1") in (
        [("online", 3), ("store", 2)],
        [("store", 2), ("online", 3)],
    )


def test_a_day_is_written_with_its_time_of_day(ana: Session) -> None:
    day = "to_char(metric_time, 'YYYY-MM-DD HH24:MI')"
    text = f"SELECT {day}, MEASURE(orders) FROM metrics GROUP BY 1 ORDER BY 1"
    assert rows(ana, text)[0] == ("2025-01-10 00:00", 1)


@pytest.mark.parametrize(
    ("condition", "orders"),
    [
        ("metric_time >= '2026-01-01'", 3),
        ("metric_time > '2026-01-05'", 2),
        ("metric_time > '2026-01-05 12:00'", 2),
        ("metric_time < DATE '2026-01-05' AND metric_time >= '2025-02-01'", 1),
        ("metric_time <= '2026-01-04 23:59:59'", 2),
        ("metric_time BETWEEN '2026-01-05' AND '2026-02-14'", 2),
        ("'2026-02-14' <= metric_time", 2),
        ("metric_time = '2026-02-14'", 1),
        ("date_trunc('month', metric_time) = '2026-02-01'", 2),
        ("date_trunc('month', metric_time) > '2026-01-01'", 2),
        ("date_trunc('quarter', metric_time) < '2025-02-15'", 2),
        ("EXTRACT(year FROM metric_time) = 2025", 2),
        ("EXTRACT(year FROM metric_time) < 2025.5", 2),
        ("metric_time >= to_date('2026-02-01', 'YYYY-MM-DD')", 2),
        ("metric_time >= DATE '2026-03-01' - INTERVAL '1 month'", 2),
        ("metric_time >= DATE '2026-03-01' - (1 || ' month')::interval", 2),
        ("metric_time >= DATE '2026-03-01' - 28 * INTERVAL '1 day'", 2),
        ("metric_time >= TIMESTAMP '2026-02-02' - INTERVAL '24 hours'", 2),
        ("metric_time > now() - INTERVAL '24 hours'", 0),
        ("metric_time <= localtimestamp - INTERVAL '1 hour 30 minutes'", 5),
        ("EXTRACT(year FROM metric_time) IN (2025, 2026)", 5),
        ("EXTRACT(year FROM metric_time) IN (2025)", 2),
        ("EXTRACT(year FROM metric_time) IN (2024, 2026, 2026)", 3),
        ("EXTRACT(year FROM metric_time) <> 2025", 3),
        ("date_part('year', metric_time) NOT IN (2025, 2024)", 3),
        ("EXTRACT(month FROM metric_time) = 2", 3),
        ("EXTRACT(month FROM metric_time) IN (1, 3)", 2),
        ("EXTRACT(quarter FROM metric_time) BETWEEN 2 AND 4", 0),
        ("EXTRACT(isodow FROM metric_time) > 5", 1),
        ("(order__channel, EXTRACT(year FROM metric_time)) IN (('store', 2026), ('online', 2025))", 2),
        ("NOT (order__channel, EXTRACT(year FROM metric_time)) IN (('store', 2026), ('online', 2025))", 3),
        ("(order__channel, order__channel) = ('store', 'store')", 2),
        ("(order__channel, order__channel) <> ('store', 'online')", 5),
        ("order__channel = $$store$$", 2),
        ("order__channel = 'st' || 'ore'", 2),
        ("order__channel = 'st' || NULL", 0),
        ("metric_time < '2025-02-01' OR order__channel = 'store'", 3),
        ("order__channel = 'store'", 2),
        ("order__channel <> 'store'", 3),
        ("order__channel IN ('store', 'phone')", 2),
        ("order__channel NOT IN ('store')", 3),
        ("order__channel LIKE 'st%%'", 2),
        ("order__channel NOT ILIKE 'ST%%'", 3),
        ("NOT (order__channel = 'store' OR order__channel = 'online')", 0),
        ("order__channel IS NULL", 0),
        ("order__channel IS NOT DISTINCT FROM 'store'", 2),
        ("order__channel = ANY('{store,online}')", 5),
        ("order__channel <> ALL(ARRAY['store'])", 3),
        ("true AND order__channel = 'store' AND 1 = 1", 2),
        ("\"Channel\" = 'store'", 2),
        ("NOT (order__channel = 'store' AND NULL)", 3),
        ("NOT (order__channel = 'store' AND 1 = NULL)", 3),
        ("NOT (order__channel = 'store' AND 1 = 0)", 5),
        ("order__channel = 'store' OR NULL", 2),
    ],
)
def test_conditions_choose_what_is_counted(ana: Session, condition: str, orders: int) -> None:
    text = f"SELECT coalesce(MEASURE(orders), 0) FROM metrics WHERE {condition}"
    assert rows(ana, text.replace("%%", "%")) == [(orders,)]
    assert rows(ana, text, ()) == [(orders,)]


def test_parameters_may_stand_close_together(ana: Session) -> None:
    text = (
        "SELECT '$1,$2', $$it''s $1,$1$$, MEASURE(orders)/%s+%s-%s AS \"$1,$2\" FROM metrics"
        " WHERE order__channel IN (%s,%s,%s) OR order__channel=%s/*$1,$2*/"
    )
    values = (5, 2, 1, "online", "store", "$1,$2", "x")
    assert rows(ana, text, values) == [("$1,$2", "it''s $1,$1", 2)]
    assert rows(
        ana, "SELECT MEASURE(orders) FROM metrics WHERE order__channel IN (%s,%s)", ("store", "x")
    ) == [(2,)]


def test_no_row_meets_a_condition_that_cannot_hold(ana: Session) -> None:
    grouped = "SELECT order__channel, MEASURE(orders) FROM metrics WHERE 1 = 0 GROUP BY 1"
    assert rows(ana, grouped) == []


def test_having_and_order_are_on_figures(ana: Session) -> None:
    text = (
        "SELECT order__channel AS c FROM metrics GROUP BY order__channel HAVING MEASURE(orders) > 2"
        " ORDER BY MEASURE(net_sales) DESC, c"
    )
    assert rows(ana, text) == [("online",)]


@pytest.mark.parametrize("counted", ["COUNT(1)", "count(*)"])
def test_nothing_has_no_row_where_tableau_wants_none(ana: Session, counted: str) -> None:
    text = f"SELECT MEASURE(orders) FROM metrics WHERE order__channel = '{{}}' HAVING ({counted} > 0)"
    assert rows(ana, text.format("store")) == [(2,)]
    assert rows(ana, text.format("phone")) == []
    grouped = (
        f"SELECT order__channel, MEASURE(orders) FROM metrics GROUP BY 1 HAVING {counted} > 0 ORDER BY 1"
    )
    assert rows(ana, grouped) == [("online", 3), ("store", 2)]


@pytest.mark.parametrize("condition", ["COUNT(1) > 1", "COUNT(order__channel) > 0", "COUNT(DISTINCT 1) > 0"])
def test_rows_are_not_counted(ana: Session, condition: str) -> None:
    with pytest.raises(errors.Error):
        rows(ana, f"SELECT MEASURE(orders) FROM metrics HAVING {condition}")


def test_windows_look_at_the_rows_of_the_answer(ana: Session) -> None:
    text = (
        "SELECT order__channel, rank() OVER (ORDER BY MEASURE(orders) DESC), sum(MEASURE(orders)) OVER ()"
        " FROM metrics GROUP BY 1 ORDER BY 1"
    )
    assert rows(ana, text) == [("online", 1, 5), ("store", 2, 5)]


def test_answers_are_joined_and_put_together_by_postgresql(ana: Session) -> None:
    text = """
    WITH sold AS (SELECT order__channel AS channel, MEASURE(net_sales) AS amount FROM metrics GROUP BY 1)
    SELECT channel, amount, o.orders FROM sold
    JOIN (
        SELECT order__channel AS channel, MEASURE(orders) FROM metrics.metrics AS m GROUP BY m.order__channel
    ) AS o USING (channel)
    UNION ALL SELECT 'all', MEASURE(net_sales), MEASURE(orders) FROM metrics
    ORDER BY orders, 1
    """
    assert [(channel, orders) for channel, _, orders in rows(ana, text)] == [
        ("store", 2),
        ("online", 3),
        ("all", 5),
    ]


def test_what_superset_writes_is_answered(ana: Session) -> None:
    text = """
    SELECT DATE_TRUNC('month', metric_time) AS metric_time, MEASURE(net_sales) AS "Net sales"
    FROM metrics.metrics
    WHERE metric_time >= TO_TIMESTAMP('2026-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
        AND metric_time < TO_TIMESTAMP('2026-02-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
        AND order__channel IN ('online', 'store')
    GROUP BY DATE_TRUNC('month', metric_time) ORDER BY "Net sales" DESC
    LIMIT 1000
    """
    assert rows(ana, text) == [(datetime(2026, 1, 1), Decimal(200))]
    inner = "SELECT order__channel, MEASURE(net_sales) AS amount FROM metrics GROUP BY order__channel"
    outer = (
        f"SELECT order__channel, SUM(amount) AS total FROM ({inner}) AS virtual_table GROUP BY 1 ORDER BY 2"
    )
    outer += " LIMIT 1"
    assert rows(ana, outer) == [("store", Decimal("70.500000"))]
    assert rows(
        ana, "SELECT order__channel FROM metrics.metrics GROUP BY order__channel ORDER BY 1 LIMIT 1000"
    ) == [
        ("online",),
        ("store",),
    ]


# As Superset writes the best series of a chart.
SERIES = """
SELECT DATE_TRUNC('month', metric_time) AS metric_time, order__channel AS order__channel, MEASURE(orders) AS o
FROM metrics.metrics JOIN (SELECT {inner} AS order__channel__, MEASURE(net_sales) AS mme_inner__
    FROM metrics.metrics WHERE metric_time >= '2026-01-01' GROUP BY {by} ORDER BY MEASURE(net_sales) {order}
    LIMIT 1) AS series_limit ON {on}
WHERE metric_time >= '2026-01-01' GROUP BY DATE_TRUNC('month', metric_time){grouped} ORDER BY 1
"""


def series(**parts: str) -> str:
    usual = {
        "inner": "order__channel",
        "by": "order__channel",
        "order": "DESC",
        "on": "order__channel = order__channel__",
        "grouped": ", order__channel",
    }
    return SERIES.format(**usual | parts)


@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_a_chart_keeps_its_best_series(ana: Session, order: str) -> None:
    best = (
        "SELECT order__channel, MEASURE(net_sales) FROM metrics WHERE metric_time >= '2026-01-01' GROUP BY 1"
    )
    channel = rows(ana, f"{best} ORDER BY 2 {order} LIMIT 1")[0][0]
    alone = "SELECT date_trunc('month', metric_time), order__channel, MEASURE(orders) FROM metrics"
    alone += f" WHERE metric_time >= '2026-01-01' AND order__channel = '{channel}' GROUP BY 1, 2 ORDER BY 1"
    assert rows(ana, series(order=order)) == rows(ana, alone)
    assert rows(
        ana, series(order=order, on="series_limit.order__channel__ = metrics.order__channel")
    ) == rows(ana, alone)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"grouped": ""}, "must appear in the GROUP BY"),
        ({"by": "order__channel, product__category"}, "several rows for a member"),
        ({"on": "order__channel > order__channel__"}, "not joined"),
        ({"on": "order__channel = order__channel__ AND MEASURE(orders) > 1"}, "not joined"),
        ({"on": "order__channel = order__channel__ OR true"}, "not joined"),
        ({"inner": "product__category", "by": "product__category, order__channel"}, "several rows"),
    ],
)
def test_what_would_multiply_figures_is_not_joined(ana: Session, parts: dict[str, str], told: str) -> None:
    with pytest.raises(errors.Error) as caught:
        rows(ana, series(**parts))
    assert told in str(caught.value)


def test_an_outer_join_is_refused(ana: Session) -> None:
    with pytest.raises(errors.FeatureNotSupported, match="joined"):
        rows(ana, series().replace("metrics.metrics JOIN", "metrics.metrics LEFT JOIN"))


def test_members_of_a_dimension_are_listed(ana: Session) -> None:
    assert rows(ana, "SELECT DISTINCT order__channel FROM metrics WHERE order__channel LIKE 's%'") == [
        ("store",)
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (
            "SELECT DISTINCT order__channel, product__category FROM metrics.sales_monthly ORDER BY 1, 2",
            f"SELECT DISTINCT channel, category {LINES} JOIN marts.orders USING (order_id)"
            " ORDER BY ALL NULLS LAST",
        ),
        (
            "SELECT product__category AS it, order__channel FROM metrics.sales_monthly"
            " WHERE metric_time >= '2026-01-01' GROUP BY 1, 2 ORDER BY 1, 2",
            f"SELECT DISTINCT category, channel {LINES} JOIN marts.orders AS o USING (order_id)"
            " WHERE line.order_date >= '2026-01-01' ORDER BY ALL NULLS LAST",
        ),
        (
            "SELECT DISTINCT product__category FROM metrics.sales_monthly"
            " WHERE order__channel = 'store' ORDER BY 1",
            f"SELECT DISTINCT category {LINES} JOIN marts.orders USING (order_id) WHERE channel = 'store'"
            " ORDER BY ALL NULLS LAST",
        ),
        (
            "SELECT MIN(month), date_trunc('year', MAX(month))::date, COUNT(DISTINCT month)"
            " FROM metrics.sales_monthly",
            "SELECT min(month), date_trunc('year', max(month))::date, count(DISTINCT month)"
            " FROM (SELECT date_trunc('month', order_date)::date AS month FROM marts.orders) AS o",
        ),
        (
            "SELECT COUNT(DISTINCT product__category) + 1 AS it, MIN(product__category)"
            " FROM metrics.sales_monthly"
            " WHERE order__channel = 'store'",
            f"SELECT count(DISTINCT category) + 1, min(category) {LINES} JOIN marts.orders USING (order_id)"
            " WHERE channel = 'store'",
        ),
    ],
)
def test_a_view_of_a_saved_query_tells_which_members_have_figures(
    ana: Session, sold: Shop, asked: str, expected: str
) -> None:
    assert rows(ana, asked) == sold.sql(expected)


def test_members_that_have_figures_are_those_that_a_role_sees(sam: Session, sold: Shop) -> None:
    found = rows(
        sam, "SELECT DISTINCT order__channel, product__category FROM metrics.sales_monthly ORDER BY 1, 2"
    )
    assert found == sold.sql(
        f"SELECT DISTINCT channel, category {LINES} JOIN marts.orders USING (order_id)"
        " WHERE channel = 'store' ORDER BY ALL NULLS LAST"
    )
    assert rows(
        sam, "SELECT COUNT(DISTINCT order__channel), MAX(order__channel) FROM metrics.sales_monthly"
    ) == [(1, "store")]


def test_a_sum_of_what_adds_up_is_its_measure(ana: Session) -> None:
    assert rows(ana, "SELECT SUM(net_sales) FROM metrics") == rows(
        ana, "SELECT MEASURE(net_sales) FROM metrics"
    )


def test_results_are_called_after_what_they_are(ana: Session) -> None:
    items = "order__channel, MEASURE(net_sales), MEASURE(orders)::int, month"
    text = f"SELECT {items} FROM metrics GROUP BY 1, month"
    cursor = ana.execute(text)
    assert [column.name for column in cursor.description or ()] == [
        "order__channel",
        "net_sales",
        "orders",
        "month",
    ]


def test_a_running_total_sees_what_lies_before_the_range(ana: Session) -> None:
    text = (
        "SELECT MEASURE(sales_this_year) FROM metrics WHERE metric_time BETWEEN '2026-02-01' AND '2026-02-28'"
    )
    assert rows(ana, text) == [(Decimal("250.000000"),)]


def test_labels_in_both_languages_name_columns(ana: Session) -> None:
    text = 'SELECT "Channel", MEASURE("订单数") FROM metrics GROUP BY 1 ORDER BY 2 LIMIT 1'
    assert rows(ana, text) == [("store", 2)]


def test_texts_that_only_look_like_questions_pass_as_they_are(ana: Session) -> None:
    assert rows(ana, "SELECT 'SELECT MEASURE(net_sales) FROM metrics' -- MEASURE(orders) FROM metrics") == [
        ("SELECT MEASURE(net_sales) FROM metrics",)
    ]
    assert rows(ana, "WITH metrics AS (SELECT 1 AS net_sales) SELECT sum(net_sales) FROM metrics") == [(1,)]
    assert rows(
        ana, "SELECT $$MEASURE(x) FROM metrics$$, E'it\\'s /* MEASURE( */' /* a /* nested */ MEASURE( */"
    ) == [("MEASURE(x) FROM metrics", "it's /* MEASURE( */")]
    assert rows(ana, "SELECT agg.a FROM generate_series(1, 1) AS agg(a)") == [(1,)]
    assert rows(ana, "SELECT a FROM (WITH measure(a) AS (SELECT 1) SELECT a FROM measure) AS it") == [(1,)]
    with pytest.raises(errors.UndefinedFunction, match=r"pg_catalog\.measure"):
        ana.execute("SELECT pg_catalog.measure(1)")


# -- what is refused, and how


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("SELECT MEASURE(nett_sales) FROM metrics", errors.UndefinedFunction, "Did you mean 'net_sales'"),
        ("SELECT regoin, MEASURE(orders) FROM metrics GROUP BY 1", errors.UndefinedColumn, "regoin"),
        ("SELECT * FROM metrics", errors.FeatureNotSupported, "MEASURE("),
        ("SELECT m.* FROM metrics AS m", errors.FeatureNotSupported, "MEASURE("),
        ("TABLE metrics", errors.FeatureNotSupported, "MEASURE()"),
        ("SELECT count(*) FROM metrics", errors.GroupingError, "COUNT(*)"),
        ("SELECT avg(net_sales) FROM metrics", errors.GroupingError, "MEASURE(net_sales)"),
        (
            "SELECT sum(average_order_value) FROM metrics",
            errors.GroupingError,
            "MEASURE(average_order_value)",
        ),
        ("SELECT max(MEASURE(orders)) FROM metrics GROUP BY month", errors.GroupingError, "MAX"),
        ("SELECT json_agg(MEASURE(orders)) FROM metrics GROUP BY month", errors.GroupingError, "JSON_AGG"),
        ("SELECT order__channel, MEASURE(orders) FROM metrics", errors.GroupingError, "must appear"),
        (
            "SELECT upper(order__channel), MEASURE(orders) FROM metrics GROUP BY 1",
            errors.FeatureNotSupported,
            "UPPER",
        ),
        (
            "SELECT MEASURE(orders) FROM metrics GROUP BY EXTRACT(month FROM metric_time)",
            errors.GroupingError,
            "year",
        ),
        ("SELECT MEASURE(orders) FROM metrics GROUP BY ROLLUP (month)", errors.FeatureNotSupported, "ROLLUP"),
        ("SELECT MEASURE(orders) FROM metrics WHERE orders > 3", errors.GroupingError, "HAVING"),
        (
            "SELECT MEASURE(orders) FROM metrics WHERE order__channel > 'a'",
            errors.FeatureNotSupported,
            "collation",
        ),
        (
            "SELECT MEASURE(orders) FROM metrics WHERE upper(order__channel) = 'A'",
            errors.FeatureNotSupported,
            "UPPER",
        ),
        ("SELECT MEASURE(orders) FROM metrics WHERE order__channel = 5", errors.UndefinedFunction, "quotes"),
        (
            "SELECT MEASURE(orders) FROM metrics WHERE metric_time > 'soon'",
            errors.InvalidDatetimeFormat,
            "soon",
        ),
        *(
            (
                f"SELECT MEASURE(orders) FROM metrics WHERE metric_time > now() - INTERVAL '{length}'",
                errors.FeatureNotSupported,
                length,
            )
            for length in ("1 day 02:00:00", "1 day ago", "P1Y2M", "1.5 days")
        ),
        (
            "SELECT MEASURE(orders) FROM metrics WHERE (order__channel, month) IN (('store', 1, 2))",
            errors.FeatureNotSupported,
            "cannot be applied",
        ),
        (
            "SELECT MEASURE(orders) FROM metrics GROUP BY to_char(metric_time__month, 'DD')",
            errors.FeatureNotSupported,
            "cannot be split by",
        ),
        ("SELECT MEASURE(orders) FROM metrics WHERE random() > 0.5", errors.FeatureNotSupported, "RAND"),
        (
            "SELECT MEASURE(orders) FROM metrics WHERE order__channel IN (SELECT 'store')",
            errors.FeatureNotSupported,
            "sub-query",
        ),
        ("SELECT MEASURE(orders) FROM metrics JOIN pg_class ON true", errors.FeatureNotSupported, "joined"),
        ("SELECT MEASURE(orders) FROM metrics, metrics AS b", errors.FeatureNotSupported, "joined"),
        ("SELECT MIN(metric_time), MAX(metric_time) FROM metrics", errors.GroupingError, "is no metric"),
        (
            "SELECT COUNT(DISTINCT order__channel) FROM metrics",
            errors.GroupingError,
            "(SELECT order__channel AS it",
        ),
        (
            "SELECT MEASURE(orders) FROM metrics GROUP BY to_char(metric_time, 'IYYY-IW')",
            errors.FeatureNotSupported,
            "cannot be split by",
        ),
        (
            "SELECT MEASURE(orders) FROM metrics GROUP BY order__channel::varchar(2)",
            errors.FeatureNotSupported,
            "cannot be split by",
        ),
        ("SELECT MEASURE(orders) FILTER (WHERE true) FROM metrics", errors.GroupingError, "FILTER"),
        (
            "SELECT MEASURE(orders) FROM metrics m TABLESAMPLE system (10)",
            errors.FeatureNotSupported,
            "TABLESAMPLE",
        ),
        ("SELECT MEASURE(orders) FROM metrics AS m(orders)", errors.FeatureNotSupported, "other names"),
        ("SELECT MEASURE(orders) LATERAL FROM metrics", errors.SyntaxError, "before FROM"),
        (
            "SELECT order__channel, product__category FROM metrics GROUP BY 1, 2",
            errors.FeatureNotSupported,
            "Which combinations there are",
        ),
        ("SELECT COUNT(product__category) FROM metrics.sales_monthly", errors.GroupingError, "is no metric"),
        ("SELECT MIN(month) OVER () FROM metrics.sales_monthly", errors.GroupingError, "must appear"),
        (
            "SELECT MIN(month) FILTER (WHERE true) FROM metrics.sales_monthly",
            errors.GroupingError,
            "is no metric",
        ),
        (
            "SELECT MIN(month), order__channel FROM metrics.sales_monthly",
            errors.GroupingError,
            "is no metric",
        ),
        (
            "SELECT order__channel, MIN(month) FROM metrics.sales_monthly GROUP BY 1",
            errors.GroupingError,
            "is no metric",
        ),
        (
            "CREATE VIEW kept AS SELECT MEASURE(orders) FROM metrics",
            errors.FeatureNotSupported,
            "figures of now",
        ),
        ("PREPARE kept AS SELECT MEASURE(orders) FROM metrics", errors.FeatureNotSupported, "figures of now"),
        ("SELECT MEASURE(leads) FROM metrics", errors.ObjectNotInPrerequisiteState, "not available"),
        (
            "SELECT MEASURE(orders_ever), month FROM metrics GROUP BY 2",
            errors.InvalidColumnReference,
            "all time",
        ),
        ("SELECT MEASURE(orders) FROM metrics WHERE 1 = 0", errors.FeatureNotSupported, "leave out"),
        ("SELECT MEASURE(orders FROM metrics", errors.SyntaxError, "syntax error"),
        ("SELECT MEASURE(net_sales, orders) FROM metrics", errors.UndefinedFunction, "one metric"),
        ("SELECT other.month, MEASURE(orders) FROM metrics GROUP BY 1", errors.UndefinedTable, "other"),
        (
            "SELECT MEASURE(orders) FROM pg_catalog.pg_class",
            errors.UndefinedFunction,
            "reads pg_catalog.pg_class",
        ),
        ("SELECT MEASURE(orders) FROM metrisc", errors.UndefinedFunction, "Did you mean metrics?"),
        ("SELECT measure(1)", errors.UndefinedFunction, "reads no table"),
        (
            "SELECT AGG(a) FROM (SELECT MEASURE(orders) AS a FROM metrics UNION ALL SELECT 1) AS some",
            errors.UndefinedFunction,
            "reads a sub-query",
        ),
    ],
)
def test_what_has_no_exact_answer_is_refused_and_the_session_lives_on(
    ana: Session, text: str, kind: type[psycopg.Error], said: str
) -> None:
    for values in (None, ()):
        with pytest.raises(kind) as raised:
            ana.execute(text, values)
        told = raised.value.diag
        assert said in f"{told.message_primary} {told.message_detail} {told.message_hint}"
        assert rows(ana, "SELECT 1") == [(1,)]


def test_what_stands_before_a_measure_of_no_metrics_is_done(ana: Session) -> None:
    done = "BEGIN; SET application_name = 'before'; COMMIT; SELECT MEASURE(orders) FROM pg_catalog.pg_class"
    with pytest.raises(errors.UndefinedFunction, match="asked of metrics"):
        ana.execute(done)
    assert rows(ana, "SHOW application_name") == [("before",)]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("SELECT MEASURE(qwertz) FROM metrics", "`SELECT * FROM metrics LIMIT 0` names them all."),
        (
            "SELECT MEASURE(order__channel) FROM metrics",
            "with GROUP BY order__channel; `SELECT DISTINCT order",
        ),
        ("SELECT MEASURE(orders) FROM metrics GROUP BY net_sales", "Ask for it: MEASURE(net_sales)"),
        ("SELECT MEASURE(monthly_growth) FROM metrics", "GROUP BY date_trunc('month', metric_time)"),
    ],
)
def test_hints_are_in_sql(ana: Session, text: str, hint: str) -> None:
    with pytest.raises(errors.Error) as raised:
        rows(ana, text)
    told = raised.value.diag.message_hint or ""
    assert hint in told
    assert "plumb " not in told
    assert "--" not in told


def test_reading_no_row_tells_the_columns(ana: Session) -> None:
    for text in (
        "SELECT * FROM metrics LIMIT 0",
        "SELECT * FROM metrics.metrics WHERE 1 = 0",
        "SELECT * FROM (SELECT * FROM metrics) t WHERE 1 = 0",
        "SELECT t.* FROM (SELECT m.* FROM metrics m WHERE order__channel = 'store') t LIMIT 0",
        "SELECT * FROM (SELECT metric_time, order__channel, net_sales FROM metrics) t WHERE 1 = 0",
    ):
        cursor = ana.execute(text)
        assert cursor.fetchall() == []
        assert {"metric_time", "order__channel", "net_sales"} <= {
            item.name for item in cursor.description or ()
        }


# -- who sees what


def test_a_role_with_limited_rows_gets_its_own_figures(sam: Session) -> None:
    assert rows(sam, "SELECT MEASURE(orders) FROM metrics") == [(2,)]
    assert rows(sam, "SELECT DISTINCT order__channel FROM metrics") == [("store",)]


def test_answers_kept_for_one_role_are_not_given_to_another(ana: Session, sam: Session) -> None:
    text = "SELECT MEASURE(net_sales) FROM metrics"
    assert [rows(session, text) for session in (ana, sam, ana)] == [
        [(Decimal("430.000001"),)],
        [(Decimal("70.500000"),)],
        [(Decimal("430.000001"),)],
    ]


@pytest.mark.parametrize("name", ["average_order_value", "no_such_metric"])
def test_a_metric_that_may_not_be_seen_is_an_unknown_one(sam: Session, name: str) -> None:
    with pytest.raises(errors.UndefinedFunction, match=f"unknown metric '{name}'"):
        sam.execute(f"SELECT MEASURE({name}) FROM metrics")


def test_an_account_may_choose_another_of_its_roles(endpoint: Any) -> None:
    with endpoint.connect("ana", options="-c plumbline.role=store") as session:
        assert rows(session, "SELECT MEASURE(orders) FROM metrics") == [(2,)]


def test_a_role_of_others_cannot_be_chosen(endpoint: Any) -> None:
    refused = pytest.raises(errors.InvalidAuthorizationSpecification)
    with endpoint.connect("sam", options="-c plumbline.role=analyst") as session, refused:
        session.execute("SELECT MEASURE(orders) FROM metrics")


def test_setting_another_role_in_postgresql_shows_no_more(sam: Session) -> None:
    sam.execute("SET plumbline.role = 'analyst'")
    assert rows(sam, "SELECT MEASURE(orders) FROM metrics") == [(2,)]


def test_who_has_no_account_sees_no_figure(endpoint: Any) -> None:
    with endpoint.connect("stranger") as session:
        assert rows(session, "SELECT 1") == [(1,)]
        with pytest.raises(errors.InvalidAuthorizationSpecification):
            session.execute("SELECT MEASURE(orders) FROM metrics")


def test_a_wrong_password_is_refused_by_postgresql(endpoint: Any) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        endpoint.connect("ana", password="guessed")
