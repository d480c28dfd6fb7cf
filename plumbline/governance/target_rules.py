"""The rules that targets and thresholds keep, before a run takes them: one function each, pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from plumbline.definitions import GRAINS, Definitions, Metric
from plumbline.errors import did_you_mean
from plumbline.governance.additivity import Growth, growth
from plumbline.governance.findings import Finding
from plumbline.governance.seeds import TARGETS, THRESHOLDS, SeedRow, read_seed

RULES_OF_TARGETS = ("is", "last_year_times", "last_year_plus")
MEASURES = ("attainment", "value")
EACH = "*"
_PLAIN = re.compile(r"-?[0-9]{1,26}(\.[0-9]{1,12})?")
_NO_NUMBER = "Write it plainly: 9200000, 0.325 for 32.5 %, -0.02."


@dataclass(frozen=True)
class Known:
    """What a seed may name."""

    definitions: Definitions
    companies: Collection[str]
    dimensions_of: Callable[[str], Collection[str]] | None = None

    def metric(self, row: SeedRow) -> Metric | None:
        return self.definitions.metrics.get(row["metric"])


Check = Callable[[SeedRow, Known], Iterator[Finding]]


def lint_seeds(
    root: Path,
    definitions: Definitions,
    companies: Collection[str],
    dimensions_of: Callable[[str], Collection[str]] | None = None,
) -> list[Finding]:
    """Check what people maintain under seeds/ of a project, and give every finding, by file and line.

    `dimensions_of` tells by which dimensions a metric can be split.
    """
    known = Known(definitions, companies, dimensions_of)
    targets, found = read_seed(root, TARGETS)
    thresholds, others = read_seed(root, THRESHOLDS)
    found += others
    found += [finding for row in targets for check in TARGET_CHECKS for finding in check(row, known)]
    found += [finding for row in thresholds for check in THRESHOLD_CHECKS for finding in check(row, known)]
    found += [*_said_twice(targets, known, _periods_meet), *_said_twice(thresholds, known, _always)]
    return sorted(found, key=lambda item: (item.location.file, item.location.line, item.code, item.what))


def companies_are_known(row: SeedRow, known: Known) -> Iterator[Finding]:
    """A row is for companies that have a sources file."""
    for company in row.companies:
        if company != EACH and company not in known.companies:
            todo = did_you_mean(company, list(known.companies))
            todo = todo or f"Known: {', '.join(sorted(known.companies))}; * means every company."
            yield row.finding(f"unknown company {company!r}", todo, "unknown-company")


def metrics_are_known(row: SeedRow, known: Known) -> Iterator[Finding]:
    """A row is about a metric that is defined."""
    if not known.metric(row):
        todo = (
            did_you_mean(row["metric"], list(known.definitions.metrics)) or "`plumb list metrics` names them."
        )
        yield row.finding(f"unknown metric {row['metric']!r}", todo, "unknown-metric")


def metrics_have_a_direction(row: SeedRow, known: Known) -> Iterator[Finding]:
    """A goal can be reached or missed only where the definition says which way is good."""
    metric = known.metric(row)
    if metric and metric.governance.direction not in ("up", "down"):
        todo = f"Write `direction: up` or `down` in {metric.location}, or take the row out."
        yield row.finding(f"metric {metric.name!r} has no good direction", todo, "target-without-direction")


def grains_are_known(row: SeedRow, known: Known) -> Iterator[Finding]:
    """The period is one at which the metric is published."""
    metric = known.metric(row)
    if row["grain"] not in GRAINS:
        todo = did_you_mean(row["grain"], list(GRAINS)) or f"Known: {', '.join(GRAINS)}."
        yield row.finding(f"unknown grain {row['grain']!r}", todo, "unknown-grain")
    elif metric and not row["dimension"]:
        published = _grains(known.definitions, metric)
        if row["grain"] not in published:
            todo = f"It is published by {', '.join(published)}."
            what = f"metric {metric.name!r} has no figures by {row['grain']}"
            yield row.finding(what, todo, "unpublished-grain")


def periods_are_periods(row: SeedRow, known: Known) -> Iterator[Finding]:
    """`period_start` is the first day of a period, `period_end` the last day of one, or empty."""
    grain = row["grain"]
    start, end = _day(row["period_start"]), _day(row["period_end"])
    if start is None:
        yield row.finding(
            f"period_start {row['period_start']!r} is no date", "Write 2026-01-31.", "bad-period"
        )
    if end is None and row["period_end"]:
        yield row.finding(f"period_end {row['period_end']!r} is no date", "Write 2026-01-31.", "bad-period")
    if start and grain in GRAINS and not _is_first_day(start, grain):
        todo = f"Write the first day of the {grain}, such as {_first_day(start, grain)}."
        yield row.finding(f"period_start {start} is not the first day of a {grain}", todo, "bad-period")
    if end and grain in GRAINS and not _is_first_day(end + timedelta(days=1), grain):
        todo = f"Write the last day of the {grain}, or leave it empty for one period."
        yield row.finding(f"period_end {end} is not the last day of a {grain}", todo, "bad-period")
    if start and end and end < start:
        yield row.finding(f"period_end {end} is before {start}", "Put the earlier day first.", "bad-period")


def targets_have_a_deadline(row: SeedRow, known: Known) -> Iterator[Finding]:
    """A target without a deadline is none."""
    text, start = row["deadline"], _day(row["period_start"])
    deadline = _day(text)
    if not text:
        todo = "Write the day by which it is to be reached: a target without a deadline is none."
        yield row.finding("the target has no deadline", todo, "missing-deadline")
    elif deadline is None:
        yield row.finding(f"deadline {text!r} is no date", "Write 2026-01-31.", "bad-deadline")
    elif start and deadline < start:
        todo = "A deadline lies in the period, or after it."
        yield row.finding(f"deadline {deadline} is before the period begins", todo, "bad-deadline")


def values_are_numbers(row: SeedRow, known: Known) -> Iterator[Finding]:
    """The value is a number, and a factor is near 1."""
    value = _number(row["value"])
    if value is None:
        yield row.finding(f"value {row['value']!r} is no number", _NO_NUMBER, "bad-value")
    elif row["rule"] == "last_year_times" and not 0 < value <= 10:
        todo = "Write 1.05 for five percent more than last year, 0.9 for ten percent less."
        yield row.finding(f"{value} is no factor", todo, "bad-value")


def rules_are_known(row: SeedRow, known: Known) -> Iterator[Finding]:
    """The rule is one that the run can calculate."""
    if row["rule"] and row["rule"] not in RULES_OF_TARGETS:
        todo = did_you_mean(row["rule"], list(RULES_OF_TARGETS)) or f"Known: {', '.join(RULES_OF_TARGETS)}."
        yield row.finding(f"unknown rule {row['rule']!r}", todo, "unknown-rule")


def members_belong_to_a_dimension(row: SeedRow, known: Known) -> Iterator[Finding]:
    """Dimension and member are given together, and the dimension is defined."""
    dimension, member = row["dimension"], row["member"]
    if bool(dimension) != bool(member):
        todo = "Give dimension and member, with * for each member, or neither for the company."
        given = "dimension without a member" if dimension else "member without a dimension"
        yield row.finding(f"a {given}", todo, "half-a-member")
    names = [*known.definitions.dimensions, *known.definitions.entities]
    if dimension and dimension not in names:
        todo = did_you_mean(dimension, names) or "`plumb list dimensions` names them."
        yield row.finding(f"unknown dimension {dimension!r}", todo, "unknown-dimension")


def metrics_can_be_split(row: SeedRow, known: Known) -> Iterator[Finding]:
    """The metric has figures of the members that the target is for."""
    metric, dimension = known.metric(row), row["dimension"]
    if not (metric and known.dimensions_of and dimension in known.definitions.dimensions):
        return
    possible = known.dimensions_of(metric.name)
    if dimension not in possible:
        todo = did_you_mean(dimension, list(possible)) or f"Possible: {', '.join(possible) or 'none'}."
        what = f"metric {metric.name!r} cannot be split by {dimension!r}"
        yield row.finding(what, todo, "unreachable-dimension")


def bounds_are_numbers(row: SeedRow, known: Known) -> Iterator[Finding]:
    """Amber and red are numbers, and red is the worse of them."""
    amber, red = _number(row["amber"]), _number(row["red"])
    for name, found in (("amber", amber), ("red", red)):
        if found is None:
            yield row.finding(f"{name} {row[name]!r} is no number", _NO_NUMBER, "bad-threshold")
    if amber is not None and red is not None:
        metric = known.metric(row)
        down = bool(metric and metric.governance.direction == "down" and row["measured_by"] == "value")
        if (red < amber) if down else (red > amber):
            todo = "Values from amber on are amber, and beyond red they are red."
            yield row.finding(f"red {red} is better than amber {amber}", todo, "bad-threshold")


def bounds_measure_something(row: SeedRow, known: Known) -> Iterator[Finding]:
    """Bounds are of the attainment, or of a value that means the same in every period."""
    metric = known.metric(row)
    if row["measured_by"] not in MEASURES:
        todo = did_you_mean(row["measured_by"], list(MEASURES)) or f"Known: {', '.join(MEASURES)}."
        yield row.finding(f"unknown measured_by {row['measured_by']!r}", todo, "bad-threshold")
    elif row["measured_by"] == "value" and row["metric"] == EACH:
        yield row.finding("every metric cannot share bounds of values", "Name the metric.", "bad-threshold")
    elif row["measured_by"] == "value" and metric and not _is_level(known, metric):
        todo = "A month has other values than a year: measure it by attainment."
        yield row.finding(f"metric {metric.name!r} adds up over time", todo, "bad-threshold")


def threshold_metrics_are_known(row: SeedRow, known: Known) -> Iterator[Finding]:
    """A threshold is for a metric that has a direction, or for all others."""
    if row["metric"] != EACH:
        yield from metrics_are_known(row, known)
        yield from metrics_have_a_direction(row, known)


TARGET_CHECKS: tuple[Check, ...] = (
    companies_are_known,
    metrics_are_known,
    metrics_have_a_direction,
    grains_are_known,
    periods_are_periods,
    targets_have_a_deadline,
    values_are_numbers,
    rules_are_known,
    members_belong_to_a_dimension,
    metrics_can_be_split,
)
THRESHOLD_CHECKS: tuple[Check, ...] = (
    companies_are_known,
    threshold_metrics_are_known,
    bounds_are_numbers,
    bounds_measure_something,
)


def _is_level(known: Known, metric: Metric) -> bool:
    return growth(known.definitions, metric) is Growth.LEVEL


def _said_twice(
    rows: list[SeedRow], known: Known, meet: Callable[[SeedRow, SeedRow], bool]
) -> Iterator[Finding]:
    """Find rows that say something about what an earlier row is about."""
    earlier: dict[tuple[str, ...], list[SeedRow]] = {}
    for row in rows:
        others: list[SeedRow] = []
        for company in known.companies if EACH in row.companies else row.companies:
            subject = (
                company,
                *(row.cells.get(name, "") for name in ("metric", "grain", "dimension", "member")),
            )
            others += [other for other in earlier.setdefault(subject, []) if meet(row, other)]
            earlier[subject].append(row)
        if others:
            todo = f"Keep one of them; the other is in line {others[0].location.line}."
            yield row.finding("the same is said twice", todo, "said-twice")


def _periods_meet(row: SeedRow, other: SeedRow) -> bool:
    spans = [
        (_day(one["period_start"]), _day(one["period_end"] or one["period_start"])) for one in (row, other)
    ]
    (start, end), (other_start, other_end) = spans
    if not (start and end and other_start and other_end):
        return False
    return start <= other_end and other_start <= end


def _always(row: SeedRow, other: SeedRow) -> bool:
    return True


def _grains(definitions: Definitions, metric: Metric) -> list[str]:
    """List the grains at which the company's figure of a metric is published."""
    shown = {
        saved.time.grain
        for saved in definitions.saved_queries.values()
        if saved.time and not saved.dimensions and not saved.where and metric.name in saved.metrics
    }
    shown |= set(metric.governance.grains or ("month", "quarter", "year"))
    return [grain for grain in (*GRAINS, "all") if grain in shown]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _number(text: str) -> Decimal | None:
    return Decimal(text) if _PLAIN.fullmatch(text) else None


def _first_day(day: date, grain: str) -> date:
    return {
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "quarter": date(day.year, day.month - (day.month - 1) % 3, 1),
        "year": date(day.year, 1, 1),
    }[grain]


def _is_first_day(day: date, grain: str) -> bool:
    return _first_day(day, grain) == day
