"""GET /query without the framework: plain questions, which are most, are read, answered and sent at once.

An application before another, which takes whatever this one does not read: mistakes and rarer forms. Both
answer the same to the byte (a test holds it); here a question that was read once is not read again.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.requests import Request

from plumbline.errors import PlumblineError
from plumbline.serving.http.asked import LISTS, QuestionParameters
from plumbline.serving.http.figures import Asking
from plumbline.serving.http.guard import Application, Receive, Scope, Send
from plumbline.serving.http.identity import identified
from plumbline.serving.http.served import Served
from plumbline.serving.least_used import Kept

_PATH = "/query"
_SINGLE = frozenset(("from", "to", "grain", "limit", "compare", "format"))
# Of a range and a limit, what stands for itself and needs no further check.
_RANGE = re.compile(r"(?:from|to)=[0-9][0-9QqWw-]{3,19}|limit=[0-9]{1,5}")
_KEPT = 2_048
# Characters of a question that is remembered as it was read.
_LONGEST = 2_000


class Direct:
    """Answers plain questions of GET /query itself."""

    def __init__(self, inner: Application, served: Served) -> None:
        self._inner = inner
        self._served = served
        self._read = _Readings()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a question, or hand it on."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != _PATH:
            await self._inner(scope, receive, send)
            return
        request = Request(scope, receive)
        asker = await identified(self._served.gate, request)
        asking = self._read.asking(scope["query_string"], request.headers.get("accept", ""))
        if asking is None:
            await self._inner(scope, receive, send)
            return
        scope["plumbline"].add(action=f"GET {_PATH}")
        request.state.asker = asker
        response = await asking.answered(self._served, request)
        await response(scope, receive, send)


class _Readings:
    """Questions by how they were written; of one event loop.

    Most differ from one that was read before in their range and limit alone: these are read by themselves.
    """

    def __init__(self) -> None:
        self._kept: Kept[tuple[bytes, str], tuple[Asking | None]] = Kept(_KEPT)
        self._alike: Kept[tuple[str, str], tuple[Asking | None]] = Kept(_KEPT)

    def asking(self, written: bytes, accept: str) -> Asking | None:
        """Give what is asked; None where the framework is to read it."""
        key = (written, accept)
        known = self._kept.get(key)
        if known is not None:
            return known[0]
        found = self._read(written.decode("latin-1"), accept)
        if len(written) + len(accept) <= _LONGEST:
            self._kept.put(key, (found,))
        return found

    def _read(self, written: str, accept: str) -> Asking | None:
        parts = written.split("&")
        ranged = [part for part in parts if _RANGE.fullmatch(part)]
        given = dict(part.split("=") for part in ranged)
        key = ("&".join(part for part in parts if part not in ranged), accept)
        known = self._alike.get(key)
        if known is None:
            known = (_read(*key),)
            if len(key[0]) + len(accept) <= _LONGEST:
                self._alike.put(key, known)
        (alike,) = known
        if alike is None or len(given) < len(ranged):
            return None
        asked, limit = alike.question, given.get("limit")
        if not ranged:
            return alike
        if asked.start or asked.end or asked.limit is not None:
            # A range is also written in a way that is not read here.
            return _read(written, accept)
        return alike.within(given.get("from"), given.get("to"), None if limit is None else int(limit))


def _read(written: str, accept: str) -> Asking | None:
    found: dict[str, list[str] | str] = {}
    for name, value in parse_qsl(written, keep_blank_values=True):
        if name in LISTS:
            named = found.setdefault(name, [])
            assert isinstance(named, list)
            named.append(value)
        elif name in _SINGLE and name not in found and value:
            found[name] = value
        else:
            return None
    try:
        asked = QuestionParameters.model_validate(found)
        return Asking.of(asked.question(), accept, asked.format or "")
    except (ValidationError, PlumblineError):
        return None
