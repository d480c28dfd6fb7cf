"""/query: a question becomes an answer, with all that vouches for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from plumbline.errors import LimitError
from plumbline.serving.desk import Limits, Reply, Visit
from plumbline.serving.http.answers import (
    ARROW,
    CSV,
    Written,
    arrow_written,
    chosen_format,
    csv_written,
    exact_json,
    header_text,
    json_written,
)
from plumbline.serving.http.asked import Format, QuestionAsked, QuestionParameters
from plumbline.serving.http.served import Served
from plumbline.serving.http.strict import only, require_keys_once
from plumbline.serving.resolve import Question


def add_query(router: APIRouter, served: Served, described: dict[str, Any]) -> None:
    """Add GET and POST /query."""

    @router.get("/query", summary="Ask for figures", **described)
    async def ask(request: Request, asked: Annotated[QuestionParameters, Query()]) -> Response:
        asking = Asking.of(asked.question(), request.headers.get("accept", ""), asked.format or "")
        return await asking.answered(served, request)

    strict = [Depends(only("format")), Depends(require_keys_once)]

    @router.post(
        "/query",
        summary="Ask for figures, with the question as the body",
        dependencies=strict,
        **described,
    )
    async def ask_by_body(
        request: Request,
        asked: QuestionAsked,
        format: Annotated[Format | None, Query(description="In place of the header Accept.")] = None,
    ) -> Response:
        asking = Asking.of(asked.question(), request.headers.get("accept", ""), format or "")
        return await asking.answered(served, request)


@dataclass(frozen=True)
class Asking:
    """A question, and how its answer is to be written; `key` tells it from all others."""

    question: Question
    style: str
    key: str

    @classmethod
    def of(cls, question: Question, accept: str, wanted: str) -> Asking:
        """Choose how to answer; PlumblineError where no known way is accepted."""
        style = chosen_format(accept, wanted)
        asked = question.metrics, question.by, question.where, question.grain, question.order
        return cls(question, style, repr((style, question.compare, *asked))).within(
            question.start, question.end, question.limit
        )

    def within(self, start: str | None, end: str | None, limit: int | None) -> Asking:
        """Ask the same of another range."""
        alike, _, _ = self.key.partition("\n")
        question = self.question.within(start, end, limit)
        return Asking(question, self.style, f"{alike}\n{start}\n{end}\n{limit}")

    async def answered(self, served: Served, request: Request) -> Response:
        """Ask, as who sent the request."""
        figures = _Figures(served, self.question, self.style)
        names = (self.question.metrics, self.question.by)
        return await served.reply(request, self.key, figures.written, names=names, at_once=True)


class _Figures:
    def __init__(self, served: Served, question: Question, style: str) -> None:
        self._served = served
        self._question = question
        self._style = style
        self._most = served.limits.megabytes * 1_000_000

    def written(self, visit: Visit) -> Written:
        """Ask, and write the answer."""
        limits = self._served.limits
        if self._style == ARROW:
            reply = visit.table(self._question, Limits(limits.seconds, limits.arrow_rows))
            self._require_whole(reply)
            return arrow_written(
                reply.arrow(), self._envelope(visit, reply), self._headers(reply), self._most
            )
        reply = visit.ask(self._question, Limits(limits.seconds, limits.rows))
        self._require_whole(reply)
        if self._style == CSV:
            return csv_written(reply.names, reply.rows(), self._headers(reply), self._most)
        return json_written(self._head(visit, reply), reply.objects(), self._most, len(reply.values))

    def _require_whole(self, reply: Reply) -> None:
        """Refuse to give a part: whoever adds it up would have a wrong figure."""
        if reply.truncated:
            raise LimitError(
                f"the answer has more than {reply.limits.rows:,} rows",
                todo="Split less finely, ask for a shorter period, or give a limit.",
                code="too-many-rows",
            )

    def _head(self, visit: Visit, reply: Reply) -> str:
        """Write what stands before the rows; most of it is the same in all answers of a shape."""
        if "http" not in reply.texts:
            reply.texts["http"] = exact_json(self._about(visit, reply))[:-1]
        told = {"notes": reply.notes, "origin": reply.origin, "row_count": len(reply.values)}
        return f"{reply.texts['http']}, {exact_json(told)[1:-1]}"

    def _envelope(self, visit: Visit, reply: Reply) -> dict[str, Any]:
        """Say what the figures are, and what vouches for them."""
        return self._about(visit, reply) | {"notes": reply.notes, "origin": reply.origin}

    def _about(self, visit: Visit, reply: Reply) -> dict[str, Any]:
        labels = {column.name: column.label for column in reply.columns}
        metrics = [
            {
                "name": name,
                "label": labels[name].label,
                "label_zh": labels[name].label_zh,
                "unit": labels[name].unit,
                "verdict": reply.verdicts[name],
                "definition_version": reply.definitions[name],
            }
            for name in reply.metrics
        ]
        columns = [
            {
                "name": column.name,
                "label": column.label.label,
                "label_zh": column.label.label_zh,
                "unit": column.label.unit,
                "kind": "dimension" if column.is_key else "mark" if column.is_mark else "figure",
            }
            for column in reply.columns
        ]
        told = {**self._served.envelope(visit), **_answered_by(visit, reply)}
        return told | {"metrics": metrics, "columns": columns}

    def _headers(self, reply: Reply) -> dict[str, str]:
        """Say the same in headers, where the body has figures alone."""
        return {
            "plumbline-verdicts": header_text(reply.verdicts),
            "plumbline-definitions": header_text(reply.definitions),
            "plumbline-notes": header_text(list(reply.notes)),
            "plumbline-publication": reply.publication.publication_id,
            "plumbline-as-of": reply.as_of.isoformat(),
        }


def _answered_by(visit: Visit, reply: Reply) -> dict[str, Any]:
    """Name the publication of figures that are held: an earlier one than that which answers."""
    if reply.publication.publication_id == visit.publication.publication_id:
        return {}
    held = {"id": reply.publication.publication_id, "as_of": reply.as_of}
    return {"answered_by": held}
