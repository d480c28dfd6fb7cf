"""An HTTP session that waits and tries again, and that talks to known hosts only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import NewConnectionError

from plumbline.errors import SourceDown, SourceUnavailable
from plumbline.landing.outcomes import Refused

_LONGEST_WAIT = 300.0
_FIRST_WAIT = 0.5
TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_NO_ANSWER = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
)


class PatientSession(requests.Session):
    """Sends each request up to `attempts` times: again after 429 (when Retry-After says) and after 5xx.

    Raises SourceUnavailable when the last attempt fails too, SourceDown when it found no host to talk to,
    Refused when an answer leads to another host: the credentials of this API are not for others.
    """

    def __init__(
        self, attempts: int, timeout: float, addresses: Iterable[str], wait: Callable[[float], None]
    ) -> None:
        super().__init__()
        self._attempts = attempts
        self._timeout = timeout
        self._origins = {_origin(address) for address in addresses}
        self._wait = wait

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send, and wait and send again where that may help."""
        url = str(request.url)
        if _origin(url) not in self._origins:
            raise Refused(
                f"the API leads to another address ({_origin(url)})",
                file=urlsplit(url).path,
                todo="If that is right, put it into base_url.",
            )
        kwargs["timeout"] = self._timeout
        trouble, is_down = "", False
        for attempt in range(1, self._attempts + 1):
            response = None
            try:
                response = super().send(request, **kwargs)
            except _NO_ANSWER as error:
                trouble, is_down = _short(error), _is_down(error)
            except ValueError:
                raise _cannot_be_sent(url) from None  # its words have the token
            else:
                is_down = False
                if response.status_code not in TRY_AGAIN:
                    return response
                trouble = f"it answers {response.status_code} {response.reason or ''}".rstrip()
            if attempt < self._attempts:
                self._wait(_pause(response, attempt))
        raise (SourceDown if is_down else SourceUnavailable)(
            "the API does not answer",
            where=_origin(url) if is_down else f"{_origin(url)}{urlsplit(url).path}",
            why=f"{trouble}; tried {self._attempts} times.",
            todo="The next run tries again.",
        )


def _cannot_be_sent(url: str) -> SourceUnavailable:
    return SourceUnavailable(
        "the request cannot be sent",
        where=_origin(url),
        why="The address, or a header, has characters that may not be there.",
        todo="Check base_url and headers in the sources file, and the token: all are plain ASCII.",
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or {'http': 80, 'https': 443}.get(parts.scheme)}"


def _pause(response: requests.Response | None, attempt: int) -> float:
    """Seconds to wait: what Retry-After says (seconds or a date), else twice as long each time."""
    told = _retry_after(response.headers.get("Retry-After", "")) if response is not None else None
    backoff = _FIRST_WAIT * 2 ** (attempt - 1)
    return min(_LONGEST_WAIT, backoff if told is None else told)


def _retry_after(text: str) -> float | None:
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _is_down(error: Exception) -> bool:
    """Tell whether no connection came about at all: another endpoint would fare no better."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)


def _short(error: Exception) -> str:
    text = str(error)
    signs = (
        ("refused", "the connection is refused"),
        ("timed out", "no answer in time"),
        ("certificate", "its TLS certificate is not accepted"),
        ("ssl", "no TLS connection comes about; perhaps the address is one of http"),
    )
    for sign, words in signs:
        if sign in text.lower():
            return words
    if "resolve" in text or "Name or service" in text:
        return "the host name is not known"
    return type(error).__name__
