"""What holds for every question: order of dimensions, parts and totals, cut ranges, every dialect."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plumbline.compiler import compile
from plumbline.compiler.dialects import DIALECTS
from tests.conformance.features.market import METRICS, Market

FEW = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
ADDITIVE = ("sales", "orders", "gifts", "noted", "web_sales", "retail_sales", "shipped_sales", "largest_sale")
BY = ("order__channel", "customer__segment", "store__city", "customer__region__region_name", "order__is_gift")
PERIODS = ("metric_time__day", "metric_time__month", "metric_time__sprint", "metric_time__extract_dow")
EVERY = [item["name"] for item in METRICS]
SHARED = ("customer__segment", "customer__region__region_name", "customer")
TIMED = (
    "sales",
    "buyers",
    "net_sales",
    "refund_rate",
    "sales_ever",
    "sales_28_days",
    "sales_1_year_ago",
    "buyers_28_days",
    "orders_filled",
    "sales_growth",
    "sales_2_months_ago",
    "orders_after_visit",
)


def some(names: Sequence[str], least: int = 1, most: int = 3) -> st.SearchStrategy[list[str]]:
    """Draw different names."""
    return st.lists(st.sampled_from(names), min_size=least, max_size=most, unique=True)


@FEW
@given(metrics=some(ADDITIVE), by=some((*BY, *PERIODS), 2), data=st.data())
def test_the_order_of_dimensions_changes_nothing(market: Market, metrics: Any, by: Any, data: Any) -> None:
    other = data.draw(st.permutations(by))
    one, two = (market.ask_as({"metrics": metrics, "group_by": names}) for names in (by, other))
    moved = [tuple(row[other.index(name)] for name in by) + row[len(by) :] for row in two]
    assert sorted(map(str, one)) == sorted(map(str, moved))


@FEW
@given(metric=st.sampled_from(ADDITIVE), by=some((*BY, *PERIODS), 2))
def test_parts_add_up_to_totals(market: Market, metric: str, by: Any) -> None:
    combine = max if metric == "largest_sale" else sum
    parts: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for row in market.ask_as({"metrics": [metric], "group_by": by}):
        parts[row[:-2]] += [] if row[-1] is None else [row[-1]]
    whole = {row[:-1]: row[-1] for row in market.ask_as({"metrics": [metric], "group_by": by[:-1]})}
    assert {key: round(combine(values), 6) if values else None for key, values in parts.items()} == whole


@FEW
@given(
    metric=st.sampled_from(TIMED),
    grain=st.sampled_from(("day", "week", "month")),
    months=st.tuples(st.integers(1, 6), st.integers(1, 6)).map(sorted),
    by=st.sampled_from(([], ["customer__segment"])),
)
def test_a_time_range_cuts_the_whole_answer(
    market: Market, metric: str, grain: str, months: Any, by: Any
) -> None:
    query = {"metrics": [metric], "group_by": [f"metric_time__{grain}", *by]}
    first, last = f"2024-{months[0]:02}-01", f"2024-{months[1]:02}-28"
    start, end = market.sql(
        f"SELECT date_trunc('{grain}', DATE '{first}'), date_trunc('{grain}', DATE '{last}')"
    )[0]
    within = [row for row in market.ask_as(query) if row[0] is not None and start <= row[0] <= end]
    assert market.ask_as({**query, "time_constraint": [first, last]}) == within


@FEW
@given(metrics=some(("sales", "refunded", "visits", "joiners", "net_sales", "buyers")), by=some(SHARED, 1, 2))
def test_metrics_of_several_models_do_not_disturb_each_other(market: Market, metrics: Any, by: Any) -> None:
    together = market.ask_as({"metrics": metrics, "group_by": by})
    for number, metric in enumerate(metrics):
        alone = {row[:-1]: row[-1] for row in market.ask_as({"metrics": [metric], "group_by": by})}
        found = {row[: len(by)]: row[len(by) + number] for row in together}
        assert {key: value for key, value in found.items() if key in alone or value is not None} == alone


def _saying(*metrics: str) -> list[str]:
    """Name the dialects that can say metrics: MySQL has no percentiles."""
    shares = ("median", "percentile", "about_median", "p25", "p75", "p90")
    return [
        item for item in DIALECTS if item != "mysql" or not any(name.startswith(shares) for name in metrics)
    ]


@pytest.mark.one_engine
@pytest.mark.parametrize("name", EVERY)
def test_every_dialect_parses_and_has_the_same_columns(market: Market, name: str) -> None:
    query = {"metrics": [name], "group_by": ["metric_time__quarter"], "order_by": [name], "limit": 3}
    for dialect in _saying(name):
        sql = compile(market.manifest, query, dialect)
        (statement,) = sqlglot.parse(sql, dialect=dialect)
        assert statement is not None, sql
        assert statement.named_selects == ["metric_time__quarter", name], sql


@pytest.mark.one_engine
@settings(parent=FEW, max_examples=8)
@given(metrics=some(EVERY, 2, 4))
def test_every_dialect_parses_for_several_metrics(market: Market, metrics: Any) -> None:
    where = ["{{ TimeDimension('metric_time', 'month') }} > '2024-01-01'"]
    query = {"metrics": metrics, "group_by": ["metric_time__month"], "where": where}
    for dialect in _saying(*metrics):
        (statement,) = sqlglot.parse(compile(market.manifest, query, dialect), dialect=dialect)
        assert statement is not None
        assert statement.named_selects == ["metric_time__month", *metrics]
