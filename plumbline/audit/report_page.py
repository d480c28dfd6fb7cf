"""The report of a period as one HTML page: no script, no network, no other file."""

from __future__ import annotations

from plumbline.audit.page import facts, page
from plumbline.audit.report import Cell, Heading, Report, Section
from plumbline.counting import counted
from plumbline.quality.report.markup import Html, element, joined
from plumbline.quality.report.widgets import (
    FAILED_MARK,
    PASSED_MARK,
    WARNING_MARK,
    blank,
    chinese,
    grid,
    number_cell,
    section,
    shape,
)

_FOLDED = 40


def render_report(report: Report) -> str:
    """Give the page as text."""
    sections = [_section(each) for each in report.sections]
    notes = [element("p", f"Note: {note}") for note in report.notes]
    made = element("p", "Made by `plumb audit report` from the ledger and the published generations.")
    return page(f"Audit report {report.company}", _heading(report), *sections, element("footer", notes, made))


def _heading(report: Report) -> Html:
    span = f"{report.start or 'the beginning'} to {report.end or 'now'}"
    links = [element("a", each.title, " ", chinese(each.zh), href=f"#{each.key}") for each in report.sections]
    return element(
        "header",
        element("h1", "Audit report", chinese("审计报告")),
        facts(("Company", "公司", report.company), ("Period", "期间", span)),
        _banner(report),
        element("nav", links),
    )


def _banner(report: Report) -> Html:
    held = [row for row in report.section("holds").rows if "still held" in row]
    if report.broken:
        mark, text, zh = FAILED_MARK, "The ledger does not hold", "账本不完整"
        more = f"{report.broken}. `plumb audit verify` names all that differs."
    elif held:
        mark, text, zh = WARNING_MARK, f"{len(held)} checks still hold figures back", "仍有指标暂缓发布"
        more = "The chain of the ledger is unbroken."
    else:
        mark, text, zh = PASSED_MARK, "The chain of the ledger is unbroken", "账本链条完整"
        more = "At the end of the period nothing was held back."
    counts = (("publications", "publication"), ("waivers", "waiver"), ("restatements", "restated metric"))
    told = ", ".join(counted(len(report.section(key).rows), name) for key, name in counts)
    words = element("strong", text, " ", chinese(zh))
    return element(
        "div", shape(mark), element("div", words, element("span", f"{more} {told}.")), class_=f"banner {mark}"
    )


def _section(given: Section) -> Html:
    if not given.rows:
        return section(given.key, given.title, given.zh, "", blank("None. 无。"))
    heads = [_head(heading) for heading in given.headings]
    rows = [[_cell(cell, head) for cell, head in zip(row, given.headings, strict=True)] for row in given.rows]
    shown = given.urgent if len(rows) > _FOLDED else len(rows)
    parts = [grid(heads, rows[:shown])] if shown else []
    if rest := rows[shown:]:
        told = element("summary", counted(len(rest), "more row" if shown else "row"))
        parts.append(element("details", told, grid(heads, rest)))
    return section(given.key, given.title, given.zh, given.note, joined(parts))


def _head(heading: Heading) -> Html:
    return element("th", heading.name, chinese(heading.zh), class_="num" if heading.number else None)


def _cell(cell: Cell, heading: Heading) -> Html:
    if isinstance(cell, int):
        return element("td", str(cell), class_="num") if heading.key == "record" else number_cell(cell)
    kind = "num" if heading.number else "time" if heading.key in ("at", "since", "until", "as_of") else None
    return element("td", cell or "", class_=kind)
