"""What truly changes which figures: poison a column, build everything behind it anew, and compare.

The models and metrics of the project are carried out by DuckDB alone, from the SQL that lineage reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import duckdb

from plumbline.compiler import compile
from plumbline.definitions import load
from plumbline.errors import DefinitionError
from plumbline.lineage import ROWS, Cell, Part, read_lineage, read_relations
from plumbline.lineage.analyse import parsed, tables_in
from plumbline.lineage.relations import in_order
from plumbline.project import Home, Project

# What has landed, staging without the rows that it set aside, and the marts.
_LEVELS = ("landing_crm", "landing_erp", "landing_oa", "staging.stg_", "marts.")
_CALENDAR = "marts.time_spine_daily"
# One row in this many is poisoned.
_EVERY = 5


@dataclass(frozen=True)
class Poison:
    """A way to spoil a table; `parts` are those that it touches."""

    part: Part
    kind: str
    select: str


@dataclass
class Outcome:
    """What became of the cells after the trials of one part.

    `loosely_held` are those held where nobody looks whether the calendar is as it was. `by_rows` are those
    that change where rows are there twice: a check that finds a key twice cannot tell that from a wrong key.
    """

    part: Part
    held: set[Cell] = field(default_factory=set)
    loosely_held: set[Cell] = field(default_factory=set)
    changed: set[Cell] = field(default_factory=set)
    by_rows: set[Cell] = field(default_factory=set)
    missed: set[tuple[str, Cell]] = field(default_factory=set)

    @property
    def needless(self) -> set[Cell]:
        return self.held - self.changed - self.by_rows


class Company:
    """A company in memory, its lineage, and the answer to every question of it."""

    def __init__(self, project: Project, home: Home) -> None:
        self.lineage = read_lineage(project, home)
        relations = read_relations((home.target / "relations.json").read_text(encoding="utf-8"))
        statements = {item.name: parsed(item.sql) for item in relations if item.sql}
        self.reads = {name: tables_in(statement) for name, statement in statements.items()}
        self.made = [item for item in in_order(relations, self.reads) if item.sql]
        self.keys = {item.name: item.keys for item in relations}
        self.given = [item.name for item in relations if not item.sql]
        self.con = duckdb.connect(config={"threads": 1})
        self._copy(home, {item.name for item in relations})
        self.questions = dict(self._questions(project, home))
        self.contents = {name: self._digest(f"select * from {name}") for name in self.tables}
        self.answers = {cell: self._answers(cell) for cell in self.questions}
        self._twice: dict[str, set[Cell]] = {}

    @property
    def tables(self) -> list[str]:
        """Every table: those that are given, then those that are made, in order."""
        return [*self.given, *(item.name for item in self.made)]

    def _copy(self, home: Home, names: set[str]) -> None:
        self.con.execute("attach ':memory:' as warehouse; use warehouse")
        self.con.execute(f"attach '{home.warehouse}' as built (read_only)")
        for schema in sorted({name.partition(".")[0] for name in names}):
            self.con.execute(f"create schema if not exists {schema}")
        for name in self.given:
            self.con.execute(f"create table {name} as select * from built.{name}")
        self.con.execute("detach built")
        for item in self.made:
            self.con.execute(f"create table {item.name} as {item.sql}")

    def _questions(
        self, project: Project, home: Home
    ) -> Iterator[tuple[Cell, list[tuple[str, frozenset[str]]]]]:
        """The SQL of every cell, by month and as a whole, and the tables that it reads."""
        load(home.semantic_manifest, project.root)
        for cell in self.lineage.cells:
            metric, dimensions, where = cell
            asked = []
            for time in ([], ["metric_time__month"], ["metric_time__year"]):
                query = {"metrics": [metric], "group_by": [*time, *dimensions], "where": list(where)}
                try:
                    sql = compile(home.semantic_manifest, query, cache=home.compiled)
                except DefinitionError:
                    continue
                asked.append((sql, tables_in(parsed(sql))))
            yield cell, asked[:2]

    def _answers(self, cell: Cell) -> list[tuple[object, ...]]:
        return [self._digest(sql) for sql, _ in self.questions[cell]]

    def _digest(self, sql: str) -> tuple[object, ...]:
        found = self.con.execute(f"select count(*), sum(hash(line)) from ({sql}) as line").fetchone()
        assert found is not None
        return found

    def columns(self, table: str) -> dict[str, str]:
        described = self.con.execute(f"describe {table}").fetchall()
        return {row[0]: row[1] for row in described}

    def poisons(self, part: Part) -> Iterator[Poison]:
        """Other valid values, nothing, and garbage in a column; rows that are missing or there twice."""
        some = f"(select *, row_number() over () % {_EVERY} = 0 as is_poisoned from {part.table})"
        if part.column == ROWS:
            plain = f"select * exclude (is_poisoned) from {some}"
            yield Poison(part, "lost", f"{plain} where not is_poisoned")
            yield Poison(part, "doubled", f"{plain} union all {plain} where is_poisoned")
            return
        kind = self.columns(part.table)[part.column]
        for name, value in _values(f'"{part.column}"', kind):
            poisoned = f'case when is_poisoned then {value} else "{part.column}" end as "{part.column}"'
            yield Poison(part, name, f"select * exclude (is_poisoned) replace ({poisoned}) from {some}")

    def try_out(self, part: Part) -> Outcome:
        """Poison a part in every way, and compare what changes with what lineage says."""
        outcome = Outcome(part)
        for poison in self.poisons(part):
            self.con.execute("begin")
            try:
                self._try(poison, outcome)
            finally:
                self.con.execute("rollback")
        return outcome

    def _try(self, poison: Poison, outcome: Outcome) -> None:
        table = poison.part.table
        before = self._broken_keys(table)
        self.con.execute(f"create or replace table {table} as {poison.select}")
        if self._digest(f"select * from {table}") == self.contents[table]:
            return
        # The check of a key finds what is not unique any more: then rows are touched, too.
        guards = {Part(table, ROWS)} if self._broken_keys(table) > before else set()
        changed, found = self._rebuild(table)
        guards |= found
        if not guards and not poison.part.column.startswith("_") and poison.kind != "doubled":
            self._compare_forms(changed)
        touched = {poison.part} | guards
        settled = {_CALENDAR} - changed
        held = set(self.lineage.affected(touched, self.questions, settled))
        outcome.held |= held
        outcome.loosely_held |= set(self.lineage.affected(touched, self.questions))
        for cell in self.questions:
            if cell not in outcome.changed & held and self._has_changed(cell, changed):
                outcome.changed.add(cell)
                if cell not in held:
                    outcome.missed.add((poison.kind, cell))
        outcome.by_rows |= held & {cell for part in guards for cell in self._twice.get(part.table, ())}

    def know_twice(self, tables: Iterable[str]) -> None:
        """Find what changes where rows of these tables are there twice."""
        for table in tables:
            if table not in self._twice and self.keys.get(table):
                outcome = self.try_out(Part(table, ROWS))
                self._twice[table] = outcome.changed

    def _has_changed(self, cell: Cell, changed: set[str]) -> bool:
        return any(
            tables & changed and self._digest(sql) != answer
            for (sql, tables), answer in zip(self.questions[cell], self.answers[cell], strict=True)
        )

    def _rebuild(self, table: str) -> tuple[set[str], set[Part]]:
        """Build anew what reads a table that has changed; names what is another, and what its keys tell."""
        changed = {table}
        found: set[Part] = set()
        for item in self.made:
            if item.name == table or not self.reads[item.name] & changed:
                continue
            self.con.execute(f"create or replace table {item.name} as {item.sql}")
            if self._digest(f"select * from {item.name}") != self.contents[item.name]:
                changed.add(item.name)
                if self._broken_keys(item.name):
                    found.add(Part(item.name, ROWS))
        return changed, found

    def _compare_forms(self, changed: set[str]) -> None:
        """The statement of which lineage is read gives what the model gives, where no row is there twice."""
        for item in self.made:
            if item.same_as and self.reads[item.name] & changed:
                given = self._digest(f"select * from {item.name}")
                assert self._digest(item.same_as) == given, item.name

    def _broken_keys(self, table: str) -> int:
        broken = 0
        for key in self.keys.get(table, ()):
            columns = ", ".join(key)
            found = self.con.execute(
                f"select count(*) from (select {columns} from {table} group by all having count(*) > 1)"
            ).fetchone()
            broken += bool(found and found[0])
        return broken


def _values(column: str, kind: str) -> Iterator[tuple[str, str]]:
    yield "other", f"lag({column}, 7, {column}) over ()"
    yield "empty", "null"
    strange = {
        "VARCHAR": "'#?'",
        "DATE": "date '1931-05-05'",
        "TIMESTAMP": "timestamp '1931-05-05 05:05'",
        "BOOLEAN": f"not {column}",
    }
    yield "strange", f"cast({strange.get(kind, '-977')} as {kind})"


def parts_of(company: Company, tables: Iterable[str]) -> Iterator[Part]:
    """Give the rows and every column of tables."""
    for table in tables:
        yield Part(table, ROWS)
        for column in company.columns(table):
            yield Part(table, column)


def sample(company: Company, every: int) -> list[Part]:
    """Give one in so many parts of what has landed, of staging and of the marts."""
    tables = [name for name in company.tables if name.startswith(_LEVELS)]
    return list(parts_of(company, tables))[::every]


def needless_share(outcomes: Iterable[Outcome], level: str) -> tuple[int, float, float]:
    """Count the parts of a level, and give the share of needless holds; then with the calendar's.

    What landing itself notes of rows (`_load`, `_row_number`) nobody can deliver wrongly: it is left out.
    """
    found = [
        outcome
        for outcome in outcomes
        if outcome.part.table.startswith(level) and not outcome.part.column.startswith("_")
    ]
    changed = sum(len(outcome.held) - len(outcome.needless) for outcome in found)
    held = sum(len(outcome.held) for outcome in found)
    loosely = sum(len(outcome.loosely_held) for outcome in found)
    return len(found), 1 - changed / max(held, 1), 1 - changed / max(loosely, 1)
