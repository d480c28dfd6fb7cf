"""The endpoint's own part of the protocol: encryption, cancelling, limits, broken and slow clients."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from plumbline.errors import ConfigurationError
from plumbline.serving.desk import Desk, Limits, Visit
from plumbline.serving.sql.endpoint import serve_sql
from plumbline.serving.sql.options import SqlOptions, Upstream
from tests.integration.serving.conftest import POLICY
from tests.sql_endpoint import Address, running
from tests.unit.serving.conftest import Shop

SSL_REQUEST = struct.pack("!ii", 8, 80877103)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    command += " -addext subjectAltName=IP:127.0.0.1"
    key, made = path.with_name("key.pem"), path.with_name("made.pem")
    subprocess.run(
        [*command.split(), "-keyout", str(key), "-out", str(made)], check=True, capture_output=True
    )
    path.write_text(made.read_text() + key.read_text())
    return path


@pytest.fixture
def desk(sold: Shop) -> Iterator[Desk]:
    desk = Desk(sold.home, POLICY)
    yield desk
    desk.close()


def raw(address: Address) -> socket.socket:
    found = socket.create_connection(("127.0.0.1", address.port), timeout=20)
    found.settimeout(20)
    return found


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


# -- who may listen where


def test_a_network_is_not_listened_to_without_tls(desk: Desk) -> None:
    options = SqlOptions(Upstream("127.0.0.1"), host="0.0.0.0", port=0)
    with pytest.raises(ConfigurationError) as raised:
        asyncio.run(serve_sql(desk, options))
    assert raised.value.code == "no-tls"


def test_a_certificate_that_is_none_is_told(desk: Desk, tmp_path: Path) -> None:
    options = SqlOptions(Upstream("127.0.0.1"), port=0, certificate=tmp_path / "missing.pem")
    with pytest.raises(ConfigurationError) as raised:
        asyncio.run(serve_sql(desk, options))
    assert raised.value.code == "bad-certificate"


def test_the_connection_is_encrypted_where_there_is_a_certificate(
    desk: Desk, server: str, certificate: Path
) -> None:
    trusted = {"sslmode": "verify-ca", "sslrootcert": str(certificate)}
    with running(desk, server, certificate=certificate) as address, address.connect(**trusted) as session:
        assert session.pgconn.ssl_in_use
        assert session.execute("SELECT MEASURE(orders) FROM metrics").fetchall() == [(5,)]


def test_a_network_is_served_by_tls_only(desk: Desk, server: str, certificate: Path) -> None:
    with running(desk, server, certificate=certificate, host="0.0.0.0") as address:
        with pytest.raises(psycopg.OperationalError, match="TLS only"):
            address.connect("ana", sslmode="disable")
        with address.connect("ana", sslmode="require") as session:
            assert session.execute("SELECT MEASURE(orders) FROM metrics").fetchall() == [(5,)]


def test_what_was_sent_before_encryption_is_not_believed(desk: Desk, server: str, certificate: Path) -> None:
    with running(desk, server, certificate=certificate) as address, raw(address) as connection:
        connection.sendall(SSL_REQUEST + b"Q\0\0\0\x0dSELECT 1\0")
        assert b"unencrypted data" in read_all(connection)


# -- limits


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("!ii", 2**31 - 1, 196608),
        struct.pack("!ii", 8, 0x00020000),
        struct.pack("!ii", 7, 196608),
        struct.pack("!ii", 8, 80877103) * 2 + struct.pack("!ii", 3, 1),
    ],
)
def test_what_is_no_startup_ends_the_connection(endpoint: Address, ana: Any, sent: bytes) -> None:
    with raw(endpoint) as connection:
        connection.sendall(sent)
        found = read_all(connection)
    assert b"FATAL" in found
    assert ana.execute("SELECT 1").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "sent",
    [
        b"Q" + struct.pack("!i", 2**30),
        b"P" + struct.pack("!i", 3),
        b"P" + struct.pack("!i", 7) + b"abc",
        b"B" + struct.pack("!i", 4),
    ],
)
def test_a_broken_message_ends_its_session_alone(endpoint: Address, ana: Any, sent: bytes) -> None:
    broken = endpoint.connect("ana")
    with socket.socket(fileno=broken.pgconn.socket) as connection:
        connection.setblocking(True)
        connection.settimeout(20)
        connection.sendall(sent)
        assert b"FATAL" in read_all(connection)
        connection.detach()
    broken.close()
    assert ana.execute("SELECT MEASURE(orders) FROM metrics").fetchall() == [(5,)]


def test_who_says_nothing_is_not_waited_for(desk: Desk, server: str) -> None:
    with running(desk, server, startup_seconds=0.2) as address, raw(address) as connection:
        assert b"in time" in read_all(connection)


def test_a_message_that_does_not_end_is_not_waited_for(desk: Desk, server: str) -> None:
    with running(desk, server, message_seconds=0.3) as address:
        slow = address.connect("ana")
        with socket.socket(fileno=slow.pgconn.socket) as connection:
            connection.setblocking(True)
            connection.settimeout(20)
            connection.sendall(b"Q" + struct.pack("!i", 100) + b"SELECT")
            assert b"in time" in read_all(connection)
            connection.detach()
        slow.close()


def test_too_many_clients_are_turned_away(desk: Desk, server: str) -> None:
    with running(desk, server, max_connections=1) as address, address.connect("ana") as first:
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            address.connect("ana")
        assert first.execute("SELECT 1").fetchall() == [(1,)]


def test_an_answer_of_too_many_rows_is_refused(desk: Desk, server: str) -> None:
    with running(desk, server, limits=Limits(rows=3)) as address, address.connect("ana") as session:
        with pytest.raises(psycopg.errors.ProgramLimitExceeded):
            session.execute("SELECT month, MEASURE(orders) FROM metrics GROUP BY 1")
        assert session.execute("SELECT year, MEASURE(orders) FROM metrics GROUP BY 1").rowcount == 2


def test_a_statement_that_is_too_long_is_refused(desk: Desk, server: str) -> None:
    text = f"SELECT MEASURE(orders) FROM metrics WHERE order__channel <> '{'x' * 2000}'"
    with running(desk, server, max_statement=1000) as address, address.connect("ana") as session:
        with pytest.raises(psycopg.errors.ProgramLimitExceeded):
            session.execute(text)
        assert session.execute("SELECT length(%s)", ("x" * 2000,)).fetchall() == [(2000,)]


def test_a_postgresql_that_is_away_is_told(desk: Desk) -> None:
    away = "postgresql://127.0.0.1:1/postgres"
    with running(desk, away) as address, pytest.raises(psycopg.OperationalError, match="cannot be reached"):
        address.connect("ana")


# -- large results, slow readers, cancelling


def test_large_results_and_messages_pass_whole(ana: psycopg.Connection[Any]) -> None:
    text = "x" * 3_000_000
    assert ana.execute("SELECT length(%s)", (text,)).fetchall() == [(3_000_000,)]
    ((found,),) = ana.execute("SELECT repeat('ab', 2000000)").fetchall()
    assert len(found) == 4_000_000
    total = ana.execute(
        "SELECT sum(n), count(*) FROM (SELECT generate_series(1, 50000) AS n) AS s"
    ).fetchone()
    assert total == (1250025000, 50000)
    assert len(ana.execute("SELECT generate_series(1, 50000), 'text'").fetchall()) == 50000


def test_copy_into_a_table_passes(ana: psycopg.Connection[Any]) -> None:
    ana.execute("CREATE TEMP TABLE loaded (n int, t text)")
    with ana.cursor() as cursor, cursor.copy("COPY loaded FROM STDIN") as copied:
        for number in range(20_000):
            copied.write_row((number, "a metrics row"))
    assert ana.execute("SELECT count(*) FROM loaded").fetchall() == [(20_000,)]


def test_a_reader_who_does_not_read_costs_no_memory(desk: Desk, server: str) -> None:
    with running(desk, server) as address, address.connect("ana") as slow:
        slow.pgconn.send_query(b"SELECT repeat('x', 1000) FROM generate_series(1, 200000)")
        before = _resident()
        with address.connect("ana") as other:
            for _ in range(20):
                assert other.execute("SELECT MEASURE(orders) FROM metrics").fetchall() == [(5,)]
        assert _resident() - before < 60_000_000
        slow.pgconn.finish()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_a_question_is_cancelled(desk: Desk, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()
    ask = Visit.ask

    def slow(visit: Visit, *given: Any) -> Any:
        """Work until it is interrupted."""
        asked.set()
        with visit._timed(20):
            visit.source.connection.execute(
                "SELECT sum(a.range * b.range) FROM range(1000000) a, range(100000) b"
            )
        return ask(visit, *given)

    monkeypatch.setattr(Visit, "ask", slow)
    with running(desk, server) as address, address.connect("ana") as session:
        canceller = threading.Thread(target=lambda: (asked.wait(20), session.cancel_safe(timeout=20)))
        canceller.start()
        begun = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute("SELECT MEASURE(orders) FROM metrics")
        canceller.join(20)
        assert time.monotonic() - begun < 15
        monkeypatch.undo()
        assert session.execute("SELECT MEASURE(orders) FROM metrics").fetchall() == [(5,)]


def test_a_statement_of_postgresql_is_cancelled(ana: psycopg.Connection[Any]) -> None:
    canceller = threading.Timer(0.3, ana.cancel_safe)
    canceller.start()
    with pytest.raises(psycopg.errors.QueryCanceled):
        ana.execute("SELECT pg_sleep(20)")
    canceller.join()


# -- what was prepared, and what is published later


def test_a_prepared_question_gives_the_figures_of_the_next_publication(server: str, tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.publish()
    desk = Desk(shop.home, POLICY)
    text = "SELECT MEASURE(orders) FROM metrics WHERE order__channel = %s"
    with running(desk, server) as address, address.connect("ana") as session:
        assert session.execute(text, ("store",), prepare=True).fetchall() == [(2,)]
        assert session.execute("SELECT MEASURE(orders) FROM metrics").fetchall() == [(5,)]
        shop.change("INSERT INTO marts.orders VALUES (6, '2026-02-21', 'store')")
        shop.publish()
        assert session.execute(text, ("store",), prepare=True).fetchall() == [(3,)]
        assert session.execute("SELECT MEASURE(orders) FROM metrics").fetchall() == [(6,)]
    desk.close()


def test_a_policy_that_changes_holds_at_once(sold: Shop, server: str) -> None:
    policies = [POLICY]
    desk = Desk(sold.home, lambda: policies[-1])
    text = "SELECT MEASURE(orders) FROM metrics"
    with running(desk, server) as address, address.connect("ana") as session:
        assert session.execute(text, prepare=True).fetchall() == [(5,)]
        limited = replace(POLICY.accounts["ana"], roles=("store",))
        policies.append(replace(POLICY, accounts={"ana": limited}, digest="2"))
        assert session.execute(text, prepare=True).fetchall() == [(2,)]
    desk.close()


def test_numbers_of_values_that_do_not_fit_are_told(ana: psycopg.Connection[Any]) -> None:
    raw = ana.pgconn
    raw.send_prepare(b"asked", b"SELECT MEASURE(orders) FROM metrics WHERE order__channel = $1")
    assert _result(raw).status == psycopg.pq.ExecStatus.COMMAND_OK
    raw.send_describe_prepared(b"asked")
    assert _result(raw).nparams == 1
    raw.send_query_prepared(b"asked", [b"store", b"more"])
    told = _result(raw).error_message
    assert b"supplies 2 parameters, but the prepared statement requires 1" in told
    raw.send_query_prepared(b"asked", [b"store"])
    assert _result(raw).get_value(0, 0) == b"2"


def _result(raw: Any) -> Any:
    """Wait for the result of what was sent, while others may work."""
    found = []
    while not found or found[-1] is not None:
        while raw.is_busy():
            select.select([raw.socket], [], [], 20)
            raw.consume_input()
        found.append(raw.get_result())
    return found[0]


def test_tls_contexts_are_of_this_century(certificate: Path) -> None:
    context = SqlOptions(Upstream("127.0.0.1"), certificate=certificate).tls()
    assert context is not None
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
