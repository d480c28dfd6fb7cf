"""Generated questions over MetricFlow's own manifests: our SQL and its SQL give the same rows.

Where the two differ on purpose, docs/compiler.md gives the reason. `PLUMBLINE_EXAMPLES=5` asks five times
as many.
"""

import datetime
import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plumbline.compiler import compile
from plumbline.errors import PlumblineError
from tests.conformance.shipped import database, manifest_json
from tests.oracle import MetricFlow

MANIFESTS = {
    "simple_manifest": 150,
    "partitioned_multi_hop_join_manifest": 25,
    "multi_hop_join_manifest": 15,
    "simple_multi_hop_join_manifest": 25,
    "extended_date_manifest": 25,
    "scd_manifest": 25,
    "ambiguous_resolution_manifest": 25,
    "cyclic_join_manifest": 15,
    "name_edge_case_manifest": 15,
    "join_types_manifest": 15,
}
TIMES = int(os.environ.get("PLUMBLINE_EXAMPLES", "1"))
GRAINS = ("day", "week", "month", "quarter", "year")
_PARTS = ("extract_", "alien_day", "hour", "minute", "second", "millisecond", "microsecond", "nanosecond")

# Shifted by less than a period asked for: MetricFlow compares the starts of periods and finds few rows.
SHIFTED = {
    "bookings_offset_twice": "day",
    "bookings_1_month_ago": "month",
    "bookings_mom": "month",
    "bookings_month_start_compared_to_1_month_prior": "month",
    "booking_fees_since_start_of_month": "day",
    "bookings_since_start_of_month": "month",
}
# An approximate percentile that DuckDB does not have: ours is the exact one. The other depends on the order
# in which rows arrive.
OWN = {"approximate_discrete_booking_value_p99", "approximate_continuous_booking_value_p99"}
# MetricFlow attributes what follows two events at once to any of them, and fills periods outside the range.
CONVERSIONS = "visit_buy_conver"
# Known by the month, so that all visits of a month are at once.
BY_MONTH = "visit_buy_conversion_rate_with_monthly_conversion"
# MetricFlow looks only at the range for what came before it,
# or, of data by the hour, up to the first moment of its last day.
BEFORE_RANGE = (
    "trailing_7_days_bookings_offset_1_week",
    "every_2_days_bookers_2_days_ago",
    "archived_users",
    "simple_subdaily",
    "subdaily",
)


@dataclass
class Manifest:
    path: Path
    con: duckdb.DuckDBPyConnection
    oracle: MetricFlow
    metrics: dict[str, Any]

    def dimensions(self, metrics: list[str]) -> list[str]:
        try:
            found = self.oracle._engine.simple_dimensions_for_metrics(metrics)
        except Exception:
            return []
        return sorted({str(item.dunder_name) for item in found})


@pytest.fixture(scope="module", params=MANIFESTS)
def shipped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manifest]:
    text = manifest_json(request.param)
    path = tmp_path_factory.mktemp(request.param) / "semantic_manifest.json"
    path.write_text(text, encoding="utf-8")
    raw = json.loads(text)
    con = database(raw)
    metrics = {item["name"]: item for item in raw["metrics"]}
    yield Manifest(path, con, MetricFlow(text), metrics)
    con.close()


@st.composite
def questions(draw: st.DrawFn, shipped: Manifest, among: Sequence[str] = ()) -> dict[str, Any]:
    names = sorted(among or shipped.metrics)
    metrics = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    dimensions = [name for name in shipped.dimensions(metrics) if not name.startswith("metric_time")]
    plain = [name for name in dimensions if not name.endswith(tuple(f"__{part}" for part in GRAINS))]
    plain = [name for name in plain if not any(part in name.split("__")[-1] for part in _PARTS)]
    by = [f"metric_time__{draw(st.sampled_from(GRAINS))}"] if draw(st.integers(0, 3)) else []
    if plain:
        by += draw(st.lists(st.sampled_from(plain), max_size=2, unique=True))
    query: dict[str, Any] = {"metrics": metrics, "group_by": by}
    where = [_on_time(draw)] if not draw(st.integers(0, 3)) else []
    where += (
        [_on_dimension(draw, draw(st.sampled_from(plain)))] if plain and not draw(st.integers(0, 3)) else []
    )
    if where:
        query["where"] = where
    if not draw(st.integers(0, 4)):
        days = st.integers(1, 28)
        query["time_constraint"] = [f"2020-01-{draw(days):02}", f"2020-02-{draw(days):02}"]
    return query


def _on_time(draw: st.DrawFn) -> str:
    grain, sign = draw(st.sampled_from(GRAINS[:3])), draw(st.sampled_from([">=", "<", ">", "<="]))
    day = f"2020-{draw(st.integers(1, 2)):02}-{draw(st.integers(1, 28)):02}"
    return f"{{{{ TimeDimension('metric_time', '{grain}') }}}} {sign} '{day}'"


def _on_dimension(draw: st.DrawFn, name: str) -> str:
    *path, entity, element = name.split("__")
    way = f", entity_path={path}" if path else ""
    column = f"{{{{ Dimension('{entity}__{element}'{way}) }}}}"
    return draw(
        st.sampled_from(
            [
                f"{column} IS NOT NULL",
                f"CAST({column} AS VARCHAR) <> 'x'",
                f"COALESCE(CAST({column} AS VARCHAR), 'x') IN ('x', 'true', 'y')",
            ]
        )
    )


