"""One extract, as every connector gives it to landing: a header and batches of texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

BATCH_ROWS = 32_768


@dataclass
class Extract:
    """A readable extract: `columns` in its own order; every batch has them as texts, and `_row_number`.

    `batches` may raise Refused, or SourceUnavailable, while it is read. `seen` holds, after the last batch,
    the columns that were really there (JSON objects name them row by row); None means all of `columns`.
    """

    source: str
    columns: list[str]
    batches: Iterable[pa.RecordBatch]
    sha256: str | None = None
    bytes: int | None = None
    notes: list[str] = field(default_factory=list)
    seen: set[str] | None = None


class NewColumnError(Exception):
    """A later part of an extract has a column that its beginning did not have: read it again, thoroughly."""


def batches_of_rows(
    names: list[str], rows: Iterable[tuple[int, list[Any]]], size: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Turn numbered rows of Python values into batches of texts."""
    chunk: list[tuple[int, list[Any]]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) >= size:
            yield _batch(names, chunk)
            chunk = []
    if chunk:
        yield _batch(names, chunk)


def _batch(names: list[str], chunk: list[tuple[int, list[Any]]]) -> pa.RecordBatch:
    from plumbline.landing.canonical import text_array

    columns = zip(*(values for _, values in chunk), strict=True)
    return batch_of(
        [number for number, _ in chunk], {n: text_array(list(c)) for n, c in zip(names, columns, strict=True)}
    )


def batch_of(numbers: Any, columns: dict[str, pa.Array]) -> pa.RecordBatch:
    """Put texts and row numbers together."""
    import pyarrow as pa

    from plumbline.landing.writer import ROW_NUMBER

    return pa.RecordBatch.from_arrays(
        [pa.array(numbers, pa.int64()), *columns.values()], [ROW_NUMBER, *columns]
    )
