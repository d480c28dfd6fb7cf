"""What gives other digits from run to run is refused, with its line."""

from pathlib import Path

import pytest

from plumbline.definitions import load
from plumbline.governance import lint
from plumbline.governance.determinism import unstable_calls
from tests.unit.definitions import shop


def found(sql: str) -> list[tuple[int, str]]:
    return [(line, what) for line, what, _ in unstable_calls(sql)]


@pytest.mark.parametrize(
    "sql",
    [
        "select sum(amount), min(price), count(distinct customer_id) from t",
        "select string_agg(name, ',' order by name), list(x order by y) from t",
        "select first(x) over (partition by a order by b) from t",
        "select first, last, list from t",
        "select '{{ now() }}' as told from {{ ref('t') }}",
        "select 'random()' -- any_value(x)\nfrom t",
        "select {{ last_day_of_period(\"'month'\", 'd') }}, last_day(d) from t",
        "select row_number() over (partition by a order by b), rank() over (order by c) from t",
        "select row_number() over w, lag(x) over w from t window w as (partition by a order by b)",
        "select last_value(x ignore nulls) over (order by a) from t",
        "select lag(x) filter (where y) over (order by a) from t",
        "select * from (select a from t order by a limit 5) limit 0",
        "select a from t order by (select max(b) from s) limit {{ days }}",
        "select cast(x as integer array), array[1, 2], array_length(y) from t",
        "select sum(cast(x as decimal(18, 4))), cast(sum(x) as double), avg(x) from t",
        "select age(a, b), limit_amount, fetch from t",
        "{# dbt.any_value('x') #} select {{ dbt.hash('x') }} from t",
    ],
)
def test_what_is_fixed_is_not_found(sql: str) -> None:
    assert found(sql) == []


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("select any_value(x)", "any_value"),
        ("select FIRST (x) from t", "first"),
        ("select arg_max(x, y) from t", "arg_max"),
        ("select approx_quantile(x, 0.5) from t", "approx_quantile"),
        ("select string_agg(name, ',') from t", "string_agg without an order"),
        ("select list(x) filter (where y) from t order by z", "list without an order"),
        ("select random()", "random"),
        ("select current_date", "current_date"),
        ("select now()", "now"),
        ("select argmax(x, y)", "argmax"),
        ("select arg_min_null(x, y)", "arg_min_null"),
        ("select uuidv7()", "uuidv7"),
        ("select transaction_timestamp()", "transaction_timestamp"),
        ("select get_current_time()", "get_current_time"),
        ("select nextval('s')", "nextval"),
        ("select current_setting('threads')", "current_setting"),
        ("select age(birthday) from t", "age to the moment"),
        ("select stddev_samp(x) from t", "stddev_samp"),
        ("select product(x) from t", "product"),
        ("select kahan_sum(x) from t", "kahan_sum"),
        ("select sum(x::double) from t", "sum of floating point: double"),
        ("select avg(cast(x as float)) from t", "avg of floating point: float"),
        ("select array(select x from t)", "array without an order"),
        ("select json_group_array(x) from t", "json_group_array without an order"),
        ("select row_number() over () from t", "row_number over rows without an order"),
        ("select first_value(x) over (partition by a) from t", "first_value over rows without an order"),
        ("select first(x) over (partition by a) from t", "first over rows without an order"),
        ("select lag(x) over w from t window w as (partition by a)", "lag over rows without an order"),
        ("select x from t limit 5", "limit without an order"),
        ("select a from (select a, b from t order by b) limit 5", "limit without an order"),
        ("select x from t fetch first 5 rows only", "limit without an order"),
        ("select distinct on (a) a, b from t order by a", "distinct on, which keeps any of the rows"),
        ("select x from t tablesample 10 percent", "a sample of the rows"),
        ("select x from t using sample 10", "a sample of the rows"),
        ("select {{ dbt.any_value('x') }} from t", "dbt.any_value"),
        ("select {{ dbt.current_timestamp() }}", "dbt.current_timestamp"),
        ("select '{{ run_started_at }}'", "run_started_at"),
    ],
)
def test_what_may_differ_is_found(sql: str, what: str) -> None:
    assert found(sql) == [(1, what)]


def test_the_line_is_that_of_the_file_whatever_jinja_stands_before() -> None:
    sql = "{{\n  config(materialized='table')\n}}\nselect\n  {% for x in y %} a, {% endfor %}\n  any_value(b)"
    assert found(sql) == [(6, "any_value")]


def test_a_model_is_named_with_file_and_line(tmp_path: Path) -> None:
    manifest = {
        "sources": {},
        "parent_map": {},
        "nodes": {
            "model.p.m": {
                "resource_type": "model",
                "name": "m",
                "original_file_path": "models/m.sql",
                "raw_code": "select\n  any_value(x) as x\nfrom t",
            }
        },
    }
    findings = lint(load(shop.write(tmp_path / "s.json")), manifest)
    told = [str(each) for each in findings if each.code == "not-deterministic"]
    assert told == [
        "models/m.sql:2: model 'm' uses any_value [not-deterministic]\n"
        "  Take min or max, or number the rows by an order that has no ties."
    ]


def test_what_is_no_measure_is_looked_at_too(tmp_path: Path) -> None:
    content = shop.manifest()
    orders = content["semantic_models"][0]
    orders["dimensions"][1]["expr"] = "case when order_date > current_date then 1 end"
    orders["entities"][1]["expr"] = "any_value(customer_id)"
    profit = next(each for each in content["metrics"] if each["name"] == "profit")
    profit["type_params"]["expr"] = "sales - costs * random()"
    came = next(each for each in content["metrics"] if each["name"] == "first_orders")
    came["filter"]["where_filters"][0]["where_sql_template"] += " and ordered_at < now()"
    findings = lint(load(shop.write(tmp_path / "s.json", content)))
    assert [each.what for each in findings if each.code == "not-deterministic"] == [
        "dimension 'number_of_customer' of 'orders' uses current_date",
        "entity 'customer' of 'orders' uses any_value",
        "metric 'first_orders' uses now",
        "metric 'profit' uses random",
    ]


def test_sums_of_floating_point_are_refused_and_sums_of_decimals_are_not(tmp_path: Path) -> None:
    manifest = {
        "sources": {},
        "parent_map": {},
        "nodes": {
            "model.p.orders": {
                "resource_type": "model",
                "name": "orders",
                "original_file_path": "models/orders.sql",
                "relation_name": '"warehouse"."marts"."orders"',
                "columns": {"amount": {"data_type": "decimal(18, 4)"}, "cost": {"data_type": "double"}},
            }
        },
    }
    findings = lint(load(shop.write(tmp_path / "s.json")), manifest)
    told = [each.what for each in findings if each.code == "not-deterministic"]
    assert told == ["measure 'cost' of 'orders' adds up floating point: cost"]
