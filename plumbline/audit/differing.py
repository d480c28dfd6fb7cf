"""Find the first row, and the first value, in which two tables differ."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plumbline.audit.proof import Difference
from plumbline.publication.sql import Column, identifier, names

if TYPE_CHECKING:
    import duckdb

_TODO = (
    "Where the code is another than then, replay with that: --at-commit. Else the figure does not follow "
    "from its extracts and its code: `plumb audit verify` tells whether something was changed."
)


@dataclass(frozen=True)
class Side:
    """One of two tables that are compared: SQL that gives its rows ('' for no table), and its columns."""

    select: str
    columns: tuple[Column, ...]

    @classmethod
    def of(cls, con: duckdb.DuckDBPyConnection, select: str) -> Side:
        """Describe the rows that a statement gives."""
        rows = con.execute(f"DESCRIBE {select}").fetchall()
        return cls(select, tuple(Column(str(row[0]), str(row[1])) for row in rows))

    def without(self, left_out: Collection[str]) -> Side:
        """Leave columns out."""
        kept = tuple(column for column in self.columns if column.name not in left_out)
        return Side(f"SELECT {names(kept)} FROM ({self.select})" if self.select else "", kept)


def first_difference(
    con: duckdb.DuckDBPyConnection, table: str, then: Side, now: Side, key: Sequence[str]
) -> Difference | None:
    """Name the first row and value that differ, of two tables whose digests do; None where none does."""
    if then.columns != now.columns:
        return _other_columns(table, then, now)
    key = key or _key(con, then, now)
    joined = " AND ".join(f"t.{identifier(name)} IS NOT DISTINCT FROM n.{identifier(name)}" for name in key)
    others = [column.name for column in then.columns if column.name not in key]
    differs = " OR ".join(
        ["t.is_there IS NULL", "n.is_there IS NULL"]
        + [f"t.{identifier(name)} IS DISTINCT FROM n.{identifier(name)}" for name in others]
    )
    told = ", ".join(f"coalesce(t.{identifier(name)}, n.{identifier(name)})::VARCHAR" for name in key)
    values = ", ".join(f"t.{identifier(name)}::VARCHAR, n.{identifier(name)}::VARCHAR" for name in others)
    row = con.execute(
        f"SELECT count(*) OVER (), t.is_there, n.is_there, [{told}], [{values}]::VARCHAR[]"
        f" FROM (SELECT *, true AS is_there FROM ({then.select})) AS t"
        f" FULL JOIN (SELECT *, true AS is_there FROM ({now.select})) AS n ON {joined or 'true'}"
        f" WHERE {differs} ORDER BY {told or '1'} LIMIT 1"
    ).fetchone()
    if row is None:
        return _repeated(con, table, then, now)
    rows, is_then, is_now, told_key, found = row
    where = f"{table}, {_told(key, told_key)}"
    more = f"; {rows:,} rows of it differ" if rows > 1 else ""
    what = f"{table} does not come out as it was published{more}"
    if not (is_then and is_now):
        there, gone = "this row", "no such row"
        return Difference(what, where, there if is_then else gone, there if is_now else gone, _TODO)
    pairs = zip(others, found[::2], found[1::2], strict=True)
    name, old, new = next(each for each in pairs if each[1] != each[2])
    return Difference(what, f"{where}, column {name}", _value(old), _value(new), _TODO)


def _key(con: duckdb.DuckDBPyConnection, then: Side, now: Side) -> Sequence[str]:
    """Take the first column where it tells rows apart, as the key of a mart does; else the whole row."""
    first = identifier(then.columns[0].name)
    counts = f"SELECT count(*) = count(DISTINCT {first}) FROM"
    is_key = con.execute(f"SELECT ({counts} ({then.select})) AND ({counts} ({now.select}))").fetchone()
    return [then.columns[0].name] if is_key == (True,) else [column.name for column in then.columns]


def _other_columns(table: str, then: Side, now: Side) -> Difference:
    if not now.columns:
        return Difference(f"{table} is not computed any more", table, "a table", "none", _TODO)
    old, new = ({f"{column.name} {column.type}" for column in side.columns} for side in (then, now))
    what = f"{table} has other columns than were published"
    if old == new:
        return Difference(what, table, _listed(c.name for c in then.columns), "another order", _TODO)
    return Difference(what, table, _listed(sorted(old - new)), _listed(sorted(new - old)), _TODO)


def _repeated(con: duckdb.DuckDBPyConnection, table: str, then: Side, now: Side) -> Difference | None:
    """Tell of rows that are the same, in another number."""
    counts = [con.execute(f"SELECT count(*) FROM ({side.select})").fetchone() for side in (then, now)]
    if counts[0] == counts[1]:
        return None
    old, new = (f"{row[0]:,} rows" if row else "" for row in counts)
    return Difference(f"{table} has its rows another number of times", table, old, new, _TODO)


def _listed(items: Iterable[str]) -> str:
    return ", ".join(items) or "none"


def _told(key: Sequence[str], values: Sequence[str | None]) -> str:
    return ", ".join(
        f"{name} {_value(value)}" for name, value in zip(key, values, strict=True) if value != ""
    )


def _value(value: str | None) -> str:
    return "no value" if value is None else value
