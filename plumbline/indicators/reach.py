"""How far a change in one mart reaches into the periods of another that takes members from it.

A row counts in the period of its own date, and a member that it names may have changed. Which rows name it
cannot be told from digests. So each part of the joined mart has a first day: that of the first row that names
one of its keys, when answers were last computed and now. A member that has gone, or moved to another part,
is in a part that changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from plumbline.warehouse import quoted
from plumbline.warehouse.contents import Contents, MartContent, any_part, part_name, part_number

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FirstDays = Mapping[str, str]


@dataclass(frozen=True, order=True)
class Join:
    """Rows of `mart` count by `time` and name, by the column `names`, rows of `other` by its `key`."""

    mart: str
    time: str
    names: str
    other: str
    key: str

    def __str__(self) -> str:
        return f"{self.mart}.{self.names} by {self.time} = {self.other}.{self.key}"

    def is_dated(self, marts: Contents) -> bool:
        """Tell whether both marts are there, with plain columns, and the other one has parts."""
        here, there = marts.get(self.mart), marts.get(self.other)
        if here is None or there is None or not there.day or self.time not in here.by:
            return False
        return len(here.types([self.names])) == 1 and len(there.types([self.key])) == 1


@dataclass
class Reaches:
    """The first days by join and part: as they were `before`, and `now`."""

    con: DuckDBPyConnection
    marts: Contents
    marts_before: Contents = field(default_factory=dict)
    before: Mapping[str, FirstDays] = field(default_factory=dict)
    now: dict[str, FirstDays] = field(default_factory=dict)

    def learn(self, join: Join) -> None:
        """Find the first days of a join as they are now; what nothing changed in is taken over."""
        if str(join) in self.now:
            return
        changed = self._changed(join)
        if changed is None:
            self.now[str(join)] = self._asked(join, None)
            return
        parts, since = changed
        kept = {
            part: day if since is None else min(day, since)
            for part, day in self.before[str(join)].items()
            if part not in parts
        }
        self.now[str(join)] = {**kept, **self._asked(join, parts)}

    def first_day(self, join: Join, parts: Collection[str]) -> date | None:
        """Give the first day of a row that names, or named, a key in one of these parts; None for no row."""
        if str(join) not in self.before:
            return date.min
        both = (self.before[str(join)], self.now[str(join)])
        days = [days[part] for days in both for part in parts if part in days]
        return date.fromisoformat(min(days)) if days else None

    def _changed(self, join: Join) -> tuple[set[str], str | None] | None:
        """Name the parts of the other mart that changed, and the day since which this one did."""
        here, there = self.marts_before.get(join.mart), self.marts_before.get(join.other)
        if str(join) not in self.before or here is None or there is None:
            return None
        mart, other = self.marts[join.mart], self.marts[join.other]
        if mart.columns != here.columns or other.columns != there.columns:
            return None
        months = [part for part in _all_changed(mart, here, join.time) if part[0].isdigit()]
        return set(_all_changed(other, there, other.day)), f"{min(months)}-01" if months else None

    def _asked(self, join: Join, parts: Collection[str] | None) -> FirstDays:
        day = self.marts[join.other].day
        chosen = any_part(day, parts) if parts is not None else "true"
        rows = self.con.execute(f"""
            SELECT part, CAST(min({quoted(join.time)}) AS DATE)
            FROM marts.{quoted(join.mart)} AS rows
            INNER JOIN (
                SELECT {quoted(join.key)} AS key, {part_number(day)} AS part
                FROM marts.{quoted(join.other)} WHERE {chosen}
            ) AS members ON rows.{quoted(join.names)} = members.key
            WHERE isfinite(rows.{quoted(join.time)})
            GROUP BY ALL""").fetchall()
        return {part_name(number): first.isoformat() for number, first in rows}


def _all_changed(mart: MartContent, before: MartContent, time: str) -> Iterator[str]:
    return mart.changed(before, time, [column.name for column in mart.columns])
