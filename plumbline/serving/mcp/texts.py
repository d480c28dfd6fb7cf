"""Answers as short text, for agents and people who read no JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from plumbline.serving import formats
from plumbline.serving.mcp import results

_NONE = "(none)"


def in_words(answer: results.Answer) -> str:
    """Write an answer as text: what was asked for, then what it rests on."""
    lines = list(_body(answer))
    lines += [f"note: {note}" for note in answer.notes]
    return "\n".join([*lines, _origin(answer)])


def plain(value: Any) -> str:
    """Write a value with all its digits, and without an exponent."""
    return formats.plain(Decimal(repr(value)) if isinstance(value, float) else value)


def _origin(answer: results.Answer) -> str:
    parts = [f"publication {answer.publication_id}", f"as of {answer.as_of}"]
    parts += [
        f"{name} {answer.definitions.get(name, '')} {verdict}".replace("  ", " ")
        for name, verdict in list(answer.verdicts.items())[:10]
    ]
    return f"[{' · '.join(parts)}]"


def _body(answer: results.Answer) -> Iterator[str]:
    match answer:
        case results.Figures():
            yield from _figures(answer)
        case results.WhyAnswer():
            yield from _why(answer)
        case results.MetricDefinition():
            yield from _definition(answer)
        case results.MetricList():
            yield from _metrics(answer)
        case results.DimensionList():
            heads = ("dimension", "label", "label_zh", "type", "synonyms")
            yield from _table(heads, map(_dimension, answer.dimensions))
        case results.ValueList():
            yield from _values(answer)
        case results.QualityAnswer():
            yield from _quality(answer)
        case results.AuditAnswer():
            yield from _audit(answer)
        case results.SavedQueryList():
            rows = ((q.name, q.label, q.label_zh, ", ".join(q.by), q.rows) for q in answer.saved_queries)
            yield from _table(("table", "label", "label_zh", "by", "rows"), rows)


def _figures(answer: results.Figures) -> Iterator[str]:
    if isinstance(answer, results.Comparison):
        yield f"{answer.period}, compared with {answer.versus}"
    heads = [f"{c.name} ({c.unit})" if c.unit else c.name for c in answer.columns]
    rows = ([row[c.name] for c in answer.columns] for row in answer.rows)
    yield from _table(heads, rows, [c.kind for c in answer.columns])
    if answer.truncated:
        yield f"truncated: {answer.how_to_narrow}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]], kinds: Sequence[str] = ()) -> Iterator[str]:
    """Write a table of Markdown; a member without a name is (none), no value is empty."""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        cells = (
            _NONE if value is None and kind == "key" else plain(value)
            for value, kind in zip(row, kinds or [""] * len(heads), strict=True)
        )
        yield f"| {' | '.join(cell.replace('|', '/').replace(chr(10), ' ') for cell in cells)} |"


def _why(answer: results.WhyAnswer) -> Iterator[str]:
    rate = f" ({_percent(answer.change_rate)})" if answer.change_rate is not None else ""
    yield (
        f"{answer.metric} {answer.label} {answer.label_zh}: {plain(answer.after)} in {answer.period}, "
        f"{plain(answer.before)} in {answer.versus}: change {plain(answer.change)}{rate}"
    )
    yield answer.told
    if answer.formula_parts:
        yield f"formula: {answer.formula}"
        rows = ((p.name, p.before, p.after, p.contribution, _percent(p.share)) for p in answer.formula_parts)
        yield from _table(("input", "before", "after", "contribution", "share"), rows)
    for part in answer.dimensions:
        yield f"{part.dimension}: {part.method}. {part.told}"
        yield from _members(part)


def _members(part: results.DimensionPart) -> Iterator[str]:
    heads = ["member", "before", "after"]
    heads += ["contribution", "share"] if part.method != "not additive" else []
    heads += ["mix", "rate"] if part.method == "mix and rate" else []
    entries = [(_NONE if m.member is None else m.member, m) for m in part.members]
    entries += [(f"{part.rest.count} others", part.rest)] if part.rest else []
    rows = (
        [name, m.before, m.after, m.contribution, _percent(m.share), m.mix, m.rate][: len(heads)]
        for name, m in entries
    )
    yield from _table(heads, rows)
    if part.unattributed is not None:
        yield f"of no member: {plain(part.unattributed)}"


def _percent(share: results.Cell) -> str:
    return "" if share is None else f"{float(share) * 100:+.1f} %"


def _definition(answer: results.MetricDefinition) -> Iterator[str]:
    yield f"{answer.name}: {answer.label} · {answer.label_zh}"
    yield answer.description
    told = {
        "formula": answer.formula,
        "unit": answer.unit,
        "better": answer.direction,
        "level": answer.level,
        "domain": answer.domain,
        "owner": answer.owner,
        "version": f"{answer.version} ({answer.status})",
        "counted over": answer.counted_over,
        "periods": ", ".join(answer.grains),
        "made of": ", ".join(answer.made_of),
        "dimensions": ", ".join(entry.name for entry in answer.dimensions),
        "verdict": f"{answer.verdict} {answer.reason}".strip(),
        "data from": answer.data_from,
    }
    yield from (f"{name}: {value}" for name, value in told.items() if value)
    for target in answer.targets:
        yield (
            f"target of the {target.grain} from {target.period_start}: {plain(target.value)}, reached "
            f"{plain(target.actual)} {target.light}".rstrip()
        )


def _metrics(answer: results.MetricList) -> Iterator[str]:
    rows = ((m.name, m.label, m.label_zh, m.unit, m.domain, m.verdict) for m in answer.metrics)
    yield from _table(("metric", "label", "label_zh", "unit", "domain", "verdict"), rows)
    if answer.truncated:
        yield f"{len(answer.metrics)} of {answer.total}. {answer.how_to_narrow}".strip()


def _dimension(entry: results.DimensionEntry) -> Sequence[str]:
    return entry.name, entry.label, entry.label_zh, entry.type, ", ".join(entry.synonyms)


def _values(answer: results.ValueList) -> Iterator[str]:
    yield f"{answer.dimension}: " + ", ".join(_NONE if v is None else plain(v) for v in answer.values)
    if answer.truncated:
        yield f"truncated: {answer.how_to_narrow}"


def _quality(answer: results.QualityAnswer) -> Iterator[str]:
    yield f"{answer.metric} {answer.label} {answer.label_zh}: {answer.verdict} {answer.reason}".strip()
    if answer.checks:
        yield "checks: " + ", ".join(f"{count} {name}" for name, count in answer.checks.items())
    elif answer.evidence:
        yield f"checks: {answer.evidence}"
    yield from (f"{hold.verdict} {hold.breakdown}: {hold.reason}" for hold in answer.holds)
    yield from (
        f"waived by {w.waived_by} until {w.valid_until}: {w.check}: {w.reason}" for w in answer.waivers
    )
    yield from (f"{c.severity} {c.verdict} {c.table} {c.columns}: {c.message}" for c in answer.findings)


def _audit(answer: results.AuditAnswer) -> Iterator[str]:
    told = answer.explanation
    yield f"{answer.metric} {answer.period}: {plain(answer.value)}"
    yield f"proven: {'yes' if answer.proven else 'NO'}"
    for check in told["proven"]["checks"]:
        state = {True: "holds", False: "DOES NOT HOLD", None: "cannot be told"}[check["holds"]]
        yield f"{check['what']}: {state}, {check['how']}"
    definition = told["definition"]
    yield f"definition {definition['version']} by {definition['owner']}: {definition['formula']}"
    extracts = [f"{e['system']}.{e['table']} load {e['load']}" for e in told["origin"]["extracts"]]
    yield f"extracts: {', '.join(extracts)}"
    if told["calculation"]:
        yield told["calculation"]["sql"]
