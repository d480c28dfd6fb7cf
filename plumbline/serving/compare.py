"""The same figures of another period beside those asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from plumbline.definitions import METRIC_TIME, GroupBy
from plumbline.errors import UsageError
from plumbline.publication.sql import identifier
from plumbline.serving.periods import Period, add_months, first_day

# Tells of a period whether it is counted in part only.
PARTIAL = "is_partial"
# Suffix of the column: what it is called in English and Chinese.
COMPARISONS = {
    "previous": ("previous period", "上期"),
    "year_ago": ("a year ago", "去年同期"),
    "change": ("change", "变化"),
    "change_rate": ("rate of change", "变化率"),
}
KINDS = ("previous", "year-ago")
STEPS = {"day": "1 day", "week": "7 days", "month": "1 month", "quarter": "3 months", "year": "1 year"}
_YEARS = {**dict.fromkeys(STEPS, "1 year"), "week": "364 days"}


@dataclass(frozen=True)
class Comparison:
    """What to compare with. With a `time` column each period is compared with the one `step` before it;
    without one, the whole range with another range."""

    suffix: str
    time: str = ""
    step: str = ""
    grain: str = ""

    @classmethod
    def choose(cls, kind: str, group_by: Sequence[GroupBy], period: Period | None) -> Comparison:
        """Choose how to compare: `kind` is previous or year-ago."""
        if kind not in KINDS:
            raise UsageError(
                f"there is no comparison {kind!r}",
                todo=f"Known: {', '.join(KINDS)}.",
                code="unknown-comparison",
            )
        suffix = kind.replace("-", "_")
        times = [item for item in group_by if item.name == METRIC_TIME]
        if not times and (period is None or period.is_open):
            raise UsageError(
                "there is no period to compare",
                todo="Give a range with --from and --to, or split by a period with --grain month.",
                code="no-period",
            )
        if not times:
            return cls(suffix)
        if len(times) > 1 or times[0].grain not in STEPS:
            raise UsageError(
                "only one period, at a known grain, can be compared",
                todo="Give one --grain: day, week, month, quarter or year.",
                code="no-period",
            )
        steps = STEPS if suffix == "previous" else _YEARS
        grain = times[0].grain
        if period and period.cuts(grain):
            raise UsageError(
                f"the range cuts a {grain}, and only whole ones can be compared",
                todo=f"Begin and end the range with a {grain}, or leave out --grain: "
                "then the whole range is compared with the one before.",
                code="partial-period",
            )
        return cls(suffix, times[0].column, steps[grain], grain)

    def columns(self, metrics: Sequence[str]) -> tuple[str, ...]:
        """Name the columns: the metrics, then for each the other value, the change and its rate."""
        added = (
            f"{metric}__{suffix}" for metric in metrics for suffix in (self.suffix, "change", "change_rate")
        )
        return (*metrics, *added)

    def before(self, period: Period | None) -> Period | None:
        """Give the range to read the other values from."""
        if period is None or period.start is None:
            return period
        if self.time:
            # Two years back hold the period before, and the year before, of any grain.
            return Period(first_day(add_months(period.start, -24), self.grain), period.end)
        return period.previous() if self.suffix == "previous" else period.year_ago()


def compare_sql(
    comparison: Comparison,
    metrics: Sequence[str],
    keys: Sequence[str],
    now: str,
    before: str,
    mark: str = "",
) -> str:
    """Join the figures of the other period: change = now - then, rate = change / |then|.

    Split by periods, only periods asked for are rows; of two whole ranges, members of either are. `mark` is a
    column more.
    """
    kind = "LEFT" if comparison.time else "FULL"
    on = " AND ".join(_same(comparison, key) for key in keys) or "true"
    columns = [_key(comparison, key) for key in keys]
    columns += [f"now_.{identifier(metric)}" for metric in metrics]
    columns += [column for metric in metrics for column in _compared(comparison, metric)]
    columns += [mark] if mark else []
    lines = [
        f"WITH now_ AS (\n{now}\n), then_ AS (\n{before}\n)",
        "SELECT",
        ",\n".join(f"  {column}" for column in columns),
        f"FROM now_ {kind} JOIN then_ ON {on}",
    ]
    return "\n".join(lines)


def marked_sql(answer: str, mark: str) -> str:
    """Put a column more beside an answer."""
    return f"WITH now_ AS (\n{answer}\n)\nSELECT now_.*, {mark}\nFROM now_"


def partial_sql(
    time: str, grain: str, first: date | None, last: date | None, uncovered: Sequence[str] = ()
) -> str:
    """Tell of each period whether days of it before the first or after the last one are not counted.

    `uncovered` are further conditions: that a figure rests on days that the data lack.
    """
    start = f"now_.{identifier(time)}"
    parts = [f"{start} < DATE '{first}'"] if first and grain != "day" else []
    if last and grain != "day":
        parts.append(f"{start} + INTERVAL {STEPS[grain]} > DATE '{last}' + INTERVAL 1 day")
    told = " OR ".join([*parts, *uncovered]) or "false"
    return f"coalesce({told}, false) AS {identifier(PARTIAL)}"


def uncovered_parts(
    metrics: Sequence[str],
    uncovered: Callable[[str, str, str], str],
    time: str,
    grain: str,
    comparison: Comparison | None,
) -> Iterator[str]:
    """Write for each metric whether its figure, or what it is compared with, rests on days that are missing.

    `uncovered` writes that of a metric from the SQL of the first and the last day of a period.
    """
    start = f"now_.{identifier(time)}"
    sides = [("now_", start)]
    sides += [("then_", f"({start} - INTERVAL {comparison.step})")] if comparison else []
    for metric in metrics:
        for side, first in sides:
            last = f"({first} + INTERVAL {STEPS[grain]} - INTERVAL 1 day)"
            if told := uncovered(metric, first, last):
                yield f"({side}.{identifier(metric)} IS NOT NULL AND ({told}))"


def ordered_sql(order: Sequence[str], limit: int | None) -> str:
    """Order the rows, those without a name or a value last, and limit them."""
    lines = ["\nORDER BY " + ", ".join(_ordered(name) for name in order)] if order else []
    lines += [f"\nLIMIT {limit:d}"] if limit is not None else []
    return "".join(lines)


def _same(comparison: Comparison, key: str) -> str:
    name = identifier(key)
    if key == comparison.time:
        # Stepping back from the later day keeps 29 February from meeting two days.
        return f"now_.{name} - INTERVAL {comparison.step} = then_.{name}"
    return f"now_.{name} IS NOT DISTINCT FROM then_.{name}"


def _key(comparison: Comparison, key: str) -> str:
    name = identifier(key)
    return f"now_.{name}" if comparison.time else f"coalesce(now_.{name}, then_.{name}) AS {name}"


def _compared(comparison: Comparison, metric: str) -> Iterator[str]:
    now, then = f"now_.{identifier(metric)}", f"then_.{identifier(metric)}"
    yield f"{then} AS {identifier(f'{metric}__{comparison.suffix}')}"
    yield f"{now} - {then} AS {identifier(f'{metric}__change')}"
    rate = f"round(({now} - {then})::DOUBLE / nullif(abs({then}::DOUBLE), 0), 6)"
    yield f"{rate} AS {identifier(f'{metric}__change_rate')}"


def _ordered(name: str) -> str:
    direction = "DESC" if name.startswith("-") else "ASC"
    return f"{identifier(name.removeprefix('-'))} {direction} NULLS LAST"
