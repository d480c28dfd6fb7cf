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
from plumbline.warehouse.contents import INFINITE, UNDATED, Contents

_NAMED = re.compile(r"""(?:Dimension|Entity|Metric)\(\s*['"]([^'"]+)""")
_DAYS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
# Changed since always: no period is as it was.
ALWAYS = date.min


@dataclass(frozen=True)
class Reads:
    """The columns that a question reads, by mart.

    `times` names, for marts whose rows count in the period of their own date only, that date's columns; a
    change in any other mart may change every period. `back` is how far a change reaches into periods before
    it, None if without end.
    """

    columns: Mapping[str, frozenset[str]]
    times: Mapping[str, frozenset[str]] = field(default_factory=dict)
    back: timedelta | None = timedelta(0)

    def changed_since(self, before: Contents, now: Contents) -> date | None:
        """Give the first day whose period may have another answer than before; None when none has.

        Rows without a date are in no period, so they do not count where periods are asked for.
        """
        found = [
            day for mart in sorted(self.columns) if (day := self._first_change(mart, before, now)) is not None
        ]
        if not found:
            return None
        first = min(found)
        if first == ALWAYS or self.back is None:
            return ALWAYS
        return first - self.back

    def _first_change(self, mart: str, before: Contents, now: Contents) -> date | None:
        if mart not in now:
            return ALWAYS
        columns, known = self.columns[mart], before.get(mart)
        if known is None or now[mart].types(columns) != known.types(columns):
            return ALWAYS
        times = self.times.get(mart)
        if not times:
            return ALWAYS if now[mart].whole.differs(known.whole, columns) else None
        if not times <= now[mart].by.keys():
            return ALWAYS
        parts = {part for time in times for part in now[mart].changed(known, time, columns)} - {UNDATED}
        if INFINITE in parts:
            return ALWAYS
        return date.fromisoformat(f"{min(parts)}-01") if parts else None


def reads_of(definitions: Definitions, question: Question, sql: str, marts: Contents) -> Reads | None:
    """Find what a question rests on from its SQL and its definitions; None when that cannot be told."""
    columns = columns_read(sql, marts)
    if columns is None:
        return None
    if question.grain not in GRAINS:
        return Reads(columns)
    facts = [fact for name in _asked(question) for fact in _facts(definitions, name, ())]
    asked_for = [item.name for item in question.dimensions] + _names(question.where)
    times = _spines(definitions)
    joined: set[str] = set()
    for fact in facts:
        times.setdefault(_table(fact.model.relation), set()).add(fact.time)
        others = _joined(definitions, fact.model, [*asked_for, *fact.names])
        if others is None:
            return Reads(columns)
        joined |= others
    tied = {mart: frozenset(found) for mart, found in times.items() if mart in columns and mart not in joined}
    backs = [fact.back for fact in facts]
    return Reads(columns, tied, None if None in backs else max((b for b in backs if b), default=timedelta(0)))


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
            column = _column(definitions, model, measure.time_dimension)
            found.setdefault(_table(model.relation), set()).add(column)
    return found


@dataclass(frozen=True)
class _Fact:
    """A measure as a metric uses it: its model, its date, the names in its filters, how far it looks on."""

    model: SemanticModel
    time: str
    names: tuple[str, ...]
    back: timedelta | None


def _asked(question: Question) -> Iterator[str]:
    yield from question.metrics
    yield from question.extra


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
        time = _column(definitions, model, measure.time_dimension)
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


def _joined(definitions: Definitions, model: SemanticModel, names: list[str]) -> set[str] | None:
    """Name the marts that dimensions are taken from, beside the model's own; None for a longer way."""
    found: set[str] = set()
    for name in names:
        entity = name.rpartition("__")[0] or name
        if METRIC_TIME in name or entity == model.primary_entity:
            continue
        # A filter may name a metric, too: it is no entity of the model.
        if entity not in {item.name for item in model.entities}:
            return None
        found |= {_table(m.relation) for m in definitions.models.values() if m.primary_entity == entity}
    return found


def _spines(definitions: Definitions) -> dict[str, set[str]]:
    """Name the tables of days, and their column of days; a calendar of another grain is read whole."""
    spines = definitions.raw.get("project_configuration", {}).get("time_spines") or ()
    days = (spine for spine in spines if spine["primary_column"]["time_granularity"] == "day")
    return {
        _table(spine["node_relation"]["relation_name"]): {spine["primary_column"]["name"]} for spine in days
    }


def _table(relation: str) -> str:
    return relation.rpartition(".")[2].strip('"`')


def _column(definitions: Definitions, model: SemanticModel, dimension: str) -> str:
    """Name the column behind a time dimension; one that is computed is no column of the mart."""
    for written in definitions.raw.get("semantic_models", ()):
        for item in written.get("dimensions") or () if written["name"] == model.name else ():
            if item["name"] == dimension:
                return str(item.get("expr") or dimension)
    return dimension
