"""What a request may cost: size, time, rows; and that nobody's work goes on when nobody waits for it."""

import asyncio
import socket
import threading
import time
from unittest.mock import Mock

import pytest
from uvicorn.server import ServerState

from plumbline.serving.desk import Visit
from plumbline.serving.http import server as server_module
from tests.unit.serving.http.conftest import asking, running, smaller

ASKED = {"metrics": "net_sales"}
ENDLESS = "SELECT count(*) FROM range(100000000000) AS a(x) WHERE x % 7 = 3"


@pytest.fixture
def endless(monkeypatch):
    """Make questions about orders endless; gives an event that is set when one has begun."""
    begun, ask = threading.Event(), Visit.ask

    def slow(self, question, limits=None):
        if question.metrics == ("orders",):
            with self._timed(limits.seconds):
                begun.set()
                self.source.connection.execute(ENDLESS).fetchall()
        return ask(self, question, limits)

    monkeypatch.setattr(Visit, "ask", slow)
    return begun


def raw(server, content):
    """Send bytes as they are."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    found = socket.create_connection((host, int(port)), timeout=15)
    found.sendall(content)
    return found


def code(found):
    return found.status_code, found.json()["code"]


def test_a_long_address_is_refused(operator):
    assert code(operator.get("/query", params={"metrics": "x" * 9_000})) == (414, "url-too-long")


def test_a_large_body_is_refused_whether_or_not_it_tells_its_size(operator):
    assert code(operator.post("/query", content=b" " * 70_000)) == (413, "body-too-large")
    parts = (b" " * 10_000 for _ in range(10))
    assert code(operator.post("/query", content=parts)) == (413, "body-too-large")


@pytest.mark.parametrize("size", [b"Content-Length: 4000000", b"Transfer-Encoding: chunked"])
def test_who_sends_far_too_much_still_reads_why(published, size):
    head = b"POST /query HTTP/1.1\r\nHost: localhost\r\n" + size + b"\r\n\r\n"
    sent = b" " * 4_000_000 if b"Length" in size else b"3d0900\r\n" + b" " * 4_000_000 + b"\r\n0\r\n\r\n"
    with running(published.home, operator=True) as server, raw(server, head) as connection:
        connection.sendall(sent)
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_a_question_that_has_come_is_read_before_an_idle_connection_is_closed():
    """The loop may be late: then the time is over before what lies there was read."""

    async def found():
        config = server_module.http_server(None, server_module.Secured()).config
        config.load()
        transport = Mock(spec=asyncio.Transport, is_closing=lambda: False, get_extra_info=lambda name: None)
        protocol = config.http_protocol_class(config, ServerState(), {})
        protocol.connection_made(transport)
        protocol.timeout_keep_alive_handler()
        ending = protocol.timeout_keep_alive_task
        protocol.data_received(b"GET /health HTTP/1.1\r\n")
        was_closed = transport.close.called
        protocol.connection_lost(None)
        return was_closed, ending.cancelled()

    assert asyncio.run(found()) == (False, True)


def test_a_body_that_comes_too_slowly_is_refused(published):
    head = b"POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{"
    limits = smaller(body_seconds=1)
    with running(published.home, operator=True, limits=limits) as server, raw(server, head) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_a_head_that_comes_too_slowly_is_not_waited_for(published, monkeypatch):
    monkeypatch.setattr(server_module, "_HEAD_SECONDS", 0.3)
    with running(published.home, operator=True) as server:
        with raw(server, b"GET /health HTTP/1.1\r\nHost: loc") as connection:
            assert connection.recv(100) == b""
        whole = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with raw(server, whole) as connection:
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
            connection.sendall(b"GET /hea")
            while received := connection.recv(1_000):
                pass
            assert received == b""


def test_a_question_that_takes_too_long_is_ended(published, endless):
    with asking(published.home, seconds=1, threads=1) as client:
        assert code(client.get("/query", params={"metrics": "orders"})) == (504, "query-timeout")
        assert client.get("/query", params=ASKED).status_code == 200


def test_work_ends_when_the_client_has_gone(published, endless):
    with running(published.home, operator=True, limits=smaller(seconds=60, threads=1)) as server:
        connection = raw(server, b"GET /query?metrics=orders HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert endless.wait(10)
        connection.close()
        begun = time.monotonic()
        with server.client() as client:
            assert client.get("/query", params=ASKED).status_code == 200
        assert time.monotonic() - begun < 30
    assert '"status":499' in server.log()


def test_more_questions_than_can_wait_are_turned_away(published, endless):
    with running(published.home, operator=True, limits=smaller(seconds=60, threads=1, waiting=0)) as server:
        connection = raw(server, b"GET /query?metrics=orders HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert endless.wait(10)
        with server.client() as client:
            found = client.get("/query", params=ASKED)
        assert code(found) == (503, "busy")
        assert found.headers["retry-after"] == "1"
        connection.close()


def test_an_answer_of_too_many_bytes_is_refused(published):
    with asking(published.home, megabytes=0) as client:
        for style in ("json", "csv", "arrow"):
            found = client.get("/query", params={**ASKED, "format": style})
            assert code(found) == (422, "answer-too-large")


def test_names_and_conditions_have_a_length(operator):
    assert operator.post("/query", json={"metrics": ["x" * 201]}).status_code == 422
    assert operator.post("/query", json={"metrics": ["net_sales"] * 51}).status_code == 422
    assert operator.post("/query", json={"metrics": ["net_sales"], "where": ["x" * 2_001]}).status_code == 422


def test_what_is_no_http_is_refused(published):
    nonsense = b"\x16\x03\x01\x00\xff nonsense\r\n\r\n"
    with running(published.home, operator=True) as server, raw(server, nonsense) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
