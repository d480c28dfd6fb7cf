"""GET /query without the framework: plain questions, which are most, are read, answered and sent at once.

An application before another, which takes whatever this one does not read: mistakes and rarer forms. Both
answer the same to the byte (a test holds it); here a question that was read once is not read again.
"""

from __future__ import annotations

from collections import OrderedDict
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.requests import Request

from plumbline.errors import PlumblineError
from plumbline.serving.http.asked import QuestionParameters
from plumbline.serving.http.figures import Asking
from plumbline.serving.http.guard import Application, Receive, Scope, Send
from plumbline.serving.http.identity import identified
from plumbline.serving.http.served import Served

_PATH = "/query"
_LISTS = frozenset(("metrics", "by", "where", "order"))
_SINGLE = frozenset(("from", "to", "grain", "limit", "compare", "format"))
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
    """Questions by how they were written, the least used ones forgotten first; of one event loop."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[bytes, str], Asking | None] = OrderedDict()

    def asking(self, written: bytes, accept: str) -> Asking | None:
        """Give what is asked; None where the framework is to read it."""
        key = (written, accept)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        found = _read(written, accept)
        if len(written) + len(accept) <= _LONGEST:
            self._kept[key] = found
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found


def _read(written: bytes, accept: str) -> Asking | None:
    found: dict[str, list[str] | str] = {}
    for name, value in parse_qsl(written.decode("latin-1"), keep_blank_values=True):
        if name in _LISTS:
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
