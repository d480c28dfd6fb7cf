"""What the marts hold, month by month: digests that tell which months differ from what was there before.

A part is the rows of one month of a date column. Its `total` is a sum of row hashes: blind to row order, and
good for "did anything change". Each column has a digest of its own, so that a mart of which a column changes
every day does not count as changed for those who do not read that column.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from plumbline.warehouse.tables import Column, database_of, identifier, tables_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Names of parts beside months ('2026-10'): no date, a date without end, and all rows of a mart without dates.
UNDATED, INFINITE, ALL = "undated", "infinite", "all"
_FORMAT = 1


@dataclass(frozen=True)
class Part:
    """Some rows of a mart: their number, the sum of their hashes, and a digest of each column."""

    name: str
    rows: int
    total: int
    columns: Mapping[str, int]

    def differs(self, other: Part | None, columns: Collection[str]) -> bool:
        """Tell whether what these columns hold is not what the other part holds."""
        if other is None or self.rows != other.rows:
            return True
        if self.total == other.total:
            return False
        changed = {name for name, digest in self.columns.items() if other.columns.get(name) != digest}
        # Rows that differ although no column does have changed in a way that columns cannot tell.
        return not changed or bool(changed & set(columns))


@dataclass(frozen=True)
class MartContent:
    """What one mart holds, by the months of its first date and of further time columns ('' without any)."""

    name: str
    columns: tuple[Column, ...]
    by: Mapping[str, tuple[Part, ...]]

    @property
    def day(self) -> str:
        """Name the date column that the mart is divided by, or ''."""
        return first_date(self.columns)

    @property
    def whole(self) -> Part:
        """Put all parts together: digests of rows add up."""
        return reduce(_together, self.by[self.day], Part(ALL, 0, 0, {}))

    def types(self, columns: Collection[str]) -> dict[str, str]:
        """Give the types of some columns."""
        return {column.name: column.type for column in self.columns if column.name in columns}

    def changed(self, before: MartContent, time: str, columns: Collection[str]) -> Iterator[str]:
        """Name the parts, by a time column, in which these columns hold something else than before."""
        mine = {part.name: part for part in self.by[time]}
        theirs = {part.name: part for part in before.by.get(time, ())}
        for name in sorted(mine.keys() | theirs.keys()):
            part = mine.get(name) or theirs[name]
            if part.differs(theirs.get(name) if name in mine else None, columns):
                yield name


Contents = Mapping[str, MartContent]


def first_date(columns: Iterable[Column]) -> str:
    """Name the first DATE column, or ''."""
    return next((column.name for column in columns if column.type == "DATE"), "")


def inspect_contents(
    con: DuckDBPyConnection,
    times: Mapping[str, Iterable[str]] | None = None,
    *,
    database: str = "",
    before: Contents | None = None,
    only: Collection[str] | None = None,
) -> dict[str, MartContent]:
    """Take the digests of every mart, by its first date and by the columns that `times` names for it.

    Every row is read once for each of these columns. Columns are digested where a part is not as `before`.
    `only` names the marts to look at (default: all).
    """
    database = database or database_of(con)
    return {
        name: _inspect(
            con, identifier(database, "marts", name), name, columns, (times or {}).get(name, ()), before
        )
        for name, columns in sorted(tables_of(con, database, "marts").items())
        if only is None or name in only
    }


def _inspect(
    con: DuckDBPyConnection,
    relation: str,
    name: str,
    columns: tuple[Column, ...],
    times: Iterable[str],
    before: Contents | None,
) -> MartContent:
    known = before.get(name) if before else None
    known = known if known and known.columns == columns else None
    wanted = [first_date(columns), *(time for time in times if _is_time(columns, time))]
    found = _parts(con, relation, columns, tuple(dict.fromkeys(wanted)), known.by if known else {})
    return MartContent(name, columns, found)


def _is_time(columns: Iterable[Column], name: str) -> bool:
    return any(column.name == name and column.type in ("DATE", "TIMESTAMP") for column in columns)


def _parts(
    con: DuckDBPyConnection,
    relation: str,
    columns: Sequence[Column],
    times: Sequence[str],
    known: Mapping[str, Sequence[Part]],
) -> dict[str, tuple[Part, ...]]:
    """Take the digests by each of some time columns; the rows are read once for all of them."""
    numbers = ", ".join(part_number(time) for time in times)
    rows = con.execute(
        f"SELECT {numbers}, count(*), {row_hash(columns)} FROM {relation} GROUP BY {_first(len(times))}"
    ).fetchall()
    before = {time: {part.name: part for part in known.get(time, ())} for time in times}
    found = {time: _added_up(rows, place) for place, time in enumerate(times)}
    changed = {
        time: [part.name for part in parts if part.differs(before[time].get(part.name), ())]
        for time, parts in found.items()
    }
    digests = _column_digests(con, relation, columns, changed, sum(map(len, found.values())))
    return {
        time: tuple(
            replace(part, columns=digests[time].get(part.name) or before[time][part.name].columns)
            for part in parts
        )
        for time, parts in found.items()
    }


def _added_up(rows: Sequence[tuple[Any, ...]], place: int) -> list[Part]:
    """Add up rows and hashes of combinations of parts by one time column."""
    found: dict[int, tuple[int, int]] = {}
    for row in rows:
        count, total = found.get(row[place], (0, 0))
        found[row[place]] = (count + row[-2], total + int(row[-1] or 0))
    return [Part(part_name(number), *found[number], {}) for number in sorted(found)]


def _first(count: int) -> str:
    return ", ".join(str(number) for number in range(1, count + 1))


_ALL, _UNDATED, _INFINITE = -3, -2, -1


def part_number(time: str) -> str:
    """Give SQL that numbers the parts: months from the year 0; numbers are quick to group by."""
    if not time:
        return str(_ALL)
    column = identifier(time)
    return (
        f"CASE WHEN isfinite({column}) THEN year({column}) * 12 + month({column}) - 1"
        f" WHEN {column} IS NULL THEN {_UNDATED} ELSE {_INFINITE} END"
    )


def part_name(number: int) -> str:
    """Name a part by its number."""
    special = {_ALL: ALL, _UNDATED: UNDATED, _INFINITE: INFINITE}
    return special.get(number) or f"{number // 12:04d}-{number % 12 + 1:02d}"


def condition(time: str, part: str) -> str:
    """Give SQL that selects the rows of a part."""
    return any_part(time, [part])


def any_part(time: str, parts: Collection[str]) -> str:
    """Give SQL that selects the rows of several parts; months that follow each other are one range."""
    if ALL in parts:
        return "true"
    others = {UNDATED, INFINITE}
    ranges = [_between(time, *run) for run in _runs(sorted(set(parts) - others))]
    return (
        " OR ".join([*ranges, *(_without_month(time, part) for part in sorted(others & set(parts)))])
        or "false"
    )


def _without_month(time: str, part: str) -> str:
    column = identifier(time)
    return f"{column} IS NULL" if part == UNDATED else f"{column} IS NOT NULL AND NOT isfinite({column})"


def _between(time: str, first: int, last: int) -> str:
    """Write that a day is of some months: one range is looked up in what DuckDB knows of its row groups."""
    column = identifier(time)
    return f"{column} >= DATE '{part_name(first)}-01' AND {column} < DATE '{part_name(last + 1)}-01'"


def _runs(months: Iterable[str]) -> list[tuple[int, int]]:
    """Give the first and the last number of months that follow each other."""
    runs: list[tuple[int, int]] = []
    for month in months:
        year, of_year = (int(text) for text in month.split("-"))
        number = year * 12 + of_year - 1
        follows = runs and runs[-1][1] == number - 1
        runs[-1:] = [(runs[-1][0], number)] if follows else [*runs[-1:], (number, number)]
    return runs


def row_hash(columns: Sequence[Column]) -> str:
    """Give SQL for a sum of 64-bit row hashes: cheap, blind to row order, good for 'did anything change'.

    Hashing twice keeps two rows that swap one value from adding up to the same sum.
    """
    inner = ", ".join(identifier(column.name) for column in columns)
    return f"sum(hash(hash({inner})))"


def _column_digests(
    con: DuckDBPyConnection,
    relation: str,
    columns: Sequence[Column],
    changed: Mapping[str, Sequence[str]],
    parts: int,
) -> dict[str, dict[str, dict[str, int]]]:
    """Digest each column together with the key, a mart's first column, in the parts that changed, by time."""
    if not any(changed.values()):
        return {time: {} for time in changed}
    key = identifier(columns[0].name)
    # Hashing twice: two rows whose values change alike would else cancel each other.
    digests = ", ".join(f"bit_xor(hash(hash({key}, {identifier(column.name)})))" for column in columns)
    numbers = ", ".join(part_number(time) for time in changed)
    every = sum(map(len, changed.values())) == parts
    chosen = "true" if every else " OR ".join(f"({any_part(time, some)})" for time, some in changed.items())
    rows = con.execute(
        f"SELECT {numbers}, {digests} FROM {relation} WHERE {chosen} GROUP BY {_first(len(changed))}"
    ).fetchall()
    names = [column.name for column in columns]
    return {
        # All rows of a part that changed are there, and only some of another.
        time: {
            name: found for name, found in _combined(rows, place, len(changed), names).items() if name in some
        }
        for place, (time, some) in enumerate(changed.items())
    }


