"""Messages of the PostgreSQL protocol: how they are framed, and those of which the text is touched."""

from __future__ import annotations

import re
import struct
from asyncio import StreamReader
from dataclasses import dataclass, replace

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
PROTOCOL_3 = 3
MAX_STARTUP = 10_000
_INT = struct.Struct("!i")
_SHORT = struct.Struct("!h")
_HEAD = struct.Struct("!ci")


class ProtocolError(Exception):
    """The other side does not speak the protocol, or says more than is allowed."""

    def __init__(self, text: str, sqlstate: str = "08P01") -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


def framed(kind: bytes, body: bytes) -> bytes:
    """Put a message together."""
    return _HEAD.pack(kind, len(body) + 4) + body


def error_message(
    sqlstate: str, message: str, *, detail: str = "", hint: str = "", severity: str = "ERROR"
) -> bytes:
    """Write an ErrorResponse."""
    fields = {"S": severity, "V": severity, "C": sqlstate, "M": message, "D": detail, "H": hint}
    body = b"".join(
        name.encode() + text.replace("\0", "").encode("utf-8", "replace") + b"\0"
        for name, text in fields.items()
        if text
    )
    return framed(b"E", body + b"\0")


async def read_head(reader: StreamReader) -> tuple[bytes, int]:
    """Read the kind of a message and the length of its body; raises ProtocolError for an impossible one."""
    head = await reader.readexactly(5)
    kind, length = _HEAD.unpack(head)
    if length < 4:
        raise ProtocolError(f"invalid message length {length}")
    return kind, length - 4


@dataclass(frozen=True)
class Startup:
    """What a client says first: a request for encryption or cancellation, or who it is."""

    code: int
    body: bytes

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of a startup message: user, database, options and more."""
        parts = self.body[4:].split(b"\0")
        pairs = zip(parts[::2], parts[1::2], strict=False)
        return {
            name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in pairs if name
        }

    def with_parameters(self, changed: dict[str, str]) -> bytes:
        """Write a startup message with these parameters, framed."""
        body = self.body[:4] + b"".join(
            name.encode() + b"\0" + value.encode() + b"\0" for name, value in changed.items()
        )
        return _INT.pack(len(body) + 5) + body + b"\0"


async def read_startup(reader: StreamReader) -> Startup:
    """Read the first message of a connection; raises ProtocolError for what is none."""
    (length,) = _INT.unpack(await reader.readexactly(4))
    if not 8 <= length <= MAX_STARTUP:
        raise ProtocolError("invalid length of startup packet")
    body = await reader.readexactly(length - 4)
    return Startup(_INT.unpack_from(body)[0], body)


@dataclass(frozen=True)
class Parse:
    """A statement to prepare: its name, its text as bytes, and the types of parameters that are given."""

    name: bytes
    text: bytes
    types: tuple[int, ...]

    @classmethod
    def read(cls, body: bytes) -> Parse:
        """Take a Parse message apart."""
        with _Bounds():
            end = body.index(0)
            stop = body.index(0, end + 1)
            (count,) = _SHORT.unpack_from(body, stop + 1)
            return cls(body[:end], body[end + 1 : stop], struct.unpack_from(f"!{count}I", body, stop + 3))

    def framed(self) -> bytes:
        """Write the message."""
        types = struct.pack(f"!h{len(self.types)}I", len(self.types), *self.types)
        return framed(b"P", self.name + b"\0" + self.text + b"\0" + types)

    def with_type(self, number: int, oid: int) -> Parse:
        """Say of which type one parameter is; those before it that were not told stay so."""
        types = [*self.types[: number - 1], *[0] * (number - 1 - len(self.types)), oid]
        return replace(self, types=tuple(types))


@dataclass(frozen=True)
class Bind:
    """Values for a prepared statement; `rest` are the formats of the result."""

    portal: bytes
    statement: bytes
    formats: tuple[int, ...]
    values: tuple[bytes | None, ...]
    rest: bytes

    @classmethod
    def read(cls, body: bytes) -> Bind:
        """Take a Bind message apart."""
        with _Bounds():
            end = body.index(0)
            stop = body.index(0, end + 1)
            formats, at = _shorts(body, stop + 1)
            values, at = _values(body, at)
            return cls(body[:end], body[end + 1 : stop], formats, values, body[at:])

    def format_of(self, index: int) -> int:
        """Tell whether a value is text (0) or binary (1)."""
        if len(self.formats) < 2:
            return self.formats[0] if self.formats else 0
        return self.formats[index] if index < len(self.formats) else 0

    def with_text(self, value: bytes) -> Bind:
        """Add one value more, as text."""
        formats = tuple(self.format_of(index) for index in range(len(self.values)))
        return replace(self, formats=(*formats, 0), values=(*self.values, value))

    def framed(self) -> bytes:
        """Write the message."""
        parts = [self.portal, b"\0", self.statement, b"\0"]
        parts += [struct.pack(f"!h{len(self.formats)}h", len(self.formats), *self.formats)]
        parts += [_SHORT.pack(len(self.values))]
        for value in self.values:
            parts += [_INT.pack(-1)] if value is None else [_INT.pack(len(value)), value]
        return framed(b"B", b"".join([*parts, self.rest]))


def bound_statement(body: bytes) -> bytes:
    """Name the prepared statement of a Bind message."""
    with _Bounds():
        start = body.index(0) + 1
        return body[start : body.index(0, start)]


def without_last_parameter(body: bytes) -> tuple[bytes, tuple[int, ...]]:
    """Leave out the last type of a ParameterDescription; gives the types that stay, too."""
    (count,) = _SHORT.unpack_from(body)
    types = struct.unpack_from(f"!{count}I", body, 2)[:-1]
    return struct.pack(f"!h{len(types)}I", len(types), *types), types


def described_parameters(body: bytes) -> tuple[int, ...]:
    """Give the types of a ParameterDescription."""
    (count,) = _SHORT.unpack_from(body)
    return struct.unpack_from(f"!{count}I", body, 2)


def parameter_status(body: bytes) -> tuple[str, str]:
    """Read the name and the value of a setting that the server reports."""
    name, _, value = body.partition(b"\0")
    return name.decode("utf-8", "replace"), value.rstrip(b"\0").decode("utf-8", "replace")


def error_text(body: bytes) -> bytes:
    """Give the message of an ErrorResponse."""
    found = re.search(rb"(?:^|\0)M([^\0]*)\0", body)
    return found[1] if found else b""


def _shorts(body: bytes, at: int) -> tuple[tuple[int, ...], int]:
    (count,) = _SHORT.unpack_from(body, at)
    return struct.unpack_from(f"!{count}h", body, at + 2), at + 2 + 2 * count


def _values(body: bytes, at: int) -> tuple[tuple[bytes | None, ...], int]:
    (count,) = struct.unpack_from("!H", body, at)
    at += 2
    values: list[bytes | None] = []
    for _ in range(count):
        (length,) = _INT.unpack_from(body, at)
        at += 4
        if length > len(body) - at:
            raise ProtocolError("insufficient data left in message")
        values.append(None if length < 0 else body[at : at + length])
        at += max(length, 0)
    return tuple(values), at


class _Bounds:
    """Turn what a message lacks into a ProtocolError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ValueError | struct.error):
            raise ProtocolError("insufficient data left in message") from None
