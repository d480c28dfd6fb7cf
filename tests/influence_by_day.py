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
from plumbline.lineage import Part, read_relations
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

    def try_days(self, part: Part, seed: int = 0) -> Held:
        """Change a column in a few rows in every way, and compare the periods that change with those held."""
        held = Held()
        chosen = random.Random(f"{part} {seed}")
        (count,) = self.con.execute(f"select count(*) from {part.table}").fetchone()
        rows = sorted(chosen.sample(range(count), min(_ROWS, count)))
        kind = self.columns(part.table)[part.column]
        own = f'"{part.column}"'
        for name, value in _values(own, kind):
            if name == "other":
                value = f"(select {own} from {part.table} order by hash({own}) limit 1)"
            self.con.execute("begin")
            try:
                self._change(part, name, value, rows, held)
            finally:
                self.con.execute("rollback")
        return held

    def _change(self, part: Part, name: str, value: str, rows: list[int], held: Held) -> None:
        where = f"rowid in ({', '.join(map(str, rows)) or 'null'})"
        before = self._broken_keys(part.table)
        self.con.execute(f'update {part.table} set "{part.column}" = {value} where {where}')
        if self._digest(f"select * from {part.table}") == self.contents[part.table]:
            return
        if self._broken_keys(part.table) > before:
            return  # the check of the key finds it
        changed, guards = self._rebuild(part.table)
        if guards:
            return
        check = failed_on(part, where, len(rows))
        dating = Dating(self.con, self.definitions, self.lineage, lambda: self.relations)
        settled = {_CALENDAR} - changed
        for cell in self.lineage.affected({part}, self.questions, settled):
            days = dating.days(check, Cell(*cell))
            for (asked, grain), (sql, tables) in self._asked(cell):
                now = self._periods(sql) if tables & changed else self.figures[asked, grain]
                self._count(name, asked, grain, days, now, held)

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
