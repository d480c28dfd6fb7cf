"""/targets, /alerts, /quality, /audit: what figures should be, and what vouches for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from plumbline.access.policy import EVIDENCE
from plumbline.errors import AccessError, PlumblineError
from plumbline.serving.desk import Visit
from plumbline.serving.http.asked import AlertsAsked, FigureAsked, Page, TargetsAsked
from plumbline.serving.http.catalogue import Named
from plumbline.serving.http.identity import Asker
from plumbline.serving.http.served import Auditor, Served, lookout, require_evidence, written
from plumbline.serving.http.strict import only


def add_evidence(router: APIRouter, served: Served, described: Mapping[str, Any]) -> None:
    """Add the routes."""

    @router.get("/targets", summary="List targets and how far they were reached", **described["targets"])
    async def targets(request: Request, asked: Annotated[TargetsAsked, Query()]) -> Response:
        def work(visit: Visit) -> Any:
            metric = visit.words.metric(asked.metric) if asked.metric else ""
            found = lookout(visit).targets(metric, asked.grain or "", asked.on)
            return served.listed(visit, "targets", found, asked.offset, asked.limit)

        return await served.reply(request, repr(asked), work)

    @router.get("/alerts", summary="List what asks for attention", **described["alerts"])
    async def alerts(request: Request, asked: Annotated[AlertsAsked, Query()]) -> Response:
        def work(visit: Visit) -> Any:
            found = [alert for alert in lookout(visit).alerts() if asked.kind in (None, alert["kind"])]
            return served.listed(visit, "alerts", found, asked.offset, asked.limit)

        return await served.reply(request, repr(asked), work)

    @router.get(
        "/quality",
        summary="Tell which figures are not certified, and why",
        dependencies=[Depends(only())],
        **described["quality"],
    )
    async def quality(request: Request) -> Response:
        asker: Asker = request.state.asker

        def work(visit: Visit) -> Any:
            checks = lookout(visit).checks() if _sees_evidence(visit, asker) else None
            verdicts = lookout(visit).verdicts()
            told = {"verdicts": verdicts, "checks": checks}
            return written({**served.envelope(visit), **told}, rows=len(verdicts))

        scopes = sorted(asker.principal.scopes) if asker.principal else []
        return await served.reply(request, repr(scopes), work)

    @router.get(
        "/audit/publications",
        summary="List what the ledger says of publications",
        **described["publications"],
    )
    async def publications(request: Request, asked: Annotated[Page, Query()]) -> Response:
        def work(visit: Visit) -> Any:
            found = _auditor(served).publications()
            return served.listed(visit, "publications", found, asked.offset, asked.limit)

        return await served.reply(request, repr(asked), work, scope=EVIDENCE, keep=False)

    @router.get("/audit/{name}", summary="Take one published figure apart", **described["audit"])
    async def audit(request: Request, name: Named, asked: Annotated[FigureAsked, Query()]) -> Response:
        def work(visit: Visit) -> Any:
            return written({**served.envelope(visit), "explanation": _explained(served, visit, name, asked)})

        names = ((name,), tuple(_pairs(asked.by)))
        return await served.reply(request, repr((name, asked)), work, scope=EVIDENCE, names=names)


def _explained(served: Served, visit: Visit, name: str, asked: FigureAsked) -> Mapping[str, Any]:
    """Explain a figure that the role sees."""
    metric = visit.words.metric(name)
    pairs = _pairs(asked.by)
    named = {visit.words.group_by(dimension, [metric]).column: member for dimension, member in pairs.items()}
    _require_seen(visit, metric)
    return _auditor(served).explain(
        metric,
        period=asked.period,
        by=tuple(named.items()),
        grain=asked.grain or "",
        publication=asked.publication,
    )


def _require_seen(visit: Visit, metric: str) -> None:
    """Refuse what would tell of rows, or of small groups, that the role does not see."""
    sight = visit.words.sight
    if (sight.is_limited and metric not in sight.company_wide) or metric in sight.small_groups:
        raise AccessError(
            f"role {visit.role!r} does not see how this figure came about",
            why="Its evidence tells of rows, or of persons, that the role does not see.",
            code="not-in-role",
        )


def _sees_evidence(visit: Visit, asker: Asker) -> bool:
    try:
        asker.require(EVIDENCE)
        require_evidence(visit)
    except AccessError:
        return False
    return not visit.words.sight.is_limited


def _auditor(served: Served) -> Auditor:
    if served.auditor is None:
        raise PlumblineError("evidence is not served here", code="no-evidence")
    return served.auditor


def _pairs(texts: list[str]) -> dict[str, str]:
    """Read `dimension=member`; a text without a sign names a member that no dimension has."""
    found = (text.partition("=") for text in texts)
    return {name.strip(): member.strip() for name, _, member in found}
