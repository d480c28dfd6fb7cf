"""In which periods wrong cells of known rows truly change figures, beside what the gate would hold back."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from plumbline.compiler import compile
from plumbline.definitions import load
from plumbline.errors import DefinitionError
from plumbline.gate import Cell, Dating
from plumbline.indicators.sight import EVER, meet
from plumbline.lineage import Part, Relation, read_relations
from plumbline.lineage.analyse import parsed, tables_in
from plumbline.project import Home, Project
from plumbline.quality import CheckResult
from plumbline.serving.periods import last_day
from tests.influence import _CALENDAR, Company, _values

# A cell by a grain; its SQL, and the tables that it reads.
_Asked = tuple[Cell, str]
_Read = tuple[str, frozenset[str]]
# How many rows a check names.
_ROWS = 2


@dataclass
class Held:
    """Figures of one metric, breakdown and period each: how many are held, and how many truly changed."""

    whole: int = 0
    dated: int = 0
    changed: int = 0
    missed: set[tuple[object, ...]] = field(default_factory=set)


class DatedCompany(Company):
    """A company whose figures are compared period by period."""

    def __init__(self, project: Project, home: Home, grains: tuple[str, ...] = ("month", "week")) -> None:
        super().__init__(project, home)
        self.definitions = load(home.semantic_manifest, project.root)
        self.relations = read_relations((home.target / "relations.json").read_text(encoding="utf-8"))
        self.by_period = dict(self._by_period(home, grains))
        self.figures = {asked: self._periods(sql) for asked, (sql, _) in self.by_period.items()}

    def _by_period(self, home: Home, grains: tuple[str, ...]) -> Iterator[tuple[_Asked, _Read]]:
        for cell in self.questions:
            for grain in grains:
                query = {
                    "metrics": [cell[0]],
                    "group_by": [f"metric_time__{grain}", *cell[1]],
                    "where": list(cell[2]),
                }
                try:
                    sql = compile(home.semantic_manifest, query, cache=home.compiled)
                except DefinitionError:
                    continue
                yield (cell, grain), (_by_time(sql, grain), tables_in(parsed(sql)))

    def _periods(self, sql: str) -> Mapping[object, tuple[object, ...]]:
        return {period: tuple(found) for period, *found in self.con.execute(sql).fetchall()}

    def try_days(self, part: Part) -> Held:
        """Change a column in a few rows in every way, and compare the periods that change with those held."""
        held = Held()
        rows = self._some(part)
        for name, value in self._others(part):
            self.con.execute("begin")
            try:
                self._change(part, name, value, rows, held)
            finally:
                self.con.execute("rollback")
        return held

    def _change(self, part: Part, name: str, value: str, where: str, held: Held) -> None:
        before = self._broken_keys(part.table)
        (count,) = self.con.execute(f"select count(*) from {part.table} where {where}").fetchone()
        self.con.execute(f'update {part.table} set "{part.column}" = {value} where {where}')
        if self._digest(f"select * from {part.table}") == self.contents[part.table]:
            return
        if self._broken_keys(part.table) > before:
            return  # the check of the key finds it
        changed, guards = self._rebuild(part.table)
        if not guards:
            self._compare(name, part, where, count, changed, held)

    def _compare(self, name: str, part: Part, where: str, count: int, changed: set[str], held: Held) -> None:
        check = failed_on(part, where, count)
        dating = Dating(self.con, self.definitions, self.lineage, lambda: self.relations)
        for cell in self.lineage.affected({part}, self.questions, {_CALENDAR} - changed):
            days = dating.days(check, Cell(*cell))
            for (asked, grain), (sql, tables) in self._asked(cell):
                now = self._periods(sql) if tables & changed else self.figures[asked, grain]
                self._count(name, asked, grain, days, now, held)

    def try_cause(self, part: Part) -> Held:
        """Change a column in a few rows, and let checks of the tables made of it name the rows that differ.

        Of these rows a check knows one column, and others may be wrong for the same cause.
        """
        held = Held()
        rows = self._some(part)
        for name, value in self._others(part):
            for made in self.made:
                if part.table in self.reads[made.name] and self.keys.get(made.name):
                    self._check_made(part, name, value, rows, made, held)
        return held

    def _check_made(self, part: Part, name: str, value: str, rows: str, made: Relation, held: Held) -> None:
        (key, *_), *_ = self.keys[made.name]
        self.con.execute("begin")
        try:
            self.con.execute(f'update {part.table} set "{part.column}" = {value} where {rows}')
            wrong = self.con.sql(made.sql).to_arrow_table()
        finally:
            self.con.execute("rollback")
        self.con.register("wrong_rows", wrong)
        differing = {
            column: self.con.execute(
                f"select {key} from {made.name} as one join wrong_rows as other using ({key})"
                f' where one."{column}" is distinct from other."{column}" and {key} is not null'
            ).fetchall()
            for column in self.columns(made.name)
            if column != key
        }
        (same,) = self.con.execute(
            f"select count(*) from {made.name} full join wrong_rows using ({key})"
        ).fetchone()
        if same == self.contents[made.name][0] and any(differing.values()):
            self.con.execute("begin")
            try:
                self._compare_made(part, name, made, key, differing, held)
            finally:
                self.con.execute("rollback")

    def _compare_made(
        self, part: Part, name: str, made: Relation, key: str, differing: Mapping[str, list], held: Held
    ) -> None:
        self.con.execute(f"create or replace table {made.name} as select * from wrong_rows")
        changed, _ = self._rebuild(made.name)
        for column, keys in differing.items():
            if keys:
                named = ", ".join("'" + str(value).replace("'", "''") + "'" for (value,) in keys)
                where = f"{key} in ({named})"
                self._compare(f"{part} {name}", Part(made.name, column), where, len(keys), changed, held)

    def _some(self, part: Part) -> str:
        (count,) = self.con.execute(f"select count(*) from {part.table}").fetchone()
        rows = sorted(random.Random(str(part)).sample(range(count), min(_ROWS, count)))
        return f"rowid in ({', '.join(map(str, rows)) or 'null'})"

    def _others(self, part: Part) -> Iterator[tuple[str, str]]:
        own, kind = f'"{part.column}"', self.columns(part.table)[part.column]
        for name, value in _values(own, kind):
            some = f"(select {own} from {part.table} order by hash({own}) limit 1)"
            yield name, some if name == "other" else value

    def _asked(self, cell: Cell) -> Iterator[tuple[_Asked, _Read]]:
        return ((asked, found) for asked, found in self.by_period.items() if asked[0] == cell)

    def _count(self, name: str, cell: Cell, grain: str, days, now, held: Held) -> None:
        before = self.figures[cell, grain]
        for period in before.keys() | now.keys():
            is_held = days == EVER or period is None or meet(days, (_span(period, grain),))
            held.whole += 1
            held.dated += is_held
            if before.get(period) != now.get(period):
                held.changed += 1
                if not is_held:
                    held.missed.add((name, cell, grain, str(period), days))


def _by_time(sql: str, grain: str) -> str:
    return (
        f"select metric_time__{grain}::date as period, count(*), sum(hash(line))"
        f" from ({sql}) as line group by 1"
    )


def _span(period: date, grain: str) -> tuple[date, date]:
    return period, last_day(period, grain) if grain != "day" else period


def failed_on(part: Part, where: str, rows: int) -> CheckResult:
    """A check that names exactly these rows."""
    return CheckResult(
        "marts",
        part.table,
        part.column,
        "",
        "critical",
        "",
        "",
        "failed",
        unexpected=rows,
        touches=((part.table, part.column),),
        broken=where,
    )


def parts_with_rows(company: Company, levels: tuple[str, ...], every: int) -> list[Part]:
    """Give one in so many columns of tables that have rows."""
    tables = [name for name in company.tables if name.startswith(levels)]
    parts = [
        Part(table, column)
        for table in tables
        if company.contents[table][0]
        for column in company.columns(table)
    ]
    return parts[::every]
