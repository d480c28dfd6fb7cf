"""Mistakes, told so that an agent can repair its call."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from plumbline.definitions import GRAINS
from plumbline.errors import PlumblineError, closest
from plumbline.serving.desk import Visit
from plumbline.serving.mcp.arguments import Arguments
from plumbline.serving.mcp.results import Mistake
from plumbline.serving.reworded import Words, reworded
from plumbline.serving.search import search

_MOST = 60
_QUOTED = re.compile(r"'([^']+)'")
_SUGGESTED = re.compile(r"Did you mean (.*?)\?")
_CHOICES = re.compile(r"(?:Say which|Possible|Known|It has):? (.*?)\.(?:\s|$)")
# What the command line calls things, and what the tools call them.
_CALLED: Words = (
    (re.compile(r"`plumb list metrics`"), "list_metrics"),
    (re.compile(r"`plumb list dimensions`"), "list_dimensions"),
    (re.compile(r"`plumb list values ([^`]*)`"), r"list_values of \1"),
    (re.compile(r"`plumb status`"), "The tool quality"),
    (re.compile(r"`plumb query ([^`]*)`"), r"query_metrics with metrics \1"),
    (
        re.compile(r"plumb query (\S+(?: [^-\s]\S*)*) --where (.+)$"),
        r"query_metrics with metrics \1 and where \2",
    ),
    (re.compile(r"--from\b"), "start"),
    (re.compile(r"--to\b"), "end"),
    (re.compile(r"--order="), "order: "),
    (re.compile(r"--(by|where|grain|order|limit|compare|period|publication)\b"), r"\1"),
)


def told(error: PlumblineError, visit: Visit | None, asked: Mapping[str, Any]) -> Mistake:
    """Tell what was wrong with a call, in the words of the tools, with what would be right."""
    mistake = Mistake(
        code=error.code,
        what=_said(error.what),
        where=_said(error.where),
        why=_said(error.why),
        todo=_said(error.todo),
        did_you_mean=_suggested(error.todo),
        valid_values=_choices(error.todo),
    )
    if visit is not None:
        with suppress(PlumblineError):
            return _with_what_is_right(mistake, visit, asked)
    return mistake


def _with_what_is_right(mistake: Mistake, visit: Visit, asked: Mapping[str, Any]) -> Mistake:
    word = next(iter(_QUOTED.findall(mistake.what)), "")
    metrics = _known(visit, asked)
    match mistake.code:
        case "unknown-metric" | "no-metric":
            return _unknown_metric(mistake, visit, word)
        case "not-available":
            return _next(mistake, "list_metrics", {"available_only": True})
        case "unknown-dimension" | "unreachable-dimension" | "unknown-name" | "bad-condition":
            return _unknown_dimension(mistake, visit, word, metrics)
        case "unknown-grain" | "no-such-period" | "grain-too-fine" | "needs-time":
            return mistake.model_copy(update={"valid_values": _grains(visit, metrics)})
    return mistake


def _unknown_metric(mistake: Mistake, visit: Visit, word: str) -> Mistake:
    found = [item.metric.name for item in search(visit.words.known.values(), word)[:5]]
    found = list(dict.fromkeys([*mistake.did_you_mean, *found]))
    return _next(
        mistake.model_copy(update={"did_you_mean": found}), "search_metrics", {"query": word or "sales"}
    )


def _unknown_dimension(mistake: Mistake, visit: Visit, word: str, metrics: Sequence[str]) -> Mistake:
    entries = visit.dimensions(metrics)
    close = list(dict.fromkeys([*mistake.did_you_mean, *_alike(word, entries)]))
    known = [entry["name"] for entry in entries][:_MOST]
    told = mistake.model_copy(update={"valid_values": known, "did_you_mean": close})
    return _next(told, "list_dimensions", {"metrics": list(metrics)})


def _alike(word: str, entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Find dimensions of which the name, its last part, or a label is spelt nearly so."""
    called: dict[str, str] = {}
    for entry in entries:
        last = str(entry["name"]).rpartition("__")[2]
        for name in (entry["name"], last, entry["label"], entry["label_zh"]):
            called.setdefault(str(name or "").casefold(), entry["name"])
    last = word.casefold().rpartition("__")[2]
    return list(dict.fromkeys(called[name] for name in closest(last, list(called))))


