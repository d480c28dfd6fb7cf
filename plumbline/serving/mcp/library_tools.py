"""Tools about what there is to ask for, and what it means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from plumbline.serving.library import of_domain
from plumbline.serving.mcp import arguments as given
from plumbline.serving.mcp import results
from plumbline.serving.mcp.cells import cell, text
from plumbline.serving.mcp.room import Room
from plumbline.serving.search import search

# What is looked through for a member; beyond it, the answer says so.
_LOOKED_THROUGH = 100_000


def search_metrics(room: Room, asked: given.SearchMetrics) -> results.MetricList:
    """Find metrics by words, the best first."""
    found = search(room.visit.words.known.values(), asked.query)
    entries = {entry["name"]: entry for entry in room.visit.metrics()}
    shown = [item for item in found if item.metric.name in entries]
    metrics = [
        _entry(entries[item.metric.name], item.metric.description, item.score)
        for item in shown[: asked.limit]
    ]
    facts = room.facts(metric.name for metric in metrics)
    if not metrics:
        facts["notes"] = ["nothing is called so: try other words, or list_metrics"]
    truncated = len(shown) > asked.limit
    return results.MetricList(**facts, metrics=metrics, total=len(shown), truncated=truncated)


def list_metrics(room: Room, asked: given.ListMetrics) -> results.MetricList:
    """List metrics by domain and name."""
    known = room.visit.words.known
    of_it = of_domain(room.visit.metrics(), asked.domain or "")
    entries = [entry for entry in of_it if _is_asked_for(entry, asked)]
    page = entries[asked.offset : asked.offset + asked.limit]
    metrics = [_entry(entry, known[entry["name"]].description) for entry in page]
    last = asked.offset + len(page)
    truncated = last < len(entries)
    return results.MetricList(
        **room.facts(metric.name for metric in metrics),
        metrics=metrics,
        total=len(entries),
        truncated=truncated,
        how_to_narrow=f"offset {last} gives the next; domain and level give fewer" if truncated else "",
    )


def _is_asked_for(entry: Mapping[str, Any], asked: given.ListMetrics) -> bool:
    right_level = asked.level is None or entry["level"] == asked.level
    return right_level and (entry["available"] or not asked.available_only)


def _entry(entry: Mapping[str, Any], description: str, score: float | None = None) -> results.MetricEntry:
    told = {name: entry[name] or "" for name in ("name", "label", "label_zh", "domain", "level", "unit")}
    return results.MetricEntry(
        **told,
        available=entry["available"],
        verdict=entry["verdict"],
        reason=entry["reason"],
        description=" ".join(description.split()),
        score=score,
    )


def describe_metric(room: Room, asked: given.DescribeMetric) -> results.MetricDefinition:
    """Tell everything that the library says of one metric."""
    metric = room.metric(asked.metric)
    shown = room.visit.show(metric.name)
    told = metric.governance
    dimensions = [_dimension(entry) for entry in room.visit.dimensions([metric.name])]
    facts = room.facts([metric.name])
    return results.MetricDefinition(
        **facts,
        name=metric.name,
        label=metric.label,
        label_zh=told.label_zh,
        description=" ".join(metric.description.split()),
        formula=text(shown.get("formula")),
        type=metric.type,
        counted_over=text(shown.get("counted_over")),
        unit=told.unit,
        direction=told.direction,
        level=told.level,
        domain=told.domain,
        owner=str(told.owner),
        version=told.version,
        status=told.status,
        review_date=told.review_date,
        synonyms=[*told.synonyms, *told.synonyms_zh],
        grains=_listed(shown.get("grains")),
        dimensions=dimensions,
        made_of=_made_of(room, (item.name for item in metric.inputs)),
        sources=_listed(shown.get("sources")),
        saved_queries=_listed(shown.get("published_in")),
        available=bool(shown.get("available", True)),
        verdict=facts["verdicts"][metric.name],
        reason=text(shown.get("verdict_reason") or shown.get("unavailable_reason")),
        data_from=text(shown.get("data_from")),
        targets=[_target(target) for target in shown.get("targets", ())],
    )


def _made_of(room: Room, names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name in room.visit.words.known]


def _listed(joined: str | None) -> list[str]:
    return [part for part in (joined or "").split(", ") if part]


def _dimension(entry: Mapping[str, Any]) -> results.DimensionEntry:
    names = ("name", "label", "label_zh", "type")
    return results.DimensionEntry(**{name: entry[name] or "" for name in names}, synonyms=entry["synonyms"])


def _target(target: Mapping[str, Any]) -> results.TargetEntry:
    return results.TargetEntry(
        grain=target["grain"],
        period_start=text(target["period_start"]),
        value=cell(target["value"]),
        actual=cell(target["actual"]),
        attainment=cell(target["attainment"]),
        light=text(target["light"]),
        is_running=bool(target["is_running"]),
        deadline=text(target["deadline"]),
        owner=text(target["owner"]),
    )


def list_dimensions(room: Room, asked: given.ListDimensions) -> results.DimensionList:
    """List what figures can be split by."""
    names = [room.metric(words).name for words in asked.metrics]
    found = [_dimension(entry) for entry in room.visit.dimensions(names)]
    return results.DimensionList(**room.facts(names), dimensions=found)


def list_values(room: Room, asked: given.ListValues) -> results.ValueList:
    """List the members of a dimension, in order."""
    names = [room.metric(words).name for words in asked.metrics]
    looked_through = _LOOKED_THROUGH if asked.contains else asked.limit + 1
    values = room.visit.values(asked.dimension, names, room.limits(looked_through))
    wanted = asked.contains.casefold()
    found = [value for value in values if wanted in text(value).casefold()]
    truncated = len(found) > asked.limit
    return results.ValueList(
        **room.facts(names),
        dimension=room.visit.words.group_by(asked.dimension, names).column,
        values=[cell(value) for value in found[: asked.limit]],
        truncated=truncated,
        how_to_narrow="give `contains` with letters of the member" if truncated else "",
    )


def list_saved_queries(room: Room, asked: given.ListSavedQueries) -> results.SavedQueryList:
    """List the published wide tables."""
    found = [
        results.SavedQueryEntry(
            name=entry["name"],
            label=text(entry["label"]),
            label_zh=text(entry["label_zh"]),
            metrics=entry["metrics"],
            by=entry["by"],
            rows=entry["rows"],
        )
        for entry in room.visit.saved_queries()
    ]
    return results.SavedQueryList(**room.facts(), saved_queries=found)
