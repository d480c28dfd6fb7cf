"""The SQL that gives exactly one published figure, run against the marts that the figure was made of."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.audit.explain_figure import ALL, Figure, Key
from plumbline.compiler import compile, explain
from plumbline.definitions import METRIC_TIME, Definitions, GroupBy
from plumbline.indicators.tables import VALUE
from plumbline.publication.sql import identifier, literal

if TYPE_CHECKING:
    from plumbline.serving.reader import Source

_PARTS = ("value", "numerator", "denominator")


@dataclass(frozen=True)
class Calculation:
    """How a figure comes about, in words and SQL, and what that SQL gives when it is run again.

    `differences` says where the new result is not the published one, to the digit.
    """

    publication_id: str
    plan: str
    sql: str
    value: Decimal | None
    numerator: Decimal | None
    denominator: Decimal | None
    differences: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Tell whether the published figure came out again, to the digit."""
        return not self.differences


def calculate(source: Source, definitions: Definitions, key: Key, figure: Figure, cache: Path) -> Calculation:
    """Compile the figure for its period and members, run it, and compare it with what is published."""
    query = figure_query(definitions, key)
    sql = compile(source.manifest, query, "duckdb", cache=cache)
    names = dict(zip(_PARTS, query["metrics"], strict=False))
    found = _run(source, key, sql, names)
    differences = tuple(
        f"{part} is published as {exact(getattr(figure, part))} and comes out as {exact(found[part])}"
        for part in names
        if getattr(figure, part) != found[part]
    )
    return Calculation(
        source.publication.publication_id if source.publication else "",
        explain(source.manifest, query).plan,
        sql,
        found["value"],
        found.get("numerator"),
        found.get("denominator"),
        differences,
    )


def figure_query(definitions: Definitions, key: Key) -> dict[str, Any]:
    """Ask for one figure, and for numerator and denominator where they are published beside it."""
    metric = definitions.metrics[key.metric]
    plain = metric.type == "ratio" and all(item.plain for item in metric.inputs)
    parts = (metric.numerator, metric.denominator) if plain else ()
    time = [] if key.grain == ALL else [f"{METRIC_TIME}__{key.grain}"]
    query: dict[str, Any] = {
        "metrics": [key.metric, *filter(None, parts)],
        "group_by": [*time, *key.dimensions],
        "where": [_condition(definitions, item, member) for item, member in key.members],
    }
    if key.start and key.end:
        query["range"] = [key.start.isoformat(), key.end.isoformat()]
    return query


def exact(value: Decimal | None) -> str:
    """Write a figure with every digit that says something."""
    if value is None:
        return "nothing"
    whole, _, rest = f"{value:,f}".partition(".")
    rest = rest.rstrip("0")
    return f"{whole}.{rest}" if rest else whole


def _condition(definitions: Definitions, item: GroupBy, member: Any) -> str:
    """Write the condition that only one member meets."""
    if item.grain:
        name = f"{{{{ TimeDimension('{item.name}', '{item.grain}') }}}}"
    else:
        kind = "Dimension" if item.name in definitions.dimensions else "Entity"
        name = f"{{{{ {kind}('{item.name}') }}}}"
    if member is None:
        return f"{name} IS NULL"
    if isinstance(member, bool):
        return f"{name} = {str(member).upper()}"
    return f"{name} = {member if isinstance(member, int | float) else literal(str(member))}"


def _run(source: Source, key: Key, sql: str, names: dict[str, str]) -> dict[str, Decimal | None]:
    """Run the SQL; a period without rows gives nothing."""
    columns = ", ".join(f"TRY_CAST({identifier(name)} AS {VALUE}) AS {part}" for part, name in names.items())
    time = f"WHERE CAST({identifier(f'{METRIC_TIME}__{key.grain}')} AS DATE) = ?" if key.start else ""
    rows = source.connection.execute(
        f"SELECT {columns} FROM ({sql}) {time}", [key.start] if key.start else []
    ).fetchall()
    return dict(zip(names, rows[0], strict=True)) if len(rows) == 1 else dict.fromkeys(names)
