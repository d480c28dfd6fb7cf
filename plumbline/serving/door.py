"""The one query door: a question in people's words becomes governed SQL, and its answer a table."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from plumbline.compiler import explain
from plumbline.definitions import Definitions
from plumbline.errors import DefinitionError
from plumbline.indicators.coverage import uncovered_sql, unsettled_sql
from plumbline.project import Home
from plumbline.publication.labels import Label, label_column
from plumbline.serving.answer import Answer, AnswerColumn, Cut, Rows, Statement, marts_in
from plumbline.serving.at_once import MOST_ROWS, NotAtOnce
from plumbline.serving.compare import (
    COMPARISONS,
    PARTIAL,
    STEPS,
    compare_sql,
    marked_sql,
    partial_sql,
    uncovered_parts,
)
from plumbline.serving.covering import Covering, bounds, covering, is_whole, reaches
from plumbline.serving.daily_sums import Sums, covering_sums, sums_of
from plumbline.serving.edition import Edition, sentence
from plumbline.serving.notes import Asked, notes, verdict
from plumbline.serving.periods import Period, read_period
from plumbline.serving.reader import Source, open_generation, open_live, open_publication
from plumbline.serving.resolve import Question, Resolved, resolve
from plumbline.serving.suppress import not_counted, suppressed_sql
from plumbline.serving.wording import in_their_words

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

    from plumbline.serving.doubts import Doubt


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
) -> Answer:
    """Answer a question from an open source; the answer lives as long as the source is open.

    `definitions` are those of the source, where they have been loaded already. A figure that is held is
    answered from the publication that has its last good value.
    """
    return answer(Edition(home, source, definitions=definitions), question)


def answer(
    edition: Edition,
    question: Question,
    role: str = "",
    source: Source | None = None,
    held: Doubt | None = None,
) -> Answer:
    """Answer a question as a role sees the figures, from the edition.

    `source` reads the edition over a connection of its own; `held` says why a later one does not answer.
    """
    source = source or edition.source
    if held is None and (alike := _answer_alike(edition, question, role, source)):
        return alike
    vocabulary = edition.vocabulary(role)
    resolved = resolve(vocabulary, question)
    edition.require_available(resolved.metrics)
    covered = covering(edition, source, resolved, _asked(resolved)["metrics"])
    if source.is_at_hand and (covered is None or resolved.where):
        raise NotAtOnce
    sums = None if covered else _sums(edition, source, resolved)
    # What all ranges have in common is compiled once.
    told = (
        resolved.within(None, resolved.limit)
        if sums and edition.sums and edition.sums.known(sums)
        else resolved
    )
    try:
        statement = _statement(edition, told, _read_at_once(edition, resolved, covered))
    except DefinitionError as error:
        if resolved.small_groups and error.code == "unreachable-dimension":
            raise not_counted(error, resolved) from None
        raise in_their_words(error, vocabulary, question, resolved) from None
    if doubt := _doubt_on(source, edition.definitions, resolved, statement):
        return _last_good(edition, question, role, source, doubt)
    columns = _columns(edition.labels, resolved)
    if sums:
        return _of_sums(edition, source, question, role, resolved, columns, sums, statement)
    if covered is None or resolved.where:
        known = _statement(edition, resolved, covered) if covered else statement
        return _given(edition, source, question, role, resolved, columns, lambda: known, covered, held)
    shape = Shape.of(resolved, covered, columns)
    if edition.shapes and held is None and not _is_held(source):
        edition.shapes.put(likeness(role, question), shape)
    return _of_shape(edition, source, question, role, resolved, shape, held)


def _given(
    edition: Edition,
    source: Source,
    question: Question,
    role: str,
    resolved: Resolved,
    columns: tuple[AnswerColumn, ...],
    statement: Callable[[], Statement],
    covered: Covering | None,
    held: Doubt | None,
) -> Answer:
    sight = edition.vocabulary(role).sight
    limited_to = sight.limit_in_words() if resolved.limits else ""
    asked = Asked(edition, source, question, resolved, held, limited_to)
    return Answer(
        source,
        statement,
        columns,
        conditions=question.where,
        discreet=sight.role is not None,
        notes=partial(notes, asked),
        verdict=partial(verdict, asked),
        plan=lambda: (
            explain(source.manifest, _asked(resolved), sizes=None if covered else edition.sizes).plan
        ),
        published_table=covered.table if covered else "",
        adds_up=covered is not None and covered.adds_up,
        metrics=resolved.metrics,
        held=held,
    )


@dataclass(frozen=True)
class Shape:
    """What questions share that differ in their range and their limit only, and that a table answers.

    `time` is the place of the column by whose periods ranges are cut, -1 where there is none; `key` tells the
    rows of the table from all others that are read of it; `texts` are for those who write answers, to keep
    what is the same in all.
    """

    whole: Resolved
    covered: Covering
    columns: tuple[AnswerColumn, ...]
    time: int
    key: str
    texts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, resolved: Resolved, covered: Covering, columns: tuple[AnswerColumn, ...]) -> Shape:
        """Give the shape of a question without conditions of its own."""
        whole = resolved.within(None, None)
        read = covered.table, covered.adds_up, covered.metrics
        asked = whole.metrics, whole.group_by, whole.limits, whole.order, tuple(whole.small_groups)
        time = resolved.group_by.index(resolved.time) if resolved.time else -1
        return cls(whole, covered, columns, time, repr((read, asked)))


def likeness(role: str, question: Question) -> Hashable:
    """Tell questions apart that differ in more than their range and their limit."""
    asked = question.metrics, question.by, question.where, question.grain, question.order, question.compare
    return role, asked


def _answer_alike(edition: Edition, question: Question, role: str, source: Source) -> Answer | None:
    """Answer as one was that differs in its range and its limit only; None where there was none such."""
    shape: Shape | None = edition.shapes.get(likeness(role, question)) if edition.shapes else None
    if shape is None or (question.limit is not None and question.limit < 0):
        return None
    resolved = shape.whole.within(read_period(question.start, question.end), question.limit)
    if not reaches(edition, source, resolved, shape.covered):
        return None
    return _of_shape(edition, source, question, role, resolved, shape, None)


def _of_shape(
    edition: Edition,
    source: Source,
    question: Question,
    role: str,
    resolved: Resolved,
    shape: Shape,
    held: Doubt | None,
) -> Answer:
    """Answer from a published table; whole periods are cut from its rows where these are kept in memory."""
    covered, tables = shape.covered, edition.tables

    def statement() -> Statement:
        return _statement(edition, resolved, covered)

    given = _given(edition, source, question, role, resolved, shape.columns, statement, covered, held)
    given.texts = shape.texts if tables else {}
    if tables is None or not is_whole(resolved):
        if source.is_at_hand:
            raise NotAtOnce
        return given

    def read() -> Rows:
        return given.rows_of(_statement(edition, shape.whole, covered).sql)

    def cut() -> Cut | None:
        found = tables.get(shape.key, shape.time, read)
        if found is None:
            return None
        rows = found.within(*bounds(resolved), most=resolved.limit)
        if source.is_at_hand and len(rows.rows) > MOST_ROWS:
            raise NotAtOnce
        return rows

    return given.reading(cut)


def _sums(edition: Edition, source: Source, resolved: Resolved) -> Sums | None:
    """Give the sums by day that answer a question to the marts; None where there are none to be kept."""
    if edition.sums is None or source.publication is None or _is_held(source):
        return None
    return sums_of(edition.definitions, resolved, _asked(resolved)["metrics"])


def _of_sums(
    edition: Edition,
    source: Source,
    question: Question,
    role: str,
    resolved: Resolved,
    columns: tuple[AnswerColumn, ...],
    sums: Sums,
    told: Statement,
) -> Answer:
    """Answer from the marts, and from sums of them where these are kept; `told` reads the same tables."""
    metrics, kept = _asked(resolved)["metrics"], edition.sums
    assert kept is not None

    def statement() -> Statement:
        return _statement(edition, resolved, None)

    given = _given(edition, source, question, role, resolved, columns, statement, None, None)

    def rows() -> Rows | None:
        import duckdb

        found = covering_sums(kept, source.connection, sums, edition.definitions, metrics, edition.compiled)
        if found is None:
            return None
        try:
            return given.rows_of(_statement(edition, resolved, found).sql)
        except (duckdb.CatalogException, DefinitionError):
            # The table has been dropped meanwhile, or a condition fails: the marts say how.
            return None

    return given.adding_up(rows, lambda: marts_in(told.sql))


def _read_at_once(edition: Edition, resolved: Resolved, covered: Covering | None) -> Covering | None:
    """Give the table to read where nothing is to be found out from the SQL over the marts.

    That SQL tells which doubts an answer rests on, and refuses conditions that are none.
    """
    judged = edition.source.publication is not None and not _is_held(edition.source)
    return covered if judged and not resolved.where else None


def _is_held(source: Source) -> bool:
    """Tell whether anything in a generation is held."""
    return source.publication is not None and source.publication.verdict == "partly_held"


def _doubt_on(
    source: Source, definitions: Definitions, resolved: Resolved, statement: Statement
) -> Doubt | None:
    """Give the doubt on what a statement reads; what finds it out is loaded only where something is held."""
    if not _is_held(source):
        return None
    from plumbline.serving.doubts import doubt_on

    return doubt_on(source, definitions, resolved, statement.sql)


def _last_good(edition: Edition, question: Question, role: str, source: Source, doubt: Doubt) -> Answer:
    """Answer from the last publication in which nothing of what is asked for was in doubt."""
    if not doubt.last_good:
        raise DefinitionError(
            f"{', '.join(question.metrics)}: held, and there is no earlier good figure",
            why="" if edition.vocabulary(role).sight.is_limited else sentence(doubt.reason),
            todo="`plumb status` tells what is held, and whose it is to mend.",
            code="held",
        )
    older = source.beside(open_publication(edition.home, doubt.last_good))
    return answer(Edition(edition.home, older, edition.policy), question, role, held=doubt)


def _statement(edition: Edition, resolved: Resolved, covered: Covering | None) -> Statement:
    """Write the SQL of a question; rows come in a fixed order even when none was asked for.

    `covered` reads the figures from a published table.
    """
    compiled, asked = edition.compiled, _asked(resolved)
    mark = _mark(resolved, edition)
    keys = [item.column for item in resolved.group_by]
    order = list(resolved.order)
    order += [key for key in keys if key not in {name.removeprefix("-") for name in order}]
    now = covered.sql(resolved) if covered else str(compiled(asked | _within(resolved.period)))
    if resolved.comparison:
        earlier = resolved.within(resolved.comparison.before(resolved.period), resolved.limit)
        before = covered.sql(earlier) if covered else compiled(asked | _within(earlier.period))
        now = compare_sql(resolved.comparison, asked["metrics"], keys, now, before, mark)
    elif mark:
        now = marked_sql(now, mark)
    if resolved.small_groups:
        now = suppressed_sql(now, resolved)
    return Statement(now, tuple(order), resolved.limit)


def _asked(resolved: Resolved) -> dict[str, Any]:
    """Ask for the metrics, and for those that count small groups, of the rows that count."""
    # What is reached over others may have a longer name: the answer has the one that was asked for.
    keys = [{"name": item.column, "alias": item.column} for item in resolved.group_by]
    counts = dict.fromkeys(group.count for group in resolved.small_groups.values())
    metrics = [*resolved.metrics, *(name for name in counts if name not in resolved.metrics)]
    return {"metrics": metrics, "group_by": keys, "where": resolved.conditions}


def _mark(resolved: Resolved, edition: Edition) -> str:
    """Write the column that tells partial periods; '' when the question has none."""
    if resolved.time is None:
        return ""
    definitions, coverage, as_of = edition.definitions, edition.coverage, edition.source.as_of
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


def _columns(labels: dict[str, Label], resolved: Resolved) -> tuple[AnswerColumn, ...]:
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
