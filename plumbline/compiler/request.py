"""What is asked: a query as a dictionary, checked and put into one canonical form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from plumbline.definitions import METRIC_TIME, Definitions, GroupBy, parse_group_by
from plumbline.errors import DefinitionError, did_you_mean

_KEYS = ("metrics", "group_by", "where", "order_by", "limit", "time_constraint", "saved_query")


@dataclass(frozen=True)
class Request:
    """One question to the definitions."""

    metrics: tuple[str, ...]
    group_by: tuple[GroupBy, ...] = ()
    where: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    limit: int | None = None
    time_constraint: tuple[str, str] | None = None

    @property
    def time(self) -> GroupBy | None:
        """The period asked for, or None."""
        return next((item for item in self.group_by if item.name == METRIC_TIME), None)

    @property
    def dimensions(self) -> tuple[GroupBy, ...]:
        """What to group by, besides the period."""
        return tuple(item for item in self.group_by if item.name != METRIC_TIME)

    @property
    def filters_time(self) -> bool:
        """Whether the question keeps only some periods."""
        return bool(self.time_constraint) or any(METRIC_TIME in text for text in self.where)

    @property
    def key(self) -> str:
        """One text per meaning, for caches."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)


def read_request(definitions: Definitions, query: Mapping[str, Any]) -> Request:
    """Check a query and resolve its saved query; raises DefinitionError with the closest names."""
    for key in query:
        if key not in _KEYS:
            raise _wrong(f"unknown key {key!r} in the query", did_you_mean(key, list(_KEYS)), "unknown-key")
    request = Request(
        metrics=_texts(query, "metrics"),
        group_by=tuple(parse_group_by(_group_by_text(item)) for item in query.get("group_by") or ()),
        where=_texts(query, "where"),
        order_by=_texts(query, "order_by"),
        limit=_limit(query.get("limit")),
        time_constraint=_time_constraint(query.get("time_constraint")),
    )
    if query.get("saved_query"):
        request = _with_saved_query(definitions, request, str(query["saved_query"]))
    return _checked(definitions, request)


def _texts(query: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = query.get(key) or ()
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)


def _group_by_text(item: Any) -> str:
    if isinstance(item, Mapping):
        return f"{item['name']}__{item['grain']}" if item.get("grain") else str(item["name"])
    return str(item)


def _limit(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise _wrong(f"the limit {value!r} is no number of rows", "Give a whole number, 0 or more.", "bad-limit")


def _time_constraint(value: Any) -> tuple[str, str] | None:
    if not value:
        return None
    from datetime import datetime

    try:
        start, end = (datetime.fromisoformat(str(part)).isoformat() for part in value)
    except ValueError:
        todo = "Give [start, end] as ISO dates: ['2026-01-01', '2026-01-31']."
        raise _wrong(f"the time constraint {value!r} has no two dates", todo, "bad-time-constraint") from None
    if start > end:
        raise _wrong(f"the time constraint ends before it starts: {start}, {end}", "", "bad-time-constraint")
    return start, end


def _with_saved_query(definitions: Definitions, request: Request, name: str) -> Request:
    saved = definitions.saved_queries.get(name)
    if not saved:
        hint = did_you_mean(name, list(definitions.saved_queries))
        raise _wrong(f"unknown saved query {name!r}", hint, "unknown-saved-query")
    if request.metrics or request.group_by:
        todo = "Ask for the saved query alone, with `where`, `order_by` or `limit` if need be."
        raise _wrong("a saved query brings its own metrics and dimensions", todo, "bad-query")
    return replace(
        request, metrics=saved.metrics, group_by=saved.group_by, where=(*saved.where, *request.where)
    )


def _checked(definitions: Definitions, request: Request) -> Request:
    if not request.metrics:
        raise _wrong("the query names no metric", "Give at least one under `metrics`.", "no-metric")
    for name in request.metrics:
        if name not in definitions.metrics:
            hint = did_you_mean(name, list(definitions.metrics))
            raise _wrong(f"unknown metric {name!r}", hint, "unknown-metric")
    for item in request.group_by:
        _check_group_by(definitions, item)
    columns = [*(item.column for item in request.group_by), *request.metrics]
    for repeated in sorted({name for name in columns if columns.count(name) > 1}):
        raise _wrong(f"{repeated!r} is asked for twice", "Ask for it once.", "asked-twice")
    for name in request.order_by:
        if name.removeprefix("-") not in columns:
            hint = did_you_mean(name.removeprefix("-"), columns) or f"The result has: {', '.join(columns)}."
            raise _wrong(f"the result has no {name.removeprefix('-')!r} to order by", hint, "unknown-order")
    return request


def _check_group_by(definitions: Definitions, item: GroupBy) -> None:
    if item.name == METRIC_TIME or item.name in definitions.entities:
        return
    known = definitions.dimensions
    if item.name not in known and "__".join(item.name.split("__")[-2:]) not in known:
        names = [METRIC_TIME, *known, *definitions.entities]
        hint = did_you_mean(item.name, names) or "`plumb list dimensions` names them all."
        raise _wrong(f"unknown dimension {item.name!r}", hint, "unknown-dimension")


def _wrong(what: str, todo: str, code: str) -> DefinitionError:
    return DefinitionError(what, todo=todo, code=code)
