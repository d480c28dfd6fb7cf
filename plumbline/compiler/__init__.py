"""From a question about metrics to one SQL statement."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.errors import DefinitionError, did_you_mean

if TYPE_CHECKING:
    from plumbline.compiler.request import Request
    from plumbline.definitions import Definitions

__all__ = ["compile"]

_loaded: dict[tuple[str, int, int], Definitions] = {}


def compile(
    semantic_manifest_json_path: str | Path,
    query: Mapping[str, Any],
    dialect: str = "duckdb",
    *,
    cache: Path | None = None,
) -> str:
    """Give the SQL of a query over the metrics of a semantic manifest.

    Keys of `query`: metrics, group_by, where, order_by, limit, time_constraint [start, end], saved_query. The
    result has the group-bys first (`metric_time__month`, `product__category`), then the metrics, as asked.
    `cache` is a directory for compiled SQL. Raises DefinitionError, with the closest names.
    """
    from plumbline.compiler import cache as disk
    from plumbline.compiler.request import read_request

    definitions = _definitions(Path(semantic_manifest_json_path))
    request = read_request(definitions, query)
    if not cache:
        return _compile(definitions, request, dialect)
    path = disk.entry(cache, definitions.digest, dialect, request.key)
    sql = disk.read(path)
    if sql is None:
        sql = _compile(definitions, request, dialect)
        disk.write(path, sql)
    return sql


def _definitions(path: Path) -> Definitions:
    from plumbline.definitions import load

    try:
        state = path.stat()
        key = (str(path), state.st_mtime_ns, state.st_size)
    except OSError:
        return load(path)
    if key not in _loaded:
        _loaded.clear()
        _loaded[key] = load(path)
    return _loaded[key]


def _compile(definitions: Definitions, request: Request, dialect: str) -> str:
    from dataclasses import replace

    from plumbline.compiler.aggregate import aggregate
    from plumbline.compiler.generate import generate
    from plumbline.compiler.metricflow import DIALECTS
    from plumbline.compiler.plan import plan

    if dialect not in DIALECTS:
        todo = did_you_mean(dialect, list(DIALECTS)) or f"Known: {', '.join(DIALECTS)}."
        raise DefinitionError(f"unknown dialect {dialect!r}", todo=todo, code="unknown-dialect")
    planned = plan(definitions, request)
    if planned.trivial:
        return aggregate(definitions, request, dialect).sql(dialect=dialect, pretty=True)
    inner = replace(request, order_by=(), limit=None)
    if planned.looks_around:
        inner = replace(inner, time_constraint=None)
    return generate(
        definitions,
        request,
        planned,
        dialect,
        lambda metrics, group_by: aggregate(
            definitions, replace(inner, metrics=metrics, group_by=group_by), dialect
        ),
    )
