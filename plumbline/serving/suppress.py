"""Figures of small groups, left out: a figure shows only where enough persons are counted with it.

What is left out is NULL, as is whatever is compared with it. The count comes from the same rows as the
figure, so a filter makes it smaller, too. Each answer is made safe by itself: who may ask for a total and for
all but one of its parts can subtract. Roles that must not are given no metrics of small groups at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from plumbline.errors import DefinitionError
from plumbline.publication.sql import identifier
from plumbline.serving.compare import PARTIAL
from plumbline.serving.resolve import Resolved


def suppressed_sql(answer: str, resolved: Resolved) -> str:
    """Leave out the figures of small groups from an answer that counts the groups, too."""
    columns = ",\n".join(f"  {column}" for column in _columns(resolved))
    return f"SELECT\n{columns}\nFROM (\n{answer}\n) AS counted"


def not_counted(error: DefinitionError, resolved: Resolved) -> DefinitionError:
    """Say that the groups cannot be counted by what is asked for, so that no figure can be shown."""
    names = ", ".join(resolved.small_groups)
    counts = ", ".join(dict.fromkeys(group.count for group in resolved.small_groups.values()))
    return DefinitionError(
        f"{names} cannot be shown like this: {counts} cannot tell how many are counted",
        why=error.what,
        todo="Split and limit it by what both have, or ask as a role that sees small groups.",
        code="not-counted",
    )


def _columns(resolved: Resolved) -> Iterator[str]:
    for item in resolved.group_by:
        yield identifier(item.column)
    for name in resolved.metrics:
        yield _shown(resolved, name, name, "")
    suffix = f"__{resolved.comparison.suffix}" if resolved.comparison else ""
    for name in resolved.metrics if suffix else ():
        yield _shown(resolved, name, f"{name}{suffix}", suffix)
        for change in ("__change", "__change_rate"):
            yield _shown(resolved, name, f"{name}{change}", "", suffix)
    if resolved.time:
        yield identifier(PARTIAL)


def _shown(resolved: Resolved, metric: str, column: str, *counts: str) -> str:
    """Write a figure that shows only where each of its counts is large enough."""
    group = resolved.small_groups.get(metric)
    if group is None:
        return identifier(column)
    enough = " AND ".join(f"{identifier(group.count + suffix)} >= {group.at_least:d}" for suffix in counts)
    return f"CASE WHEN {enough} THEN {identifier(column)} END AS {identifier(column)}"
