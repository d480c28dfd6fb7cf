"""What DuckDB's types are in PostgreSQL, and a digest of a row that both compute alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plumbline.publication.sql import Column, identifier

_NAMES = {
    "VARCHAR": "text",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "SMALLINT": "smallint",
    "TINYINT": "smallint",
    "UTINYINT": "smallint",
    "USMALLINT": "integer",
    "UINTEGER": "bigint",
    "UBIGINT": "numeric(20,0)",
    "HUGEINT": "numeric(39,0)",
    "DOUBLE": "double precision",
    "FLOAT": "double precision",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp without time zone",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")


def type_in_postgres(kind: str) -> str:
    """Name the type of a DuckDB column in PostgreSQL as its catalogue spells it; what it lacks is text."""
    decimal = _DECIMAL.fullmatch(kind)
    if decimal:
        return f"numeric({decimal[1]},{decimal[2]})"
    return _NAMES.get(kind, "text")


def value_in_duckdb(column: Column) -> str:
    """Write a column so that its text is one that PostgreSQL reads as the type of `type_in_postgres`."""
    name = identifier(column.name)
    if column.type == "HUGEINT":
        return f"CAST({name} AS VARCHAR)"
    if type_in_postgres(column.type) == "text" and column.type != "VARCHAR":
        return f"CAST({name} AS VARCHAR)"
    return name


@dataclass(frozen=True)
class _Dialect:
    """How one engine writes a value so that equal values are equal texts, bit by bit."""

    text: str
    double: str
    moment: str
    digest: str


_DUCKDB = _Dialect(
    "CAST({0} AS VARCHAR)",
    "lower(hex(CAST(CAST(CAST({0} AS DOUBLE) AS BIT) AS BLOB)))",
    "CAST(epoch_us({0}) AS VARCHAR)",
    "md5({0})",
)
_POSTGRES = _Dialect(
    "CAST({0} AS text)",
    "encode(float8send({0}), 'hex')",
    "CAST(CAST(extract(epoch from {0}) * 1000000 AS bigint) AS text)",
    "md5({0})",
)


def row_digest_in_duckdb(columns: Sequence[Column]) -> str:
    """Write the digest of a row: MD5 over the texts of its values, which tell where each ends."""
    return _row_digest(_DUCKDB, columns, value_in_duckdb)


def row_digest_in_postgres(columns: Sequence[Column]) -> str:
    """Write the digest that `row_digest_in_duckdb` gives of the same row."""
    return _row_digest(_POSTGRES, columns, lambda column: identifier(column.name))


def _row_digest(dialect: _Dialect, columns: Sequence[Column], named: Callable[[Column], str]) -> str:
    return dialect.digest.format(" || ".join(_value(dialect, column, named(column)) for column in columns))


def _value(dialect: _Dialect, column: Column, name: str) -> str:
    kind = type_in_postgres(column.type)
    if kind == "double precision":
        text = dialect.double.format(name)
    elif kind.startswith("timestamp"):
        text = dialect.moment.format(name)
    else:
        text = dialect.text.format(name)
    if kind == "text":
        # Without its length 'a|' beside 'b' would be 'a' beside '|b'.
        return f"coalesce(CAST(length({text}) AS VARCHAR) || ':' || {text}, '-')"
    return f"coalesce({text} || '|', '-')"
