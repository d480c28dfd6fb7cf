"""Read SQLite over Arrow: the casts to text happen inside SQLite, rows stream in batches."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from plumbline.errors import SourceUnavailable
from plumbline.landing.cache import JUST_WRITTEN_NS
from plumbline.landing.canonical import shortest_numbers
from plumbline.landing.databases.reading import Selection
from plumbline.landing.extract import BATCH_ROWS
from plumbline.landing.outcomes import Refused
from plumbline.warehouse import quoted

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_MAGIC = b"SQLite format 3\0"


class SQLiteReader:
    """One SQLite file, opened for reading only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: Any = None
        self._cursor: Any = None
        self._inspect()

    def _connect(self) -> None:
        from adbc_driver_sqlite import dbapi

        with _driver_errors(self._path.name):
            self._connection = dbapi.connect(f"file:{quote(str(self._path))}?mode=ro")
            self._cursor = self._connection.cursor()
        self._cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(BATCH_ROWS)})

    def _inspect(self) -> None:
        try:
            with self._path.open("rb") as file:
                head = file.read(len(_MAGIC))
        except OSError as error:
            raise SourceUnavailable(
                "the database file cannot be opened",
                where=str(self._path),
                why=str(error.strerror),
                todo="Check that the file is there and may be read.",
            ) from error
        if head != _MAGIC:
            raise Refused(
                "the file has 0 bytes" if not head else "the file is no SQLite database",
                file=self._path.name,
                todo="It may be cut off: ask the source for it again.",
            )

    def begin(self) -> None:
        if self._connection is None:
            self._connect()
        self._connection.rollback()
        self._fetch("select count(*) from sqlite_master", [])

    def columns(self, table: str) -> list[str] | None:
        return list(self._declared(table)) or None

    def tables(self) -> list[str]:
        rows = self._fetch("select name from sqlite_master where type in ('table', 'view')", [])
        return [name for (name,) in rows]

    def _declared(self, table: str) -> dict[str, str]:
        """Give the declared type of every column."""
        rows = self._fetch("select name, type from pragma_table_info(?)", [table])
        return {name: kind.upper() for name, kind in rows}

    def measure(self, table: str, selection: Selection) -> tuple[int, str | None]:
        where, values = _where(selection)
        greatest = f"cast(max({quoted(selection.cursor)}) as text)" if selection.cursor else "null"
        count, end = self._fetch(f"select count(*), {greatest} from {quoted(table)}{where}", values)[0]
        return int(count), None if end is None else str(end)

    def read(self, table: str, columns: list[str], selection: Selection) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        declared = self._declared(table)
        where, values = _where(selection)
        casts = ", ".join(_cast(name, declared[name]) for name in columns)
        fractions = [name for name in columns if _may_be_real(declared[name])]
        with _driver_errors(self._path.name):
            self._cursor.execute(f"select {casts} from {quoted(table)}{where}", values or None)
            done = 0
            with self._cursor.fetch_record_batch() as reader:
                for batch in reader:
                    arrays = [
                        _valid(array.cast(pa.string()), table, name, done)
                        for name, array in zip(columns, batch.columns, strict=True)
                    ]
                    arrays = [
                        shortest_numbers(array) if name in fractions else array
                        for name, array in zip(columns, arrays, strict=True)
                    ]
                    yield pa.RecordBatch.from_arrays(arrays, columns)
                    done += batch.num_rows

    def signature(self) -> str | None:
        parts = []
        for path in (self._path, self._path.with_name(self._path.name + "-wal")):
            if path.exists():
                facts = path.stat()
                if time.time_ns() - facts.st_mtime_ns < JUST_WRITTEN_NS:
                    return None
                parts.append(f"{facts.st_ino}:{facts.st_size}:{facts.st_mtime_ns}")
        return "|".join(parts)

    def close(self) -> None:
        if self._connection is not None:
            self._cursor.close()
            self._connection.close()

    def _fetch(self, sql: str, values: list[str]) -> list[Any]:
        with _driver_errors(self._path.name):
            self._cursor.execute(sql, values or None)
            return list(self._cursor.fetchall())


def _where(selection: Selection) -> tuple[str, list[str]]:
    if selection.cursor is None or selection.since is None:
        return "", []
    name = quoted(selection.cursor)
    return f" where {name} >= ? or {name} is null", [selection.since]


def _cast(name: str, kind: str) -> str:
    """Cast to text; bytes become hexadecimal digits."""
    column = quoted(name)
    if kind == "" or "BLOB" in kind:
        return f"iif(typeof({column}) = 'blob', hex({column}), cast({column} as text)) as {column}"
    return f"cast({column} as text) as {column}"


def _may_be_real(kind: str) -> bool:
    """Tell whether SQLite may keep floating point numbers in a column of this declared type."""
    return not any(part in kind for part in ("INT", "CHAR", "CLOB", "TEXT", "BLOB"))


def _valid(texts: pa.Array, table: str, column: str, rows_before: int) -> pa.Array:
    """Refuse text that is no UTF-8: SQLite keeps any bytes."""
    import pyarrow as pa

    try:
        texts.validate(full=True)
    except pa.ArrowInvalid as error:
        index = re.search(r"index (\d+)", str(error))
        raise Refused(
            f"text in column {column!r} is no UTF-8",
            file=table,
            line=rows_before + int(index.group(1)) + 1 if index else None,
            todo="Mend the row at the source.",
        ) from error
    return texts


@contextmanager
def _driver_errors(name: str) -> Iterator[None]:
    """Tell a database that is busy or away from one whose content is damaged."""
    from adbc_driver_manager import dbapi

    try:
        yield
    except dbapi.Error as error:
        text = str(error)
        if "malformed" in text or "not a database" in text:
            raise Refused(
                f"the database file is damaged ({text})", file=name, todo="Ask the source for it again."
            ) from error
        raise SourceUnavailable(
            "the database does not answer", where=name, why=text, todo="The next run tries again."
        ) from error
