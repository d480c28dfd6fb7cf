"""Days: ranges of them, and which periods can see what happened on a day.

A sum of a month sees the days of that month. A total to date sees all days since its year began, a figure
compared with last year those of last year, what converts within 90 days what follows. So a row of a day can
change the figures of periods before and after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from plumbline.definitions import GRAINS, METRIC_TIME, Definitions, GroupBy, Metric, Window, parse_group_by
from plumbline.indicators.library import ACCUMULATED, inputs_of
from plumbline.indicators.questions import Question
from plumbline.indicators.reads import columns_taken, mart_of, time_column

# A range of days, both ends included.
Range = tuple[date, date]
Days = tuple[Range, ...]
EVER: Days = ((date.min, date.max),)
_LENGTHS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
_KNOWN = ("simple", "ratio", "derived", "cumulative", "conversion")
_FEW, _MANY, _TOLD = 12, 36, 3


def together(ranges: Iterable[Range]) -> Days:
    """Put ranges in order, and those that meet into one."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= _moved(found[-1][1], 1):
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def day_after(day: date) -> date:
    """Give the next day; the last one of all has none after it."""
    return _moved(day, 1)


def day_before(day: date) -> date:
    """Give the day before."""
    return _moved(day, -1)


def few(days: Days) -> Days:
    """Give some dozen ranges at most that have all these days, and few others: many days become months."""
    if len(days) > _FEW:
        days = _whole_months(days)
    return days if len(days) <= _MANY else ((days[0][0], days[-1][1]),)


def in_months(days: Days) -> str:
    """Say days by their months: `2024-03 to 2024-05`, `from 2024-03 on`; '' for all that there are."""
    if days == EVER:
        return ""
    told = [_in_months(*each) for each in _whole_months(days)]
    if len(told) > _TOLD:
        return f"some of {_in_months(days[0][0], days[-1][1])}"
    return ", ".join(told)


def _in_months(first: date, last: date) -> str:
    since, until = f"{first:%Y-%m}", f"{last:%Y-%m}"
    if first == date.min or last == date.max:
        return f"up to {until}" if first == date.min else f"from {since} on"
    return since if since == until else f"{since} to {until}"


def _whole_months(days: Days) -> Days:
    return together((first.replace(day=1), _end_of("month", last)) for first, last in days)


def meet(days: Days, others: Days) -> bool:
    """Tell whether they have a day in common."""
    return any(first <= until and since <= last for first, last in days for since, until in others)


def common(days: Days, others: Days) -> Days:
    """Give the days that both have."""
    both = ((max(one[0], other[0]), min(one[1], other[1])) for one in days for other in others)
    return together((first, last) for first, last in both if first <= last)


def without(days: Days, others: Days) -> Days:
    """Give the days that only the first have."""
    left = list(days)
    for since, until in others:
        left = [piece for each in left for piece in _cut(each, since, until)]
    return together(left)


def _cut(each: Range, since: date, until: date) -> Iterator[Range]:
    first, last = each
    if until < first or last < since:
        yield each
        return
    if first < since:
        yield first, _moved(since, -1)
    if until < last:
        yield _moved(until, 1), last


@dataclass(frozen=True)
class Sight:
    """How far a row is seen from its own day: days `back`, days `ahead` (None: without end), and at least
    `until` the end of its year (month, …)."""

    back: int | None = 0
    ahead: int | None = 0
    until: str = ""

    def then(self, other: Sight) -> Sight:
        """Give the sight of a figure that sees figures which see rows."""
        longest = max(self.until, other.until, key=lambda grain: _LENGTHS.get(grain, 0))
        return Sight(_sum(self.back, other.back), _sum(self.ahead, other.ahead), longest)

    def seen(self, days: Days) -> Days:
        """Give the days from which rows of some days are seen."""
        return together((self._first(first), self._last(last)) for first, last in days)

    def _first(self, day: date) -> date:
        return date.min if self.back is None else _moved(day, -self.back)

    def _last(self, day: date) -> date:
        if self.ahead is None:
            return date.max
        if not self.until:
            return _moved(day, self.ahead)
        # A week may begin in the year before the one that most of its days are in.
        near = _moved(day, _LENGTHS["week"])
        return max(
            _moved(_end_of(self.until, near), self.ahead), _end_of(self.until, _moved(near, self.ahead))
        )


