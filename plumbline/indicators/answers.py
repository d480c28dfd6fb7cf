"""Answers to the questions of a run, kept from run to run: only periods that may differ are asked for again.

Schema `answers` of the warehouse has one table per question, as the compiled SQL gave it, and `basis`: what
the marts held then, and the digest of each question's SQL. An answer is a function of both. A change in the
code that computes answers, in the engine or in a definition makes the question new.
"""

from __future__ import annotations

import hashlib
import json
from calendar import monthrange
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from plumbline.compiler import compile
from plumbline.definitions import GRAINS
from plumbline.errors import DefinitionError
from plumbline.indicators.reach import FirstDays, Reaches
from plumbline.indicators.reads import ALWAYS, Reads, columns_read, joins_of, looking_on, reads_of
from plumbline.project import digest_of_code
from plumbline.warehouse import quoted
from plumbline.warehouse.contents import Contents, as_json, from_json
from plumbline.warehouse.sizes import MANY, name_of, sizes_of
from plumbline.warehouse.tables import database_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from plumbline.compiler.sizes import Sizes
    from plumbline.definitions import Definitions
    from plumbline.indicators.questions import Question
    from plumbline.project import Home

# The last day that may be asked for: a time range has an end, and MetricFlow's calendar has one, too.
_LAST = date(2040, 12, 31)
_NEWER = "temp.newer"
Columns = Mapping[str, frozenset[str]]
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_CODE = ("compiler", "definitions", "indicators", "warehouse")


@dataclass(frozen=True)
class Basis:
    """What the kept answers rest on; nothing when there are none."""

    marts: Contents = field(default_factory=dict)
    questions: Mapping[str, str] = field(default_factory=dict)
    first_days: Mapping[str, FirstDays] = field(default_factory=dict)
    columns: Mapping[str, Columns] = field(default_factory=dict)

    @classmethod
    def read(cls, con: DuckDBPyConnection) -> Basis:
        """Read the basis of the answers in the warehouse; answers of another engine do not count."""
        found = con.execute(
            "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database()"
            " AND schema_name = 'answers' AND table_name = 'basis'"
        ).fetchone()
        row = con.execute("SELECT record FROM answers.basis").fetchone() if found else None
        record = json.loads(row[0]) if row else {}
        marts = from_json(record)
        if marts is None:
            return cls()
        first_days, columns = record.get("first_days", {}), record.get("columns", {})
        return cls(marts, record["questions"], first_days, {name: _sets(c) for name, c in columns.items()})

    def columns_of(self, name: str, marts: Contents) -> Columns | None:
        """Give the columns that a question read, where the marts still have the columns that they had."""
        known = self.columns.get(name, {})
        same = all(mart in marts and marts[mart].columns == self.marts[mart].columns for mart in known)
        return known if known and same else None


