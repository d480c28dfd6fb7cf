"""Rows added up by their keys before they are joined, where the sizes of the data say that it costs less.

A sum by category is one of the sums by product, and products are few: joining each of them once costs less
than joining each order. A month is made of its days in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import product

from plumbline.compiler.aggregates import DISTRIBUTIVE
from plumbline.compiler.dialects import adds_up_sums
from plumbline.compiler.exact import is_exact
from plumbline.compiler.graph import Column, Graph, Hop
from plumbline.compiler.plan import MOMENT, Condition, Key, Scan, Value
from plumbline.compiler.sizes import Members, Sizes, Table
from plumbline.definitions import TIMES

Way = tuple[Hop, ...]
# Nanoseconds a row, as DuckDB takes them on one thread; what is compared is their sum.
_TEXT, _PERIOD, _AGAIN, _PART = 12.0, 12.0, 30.0, 6.0
# What one more step costs, and by how much it must be outdone: guesses are not exact.
_STEP, _SHARE = 200_000.0, 0.85
_WAYS = 4
# Aggregates that add up ones, whatever is counted.
_COUNTED = ("count", "sum_boolean")
_MOMENT = "stored moment"
_DAYS: Mapping[str, float] = {"day": 1, "week": 7, "month": 30.4, "quarter": 91.3, "year": 365.25}
_PARTS: Mapping[str, int] = {"dow": 7, "month": 12, "quarter": 4, "day": 31, "doy": 366, "year": 100}


@dataclass(frozen=True)
class Early:
    """The keys by which rows are added up first, and what is asked of the sums afterwards.

    `cut` has, by the way to what is joined afterwards, the key that leads there; `moment` is the time as the
    data have it, where its periods are told afterwards.
    """

    keys: tuple[Key, ...]
    cut: Mapping[Way, Key]
    moment: Key | None = None

    def reaches(self, column: Column) -> bool:
        """Whether a column is seen only after the first sums."""
        if column.is_metric_time:
            return self.moment is not None
        return any(column.path[: len(way)] == way for way in self.cut)

    def is_later(self, condition: Condition) -> bool:
        """Whether a condition is asked of the first sums."""
        return any(self.reaches(column) and not column.is_metric_time for column in condition.columns)


def added_up_first(
    scan: Scan,
    values: Sequence[Value],
    shared: Sequence[Condition],
    graph: Graph,
    sizes: Sizes | None,
    dialect: str,
) -> Early | None:
    """Give how rows are best added up before they are joined; None where that is no gain, or not exact."""
    if sizes is None or not (values and adds_up_sums(dialect)):
        return None
    if scan.shifts:
        return None
    table = sizes.table(graph.definitions.models[scan.model].relation)
    if table is None or not all(_adds_up(value, table, dialect) for value in values):
        return None
    return _Choice(scan, values, shared, graph, sizes, table).best()


def _adds_up(value: Value, table: Table, dialect: str) -> bool:
    """Whether an aggregate of aggregates is that of all rows, to the last digit."""
    agg, expr = value.measure.agg, value.measure.expr
    if agg in _COUNTED:
        return True
    if expr not in table.exact:
        table.exact[expr] = is_exact(expr, table, dialect)
    return agg in DISTRIBUTIVE and table.exact[expr]


@dataclass(frozen=True)
class _Choice:
    """The ways to add up a scan, and what each is likely to cost."""

    scan: Scan
    values: Sequence[Value]
    shared: Sequence[Condition]
    graph: Graph
    sizes: Sizes
    table: Table

    def best(self) -> Early | None:
        found = [(self._cost(early), early) for early in self._possible() if self._keeps_rows(early)]
        cost, best = min(found, key=lambda item: item[0], default=(0.0, None))
        return best if best and cost < _SHARE * self._cost(None) - _STEP else None

    # -- what is possible

    def _possible(self) -> Iterator[Early]:
        """Cut each way before one of its joins, or nowhere; and tell periods afterwards, or at once."""
        if len(self._ways) > _WAYS:
            return
        by_period = [False, True] if self._has_periods else [False]
        for later in by_period:
            for depths in product(*([None, *self._depths(way)] for way in self._ways)):
                if later or any(depth is not None for depth in depths):
                    yield self._early(dict(zip(self._ways, depths, strict=True)), later)

    @cached_property
    def _ways(self) -> tuple[Way, ...]:
        own = [item for value in self.values for item in value.beyond(self.shared)]
        asked = [*(key.column for key in self.scan.keys), *(part for item in own for part in item.columns)]
        return tuple(dict.fromkeys(item.path for item in asked if item.path))

    @property
    def _has_periods(self) -> bool:
        return any(key.column.is_metric_time and key.name != MOMENT for key in self.scan.keys)

    def _depths(self, way: Way) -> Iterator[int]:
        """Give the joins before which a way can be cut: the key alone decides, and no filter needs it."""
        models = self.graph.definitions.models
        if any(hop.by_validity or any(d.is_partition for d in models[hop.target].dimensions) for hop in way):
            return
        filtered = [column.path for item in (*self.scan.conditions, *self.shared) for column in item.columns]
        for depth in range(len(way)):
            if not any(path[: depth + 1] == way[: depth + 1] for path in filtered):
                yield depth

    def _early(self, depths: Mapping[Way, int | None], later: bool) -> Early:
        cut: dict[Way, Key] = {}
        for way, depth in depths.items():
            if depth is not None:
                hop, before = way[depth], way[:depth]
                # No name of a definition has a space.
                name = f"key {hop.source} {hop.source_key}" + f" {len(before)}" * bool(before)
                cut[way[: depth + 1]] = Key(name, Column(hop.source, hop.entity, hop.source_key, before))
        time = self.scan.time
        moment = Key(_MOMENT, Column(time.model, time.name, time.expr)) if later else None
        early = Early((), cut, moment)
        kept = [key for key in self.scan.keys if not early.reaches(key.column)]
        return Early((*kept, *dict.fromkeys(cut.values()), *([moment] if moment else [])), cut, moment)

    def _keeps_rows(self, early: Early) -> bool:
        """Whether conditions are asked all before or all after; and the values, where none has all rows."""
        own = [value.beyond(self.shared) for value in self.values]
        if not all(_is_apart(item, early) for items in own for item in items):
            return False
        sides = {early.is_later(item) for items in own for item in items}
        return len(sides) < 2 or not all(own)

    # -- what it costs

    def _cost(self, early: Early | None) -> float:
        """Guess the nanoseconds that adding up takes, with the joins before it."""
        columns = [key.column for key in self.scan.keys]
        own = [part for value in self.values for item in value.beyond(self.shared) for part in item.columns]
        every = _told(columns) + sum(map(self._join, _joins(item.path for item in [*columns, *own])))
        every += sum(_TEXT for item in columns if self._is_text(item))
        rows = self._rows
        if early is None:
            return rows * (every + _added(self._groups(columns)))
        first = [key.column for key in early.keys]
        groups = self._groups(first)
        joined = [*first, *(item for item in own if not early.reaches(item))]
        before = _told(first) + sum(map(self._join, _joins(item.path for item in joined)))
        before += sum(_TEXT for item in first if self._is_text(item))
        return rows * (before + _added(groups)) + groups * (_AGAIN + every)

    @property
    def _rows(self) -> float:
        return self.table.rows * self._share

    @cached_property
    def _share(self) -> float:
        """The part of the rows that lie in the time range, as if all days had as many."""
        first, after = self.scan.range or ("", "")
        days = self.table.members(self.scan.time.expr)
        if not (first and after and days and days.count) or self.scan.time.base != "day":
            return 1.0
        asked = date.fromisoformat(after[:10]) - date.fromisoformat(first[:10])
        return min(1.0, max(1, asked.days) / days.count)

    def _groups(self, columns: Sequence[Column]) -> float:
        """Guess how many groups the columns make: no more than there are rows."""
        groups = 1.0
        for column in dict.fromkeys(columns):
            groups *= self._members(column)
        return max(1.0, min(groups, self._rows))

    def _members(self, column: Column) -> float:
        """Guess how many members a column has; as many as rows where nothing is known."""
        known = self._known(column)
        count = float(known.count + 1) if known and known.count else self._most(column)
        if column.is_metric_time or self._is_moment(column):
            count = max(1.0, count * self._share)
        if column.part:
            return min(count, _PARTS.get(column.part, count))
        if column.is_time and column.grain in _DAYS and column.base in TIMES:
            return count / _DAYS[column.grain] * _DAYS.get(column.base, 1) + 1
        return count

    def _most(self, column: Column) -> float:
        """Give the rows of what holds a column, or of what its key leads to."""
        own = self._relation(column)
        led_to = [
            self._size(hop.target)
            for hop in self.graph.hops(column.model)
            if hop.source_key == column.expr and not hop.by_validity
        ]
        return min([float(own.rows if own else self.table.rows), *(float(size + 1) for size in led_to)])

    def _is_moment(self, column: Column) -> bool:
        return not column.path and column.expr == self.scan.time.expr

    def _is_text(self, column: Column) -> bool:
        known = self._known(column)
        return known is None or known.type.upper() == "VARCHAR"

    def _known(self, column: Column) -> Members | None:
        relation = self._relation(column)
        return relation.members(column.expr) if relation else None

    def _relation(self, column: Column) -> Table | None:
        return self.sizes.table(self.graph.definitions.models[column.model].relation)

    def _size(self, model: str) -> int:
        table = self.sizes.table(self.graph.definitions.models[model].relation)
        return table.rows if table else self.table.rows

    def _join(self, way: Way) -> float:
        return 2 + float((self._size(way[-1].target) / 1000) ** 0.5)


def _is_apart(condition: Condition, early: Early) -> bool:
    """Whether a condition needs nothing that is known only before, together with what is only known after."""
    if not early.is_later(condition):
        return True
    return all(early.reaches(column) and not column.is_metric_time for column in condition.columns)


def _joins(paths: Iterable[Way]) -> set[Way]:
    return {path[: length + 1] for path in paths for length in range(len(path))}


def _told(columns: Iterable[Column]) -> float:
    """Give what it costs to tell periods."""
    return sum(_PERIOD for item in columns if item.is_time)


def _added(groups: float) -> float:
    """Give what it costs to find the group of a row: the more there are, the longer."""
    return _PART + float((groups / 1000) ** 0.6)
