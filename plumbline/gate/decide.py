"""Decide per metric and breakdown what the failed checks mean for it.

A critical check that failed holds the figures that what it is about can change, and only those; one about
the age of data makes them stale. A warning, or a critical check that somebody has waived, is told beside the
figure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from plumbline.definitions import Definitions
from plumbline.gate.cells import Cell, cells_in
from plumbline.gate.waive import Waiver, waived
from plumbline.indicators.library import edge_rows
from plumbline.indicators.questions import all_questions
from plumbline.lineage import Part
from plumbline.quality import CheckResult

CERTIFIED = "certified"
WARNED = "certified_with_warnings"
HELD = "held"
STALE = "stale"
NOT_AVAILABLE = "not_available"
# The worst first.
_RANK = (HELD, STALE, WARNED)
_CANDIDATES = "candidates."
# Marts that hold targets and no figures: what fails there spoils the lights of the metrics that have some.
TARGETS = ("marts.period_targets", "marts.light_thresholds")


class Influence(Protocol):
    """What can change a figure; see plumbline.lineage."""

    def affected(self, parts: Collection[Part], cells: Iterable[Cell]) -> Collection[Cell]:
        """Give the cells that columns (or, for '', the rows) of tables can change."""

    def harmed(self, parts: Collection[Part]) -> Collection[Part]:
        """Give the columns and rows that these can change, themselves included."""


@dataclass(frozen=True)
class Ruling:
    """The verdict on one cell, with the checks that led to it."""

    verdict: str
    checks: tuple[CheckResult, ...]

    @property
    def is_held(self) -> bool:
        """Tell whether the figure is kept back."""
        return self.verdict in (HELD, STALE)

    @property
    def decisive(self) -> CheckResult:
        """Give the first check that alone leads to this verdict."""
        return next(check for check in self.checks if verdict_of(check) == self.verdict)

    @property
    def reason(self) -> str:
        """Say why, in a sentence for the reader of the figure."""
        others = sum(verdict_of(other) == self.verdict for other in self.checks) - 1
        return told(self.decisive) + (f" (and {others} more)" if others else "")


@dataclass(frozen=True)
class Decision:
    """The rulings on all cells that are not plainly certified, and failed checks that touch no figure."""

    rulings: Mapping[Cell, Ruling] = field(default_factory=dict)
    idle: tuple[CheckResult, ...] = ()

    @property
    def held(self) -> dict[Cell, Ruling]:
        """Give what is kept back."""
        return {cell: ruling for cell, ruling in self.rulings.items() if ruling.is_held}

    def by_check(self) -> list[tuple[CheckResult, list[Cell]]]:
        """Give for each check what it holds back, so that it is told once."""
        found: dict[int, tuple[CheckResult, list[Cell]]] = {}
        for cell, ruling in self.held.items():
            for check in ruling.checks:
                if verdict_of(check) in (HELD, STALE):
                    found.setdefault(id(check), (check, []))[1].append(cell)
        return list(found.values())


def told(check: CheckResult) -> str:
    """Say what failed, and how badly."""
    told = f"{check.table}: {check.expected}: {check.message}"
    return f"{told}; {check.waived}" if check.waived else told


def verdict_of(check: CheckResult) -> str:
    """Give the verdict that a failed check leads to."""
    if not check.blocks:
        return WARNED
    return STALE if check.about_age else HELD


def decide(
    checks: Iterable[CheckResult],
    cells: Collection[Cell],
    influence: Influence,
    definitions: Definitions,
    *,
    with_targets: Collection[str] = (),
    waivers: Collection[Waiver] = (),
) -> Decision:
    """Rule on `cells` by the checks that failed; `with_targets` names the metrics that have a target.

    `waivers` are those that count: what they cover is a warning that says so.
    """
    scope = _Scope(cells, influence, definitions, frozenset(with_targets))
    found: dict[Cell, list[CheckResult]] = {}
    idle = []
    for check in checks:
        if not check.failed:
            continue
        touched = scope.of(check)
        for cell in touched:
            found.setdefault(cell, []).append(waived(check, waivers, cell.metric))
        if not touched and waived(check, waivers).blocks:
            idle.append(check)
    return Decision({cell: _ruling(found[cell]) for cell in cells if cell in found}, tuple(idle))


def doubts(
    checks: Iterable[CheckResult], influence: Influence, marts: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], CheckResult]:
    """Give the columns of `marts` ('' for their rows) that a failed critical check spoils, with the check."""
    marts = list(marts)
    found: dict[tuple[str, str], CheckResult] = {}
    for check in checks:
        if check.blocks and check.metrics is None and not check.table.startswith(_CANDIDATES):
            harmed = influence.harmed(_parts(check))
            for table, column in marts:
                if Part(table, column) in harmed:
                    found.setdefault((table, column), check)
    return found


def _parts(check: CheckResult) -> list[Part]:
    return [Part(table, column) for table, column in check.touches]


def _ruling(checks: list[CheckResult]) -> Ruling:
    # What somebody has waived is told before other warnings.
    checks = sorted(checks, key=lambda check: not check.waived)
    verdicts = {verdict_of(check) for check in checks}
    return Ruling(next(verdict for verdict in _RANK if verdict in verdicts), tuple(checks))


@dataclass(frozen=True)
class _Scope:
    """Finds the cells that a check is about."""

    cells: Collection[Cell]
    influence: Influence
    definitions: Definitions
    with_targets: frozenset[str]

    def of(self, check: CheckResult) -> Collection[Cell]:
        if check.metrics is not None:
            return self._of_metrics(resting_on(self.definitions, check.metrics))
        if check.table.startswith(_CANDIDATES):
            return self._of_candidates(check.table.removeprefix(_CANDIDATES))
        found = set(self.influence.affected(_parts(check), self.cells))
        if any(table in TARGETS for table, _ in check.touches):
            found |= set(self._of_metrics(self.with_targets))
        return found

    def _of_metrics(self, metrics: Collection[str]) -> Collection[Cell]:
        return {cell for cell in self.cells if cell.metric in metrics}

    def _of_candidates(self, table: str) -> Collection[Cell]:
        """Give the cells of one wide table; of a table of all metrics: every cell."""
        questions = {question.name: question for question in all_questions(self.definitions)}
        wide = questions.get(table) if table in self.definitions.saved_queries else None
        return {cell for cell in cells_in(wide) if cell in self.cells} if wide else set(self.cells)


def resting_on(definitions: Definitions, metrics: Collection[str]) -> set[str]:
    """Name the metrics, and all whose formula rests on one of them."""
    edges = [(parent, child) for parent, child, _ in edge_rows(definitions)]
    found = set(metrics)
    while more := {parent for parent, child in edges if child in found} - found:
        found |= more
    return found
