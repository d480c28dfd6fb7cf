"""What all routes share: who asks, the generation that answers, and how an answer goes out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from plumbline.access.policy import EVIDENCE, QUERY
from plumbline.errors import AccessError, PlumblineError
from plumbline.publication import Publication
from plumbline.serving.at_once import NotAtOnce
from plumbline.serving.desk import Desk, Visit
from plumbline.serving.http.answers import MEDIA, Written, exact_json
from plumbline.serving.http.identity import Asker, Gate
from plumbline.serving.http.kept import Kept, Ready, is_any, is_known, tag_of
from plumbline.serving.http.work import Job, Workers
from plumbline.serving.least_used import KeptOf
from plumbline.serving.lookout import Lookout
from plumbline.serving.settings import HttpLimits

if TYPE_CHECKING:
    from plumbline.serving.http.guard import Told

_VARY = "Accept, Authorization, Plumbline-Role"
Work = Callable[[Visit], Written]
Named = tuple[Sequence[str], Sequence[str]]
# How many names of one request stand in the log, and of how many questions they are known.
_LOGGED, _NAMES = 50, 2_048


class Auditor(Protocol):
    """Takes a published figure apart; stands above this layer, so it is handed in."""

    def explain(
        self,
        metric: str,
        *,
        period: str,
        by: tuple[tuple[str, str], ...],
        grain: str,
        publication: str,
    ) -> Mapping[str, Any]:
        """Give everything that can be said of one published figure."""

    def publications(self) -> list[dict[str, Any]]:
        """Give what the ledger says of each publication, the newest first."""


@dataclass
class _Asked:
    """A request: who sent it, and what is to be done."""

    request: Request
    told: Told
    asker: Asker
    key: str
    work: Work
    scope: str
    keep: bool
    names: Named
    _tag: tuple[str, str] = ("", "")

    @property
    def known(self) -> str:
        """What the client says that it has."""
        return self.request.headers.get("if-none-match", "")

    def tag(self, visit: Visit) -> str:
        """Give the tag of the answer, which is worked out once for a generation."""
        of = visit.etag
        if self._tag[0] != of:
            self._tag = of, tag_of(of, visit.role, self.request.scope["path"], self.key)
        return self._tag[1]


@dataclass(frozen=True)
class Served:
    """One company, as it is served over HTTP."""

    company: str
    desk: Desk
    gate: Gate
    limits: HttpLimits
    workers: Workers
    kept: Kept
    auditor: Auditor | None = None
    names: KeptOf[Hashable, Mapping[str, Any]] = field(default_factory=lambda: KeptOf(_NAMES))

    async def reply(
        self,
        request: Request,
        key: str,
        work: Work,
        *,
        scope: str = QUERY,
        keep: bool = True,
        names: Named = ((), ()),
        at_once: bool = False,
    ) -> Response:
        """Answer by some work on one generation; `key` tells what is asked from all else at this address.

        `names` are metrics and dimensions in the words of who asks, for the log. `at_once`: what is in memory
        is answered without a thread.
        """
        asker: Asker = request.state.asker
        told: Told = request.scope["plumbline"]
        asker.require(scope)
        asked = _Asked(request, told, asker, key, work, scope, keep, names)
        if keep and scope == QUERY and (found := self._from_memory(asked, at_once)):
            return found

        def worked(job: Job) -> Response:
            with self.desk.visit(asker.principal) as visit:
                job.holds(visit)
                try:
                    return self._answered(asked, visit)
                finally:
                    job.done()

        return await self.workers.run(request, worked, self.limits.seconds)

    def _from_memory(self, asked: _Asked, at_once: bool) -> Response | None:
        """Give what is kept, or else do the work `at_once`; None where it has to wait for something."""
        visit = self.desk.visit_at_once(asked.asker.principal)
        if visit is None:
            return None
        tag = asked.tag(visit)
        if (ready := self.kept.get(tag, visit.edition)) is not None:
            return _known_answer(asked, ready, tag)
        if not at_once:
            return None
        try:
            return self._worked(asked, visit, tag)
        except NotAtOnce:
            return None

    def _answered(self, asked: _Asked, visit: Visit) -> Response:
        """Give what is kept, or what the client has already; or do the work."""
        if asked.scope == EVIDENCE:
            require_evidence(visit)
        tag = asked.tag(visit)
        if (ready := self.kept.get(tag, visit.edition)) is not None:
            return _known_answer(asked, ready, tag)
        return self._worked(asked, visit, tag)

    def _worked(self, asked: _Asked, visit: Visit, tag: str) -> Response:
        """Do the work, unless the client has the answer already."""
        known = self._names_in(visit, asked.names)
        asked.told.add(publication=visit.publication.publication_id, **known)
        if is_known(tag, asked.known):
            asked.told.add(cached=True)
            return _not_modified(tag)
        written = asked.work(visit)
        # Only now it is sure that there is an answer.
        if is_any(asked.known):
            asked.told.add(cached=False)
            return _not_modified(tag)
        asked.told.add(cached=False, rows=written.rows)
        named = {**_headers(tag), **publication_headers(visit.publication), **written.headers}
        if written.pieces:
            return InPieces(written.pieces, named, written.media)
        response = Response(written.content, headers=named, media_type=written.media)
        if asked.keep:
            told = {"publication": visit.publication.publication_id, **known, "rows": written.rows}
            self.kept.keep(tag, Ready(response, told), visit.edition)
        return response

    def _names_in(self, visit: Visit, names: Named) -> Mapping[str, Any]:
        """Give the names in the definitions that a question's words mean, looked up once."""
        key = (visit.role, *map(tuple, names))
        known = self.names.get(visit.edition, key)
        if known is None:
            known = known_names(visit, *names)
            self.names.put(visit.edition, key, known)
        return known

    def envelope(self, visit: Visit) -> dict[str, Any]:
        """Say which publication answers, as of which day, and for whom."""
        publication = visit.publication
        return {
            "company": self.company,
            "publication": {
                "id": publication.publication_id,
                "generation": publication.generation,
                "published_at": publication.published_at,
                "verdict": publication.verdict,
            },
            "as_of": publication.as_of,
            "role": visit.role or None,
        }

    def listed(self, visit: Visit, name: str, entries: list[Any], offset: int, limit: int) -> Written:
        """Write one page of a list."""
        page = entries[offset : offset + limit]
        following = offset + limit if offset + limit < len(entries) else None
        told = {"total": len(entries), "offset": offset, "next_offset": following, name: page}
        return written({**self.envelope(visit), **told}, rows=len(page))


