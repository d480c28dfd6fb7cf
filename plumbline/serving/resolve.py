"""A question in people's words, put into the names of the definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from plumbline.compiler import not_too_deep
from plumbline.compiler.request import MOST_ROWS
from plumbline.compiler.templates import read_template
from plumbline.definitions import METRIC_TIME, GroupBy, Metric
from plumbline.errors import DefinitionError, UsageError, did_you_mean
from plumbline.serving.compare import PARTIAL, STEPS, Comparison
from plumbline.serving.periods import Period, read_period
from plumbline.serving.vocabulary import Vocabulary

if TYPE_CHECKING:
    from plumbline.access import SmallGroup

_ALL = "all"
_SHORTEST_FIRST = tuple(STEPS)


@dataclass(frozen=True)
class Question:
    """What somebody asks, in words of their own: names, labels or synonyms in English or Chinese."""

    metrics: tuple[str, ...]
    by: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    grain: str | None = None
    order: tuple[str, ...] = ()
    limit: int | None = None
    compare: str | None = None

    def within(self, start: str | None, end: str | None, limit: int | None) -> Question:
        """Ask the same of another range."""
        asked = self.metrics, self.by, self.where
        return Question(*asked, start, end, self.grain, self.order, limit, self.compare)


@dataclass(frozen=True)
class Resolved:
    """The same question in names of the definitions; `words` are those that it was asked in, by name.

    `limits` are conditions on the rows that count for who asks; figures of `small_groups` are left out.
    """

    metrics: tuple[str, ...]
    group_by: tuple[GroupBy, ...]
    where: tuple[str, ...]
    period: Period | None
    order: tuple[str, ...]
    limit: int | None
    comparison: Comparison | None
    words: Mapping[str, str] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    small_groups: Mapping[str, SmallGroup] = field(default_factory=dict)

    @cached_property
    def time(self) -> GroupBy | None:
        """The shortest period that the answer is split by, or None."""
        times = [item for item in self.group_by if item.name == METRIC_TIME and item.grain in STEPS]
        return min(times, key=lambda item: _SHORTEST_FIRST.index(item.grain), default=None)

    def within(self, period: Period | None, limit: int | None) -> Resolved:
        """Ask the same of another range."""
        found = self.words, self.limits, self.small_groups
        asked = self.metrics, self.group_by, self.where
        return Resolved(*asked, period, self.order, limit, self.comparison, *found)

    @property
    def conditions(self) -> list[str]:
        """Give all conditions; where rows are limited, other conditions look at the rows that count alone.

        Otherwise a condition that fails on a value would tell of rows that are not seen.
        """
        return [*(guarded(text, self.limits) for text in self.where), *self.limits]

    @property
    def figures(self) -> tuple[str, ...]:
        """Name the columns with figures: the metrics, then what they are compared with."""
        return self.comparison.columns(self.metrics) if self.comparison else self.metrics

    @property
    def columns(self) -> tuple[str, ...]:
        """Name the columns of the answer."""
        mark = (PARTIAL,) if self.time else ()
        return (*(item.column for item in self.group_by), *self.figures, *mark)

    def called(self, name: str) -> str:
        """Name something as the question does, with its name in the definitions where that is another."""
        word = self.words.get(name, name)
        return repr(word) if word == name else f"{word!r} ({name})"


def guarded(condition: str, limits: Sequence[str]) -> str:
    """Let a condition on dimensions look at the rows that meet the limits alone; CASE goes no further."""
    if not limits or not read_template(condition).references:
        return condition
    return f"CASE WHEN {' AND '.join(limits)} THEN ({condition}) ELSE FALSE END"


@not_too_deep()
def resolve(vocabulary: Vocabulary, question: Question) -> Resolved:
    """Put a question into the names of the definitions; refuse periods that its metrics do not have."""
    if question.limit is not None and not 0 <= question.limit <= MOST_ROWS:
        todo = f"Give 0 or more, at most {MOST_ROWS}." if question.limit > 0 else "Give 0 or more."
        raise UsageError(f"the limit {question.limit} is no number of rows", todo=todo, code="bad-limit")
    if not question.metrics:
        raise UsageError("no metric is asked for", todo="`plumb list metrics` names them.", code="no-metric")
    metrics = tuple(vocabulary.metric(text) for text in question.metrics)
    grain = vocabulary.grain(question.grain) if question.grain else ""
    group_by = [vocabulary.group_by(text, metrics, grain) for text in question.by]
    _require_once([*zip(metrics, question.metrics, strict=True), *zip(group_by, question.by, strict=True)])
    words = dict(zip(metrics, question.metrics, strict=True))
    words |= {item.name: text for item, text in zip(group_by, question.by, strict=True) if "__" not in text}
    if grain and not any(item.grain == grain for item in group_by):
        group_by.insert(0, GroupBy(METRIC_TIME, grain))
    resolved = Resolved(
        metrics=metrics,
        group_by=tuple(group_by),
        where=tuple(vocabulary.where(text, metrics) for text in question.where),
        period=read_period(question.start, question.end),
        order=(),
        limit=question.limit,
        comparison=None,
        words=words,
        limits=vocabulary.sight.limits(metrics),
        small_groups=vocabulary.sight.counted(metrics),
    )
    require_periods(vocabulary, resolved)
    if question.compare:
        comparison = Comparison.choose(question.compare, group_by, resolved.period)
        resolved = replace(resolved, comparison=comparison)
    order = tuple(_order(vocabulary, resolved, text) for text in question.order)
    return replace(resolved, order=order)


def _require_once(asked: Sequence[tuple[object, str]]) -> None:
    """Refuse what is asked for twice, by whatever names: it would be shown twice."""
    first: dict[object, str] = {}
    for item, text in asked:
        if item in first:
            also = "" if first[item] == text else f", as {first[item]!r} too"
            raise UsageError(
                f"{text!r} is asked for twice{also}", todo="Ask for it once.", code="asked-twice"
            )
        first[item] = text


def require_periods(vocabulary: Vocabulary, resolved: Resolved) -> None:
    """Raise DefinitionError where a metric is asked for by a period that its definition does not offer."""
    for name in resolved.metrics:
        metric = vocabulary.definitions.metrics[name]
        offered = metric.governance.grains
        if not offered:
            continue
        asked = list(_asked_periods(vocabulary, resolved, metric))
        if offered == (_ALL,) and (asked or resolved.period):
            raise DefinitionError(
                f"metric {resolved.called(name)} is a figure of all time: no period or range has one",
                why="Its definition says `grains: [all]`.",
                todo="Leave out --from, --to, --grain and --compare, or ask for the others without it.",
                code="no-such-period",
            )
        for grain in asked:
            if grain not in offered:
                raise DefinitionError(
                    f"metric {resolved.called(name)} says nothing by {grain}",
                    why=f"Its definition says `grains: [{', '.join(offered)}]`.",
                    todo=f"Ask by {' or '.join(item for item in offered if item != _ALL)}.",
                    code="no-such-period",
                )


def _asked_periods(vocabulary: Vocabulary, resolved: Resolved, metric: Metric) -> Iterator[str]:
    """Give the grains of the metric's own time that the question splits by."""
    own = {METRIC_TIME, *vocabulary.times(metric.name)}
    return (item.grain for item in resolved.group_by if item.grain and item.name in own)


