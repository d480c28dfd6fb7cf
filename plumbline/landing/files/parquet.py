"""Read Parquet as text; every value is read, its statistics are never trusted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.landing.canonical import arrow_text
from plumbline.landing.extract import BATCH_ROWS, Extract, batch_of
from plumbline.landing.files.delimited import check_header
from plumbline.landing.outcomes import Refused

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]


def read_parquet(path: Path) -> Extract:
    """Open a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise _damaged(path, error) from error
    names = list(file.schema_arrow.names)
    check_header(names, path.name, line=0)
    return Extract(path.name, names, _batches(path, file, names))


def _batches(path: Path, file: Any, names: list[str]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    number = 1
    with file:
        try:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                columns = {
                    name: arrow_text(column) for name, column in zip(names, batch.columns, strict=True)
                }
                yield batch_of(range(number, number + batch.num_rows), columns)
                number += batch.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> Refused:
    return Refused(
        f"the file is no readable Parquet ({str(error).splitlines()[0]})",
        file=path.name,
        todo="It may be cut off: ask the source for the whole file.",
    )
