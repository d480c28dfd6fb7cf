"""Tools that give figures: questions, comparisons, and why a figure moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from plumbline.serving.answer import AnswerColumn
from plumbline.serving.desk import Reply
from plumbline.serving.mcp import arguments as given
from plumbline.serving.mcp import results
from plumbline.serving.mcp.cells import cell
from plumbline.serving.mcp.room import Room, facts_of
from plumbline.serving.periods import Period, read_period
from plumbline.serving.resolve import Question
from plumbline.serving.why import (
    DimensionSplit,
    FormulaSplit,
    MemberPart,
    Moved,
    Why,
    explain_change,
    read_versus,
    whole_month_before,
)


def query_metrics(room: Room, asked: given.QueryMetrics) -> results.Figures:
    """Answer a question with governed figures."""
    question = Question(
        tuple(asked.metrics),
        tuple(asked.by),
        tuple(asked.where),
        asked.start,
        asked.end,
        asked.grain,
        tuple(asked.order),
        None,
        asked.compare,
    )
    reply = room.ask(question, asked.limit)
    return results.Figures(**_figures(reply, asked.limit))


def compare(room: Room, asked: given.Compare) -> results.Comparison:
    """Compare a period with the one before, or with the same one a year ago."""
    period = _period(room, asked.start, asked.end)
    days = str(period.start), str(period.end)
    question = Question(
        tuple(asked.metrics),
        tuple(asked.by),
        tuple(asked.where),
        *days,
        order=tuple(asked.order),
        compare=asked.versus,
    )
    reply = room.ask(question, asked.limit)
    before = period.previous() if asked.versus == "previous" else period.year_ago()
    return results.Comparison(**_figures(reply, asked.limit), period=_days(period), versus=_days(before))


def _period(room: Room, start: str | None, end: str | None) -> Period:
    """Read a period; one end stands for both, none for the last whole month."""
    if not (start or end):
        return whole_month_before(room.visit.publication.as_of)
    period = read_period(start or end, end or start)
    assert period
    return period


def _figures(reply: Reply, limit: int) -> dict[str, Any]:
    names = reply.names
    rows = [dict(zip(names, map(cell, row), strict=True)) for row in reply.values]
    return {
        **facts_of(reply),
        "columns": [_column(column) for column in reply.columns],
        "rows": rows,
        "row_count": len(rows),
        "truncated": reply.truncated,
        "how_to_narrow": _narrower(limit) if reply.truncated else "",
        "origin": reply.origin,
    }


def _narrower(limit: int) -> str:
    return (
        f"there are more than {limit} rows: raise `limit` (at most 1000), shorten the range, take a longer "
        "grain, split by less, add a condition, or order by a figure to get the largest first"
    )


def _column(column: AnswerColumn) -> results.ColumnEntry:
    label = column.label
    kind = "key" if column.is_key else "mark" if column.is_mark else "figure"
    return results.ColumnEntry(
        name=column.name, label=label.label, label_zh=label.label_zh, unit=label.unit, kind=kind
    )


def why(room: Room, asked: given.WhyMoved) -> results.WhyAnswer:
    """Split the change of a metric between two periods."""
    period = _period(room, asked.start, asked.end)
    replies: list[Reply] = []

    def ask(question: Question) -> Reply:
        replies.append(room.ask(question))
        return replies[-1]

    moved = Moved(
        asked.metric,
        period,
        read_versus(asked.versus, asked.versus_end),
        tuple(asked.by),
        tuple(asked.where),
        asked.members,
    )
    found = explain_change(ask, room.visit.words.definitions, moved, _hides(room))
    return _why_answer(room, found, replies[0])


def _hides(room: Room) -> Any:
    sight = room.visit.words.sight

    def hides(metrics: Sequence[str]) -> bool:
        return bool(sight.counted(metrics))

    return hides


def _why_answer(room: Room, found: Why, reply: Reply) -> results.WhyAnswer:
    metric = room.visit.words.known[found.metric]
    notes = {**facts_of(reply), "notes": list(found.notes)}
    return results.WhyAnswer(
        **notes,
        metric=metric.name,
        label=metric.label,
        label_zh=metric.governance.label_zh,
        unit=metric.governance.unit,
        period=_days(found.period),
        versus=_days(found.versus),
        before=cell(found.before),
        after=cell(found.after),
        change=cell(found.change),
        change_rate=cell(found.change_rate),
        adds_up=found.adds_up,
        told=found.told,
        formula=found.formula.formula if found.formula else "",
        formula_parts=_formula_parts(found.formula) if found.formula else [],
        dimensions=[_dimension(split) for split in found.dimensions],
    )


def _formula_parts(split: FormulaSplit) -> list[results.FormulaPart]:
    return [
        results.FormulaPart(
            name=part.name,
            metric=part.metric,
            label=part.label,
            label_zh=part.label_zh,
            before=cell(part.before),
            after=cell(part.after),
            contribution=cell(part.contribution),
            share=cell(part.share),
        )
        for part in split.parts
    ]


def _dimension(split: DimensionSplit) -> results.DimensionPart:
    return results.DimensionPart(
        dimension=split.dimension,
        label=split.label,
        label_zh=split.label_zh,
        method=split.method,
        told=split.told,
        members=[_member(part) for part in split.parts],
        rest=_member(split.rest) if split.rest else None,
        unattributed=cell(split.unattributed),
    )


def _member(part: MemberPart) -> results.MemberEntry:
    return results.MemberEntry(
        member=cell(part.member),
        before=cell(part.before),
        after=cell(part.after),
        contribution=cell(part.contribution),
        share=cell(part.share),
        mix=cell(part.mix),
        rate=cell(part.rate),
        count=part.count,
    )


def _days(period: Period) -> str:
    return f"{period.start} to {period.end}"
