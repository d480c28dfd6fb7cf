"""The rows that a scan reads: one model, what its keys lead to, and the filters on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from plumbline.compiler.dialects import part_of
from plumbline.compiler.early import Early
from plumbline.compiler.expressions import (
    both,
    column,
    filled_in,
    is_date,
    later,
    moment,
    qualified,
    shifted,
    stored,
    truncated,
    with_join,
)
from plumbline.compiler.graph import Column, Graph, Hop
from plumbline.compiler.plan import Condition, Key, Scan, Shift
from plumbline.compiler.spines import LAST_DAY, LOOKED_AT, moved_by_calendar, spine_for
from plumbline.definitions import TIMES, GroupBy, SemanticModel, TimeSpine

# Asks for a metric by entities: the statement that a filter on a metric joins.
Subquery = Callable[[str, tuple[GroupBy, ...]], exp.Query]

_SPINE = "time_spine"


@dataclass
class Rows:
    """Collects joins while its columns are asked for; `source` gives the FROM with all of them."""

    graph: Graph
    scan: Scan
    dialect: str
    subquery: Subquery
    # Whether nothing but periods of the calendar that the shift counts in is asked for.
    whole_periods: bool = False
    # Whether joined rows that no row leads to are kept, too: members are asked for, and nothing is added up.
    every_member: bool = False
    _joins: dict[str, exp.Join] = field(default_factory=dict)

    # -- columns

    def value(self, wanted: Column) -> exp.Expr:
        """Give the expression of an element, at the grain asked for."""
        if wanted.metric:
            return self._metric(wanted)
        if wanted.is_metric_time:
            raw = self._moment(wanted)
        else:
            raw = qualified(wanted.expr, self._table(wanted.path), self.dialect)
        return self._at_grain(raw, wanted) if wanted.is_time else raw

    def _moment(self, wanted: Column) -> exp.Expr:
        """Give the time of the measure: that of the period which is looked at from, where it is shifted."""
        if self.scan.shifts:
            return column(self._spine().column, _SPINE)
        return qualified(wanted.expr, self._table(()), self.dialect)

    def raw_moment(self) -> exp.Expr:
        """Give the time of the measure as the data have it."""
        return self._moment(self.scan.time)

    def _at_grain(self, raw: exp.Expr, wanted: Column) -> exp.Expr:
        if (
            wanted.grain not in TIMES
            and wanted.is_metric_time
            and self._calendar_shift
            and self.whole_periods
        ):
            raw = column(wanted.grain, _SPINE)
        elif wanted.grain not in TIMES:
            raw = self._calendar(raw, wanted.grain)
        elif wanted.part:
            return part_of(raw, wanted.part, self.dialect)
        else:
            raw = truncated(raw, wanted.grain)
        return part_of(raw, wanted.part, self.dialect) if wanted.part else raw

    def _calendar(self, raw: exp.Expr, grain: str) -> exp.Expr:
        spine = self.graph.definitions.calendar[grain]
        key = f"calendar {raw.sql()} {spine.relation}"
        if key not in self._joins:
            alias = f"calendar_{len(self._joins)}"
            day = column(spine.column, alias)
            match = exp.EQ(this=truncated(raw, spine.grain), expression=day)
            self._joins[key] = _left_join(stored(spine.relation), alias, match)
        return column(spine.calendar[grain], self._joins[key].this.alias)

    def _metric(self, wanted: Column) -> exp.Expr:
        """Join a metric by its entities; a member without it has no value."""
        key = f"metric {wanted.metric} {wanted.by}"
        if key not in self._joins:
            alias = f"metric_{len(self._joins)}"
            query = self.subquery(wanted.metric, wanted.by)
            match: list[exp.Expr] = [
                exp.EQ(
                    this=self.value(self.graph.member_of(self.scan.model, item, wanted.metric)),
                    expression=column(name, alias),
                )
                for item, name in zip(wanted.by, query.named_selects, strict=False)
            ]
            self._joins[key] = _left_join(query.subquery(), alias, both(match))
        return column(wanted.metric, self._joins[key].this.alias)

    # -- joins

    def _table(self, path: Sequence[Hop]) -> str:
        """Join what leads to a table, and give its alias."""
        if not path:
            return self.scan.model
        before = self._before(path)
        hop = path[-1]
        key = " ".join((before, hop.entity, hop.target))
        if key not in self._joins:
            alias = "__".join(step.entity for step in path)
            taken = {self.scan.model, *(join.this.alias for join in self._joins.values())}
            alias = alias if alias not in taken else f"{alias}__{hop.target}"
            target = stored(self.graph.definitions.models[hop.target].relation)
            join = _left_join(target, alias, self._match(path, before, alias))
            if self.every_member and not hop.by_validity:
                join.set("side", "FULL")
            self._joins[key] = join
        return str(self._joins[key].this.alias)

    def _before(self, path: Sequence[Hop]) -> str:
        """Join what the last key of a way stands in, and give its alias."""
        return self._table(path[:-1])

    def _key_in(self, path: Sequence[Hop], before: str) -> exp.Expr:
        """Give the key that leads to the end of a way."""
        return qualified(path[-1].source_key, before, self.dialect)

    def _match(self, path: Sequence[Hop], before: str, alias: str) -> exp.Expr:
        models = self.graph.definitions.models
        hop, target = path[-1], models[path[-1].target]
        there = qualified(hop.target_key, alias, self.dialect)
        parts: list[exp.Expr] = [exp.EQ(this=self._key_in(path, before), expression=there)]
        parts += self._same_partition(path, target, alias)
        if hop.by_validity and target.validity:
            start, end = (qualified(item.expr, alias, self.dialect) for item in target.validity)
            at = truncated(self.raw_moment(), self.scan.time.base)
            parts.append(exp.GTE(this=at, expression=start))
            open_end = exp.Is(this=end.copy(), expression=exp.null())
            parts.append(exp.paren(exp.or_(exp.LT(this=at.copy(), expression=end), open_end)))
        return both(parts)

    def _same_partition(self, path: Sequence[Hop], target: SemanticModel, alias: str) -> list[exp.Expr]:
        """Keep the partition of the nearest model on the way that is partitioned in the same way."""
        models = self.graph.definitions.models
        found: list[exp.Expr] = []
        for partition in (item for item in target.dimensions if item.is_partition):
            for length in range(len(path) - 1, -1, -1):
                same = models[path[length].source].dimension(partition.name)
                if same and same.is_partition:
                    left = qualified(same.expr, self._table(path[:length]), self.dialect)
                    right = qualified(partition.expr, alias, self.dialect)
                    found.append(exp.EQ(this=_day(left, same.grain), expression=_day(right, partition.grain)))
                    break
        return found

    # -- the time spine that shifted rows are seen from

    @property
    def _calendar_shift(self) -> Shift | None:
        """The shift by periods of the company's own calendar, if there is one."""
        calendar = self.graph.definitions.calendar
        return next(
            (item for item in self.scan.shifts if item.window and item.window.grain in calendar), None
        )

    def _spine(self) -> TimeSpine:
        shift = self._calendar_shift
        if shift and shift.window:
            return self.graph.definitions.calendar[shift.window.grain]
        return spine_for(self.graph.definitions, self.scan.time.base)

    def _spine_rows(self) -> exp.Expr:
        shift, spine = self._calendar_shift, self._spine()
        if shift and shift.window:
            query = moved_by_calendar(spine, shift.window, whole=self.whole_periods)
            return query.subquery(_SPINE)
        return stored(spine.relation, _SPINE)

    def _looked_at(self) -> exp.Expr:
        if self._calendar_shift:
            return column(LOOKED_AT, _SPINE)
        return shifted(column(self._spine().column, _SPINE), self.scan.shifts)

    # -- filters

    def condition(self, wanted: Condition) -> exp.Expr:
        """Give a filter; where it limits periods, also what that says about the rows as they are stored."""
        values = [self.value(item) for item in wanted.columns]
        tree = filled_in(wanted.template, values, self.dialect)
        more = [
            limit
            for item, value in zip(wanted.columns, values, strict=True)
            if item.is_time and item.grain in TIMES and not item.part
            for limit in _limits(tree, value, item.grain)
        ]
        return both([tree, *more]) if more else tree

    def in_range(self) -> list[exp.Expr]:
        """Keep the moments of the time range; a period that it cuts is not compared with a whole one."""
        found = between(self.raw_moment(), self.scan.range)
        if self._calendar_shift and self.whole_periods and self.scan.range:
            found += between(column(LAST_DAY, _SPINE), ("", self.scan.range[1]))
        return found

    def source(self, select: exp.Select) -> exp.Select:
        """Read from the model, or from the time spine with the model beside it, and what was joined."""
        model = self.graph.definitions.models[self.scan.model]
        table = stored(model.relation)
        table.set("alias", exp.TableAlias(this=exp.to_identifier(model.name, quoted=True)))
        if self.scan.shifts:
            grain = max(self.scan.time.base, self._spine().grain, key=TIMES.index)
            at = truncated(qualified(self.scan.time.expr, model.name, self.dialect), grain)
            same = exp.EQ(this=self._looked_at(), expression=at)
            select = select.from_(self._spine_rows(), copy=False)
            select = with_join(select, table, same, "inner")
        else:
            select = select.from_(table, copy=False)
        for join in self._joins.values():
            select.append("joins", join)
        return select


