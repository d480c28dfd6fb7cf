"""From a question about metrics to one SQL statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.errors import DefinitionError, did_you_mean

if TYPE_CHECKING:
    from sqlglot import exp

    from plumbline.compiler.graph import Graph
    from plumbline.compiler.plan import Key, Plan, Scan
    from plumbline.compiler.request import Request
    from plumbline.compiler.sizes import Sizes
    from plumbline.definitions import Definitions, GroupBy

__all__ = ["Explanation", "compile", "explain", "not_too_deep"]

_graphs: dict[str, Graph] = {}


def compile(
    semantic_manifest_json_path: str | Path,
    query: Mapping[str, Any],
    dialect: str = "duckdb",
    *,
    cache: Path | None = None,
    sizes: Sizes | None = None,
) -> str:
    """Give the SQL of a query over the metrics of a semantic manifest.

    Keys of `query`: metrics, group_by, where, order_by, limit, time_constraint [start, end] (widened to whole
    periods), range [first day, last day] (exactly these days, running totals as at the last; None is no
    bound), saved_query; of members also min_max_only and apply_group_by. Metrics and group-bys are names, or
    {"name": …, "alias": …}. The result has the group-bys first (`metric_time__month`, `product__category`),
    then the metrics, as asked.
    `cache` is a directory for compiled SQL; `sizes` tells what is known of the data, for quicker SQL with the
    same answer. Raises DefinitionError, with the closest names.
    """
    from plumbline.compiler import cache as disk
    from plumbline.compiler.request import read_request

    definitions = _definitions(Path(semantic_manifest_json_path))
    with not_too_deep():
        request = read_request(definitions, query)
        if not cache:
            return _compile(definitions, request, dialect, sizes)
    question = f"{request.key}\n{sizes.name}" if sizes else request.key
    path = disk.entry(cache, definitions.digest, dialect, question)
    sql = disk.read(path)
    if sql is None:
        with not_too_deep():
            sql = _compile(definitions, request, dialect, sizes)
        disk.write(path, sql)
    return sql


@dataclass(frozen=True)
class Explanation:
    """What a query does: its plan in words, and the SQL that carries it out."""

    plan: str
    sql: str


def explain(
    semantic_manifest_json_path: str | Path,
    query: Mapping[str, Any],
    dialect: str = "duckdb",
    *,
    sizes: Sizes | None = None,
) -> Explanation:
    """Explain a query as `compile` takes it: formulas, passes over rows, and the SQL; raises as it does."""
    from plumbline.compiler.outline import outline
    from plumbline.compiler.planner import plan
    from plumbline.compiler.request import read_request

    definitions = _definitions(Path(semantic_manifest_json_path))
    with not_too_deep():
        request = read_request(definitions, query)
        if not request.metrics:
            asked = ", ".join(item.column for item in request.group_by)
            return Explanation(f"members of {asked}", _compile(definitions, request, dialect, sizes))
        planned = plan(definitions, _graph(definitions), request, dialect)
        first: dict[Scan, tuple[Key, ...]] = {}
        sql = _compile(definitions, request, dialect, sizes, planned, first)
    return Explanation(outline(planned, definitions, first), sql)


@contextmanager
def not_too_deep() -> Iterator[None]:
    """Refuse what is nested deeper than it can be read: thousands of brackets, or of conditions in a row."""
    try:
        yield
    except (RecursionError, MemoryError):
        raise DefinitionError(
            "the question is nested too deeply",
            why="Its conditions, or the definitions that it asks for, have too many parts.",
            todo="Write fewer conditions; compare with many values as IN ('a', 'b').",
            code="too-deep",
        ) from None


def _definitions(path: Path) -> Definitions:
    from plumbline.definitions import loaded

    return loaded(path)


def _compile(
    definitions: Definitions,
    request: Request,
    dialect: str,
    sizes: Sizes | None,
    planned: Plan | None = None,
    first: dict[Scan, tuple[Key, ...]] | None = None,
) -> str:
    from plumbline.compiler.dialects import DIALECTS, fitted

    if dialect not in DIALECTS:
        todo = did_you_mean(dialect, list(DIALECTS)) or f"Known: {', '.join(DIALECTS)}."
        raise DefinitionError(f"unknown dialect {dialect!r}", todo=todo, code="unknown-dialect")
    asked = statement(definitions, request, dialect, planned=planned, sizes=sizes, first=first)
    tree = fitted(asked, dialect)
    return tree.sql(dialect=dialect, pretty=True, copy=False)


def statement(
    definitions: Definitions,
    request: Request,
    dialect: str,
    above: tuple[str, ...] = (),
    planned: Plan | None = None,
    sizes: Sizes | None = None,
    first: dict[Scan, tuple[Key, ...]] | None = None,
) -> exp.Select:
    """Give the statement that answers a request, as a syntax tree; `above` are the metrics it filters."""
    from plumbline.compiler.generate import generate
    from plumbline.compiler.members import members
    from plumbline.compiler.planner import circular, plan
    from plumbline.compiler.request import Request, meant

    graph = _graph(definitions)

    def subquery(metric: str, by: tuple[GroupBy, ...]) -> exp.Select:
        if metric not in definitions.metrics:
            hint = meant(definitions, metric)
            raise DefinitionError(f"unknown metric {metric!r} in a filter", todo=hint, code="unknown-metric")
        if metric in above:
            raise circular(definitions, definitions.metrics[metric])
        request = Request(metrics=(metric,), group_by=by)
        return statement(definitions, request, dialect, (*above, metric), sizes=sizes)

    if not request.metrics:
        return members(graph, request, dialect, subquery)
    planned = planned or plan(definitions, graph, request, dialect)
    return generate(planned, graph, dialect, subquery, sizes, first)


def _graph(definitions: Definitions) -> Graph:
    from plumbline.compiler.graph import Graph

    if definitions.digest not in _graphs:
        _graphs.clear()
        _graphs[definitions.digest] = Graph(definitions)
    graph = _graphs[definitions.digest]
    # The same definitions may stand in another file, which messages name.
    graph.definitions = definitions
    return graph
