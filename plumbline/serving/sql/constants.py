"""Values that stand in conditions: literals, parameters and what is computed from them, as Python values."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from plumbline.serving.sql.refusal import BAD_DATE, BAD_VALUE, SqlRefusal

if TYPE_CHECKING:
    from sqlglot import exp

_POSTGRES_EPOCH = datetime(2000, 1, 1)
_TEXT_TYPES = {"TEXT", "VARCHAR", "CHAR", "NAME", "BPCHAR"}
_NUMBER_TYPES = {"INT", "BIGINT", "SMALLINT", "DECIMAL", "DOUBLE", "FLOAT"}
_UNITS = {"day": 1, "week": 7, "month": 1, "quarter": 3, "year": 12}
_SECONDS = {"second": 1, "sec": 1, "minute": 60, "min": 60, "hour": 3600, "hr": 3600}
# A length of time: months, days and seconds.
Length = tuple[int, int, int]


_MOMENT = re.compile(
    r"\s*(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?))?\s*(?:Z|[-+]\d{2}(?::?\d{2})?)?\s*"
)


class Pending:
    """A parameter whose value is not known yet; it fits anywhere."""


PENDING = Pending()


@dataclass(frozen=True)
class Parameters:
    """What the statement was bound to: values by number (None: not bound yet), and the session's clock."""

    values: Sequence[Callable[[], Any]] | None = None
    zone: str = "UTC"
    used: set[str] = field(default_factory=set, compare=False)

    def value(self, number: int) -> Any:
        """Give the value of `$number`."""
        if self.values is None:
            return PENDING
        if not 0 < number <= len(self.values):
            raise SqlRefusal(f"there is no parameter ${number}", sqlstate="42P02")
        return self.values[number - 1]()

    def now(self) -> datetime:
        """Give the time in the session's zone; what rests on it holds for this day only."""
        self.used.add("today")
        return datetime.now(self.tz)

    @cached_property
    def tz(self) -> tzinfo:
        """The session's time zone."""
        from zoneinfo import ZoneInfo

        with suppress(Exception):
            return ZoneInfo(self.zone)
        return UTC


def evaluate(node: exp.Expr, given: Parameters) -> Any:
    """Give the value of an expression without columns; raises SqlRefusal where it cannot be told."""
    found = _READERS.get(type(node).__name__)
    if found is None:
        raise SqlRefusal(
            f"the value {node.sql('postgres')} of a condition cannot be told before PostgreSQL is asked",
            todo="Write a constant or a parameter: a text, a number, DATE '2026-01-31', "
            "CURRENT_DATE - INTERVAL '7 days'.",
        )
    return found(node, given)


def as_moment(value: Any, given: Parameters) -> datetime | Pending | None:
    """Read a value as a moment without a zone."""
    if value is None or isinstance(value, Pending):
        return value
    if isinstance(value, datetime):
        return value.astimezone(given.tz).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, date):
        return datetime.combine(value, time())
    with suppress(ValueError):
        if isinstance(value, str) and (found := _MOMENT.fullmatch(value)):
            # What PostgreSQL takes for a timestamp without a zone leaves a zone aside.
            return datetime.fromisoformat(f"{found[1]} {found[2] or '00:00'}")
    raise SqlRefusal(
        f"{value!r} is no date", sqlstate=BAD_DATE, todo="Write '2026-01-31' or '2026-01-31 00:00:00'."
    )


def as_number(value: Any) -> Decimal | Pending | None:
    """Read a value as a number."""
    if value is None or isinstance(value, Pending):
        return value
    with suppress(ArithmeticError, ValueError):
        if not isinstance(value, bool | date):
            number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
            if number.is_finite():
                return number
    raise SqlRefusal(f"{value!r} is no number", sqlstate=BAD_VALUE)


def as_bool(value: Any) -> bool | Pending | None:
    """Read a value as a truth value."""
    if value is None or isinstance(value, bool | Pending):
        return value
    words = {"t": True, "true": True, "yes": True, "on": True, "1": True}
    words |= {"f": False, "false": False, "no": False, "off": False, "0": False}
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    raise SqlRefusal(f"{value!r} is neither true nor false", sqlstate=BAD_VALUE)


