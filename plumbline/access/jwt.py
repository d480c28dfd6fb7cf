"""JSON Web Tokens of an identity provider (OpenID Connect): who signed them, for whom, for which account.

Only signatures by a private key are taken (RS256, ES256 and their like): a token that says `none`, or is
signed with HMAC by the public key as its secret, is refused before any key is looked at.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plumbline.errors import AccessError, ConfigurationError

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
# Seconds: how long fetched keys are used, how soon they are fetched again for a key that is not among them.
_FRESH, _AGAIN = 600, 30
_TIMEOUT = 5
_LARGEST = 1_000_000


@dataclass(frozen=True)
class JwtSettings:
    """Whose tokens are taken; keys come from one of `key_file` (PEM), `jwks_file`, `jwks_url`.

    The account is what `account_claim` says, or what `accounts` makes of it; `role_claim`, where it is set,
    names the role, which must be one of the account's.
    """

    issuer: str
    audience: tuple[str, ...]
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    leeway: int = 30
    account_claim: str = "sub"
    accounts: Mapping[str, str] = field(default_factory=dict)
    role_claim: str = ""
    scope_claim: str = ""
    key_file: Path | None = None
    jwks_file: Path | None = None
    jwks_url: str = ""


@dataclass(frozen=True)
class Identity:
    """What a token says: the account, the role ('': any of the account), the scopes (None: all)."""

    account: str
    role: str = ""
    scopes: frozenset[str] | None = None


class Verifier:
    """Checks tokens by the provider's keys.

    Keys of a file are read again when it is another, keys of a URL when they are old.
    """

    def __init__(
        self,
        settings: JwtSettings,
        fetch: Callable[[str], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._fetch = fetch or _fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, Any] = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._file = settings.key_file or settings.jwks_file
        self._stamp: object = None

    def prepare(self) -> None:
        """Read the keys, so that a mistake shows when the server starts."""
        with self._lock:
            self._read()

    def check(self, text: str) -> Identity:
        """Give whom a token means; AccessError for one that is forged, expired or for somebody else."""
        import jwt

        settings = self._settings
        try:
            header = jwt.get_unverified_header(text)
            algorithm = header.get("alg")
            if algorithm not in settings.algorithms:
                raise _refused("the token is signed in a way that is not taken")
            claims = jwt.decode(
                text,
                self._key(header.get("kid"), str(algorithm)),
                algorithms=[str(algorithm)],
                issuer=settings.issuer,
                audience=list(settings.audience),
                leeway=settings.leeway,
                options={"require": ["exp", "iss", "aud", settings.account_claim]},
            )
        except jwt.ExpiredSignatureError:
            raise _refused("the token is expired", "expired-token") from None
        except (jwt.PyJWTError, ValueError, TypeError):
            raise _refused("the token is not one of the provider that is set") from None
        return self._identity(claims)

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        settings = self._settings
        named = claims.get(settings.account_claim)
        account = settings.accounts.get(str(named), "" if settings.accounts else str(named))
        if not isinstance(named, str) or not account:
            raise _refused("the token is of somebody who has no account here", "unknown-account")
        role = claims.get(settings.role_claim) if settings.role_claim else None
        return Identity(account, role if isinstance(role, str) else "", self._scopes(claims))

    def _scopes(self, claims: Mapping[str, Any]) -> frozenset[str] | None:
        if not self._settings.scope_claim:
            return None
        told = claims.get(self._settings.scope_claim) or ""
        return frozenset(told.split() if isinstance(told, str) else map(str, told))

    def _key(self, number: object, algorithm: str) -> Any:
        """Give the key that a token names; keys are read again where it is not known."""
        with self._lock:
            if self._read_at is None or self._should_fetch(number):
                self._read()
            found = self._find(number)
        if found is None:
            raise _refused("the token is signed with a key that is not known")
        if getattr(found, "algorithm_name", algorithm) != algorithm:
            raise _refused("the token is signed in another way than its key is for")
        return getattr(found, "key", found)

    def _should_fetch(self, number: object) -> bool:
        """Tell whether a file is another, or keys of a URL are old, or lack one.

        Nobody makes us ask the provider all the time.
        """
        if self._file:
            return _stamp(self._file) != self._stamp
        if not self._is_older(self._tried_at, _AGAIN):
            return False
        return self._is_older(self._read_at, _FRESH) or self._find(number) is None

    def _find(self, number: object) -> Any:
        if number is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get("") or self._keys.get(str(number))

    def _is_older(self, at: float | None, seconds: float) -> bool:
        return at is None or self._clock() - at > seconds

    def _read(self) -> None:
        """Read the keys; where they cannot be read again, those that are known are kept."""
        self._tried_at = self._clock()
        # Taken before the file is read: what is written meanwhile is read next time.
        stamp = _stamp(self._file) if self._file else None
        try:
            self._keys = self._there()
        except ConfigurationError:
            if not self._keys:
                raise
            return
        self._stamp = stamp
        self._read_at = self._clock()

    def _there(self) -> dict[str, Any]:
        """Give the keys that there are now."""
        settings = self._settings
        if settings.key_file:
            return {"": _public_key(settings.key_file)}
        if settings.jwks_file:
            return _key_set(_text_of(settings.jwks_file), str(settings.jwks_file))
        try:
            return _key_set(self._fetch(settings.jwks_url), settings.jwks_url)
        except OSError as error:
            raise _no_keys(settings.jwks_url, str(error)) from None


def _stamp(path: Path) -> object:
    """Give what differs when a file is another; None where it cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _key_set(text: str, where: str) -> dict[str, Any]:
    """Give the public keys of a JSON Web Key Set by their number; secrets of HMAC are not taken."""
    import jwt

    try:
        keys = [key for key in json.loads(text)["keys"] if key.get("kty") in ("RSA", "EC", "OKP")]
        read = [(key.get("kid"), jwt.PyJWK(key)) for key in keys if key.get("use", "sig") == "sig"]
    except (ValueError, LookupError, TypeError, AttributeError, jwt.PyJWTError) as error:
        raise _no_keys(where, str(error)) from None
    if not read:
        raise _no_keys(where, "It holds no public key for signatures.")
    return {str(number) if number else str(index): key for index, (number, key) in enumerate(read)}


def _public_key(path: Path) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return load_pem_public_key(_text_of(path).encode())
    except ValueError as error:
        raise _no_keys(str(path), str(error).partition(".")[0]) from None


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _no_keys(str(path), str(error)) from None


def _fetch(url: str) -> str:
    """Read a small text from a URL; a longer one is cut, and then cannot be read."""
    from urllib.request import urlopen

    with urlopen(url, timeout=_TIMEOUT) as answer:
        content: bytes = answer.read(_LARGEST)
    return content.decode()


def _no_keys(where: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        "the keys of the identity provider cannot be read",
        where=where,
        why=why,
        todo="Name a PEM file with its public key, or its JWKS.",
        code="no-jwt-keys",
    )


def _refused(what: str, code: str = "bad-token") -> AccessError:
    return AccessError(what, todo="Log in again at the identity provider.", code=code)
