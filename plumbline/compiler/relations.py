"""Each relation of a plan as a common table of the statement."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from plumbline.compiler.aggregates import DISTRIBUTIVE, aggregated, as_number, combined, counts_rows, only
from plumbline.compiler.dialects import adds_days, extreme, joins_the_last, takes_the_last, value_at_the_end
from plumbline.compiler.early import Early, added_up_first
from plumbline.compiler.expressions import (
    both,
    column,
    common,
    earlier,
    filled_in,
    later,
    named,
    qualified,
    selected,
    shifted,
    truncated,
    with_join,
)
from plumbline.compiler.graph import Column, Graph
from plumbline.compiler.picked import MEMBER, picked_from
from plumbline.compiler.plan import (
    ENTITY,
    ITEM,
    MOMENT,
    Cell,
    Condition,
    Events,
    Kept,
    Key,
    Relation,
    Running,
    Scan,
    Snapshot,
    Spread,
    Value,
)
from plumbline.compiler.rows import Rows, Subquery, Sums, between
from plumbline.compiler.sizes import Sizes
from plumbline.compiler.sliding import slid, slides
from plumbline.compiler.spines import met, on_spine, spine_for, spine_of, spine_rows
from plumbline.compiler.steps import PRESENT, SINCE, TOTAL, UNTIL, by_steps, counted, summed_up
from plumbline.definitions import TIMES, Measure

_SPINE = "time_spine"
_NUMBER = "__number"
_DAY = "day"
_REACHED = "__day"
_WEEK = "week"
_BASE_MOMENT = "__base_moment"
_MEMBERS = "members"
_MANY = 4


@dataclass
class Writer:
    """Writes relations, each once, in the order in which they need each other."""

    graph: Graph
    dialect: str
    subquery: Subquery
    sizes: Sizes | None = None
    tables: dict[str, exp.Query] = field(default_factory=dict)
    # Keys by which the rows of a scan are added up before those of the result are told.
    first: dict[Scan, tuple[Key, ...]] = field(default_factory=dict)
    _asked: dict[Relation, dict[Value, None]] = field(default_factory=dict)
    _written: dict[Relation, str] = field(default_factory=dict)
    _columns: dict[Value, str] = field(default_factory=dict)
    _spines: dict[Hashable, str] = field(default_factory=dict)
    # The scan of the plan that is being written.
    _at: Scan | None = None

    # -- what is asked for

    def ask(self, cell: Cell) -> None:
        """Note that a relation needs a value, and so do the relations behind it."""
        self._asked.setdefault(cell.relation, {})[cell.value] = None
        match cell.relation:
            case Spread(source=source) | Kept(source=source):
                self.ask(Cell(source, cell.value))
            case Running(source=source, measure=measure):
                for value in _parts(measure):
                    self.ask(Cell(source, value))

    def column_of(self, value: Value) -> str:
        """Name the column of a value: after its measure, with a number where that is taken."""
        if value not in self._columns:
            taken = set(self._columns.values())
            name = value.measure.name
            number = 1
            while name in taken:
                number += 1
                name = f"{value.measure.name}_{number}"
            self._columns[value] = name
        return self._columns[value]

    def table_of(self, relation: Relation) -> str:
        """Write a relation if it is not there yet, and give its name."""
        if relation not in self._written:
            self._written[relation] = self._write(relation)
        return self._written[relation]

    def add(self, name: str, query: exp.Query) -> str:
        """Add a common table under a name of its own."""
        unique, number = name, 1
        while unique in self.tables:
            number += 1
            unique = f"{name}_{number}"
        self.tables[unique] = query
        return unique

    def _write(self, relation: Relation) -> str:
        match relation:
            case Scan():
                return self._scan(relation)
            case Spread():
                return self.add("by_period", self._spread(relation))
            case Kept():
                return self.add("of_period", self._kept(relation))
            case Running():
                return self._running(relation)
        return self.add("followed", self._followed(relation))

    # -- scans

    def _scan(self, scan: Scan) -> str:
        if scan.snapshot:
            self._at = scan
            return self._snapshot(scan, tuple(self._asked[scan]))
        return self.add(f"{scan.model}_rows", self.scan_query(scan))

    def scan_query(self, scan: Scan) -> exp.Select:
        """Give the statement of a scan alone."""
        self._at = scan
        return self._aggregated(scan, tuple(self._asked[scan]))

    def _aggregated(self, scan: Scan, values: Sequence[Value]) -> exp.Select:
        """Aggregate rows by the keys; conditions that all values share limit the rows, others the values."""
        shared = _shared(values)
        if picked := picked_from(values, shared, self.graph, self.dialect):
            return self._by_member(scan, values, shared, picked)
        if early := added_up_first(scan, values, shared, self.graph, self.sizes, self.dialect):
            return self._by_sums(scan, values, shared, early)
        return self._of_rows(scan, values, shared)

    def _of_rows(self, scan: Scan, values: Sequence[Value], shared: tuple[Condition, ...]) -> exp.Select:
        """Aggregate rows by the keys, joined with all that these name."""
        rows = Rows(self.graph, scan, self.dialect, self.subquery, _by_calendar(scan, values))
        keys = [_key(key.name, rows.value(key.column)) for key in scan.keys]
        own = [value.beyond(shared) for value in values]
        limits = [both([rows.condition(item) for item in items]) if items else None for items in own]
        aggregates = [
            aggregated(
                value.measure, self._argument(rows, value.measure), limit, self.dialect, grouped=bool(keys)
            )
            for value, limit in zip(values, limits, strict=True)
        ]
        columns = [*(key.name for key in scan.keys), *map(self.column_of, values)]
        select = exp.select(*named([*keys, *aggregates], columns), copy=False)
        where = self._where(rows, (*scan.conditions, *shared))
        some = list(dict.fromkeys(limit.copy() for limit in limits if limit is not None))
        select = rows.source(select)
        if not limits or not all(limits):
            return _grouped(_where(select, where), keys)
        if len(some) < _MANY or not keys:
            return _grouped(_where(select, [*where, _any(some)]), keys)
        # Asking each row for many conditions twice costs more than adding up rows that meet none.
        return _grouped(_where(select, where), keys).having(exp.LogicalOr(this=_any(some)), copy=False)

    def _by_member(
        self, scan: Scan, values: Sequence[Value], shared: tuple[Condition, ...], picked: Column
    ) -> exp.Select:
        """Aggregate rows by member of a dimension first, then what each value picks of them."""
        parts = {value: replace(value, conditions=shared) for value in values}
        by_member = replace(scan, keys=(*scan.keys, Key(MEMBER, picked)))
        self._note_first(by_member.keys)
        source = self._aggregated(by_member, tuple(dict.fromkeys(parts.values())))
        limits = [self._picking(value, shared) for value in values]
        totals = [
            combined(
                value.measure,
                only(column(self.column_of(part), _MEMBERS), both(limit) if limit else None),
                self.dialect,
            )
            for (value, part), limit in zip(parts.items(), limits, strict=True)
        ]
        keys = [column(key.name, _MEMBERS) for key in scan.keys]
        columns = [*(key.name for key in scan.keys), *map(self.column_of, values)]
        select = selected([*keys, *totals], columns, source.subquery(_MEMBERS))
        select = _grouped(select, keys)
        if not (keys and all(limits)):
            return select
        # A WHERE would be asked of the rows again: engines push it below the sums by member.
        picks = _any([both(limit).copy() for limit in limits])
        return select.having(exp.LogicalOr(this=picks), copy=False)

    def _by_sums(
        self, scan: Scan, values: Sequence[Value], shared: tuple[Condition, ...], early: Early
    ) -> exp.Select:
        """Aggregate rows by keys first, then what these lead to."""
        after = {value: [item for item in value.beyond(shared) if early.is_later(item)] for value in values}
        parts = {
            value: replace(value, conditions=tuple(c for c in value.conditions if c not in after[value]))
            for value in values
        }
        first = tuple(dict.fromkeys(parts.values()))
        self._note_first(early.keys)
        source = self._of_rows(replace(scan, keys=early.keys), first, _shared(first))
        sums = Sums(self.graph, scan, self.dialect, self.subquery, early=early, sums=source)
        keys = [_key(key.name, sums.key(key)) for key in scan.keys]
        limits = [
            both([sums.condition(item) for item in items]) if items else None for items in after.values()
        ]
        totals = [
            self._total_of_sums(value, column(self.column_of(part), scan.model), limit, scan, shared)
            for (value, part), limit in zip(parts.items(), limits, strict=True)
        ]
        columns = [*(key.name for key in scan.keys), *map(self.column_of, values)]
        select = exp.select(*named([*keys, *totals], columns), copy=False)
        asked = [limit.copy() for limit in limits if limit is not None]
        where = [_any(asked)] if len(asked) == len(limits) else []
        return _grouped(_where(sums.source(select), where), keys)

    def _note_first(self, keys: tuple[Key, ...]) -> None:
        if self._at:
            self.first[self._at] = keys

    def _total_of_sums(
        self, value: Value, part: exp.Expr, limit: exp.Expr | None, scan: Scan, shared: Sequence[Condition]
    ) -> exp.Expr:
        """Add up sums; what is counted else has the type of a count."""
        total = combined(value.measure, only(part, limit), self.dialect)
        if value.beyond(shared) or not scan.keys:
            return total
        counted = counts_rows(value.measure, qualified(value.measure.expr, scan.model, self.dialect))
        return exp.cast(total, "BIGINT") if counted else total

    def _picking(self, value: Value, shared: Sequence[Condition]) -> list[exp.Expr]:
        return [
            filled_in(item.template, [column(MEMBER, _MEMBERS) for _ in item.columns], self.dialect)
            for item in value.beyond(shared)
        ]

    def _argument(self, rows: Rows, measure: Measure) -> exp.Expr:
        return qualified(measure.expr, rows.scan.model, self.dialect)

    def _where(self, rows: Rows, conditions: Iterable[Condition]) -> list[exp.Expr]:
        found = [rows.condition(item) for item in conditions]
        return [*found, *rows.in_range(), *self._starts(rows.scan)]

    def _starts(self, scan: Scan) -> list[exp.Expr]:
        """A period that looks at the start of a longer one is looked at from its own first moment."""
        shown = [key for key in scan.keys if key.is_time and key.name != MOMENT]
        asked = [key.column.grain for key in shown]
        grains = [grain for grain in asked if grain in TIMES] or [self._days_of(grain) for grain in asked]
        if not any(shift.to_grain for shift in scan.shifts) or scan.time.base in grains or not grains:
            return []
        spine = spine_for(self.graph.definitions, scan.time.base)
        at = column(spine.column, _SPINE)
        return [_any([exp.EQ(this=truncated(at.copy(), grain), expression=at.copy()) for grain in grains])]

    def _days_of(self, grain: str) -> str:
        """Give the grain of the days that a period of the company's own calendar is made of."""
        return self.graph.definitions.calendar[grain].grain

    def _raw(self, scan: Scan, more: Sequence[tuple[str, Column]]) -> exp.Select:
        """Give the rows of a scan as they are, with further columns."""
        rows = Rows(self.graph, scan, self.dialect, self.subquery)
        wanted = [*((key.name, key.column) for key in scan.keys), *more]
        values = [_key(name, rows.value(item)) for name, item in wanted]
        select = exp.select(*named(values, [name for name, _ in wanted]), copy=False)
        where = self._where(rows, scan.conditions)
        return _where(rows.source(select), where)

    # -- snapshots

    def _snapshot(self, scan: Scan, values: Sequence[Value]) -> str:
        """Add up, at each key, only the rows of the first or last moment of their grouping and period."""
        told = scan.snapshot
        assert told is not None
        groupings = [(f"__grouping_{number}", item) for number, item in enumerate(told.groupings)]
        whole = all(value.measure.agg in DISTRIBUTIVE for value in values)
        if whole and takes_the_last(self.dialect) and _only_its_periods(scan, told):
            return self.add(f"{scan.model}_rows", self._at_the_end(scan, told, values))
        more = [(MOMENT, told.moment), *groupings]
        if whole:
            keys = (*scan.keys, *(Key(name, item) for name, item in more))
            parts = self._aggregated(replace(scan, keys=keys, snapshot=None), values)
        else:
            items = [
                (self.column_of(value), Column(scan.model, ITEM, value.measure.expr)) for value in values
            ]
            parts = self._raw(replace(scan, snapshot=None), [*more, *items])
        source = self.add(f"{scan.model}_moments", parts)
        within = [name for name, _ in groupings] + list(told.periods)
        last = self.add(f"{scan.model}_{told.choice}", _chosen(source, within, told.choice))
        match: list[exp.Expr] = [exp.EQ(this=column(MOMENT, source), expression=column(MOMENT, last))]
        match += [exp.NullSafeEQ(this=column(name, source), expression=column(name, last)) for name in within]
        keys_out = [column(key.name, source) for key in scan.keys]
        totals = [
            combined(value.measure, column(self.column_of(value), source), self.dialect)
            if whole
            else aggregated(
                value.measure, column(self.column_of(value), source), None, self.dialect, grouped=True
            )
            for value in values
        ]
        if not keys_out:
            totals = [_of_rows(value.measure, total) for value, total in zip(values, totals, strict=True)]
        columns = [*(key.name for key in scan.keys), *map(self.column_of, values)]
        select = selected([*keys_out, *totals], columns, source)
        select = with_join(select, last, both(match), "inner")
        return self.add(f"{scan.model}_rows", _grouped(select, keys_out))

    def _at_the_end(self, scan: Scan, told: Snapshot, values: Sequence[Value]) -> exp.Select:
        """Add up by moment, and take of each period what its first or last moment has."""
        by_moment = replace(scan, keys=(Key(MOMENT, told.moment),), snapshot=None)
        source = self.add(f"{scan.model}_moments", self._aggregated(by_moment, values))
        at = column(MOMENT, source)
        keys = [truncated(at.copy(), key.column.grain) for key in scan.keys]
        found = [value_at_the_end(column(self.column_of(value), source), at, told.choice) for value in values]
        columns = [*(key.name for key in scan.keys), *map(self.column_of, values)]
        select = selected([*keys, *found], columns, source)
        there = exp.Not(this=exp.Is(this=at.copy(), expression=exp.null()))
        return _grouped(select.where(there, copy=False), keys)

    # -- periods of the time spine

    def _periods(
        self, keys: Sequence[Key], conditions: Sequence[Condition], span: tuple[str, str] | None
    ) -> str:
        """Give the periods asked for, each once."""
        same = ("periods", tuple(keys), tuple(conditions), span)
        if same not in self._spines:
            self._spines[same] = self.add("periods", self._period_rows(keys, conditions, span))
        return self._spines[same]

    def _period_rows(
        self, keys: Sequence[Key], conditions: Sequence[Condition], span: tuple[str, str] | None
    ) -> exp.Select:
        times = [key.column for key in keys]
        every = [*times, *(item for part in conditions for item in part.columns)]
        spine = spine_of(self.graph.definitions, every, span)
        table = spine_rows(self.graph.definitions, spine, every, _SPINE)
        values = [on_spine(spine, _SPINE, item, self.dialect) for item in times]
        select = selected(values, [key.name for key in keys], table)
        where = met(spine, _SPINE, conditions, self.dialect)
        select = _where(select, [*where, *between(column(spine.column, _SPINE), span)])
        single = any(item.grain == spine.grain and not item.part for item in times)
        return select if single else select.distinct()

    def _spread(self, spread: Spread) -> exp.Select:
        source = self.table_of(spread.source)
        values = tuple(self._asked[spread])
        times = [key for key in spread.keys if key.is_time]
        periods = self._periods(times, spread.conditions, spread.range)
        joined = min(
            (key for key in times if not key.column.part and key.column.grain in TIMES),
            key=lambda key: TIMES.index(key.column.grain),
            default=times[0],
        )
        at = shifted(column(joined.name, periods), spread.shifts)
        match = [exp.EQ(this=at, expression=column(joined.name, source))]
        keys = [column(key.name, periods if key.is_time else source) for key in spread.keys]
        shown = {key.column: value for key, value in zip(spread.keys, keys, strict=True)}
        columns = [*(key.name for key in spread.keys), *map(self.column_of, values)]
        cells = [column(self.column_of(value), source) for value in values]
        select = exp.select(*named([*(key.copy() for key in keys), *cells], columns)).from_(
            common(periods), copy=False
        )
        select = with_join(select, source, both(match), "left" if spread.outer else "inner")
        return _where(select, [self._on_output(item, shown) for item in spread.kept])

    def _on_output(self, condition: Condition, shown: dict[Column, exp.Expr]) -> exp.Expr:
        return filled_in(condition.template, [shown[item] for item in condition.columns], self.dialect)

    def _kept(self, kept: Kept) -> exp.Select:
        """Keep the rows of periods that are asked for, by what their own period tells."""
        source = self.table_of(kept.source)
        period, grain = column(kept.finest.name, source), kept.finest.column.grain
        where = between(period, kept.range)
        for condition in kept.conditions:
            values = [
                truncated(period.copy(), item.grain) if item.grain != grain else period.copy()
                for item in condition.columns
            ]
            where.append(filled_in(condition.template, values, self.dialect))
        names = [*(key.name for key in kept.keys), *map(self.column_of, self._asked[kept])]
        return _where(
            exp.select(*(column(name, source) for name in names)).from_(common(source), copy=False), where
        )

    # -- running totals

    def _running(self, running: Running) -> str:
        """Give the total at each moment of the time spine; then roll moments up to periods."""
        values = tuple(self._asked[running])
        name = self.column_of(values[0])
        rolled = bool(running.roll) and not running.only_last
        table = self.add("running", self._totals_by(running)(running, name, rolled))
        return self.add("rolled", _rolled(running, table, name)) if rolled else table

    def _totals_by(self, running: Running) -> Callable[[Running, str, bool], exp.Query]:
        if by_steps(running):
            return self._followed_totals
        return self._slid_totals if slides(running, self.dialect) else self._added_up

    def _followed_totals(self, running: Running, name: str, rolled: bool) -> exp.Query:
        """Look up the total that holds at each moment."""
        if running.measure.agg in DISTRIBUTIVE:
            source = self._rows_by_moment(running)
            part = self.column_of(_parts(running.measure)[0])
            totals = self.add("totals", summed_up(running, source, part, self.dialect))
        else:
            source = self.add(f"{running.source.model}_items", self._raw(running.source, ()))
            totals = self.add("totals", counted(running, source, self.add, self.dialect))
        present = running.measure.agg not in DISTRIBUTIVE
        return self._looked_up(running, totals, column(TOTAL, totals), present, name, rolled)

    def _slid_totals(self, running: Running, name: str, rolled: bool) -> exp.Query:
        """Look up what a window that slides over the rows of a member adds up to."""
        source = self._rows_by_moment(running)
        parts = {self.column_of(value): f"{TOTAL}_{n}" for n, value in enumerate(_parts(running.measure))}
        totals = self.add("totals", slid(running, source, parts, self.add, self.dialect))
        found = [column(part, totals) for part in parts.values()]
        total = _share(*found) if len(found) > 1 else found[0]
        return self._looked_up(running, totals, total, True, name, rolled)

    def _looked_up(
        self, running: Running, totals: str, total: exp.Expr, present: bool, name: str, rolled: bool
    ) -> exp.Query:
        """Give each moment the total that holds then, where rows are there to be added up."""
        ends = self._moments(running)
        end = shifted(column(MOMENT, ends), running.shifts)
        since, until = column(SINCE, totals), column(UNTIL, totals)
        match: list[exp.Expr] = [exp.LT(this=end, expression=until)]
        if present:
            match.append(exp.GT(this=column(PRESENT, totals), expression=exp.Literal.number(0)))
        keys = self._running_keys(running, ends, totals, rolled)
        select = selected([*keys.values(), _filled(running, total)], [*keys, name], ends)
        if not _holds_for_days(running):
            match.append(exp.GTE(this=end.copy(), expression=since))
            return with_join(select, totals, both(match), _side(running))
        # Most hold on the day when they begin, and engines find equal days faster than those between two.
        next_day = later(since.copy(), 1, _DAY)
        begun = [exp.EQ(this=end.copy(), expression=since), *(item.copy() for item in match)]
        held = [exp.GT(this=end.copy(), expression=since.copy()), *match]
        held.append(exp.GT(this=until.copy(), expression=next_day))
        parts = [with_join(select.copy(), totals, both(item), "inner") for item in (begun, held)]
        return exp.union(*parts, distinct=False, copy=False)

    def _added_up(self, running: Running, name: str, rolled: bool) -> exp.Select:
        """Add up, for each moment, what its window has."""
        source = self._rows_by_moment(running)
        ends, within = self._ends(running, source)
        keys = self._running_keys(running, ends, source, rolled)
        total = self._total(running, source)
        if not keys:
            total = _of_rows(running.measure, total)
        columns = [*keys.values(), _filled(running, total)]
        select = selected(columns, [*keys, name], ends)
        select = with_join(select, source, within, _side(running))
        return _grouped(_where(select, self._mixed(running, source, ends)), list(keys.values()))

    def _running_keys(self, running: Running, ends: str, source: str, rolled: bool) -> dict[str, exp.Expr]:
        keys = {key.name: column(key.name, ends if key.is_time else source) for key in running.keys}
        return {**keys, MOMENT: column(MOMENT, ends)} if rolled else keys

    def _rows_by_moment(self, running: Running) -> str:
        """Aggregate rows by moment where that loses nothing; else keep each of them."""
        scan = running.source
        if scan in self._asked:
            return self.table_of(scan)
        return self.add(f"{scan.model}_moments", self._raw(scan, ()))

    def _ends(self, running: Running, source: str) -> tuple[str, exp.Expr]:
        """Give the moments that windows end with, and how they join the rows of their windows.

        Where rows are many, the few days that they have are compared first, and rows are looked up by day.
        """
        moments = self._moments(running)
        if running.measure.agg in DISTRIBUTIVE and all(key.is_time for key in running.keys):
            return moments, both(_within(column(MOMENT, source), column(MOMENT, moments), running))
        days = self.add("days", exp.select(column(MOMENT)).from_(common(source), copy=False).distinct())
        within = both(_within(column(MOMENT, days), column(MOMENT, moments), running))
        names = self.tables[moments].named_selects
        reached = exp.alias_(column(MOMENT, days), _REACHED, quoted=True)
        windows = exp.select(*(column(name, moments) for name in names), reached).from_(
            common(moments), copy=False
        )
        windows = with_join(windows, days, within, _side(running))
        ends = self.add("windows", windows)
        return ends, exp.EQ(this=column(_REACHED, ends), expression=column(MOMENT, source))

    def _moments(self, running: Running) -> str:
        """Give the moments to add up to: all of them, or the last one of each period where that is enough."""
        times = tuple(key for key in running.keys if key.is_time)
        same = ("moments", times, running.conditions, running.range, running.only_last)
        if same not in self._spines:
            self._spines[same] = self.add("moments", self._moment_rows(running))
        return self._spines[same]

    def _moment_rows(self, running: Running) -> exp.Select:
        times = [key for key in running.keys if key.is_time]
        base = running.source.time
        conditions = [item for item in running.conditions if item.only_time]
        every = [base, *(key.column for key in times)]
        every += [item for part in running.conditions for item in part.columns if item.is_metric_time]
        spine = spine_of(self.graph.definitions, every)
        raw = column(spine.column, _SPINE)
        at = raw if spine.grain == base.base else truncated(raw, base.base)
        mixed = [(f"__at_{number}", item) for number, item in enumerate(self._mixed_times(running))]
        wanted = [(key.name, key.column) for key in times] + mixed
        values = [on_spine(spine, _SPINE, item, self.dialect) for _, item in wanted]
        table = spine_rows(self.graph.definitions, spine, every, _SPINE)
        last = running.only_last
        moment_value = exp.Max(this=at) if last else at
        names = [*(name for name, _ in wanted), MOMENT]
        select = selected([*values, moment_value], names, table)
        where = [*met(spine, _SPINE, conditions, self.dialect), *between(raw, running.range)]
        if not times:
            latest = _where(
                exp.select(exp.Max(this=raw.copy())).from_(common(table.copy()), copy=False), where
            )
            where = [exp.EQ(this=raw.copy(), expression=latest.subquery())]
        select = _where(select, where)
        if last:
            return select.group_by(*(value.copy() for value in values))
        return select if spine.grain == base.base else select.distinct()

    def _mixed_times(self, running: Running) -> list[Column]:
        return [
            item for part in running.conditions if part.mixed for item in part.columns if item.is_metric_time
        ]

    def _mixed(self, running: Running, source: str, moments: str) -> list[exp.Expr]:
        """Ask conditions on time and other things together of the moment and of the rows beside it."""
        found, times, others = [], 0, 0
        for condition in running.conditions:
            if not condition.mixed:
                continue
            values = []
            for item in condition.columns:
                if item.is_metric_time:
                    values.append(column(f"__at_{times}", moments))
                    times += 1
                else:
                    values.append(column(f"__filtered_{others}", source))
                    others += 1
            found.append(filled_in(condition.template, values, self.dialect))
        return found

    def _total(self, running: Running, source: str) -> exp.Expr:
        measure = running.measure
        parts = [column(self.column_of(value), source) for value in _parts(measure)]
        if measure.agg in DISTRIBUTIVE:
            return combined(measure, parts[0], self.dialect)
        if measure.agg == "average":
            return _share(*(exp.Sum(this=part) for part in parts))
        item = column(ITEM, source)
        return aggregated(measure, item, None, self.dialect, grouped=True)

    # -- conversions

    def _followed(self, events: Events) -> exp.Select:
        """Count what followed for the last event before it, at the keys of that event."""
        base = self.add(f"{events.base.model}_events", self._base_rows(events))
        if joins_the_last(self.dialect):
            return self._followed_at_once(events, base)
        if events.measure.agg in DISTRIBUTIVE:
            return self._followed_sums(events, base)
        following = self.add(f"{events.following.model}_events", self._following_rows(events))
        last = self.add("last_events", self._last(events, base, following))
        one = self.add("one_event", self._one(events, base))
        properties = _property_names(events)
        match = [
            exp.EQ(this=column(name, last), expression=column(name, one)) for name in [ENTITY, *properties]
        ]
        match.append(exp.EQ(this=column(_BASE_MOMENT, last), expression=column(MOMENT, one)))
        keys = [column(key.name, one) for key in events.keys]
        value = next(iter(self._asked[events]))
        total = aggregated(events.measure, column(ITEM, last), None, self.dialect, grouped=True)
        columns = [*(key.name for key in events.keys), self.column_of(value)]
        select = selected([*keys, total], columns, last)
        return _grouped(with_join(select, one, both(match), "inner"), keys)

    def _followed_at_once(self, events: Events, base: str) -> exp.Select:
        """Join each row that followed with the last event before it, where that is within the window."""
        if not all(_follows_from(events.moments[0], key) for key in events.keys):
            base = self.add("one_event", self._one(events, base))
        following = self.add(f"{events.following.model}_events", self._following_each(events))
        same, *within = self._preceded(events, following, base)
        keys = [self._key_of_event(events.moments[0], key, base) for key in events.keys]
        total = aggregated(events.measure, column(ITEM, following), None, self.dialect, grouped=True)
        names = [*(key.name for key in events.keys), self.column_of(next(iter(self._asked[events])))]
        select = selected([*keys, total], names, following)
        select = with_join(select, base, same, "asof")
        return _grouped(_where(select, within), keys)

    def _key_of_event(self, moment: Column, key: Key, base: str) -> exp.Expr:
        """Give a key of an event; a period from its moment, which costs less than to carry it along."""
        if key.column.part or key.column.grain not in TIMES or not _follows_from(moment, key):
            return column(key.name, base)
        return truncated(column(MOMENT, base), key.column.grain)

    def _following_each(self, events: Events) -> exp.Select:
        """Give what follows row by row; without those that add nothing to anything."""
        scan = events.following
        wanted = [(ENTITY, events.entity[1]), (MOMENT, events.moments[1])]
        wanted += [(f"__property_{number}", pair[1]) for number, pair in enumerate(events.properties)]
        item = Column(scan.model, ITEM, events.measure.expr)
        rows = self._raw(scan, [*wanted, (ITEM, item)])
        told = rows.selects[-1].unalias()
        if not events.sparse or isinstance(told, exp.Literal):
            return rows
        return rows.where(*_where_there(told))

    def _followed_sums(self, events: Events, base: str) -> exp.Select:
        """Add up what followed by event before it, and keep that of the last event."""
        one = self.add("one_event", self._one(events, base))
        following = self.add(f"{events.following.model}_events", self._following_values(events))
        properties = _property_names(events)
        same = [ENTITY, *properties, MOMENT]
        keys = [key.name for key in events.keys]
        pair = [column(name, following) for name in same]
        pair += [column(MOMENT, one), *(column(key, one) for key in keys)]
        total = combined(events.measure, column(ITEM, following), self.dialect)
        names = [*same, _BASE_MOMENT, *keys]
        pairs = selected([*pair, total], [*names, ITEM], following)
        pairs = with_join(pairs, one, both(self._preceded(events, following, one)), "inner")
        latest = exp.Window(
            this=exp.Max(this=column(_BASE_MOMENT)), partition_by=[column(name) for name in same]
        )
        chosen = exp.select(*(column(name) for name in [*keys, ITEM, _BASE_MOMENT]))
        chosen = chosen.select(exp.alias_(latest, "__latest", quoted=True))
        source = chosen.from_(common(self.add("pairs", _grouped(pairs, pair))), copy=False).subquery(
            "numbered"
        )
        columns = [column(key) for key in keys]
        value = self.column_of(next(iter(self._asked[events])))
        select = exp.select(
            *named([*columns, combined(events.measure, column(ITEM), self.dialect)], [*keys, value])
        )
        last = exp.EQ(this=column(_BASE_MOMENT), expression=column("__latest"))
        return _grouped(select.from_(common(source), copy=False).where(last), columns)

    def _following_values(self, events: Events) -> exp.Select:
        """Give what follows row by row, as numbers to add up; without those that add nothing to anything."""
        scan, measure = events.following, events.measure
        rows = Rows(self.graph, scan, self.dialect, self.subquery)
        wanted = [(ENTITY, events.entity[1]), (MOMENT, events.moments[1])]
        wanted += [(f"__property_{number}", pair[1]) for number, pair in enumerate(events.properties)]
        value = self._argument(rows, measure)
        columns = [_key(name, rows.value(item)) for name, item in wanted] + [as_number(measure, value)]
        select = exp.select(*named(columns, [*(name for name, _ in wanted), ITEM]), copy=False)
        where = self._where(rows, scan.conditions)
        if events.sparse and not isinstance(value, exp.Literal):
            where += _where_there(value)
        return _where(rows.source(select), where)

    def _preceded(self, events: Events, following: str, base: str) -> list[exp.Expr]:
        """Match what followed with the events of the same entity before it, then tell the window."""
        properties = _property_names(events)
        at, before = column(MOMENT, following), column(MOMENT, base)
        match: list[exp.Expr] = [
            exp.EQ(this=column(name, following), expression=column(name, base))
            for name in [ENTITY, *properties]
        ]
        match.append(exp.LTE(this=before, expression=at))
        if not events.window:
            return [both(match)]
        start = earlier(at.copy(), events.window.count, events.window.grain)
        if adds_days(self.dialect) and events.window.grain == _DAY == events.moments[0].grain:
            start = exp.Sub(this=at.copy(), expression=exp.Literal.number(events.window.count))
        return [both(match), exp.GT(this=before.copy(), expression=start)]

    def _base_rows(self, events: Events) -> exp.Select:
        sides = [(f"__property_{number}", pair[0]) for number, pair in enumerate(events.properties)]
        return self._raw(events.base, [(ENTITY, events.entity[0]), (MOMENT, events.moments[0]), *sides])

    def _following_rows(self, events: Events) -> exp.Select:
        """Give what follows by entity and moment: each item once where only different ones count."""
        scan, measure = events.following, events.measure
        keys = [Key(ENTITY, events.entity[1]), Key(MOMENT, events.moments[1])]
        keys += [Key(f"__property_{number}", pair[1]) for number, pair in enumerate(events.properties)]
        item = Column(scan.model, ITEM, measure.expr)
        if measure.agg == "count_distinct":
            return self._aggregated(replace(scan, keys=(*keys, Key(ITEM, item))), ())
        rows = self._raw(replace(scan, keys=tuple(keys)), [(ITEM, item)])
        return rows.select(exp.alias_(_row_number([], [column(MOMENT)]), _NUMBER, quoted=True))

    def _last(self, events: Events, base: str, following: str) -> exp.Select:
        """Find the last event before what followed, within the window."""
        properties = _property_names(events)
        names = [ENTITY, MOMENT, *properties, ITEM]
        if events.measure.agg != "count_distinct":
            names.append(_NUMBER)
        keys = [column(name, following) for name in names]
        latest = exp.Max(this=column(MOMENT, base))
        select = exp.select(*named([*keys, latest], [*names, _BASE_MOMENT])).from_(
            common(following), copy=False
        )
        match = self._preceded(events, following, base)
        return _grouped(with_join(select, base, both(match), "inner"), keys)

    def _one(self, events: Events, base: str) -> exp.Select:
        """Keep one event per entity and moment: of two at once, the first by its keys."""
        properties = _property_names(events)
        keys = [key.name for key in events.keys]
        same = [column(name) for name in [ENTITY, MOMENT, *properties]]
        if len(keys) < 2:
            first_of_each = [extreme(exp.Min, column(name)) for name in keys]
            names = [ENTITY, MOMENT, *properties, *keys]
            return _grouped(selected([*same, *first_of_each], names, base), same)
        number = _row_number(same, [column(name) for name in keys])
        names = [ENTITY, MOMENT, *properties, *keys]
        numbered = exp.select(*(column(name) for name in names), exp.alias_(number, _NUMBER, quoted=True))
        first = exp.EQ(this=column(_NUMBER), expression=exp.Literal.number(1))
        source = numbered.from_(common(base), copy=False).subquery("numbered")
        return exp.select(*(column(name) for name in names)).from_(common(source), copy=False).where(first)


