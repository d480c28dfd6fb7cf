"""What is asked: a query as a dictionary, checked and put into one canonical form."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from plumbline.compiler.templates import read_reference
from plumbline.definitions import (
    METRIC_TIME,
    Definitions,
    GroupBy,
    Metric,
    parse_group_by,
    places_of,
    project_of,
)
from plumbline.errors import DefinitionError, closest, did_you_mean, suggested

_KEYS = (
    "metrics",
    "group_by",
    "where",
    "order_by",
    "limit",
    "time_constraint",
    "range",
    "saved_query",
    "min_max_only",
    "apply_group_by",
)
_TEXTS = {
    "where": "Write conditions: \"{{ Dimension('product__category') }} = 'Bikes'\".",
    "order_by": "Write names of columns, with `-` first for a descending order: '-net_sales'.",
}
# The largest number that engines take for a limit.
MOST_ROWS = 2**63 - 1
_DESCRIBED = ("name", "grain", "date_part", "alias")


@dataclass(frozen=True)
class Request:
    """One question to the definitions."""

    metrics: tuple[str, ...]
    group_by: tuple[GroupBy, ...] = ()
    where: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    limit: int | None = None
    time_constraint: tuple[str, str] | None = None
    # Exactly these days, and running totals as at the last of them; an end may be open ("").
    range: tuple[str, str] | None = None
    min_max_only: bool = False
    apply_group_by: bool = True
    # Columns of the result that are to have another name.
    aliases: tuple[tuple[str, str], ...] = ()

    @property
    def own_names(self) -> dict[str, str]:
        """The columns behind the names that the question gives."""
        return {alias: name for name, alias in self.aliases}

    @property
    def time(self) -> GroupBy | None:
        """The period asked for, or None."""
        return next((item for item in self.group_by if item.name == METRIC_TIME), None)

    @property
    def dimensions(self) -> tuple[GroupBy, ...]:
        """What to group by, besides the period."""
        return tuple(item for item in self.group_by if item.name != METRIC_TIME)

    @property
    def key(self) -> str:
        """One text per meaning, for caches."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)


def read_request(definitions: Definitions, query: Mapping[str, Any]) -> Request:
    """Check a query and resolve its saved query; raises DefinitionError with the closest names."""
    if not (definitions.metrics or definitions.models):
        raise _nothing_defined(definitions)
    if not isinstance(query, Mapping):
        raise _wrong(f"{query!r} is no query", "Write {'metrics': ['net_sales']}.", "bad-query")
    for key in query:
        if key not in _KEYS:
            hint = did_you_mean(str(key), list(_KEYS)) or f"Known: {', '.join(_KEYS)}."
            raise _wrong(f"unknown key {key!r} in the query", hint, "unknown-key")
    aliases = tuple(_aliases(definitions, query))
    given = dict(aliases).values()
    request = Request(
        metrics=tuple(_metric(definitions, item) for item in _listed(query.get("metrics"))),
        group_by=tuple(_group_by(definitions, item) for item in _listed(query.get("group_by"))),
        where=_texts(query, "where"),
        order_by=tuple(_ordered(definitions, text, given) for text in _texts(query, "order_by")),
        limit=_limit(query.get("limit")),
        time_constraint=_time_constraint(query.get("time_constraint")),
        range=_range(query.get("range")),
        min_max_only=_flag(query, "min_max_only", False),
        apply_group_by=_flag(query, "apply_group_by", True),
        aliases=aliases,
    )
    if query.get("saved_query"):
        request = _with_saved_query(definitions, request, str(query["saved_query"]))
    return _checked(definitions, request)