def as_text(value: Any) -> str | Pending | None:
    """Read a value as a text; a number is none, as in PostgreSQL."""
    if value is None or isinstance(value, str | Pending):
        return value
    if isinstance(value, UUID):
        return str(value)
    raise SqlRefusal(
        f"a text is compared with {value}", sqlstate="42883", todo="Write the value in single quotes."
    )


def _literal(node: exp.Expr, given: Parameters) -> Any:
    if node.args.get("is_string"):
        return node.name
    return int(node.name) if node.name.isdigit() else Decimal(node.name)


def _negative(node: exp.Expr, given: Parameters) -> Any:
    value = as_number(evaluate(node.this, given))
    return value if value is None or isinstance(value, Pending) else -value


def _parameter(node: exp.Expr, given: Parameters) -> Any:
    return given.value(int(node.name)) if node.name.isdigit() else _unknown(node)


def _unknown(node: exp.Expr) -> Any:
    raise SqlRefusal(f"the value {node.sql('postgres')} of a condition cannot be read")


def _cast(node: exp.Expr, given: Parameters) -> Any:
    value, kind = evaluate(node.this, given), node.args["to"]
    name = kind.this.name if kind.this else ""
    if value is None or isinstance(value, Pending):
        return value
    if kind.expressions and name not in ("TIMESTAMP", "TIMESTAMPTZ"):
        return _unknown(node)
    if name == "DATE":
        moment = as_moment(value, given)
        return moment.date() if isinstance(moment, datetime) else moment
    if name in ("TIMESTAMP", "TIMESTAMPTZ"):
        return as_moment(value, given)
    if name in _NUMBER_TYPES:
        number = as_number(value)
        whole = name in ("INT", "BIGINT", "SMALLINT")
        return _unknown(node) if whole and isinstance(number, Decimal) and number % 1 else number
    if name == "BOOLEAN":
        return as_bool(value)
    if name in _TEXT_TYPES:
        return as_text(value)
    if name == "ARRAY" or isinstance(value, list):
        return value
    if name == "INTERVAL" and isinstance(value, str):
        return _interval_of(value, node)
    return _unknown(node)


def _to_date(node: exp.Expr, given: Parameters) -> Any:
    """Read to_date and to_timestamp, whose format sqlglot writes as strftime does."""
    value, form = as_text(evaluate(node.this, given)), node.args["format"].name
    if value is None or isinstance(value, Pending):
        return value
    with suppress(ValueError):
        found = datetime.strptime(value, form.replace(".US", ".%f"))
        return found.date() if type(node).__name__ == "StrToDate" else found
    return _unknown(node)


def _today(node: exp.Expr, given: Parameters) -> date:
    return given.now().date()


def _now(node: exp.Expr, given: Parameters) -> datetime:
    return given.now()


def _interval(node: exp.Expr, given: Parameters) -> Any:
    unit = node.args.get("unit")
    text = f"{node.this.name} {unit.name}" if unit is not None else node.this.name
    return _interval_of(text, node)


def _interval_of(text: str, node: exp.Expr) -> Length:
    """Read a length of time as months, days and seconds."""
    months = days = seconds = 0
    parts = re.findall(r"([-+]?\d+)\s*([A-Za-z]+)", text)
    if not parts or re.sub(r"[-+]?\d+\s*[A-Za-z]+\s*", "", text).strip():
        return _unknown(node)  # type: ignore[no-any-return]
    for count, word in parts:
        unit = word.lower().rstrip("s")
        unit = "month" if unit == "mon" else unit
        if unit in _SECONDS:
            seconds += int(count) * _SECONDS[unit]
        elif unit not in _UNITS:
            return _unknown(node)  # type: ignore[no-any-return]
        elif unit in ("day", "week"):
            days += int(count) * _UNITS[unit]
        else:
            months += int(count) * _UNITS[unit]
    return months, days, seconds