def _holds_for_days(running: Running) -> bool:
    """Whether totals of members hold from one day to another, and no moment without them is asked for."""
    members = not all(key.is_time for key in running.keys)
    return members and not running.outer and running.source.time.base == _DAY


def _follows_from(moment: Column, key: Key) -> bool:
    """Whether events of the same moment have the same member."""
    finest = key.column.grain if key.column.grain in TIMES and not key.column.part else _DAY
    if moment.grain == _WEEK and finest != _WEEK:
        return False
    return key.is_time and TIMES.index(finest) >= TIMES.index(moment.grain)


def _only_its_periods(scan: Scan, told: Snapshot) -> bool:
    """Whether a snapshot is asked for by nothing but whole periods of its own moments."""
    columns = [key.column for key in scan.keys if key.name in told.periods]
    plain = all(item.grain in TIMES and not item.part for item in columns)
    return bool(columns) and len(columns) == len(scan.keys) and plain and not (told.groupings or scan.shifts)


def _property_names(events: Events) -> list[str]:
    return [f"__property_{number}" for number, _ in enumerate(events.properties)]


def _key(name: str, value: exp.Expr) -> exp.Expr:
    """Write a key; a moment that nobody sees is a date where it is a day, which is quicker to group by."""
    is_day = isinstance(value, exp.TimestampTrunc | exp.DateTrunc) and value.text("unit").upper() == "DAY"
    return exp.cast(value.this, "DATE") if name == MOMENT and is_day else value


