"""Read JSON Lines: one object a line, numbers as they were written, nested values as JSON text."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from plumbline.landing.canonical import json_text, text_array
from plumbline.landing.extract import Extract, NewColumnError, batch_of
from plumbline.landing.files.inspection import TextFile
from plumbline.landing.outcomes import Refused

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_LINES_PER_BATCH = 16_384
LITERAL = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
NESTED = json.JSONDecoder(parse_float=Decimal)

Line = tuple[int, str]
Row = dict[str, Any]


def read_json_lines(text: TextFile, declared: list[str], thorough: bool = False) -> Extract:
    """Open an inspected file; the columns are the declared ones, and what else the objects name.

    Undeclared names come from the first lines; NewColumnError tells of later ones, `thorough` finds them all.
    """
    chunks = ((lines, _objects(text, lines)) for lines in _chunks(text))
    first = list(chunks if thorough else islice(chunks, 1))
    names = list(dict.fromkeys([*declared, *(name for _, rows in first for name in _keys(rows))]))
    seen: set[str] = set()
    return Extract(text.name, names, _batches(chain(first, chunks), names, seen), seen=seen)


def _batches(
    chunks: Iterable[tuple[list[Line], list[Row]]], names: list[str], seen: set[str]
) -> Iterator[pa.RecordBatch]:
    known = set(names)
    for lines, rows in chunks:
        keys = _keys(rows)
        if not keys.keys() <= known:
            raise NewColumnError
        seen.update(keys)

        def original(index: int, lines: list[Line] = lines) -> Row:
            return dict(NESTED.decode(lines[index][1].strip()))

        columns = {name: column_of(rows, name, original) for name in names}
        yield batch_of([number for number, _ in lines], columns)


def _chunks(text: TextFile) -> Iterator[list[Line]]:
    """Give the lines that are not blank, with their numbers."""
    chunk: list[Line] = []
    with text.path.open("rb") as raw:
        raw.seek(text.start)
        with io.TextIOWrapper(raw, encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.isspace():
                    chunk.append((number, line))
                if len(chunk) == _LINES_PER_BATCH:
                    yield chunk
                    chunk = []
    if chunk:
        yield chunk


def _objects(text: TextFile, lines: list[Line]) -> list[Row]:
    """Decode many lines at once; line by line only where that fails."""
    try:
        rows = LITERAL.decode("[" + ",".join(line for _, line in lines) + "]")
        if len(rows) == len(lines) and all(type(row) is dict for row in rows):
            return list(rows)
    except (ValueError, RecursionError):
        pass
    return [_object(text, number, line) for number, line in lines]


def _object(text: TextFile, number: int, line: str) -> Row:
    try:
        row = LITERAL.decode(line.strip())
    except (ValueError, RecursionError) as error:
        at_end = number >= text.lines and not text.ends_with_newline
        raise Refused(
            "the last line is cut off" if at_end else f"this line is no JSON ({_short(error)})",
            file=text.name,
            line=number,
            todo="Ask the source for the whole file." if at_end else "Ask the source to mend the line.",
        ) from error
    if not isinstance(row, dict):
        raise Refused(
            "this line is no JSON object",
            file=text.name,
            line=number,
            todo="Each line must be one {…} object.",
        )
    return row


def _short(error: Exception) -> str:
    return str(error).split(":")[0] if isinstance(error, ValueError) else "nested too deeply"


def _keys(rows: list[Row]) -> dict[str, None]:
    keys: dict[str, None] = {}
    for row in rows:
        if row.keys() - keys.keys():
            keys |= dict.fromkeys(row)
    return keys


def column_of(rows: list[Row], name: str, original: Callable[[int], Row]) -> pa.Array:
    """Give the texts of one column; nested values are taken from `original`, where numbers are numbers."""
    values = [row.get(name) for row in rows]
    if any(isinstance(value, dict | list) for value in values):
        values = [
            json_text(original(index)[name]) if isinstance(value, dict | list) else value
            for index, value in enumerate(values)
        ]
    return text_array(values)