def _joined(node: exp.Expr, given: Parameters) -> Any:
    """Put texts together; a number beside a text is written as one, as in PostgreSQL."""
    values = [evaluate(part, given) for part in (node.this, node.expression)]
    if any(isinstance(value, Pending) for value in values):
        return PENDING
    if None in values:
        return None
    plain = all(isinstance(value, str | int | Decimal) and not isinstance(value, bool) for value in values)
    return "".join(map(str, values)) if plain and str in map(type, values) else _unknown(node)


def _times(node: exp.Expr, given: Parameters) -> Any:
    """Take a length of time, or a number, so many times."""
    left, right = evaluate(node.this, given), evaluate(node.expression, given)
    if isinstance(left, Pending) or isinstance(right, Pending):
        return PENDING
    if isinstance(left, tuple):
        left, right = right, left
    if isinstance(left, int) and isinstance(right, tuple):
        return tuple(left * part for part in right)
    if isinstance(left, int | Decimal) and isinstance(right, int | Decimal):
        return left * right
    return _unknown(node)


def _shifted(node: exp.Expr, given: Parameters) -> Any:
    """Add a length of time, or days, to a date; or numbers."""
    left, right = evaluate(node.this, given), evaluate(node.expression, given)
    sign = 1 if type(node).__name__ == "Add" else -1
    if isinstance(left, Pending) or isinstance(right, Pending):
        return PENDING
    if isinstance(left, tuple) and sign == 1:
        left, right = right, left
    if isinstance(left, tuple) and isinstance(right, tuple):
        return tuple(one + sign * other for one, other in zip(left, right, strict=True))
    if isinstance(right, tuple):
        return _moved(left, [sign * part for part in right], given)
    if isinstance(left, date) and not isinstance(left, datetime) and isinstance(right, int):
        return left + timedelta(days=sign * right)
    if isinstance(left, int | Decimal) and isinstance(right, int | Decimal):
        return left + sign * right
    return _unknown(node)


def _moved(value: Any, length: Sequence[int], given: Parameters) -> datetime | None:
    """Move a moment: by days of its zone, and then by seconds that pass, whatever the clocks are set to."""
    from plumbline.serving.periods import add_months

    moment = as_moment(value, given)
    if not isinstance(moment, datetime):
        return None
    months, days, seconds = length
    day = add_months(moment.date(), months) + timedelta(days=days)
    found = datetime.combine(day, moment.time())
    if not seconds or not (isinstance(value, datetime) and value.tzinfo):
        return found + timedelta(seconds=seconds)
    passed = found.replace(tzinfo=given.tz).astimezone(UTC) + timedelta(seconds=seconds)
    return passed.astimezone(given.tz)


def _truncated(node: exp.Expr, given: Parameters) -> Any:
    from plumbline.serving.periods import first_day

    moment = as_moment(evaluate(node.this, given), given)
    unit = node.args["unit"].name.lower()
    if not isinstance(moment, datetime):
        return moment
    if unit not in _UNITS:
        return _unknown(node)
    return datetime.combine(first_day(moment.date(), unit), time())


def _list(node: exp.Expr, given: Parameters) -> list[Any]:
    return [evaluate(item, given) for item in node.expressions]


_READERS: Mapping[str, Callable[[Any, Parameters], Any]] = {
    "Literal": _literal,
    "ByteString": lambda node, given: str(node.this),
    "RawString": lambda node, given: str(node.this),
    "DPipe": _joined,
    "Mul": _times,
    "Null": lambda node, given: None,
    "Boolean": lambda node, given: bool(node.this),
    "Neg": _negative,
    "Paren": lambda node, given: evaluate(node.this, given),
    "Parameter": _parameter,
    "Cast": _cast,
    "StrToDate": _to_date,
    "StrToTime": _to_date,
    "CurrentDate": _today,
    "CurrentTimestamp": _now,
    "Localtimestamp": lambda node, given: given.now().replace(tzinfo=None),
    "Interval": _interval,
    "Add": _shifted,
    "Sub": _shifted,
    "TimestampTrunc": _truncated,
    "Array": _list,
}


