"""Copies the ERP into another database, so that the same company can be read from a server."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.demo import schema
from plumbline.errors import UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

_BATCH = 20_000


def copy_erp(sqlite_path: Path, sqlalchemy_url: str) -> dict[str, int]:
    """Copy every ERP table under its own name and with proper types; give the rows of each.

    Tables of these names are replaced, in one transaction. Raises UsageError when there is no ERP to copy.
    """
    import sqlalchemy as sa

    if not Path(sqlite_path).is_file():
        raise UsageError(
            f"no generated ERP at {sqlite_path}",
            todo="Generate one: plumb demo generate --out DIR.",
            code="no-erp",
        )
    engine = sa.create_engine(sqlalchemy_url)
    tables = _tables()
    try:
        with (
            closing(sqlite3.connect(f"file:{sqlite_path}?mode=ro", uri=True)) as source,
            engine.begin() as target,
        ):
            tables.drop_all(target)
            tables.create_all(target)
            return {name: _copy(source, target, tables.tables[name]) for name in schema.ERP}
    finally:
        engine.dispose()


def _tables() -> sa.MetaData:
    """Declare the ERP for SQLAlchemy."""
    import sqlalchemy as sa

    types: dict[str, Any] = {
        schema.KEY: sa.Integer,
        schema.INT: sa.Integer,
        schema.FLAG: sa.SmallInteger,
        schema.MONEY: sa.Numeric(19, 4),
        schema.LINE: sa.Numeric(38, 6),
        schema.QUANTITY: sa.Numeric(8, 2),
        schema.RATE: sa.Numeric(10, 4),
        schema.TEXT: sa.String(400),
        schema.TIME: sa.DateTime,
    }
    declared = sa.MetaData()
    for name, columns in schema.ERP.items():
        sa.Table(
            name,
            declared,
            *(
                sa.Column(
                    column,
                    types[kind],
                    primary_key=kind == schema.KEY,
                    autoincrement=False,
                    index=column == "ModifiedDate" and name in schema.INDEXED,
                )
                for column, kind in columns.items()
            ),
        )
    return declared


def _copy(source: sqlite3.Connection, target: sa.Connection, table: sa.Table) -> int:
    cursor = source.execute(f'select * from "{table.name}"')
    if target.dialect.driver == "psycopg2":
        return _copy_by_stream(cursor, target, table)
    copied = 0
    while rows := cursor.fetchmany(_BATCH):
        target.execute(table.insert(), [_typed(row, table) for row in rows])
        copied += len(rows)
    return copied


def _typed(row: tuple[Any, ...], table: sa.Table) -> dict[str, Any]:
    """Give a row's values in the types that the drivers ask for."""
    typed = {}
    for column, value in zip(table.columns, row, strict=True):
        kind = schema.ERP[table.name][column.name]
        if value is not None and kind == schema.TIME:
            value = datetime.fromisoformat(value)
        elif value is not None and kind in (schema.MONEY, schema.LINE, schema.QUANTITY, schema.RATE):
            value = Decimal(str(value))
        typed[column.name] = value
    return typed


def _copy_by_stream(cursor: sqlite3.Cursor, target: sa.Connection, table: sa.Table) -> int:
    """Use PostgreSQL's COPY, a batch at a time."""
    driver: Any = target.connection.cursor()
    copied = 0
    with closing(driver):
        for count, text in _csv_batches(cursor):
            driver.copy_expert(f'copy "{table.name}" from stdin (format csv)', text)
            copied += count
    return copied


def _csv_batches(cursor: sqlite3.Cursor) -> Iterator[tuple[int, io.StringIO]]:
    """Write rows as CSV, NULL as an empty field; the ERP has blank texts but no empty ones."""
    while rows := cursor.fetchmany(_BATCH):
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        text.seek(0)
        yield len(rows), text