@dataclass(kw_only=True)
class Sums(Rows):
    """Sums by keys in the place of the rows: what the keys lead to is joined with them, once for all rows."""

    early: Early
    sums: exp.Select

    def key(self, key: Key) -> exp.Expr:
        """Give a key of the result: one that the sums have, or what theirs lead to."""
        return self.value(key.column) if self.early.reaches(key.column) else column(key.name, self.scan.model)

    def _moment(self, wanted: Column) -> exp.Expr:
        assert self.early.moment
        return column(self.early.moment.name, self.scan.model)

    def _before(self, path: Sequence[Hop]) -> str:
        return self.scan.model if tuple(path) in self.early.cut else super()._before(path)

    def _key_in(self, path: Sequence[Hop], before: str) -> exp.Expr:
        key = self.early.cut.get(tuple(path))
        return column(key.name, before) if key else super()._key_in(path, before)

    def source(self, select: exp.Select) -> exp.Select:
        """Read from the sums, and from what was joined with them."""
        table = exp.alias_(self.sums.subquery(), self.scan.model, table=True, quoted=True, copy=False)
        select = select.from_(table, copy=False)
        for join in self._joins.values():
            select.append("joins", join)
        return select


def _left_join(table: exp.Expr, alias: str, match: exp.Expr) -> exp.Join:
    named = exp.alias_(table, alias, table=True, quoted=True, copy=False)
    return exp.Join(this=named, on=match, side="LEFT")