def _where_there(value: exp.Expr) -> list[exp.Expr]:
    """Keep rows that have a value; what a CASE asks is asked of the rows, which engines can look up."""
    asked: list[exp.Expr] = []
    bare = value.unnest()
    if (
        isinstance(bare, exp.Case)
        and len(bare.args["ifs"]) == 1
        and not (bare.this or bare.args.get("default"))
    ):
        (only,) = bare.args["ifs"]
        asked, value = [only.this.copy()], only.args["true"]
    return [*asked, exp.Not(this=exp.Is(this=value.copy(), expression=exp.null()))]


def _share(above: exp.Expr, below: exp.Expr) -> exp.Expr:
    zero = exp.Nullif(this=below, expression=exp.Literal.number(0))
    return exp.Div(this=exp.cast(above, "DOUBLE"), expression=zero)


def _filled(running: Running, total: exp.Expr) -> exp.Expr:
    if running.fill is None:
        return total
    return exp.Coalesce(this=total, expressions=[exp.Literal.number(running.fill)])


def _of_rows(measure: Measure, total: exp.Expr) -> exp.Expr:
    """Give no value, rather than 0, where nothing is there to be counted."""
    if measure.agg != "count_distinct":
        return total
    there = exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(0))
    return exp.Case().when(there, total)