def _known_answer(asked: _Asked, ready: Ready, tag: str) -> Response:
    """Give an answer that is kept, or say that the client has it already."""
    asked.told.add(cached=True, **ready.told)
    if is_any(asked.known) or is_known(tag, asked.known):
        asked.told.add(rows=None)
        return _not_modified(tag)
    return ready.response


def _not_modified(tag: str) -> Response:
    return Response(status_code=304, headers=_headers(tag))


def _headers(tag: str) -> dict[str, str]:
    return {"etag": f'"{tag}"', "vary": _VARY, "cache-control": "private, no-cache"}


class InPieces(Response):
    """Sends pieces one after another, each as it is, as fast as the client takes them."""

    def __init__(
        self, pieces: Sequence[bytes | memoryview], headers: Mapping[str, str], media_type: str
    ) -> None:
        size = sum(map(len, pieces))
        super().__init__(headers={**headers, "content-length": str(size)}, media_type=media_type)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})


def written(content: Mapping[str, Any], rows: int | None = None) -> Written:
    """Write an answer that is one JSON object."""
    return Written(exact_json(content).encode(), MEDIA["json"], rows=rows)


def publication_headers(publication: Publication) -> dict[str, str]:
    """Say in headers which publication answers."""
    return {
        "plumbline-publication": publication.publication_id,
        "plumbline-as-of": publication.as_of.isoformat(),
    }


def known_names(visit: Visit, metrics: Sequence[str], dimensions: Sequence[str]) -> dict[str, Any]:
    """Give the names in the definitions that words mean; the log keeps no word that is none of them."""
    found, split = [], []
    for text in metrics[:_LOGGED]:
        with suppress(PlumblineError):
            found.append(visit.words.metric(text))
    for text in dimensions[:_LOGGED]:
        with suppress(PlumblineError):
            split.append(visit.words.group_by(text, found).column)
    return {"metrics": tuple(found), "dimensions": tuple(split)}


def lookout(visit: Visit) -> Lookout:
    """Look at what stands beside figures, as who asks."""
    words = visit.words
    return Lookout(visit.source.connection, visit.publication.as_of, words.definitions, words.sight)


def require_evidence(visit: Visit) -> None:
    """Raise AccessError where the role may not see how figures came about."""
    role = visit.words.sight.role
    if role and not role.evidence:
        raise AccessError(
            f"role {role.name!r} does not see evidence",
            todo="The policy gives it to roles with `evidence: true`.",
            code="not-in-role",
        )


def day(text: str | None) -> date | None:
    """Read a day that was checked by its pattern."""
    return date.fromisoformat(text) if text else None
