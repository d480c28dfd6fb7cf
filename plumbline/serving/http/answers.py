"""Answers as they go over the wire: JSON with every digit, CSV without formulas, Arrow IPC."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plumbline.errors import LimitError, PlumblineError
from plumbline.serving import formats

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

JSON, CSV, ARROW = "json", "csv", "arrow"
MEDIA = {
    JSON: "application/json",
    CSV: "text/csv; charset=utf-8",
    ARROW: "application/vnd.apache.arrow.stream",
}
_ACCEPTED = {
    "application/json": JSON,
    "application/*": JSON,
    "*/*": JSON,
    "text/csv": CSV,
    "text/*": CSV,
    "application/vnd.apache.arrow.stream": ARROW,
}
# Characters of a header: what is longer is said in the body of JSON alone.
_LONGEST_HEADER = 4_000
# Bytes from which on a table is not copied to be sent.
_IN_PIECES = 1_000_000


@dataclass(frozen=True)
class Written:
    """A finished answer: its bytes, what they are, what else a program should know, and how many rows it has.

    A large one is in `pieces`, which are sent one after another as they are, and not kept.
    """

    content: bytes
    media: str = MEDIA[JSON]
    headers: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    pieces: Sequence[bytes | memoryview] = ()


def exact_json(value: Any) -> str:
    """Write anything as JSON; decimals are numbers with all their digits, days and times ISO texts."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_day)
    except (TypeError, ValueError):
        return _digit_by_digit(value)


def _day(value: Any) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError


def _digit_by_digit(value: Any) -> str:
    """Write what Python's own encoder has no words for."""
    if isinstance(value, Mapping):
        pairs = (
            f"{json.dumps(str(name), ensure_ascii=False)}: {exact_json(item)}" for name, item in value.items()
        )
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple | frozenset | set):
        return "[" + ", ".join(map(exact_json, value)) + "]"
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else "null"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else "null"
    if isinstance(value, date | datetime):
        return f'"{value.isoformat()}"'
    if value is None or isinstance(value, bool | int | str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(str(value), ensure_ascii=False)


def json_written(head: str, objects: Iterable[str], most: int, rows: int) -> Written:
    """Write an answer of which `head` is the beginning, and `data` the list of its rows, JSON already."""
    data = ",\n".join(_bounded(objects, most))
    content = f'{head}, "data": [\n{data}\n]}}'.encode()
    if len(content) > most:
        raise too_large(most)
    return Written(content, MEDIA[JSON], rows=rows)


def _bounded(texts: Iterable[str], most: int) -> Iterable[str]:
    """Give texts as long as they have no more characters than that."""
    if isinstance(texts, list):
        return texts
    return _counted(texts, most)


def _counted(texts: Iterable[str], most: int) -> Iterator[str]:
    left = most
    for text in texts:
        left -= len(text)
        if left < 0:
            raise too_large(most)
        yield text


def csv_written(
    names: Sequence[str], rows: Sequence[Sequence[Any]], headers: Mapping[str, str], most: int
) -> Written:
    """Write rows as CSV."""
    content = formats.csv_text(names, rows, end="\r\n").encode()
    if len(content) > most:
        raise too_large(most)
    return Written(content, MEDIA[CSV], headers, len(rows))


def arrow_written(
    table: pa.Table, envelope: Mapping[str, Any], headers: Mapping[str, str], most: int
) -> Written:
    """Write a table as an Arrow stream; the envelope is metadata of its schema, `plumbline`."""
    if table.nbytes > most:
        raise too_large(most)
    told = {**(table.schema.metadata or {}), b"plumbline": exact_json(envelope).encode()}
    table = table.replace_schema_metadata(told)
    if table.nbytes > _IN_PIECES:
        return Written(b"", MEDIA[ARROW], headers, table.num_rows, pieces=formats.arrow_pieces(table))
    return Written(formats.arrow_bytes(table), MEDIA[ARROW], headers, table.num_rows)


def header_text(value: Any) -> str:
    """Write what a header can hold: JSON in ASCII, cut where it is too long."""
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= _LONGEST_HEADER else json.dumps("too long for a header; ask for JSON")


def chosen_format(accept: str, wanted: str) -> str:
    """Choose how to answer: by ?format=, or by the first known type of Accept."""
    if wanted:
        return wanted
    if not accept:
        return JSON
    offers = sorted((_offer(text) for text in accept.split(",")), key=lambda offer: -offer[1])
    for media, weight in offers:
        if weight > 0 and media in _ACCEPTED:
            return _ACCEPTED[media]
    raise PlumblineError(
        f"no answer can be written as {accept[:200]!r}",
        todo=f"Accept one of {', '.join(kind.partition(';')[0] for kind in MEDIA.values())}.",
        code="not-acceptable",
    )


def _offer(text: str) -> tuple[str, float]:
    media, *parameters = (part.strip() for part in text.split(";"))
    weights = [part[2:] for part in parameters if part.startswith("q=")]
    try:
        return media.lower(), float(weights[0]) if weights else 1.0
    except ValueError:
        return media.lower(), 0.0


def too_large(most: int) -> LimitError:
    """Say that an answer has more bytes than one may have."""
    return LimitError(
        f"the answer has more than {most // 1_000_000} MB",
        todo="Split less finely, ask for a shorter period, or give a limit.",
        code="answer-too-large",
    )
