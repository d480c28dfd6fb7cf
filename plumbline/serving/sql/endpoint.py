"""The SQL endpoint: PostgreSQL's protocol in front of a real PostgreSQL, with MEASURE() in between."""

from __future__ import annotations

import asyncio
import logging
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from ssl import SSLContext
from typing import TYPE_CHECKING, Any

from plumbline.errors import PlumblineError
from plumbline.publication import Shelf
from plumbline.serving.request_log import Request, RequestLog
from plumbline.serving.sql.answers import Answers, Filled
from plumbline.serving.sql.catalog import schema_of
from plumbline.serving.sql.options import SqlOptions
from plumbline.serving.sql.session import Asked, Session, buffered
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

_LOG = logging.getLogger("plumbline.sql")
_THREADS = 8
# Seconds between two looks at what is published.
_LOOK_SECONDS = 2.0
_ROLE = re.compile(r"-c\s*plumbline\.role=(\S+)|--plumbline[._]role=(\S+)")
Streams = tuple[StreamReader, StreamWriter]


async def serve_sql(
    desk: Desk,
    options: SqlOptions,
    *,
    ready: Callable[[str, int], None] = lambda host, port: None,
    log: RequestLog | None = None,
    renew: Callable[[], object] | None = None,
) -> None:
    """Serve until cancelled; `ready` is told where it listens, the log what is asked.

    `renew` lists the relations in PostgreSQL: it is called, in a thread, when something else is published or
    the policy changes. Raises ConfigurationError for an address that is open to a network without TLS.
    """
    options.require_safe()
    endpoint = Endpoint(desk, options, options.tls(), log)
    server = await asyncio.start_server(endpoint.meet, options.host, options.port, backlog=256)
    following = asyncio.create_task(endpoint.follow(renew)) if renew else None
    try:
        host, port = server.sockets[0].getsockname()[:2]
        ready(host, port)
        async with server:
            await server.serve_forever()
    finally:
        if following:
            following.cancel()
        await endpoint.close()


@dataclass
class Endpoint:
    """Meets clients, connects each to PostgreSQL, and finds the session that a client wants to cancel."""

    desk: Desk
    options: SqlOptions
    tls: SSLContext | None = None
    log: RequestLog | None = None
    answers: Answers = field(init=False)
    _sessions: dict[bytes, Session] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _is_closing: bool = False
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_THREADS, thread_name_prefix="plumbline-sql")
    )

    def __post_init__(self) -> None:
        self.answers = Answers(self.desk, self.options.schema, self.options.limits)
        self._shelf = Shelf(self.desk.home.published.resolve())

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

    async def follow(self, renew: Callable[[], object]) -> None:
        """Have the relations listed anew whenever a role may see other ones."""
        listed = self._listed()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = self._listed()
            if now != listed:
                listed = now
                try:
                    remark = await self.run(renew)
                except PlumblineError as error:
                    remark = error
                if remark:
                    _LOG.error("the relations in PostgreSQL are those of before: %s", remark)

    def _listed(self) -> tuple[int | None, str]:
        return self._shelf.current(), self.desk.policy.digest

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
        session = self._session(account, role, _client(writer))
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

    def _session(self, account: str, role: str, client: str) -> Session:
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
        session.tell = partial(self._tell, client)
        return session

    def _tell(self, client: str, asked: Asked) -> None:
        """Keep a line of a statement; where the disk does not take it, the server says so and goes on."""
        if self.log is None:
            return
        try:
            self.log.add(self._line(client, asked))
        except OSError as error:
            _LOG.error("the log of requests cannot be written: %s", error.strerror)

    def _line(self, client: str, asked: Asked) -> Request:
        found = asked.found or Filled("")
        with suppress(PlumblineError):
            asked = replace(asked, role=self.answers.principal(asked.account, asked.role).role)
        return Request(
            "sql",
            asked.account,
            asked.role,
            "",
            "select",
            found.metrics,
            found.dimensions,
            rows=found.rows if asked.found else None,
            bytes=len(found.text),
            milliseconds=asked.milliseconds,
            code=asked.code,
            publication=found.publication,
            cached=asked.is_kept,
            client=client,
        )

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


def _client(writer: StreamWriter) -> str:
    """Give the address of a client; '' of one that comes over a socket of this machine."""
    found = writer.get_extra_info("peername")
    return str(found[0]) if isinstance(found, tuple) else ""


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
