"""Filters as they are written, SQL with `{{ Dimension("product__category") }}` in it, read into parts."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from plumbline.definitions import METRIC_TIME, TIMES, GroupBy, parse_group_by
from plumbline.errors import DefinitionError, did_you_mean

_CALL = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_KINDS = ("Dimension", "TimeDimension", "Entity", "Metric")
_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "Dimension": ("name", "entity_path"),
    "TimeDimension": (
        "time_dimension_name",
        "time_granularity_name",
        "entity_path",
        "descending",
        "date_part_name",
    ),
    "Entity": ("entity_name", "entity_path"),
    "Metric": ("metric_name", "group_by"),
}
_METHODS = ("grain", "date_part", "descending")


@dataclass(frozen=True)
class Reference:
    """One thing that a filter or a query names; a metric stands for its value per member of `by`."""

    item: GroupBy
    metric: str = ""
    by: tuple[GroupBy, ...] = ()
    descending: bool = False
    is_time: bool = False


@dataclass(frozen=True)
class Template:
    """A filter: SQL in which `placeholder(n)` stands for the nth reference."""

    text: str
    sql: str
    references: tuple[Reference, ...]


def placeholder(number: int) -> str:
    """Name the column that stands for a reference."""
    return f"__reference_{number}__"


@lru_cache(maxsize=4096)
def read_template(text: str) -> Template:
    """Read a filter; raises DefinitionError where a call in it cannot be understood."""
    references: list[Reference] = []
    if placeholder(0).partition("0")[0] in text:
        raise DefinitionError(
            f"the condition {text!r} cannot be understood",
            why="A name in it is the compiler's own.",
            todo="Name dimensions and metrics.",
            code="bad-condition",
        )

    def take(found: re.Match[str]) -> str:
        references.append(_require_members(read_reference(found[1]), found[1]))
        return placeholder(len(references) - 1)

    return Template(text, _CALL.sub(take, text), tuple(references))


def read_reference(text: str) -> Reference:
    """Read one call, such as `TimeDimension('metric_time', 'month')` or `Dimension('a__b').grain('day')`."""
    try:
        call = ast.parse(text.strip(), mode="eval").body
        return _read_call(call)
    except (SyntaxError, ValueError) as error:
        reason = str(error) if type(error) is ValueError else "it is no call."
        raise _unreadable(text, reason) from None


def _unreadable(text: str, why: str) -> DefinitionError:
    return DefinitionError(
        f"cannot read {text.strip()!r}",
        why=why,
        todo="Write it like Dimension('product__category'), TimeDimension('metric_time', 'month')"
        " or Metric('orders', group_by=['customer']).",
        code="bad-reference",
    )


def _require_members(reference: Reference, text: str) -> Reference:
    """Refuse a metric in a filter that has no members, or periods, instead of members of a key."""
    if reference.metric and not reference.by:
        raise _unreadable(text, "Metric needs group_by: the keys whose members have a value each.")
    if any(item.name == METRIC_TIME for item in reference.by):
        raise _unreadable(text, "A metric in a filter has a value for each member of a key, not each period.")
    return reference


def _read_call(node: ast.expr) -> Reference:
    if not isinstance(node, ast.Call):
        raise ValueError("it is no call.")
    if isinstance(node.func, ast.Attribute):
        return _with_method(_read_call(node.func.value), node.func.attr, _values(node))
    kind = node.func.id if isinstance(node.func, ast.Name) else ""
    if kind not in _KINDS:
        raise ValueError(f"{kind!r} is unknown. {did_you_mean(kind, list(_KINDS))}".strip())
    return _reference(kind, _arguments(kind, node))


def _values(node: ast.Call) -> list[Any]:
    return [_value(item) for item in node.args]


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise ValueError(f"{ast.unparse(node)} stands in no quotes.") from None


def _arguments(kind: str, node: ast.Call) -> dict[str, Any]:
    names = _ARGUMENTS[kind]
    if len(node.args) > len(names):
        raise ValueError(f"{kind} takes {', '.join(names)}.")
    given = dict(zip(names, _values(node), strict=False))
    for keyword in node.keywords:
        if keyword.arg not in names:
            hint = did_you_mean(str(keyword.arg), list(names))
            raise ValueError(f"{kind} has no argument {keyword.arg!r}. {hint}".strip())
        given[keyword.arg] = _value(keyword.value)
    if names[0] not in given:
        raise ValueError(f"{kind} needs {names[0]}.")
    return given


def _reference(kind: str, given: Mapping[str, Any]) -> Reference:
    if kind == "Metric":
        by = given.get("group_by") or ()
        items = tuple(parse_group_by(str(item)) for item in ((by,) if isinstance(by, str) else by))
        return Reference(GroupBy(str(given["metric_name"])), metric=str(given["metric_name"]), by=items)
    names = _ARGUMENTS[kind]
    path = given.get("entity_path") or ()
    name = "__".join((*map(str, path), str(given[names[0]])))
    item = parse_group_by(name)
    if given.get("time_granularity_name"):
        item = _at_grain(item, str(given["time_granularity_name"]))
    if given.get("date_part_name"):
        item = replace(item, part=str(given["date_part_name"]).lower())
    return Reference(item, descending=bool(given.get("descending")), is_time=kind == "TimeDimension")


def _at_grain(item: GroupBy, grain: str) -> GroupBy:
    grain = grain.lower()
    return replace(item, grain=grain[:-1] if grain[:-1] in TIMES else grain)


def _with_method(reference: Reference, name: str, values: list[Any]) -> Reference:
    if name not in _METHODS:
        raise ValueError(f".{name}() is unknown. {did_you_mean(name, list(_METHODS))}".strip())
    if name == "descending":
        return replace(reference, descending=bool(values[0]) if values else True)
    if len(values) != 1:
        raise ValueError(f".{name}() takes one value.")
    if name == "grain":
        return replace(reference, item=_at_grain(reference.item, str(values[0])))
    return replace(reference, item=replace(reference.item, part=str(values[0]).lower()))
