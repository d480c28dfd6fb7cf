"""Wide tables: the verdict on each figure of each row, and last good figures in the place of held ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from plumbline.definitions import Definitions
from plumbline.gate.before import BEFORE, Before
from plumbline.gate.cells import cells_in
from plumbline.gate.decide import CERTIFIED, RANK, Decision, Ruling
from plumbline.indicators.questions import Question, wide_question
from plumbline.indicators.sight import EVER, Days
from plumbline.indicators.tables import INTERVALS, VERDICT
from plumbline.warehouse import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MARKS = ("is_partial", "partial_metrics")


def wide_questions(definitions: Definitions) -> Iterator[Question]:
    """Give the questions of the wide tables."""
    return (wide_question(definitions, saved) for saved in definitions.saved_queries.values())


def write_verdicts(con: DuckDBPyConnection, question: Question, decision: Decision) -> None:
    """Write the verdict beside each figure of a wide table that is not plainly certified."""
    ruled = _ruled(question, decision)
    if ruled:
        start = quoted(question.time.published) if question.time else ""
        sets = (
            f"{quoted(name + VERDICT)} = {_verdict(ruling, question, start)}"
            for name, ruling in ruled.items()
        )
        con.execute(f"UPDATE candidates.{quoted(question.name)} SET {', '.join(sets)}")


def hold_wide(con: DuckDBPyConnection, question: Question, decision: Decision, before: Before) -> None:
    """Put the last good cells of a wide table in the place of those that are held."""
    ruled = _ruled(question, decision)
    if not any(ruling.is_held for ruling in ruled.values()):
        return
    table = f"candidates.{quoted(question.name)}"
    types = {str(row[0]): str(row[1]) for row in con.execute(f"DESCRIBE {table}").fetchall()}
    keys = [item.published for item in question.group_by]
    known = before.columns.get(question.name, {})
    merging = _Merging(question, ruled, known if all(key in known for key in keys) else {})
    source = f"(SELECT *, true AS is_there FROM {table}) AS now"
    if merging.known:
        joined = " AND ".join(f"now.{quoted(key)} IS NOT DISTINCT FROM before.{quoted(key)}" for key in keys)
        source += f" FULL JOIN {BEFORE}.published.{quoted(question.name)} AS before ON {joined or 'true'}"
    columns = [merging.column(name, kind) for name, kind in types.items()]
    order = ", ".join(f"{quoted(key)} NULLS LAST" for key in keys)
    con.execute(
        f"CREATE OR REPLACE TABLE {table} AS SELECT {', '.join(columns)} FROM {source}"
        f" WHERE {' OR '.join(merging.present())}" + (f" ORDER BY {order}" if order else "")
    )


@dataclass(frozen=True)
class _Merging:
    """Writes the columns of a wide table `now`, joined with it as it was `before`, with columns `known`."""

    question: Question
    ruled: Mapping[str, Ruling]
    known: Mapping[str, str]

    @property
    def start(self) -> str:
        """The beginning of the period of a row; '' where the table has no periods."""
        return self._shared(self.question.time.published) if self.question.time else ""

    def present(self) -> list[str]:
        """Tell which rows there are: those of now, and those that have a held figure."""
        there = [name for name, ruling in self.ruled.items() if ruling.is_held and name in self.known]
        return [
            "now.is_there",
            *(f"({self._held(name)} AND before.{quoted(name)} IS NOT NULL)" for name in there),
        ]

    def column(self, name: str, kind: str) -> str:
        """Write one column."""
        return f"{self._value(name, kind)} AS {quoted(name)}"

    def _value(self, name: str, kind: str) -> str:
        if name in self.ruled and self.ruled[name].is_held:
            then = (
                f"TRY_CAST(before.{quoted(name)} AS {kind})"
                if name in self.known
                else f"CAST(NULL AS {kind})"
            )
            return f"CASE WHEN {self._held(name)} THEN {then} ELSE now.{quoted(name)} END"
        if name.endswith(VERDICT):
            ruling = self.ruled.get(name.removesuffix(VERDICT))
            return _verdict(ruling, self.question, self.start) if ruling else _text(CERTIFIED)
        if name == "partial_metrics" and name in self.known:
            return self._partial_metrics()
        return self._shared(name) if name in (*self._keys, *_MARKS) else f"now.{quoted(name)}"

    @property
    def _keys(self) -> list[str]:
        return [item.published for item in self.question.group_by]

    def _shared(self, name: str) -> str:
        now, before = f"now.{quoted(name)}", f"before.{quoted(name)}"
        return f"coalesce({now}, {before})" if name in self.known else now

    def _held(self, name: str) -> str:
        """Tell of a row whether a figure is held; one that is of no period is."""
        ruling = self.ruled[name]
        if not self.start or not ruling.parts:
            return "true"
        return f"coalesce({_in_period(ruling.held_days, self.start, self.question.grain)}, true)"

    def _partial_metrics(self) -> str:
        """Name what is partial now, except what is held, of which that counts which was partial then."""
        held = [name for name, ruling in self.ruled.items() if ruling.is_held]
        names = f"[{', '.join(f'CASE WHEN {self._held(name)} THEN {_text(name)} END' for name in held)}]"
        now = f"list_filter({_named('now')}, lambda each: NOT list_contains({names}, each))"
        then = f"list_filter({_named('before')}, lambda each: list_contains({names}, each))"
        return f"nullif(array_to_string(list_filter({now} || {then}, lambda each: each <> ''), ', '), '')"


def _ruled(question: Question, decision: Decision) -> dict[str, Ruling]:
    return {cell.metric: decision.rulings[cell] for cell in cells_in(question) if cell in decision.rulings}


def _verdict(ruling: Ruling, question: Question, start: str) -> str:
    """Write the verdict on a figure of a row whose period begins at `start`."""
    if not start or not ruling.parts:
        return _text(ruling.verdict)
    # The worst first: a period may lie on both sides of where a check begins to count.
    cases = [
        f" WHEN {_in_period(part.days, start, question.grain)} THEN {_text(part.verdict)}"
        for part in sorted(ruling.parts, key=lambda part: RANK.index(part.verdict))
    ]
    return (
        f"CASE WHEN {start} IS NULL THEN {_text(ruling.verdict)}{''.join(cases)} ELSE {_text(CERTIFIED)} END"
    )


def _in_period(days: Days, start: str, grain: str) -> str:
    """Write whether the period that begins at `start` has one of these days."""
    if days == EVER or grain not in INTERVALS:
        return "true"
    end = f"{start} + INTERVAL {INTERVALS[grain]} - INTERVAL 1 DAY"
    return f"({' OR '.join(_overlaps(first, last, start, end) for first, last in days) or 'false'})"


def _overlaps(first: date, last: date, start: str, end: str) -> str:
    bounds = [] if first == date.min else [f"{end} >= DATE '{first}'"]
    bounds += [] if last == date.max else [f"{start} <= DATE '{last}'"]
    return f"({' AND '.join(bounds) or 'true'})"


def _named(row: str) -> str:
    return f"string_split(coalesce({row}.partial_metrics, ''), ', ')"


def _text(value: str) -> str:
    return f"'{value.replace(chr(39), chr(39) * 2)}'"
