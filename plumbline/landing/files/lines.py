"""What a big text file has besides the load before it: their lines are compared by SHA-256.

Landing remembers the digest of every line of the newest snapshot of a file, and where the row of that line
lies. Of the next file only lines that are not there yet are read; rows whose line has gone are listed. Most
files change near their end: blocks at the beginning that are the same as before are passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.landing.files.inspection import MEGABYTE, Block, TextFile, blocks_of
from plumbline.landing.writer import ROW_NUMBER, STRETCH, disk_errors
from plumbline.warehouse import connect, glob_free

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

WORTH_COMPARING = MEGABYTE
_BLOCKS_AT_ONCE = 8
_BLOCKS, _MARKS = "blocks", "marks"
_SMALL_SHARE = 0.25
_DIGEST = "unhex(left(sha256(line), 32))"
_PAIRED = """
create or replace table paired as
with here as (
    select digest, line, row_number() over (partition by digest order by line) as copy from present
),
there as (
    select digest, load, row_number, row_number() over (partition by digest order by line) as copy
    from known
    where line > {same}
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
    """The lines of one inspected file, as digests in a small database of their own.

    `known` is the file that remembers the lines of the load before, where there is one.
    """

    def __init__(self, text: TextFile, *, header: bool, known: Path | None = None) -> None:
        self._text = text
        self._header = header
        self._con = connect()
        self._known = known if known and self._is_readable(known) else None
        self._con.execute("create table present (digest blob, line bigint)")
        same = text.blocks[: text.same] if self._known else ()
        self._same = sum(block.lines for block in same)
        self._start = text.start + sum(block.size for block in same)
        number = self._same + 1
        for blocks in _several(blocks_of(text.path, self._start)):
            number += self._add(number, blocks)

    def _is_readable(self, known: Path) -> bool:
        import duckdb

        try:
            self._con.execute(
                f"select digest, line, load, row_number from {_parquet(known)} limit 0"
            ).fetchall()
        except duckdb.Error:
            return False
        return True

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
        self._con.execute(f"create or replace view known as select * from {_parquet(self._known)}")
        self._con.execute(_PAIRED.format(same=self._same))
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

    def remember(self, load: int, target: Path, *, whole: bool) -> None:
        """Write the digest of every line, and which row of which load it is."""
        known = f"from {_parquet(self._known)} where line <= {self._same}" if self._known else ""
        if whole:
            query = f"select digest, line, {load} as load, line as row_number from present"
            query += f" union all select digest, line, {load}, line {known}" if known else ""
        else:
            query = (
                f"select digest, line, coalesce(load, {load}) as load, "
                "coalesce(row_number, line) as row_number from paired "
                f"where line is not null union all select * {known}"
            )
        blocks = json.dumps([astuple(block) for block in self._text.blocks])
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            told = f"{_BLOCKS}: {_text(blocks)}, {_MARKS}: {_text(json.dumps(self._text.marks))}"
            facts = f"format parquet, kv_metadata {{{told}}}"
            self._con.execute(f"copy ({query}) to {_text(str(target))} ({facts})")

    def close(self) -> None:
        self._con.close()


def known_blocks(known: Path | None) -> tuple[Block, ...]:
    """Read of which blocks a file was whose lines are remembered; none where that cannot be read."""
    try:
        return tuple(Block(*block) for block in _told(known, _BLOCKS))
    except TypeError:
        return ()


def same_bytes(known: Path | None, marks: Sequence[str]) -> int:
    """Tell how many bytes at the beginning of a file with these marks are those of the one before."""
    pairs = zip(_told(known, _MARKS), marks, strict=False)
    return STRETCH * len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _told(known: Path | None, name: str) -> list[Any]:
    """Read what else is remembered beside the lines."""
    import pyarrow as pa
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    try:
        facts = pq.read_metadata(known).metadata if known else None
        told = json.loads((facts or {}).get(name.encode(), b"[]"))
    except (OSError, pa.ArrowException, ValueError):
        return []
    return told if isinstance(told, list) else []


def _parquet(path: Path) -> str:
    return f"read_parquet({_text(glob_free(path))})"


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