def _grains(visit: Visit, metrics: Sequence[str]) -> list[str]:
    """Name the periods that all of the metrics have."""
    offered = [set(visit.words.known[name].governance.grains or GRAINS) for name in metrics]
    return [grain for grain in (*GRAINS, "all") if all(grain in each for each in offered)]


def _next(mistake: Mistake, tool: str, given: Mapping[str, Any]) -> Mistake:
    return mistake.model_copy(update={"try_next": {"tool": tool, "arguments": dict(given)}})


def _known(visit: Visit, asked: Mapping[str, Any]) -> list[str]:
    """Name the metrics of a call that are known."""
    words = asked.get("metrics") or asked.get("metric") or []
    found = []
    for word in [words] if isinstance(words, str) else words:
        with suppress(PlumblineError):
            found.append(visit.words.metric(str(word)))
    return found


def _said(text: str) -> str:
    return reworded(text, _CALLED)


def _choices(todo: str) -> list[str]:
    found = _CHOICES.search(todo)
    return [part.strip() for part in found[1].split(", ")] if found else []


def _suggested(todo: str) -> list[str]:
    found = _SUGGESTED.search(todo)
    return _QUOTED.findall(found[1]) if found else []


def misfitting(error: ValidationError, arguments: type[Arguments]) -> Mistake:
    """Tell which arguments a tool does not take, or takes otherwise."""
    known = list(arguments.model_fields)
    problems = error.errors(include_url=False, include_context=False)
    unknown = [str(each["loc"][0]) for each in problems if each["type"] == "extra_forbidden"]
    close = [name for word in unknown for name in _meant(word, known)]
    told = "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {_problem(each)}" for each in problems
    )
    choices = [value for each in problems for value in _literals(arguments, each)]
    return Mistake(
        code="bad-arguments",
        what=told,
        todo=f"The tool takes {', '.join(known) or 'nothing'}.",
        did_you_mean=list(dict.fromkeys(close)),
        valid_values=choices or known,
    )


def _literals(arguments: type[Arguments], problem: Any) -> list[str]:
    """Give the values that an argument of few values may have."""
    if problem["type"] != "literal_error":
        return []
    schema = arguments.model_json_schema()["properties"][problem["loc"][0]]
    return [value for part in (schema, *schema.get("anyOf", ())) for value in part.get("enum", ())]


_ALSO = {
    **dict.fromkeys(("group_by", "groupby", "dimensions", "dimension", "split_by"), "by"),
    **dict.fromkeys(("filter", "filters", "condition", "conditions"), "where"),
    **dict.fromkeys(("from", "start_date", "since"), "start"),
    **dict.fromkeys(("to", "end_date", "until"), "end"),
    **dict.fromkeys(("granularity", "time_grain", "period"), "grain"),
    **dict.fromkeys(("order_by", "sort", "sort_by"), "order"),
    **dict.fromkeys(("metric", "name", "metric_name"), "metrics"),
    "metrics": "metric",
}


def _meant(word: str, known: list[str]) -> list[str]:
    also = _ALSO.get(word.lower(), "")
    return [also] if also in known else closest(word, known)


def _problem(problem: Any) -> str:
    return "there is no such argument" if problem["type"] == "extra_forbidden" else str(problem["msg"])


def in_words(mistake: Mistake) -> str:
    """Write a mistake as text."""
    head = f"{mistake.where}: {mistake.what}" if mistake.where else mistake.what
    lines = [f"{head} [{mistake.code}]", mistake.why, mistake.todo]
    if mistake.did_you_mean and "Did you mean" not in mistake.todo:
        lines.append(f"Did you mean {' or '.join(mistake.did_you_mean)}?")
    if mistake.valid_values and mistake.valid_values[-1] not in f"{mistake.what} {mistake.todo}":
        lines.append(f"Valid: {', '.join(mistake.valid_values)}.")
    if mistake.try_next:
        lines.append(f"Try {mistake.try_next['tool']} with {mistake.try_next['arguments']}.")
    return "\n".join(line for line in lines if line)