def _parts(measure: Measure) -> tuple[Value, ...]:
    """Give the aggregates by moment from which the aggregate of a window follows."""
    if measure.agg in DISTRIBUTIVE:
        return (Value(measure),)
    if measure.agg == "average":
        total = replace(measure, name=f"{measure.name}_total", agg="sum")
        return Value(total), Value(replace(measure, name=f"{measure.name}_count", agg="count"))
    return ()


def _by_calendar(scan: Scan, values: Sequence[Value]) -> bool:
    """Whether rows shifted by periods of a calendar are asked for by such periods alone."""
    conditions = [*scan.conditions, *(item for value in values for item in value.conditions)]
    columns = [key.column for key in scan.keys] + [item for part in conditions for item in part.columns]
    shifts = {shift.window.grain for shift in scan.shifts if shift.window}
    return {item.grain for item in columns if item.is_metric_time} == shifts


def _shared(values: Sequence[Value]) -> tuple[Condition, ...]:
    if not values:
        return ()
    first, *others = values
    return tuple(item for item in first.conditions if all(item in value.conditions for value in others))


def _within(at: exp.Expr, moment: exp.Expr, running: Running) -> list[exp.Expr]:
    """Keep what lies in the window, or in the period to date, that ends with a moment."""
    end = shifted(moment.copy(), running.shifts)
    found: list[exp.Expr] = [exp.LTE(this=at, expression=end)]
    if running.grain_to_date:
        start = truncated(end.copy(), running.grain_to_date)
        found.append(exp.GTE(this=at.copy(), expression=start))
    if running.window:
        start = earlier(end.copy(), running.window.count, running.window.grain)
        found.append(exp.GT(this=at.copy(), expression=start))
    return found


