"""Read target/semantic_manifest.json, as dbt 1.11 writes it, into frozen values."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from plumbline.definitions.locate import Written, read_files
from plumbline.definitions.model import (
    Definitions,
    Dimension,
    Entity,
    Governance,
    GroupBy,
    Location,
    Measure,
    MeasureInput,
    Metric,
    MetricInput,
    Owner,
    SavedQuery,
    SemanticModel,
    Window,
)
from plumbline.errors import DefinitionError

_GROUP_BY = re.compile(r"""\s*(Dimension|TimeDimension|Entity)\s*\((.*)\)\s*""", re.DOTALL)
_TEXT = re.compile(r"""['"]([^'"]*)['"]""")
_TIMES = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")


def load(semantic_manifest: Path, project: Path | None = None) -> Definitions:
    """Load the definitions; with the project's root they also know their file and line."""
    raw = json.loads(_read(semantic_manifest))
    written = read_files(project) if project else Written()
    spine, column = _time_spine(raw)
    return Definitions(
        metrics={item["name"]: _metric(item, written) for item in _sorted(raw["metrics"])},
        models={item["name"]: _model(item, written) for item in _sorted(raw["semantic_models"])},
        saved_queries={item["name"]: _saved_query(item, written) for item in _sorted(raw["saved_queries"])},
        time_spine=spine,
        time_spine_column=column,
        digest=_digest(raw),
        files=written.files,
        root=str(project or ""),
        raw=raw,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DefinitionError(
            "there is no semantic manifest",
            where=str(path),
            why=f"{error.strerror or error}.",
            todo="Run `plumb run`, or `dbt parse`, first.",
            code="no-manifest",
        ) from None


def _sorted(items: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(items, key=lambda item: str(item["name"]))


def _digest(raw: Mapping[str, Any]) -> str:
    """Hash the meaning: dbt writes the same definitions in another order every time it parses."""
    ordered = {key: _sorted(value) if isinstance(value, list) else value for key, value in raw.items()}
    return hashlib.sha256(json.dumps(ordered, sort_keys=True).encode()).hexdigest()


def _time_spine(raw: Mapping[str, Any]) -> tuple[str, str]:
    spines = raw["project_configuration"].get("time_spines") or []
    days = [spine for spine in spines if spine["primary_column"]["time_granularity"] == "day"]
    if not days:
        return "", ""
    return days[0]["node_relation"]["relation_name"], days[0]["primary_column"]["name"]


def _place(written: Written, kind: str, name: str) -> Location:
    return written.places.get((kind, name), Location("metrics", 0))


def _metric(item: Mapping[str, Any], written: Written) -> Metric:
    params = item["type_params"]
    cumulative = params.get("cumulative_type_params") or {}
    conversion = params.get("conversion_type_params") or {}
    return Metric(
        name=item["name"],
        label=item.get("label") or "",
        description=(item.get("description") or "").strip(),
        type=item["type"],
        governance=_governance((item.get("config") or {}).get("meta") or {}),
        location=_place(written, "metrics", item["name"]),
        measures=tuple(_measure_inputs(params, conversion)),
        inputs=tuple(_metric_inputs(params)),
        expr=params.get("expr") or "",
        filters=_filters(item.get("filter")),
        window=_window(cumulative.get("window") or conversion.get("window") or params.get("window")),
        grain_to_date=cumulative.get("grain_to_date") or params.get("grain_to_date") or "",
        period_agg=cumulative.get("period_agg") or ("first" if item["type"] == "cumulative" else ""),
        conversion_entity=conversion.get("entity") or "",
        conversion_rate=conversion.get("calculation") == "conversion_rate",
        constant_properties=bool(conversion.get("constant_properties")),
    )


def _measure_inputs(params: Mapping[str, Any], conversion: Mapping[str, Any]) -> Iterable[MeasureInput]:
    for item in (
        params.get("measure"),
        conversion.get("base_measure"),
        conversion.get("conversion_measure"),
    ):
        if item:
            yield MeasureInput(
                name=item["name"],
                filters=_filters(item.get("filter")),
                fill_nulls_with=item.get("fill_nulls_with"),
                join_to_timespine=bool(item.get("join_to_timespine")),
            )


def _metric_inputs(params: Mapping[str, Any]) -> Iterable[MetricInput]:
    for item in (params.get("numerator"), params.get("denominator"), *(params.get("metrics") or ())):
        if item:
            yield MetricInput(
                name=item["name"],
                alias=item.get("alias") or "",
                filters=_filters(item.get("filter")),
                offset_window=_window(item.get("offset_window")),
                offset_to_grain=item.get("offset_to_grain") or "",
            )


def _filters(item: Mapping[str, Any] | None) -> tuple[str, ...]:
    return tuple(part["where_sql_template"].strip() for part in (item or {}).get("where_filters") or ())


def _window(item: Mapping[str, Any] | None) -> Window | None:
    return Window(int(item["count"]), str(item["granularity"]).rstrip("s")) if item else None


def _governance(meta: Mapping[str, Any]) -> Governance:
    owner = meta.get("owner")
    owner = owner if isinstance(owner, Mapping) else {"role": owner or ""}
    return Governance(
        label_zh=_text(meta, "label_zh"),
        synonyms=_texts(meta, "synonyms"),
        synonyms_zh=_texts(meta, "synonyms_zh"),
        domain=_text(meta, "domain"),
        owner=Owner(_text(owner, "department"), _text(owner, "role")),
        level=_text(meta, "level"),
        unit=_text(meta, "unit"),
        direction=_text(meta, "direction"),
        sources=_texts(meta, "sources"),
        review_date=_text(meta, "review_date"),
        version=_text(meta, "version"),
        status=_text(meta, "status"),
        component=bool(meta.get("component")),
        grains=_texts(meta, "grains"),
    )


def _text(meta: Mapping[str, Any], key: str) -> str:
    value = meta.get(key)
    return "" if value is None else str(value).strip()


def _texts(meta: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = meta.get(key) or ()
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)


def _model(item: Mapping[str, Any], written: Written) -> SemanticModel:
    default = (item.get("defaults") or {}).get("agg_time_dimension") or ""
    return SemanticModel(
        name=item["name"],
        relation=item["node_relation"]["relation_name"],
        description=(item.get("description") or "").strip(),
        location=_place(written, "semantic_models", item["name"]),
        entities=tuple(
            Entity(part["name"], part["type"], part.get("expr") or part["name"])
            for part in item.get("entities") or ()
        ),
        dimensions=tuple(_dimension(part) for part in item.get("dimensions") or ()),
        measures=tuple(
            Measure(
                name=part["name"],
                agg=part["agg"],
                expr=part.get("expr") or part["name"],
                time_dimension=part.get("agg_time_dimension") or default,
                non_additive=bool(part.get("non_additive_dimension")),
            )
            for part in item.get("measures") or ()
        ),
    )


def _dimension(item: Mapping[str, Any]) -> Dimension:
    meta = (item.get("config") or {}).get("meta") or {}
    return Dimension(
        name=item["name"],
        type=item["type"],
        label=item.get("label") or "",
        label_zh=_text(meta, "label_zh"),
        grain=(item.get("type_params") or {}).get("time_granularity") or "",
    )


def _saved_query(item: Mapping[str, Any], written: Written) -> SavedQuery:
    params = item["query_params"]
    meta = written.saved_query_meta.get(item["name"], {})
    return SavedQuery(
        name=item["name"],
        description=(item.get("description") or "").strip(),
        metrics=tuple(params["metrics"]),
        group_by=tuple(parse_group_by(text) for text in params["group_by"]),
        where=_filters(params.get("where")),
        location=_place(written, "saved_queries", item["name"]),
        label=item.get("label") or _text(meta, "label"),
        label_zh=_text(meta, "label_zh"),
        domain=_text(meta, "domain"),
        grain=_text(meta, "grain"),
    )


def parse_group_by(text: str) -> GroupBy:
    """Read `metric_time__month`, `product__category` or `TimeDimension('metric_time', 'month')`."""
    call = _GROUP_BY.fullmatch(text)
    if not call:
        name, _, grain = text.strip().rpartition("__")
        return GroupBy(name, grain) if name and grain in _TIMES else GroupBy(text.strip())
    arguments = _TEXT.findall(call[2])
    if call[1] == "TimeDimension" and len(arguments) > 1:
        return GroupBy(arguments[0], arguments[1].lower())
    return parse_group_by(arguments[0]) if arguments else GroupBy(text.strip())
