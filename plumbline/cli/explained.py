"""An explained figure as text: sections that a tired person can read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from textwrap import wrap
from typing import TYPE_CHECKING

from plumbline.audit.book import short_commit
from plumbline.audit.explain_calculation import exact
from plumbline.cli.summary import show_value
from plumbline.cli.text import Column, pad, paint, render_table
from plumbline.counting import counted

if TYPE_CHECKING:
    from plumbline.audit.explain import Explanation
    from plumbline.audit.explain_origin import Check, Extract, LineageTable

_WIDTH = 100
_HEAD = 16
_SQL_LINES, _SOURCES, _FAILED, _PAST = 8, 8, 3, 4
_MARKS = {True: "ok", False: "NO", None: "-"}


def tell(explanation: Explanation, *, full: bool = False) -> Iterator[str]:
    """Write an explanation in sections; without `full`, long ones are cut, and say so."""
    sections = (
        _figure(explanation),
        _definition(explanation),
        _calculation(explanation, full),
        _rests_on(explanation, full),
        _extracts(explanation, full),
        _checks(explanation, full),
        _decisions(explanation),
        _proof(explanation),
        _history(explanation, full),
        (f"Note: {note}" for note in explanation.notes),
    )
    for index, section in enumerate(sections):
        lines = list(section)
        if lines and index:
            yield ""
        yield from lines


def _figure(explanation: Explanation) -> Iterator[str]:
    figure, told = explanation.figure, explanation.definition
    members = ", ".join(f"{name} = {'(none)' if m is None else m}" for name, m in figure.members.items())
    period = figure.period if figure.grain == "all" else f"{figure.grain} {figure.period}"
    yield "  ".join(filter(None, (told.label, told.label_zh, f"({figure.metric})", period, members)))
    yield from _pair("value", _value(figure.value, figure.unit))
    if figure.numerator is not None and figure.denominator is not None:
        yield from _pair("made of", f"{exact(figure.numerator)} ÷ {exact(figure.denominator)}")
    if figure.target is not None:
        attained = show_value(figure.attainment, "ratio") if figure.attainment is not None else ""
        parts = (
            show_value(figure.target, figure.unit),
            attained and f"attained {attained}",
            paint(figure.light),
        )
        yield from _pair("target", ", ".join(filter(None, parts)))
    yield from _pair("verdict", " ".join(_verdict(explanation)))
    published = explanation.published
    partial = "; the period is counted in part" if figure.is_partial else ""
    yield from _pair(
        "published",
        f"{published.publication_id}, {published.published_at:%Y-%m-%d %H:%M} UTC, "
        f"as of {published.as_of}{partial}",
    )


def _value(value: Decimal | None, unit: str) -> str:
    if value is None:
        return "none"
    shown, digits = show_value(value, unit), exact(value)
    return shown if shown == digits else f"{shown}  (exactly {digits})"


def _verdict(explanation: Explanation) -> Iterator[str]:
    figure = explanation.figure
    yield figure.verdict.replace("_", " ")
    if figure.is_held:
        since = f"{figure.held_since:%Y-%m-%d %H:%M} UTC" if figure.held_since else "unknown"
        shown = (
            f"the last good figure, of {figure.last_good}, is shown"
            if figure.last_good
            else "no figure is shown"
        )
        yield f"since {since}: {shown}; the newer one is kept back."
    if figure.reason:
        yield f"({figure.reason})"


def _definition(explanation: Explanation) -> Iterator[str]:
    told = explanation.definition
    yield "Definition"
    yield from _pair("means", told.description)
    yield from _pair("formula", told.formula)
    told_of = filter(
        None, (told.owner, told.level, told.unit and f"in {told.unit}", f"version {told.version}")
    )
    yield from _pair("owner", "; ".join(told_of))
    code = f", code {short_commit(told.code_commit)}" if told.code_commit else ""
    yield from _pair("written in", f"{told.defined_in or 'not recorded'}{code}; SHA-256 {told.sha256[:16]}…")


def _calculation(explanation: Explanation, full: bool) -> Iterator[str]:
    found = explanation.calculation
    if not found:
        return
    yield f"Calculation, from the marts of {found.publication_id}"
    plan, sql = found.plan.splitlines(), found.sql.splitlines()
    is_short = len(sql) <= _SQL_LINES
    lines = [*plan, "", *sql] if full else sql if is_short else plan[:_SQL_LINES]
    yield from (f"  {line}".rstrip() for line in lines)
    if not (full or is_short):
        yield f"  … in words; the {len(sql)} lines of SQL: --full"
    if found.agrees:
        yield from _pair("run again", f"{exact(found.value)}: the published value, to the digit")
    for difference in found.differences:
        yield from _pair("DIFFERS", difference)


def _rests_on(explanation: Explanation, full: bool) -> Iterator[str]:
    from plumbline.audit.explain_origin import LAYERS

    origin = explanation.origin
    yield "Rests on"
    if origin.unknown:
        yield from _pair("not known", origin.unknown)
        yield from _pair("sources", f"{', '.join(origin.sources)} (those that the definition names)")
    for layer in LAYERS[:-1]:
        if tables := origin.of(layer):
            names = [
                _table(table, full or layer == "marts")
                for table in tables
                if full or "base_" not in table.table
            ]
            yield from _pair(layer, ", ".join(names))


def _table(table: LineageTable, columns: bool) -> str:
    if not columns:
        return table.name
    listed = ", ".join(table.columns) or ("every column" if table.every else "which rows there are")
    return f"{table.name} ({listed})"


def _extracts(explanation: Explanation, full: bool) -> Iterator[str]:
    extracts = explanation.origin.extracts
    if not extracts:
        return
    rows = sum(extract.rows for extract in extracts)
    yield f"Extracts: {counted(len(extracts), 'load')} with {rows:,} rows"
    if full:
        columns = [
            Column("table"),
            Column("load", True),
            Column("rows", True),
            Column("from"),
            Column("SHA-256"),
        ]
        yield from _indented(render_table(columns, [_load(extract) for extract in extracts]))
        return
    tables: dict[str, list[Extract]] = {}
    for extract in extracts:
        tables.setdefault(f"{extract.system}.{extract.table}", []).append(extract)
    columns = [
        Column("table"),
        Column("loads", True),
        Column("rows", True),
        Column("from"),
        Column("newest load"),
    ]
    shown = [_source(name, loads) for name, loads in list(tables.items())[:_SOURCES]]
    yield from _indented(render_table(columns, shown))
    if len(tables) > len(shown):
        yield f"  … {len(tables) - len(shown)} more tables: --full"


def _load(extract: Extract) -> tuple[str, ...]:
    name = f"{extract.system}.{extract.table}"
    return name, str(extract.load), f"{extract.rows:,}", extract.source, extract.sha256


def _source(name: str, loads: list[Extract]) -> tuple[str, ...]:
    newest, rows = loads[-1], sum(extract.rows for extract in loads)
    told = f"load {newest.load}, SHA-256 {newest.sha256[:12]}…"
    return name, str(len(loads)), f"{rows:,}", newest.source, told


def _checks(explanation: Explanation, full: bool) -> Iterator[str]:
    from plumbline.audit.explain_origin import UNTOUCHED, blocking

    origin = explanation.origin
    if not origin.checks:
        return
    made, shown = explanation.published.made_in, explanation.published.publication_id
    when = f", in the run of {made}" if made != shown else ""
    yield f"Checks of what it rests on{when}: {origin.counted}"
    failed = blocking(origin.checks)
    if failed and explanation.figure.verdict == "certified":
        yield f"  {UNTOUCHED}"
    for check in failed if full else failed[:_FAILED]:
        yield from _failed(check)
    if len(failed) > _FAILED and not full:
        yield f"  … {len(failed) - _FAILED} more failed: --full"
    for table in origin.set_aside:
        if table.quarantined:
            reasons = "; ".join(
                f"{count} × {reason}" for reason, count in table.reasons[: None if full else 1]
            )
            name = f"{table.system}.{table.table}"
            yield from _wrapped(
                f"set aside: {table.quarantined:,} of {table.landed:,} rows of {name}: {reasons}"
            )
    if full:
        columns = [
            Column("verdict"),
            Column("severity"),
            Column("table"),
            Column("expectation"),
            Column("found"),
        ]
        rows = [
            ("waived" if c.waived else c.verdict, c.severity, c.table, c.expected, c.message)
            for c in origin.checks
        ]
        yield from _indented(render_table(columns, rows))


def _failed(check: Check) -> Iterator[str]:
    found = f"{check.severity}: {check.table}: {check.expected}: {check.message}; {check.owner}"
    yield from _wrapped(f"{found}; {check.waived}" if check.waived else found)


def _decisions(explanation: Explanation) -> Iterator[str]:
    if explanation.decisions:
        yield "Decided"
    for each in explanation.decisions:
        told = filter(None, (each.what, each.more.get("check"), ", ".join(filter(None, (each.by, each.at)))))
        yield from _pair(each.kind, "; ".join(told))


def _proof(explanation: Explanation) -> Iterator[str]:
    yield "Proof"
    width = max(len(each.what) for each in explanation.proven)
    for each in explanation.proven:
        yield from _hanging(f"  {_MARKS[each.holds]:<2}  {pad(each.what, width)}  ", each.how)
    for line in explanation.lines:
        head = f"      {pad(f'record {line.seq}', width)}  "
        yield from _hanging(head, f"{line.at[:16]}Z {line.hash[:12]}… {line.what}")


def _history(explanation: Explanation, full: bool) -> Iterator[str]:
    past, unit = explanation.history, explanation.figure.unit
    shown = past if full else past[-_PAST:]
    yield "History" + (
        f", the last {len(shown)} of {len(past)} publications" if len(shown) < len(past) else ""
    )
    columns = [
        Column("publication"),
        Column("as of"),
        Column("value", True),
        Column("exactly", True),
        Column(""),
    ]
    rows = [
        (
            each.publication_id,
            str(each.as_of),
            show_value(each.value, unit) if each.value is not None else "-",
            exact(each.value) if each.value is not None else "-",
            "; ".join(filter(None, (each.verdict.replace("_", " "), each.note))),
        )
        for each in shown
    ]
    yield from _indented(render_table(columns, rows))


def _pair(name: str, text: str) -> Iterator[str]:
    lines = wrap(text, _WIDTH - _HEAD - 2, break_long_words=False, break_on_hyphens=False) or ["-"]
    for index, line in enumerate(lines):
        yield f"  {pad(name if index == 0 else '', _HEAD - 2)}{line}"


def _hanging(head: str, text: str) -> Iterator[str]:
    lines = wrap(text, _WIDTH - len(head), break_long_words=False, break_on_hyphens=False)
    yield from (f"{head if index == 0 else ' ' * len(head)}{line}" for index, line in enumerate(lines))


def _wrapped(text: str) -> Iterator[str]:
    first, *rest = wrap(text, _WIDTH - 4, break_long_words=False, break_on_hyphens=False)
    yield f"  {first}"
    yield from (f"    {line}" for line in rest)


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)
