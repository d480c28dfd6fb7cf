"""The OpenAPI document: what each route answers, with answers of the built-in company as examples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response

from plumbline.serving.http import described as told
from plumbline.serving.http.answers import MEDIA, exact_json
from plumbline.serving.http.problems import PROBLEM

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
_PROBLEM_SCHEMA = told.ProblemTold.model_json_schema()
_TOKEN = {"type": "http", "scheme": "bearer", "description": "An API token, or a JSON Web Token."}


def described_routes(needs_token: bool) -> dict[str, dict[str, Any]]:
    """Describe the answers of each route; the name of an example is put in its place later."""
    found: dict[str, dict[str, Any]] = {}
    for name, model in _MODELS.items():
        found[name] = {"responses": _responses(model, name)}
        if name != "health" and needs_token:
            found[name]["openapi_extra"] = {"security": [{"token": []}]}
    return found


def add_document(app: FastAPI, needs_token: bool) -> None:
    """Add /openapi.json, which anybody may read; it is written when it is first asked for."""

    @cache
    def written() -> bytes:
        document = app.openapi()
        if needs_token:
            document["components"]["securitySchemes"] = {"token": _TOKEN}
        _put_examples(document)
        return exact_json(document).encode()

    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> Response:
        return Response(written(), media_type=MEDIA["json"])


def _put_examples(document: Mapping[str, Any]) -> None:
    """Put examples in the places of their names, with all their digits."""
    text = _EXAMPLES.read_text(encoding="utf-8")
    examples: Mapping[str, Any] = json.loads(text, parse_float=Decimal)
    for path in document["paths"].values():
        for operation in path.values():
            content = operation["responses"]["200"]["content"][MEDIA["json"]]
            content["example"] = examples[content["example"]]


def _responses(model: type, name: str) -> dict[int | str, dict[str, Any]]:
    content: dict[str, Any] = {MEDIA["json"]: {"example": name}}
    if name == "query":
        content |= {MEDIA["csv"].partition(";")[0]: {}, MEDIA["arrow"]: {}}
    problems: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": {PROBLEM: {"schema": _PROBLEM_SCHEMA}}}
        for status, text in _PROBLEMS.items()
    }
    known: dict[int | str, dict[str, Any]] = {
        304: {"description": "The client has this answer already, by its ETag."}
    }
    return {200: {"model": model, "content": content}, **known, **problems}
