"""The protocol over HTTP: an ASGI app that a web server mounts; each request says who asks."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.routing import Route

from plumbline.access import Principal
from plumbline.errors import PlumblineError
from plumbline.serving.desk import Desk
from plumbline.serving.mcp.room import Evidence
from plumbline.serving.mcp.server import Context, Ways, build_server

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
# Says who asks; raises PlumblineError, or gives None, for nobody. Names of headers are in small letters.
Authenticate = Callable[[Mapping[str, str]], Principal | None]
_WHO = "plumbline.principal"
_MOST_BYTES = 256 * 1024


class McpApp:
    """The ASGI app of one company. Nothing is kept between requests, so any number of processes may serve it.

    ```python
    mcp = McpApp(desk, authenticate)
    app = FastAPI(lifespan=lambda app: mcp.running())
    app.router.routes.append(mcp.route("/mcp"))
    ```
    `hosts` are the names that requests may be sent to ("127.0.0.1:8080"); with none, any. `anonymous` lets
    requests in as the operator of this machine, who sees everything: for loopback without accounts only.
    """

    def __init__(
        self,
        desk: Desk,
        authenticate: Authenticate,
        *,
        evidence: Evidence | None = None,
        seconds: float = 30.0,
        hosts: Sequence[str] = (),
        anonymous: bool = False,
    ) -> None:
        self._authenticate = authenticate
        self._anonymous = anonymous
        self._manager = StreamableHTTPSessionManager(
            build_server(Ways(desk, _who, evidence, seconds)),
            json_response=True,
            stateless=True,
            security_settings=_security(hosts),
            max_request_body_size=_MOST_BYTES,
        )

    def running(self) -> AbstractAsyncContextManager[None]:
        """Be ready for requests as long as the block lasts; once only."""
        return self._manager.run()

    def route(self, path: str = "/mcp") -> Route:
        """Give the route to add to an app."""
        return Route(path, endpoint=self, methods=["GET", "POST", "DELETE"], include_in_schema=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it with 401 when it does not say who asks."""
        headers = Headers(scope=scope)
        try:
            principal = await anyio.to_thread.run_sync(self._authenticate, dict(headers))
        except PlumblineError as error:
            await _refuse(send, error.what, error.code)
            return
        if principal is None and not self._anonymous:
            await _refuse(send, "no token was given", "no-token")
            return
        scope[_WHO] = principal
        await self._manager.handle_request(scope, receive, send)


def _who(context: Context) -> Principal | None:
    """Give who asks; what did not come through the app is refused."""
    principal: Principal | None = context.request.scope[_WHO]  # type: ignore[union-attr]
    return principal


def _security(hosts: Sequence[str]) -> TransportSecuritySettings:
    """Refuse requests that a page of another site makes a browser send, where the names are known."""
    origins = [f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=bool(hosts), allowed_hosts=list(hosts), allowed_origins=origins
    )


async def _refuse(send: Send, what: str, code: str) -> None:
    body = json.dumps({"error": code, "error_description": what}, ensure_ascii=False).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"www-authenticate", b'Bearer realm="plumbline"'),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})
