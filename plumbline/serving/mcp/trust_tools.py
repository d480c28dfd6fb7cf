"""Tools about whether a figure can be believed: its checks, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plumbline.access.policy import EVIDENCE
from plumbline.errors import AccessError, PlumblineError
from plumbline.indicators.sight import in_months
from plumbline.publication.sql import identifier
from plumbline.serving.library import held_days
from plumbline.serving.mcp import arguments as given
from plumbline.serving.mcp import results
from plumbline.serving.mcp.cells import text
from plumbline.serving.mcp.room import Room

_HOLDS = "SELECT *"
_WAIVERS = "SELECT waiver_id, table_name, expectation, metrics, reason, waived_by, valid_until"
_ORDINARY = ("passed", "skipped")
_LINES = 10


def quality(room: Room, asked: given.Quality) -> results.QualityAnswer:
    """Tell the verdict on a metric, what is held or waived of it, and the checks it rests on."""
    metric = room.metric(asked.metric)
    facts = room.facts([metric.name])
    shown = room.visit.show(metric.name)
    checks, findings, why_none = _checks(room, metric.name)
    return results.QualityAnswer(
        **facts,
        metric=metric.name,
        label=metric.label,
        label_zh=metric.governance.label_zh,
        verdict=facts["verdicts"][metric.name],
        reason=text(shown.get("verdict_reason") or shown.get("unavailable_reason")),
        holds=_holds(_seen_holds(room, metric.name)),
        waivers=[
            _waiver(row)
            for row in _rows(room, "waiver", _WAIVERS, "state = 'valid' AND metrics IS NOT NULL")
            if metric.name in str(row["metrics"]).split(", ")
        ],
        checks=checks,
        findings=findings,
        evidence=why_none,
    )


def _checks(room: Room, metric: str) -> tuple[dict[str, int], list[results.CheckEntry], str]:
    """Give the checks on what the newest figure rests on, where who asks may see them."""
    if refused := _refusal(room, metric):
        return {}, [], refused.why.removesuffix(".")
    assert room.auditor is not None
    try:
        found = room.auditor.explain(metric)
    except PlumblineError as error:
        return {}, [], error.what
    origin = found["origin"]
    findings = [_check(check) for check in origin["checks"] if check["verdict"] not in _ORDINARY]
    return dict(origin["checks_by_verdict"]), findings, ""


def _refusal(room: Room, metric: str) -> PlumblineError | None:
    """Say why somebody does not see the evidence of a metric; None for who does.

    Evidence is of the whole company: it is nothing for a role that sees certain rows alone.
    """
    sight = room.visit.words.sight
    if not room.has_scope(EVIDENCE):
        return _closed(metric, "Your token is not for evidence.", "not-in-scope")
    if sight.role and not sight.role.evidence:
        return _closed(metric, "Your role does not see how figures came about.", "not-in-role")
    if room.auditor is None:
        why = "This server does not open evidence."
        return PlumblineError(f"the evidence of {metric} is not served here", why=why, code="no-evidence")
    if sight.is_limited and metric not in sight.company_wide:
        why = f"Your role sees {sight.limit_in_words()} alone, and evidence is of the whole company."
        return _closed(metric, why, "not-in-role")
    if sight.counted([metric]):
        return _closed(metric, "Figures of small groups are left out for your role.", "not-in-role")
    return None


def _closed(metric: str, why: str, code: str) -> AccessError:
    todo = "The tool quality tells the verdict, describe_metric the definition."
    return AccessError(f"the evidence of {metric} is not for you", why=why, todo=todo, code=code)


def audit(room: Room, asked: given.Audit) -> results.AuditAnswer:
    """Take one published figure apart, back to the files that it was made of."""
    metric = room.metric(asked.metric)
    words = room.visit.words
    members = {words.group_by(name, [metric.name]).column: text for name, text in asked.members.items()}
    if refused := _refusal(room, metric.name):
        raise refused
    assert room.auditor is not None
    by = tuple(members.items())
    found = room.auditor.explain(metric.name, period=asked.period, by=by, grain=asked.grain)
    figure, published = found["figure"], found["published"]
    return results.AuditAnswer(
        company=found["company"],
        publication_id=published["publication_id"],
        as_of=published["as_of"],
        published_at=published["published_at"],
        definitions={metric.name: found["definition"]["version"]},
        verdicts={metric.name: figure["verdict"]},
        notes=list(found["notes"]),
        metric=metric.name,
        period=figure["period"],
        value=figure["value"],
        proven=found["proven"]["whole"],
        explanation=_bounded(found),
    )


def _bounded(found: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what an agent needs: of the checks those with findings, of long lists the newest."""
    origin = dict(found["origin"])
    origin["checks"] = [check for check in origin["checks"] if check["verdict"] not in _ORDINARY]
    shortened = {name: found[name][-_LINES:] for name in ("lines", "history", "decisions")}
    kept = ("figure", "definition", "published", "calculation", "proven")
    return {**{name: found[name] for name in kept}, "origin": origin, **shortened}


def _check(check: Mapping[str, Any]) -> results.CheckEntry:
    names = (
        "stage",
        "table",
        "columns",
        "verdict",
        "severity",
        "expected",
        "message",
        "owner",
        "why",
        "todo",
    )
    return results.CheckEntry(**{name: text(check[name]) for name in names})


def _seen_holds(room: Room, metric: str) -> list[dict[str, Any]]:
    """Give what is held of a metric by what the role may name; reasons count rows that not all may see."""
    sight = room.visit.words.sight
    rows = _rows(room, "hold", _HOLDS, "metric = ?", metric)
    seen = [row for row in rows if all(map(sight.names, filter(None, (row["dimensions"] or "").split(","))))]
    return [{**row, "reason": None} for row in seen] if sight.is_limited else seen


def _holds(rows: list[dict[str, Any]]) -> list[results.HoldEntry]:
    """Tell of each breakdown and reason once, with the periods that are held."""
    told: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["held_since"]):
        told.setdefault((row["dimensions"], row["verdict"], row["reason"] or ""), []).append(row)
    return [_hold(several[0], in_months(held_days(several))) for several in told.values()]


def _hold(row: Mapping[str, Any], periods: str) -> results.HoldEntry:
    return results.HoldEntry(
        periods=periods or "all",
        breakdown=row["dimensions"] or "total",
        verdict=row["verdict"],
        reason=text(row["reason"]),
        held_since=text(row["held_since"]),
        last_good=text(row["last_good"]),
        owner=text(row["owner"]),
    )


def _waiver(row: Mapping[str, Any]) -> results.WaiverEntry:
    return results.WaiverEntry(
        waiver_id=row["waiver_id"],
        check=f"{row['table_name']}: {row['expectation']}",
        reason=row["reason"],
        waived_by=row["waived_by"],
        valid_until=text(row["valid_until"]),
    )


def _rows(room: Room, table: str, select: str, where: str, *values: str) -> list[dict[str, Any]]:
    """Read a table of the generation; a generation of an older make may lack it."""
    import duckdb

    relation = identifier("warehouse", "published", table)
    try:
        cursor = room.visit.source.connection.execute(f"{select} FROM {relation} WHERE {where}", list(values))
    except duckdb.CatalogException:
        return []
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
