"""Which keys the definition files may have: dbt passes unknown ones over in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.definitions import Location

if TYPE_CHECKING:
    from yaml import MappingNode, Node

Known = Mapping[str, Any]

_ANY: Known = {}
_WINDOW_KEYS = ("name", "filter", "alias", "offset_window", "offset_to_grain")
_INPUT: Known = dict.fromkeys(_WINDOW_KEYS, _ANY)
_MEASURE_INPUT: Known = dict.fromkeys(
    ("name", "filter", "alias", "join_to_timespine", "fill_nulls_with"), _ANY
)
_OWNER: Known = dict.fromkeys(("department", "role"), _ANY)
_META_KEYS = (
    "label_zh",
    "synonyms",
    "synonyms_zh",
    "domain",
    "level",
    "unit",
    "direction",
    "sources",
    "review_date",
    "version",
    "status",
    "component",
    "grains",
)
METRIC_META: Known = {**dict.fromkeys(_META_KEYS, _ANY), "owner": _OWNER}
_ELEMENT_META: Known = {"meta": {"label_zh": _ANY, "person": _ANY}}
_DIMENSION_META: Known = {
    "meta": dict.fromkeys(("label_zh", "person", "synonyms", "synonyms_zh"), _ANY),
}
_CONVERSION: Known = {
    **dict.fromkeys(("entity", "calculation", "window", "constant_properties"), _ANY),
    "base_measure": _MEASURE_INPUT,
    "conversion_measure": _MEASURE_INPUT,
}
_CUMULATIVE: Known = {
    **dict.fromkeys(("window", "grain_to_date", "period_agg"), _ANY),
    "metric": _INPUT,
}
_TYPE_PARAMS: Known = {
    "measure": _MEASURE_INPUT,
    "numerator": _INPUT,
    "denominator": _INPUT,
    "metrics": _INPUT,
    "cumulative_type_params": _CUMULATIVE,
    "conversion_type_params": _CONVERSION,
    **dict.fromkeys(("expr", "window", "grain_to_date"), _ANY),
}
_MEASURE: Known = {
    **dict.fromkeys(
        ("name", "label", "description", "agg", "expr", "agg_time_dimension", "create_metric"), _ANY
    ),
    "agg_params": dict.fromkeys(
        ("percentile", "use_discrete_percentile", "use_approximate_percentile"), _ANY
    ),
    "non_additive_dimension": dict.fromkeys(("name", "window_choice", "window_groupings"), _ANY),
    "config": _ELEMENT_META,
}
_DIMENSION: Known = {
    **dict.fromkeys(("name", "label", "description", "type", "expr", "is_partition"), _ANY),
    "type_params": dict.fromkeys(("time_granularity", "validity_params"), _ANY),
    "config": _DIMENSION_META,
}
_ENTITY: Known = {
    **dict.fromkeys(("name", "label", "description", "type", "expr", "role"), _ANY),
    "config": _ELEMENT_META,
}
KNOWN: Known = {
    "version": _ANY,
    "metrics": {
        **dict.fromkeys(("name", "label", "description", "type", "filter", "time_granularity"), _ANY),
        "type_params": _TYPE_PARAMS,
        "config": {"enabled": _ANY, "group": _ANY, "tags": _ANY, "meta": METRIC_META},
    },
    "semantic_models": {
        **dict.fromkeys(("name", "label", "description", "model", "primary_entity"), _ANY),
        "defaults": {"agg_time_dimension": _ANY},
        "entities": _ENTITY,
        "dimensions": _DIMENSION,
        "measures": _MEASURE,
        "config": {"enabled": _ANY, "group": _ANY, "meta": _ANY},
    },
    "saved_queries": {
        **dict.fromkeys(("name", "label", "description", "tags", "exports"), _ANY),
        "query_params": dict.fromkeys(("metrics", "group_by", "where", "order_by", "limit"), _ANY),
        "config": {
            **dict.fromkeys(("enabled", "group", "cache"), _ANY),
            "meta": dict.fromkeys(("label_zh", "domain", "grain"), _ANY),
        },
    },
}


@dataclass(frozen=True)
class UnknownKey:
    """A key that nothing reads."""

    location: Location
    owner: str
    key: str
    known: tuple[str, ...]


def unknown_keys(root: Path, files: tuple[str, ...]) -> list[UnknownKey]:
    """Find the keys in the definition files that nothing reads."""
    return [found for name in files for found in _in_file(root, name)]


def _in_file(root: Path, name: str) -> Iterator[UnknownKey]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    node = yaml.compose((root / name).read_text(encoding="utf-8"), Loader=loader)
    if isinstance(node, yaml.MappingNode):
        yield from _unknown(node, KNOWN, name, "the file")


def _unknown(node: Node, known: Known, file: str, owner: str) -> Iterator[UnknownKey]:
    import yaml

    if not known:
        return
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _unknown(item, known, file, owner)
    elif isinstance(node, yaml.MappingNode):
        owner = _name(node) or owner
        for key, value in node.value:
            if key.value in known:
                yield from _unknown(value, known[key.value], file, owner)
            else:
                place = Location(file, key.start_mark.line + 1)
                yield UnknownKey(place, owner, str(key.value), tuple(known))


def _name(node: MappingNode) -> str:
    names = [value.value for key, value in node.value if key.value == "name"]
    return f"{names[0]!r}" if names else ""