def _order(vocabulary: Vocabulary, resolved: Resolved, text: str) -> str:
    """Name the output column to order by; `-` stands before a descending one."""
    sign, name = ("-", text[1:]) if text.startswith("-") else ("", text)
    if name in resolved.columns:
        return text
    for meant in _meant_by(vocabulary, resolved, name):
        if meant in resolved.columns:
            return sign + meant
    raise UsageError(
        f"the answer has no column {name!r} to order by",
        where="--order",
        todo=_ordering(vocabulary, resolved, name),
        code="unknown-order",
    )


def _meant_by(vocabulary: Vocabulary, resolved: Resolved, text: str) -> Iterator[str]:
    """Give the metric and the column of the dimension that a text names, where it names one."""
    with suppress(DefinitionError):
        yield vocabulary.metric(text)
    with suppress(DefinitionError):
        grain = resolved.time.grain if resolved.time else ""
        yield vocabulary.group_by(text, resolved.metrics, grain).column


def _ordering(vocabulary: Vocabulary, resolved: Resolved, text: str) -> str:
    """Say what to order by instead."""
    has = f"It has {', '.join(resolved.columns)}."
    name, _, direction = text.strip().rpartition(" ")
    if name and direction.lower() in ("asc", "desc"):
        return f"Write --order={'-' if direction.lower() == 'desc' else ''}{name}."
    if other := next(_meant_by(vocabulary, resolved, text), ""):
        return f"{other} is not asked for: ask for it too. {has}"
    return f"{did_you_mean(text, [*resolved.columns])} {has}".strip()
