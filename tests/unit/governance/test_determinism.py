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
