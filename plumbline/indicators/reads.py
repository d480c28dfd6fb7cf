"""What the answer to a question rests on: which columns of which marts, and how each is tied to periods."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from plumbline.definitions import (
    GRAINS,
    METRIC_TIME,
    Definitions,
    MeasureInput,
    Metric,
    SemanticModel,
    Window,
)
from plumbline.indicators.questions import Question
from plumbline.indicators.reach import Join, Reaches
from plumbline.warehouse.contents import INFINITE, UNDATED, Contents

_NAMED = re.compile(r"""(?:Dimension|Entity|Metric)\(\s*['"]([^'"]+)""")
_WORD = re.compile(r"\w+")
_DAYS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
# Changed since always: no period is as it was.
ALWAYS = date.min


@dataclass(frozen=True)
class Reads:
    """The columns that a question reads, by mart.

    `times` names, for marts whose rows count in the period of their own date, that date's columns; `joins`
    the ways to marts that rows take members from. A change in any other mart may change every period. `back`
    is how far a change reaches into periods before it, None if without end.
    """

    columns: Mapping[str, frozenset[str]]
    times: Mapping[str, frozenset[str]] = field(default_factory=dict)
    joins: Mapping[str, frozenset[Join]] = field(default_factory=dict)
    back: timedelta | None = timedelta(0)

    def changed_since(self, reaches: Reaches) -> date | None:
        """Give the first day whose period may have another answer than before; None when none has.

        Rows without a date are in no period, so they do not count where periods are asked for.
        """
        changes = [self._first_change(mart, reaches) for mart in sorted(self.columns)]
        found = [day for day in changes if day is not None]
        if not found:
            return None
        first = min(found)
        if first == ALWAYS or self.back is None:
            return ALWAYS
        return first - self.back

    def last_day(self, marts: Contents) -> date:
        """Give a day after which no mart that is read has a row in any period."""
        parts = [part.name for mart in self.columns for parts in marts[mart].by.values() for part in parts]
        if INFINITE in parts:
            return date.max
        months = [name for name in parts if name[0].isdigit()]
        following = date.fromisoformat(f"{max(months)}-01") + timedelta(days=31) if months else date.max
        return following.replace(day=1) - timedelta(days=1) if months else date.max

    def _first_change(self, name: str, reaches: Reaches) -> date | None:
        mart, known, columns = reaches.marts.get(name), reaches.marts_before.get(name), self.columns[name]
        if mart is None or known is None or mart.types(columns) != known.types(columns):
            return ALWAYS
        times, joins = self.times.get(name, frozenset()), self.joins.get(name, frozenset())
        if not times and not joins:
            return ALWAYS if mart.whole.differs(known.whole, columns) else None
        if not times <= mart.by.keys():
            return ALWAYS
        parts = {part for time in times for part in mart.changed(known, time, columns)} - {UNDATED}
        if INFINITE in parts:
            return ALWAYS
        found = [date.fromisoformat(f"{min(parts)}-01")] if parts else []
        if joins:
            members = set(mart.changed(known, mart.day, columns))
            found += [day for join in joins if (day := reaches.first_day(join, members)) is not None]
        return min(found, default=None)


def reads_of(
    definitions: Definitions, question: Question, columns: Mapping[str, frozenset[str]], marts: Contents
) -> Reads:
    """Find what a question rests on from the columns that its SQL reads and its definitions."""
    if question.grain not in GRAINS:
        return Reads(columns)
    facts = list(_question_facts(definitions, question))
    joins = joins_of(definitions, question)
    if joins is None:
        return Reads(columns)
    times = _spines(definitions)
    for fact in facts:
        times.setdefault(mart_of(fact.model.relation), set()).add(fact.time)
    # A way that digests by part do not tell of makes every change count for every period.
    loose = {join.other for join in joins if not join.is_dated(marts)}
    tied = {mart: frozenset(found) for mart, found in times.items() if mart in columns and mart not in loose}
    members = {
        mart: frozenset(join for join in joins if join.other == mart)
        for mart in {join.other for join in joins} - loose
    }
    backs = [fact.back for fact in facts]
    back = None if None in backs else max((b for b in backs if b), default=timedelta(0))
    return Reads(columns, tied, members, back)


def joins_of(definitions: Definitions, question: Question) -> frozenset[Join] | None:
    """Give the ways by which the rows that count take members from other marts; None for a longer way."""
    asked_for = [item.name for item in question.dimensions] + _names(question.where)
    found: set[Join] = set()
    for fact in _question_facts(definitions, question) if question.grain in GRAINS else ():
        joins = _joins(definitions, fact, [*asked_for, *fact.names])
        if joins is None:
            return None
        found |= joins
    return frozenset(found)


def looking_on(definitions: Definitions, question: Question) -> tuple[str, ...]:
    """Name the metrics of a question that what happens later changes, too, in the order of the question."""
    return tuple(
        name
        for name in (*question.metrics, *question.extra)
        if any(fact.back is None or fact.back for fact in _facts(definitions, name, ()))
    )


def columns_taken(definitions: Definitions, question: Question) -> dict[str, frozenset[str]] | None:
    """Name the columns that rows take from other marts by a join, by mart; None for a longer way."""
    joins = joins_of(definitions, question)
    if joins is None:
        return None
    names = [item.name for item in question.dimensions] + _names(question.where)
    names += [name for fact in _question_facts(definitions, question) for name in fact.names]
    found: dict[str, set[str]] = {}
    for join in joins:
        found.setdefault(join.other, set()).add(join.key)
    for model in definitions.models.values():
        if mart_of(model.relation) in found:
            found[mart_of(model.relation)] |= _columns_named(definitions, model, names)
    return {mart: frozenset(columns) for mart, columns in found.items()}


def _columns_named(definitions: Definitions, model: SemanticModel, names: list[str]) -> set[str]:
    """Name the columns of a model behind some dimensions: any word of those that are computed."""
    entities = {item.name for item in model.entities}
    asked = {name.rpartition("__")[2] for name in names if name.rpartition("__")[0] in entities}
    asked |= {item.name for item in model.validity or ()}
    return {word for name in asked for word in _WORD.findall(time_column(definitions, model, name))}


def columns_read(sql: str, marts: Contents) -> dict[str, frozenset[str]] | None:
    """Name the columns that a statement reads, by mart; None when it reads something beside the marts.

    A column counts as read when a query that takes rows of the mart names it, be it for another table.
    """
    import sqlglot
    from sqlglot import exp

    tree = sqlglot.parse_one(sql, read="duckdb")
    within = {cte.alias for cte in tree.find_all(exp.CTE)}
    found: dict[str, set[str]] = {}
    for table in tree.find_all(exp.Table):
        if not table.db and table.name in within:
            continue
        select = table.find_ancestor(exp.Select)
        if table.db != "marts" or table.name not in marts or select is None:
            return None
        known = {column.name for column in marts[table.name].columns}
        named = {
            column.name for column in select.find_all(exp.Column) if column.table in ("", table.alias_or_name)
        }
        everything = any(not isinstance(star.parent, exp.Count) for star in select.find_all(exp.Star))
        found.setdefault(table.name, set()).update(known if everything else known & named)
    return {mart: frozenset(columns) for mart, columns in found.items()}


def time_columns(definitions: Definitions) -> dict[str, set[str]]:
    """Name the date columns by which each mart's measures are put into periods."""
    found = _spines(definitions)
    for model in definitions.models.values():
        for measure in model.measures:
            column = time_column(definitions, model, measure.time_dimension)
            found.setdefault(mart_of(model.relation), set()).add(column)
    return found


@dataclass(frozen=True)
class _Fact:
    """A measure as a metric uses it: its model, its date, the names in its filters, how far it looks on."""

    model: SemanticModel
    time: str
    names: tuple[str, ...]
    back: timedelta | None


def _question_facts(definitions: Definitions, question: Question) -> Iterator[_Fact]:
    for name in (*question.metrics, *question.extra):
        yield from _facts(definitions, name, ())


def _facts(definitions: Definitions, name: str, filters: tuple[str, ...]) -> Iterator[_Fact]:
    metric = definitions.metrics[name]
    filters = (*filters, *metric.filters)
    for taken in metric.measures:
        yield from _fact(definitions, metric, taken, filters)
    for item in metric.inputs:
        yield from _facts(definitions, item.name, (*filters, *item.filters))


def _fact(
    definitions: Definitions, metric: Metric, taken: MeasureInput, filters: tuple[str, ...]
) -> Iterator[_Fact]:
    model, measure = definitions.model_of(taken.name), definitions.measure(taken.name)
    if model and measure:
        time = time_column(definitions, model, measure.time_dimension)
        names = tuple(_names((*filters, *taken.filters)))
        yield _Fact(model, time, names, _back(metric))


def _back(metric: Metric) -> timedelta | None:
    """A conversion counts in the period of what came first, so what follows changes earlier periods."""
    if metric.type != "conversion":
        return timedelta(0)
    return _length(metric.window) if metric.window else None


def _length(window: Window) -> timedelta | None:
    """Give the longest that a window can be; None for a grain of a company's own calendar."""
    days = _DAYS.get(window.grain)
    return timedelta(days=window.count * days) if days else None


def _names(filters: tuple[str, ...]) -> list[str]:
    return [name for text in filters for name in _NAMED.findall(text)]


def _joins(definitions: Definitions, fact: _Fact, names: list[str]) -> set[Join] | None:
    """Give the ways to other marts that dimensions are taken from; None for a longer way than one join."""
    found: set[Join] = set()
    model, keys = fact.model, {item.name: item.expr for item in fact.model.entities}
    for name in names:
        entity = name.rpartition("__")[0] or name
        if METRIC_TIME in name or entity == model.primary_entity:
            continue
        # A filter may name a metric, too: it is no entity of the model.
        if entity not in keys:
            return None
        found |= {
            Join(mart_of(model.relation), fact.time, keys[entity], mart_of(other.relation), item.expr)
            for other in definitions.models.values()
            for item in other.entities
            if item.name == entity == other.primary_entity
        }
    return found


def _spines(definitions: Definitions) -> dict[str, set[str]]:
    """Name the tables of days, and their column of days; a calendar of another grain is read whole."""
    spines = definitions.raw.get("project_configuration", {}).get("time_spines") or ()
    days = (spine for spine in spines if spine["primary_column"]["time_granularity"] == "day")
    return {
        mart_of(spine["node_relation"]["relation_name"]): {spine["primary_column"]["name"]} for spine in days
    }


def mart_of(relation: str) -> str:
    """Name the mart of a relation as dbt writes it."""
    return relation.rpartition(".")[2].strip('"`')


def time_column(definitions: Definitions, model: SemanticModel, dimension: str) -> str:
    """Name the column behind a time dimension; one that is computed is no column of the mart."""
    for written in definitions.raw.get("semantic_models", ()):
        for item in written.get("dimensions") or () if written["name"] == model.name else ():
            if item["name"] == dimension:
                return str(item.get("expr") or dimension)
    return dimension
