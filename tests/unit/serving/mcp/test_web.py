"""The protocol over HTTP: a real server, asked by the client of the SDK."""

import asyncio
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from mcp import MCPError
from starlette.applications import Starlette
from starlette.routing import Route

from plumbline.errors import UsageError
from plumbline.serving.mcp import mount
from plumbline.serving.mcp.web import Known, McpApp
from tests.unit.serving.mcp.conftest import POLICY, figures

TOKENS = {"Bearer all": "executive", "Bearer online": "online"}


def authenticate(headers):
    role = TOKENS.get(headers.get("authorization", ""))
    if role is None:
        raise UsageError("the token is not known", code="bad-token")
    return Known(POLICY.principal("a", role), "t-1")


class Told:
    """Keeps what a web server's log is told."""

    def __init__(self):
        self.parts = {}

    def add(self, **parts):
        self.parts |= parts


@contextmanager
def serving(app):
    """Serve an app on a free port of this machine."""
    config = uvicorn.Config(app, port=0, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/mcp"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def told():
    """What the log was told, request by request."""
    return []


@pytest.fixture(scope="module")
def address(desk, told):
    app = McpApp(desk, authenticate)

    async def logged(scope, receive, send):
        told.append(Told())
        scope["plumbline"] = told[-1]
        await app(scope, receive, send)

    class Endpoint:
        async def __call__(self, scope, receive, send):
            await logged(scope, receive, send)

    with serving(Starlette(routes=[Route("/mcp", Endpoint())])) as url:
        yield url


def ask(address, token, talk, mode="auto"):
    """Talk to the server as the bearer of a token."""
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async def main():
        headers = {"authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(headers=headers) as http:
            transport = streamable_http_client(address, http_client=http)
            async with Client(transport, mode=mode) as client:
                return await talk(client)

    return asyncio.run(main())


def total(client):
    return client.call_tool("query_metrics", {"metrics": ["net_sales"]})


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_each_request_is_answered_as_its_token_may_see(address, published, mode):
    oracle = published.sql("""
        SELECT sum(net_amount), sum(net_amount) FILTER (channel = 'online')
        FROM marts.order_lines JOIN marts.orders USING (order_id)""")
    found = [figures(ask(address, token, total, mode))["rows"][0]["net_sales"] for token in ("all", "online")]
    assert found == [float(value) for value in oracle[0]]


def test_the_log_is_told_who_asked_for_what(address, told):
    ask(address, "online", total)
    known = ("way", "action", "account", "role", "token", "metrics", "rows", "publication", "code")
    (asked,) = [each.parts for each in told if each.parts.get("token") and "rows" in each.parts][-1:]
    assert [asked[name] for name in known] == [
        "mcp",
        "query_metrics",
        "a",
        "online",
        "t-1",
        ("net_sales",),
        1,
        "demo-000001",
        "",
    ]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer forged"}])
def test_who_does_not_show_a_token_is_refused(address, headers):
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    refused = httpx.post(address, json=body, headers=headers)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert refused.json()["error"]["data"]["code"] == "bad-token"


def test_a_body_that_is_too_large_is_refused(address):
    headers = {"authorization": "Bearer all", "content-type": "application/json"}
    refused = httpx.post(address, content=b" " * 300_000, headers=headers)
    assert refused.status_code == 413


def test_another_name_of_the_host_is_refused(desk):
    app = McpApp(desk, authenticate, hosts=["127.0.0.1:*", "agents.example:443"])
    headers = {
        "authorization": "Bearer all",
        "host": "evil.example",
        "accept": "application/json, text/event-stream",
    }
    with serving(Starlette(routes=[Route("/mcp", app)])) as address:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        assert httpx.post(address, json=body, headers=headers).status_code == 421


def test_many_agents_at_once_get_each_their_own(address):
    async def main():
        tokens = ["all", "online"] * 4

        async def one(token):
            return await asyncio.to_thread(ask, address, token, total)

        return [figures(result)["rows"][0]["net_sales"] for result in await asyncio.gather(*map(one, tokens))]

    found = asyncio.run(main())
    assert found[0::2] == [found[0]] * 4
    assert found[1::2] == [found[1]] * 4
    assert found[0] != found[1]


def test_a_server_mounts_the_app_with_what_it_serves(desk):
    class Served:
        auditor = None

        class limits:  # noqa: N801
            seconds = 5.0

        class gate:  # noqa: N801
            @staticmethod
            def asker(headers):
                return Known(None)

    served = Served()
    served.desk = desk
    with serving(Starlette(routes=[Route("/mcp", mount(served))])) as address:
        assert figures(ask(address, "any", total))["row_count"] == 1


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_who_is_refused_reads_why_through_the_client(address, mode):
    with pytest.raises(BaseException) as refused:  # noqa: PT011 - the client wraps it in groups
        ask(address, "forged", total, mode)
    found = refused.value
    while isinstance(found, BaseExceptionGroup):
        (found,) = found.exceptions
    assert "the token is not known [bad-token]" in str(found)


def test_a_token_that_ends_during_a_conversation_is_told_so(address, monkeypatch):
    async def talk(client):
        assert not (await total(client)).is_error
        monkeypatch.delitem(TOKENS, "Bearer online")
        with pytest.raises(MCPError, match="bad-token"):
            await total(client)
        return True

    assert ask(address, "online", talk)


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "PUT"])
def test_no_stream_is_held_open_for_what_never_comes(address, method):
    """It would outlive its token, and a server that stops would wait for it."""
    headers = {"authorization": "Bearer all", "accept": "text/event-stream"}
    with httpx.stream(method, address, headers=headers, timeout=10) as found:
        assert (found.status_code, found.headers["allow"]) == (405, "POST")
