"""Answers as text and files; numbers keep every digit."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plumbline.spreadsheets import neutral

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

# Bytes from which on a piece is not put together with others.
_LARGE_PIECE = 65_536
_TEXT = json.JSONEncoder(ensure_ascii=False)


def json_lines(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """Write rows as a JSON array of objects, one per line; DECIMAL digits are written as they are."""
    yield "["
    for number, written in enumerate(json_objects(names, rows), start=1):
        yield f"  {written}{',' if number < len(rows) else ''}"
    yield "]"


def json_objects(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """Write each row as a JSON object in one line."""
    keys = [f"{json.dumps(name, ensure_ascii=False)}: " for name in names]
    for row in rows:
        values = map(_json_value, row)
        yield f"{{{', '.join(key + value for key, value in zip(keys, values, strict=True))}}}"


def csv_text(names: Sequence[str], rows: Sequence[Sequence[Any]], *, end: str = "\n") -> str:
    """Write rows as CSV with a header; an empty cell is NULL, and no text is a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator=end)
    writer.writerow(map(neutral, names))
    writer.writerows(
        [neutral(value) if isinstance(value, str) else plain(value) for value in row] for row in rows
    )
    return buffer.getvalue()


def plain(value: Any) -> str:
    """Write one value exactly: 109846381.399888, 2026-01-31, true."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)


def parquet_bytes(table: pa.Table) -> bytes:
    """Write a table as a Parquet file."""
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def arrow_bytes(table: pa.Table) -> bytes:
    """Write a table as an Arrow IPC stream."""
    import pyarrow as pa

    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


class _Pieces:
    """A file that keeps what is written as it is given: buffers of a table are not copied."""

    closed = False

    def __init__(self) -> None:
        self.pieces: list[Any] = []

    def write(self, piece: Any) -> None:
        self.pieces.append(piece)

    def flush(self) -> None:
        """Nothing is held back."""


def arrow_pieces(table: pa.Table) -> list[bytes | memoryview]:
    """Write a table as an Arrow IPC stream in pieces, of which the large ones are the table's own memory."""
    import pyarrow as pa

    sink = _Pieces()
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), table.schema) as writer:
        writer.write_table(table)
    found: list[bytes | memoryview] = []
    small = bytearray()
    for piece in sink.pieces:
        if len(piece) < _LARGE_PIECE:
            small += piece
            continue
        found += [bytes(small), memoryview(piece)]
        small = bytearray()
    return [piece for piece in (*found, bytes(small)) if len(piece)]


def _json_value(value: Any) -> str:
    if isinstance(value, str):
        return _TEXT.encode(value)
    text = plain(value)
    if not text:
        return "null"
    return json.dumps(text) if isinstance(value, date | datetime) else text
