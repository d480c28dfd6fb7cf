"""The one query door: a question in people's words becomes governed SQL, and its answer a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from plumbline.compiler import compile as compile_query
from plumbline.compiler import explain
from plumbline.definitions import Definitions, load
from plumbline.errors import DefinitionError
from plumbline.indicators.coverage import Coverage, read_coverage, uncovered_sql, unsettled_sql
from plumbline.project import Home
from plumbline.publication.labels import Label, label_column, labels_of
from plumbline.publication.sql import identifier
from plumbline.serving.answer import Answer, AnswerColumn
from plumbline.serving.compare import (
    COMPARISONS,
    PARTIAL,
    STEPS,
    compare_sql,
    marked_sql,
    ordered_sql,
    partial_sql,
    uncovered_parts,
)
from plumbline.serving.doubts import Doubt, doubt_on
from plumbline.serving.notes import Asked, notes
from plumbline.serving.periods import Period
from plumbline.serving.reader import Source, open_generation, open_live, open_publication
from plumbline.serving.resolve import Question, Resolved, resolve
from plumbline.serving.vocabulary import Vocabulary
from plumbline.serving.wording import in_their_words

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]


def query(
    home: Home,
    metrics: Sequence[str],
    *,
    by: Sequence[str] = (),
    where: Sequence[str] = (),
    start: str | None = None,
    end: str | None = None,
    grain: str | None = None,
    order: Sequence[str] = (),
    limit: int | None = None,
    compare: str | None = None,
    live: bool = False,
) -> pa.Table:
    """Answer a question from the current generation (`live`: from the private warehouse) as an Arrow table.

    Columns: what it is split `by`, then the metrics, in the order asked for, then comparisons, then
    `is_partial` where it is split by periods: days that the figures of the row, or those that they are
    compared with, rest on lie outside the range, before the data begin, or after the as-of date, or what may
    follow the events of a conversion still has time. Raises
    DefinitionError for unknown, ambiguous or unavailable names and for periods that a metric does not have,
    UsageError for impossible ranges, StorageError when nothing is published.
    """
    question = Question(
        tuple(metrics), tuple(by), tuple(where), start, end, grain, tuple(order), limit, compare
    )
    with open_live(home) if live else open_generation(home, sealed=True) as source:
        return ask(home, source, question).arrow()


def ask(
    home: Home,
    source: Source,
    question: Question,
    definitions: Definitions | None = None,
    held: Doubt | None = None,
) -> Answer:
    """Answer a question from an open source; the answer lives as long as the source is open.

    `definitions` are those of the source, where they have been loaded already. A figure that is held is
    answered from the publication that has its last good value, where `held` says why.
    """
    definitions = definitions or load(source.manifest)
    vocabulary = Vocabulary(definitions)
    resolved = resolve(vocabulary, question)
    require_available(source, resolved.metrics)
    compiled = partial(compile_query, source.manifest, dialect="duckdb", cache=home.compiled)
    coverage = read_coverage(source.connection, source.library)
    try:
        sql = _sql(compiled, resolved, _mark(resolved, source.as_of, definitions, coverage))
    except DefinitionError as error:
        raise in_their_words(error, vocabulary, question, resolved) from None
    if doubt := doubt_on(source, resolved.metrics, sql, resolved.period):
        return _last_good(home, source, question, doubt)
    asked = Asked(source, definitions, question, resolved, compiled, coverage, held)
    return Answer(
        source,
        sql,
        _columns(definitions, resolved),
        conditions=question.where,
        notes=partial(notes, asked),
        plan=lambda: explain(source.manifest, _asked(resolved)).plan,
    )


def _last_good(home: Home, source: Source, question: Question, doubt: Doubt) -> Answer:
    """Answer from the last publication in which nothing of what is asked for was in doubt."""
    if not doubt.last_good:
        raise DefinitionError(
            f"{', '.join(question.metrics)}: held, and there is no earlier good figure",
            why=_sentence(doubt.reason),
            todo="`plumb status` tells what is held, and whose it is to mend.",
            code="held",
        )
    older = source.beside(open_publication(home, doubt.last_good))
    return ask(home, older, question, held=doubt)


def require_available(source: Source, metrics: Sequence[str]) -> None:
    """Raise DefinitionError for the first metric that has no data behind it, saying why."""
    placeholders = ", ".join("?" * len(metrics))
    rows = source.connection.execute(
        f"SELECT name, unavailable_reason FROM {identifier('warehouse', source.library, 'indicator')} "
        f"WHERE NOT available AND name IN ({placeholders}) ORDER BY name",
        list(metrics),
    ).fetchall()
    for name, reason in rows:
        raise DefinitionError(
            f"metric {name!r} is not available",
            why=_sentence(reason),
            todo="`plumb list metrics` tells which are.",
            code="not-available",
        )


def _sentence(reason: str | None) -> str:
    """Write a reason as a sentence; one that begins with the name of a table keeps it as it is."""
    if not reason:
        return ""
    return f"{reason}." if "." in reason.split()[0] else f"{reason[:1].upper()}{reason[1:]}."


def _sql(compiled: Any, resolved: Resolved, mark: str) -> str:
    """Write the SQL of a question; rows come in a fixed order even when none was asked for."""
    asked = _asked(resolved)
    keys = asked["group_by"]
    order = list(resolved.order)
    order += [key for key in keys if key not in {name.removeprefix("-") for name in order}]
    now = str(compiled(asked | _within(resolved.period)))
    if resolved.comparison:
        before = compiled(asked | _within(resolved.comparison.before(resolved.period)))
        now = compare_sql(resolved.comparison, resolved.metrics, keys, now, before, mark)
    elif mark:
        now = marked_sql(now, mark)
    return now + ordered_sql(order, resolved.limit)


def _asked(resolved: Resolved) -> dict[str, Any]:
    keys = [item.column for item in resolved.group_by]
    return {"metrics": list(resolved.metrics), "group_by": keys, "where": list(resolved.where)}


def _mark(resolved: Resolved, as_of: date | None, definitions: Definitions, coverage: Coverage) -> str:
    """Write the column that tells partial periods; '' when the question has none."""
    if resolved.time is None:
        return ""
    period, time = resolved.period or Period(), resolved.time
    last = min((day for day in (period.end, as_of) if day), default=None)

    def told(metric: str, first: str, end: str) -> str:
        found = [uncovered_sql(definitions, coverage, metric, first, end)]
        found += [unsettled_sql(definitions, metric, first, end, as_of)] if as_of else []
        return " OR ".join(filter(None, found))

    uncovered = uncovered_parts(resolved.metrics, told, time.column, time.grain, resolved.comparison)
    return partial_sql(time.column, time.grain, period.start, last, list(uncovered))


def _within(period: Period | None) -> dict[str, Any]:
    """Limit a query to exactly these days; without a range, too, running totals are those at the end."""
    start, end = (period.start, period.end) if period else (None, None)
    return {"range": [start and start.isoformat(), end and end.isoformat()]}


def _columns(definitions: Definitions, resolved: Resolved) -> tuple[AnswerColumn, ...]:
    labels = labels_of(definitions)
    columns = []
    for item in resolved.group_by:
        label = label_column(item.column, labels) or Label(item.column)
        columns.append(AnswerColumn(item.column, label, True, item.grain in STEPS, item == resolved.time))
    columns += [AnswerColumn(name, figure_label(name, labels), False, False) for name in resolved.figures]
    if resolved.time:
        label = Label(PARTIAL, "Counted in part", "非完整周期")
        columns.append(AnswerColumn(PARTIAL, label, False, False, is_mark=True))
    return tuple(columns)


def figure_label(name: str, labels: dict[str, Label]) -> Label:
    """Label a metric, or a comparison of one with its own other figure."""
    metric, _, suffix = name.rpartition("__")
    if name in labels or metric not in labels:
        return labels.get(name, Label(name))
    english, chinese = COMPARISONS[suffix]
    found = labels[metric]
    unit = _unit_of(suffix, found.unit)
    return Label(name, f"{found.label}, {english}", f"{found.label_zh}（{chinese}）", unit=unit)


def _unit_of(suffix: str, unit: str) -> str:
    """Give the unit of a comparison: two shares differ by percentage points, a rate of change is a share."""
    if suffix == "change_rate":
        return "ratio"
    return "percentage_points" if suffix == "change" and unit == "ratio" else unit
