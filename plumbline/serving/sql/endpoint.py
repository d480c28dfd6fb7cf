"""The SQL endpoint: PostgreSQL's protocol in front of a real PostgreSQL, with MEASURE() in between."""

from __future__ import annotations

import asyncio
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import TYPE_CHECKING, Any

from plumbline.errors import PlumblineError
from plumbline.serving.sql.answers import Answers
from plumbline.serving.sql.catalog import schema_of
from plumbline.serving.sql.options import SqlOptions
from plumbline.serving.sql.session import Session, buffered
from plumbline.serving.sql.wire import (
    CANCEL_REQUEST,
    GSS_REQUEST,
    PROTOCOL_3,
    SSL_REQUEST,
    ProtocolError,
    Startup,
    error_message,
    read_startup,
)

if TYPE_CHECKING:
    from plumbline.serving.desk import Desk

_THREADS = 8
_ROLE = re.compile(r"-c\s*plumbline\.role=(\S+)|--plumbline[._]role=(\S+)")
Streams = tuple[StreamReader, StreamWriter]


async def serve_sql(
    desk: Desk, options: SqlOptions, *, ready: Callable[[str, int], None] = lambda host, port: None
) -> None:
    """Serve until cancelled; `ready` is told where it listens.

    Raises ConfigurationError for an address that is open to a network without TLS.
    """
    options.require_safe()
    endpoint = Endpoint(desk, options, options.tls())
    server = await asyncio.start_server(endpoint.meet, options.host, options.port, backlog=256)
    try:
        host, port = server.sockets[0].getsockname()[:2]
        ready(host, port)
        async with server:
            await server.serve_forever()
    finally:
        await endpoint.close()


@dataclass
class Endpoint:
    """Meets clients, connects each to PostgreSQL, and finds the session that a client wants to cancel."""

    desk: Desk
    options: SqlOptions
    tls: SSLContext | None = None
    answers: Answers = field(init=False)
    _sessions: dict[bytes, Session] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _is_closing: bool = False
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_THREADS, thread_name_prefix="plumbline-sql")
    )

    def __post_init__(self) -> None:
        self.answers = Answers(self.desk, self.options.schema, self.options.limits)

    async def meet(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve one connection to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except ProtocolError as error:
            await _fail(writer, error.sqlstate, str(error))
        except TimeoutError:
            await _fail(writer, "08P01", "the connection was not opened in time")
        except (OSError, EOFError):
            pass
        except asyncio.CancelledError:
            # A task that ends as cancelled is told by asyncio's streams as an error.
            if not self._is_closing:
                raise
        finally:
            self._tasks.discard(task)
            await _close(writer)

    async def close(self) -> None:
        """End every connection."""
        self._is_closing = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run what blocks beside the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        async with asyncio.timeout(self.options.startup_seconds):
            startup = await self._introduced(reader, writer)
        if startup is None:
            return None
        if startup.code == CANCEL_REQUEST:
            return await self._cancel(startup)
        if len(self._tasks) > self.options.max_connections:
            raise ProtocolError("sorry, too many clients already", "53300")
        parameters = startup.parameters
        account, role = parameters.get("user", ""), _role(parameters)
        session = self._session(account, role)
        try:
            server = await self._upstream()
        except OSError:
            raise ProtocolError("PostgreSQL behind this endpoint cannot be reached", "08006") from None
        try:
            server[1].write(startup.with_parameters(self._parameters(account, role, parameters)))
            await session.relay((reader, writer), server)
        finally:
            self._sessions = {key: found for key, found in self._sessions.items() if found is not session}
            await _close(server[1])

    async def _introduced(self, reader: StreamReader, writer: StreamWriter) -> Startup | None:
        """Read who connects, after TLS was agreed on; None for one that goes away."""
        is_encrypted = False
        while True:
            try:
                startup = await read_startup(reader)
            except asyncio.IncompleteReadError:
                return None
            if startup.code == SSL_REQUEST and not is_encrypted:
                is_encrypted = await self._encrypted(reader, writer)
            elif startup.code in (SSL_REQUEST, GSS_REQUEST):
                writer.write(b"N")
                await writer.drain()
            elif startup.code == CANCEL_REQUEST:
                return startup
            elif startup.code >> 16 != PROTOCOL_3:
                raise ProtocolError(
                    f"unsupported frontend protocol {startup.code >> 16}.{startup.code & 0xFFFF}", "0A000"
                )
            elif not is_encrypted and self.tls and not (self.options.is_loopback or self.options.allow_plain):
                raise ProtocolError("this endpoint is reached by TLS only: sslmode=require", "28000")
            else:
                return startup

    async def _encrypted(self, reader: StreamReader, writer: StreamWriter) -> bool:
        if self.tls is None:
            writer.write(b"N")
            await writer.drain()
            return False
        if buffered(reader):
            raise ProtocolError("received unencrypted data after SSL request")
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(self.tls)
        return True

    def _session(self, account: str, role: str) -> Session:
        session = Session(
            self.answers,
            account,
            role,
            self.run,
            self.options.max_message,
            self.options.max_statement,
            self.options.message_seconds,
        )
        session.on_key = lambda key: self._sessions.update({key: session})
        return session

    def _parameters(self, account: str, role: str, given: dict[str, str]) -> dict[str, str]:
        """Add where the relations of the role are found, and put the role into its database."""
        try:
            principal = self.answers.principal(account, role)
        except PlumblineError:
            return given
        database = self.options.databases.get(principal.role)
        changed = given | ({"database": database} if database else {})
        if "search_path" in given or "search_path" in given.get("options", ""):
            return changed
        schema = schema_of(self.desk.policy.roles[principal.role], self.options.schema)
        return changed | {"search_path": f"{self.options.search_path}, {schema}"}

    async def _upstream(self) -> Streams:
        upstream = self.options.upstream
        if upstream.socket:
            return await asyncio.open_unix_connection(upstream.socket)
        return await asyncio.open_connection(upstream.host, upstream.port)

    async def _cancel(self, startup: Startup) -> None:
        """End the question of a session, and pass the wish on to PostgreSQL."""
        session = self._sessions.get(startup.body[4:])
        if session is not None:
            await session.cancel_until_ended()
        with suppress(OSError):
            reader, writer = await self._upstream()
            writer.write((len(startup.body) + 4).to_bytes(4, "big") + startup.body)
            await writer.drain()
            await reader.read(1)
            await _close(writer)


def _role(parameters: dict[str, str]) -> str:
    """Give the role that a client wants to act in; '' for the first of its account."""
    found = _ROLE.search(parameters.get("options", ""))
    return parameters.get("plumbline.role", "") or ((found[1] or found[2]) if found else "")


async def _fail(writer: StreamWriter, sqlstate: str, text: str) -> None:
    with suppress(OSError, RuntimeError):
        writer.write(error_message(sqlstate, text, severity="FATAL"))
        await asyncio.wait_for(writer.drain(), 5)


async def _close(writer: StreamWriter) -> None:
    with suppress(OSError, RuntimeError, TimeoutError):
        writer.close()
        await asyncio.wait_for(writer.wait_closed(), 5)