def _combined(
    rows: Sequence[tuple[Any, ...]], place: int, times: int, names: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Combine digests of columns by one time column."""
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        digests = dict(zip(names, row[times:], strict=True))
        known = found.setdefault(part_name(row[place]), dict.fromkeys(names, 0))
        known.update({name: known[name] ^ digest for name, digest in digests.items()})
    return found


def _together(one: Part, other: Part) -> Part:
    columns = {name: one.columns.get(name, 0) ^ digest for name, digest in other.columns.items()}
    return Part(ALL, one.rows + other.rows, one.total + other.total, {**one.columns, **columns})


def as_json(contents: Contents) -> dict[str, Any]:
    """Give contents as JSON, with the engine: only the same one computes the same digests."""
    import duckdb

    marts = {
        name: {
            "columns": [[column.name, column.type] for column in mart.columns],
            "by": {
                time: [[part.name, part.rows, part.total, list(part.columns.values())] for part in parts]
                for time, parts in mart.by.items()
            },
        }
        for name, mart in contents.items()
    }
    return {"format": _FORMAT, "engine": duckdb.__version__, "marts": marts}


def from_json(record: Mapping[str, Any]) -> dict[str, MartContent] | None:
    """Read what `as_json` gave; None when digests of another engine or format cannot be compared."""
    import duckdb

    if (record.get("format"), record.get("engine")) != (_FORMAT, duckdb.__version__):
        return None
    return {name: _from_json(name, mart) for name, mart in record["marts"].items()}


def _from_json(name: str, mart: Mapping[str, Any]) -> MartContent:
    columns = tuple(Column(*column) for column in mart["columns"])
    by = {
        time: tuple(
            Part(part, rows, total, dict(zip((column.name for column in columns), digests, strict=True)))
            for part, rows, total, digests in parts
        )
        for time, parts in mart["by"].items()
    }
    return MartContent(name, columns, by)
