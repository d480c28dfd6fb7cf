"""What a decision is about: a metric, what it is broken down by, and the filter of its table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from plumbline.indicators.questions import Question


class Cell(NamedTuple):
    """A metric by dimensions (time left out), over the rows that a filter keeps."""

    metric: str
    dimensions: tuple[str, ...] = ()
    where: tuple[str, ...] = ()

    def __str__(self) -> str:
        by = f" by {', '.join(self.dimensions)}" if self.dimensions else ""
        return f"{self.metric}{by}"


def cells_of(questions: Iterable[Question]) -> dict[Cell, None]:
    """Give the cells that the questions of a run fill, each once, in order."""
    return {cell: None for question in questions for cell in cells_in(question)}


def cells_in(question: Question) -> list[Cell]:
    """Give the cells of one question."""
    dimensions = tuple(item.column for item in question.dimensions)
    return [Cell(metric, dimensions, question.where) for metric in question.metrics]
