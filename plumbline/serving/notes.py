"""What a reader should know about an answer: cut periods, ranges without data, members that do not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from plumbline.definitions import Definitions
from plumbline.errors import PlumblineError, did_you_mean
from plumbline.indicators.coverage import unsettled_sql
from plumbline.serving.edition import Edition
from plumbline.serving.periods import Period, last_day
from plumbline.serving.reader import Source
from plumbline.serving.resolve import Question, Resolved
from plumbline.serving.warned import warnings_on

if TYPE_CHECKING:
    from sqlglot import exp

    from plumbline.serving.doubts import Doubt

_CALL = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_PLACEHOLDER = re.compile(r"__reference_(\d+)__")
_MEMBERS = 10_000
_NAMED = 3
# What the reason of a waived check says.
_WAIVED = "; waived by "
_WITH_WARNINGS = "certified with warnings"


@dataclass(frozen=True)
class Asked:
    """A question with what is needed to ask further ones about its answer."""

    edition: Edition
    source: Source
    question: Question
    resolved: Resolved
    held: Doubt | None = None
    limited_to: str = ""

    @property
    def definitions(self) -> Definitions:
        """The definitions that the figures were computed by."""
        return self.edition.definitions

    @property
    def data_from(self) -> date | None:
        """The first day of which the data have all that the metrics count."""
        known = map(self.edition.data_from, self.resolved.metrics)
        return max((day for day in known if day), default=None)

    def rows(self, query: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Answer a query of the compiler, at most some thousand rows."""
        sql = self.edition.compiled(query)
        return self.source.connection.execute(sql).fetchmany(_MEMBERS)


def notes(asked: Asked, rows: Sequence[tuple[Any, ...]], partial: Sequence[date]) -> list[str]:
    """Say what a reader should know about the rows; `partial` are the periods counted in part only."""
    found = [
        *_limited(asked),
        *_held(asked),
        *_waived(asked),
        *_partial(asked, partial),
        *_outside(asked, partial),
    ]
    with suppress(PlumblineError):
        found += _conditions(asked)
    empty = _without_figures(asked, rows)
    if not found and empty and asked.resolved.limit != 0:
        found.append(f"no rows of {', '.join(empty)} meet the question: no value, which is not zero")
    return [*found, *_warned(asked)]


def verdict(asked: Asked) -> str:
    """Give the verdict on the figures of an answer: certified, certified_with_warnings, held or stale."""
    if asked.held:
        return asked.held.verdict
    if not asked.source.publication:
        return ""
    is_warned = asked.edition.waivers(asked.resolved.metrics) or _warnings_on(asked)
    return "certified_with_warnings" if is_warned else "certified"


def _limited(asked: Asked) -> Iterator[str]:
    """Say which rows count for who asks, and that small groups are left out."""
    if asked.limited_to:
        yield f"counts {asked.limited_to} only: that is what this role sees"
    for name, group in asked.resolved.small_groups.items():
        yield f"{name} is left out where {group.count} is below {group.at_least}"


def _held(asked: Asked) -> Iterator[str]:
    """Say that newer figures are kept back, and why."""
    if asked.held:
        publication = asked.source.publication
        shown = f"{publication.publication_id}, as of {publication.as_of}" if publication else ""
        # Reasons count rows, also those that a role with limited rows does not see.
        reason = "" if asked.limited_to else f": {asked.held.reason}"
        yield f"{asked.held.verdict} since {asked.held.since:%Y-%m-%d %H:%M} UTC{reason}"
        yield f"these are the last good figures, of publication {shown}"


def _waived(asked: Asked) -> Iterator[str]:
    """Say that a check failed and somebody let the figures through."""
    if asked.source.publication and not asked.held:
        waivers = asked.edition.waivers(asked.resolved.metrics)
        yield from (f"{_WITH_WARNINGS}: {waiver.told}" for waiver in waivers)


def _warned(asked: Asked) -> Iterator[str]:
    """Say which warnings failed on the figures; those that are waived are told with who waived them."""
    if not asked.source.publication or asked.held:
        return
    reasons = _warnings_on(asked)
    if reasons and asked.limited_to:
        # Reasons count rows, also those that a role with limited rows does not see.
        yield _WITH_WARNINGS
        return
    yield from (f"{_WITH_WARNINGS}: {reason}" for reason in reasons[:_NAMED])
    if len(reasons) > _NAMED:
        yield f"{_WITH_WARNINGS}: {len(reasons) - _NAMED} more; `plumb audit explain` tells all"


