"""Find the one published figure that somebody asks about, in the words that they have for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from plumbline.definitions import GRAINS, GroupBy, parse_group_by
from plumbline.errors import DefinitionError, UsageError, did_you_mean
from plumbline.serving.edition import require_available
from plumbline.serving.periods import Period, first_day, last_day, read_whole_period
from plumbline.serving.reader import Source
from plumbline.serving.vocabulary import Vocabulary

ALL = "all"
_NONE = ("(none)", "（无）", "none", "null")
_SHOWN = 8
_VALUES = "warehouse.published.indicator_value"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """What somebody asks about, in words of their own; members are pairs of dimension and member.

    Without a period it is the newest whole one: of the grain, or the month.
    """

    metric: str
    period: str = ""
    by: tuple[tuple[str, str], ...] = ()
    grain: str = ""


@dataclass(frozen=True)
class Key:
    """What tells a figure from all others; `members` are in the order of the published breakdown."""

    metric: str
    grain: str
    start: date | None
    end: date | None
    members: tuple[tuple[GroupBy, Any], ...] = ()

    @property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(item.column for item, _ in self.members)

    @property
    def period(self) -> str:
        """Name the period as people write it."""
        return period_name(self.grain, self.start)

    def of(self, connection: Any) -> Row | None:
        """Read the figure of a generation attached as `warehouse`; None where it has none."""
        cursor = connection.execute(
            f"SELECT * FROM {_VALUES} WHERE metric = ? AND grain = ? AND dimensions = ?"
            " AND period_start IS NOT DISTINCT FROM CAST(? AS DATE)",
            [self.metric, self.grain, ",".join(self.dimensions), self.start],
        )
        names = [column[0] for column in cursor.description]
        wanted = {item.column: value for item, value in self.members}
        rows = (dict(zip(names, row, strict=True)) for row in cursor.fetchall())
        return next((row for row in rows if members_of(row["members"]) == wanted), None)


@dataclass(frozen=True)
class Figure:
    """One published figure, with what stands beside it; values are exact, `unit` says of what."""

    metric: str
    grain: str
    period: str
    period_start: date | None
    period_end: date | None
    members: Mapping[str, Any]
    value: Decimal | None
    numerator: Decimal | None
    denominator: Decimal | None
    target: Decimal | None
    attainment: Decimal | None
    light: str
    unit: str
    is_partial: bool
    verdict: str
    reason: str
    held_since: datetime | None
    last_good: str
    definition_version: str
    as_of: date

    @classmethod
    def of(cls, key: Key, row: Row) -> Figure:
        """Take what a row of the long table says; older ones say less."""
        return cls(
            metric=key.metric,
            grain=key.grain,
            period=key.period,
            period_start=key.start,
            period_end=row["period_end"],
            members={item.column: value for item, value in key.members},
            value=row["value"],
            numerator=row["numerator"],
            denominator=row["denominator"],
            target=row.get("target"),
            attainment=row.get("attainment"),
            light=row.get("light") or "",
            unit=row["unit"] or "",
            is_partial=bool(row["is_partial"]),
            verdict=row.get("verdict") or "",
            reason=row.get("reason") or "",
            held_since=row.get("held_since"),
            last_good=row.get("last_good") or "",
            definition_version=row.get("definition_version") or "",
            as_of=row["as_of"],
        )

    @property
    def is_held(self) -> bool:
        """Tell whether an older value stands in the place of a newer one."""
        return self.verdict in ("held", "stale")


def find_key(source: Source, vocabulary: Vocabulary, asked: Asked) -> tuple[Key, Row]:
    """Find the figure in a generation; DefinitionError that says what there is where it has none."""
    metric = vocabulary.metric(asked.metric)
    require_available(source, [metric])
    grain, period = _period(vocabulary, asked) if asked.period else _newest(source, vocabulary, metric, asked)
    members = [(vocabulary.group_by(name, [metric]), text) for name, text in asked.by]
    finder = _Finder(source, metric, grain, period)
    return finder.find(members)


def period_name(grain: str, start: date | None) -> str:
    """Name a period: 2026-10, 2026-Q4, 2026, or the first day of a week."""
    if start is None or grain == ALL:
        return ALL
    names = {"month": f"{start:%Y-%m}", "quarter": f"{start.year}-Q{(start.month + 2) // 3}"}
    return {**names, "year": f"{start.year}", "week": f"week of {start}"}.get(grain, start.isoformat())


def members_of(text: str) -> dict[str, Any]:
    """Read the members of a row of the long table."""
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def _period(vocabulary: Vocabulary, asked: Asked) -> tuple[str, Period]:
    """Read the period; with a grain, the period of that length that it lies in."""
    wanted = vocabulary.grain(asked.grain) if asked.grain and asked.grain != ALL else asked.grain
    if ALL in (asked.period.strip().lower(), wanted):
        return ALL, Period()
    grain, period = read_whole_period(asked.period, "--period")
    if not wanted or wanted == grain:
        return grain, period
    assert period.start
    assert period.end
    start = first_day(period.start, wanted)
    if GRAINS.index(wanted) < GRAINS.index(grain) or last_day(start, wanted) < period.end:
        raise UsageError(
            f"{asked.period!r} is longer than a {wanted}",
            where="--period",
            todo=f"Write a day, or leave out --grain: {asked.period} is a {grain}.",
            code="bad-range",
        )
    return wanted, Period(start, last_day(start, wanted))


def _newest(source: Source, vocabulary: Vocabulary, metric: str, asked: Asked) -> tuple[str, Period]:
    """Give the newest whole period that the metric has a figure of, by months where it has them."""
    wanted = vocabulary.grain(asked.grain) if asked.grain and asked.grain != ALL else asked.grain
    rows = source.connection.execute(
        f"SELECT grain, max(period_start) FROM {_VALUES} WHERE metric = ? AND NOT is_partial GROUP BY grain",
        [metric],
    ).fetchall()
    newest = dict(rows)
    grain = next((each for each in (wanted or "month", *reversed(GRAINS)) if each in newest), ALL)
    if wanted and wanted != grain:
        return wanted, Period()
    return grain, Period(newest.get(grain))


@dataclass(frozen=True)
class _Finder:
    source: Source
    metric: str
    grain: str
    period: Period

    def find(self, members: Sequence[tuple[GroupBy, str]]) -> tuple[Key, Row]:
        columns = [item.column for item, _ in members]
        breakdown = self._breakdown(columns)
        items = {item.column: item for item in map(parse_group_by, filter(None, breakdown.split(",")))}
        rows = self._rows(breakdown)
        wanted = {item.column: text for item, text in members}
        found = [row for row in rows if _has(members_of(row["members"]), wanted)]
        if len(found) != 1:
            raise self._no_member(rows, wanted) if rows else self._no_period(breakdown)
        known = members_of(found[0]["members"])
        start, end = found[0]["period_start"], found[0]["period_end"]
        pairs = tuple((item, known[column]) for column, item in items.items())
        return Key(self.metric, self.grain, start, end, pairs), found[0]

    def _breakdown(self, columns: Sequence[str]) -> str:
        """Give the published breakdown by just these dimensions, as the long table names it."""
        rows = self._asked("SELECT DISTINCT grain, dimensions FROM {} WHERE metric = ? ORDER BY ALL")
        there = [(row["grain"], row["dimensions"]) for row in rows]
        for grain, dimensions in there:
            if grain == self.grain and sorted(filter(None, dimensions.split(","))) == sorted(columns):
                return str(dimensions)
        by = f" by {', '.join(columns)}" if columns else ""
        grains = {grain for grain, _ in there}
        shown = [f"{grain}{_by(dimensions)}" for grain, dimensions in there]
        raise DefinitionError(
            f"{self.metric}{by} is not published by {self.grain}",
            why=f"Published: {'; '.join(shown) or 'nothing of it'}.",
            todo="Ask for one of these: --by DIMENSION=MEMBER for each dimension."
            if self.grain in grains
            else "Ask for a period of one of these lengths, as 2026-10, 2026-Q4 or 2026-10-05.",
            code="no-such-figure",
        )

    def _rows(self, dimensions: str) -> list[Row]:
        return self._asked(
            "SELECT * FROM {} WHERE metric = ? AND grain = ? AND dimensions = ?"
            " AND period_start IS NOT DISTINCT FROM CAST(? AS DATE)",
            self.grain,
            dimensions,
            self.period.start,
        )

    def _no_period(self, dimensions: str) -> DefinitionError:
        (row,) = self._asked(
            "SELECT min(period_start) AS first, max(period_start) AS last FROM {}"
            " WHERE metric = ? AND grain = ? AND dimensions = ?",
            self.grain,
            dimensions,
        )
        first, last = (period_name(self.grain, row[name]) for name in ("first", "last"))
        return DefinitionError(
            f"no figure of {self.metric} is published for {period_name(self.grain, self.period.start)}",
            why=f"There are figures from {first} to {last}; a period without rows has none.",
            code="no-such-figure",
        )

    def _no_member(self, rows: Sequence[Row], wanted: Mapping[str, str]) -> DefinitionError:
        """Say which member is unknown in this period, and which there are."""
        members = [members_of(row["members"]) for row in rows]
        for column, text in wanted.items():
            known = [_shown(each[column]) for each in members]
            if not any(_is(each[column], text) for each in members):
                return DefinitionError(
                    f"{column} has no member {text!r} with a figure of {self.metric} in this period",
                    why=f"There are {_listed(dict.fromkeys(known))}.",
                    todo=did_you_mean(text, list(dict.fromkeys(known))),
                    code="no-such-figure",
                )
        together = " and ".join(f"{column} {text!r}" for column, text in wanted.items())
        return DefinitionError(
            f"no figure of {self.metric} has {together} in this period",
            why="Each has figures, but not together.",
            code="no-such-figure",
        )

    def _asked(self, sql: str, *given: object) -> list[Row]:
        cursor = self.source.connection.execute(sql.format(_VALUES), [self.metric, *given])
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _by(dimensions: str) -> str:
    return f" by {dimensions.replace(',', ', ')}" if dimensions else ""


def _has(members: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    return members.keys() == wanted.keys() and all(_is(members[name], text) for name, text in wanted.items())


def _is(member: Any, text: str) -> bool:
    return text.strip().lower() in _NONE if member is None else _shown(member) == text.strip()


def _shown(member: Any) -> str:
    if isinstance(member, bool):
        return str(member).lower()
    return _NONE[0] if member is None else str(member)


def _listed(names: Mapping[str, None]) -> str:
    def several() -> Iterator[str]:
        yield from list(names)[:_SHOWN]
        if len(names) > _SHOWN:
            yield f"{len(names) - _SHOWN} more"

    return ", ".join(several())
