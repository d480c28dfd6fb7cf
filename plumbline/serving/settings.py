"""How a company is served: orchestration/serving/<company>.yml; without the file, the defaults.

```yaml
http:
  seconds: 30             # a question may take
  rows: 100000            # an answer may have; of Arrow, arrow_rows
  hosts: [figures.example.com]
jwt:
  issuer: https://login.example.com
  audience: [plumbline]
  jwks_url: https://login.example.com/keys
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from plumbline.access.jwt import ALGORITHMS, JwtSettings
from plumbline.project import Project
from plumbline.yaml_lines import FileReader, Place, YamlFile, read_yaml

_TOP_KEYS = ("company", "postgres", "http", "sql", "mcp", "jwt")
_KEY_SOURCES = ("key_file", "jwks_file", "jwks_url")
_JWT_KEYS = (
    *("issuer", "audience", "algorithms", "leeway", "account_claim", "accounts", "role_claim", "scope_claim"),
    *_KEY_SOURCES,
)
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class HttpLimits:
    """What one request may cost, and how many are worked on at once.

    `seconds` of work, `rows` (`arrow_rows`: of Arrow) and `megabytes` of an answer, `body_kilobytes` and
    `body_seconds` of what is sent, `url_characters`; `threads` work while `waiting` more may wait;
    `cache_megabytes` of finished answers are kept until the next publication.
    """

    seconds: int = 30
    rows: int = 100_000
    arrow_rows: int = 1_000_000
    megabytes: int = 128
    body_kilobytes: int = 64
    body_seconds: int = 10
    url_characters: int = 8_192
    threads: int = 4
    waiting: int = 64
    cache_megabytes: int = 64


@dataclass(frozen=True)
class Settings:
    """How one company is served; `hosts` are the names that HTTP answers to (none: any)."""

    company: str
    limits: HttpLimits = HttpLimits()
    hosts: tuple[str, ...] = ()
    jwt: JwtSettings | None = None
    sql: Mapping[str, Any] = field(default_factory=dict)
    mcp: Mapping[str, Any] = field(default_factory=dict)


def load_settings(project: Project, company: str) -> Settings:
    """Read and check the company's file; one ConfigurationError names all its mistakes."""
    path = project.root / "orchestration" / "serving" / f"{company}.yml"
    if not path.is_file():
        return Settings(company)
    return _Reader(read_yaml(path, project.root), company, project.root).settings()


class _Reader(FileReader):
    def __init__(self, file: YamlFile, company: str, root: Path) -> None:
        super().__init__(file)
        self._company = company
        self._root = root

    def settings(self) -> Settings:
        top = self._mapping(self.file.content, ())
        self._check_keys(top, _TOP_KEYS, ())
        self._require_company(top, self._company)
        http = self._mapping(top.get("http"), ("http",))
        sql, mcp = (self._mapping(top.get(name), (name,)) for name in ("sql", "mcp"))
        limits, hosts = self._limits(http), self._texts(http, "hosts", ("http",))
        jwt = self._jwt(self._mapping(top["jwt"], ("jwt",))) if "jwt" in top else None
        self._raise()
        return Settings(self._company, limits, hosts, jwt, sql, mcp)

    def _limits(self, node: Mapping[str, Any]) -> HttpLimits:
        names = [field.name for field in fields(HttpLimits)]
        self._check_keys(node, (*names, "hosts"), ("http",))
        usual = HttpLimits()
        found = {name: self._number(node, name, getattr(usual, name), ("http",)) for name in names}
        return HttpLimits(**found)

    def _number(self, node: Mapping[str, Any], key: str, usual: int, place: Place, least: int = 1) -> int:
        value = node.get(key, usual)
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        self._complain((*place, key), f"`{key}` is a whole number from {least} on")
        return usual

    def _texts(self, node: Mapping[str, Any], key: str, place: Place) -> tuple[str, ...]:
        value = node.get(key)
        if value is not None and not isinstance(value, list):
            self._complain((*place, key), f"`{key}` is a list: [{value}]")
        return tuple(str(item) for item in value) if isinstance(value, list) else ()

    def _jwt(self, node: Mapping[str, Any]) -> JwtSettings:
        place: Place = ("jwt",)
        self._check_keys(node, _JWT_KEYS, place)
        for key in ("issuer", "audience"):
            if not node.get(key):
                self._complain(place, f"`jwt` needs `{key}`", todo="Without it anybody's tokens are taken.")
        self._check_key_source(node)
        algorithms = self._texts(node, "algorithms", place) or ("RS256", "ES256")
        for name in algorithms:
            if name not in ALGORITHMS:
                known = ", ".join(ALGORITHMS)
                why = "Only signatures by a private key are taken."
                self._complain((*place, "algorithms"), f"{name!r} is not taken", why, f"Known: {known}.")
        accounts = self._mapping(node.get("accounts"), (*place, "accounts"))
        return JwtSettings(
            str(node.get("issuer", "")),
            self._texts(node, "audience", place),
            algorithms,
            self._number(node, "leeway", 30, place, 0),
            str(node.get("account_claim", "sub")),
            {str(claim): str(account) for claim, account in accounts.items()},
            str(node.get("role_claim", "")),
            str(node.get("scope_claim", "")),
            self._file(node, "key_file"),
            self._file(node, "jwks_file"),
            str(node.get("jwks_url", "")),
        )

    def _check_key_source(self, node: Mapping[str, Any]) -> None:
        named = [key for key in _KEY_SOURCES if node.get(key)]
        if len(named) != 1:
            todo = f"Write one of {', '.join(_KEY_SOURCES)}."
            self._complain(("jwt",), "the keys of `jwt` come from one place", todo=todo)
        url = urlsplit(str(node.get("jwks_url") or ""))
        if url.scheme not in ("", "https") and url.hostname not in _LOCAL:
            why = "Whoever stands between could put keys of his own in their place."
            self._complain(("jwt", "jwks_url"), "keys are fetched over https alone", why)
        if url.scheme not in ("", "http", "https"):
            self._complain(("jwt", "jwks_url"), f"{url.scheme!r} is no way to fetch keys")

    def _file(self, node: Mapping[str, Any], key: str) -> Path | None:
        return self._root / str(node[key]) if node.get(key) else None