@dataclass
class Answers:
    """Answers questions, from what is kept where that still holds; `begin` and `keep` enclose them."""

    con: DuckDBPyConnection
    definitions: Definitions
    home: Home
    marts: Contents
    full: bool = False
    asked: dict[str, str] = field(default_factory=dict)
    anew: dict[str, date | None] = field(default_factory=dict)
    _columns: dict[str, Columns] = field(default_factory=dict)
    _basis: Basis = field(default_factory=Basis)
    _reaches: Reaches = field(init=False)

    def begin(self) -> None:
        """Find out what is kept; a full run keeps nothing."""
        if self.full:
            self.con.execute("DROP SCHEMA IF EXISTS answers CASCADE")
        self._basis = basis = Basis.read(self.con)
        self._reaches = Reaches(self.con, self.marts, basis.marts, basis.first_days)
        self.con.execute("CREATE SCHEMA IF NOT EXISTS answers")

    def answer(self, question: Question) -> str:
        """Bring the kept answer up to date; gives the name of its table."""
        sql = compile(self.home.semantic_manifest, question.query, "duckdb", cache=self.home.compiled)
        self.asked[question.name] = _digest(question, sql)
        table = _table(question.name)
        self._learn(question)
        is_known = self._basis.questions.get(question.name) == self.asked[question.name]
        reads = self._reads(question, sql) if is_known else None
        since = self._changed_since(question, reads) if reads else ALWAYS
        self.anew[question.name] = since
        if since == ALWAYS or (since and reads and not self._replace_since(question, reads, since)):
            self.con.execute(f"CREATE OR REPLACE TABLE {table} AS {self._quickly(question.query)}")
            self.anew[question.name] = ALWAYS
        return table

    def keep(self) -> None:
        """Remember what the answers rest on, and forget those that nobody asks for any more."""
        rows = self.con.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
            " AND schema_name = 'answers' AND table_name <> 'basis'"
        ).fetchall()
        for (name,) in rows:
            if name not in self.asked:
                self.con.execute(f"DROP TABLE {_table(name)}")
        columns = {
            name: {mart: sorted(read) for mart, read in found.items()}
            for name, found in self._columns.items()
        }
        record = {
            **as_json(self.marts),
            "questions": self.asked,
            "first_days": self._reaches.now,
            "columns": columns,
        }
        self.con.execute(
            "CREATE OR REPLACE TABLE answers.basis AS SELECT ?::VARCHAR AS record", [json.dumps(record)]
        )

    def _quickly(self, query: Mapping[str, Any]) -> str:
        """Write SQL that makes use of how large the marts are; what is kept rests on that which does not."""
        manifest, compiled = self.home.semantic_manifest, self.home.compiled
        return compile(manifest, query, "duckdb", cache=compiled, sizes=self._sizes)

    @cached_property
    def _sizes(self) -> Sizes | None:
        """How large the marts are; None where finding that out takes longer than it saves."""
        rows = {name: content.whole.rows for name, content in self.marts.items()}
        if max(rows.values(), default=0) < MANY:
            return None
        return sizes_of(self.con, name_of(self.con, database_of(self.con), "marts", rows))

    def _reads(self, question: Question, sql: str) -> Reads | None:
        """Find what a question rests on; None when that cannot be told."""
        columns = self._basis.columns_of(question.name, self.marts) or columns_read(sql, self.marts)
        if columns is None:
            return None
        self._columns[question.name] = columns
        return reads_of(self.definitions, question, columns, self.marts)

    def _learn(self, question: Question) -> None:
        """Keep what the next run has to know of the ways of a question to other marts."""
        for join in sorted(joins_of(self.definitions, question) or ()):
            if join.is_dated(self.marts):
                self._reaches.learn(join)

    def _changed_since(self, question: Question, reads: Reads) -> date | None:
        since = reads.changed_since(self._reaches)
        if since is None or since == ALWAYS:
            return since
        return since if question.grain in GRAINS else ALWAYS

    def _replace_since(self, question: Question, reads: Reads, since: date) -> bool:
        """Ask for the periods from a day on, and put them in the place of those that are kept.

        Metrics that look on, like conversions, change earlier periods than the others do. In these only they
        are asked for.
        """
        assert question.time is not None
        assert reads.back is not None
        grain = question.time.grain
        first, near = _period(grain, since)[0], _period(grain, since + reads.back)[0]
        last = _period(grain, max(since, min(_LAST, reads.last_day(self.marts))))[1]
        try:
            if first < near and self._replace_looking_on(question, first, near, last):
                first = near
            return self._replace(question, first, last)
        except DefinitionError:
            # A range beyond what the compiler's calendar knows.
            return False

    def _replace(self, question: Question, first: date, last: date) -> bool:
        table, period = _table(question.name), _day_of(question)
        with self._newer(question, question.query, first, last):
            # In the same order, too: rows are inserted by position.
            same = list(self._described(table).items()) == list(self._described(_NEWER).items())
            if same:
                self.con.execute(f"DELETE FROM {table} WHERE {period} >= DATE '{first}'")
                self.con.execute(f"INSERT INTO {table} SELECT * FROM {_NEWER}")
            return same

    def _replace_looking_on(self, question: Question, first: date, near: date, last: date) -> bool:
        """Replace the figures of metrics that look on, in periods before `near`; False where rows differ.

        The other metrics have there the rows that they had. So where those of these metrics are all rows that
        are kept, no row has come and none has gone.
        """
        metrics = looking_on(self.definitions, question)
        if len(metrics) == len({*question.metrics, *question.extra}):
            return False
        keys = [item.column for item in question.group_by]
        with self._newer(question, {**question.query, "metrics": list(metrics)}, first, last):
            self.con.execute(f"DELETE FROM {_NEWER} WHERE {_day_of(question)} >= DATE '{near}'")
            same = self._has_rows_of_newer(question, [*keys, *metrics], keys, first, near)
            if same:
                figures = ", ".join(f"{quoted(name)} = newer.{quoted(name)}" for name in metrics)
                self.con.execute(
                    f"UPDATE {_table(question.name)} AS kept SET {figures} FROM {_NEWER} AS newer"
                    f" WHERE {_agree(keys)}"
                )
            return same

    def _has_rows_of_newer(
        self, question: Question, columns: list[str], keys: list[str], first: date, near: date
    ) -> bool:
        """Tell whether the rows that are kept of some periods are those of `newer`, of the same types."""
        table, period = _table(question.name), _day_of(question)
        types, newer = self._described(table), self._described(_NEWER)
        if any(types.get(name) != newer.get(name) for name in columns):
            return False
        listed = ", ".join(quoted(name) for name in keys)
        kept = f"SELECT {listed} FROM {table} WHERE {period} >= DATE '{first}' AND {period} < DATE '{near}'"
        row = self.con.execute(
            f"SELECT count(*) FROM (({kept} EXCEPT ALL SELECT {listed} FROM {_NEWER})"
            f" UNION ALL (SELECT {listed} FROM {_NEWER} EXCEPT ALL {kept}))"
        ).fetchone()
        return row == (0,)

    @contextmanager
    def _newer(self, question: Question, query: dict[str, Any], first: date, last: date) -> Iterator[None]:
        """Ask for some periods, into a table that is there within."""
        within = {**query, "time_constraint": [first.isoformat(), min(last, _LAST).isoformat()]}
        sql = self._quickly(within)
        self.con.execute(
            f"CREATE OR REPLACE TEMP TABLE newer AS SELECT * FROM ({sql})"
            f" WHERE {_day_of(question)} >= DATE '{first}'"
        )
        yield
        self.con.execute(f"DROP TABLE {_NEWER}")

    def _described(self, table: str) -> dict[str, str]:
        return {str(row[0]): str(row[1]) for row in self.con.execute(f"DESCRIBE {table}").fetchall()}


