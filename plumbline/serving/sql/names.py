"""What stands behind the names in a SELECT: relations, and their columns as metrics and splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from plumbline.definitions import METRIC_TIME, GroupBy, parse_group_by
from plumbline.errors import DefinitionError, did_you_mean
from plumbline.serving.sql.refusal import UNKNOWN_COLUMN, UNKNOWN_METRIC, SqlRefusal

if TYPE_CHECKING:
    from sqlglot import exp

    from plumbline.serving.vocabulary import Vocabulary

METRICS = "metrics"
_ADDED_UP = ("sum", "sum_boolean", "count")


@dataclass(frozen=True)
class Relation:
    """A view of the endpoint: the metrics that it has (None: all), and columns with names of their own.

    `where` are conditions that hold for all of it.
    """

    name: str
    metrics: frozenset[str] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    where: tuple[str, ...] = ()


@dataclass(frozen=True)
class Split:
    """What figures can be split by; `is_moment` for a time that was named without a grain."""

    item: GroupBy
    is_time: bool = False
    is_moment: bool = False

    def at(self, grain: str) -> str:
        """Name the column of the answer for this time at a grain."""
        return GroupBy(self.item.name, grain).column


class Book:
    """The relations that somebody who has these words can read."""

    def __init__(self, vocabulary: Vocabulary, schemas: Sequence[str]) -> None:
        self.vocabulary = vocabulary
        self.schemas = frozenset(schemas)

    @cached_property
    def relations(self) -> Mapping[str, Relation]:
        """Every relation by its name: all metrics, those of each saved query and of each domain."""
        found = {METRICS: Relation(METRICS), **dict(self._saved())}
        return {**dict(self._domains()), **found}

    def find(self, schema: str, name: str) -> Relation | None:
        """Find a relation; without a schema, too."""
        return self.relations.get(name) if not schema or schema in self.schemas else None

    def metrics_of(self, relation: Relation) -> list[str]:
        """Name the metrics of a relation that can be seen, in the order of their definitions."""
        seen = list(visible_metrics(self.vocabulary))
        return [name for name in seen if relation.metrics is None or name in relation.metrics]

    def _domains(self) -> Iterator[tuple[str, Relation]]:
        by_domain: dict[str, set[str]] = {}
        for name in visible_metrics(self.vocabulary):
            domain = self.vocabulary.definitions.metrics[name].governance.domain
            by_domain.setdefault(domain, set()).add(name)
        for domain, names in by_domain.items():
            if domain:
                yield domain, Relation(domain, frozenset(names))

    def _saved(self) -> Iterator[tuple[str, Relation]]:
        seen = set(visible_metrics(self.vocabulary))
        for query in self.vocabulary.definitions.saved_queries.values():
            names = frozenset(seen & set(query.metrics))
            shown = [item for item in query.group_by if self.vocabulary.sight.names(item.name)]
            if names and (shown or not query.group_by):
                columns = {item.published: item.column for item in shown}
                yield query.name, Relation(query.name, names, columns, tuple(query.where))


def visible_metrics(vocabulary: Vocabulary) -> Sequence[str]:
    """Name the metrics that can be asked for with these words."""
    return tuple(vocabulary.known)


class Names:
    """Find what the columns of one SELECT mean."""

    def __init__(self, book: Book, relation: Relation, called: Sequence[str]) -> None:
        self._words = book.vocabulary
        self._relation = relation
        self._called = {name.lower() for name in called}

    def metric(self, text: str) -> str:
        """Name the metric; raises for one that is unknown, or that the relation does not have."""
        found = self._words.metric(text)
        if self._relation.metrics is not None and found not in self._relation.metrics:
            raise SqlRefusal(
                f"unknown metric {text!r} in {self._relation.name}",
                sqlstate=UNKNOWN_METRIC,
                todo=did_you_mean(text, sorted(self._relation.metrics)) or "The view metrics has it.",
            )
        return found

    def is_metric(self, column: exp.Column) -> bool:
        """Tell whether a column is called exactly as a metric, and as no dimension."""
        return self._own(column) is None and column.name in visible_metrics(self._words)

    def split(self, column: exp.Column, metrics: Sequence[str]) -> Split:
        """Give what a column of dimension or time means; raises for one that is unknown or ambiguous."""
        self._require_own_table(column)
        text = self._own(column) or column.name
        item = self._words.group_by(text, metrics)
        is_time = item.name == METRIC_TIME or self._is_time(item.name)
        written = parse_group_by(text)
        is_word = item.name == METRIC_TIME and text.lower() != METRIC_TIME
        is_moment = is_time and not written.grain and not is_word
        return Split(item, is_time, is_moment)

    def is_entity(self, split: Split) -> bool:
        """Tell whether something to split by is a key."""
        return split.item.name in self._words.definitions.entities

    def is_added_up(self, metric: str) -> bool:
        """Tell whether the metric of several groups is the sum of that of each."""
        found = self._words.definitions.metrics[metric]
        if found.type != "simple" or len(found.measures) != 1:
            return False
        taken = found.measures[0]
        measure = self._words.definitions.measure(taken.name)
        plain = taken.fill_nulls_with is None and not taken.join_to_timespine
        return bool(measure and plain and measure.agg in _ADDED_UP and not measure.non_additive)

    def looks_elsewhere(self, metric: str) -> bool:
        """Tell whether a figure rests on other days than those of its period."""
        found = self._words.definitions.metrics[metric]
        if found.type in ("cumulative", "conversion"):
            return True
        return any(
            item.offset_window or item.offset_to_grain or self.looks_elsewhere(item.name)
            for item in found.inputs
        )

    def unknown_column(self, column: exp.Column, metrics: Sequence[str]) -> Exception:
        """Say that a name is neither a dimension nor a metric."""
        try:
            self.split(column, metrics)
        except DefinitionError as error:
            return error
        return SqlRefusal(f"column {column.name!r} does not exist", sqlstate=UNKNOWN_COLUMN)

    def _own(self, column: exp.Column) -> str | None:
        """Give what a column of the relation's own is in the definitions."""
        return self._relation.columns.get(column.name)

    def _is_time(self, name: str) -> bool:
        known = self._words.definitions.dimensions
        dimension = known.get(name) or known.get("__".join(name.split("__")[-2:]))
        return bool(dimension and dimension.type == "time")

    def _require_own_table(self, column: exp.Column) -> None:
        if column.table and column.table.lower() not in self._called:
            raise SqlRefusal(
                f"missing FROM-clause entry for table {column.table!r}",
                sqlstate="42P01",
                todo=f"The columns are those of {' or '.join(sorted(self._called))}.",
            )
