"""Wrong cells in one SELECT: what its rows carry of them through joins, groups and windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlglot import exp

from plumbline.lineage.expressions import conjuncts, is_ordered, maybe_aggregates, multiplies
from plumbline.lineage.functions import follows_row_order
from plumbline.lineage.traced import (
    CLEAN,
    NOT_UNDERSTOOD,
    NotUnderstood,
    Traced,
    column_names,
    in_all,
    refuse,
)

_CLAUSES = ("where", "group", "having", "qualify", "order", "distinct")


# A column of one of the sources of a SELECT, by the name of the source.
Place = tuple[str, str]
Values = dict[Place, exp.Expr]


class Queries(Protocol):
    """Follows wrong cells through whatever a SELECT reads; see plumbline.lineage.tracing."""

    def query(self, node: exp.Expr, ctes: Mapping[str, Traced]) -> Traced:
        """Follow them through a query."""

    def named(self, table: exp.Table, ctes: Mapping[str, Traced]) -> Traced:
        """Give what a name in FROM stands for."""

    def is_clean(self, node: exp.Expr, ctes: Mapping[str, Traced]) -> bool:
        """Tell whether no table that is named anywhere within has wrong cells."""


@dataclass
class _Source:
    """One source of a SELECT: its name, what is wrong in it, and the join that adds it."""

    alias: str
    traced: Traced
    join: exp.Join | None

    @property
    def side(self) -> str:
        return (self.join.side or "").upper() if self.join else ""

    @property
    def is_exact(self) -> bool:
        """Whether rows of the answer have the values of this source, and of no other row of it."""
        if self.join is None:
            return True
        kind, method = (self.join.kind or "").upper(), str(self.join.args.get("method") or "").upper()
        return self.side == "" and kind in ("", "INNER", "CROSS") and not method

    def equals(self) -> Iterator[tuple[Place, Place]]:
        """Give the columns that must be equal for a row of this source to be joined."""
        return _equal_places(self.join.args.get("on") if self.join else None)


class Select:
    """Follows wrong cells through one SELECT whose columns are qualified."""

    def __init__(self, queries: Queries, node: exp.Select, ctes: Mapping[str, Traced]) -> None:
        refuse(node, NOT_UNDERSTOOD)
        self.queries, self.node, self.ctes = queries, node, ctes
        self.sources: list[_Source] = []
        self.outputs: list[tuple[str, exp.Expr]] = [
            (item.alias_or_name.lower(), item.unalias()) for item in node.expressions
        ]
        self.aliases = {
            name: value
            for name, value in self.outputs
            if not (isinstance(value, exp.Column) and value.name.lower() == name)
        }
        for join in (None, *(node.args.get("joins") or [])):
            clause = node.args.get("from_") if join is None else join
            if clause is not None:
                self._add(clause.this, join)

    def _add(self, item: exp.Expr, join: exp.Join | None) -> None:
        refuse(item, ("pivots", "sample", "joins", "laterals", "when", "version"))
        traced = CLEAN
        if isinstance(item, exp.Table) and not isinstance(item.this, exp.Func):
            traced = self.queries.named(item, self.ctes).renamed(column_names(item))
        else:
            is_query = isinstance(item, exp.Subquery)
            if self._has_wrong(item) or not (is_query or self.queries.is_clean(item, self.ctes)):
                raise NotUnderstood("rows that are made of wrong cells")
            if is_query:
                traced = self.queries.query(item, self.ctes).renamed(column_names(item))
        self.sources.append(_Source(item.alias_or_name.lower(), traced, join))

    def traced(self) -> Traced:
        """Give what becomes of the wrong cells in its answer."""
        clauses = [clause for name in _CLAUSES if (clause := self.node.args.get(name)) is not None]
        conditions = [on for source in self.sources if source.join and (on := source.join.args.get("on"))]
        everything = [*self.node.expressions, *clauses, *conditions]
        for part in everything:
            self._look_within(part)
        if self._is_unordered(everything) and not all(source.traced.is_clean for source in self.sources):
            raise NotUnderstood("what depends on the order in which rows come")
        active = [source for source in self.sources if self._is_active(source, everything)]
        if not active:
            return Traced(dict.fromkeys((name for name, _ in self.outputs), False))
        if any(source.side in ("RIGHT", "FULL") or _is_odd(source) for source in self.sources):
            raise NotUnderstood("a join that may lose rows on both sides")
        if any(multiplies(value) for _, value in self.outputs):
            raise NotUnderstood("a projection that makes several rows of one")
        rows = any(source.traced.rows for source in active)
        rows |= any(map(self._has_wrong, (*conditions, *self._of("where"))))
        return self._shaped(rows, in_all([self._carried(source) for source in active]))

    def _is_unordered(self, parts: list[exp.Expr]) -> bool:
        functions = (function for part in parts for function in part.find_all(exp.Func))
        return any(follows_row_order(function) and not is_ordered(function) for function in functions)

    def _of(self, name: str) -> list[exp.Expr]:
        found = self.node.args.get(name)
        return [] if found is None else [found]

    def _look_within(self, part: exp.Expr) -> None:
        """A query within an expression must have nothing wrong in it."""
        for inner in part.find_all(exp.Query):
            if not self.queries.query(inner, self.ctes).is_clean:
                raise NotUnderstood("a query within an expression")

    def _is_active(self, source: _Source, parts: list[exp.Expr]) -> bool:
        if source.traced.rows:
            return True
        return any(
            column.table.lower() in (source.alias, "")
            and source.traced.columns.get(column.name.lower(), False)
            for part in parts
            for column in part.find_all(exp.Column)
        )

    # What is wrong

    def _has_wrong(self, part: exp.Expr) -> bool:
        return any(map(self._is_wrong, part.find_all(exp.Column)))

    def _is_wrong(self, column: exp.Column) -> bool:
        name = column.name.lower()
        if not column.table and name in self.aliases:
            return self._has_wrong(self.aliases[name])
        if not column.table and any(source.alias == name for source in self.sources):
            raise NotUnderstood("a row as a whole")
        for source in self.sources:
            if column.table.lower() in (source.alias, ""):
                if source.traced.columns and column.table and name not in source.traced.columns:
                    raise NotUnderstood("a column that is not known")
                if source.traced.columns.get(name, False):
                    return True
        return False

    # What rows carry

    def _carried(self, source: _Source) -> Values:
        """Give what rows carry that differ because of one source."""
        own: Values = {(source.alias, name): value for name, value in source.traced.carried.items()}
        found = dict(own) if source.is_exact else {}
        for one, other in source.equals():
            # A row is joined to another row of the source only if these are equal, be it lost or found.
            for mine, theirs in ((one, other), (other, one)):
                if mine in own and theirs[0] != source.alias:
                    found.setdefault(theirs, own[mine])
        pairs = [pair for each in self.sources if each.is_exact for pair in each.equals()]
        pairs += _equal_places(self.node.args.get("where"))
        for _ in pairs:
            for one, other in pairs:
                for known, equal in ((one, other), (other, one)):
                    if known in found:
                        found.setdefault(equal, found[known])
        return found

    def _shaped(self, rows: bool, carried: Values) -> Traced:
        """Go on through groups, windows, and what is made distinct."""
        group, keys = self.node.args.get("group"), self._keys()
        together = any(maybe_aggregates(value) for _, value in self.outputs) or any(
            maybe_aggregates(clause) for name in ("having", "qualify", "order") for clause in self._of(name)
        )
        columns = {name: self._differs(value, rows) for name, value in self.outputs}
        carried, around = self._looked_around(rows, carried)
        if group is not None and around:
            raise NotUnderstood("windows over groups")
        if group is not None:
            rows = rows or any(map(self._has_wrong, (*keys, *self._of("having"))))
        elif together:
            carried, rows = {}, rows or any(map(self._has_wrong, self._of("having")))
        rows = rows or (around and bool(self._of("qualify")))
        rows = rows or any(map(self._has_wrong, self._of("qualify")))
        if distinct := self.node.args.get("distinct"):
            carried = self._distinct(distinct, rows, carried)
            rows = rows or any(map(self._has_wrong, (*self.node.expressions, distinct, *self._of("order"))))
        told = {
            name: kept
            for name, value in self.outputs
            if (kept := _kept(value, carried)) is not None
            and (group is None or value in keys or value.find(exp.Column) in keys)
        }
        return Traced(columns, rows, told)

    def _differs(self, value: exp.Expr, rows: bool) -> bool:
        return self._has_wrong(value) or (
            rows and (maybe_aggregates(value) or value.find(exp.Window) is not None)
        )

    def _keys(self) -> list[exp.Expr]:
        """Give the expressions that rows are grouped by."""
        group = self.node.args.get("group")
        if group is None:
            return []
        refuse(group, ("grouping_sets", "cube", "rollup", "totals"))
        if group.args.get("all"):
            return [value for _, value in self.outputs if not maybe_aggregates(value)]
        return [self._meant(item) for item in group.expressions]

    def _meant(self, item: exp.Expr) -> exp.Expr:
        if isinstance(item, exp.Literal) and item.is_int:
            return self.outputs[int(item.name) - 1][1]
        if isinstance(item, exp.Column) and not item.table:
            return dict(self.outputs).get(item.name.lower(), item)
        return item

    def _looked_around(self, rows: bool, carried: Values) -> tuple[Values, bool]:
        """Keep what all windows are partitioned by that see wrong rows; tells whether there are such."""
        parts = [*(value for _, value in self.outputs), *self._of("qualify")]
        seeing = [
            window
            for part in parts
            for window in part.find_all(exp.Window)
            if rows or self._has_wrong(window)
        ]
        for window in seeing:
            carried = _only(carried, window.args.get("partition_by") or [])
        return carried, bool(seeing)

    def _distinct(self, distinct: exp.Distinct, rows: bool, carried: Values) -> Values:
        on = distinct.args.get("on")
        if on is None:
            return carried
        return _only(carried, on.expressions if isinstance(on, exp.Tuple) else [on])


def _only(carried: Values, kept: Iterable[exp.Expr]) -> Values:
    places = {(item.table.lower(), item.name.lower()) for item in kept if isinstance(item, exp.Column)}
    return {place: value for place, value in carried.items() if place in places}


def _kept(value: exp.Expr, carried: Values) -> exp.Expr | None:
    """Give an expression over a wrong row for an output that is one column, be it as another type."""
    if isinstance(value, exp.Column):
        return carried.get((value.table.lower(), value.name.lower()))
    if isinstance(value, exp.Paren):
        return _kept(value.this, carried)
    if isinstance(value, exp.Cast) and (inner := _kept(value.this, carried)) is not None:
        changed = value.copy()
        changed.set("this", inner.copy())
        return changed
    return None


def _equal_places(condition: exp.Expr | None) -> Iterator[tuple[Place, Place]]:
    for each in conjuncts(condition):
        sides = (each.left, each.right) if isinstance(each, exp.EQ) else ()
        places = [(s.table.lower(), s.name.lower()) for s in sides if isinstance(s, exp.Column) and s.table]
        if len(places) == 2:
            yield places[0], places[1]


def _is_odd(source: _Source) -> bool:
    method = str(source.join.args.get("method") or "").upper() if source.join else ""
    return method in ("NATURAL", "POSITIONAL") or bool(source.join and source.join.args.get("using"))
