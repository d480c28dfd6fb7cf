"""The manifests that MetricFlow ships for its own tests, with data of ours that have traps in them.

Keys are empty or lead nowhere, amounts are zero, negative or missing, days and whole weeks have no rows.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

FIRST = datetime.date(2020, 1, 1)
_SPINES = {"hour": "1 hour", "day": "1 day", "week": "7 days", "month": "1 month", "quarter": "3 months"}
_TYPES = {"key": "VARCHAR", "text": "VARCHAR", "flag": "BOOLEAN", "number": "DECIMAL(18, 9)"}
_MOMENTS = ("hour", "minute", "second", "millisecond", "microsecond", "nanosecond")


def manifest_json(name: str) -> str:
    """Give one of the shipped manifests as dbt would write it."""
    from metricflow_semantics.test_helpers import manifest_helpers

    directory = Path(manifest_helpers.__file__).parent / "semantic_manifest_yamls" / name
    read = manifest_helpers.mf_load_manifest_from_yaml_directory
    return str(read(directory, template_mapping={"source_schema": "mf"}).json())


def database(manifest: Mapping[str, Any], seed: int = 1) -> duckdb.DuckDBPyConnection:
    """Fill every table that the manifest names, the same for the same seed."""
    chance = random.Random(seed)
    con = duckdb.connect()
    con.execute("CREATE SCHEMA mf")
    for spine in manifest["project_configuration"]["time_spines"]:
        _fill_spine(con, spine)
    for relation, columns in _tables(manifest).items():
        _fill(con, chance, relation, columns, _keys(manifest, relation))
    return con


def _fill_spine(con: duckdb.DuckDBPyConnection, spine: Mapping[str, Any]) -> None:
    column, grain = spine["primary_column"]["name"], spine["primary_column"]["time_granularity"]
    relation = spine["node_relation"]["relation_name"]
    own = "".join(
        # Weeks of their own that begin on Thursdays.
        f", CAST(date_trunc('week', d - INTERVAL 3 DAY) AS DATE) + 3 AS {item['name']}"
        for item in spine["custom_granularities"]
    )
    if grain in _SPINES:
        kind = "TIMESTAMP" if grain == "hour" else "DATE"
        days = f"range(TIMESTAMP '2019-11-01', TIMESTAMP '2020-05-01', INTERVAL '{_SPINES[grain]}') r(d)"
        con.execute(f"CREATE TABLE {relation} AS SELECT CAST(d AS {kind}) AS {column}{own} FROM {days}")
    else:
        con.execute(f"CREATE TABLE {relation} AS SELECT TIMESTAMP '2020-01-01' AS {column}")


def _tables(manifest: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Name the columns of each table and what they hold, as the definitions use them."""
    found: dict[str, dict[str, str]] = {}
    for model in manifest["semantic_models"]:
        columns = found.setdefault(model["node_relation"]["relation_name"], {})
        for text, kind in _used(model):
            for column in sqlglot.parse_one(text, dialect="duckdb").find_all(exp.Column):
                columns.setdefault(column.name, kind)
    return found


def _used(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for item in model["dimensions"]:
        text = str(item["expr"] or item["name"])
        grain = (item["type_params"] or {}).get("time_granularity", "day")
        flag = "flag" if text.startswith("is_") else "number" if "capacity" in text else "text"
        yield text, grain if item["type"] == "time" else flag
    for item in model["entities"]:
        yield str(item["expr"] or item["name"]), "key"
    for item in model["measures"]:
        kind = {"sum_boolean": "flag", "count_distinct": "key"}.get(item["agg"], "number")
        yield str(item["expr"] or item["name"]), kind


def _keys(manifest: Mapping[str, Any], relation: str) -> set[str]:
    return {
        item["expr"] or item["name"]
        for model in manifest["semantic_models"]
        if model["node_relation"]["relation_name"] == relation
        for item in model["entities"]
        if item["type"] in ("primary", "unique")
    }


def _fill(
    con: duckdb.DuckDBPyConnection,
    chance: random.Random,
    relation: str,
    columns: Mapping[str, str],
    keys: set[str],
) -> None:
    described = ", ".join(
        f'"{name}" {_TYPES.get(kind) or ("TIMESTAMP" if kind in _MOMENTS else "DATE")}'
        for name, kind in columns.items()
    )
    con.execute(f"CREATE TABLE {relation} ({described})")
    rows = [
        [
            f"k{number}" if name in keys else _value(chance, name, kind, relation)
            for name, kind in columns.items()
        ]
        for number in range(12 if keys else 60)
    ]
    con.executemany(f"INSERT INTO {relation} VALUES ({', '.join('?' * len(columns))})", rows)


def _value(chance: random.Random, name: str, kind: str, relation: str) -> Any:
    if name == "ds_partitioned":
        return FIRST
    if kind == "key":
        empty = not relation.endswith("accounts") and chance.random() < 0.15
        return None if empty else f"k{chance.randint(0, 13)}"
    if kind == "text":
        return chance.choice(["x", "y", "z", None])
    if kind == "flag":
        return chance.choice([True, False, None])
    if kind == "number":
        return chance.choice([chance.randint(-3, 20), chance.randint(0, 9) + 0.5, 0, None])
    day = FIRST + datetime.timedelta(days=chance.choice([chance.randint(0, 10), chance.randint(0, 75)]))
    if kind in _MOMENTS:
        return datetime.datetime(day.year, day.month, day.day, chance.randint(0, 23))
    first = {"month": {"day": 1}, "year": {"month": 1, "day": 1}}
    return day.replace(**first.get(kind, {}))
