"""What is in quarantine: refused files, and rows that were set aside, by table and reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.landing import OpenRefusal, open_refusals
from plumbline.landing.quarantine import mark_of
from plumbline.project import Home
from plumbline.quarantine.reasons import kind_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class RefusedFile:
    """A refused extract: its mark, the tables that wanted it, and why. It is open until another one lands."""

    mark: str
    system: str
    tables: tuple[str, ...]
    source: str
    line: int | None
    reason: str
    todo: str
    since: datetime
    kept: str

    @property
    def about(self) -> str:
        """Name the tables: `erp.order, erp.line`."""
        return ", ".join(f"{self.system}.{table}" for table in self.tables)


@dataclass(frozen=True)
class Group:
    """The rows of one source table with one kind of reason; `gone` were mended, or are not there any more."""

    system: str
    table: str
    reason: str
    open_rows: int
    first_seen: datetime | None
    newest_load: int
    newest_at: datetime | None
    gone: int
    released: int
    owner: str

    @property
    def name(self) -> str:
        """Name the source table."""
        return f"{self.system}.{self.table}"


@dataclass(frozen=True)
class Row:
    """One row that was set aside: where it came from, why, and since when."""

    system: str
    table: str
    source: str
    load: int
    row_number: int
    row_key: str
    reason: str
    first_seen: datetime | None

    @property
    def name(self) -> str:
        """Name the source table."""
        return f"{self.system}.{self.table}"

    @property
    def place(self) -> str:
        """Name the row for the command line: LOAD:ROW."""
        return f"{self.load}:{self.row_number}"

    @property
    def kind(self) -> str:
        """Give the reason without what it quotes of this row."""
        return kind_of(self.reason)


def refused_files(home: Home) -> list[RefusedFile]:
    """Give the refused extracts that are open, oldest first; a file that several tables wanted is one."""
    found: dict[tuple[str, str, str], RefusedFile] = {}
    for refusal in open_refusals(home):
        mark = mark_of(Path(refusal.note))
        key = (refusal.system, mark, refusal.reason)
        before = found.get(key)
        found[key] = _joined(before, refusal) if before else _file(mark, refusal)
    return sorted(found.values(), key=lambda file: (file.since, file.about))


def _file(mark: str, refusal: OpenRefusal) -> RefusedFile:
    return RefusedFile(
        mark,
        refusal.system,
        (refusal.table,),
        refusal.source,
        refusal.line,
        refusal.reason,
        refusal.todo,
        datetime.fromisoformat(refusal.since).replace(tzinfo=None),
        refusal.kept,
    )


def _joined(file: RefusedFile, refusal: OpenRefusal) -> RefusedFile:
    since = datetime.fromisoformat(refusal.since).replace(tzinfo=None)
    return replace(file, tables=(*file.tables, refusal.table), since=min(file.since, since))


_GROUPS = """
select system, table_name, reason, open_rows, first_seen, newest_load, newest_at, gone_rows, released_rows,
       coalesce(owner, '')
from {relation}
order by open_rows = 0, system, table_name, open_rows desc, reason
"""
_ROWS = """
select system, table_name, coalesce(source, ''), load, row_number, coalesce(row_key, ''), reason, first_seen
from {relation}
where {condition}
order by load desc, system, table_name, row_number
"""


def read_groups(con: DuckDBPyConnection) -> list[Group]:
    """Read from a published file what is in quarantine, by table and reason; what is open comes first.

    A file of an older make, which does not count closed rows, gives what is in it.
    """
    if "quarantine_reason" not in _columns(con, "quarantine_reason"):
        return groups_of(read_rows(con)) if _columns(con, "rejected_row") else []
    return [
        Group(*row) for row in con.execute(_GROUPS.format(relation="published.quarantine_reason")).fetchall()
    ]


def groups_of(rows: Iterable[Row]) -> list[Group]:
    """Count rows by table and kind of reason."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.system, row.table, row.kind), []).append(row)
    groups = [
        Group(
            *key,
            len(same),
            min((row.first_seen for row in same if row.first_seen), default=None),
            max(row.load for row in same),
            None,
            0,
            0,
            "",
        )
        for key, same in found.items()
    ]
    return sorted(groups, key=lambda group: (group.name, -group.open_rows))


def read_rows(
    con: DuckDBPyConnection, *, table: str = "", reason: str = "", places: Sequence[tuple[int, int]] = ()
) -> list[Row]:
    """Read rows from a published file: of a table (`erp.product`), by words of the reason, or by place."""
    columns = _columns(con, "rejected_row")
    if not columns:
        return []
    conditions, values = ["true"], list[Any]()
    if table:
        conditions.append("system || '.' || table_name = ?")
        values.append(table)
    if reason:
        conditions.append("contains(lower(reason), lower(?))")
        values.append(reason)
    if places:
        conditions.append(f"(load, row_number) in ({', '.join(['(?, ?)'] * len(places))})")
        values += [number for place in places for number in place]
    relation = "published.rejected_row"
    if "first_seen" not in columns:
        relation = f"(select *, null::timestamp as first_seen from {relation})"
    sql = _ROWS.format(relation=relation, condition=" and ".join(conditions))
    return [Row(*row) for row in con.execute(sql, values).fetchall()]


def _columns(con: DuckDBPyConnection, table: str) -> set[str]:
    found = con.execute(
        "select column_name from duckdb_columns() where schema_name = 'published' and table_name = ?", [table]
    ).fetchall()
    return {name for (name,) in found} | ({table} if found else set())
