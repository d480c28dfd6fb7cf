"""Read CSV and TSV as text, with the physical line of every record."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from plumbline.landing.extract import BATCH_ROWS, Extract, batch_of, batches_of_rows
from plumbline.landing.files.inspection import TextFile
from plumbline.landing.outcomes import Refused

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_BLOCK = 4 * 1024 * 1024
_END = "\x1eend of the extract\x1e"
_CUT_OFF = "The file looks cut off: ask the source for the whole file."


def read_delimited(text: TextFile, delimiter: str) -> Extract:
    """Open an inspected file; the first record is the header."""
    names, first_line, header_bytes = _header(text, delimiter)
    notes = [] if text.ends_with_newline else ["no newline at the end of the file"]
    if text.encoding not in ("utf-8", "utf-8-sig"):
        notes.append(f"encoding {text.encoding}")
    return Extract(text.name, names, _batches(text, delimiter, names, first_line, header_bytes), notes=notes)


def _header(text: TextFile, delimiter: str) -> tuple[list[str], int, int]:
    """Give the column names, the line after the header, and the bytes up to there."""
    with text.path.open("rb") as file:
        file.seek(text.start)
        lines: list[bytes] = []
        try:
            reader = csv.reader(_decoded(file, lines), delimiter=delimiter, strict=True)
            names = next(reader)
        except StopIteration:
            raise Refused(
                "the file has no header", file=text.name, todo="Ask the source for it again."
            ) from None
        except csv.Error as error:
            raise Refused(
                f"the header cannot be read ({error})", file=text.name, line=1, todo=_CUT_OFF
            ) from None
    check_header(names, text.name)
    return names, reader.line_num + 1, text.start + sum(len(line) for line in lines)


def _decoded(file: BinaryIO, seen: list[bytes]) -> Iterator[str]:
    """Give lines as text, whatever ends them, and keep their bytes."""
    rest = b""
    while True:
        chunk = file.read(65_536)
        if not chunk:
            break
        rest += chunk
        *whole, rest = rest.splitlines(keepends=True)
        for line in whole:
            seen.append(line)
            yield line.decode()
        if len(rest) > _BLOCK:
            break
    if rest:
        seen.append(rest)
        yield rest.decode("utf-8", "ignore")


def check_header(names: list[str], file: str, line: int = 1) -> None:
    """Refuse a header with a name twice, or without a name."""
    twice = [
        name for name, count in Counter(name.strip().lower() for name in names).items() if count > 1 and name
    ]
    if twice:
        raise Refused(
            f"the header has the column {twice[0]!r} twice",
            file=file,
            line=line,
            todo="Ask the source for one column of each name.",
        )
    for number, name in enumerate(names, start=1):
        if not name.strip():
            raise Refused(
                f"column {number} of the header has no name",
                file=file,
                line=line,
                todo="Ask the source for a name for every column.",
            )


def _batches(
    text: TextFile, delimiter: str, names: list[str], first_line: int, header_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Read fast; where lines and records turn out not to go together, a plain reader says why.

    Blank lines between records would shift the line numbers: such a file is left to the plain reader.
    """
    import pyarrow as pa

    if _has_blank_lines(text, header_bytes):
        yield from _plain_batches(text, delimiter, names, first_line, header_bytes)
        return
    line = first_line
    last: pa.RecordBatch | None = None
    try:
        for batch in _open(text, delimiter, names, header_bytes):
            if last is not None:
                numbers, line = _lines(last, line, text.has_quotes)
                yield batch_of(numbers, dict(zip(names, last.columns, strict=True)))
            last = batch
    except pa.ArrowInvalid as error:
        _explain(text, delimiter, names, header_bytes, first_line, error)
    if last is None or last.column(0)[-1].as_py() != _END:
        _explain(text, delimiter, names, header_bytes, first_line, None)
    last = last.slice(0, last.num_rows - 1)
    numbers, line = _lines(last, line, text.has_quotes)
    yield batch_of(numbers, dict(zip(names, last.columns, strict=True)))


