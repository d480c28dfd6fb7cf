"""API tokens: what a program shows to say for whom it asks.

A token is `plumb_<id>_<secret>`: the id is public, the secret has 256 random bits. Kept is the secret's
SHA-256 alone (a random secret needs no slow hash), in `<home>/access/tokens.json`, readable by the owner
only. The file is read anew when it changes, so that a revoked token ends at once, without a restart.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from plumbline.errors import AccessError, StorageError, UsageError, did_you_mean
from plumbline.project import Home
from plumbline.replacing import settle, temporary

PREFIX = "plumb"
_TOKEN = re.compile(rf"{PREFIX}_([0-9a-f]{{12}})_([A-Za-z0-9_-]{{43}})")
_LIFETIME = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LONGEST = timedelta(days=3660)
# Seconds between two notes of when a token was last used.
_NOTED = 60
_NOBODY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Token:
    """What is kept of a token; `role` is the only one that it may act in ('': each of the account)."""

    id: str
    account: str
    role: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    sha256: str
    note: str = ""

    def state(self, now: datetime) -> str:
        """Say whether it is valid, expired or revoked."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= now else "valid"

    def as_json(self) -> dict[str, Any]:
        """Give what the file keeps."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Token:
        """Read what `as_json` wrote."""
        return cls(
            id=str(record["id"]),
            account=str(record["account"]),
            role=str(record["role"]),
            scopes=tuple(record["scopes"]),
            created_at=datetime.fromisoformat(record["created_at"]),
            expires_at=_time(record["expires_at"]),
            revoked_at=_time(record["revoked_at"]),
            sha256=str(record["sha256"]),
            note=str(record.get("note", "")),
        )


class Tokens:
    """The tokens of one company; safe to use from several threads and processes."""

    def __init__(self, home: Home) -> None:
        self._path = home.root / "access" / "tokens.json"
        self._used = self._path.with_name("last-used.json")
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._known: dict[str, Token] = {}
        self._noted: dict[str, datetime] = {}

    def create(
        self,
        account: str,
        *,
        role: str = "",
        scopes: tuple[str, ...],
        lifetime: timedelta | None,
        note: str = "",
        now: datetime | None = None,
    ) -> tuple[Token, str]:
        """Make a token and keep its digest; the second of the pair is its text, which is kept nowhere."""
        begun = now or _now()
        number, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        ends = begun + lifetime if lifetime else None
        token = Token(number, account, role, scopes, begun, ends, None, _digest(secret), note)
        with self._writing() as kept:
            kept[number] = token
        return token, f"{PREFIX}_{number}_{secret}"

    def all(self) -> list[Token]:
        """Give all tokens, the oldest first; the revoked and expired are among them."""
        return sorted(self._read().values(), key=lambda token: token.created_at)

    def revoke(self, text: str, now: datetime | None = None) -> Token:
        """End a token, named by its id or as a whole; UsageError where there is none such."""
        match = _TOKEN.fullmatch(text)
        number = match[1] if match else text
        with self._writing() as kept:
            if number not in kept:
                todo = did_you_mean(number, list(kept)) or "`plumb token list` names them all."
                raise UsageError(f"there is no token {number!r}", todo=todo, code="unknown-token")
            token = kept[number]
            kept[number] = token = replace(token, revoked_at=token.revoked_at or now or _now())
        return token

    def check(self, text: str, now: datetime | None = None) -> Token:
        """Give the token that a text is; AccessError for what is none, or is not valid any more."""
        at = now or _now()
        match = _TOKEN.fullmatch(text)
        found = self._read().get(match[1]) if match else None
        digest = _digest(match[2] if match else text)
        # Compared even where there is no such token: the time taken tells nothing.
        same = hmac.compare_digest(digest, found.sha256 if found else _NOBODY)
        if found is None or not same:
            raise _refused("the token is not known", "bad-token")
        state = found.state(at)
        if state != "valid":
            raise _refused(f"the token is {state}", "revoked-token" if found.revoked_at else "expired-token")
        self._note(found.id, at)
        return found

    def any_valid(self, now: datetime | None = None) -> bool:
        """Tell whether a token would be taken."""
        at = now or _now()
        return any(token.state(at) == "valid" for token in self._read().values())

    def last_used(self) -> dict[str, datetime]:
        """Tell when each token was last used, to the minute."""
        try:
            content = json.loads(self._used.read_text(encoding="utf-8"))
            return {number: datetime.fromisoformat(text) for number, text in content.items()}
        except (FileNotFoundError, ValueError, AttributeError):
            return {}

    def _note(self, number: str, at: datetime) -> None:
        """Keep when a token was used, once a minute; where the disk does not take it, nobody waits for it."""
        with self._lock:
            before = self._noted.get(number)
            if before and (at - before).total_seconds() < _NOTED:
                return
            self._noted[number] = at
            content = {name: time.isoformat() for name, time in (self.last_used() | self._noted).items()}
            with suppress(OSError):
                _write(self._used, content)

    def _read(self) -> dict[str, Token]:
        """Read the file where it is not the one that was read before."""
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return {}
        seen = (status.st_ino, status.st_size, status.st_mtime_ns)
        if seen != self._seen:
            self._known, self._seen = self._parsed(), seen
        return self._known

    def _parsed(self) -> dict[str, Token]:
        try:
            records = json.loads(self._path.read_text(encoding="utf-8"))["tokens"]
            return {record["id"]: Token.from_json(record) for record in records}
        except (ValueError, LookupError, TypeError) as error:
            raise StorageError(
                "the file of tokens cannot be read",
                where=str(self._path),
                why=str(error),
                todo="Take it from a back-up, or move it away and create the tokens anew.",
                code="damaged-tokens",
            ) from None

    @contextmanager
    def _writing(self) -> Iterator[dict[str, Token]]:
        """Change the tokens while nobody else does."""
        directory = self._path.parent
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.chmod(directory, 0o700)
        with open(directory / "lock", "a", encoding="utf-8") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            kept = self._parsed() if self._path.exists() else {}
            yield kept
            _write(self._path, {"tokens": [token.as_json() for token in kept.values()]})


def lifetime_of(text: str) -> timedelta | None:
    """Read how long a token lives: 12h, 90d, 26w; `never` gives None."""
    if text == "never":
        return None
    match = _LIFETIME.fullmatch(text)
    span = int(match[1]) * _UNITS[match[2]] if match else None
    if span is None or span > _LONGEST:
        raise UsageError(
            f"{text!r} is no time that a token can live",
            todo="Write 12h, 90d or 26w; ten years at most, or never.",
            code="bad-lifetime",
        )
    return span


def _write(path: Path, content: object) -> None:
    """Write a file that only its owner can read, in place of the one that is there."""
    written = temporary(path)
    written.unlink(missing_ok=True)
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as handle:
        handle.write(json.dumps(content, indent=1) + "\n")
    settle(written, path)


def _refused(what: str, code: str) -> AccessError:
    todo = "Ask whoever runs the server for a new one: `plumb token create` makes it."
    return AccessError(what, todo=todo, code=code)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
