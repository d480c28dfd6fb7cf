"""Read PostgreSQL over Arrow: casts to text happen in the server, rows stream by binary COPY."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from plumbline.errors import SourceUnavailable
from plumbline.landing.canonical import shortest_numbers
from plumbline.landing.databases.reading import Selection
from plumbline.warehouse import quoted

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]
    from sqlalchemy.engine import URL

_BEGIN = (
    "set transaction isolation level repeatable read, read only",
    "set local timezone = 'UTC'",
    "set local datestyle = 'ISO, YMD'",
    "set local intervalstyle = 'iso_8601'",
    "set local extra_float_digits = 1",
    "set local bytea_output = 'hex'",
    "set local synchronize_seqscans = off",
)
_FLOATS = {"float4", "float8"}
_COLUMNS = """
select attribute.attname, type.typname
from pg_attribute as attribute
join pg_type as type on type.oid = attribute.atttypid
where attribute.attrelid = to_regclass($1) and attribute.attnum > 0 and not attribute.attisdropped
order by attribute.attnum
"""
_TABLES = """
select table_name, table_schema || '.' || table_name
from information_schema.tables
where table_schema not in ('pg_catalog', 'information_schema')
"""


class PostgresReader:
    """One PostgreSQL database."""

    def __init__(self, address: URL) -> None:
        from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]

        self._name = f"{address.host or 'localhost'}/{address.database or ''}"
        query = {"connect_timeout": "20", **address.query}
        uri = address.set(drivername="postgresql", query=query).render_as_string(hide_password=False)
        with self._errors():
            self._connection = dbapi.connect(uri)
            self._cursor: Any = self._connection.cursor()
        self._types: dict[str, dict[str, str]] = {}

    def begin(self) -> None:
        with self._errors():
            self._connection.rollback()
            for statement in _BEGIN:
                self._cursor.execute(statement)

    def columns(self, table: str) -> list[str] | None:
        return list(self._declared(table)) or None

    def tables(self) -> list[str]:
        return [name for row in self._fetch(_TABLES, []) for name in row]

    def _declared(self, table: str) -> dict[str, str]:
        if table not in self._types:
            rows = self._fetch(_COLUMNS, [_relation(table)])
            self._types[table] = {str(name): str(kind) for name, kind in rows}
        return self._types[table]

    def measure(self, table: str, selection: Selection) -> tuple[int, str | None]:
        where, values = self._where(table, selection)
        greatest = "null"
        if selection.cursor is not None:
            greatest = _text(f"max({quoted(selection.cursor)})", self._declared(table)[selection.cursor])
        count, end = self._fetch(f"select count(*), {greatest} from {_relation(table)}{where}", values)[0]
        return int(count), None if end is None else str(end)

    def read(self, table: str, columns: list[str], selection: Selection) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        kinds = self._declared(table)
        where, values = self._where(table, selection)
        texts = ", ".join(f"{_text(quoted(name), kinds[name])} as {quoted(name)}" for name in columns)
        with self._errors():
            self._cursor.execute(f"select {texts} from {_relation(table)}{where}", values or None)
            with self._cursor.fetch_record_batch() as reader:
                for batch in reader:
                    arrays = [
                        shortest_numbers(array.cast(pa.string()))
                        if kinds[name] in _FLOATS
                        else array.cast(pa.string())
                        for name, array in zip(columns, batch.columns, strict=True)
                    ]
                    yield pa.RecordBatch.from_arrays(arrays, columns)

    def _where(self, table: str, selection: Selection) -> tuple[str, list[str]]:
        if selection.cursor is None or selection.since is None:
            return "", []
        name = quoted(selection.cursor)
        value = f"cast($1 as {self._declared(table)[selection.cursor]})"
        return f" where {name} >= {value} or {name} is null", [selection.since]

    def signature(self) -> str | None:
        return None

    def close(self) -> None:
        with self._errors():
            self._cursor.close()
            self._connection.close()

    def _fetch(self, sql: str, values: list[str]) -> list[Any]:
        with self._errors():
            self._cursor.execute(sql, values or None)
            return list(self._cursor.fetchall())

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from adbc_driver_manager import dbapi

        try:
            yield
        except (dbapi.Error, OSError) as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise SourceUnavailable(
                "PostgreSQL does not answer, or refuses",
                where=self._name,
                why=" ".join(lines[:3]),
                todo="Check the address, the user's rights and that the server runs.",
            ) from error


def _relation(table: str) -> str:
    """Quote `table` or `schema.table`."""
    return ".".join(quoted(part) for part in table.split("."))


def _text(expression: str, kind: str) -> str:
    """Cast to the same text that every connector gives."""
    if kind == "numeric":
        return f"trim_scale({expression})::text"
    if kind == "bool":
        return f"({expression})::int::text"
    if kind == "bytea":
        return f"upper(encode({expression}, 'hex'))"
    if kind == "timestamptz":
        return f"({expression} at time zone 'UTC')::text"
    return f"({expression})::text"
