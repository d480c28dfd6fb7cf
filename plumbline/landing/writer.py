"""Write one load: Parquet in a temporary directory, visible only when all of it is on the disk."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from plumbline.errors import StorageError, disk_is_full
from plumbline.landing.manifests import DATA, GONE, ControlTotal, Manifest, highest_load
from plumbline.project import Home
from plumbline.warehouse import quoted
from plumbline.warehouse.texts import text_data

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

ROW_NUMBER = "_row_number"
ROWS_PER_GROUP = 122_880
BYTES_PER_GROUP = 96 * 1024 * 1024
# A file may be told from an earlier state of it up to the end of each stretch.
STRETCH = 8 * 1024 * 1024
_READ_AT_ONCE = 1024 * 1024
_TEMPORARY = ".tmp-"


@dataclass(frozen=True)
class Written:
    """What a finished, still invisible load holds."""

    rows: int
    text_bytes: int
    content_sha256: str
    control_totals: dict[str, ControlTotal]
    parquet_sha256: str
    parquet_bytes: int


class LoadWriter:
    """Writes record batches of texts as one Parquet file, which is removed unless it is published."""

    def __init__(self, table_directory: Path, columns: list[str], summed: list[str], totals: Totals) -> None:
        self.directory = temporary_directory(table_directory)
        self.columns = columns
        self.rows = 0
        self._totals = totals
        self._summed = [name for name in summed if name in columns]
        self._sums: dict[str, tuple[Any, int, int]] = {}
        self._digest = _ContentDigest(columns)
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._file: Any = None
        self._parquet: Any = None

    def __enter__(self) -> LoadWriter:
        import pyarrow as pa
        import pyarrow.parquet as pq  # type: ignore[import-untyped]

        fields = [pa.field(name, pa.string()) for name in self.columns]
        schema = pa.schema([*fields, pa.field(ROW_NUMBER, pa.int64(), nullable=False)])
        with disk_errors(self.directory):
            self.directory.mkdir(parents=True)
            self._file = (self.directory / DATA).open("wb")
            self._parquet = pq.ParquetWriter(
                self._file,
                schema,
                compression="zstd",
                use_dictionary=self.columns,
                column_encoding={ROW_NUMBER: "DELTA_BINARY_PACKED"},
            )
        self.schema = schema
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with disk_errors(self.directory) if error is None else suppress(OSError, ValueError):
            self._parquet.close()
        self._file.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def write(self, batch: pa.RecordBatch) -> None:
        """Add a batch that has the writer's schema."""
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        self._waiting_bytes += batch.nbytes
        if self._waiting_rows >= ROWS_PER_GROUP or self._waiting_bytes >= BYTES_PER_GROUP:
            self._flush()

    def finish(self) -> Written:
        """Write what waits, close the file and force it to the disk."""
        self._flush()
        with disk_errors(self.directory):
            self._parquet.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        parquet = self.directory / DATA
        totals = {
            name: ControlTotal(format(total, "f"), present, unparsed)
            for name, (total, present, unparsed) in self._sums.items()
        }
        return Written(
            rows=self.rows,
            text_bytes=self._digest.bytes,
            content_sha256=self._digest.hexdigest(),
            control_totals=totals,
            parquet_sha256=file_sha256(parquet),
            parquet_bytes=parquet.stat().st_size,
        )

    def write_gone(self, rows: pa.Table) -> str:
        """Write which rows of earlier loads have gone, through to the disk; give the digest of the file."""
        import pyarrow.parquet as pq

        path = self.directory / GONE
        with disk_errors(path), path.open("wb") as file:
            pq.write_table(rows, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        return file_sha256(path)

    def publish(self, manifest: Manifest) -> Path:
        """Make the load visible under its number: manifest, then one rename."""
        final = self.directory.parent / f"load={manifest.load}"
        with disk_errors(final):
            manifest.write(self.directory)
            _sync_directory(self.directory)
            self.directory.rename(final)
            _sync_directory(final.parent)
        return final

    def _flush(self) -> None:
        import pyarrow as pa

        if not self._waiting:
            return
        table = pa.Table.from_batches(self._waiting, self.schema).combine_chunks()
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0
        for batch in table.to_batches():
            self._digest.update(batch)
        self._add_totals(table)
        with disk_errors(self.directory):
            self._parquet.write_table(table, row_group_size=ROWS_PER_GROUP)
        self.rows += table.num_rows

    def _add_totals(self, table: pa.Table) -> None:
        for name, found in self._totals.of(table, self._summed).items():
            before = self._sums.get(name, (0, 0, 0))
            self._sums[name] = (before[0] + found[0], before[1] + found[1], before[2] + found[2])


class Totals:
    """Sums text columns as plain numbers; one small DuckDB serves all loads of a run."""

    def __init__(self) -> None:
        self._connection: Any = None

    @property
    def connection(self) -> Any:
        """A DuckDB in memory, opened when it is first needed."""
        if self._connection is None:
            from plumbline.warehouse import connect

            self._connection = connect()
        return self._connection

    def cursor(self) -> Any:
        """Give a connection of its own to the same DuckDB, which need not be started again."""
        return self.connection.cursor()

    def of(self, table: pa.Table, columns: list[str]) -> dict[str, tuple[Any, int, int]]:
        """Give sum (Decimal), count of values, and count of values that are no numbers, for each column."""
        if not columns:
            return {}
        self.connection.register("landing_batch", table.select(columns))
        number = "try_cast({0} as decimal(38, 6))"
        parts = (
            f"coalesce(sum({number}), 0), count({{0}}), count({{0}}) - count({number})".format(quoted(name))
            for name in columns
        )
        row = self.connection.execute(f"select {', '.join(parts)} from landing_batch").fetchall()[0]
        self.connection.unregister("landing_batch")
        return {name: (row[3 * i], row[3 * i + 1], row[3 * i + 2]) for i, name in enumerate(columns)}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class _ContentDigest:
    """Digests names and values in order, the same however the rows were cut into batches."""

    def __init__(self, columns: list[str]) -> None:
        self.bytes = 0
        self._columns = columns
        self._parts = [hashlib.sha256(name.encode()) for name in columns for _ in range(2)]

    def update(self, batch: pa.RecordBatch) -> None:
        import numpy as np
        import pyarrow.compute as pc  # type: ignore[import-untyped]

        for index, name in enumerate(self._columns):
            column = batch.column(name)
            lengths = pc.binary_length(column).fill_null(-1).to_numpy()
            self._parts[2 * index].update(np.ascontiguousarray(lengths, dtype=np.int32).data)
            values = text_data(column)
            self._parts[2 * index + 1].update(values)
            self.bytes += len(values)

    def hexdigest(self) -> str:
        return hashlib.sha256("".join(part.hexdigest() for part in self._parts).encode()).hexdigest()


class LoadNumbers:
    """Hands out load numbers of a company: strictly increasing, over crashes and removed loads too."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._file = home.landing / ".last_load"
        self._floor = highest_load(home)

    def next(self) -> int:
        """Take the next number; numbers are never handed out twice."""
        return self.take(1)[0]

    def take(self, count: int) -> range:
        """Take the next numbers, whether all of them will be used or not."""
        with disk_errors(self._file):
            self.home.landing.mkdir(parents=True, exist_ok=True)
            with (self.home.landing / ".last_load.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                first = max(self._last(), self._floor) + 1
                replacement = self._file.with_suffix(".new")
                replacement.write_text(f"{first + count - 1}\n", encoding="ascii")
                replacement.replace(self._file)
        return range(first, first + count)

    def _last(self) -> int:
        try:
            return int(self._file.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return 0


def temporary_directory(table_directory: Path) -> Path:
    """Name a directory in which a load is prepared; it need not exist yet."""
    return table_directory / f"{_TEMPORARY}{os.getpid()}-{uuid.uuid4().hex[:8]}"


def remove_leftovers(system_directory: Path) -> int:
    """Remove what killed runs left behind; only the holder of the run lock may do so. Returns how many."""
    leftovers = list(system_directory.glob(f"*/{_TEMPORARY}*"))
    for path in leftovers:
        shutil.rmtree(path, ignore_errors=True)
    return len(leftovers)


def file_sha256(path: Path) -> str:
    """Digest a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_sha256_by_stretch(path: Path) -> tuple[str, tuple[str, ...]]:
    """Digest a file's bytes, and everything up to the end of each whole stretch of it."""
    digest, buffer = hashlib.sha256(), bytearray(_READ_AT_ONCE)
    marks: list[str] = []
    place = 0
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(buffer):
            digest.update(memoryview(buffer)[:size])
            place += size
            if place == (len(marks) + 1) * STRETCH:
                marks.append(digest.copy().hexdigest())
    return digest.hexdigest(), tuple(marks)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full or failing disk into a StorageError that names the place."""
    try:
        yield
    except OSError as error:
        full = disk_is_full(error)
        raise StorageError(
            "the disk is full" if full else "cannot write here",
            where=str(path),
            why="the load was not made; what had landed before is untouched." if full else str(error),
            todo="Make room and run again." if full else "Check the directory's permissions and run again.",
            code="disk-full" if full else "cannot-write",
        ) from error


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
