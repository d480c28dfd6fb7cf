"""How the SQL endpoint listens, and which PostgreSQL stands behind it."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from plumbline.errors import ConfigurationError, did_you_mean
from plumbline.serving.desk import Limits

_PORT = 5432
_SETTINGS = ("schema", "search_path", "databases", "seconds", "rows", "connections")


@dataclass(frozen=True)
class Upstream:
    """Where PostgreSQL listens: a host and a port, or the directory of its socket."""

    host: str
    port: int = _PORT

    @property
    def socket(self) -> str:
        """The file of its Unix socket; '' for one on a network."""
        return f"{self.host}/.s.PGSQL.{self.port}" if self.host.startswith("/") else ""

    @classmethod
    def of(cls, url: str) -> Upstream:
        """Take the server from a URL: postgresql://host:5432/database, or …?host=/run/postgresql."""
        parts = urlsplit(url)
        if parts.scheme.partition("+")[0] not in ("postgresql", "postgres"):
            raise ConfigurationError(
                "this is no address of a PostgreSQL server",
                todo="Write postgresql://host:5432/database.",
                code="bad-url",
            )
        query = parse_qs(parts.query)
        host = query.get("host", [""])[0] or unquote(parts.hostname or "")
        return cls(host or "127.0.0.1", int(query.get("port", [str(parts.port or _PORT)])[0]))


@dataclass(frozen=True)
class SqlOptions:
    """What the endpoint is told: where it listens, for which PostgreSQL, and what it allows.

    `schema` is that of the catalog (`apply_catalog`); `search_path` stands for what clients do not set.
    `databases` names for some roles the database that they are put into, whichever they ask for.
    Times are in seconds, sizes in bytes.
    """

    upstream: Upstream
    host: str = "127.0.0.1"
    port: int = 5433
    certificate: Path | None = None
    key: Path | None = None
    allow_plain: bool = False
    schema: str = "metrics"
    search_path: str = '"$user", public, published'
    databases: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    max_connections: int = 200
    max_message: int = 64 << 20
    max_statement: int = 1 << 20
    startup_seconds: float = 30.0
    message_seconds: float = 120.0

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def tls(self) -> ssl.SSLContext | None:
        """Read the certificate; None without one. Raises ConfigurationError where it cannot be used."""
        if self.certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                "the certificate of the SQL endpoint cannot be used",
                where=str(self.certificate),
                why=f"{error.strerror or error}.",
                todo="Name a certificate and its key, both in PEM.",
                code="bad-certificate",
            ) from None
        return context

    def require_safe(self) -> None:
        """Refuse to listen to a network without TLS, unless that was said to be wanted."""
        if self.is_loopback or self.certificate is not None or self.allow_plain:
            return
        raise ConfigurationError(
            f"the SQL endpoint does not listen on {self.host} without TLS",
            why="Passwords are safe by SCRAM, but figures would pass in the clear.",
            todo="Name a certificate and its key, or listen on 127.0.0.1.",
            code="no-tls",
        )


def read_options(
    settings: Mapping[str, Any],
    url: str,
    host: str,
    port: int,
    *,
    certificate: Path | None = None,
    key: Path | None = None,
    behind_proxy: bool = False,
) -> SqlOptions:
    """Read `sql` of orchestration/serving/<company>.yml, for the PostgreSQL at `url`.

    Keys: schema, search_path, databases, seconds, rows, connections.
    """
    for name in settings:
        if name not in _SETTINGS:
            raise ConfigurationError(
                f"unknown key {name!r} under `sql`",
                todo=did_you_mean(name, list(_SETTINGS)) or f"Known: {', '.join(_SETTINGS)}.",
                code="unknown-key",
            )
    usual = SqlOptions(Upstream.of(url))
    limits = Limits(float(settings.get("seconds", 30)), int(settings.get("rows", 100_000)))
    return replace(
        usual,
        host=host,
        port=port,
        certificate=certificate,
        key=key,
        allow_plain=behind_proxy,
        schema=str(settings.get("schema", usual.schema)),
        search_path=str(settings.get("search_path", usual.search_path)),
        databases={str(role): str(name) for role, name in (settings.get("databases") or {}).items()},
        limits=limits,
        max_connections=int(settings.get("connections", usual.max_connections)),
    )
