"""What a figure rests on: tables and columns down to what landed, the extracts, and what the checks found."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from plumbline.audit.explain_figure import ALL, Key
from plumbline.definitions import Definitions
from plumbline.gate.decide import CERTIFIED, resting_on
from plumbline.lineage import EVERY, ROWS, Lineage, Part
from plumbline.quarantine.reasons import kind_in_sql, kind_of
from plumbline.serving.waivers import standing_waivers

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LANDING = "landing_"
LAYERS = ("marts", "intermediate", "staging", "landing", "other")
# Checks of which rows there are, though they name columns.
_OF_ROWS = ("uniqueness", "timeliness")
_FAILED = ("failed", "error")
# What is told beside failed checks of a figure that is certified: so the gate has found.
UNTOUCHED = "None of the rows that break a rule can have changed this figure."


@dataclass(frozen=True)
class LineageTable:
    """One table on the way to a figure: the columns that count, and the tables that it is made of.

    `every` tells that all of its columns count, because they are not known one by one.
    """

    layer: str
    table: str
    columns: tuple[str, ...]
    made_of: tuple[str, ...] = ()
    every: bool = False

    @property
    def name(self) -> str:
        """Name it without its layer: `order_lines`, `erp.product`."""
        schema, _, table = self.table.partition(".")
        return f"{schema.removeprefix(_LANDING)}.{table}" if self.layer == "landing" else table


@dataclass(frozen=True)
class Extract:
    """One load that a figure rests on; `recorded` is the number of its record in the ledger."""

    system: str
    table: str
    load: int
    source: str
    mode: str
    rows: int
    sha256: str
    as_of: str
    landed_at: str
    recorded: int | None = None


@dataclass(frozen=True)
class SetAside:
    """Where the landed rows of a source table went, and the commonest reasons for setting rows aside."""

    system: str
    table: str
    landed: int
    staged: int
    duplicates: int
    superseded: int
    quarantined: int
    reasons: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Check:
    """One expectation on what a figure rests on, and what it found; `waived` says who lets it through."""

    stage: str
    table: str
    columns: str
    severity: str
    dimension: str
    owner: str
    verdict: str
    expected: str
    message: str
    evaluated: int
    unexpected: int | None
    why: str
    todo: str
    examples: tuple[Mapping[str, Any], ...] = ()
    waived: str = ""

    @property
    def failed(self) -> bool:
        return self.verdict in _FAILED

    @property
    def count_as(self) -> str:
        """Say as what it is counted: a failed one that does not block is a warning, or was waived."""
        if not self.failed:
            return self.verdict
        return "waived" if self.waived else "failed" if self.severity == "critical" else "warned"


@dataclass(frozen=True)
class Origin:
    """Everything that a figure rests on; `unknown` says why its tables are not known."""

    tables: tuple[LineageTable, ...] = ()
    extracts: tuple[Extract, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    checks: tuple[Check, ...] = ()
    sources: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """Count the checks: passed, failed, warned, waived and skipped."""
        found = dict.fromkeys(("passed", "failed", "warned", "waived", "skipped"), 0)
        for check in self.checks:
            found[check.count_as] += 1
        return found

    @property
    def counted(self) -> str:
        """Write the counts: `70 passed, 0 failed, 0 warned, 2 skipped`; waived where one is."""
        told = ((name, count) for name, count in self.counts.items() if count or name != "waived")
        return ", ".join(f"{count:,} {name}" for name, count in told)

    def of(self, layer: str) -> tuple[LineageTable, ...]:
        """Give the tables of a layer."""
        return tuple(table for table in self.tables if table.layer == layer)


def trace(lineage: Lineage, key: Key) -> tuple[LineageTable, ...]:
    """Give the tables that a figure rests on, from the marts down to what landed."""
    columns: dict[str, set[str]] = {}
    for part in lineage.of_metric(key.metric, key.dimensions):
        columns.setdefault(part.table, set()).add(part.column)
    made_of: dict[str, set[str]] = {}
    for step in lineage.path(key.metric, key.dimensions):
        made_of.setdefault(step.part.table, set()).update(part.table for part in step.rests_on)
    found = [
        LineageTable(
            _layer(table),
            table,
            tuple(sorted(name for name in names if name not in (ROWS, EVERY) and name[0] != "_")),
            tuple(sorted(made_of.get(table, set()) - {table})),
            EVERY in names,
        )
        for table, names in columns.items()
    ]
    return tuple(sorted(found, key=lambda table: (LAYERS.index(table.layer), table.table)))


def _layer(table: str) -> str:
    schema = table.partition(".")[0]
    if schema.startswith(_LANDING) and schema != "landing_run":
        return "landing"
    return schema if schema in LAYERS else "other"


@dataclass(frozen=True)
class OriginReader:
    """Reads from one generation, attached as `warehouse`, what a figure of it rests on.

    `recorded` has the digest and the number of the record of every load in the ledger.
    """

    connection: DuckDBPyConnection
    definitions: Definitions
    key: Key
    run_id: str
    recorded: Mapping[int, tuple[str, int]] = field(default_factory=dict)

    def read(self, lineage: Lineage | None, unknown: str = "") -> Origin:
        """Read it all; without lineage, the sources are those of the definition, and no check counts."""
        tables = trace(lineage, self.key) if lineage else ()
        sources = tuple(_source(table.table) for table in tables if table.layer == "landing")
        sources = sources or self._declared()
        return Origin(
            tables,
            tuple(self._extracts(sources)),
            tuple(self._set_aside(sources)),
            tuple(self._checks(lineage.of_metric(self.key.metric, self.key.dimensions))) if lineage else (),
            sources,
            unknown,
        )

    def _declared(self) -> tuple[str, ...]:
        named = self.definitions.metrics[self.key.metric].governance.sources
        return tuple(
            dict.fromkeys(".".join(name.split(".")[:2]) for text in named for name in text.split("|"))
        )

    def _extracts(self, sources: Collection[str]) -> Iterator[Extract]:
        rows = self._rows("SELECT * FROM {}.extract WHERE is_current ORDER BY system, table_name, load")
        for row in rows:
            if f"{row['system']}.{row['table_name']}" in sources:
                digest, seq = self.recorded.get(row["load"], ("", None))
                yield Extract(
                    row["system"],
                    row["table_name"],
                    row["load"],
                    row["source"],
                    row["mode"],
                    row["rows"],
                    row["sha256"],
                    str(row["as_of"]),
                    f"{row['landed_at']:%Y-%m-%d %H:%M}",
                    seq if digest == row["sha256"] else None,
                )

    def _set_aside(self, sources: Collection[str]) -> Iterator[SetAside]:
        reasons = self._reasons()
        for row in self._rows("SELECT * FROM {}.reconciliation ORDER BY system, table_name"):
            name = (row["system"], row["table_name"])
            if ".".join(name) in sources:
                yield SetAside(
                    *name,
                    row["landed"],
                    row["staged"],
                    row["duplicates"],
                    row["superseded"],
                    row["quarantined"],
                    tuple(reasons.get(name, ())),
                )

    def _reasons(self) -> Mapping[tuple[str, str], list[tuple[str, int]]]:
        """Count the reasons; what they quote of the rows is left out where there are several."""
        found: dict[tuple[str, str], list[tuple[str, int]]] = {}
        rows = self._rows(
            "SELECT system, table_name, min(reason) AS reason, count(*) AS rows FROM {}.rejected_row"
            f" GROUP BY system, table_name, {kind_in_sql('reason')}"
            " ORDER BY count(*) DESC, 3"
        )
        for row in rows:
            reason = row["reason"] if row["rows"] == 1 else kind_of(row["reason"])
            found.setdefault((row["system"], row["table_name"]), []).append((reason, row["rows"]))
        return found

    def _checks(self, parts: Collection[Part]) -> Iterator[Check]:
        known = {(part.table.lower(), part.column.lower()) for part in parts}
        tables = {table for table, _ in known}
        for row in self._rows(
            "SELECT * FROM {}.quality_result WHERE run_id = ? ORDER BY stage, position", self.run_id
        ):
            if self._is_about(row, known, tables):
                check = _check(row)
                waived = self._waived.get(f"{check.table}: {check.expected}", "") if check.failed else ""
                yield replace(check, waived=waived)

    @cached_property
    def _waived(self) -> dict[str, str]:
        """Say who let which failed check through for this metric."""
        return {waiver.check: waiver.by for waiver in standing_waivers(self.connection, [self.key.metric])}

    def _is_about(
        self, row: Mapping[str, Any], known: Collection[tuple[str, str]], tables: Collection[str]
    ) -> bool:
        """Tell whether a check is about something that the figure rests on."""
        table = row["table_name"]
        if table.startswith("candidates."):
            return self._is_own(table.removeprefix("candidates.")) and not self._is_of_others(row)
        if row["quality_dimension"] in _OF_ROWS and table.lower() in tables:
            return True
        named = [(table, name) for name in (row["column_name"] or "").split(", ")]
        named += [_place(text) for text in (row["protects"] or "").split(", ") if text]
        return any(
            (where.lower(), column.lower()) in known
            or (not column and where.lower() in tables)
            or (where.lower(), EVERY) in known
            for where, column in named
        )

    def _is_own(self, candidate: str) -> bool:
        """Tell whether a candidate table holds this figure."""
        saved = self.definitions.saved_queries.get(candidate)
        if saved is None:
            return candidate == "indicator_value"
        dimensions = {item.column for item in saved.dimensions}
        grain = saved.time.grain if saved.time else ALL
        return self.key.metric in saved.metrics and (dimensions, grain) == (
            set(self.key.dimensions),
            self.key.grain,
        )

    def _is_of_others(self, row: Mapping[str, Any]) -> bool:
        """Tell whether figures broke a rule, and this one neither did nor rests on one that did."""
        if row["verdict"] not in _FAILED:
            return False
        if self._verdict == CERTIFIED:
            return True
        examples = json.loads(row["examples"] or "[]")
        named = {example.get("metric") for example in examples}
        if None in named or row["unexpected"] is None or len(examples) < row["unexpected"]:
            return False
        return self.key.metric not in resting_on(self.definitions, named)

    @cached_property
    def _verdict(self) -> str:
        """Give the verdict on the figure in the generation that it was made in."""
        return str((self.key.of(self.connection) or {}).get("verdict") or "")

    def _rows(self, sql: str, *given: object) -> list[dict[str, Any]]:
        """Read rows of a published table; none where the generation does not have it."""
        return read_rows(self.connection, sql.format("warehouse.published"), given)


def read_rows(connection: DuckDBPyConnection, sql: str, given: Sequence[object] = ()) -> list[dict[str, Any]]:
    """Read rows by the names of their columns; none where there is no such table."""
    import duckdb

    with suppress(duckdb.CatalogException):
        cursor = connection.execute(sql, list(given))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return []


def _check(row: Mapping[str, Any]) -> Check:
    return Check(
        row["stage"],
        row["table_name"],
        row["column_name"] or "",
        row["severity"],
        row["quality_dimension"],
        row["owner"],
        row["verdict"],
        row["expected"] or row["expectation"],
        row["message"] or "",
        row["evaluated"] or 0,
        row["unexpected"],
        row["why"] or "",
        row["todo"] or "",
        tuple(json.loads(row["examples"] or "[]")),
    )


def _source(table: str) -> str:
    """Name the source table behind a table of landing: `erp.product`."""
    return table.removeprefix(_LANDING)


def _place(text: str) -> tuple[str, str]:
    """Take `marts.orders.amount` apart into table and column."""
    schema, _, rest = text.strip().partition(".")
    table, _, column = rest.partition(".")
    return f"{schema}.{table}", column


def blocking(checks: Iterable[Check]) -> list[Check]:
    """Give the failed checks, critical ones first, and waived ones last."""
    order = ("failed", "warned", "waived")
    return sorted((check for check in checks if check.failed), key=lambda check: order.index(check.count_as))
