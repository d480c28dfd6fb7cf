"""Show the old values of changed figures that wait for an approval, in the long table and the wide ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from plumbline.definitions import Definitions
from plumbline.gate.compare import BEFORE, same_figure
from plumbline.governance.trust import AWAITING
from plumbline.indicators.questions import Question, wide_question
from plumbline.indicators.tables import LONG_COLUMNS, VERDICT
from plumbline.indicators.targets import write_targets
from plumbline.warehouse import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_OWN = {"verdict", "reason", "held_since", "last_good", "target", "attainment", "light"}
Known = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class PuttingBack:
    """Puts back what waits in `temp.restated`; `known` are the tables of the publication before."""

    con: DuckDBPyConnection
    definitions: Definitions
    as_of: date
    known: Known

    def run(self, awaited: Collection[str]) -> None:
        """Put back the old values of metrics."""
        known = self.known
        self.con.execute(
            f"DELETE FROM candidates.indicator_value AS now USING temp.restated AS waits"
            f" WHERE waits.state = '{AWAITING}' AND {same_figure('waits', 'now')}"
        )
        shared = [name for name, _ in LONG_COLUMNS if name in known["indicator_value"] and name not in _OWN]
        self.con.execute(
            f"INSERT INTO candidates.indicator_value BY NAME SELECT"
            f" {', '.join(f'before.{name}' for name in shared)}, 'held' AS verdict, waits.reason,"
            f" waits.waits_since AS held_since, waits.last_good"
            f" FROM {BEFORE}.published.indicator_value AS before"
            f" INNER JOIN temp.restated AS waits ON {same_figure('waits', 'before')}"
            f" WHERE waits.state = '{AWAITING}'"
        )
        self._put_back_returned()
        for saved in self.definitions.saved_queries.values():
            question = wide_question(self.definitions, saved)
            if question.time and not question.where:
                waiting = [name for name in question.metrics if name in awaited]
                self._put_back_wide(question, waiting, known.get(question.name, {}))
        write_targets(self.con, self.definitions, self.as_of)

    def _put_back_returned(self) -> None:
        """Give what had been withdrawn its old values; how they were counted is not known any more."""
        keys = ("metric", "grain", "period_start", "period_end", "dimensions", "members")
        self.con.execute(
            "INSERT INTO candidates.indicator_value BY NAME"
            " WITH told AS (SELECT metric, max(unit) AS unit FROM candidates.indicator_value GROUP BY ALL)"
            f" SELECT {', '.join(f'waits.{key}' for key in keys)}, waits.old_value AS value, told.unit,"
            " false AS is_partial, ? AS as_of, 'held' AS verdict, waits.reason,"
            " waits.waits_since AS held_since, waits.last_good"
            " FROM temp.restated AS waits LEFT JOIN told ON told.metric = waits.metric"
            f" WHERE waits.state = '{AWAITING}' AND waits.is_returned AND waits.old_value IS NOT NULL",
            [self.as_of],
        )

    def _put_back_wide(self, question: Question, metrics: list[str], known: Mapping[str, str]) -> None:
        table, keys = f"candidates.{quoted(question.name)}", [item.published for item in question.group_by]
        if not metrics:
            return
        before = f"{BEFORE}.published.{quoted(question.name)}"
        joined = " AND ".join(f"now.{quoted(key)} IS NOT DISTINCT FROM before.{quoted(key)}" for key in keys)
        types = {str(row[0]): str(row[1]) for row in self.con.execute(f"DESCRIBE {table}").fetchall()}
        was_there = all(key in known for key in keys)
        if was_there:
            self._add_rows(question, metrics, table, before, joined, known)
        for name in metrics:
            if was_there:
                old = f"before.{quoted(name)}" if name in known else "waits.old_value"
                self.con.execute(
                    f"UPDATE {table} AS now SET {quoted(name)} = TRY_CAST({old} AS {types[name]}),"
                    f" {quoted(name + VERDICT)} = 'held'"
                    f" FROM {before} AS before, temp.restated AS waits"
                    f" WHERE {joined} AND {_waits(question, 'before')} AND waits.metric = ?",
                    [name],
                )
            # What came back from nothing is nothing until then, whether or not there was a row; a table that
            # was not published before has no row to put back.
            told = "waits.is_returned" if was_there else "true"
            self.con.execute(
                f"UPDATE {table} AS now SET {quoted(name)} = TRY_CAST(waits.old_value AS {types[name]}),"
                f" {quoted(name + VERDICT)} = 'held' FROM temp.restated AS waits"
                f" WHERE {_waits(question, 'now')} AND waits.metric = ? AND {told}",
                [name],
            )

    def _add_rows(
        self,
        question: Question,
        metrics: list[str],
        table: str,
        before: str,
        joined: str,
        known: Mapping[str, str],
    ) -> None:
        """Add the rows that are gone, and whose going waits."""
        marks = ["is_partial"] if "is_partial" in known else []
        taken = [f"before.{quoted(name)}" for name in (*(i.published for i in question.group_by), *marks)]
        taken += [f"'certified' AS {quoted(name + VERDICT)}" for name in question.metrics]
        self.con.execute(
            f"INSERT INTO {table} BY NAME SELECT DISTINCT {', '.join(taken)}"
            f" FROM {before} AS before INNER JOIN temp.restated AS waits ON {_waits(question, 'before')}"
            f" WHERE waits.metric IN ({', '.join('?' * len(metrics))})"
            f" AND NOT EXISTS (FROM {table} AS now WHERE {joined})",
            metrics,
        )


def _waits(question: Question, row: str) -> str:
    """Write that a row of a wide table is one of those that wait."""
    assert question.time is not None
    pairs = ", ".join(f"'{item.column}', {row}.{quoted(item.published)}" for item in question.dimensions)
    members = f"CAST(json_object({pairs}) AS VARCHAR)" if pairs else "''"
    dimensions = ",".join(item.column for item in question.dimensions)
    return (
        f"waits.state = '{AWAITING}' AND waits.grain = '{question.grain}'"
        f" AND waits.dimensions = '{dimensions}'"
        f" AND waits.period_start = {row}.{quoted(question.time.published)} AND waits.members = {members}"
    )
