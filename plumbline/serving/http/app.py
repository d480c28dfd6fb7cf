"""The application: its routes and its errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from plumbline import __version__
from plumbline.errors import PlumblineError, UsageError
from plumbline.serving.http.about import add_health, add_version
from plumbline.serving.http.catalogue import add_catalogue
from plumbline.serving.http.direct import Direct
from plumbline.serving.http.document import add_document, described_routes
from plumbline.serving.http.evidence import add_evidence
from plumbline.serving.http.figures import add_query
from plumbline.serving.http.guard import Application, Guard
from plumbline.serving.http.head import Head
from plumbline.serving.http.identity import OperatorGate, identified
from plumbline.serving.http.problems import PROBLEM, headers_of, problem_bytes, status_of
from plumbline.serving.http.served import Served
from plumbline.serving.http.strict import NO_SUCH, require_once
from plumbline.serving.request_log import RequestLog

_ABOUT = (
    "Governed figures of one company. Every answer is of one publication and says which; it carries the "
    "verdict on each metric and the version of its definition. Figures are JSON numbers with all their "
    "digits: read them as decimals. An `ETag` holds until the next publication: send it as `If-None-Match`."
)


def build(served: Served, mounts: Mapping[str, Application] | None = None) -> FastAPI:
    """Build the application of one company; `mounts` are others that answer at one path each."""
    app = FastAPI(
        title="Plumbline",
        version=__version__,
        description=_ABOUT,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    needs_token = not isinstance(served.gate, OperatorGate)
    described = described_routes(needs_token)
    open_to_all = APIRouter()
    identified = APIRouter(dependencies=[Depends(_identify(served)), Depends(require_once)])
    add_health(open_to_all, served, described)
    add_query(identified, served, described["query"])
    add_catalogue(identified, served, described)
    add_evidence(identified, served, described)
    add_version(identified, served, described)
    app.include_router(open_to_all)
    app.include_router(identified)
    for path, inner in (mounts or {}).items():
        app.router.routes.append(Route(path, inner, include_in_schema=False))
    app.add_middleware(Head, mounted=tuple(mounts or ()))
    _add_errors(app)
    add_document(app, needs_token)
    return app


def guarded(app: Application, served: Served, log: RequestLog, hosts: tuple[str, ...] = ()) -> Application:
    """Put the guard before the application."""
    return Guard(Direct(app, served), served.limits, log, hosts)


def _identify(served: Served) -> Any:
    async def identify(request: Request) -> None:
        """Find out who asks before anything else is looked at."""
        request.state.asker = await identified(served.gate, request)

    return identify


def _add_errors(app: FastAPI) -> None:
    """Tell every error as a problem."""

    @app.exception_handler(PlumblineError)
    async def told_error(request: Request, error: PlumblineError) -> Response:
        return _problem(request, error, status_of(error, in_path="name" in request.path_params))

    @app.exception_handler(RequestValidationError)
    async def told_mistakes(request: Request, error: RequestValidationError) -> Response:
        found = _mistake(request, error)
        return _problem(request, found, status_of(found))

    @app.exception_handler(HTTPException)
    async def told_http(request: Request, error: HTTPException) -> Response:
        found = _http_error(request, error)
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_methods(request))
        return _problem(request, found, error.status_code, headers)


def _methods(request: Request) -> list[str]:
    """Name the methods of an address; each route knows only its own."""
    routes = request.app.router.routes
    found = [
        method
        for method in ("GET", "POST")
        if any(route.matches({**request.scope, "method": method})[0] == Match.FULL for route in routes)
    ]
    return [*found, *(["HEAD"] if "GET" in found else [])]


def _problem(
    request: Request, error: PlumblineError, status: int, headers: Mapping[str, str] | None = None
) -> Response:
    told_of = request.scope["plumbline"]
    told_of.add(code=error.code)
    content = problem_bytes(error, status, told_of.id)
    named = {**headers_of(error, status), **(headers or {})}
    return Response(content, status, named, media_type=PROBLEM)


def _mistake(request: Request, error: RequestValidationError) -> PlumblineError:
    """Say the first thing that is wrong with the parameters or the body; nothing of it is repeated."""
    first = error.errors()[0]
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if first["loc"] == ("body",) and not kind.endswith(("/json", "+json")):
        return UsageError(
            "the question is not JSON",
            where=f"Content-Type: {kind}"[:200],
            todo="Send a JSON object as application/json.",
            code="unsupported-media-type",
        )
    place = ".".join(str(part) for part in first["loc"] if part not in ("query", "body", "path"))
    if first["type"] == "extra_forbidden":
        what, todo = NO_SUCH
    else:
        what, todo = str(first["msg"]).removeprefix("Value error, "), ""
    where = f"{first['loc'][0]} {place}".strip()
    return UsageError(
        what if what[:2].isupper() else what[:1].lower() + what[1:],
        where=where[:200],
        todo=todo,
        code="bad-parameter",
    )


def _http_error(request: Request, error: HTTPException) -> PlumblineError:
    todo = "GET /openapi.json tells what there is."
    if error.status_code == 404:
        return UsageError("there is nothing at this address", todo=todo, code="unknown-path")
    if error.status_code == 405:
        what = f"{request.method} is not for this address"
        return UsageError(what, todo=todo, code="method-not-allowed")
    return UsageError(str(error.detail), todo=todo, code="bad-request")
