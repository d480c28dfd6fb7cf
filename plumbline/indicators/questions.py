"""Which queries make the candidates: one per saved query, and totals that no saved query has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from plumbline.definitions import METRIC_TIME, Definitions, GroupBy, SavedQuery

TOTAL_GRAINS = ("month", "quarter", "year")


@dataclass(frozen=True)
class Question:
    """One query: the metrics of a table, and the inputs of their ratios besides."""

    name: str
    metrics: tuple[str, ...]
    extra: tuple[str, ...] = ()
    group_by: tuple[GroupBy, ...] = ()
    where: tuple[str, ...] = ()

    @property
    def query(self) -> dict[str, Any]:
        """The question as the compiler takes it."""
        return {
            "metrics": [*self.metrics, *self.extra],
            "group_by": [item.column for item in self.group_by],
            "where": list(self.where),
        }

    @property
    def time(self) -> GroupBy | None:
        return next((item for item in self.group_by if item.name == METRIC_TIME), None)

    @property
    def grain(self) -> str:
        """The length of a period, or `all`."""
        return self.time.grain if self.time else "all"

    @property
    def dimensions(self) -> tuple[GroupBy, ...]:
        return tuple(item for item in self.group_by if item.name != METRIC_TIME)


def wide_question(definitions: Definitions, saved: SavedQuery) -> Question:
    """Ask for a saved query, with the numerators and denominators of its ratios."""
    return Question(
        saved.name,
        saved.metrics,
        _ratio_inputs(definitions, saved.metrics),
        saved.group_by,
        saved.where,
    )


def total_questions(definitions: Definitions) -> Iterator[Question]:
    """Ask for the totals that no saved query has, domain by domain, at the grains of each metric."""
    covered = _covered(definitions)
    for grain in (*TOTAL_GRAINS, "all"):
        for domain, metrics in _domains(definitions, grain).items():
            wanted = tuple(name for name in metrics if (name, grain) not in covered)
            if wanted:
                time = () if grain == "all" else (GroupBy(METRIC_TIME, grain),)
                extra = _ratio_inputs(definitions, wanted)
                yield Question(f"{domain}_totals_{grain}", wanted, extra, time)


def alone(metric: str) -> dict[str, Any]:
    """Ask for a metric alone, by month: its SQL tells whether its calculation has changed."""
    return {"metrics": [metric], "group_by": [f"{METRIC_TIME}__month"], "where": []}


def all_questions(definitions: Definitions) -> Iterator[Question]:
    """Every question of a run."""
    for saved in definitions.saved_queries.values():
        yield wide_question(definitions, saved)
    yield from total_questions(definitions)


def _covered(definitions: Definitions) -> set[tuple[str, str]]:
    """Name the totals that a saved query has: no dimension, no filter."""
    return {
        (metric, saved.time.grain)
        for saved in definitions.saved_queries.values()
        if saved.time and not saved.dimensions and not saved.where
        for metric in saved.metrics
    }


def _domains(definitions: Definitions, grain: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, metric in definitions.metrics.items():
        if grain in (metric.governance.grains or TOTAL_GRAINS):
            found.setdefault(metric.governance.domain or "other", []).append(name)
    return dict(sorted(found.items()))


def _ratio_inputs(definitions: Definitions, metrics: tuple[str, ...]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in metrics:
        metric = definitions.metrics[name]
        if metric.type == "ratio" and all(item.plain for item in metric.inputs):
            found |= dict.fromkeys((metric.numerator, metric.denominator))
    return tuple(name for name in found if name not in metrics)