def _agree(keys: list[str]) -> str:
    return " AND ".join(f"kept.{quoted(name)} IS NOT DISTINCT FROM newer.{quoted(name)}" for name in keys)


def _day_of(question: Question) -> str:
    """Write the first day of a row's period."""
    assert question.time is not None
    return f"CAST({quoted(question.time.column)} AS DATE)"


def _sets(columns: Mapping[str, list[str]]) -> Columns:
    return {mart: frozenset(names) for mart, names in columns.items()}


def _table(name: str) -> str:
    return f"answers.{quoted(name)}"


def _period(grain: str, day: date) -> tuple[date, date]:
    """Give the first and the last day of the period that a day lies in."""
    if grain not in _MONTHS:
        days = 7 if grain == "week" else 1
        first = day - timedelta(days=day.weekday() if grain == "week" else 0)
        return first, date.fromordinal(min(first.toordinal() + days - 1, date.max.toordinal()))
    months = _MONTHS[grain]
    first = day.replace(month=(day.month - 1) // months * months + 1, day=1)
    month = first.month + months - 1
    return first, first.replace(month=month, day=monthrange(first.year, month)[1])


def _digest(question: Question, sql: str) -> str:
    """Digest the meaning of a question: its SQL, its columns, and the code behind them."""
    return hashlib.sha256(f"{digest_of_code(*_CODE)}\n{question}\n{sql}".encode()).hexdigest()
