"""What `plumb run` says at its end: the indicators, the rows, the seconds, and where to look next."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from textwrap import wrap
from typing import Any

from plumbline.cli.holds import Held, read_holds, tell_holds
from plumbline.cli.text import SHARES, SUFFIXES, Column, paint, render_table
from plumbline.cli.waiting import Waiting, read_waiting, tell_waiting
from plumbline.governance.additivity import PERIOD, STOCK
from plumbline.landing.outcomes import sentence
from plumbline.project import Home

_MARKS = {"up": "▲", "down": "▼", "same": "=", "unknown": ""}
_REFUSED = {"refused", "unavailable"}
_TOLD = {*_REFUSED, "absent", "missing"}
_SHOWN_LEVELS = ("strategic", "process")
_NAMES_SHOWN = 6
_BEST_KNOWN = "net_sales"
_WIDTH = 100


@dataclass(frozen=True)
class Headline:
    """One indicator: its last whole month, and what that is compared with.

    That is the whole month before; of totals to date, the same point a year, quarter or month earlier; of a
    stock (`counted_over`: end of period) the end of the month before.
    """

    domain: str
    level: str
    metric: str
    label: str
    label_zh: str
    unit: str
    period: str
    value: Decimal | float | None
    previous: Decimal | float | None
    verdict: str
    reason: str
    attainment: Decimal | None = None
    light: str = ""
    counted_over: str = PERIOD
    compared_with: str = ""


def exit_code(record: dict[str, Any], *, holds: bool = False) -> int:
    """Give 3 for a failed critical check that nobody waived and for held figures, 4 for what did not arrive.

    That is an extract, or the generation in PostgreSQL.
    """
    failed = (each for each in record["failed_expectations"] if not each.get("waived"))
    if holds or any(failure["severity"] == "critical" for failure in failed):
        return 3
    troubled = any(entry["status"] in _REFUSED for entry in record["landing"])
    behind = "error" in record.get("postgres", {})
    return 4 if troubled or behind or record["refusals"] else 0


def print_summary(home: Home, record: dict[str, Any], style: str) -> None:
    """Print the summary of a finished run on stdout."""
    holds, waiting = read_holds(home), read_waiting(home)
    headlines = read_headlines(home) if home.current.exists() else []
    if style == "json":
        content = {**record, "indicators": [asdict(line) for line in headlines]}
        json.dump(content, sys.stdout, ensure_ascii=False, indent=2, default=str)
        print()
        return
    print("\n".join(_sections(home, record, headlines, holds, waiting)))


def read_headlines(home: Home) -> list[Headline]:
    """Read the last complete month of every indicator from the published generation."""
    import duckdb

    connection = duckdb.connect(str(home.current.resolve()), read_only=True)
    try:
        rows = connection.execute(_HEADLINES).fetchall()
    finally:
        connection.close()
    return [Headline(*row) for row in rows]


_HEADLINES = """
with whole as (
    select figures.metric, figures.period_start, figures.value, figures.verdict, figures.attainment,
           figures.light,
           case indicator.counted_over
               when 'year to date' then interval 1 year
               when 'quarter to date' then interval 3 months
               else interval 1 month
           end as step,
           row_number() over (
               partition by figures.metric order by figures.period_start desc nulls last) as age
    from published.indicator_value as figures
    inner join published.indicator as indicator on indicator.name = figures.metric
    where figures.dimensions = '' and figures.grain in ('month', 'all') and not figures.is_partial
          and figures.value is not null
),
latest as (
    select now_.*, before_.value as previous, before_.period_start as previous_start
    from whole as now_
    left join whole as before_ on before_.metric = now_.metric
        and before_.period_start = now_.period_start - now_.step
    where now_.age = 1
)
select indicator.domain, indicator.level, indicator.name, indicator.label, indicator.label_zh, indicator.unit,
       coalesce(strftime(latest.period_start, '%Y-%m'), ''), latest.value, latest.previous,
       coalesce(latest.verdict, case when indicator.available then 'no value' else 'not available' end),
       coalesce(indicator.unavailable_reason, ''), latest.attainment, coalesce(latest.light, ''),
       indicator.counted_over, coalesce(strftime(latest.previous_start, '%Y-%m'), '')
