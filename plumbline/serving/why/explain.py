"""Ask for what a change is made of, and put the parts together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol

from plumbline.definitions import Definitions, Metric, MetricInput
from plumbline.errors import DefinitionError, UsageError
from plumbline.serving.answer import AnswerColumn
from plumbline.serving.compare import KINDS
from plumbline.serving.periods import Period, first_day, last_day, read_period
from plumbline.serving.resolve import Question
from plumbline.serving.why import formula
from plumbline.serving.why.members import Part, beside, differences, largest, mix_and_rate
from plumbline.serving.why.parts import DimensionSplit, FormulaSplit, InputPart, MemberPart, Why
from plumbline.serving.why.rounding import exact, share, whole_parts
from plumbline.serving.why.shape import (
    Quotient,
    adds_up,
    counts_distinct,
    formula_of,
    linear_of,
    quotient_of,
    why_not,
)
from plumbline.serving.why.shifts import shifted

_DIMENSIONS = 5
_GRAINS = ("day", "week", "month", "quarter", "year")
ADDS_UP, MIX_AND_RATE, NOT_ADDITIVE = "adds up", "mix and rate", "not additive"
_CLOSE = Fraction(1, 10**9)


class Reply(Protocol):
    """An answer to a question."""

    @property
    def columns(self) -> Sequence[AnswerColumn]: ...
    @property
    def notes(self) -> Sequence[str]: ...
    def rows(self) -> Sequence[tuple[Any, ...]]: ...


Ask = Callable[[Question], Reply]


@dataclass(frozen=True)
class Moved:
    """What somebody asks: a metric, its period, and what it is compared with: previous, year-ago or a period.

    `by` are the dimensions to split over; none: those that the metric is published by.
    """

    metric: str
    period: Period
    versus: str | Period = "previous"
    by: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    members: int = 10


def explain_change(
    ask: Ask,
    definitions: Definitions,
    moved: Moved,
    hides: Callable[[Sequence[str]], bool] = lambda metrics: False,
) -> Why:
    """Split the change of a metric between two periods.

    `hides` tells whether figures of members are left out for who asks: what is hidden must not come out as
    the difference of what is shown.

    Raises DefinitionError and UsageError as a question does; `notes` and `told` say what cannot be split.
    """
    return _Explainer(ask, definitions, moved, _before(moved), hides).explain()


def _before(moved: Moved) -> Period:
    if isinstance(moved.versus, Period):
        return moved.versus
    if moved.period.is_open:
        raise UsageError(
            "there is no whole period to compare",
            todo="Give its first and its last day.",
            code="no-period",
        )
    if moved.versus not in KINDS:
        raise UsageError(
            f"there is no comparison {moved.versus!r}",
            todo=f"Known: {', '.join(KINDS)}, or the two days of a period.",
            code="unknown-comparison",
        )
    return moved.period.previous() if moved.versus == "previous" else moved.period.year_ago()


@dataclass
class _Figures:
    """Two figures of one thing: before and after."""

    before: Fraction | None
    after: Fraction | None


@dataclass
class _Explainer:
    ask: Ask
    definitions: Definitions
    moved: Moved
    before: Period
    hides: Callable[[Sequence[str]], bool]
    notes: list[str] = field(default_factory=list)

    def explain(self) -> Why:
        """Put the total, its formula and its members together."""
        total, name = self._total()
        metric = self.definitions.metrics[name]
        before, after = exact(total.before), exact(total.after)
        change = None if before is None or after is None else after - before
        why = Why(
            name,
            self.moved.period,
            self.before,
            before,
            after,
            change,
            share(change, before),
            adds_up(self.definitions, metric),
            self._told(metric),
        )
        if change is None:
            missing = " and ".join(_days(period) for period in self._without(total))
            return replace(why, notes=(*self.notes, f"there is no figure of {missing}: no change to split"))
        parts = self._formula(metric, change)
        splits = tuple(self._dimensions(metric, change))
        return replace(why, formula=parts, dimensions=splits, notes=tuple(dict.fromkeys(self.notes)))

    def _without(self, total: _Figures) -> Iterator[Period]:
        if total.before is None:
            yield self.before
        if total.after is None:
            yield self.moved.period

    def _told(self, metric: Metric) -> str:
        if adds_up(self.definitions, metric):
            return "It adds up: the changes of the members are parts of the change."
        if quotient_of(self.definitions, metric):
            return (
                "It is one sum over another: each input has a part of the change; over members, each has a "
                "part because its own figure changed (rate), and one because its weight did (mix)."
            )
        return f"{why_not(self.definitions, metric)} Changes of members are shown, and are no parts of it."

    # -- the figures

    def _total(self) -> tuple[_Figures, str]:
        """Ask for the figure of both periods, and learn the name of the metric."""
        now = self._ask((self.moved.metric,), self.moved.period)
        name = _figures(now)[0]
        self.notes += now.notes
        then = self._ask((name,), self.before)
        self.notes += [f"{_days(self.before)}: {note}" for note in then.notes if note not in now.notes]
        return _Figures(_only(then, name), _only(now, name)), name

    def _ask(
        self, metrics: Sequence[str], period: Period, by: Sequence[str] = (), where: Sequence[str] = ()
    ) -> Reply:
        """Ask of a period; one that must be asked for by periods, by the length that this one has."""
        start, end = str(period.start), str(period.end)
        question = Question(tuple(metrics), tuple(by), (*self.moved.where, *where), start, end)
        try:
            return self.ask(question)
        except DefinitionError as error:
            grain = _grain(period)
            if error.code != "needs-time" or not grain:
                raise
            return self.ask(replace(question, grain=grain))

    # -- over the formula

    def _formula(self, metric: Metric, change: Decimal) -> FormulaSplit | None:
        text = formula_of(metric)
        if not text:
            return None
        try:
            found = self._inputs(metric)
            parts = found and formula.split(text, *(_side(found, at) for at in ("before", "after")))
        except formula.CannotCalculate as error:
            self.notes.append(f"its formula is not split: {error} is no sum, product or quotient")
            return None
        except _NotShown as error:
            self.notes.append(f"its formula is not split: {error}")
            return None
        if not (found and parts):
            self.notes.append("its formula is not split: an input has no value in one of the periods")
            return None
        if not _is_close(sum(parts.values()), Fraction(change)):
            self.notes.append("its formula is not split: its inputs do not give the figure")
            return None
        return FormulaSplit(text, tuple(self._input_parts(metric, found, parts, change)))

    def _inputs(self, metric: Metric) -> dict[str, _Figures] | None:
        if len(metric.inputs) > formula.MOST_INPUTS:
            raise _NotShown(f"it has more than {formula.MOST_INPUTS} inputs")
        return {item.column: self._input(item, metric.filters) for item in metric.inputs}

    def _input(self, item: MetricInput, filters: Sequence[str]) -> _Figures:
        """Ask for one input in both periods, each shifted as the formula takes it."""
        periods = [shifted(period, item) for period in (self.before, self.moved.period)]
        if None in periods:
            raise _NotShown(f"{item.column} is taken from another time than that of the period")
        try:
            before, after = (
                _only(self._ask((item.name,), period, where=(*item.filters, *filters)), item.name)
                for period in periods
                if period
            )
        except DefinitionError as error:
            if error.code == "unknown-metric":
                raise _NotShown("it rests on a metric that you do not see") from None
            raise _NotShown(f"{item.column}: {error.what}") from None
        return _Figures(before, after)

    def _input_parts(
        self, metric: Metric, found: Mapping[str, _Figures], parts: Mapping[str, Fraction], change: Decimal
    ) -> Iterator[InputPart]:
        whole = whole_parts(list(parts.values()), change)
        for item, contribution in zip(metric.inputs, whole, strict=True):
            known, figures = self.definitions.metrics[item.name], found[item.column]
            values = exact(figures.before), exact(figures.after)
            labels = (known.label, known.governance.label_zh)
            yield InputPart(
                item.column, item.name, *labels, *values, contribution, share(contribution, change)
            )

    # -- over members

    def _dimensions(self, metric: Metric, change: Decimal) -> Iterator[DimensionSplit]:
        for name in self.moved.by:
            yield self._dimension(metric, name, change)
        for name in () if self.moved.by else self._published_by(metric):
            try:
                yield self._dimension(metric, name, change)
            except DefinitionError as error:
                # What somebody does not see has no name for them.
                if error.code != "unknown-dimension":
                    self.notes.append(f"not split by {name}: {error.what}")

    def _published_by(self, metric: Metric) -> list[str]:
        """Name the dimensions that the metric is published by, the commonest first."""
        found: dict[str, int] = {}
        for saved in self.definitions.saved_queries.values():
            if metric.name in saved.metrics:
                for item in saved.dimensions:
                    found[item.column] = found.get(item.column, 0) + 1
        return sorted(found, key=lambda name: (-found[name], list(found).index(name)))[:_DIMENSIONS]

    def _dimension(self, metric: Metric, dimension: str, change: Decimal) -> DimensionSplit:
        if self.hides([metric.name, *(item.name for item in metric.inputs)]):
            column, before, after = self._members(metric.name, dimension)
            return replace(self._split(column, NOT_ADDITIVE, beside(before, after), change), told=_HIDDEN)
        if adds_up(self.definitions, metric):
            return self._sums(metric, dimension, change)
        quotient = quotient_of(self.definitions, metric)
        if quotient and not any(item.offset_to_grain for item in metric.inputs):
            return self._shares(metric, quotient, dimension, change)
        return self._beside(metric, dimension, change)

    def _sums(self, metric: Metric, dimension: str, change: Decimal) -> DimensionSplit:
        """Split what adds up; a member that lacks an input, and so the figure, by what it has of others."""
        column, before, after = self._members(metric.name, dimension)
        parts = differences(before, after)
        weights = linear_of(metric) if metric.type == "derived" else None
        if weights and not _is_zero(Fraction(change) - _sum(parts)):
            with suppress(DefinitionError):  # who asks may not see an input
                added = self._added(metric, weights, dimension)
                parts = [Part(name, before.get(name), after.get(name), part) for name, part in added.items()]
        return self._split(column, ADDS_UP, parts, change)

    def _added(self, metric: Metric, weights: Mapping[str, Fraction], dimension: str) -> dict[Any, Fraction]:
        """Add up for each member what its inputs add to the change."""
        found: dict[Any, Fraction] = {}
        for item in metric.inputs:
            _, before, after = self._members(item.name, dimension, item, metric.filters)
            for part in differences(before, after):
                added = weights.get(item.column, Fraction(0)) * (part.contribution or Fraction(0))
                found[part.member] = found.get(part.member, Fraction(0)) + added
        return found

    def _beside(self, metric: Metric, dimension: str, change: Decimal) -> DimensionSplit:
        """Put members beside each other; distinct things that no two members share add up after all."""
        column, before, after = self._members(metric.name, dimension)
        if counts_distinct(self.definitions, metric) and self._are_apart(metric.name, (before, after)):
            return replace(self._split(column, ADDS_UP, differences(before, after), change), told=_APART)
        return self._split(column, NOT_ADDITIVE, beside(before, after), change)

    def _are_apart(self, metric: str, found: Sequence[Mapping[Any, Fraction | None]]) -> bool:
        """Tell whether nothing counts for two members: then, and only then, they add up to the total."""
        totals = (_only(self._ask((metric,), period), metric) for period in (self.before, self.moved.period))
        sums = [sum((value or Fraction(0) for value in side.values()), Fraction(0)) for side in found]
        return sums == [total or Fraction(0) for total in totals]

    def _shares(self, metric: Metric, quotient: Quotient, dimension: str, change: Decimal) -> DimensionSplit:
        inputs = {item.column: item for item in metric.inputs}
        try:
            asked = {
                name: self._members(inputs[name].name, dimension, inputs[name], metric.filters)
                for name in quotient.inputs
            }
        except DefinitionError as error:
            if error.code != "unknown-metric":
                raise
            return self._beside(metric, dimension, change)
        column = next(iter(asked.values()))[0]
        before = _cells(quotient, {name: found[1] for name, found in asked.items()})
        after = _cells(quotient, {name: found[2] for name, found in asked.items()})
        parts = mix_and_rate(before, after)
        if parts is None or not _is_close(_sum(parts), Fraction(change)):
            self.notes.append(f"not split by {column.name}: its members do not give the figure")
            return self._beside(metric, dimension, change)
        return self._split(column, MIX_AND_RATE, parts, change)

    def _members(
        self, metric: str, dimension: str, item: MetricInput | None = None, filters: Sequence[str] = ()
    ) -> tuple[AnswerColumn, dict[Any, Fraction | None], dict[Any, Fraction | None]]:
        """Ask for the members of both periods; for an input, as its formula takes it."""
        where = (*item.filters, *filters) if item else ()
        periods = [self.before, self.moved.period]
        periods = [(item and shifted(period, item)) or period for period in periods]
        replies = [self._ask((metric,), period, (dimension,), where) for period in periods]
        before, after = (_by_member(reply, metric) for reply in replies)
        return _key(replies[1]), before, after

    def _split(self, column: AnswerColumn, method: str, parts: list[Part], change: Decimal) -> DimensionSplit:
        known = [part for part in parts if part.contribution is not None]
        missing = Fraction(change) - _sum(parts) if known else Fraction(0)
        unattributed = None if method != ADDS_UP or _is_zero(missing) else exact(missing)
        target = change - (unattributed or Decimal(0))
        shown, others = largest(_settled(parts, target) if known else parts, self.moved.members)
        named = tuple(_member(part, change) for part in shown)
        rest = _rest(others, method, change) if others else None
        label = column.label
        return DimensionSplit(
            column.name, label.label, label.label_zh, method, _TOLD[method], named, rest, unattributed
        )


_HIDDEN = "Figures of small groups are left out, so the change is not split over the members."
_APART = (
    "No two members share what is counted, in either period: here their contributions add up to the change."
)
_TOLD = {
    ADDS_UP: "The contributions of the members, and of the rest, add up to the change.",
    MIX_AND_RATE: "rate: the member's own figure changed; mix: its weight changed. Both, over all members, "
    "add up to the change.",
    NOT_ADDITIVE: "The figures of the members do not add up to the total: their changes are no parts of it.",
}


class _NotShown(Exception):
    """An input that cannot be asked for."""


def _settled(parts: list[Part], change: Decimal) -> list[Part]:
    """Round what the members add, so that it adds up to the change as it is shown."""
    whole = whole_parts([part.contribution or Fraction(0) for part in parts], change)
    found = []
    for part, contribution in zip(parts, whole, strict=True):
        if part.rate is None:
            found.append(replace(part, contribution=Fraction(contribution)))
            continue
        rate = exact(part.rate) or Decimal(0)
        found.append(
            replace(
                part,
                contribution=Fraction(contribution),
                rate=Fraction(rate),
                mix=Fraction(contribution - rate),
            )
        )
    return found


def _member(part: Part, change: Decimal, count: int = 1) -> MemberPart:
    contribution = exact(part.contribution)
    return MemberPart(
        part.member,
        exact(part.before),
        exact(part.after),
        contribution,
        share(contribution, change),
        exact(part.mix),
        exact(part.rate),
        count,
    )


def _rest(parts: Sequence[Part], method: str, change: Decimal) -> MemberPart:
    """Put members together that are not named: only figures that add up have a sum."""
    summed = method == ADDS_UP
    whole = Part(
        None,
        sum((part.before or Fraction(0) for part in parts), Fraction(0)) if summed else None,
        sum((part.after or Fraction(0) for part in parts), Fraction(0)) if summed else None,
        None if method == NOT_ADDITIVE else _sum(parts),
        sum((part.mix or Fraction(0) for part in parts), Fraction(0)) if method == MIX_AND_RATE else None,
        sum((part.rate or Fraction(0) for part in parts), Fraction(0)) if method == MIX_AND_RATE else None,
    )
    return _member(whole, change, len(parts))


def _sum(parts: Iterable[Part]) -> Fraction:
    return sum((part.contribution or Fraction(0) for part in parts), Fraction(0))


def _cells(
    quotient: Quotient, asked: Mapping[str, Mapping[Any, Fraction | None]]
) -> dict[Any, tuple[Fraction, Fraction]]:
    """Calculate for each member what stands above and below the line."""
    members = dict.fromkeys(member for found in asked.values() for member in found)

    def weighed(weights: Mapping[str, Fraction], member: Any) -> Fraction:
        return sum((weight * (asked[name].get(member) or 0) for name, weight in weights.items()), Fraction(0))

    return {member: (weighed(quotient.above, member), weighed(quotient.below, member)) for member in members}


def _side(found: Mapping[str, _Figures], at: str) -> dict[str, Fraction | None]:
    return {name: getattr(figures, at) for name, figures in found.items()}


def _figures(reply: Reply) -> list[str]:
    return [column.name for column in reply.columns if not (column.is_key or column.is_mark)]


def _key(reply: Reply) -> AnswerColumn:
    return next(column for column in reversed(reply.columns) if column.is_key)


def _only(reply: Reply, name: str) -> Fraction | None:
    """Give the one figure of an answer; no row is no value."""
    at = _place(reply, name)
    values = [row[at] for row in reply.rows()]
    return _fraction(values[0]) if values else None


def _by_member(reply: Reply, metric: str) -> dict[Any, Fraction | None]:
    at, key = _place(reply, metric), _place(reply, _key(reply).name)
    return {row[key]: _fraction(row[at]) for row in reply.rows()}


def _place(reply: Reply, name: str) -> int:
    return [column.name for column in reply.columns].index(name)


def _fraction(value: Any) -> Fraction | None:
    """Read a figure as the number that its digits say; NULL, and what is no number, is None."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return Fraction(repr(value) if isinstance(value, float) else value)


def _is_zero(value: Fraction) -> bool:
    return abs(value) < Fraction(1, 10**12)


def _is_close(one: Fraction | int, other: Fraction) -> bool:
    return bool(abs(one - other) <= _CLOSE * max(Fraction(1), abs(other)))


def _grain(period: Period) -> str:
    """Name the length of time that a period is one of, or ''."""
    if period.start is None or period.end is None:
        return ""
    start, end = period.start, period.end
    found = (g for g in _GRAINS if first_day(start, g) == start and last_day(start, g) == end)
    return next(found, "")


def _days(period: Period) -> str:
    return f"{period.start} to {period.end}"


def whole_month_before(as_of: date | None) -> Period:
    """Give the last month that is over at the as-of date."""
    day = as_of or date.today()
    first = first_day(day, "month")
    if last_day(first, "month") == day:
        return Period(first, day)
    return Period(first, last_day(first, "month")).previous()


def read_versus(text: str, end: str | None = None) -> str | Period:
    """Read what to compare with: previous, year-ago, or the first (and the last) day of a period."""
    if text in KINDS:
        return text
    return read_period(text, end or text) or text
