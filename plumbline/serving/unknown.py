"""What to say of names that nobody knows, that several things have, or that mean another kind of thing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence

from plumbline.errors import DefinitionError, closest, did_you_mean, suggested

_NAMED = 8
_METRIC_VALUES = "A condition on the value of a metric is on a figure of the answer."


def unknown(
    kind: str,
    text: str,
    known: Iterable[str],
    where: str = "",
    *,
    defined: Callable[[Sequence[str]], Sequence[str]] = lambda words: (),
    possible: Sequence[str] = (),
) -> DefinitionError:
    """Say that no metric, or no dimension, is called so, and which are called nearly so.

    `defined` tells where those are that are suggested; where none is, some that are `possible` are named.
    """
    close = closest(text, list(known))
    todo = suggested(close, defined(close)) or f"`plumb list {kind}s` names them all."
    if possible and not close:
        todo = f"Possible: {_some(possible)}. {todo}"
    return DefinitionError(
        f"unknown {kind} {text!r}",
        where=where,
        todo=todo,
        code="unknown-metric" if kind == "metric" else "unknown-dimension",
    )


def table_for_metric(text: str, metrics: Sequence[str]) -> DefinitionError:
    """Say that a published table stands where a metric is expected."""
    return DefinitionError(
        f"{text!r} is a published table, not a metric",
        why=f"It has {_some(metrics)}.",
        todo=f"`plumb show {text}` tells of it; ask for its metrics, or read published.{text}.",
        code="unknown-metric",
    )


def ambiguous(kind: str, text: str, found: Iterable[str], where: str = "") -> DefinitionError:
    """Say that several metrics, or dimensions, are called so."""
    return DefinitionError(
        f"{text!r} is the name of several {kind}s",
        where=where,
        todo=f"Say which: {', '.join(sorted(found))}.",
        code="ambiguous-metric" if kind == "metric" else "ambiguous-dimension",
    )


def dimension_for_metric(text: str, name: str) -> DefinitionError:
    """Say that a dimension stands where a metric is expected."""
    return DefinitionError(
        f"{_called(text, name)} is a dimension, not a metric",
        todo=f"Split a metric by it with --by {name}; `plumb list values {name}` names its values.",
        code="unknown-metric",
    )


def metric_for_dimension(text: str, name: str, metrics: Sequence[str]) -> DefinitionError:
    """Say that a metric stands where a dimension is expected."""
    return DefinitionError(
        f"{_called(text, name)} is a metric, not a dimension",
        todo=f"Ask for it: `{shlex.join(['plumb', 'query', *dict.fromkeys([*metrics, name])])}`; "
        "`plumb list dimensions` names what figures can be split by.",
        code="unknown-dimension",
    )


def grain_unknown(text: str, known: Sequence[str], where: str = "", dimension: str = "") -> DefinitionError:
    """Say that a text is no length of time; `dimension` is what else it is the name of."""
    hint = did_you_mean(text, list(known)) or f"Known: {', '.join(known)}."
    if dimension:
        hint = f"{_called(text, dimension)} is a dimension: split by it with --by {dimension}."
    return DefinitionError(f"unknown grain {text!r}", where=where, todo=hint, code="unknown-grain")


def not_to_compare(condition: str, name: str) -> DefinitionError:
    """Say that figures of small groups are not compared: who is left out would tell of them."""
    return DefinitionError(
        f"{name} cannot be compared in a condition",
        where=condition,
        why="Figures of small groups are left out, and a condition on them would tell what they are.",
        todo="Compare dimensions, or other metrics.",
        code="bad-condition",
    )


def not_asked_for(condition: str, word: str, name: str, metrics: Sequence[str]) -> DefinitionError:
    """Say that a condition is on a metric that the question does not ask for, and how to ask for it."""
    command = shlex.join(["plumb", "query", *metrics, name, "--where", condition])
    return DefinitionError(
        f"the condition {condition!r} compares the metric {_called(word, name)}, which is not asked for",
        why=_METRIC_VALUES,
        todo=f"Ask for {name} too: {command}" if metrics else "Compare dimensions: members have no figures.",
        code="not-asked-for",
    )


def unknown_in_condition(
    condition: str,
    name: str,
    dimensions: Iterable[str],
    metrics: Iterable[str],
    asked: Sequence[str],
    *,
    defined: Callable[[Sequence[str]], Sequence[str]],
) -> DefinitionError:
    """Say that a name in a condition is neither a dimension nor a metric, and what it may be instead."""
    of_metrics = [*metrics]
    close = closest(name, list(dict.fromkeys([*dimensions, *of_metrics])))
    value = _stands_for_a_value(name, condition)
    hints = [f"A value stands in single quotes: '{name}'."] if value else []
    if close:
        hints.append(suggested(close, defined(close)))
    if not value and set(close[:1]) & set(of_metrics) - set(asked):
        hints.append("A metric is compared only where it is asked for too.")
    return DefinitionError(
        f"unknown name {name!r}",
        where=condition,
        todo=" ".join(hints) or "`plumb list dimensions` and `plumb list metrics` name what there is.",
        code="unknown-name",
    )


def period_in_condition(condition: str, name: str, column: str) -> DefinitionError:
    """Say that a condition names a length of time, and which period of that length it may mean."""
    return DefinitionError(
        f"unknown name {name!r}", where=condition, todo=f"Did you mean {column!r}?", code="unknown-name"
    )


def bad_condition(condition: str, why: str) -> DefinitionError:
    """Say that a condition is no comparison that can be read."""
    return DefinitionError(
        f"the condition {condition!r} cannot be understood",
        why=why,
        todo="Write `product__category = 'Bikes'`, joined by AND, OR and NOT: no query, no comment.",
        code="bad-condition",
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _called(text: str, name: str) -> str:
    return repr(text) if text == name else f"{text!r} ({name})"


def _stands_for_a_value(name: str, condition: str) -> bool:
    """Tell whether a name stands behind a sign of comparison, where a value is expected."""
    before = r"(?:[=<>,]|\blike|\bbetween|\bin\s*\()"
    return bool(re.search(rf'{before}\s*"?{re.escape(name)}\b', condition, re.IGNORECASE))
