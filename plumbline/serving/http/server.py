"""The server: uvicorn in one process, with an end to the patience with slow clients."""

from __future__ import annotations

import errno
import socket
from asyncio import TimerHandle, Transport
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.errors import UsageError
from plumbline.serving.http.guard import Application

if TYPE_CHECKING:
    import uvicorn

# Seconds in which a client must have sent the head of a request, and may keep a connection without asking:
# longer than proxies do (most up to 60), or a question may meet a connection that is just being closed.
_HEAD_SECONDS, _IDLE_SECONDS = 10, 75
_LATE_SECONDS = 0.5
_CONNECTIONS = 512
_BACKLOG = 256
_STOP_SECONDS = 10


@dataclass(frozen=True)
class Secured:
    """How bytes travel: with a certificate of our own, or behind a proxy that has one."""

    cert: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False


def bound_socket(host: str, port: int, option: str) -> socket.socket:
    """Take an address; UsageError where somebody else has it, or there is none such."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        taken = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _cannot_listen(host, port, option, error) from None
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        # From here on who connects is answered, be it a moment later.
        taken.listen(_BACKLOG)
    except OSError as error:
        taken.close()
        raise _cannot_listen(host, port, option, error) from None
    return taken


def _cannot_listen(host: str, port: int, option: str, error: OSError) -> UsageError:
    if error.errno == errno.EADDRINUSE:
        what, todo = f"port {port} is in use", f"Choose another: {option} {host}:{port + 1}."
    elif error.errno in (errno.EACCES, errno.EPERM):
        what = f"port {port} may not be taken by this user"
        todo = f"Choose one from 1024 on: {option} {host}:8765."
    else:
        what, todo = f"{host} is no address of this machine", f"Write {option} 127.0.0.1:{port}."
    why = (error.strerror or str(error)).strip()
    return UsageError(what, where=f"{option} {host}:{port}", why=f"{why}.", todo=todo, code="cannot-listen")


def http_server(app: Application, transport: Secured) -> uvicorn.Server:
    """Prepare a server; `serve(sockets=[…])` runs it until it is told to stop."""
    import uvicorn

    config = uvicorn.Config(
        app,
        http=_patient_protocol(),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        lifespan="on",
        limit_concurrency=_CONNECTIONS,
        backlog=_BACKLOG,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_STOP_SECONDS,
        ssl_certfile=str(transport.cert) if transport.cert else None,
        ssl_keyfile=str(transport.key) if transport.key else None,
        proxy_headers=transport.behind_proxy,
        forwarded_allow_ips="127.0.0.1,::1",
    )
    return _quiet(config)


def _patient_protocol() -> Any:
    """Give uvicorn's protocol, which waits for ever for the head of a request, with an end to that."""
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class Patient(HttpToolsProtocol):
        _late: TimerHandle | None = None

        def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._expect()

        def data_received(self, data: bytes) -> None:
            if self._late is None and (self.cycle is None or self.cycle.response_complete):
                self._expect()
            super().data_received(data)

        def on_headers_complete(self) -> None:
            self._calm()
            super().on_headers_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            self._calm()
            super().connection_lost(exc)

        def timeout_keep_alive_handler(self) -> None:
            """Read first what came while the loop itself was late."""
            close = super().timeout_keep_alive_handler
            self.timeout_keep_alive_task = self.loop.call_later(_LATE_SECONDS, close)

        def _expect(self) -> None:
            self._late = self.loop.call_later(_HEAD_SECONDS, self._look_again)

        def _look_again(self) -> None:
            """Read first what came while the loop itself was late: timers go before it."""
            self._late = self.loop.call_later(_LATE_SECONDS, self.transport.close)

        def _calm(self) -> None:
            if self._late is not None:
                self._late.cancel()
                self._late = None

    return Patient


def _quiet(config: uvicorn.Config) -> uvicorn.Server:
    """Give a server that leaves signals to whoever runs several servers in one process."""
    import uvicorn

    class Quiet(uvicorn.Server):
        def capture_signals(self) -> Any:
            return nullcontext()

    return Quiet(config)