# -- parameters as they come over the wire


def decode(value: bytes | None, is_binary: bool, oid: int, encoding: str) -> Any:
    """Read the value of a parameter: text as a text, binary by its type; raises SqlRefusal for others."""
    if value is None:
        return None
    if not is_binary:
        text = value.decode(encoding)
        return _array_of_text(text) if oid in _ARRAYS else text
    if oid in _ARRAYS:
        return _array(value, encoding)
    try:
        reader = _BINARY[oid]
        return reader(value) if oid not in _TEXTS else value.decode(encoding)
    except KeyError:
        raise SqlRefusal(
            f"a parameter of type {oid} cannot be read in its binary form", todo="Cast it to text or date."
        ) from None
    except (struct.error, ValueError, OverflowError):
        raise SqlRefusal("incorrect binary data in a parameter", sqlstate="22P03") from None


def _unpacked(form: str) -> Callable[[bytes], Any]:
    return lambda value: struct.unpack(form, value)[0]


def _moment_of(value: bytes) -> datetime:
    return _POSTGRES_EPOCH + timedelta(microseconds=struct.unpack("!q", value)[0])


def _numeric(value: bytes) -> Decimal:
    count, weight, sign, _ = struct.unpack_from("!HhHH", value)
    if sign not in (0, 0x4000):
        raise ValueError("not finite")
    digits = struct.unpack_from(f"!{count}H", value, 8)
    found = sum(
        (Decimal(digit).scaleb(4 * (weight - place)) for place, digit in enumerate(digits)), Decimal()
    )
    return -found if sign else found


_TEXTS = {18, 19, 25, 705, 1042, 1043}
_ARRAYS = {1000, 1005, 1007, 1009, 1015, 1016, 1021, 1022, 1115, 1182, 1185, 1231, 2951}
_BINARY: Mapping[int, Callable[[bytes], Any]] = {
    **dict.fromkeys(_TEXTS, bytes.decode),
    16: lambda value: value != b"\0",
    20: _unpacked("!q"),
    21: _unpacked("!h"),
    23: _unpacked("!i"),
    700: _unpacked("!f"),
    701: _unpacked("!d"),
    1082: lambda value: _POSTGRES_EPOCH.date() + timedelta(days=struct.unpack("!i", value)[0]),
    1114: _moment_of,
    1184: lambda value: _moment_of(value).replace(tzinfo=UTC),
    1700: _numeric,
    2950: lambda value: UUID(bytes=value),
}


def _array(value: bytes, encoding: str) -> list[Any]:
    dimensions, _, oid = struct.unpack_from("!iiI", value)
    if dimensions == 0:
        return []
    if dimensions > 1:
        raise SqlRefusal("a parameter is an array of more than one dimension")
    (count,) = struct.unpack_from("!i", value, 12)
    at, found = 20, []
    for _ in range(count):
        (length,) = struct.unpack_from("!i", value, at)
        at += 4
        found.append(decode(value[at : at + length] if length >= 0 else None, True, oid, encoding))
        at += max(length, 0)
    return found


_ELEMENT = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,{}"]*?))\s*(,|\}$)')


def _array_of_text(text: str) -> list[str | None]:
    """Read an array as PostgreSQL writes it: `{a,"b c",NULL}`."""
    text = text.strip()
    if text.replace(" ", "") == "{}":
        return []
    found: list[str | None] = []
    at = 1
    while text.startswith("{") and at < len(text):
        match = _ELEMENT.match(text, at)
        if not match:
            break
        quoted, plain, _ = match.groups()
        found.append(re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else _plain(plain))
        at = match.end()
        if at == len(text):
            return found
    raise SqlRefusal(f"malformed array literal: {text!r}", sqlstate=BAD_VALUE)


def _plain(text: str) -> str | None:
    return None if text.upper() == "NULL" else text
