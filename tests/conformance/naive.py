"""Metrics calculated in plain Python, row by row and day by day: slow, and short enough to be believed.

It shares nothing with the compiler: a definition is a `Told`, which says both what the manifest has and what
the figure is. Sums are of numbers that Python and the engines add up exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby
from statistics import mean
from typing import Any

Row = Mapping[str, Any]
Key = tuple[Any, ...]
Values = dict[Key, Any]
ORDER = ("day", "week", "month", "quarter", "year")
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class Asked:
    """A filter as a definition writes it, and the same of a row (and of the day that it is shown at)."""

    sql: str
    keeps: Callable[[Row], bool]
    # What it asks of a day alone; None where it asks for something else.
    of_day: Callable[[date], bool] | None = None


@dataclass(frozen=True)
class Shift:
    """So many days, weeks, months … earlier, or the start of a longer period."""

    count: int
    grain: str

    def of(self, day: date) -> date:
        return earlier(day, self.count, self.grain) if self.count else start(day, self.grain)


@dataclass(frozen=True)
class Aggregate:
    """A measure: its table, how rows become a value, and of a stock which rows of a period count."""

    model: str
    of: Callable[[Sequence[Row]], Any]
    choice: Callable[[Iterable[date]], date] | None = None
    within: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """A metric of one kind; inputs are others with filters of their own, and shifts."""

    kind: str
    measure: Aggregate | None = None
    filters: tuple[Asked, ...] = ()
    inputs: tuple[tuple[Told, tuple[Asked, ...], Shift | None], ...] = ()
    formula: Callable[[Any, Any], Any] = lambda above, below: None
    window: tuple[int, str] | None = None
    to_date: str = ""
    roll: str = "last"
    following: tuple[Aggregate, tuple[Asked, ...]] | None = None
    same: tuple[str, str] | None = None


@dataclass(frozen=True)
class Question:
    """What is grouped by: columns of rows, and the grain of the time, if any."""

    tables: Mapping[str, Sequence[Row]]
    days: Sequence[date]
    by: tuple[str, ...]
    grain: str

    def key(self, row: Row, day: date | None) -> Key:
        time = (start(day, self.grain) if day else None,) if self.grain else ()
        return (*time, *(row[name] for name in self.by))


def start(day: date, grain: str) -> date:
    """Give the first day of the period of a day."""
    if grain in _MONTHS:
        return day.replace(month=(day.month - 1) // _MONTHS[grain] * _MONTHS[grain] + 1, day=1)
    return day - timedelta(days=day.weekday()) if grain == "week" else day


def earlier(day: date, count: int, grain: str) -> date:
    """Go back by a length of time; the 31st of a shorter month is its last day."""
    if grain not in _MONTHS:
        return day - timedelta(days=count * {"day": 1, "week": 7}[grain])
    months = day.year * 12 + day.month - 1 - count * _MONTHS[grain]
    year, month = divmod(months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (following - timedelta(days=1)).day))


def evaluated(
    told: Told, asked: Question, filters: tuple[Asked, ...] = (), shifts: tuple[Shift, ...] = ()
) -> Values:
    """Give the value of a metric by key: a key that is missing has no row."""
    if told.kind == "simple":
        assert told.measure is not None
        return _simple(told.measure, asked, (*told.filters, *filters), shifts)
    if told.kind == "cumulative":
        return _cumulative(told, asked, (*told.filters, *filters), shifts)
    if told.kind == "conversion":
        return _conversion(told, asked, (*told.filters, *filters))
    parts = [
        evaluated(part, asked, (*filters, *told.filters, *own), (*shifts, *([shift] if shift else [])))
        for part, own, shift in told.inputs
    ]
    first, second = parts
    return {key: told.formula(first.get(key), second.get(key)) for key in {**first, **second}}


def _split(filters: Iterable[Asked]) -> tuple[list[Asked], list[Asked]]:
    return [item for item in filters if item.of_day], [item for item in filters if not item.of_day]


def _shown(day: date, timed: Iterable[Asked]) -> bool:
    return all(item.of_day(day) for item in timed if item.of_day)


def _kept(asked: Question, measure: Aggregate, filters: Iterable[Asked]) -> list[Row]:
    return [row for row in asked.tables[measure.model] if all(item.keeps(row) for item in filters)]


def _simple(
    measure: Aggregate, asked: Question, filters: Sequence[Asked], shifts: tuple[Shift, ...]
) -> Values:
    timed, others = _split(filters)
    rows = _kept(asked, measure, others)
    if not shifts:
        seen = [(row, row["day"]) for row in rows if not timed or (row["day"] and _shown(row["day"], timed))]
        return _grouped(measure, asked, seen)
    if all(_whole(asked.grain, shift) for shift in shifts):
        found = _grouped(measure, asked, [(row, row["day"]) for row in rows])
        periods = {start(day, asked.grain) for day in asked.days if _shown(day, timed)}
        looked = {period: _looked_at(period, shifts) for period in periods}
        return {
            (at, *key[1:]): value for at, of in looked.items() for key, value in found.items() if key[0] == of
        }
    days = [day for day in asked.days if _shown(day, timed)]
    if any(not shift.count for shift in shifts) and asked.grain != "day":
        days = [day for day in days if start(day, asked.grain) == day]
    pairs = [(row, day) for day in days for row in rows if row["day"] == _looked_at(day, shifts)]
    return _grouped(measure, asked, pairs)


def _looked_at(day: date, shifts: Iterable[Shift]) -> date:
    for shift in shifts:
        day = shift.of(day)
    return day


def _whole(grain: str, shift: Shift) -> bool:
    """Whether every period of a grain looks at one whole period."""
    if ORDER.index(grain) > ORDER.index(shift.grain):
        return False
    return grain != "week" or (shift.grain == "week" and shift.count > 0)


def _grouped(measure: Aggregate, asked: Question, pairs: Sequence[tuple[Row, date | None]]) -> Values:
    if measure.choice:
        pairs = _last(measure, asked, pairs)
    found: dict[Key, list[Row]] = {}
    for row, day in pairs:
        found.setdefault(asked.key(row, day), []).append(row)
    if not found and not (asked.by or asked.grain):
        return {(): measure.of([])}
    return {key: measure.of(rows) for key, rows in found.items()}


def _last(
    measure: Aggregate, asked: Question, pairs: Sequence[tuple[Row, date | None]]
) -> list[tuple[Row, date | None]]:
    """Keep the rows of the last day of each grouping, within each period."""

    def group(pair: tuple[Row, date | None]) -> str:
        row, day = pair
        period = start(day, asked.grain) if asked.grain and day else None
        return repr((period, *(row[name] for name in measure.within)))

    assert measure.choice is not None
    kept: list[tuple[Row, date | None]] = []
    for _, found in groupby(sorted(pairs, key=group), key=group):
        rows = list(found)
        days = [day for _, day in rows if day]
        if days:
            last = measure.choice(days)
            kept += [pair for pair in rows if pair[1] == last]
    return kept


def _cumulative(told: Told, asked: Question, filters: Sequence[Asked], shifts: tuple[Shift, ...]) -> Values:
    assert told.measure is not None
    timed, others = _split(filters)
    if not asked.grain:
        return _simple(told.measure, asked, filters, ())
    rows = [row for row in _kept(asked, told.measure, others) if row["day"]]
    moments: dict[Key, list[tuple[date, Any]]] = {}
    plain = replace(asked, grain="")
    shown = {start(day, asked.grain): day for day in asked.days if _shown(day, timed)}
    for day in asked.days:
        if not _shown(day, timed) or (told.roll == "last" and shown[start(day, asked.grain)] != day):
            continue
        end = _looked_at(day, shifts)
        within = [(row, None) for row in rows if _counts(row["day"], end, told)]
        for key, value in _grouped(told.measure, plain, within).items() if within else ():
            moments.setdefault((start(day, asked.grain), *key), []).append((day, value))
    return {
        key: _rolled(found, told.roll if asked.grain != "day" else "last") for key, found in moments.items()
    }


def _counts(day: date, end: date, told: Told) -> bool:
    if told.window and day <= earlier(end, *told.window):
        return False
    return day <= end and not (told.to_date and day < start(end, told.to_date))


def _rolled(found: list[tuple[date, Any]], roll: str) -> Any:
    values = [value for _, value in sorted(found, key=lambda item: item[0])]
    if roll == "average":
        there = [value for value in values if value is not None]
        return mean(there) if there else None
    return values[0] if roll == "first" else values[-1]


def _conversion(told: Told, asked: Question, filters: Sequence[Asked]) -> Values:
    """Count what followed the last event of the same customer, at the keys of that event."""
    assert told.measure is not None
    assert told.following is not None
    timed, others = _split(filters)
    base = [
        row
        for row in _kept(asked, told.measure, others)
        if not timed or (row["day"] and _shown(row["day"], timed))
    ]
    measure, own = told.following
    pairs: list[tuple[Row, Row]] = []
    for row in _kept(asked, measure, own):
        before = [event for event in base if _precedes(event, row, told)]
        if before:
            latest = max(event["day"] for event in before)
            first = min(
                (event for event in before if event["day"] == latest),
                key=lambda event: [(part is None, str(part)) for part in asked.key(event, event["day"])],
            )
            pairs.append((first, row))
    found: dict[Key, list[Row]] = {}
    for event, row in pairs:
        found.setdefault(asked.key(event, event["day"]), []).append(row)
    counts = {key: measure.of(rows) for key, rows in found.items()}
    if not (asked.grain or asked.by):
        counts = counts or {(): measure.of([])}
    totals = _grouped(told.measure, asked, [(row, row["day"]) for row in base])
    return {key: told.formula(counts.get(key), totals.get(key)) for key in {**counts, **totals}}


def _precedes(event: Row, row: Row, told: Told) -> bool:
    if None in (event["day"], row["day"], event["customer"], row["customer"]):
        return False
    if event["customer"] != row["customer"] or event["day"] > row["day"]:
        return False
    if told.same and (event[told.same[0]] is None or event[told.same[0]] != row[told.same[1]]):
        return False
    return told.window is None or event["day"] > earlier(row["day"], *told.window)
