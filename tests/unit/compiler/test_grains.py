"""One answer of MetricFlow serves every grain of time."""

from pathlib import Path

import pytest
import sqlglot

from plumbline.compiler.aggregate import aggregate
from plumbline.compiler.metricflow import write_sql
from plumbline.compiler.request import Request
from plumbline.definitions import GroupBy, load


@pytest.mark.parametrize("grain", ["day", "week", "month", "quarter", "year"])
@pytest.mark.parametrize("metric", ["sales", "customers", "stock", "first_orders", "came_back"])
def test_another_grain_is_what_metricflow_would_write(manifest: Path, metric: str, grain: str) -> None:
    definitions = load(manifest)
    request = Request((metric,), (GroupBy("metric_time", grain), GroupBy("product__category")))
    theirs = sqlglot.parse_one(write_sql(definitions, request, "duckdb"), dialect="duckdb").sql("duckdb")
    assert aggregate(definitions, request, "duckdb").sql("duckdb") == theirs


def test_a_month_in_a_filter_is_left_alone(manifest: Path) -> None:
    definitions = load(manifest)
    where = ("{{ TimeDimension('order__order_date', 'month') }} > DATE '2024-01-01'",)
    request = Request(("sales",), (GroupBy("metric_time", "year"),), where)
    assert "order__order_date__month" in aggregate(definitions, request, "duckdb").sql("duckdb")