def _open(text: TextFile, delimiter: str, names: list[str], header_bytes: int) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    end = ("" if text.ends_with_newline else "\n") + delimiter.join([_END] * len(names)) + "\n"
    stream = _Followed(text, header_bytes, end.encode())
    return arrow_csv.open_csv(
        pa.PythonFile(stream, "r"),
        read_options=arrow_csv.ReadOptions(block_size=_BLOCK, column_names=names, use_threads=True),
        parse_options=arrow_csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=text.has_quotes, ignore_empty_lines=True
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types={name: pa.string() for name in names},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            check_utf8=False,
        ),
    )


class _Followed(io.RawIOBase):
    """The data of a file, and after it a record that can only be read as such when every quote was closed."""

    def __init__(self, text: TextFile, start: int, end: bytes) -> None:
        self._file = text.path.open("rb", buffering=0)
        self._file.seek(start)
        self._end = end

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk: bytes = self._file.read(size)
        if not chunk:
            chunk, self._end = self._end, b""
        return chunk

    def close(self) -> None:
        self._file.close()
        super().close()


def _lines(batch: pa.RecordBatch, first: int, quoted: bool) -> tuple[Any, int]:
    """Give the line of each record, and the line after the batch; quoted values may span lines."""
    import numpy as np
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    spans = np.ones(batch.num_rows, dtype=np.int64)
    for column in batch.columns if quoted else ():
        for end, inside in (("\n", 1), ("\r", 1), ("\r\n", -1)):
            if pc.any(pc.match_substring(column, end)).as_py():
                spans += inside * pc.count_substring(column, end).fill_null(0).to_numpy()
    starts = first + np.cumsum(spans) - spans
    return starts, first + int(spans.sum())


def _has_blank_lines(text: TextFile, start: int) -> bool:
    """Tell whether an empty line stands between records (at the end it does no harm)."""
    before = b"\n"
    with text.path.open("rb") as file:
        file.seek(start)
        while chunk := file.read(_BLOCK):
            if b"\r" in chunk:
                chunk = (
                    (chunk + file.read(chunk.endswith(b"\r"))).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
                )
            window = before + chunk
            body = window.rstrip(b"\n")
            if b"\n\n" in body:
                return True
            before = window[max(len(body) - 1, 0) :]
    return False


def _plain_rows(
    text: TextFile, delimiter: str, header_bytes: int, first_line: int
) -> Iterator[tuple[int, list[str]]]:
    """Give line and values of every record, the slow way; Refused where a quote is never closed."""
    with text.path.open("rb") as raw:
        raw.seek(header_bytes)
        with io.TextIOWrapper(raw, encoding="utf-8", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            line = first_line
            while True:
                try:
                    row = next(reader, None)
                except csv.Error as error:
                    raise Refused(_csv_reason(error), file=text.name, line=line, todo=_CUT_OFF) from error
                if row is None:
                    return
                if row:
                    yield line, row
                line = first_line + reader.line_num


def _csv_reason(error: csv.Error) -> str:
    if "unexpected end" in str(error) or "field limit" in str(error):
        return "a quoted value that begins in this record never ends"
    return f"the quotes of this record are wrong ({error})"


def _plain_batches(
    text: TextFile, delimiter: str, names: list[str], first_line: int, header_bytes: int
) -> Iterator[pa.RecordBatch]:
    def rows() -> Iterator[tuple[int, list[Any]]]:
        for line, row in _plain_rows(text, delimiter, header_bytes, first_line):
            _check_length(text, line, row, names)
            yield line, [value or None for value in row]

    yield from batches_of_rows(names, rows(), BATCH_ROWS)


def _check_length(text: TextFile, line: int, row: list[str], names: list[str]) -> None:
    if len(row) != len(names):
        raise Refused(
            f"this line has {len(row)} values, the header has {len(names)} columns",
            file=text.name,
            line=line,
            todo=_CUT_OFF
            if line >= text.lines and len(row) < len(names)
            else "Ask the source to put values with delimiters in quotes.",
        )


def _explain(
    text: TextFile,
    delimiter: str,
    names: list[str],
    header_bytes: int,
    first_line: int,
    error: Exception | None,
) -> NoReturn:
    """Find the line that the fast reader stumbled over."""
    line = first_line
    for line, row in _plain_rows(text, delimiter, header_bytes, first_line):
        _check_length(text, line, row, names)
    reason = (
        f"the file cannot be read as records ({error})" if error else "the file ends within a quoted value"
    )
    raise Refused(reason, file=text.name, line=line, todo=_CUT_OFF) from error
