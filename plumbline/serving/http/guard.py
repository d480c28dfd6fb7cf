"""What stands before the application: which requests come in at all, and what is kept of each.

An ASGI application around another. A request is refused before anything is read of it where its URL, its body
or its host is none that is served; every request leaves one line in the log.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from plumbline.errors import LimitError, PlumblineError, UsageError
from plumbline.serving.http.problems import PROBLEM, headers_of, problem_bytes, status_of, unexpected
from plumbline.serving.request_log import Request, RequestLog
from plumbline.serving.settings import HttpLimits

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOG = logging.getLogger("plumbline.http")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_PRIVATE = (b"cache-control", b"private, no-cache")
# Bytes, and seconds, of what is sent too much that are still read.
_DISCARDED, _DISCARD_SECONDS = 16_000_000, 2.0
# What is asked too often to be worth a line.
_NOT_LOGGED = ("/health",)


class Told:
    """What the application tells of a request, for the log."""

    def __init__(self, number: str, **parts: Any) -> None:
        self.id = number
        self.parts = parts

    def add(self, **parts: Any) -> None:
        """Add to what is known of the request."""
        self.parts.update(parts)

    @property
    def request(self) -> Request:
        """All that is known of it."""
        return Request(**self.parts)


class Guard:
    """Lets requests in, and keeps a line of each. `hosts` are the names that are answered to (none: any)."""

    def __init__(
        self, inner: Application, limits: HttpLimits, log: RequestLog, hosts: tuple[str, ...] = ()
    ) -> None:
        self._inner = inner
        self._limits = limits
        self._log = log
        self._hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.perf_counter()
        told = Told(secrets.token_hex(8), **_first_known(scope))
        scope["plumbline"] = told
        reply = _Reply(send, told)
        try:
            self._require_host(scope)
            self._require_short_url(scope)
            received = await self._received(scope, receive)
            await self._inner(scope, received, reply.send)
        except PlumblineError as error:
            await reply.problem(error)
        except _ClientLeft:
            told.add(status=499, code="client-left")
        except Exception:
            _LOG.exception("request %s: unexpected", told.id)
            await reply.problem(unexpected())
        finally:
            self._keep(told, begun, scope)

    def _require_host(self, scope: Scope) -> None:
        """Refuse names that are not served: a page elsewhere may have its own name point to this machine."""
        if not self._hosts:
            return
        told = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
        host = told.rpartition(":")[0] if ":" in told.rpartition("]")[2] else told
        if host.lower() not in self._hosts:
            raise UsageError("this name is not served here", code="bad-host")

    def _require_short_url(self, scope: Scope) -> None:
        most = self._limits.url_characters
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > most:
            raise LimitError(
                f"the address has more than {most:,} characters",
                todo="Send the question as the body of POST /query.",
                code="url-too-long",
            )

    async def _received(self, scope: Scope, receive: Receive) -> Receive:
        """Read the body, as far and as long as is allowed, and give it as one message."""
        most = self._limits.body_kilobytes * 1024
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if length.isdigit() and int(length) > most:
            await _discard(receive)
            raise _body_too_large(most)
        if scope["method"] in ("GET", "HEAD", "OPTIONS") and length == b"0" and not _is_chunked(scope):
            return receive
        try:
            body = await asyncio.wait_for(_read(receive, most), self._limits.body_seconds)
        except TimeoutError:
            raise LimitError(
                f"the question did not arrive within {self._limits.body_seconds} seconds", code="slow-body"
            ) from None
        return _once(body, receive)

    def _keep(self, told: Told, begun: float, scope: Scope) -> None:
        """Add the request to the log; where the disk does not take it, the server says so and goes on."""
        if scope["path"] in _NOT_LOGGED:
            return
        told.add(milliseconds=round((time.perf_counter() - begun) * 1000, 1))
        if told.parts["action"] == scope["method"]:
            route = getattr(scope.get("route"), "path", "") or "?"
            told.add(action=f"{scope['method']} {route}")
        try:
            self._log.add(told.request)
        except OSError as error:
            _LOG.error("the log of requests cannot be written: %s", error.strerror)


class _ClientLeft(Exception):
    """The client has gone before its request was complete."""


class _Reply:
    """Sends an answer with the headers that every answer has, and notes its status and size."""

    def __init__(self, send: Send, told: Told) -> None:
        self._send = send
        self._told = told
        self._is_begun = False
        self._bytes = 0

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            self._is_begun = True
            self._told.add(status=message["status"])
            message = {**message, "headers": [*message["headers"], *self._extra(message)]}
        elif message["type"] == "http.response.body":
            self._bytes += len(message.get("body", b""))
            self._told.add(bytes=self._bytes)
        await self._send(message)

    def _extra(self, message: Message) -> list[tuple[bytes, bytes]]:
        names = {name.lower() for name, _ in message["headers"]}
        extra = [*_HEADERS, (b"plumbline-request", self._told.id.encode())]
        return extra if _PRIVATE[0] in names else [*extra, _PRIVATE]

    async def problem(self, error: PlumblineError) -> None:
        """Answer with a problem; where an answer has begun, it is cut off."""
        status = status_of(error)
        self._told.add(code=error.code)
        if self._is_begun:
            return
        content = problem_bytes(error, status, self._told.id)
        named = {"content-type": PROBLEM, "content-length": str(len(content)), **headers_of(error, status)}
        if error.code in ("slow-body", "body-too-large"):
            named["connection"] = "close"
        headers = [(name.encode(), value.encode()) for name, value in named.items()]
        with suppress(OSError):
            await self.send({"type": "http.response.start", "status": status, "headers": headers})
            await self.send({"type": "http.response.body", "body": content})


def loopback_hosts() -> tuple[str, ...]:
    """Name what this machine calls itself."""
    return _LOOPBACK


def _first_known(scope: Scope) -> dict[str, Any]:
    client = str((scope.get("client") or ("",))[0])
    known = {"way": "http", "account": "", "role": "", "token": ""}
    return {**known, "action": scope["method"], "client": client}


def _is_chunked(scope: Scope) -> bool:
    return any(name == b"transfer-encoding" for name, _ in scope["headers"])


async def _read(receive: Receive, most: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientLeft
        body += message.get("body", b"")
        if len(body) > most:
            await _discard(receive)
            raise _body_too_large(most)
        if not message.get("more_body"):
            return bytes(body)


async def _discard(receive: Receive) -> None:
    """Let a client finish that sends too much: one that is cut off while it sends never reads why."""
    left = _DISCARDED
    with suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return


def _once(body: bytes, receive: Receive) -> Receive:
    """Give the body as one message, then whatever comes."""
    pending = [body]

    async def received() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return received


def _body_too_large(most: int) -> LimitError:
    return LimitError(f"the question has more than {most // 1024} KB", code="body-too-large")
