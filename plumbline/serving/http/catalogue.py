"""/metrics, /dimensions, /tree: what there is to ask for, and what it means."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from plumbline.definitions import Governance
from plumbline.serving.desk import Limits, Visit
from plumbline.serving.http.asked import DimensionsAsked, MetricsAsked, TreeAsked, ValuesAsked
from plumbline.serving.http.served import Served, lookout, written
from plumbline.serving.http.strict import only
from plumbline.serving.library import of_domain

Named = Annotated[str, Path(max_length=200, description="Name, label or synonym.", examples=["net_sales"])]
_SEARCHED = ("name", "label", "label_zh", "domain")


def add_catalogue(router: APIRouter, served: Served, described: Mapping[str, Any]) -> None:
    """Add the routes."""

    @router.get("/metrics", summary="List and search the metrics", **described["metrics"])
    async def metrics(request: Request, asked: Annotated[MetricsAsked, Query()]) -> Response:
        def work(visit: Visit) -> Any:
            entries = _found(visit, asked)
            return served.listed(visit, "metrics", entries, asked.offset, asked.limit)

        return await served.reply(request, repr(asked), work)

    @router.get(
        "/metrics/{name}",
        summary="Tell what a metric means",
        dependencies=[Depends(only())],
        **described["metric"],
    )
    async def metric(request: Request, name: Named) -> Response:
        def work(visit: Visit) -> Any:
            return written({**served.envelope(visit), "metric": visit.show(name)})

        return await served.reply(request, name, work, names=((name,), ()))

    @router.get("/dimensions", summary="List what figures can be split by", **described["dimensions"])
    async def dimensions(request: Request, asked: Annotated[DimensionsAsked, Query()]) -> Response:
        def work(visit: Visit) -> Any:
            return written({**served.envelope(visit), "dimensions": visit.dimensions(asked.metrics)})

        return await served.reply(request, repr(asked), work)

    @router.get("/dimensions/{name}/values", summary="List the members of a dimension", **described["values"])
    async def values(request: Request, name: Named, asked: Annotated[ValuesAsked, Query()]) -> Response:
        def work(visit: Visit) -> Any:
            return _members(served, visit, name, asked)

        return await served.reply(request, repr((name, asked)), work, names=(asked.metrics, (name,)))

    @router.get("/tree", summary="Show what metrics are made of", **described["tree"])
    async def tree(request: Request, asked: Annotated[TreeAsked, Query()]) -> Response:
        def work(visit: Visit) -> Any:
            name = visit.words.metric(asked.metric) if asked.metric else ""
            nodes = lookout(visit).tree(name)
            return written({**served.envelope(visit), "nodes": nodes}, rows=len(nodes))

        return await served.reply(request, repr(asked), work)


def _found(visit: Visit, asked: MetricsAsked) -> list[dict[str, Any]]:
    """Give the metrics that are asked for; every word must stand somewhere in the entry."""
    words = _folded(asked.search).split()
    return [
        entry
        for entry in of_domain(visit.metrics(), asked.domain)
        if (not asked.level or entry["level"] == asked.level)
        and asked.available in (None, entry["available"])
        and _has(words, entry, visit.words.definitions.metrics[entry["name"]].governance)
    ]


def _has(words: Iterable[str], entry: Mapping[str, Any], told: Governance) -> bool:
    named = [str(entry[name] or "") for name in _SEARCHED]
    text = _folded(" ".join([*named, *told.synonyms, *told.synonyms_zh]))
    return all(word in text for word in words)


def _members(served: Served, visit: Visit, name: str, asked: ValuesAsked) -> Any:
    """Give one page of the members; those beyond the limit of rows are not looked at."""
    most = Limits(served.limits.seconds, served.limits.rows)
    found = visit.values(name, asked.metrics, most)
    wanted = _folded(asked.search)
    members = [member for member in found if wanted in _folded(str(member))] if wanted else found
    return served.listed(visit, "values", members, asked.offset, asked.limit)


def _folded(text: str) -> str:
    """Fold case and width, and take underscores for blanks."""
    return unicodedata.normalize("NFKC", text).casefold().replace("_", " ")
