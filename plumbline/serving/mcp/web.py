"""The protocol over HTTP: an ASGI app to mount in a web server; each request says who asks."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import anyio
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers

from plumbline.access import Principal
from plumbline.errors import PlumblineError
from plumbline.serving.desk import Desk
from plumbline.serving.mcp.room import Auditor
from plumbline.serving.mcp.server import Called, Context, Ways, build_server

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_WHO, _LOG = "plumbline.principal", "plumbline"
_MOST_BYTES = 256 * 1024
# What JSON-RPC leaves to servers; the protocol itself takes -32020 and beyond.
_REFUSED = -32010
_BAD_REQUEST = -32600
_FORBIDDEN = ("not-in-scope", "not-its-role", "not-in-role", "cross-site")


class Asker(Protocol):
    """Who asks; without a principal the operator of this machine, who sees everything."""

    @property
    def principal(self) -> Principal | None: ...
    @property
    def token(self) -> str: ...


@dataclass(frozen=True)
class Known:
    """Who asks, and by which token: its public id."""

    principal: Principal | None
    token: str = ""


# Says who asks, from the headers of a request; raises PlumblineError for nobody.
Authenticate = Callable[[Mapping[str, str]], Asker]


class Told(Protocol):
    """What is told of a request for the log, where the web server keeps one in the scope."""

    def add(self, **parts: Any) -> None: ...


class McpApp:
    """The app of one company. Nothing is kept between requests: any number of processes may serve it.

    ```python
    app.router.routes.append(Route("/mcp", McpApp(desk, authenticate)))
    ```
    `hosts` are the names that requests may be sent to ("127.0.0.1:8080"); with none, any.
    """

    def __init__(
        self,
        desk: Desk,
        authenticate: Authenticate,
        *,
        auditor: Auditor | None = None,
        seconds: float = 30.0,
        hosts: Sequence[str] = (),
    ) -> None:
        self._authenticate = authenticate
        self._server = build_server(Ways(desk, _who, auditor, seconds, _tell))
        self._security = _security(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it where it does not say who asks."""
        _log(scope, way="mcp", action="protocol")
        try:
            asker = await anyio.to_thread.run_sync(self._authenticate, Headers(scope=scope))
        except PlumblineError as error:
            _log(scope, code=error.code)
            await _refuse(send, error)
            return
        if scope["method"] != "POST":
            await _only_post(send)
            return
        scope[_WHO] = asker.principal
        if asker.principal:
            _log(scope, account=asker.principal.account, role=asker.principal.role, token=asker.token)
        manager = StreamableHTTPSessionManager(
            self._server,
            json_response=True,
            stateless=True,
            security_settings=self._security,
            max_request_body_size=_MOST_BYTES,
        )
        async with manager.run():
            await manager.handle_request(scope, receive, send)


def _who(context: Context) -> Principal | None:
    """Give who asks; what did not come through the app has no place for it, and fails."""
    assert context.request is not None
    principal: Principal | None = context.request.scope[_WHO]
    return principal


def _tell(context: Context, called: Called) -> None:
    """Tell the log of the web server what was asked, and how it went."""
    if context.request is not None:
        _log(
            context.request.scope,
            action=called.tool,
            metrics=called.metrics,
            rows=called.rows,
            publication=called.publication,
            code=called.code,
        )


def _log(scope: Scope, **parts: Any) -> None:
    told: Told | None = scope.get(_LOG)
    if told is not None:
        told.add(**parts)


def _security(hosts: Sequence[str]) -> TransportSecuritySettings:
    """Refuse requests that a page of another site makes a browser send, where the names are known."""
    origins = [f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=bool(hosts), allowed_hosts=list(hosts), allowed_origins=origins
    )


async def _only_post(send: Send) -> None:
    """Refuse to hold a stream open for what the server begins: it begins nothing."""
    told = {"code": _BAD_REQUEST, "message": "only POST is for this address"}
    await _send_error(send, 405, told, [(b"allow", b"POST")])


async def _refuse(send: Send, error: PlumblineError) -> None:
    """Refuse in the protocol's own form: what else stands there clients do not show."""
    message = " ".join(filter(None, (f"{error.what} [{error.code}]", error.todo)))
    told = {"code": error.code, "what": error.what, "todo": error.todo}
    refused = {"code": _REFUSED, "message": message, "data": told}
    if error.code in _FORBIDDEN:
        await _send_error(send, 403, refused, [])
        return
    known = "" if error.code == "no-token" else ', error="invalid_token"'
    await _send_error(
        send, 401, refused, [(b"www-authenticate", f'Bearer realm="plumbline"{known}'.encode())]
    )


async def _send_error(
    send: Send, status: int, error: Mapping[str, Any], headers: list[tuple[bytes, bytes]]
) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": error}, ensure_ascii=False).encode()
    about = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*about, *headers]})
    await send({"type": "http.response.body", "body": body})
