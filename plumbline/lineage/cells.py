"""What figures read themselves, from the SQL that the compiler writes for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from plumbline.definitions import GRAINS, METRIC_TIME, Definitions, Metric
from plumbline.errors import DefinitionError
from plumbline.lineage.analyse import Analysis, parsed
from plumbline.lineage.graph import Cell, Fallback, cell_of
from plumbline.lineage.parts import Marks, union


@dataclass(frozen=True)
class Questions:
    """Compiles and reads questions of one metric each, over analysed tables."""

    definitions: Definitions
    semantic_manifest: Path
    analysis: Analysis
    compiled: Path | None = None

    def marks(self, cell: Cell) -> Marks:
        """Give what a metric by some dimensions rests on directly, with and without periods.

        Raises DefinitionError when it cannot be asked at all.
        """
        metric, dimensions, where = cell
        found, refusals = [], []
        for times in self._times(metric):
            query = {"metrics": [metric], "group_by": [*times, *dimensions], "where": list(where)}
            try:
                found.append(self._read(cell, query))
            except DefinitionError as error:
                refusals.append(error)
        if not found:
            raise refusals[0]
        return union(found)

    def _times(self, metric: str) -> Iterator[tuple[str, ...]]:
        """No period, and the shortest and the longest that the metric is for."""
        known = self.definitions.metrics.get(metric)
        own = [grain for grain in GRAINS if known and grain in known.governance.grains]
        grains = own or list(GRAINS)
        yield ()
        yield from dict.fromkeys((f"{METRIC_TIME}__{grain}",) for grain in grains[:1] + grains[-1:])

    def _read(self, cell: Cell, query: dict[str, list[str]]) -> Marks:
        from plumbline.compiler import compile

        sql = compile(self.semantic_manifest, query, "duckdb", cache=self.compiled)
        statement = parsed(sql)
        where = " ".join(
            (cell[0], *(f"by {name}" for name in cell[1]), *(f"where {text}" for text in cell[2]))
        )
        if statement is None:
            self.analysis.fallbacks.add(Fallback(where, "its SQL cannot be parsed"))
            return union(shape.everything for shape in self.analysis.tables.values())
        return self.analysis.read(where, statement).everything


def saved_cells(definitions: Definitions) -> Iterator[Cell]:
    """Name the questions of the saved queries, and every metric as a total."""
    for name in definitions.metrics:
        yield cell_of(name)
    for saved in definitions.saved_queries.values():
        dimensions = [item.column for item in saved.group_by if item.name != METRIC_TIME]
        for name in saved.metrics:
            for asked in (name, *_inputs(definitions.metrics[name])):
                yield cell_of(asked, dimensions, saved.where)


def _inputs(metric: Metric) -> Iterator[str]:
    """The numerator and denominator that stand beside a ratio."""
    if metric.type == "ratio" and all(item.plain for item in metric.inputs):
        yield from (metric.numerator, metric.denominator)
