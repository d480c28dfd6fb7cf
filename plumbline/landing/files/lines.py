"""What a big text file has besides the load before it: their lines are compared by SHA-256.

Landing remembers the digest of every line of the newest snapshot of a file, and where the row of that line
lies. Of the next file only lines that are not there yet are read; rows whose line has gone are listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.landing.files.inspection import CHUNK, MEGABYTE, TextFile
from plumbline.landing.writer import ROW_NUMBER, disk_errors
from plumbline.warehouse import connect, glob_free

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

WORTH_COMPARING = MEGABYTE
_CHUNKS_AT_ONCE = 8
_LONGEST_LINE = 64 * MEGABYTE
_SMALL_SHARE = 0.25
_DIGEST = "unhex(left(sha256(line), 32))"
_CHANGED = """
create or replace table changed as
select digest, sum(here) as here, sum(there) as there
from (
    select digest, 1 as here, 0 as there from present
    union all
    select digest, 0 as here, 1 as there from earlier
)
group by digest
having sum(here) <> sum(there)
"""
_NEW = """
select line
from (
    select present.line, there, row_number() over (partition by digest order by present.line) as copy
    from present inner join changed using (digest)
)
where copy > there
order by line
"""
_GONE = """
create or replace table gone as
select load, row_number
from (
    select load, row_number, here, row_number() over (partition by digest order by load, row_number) as copy
    from earlier inner join changed using (digest)
)
where copy > here
order by load, row_number
"""


@dataclass(frozen=True)
class Changes:
    """The lines of a file that the loads before do not have, and the rows of those that it has no longer."""

    lines: Any
    gone: pa.Table
    rows: int
    header: bool

    def since(self, load: int) -> str:
        """Say how much has changed since a load."""
        return f"since load {load}: {len(self.lines):,} new rows, {self.gone.num_rows:,} gone"

    def numbered(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Give each row of the new lines, read by themselves, the number of its line in the whole file."""
        for batch in batches:
            place = batch.schema.get_field_index(ROW_NUMBER)
            numbers = self.lines[batch.column(place).to_numpy() - 1 - self.header]
            yield batch.set_column(place, ROW_NUMBER, _numbers(numbers))


class Lines:
    """The lines of one inspected file, as digests in a small database of their own."""

    def __init__(self, text: TextFile, *, header: bool) -> None:
        self._text = text
        self._header = header
        self._con = connect()
        self._con.execute("create table present (digest blob, line bigint)")
        self.count = 0
        for arrays in _several(_line_arrays(text)):
            self._add(arrays)

    def _add(self, arrays: list[pa.BinaryArray]) -> None:
        import numpy as np
        import pyarrow as pa

        lines = pa.chunked_array(arrays)
        numbers = np.arange(self.count + 1, self.count + 1 + len(lines), dtype=np.int64)
        self._con.register("lines", pa.table({"line": lines, "number": numbers}))
        self._con.execute(f"insert into present select {_DIGEST}, number from lines")
        self._con.unregister("lines")
        self.count += len(lines)

    @property
    def rows(self) -> int:
        """Rows that the file has when every line but the header is one; -1 where lines end in other ways."""
        counted = self._text.lines + (not self._text.ends_with_newline)
        return self.count - self._header if self.count == counted else -1

    def since(self, known: Path) -> Changes | None:
        """Compare with what is known of the loads before; None when it is better to land the whole file."""
        self._con.execute("create or replace view earlier as select * from " + _parquet(known))
        self._con.execute(_CHANGED)
        new = self._con.execute(_NEW).fetchnumpy()["line"]
        self._con.execute(_GONE)
        gone = self._con.table("gone").to_arrow_table()
        if self._header and len(new) and new[0] == 1:
            return None
        if len(new) + gone.num_rows > _SMALL_SHARE * self.count:
            return None
        return Changes(new, gone, self.rows, self._header)

    def part(self, changes: Changes, target: Path) -> TextFile:
        """Write the header and the new lines into a file of their own."""
        import numpy as np

        wanted = np.concatenate([[1], changes.lines]) if self._header else changes.lines
        ends = True
        with disk_errors(target), target.open("wb") as file:
            before = 0
            for array in _line_arrays(self._text):
                first, last = np.searchsorted(wanted, [before + 1, before + len(array) + 1])
                lines = array.take(wanted[first:last] - before - 1).to_pylist()
                file.writelines(lines)
                ends = lines[-1].endswith(b"\n") if lines else ends
                before += len(array)
        size = target.stat().st_size
        return replace(self._text, path=target, start=0, size=size, lines=len(wanted), ends_with_newline=ends)

    def remember(self, load: int, changes: Changes | None, known: Path | None, target: Path) -> None:
        """Write the digest of every line, and which row of which load it is."""
        import pyarrow as pa

        new = f"select digest, {load} as load, line as row_number from present"
        query = f"{new} where line > {int(self._header)}" if self._header else new
        if self._header:
            query += " union all select digest, 0, 1 from present where line = 1"
        if changes is not None and known is not None:
            self._con.register("new_lines", pa.table({"line": _numbers(changes.lines)}))
            query = (
                f"{new} where line in (select line from new_lines) union all "
                f"select earlier.* from {_parquet(known)} as earlier anti join gone using (load, row_number)"
            )
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._con.execute(f"copy ({query}) to {_text(str(target))} (format parquet)")

    def close(self) -> None:
        self._con.close()


def _numbers(values: Any) -> pa.Array:
    import pyarrow as pa

    return pa.array(values, pa.int64())


def _parquet(path: Path) -> str:
    return f"read_parquet({_text(glob_free(path))})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _several(arrays: Iterator[pa.BinaryArray]) -> Iterator[list[pa.BinaryArray]]:
    """Give some arrays at once, so that two processors have work."""
    waiting: list[pa.BinaryArray] = []
    for array in arrays:
        waiting.append(array)
        if len(waiting) >= _CHUNKS_AT_ONCE:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _line_arrays(text: TextFile) -> Iterator[pa.BinaryArray]:
    """Give the lines of a file as bytes, with what ends them; stops at a line that is too long to be one."""
    rest = b""
    with text.path.open("rb") as file:
        file.seek(text.start)
        while chunk := file.read(CHUNK):
            chunk = rest + chunk
            end = chunk.rfind(b"\n") + 1
            rest = chunk[end:]
            if len(rest) > _LONGEST_LINE:
                return
            if end:
                yield _split(chunk[:end])
    if rest:
        yield _split(rest)


def _split(data: bytes) -> pa.BinaryArray:
    import numpy as np
    import pyarrow as pa

    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n")) + 1
    if not len(ends) or ends[-1] != len(data):
        ends = np.append(ends, len(data))
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.BinaryArray.from_buffers(pa.binary(), len(ends), buffers)
