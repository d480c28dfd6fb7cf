"""Write the SQL around MetricFlow's: shifted and accumulated series, joined, divided, ordered."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import sqlglot
from sqlglot import exp

from plumbline.compiler.plan import Accumulation, Conversion, Formula, Node, Plan, Ratio, Series, Shift
from plumbline.compiler.request import Request
from plumbline.definitions import Definitions, GroupBy

Aggregate = Callable[[tuple[str, ...], tuple[GroupBy, ...]], exp.Query]

_PERIODS = "periods"
_PERIOD, _LAST_DAY = "period", "last_day"
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def generate(
    definitions: Definitions, request: Request, plan: Plan, dialect: str, aggregate: Aggregate
) -> str:
    """Give one SELECT; `aggregate` asks MetricFlow for plain metrics by the columns given."""
    return (
        _Generator(definitions, request, plan, dialect, aggregate).query().sql(dialect=dialect, pretty=True)
    )


class _Generator:
    def __init__(
        self, definitions: Definitions, request: Request, plan: Plan, dialect: str, aggregate: Aggregate
    ) -> None:
        self.definitions = definitions
        self.request = request
        self.plan = plan
        self.dialect = dialect
        self.aggregate = aggregate
        self.keys = [item.column for item in request.group_by]
        self.columns = {series: f"{series.metric}__{n}" for n, series in enumerate(plan.series)}
        self.ctes: list[tuple[str, exp.Query]] = []

    def query(self) -> exp.Query:
        parts = list(self._parts())
        source = parts[0] if len(parts) == 1 else self._joined(parts)
        select = exp.select(
            *(exp.column(key, quoted=True) for key in self.keys),
            *(exp.alias_(self._value(node), name, quoted=True) for name, node in self.plan.outputs.items()),
        ).from_(source)
        for name, cte in self.ctes:
            select = select.with_(name, as_=cte, copy=False)
        if self.plan.looks_around and self.request.time_constraint and self.request.time:
            select = select.where(*self._asked_periods(*self.request.time_constraint))
        for name in self.request.order_by:
            column = exp.column(name.removeprefix("-"), quoted=True)
            select = select.order_by(exp.Ordered(this=column, desc=name.startswith("-"), nulls_first=False))
        return select.limit(self.request.limit) if self.request.limit is not None else select

    def _asked_periods(self, start: str, end: str) -> list[exp.Expr]:
        """Keep the periods that the time range touches, now that the others were looked at."""
        assert self.request.time is not None
        period = exp.column(self.request.time.column, quoted=True)
        first, last = (exp.cast(exp.Literal.string(text[:10]), "DATE") for text in (start, end))
        return [
            exp.GTE(this=period, expression=_truncate(first, self.request.time.grain)),
            exp.LTE(this=period.copy(), expression=last),
        ]

    # Each part is a common table with the keys and some of the series.

    def _parts(self) -> Iterable[str]:
        plain = [series for series in self.plan.series if not (series.accumulated or series.converted)]
        accumulated = [series for series in self.plan.series if series.accumulated]
        converted = [series for series in self.plan.series if series.converted]
        if any(series.shift or series.accumulated for series in self.plan.series):
            self.ctes.append((_PERIODS, self._periods()))
        if plain:
            metrics = tuple(dict.fromkeys(series.metric for series in plain))
            self.ctes.append(("aggregated", self.aggregate(metrics, self.request.group_by)))
        for shift in dict.fromkeys(series.shift for series in plain):
            yield self._plain([series for series in plain if series.shift == shift], shift)
        for series in accumulated:
            yield self._accumulated(series)
        for series in converted:
            yield self._converted(series)

    def _add(self, name: str, query: exp.Query) -> str:
        unique = f"{name}_{len(self.ctes)}"
        self.ctes.append((unique, query))
        return unique

    def _periods(self) -> exp.Query:
        """One row per period of the time spine, with its last day."""
        assert self.request.time is not None
        day = exp.column(self.definitions.time_spine_column)
        period = _truncate(day, self.request.time.grain)
        spine = exp.to_table(self.definitions.time_spine, dialect="duckdb")
        return (
            exp.select(exp.alias_(period, _PERIOD), exp.alias_(exp.Max(this=day.copy()), _LAST_DAY))
            .from_(spine)
            .group_by(period.copy())
        )

    def _plain(self, series: list[Series], shift: Shift) -> str:
        values = [exp.alias_(_aggregated(item.metric), self.columns[item], quoted=True) for item in series]
        if not shift:
            keys = [_aggregated(key) for key in self.keys]
            return self._add("current", exp.select(*keys, *values).from_("aggregated"))
        assert self.request.time is not None
        time = self.request.time.column
        period = exp.column(_PERIOD, table=_PERIODS)
        keys = [
            exp.alias_(period, key, quoted=True) if key == time else _aggregated(key) for key in self.keys
        ]
        match = exp.EQ(this=_shifted(period.copy(), shift), expression=_aggregated(time))
        query = exp.select(*keys, *values).from_(_PERIODS).join("aggregated", on=match, join_type="inner")
        return self._add("earlier", query)

    def _accumulated(self, series: Series) -> str:
        """Add up days until the last day of each period, or until that day of the earlier period."""
        assert self.request.time is not None
        how = self.plan.accumulations[series.metric]
        daily = self._daily(how.daily_metric, how.distinct_entity)
        last_day = _shifted(exp.column(_LAST_DAY, table=_PERIODS), series.shift)
        day = exp.column("metric_time__day", table=daily, quoted=True)
        keys = [
            exp.column(_PERIOD, table=_PERIODS)
            if item == self.request.time
            else exp.column(item.column, table=daily, quoted=True)
            for item in self.request.group_by
        ]
        counted = exp.column(how.distinct_entity or how.daily_metric, table=daily, quoted=True)
        value = (
            exp.Count(this=exp.Distinct(expressions=[counted]))
            if how.distinct_entity
            else exp.func(how.aggregate, counted)
        )
        named = [exp.alias_(key, name, quoted=True) for key, name in zip(keys, self.keys, strict=True)]
        query = (
            exp.select(*named, exp.alias_(value, self.columns[series], quoted=True))
            .from_(_PERIODS)
            .join(daily, on=exp.and_(*_within(day, last_day, how)), join_type="inner")
            .group_by(*(key.copy() for key in keys))
        )
        return self._add("accumulated", query)

    def _daily(self, metric: str, entity: str = "", *, by_dimensions: bool = True) -> str:
        """Ask for a metric by day (and by an entity), once per metric."""
        name = f"daily_{metric}" + (f"_by_{entity}" if entity else "") + ("" if by_dimensions else "_alone")
        if name not in dict(self.ctes):
            by = (GroupBy("metric_time", "day"), *(self.request.dimensions if by_dimensions else ()))
            if entity and entity not in {item.name for item in by}:
                by = (*by, GroupBy(entity))
            self.ctes.append((name, self.aggregate((metric,), by)))
        return name

    def _converted(self, series: Series) -> str:
        """Count what follows within the window, in the period of the last event before it."""
        how = self.plan.conversions[series.metric]
        base = self._daily(how.base_metric, how.entity)
        following = self._daily(how.following_metric, how.entity, by_dimensions=False)
        last = self._add("last_base", _last_base(base, following, how))
        first = self._add("one_base", self._one_base(base, how.entity))
        counted = (
            exp.Count(this=exp.Distinct(expressions=[_column(how.entity, last)]))
            if how.distinct
            else exp.Sum(this=_column(how.following_metric, last))
        )
        same = exp.and_(
            exp.EQ(this=_column(how.entity, last), expression=_column(how.entity, first)),
            exp.EQ(this=_column("base_day", last), expression=_column("metric_time__day", first)),
        )
        keys = self._keys_of(first)
        followed = self._add(
            "followed",
            exp.select(*_named(keys, self.keys), exp.alias_(counted, "followed"))
            .from_(last)
            .join(first, on=same, join_type="inner")
            .group_by(*(key.copy() for key in keys)),
        )
        keys = self._keys_of(base)
        bases = self._add(
            "bases",
            exp.select(
                *_named(keys, self.keys), exp.alias_(exp.Sum(this=_column(how.base_metric, base)), "bases")
            )
            .from_(base)
            .group_by(*(key.copy() for key in keys)),
        )
        return self._add("converted", self._conversion_rate(series, how, bases, followed))

    def _keys_of(self, daily: str) -> list[exp.Expr]:
        """Give the keys of the result from a table by day."""
        return [
            _truncate(_column("metric_time__day", daily), item.grain)
            if item == self.request.time
            else _column(item.column, daily)
            for item in self.request.group_by
        ]

    def _one_base(self, base: str, entity: str) -> exp.Query:
        """Keep one row per entity and day: of two events on one day, the first by dimensions."""
        columns = ["metric_time__day", *(item.column for item in self.request.dimensions), entity]
        ordered = [
            exp.Ordered(this=_column(item.column, base), nulls_first=False)
            for item in self.request.dimensions
        ]
        partition = [_column(entity, base), _column("metric_time__day", base)]
        order = exp.Order(expressions=ordered or [_column("metric_time__day", base)])
        number = exp.Window(this=exp.RowNumber(), partition_by=partition, order=order)
        numbered = exp.select(*(_column(name, base) for name in columns), exp.alias_(number, "number")).from_(
            base
        )
        return (
            exp.select(*(exp.column(name, quoted=True) for name in columns))
            .from_(numbered.subquery("numbered"))
            .where(exp.EQ(this=exp.column("number"), expression=exp.Literal.number(1)))
        )

    def _conversion_rate(self, series: Series, how: Conversion, bases: str, followed: str) -> exp.Query:
        """Merge on the keys; grouping brings rows with empty keys together again."""
        both = exp.union(
            exp.select(
                *(_column(key, bases) for key in self.keys),
                _column("bases", bases),
                exp.alias_(exp.cast(exp.null(), "BIGINT"), "followed"),
            ).from_(bases),
            exp.select(
                *(_column(key, followed) for key in self.keys),
                exp.cast(exp.null(), "BIGINT"),
                _column("followed", followed),
            ).from_(followed),
            distinct=False,
        )
        total, count = exp.Max(this=exp.column("bases")), exp.Max(this=exp.column("followed"))
        value: exp.Expr = count
        if how.rate:
            below = exp.Nullif(this=total, expression=exp.Literal.number(0))
            value = exp.Div(
                this=_double(exp.Coalesce(this=count, expressions=[exp.Literal.number(0)])),
                expression=_double(below),
            )
        keys = [exp.column(key, quoted=True) for key in self.keys]
        return (
            exp.select(*keys, exp.alias_(value, self.columns[series], quoted=True))
            .from_(both.subquery("both_counts"))
            .group_by(*(key.copy() for key in keys))
        )

    def _joined(self, parts: list[str]) -> str:
        """Join on the keys; grouping afterwards brings rows with empty keys together again."""
        seen = [parts[0]]
        query = exp.select().from_(parts[0])
        for part in parts[1:]:
            match = [
                exp.EQ(this=self._key(key, seen), expression=exp.column(key, table=part, quoted=True))
                for key in self.keys
            ]
            if match:
                query = query.join(part, on=exp.and_(*match), join_type="full outer")
            else:
                query = query.join(part, join_type="cross")
            seen.append(part)
        keys = [self._key(key, parts) for key in self.keys]
        values = [
            exp.alias_(exp.Max(this=exp.column(name, quoted=True)), name, quoted=True)
            for name in self.columns.values()
        ]
        named = [exp.alias_(key, name, quoted=True) for key, name in zip(keys, self.keys, strict=True)]
        query = query.select(*named, *values).group_by(*(key.copy() for key in keys))
        return self._add("joined", query)

    @staticmethod
    def _key(key: str, parts: list[str]) -> exp.Expr:
        columns = [exp.column(key, table=part, quoted=True) for part in parts]
        return exp.Coalesce(this=columns[0], expressions=columns[1:]) if columns[1:] else columns[0]

    # The trees over the series become expressions over their columns.

    def _value(self, node: Node) -> exp.Expr:
        if isinstance(node, Series):
            return exp.column(self.columns[node], quoted=True)
        if isinstance(node, Ratio):
            below = exp.Nullif(this=self._value(node.denominator), expression=exp.Literal.number(0))
            return exp.Div(this=_double(self._value(node.numerator)), expression=_double(below))
        return self._formula(node)

    def _formula(self, node: Formula) -> exp.Expr:
        inputs = dict(node.inputs)
        parsed = sqlglot.parse_one(node.expr, dialect=self.dialect)

        def replace(part: exp.Expr) -> exp.Expr:
            if isinstance(part, exp.Column) and not part.table and part.name in inputs:
                value = self._value(inputs[part.name])
                return value if isinstance(value, exp.Column) else exp.paren(value, copy=False)
            return part

        return parsed.transform(replace)


def _aggregated(name: str) -> exp.Expr:
    return _column(name, "aggregated")


def _column(name: str, table: str) -> exp.Expr:
    return exp.column(name, table=table, quoted=True)


def _named(keys: list[exp.Expr], names: list[str]) -> list[exp.Expr]:
    return [exp.alias_(key, name, quoted=True) for key, name in zip(keys, names, strict=True)]


def _last_base(base: str, following: str, how: Conversion) -> exp.Query:
    """Find, for each day on which an entity did what counts, the last event before it within the window."""
    day, before = _column("metric_time__day", following), _column("metric_time__day", base)
    match = [
        exp.EQ(this=_column(how.entity, following), expression=_column(how.entity, base)),
        exp.LTE(this=before, expression=day),
    ]
    if how.window:
        start = _minus(day.copy(), how.window.count, how.window.grain)
        match.append(exp.GT(this=before.copy(), expression=start))
    keys = [_column(how.entity, following), _column(how.following_metric, following), day.copy()]
    return (
        exp.select(*keys, exp.alias_(exp.Max(this=before.copy()), "base_day", quoted=True))
        .from_(following)
        .join(base, on=exp.and_(*match), join_type="inner")
        .where(exp.GT(this=keys[1].copy(), expression=exp.Literal.number(0)))
        .group_by(*(key.copy() for key in keys))
    )


def _double(value: exp.Expr) -> exp.Expr:
    return exp.cast(value, "DOUBLE")


def _truncate(value: exp.Expr, grain: str) -> exp.Expr:
    return exp.cast(exp.func("DATE_TRUNC", exp.Literal.string(grain), value, dialect="duckdb"), "DATE")


def _minus(value: exp.Expr, count: int, grain: str) -> exp.Expr:
    """Go back in days or months: every dialect has those two."""
    unit, count = ("month", count * _MONTHS[grain]) if grain in _MONTHS else (grain, count)
    unit, count = ("day", count * 7) if unit == "week" else (unit, count)
    interval = exp.Interval(this=exp.Literal.string(str(count)), unit=exp.var(unit.upper()))
    return exp.Sub(this=value, expression=interval)


def _shifted(value: exp.Expr, shift: Shift) -> exp.Expr:
    if shift.to_grain:
        return _truncate(value, shift.to_grain)
    return _minus(value, shift.window.count, shift.window.grain) if shift.window else value


def _within(day: exp.Expr, last_day: exp.Expr, how: Accumulation) -> list[exp.Expr]:
    """Keep the days of the window or of the to-date period that ends with a day."""
    found: list[exp.Expr] = [exp.LTE(this=day.copy(), expression=last_day.copy())]
    if how.grain_to_date:
        same = exp.EQ(
            this=_truncate(day.copy(), how.grain_to_date),
            expression=_truncate(last_day.copy(), how.grain_to_date),
        )
        found.append(same)
    if how.window:
        start = _minus(last_day.copy(), how.window.count, how.window.grain)
        found.append(exp.GT(this=day.copy(), expression=start))
    return found
