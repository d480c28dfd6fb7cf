"""The sections of the quality report, from the verdict at the top to the extracts at the bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from plumbline.counting import counted
from plumbline.quality.context import StageContext
from plumbline.quality.report.evidence import ControlTotal, Load, Reconciliation, RunEvidence
from plumbline.quality.report.markup import Child, Html, element, joined
from plumbline.quality.report.widgets import (
    FAILED_MARK,
    MARKS,
    PASSED_MARK,
    SKIPPED_MARK,
    WARNING_MARK,
    beside,
    blank,
    cell_kind,
    cell_value,
    chinese,
    columns,
    decimal_text,
    grid,
    mark_of,
    number_cell,
    section,
    shape,
    stamp,
    worded,
)
from plumbline.quality.report.wording import WORDS, expected_in_chinese, found_in_chinese
from plumbline.quality.results import ERROR, PASSED, SKIPPED, CheckResult, StageResult
from plumbline.quality.rules import DIMENSIONS

_RANK = (FAILED_MARK, WARNING_MARK, PASSED_MARK, SKIPPED_MARK)


def heading(results: Sequence[StageResult], context: StageContext) -> Html:
    """Say whose report it is, the verdict, and where to read on."""
    facts = (
        ("Company", "公司", context.company),
        ("As of", "截止", str(context.as_of)),
        ("Run", "运行", context.run_id),
    )
    places = (
        ("failures", "What failed", "未通过"),
        ("reconciliation", "Rows reconciled", "行数核对"),
        ("set-aside", "Rows set aside", "隔离行"),
        ("control-totals", "Control totals", "控制总数"),
        *((result.stage, result.stage.capitalize(), WORDS.get(result.stage, "")) for result in results),
        ("skipped", "Skipped", "跳过"),
        ("extracts", "Extracts", "数据提取"),
    )
    return element(
        "header",
        element("h1", "Quality report", chinese("质量报告")),
        element(
            "dl",
            [
                element("div", element("dt", name, " ", chinese(zh)), element("dd", value))
                for name, zh, value in facts
            ],
        ),
        _banner([check for result in results for check in result.checks]),
        element(
            "nav", [element("a", name, " ", chinese(zh), href=f"#{place}") for place, name, zh in places]
        ),
    )


def _banner(checks: Sequence[CheckResult]) -> Html:
    blocking = [check for check in checks if check.blocks]
    warned = [check for check in checks if check.failed and not check.blocks]
    judged = sum(check.verdict != SKIPPED for check in checks)
    told = f"{judged:,} expectations were judged, {counted(len(warned), 'warning')}."
    if not judged:
        stay = "The published figures stay as they are."
        return _told(FAILED_MARK, "Publication is stopped: nothing was judged", "停止发布", f"{stay} {told}")
    if blocking:
        it = "it is" if len(blocking) == 1 else "them is"
        text = f"{counted(len(blocking), 'critical expectation')} failed: what rests on {it} held back"
        stay = "Figures that they can have changed stay as they were last good; table hold names them."
        return _told(FAILED_MARK, text, "暂缓发布相关指标", f"{stay} {told}")
    if warned:
        return _told(WARNING_MARK, "Fit to be published, with warnings", "可以发布，但有警告", told)
    return _told(PASSED_MARK, "Fit to be published", "可以发布", told)


def _told(mark: str, text: str, zh: str, more: str) -> Html:
    words = element("strong", text, " ", chinese(zh))
    return element("div", shape(mark), element("div", words, element("span", more)), class_=f"banner {mark}")


def overview(results: Sequence[StageResult]) -> Html:
    """Count the verdicts of each stage."""
    return element("div", [_tile(result) for result in results], class_="tiles")


def _tile(result: StageResult) -> Html:
    marks = [mark_of(check) for check in result.checks]
    tables = {check.table for check in result.checks}
    lines = [
        element("li", stamp(mark), element("span", f"{marks.count(mark):,}", class_="num"))
        for mark in _RANK
        if mark in marks
    ]
    return element(
        "div",
        element("h3", result.stage.capitalize(), chinese(WORDS.get(result.stage, ""))),
        element("div", f"{len(marks):,}", class_="big"),
        element("div", f"expectations on {counted(len(tables), 'table')}", class_="note"),
        element("ul", lines),
        class_="tile",
    )


def failures(checks: Sequence[CheckResult]) -> Html:
    """Show what failed: critical first, each with example rows, owner and what to do."""
    failed = sorted((check for check in checks if check.failed), key=lambda check: not check.blocks)
    shown = joined(_failure(check) for check in failed) if failed else blank("Nothing failed. 全部通过。")
    return section("failures", "What failed", "未通过的检查", "", shown)


def _failure(check: CheckResult) -> Html:
    mark = mark_of(check)
    what = (
        ("Why it matters", "意义", check.why),
        ("Owner", "责任人", check.owner),
        ("What to do", "处理", check.todo),
        ("It protects", "保护", ", ".join(check.protects)),
    )
    terms = [(element("dt", name, " ", chinese(zh)), element("dd", text)) for name, zh, text in what if text]
    return element(
        "article",
        element(
            "div",
            stamp(mark, "could not be judged" if check.verdict == ERROR else ""),
            element("code", check.table),
            element("span", worded(check.stage), " · ", worded(check.quality_dimension), class_="note"),
            class_="where",
        ),
        element("h3", check.expected, beside(expected_in_chinese(check.expected))),
        element("div", check.message, beside(found_in_chinese(check.message))),
        _examples(check.examples),
        element("dl", terms),
        class_=f"card {mark}",
    )


def _examples(examples: Sequence[Mapping[str, Any]]) -> Child:
    if not examples:
        return None
    kinds = {name: cell_kind(row[name] for row in examples) for name in examples[0]}
    heads = [element("th", name, class_=kind) for name, kind in kinds.items()]
    rows = [
        [element("td", cell_value(row[name]), class_=kind) for name, kind in kinds.items()]
        for row in examples
    ]
    return element("div", grid(heads, rows), class_="examples")


def dimensions(checks: Sequence[CheckResult]) -> Html:
    """Count by dimension of quality, after GB/T 36344 and DAMA."""
    rows = []
    for name in DIMENSIONS:
        found = [mark_of(check) for check in checks if check.quality_dimension == name]
        counts = [number_cell(found.count(mark)) for mark in MARKS]
        rows.append([element("th", name.capitalize(), " ", chinese(WORDS[name]), scope="row"), *counts])
    heads = [element("th", "Dimension", chinese("维度"))]
    heads += [element("th", name, chinese(zh), class_="num") for name, zh in MARKS.values()]
    return section("dimensions", "By dimension of quality", "按质量维度", "", grid(heads, rows))


def reconciliation(evidence: RunEvidence) -> Html:
    """Show where the landed rows of each source table went."""
    note = "landed = staged + duplicates + superseded + quarantined, for every source table."
    if not evidence.reconciliation:
        return section(
            "reconciliation", "Rows reconciled", "行数核对", note, blank("Nothing has been staged yet.")
        )
    names = (
        ("Source table", "来源表", ""),
        ("Landed", "落地", "num"),
        ("Staged", "入库", "num"),
        ("Duplicates", "重复", "num"),
        ("Superseded", "被更新", "num"),
        ("Quarantined", "隔离", "num"),
        ("Share", "隔离占比", "num"),
        ("Where they went", "去向", ""),
        ("Adds up", "是否相符", ""),
    )
    table = grid(
        columns(*names),
        [_reconciled_row(row) for row in evidence.reconciliation],
        _reconciled_row(_sum(evidence.reconciliation)),
    )
    return section("reconciliation", "Rows reconciled", "行数核对", note, joined((table, _legend())))


def _reconciled_row(row: Reconciliation) -> list[Html]:
    name = f"{row.system}.{row.table}" if row.table else row.system
    counts = (row.landed, row.staged, row.duplicates, row.superseded, row.quarantined)
    share = f"{100 * row.quarantined / row.landed:.2f} %" if row.quarantined else "0"
    return [
        element("th", element("code", name), scope="row"),
        *(number_cell(count) for count in counts),
        element("td", share, class_="num" if row.quarantined else "num zero"),
        element("td", _bar(row)),
        element("td", stamp(FAILED_MARK if row.missing else PASSED_MARK, _off(row.missing))),
    ]


def _off(missing: int) -> str:
    return f"{missing:+,} rows" if missing else "adds up"


def _sum(rows: Sequence[Reconciliation]) -> Reconciliation:
    names = ("landed", "staged", "duplicates", "superseded", "quarantined")
    return Reconciliation("All tables 合计", "", *(sum(getattr(row, name) for row in rows) for name in names))


def _bar(row: Reconciliation) -> Html:
    parts = (
        ("kept", row.staged),
        ("repeat", row.duplicates),
        ("replaced", row.superseded),
        ("aside", row.quarantined),
    )
    spans = [
        element("i", class_=name, style=f"width:{100 * count / max(row.landed, 1):.2f}%")
        for name, count in parts
        if count
    ]
    return element("div", spans, class_="bar", aria_hidden="true")


def _legend() -> Html:
    names = (
        ("kept", "staged"),
        ("repeat", "duplicates"),
        ("replaced", "superseded"),
        ("aside", "quarantined"),
    )
    return element(
        "div",
        [element("span", element("i", class_=name), worded(text)) for name, text in names],
        class_="legend",
    )


def set_aside(evidence: RunEvidence) -> Html:
    """Show why rows were set aside: every kind of reason, how often, and the newest row of each."""
    note = (
        "Every kind of reason, with the newest row as an example. The rows themselves are in the table "
        "published.rejected_row of the published file."
    )
    if not evidence.rejections:
        return section("set-aside", "Rows set aside", "隔离行", "", blank("No row was set aside."))
    names = (
        ("Source table", "来源表", ""),
        ("Rows", "行数", "num"),
        ("Reason, as in the newest row", "原因示例", ""),
        ("Its place", "位置", ""),
    )
    rows = [
        [
            element("th", element("code", f"{found.system}.{found.table}"), scope="row"),
            number_cell(found.rows),
            element("td", found.reason),
            element("td", element("code", f"{found.source}:{found.row}")),
        ]
        for found in evidence.rejections
    ]
    return section("set-aside", "Rows set aside", "隔离行", note, grid(columns(*names), rows))


def control_totals(evidence: RunEvidence, checks: Sequence[CheckResult]) -> Html:
    """Show the totals taken at landing, and whether the staged rows add up to them."""
    note = (
        "The sum of each amount, taken when its extract landed, against the sum over all staged rows, "
        "set aside or not."
    )
    if not evidence.control_totals:
        return section("control-totals", "Control totals", "控制总数", note, blank("None were taken."))
    verdicts = {
        (check.table, check.expected.rpartition(" ")[2]): check
        for check in checks
        if check.table.startswith("staging.base_")
    }
    names = (
        ("Source table", "来源表", ""),
        ("Amount", "金额列", ""),
        ("Landed total", "落地合计", "num"),
        ("Values", "数值个数", "num"),
        ("Not numbers", "非数字", "num"),
        ("Verdict", "结论", ""),
        ("Seen", "比对", ""),
    )
    heads = columns(*names)
    rows = [
        _control_row(total, verdicts.get((f"staging.base_{total.system}__{total.table}", total.column)))
        for total in evidence.control_totals
    ]
    return section("control-totals", "Control totals", "控制总数", note, grid(heads, rows))


def _control_row(total: ControlTotal, check: CheckResult | None) -> list[Html]:
    return [
        element("th", element("code", f"{total.system}.{total.table}"), scope="row"),
        element("td", element("code", total.column)),
        element("td", decimal_text(total.total), class_="num"),
        number_cell(total.values),
        number_cell(total.unread),
        element("td", stamp(mark_of(check)) if check else stamp(SKIPPED_MARK, "not compared")),
        element("td", check.observed if check and check.failed else "", class_="note"),
    ]


def stage_details(result: StageResult) -> Html:
    """List every expectation of a stage by table; tables with a failure come first, and are open."""
    by_table: dict[str, list[CheckResult]] = {}
    for check in result.checks:
        by_table.setdefault(check.table, []).append(check)
    tables = sorted(by_table.items(), key=lambda item: (_RANK.index(_worst(item[1])), item[0]))
    found = counted(len(result.checks), "expectation")
    note = f"{found} on {counted(len(tables), 'table')}, judged in {result.seconds:.1f} s."
    listed = joined(_table_details(name, checks) for name, checks in tables)
    return section(result.stage, f"Stage {result.stage}", WORDS.get(result.stage, ""), note, listed)


def _worst(checks: Sequence[CheckResult]) -> str:
    marks = {mark_of(check) for check in checks}
    return next(mark for mark in _RANK if mark in marks)


def _table_details(name: str, checks: Sequence[CheckResult]) -> Html:
    worst = _worst(checks)
    rows = max(check.evaluated for check in checks)
    told = f"{rows:,} rows" if worst != SKIPPED_MARK else checks[0].message.removeprefix("skipped: ")
    owners = ", ".join(dict.fromkeys(check.owner for check in checks))
    heads = (
        ("Verdict", "结论", ""),
        ("Expectation", "要求", ""),
        ("Severity", "级别", ""),
        ("Dimension", "维度", ""),
        ("Evaluated", "检查行数", "num"),
        ("Unexpected", "不符行数", "num"),
        ("Seen", "结果", ""),
    )
    return element(
        "details",
        element(
            "summary",
            stamp(worst),
            element("code", name),
            element("span", f"{counted(len(checks), 'expectation')} · {told} · {owners}", class_="tally"),
        ),
        grid(
            columns(*heads),
            [_check_row(check) for check in checks],
        ),
        open=worst in (FAILED_MARK, WARNING_MARK),
    )


def _check_row(check: CheckResult) -> list[Html]:
    whole = check.unexpected is None or check.verdict == SKIPPED
    seen = check.observed or ("" if check.unexpected or check.verdict == PASSED else check.message)
    return [
        element("td", stamp(mark_of(check))),
        element("td", check.expected, beside(expected_in_chinese(check.expected))),
        element("td", worded(check.severity)),
        element("td", worded(check.quality_dimension)),
        number_cell(check.evaluated),
        element("td", "", class_="num") if whole else number_cell(check.unexpected or 0),
        element("td", seen.removeprefix("skipped: "), beside(found_in_chinese(seen)), class_="note"),
    ]


def skipped(checks: Sequence[CheckResult]) -> Html:
    """Say what was not judged, and why; skipped is never passed."""
    found = [check for check in checks if check.verdict == SKIPPED]
    note = (
        "These expectations were not judged, so they say nothing. "
        "A source that is not connected yet is no failure."
    )
    if not found:
        return section("skipped", "Skipped, and why", "跳过及原因", note, blank("Nothing was skipped."))
    ordered = sorted(found, key=lambda check: (check.message, check.table))
    rows = []
    for reason, group in groupby(ordered, lambda check: check.message):
        together = list(group)
        tables = dict.fromkeys(check.table for check in together)
        names = joined((element("code", name), " ") for name in tables)
        rows.append(
            [
                element(
                    "th", reason.removeprefix("skipped: "), beside(found_in_chinese(reason)), scope="row"
                ),
                number_cell(len(together)),
                element("td", names),
            ]
        )
    heads = [
        element("th", "Reason", chinese("原因")),
        element("th", "Expectations", chinese("检查数"), class_="num"),
        element("th", "Tables", chinese("表")),
    ]
    return section("skipped", "Skipped, and why", "跳过及原因", note, grid(heads, rows))


def extracts(evidence: RunEvidence) -> Html:
    """List the loads that everything rests on, with their checksums."""
    note = "Every load that can be seen. The checksum is that of the file as it arrived, or of its content."
    if not evidence.loads:
        return section("extracts", "Extracts", "数据提取", note, blank("Nothing has landed."))
    names = (
        ("Source table", "来源表", ""),
        ("Load", "批次", "num"),
        ("Rows", "行数", "num"),
        ("Mode", "方式", ""),
        ("Used", "是否使用", ""),
        ("Landed (UTC)", "落地时间", ""),
        ("Source and SHA-256", "来源与校验和", ""),
    )
    heads = columns(*names)
    return section(
        "extracts", "Extracts", "数据提取", note, grid(heads, [_load_row(load) for load in evidence.loads])
    )


def _load_row(load: Load) -> list[Html]:
    return [
        element("th", element("code", f"{load.system}.{load.table}"), scope="row"),
        element("td", str(load.load), class_="num"),
        number_cell(load.rows),
        element("td", load.mode),
        element("td", worded("yes" if load.is_current else "replaced")),
        element("td", f"{load.landed_at:%Y-%m-%d %H:%M:%S}", class_="time"),
        element("td", load.source, element("div", load.sha256, class_="mono note"), class_="hash"),
    ]


def footer(results: Sequence[StageResult]) -> Html:
    """Say how the report came about."""
    seconds = sum(result.seconds for result in results)
    made = (
        f"Judged by Great Expectations {_version('great-expectations')} on DuckDB {_version('duckdb')}"
        f" in {seconds:.1f} s. "
    )
    rules = (
        "A critical expectation that fails holds back the figures that rest on what it is about; "
        "a warning is told beside them. "
        "Nothing passes that evaluated no rows. All results are kept in the table quality.result."
    )
    return element("footer", element("p", made + rules))


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""