def _warnings_on(asked: Asked) -> list[str]:
    """Give the reasons of warnings that nobody has waived."""
    return [text for text in warnings_on(asked.edition.warnings, asked.resolved) if _WAIVED not in text]


def _without_figures(asked: Asked, rows: Sequence[tuple[Any, ...]]) -> list[str]:
    """Name the metrics, as they were asked for, that have no value in any row."""
    first = len(asked.resolved.group_by)
    return [
        word
        for index, word in enumerate(asked.question.metrics, start=first)
        if all(row[index] is None for row in rows)
    ]


def _partial(asked: Asked, partial: Sequence[date]) -> Iterator[str]:
    time, period = asked.resolved.time, asked.resolved.period or Period()
    if not time:
        return
    for start in partial[-_NAMED:]:
        ends = [day for day in (last_day(start, time.grain), period.end, asked.source.as_of) if day]
        first = max(day for day in (start, period.start, asked.data_from) if day)
        yield f"* the {time.grain} from {start} {_why_partial(asked, start, first, min(ends))}"


def _why_partial(asked: Asked, start: date, first: date, last: date) -> str:
    """Say why a period is partial, of which the days from `first` to `last` are counted."""
    time, period = asked.resolved.time, asked.resolved.period or Period()
    assert time is not None
    advice = f"it counts {first} to {last}; do not compare it with whole ones"
    if last < last_day(start, time.grain):
        reason = "is not over yet" if last == asked.source.as_of else "is cut by the range"
        return f"{reason}: {advice}"
    if period.start and period.start > start:
        return f"is cut by the range: {advice}"
    if first > start:
        return f"begins before the data: {advice}"
    if _is_unsettled(asked, start, last):
        later = f"what follows its events may come after {asked.source.as_of}"
        return f"is not settled: {later}; do not compare it with whole ones"
    return f"rests on days before {asked.data_from}, when the data begin: its change says little"


def _is_unsettled(asked: Asked, start: date, last: date) -> bool:
    """Tell whether what may follow the events of a period still had time at the as-of date."""
    if not asked.source.as_of:
        return False
    days = f"DATE '{start}'", f"DATE '{last}'"
    told = (
        unsettled_sql(asked.definitions, name, *days, asked.source.as_of) for name in asked.resolved.metrics
    )
    sql = " OR ".join(filter(None, told))
    rows = asked.source.connection.execute(f"SELECT {sql}").fetchall() if sql else []
    return any(told for (told,) in rows)


def _outside(asked: Asked, partial: Sequence[date]) -> Iterator[str]:
    """Tell of a range that lies, begins or ends where there are no data."""
    period, as_of = asked.resolved.period, asked.source.as_of
    if not period:
        return
    if as_of and period.start and period.start > as_of:
        yield f"the range begins on {period.start}, after {as_of}, the as-of date: there are no data yet"
    elif as_of and period.end and period.end > as_of and not partial:
        whole = ": do not compare it with a whole one" if asked.resolved.comparison else ""
        yield f"the range ends on {period.end}; the data end on {as_of}, the as-of date{whole}"
    first = asked.edition.first_day if period.end else None
    if first and period.end and period.end < first:
        yield f"the range ends on {period.end}, before {first}, the first day with data"
    elif not partial:
        yield from _before_data(asked, period)


def _before_data(asked: Asked, period: Period) -> Iterator[str]:
    """Tell of a range, or of the one that it is compared with, that begins before the data."""
    first, comparison = asked.data_from, asked.resolved.comparison
    if not (first and period.start) or asked.resolved.time:
        return
    before = comparison.before(period) if comparison else None
    if period.start < first:
        yield f"the range begins on {period.start}; the data begin on {first}"
    elif before and before.start and before.start < first:
        yield (
            f"the range that it is compared with begins on {before.start}; the data begin on {first}: "
            "the change says little"
        )


# -- conditions


def _conditions(asked: Asked) -> Iterator[str]:
    for number, text in enumerate(asked.resolved.where):
        yield from _Condition(asked, number, text).notes()


