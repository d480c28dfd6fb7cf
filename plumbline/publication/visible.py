"""Which metrics a role sees: for questions and for published tables alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plumbline.definitions import Definitions

if TYPE_CHECKING:
    from plumbline.access import Role
    from plumbline.compiler.graph import Graph


@dataclass(frozen=True)
class Visible:
    """The metrics that a role sees for the whole company, and those of which only its own rows count."""

    wide: frozenset[str]
    limited: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """All metrics that the role sees somehow."""
        return self.wide | self.limited


def visible(role: Role, definitions: Definitions) -> Visible:
    """Tell which metrics a role sees; with limited rows only what can be split by them, or is told to all."""
    chosen, wide = role.metrics.metrics(definitions), role.company_wide.metrics(definitions)
    if not role.rows:
        return Visible(chosen | wide)
    from plumbline.compiler.graph import Graph

    graph = Graph(definitions)
    return Visible(
        wide, frozenset(name for name in chosen - wide if _can_split(graph, definitions, name, role.rows))
    )


def _can_split(graph: Graph, definitions: Definitions, metric: str, dimensions: Iterable[str]) -> bool:
    """Tell whether a metric can be split by all of the dimensions."""
    models = list(dict.fromkeys(_models_of(definitions, metric)))
    return bool(models) and all(graph.leads(models, name) for name in dimensions)


def _models_of(definitions: Definitions, metric: str) -> Iterator[str]:
    """Name the models whose rows an answer groups: of a conversion, that of the first event."""
    known = definitions.metrics[metric]
    for measure in known.measures[:1] if known.type == "conversion" else known.measures:
        if model := definitions.model_of(measure.name):
            yield model.name
    for item in known.inputs:
        yield from _models_of(definitions, item.name)
