"""Read JSON Lines: one object a line, numbers as they were written, nested values as JSON text."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plumbline.landing.canonical import json_text, text_array
from plumbline.landing.extract import Extract, NewColumn, batch_of
from plumbline.landing.files.inspection import TextFile
from plumbline.landing.outcomes import Refused

if TYPE_CHECKING:
    import pyarrow as pa

_LINES_PER_BATCH = 16_384
_LITERAL = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
_NESTED = json.JSONDecoder(parse_float=Decimal)

Line = tuple[int, str]
Row = dict[str, Any]


def read_json_lines(text: TextFile, declared: list[str], thorough: bool = False) -> Extract:
    """Open an inspected file; the columns are the declared ones, and what else the objects name.

    Undeclared names are taken from the first lines; NewColumn tells of later ones, and `thorough` reads them all.
    """
    names = dict.fromkeys(declared)
    for lines in _chunks(text):
        names |= dict.fromkeys(_keys(_objects(text, lines)))
        if not thorough:
            break
    seen: set[str] = set()
    return Extract(text.name, list(names), _batches(text, list(names), seen), seen=seen)


def _batches(text: TextFile, names: list[str], seen: set[str]) -> Iterator[pa.RecordBatch]:
    known = set(names)
    for lines in _chunks(text):
        rows = _objects(text, lines)
        keys = _keys(rows)
        if not keys.keys() <= known:
            raise NewColumn
        seen |= keys.keys()
        yield batch_of([number for number, _ in lines], {name: _column(rows, lines, name) for name in names})


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
        rows = _LITERAL.decode("[" + ",".join(line for _, line in lines) + "]")
        if len(rows) == len(lines) and all(type(row) is dict for row in rows):
            return list(rows)
    except (ValueError, RecursionError):
        pass
    return [_object(text, number, line) for number, line in lines]


def _object(text: TextFile, number: int, line: str) -> Row:
    try:
        row = _LITERAL.decode(line.strip())
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
            "this line is no JSON object", file=text.name, line=number, todo="Each line must be one {…} object."
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


def _column(rows: list[Row], lines: list[Line], name: str) -> pa.Array:
    values = [row.get(name) for row in rows]
    if any(isinstance(value, dict | list) for value in values):
        values = [
            json_text(_NESTED.decode(lines[index][1].strip())[name]) if isinstance(value, dict | list) else value
            for index, value in enumerate(values)
        ]
    return text_array(values)
