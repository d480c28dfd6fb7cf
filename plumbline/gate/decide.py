"""Decide per metric and breakdown what the failed checks mean for it.

A critical check that failed holds the figures that what it is about can change, and only those; one about
the age of data makes them stale. A warning, or a critical check that somebody has waived, is told beside the
figure. Where it is known on which days figures can be wrong, it is about periods that see these days.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Protocol

from plumbline.definitions import Definitions
from plumbline.gate.cells import Cell, cells_in
from plumbline.gate.waive import Waiver, waived
from plumbline.indicators.library import edge_rows
from plumbline.indicators.questions import all_questions
from plumbline.indicators.sight import EVER, Days, day_after, day_before, few, sights_over, together
from plumbline.lineage import Part
from plumbline.quality import CheckResult

CERTIFIED = "certified"
WARNED = "certified_with_warnings"
HELD = "held"
STALE = "stale"
NOT_AVAILABLE = "not_available"
# The worst first.
RANK = (HELD, STALE, WARNED)
_CANDIDATES = "candidates."
# Marts that hold targets and no figures: what fails there spoils the lights of the metrics that have some.
TARGETS = ("marts.period_targets", "marts.light_thresholds")


class Influence(Protocol):
    """What can change a figure; see plumbline.lineage."""

    def affected(self, parts: Collection[Part], cells: Iterable[Cell]) -> Collection[Cell]:
        """Give the cells that columns (or, for '', the rows) of tables can change."""

    def harmed(self, parts: Collection[Part]) -> Collection[Part]:
        """Give the columns and rows that these can change, themselves included."""


class Dates(Protocol):
    """On which days a failed check can have changed figures; see plumbline.gate.dating."""

    def days(self, check: CheckResult, cell: Cell) -> Days:
        """Give the days of the periods in which it can have changed a figure."""

    def mart_days(self, check: CheckResult, mart: str) -> Mapping[str, Days]:
        """Give the days of the rows of a mart that it spoils, by each date by which they are known."""


@dataclass(frozen=True)
class Ruling:
    """The verdict on one cell, with the checks that led to it.

    `days` are those whose periods it is about. Where the verdict is not the same on all of them, `parts` are
    the rulings on some days each; it then is the worst one, and that on what is of no period.
    """

    verdict: str
    checks: tuple[CheckResult, ...]
    days: Days = EVER
    parts: tuple[Ruling, ...] = ()

    @property
    def by_days(self) -> tuple[Ruling, ...]:
        """Give the rulings that are about periods."""
        return self.parts or (self,)

    @property
    def held_days(self) -> Days:
        """Give the days whose periods are kept back."""
        return together(each for part in self.by_days if part.is_held for each in part.days)

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

    def days_of(self, check: CheckResult, cells: Iterable[Cell]) -> Days:
        """Give the days of the periods in which a check keeps some cells back."""
        parts = (part for cell in cells for part in self.rulings[cell].by_days if check in part.checks)
        return together(days for part in parts for days in part.days)


def told(check: CheckResult) -> str:
    """Say what failed, and how badly."""
    told = f"{check.table}: {check.expected}: {check.message}"
    return "; ".join(filter(None, (told, check.waived, check.lapsed)))


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
    over: Collection[Waiver] = (),
    dates: Dates | None = None,
) -> Decision:
    """Rule on `cells` by the checks that failed; `with_targets` names the metrics that have a target.

    `waivers` are those that count: what they cover is a warning that says so; of those that are `over` the
    reason of a hold speaks. Without `dates` every check is about all periods.
    """
    scope = _Scope(cells, influence, definitions, frozenset(with_targets), dates)
    found: dict[Cell, list[_Found]] = {}
    idle = []
    for check in checks:
        if not check.failed:
            continue
        touched = scope.of(check)
        for cell, days in touched.items():
            found.setdefault(cell, []).append((waived(check, waivers, cell.metric, over=over), days))
        if not touched and waived(check, waivers).blocks:
            idle.append(check)
    return Decision({cell: _ruling(found[cell]) for cell in cells if cell in found}, tuple(idle))


@dataclass(frozen=True)
class Spoiled:
    """A column of a mart ('' for its rows) that a failed check spoils.

    `days` are those of the rows that it can spoil, by a date of the mart; a date that is not there, or a part
    of no mart with dates, may be any.
    """

    mart: str
    column: str
    check: CheckResult
    days: Mapping[str, Days] = field(default_factory=dict)


def doubts(
    checks: Iterable[CheckResult],
    influence: Influence,
    marts: Iterable[tuple[str, str]],
    dates: Dates | None = None,
) -> list[Spoiled]:
    """Give the columns of `marts` ('' for their rows) that a failed critical check spoils.

    One that is spoiled on any day is named once; one that is on some days, once for each check.
    """
    marts = list(marts)
    found: dict[tuple[str, str], list[Spoiled]] = {}
    for check in checks:
        if check.blocks and check.metrics is None and not check.table.startswith(_CANDIDATES):
            harmed = influence.harmed(_parts(check))
            for table, column in marts:
                if Part(table, column) in harmed:
                    days = dates.mart_days(check, table) if dates else {}
                    found.setdefault((table, column), []).append(Spoiled(table, column, check, days))
    return [each for several in found.values() for each in _widest(several)]


def _widest(several: list[Spoiled]) -> list[Spoiled]:
    first = next((each for each in several if not each.days), None)
    return [first] if first else several


def _parts(check: CheckResult) -> list[Part]:
    return [Part(table, column) for table, column in check.touches]


# A check that touches a cell, and the days whose periods it can have changed.
_Found = tuple[CheckResult, Days]


def _ruling(found: list[_Found]) -> Ruling:
    """Rule on a cell: as a whole, and where checks are about some days, on these and on the others."""
    # What somebody has waived is told before other warnings.
    found = sorted(found, key=lambda each: not each[0].waived)
    whole = _ruled([check for check, _ in found])
    if all(days == EVER for _, days in found):
        return whole
    return replace(whole, days=together(each for _, days in found for each in days), parts=_by_days(found))


def _by_days(found: list[_Found]) -> tuple[Ruling, ...]:
    """Rule on the days between any two on which another check begins or ends to count."""
    begins = sorted(
        {
            day
            for _, days in found
            for first, last in days
            for day in (first, day_after(last))
            if day != date.max
        }
    )
    ends = [*(day_before(day) for day in begins[1:]), date.max]
    by_checks: dict[tuple[int, ...], list[tuple[date, date]]] = {}
    for first, last in zip(begins, ends, strict=True):
        there = tuple(
            n for n, (_, days) in enumerate(found) if any(a <= first and last <= b for a, b in days)
        )
        if there:
            by_checks.setdefault(there, []).append((first, last))
    return tuple(
        replace(_ruled([found[number][0] for number in there]), days=together(ranges))
        for there, ranges in by_checks.items()
    )


def _ruled(checks: list[CheckResult]) -> Ruling:
    verdicts = {verdict_of(check) for check in checks}
    return Ruling(next(verdict for verdict in RANK if verdict in verdicts), tuple(checks))


@dataclass(frozen=True)
class _Scope:
    """Finds the cells that a check is about, and on which days."""

    cells: Collection[Cell]
    influence: Influence
    definitions: Definitions
    with_targets: frozenset[str]
    dates: Dates | None

    def of(self, check: CheckResult) -> dict[Cell, Days]:
        if check.metrics is not None:
            return self._of_figures(check)
        if check.table.startswith(_CANDIDATES):
            return self._of_candidates(check.table.removeprefix(_CANDIDATES))
        cells = self.influence.affected(_parts(check), self.cells)
        found = {cell: self.dates.days(check, cell) if self.dates else EVER for cell in cells}
        if any(table in TARGETS for table, _ in check.touches):
            found |= self._of_metrics(self.with_targets)
        return found

    def _of_figures(self, check: CheckResult) -> dict[Cell, Days]:
        """Give the cells of metrics whose figures broke a rule, and of those that rest on these figures."""
        found = dict.fromkeys(resting_on(self.definitions, check.metrics or ()), EVER)
        if check.spans:
            found = {metric: self._seen(metric, check) for metric in found}
        return {cell: found[cell.metric] for cell in self.cells if cell.metric in found}

    def _seen(self, metric: str, check: CheckResult) -> Days:
        """Give the days of the periods of a metric that see the figures that broke a rule."""
        seen: list[tuple[date, date]] = []
        for name, sights in sights_over(self.definitions, metric, check.metrics or ()).items():
            if sights is None or name not in check.spans:
                return EVER
            days = few(check.spans[name])
            seen += [each for sight in sights for each in sight.seen(days)]
        return together(seen) or EVER

    def _of_metrics(self, metrics: Collection[str]) -> dict[Cell, Days]:
        return {cell: EVER for cell in self.cells if cell.metric in metrics}

    def _of_candidates(self, table: str) -> dict[Cell, Days]:
        """Give the cells of one wide table; of a table of all metrics: every cell."""
        questions = {question.name: question for question in all_questions(self.definitions)}
        wide = questions.get(table) if table in self.definitions.saved_queries else None
        there = {cell for cell in cells_in(wide) if cell in self.cells} if wide else set(self.cells)
        return dict.fromkeys(there, EVER)


def resting_on(definitions: Definitions, metrics: Collection[str]) -> set[str]:
    """Name the metrics, and all whose formula rests on one of them."""
    edges = [(parent, child) for parent, child, _ in edge_rows(definitions)]
    found = set(metrics)
    while more := {parent for parent, child in edges if child in found} - found:
        found |= more
    return found
