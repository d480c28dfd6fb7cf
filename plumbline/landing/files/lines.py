"""What a big text file has besides the load before it: their lines are compared by SHA-256.

Landing remembers the digest of every line of the newest snapshot of a file, and where the row of that line
lies. Of the next file only lines that are not there yet are read; rows whose line has gone are listed. Most
files change near their end: blocks at the beginning that are the same as before are passed over, and stay
remembered as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.landing.files.inspection import MEGABYTE, TextFile, blocks_of
from plumbline.landing.files.known import Known, Piece
from plumbline.landing.writer import ROW_NUMBER, disk_errors, file_sha256
from plumbline.warehouse import glob_free

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]
    from duckdb import DuckDBPyConnection

WORTH_COMPARING = MEGABYTE
_BLOCKS_AT_ONCE = 32
_SMALL_SHARE = 0.25
_DIGEST = "unhex(left(sha256(line), 32))"
_NO_LINES = "(select null::blob as digest, 0 as line, 0 as load, 0 as row_number where false)"
_PAIRED = """
create or replace temp table paired as
with here as (
    select digest, line, row_number() over (partition by digest order by line) as copy from present
),
there as (
    select digest, load, row_number, row_number() over (partition by digest order by line) as copy
    from known
)
select digest, here.line, there.load, there.row_number
from here full join there using (digest, copy)
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
        import pyarrow as pa

        for batch in batches:
            place = batch.schema.get_field_index(ROW_NUMBER)
            numbers = self.lines[batch.column(place).to_numpy() - 1 - self.header]
            yield batch.set_column(place, ROW_NUMBER, pa.array(numbers, pa.int64()))


class Lines:
    """The lines of one inspected file, as digests in temporary tables of a connection of their own.

    `known` is what is remembered of the load before, where there is one.
    """

    def __init__(
        self, text: TextFile, con: DuckDBPyConnection, *, header: bool, known: Known | None = None
    ) -> None:
        self._text = text
        self._header = header
        self._con = con
        changed = known.pieces[text.same :] if known else ()
        self._known = known if known and known.is_sound(changed) else None
        self._changed = changed if self._known else ()
        self._con.execute("create temp table present (digest blob, line bigint)")
        same = text.blocks[: text.same] if self._known else ()
        self._same = sum(block.lines for block in same)
        self._start = text.start + sum(block.size for block in same)
        number = self._same + 1
        for blocks in _several(blocks_of(text.path, self._start)):
            number += self._add(number, blocks)

    def _add(self, first: int, blocks: list[bytes]) -> int:
        import numpy as np
        import pyarrow as pa

        lines = pa.chunked_array([_split(data) for data in blocks])
        numbers = np.arange(first, first + len(lines), dtype=np.int64)
        self._con.register("lines", pa.table({"line": lines, "number": numbers}))
        self._con.execute(f"insert into present select {_DIGEST}, number from lines")
        self._con.unregister("lines")
        return len(lines)

    @property
    def count(self) -> int:
        return sum(block.lines for block in self._text.blocks)

    @property
    def rows(self) -> int:
        """Rows that the file has when every line but the header is one; -1 where lines end in other ways."""
        counted = self._text.lines + (not self._text.ends_with_newline)
        return self.count - self._header if self.count == counted else -1

    def changes(self) -> Changes | None:
        """Compare with the load before; None when the whole file is to be landed."""
        if self._known is None or self.rows < 0:
            return None
        rows = _parquet(self._known.paths(self._changed)) if self._changed else _NO_LINES
        self._con.execute(f"create or replace temp view known as select * from {rows}")
        self._con.execute(_PAIRED)
        new = self._con.execute("select line from paired where load is null order by line").fetchnumpy()[
            "line"
        ]
        gone = self._con.sql(
            "select load, row_number from paired where line is null order by load, row_number"
        ).to_arrow_table()
        if self._header and len(new) and new[0] == 1:
            return None
        if len(new) + gone.num_rows > _SMALL_SHARE * self.count:
            return None
        return Changes(new, gone, self.rows, self._header)

    def part(self, changes: Changes, target: Path) -> TextFile:
        """Write the header and the new lines into a file of their own."""
        import numpy as np

        ends = True
        with disk_errors(target), target.open("wb") as file:
            if self._header:
                file.write(_first_line(self._text))
            before = self._same
            for data in blocks_of(self._text.path, self._start):
                array = _split(data)
                first, last = np.searchsorted(changes.lines, [before + 1, before + len(array) + 1])
                lines = array.take(changes.lines[first:last] - before - 1).to_pylist()
                file.writelines(lines)
                ends = lines[-1].endswith(b"\n") if lines else ends
                before += len(array)
        size = target.stat().st_size
        count = len(changes.lines) + self._header
        return replace(
            self._text,
            path=target,
            start=0,
            size=size,
            lines=count,
            ends_with_newline=ends,
            blocks=(),
            same=0,
            marks=(),
        )

    def remember(self, load: int, facts: Path, *, whole: bool) -> None:
        """Write the digest of every line, and which row of which load it is; `facts` tells of them."""
        kept: tuple[Piece, ...] = ()
        if whole:
            self._add_what_is_as_it_was()
            rows = f"select digest, line, {load} as load, line as row_number from present"
        else:
            kept = self._known.pieces[: self._text.same] if self._known else ()
            rows = (
                f"select digest, line, coalesce(load, {load}) as load, "
                "coalesce(row_number, line) as row_number from paired"
            )
        ends = list(accumulate((block.lines for block in self._text.blocks), initial=0))
        facts.parent.mkdir(parents=True, exist_ok=True)
        written = (
            self._write(f"{rows} where line > {first} and line <= {last} order by line", facts, index)
            for index, (first, last) in enumerate(pairwise(ends[len(kept) :]), start=len(kept))
        )
        text = self._text
        Known(facts.parent, text.blocks, (*kept, *written), text.marks, text.written_in).write(facts)

    def _add_what_is_as_it_was(self) -> None:
        """Digest the lines of the blocks that were passed over, too."""
        number = 1
        same = self._text.same if self._same else 0
        for blocks in _several(islice(blocks_of(self._text.path, self._text.start), same)):
            number += self._add(number, blocks)

    def _write(self, query: str, facts: Path, index: int) -> Piece:
        path = facts.with_name(f"{facts.stem}-{index}.parquet")
        with disk_errors(path):
            self._con.execute(f"copy ({query}) to {_text(str(path))} (format parquet)")
        return Piece(path.name, file_sha256(path))

    def close(self) -> None:
        self._con.close()


def _parquet(paths: Iterable[Path]) -> str:
    return f"read_parquet([{', '.join(_text(glob_free(path)) for path in paths)}])"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _several(blocks: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Give some blocks at once, so that two processors have work."""
    waiting: list[bytes] = []
    for block in blocks:
        waiting.append(block)
        if len(waiting) >= _BLOCKS_AT_ONCE:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _first_line(text: TextFile) -> bytes:
    with text.path.open("rb") as file:
        file.seek(text.start)
        return file.readline()


def _split(data: bytes) -> pa.BinaryArray:
    """Give lines as bytes, with what ends them."""
    import numpy as np
    import pyarrow as pa

    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n")) + 1
    if not len(ends) or ends[-1] != len(data):
        ends = np.append(ends, len(data))
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.BinaryArray.from_buffers(pa.binary(), len(ends), buffers)
