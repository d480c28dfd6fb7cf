"""What DuckDB answers, PostgreSQL answers, too: the project's own questions, and generated ones."""

import math
import random
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from plumbline.compiler import compile
from plumbline.definitions import Definitions
from plumbline.errors import PlumblineError
from tests.conformance.conftest import Company
from tests.conformance.engines import ONE_SERVER, DuckDB, Engine, Postgres, postgres
from tests.conformance.test_shipped_manifests import Manifest, plain, questions
from tests.conformance.test_shipped_manifests import shipped as shipped

pytestmark = ONE_SERVER
# DuckDB gives what lies between two decimals as many digits as they have; PostgreSQL gives all.
INTERPOLATED = {"median_booking_value", "booking_value_p99", "approximate_continuous_booking_value_p99"}


def rows(engine: Engine, manifest: Path, query: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    found = engine.rows(compile(manifest, query, engine.dialect))
    compared = [tuple(map(_compared, row)) for row in found]
    return sorted(compared, key=lambda row: [(item is None, str(item)) for item in row])


def _compared(value: Any) -> Any:
    """Bring a value into one form: DuckDB divides by 0, and cuts digits off decimals."""
    value = plain(value)
    if not isinstance(value, float) or isinstance(value, bool):
        return None if value == "nan" else value
    return round(value, 3) if math.isfinite(value) else None


# -- the project's definitions over marts with a few rows


def _value(chance: random.Random, kind: str) -> Any:
    if chance.random() < 0.1:
        return None
    day = {"year": 2024, "month": chance.randint(1, 6), "day": chance.randint(1, 28)}
    values = {
        "timestamp": datetime(**day, hour=chance.randint(0, 23)),
        "date": date(**day),
        "boolean": chance.random() < 0.5,
        "varchar": chance.choice("abc"),
        "decimal": chance.randint(-20, 300) / 4,
    }
    return values.get(kind.partition("(")[0], chance.randint(0, 4))


@pytest.fixture(scope="module")
def filled(target: Path, contracts: Mapping[str, Mapping[str, str]]) -> Iterator[Company]:
    chance = random.Random(1)
    built = Company(target, contracts)
    built.days("2023-01-01", "2024-06-30")
    for mart in sorted(contracts.keys() - {"time_spine_daily"}):
        columns = contracts[mart]
        made = [tuple(_value(chance, kind) for kind in columns.values()) for _ in range(30)]
        built.insert(mart, " ".join(columns), *made)
    yield built
    built.con.close()


@pytest.fixture(scope="module")
def engines(filled: Company, server: str) -> Iterator[tuple[DuckDB, Postgres]]:
    with postgres(server, filled.con, "warehouse") as copied:
        yield DuckDB(filled.con), copied


def test_every_metric_by_month(
    filled: Company, definitions: Definitions, engines: tuple[DuckDB, Postgres]
) -> None:
    for metric in definitions.metrics:
        query = {"metrics": [metric], "group_by": ["metric_time__month"]}
        one, other = (rows(engine, filled.manifest, query) for engine in engines)
        assert one == other, metric


def test_every_saved_query(
    filled: Company, definitions: Definitions, engines: tuple[DuckDB, Postgres]
) -> None:
    for name in definitions.saved_queries:
        one, other = (rows(engine, filled.manifest, {"saved_query": name}) for engine in engines)
        assert one == other, name


# -- the manifests that MetricFlow ships


def test_generated_questions(shipped: Manifest, server: str) -> None:
    asked = {"same": 0}

    @settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(questions(shipped))
    def compare(query: dict[str, Any]) -> None:
        if INTERPOLATED & set(query["metrics"]):
            return
        try:
            sql = compile(shipped.path, query, "postgres")
        except PlumblineError:
            return
        one, other = (rows(engine, shipped.path, query) for engine in engines)
        assert one == other, f"{query}\n{sql}"
        asked["same"] += 1

    with postgres(server, shipped.con, shipped.path.parent.name) as copied:
        engines = DuckDB(shipped.con), copied
        compare()
    assert asked["same"] >= 5
