"""The application: its routes, its errors, and the OpenAPI document that describes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from plumbline import __version__
from plumbline.errors import PlumblineError, UsageError
from plumbline.serving.http import described as told
from plumbline.serving.http.about import add_health, add_version
from plumbline.serving.http.answers import MEDIA
from plumbline.serving.http.catalogue import add_catalogue
from plumbline.serving.http.evidence import add_evidence
from plumbline.serving.http.figures import add_query
from plumbline.serving.http.guard import Application, Guard
from plumbline.serving.http.identity import OperatorGate
from plumbline.serving.http.kept import Kept
from plumbline.serving.http.problems import PROBLEM, headers_of, problem_bytes, status_of
from plumbline.serving.http.served import Served
from plumbline.serving.request_log import RequestLog

_EXAMPLES = Path(__file__).with_name("examples.json")
_MODELS: Mapping[str, type] = {
    "query": told.AnswerTold,
    "metrics": told.MetricsTold,
    "metric": told.MetricTold,
    "dimensions": told.DimensionsTold,
    "values": told.ValuesTold,
    "tree": told.TreeTold,
    "targets": told.TargetsTold,
    "alerts": told.AlertsTold,
    "quality": told.QualityTold,
    "audit": told.AuditTold,
    "publications": told.PublicationsTold,
    "health": told.HealthTold,
    "version": told.VersionTold,
}
_PROBLEMS = {
    401: "Who asks is not told, or the token is not valid (any more).",
    403: "The token, or the role, is not for this.",
    404: "Nobody knows what the path names.",
    406: "No answer can be written as Accept asks.",
    408: "The question did not arrive in time.",
    413: "The question is too large.",
    414: "The address is too long.",
    415: "The question is not JSON.",
    421: "This name is not served here.",
    422: "The question cannot be answered: `code` says why, `todo` what to do.",
    503: "Too many questions at once, or nothing is published yet.",
    504: "The question took too long.",
}
_ABOUT = (
    "Governed figures of one company. Every answer is of one publication and says which; it carries the "
    "verdict on each metric and the version of its definition. Figures are JSON numbers with all their "
    "digits: read them as decimals. An `ETag` holds until the next publication: send it as `If-None-Match`."
)


def build(served: Served, mounts: Mapping[str, Application] | None = None) -> FastAPI:
    """Build the application of one company; `mounts` are others that answer below a path."""
    app = FastAPI(
        title="Plumbline",
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    described = _described(bool(not isinstance(served.gate, OperatorGate)))
    open_to_all, identified = APIRouter(), APIRouter(dependencies=[Depends(_identify(served))])
    add_health(open_to_all, served, described)
    add_query(identified, served, described["query"])
    add_catalogue(identified, served, described)
    add_evidence(identified, served, described)
    add_version(identified, served, described)
    app.include_router(open_to_all)
    app.include_router(identified)
    for path, inner in (mounts or {}).items():
        app.mount(path, inner)
    _add_errors(app)
    return app


def guarded(app: Application, served: Served, log: RequestLog, hosts: tuple[str, ...] = ()) -> Application:
    """Put the guard before the application."""
    return Guard(app, served.limits, log, hosts)


def kept_answers(served_megabytes: int) -> Kept:
    """Give the place where finished answers are kept."""
    return Kept(served_megabytes)


def _identify(served: Served) -> Any:
    async def identify(request: Request) -> None:
        """Find out who asks before anything else is looked at."""
        asker = (
            await run_in_threadpool(served.gate.asker, request.headers)
            if served.gate.waits
            else (served.gate.asker(request.headers))
        )
        request.state.asker = asker
        request.scope["plumbline"].add(account=asker.account, role=asker.role, token=asker.token)

    return identify


def _add_errors(app: FastAPI) -> None:
    """Tell every error as a problem."""

    @app.exception_handler(PlumblineError)
    async def told_error(request: Request, error: PlumblineError) -> Response:
        return _problem(request, error, status_of(error, in_path="name" in request.path_params))

    @app.exception_handler(RequestValidationError)
    async def told_mistakes(request: Request, error: RequestValidationError) -> Response:
        return _problem(request, _mistake(request, error), 422)

    @app.exception_handler(HTTPException)
    async def told_http(request: Request, error: HTTPException) -> Response:
        found = _http_error(request, error)
        return _problem(request, found, error.status_code, dict(error.headers or {}))


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
    place = ".".join(str(part) for part in first["loc"] if part not in ("query", "body", "path"))
    if first["type"] == "extra_forbidden":
        what, todo = "there is no such parameter", "GET /openapi.json names them all."
    else:
        what, todo = str(first["msg"]).removeprefix("Value error, "), ""
    where = f"{first['loc'][0]} {place}".strip()
    return UsageError(what[:1].lower() + what[1:], where=where[:200], todo=todo, code="bad-parameter")


def _http_error(request: Request, error: HTTPException) -> PlumblineError:
    if error.status_code == 404:
        what, code = "there is nothing at this address", "unknown-path"
    elif error.status_code == 405:
        what, code = f"{request.method} is not for this address", "method-not-allowed"
    else:
        what, code = str(error.detail), "bad-request"
    return UsageError(what, todo="GET /openapi.json tells what there is.", code=code)


def _described(needs_token: bool) -> dict[str, dict[str, Any]]:
    """Describe the answers of each route, with answers of the built-in company as examples."""
    examples = json.loads(_EXAMPLES.read_text(encoding="utf-8")) if _EXAMPLES.exists() else {}
    found: dict[str, dict[str, Any]] = {}
    for name, model in _MODELS.items():
        found[name] = {"responses": _responses(model, examples.get(name), name == "query")}
        if name != "health" and needs_token:
            found[name]["openapi_extra"] = {"security": [{"token": []}]}
    return found


def _responses(model: type, example: Any, is_query: bool) -> dict[int | str, dict[str, Any]]:
    content: dict[str, Any] = {"application/json": {"example": example} if example else {}}
    if is_query:
        content |= {MEDIA["csv"].partition(";")[0]: {}, MEDIA["arrow"]: {}}
    problems: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": {PROBLEM: {"schema": _PROBLEM_SCHEMA}}}
        for status, text in _PROBLEMS.items()
    }
    known: dict[int | str, dict[str, Any]] = {
        304: {"description": "The client has this answer already, by its ETag."}
    }
    return {200: {"model": model, "content": content}, **known, **problems}


_PROBLEM_SCHEMA = told.ProblemTold.model_json_schema()