class _Condition:
    """One condition, read again for the members that it names and those that it leaves out unsaid."""

    def __init__(self, asked: Asked, number: int, text: str) -> None:
        from sqlglot import exp

        from plumbline.compiler.expressions import parsed
        from plumbline.compiler.templates import read_template

        self.asked, self.number = asked, number
        self.calls = _CALL.findall(text)
        self.references = read_template(text).references
        self.tree = exp.Paren(this=parsed(read_template(text).sql, "duckdb"))

    def notes(self) -> Iterator[str]:
        from sqlglot import exp

        for compared in list(self.tree.find_all(exp.EQ, exp.NEQ, exp.In)):
            if isinstance(compared.expression, exp.Null):
                yield self._never_met(compared)
                return
            yield from self._unknown(compared)
        for name in dict.fromkeys(self._denied(node) for node in self.tree.walk()):
            if name:
                yield from self._left_out(name)

    def _never_met(self, node: exp.Expr) -> str:
        """Say what to write in the place of `= NULL`."""
        from sqlglot import exp

        told = "is not null" if isinstance(node, exp.NEQ) else "is null"
        name = self._dimension(node.this) or "..."
        return f'nothing is equal to NULL, or different from it; write "{name} {told}"'

    def _dimension(self, node: exp.Expr) -> str:
        """Name the dimension that is compared, or ''; times and metrics have no members."""
        from sqlglot import exp

        found = _PLACEHOLDER.fullmatch(node.name) if isinstance(node, exp.Column) else None
        item = self.references[int(found[1])].item if found else None
        known = self.asked.definitions.dimensions
        return item.name if item and item.name in known and known[item.name].type != "time" else ""

    def _unknown(self, node: exp.Expr) -> Iterator[str]:
        """Tell of members that do not exist, with the closest that do."""
        from sqlglot import exp

        name = self._dimension(node.this)
        values = node.expressions if isinstance(node, exp.In) else [node.expression]
        texts = [value.name for value in values if isinstance(value, exp.Literal) and value.is_string]
        if not (name and texts):
            return
        query = {"group_by": [name], "where": [*self.asked.resolved.limits]}
        members = [row[0] for row in self.asked.rows(query) if row[0] is not None]
        if len(members) >= _MEMBERS or not all(isinstance(member, str) for member in members):
            return
        for text in texts:
            if text not in members:
                hint = did_you_mean(text, members)
                yield f"{name} has no member {text!r}. {hint}".rstrip()

    def _denied(self, node: exp.Expr) -> str:
        """Name the dimension that a comparison with `!=` or NOT denies a member of, or ''."""
        compared = _denied_comparison(node)
        return self._dimension(compared.this) if compared else ""

    def _left_out(self, name: str) -> Iterator[str]:
        """Tell of rows without a name, which `!=` and NOT leave out, since no name is neither."""
        if self.asked.resolved.metrics[0] in self.asked.resolved.small_groups:
            return
        value = self._figure(name)
        if value:
            metric, figure = self.asked.resolved.metrics[0], f"{value:,.2f}".removesuffix(".00")
            yield (
                f"rows without {name} are left out ({metric} {figure}); to keep them, "
                f'write "... or {name} is null"'
            )

    def _figure(self, name: str) -> Any:
        """Ask for the first metric of the rows without a name in the place of what is denied."""
        tree = self.tree.copy()
        for node in [part for part in tree.walk() if self._denied(part) == name]:
            compared = _denied_comparison(node)
            node.replace(_is_null(compared.this if compared else node))
        text = _PLACEHOLDER.sub(lambda found: self.calls[int(found[1])], tree.sql(dialect="duckdb"))
        where = [*self.asked.resolved.where]
        where[self.number] = text
        period = self.asked.resolved.period or Period()
        span = [day and day.isoformat() for day in (period.start, period.end)]
        conditions = replace(self.asked.resolved, where=tuple(where)).conditions
        query = {"metrics": [self.asked.resolved.metrics[0]], "where": conditions, "range": span}
        rows = self.asked.rows(query)
        return rows[0][0] if rows else None


def _denied_comparison(node: exp.Expr) -> exp.Expr | None:
    """Give the comparison that is denied: by `!=`, by NOT before it, or within it (NOT LIKE)."""
    from sqlglot import exp

    kinds = (exp.EQ, exp.NEQ, exp.In, exp.Like, exp.ILike)
    inner = node.this.unnest() if isinstance(node, exp.Not) else node
    is_denied = isinstance(node, exp.Not | exp.NEQ) or bool(node.args.get("negate"))
    return inner if is_denied and isinstance(inner, kinds) else None


def _is_null(value: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    return exp.Is(this=value.copy(), expression=exp.null())
