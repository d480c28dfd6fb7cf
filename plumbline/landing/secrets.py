"""Placeholders in the sources file, and the way secrets stay out of every text that people see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from plumbline.errors import ConfigurationError

HIDDEN = "***"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_URL_PASSWORD = re.compile(r"(?P<start>[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s:@]*:)(?P<secret>[^\s/]*)@")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s:@]*:(?P<secret>.*)@")
_BEARER = re.compile(r"(?i)(?P<start>\b(?:bearer|basic|token)\s+)(?P<secret>[A-Za-z0-9._~+/=-]{6,})")
_NAMED = re.compile(
    r"(?i)(?P<start>\b(?:password|passwd|pwd|secret|client_secret|access_token|api_?key|token)=)(?P<secret>[^\s&;'\"]+)"
)


@dataclass
class Secrets:
    """Fill placeholders from the environment, and blot out in texts what came from there."""

    environment: Mapping[str, str]
    data: Path
    _seen: set[str] = field(default_factory=set)

    def fill(self, template: str, where: str = "") -> str:
        """Replace `{data}` and every `${NAME}`; ConfigurationError for one that is not set, or cannot be."""

        def value(match: re.Match[str]) -> str:
            name = match.group(1)
            if name not in self.environment:
                raise ConfigurationError(
                    f"the environment variable {name} is not set",
                    where=where,
                    why="the sources file takes this address or secret from the environment.",
                    todo=f"Set it before the run: export {name}=…",
                    code="missing-variable",
                )
            text = self.environment[name]
            if _CONTROL.search(text):
                raise ConfigurationError(
                    f"the environment variable {name} has a line end or another control character",
                    where=where,
                    why="no address and no secret has one; most often a file came with its last one.",
                    todo=f'Set it without: export {name}="$(cat FILE)" leaves line ends out.',
                    code="bad-variable",
                )
            self._remember(text)
            return text

        return _VARIABLE.sub(value, template).replace("{data}", str(self.data))

    def redact(self, text: str) -> str:
        """Blot out passwords in URLs, tokens, and the values that came from the environment."""
        for secret in sorted(self._seen, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return redact(text)

    def hide(self, secret: str) -> str:
        """Remember a value as secret, and give it back."""
        if len(secret) >= 4:
            self._seen.add(secret)
        return secret

    def _remember(self, text: str) -> None:
        """Keep what must not be shown: a whole value, or only the password when the value is an address."""
        match = _ADDRESS.match(text)
        if match:
            self.hide(match.group("secret"))
        elif "://" not in text:
            self.hide(text)


def redact(text: str) -> str:
    """Blot out what looks like a secret in any text: passwords in URLs, bearer tokens, `password=…`."""
    for pattern in (_URL_PASSWORD, _BEARER, _NAMED):
        text = pattern.sub(
            lambda match: match.group("start") + HIDDEN + ("@" if match.re is _URL_PASSWORD else ""), text
        )
    return text


def variables(template: str) -> list[str]:
    """Name the environment variables that a template needs."""
    return _VARIABLE.findall(template)


def has_literal_password(template: str) -> bool:
    """Tell whether a URL carries a password in clear text instead of a placeholder."""
    match = _URL_PASSWORD.search(template)
    return bool(match and match.group("secret") and not _VARIABLE.fullmatch(match.group("secret")))
