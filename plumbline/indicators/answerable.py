"""Definitions that no question can be answered by, found by compiling what a run asks, without any data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from plumbline.compiler import compile
from plumbline.compiler.expressions import parsed
from plumbline.definitions import Definitions, Location, Metric, SemanticModel
from plumbline.errors import PlumblineError, did_you_mean
from plumbline.governance import Finding
from plumbline.indicators.questions import alone, wide_question

_DIALECT = "duckdb"


def unanswerable(definitions: Definitions, manifest: Path, cache: Path | None = None) -> Iterator[Finding]:
    """Find metrics and saved queries that do not compile, and formulas with names that mean nothing.

    What rests on a metric that is found fails for the same reason, and is not named.
    """
    broken: set[str] = set()
    resting = {name: _resting(definitions, [name]) for name in definitions.metrics}
    for name in sorted(resting, key=lambda name: len(resting[name])):
        if not broken & resting[name]:
            found = list(_of_metric(definitions.metrics[name], manifest, cache))
            broken |= {name} if found else set()
            yield from found[:1]
    for saved in definitions.saved_queries.values():
        query = wide_question(definitions, saved).query
        if not broken & _resting(definitions, query["metrics"]):
            yield from _compiled(f"saved query {saved.name!r}", saved.location, manifest, query, cache)


def _of_metric(metric: Metric, manifest: Path, cache: Path | None) -> Iterator[Finding]:
    yield from _unknown_names(metric)
    yield from _compiled(f"metric {metric.name!r}", metric.location, manifest, alone(metric.name), cache)


def _resting(definitions: Definitions, names: Iterable[str]) -> set[str]:
    """Name metrics and all that they are computed from."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        if (name := waiting.pop()) not in found and name in definitions.metrics:
            found.add(name)
            waiting += [item.name for item in definitions.metrics[name].inputs]
    return found


def _compiled(
    told: str, location: Location, manifest: Path, query: Mapping[str, Any], cache: Path | None
) -> Iterator[Finding]:
    try:
        compile(manifest, query, _DIALECT, cache=cache)
    except PlumblineError as error:
        todo = "\n  ".join(filter(None, (error.why, error.todo))) or "Mend it as the others are written."
        yield Finding(location, f"{told}: {error.what}", todo, error.code)


def _unknown_names(metric: Metric) -> Iterator[Finding]:
    """Find names in the formula of a derived metric that are none of its inputs."""
    if metric.type != "derived":
        return
    known = [item.alias or item.name for item in metric.inputs]
    try:
        used = _columns(metric.expr)
    except PlumblineError:
        return  # compiling says why
    for name in used:
        if name.lower() not in {each.lower() for each in known}:
            todo = did_you_mean(name, known) or f"Its inputs are {', '.join(known)}."
            told = f"the formula of metric {metric.name!r} has {name!r}, which is none of its inputs"
            yield Finding(metric.location, told, todo, "unknown-input")


def ill_fitting(definitions: Definitions, dbt_manifest: Mapping[str, Any]) -> Iterator[Finding]:
    """Find expressions of semantic models with columns that the mart, as its contract says, does not have."""
    marts = {
        node["name"]: list(node.get("columns") or ())
        for node in dbt_manifest.get("nodes", {}).values()
        if node.get("resource_type") == "model"
    }
    for model in definitions.models.values():
        if columns := marts.get(model.relation.rpartition(".")[2].strip('"'), []):
            yield from _without_column(model, columns)


def _without_column(model: SemanticModel, columns: list[str]) -> Iterator[Finding]:
    known = {name.lower() for name in columns}
    parts = [("entity", each.name, each.expr) for each in model.entities]
    parts += [("dimension", each.name, each.expr) for each in model.dimensions]
    parts += [("measure", each.name, each.expr) for each in model.measures]
    for kind, owner, expr in parts:
        for name in _columns_or_none(expr):
            if name.lower() not in known:
                told = f"{kind} {owner!r} of {model.name!r} reads the column {name!r}, which the mart lacks"
                todo = did_you_mean(name, columns) or f"It has {', '.join(columns)}."
                yield Finding(model.location, told, todo, "unknown-mart-column")


def _columns_or_none(expr: str) -> list[str]:
    try:
        return _columns(expr)
    except PlumblineError:
        return []


def _columns(expr: str) -> list[str]:
    from sqlglot import exp

    if expr.isidentifier() and expr.lower() not in {"true", "false", "null"}:
        return [expr]
    return list(dict.fromkeys(column.name for column in parsed(expr, _DIALECT).find_all(exp.Column)))