def _day(value: exp.Expr, grain: str) -> exp.Expr:
    return truncated(value, grain) if grain else value


def between(value: exp.Expr, span: tuple[str, str] | None) -> list[exp.Expr]:
    """Keep the moments from the first one on, and before the one after the range; either may be open."""
    start, end = span or ("", "")
    found: list[exp.Expr] = []
    if start:
        found.append(exp.GTE(this=value.copy(), expression=moment(start)))
    if end:
        found.append(exp.LT(this=value.copy(), expression=moment(end)))
    return found


def _limits(tree: exp.Expr, value: exp.Expr, grain: str) -> list[exp.Expr]:
    """Turn limits on a period into limits on its moments, which the engine can look up in its statistics.

    The first moment of a period is no later than the moment itself, which lies less than a period after it.
    """
    raw = _inside(value)
    if raw is None:
        return []
    found: list[exp.Expr] = []
    for part in _parts(tree):
        low, high = _bounds(part, value)
        if low is not None:
            found.append(exp.GTE(this=raw.copy(), expression=_literal(low)))
        if high is not None:
            found.append(exp.LT(this=raw.copy(), expression=later(_literal(high), 1, grain)))
    return found


def _inside(value: exp.Expr) -> exp.Expr | None:
    inner = value.this if isinstance(value, exp.TimestampTrunc | exp.DateTrunc) else None
    return inner if isinstance(inner, exp.Column) else None


def _parts(tree: exp.Expr) -> list[exp.Expr]:
    tree = tree.unnest()
    return list(tree.flatten()) if isinstance(tree, exp.And) else [tree]


def _bounds(part: exp.Expr, value: exp.Expr) -> tuple[exp.Expr | None, exp.Expr | None]:
    if isinstance(part, exp.Between) and part.this == value:
        low, high = part.args["low"], part.args["high"]
        return (low, high) if is_date(low) and is_date(high) else (None, None)
    if not isinstance(part, exp.Binary) or part.this != value or not is_date(part.expression):
        return None, None
    match part:
        case exp.GT() | exp.GTE():
            return part.expression, None
        case exp.LT() | exp.LTE():
            return None, part.expression
        case exp.EQ():
            return part.expression, part.expression
    return None, None


def _literal(value: exp.Expr) -> exp.Expr:
    text = (value.this if isinstance(value, exp.Cast) else value).name
    return moment(text.replace(" ", "T"))