def _side(running: Running) -> str:
    return "left" if running.outer else "inner"


def _rolled(running: Running, table: str, name: str) -> exp.Select:
    """Make one value of the moments of a period: the first, the last, or the average of those there are."""
    keys = [column(key.name, table) for key in running.keys]
    names = [key.name for key in running.keys]
    if running.roll == "average":
        select = exp.select(*named([*keys, exp.Avg(this=column(name, table))], [*names, name])).from_(
            common(table), copy=False
        )
        return _grouped(select, keys)
    number = _row_number(
        [column(item) for item in names], [column(MOMENT)], descending=running.roll == "last"
    )
    inner = exp.select(*(column(item) for item in [*names, name]), exp.alias_(number, _NUMBER, quoted=True))
    first = exp.EQ(this=column(_NUMBER), expression=exp.Literal.number(1))
    source = inner.from_(common(table), copy=False).subquery("numbered")
    return (
        exp.select(*(column(item) for item in [*names, name])).from_(common(source), copy=False).where(first)
    )


def _row_number(
    partition: Sequence[exp.Expr], order: Sequence[exp.Expr], *, descending: bool = False
) -> exp.Window:
    ordered = [exp.Ordered(this=item, desc=descending, nulls_first=False) for item in order]
    return exp.Window(
        this=exp.RowNumber(), partition_by=list(partition), order=exp.Order(expressions=ordered)
    )


def _chosen(source: str, within: Sequence[str], choice: str) -> exp.Select:
    keys = [column(name, source) for name in within]
    choose = exp.Min if choice == "min" else exp.Max
    chosen = choose(this=column(MOMENT, source))
    select = selected([*keys, chosen], [*within, MOMENT], source)
    return _grouped(select, keys)


def _any(parts: Sequence[exp.Expr]) -> exp.Expr:
    unique = list(dict.fromkeys(parts))
    return exp.paren(exp.or_(*unique, copy=False), copy=False) if len(unique) > 1 else unique[0]


def _where(select: exp.Select, conditions: Sequence[exp.Expr]) -> exp.Select:
    return select.where(*conditions, copy=False) if conditions else select


def _grouped(select: exp.Select, keys: Sequence[exp.Expr]) -> exp.Select:
    return select.group_by(*(key.copy() for key in keys), copy=False) if keys else select
