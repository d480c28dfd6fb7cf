"""Writes SQLite, JSON Lines, CSV and Excel files; equal content gives equal files."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from plumbline.demo import schema
from plumbline.demo.text import Column, Rows, count_rows

_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"
_QUEUED = 3
"""Tables that may wait for the database: keeps memory bounded."""


class ErpDatabase:
    """A SQLite file with the ERP's tables; rows are written by a thread while the next ones are generated."""

    def __init__(self, path: Path) -> None:
        from adbc_driver_sqlite import dbapi

        self._connection = dbapi.connect(f"file:{path}", autocommit=True)
        self._cursor = self._connection.cursor()
        for pragma in ("page_size = 8192", "journal_mode = off", "synchronous = off"):
            self._cursor.execute(f"pragma {pragma}")
            self._cursor.fetchall()
        for name, columns in schema.ERP.items():
            declared = ", ".join(f'"{column}" {schema.SQLITE[kind]}' for column, kind in columns.items())
            self._cursor.execute(f'create table "{name}" ({declared})')
        self._thread = ThreadPoolExecutor(1)
        self._waiting: list[Future[None]] = []

    def write(self, name: str, table: pa.Table) -> None:
        """Append rows to a table; its columns must be the declared ones, in their order."""
        if table.column_names != list(schema.ERP[name]):
            raise ValueError(f"{name}: {table.column_names}")
        while len(self._waiting) >= _QUEUED:
            self._waiting.pop(0).result()
        if table.num_rows:
            self._waiting.append(self._thread.submit(self._ingest, name, table))

    def _ingest(self, name: str, table: pa.Table) -> None:
        self._cursor.adbc_ingest(name, table, mode="append")

    def close(self) -> None:
        """Wait until everything is written, and index it."""
        try:
            for waiting in self._waiting:
                waiting.result()
            for name in schema.INDEXED:
                self._cursor.execute(f'create index "{name}_ModifiedDate" on "{name}" ("ModifiedDate")')
        finally:
            self._thread.shutdown()
            self._cursor.close()
            self._connection.close()

    def __enter__(self) -> ErpDatabase:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def json_lines(rows: Rows) -> bytes:
    """Write one JSON object a line: numbers bare, missing values as null, Chinese as it is."""
    pieces: list[Any] = []
    for position, (name, column) in enumerate(rows.items()):
        pieces += [f'{"," if position else "{"}"{name}":', _literal(column)]
    return _joined([*pieces, "}\n"])


def _literal(column: Column) -> pa.StringArray:
    escaped = pc.replace_substring(pc.replace_substring(column.text, "\\", "\\\\"), '"', '\\"')
    quoted = pc.binary_join_element_wise('"', escaped, '"', "")
    if column.is_number:
        quoted = pc.if_else(pc.match_substring_regex(column.text, _NUMBER), column.text, quoted)
    return pc.coalesce(quoted, pa.scalar("null"))


def csv(rows: Rows, encoding: str) -> bytes:
    """Write a header line and the rows; a missing value is an empty field."""
    pieces: list[Any] = []
    for position, column in enumerate(rows.values()):
        field = pc.fill_null(column.text, "")
        quoted = pc.binary_join_element_wise('"', pc.replace_substring(field, '"', '""'), '"', "")
        pieces += [
            *([","] if position else []),
            pc.if_else(pc.match_substring_regex(field, '[,"\n]'), quoted, field),
        ]
    return (",".join(rows) + "\n").encode(encoding) + _joined([*pieces, "\n"]).decode().encode(encoding)


def _joined(pieces: list[Any]) -> bytes:
    """Join pieces row by row: the bytes of a text column are the file."""
    lines = pc.binary_join_element_wise(*pieces, "")
    if not len(lines):
        return b""
    lines = pa.concat_arrays([lines.cast(pa.large_string())])
    _, offsets, data = lines.buffers()
    ends = memoryview(offsets).cast("q")
    return bytes(memoryview(data)[ends[0] : ends[len(lines)]])


def workbook(sheets: Mapping[str, Rows]) -> bytes:
    """Write an Excel workbook: numbers and ISO dates as such, anything else as text."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        sheet.append(list(rows))
        cells = [_cells(column) for column in rows.values()]
        for row in range(count_rows(rows)):
            sheet.append([column[row] for column in cells])
    written = io.BytesIO()
    book.save(written)
    return _without_clock(written.getvalue())


_DATE = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?")


def _cells(column: Column) -> list[Any]:
    return [_cell(value, column.is_number) for value in column.text.to_pylist()]


def _cell(value: str | None, is_number: bool) -> Any:
    if value is None:
        return None
    if is_number and re.fullmatch(_NUMBER, value):
        return float(value) if "." in value else int(value)
    if _DATE.fullmatch(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value
    return value


def _without_clock(content: bytes) -> bytes:
    """Put a fixed time in place of the times that a workbook carries."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(written, "w") as target:
        for entry in sorted(source.infolist(), key=lambda entry: entry.filename):
            body = source.read(entry)
            if entry.filename == "docProps/core.xml":
                body = re.sub(rb">\d{4}-\d\d-\d\dT[\d:]+Z<", b">2020-01-01T00:00:00Z<", body)
            fixed = zipfile.ZipInfo(entry.filename, (2020, 1, 1, 0, 0, 0))
            fixed.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(fixed, body)
    return written.getvalue()
