"""The compiler answers what MetricFlow would answer, for every metric of the project, on rows with traps."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plumbline.definitions import Definitions
from plumbline.errors import DefinitionError
from tests.conformance.conftest import Company
from tests.oracle import MetricFlow

DAYS = [
    f"{year}-{month:02}-{day:02}"
    for year, month in [(2023, 1), (2023, 3), (2023, 12), (2024, 2)]
    for day in (1, 14, 28)
]
BY = (
    "metric_time__month",
    "metric_time__year",
    "metric_time__month product__category",
    "metric_time__quarter territory__name",
)
# MetricFlow shows the value of the last day on which the window had rows, however long ago.
WINDOWS = {"net_sales_mtd", "net_sales_qtd", "net_sales_trailing_28_days", "active_customers_90_days"}


@pytest.fixture(scope="module")
def busy(target: Path, contracts: Any) -> Iterator[Company]:
    """Every mart with rows of all sorts: a third of the keys empty, some that lead nowhere."""
    company = Company(target, contracts)
    chance = random.Random(7)
    company.days("2023-01-01", "2024-03-15")
    for mart, columns in contracts.items():
        if mart != "time_spine_daily":
            rows = [
                tuple(_value(name, kind, number, chance) for name, kind in columns.items())
                for number in range(40)
            ]
            company.insert(mart, " ".join(columns), *rows)
    yield company
    company.con.close()


def _value(name: str, kind: str, number: int, chance: random.Random) -> Any:
    if number == 0 and name.endswith("_id"):
        return 0
    if kind == "date":
        return chance.choice(DAYS)
    if kind == "timestamp":
        return f"{chance.choice(DAYS)} 08:00:00"
    if kind == "boolean":
        return chance.random() < 0.5
    if kind == "varchar":
        return f"{name}-{number if name.endswith('_id') else chance.randint(1, 3)}"
    if name.endswith("_id"):
        return chance.choice([number, chance.randint(1, 6), None])
    if name.startswith(("is_", "has_")):
        return chance.randint(0, 1)
    return chance.choice([chance.randint(-5, 50), 0, None])


def agree(metric: str, ours: list[tuple[Any, ...]], theirs: list[tuple[Any, ...]]) -> bool:
    """Compare two answers, but for the known differences."""
    if metric in WINDOWS:
        return set(ours) <= set(theirs)
    return ours == theirs


@pytest.fixture(scope="module")
def oracle(target: Path) -> MetricFlow:
    return MetricFlow.of(target / "semantic_manifest.json")


@pytest.mark.parametrize("by", BY)
def test_the_answer_is_that_of_metricflow(
    busy: Company, definitions: Definitions, oracle: MetricFlow, by: str
) -> None:
    compared, different = 0, []
    for metric in definitions.metrics.values():
        try:
            ours = busy.query(metric.name, by)
        except DefinitionError:
            continue
        theirs = busy.sql(oracle.sql({"metrics": [metric.name], "group_by": by.split()}))
        compared += 1
        if not agree(metric.name, ours, theirs):
            different.append(metric.name)
    assert different == []
    assert compared >= 60


@pytest.mark.parametrize("grain", ["month", "quarter"])
def test_a_time_range_is_the_whole_answer_cut(busy: Company, definitions: Definitions, grain: str) -> None:
    """Whatever a range spares the engine from reading, shifts and running totals see what they need."""
    by, different, compared = f"metric_time__{grain}", [], 0
    for metric in definitions.metrics:
        try:
            whole = busy.query(metric, by)
        except DefinitionError:
            continue
        part = busy.query(metric, by, time_constraint=["2023-10-01", "2024-03-31"])
        compared += 1
        if part != [row for row in whole if row[0] and "2023-10-01" <= row[0] <= "2024-03-31"]:
            different.append(metric)
    assert different == []
    assert compared >= 150
