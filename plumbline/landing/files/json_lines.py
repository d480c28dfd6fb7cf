"""Read JSON Lines: one object a line, numbers as they were written, nested values as JSON text."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from plumbline.landing.canonical import json_text, text_array
from plumbline.landing.extract import Extract, NewColumnError, batch_of
from plumbline.landing.files.inspection import TextFile
from plumbline.landing.outcomes import Refused

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_LINES_PER_BATCH = 16_384
LITERAL = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
NESTED = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal)
ONE_VALUE = "Ask the source for one value of each key."

Row = dict[str, Any]


class Lines(NamedTuple):
    """Some lines that are not blank, and their numbers in the file."""

    numbers: Sequence[int]
    texts: list[str]


def read_json_lines(text: TextFile, declared: list[str], thorough: bool = False) -> Extract:
    """Open an inspected file; the columns are the declared ones, and what else the objects name.

    Undeclared names come from the first lines; NewColumnError tells of later ones, `thorough` finds them all.
    """
    chunks = ((lines, _objects(text, lines)) for lines in _chunks(text))
    first = list(chunks if thorough else islice(chunks, 1))
    names = list(dict.fromkeys([*declared, *(name for _, rows in first for name in names_in(rows))]))
    seen: set[str] = set()
    return Extract(text.name, names, _batches(chain(first, chunks), names, seen), seen=seen)


def _batches(
    chunks: Iterable[tuple[Lines, list[Row]]], names: list[str], seen: set[str]
) -> Iterator[pa.RecordBatch]:
    known = set(names)
    for lines, rows in chunks:
        keys = names_in(rows)
        if not keys.keys() <= known:
            raise NewColumnError
        seen.update(keys)

        def original(index: int, texts: list[str] = lines.texts) -> Row:
            return dict(NESTED.decode(texts[index].strip()))

        columns = {name: column_of(rows, name, original) for name in names}
        yield batch_of(lines.numbers, columns)


def _chunks(text: TextFile) -> Iterator[Lines]:
    first = 1
    with text.path.open("rb") as raw:
        raw.seek(text.start)
        with io.TextIOWrapper(raw, encoding="utf-8") as file:
            while texts := list(islice(file, _LINES_PER_BATCH)):
                numbers: Sequence[int] = range(first, first + len(texts))
                first += len(texts)
                if any(map(str.isspace, texts)):
                    kept = [
                        (number, line) for number, line in zip(numbers, texts, strict=True) if line.strip()
                    ]
                    numbers, texts = [number for number, _ in kept], [line for _, line in kept]
                if texts:
                    yield Lines(numbers, texts)


def _objects(text: TextFile, lines: Lines) -> list[Row]:
    """Decode many lines at once; line by line only where that fails, or where a key may stand twice."""
    joined = "[" + ",".join(lines.texts) + "]"
    try:
        rows = LITERAL.decode(joined)
        if len(rows) == len(lines.texts) and set(map(type, rows)) == {dict}:
            most = _most_keys(joined)
            if sum(map(len, rows)) != most and _count_keys(rows) != most:
                _refuse_repeated(text, lines, rows)
            return list(rows)
    except (ValueError, RecursionError):
        pass
    return [_object(text, number, line) for number, line in zip(*lines, strict=True)]


def _most_keys(text: str) -> int:
    """Count what may end a key: a colon behind a quote or a blank; it may stand in values, too."""
    return sum(map(text.count, ('":', " :", "\t:", "\n:", "\r:")))


def _count_keys(rows: list[Row]) -> int:
    """Count the keys of objects, and of those within them."""
    waiting: list[Any] = [value for row in rows for value in row.values() if isinstance(value, dict | list)]
    count = sum(map(len, rows))
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            count += len(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return count


def _refuse_repeated(text: TextFile, lines: Lines, rows: list[Row]) -> None:
    """Refuse the first line with a key twice in one object: of two values one would be lost."""
    for number, line, row in zip(*lines, rows, strict=True):
        if _count_keys([row]) != _most_keys(line):
            _refuse_repeated_keys(text, number, line)


def _refuse_repeated_keys(text: TextFile, number: int, line: str) -> None:
    if twice := _first_repeated(line):
        raise Refused(
            f"an object of this line has the key {twice[0]!r} twice",
            file=text.name,
            line=number,
            todo=ONE_VALUE,
        )


def repeated_key(text: str, content: object) -> list[str]:
    """Name the first key that an object of a JSON text has twice, if any; `content` is the text decoded."""
    return [] if _count_keys([{"": content}]) - 1 == _most_keys(text) else _first_repeated(text)


def _first_repeated(text: str) -> list[str]:
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> Row:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            found.append(next(name for place, name in enumerate(names) if name in names[:place]))
        return {}

    json.JSONDecoder(parse_int=str, parse_float=str, object_pairs_hook=look).decode(text.strip())
    return found[:1]


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
    _refuse_repeated_keys(text, number, line)
    return row


def _short(error: Exception) -> str:
    return str(error).split(":")[0] if isinstance(error, ValueError) else "nested too deeply"


def names_in(rows: list[Row]) -> dict[str, None]:
    """Give the keys of all objects, in the order in which they first stand."""
    keys = dict.fromkeys(rows[0]) if rows else {}
    if len(set().union(*rows)) > len(keys):
        keys = dict.fromkeys(name for row in rows for name in row)
    return keys


def column_of(rows: list[Row], name: str, original: Callable[[int], Row]) -> pa.Array:
    """Give the texts of one column; nested values are taken from `original`, where numbers are numbers."""
    import pyarrow as pa

    values = [row.get(name) for row in rows]
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return text_array(
            [
                json_text(original(index)[name]) if isinstance(value, dict | list) else value
                for index, value in enumerate(values)
            ]
        )