def _texts(query: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = query.get(key) or ()
    found = (value,) if isinstance(value, str) else value
    is_list = isinstance(found, Iterable) and not isinstance(found, Mapping)
    texts = tuple(found) if is_list else ()
    if not is_list or not all(isinstance(item, str) for item in texts):
        raise _wrong(f"{key!r} is no text and no list of texts: {value!r}", _TEXTS[key], "bad-query")
    return texts


def _flag(query: Mapping[str, Any], key: str, default: bool) -> bool:
    value = query.get(key)
    if value is None:
        return default
    if not isinstance(value, int):
        raise _wrong(f"{key!r} is neither true nor false: {value!r}", "Give True or False.", "bad-query")
    return bool(value)


def _listed(value: Any) -> Sequence[Any]:
    """Give what is asked for as a list; DefinitionError for what neither names nor describes anything."""
    found = (value,) if isinstance(value, str | Mapping) else value or ()
    if not isinstance(found, Iterable):
        raise _wrong(f"{value!r} is no list of names", "Give names.", "bad-query")
    found = tuple(found)
    for item in found:
        if isinstance(item, Mapping):
            _require_described(item)
        elif not isinstance(item, str | GroupBy):
            raise _wrong(f"{item!r} is no name", "Give names.", "bad-query")
    return found


def _require_described(item: Mapping[str, Any]) -> None:
    for key in item:
        if key not in _DESCRIBED:
            todo = did_you_mean(str(key), list(_DESCRIBED)) or f"Known: {', '.join(_DESCRIBED)}."
            raise _wrong(f"unknown key {key!r} in {dict(item)!r}", todo, "unknown-key")
    if not item.get("name"):
        raise _wrong(f"{dict(item)!r} names nothing", "Give its `name`.", "bad-query")


def _group_by(definitions: Definitions, item: Any) -> GroupBy:
    if isinstance(item, GroupBy):
        return item
    if not isinstance(item, Mapping):
        return _named(definitions, str(item))
    found = _named(definitions, str(item["name"]))
    grain = str(item.get("grain") or found.grain).lower()
    return replace(found, grain=grain, part=str(item.get("date_part") or found.part).lower())


def _named(definitions: Definitions, text: str) -> GroupBy:
    """Read a name or a call; the end of a name may be a grain of the company's own calendar."""
    item = read_reference(text).item if "(" in text else parse_group_by(_spelt(definitions, text))
    return item.with_calendar(definitions.calendar)


def _spelt(definitions: Definitions, text: str) -> str:
    """Names are in small letters; capital ones mean the same, unless something has them in its name."""
    if text == text.lower():
        return text
    known = set(definitions.metrics)
    for model in definitions.models.values():
        known |= {item.name for item in model.entities} | {item.name for item in model.dimensions}
    return text if known.intersection((text, *text.split("__"))) else text.lower()


def _ordered(definitions: Definitions, text: str, aliases: Collection[str] = ()) -> str:
    """Write `-column` for a descending order, however it was asked for."""
    sign = "-" if text.startswith("-") else ""
    name = text.removeprefix("-").strip()
    if "(" not in name:
        return sign + (name if name in aliases else _spelt(definitions, name))
    reference = read_reference(name)
    column = reference.metric or _named(definitions, reference.item.column).column
    return ("-" if sign or reference.descending else "") + column


def _metric(definitions: Definitions, item: Any) -> str:
    name = str(item["name"] if isinstance(item, Mapping) else item)
    return name if name.lower() not in definitions.metrics else _spelt(definitions, name)


def _aliases(definitions: Definitions, query: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the columns that `{"name": …, "alias": …}` names otherwise."""
    for item in _listed(query.get("metrics")):
        if isinstance(item, Mapping) and item.get("alias"):
            yield _metric(definitions, item), str(item["alias"])
    for item in _listed(query.get("group_by")):
        if isinstance(item, Mapping) and item.get("alias"):
            yield _group_by(definitions, item).column, str(item["alias"])


def _limit(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_ROWS:
        return value
    raise _wrong(f"the limit {value!r} is no number of rows", "Give a whole number, 0 or more.", "bad-limit")


def _time_constraint(value: Any) -> tuple[str, str] | None:
    if not value:
        return None
    from datetime import datetime

    try:
        start, end = (datetime.fromisoformat(str(part)).isoformat() for part in value)
        if len(str(value[1])) == len("2026-01-31"):
            end = f"{end[:10]}T23:59:59"
    except (TypeError, ValueError):
        todo = "Give [start, end] as ISO dates: ['2026-01-01', '2026-01-31']."
        raise _wrong(f"the time constraint {value!r} has no two dates", todo, "bad-time-constraint") from None
    if start > end:
        what = f"the time constraint {value!r} ends before it starts"
        raise _wrong(what, "Give the first moment, then the last one.", "bad-time-constraint")
    return start, end


def _range(value: Any) -> tuple[str, str] | None:
    """Read two days, both included, as the first moment and the one after the last; None is no bound."""
    if value is None:
        return None
    from datetime import date, timedelta

    try:
        start, end = (date.fromisoformat(str(part)) if part else None for part in value)
    except (TypeError, ValueError):
        todo = "Give [first day, last day], as ISO dates or None."
        raise _wrong(f"the range {value!r} has no two days", todo, "bad-range") from None
    if start and end and start > end:
        what = f"the range ends before it starts: {start}, {end}"
        raise _wrong(what, "Give the first day, then the last one.", "bad-range")
    after = end + timedelta(days=1) if end and end < date.max else None
    return start.isoformat() if start else "", after.isoformat() if after else ""


def _with_saved_query(definitions: Definitions, request: Request, name: str) -> Request:
    saved = definitions.saved_queries.get(name)
    if not saved:
        close = closest(name, list(definitions.saved_queries))
        hint = suggested(close, places_of(definitions, "saved_queries", close))
        hint = hint or "`plumb list saved-queries` names them all."
        raise _wrong(f"unknown saved query {name!r}", hint, "unknown-saved-query")
    if request.metrics or request.group_by:
        todo = "Ask for the saved query alone, with `where`, `order_by` or `limit` if need be."
        raise _wrong("a saved query brings its own metrics and dimensions", todo, "bad-query")
    return replace(
        request,
        metrics=saved.metrics,
        group_by=tuple(_group_by(definitions, _text(item)) for item in saved.group_by),
        where=(*saved.where, *request.where),
        order_by=request.order_by or tuple(_ordered(definitions, text) for text in saved.order_by),
        limit=saved.limit if request.limit is None else request.limit,
    )


def _text(item: GroupBy) -> Mapping[str, str]:
    return {"name": item.name, "grain": item.grain, "date_part": item.part}


def _checked(definitions: Definitions, request: Request) -> Request:
    if not (request.metrics or request.group_by):
        raise _wrong("the query names no metric", "Give at least one under `metrics`.", "no-metric")
    for name in request.metrics:
        if name not in definitions.metrics:
            raise _wrong(f"unknown metric {name!r}", meant(definitions, name), "unknown-metric")
    if request.range and request.time_constraint:
        raise _wrong("the query has a range and a time constraint", "Give one of them.", "bad-query")
    if request.metrics and (request.min_max_only or not request.apply_group_by):
        todo = "Leave out the metrics: both are for questions about members."
        raise _wrong("`min_max_only` and `apply_group_by` do not go with metrics", todo, "bad-query")
    given = [*(item.column for item in request.group_by), *request.metrics]
    columns = [dict(request.aliases).get(name, name) for name in given]
    require_once(columns)
    return request


def require_once(names: Iterable[str]) -> None:
    """Refuse a column that is asked for twice, be it by two names."""
    found = list(names)
    for name in found:
        if found.count(name) > 1:
            raise _wrong(f"{name!r} is asked for twice", "Ask for it once.", "asked-twice")


def meant(definitions: Definitions, text: str) -> str:
    """Suggest the metrics that people call so, or those that are spelt nearly so, and where they are."""
    words = text.casefold().replace("_", " ")
    called = [metric.name for metric in definitions.metrics.values() if words in _words_for(metric)]
    found = called[:3] or closest(text, list(definitions.metrics))
    if not found:
        return "`plumb list metrics` names them all."
    return suggested(found, places_of(definitions, "metrics", found))


def _words_for(metric: Metric) -> set[str]:
    return {name.casefold().replace("_", " ") for name in metric.words}


def _nothing_defined(definitions: Definitions) -> DefinitionError:
    """Tell an empty manifest, and where definitions stand in a form that dbt 1.11 leaves out."""
    return DefinitionError(
        "the semantic manifest defines no metrics and no semantic models",
        where=_newer_form(root) if (root := project_of(definitions)) else "",
        why="dbt 1.11 ignores the newer form, in which `semantic_model:` stands under a model.",
        todo="Write `semantic_models:` and `metrics:` at the top of a YAML file, and run `plumb run`.",
        code="empty-manifest",
    )


def _newer_form(root: Path) -> str:
    """Find the first line of the newer form in the project's YAML."""
    for path in sorted([*root.glob("models/**/*.y*ml"), *root.glob("metrics/**/*.y*ml")]):
        for number, line in enumerate(
            path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1
        ):
            if line.lstrip().startswith("semantic_model:") and line[:1].isspace():
                return f"{path.relative_to(root)}:{number}"
    return ""


def _wrong(what: str, todo: str, code: str) -> DefinitionError:
    return DefinitionError(what, todo=todo, code=code)
