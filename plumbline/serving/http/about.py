"""/health and /version: whether there is something to answer from, and what answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from plumbline import __version__
from plumbline.errors import StorageError
from plumbline.serving.desk import Visit
from plumbline.serving.http.served import Served, written
from plumbline.serving.http.strict import only
from plumbline.serving.http.work import Job


def add_health(router: APIRouter, served: Served, described: Mapping[str, Any]) -> None:
    """Add /health, which anybody may ask: it tells no more than that."""

    @router.get("/health", summary="Tell whether there is something to answer from", **described["health"])
    async def health(request: Request) -> Response:
        def work(job: Job) -> str:
            try:
                with served.desk.visit(None):
                    return "ok"
            except StorageError:
                return "nothing_published"

        status = await served.workers.run(request, work, served.limits.seconds)
        return JSONResponse({"status": status}, status_code=200 if status == "ok" else 503)


def add_version(router: APIRouter, served: Served, described: Mapping[str, Any]) -> None:
    """Add /version."""

    @router.get(
        "/version", summary="Tell what answers", dependencies=[Depends(only())], **described["version"]
    )
    async def version(request: Request) -> Response:
        def work(visit: Visit) -> Any:
            publication = visit.publication
            return written(
                {
                    "plumbline": __version__,
                    "company": served.company,
                    "publication": publication.publication_id,
                    "as_of": publication.as_of,
                }
            )

        return await served.reply(request, "", work)
