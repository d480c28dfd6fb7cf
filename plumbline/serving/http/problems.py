"""Errors as RFC 9457 tells them: `application/problem+json` with what, where, why, what to do, and a code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from plumbline.errors import (
    AccessError,
    ConfigurationError,
    DefinitionError,
    LimitError,
    LockedError,
    PlumblineError,
    StorageError,
    UsageError,
)
from plumbline.serving.reworded import Words, reworded

PROBLEM = "application/problem+json"
_STATUS: Mapping[str, int] = {
    "no-token": 401,
    "bad-token": 401,
    "expired-token": 401,
    "revoked-token": 401,
    "unknown-account": 401,
    "query-timeout": 504,
    "query-cancelled": 499,
    "too-many-rows": 422,
    "answer-too-large": 422,
    "busy": 503,
    "bad-host": 421,
    "url-too-long": 414,
    "body-too-large": 413,
    "slow-body": 408,
    "unsupported-media-type": 415,
    "not-acceptable": 406,
    "unknown-path": 404,
    "method-not-allowed": 405,
    "cross-site": 403,
}
_KINDS: tuple[tuple[type[PlumblineError], int], ...] = (
    (AccessError, 403),
    (UsageError, 422),
    (DefinitionError, 422),
    (LimitError, 422),
    (LockedError, 503),
    (StorageError, 503),
    (ConfigurationError, 500),
)
_IN_HTTP: Words = (
    (re.compile(r"`plumb list (metrics|dimensions)`"), r"`GET /\1`"),
    (re.compile(r"`plumb list values ([^`]*)`"), r"`GET /dimensions/\1/values`"),
    (re.compile(r"`plumb show ([^`]*)`"), r"`GET /metrics/\1`"),
    (re.compile(r"`plumb status`"), "`GET /quality`"),
    (re.compile(r"--order="), "order="),
    (re.compile(r"--(grain|by) (\w+)(?=[,.;]|$)"), r"\1=\2"),
    (re.compile(r"--(from|to|by|where|grain|order|limit|compare|period|publication)\b"), r"\1"),
)
# What a path names and nobody knows.
_UNKNOWN = ("unknown-metric", "unknown-dimension")


def status_of(error: PlumblineError, *, in_path: bool = False) -> int:
    """Give the status of an error; `in_path`: an unknown name stood in the path."""
    if in_path and error.code in _UNKNOWN:
        return 404
    found = _STATUS.get(error.code)
    return found or next((status for kind, status in _KINDS if isinstance(error, kind)), 500)


def problem(error: PlumblineError, status: int, request_id: str = "") -> dict[str, Any]:
    """Give the members of a problem; those without a text are left out."""
    told = {name: getattr(error, name) for name in ("what", "where", "why", "todo")}
    parts = {name: reworded(text, _IN_HTTP) for name, text in told.items()} | {"code": error.code}
    # What only the operator can mend is told to the operator, in the log.
    if status >= 500 and not isinstance(error, LimitError):
        parts["where"] = ""
        parts["why"] = "" if isinstance(error, ConfigurationError) else parts["why"]
    content: dict[str, Any] = {
        "type": f"urn:plumbline:error:{error.code}",
        "title": _title(status),
        "status": status,
        "detail": parts["what"],
        **{name: text for name, text in parts.items() if text},
    }
    return content | ({"instance": f"urn:plumbline:request:{request_id}"} if request_id else {})


def problem_bytes(error: PlumblineError, status: int, request_id: str = "") -> bytes:
    """Write a problem."""
    return json.dumps(problem(error, status, request_id), ensure_ascii=False).encode()


def headers_of(error: PlumblineError, status: int) -> dict[str, str]:
    """Give the headers that belong to a status: how to identify oneself, when to ask again."""
    if status == 401:
        told = "" if error.code == "no-token" else ', error="invalid_token"'
        return {"www-authenticate": f'Bearer realm="plumbline"{told}'}
    return {"retry-after": "1"} if status == 503 else {}


def unexpected() -> PlumblineError:
    """Say that something went wrong that is nobody's question's fault."""
    return PlumblineError(
        "this is a mistake of the server", todo="Its log says more; tell whoever runs it.", code="internal"
    )


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request"
