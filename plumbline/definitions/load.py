"""Read target/semantic_manifest.json, as dbt 1.11 writes it, into frozen values."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from plumbline.definitions.locate import Written, read_files
from plumbline.definitions.model import (
    TIMES,
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
    NonAdditive,
    Owner,
    SavedQuery,
    SemanticModel,
    TimeSpine,
    Window,
)
from plumbline.errors import DefinitionError

_GROUP_BY = re.compile(r"""\s*(Dimension|TimeDimension|Entity)\s*\((.*)\)\s*""", re.DOTALL)
_TEXT = re.compile(r"""['"]([^'"]*)['"]""")
_PART = "extract_"
# What every manifest has, of whatever version.
_PARTS = ("metrics", "semantic_models", "saved_queries", "project_configuration")


_kept: dict[str, tuple[tuple[int, int], Definitions]] = {}


def loaded(semantic_manifest: Path) -> Definitions:
    """Load the definitions, or give those that were loaded last while their file stays as it is."""
    try:
        state = semantic_manifest.stat()
    except OSError:
        return load(semantic_manifest)
    name, now = str(semantic_manifest), (state.st_mtime_ns, state.st_size)
    before, found = _kept.get(name, (None, None))
    if found is None or before != now:
        found = load(semantic_manifest)
        _kept.clear()
        _kept[name] = now, found
    return found


def load(semantic_manifest: Path, project: Path | None = None) -> Definitions:
    """Load the definitions; with the project's root they also know their file and line."""
    raw = _read(semantic_manifest)
    written = read_files(project) if project else Written()
    try:
        return _definitions(raw, written, semantic_manifest, project)
    except KeyError as error:
        raise _damaged(semantic_manifest, f"Something in it has no {error}.") from None


def _definitions(raw: dict[str, Any], written: Written, manifest: Path, project: Path | None) -> Definitions:
    measures = _own_measures(raw["metrics"])
    metrics = {item["name"]: _metric(item, written) for item in _sorted(raw["metrics"])}
    return Definitions(
        metrics={name: _with_measures(metric, metrics) for name, metric in metrics.items()},
        models={
            item["name"]: _model(item, written, measures.get(item["name"], ()))
            for item in _sorted(raw["semantic_models"])
        },
        saved_queries={item["name"]: _saved_query(item, written) for item in _sorted(raw["saved_queries"])},
        time_spines=_time_spines(raw["project_configuration"]),
        digest=_digest(raw),
        files=written.files,
        root=str(project or ""),
        manifest=str(manifest),
        raw=raw,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_bytes())
    except OSError as error:
        raise DefinitionError(
            "there is no semantic manifest",
            where=str(path),
            why=f"{error.strerror or error}.",
            todo="Run `plumb run`, or `dbt parse`, first.",
            code="no-manifest",
        ) from None
    except ValueError as error:
        raise _damaged(path, f"It is no JSON: {error}.") from None
    if not isinstance(raw, dict):
        raise _damaged(path, "It holds no mapping.")
    missing = [key for key in _PARTS if key not in raw]
    if missing:
        raise _damaged(path, f"It has no {' and no '.join(map(repr, missing))}.")
    return raw


def _damaged(path: Path, why: str) -> DefinitionError:
    return DefinitionError(
        "this is no semantic manifest",
        where=str(path),
        why=why,
        todo="Name target/semantic_manifest.json; `plumb run`, or `dbt parse`, writes it anew.",
        code="damaged-manifest",
    )


