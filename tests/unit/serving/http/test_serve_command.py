"""`plumb serve` and `plumb token`: what is refused, what is said, and how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest

from plumbline.cli.main import main
from plumbline.cli.serve import address_of, is_loopback
from plumbline.errors import UsageError


@pytest.fixture
def base(published, monkeypatch):
    """PLUMBLINE_HOME with the shop as the built-in company; its policy is that of the project."""
    monkeypatch.setenv("PLUMBLINE_HOME", str(published.home.root.parent))
    return published.home.root.parent


@pytest.fixture
def plumb(base, capsys):
    def run(*arguments):
        code = main(list(arguments))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


class Served:
    """The command in a process of its own, and what it said before it was ready."""

    def __init__(self, base, *arguments):
        command = [sys.executable, "-m", "plumbline", "serve", *arguments]
        self.process = subprocess.Popen(
            command, env={**os.environ, "PLUMBLINE_HOME": str(base)}, stderr=subprocess.PIPE, text=True
        )
        self.killer = threading.Timer(60, self.process.kill)
        self.killer.start()
        self.said = []
        for line in self.process.stderr:
            self.said.append(line.rstrip())
            if line.startswith("Ctrl-C"):
                break
        self.url = next(iter(re.findall(r"https?://\S+", "\n".join(self.said))), "")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.end(signal.SIGKILL)
        self.killer.cancel()

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        rest = self.process.communicate(timeout=30)[1]
        self.killer.cancel()
        return self.process.returncode, rest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_what_it_serves_and_stops_when_it_is_told_to(base, number):
    with Served(base, "--operator", "--http", "127.0.0.1:0") as served:
        assert served.said[0] == "serving demo, publication demo-000001 as of 2026-02-28"
        assert "as the local operator" in served.said[2]
        assert httpx.get(f"{served.url}/query?metrics=orders").json()["data"] == [{"orders": 5}]
        code, rest = served.end(number)
    assert (code, rest.strip()) == (0, "stopped")


def test_with_accounts_it_asks_for_tokens(base, plumb):
    code, token, told = plumb("token", "create", "--account", "li.na", "--scopes", "query")
    assert code == 0
    assert "not shown again" in told
    with Served(base, "--http", "127.0.0.1:0") as served:
        assert any("accounts of" in line and "API tokens" in line for line in served.said)
        headers = {"authorization": f"Bearer {token.strip()}"}
        assert httpx.get(f"{served.url}/version").status_code == 401
        assert httpx.get(f"{served.url}/version", headers=headers).status_code == 200
        code, listed, _ = plumb("token", "list", "--format", "json")
        assert '"last_used": "2' in listed
        assert token.strip().split("_", 2)[2] not in listed
        assert plumb("token", "revoke", token.strip().split("_")[1])[0] == 0
        assert httpx.get(f"{served.url}/version", headers=headers).status_code == 401


def test_tls(base, tmp_path):
    import ssl

    certificate(tmp_path)
    paths = ("--cert", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem"))
    with Served(base, "--operator", "--http", "127.0.0.1:0", *paths) as served:
        assert served.url.startswith("https://")
        trusted = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        assert httpx.get(f"{served.url}/health", verify=trusted).json() == {"status": "ok"}


def certificate(directory):
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")]), datetime.now(UTC)
    written = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (directory / "cert.pem").write_bytes(written.public_bytes(pem))
    style = serialization.PrivateFormat.PKCS8
    (directory / "key.pem").write_bytes(key.private_bytes(pem, style, plain))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--http", "0.0.0.0:0", "--operator"), "nobody would be asked"),
        (("--http", "[::]:0", "--operator"), "nobody would be asked"),
        (("--http", "127.0.0.1:0", "--operator", "--behind-proxy"), "nobody would be asked"),
        (("--http", "127.0.0.1:0", "--cert", "a.pem"), "belong together"),
        (("--http", "127.0.0.1:0", "--cert", "a.pem", "--key", "b.pem"), "no such file"),
        (("--http", "nowhere"), "is no address"),
        (("--http", "192.0.2.1:0", "--operator"), "nobody would be asked"),
    ],
)
def test_what_must_not_be_served_is_refused(plumb, arguments, told):
    code, _, err = plumb("serve", *arguments)
    assert code == 2
    assert told in err


def test_an_open_address_needs_somebody_who_can_ask_and_tls(published, tmp_path, monkeypatch, capsys):
    import shutil

    shutil.copytree(published.home.root, tmp_path / "demo", symlinks=True, ignore=lambda *_: {"access"})
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path))
    assert main(["serve", "--http", "0.0.0.0:0"]) == 2
    assert "nobody could show who they are" in capsys.readouterr().err
    assert main(["token", "create", "--account", "li.na"]) == 0
    assert main(["serve", "--http", "0.0.0.0:0"]) == 2
    assert "travel in the open [no-tls]" in capsys.readouterr().err


def test_a_port_in_use_is_told(plumb):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, err = plumb("serve", "--operator", "--http", f"127.0.0.1:{taken.getsockname()[1]}")
    assert code == 2
    assert "is in use" in err
    assert "[cannot-listen]" in err


def test_nothing_published_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path))
    assert main(["serve", "--operator", "--http", "127.0.0.1:0"]) == 1
    assert "nothing is published yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("create", "--account", "nobody"), "unknown-account"),
        (("create", "--account", "li.na", "--role", "auditor"), "not-its-role"),
        (("create", "--account", "li.na", "--scopes", "qery"), "unknown-scope"),
        (("create", "--account", "li.na", "--scopes", ","), "unknown-scope"),
        (("create", "--account", "li.na", "--expires", "soon"), "bad-lifetime"),
        (("revoke", "0123456789ab"), "unknown-token"),
    ],
)
def test_mistakes_with_tokens_are_told(plumb, arguments, code):
    found, out, err = plumb("token", *arguments)
    assert (found, out) == (2, "")
    assert f"[{code}]" in err


def test_tokens_are_listed_as_a_table(plumb):
    plumb("token", "create", "--account", "bi_reader", "--expires", "never", "--note", "Superset")
    _, out, _ = plumb("token", "list")
    assert re.search(r"bi_reader +any +query +valid +never +Superset", out)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        (":8080", ("127.0.0.1", 8080)),
        ("8080", ("127.0.0.1", 8080)),
        ("[::1]:9", ("::1", 9)),
    ],
)
def test_addresses(text, found):
    assert address_of(text, "--http") == found


@pytest.mark.parametrize("text", ["", "a", "a:b", "a:99999", "a:-1"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UsageError):
        address_of(text, "--http")


def test_which_addresses_only_this_machine_reaches():
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.9.9.9", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.com", "localhost.example.com")))


def test_agents_are_served_at_the_same_address(base, plumb):
    """The protocol itself is tested with its own client elsewhere: this is the way to it."""
    token = plumb("token", "create", "--account", "li.na")[1].strip()
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    with Served(base, "--http", "127.0.0.1:0", "--mcp") as served:
        headers = {"accept": "application/json, text/event-stream"}
        assert httpx.post(f"{served.url}/mcp", json=hello, headers=headers).status_code == 401
        known = headers | {"authorization": f"Bearer {token}"}
        found = httpx.post(f"{served.url}/mcp", json=hello, headers=known, timeout=30)
        assert found.json()["result"]["serverInfo"]["name"]
        assert (
            httpx.post(
                f"{served.url}/mcp", json=hello, headers=known | {"host": "evil.example.com"}
            ).status_code
            == 421
        )
