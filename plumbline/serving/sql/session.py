"""One client and its PostgreSQL: messages pass as they are, but for the text of statements over metrics."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from asyncio import StreamReader, StreamWriter
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from plumbline.access import Principal
from plumbline.errors import PlumblineError
from plumbline.serving.sql.answers import Answers, Filled, Planned
from plumbline.serving.sql.constants import Parameters, decode
from plumbline.serving.sql.plan import Plan
from plumbline.serving.sql.refusal import SqlRefusal, refused
from plumbline.serving.sql.wire import (
    Bind,
    Parse,
    ProtocolError,
    bound_statement,
    error_message,
    error_text,
    framed,
    parameter_status,
    read_head,
    without_last_parameter,
)

if TYPE_CHECKING:
    from plumbline.serving.desk import Visit

_CHUNK = 65536
_AGAIN = 0.05
_READ_BY_US_UPWARDS = (b"Q", b"P", b"B", b"D", b"C", b"S", b"F", b"E", b"H")
_MARK = "plumbline_refusal_"
# A type that takes any text and that no client sends: the rows of an answer arrive in it.
_ROWS_TYPE = 1790
_ASKS = re.compile(rb"metrics|\b(?:measure|agg)\s*\(", re.IGNORECASE)
_MAX_PASSWORD = 65536
_READ_BY_US = b"EtRKSZ"
_CODECS = {"SQL_ASCII": "latin-1", "EUC_CN": "gb2312", "BIG5": "big5", "SJIS": "shift_jis", "UHC": "cp949"}


@dataclass
class Prepared:
    """A prepared statement that asks for metrics; `number` is the parameter that takes the answers."""

    text: str
    planned: Planned
    number: int
    types: tuple[int, ...]


@dataclass(frozen=True)
class Asked:
    """A statement that asked for metrics, for the log: who asked, and how it went."""

    account: str
    role: str
    milliseconds: float
    found: Filled | None = None
    code: str = ""
    is_kept: bool = False


@dataclass
class Session:
    """A connection that has said who it is, between its client and PostgreSQL."""

    answers: Answers
    account: str
    role: str
    run: Callable[..., Any]
    max_message: int = 64 << 20
    max_statement: int = 1 << 20
    message_seconds: float = 120.0
    on_key: Callable[[bytes], None] = lambda key: None
    tell: Callable[[Asked], None] = lambda asked: None
    prepared: dict[bytes, Prepared] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    _described: deque[tuple[int, bytes]] = field(default_factory=deque)
    _refusals: dict[str, PlumblineError] = field(default_factory=dict)
    _nonce: str = field(default_factory=lambda: secrets.token_hex(6))
    _asked_ready: int = 1
    _seen_ready: int = 0
    _trusted: asyncio.Event = field(default_factory=asyncio.Event)
    _visit: Visit | None = None
    _found: Filled | None = None
    _code: str = ""
    _is_kept: bool = False

    async def relay(
        self, client: tuple[StreamReader, StreamWriter], server: tuple[StreamReader, StreamWriter]
    ) -> None:
        """Pass messages both ways until one side ends."""
        up = asyncio.create_task(self._upwards(client[0], server[1], client[1]))
        down = asyncio.create_task(self._downwards(server[0], client[1]))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            if up.done() and not up.exception() and up.result() and not down.done():
                # The client said goodbye; the server ends the connection when it has read that.
                await asyncio.wait({down}, timeout=5)
        finally:
            for task in (up, down):
                task.cancel()
            found = await asyncio.gather(up, down, return_exceptions=True)
            self.cancel()
        for error in found:
            if isinstance(error, Exception) and not isinstance(error, OSError | EOFError):
                raise error

    def cancel(self) -> None:
        """End the question that is being answered."""
        visit = self._visit
        if visit is not None:
            visit.cancel()

    async def cancel_until_ended(self) -> None:
        """End the question that is being answered; an interruption between two statements would be lost."""
        visit = self._visit
        while visit is not None and self._visit is visit:
            visit.cancel()
            await asyncio.sleep(_AGAIN)

    # -- from the client

    async def _upwards(self, client: StreamReader, server: StreamWriter, back: StreamWriter) -> bool:
        """Pass what the client says; tells whether it said goodbye."""
        try:
            while True:
                kind, length = await read_head(client)
                if not self._trusted.is_set():
                    await self._introduce(kind, length)
                if kind in _READ_BY_US_UPWARDS:
                    server.write(b"".join(await self._said_together(kind, length, client)))
                else:
                    await _pass(kind, length, client, server)
                await server.drain()
                if kind == b"X":
                    return True
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except TimeoutError:
            await _say(back, "08P01", "a message did not arrive in time")
        except ProtocolError as error:
            await _say(back, error.sqlstate, str(error))
        return False

    async def _introduce(self, kind: bytes, length: int) -> None:
        """Pass only what belongs to logging in; nothing else is looked at before PostgreSQL has agreed."""
        if kind != b"p":
            await self._trusted.wait()
        elif length > _MAX_PASSWORD:
            raise ProtocolError("invalid length of a password message")

    async def _said_together(self, kind: bytes, length: int, client: StreamReader) -> list[bytes]:
        """Take a message, and those that have arrived with it: they are passed on at once."""
        found = [await self._changed(kind, await self._body(kind, length, client))]
        size = len(found[0])
        while size < _CHUNK and (following := _arrived(client)):
            kind, length = following
            await client.readexactly(5)
            found.append(await self._changed(kind, await self._body(kind, length, client)))
            size += len(found[-1])
        return found

    async def _body(self, kind: bytes, length: int, client: StreamReader) -> bytes:
        """Read the body of a message, in the time that it may take."""
        self._require_size(kind, length)
        if length <= buffered(client):
            return await client.readexactly(length)
        async with asyncio.timeout(self.message_seconds):
            return await client.readexactly(length)

    def _require_size(self, kind: bytes, length: int) -> None:
        if length > self.max_message:
            raise ProtocolError(f"a message of {length} bytes is larger than {self.max_message}", "54000")

    async def _changed(self, kind: bytes, body: bytes) -> bytes:
        if kind in b"QSF":
            self._asked_ready += 1
        if kind == b"Q":
            return await self._query(body)
        if kind == b"P":
            return await self._parse(body)
        if kind == b"B":
            return await self._bind(body)
        if kind == b"D" and body[:1] == b"S":
            self._described.append((self._asked_ready, body[1:-1]))
        elif kind == b"C" and body[:1] == b"S":
            self.prepared.pop(body[1:-1], None)
        return framed(kind, body)

    async def _query(self, body: bytes) -> bytes:
        """Put answers into a text that is asked as it is."""
        text = body[:-1]
        if not _asks(text):
            return framed(b"Q", body)
        try:
            with self._telling():
                found = await self._filled_text(self._decoded(text))
        except PlumblineError as error:
            return framed(b"Q", self._refusing(error).encode() + b"\0")
        return framed(b"Q", found.encode(self._codec, "replace") + b"\0") if found else framed(b"Q", body)

    async def _filled_text(self, text: str) -> str:
        """Give the text with its answers as literals; '' where nothing is asked."""
        principal = self._principal()
        key = (text, self._zone)
        kept = self._kept(principal, key)
        if kept is not None:
            return kept
        planned = await self._planned(principal, text)
        if planned.plan is None:
            return ""
        if planned.plan.refusal and not planned.plan.questions:
            self._code = planned.plan.refusal.code
            return planned.plan.text((), self._refusing)
        has_refusal = planned.plan.refusal is not None
        return await self._fill(
            principal, text, Parameters(zone=self._zone), _literal, () if has_refusal else key
        )

    async def _parse(self, body: bytes) -> bytes:
        """Prepare a text with a parameter more, which takes the answers."""
        parse = Parse.read(body)
        self.prepared.pop(parse.name, None)
        if not _asks(parse.text):
            return framed(b"P", body)
        try:
            with self._telling():
                text = self._decoded(parse.text)
                planned = await self._planned(self._principal(), text)
                if planned.plan is None:
                    return framed(b"P", body)
                if planned.plan.refusal:
                    raise planned.plan.refusal
                if _is_copy(text):
                    changed = await self._filled_text(text)
                    return Parse(parse.name, changed.encode(self._codec), parse.types).framed()
        except PlumblineError as error:
            return Parse(parse.name, self._refusing(error).encode(), ()).framed()
        number = max(planned.plan.parameters, len(parse.types)) + 1
        changed = planned.plan.text(_taken_from(number, len(planned.plan.questions)), self._refusing)
        self.prepared[parse.name] = Prepared(text, planned, number, parse.types)
        return (
            Parse(parse.name, changed.encode(self._codec), parse.types).with_type(number, _ROWS_TYPE).framed()
        )

    async def _bind(self, body: bytes) -> bytes:
        """Add the answers to the values of a prepared statement."""
        name = bound_statement(body)
        statement = self.prepared.get(name)
        if statement is None:
            return framed(b"B", body)
        bind = Bind.read(body)
        try:
            with self._telling():
                rows = await self._rows(statement, bind)
        except PlumblineError as error:
            return Bind(bind.portal, self._mark(error).encode(), (), (), bind.rest).framed()
        return bind.with_text(rows.encode()).framed()

    async def _rows(self, statement: Prepared, bind: Bind) -> str:
        """Answer a prepared statement with the values of this moment, of what is published now."""
        if len(bind.values) != statement.number - 1:
            raise SqlRefusal(
                f"bind message supplies {len(bind.values)} parameters, but the prepared statement requires "
                f"{statement.number - 1}",
                sqlstate="08P01",
            )
        principal = self._principal()
        formats = tuple(bind.format_of(index) for index in range(len(bind.values)))
        key = (statement.text, self._zone, bind.values, formats, statement.types)
        kept = self._kept(principal, key)
        if kept is not None:
            return kept
        oids = (*statement.types, *[0] * len(bind.values))
        values = [
            partial(decode, value, formats[index] == 1, oids[index], self._codec)
            for index, value in enumerate(bind.values)
        ]
        write = partial(_together, statement.planned)
        return await self._fill(principal, statement.text, Parameters(values, self._zone), write, key)

    # -- asking

    def _principal(self) -> Principal:
        return self.answers.principal(self.account, self.role)

    async def _planned(self, principal: Principal, text: str) -> Planned:
        if len(text) > self.max_statement:
            raise SqlRefusal(
                f"a statement over metrics has at most {self.max_statement} characters", sqlstate="54000"
            )
        kept = self.answers.kept_plan(principal, text)
        return kept or await self._asked(self.answers.planned, principal, text)

    async def _fill(
        self,
        principal: Principal,
        text: str,
        given: Parameters,
        write: Callable[..., str],
        key: tuple[Any, ...],
    ) -> str:
        fill = partial(self.answers.filled, key=key, visiting=self._visiting)
        wrote = partial(write, refused=self._refusing)
        self._found = await self._asked(fill, principal, text, given, wrote)
        assert self._found is not None
        return self._found.text

    def _kept(self, principal: Principal, key: tuple[Any, ...]) -> str | None:
        self._found = self.answers.kept_text(principal, key)
        self._is_kept = self._found is not None
        return self._found.text if self._found else None

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell the log of what is asked meanwhile: what was answered, or why it was not."""
        begun = time.perf_counter()
        self._found, self._code, self._is_kept = None, "", False
        try:
            yield
        except PlumblineError as error:
            self._code = error.code
            raise
        finally:
            if self._found or self._code:
                took = round((time.perf_counter() - begun) * 1000, 1)
                self.tell(Asked(self.account, self.role, took, self._found, self._code, self._is_kept))

    async def _asked(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run what may take a while beside the loop; what went wrong in us is told as our error."""
        try:
            return await self.run(function, *arguments)
        except PlumblineError:
            raise
        except Exception as error:
            raise SqlRefusal(
                "the question could not be answered", sqlstate="XX000", why=f"{type(error).__name__}."
            ) from error

    def _visiting(self, visit: Visit | None) -> None:
        self._visit = visit

    def _mark(self, error: PlumblineError) -> str:
        """Remember an error under a name that PostgreSQL will not know, and so will say."""
        name = f"{_MARK}{self._nonce}_{len(self._refusals)}"
        if len(self._refusals) > 1_000:
            self._refusals.clear()
        self._refusals[name] = error
        return name

    def _refusing(self, error: PlumblineError) -> str:
        """Write a SELECT that PostgreSQL refuses, in whose error ours takes the place."""
        return f"SELECT {self._mark(error)}()"

    @property
    def _zone(self) -> str:
        return self.settings.get("TimeZone", "UTC")

    @property
    def _codec(self) -> str:
        name = self.settings.get("client_encoding", "UTF8")
        return _CODECS.get(name, name.replace("WIN", "cp").replace("LATIN", "latin_"))

    def _decoded(self, text: bytes) -> str:
        try:
            return text.decode(self._codec)
        except (UnicodeDecodeError, LookupError):
            raise SqlRefusal(
                "the statement cannot be read in its encoding",
                sqlstate="22021",
                todo="SET client_encoding = 'UTF8'.",
            ) from None

    # -- from the server

    async def _downwards(self, server: StreamReader, client: StreamWriter) -> None:
        kept = b""
        passing = 0
        while chunk := await server.read(_CHUNK):
            if passing >= len(chunk):
                passing -= len(chunk)
                client.write(chunk)
            else:
                data = kept + chunk
                out, kept, passing = self._scanned(data, passing)
                client.write(out)
            await client.drain()
        client.write(kept)

    def _scanned(self, data: bytes, at: int) -> tuple[bytes, bytes, int]:
        """Look through messages from a place on: gives what can be passed, what is kept, and how much more
        of a message passes unread."""
        parts: list[bytes] = []
        start = 0
        size = len(data)
        while size - at >= 5:
            kind = data[at : at + 1]
            end = at + 1 + int.from_bytes(data[at + 1 : at + 5], "big")
            if kind in _READ_BY_US:
                if end > size:
                    break
                changed = self._read(kind, data[at + 5 : end])
                if changed is not None:
                    parts += [data[start:at], changed]
                    start = end
            elif end > size:
                return b"".join([*parts, data[start:]]), b"", end - size
            at = end
        parts.append(data[start:at])
        return b"".join(parts), data[at:], 0

    def _read(self, kind: bytes, body: bytes) -> bytes | None:
        """Learn from a message of the server; gives what takes its place, or None."""
        if kind == b"Z":
            self._seen_ready += 1
            self._refusals_done()
        elif kind == b"R" and body[:4] == b"\0\0\0\0":
            self._trusted.set()
        elif kind == b"K":
            self.on_key(body)
        elif kind == b"S":
            name, value = parameter_status(body)
            self.settings[name] = value
        elif kind == b"t":
            return self._described_parameters(body)
        elif kind == b"E":
            return self._our_error(body)
        return None

    def _refusals_done(self) -> None:
        while self._described and self._described[0][0] < self._seen_ready:
            self._described.popleft()
        if self._seen_ready >= self._asked_ready:
            self._refusals.clear()

    def _described_parameters(self, body: bytes) -> bytes | None:
        statement = self.prepared.get(self._described.popleft()[1]) if self._described else None
        if not body.endswith(_ROWS_TYPE.to_bytes(4, "big")):
            return None
        shorter, types = without_last_parameter(body)
        if statement is None or len(types) != statement.number - 1:
            return None
        statement.types = types
        return framed(b"t", shorter)

    def _our_error(self, body: bytes) -> bytes | None:
        found = re.search(rf"{_MARK}{self._nonce}_\d+", error_text(body).decode("utf-8", "replace"))
        error = self._refusals.get(found[0]) if found else None
        return refused(error) if error is not None else None


def buffered(reader: StreamReader) -> int:
    """Tell how many bytes have arrived and were not read yet."""
    return len(reader._buffer)  # type: ignore[attr-defined]


def _arrived(reader: StreamReader) -> tuple[bytes, int] | None:
    """Give the kind and the length of the next message, where it is one of those and has arrived whole."""
    data = reader._buffer  # type: ignore[attr-defined]
    if len(data) < 5 or data[:1] not in _READ_BY_US_UPWARDS:
        return None
    length = int.from_bytes(data[1:5], "big") - 4
    return (bytes(data[:1]), length) if 0 <= length <= len(data) - 5 else None


async def _pass(kind: bytes, length: int, reader: StreamReader, writer: StreamWriter) -> None:
    """Pass a message on in pieces."""
    writer.write(kind + (length + 4).to_bytes(4, "big"))
    while length:
        piece = await reader.read(min(length, _CHUNK))
        if not piece:
            raise asyncio.IncompleteReadError(b"", length)
        length -= len(piece)
        writer.write(piece)
        await writer.drain()


async def _say(writer: StreamWriter, sqlstate: str, text: str) -> None:
    writer.write(error_message(sqlstate, text, severity="FATAL"))
    await writer.drain()


def _asks(text: bytes) -> bool:
    return _ASKS.search(text) is not None


def _is_copy(text: str) -> bool:
    return re.match(r"\s*copy\b", text, re.IGNORECASE) is not None


def _taken_from(number: int, count: int) -> list[str]:
    """Write where the answers come from: the parameter, or its parts where there are several."""
    taken = f"${number}::pg_catalog.refcursor::pg_catalog.text::pg_catalog.json"
    return [taken] if count == 1 else [f"({taken})->{index}" for index in range(count)]


def _literal(plan: Plan, answers: Sequence[str], refused: Callable[[PlumblineError], str]) -> str:
    """Write the answers into the text."""
    texts = [
        f"E'{answer.replace(chr(92), chr(92) * 2).replace(chr(39), chr(39) * 2)}'::json" for answer in answers
    ]
    return plan.text(texts, refused)


def _together(
    planned: Planned, plan: Plan, answers: Sequence[str], refused: Callable[[PlumblineError], str]
) -> str:
    """Put the answers of a prepared statement into one value."""
    if plan.refusal is not None:
        raise plan.refusal
    before = planned.plan.questions if planned.plan else ()
    if [asked.fields for asked in before] != [asked.fields for asked in plan.questions]:
        raise SqlRefusal("cached plan must not change result type", todo="Prepare the statement again.")
    return answers[0] if len(answers) == 1 else f"[{','.join(answers)}]"