def _sorted(items: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(items, key=lambda item: str(item["name"]))


def _digest(raw: Mapping[str, Any]) -> str:
    """Hash the meaning: dbt writes the same definitions in another order every time it parses."""
    ordered = {key: _sorted(value) if isinstance(value, list) else value for key, value in raw.items()}
    return hashlib.sha256(json.dumps(ordered, sort_keys=True).encode()).hexdigest()


def _time_spines(project: Mapping[str, Any]) -> tuple[TimeSpine, ...]:
    """Read the time spines, the finest first; an old manifest has them under another name."""
    spines = [
        TimeSpine(
            relation=_relation(spine["node_relation"]),
            column=spine["primary_column"]["name"],
            grain=spine["primary_column"]["time_granularity"],
            calendar={
                part["name"]: part.get("column_name") or part["name"]
                for part in spine.get("custom_granularities") or ()
            },
        )
        for spine in project.get("time_spines") or ()
    ] or [
        TimeSpine(spine["location"], spine["column_name"], spine["grain"])
        for spine in project.get("time_spine_table_configurations") or ()
    ]
    return tuple(sorted(spines, key=lambda spine: TIMES.index(spine.grain)))


def _relation(node: Mapping[str, Any]) -> str:
    return node.get("relation_name") or f"{node['schema_name']}.{node['alias']}"


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
        measures=tuple(_measure_inputs(item["name"], params, conversion)),
        inputs=tuple(_metric_inputs(params)),
        expr=params.get("expr") or "",
        filters=_filters(item.get("filter")),
        window=_window(cumulative.get("window") or conversion.get("window") or params.get("window")),
        grain_to_date=cumulative.get("grain_to_date") or params.get("grain_to_date") or "",
        period_agg=cumulative.get("period_agg") or ("first" if item["type"] == "cumulative" else ""),
        conversion_entity=conversion.get("entity") or "",
        conversion_rate=conversion.get("calculation") == "conversion_rate",
        constant_properties=tuple(
            (pair["base_property"], pair["conversion_property"])
            for pair in conversion.get("constant_properties") or ()
        ),
        time_grain=item.get("time_granularity") or "",
    )


def _with_measures(metric: Metric, metrics: Mapping[str, Metric]) -> Metric:
    """Since dbt 1.12 a cumulative or conversion metric names simple metrics instead of measures."""
    if metric.type not in ("cumulative", "conversion") or not metric.inputs:
        return metric
    return replace(metric, measures=tuple(_measure_of(item, metrics) for item in metric.inputs), inputs=())


def _measure_of(item: MetricInput, metrics: Mapping[str, Metric]) -> MeasureInput:
    taken = metrics[item.name]
    measure = taken.measures[0]
    return replace(measure, filters=_once(measure.filters, taken.filters, item.filters))


def _once(*parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for part in parts for text in part))


def _own_measures(metrics: Iterable[Mapping[str, Any]]) -> Mapping[str, list[Measure]]:
    """Since dbt 1.12 a simple metric may say itself what it aggregates, and of which model."""
    found: dict[str, list[Measure]] = {}
    for item in metrics:
        told = item["type_params"].get("metric_aggregation_params")
        if told and not item["type_params"].get("measure"):
            part = {**told, "name": item["name"], "expr": item["type_params"].get("expr")}
            found.setdefault(told["semantic_model"], []).append(_measure(part, ""))
    return found


def _measure_inputs(
    name: str, params: Mapping[str, Any], conversion: Mapping[str, Any]
) -> Iterable[MeasureInput]:
    asked = (params.get("measure"), conversion.get("base_measure"), conversion.get("conversion_measure"))
    for item in asked:
        if item:
            yield _measure_input(item["name"], item, params)
    if params.get("metric_aggregation_params") and not params.get("measure"):
        yield _measure_input(name, {}, params)


def _measure_input(name: str, item: Mapping[str, Any], params: Mapping[str, Any]) -> MeasureInput:
    """Read how a measure is taken; since dbt 1.12 a simple metric says it, not the measure."""
    fill = item.get("fill_nulls_with")
    return MeasureInput(
        name=name,
        filters=_filters(item.get("filter")),
        fill_nulls_with=params.get("fill_nulls_with") if fill is None else fill,
        join_to_timespine=bool(item.get("join_to_timespine") or params.get("join_to_timespine")),
    )


def _metric_inputs(params: Mapping[str, Any]) -> Iterable[MetricInput]:
    cumulative = params.get("cumulative_type_params") or {}
    conversion = params.get("conversion_type_params") or {}
    asked = (
        params.get("numerator"),
        params.get("denominator"),
        cumulative.get("metric"),
        conversion.get("base_metric"),
        conversion.get("conversion_metric"),
        *(params.get("metrics") or ()),
    )
    for item in asked:
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
    if not item:
        return None
    grain = str(item["granularity"]).lower()
    return Window(int(item["count"]), grain[:-1] if grain[:-1] in TIMES else grain)


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