from published.indicator as indicator
left join latest on latest.metric = indicator.name
order by indicator.domain,
         case indicator.level when 'strategic' then 1 when 'process' then 2 else 3 end,
         indicator.name
"""
_QUALITY = {"certified_with_warnings": "warnings"}
_COMPARED = (
    "Each figure is of its last whole month. Its change is against the month beside it: the one before; for",
    "totals to date the same point a year or quarter earlier; for a stock at the end of a month the end of",
    "the one before.",
)


def _sections(
    home: Home,
    record: dict[str, Any],
    headlines: Sequence[Headline],
    holds: Sequence[Held],
    waiting: Sequence[Waiting],
) -> Iterable[str]:
    if record["status"] == "nothing_new":
        yield from _nothing_new(home, record, holds, waiting)
        return
    yield from _indicator_section(headlines)
    yield from tell_holds(holds)
    yield from tell_waiting(waiting, record["company"])
    yield from _row_section(record)
    yield from _stage_section(record)
    yield from _next_section(home, record, headlines)


def _nothing_new(
    home: Home, record: dict[str, Any], holds: Sequence[Held], waiting: Sequence[Waiting]
) -> Iterable[str]:
    yield f"Nothing new as of {record['as_of']}: no extract, definition or rule changed. No work was done."
    yield f"The published indicators stay: {home.current.resolve().name} ({record['seconds']:.1f} s)."
    yield from _postgres(record)
    if holds:
        yield ""
        yield from tell_holds(holds)
    if waiting:
        yield ""
        yield from tell_waiting(waiting, record["company"])
    yield from attention(record)


def _indicator_section(headlines: Sequence[Headline]) -> Iterable[str]:
    available = [line for line in headlines if line.verdict != "not available"]
    shown = [line for line in available if line.level in _SHOWN_LEVELS]
    if shown:
        yield from (*_COMPARED, "")
    for domain in dict.fromkeys(line.domain for line in shown):
        yield from _domain_table(domain, [line for line in shown if line.domain == domain])
        yield ""
    if len(available) > len(shown):
        yield f"and {len(available) - len(shown)} operational indicators: plumb list metrics"
        yield ""
    yield from _unavailable(headlines)


def _domain_table(domain: str, lines: Sequence[Headline]) -> Iterable[str]:
    columns = [
        Column(domain),
        Column(""),
        Column("period"),
        Column("value", right=True),
        Column("change", right=True),
        Column("against"),
        Column("attained", right=True),
        Column("light"),
        Column("quality"),
    ]
    rows = [
        (
            line.label,
            line.label_zh,
            _moment(line, line.period),
            show_value(line.value, line.unit),
            show_change(line),
            _moment(line, line.compared_with),
            "" if line.attainment is None else show_value(line.attainment, "ratio"),
            paint(line.light),
            _QUALITY.get(line.verdict, line.verdict),
        )
        for line in lines
    ]
    return render_table(columns, rows)


def _moment(line: Headline, month: str) -> str:
    return f"{month} end" if month and line.counted_over == STOCK else month


def _unavailable(headlines: Sequence[Headline]) -> Iterable[str]:
    reasons: dict[str, list[str]] = {}
    for line in headlines:
        if line.verdict == "not available":
            reasons.setdefault(line.reason, []).append(line.metric)
    if reasons:
        yield "Not available:"
        for reason, names in sorted(reasons.items()):
            more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
            yield f"  {reason}: {', '.join(names[:_NAMES_SHOWN])}{more}"
        yield ""


def show_value(value: Decimal | float | None, unit: str) -> str:
    """Show a value for people: shares in percent, whole numbers without decimals, others with two."""
    if value is None:
        return "-"
    if unit in SHARES:
        return f"{100 * float(value):,.1f} {SHARES[unit]}"
    figure = f"{int(value):,}" if float(value) == int(value) else f"{float(value):,.2f}"
    return figure + SUFFIXES.get(unit, "")


def show_change(line: Headline) -> str:
    """Show the change against what it is compared with: percentage points for shares, else percent."""
    if line.value is None or line.previous is None:
        return ""
    now, before = float(line.value), float(line.previous)
    mark = _MARKS["same" if now == before else "up" if now > before else "down"]
    if line.unit in SHARES:
        return f"{mark} {100 * (now - before):+.1f} pp"
    if before == 0:
        return mark
    return f"{mark} {100 * (now - before) / abs(before):+.1f} %"


def _row_section(record: dict[str, Any]) -> Iterable[str]:
    totals = {"landed": 0, "staged": 0, "duplicates": 0, "superseded": 0, "quarantined": 0}
    for row in record["reconciliation"]:
        for name in totals:
            totals[name] += row[name]
    new = sum(entry["rows"] or 0 for entry in record["landing"] if entry["status"] == "landed")
    yield (
        f"Rows: {totals['landed']:,} landed ({new:,} new) = {totals['staged']:,} staged "
        f"+ {totals['duplicates']:,} duplicates + {totals['superseded']:,} superseded "
        f"+ {totals['quarantined']:,} quarantined"
    )
    quality = record["quality"]
    critical = sum(failure["severity"] == "critical" for failure in record["failed_expectations"])
    warnings = len(record["failed_expectations"]) - critical
    yield (
        f"Quality: {quality.get('passed', 0)} expectations passed, "
        + (f"{critical} critical failed, " if critical else "")
        + f"{warnings} warnings, {quality.get('skipped', 0)} skipped"
    )
    publication = record["publication"]
    yield (
        f"Published: {publication.get('generation', '')} with {publication.get('tables', 0)} tables, "
        f"{publication.get('rows', 0):,} rows, as of {record['as_of']}"
    )
    yield from _postgres(record)


def _postgres(record: dict[str, Any]) -> Iterable[str]:
    """Tell what went into PostgreSQL, where anything did."""
    pushed = record.get("postgres", {})
    if pushed.get("is_new"):
        yield (
            f"PostgreSQL: {pushed['publication_id']}, {pushed['added']:,} rows brought and "
            f"{pushed['removed']:,} removed in {pushed['tables']} tables ({pushed['seconds']:.1f} s)"
        )


def _stage_section(record: dict[str, Any]) -> Iterable[str]:
    stages = record["stages"]
    parts = ", ".join(f"{stage['name']} {stage['seconds']:.1f}" for stage in stages)
    yield f"Seconds: {record['seconds']:.1f}, some at the same time ({parts})"


def _example(headlines: Sequence[Headline]) -> str:
    """Name a metric that has a figure, the best known one where it has."""
    there = [line.metric for line in headlines if line.value is not None and line.period]
    return _BEST_KNOWN if _BEST_KNOWN in there or not there else there[0]


def attention(record: dict[str, Any]) -> Iterable[str]:
    """Tell what needs a hand: what did not land, what is still refused, which expectations failed.

    What holds figures back has been told with them.
    """
    lines = [*_not_landed(record["landing"]), *_still_refused(record), *_findings(record), *_warnings(record)]
    told = {(held["table"], held["expected"]) for held in record.get("holds", ())}
    failures = [
        each for each in record["failed_expectations"] if (each["table"], each["expected"]) not in told
    ]
    if lines or failures:
        yield ""
        yield "Attention:"
    yield from lines
    for failure in failures:
        yield f"  {failure['severity']}: {failure['table']}: {failure['expected']}"
        yield f"    {failure['message']}; {failure['owner']}"
        if failure.get("waived"):
            yield f"    {failure['waived']}"


def _not_landed(landing: Sequence[dict[str, Any]]) -> Iterable[str]:
    """Tell what did not arrive; tables of one system with one and the same reason share a line."""
    tables: dict[tuple[str, str, str], list[str]] = {}
    for entry in landing:
        if entry["status"] in _TOLD:
            key = entry["system"], entry["status"], str(entry["reason"])
            tables.setdefault(key, []).append(entry["table"])
    for (system, status, reason), names in tables.items():
        what = f"{system}.{names[0]}" if len(names) == 1 else f"{system}: {len(names)} tables"
        yield f"  {what} {status}: {reason}".replace("\n", "\n    ")
        if len(names) > 1:
            yield from (f"    {line}" for line in wrap(", ".join(names), _WIDTH, break_on_hyphens=False))


def _warnings(record: dict[str, Any]) -> Iterable[str]:
    if record.get("rebuilt"):
        yield "  the warehouse was damaged, and was built anew from what has landed; look after the disk"
        yield f"    the damaged file: {record['rebuilt']}"
    told = [*record.get("warnings", ()), *_behind(record)]
    yield from (f"  {text}".replace("\n", "\n    ") for text in told)


def _behind(record: dict[str, Any]) -> Iterable[str]:
    pushed = record.get("postgres", {})
    if "error" in pushed:
        yield f"PostgreSQL is behind: {pushed['error']}"
    yield from pushed.get("warnings", ())


def _findings(record: dict[str, Any]) -> Iterable[str]:
    yield from ("  definition: " + str(finding).replace("\n", "\n  ") for finding in record["findings"])


def _still_refused(record: dict[str, Any]) -> Iterable[str]:
    """Tell what earlier runs refused and nothing has replaced since."""
    now = {(entry["system"], entry["table"]) for entry in record["landing"] if entry["status"] == "refused"}
    still = [each for each in record["refusals"] if (each["system"], each["table"]) not in now]
    yield from (f"  {line}" for line in tell_refusals(still, record.get("company", "demo")))


def tell_refusals(refusals: Iterable[Mapping[str, Any]], company: str) -> Iterable[str]:
    """Say what is refused, since when, why, where it lies, and how it ends; sheets of one workbook once."""
    together: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for refusal in refusals:
        file, _, sheet = refusal["source"].partition("#")
        same = ("system", "line", "reason", "todo", "kept") if sheet else tuple(refusal)
        key = (file, refusal["since"][:10], *(str(refusal[name]) for name in same))
        together.setdefault(key, []).append(refusal)
    for several in together.values():
        yield from _tell_refusal(several, company)


def _tell_refusal(several: Sequence[Mapping[str, Any]], company: str) -> Iterable[str]:
    refusal = several[0]
    source = refusal["source"].partition("#")[0] if len(several) > 1 else refusal["source"]
    place = f"{source}:{refusal['line']}" if refusal["line"] else source
    tables = ", ".join(f"{each['system']}.{each['table']}" for each in several)
    told = " ".join(sentence(text) for text in (refusal["reason"], refusal["todo"]) if text)
    yield f"{tables} refused since {refusal['since'][:10]}: {place}: {told}"
    if refusal["kept"]:
        mark = refusal["kept"].rpartition("/")[2].partition("-")[0]
        yield f"  It lies in {refusal['kept']}."
        of = "" if company == "demo" else f" --company {company}"
        yield f"  If no other will come: plumb quarantine release {mark} --because …{of}"


def _next_section(home: Home, record: dict[str, Any], headlines: Sequence[Headline]) -> Iterable[str]:
    yield from attention(record)
    metric = _example(headlines)
    company = "" if record["company"] == "demo" else f" --company {record['company']}"
    yield ""
    yield "Where to look next:"
    yield f"  the published tables   {home.current} (schema published)"
    yield f"  the quality report     {record['report']}"
    yield f"  one figure             plumb query {metric} --by metric_time__month{company}"
    yield f"  its definition         plumb show {metric}{company}"
    yield f"  assets and lineage     plumb ui{company}"