@dataclass(frozen=True)
class Sights:
    """How a figure sees the rows of marts that count by their own day: sights by mart and column of the day.

    A mart that is not named may change every period; so may what rows of others take from one by a join:
    its columns in `taken`.
    """

    times: Mapping[str, Mapping[str, Sequence[Sight]]] = field(default_factory=dict)
    taken: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def of(self, mart: str, wrong: Collection[str]) -> Mapping[str, Sequence[Sight]] | None:
        """Give the sights of a mart of which columns ('' for its rows) are wrong; None for any period."""
        taken = self.taken.get(mart)
        if taken is not None and ("" in wrong or not taken.isdisjoint(wrong)):
            return None
        return self.times.get(mart)


def sights_of(
    definitions: Definitions, metrics: Sequence[str], dimensions: Sequence[str], where: Sequence[str]
) -> Sights:
    """Give the sights of metrics by some dimensions, under some conditions."""
    by = [GroupBy(METRIC_TIME, "month"), *map(parse_group_by, dimensions)]
    question = Question("", tuple(metrics), (), tuple(by), tuple(where))
    taken = columns_taken(definitions, question)
    if taken is None:
        return Sights()
    found: dict[str, dict[str, list[Sight]]] = {}
    blind: set[str] = set()
    for metric in metrics:
        for mart, time, sight in _facts(definitions, definitions.metrics[metric], Sight()):
            if sight is None:
                blind.add(mart)
            else:
                found.setdefault(mart, {}).setdefault(time, []).append(sight)
    return Sights({mart: times for mart, times in found.items() if mart not in blind}, taken)


def sights_over(
    definitions: Definitions, metric: str, others: Collection[str]
) -> dict[str, list[Sight] | None]:
    """Give how figures of a metric see those of others that go into it, by each way on which they do.

    None for one of which that is not known. Of its own figures a metric sees the same days.
    """
    found: dict[str, list[Sight] | None] = {}
    for other, sight in _over(definitions, metric, Sight()):
        if other in others:
            known = found.setdefault(other, [])
            if sight is None:
                found[other] = None
            elif known is not None and sight not in known:
                known.append(sight)
    return found


def _over(definitions: Definitions, metric: str, sight: Sight | None) -> Iterator[tuple[str, Sight | None]]:
    """Name a metric and all that go into it, with how the first one sees their figures."""
    yield metric, sight
    defined = definitions.metrics[metric]
    for item in defined.inputs:
        moved = _shifted(item.offset_window, item.offset_to_grain)
        yield from _over(definitions, item.name, sight and moved.then(sight))
    for child, role in inputs_of(definitions, defined):
        if role == ACCUMULATED:
            own = _own(defined)
            yield from _over(definitions, child, sight and own and own.then(sight))


def _facts(definitions: Definitions, metric: Metric, sight: Sight) -> Iterator[tuple[str, str, Sight | None]]:
    own = _own(metric)
    for taken in metric.measures:
        model, measure = definitions.model_of(taken.name), definitions.measure(taken.name)
        if model is None or measure is None:
            continue
        is_odd = measure.non_additive and measure.non_additive.dimension != measure.time_dimension
        time = time_column(definitions, model, measure.time_dimension)
        yield mart_of(model.relation), time, None if own is None or is_odd else own.then(sight)
    for item in metric.inputs:
        moved = _shifted(item.offset_window, item.offset_to_grain)
        yield from _facts(definitions, definitions.metrics[item.name], sight.then(moved))


def _own(metric: Metric) -> Sight | None:
    """Give how a metric sees the rows of its measures; None for a kind that is not known."""
    if metric.type not in _KNOWN:
        return None
    if metric.type == "conversion":
        return Sight(back=_length(metric.window))
    if metric.type != "cumulative":
        return Sight()
    if metric.grain_to_date in GRAINS:
        return Sight(until=metric.grain_to_date)
    return Sight(ahead=_length(metric.window))


def _shifted(window: Window | None, to_grain: str) -> Sight:
    if to_grain:
        return Sight(until=to_grain) if to_grain in GRAINS else Sight(ahead=None)
    return Sight(ahead=_length(window)) if window else Sight()


def _length(window: Window | None) -> int | None:
    """Give the most days that a window can have; None for none, or one of a company's own calendar."""
    return window.count * _LENGTHS[window.grain] if window and window.grain in _LENGTHS else None


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _moved(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max if days > 0 else date.min


def _end_of(grain: str, day: date) -> date:
    """Give the last day of the period that a day lies in."""
    if grain == "week":
        return _moved(day, 6 - day.weekday())
    months = {"month": 1, "quarter": 3, "year": 12}.get(grain)
    if months is None or day.year == date.max.year:
        return day if months is None else date.max
    following = day.year * 12 + (day.month - 1) // months * months + months
    return date(following // 12, following % 12 + 1, 1) - timedelta(days=1)