def _model(item: Mapping[str, Any], written: Written, measures: Iterable[Measure]) -> SemanticModel:
    default = (item.get("defaults") or {}).get("agg_time_dimension") or ""
    return SemanticModel(
        name=item["name"],
        relation=_relation(item["node_relation"]),
        description=(item.get("description") or "").strip(),
        location=_place(written, "semantic_models", item["name"]),
        entities=tuple(
            Entity(part["name"], part["type"], part.get("expr") or part["name"])
            for part in item.get("entities") or ()
        ),
        dimensions=tuple(_dimension(part) for part in item.get("dimensions") or ()),
        measures=(
            *(_measure(part, default) for part in item.get("measures") or ()),
            *(replace(part, time_dimension=part.time_dimension or default) for part in measures),
        ),
        named_entity=item.get("primary_entity") or "",
    )


def _measure(part: Mapping[str, Any], default_time: str) -> Measure:
    told = part.get("agg_params") or {}
    snapshot = part.get("non_additive_dimension")
    return Measure(
        name=part["name"],
        agg=part["agg"],
        expr=str(part.get("expr") or part["name"]),
        time_dimension=part.get("agg_time_dimension") or default_time,
        non_additive=_non_additive(snapshot) if snapshot else None,
        percentile=told.get("percentile"),
        discrete=bool(told.get("use_discrete_percentile")),
        approximate=bool(told.get("use_approximate_percentile")),
    )


def _non_additive(item: Mapping[str, Any]) -> NonAdditive:
    return NonAdditive(
        item["name"], item.get("window_choice") or "min", tuple(item.get("window_groupings") or ())
    )


def _dimension(item: Mapping[str, Any]) -> Dimension:
    meta = (item.get("config") or {}).get("meta") or {}
    params = item.get("type_params") or {}
    validity = params.get("validity_params") or {}
    return Dimension(
        name=item["name"],
        type=item["type"],
        label=item.get("label") or "",
        label_zh=_text(meta, "label_zh"),
        grain=params.get("time_granularity") or "",
        expr=str(item.get("expr") or item["name"]),
        is_partition=bool(item.get("is_partition")),
        validity=next((part for part in ("start", "end") if validity.get(f"is_{part}")), ""),
        person=meta.get("person") is True,
        synonyms=_texts(meta, "synonyms"),
        synonyms_zh=_texts(meta, "synonyms_zh"),
    )


def _saved_query(item: Mapping[str, Any], written: Written) -> SavedQuery:
    params = item["query_params"]
    meta = written.saved_query_meta.get(item["name"], {})
    return SavedQuery(
        name=item["name"],
        description=(item.get("description") or "").strip(),
        metrics=tuple(params.get("metrics") or ()),
        group_by=tuple(parse_group_by(text) for text in params.get("group_by") or ()),
        where=_filters(params.get("where")),
        location=_place(written, "saved_queries", item["name"]),
        label=item.get("label") or _text(meta, "label"),
        label_zh=_text(meta, "label_zh"),
        domain=_text(meta, "domain"),
        grain=_text(meta, "grain"),
        order_by=tuple(params.get("order_by") or ()),
        limit=params.get("limit"),
    )


def parse_group_by(text: str) -> GroupBy:
    """Read `metric_time__month`, `metric_time__extract_year` or `TimeDimension('metric_time', 'month')`."""
    call = _GROUP_BY.fullmatch(text)
    if not call:
        return _parse_name(text.strip())
    arguments = _TEXT.findall(call[2])
    if call[1] == "TimeDimension" and len(arguments) > 1:
        return GroupBy(arguments[0], arguments[1].lower())
    return _parse_name(arguments[0]) if arguments else GroupBy(text.strip())


def _parse_name(text: str) -> GroupBy:
    name, _, last = text.rpartition("__")
    if name and last in TIMES:
        return GroupBy(name, last)
    if name and last.startswith(_PART):
        return GroupBy(name, part=last.removeprefix(_PART))
    return GroupBy(text)
