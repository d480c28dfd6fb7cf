"""The quality report: one HTML page that needs no network, no script and no other file.

Great Expectations' own Data Docs load their styles from the network; this page takes their place. It begins
with the verdict and what failed, then shows how rows and amounts reconcile, then every expectation, what was
skipped and why, and the extracts that everything rests on.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING

from plumbline.quality.context import StageContext
from plumbline.quality.report import sections
from plumbline.quality.report.evidence import RunEvidence
from plumbline.quality.report.markup import Html, element, joined, void
from plumbline.quality.report.widgets import symbols
from plumbline.quality.results import StageResult
from plumbline.replacing import replace_text

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from plumbline.project import Home


def write_report(
    con: duckdb.DuckDBPyConnection, home: Home, results: Sequence[StageResult], *, context: StageContext
) -> Path:
    """Write quality/<run_id>.html and quality/latest.html, each replaced as a whole; gives the first."""
    page = render_report(results, RunEvidence.of(con), context=context)
    named = home.quality / f"{context.run_id}.html"
    for path in (named, home.quality / "latest.html"):
        replace_text(path, page)
    return named


def render_report(results: Sequence[StageResult], evidence: RunEvidence, *, context: StageContext) -> str:
    """Give the page as text."""
    title = f"Quality report {context.company} {context.as_of}"
    style = resources.files(__name__).joinpath("page.css").read_text(encoding="utf-8")
    head = element(
        "head",
        void("meta", charset="utf-8"),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Html(style)),
    )
    body = element("body", symbols(), element("main", *_parts(results, evidence, context)))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _parts(results: Sequence[StageResult], evidence: RunEvidence, context: StageContext) -> list[Html]:
    checks = [check for result in results for check in result.checks]
    return [
        sections.heading(results, context),
        sections.overview(results),
        sections.failures(checks),
        sections.dimensions(checks),
        sections.reconciliation(evidence),
        sections.set_aside(evidence),
        sections.control_totals(evidence, checks),
        joined(sections.stage_details(result) for result in results),
        sections.skipped(checks),
        sections.extracts(evidence),
        sections.footer(results),
    ]