def differs_on_purpose(query: dict[str, Any], metrics: dict[str, Any]) -> bool:
    """Tell the questions whose answers are known to differ."""
    grains = {name.rpartition("__")[2] for name in query["group_by"] if name.startswith("metric_time")}
    beyond = [text for text in (*query["group_by"], *query.get("where", ())) if "listing" in text]
    lux = any("lux" in name for name in query["metrics"])
    if any("user" in text for text in beyond) and (lux or len(beyond) > 1):
        # Users are partitioned: where a listing has none, MetricFlow loses the listing, too.
        return True
    on_time = any("metric_time" in text for text in query.get("where", ())) or "time_constraint" in query
    for name in query["metrics"]:
        longer = grains and SHIFTED.get(name) and grains != {"day"} and "week" in grains | {SHIFTED[name]}
        shorter_than_asked = SHIFTED.get(name) == "day" and grains - {"day"}
        total = metrics[name]["type"] == "cumulative" and not grains and on_time
        range_of_other = "time_constraint" in query and name.startswith(BEFORE_RANGE)
        # A filter in a nested offset becomes one more column to group by.
        nested = name == "bookings_offset_twice" and "where" in query
        state_in_range = "time_constraint" in query and "all_time_at" in name
        if longer or shorter_than_asked or total or range_of_other or state_in_range or nested:
            return True
        split = len(query["group_by"]) > len(grains) or "time_constraint" in query
        split = split or (name == BY_MONTH and bool(grains & {"day", "week"}))
        if name in OWN or (name.startswith(CONVERSIONS) and split):
            return True
    return False


def plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime(value.year, value.month, value.day).isoformat()
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    number = float(value) if isinstance(value, int | float | Decimal) else value
    # MetricFlow makes infinity, or no number, of what is divided by 0.
    return round(number, 6) if math.isfinite(number) else None


def rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    found = [tuple(map(plain, row)) for row in con.execute(sql).fetchall()]
    return sorted(found, key=lambda row: [(item is None, str(item)) for item in row])


def compare(shipped: Manifest, query: dict[str, Any]) -> str:
    """Compare the rows; tell what came of it."""
    try:
        theirs = shipped.oracle.sql(query)
        expected = rows(shipped.con, theirs)
    except Exception:
        # What MetricFlow refuses, or cannot run, has no answer to compare with.
        return "refused"
    try:
        ours = compile(shipped.path, query, "duckdb")
    except PlumblineError as error:
        pytest.fail(f"{query}: {error}")
    assert rows(shipped.con, ours) == expected, f"{json.dumps(query)}\n{ours}\n\n{theirs}"
    return "same"


def asking(examples: int) -> Any:
    """Ask this many questions, the same in every run."""
    checks = list(HealthCheck)
    return settings(
        max_examples=examples * TIMES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=checks,
    )


@pytest.mark.hypothesis
def test_our_rows_are_those_of_metricflow(shipped: Manifest, request: pytest.FixtureRequest) -> None:
    examples = MANIFESTS[request.node.callspec.params["shipped"]]
    came_of = Counter[str]()

    @asking(examples)
    @given(questions(shipped))
    def ask(query: dict[str, Any]) -> None:
        if not differs_on_purpose(query, shipped.metrics):
            came_of[compare(shipped, query)] += 1

    ask()
    assert came_of["same"] >= examples * TIMES // 4


@pytest.fixture(scope="module")
def one_visit_a_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manifest]:
    text = manifest_json("simple_manifest")
    path = tmp_path_factory.mktemp("one_visit_a_day") / "semantic_manifest.json"
    path.write_text(text, encoding="utf-8")
    raw = json.loads(text)
    con = database(raw, seed=3)
    con.execute(
        """CREATE TABLE once AS SELECT * FROM mf.fct_visits
        QUALIFY row_number() OVER (PARTITION BY user_id, ds ORDER BY session_id, referrer_id) = 1"""
    )
    con.execute("DELETE FROM mf.fct_visits; INSERT INTO mf.fct_visits FROM once")
    yield Manifest(path, con, MetricFlow(text), {item["name"]: item for item in raw["metrics"]})
    con.close()


@pytest.mark.hypothesis
def test_conversions_of_one_event_at_a_time_are_those_of_metricflow(one_visit_a_day: Manifest) -> None:
    conversions = [name for name in one_visit_a_day.metrics if name.startswith(CONVERSIONS)]
    came_of = Counter[str]()

    @asking(60)
    @given(questions(one_visit_a_day, [name for name in conversions if name != BY_MONTH]))
    def ask(query: dict[str, Any]) -> None:
        # It fills periods outside the range, and those of one of two names of the same time.
        both = {"metric_time", "visit__ds"} <= {_without_grain(name) for name in query["group_by"]}
        if not both and "time_constraint" not in query:
            came_of[compare(one_visit_a_day, query)] += 1

    ask()
    assert came_of["same"] >= 30 * TIMES


def _without_grain(name: str) -> str:
    return name.rpartition("__")[0] if name.endswith(GRAINS) else name
