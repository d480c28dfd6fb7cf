"""An explained figure as one HTML page for an auditor: no script, no network, no other file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from plumbline.audit.explain_calculation import exact
from plumbline.audit.explain_origin import LAYERS, UNTOUCHED, Check, blocking
from plumbline.audit.page import facts, page, shown
from plumbline.counting import counted
from plumbline.quality.report.markup import Child, Html, element, joined
from plumbline.quality.report.widgets import (
    FAILED_MARK,
    PASSED_MARK,
    SKIPPED_MARK,
    WARNING_MARK,
    beside,
    blank,
    chinese,
    columns,
    grid,
    number_cell,
    section,
    shape,
    stamp,
    worded,
)
from plumbline.quality.report.wording import expected_in_chinese, found_in_chinese

if TYPE_CHECKING:
    from plumbline.audit.explain import Explanation, Proven
    from plumbline.audit.explain_origin import LineageTable
    from plumbline.audit.explain_record import Past

_VERDICTS = {
    "certified": (PASSED_MARK, "Certified", "已认证"),
    "certified_with_warnings": (WARNING_MARK, "Certified, with warnings", "已认证，但有警告"),
    "held": (FAILED_MARK, "Held: the last good figure is shown", "暂缓发布：显示最近一次合格的数值"),
    "stale": (FAILED_MARK, "Stale: the last good figure is shown", "数据过期：显示最近一次合格的数值"),
}
_PROVEN = {
    "computed again": ("Computed again", "重新计算"),
    "publication recorded": ("Publication recorded", "发布已记账"),
    "file as recorded": ("File as recorded", "文件与账本一致"),
    "definition as recorded": ("Definition as recorded", "口径与账本一致"),
    "SQL as recorded": ("SQL as recorded", "SQL 与账本一致"),
    "extracts as recorded": ("Extracts as recorded", "提取与账本一致"),
    "ledger": ("Ledger", "账本链条"),
}
_LAYERS = {
    "landing": ("Landing: extracts as they arrived", "落地：原始提取"),
    "staging": ("Staging: typed and judged", "清洗：定型与判定"),
    "intermediate": ("Intermediate", "中间表"),
    "marts": ("Marts", "主题表"),
    "other": ("Facts of the run", "运行信息"),
}
_KINDS = {
    "held": "暂缓",
    "stale": "过期",
    "waiver": "豁免",
    "restatement": "重述",
}


def render_page(explanation: Explanation) -> str:
    """Give the page as text."""
    figure, told = explanation.figure, explanation.definition
    title = f"{told.label} {figure.period} · {explanation.company}"
    return page(
        title,
        _heading(explanation),
        _tiles(explanation),
        _proof(explanation),
        _definition(explanation),
        _calculation(explanation),
        _lineage(explanation),
        _extracts(explanation),
        _checks(explanation),
        _decisions(explanation),
        _records(explanation),
        _history(explanation),
        _footer(explanation),
    )


def _heading(explanation: Explanation) -> Html:
    figure, told, published = explanation.figure, explanation.definition, explanation.published
    members = ", ".join(f"{name} = {'(none)' if m is None else m}" for name, m in figure.members.items())
    places = (
        ("proof", "Proof", "证明"),
        ("definition", "Definition", "口径"),
        ("calculation", "Calculation", "计算"),
        ("lineage", "Lineage", "血缘"),
        ("extracts", "Extracts", "数据提取"),
        ("checks", "Checks", "检查"),
        ("decisions", "Decisions", "决定"),
        ("records", "Records", "账本记录"),
        ("history", "History", "历史"),
    )
    return element(
        "header",
        element("h1", told.label, chinese(told.label_zh)),
        facts(
            ("Metric", "指标", figure.metric),
            ("Period", "期间", _period(explanation)),
            ("Of", "成员", members),
            ("Company", "公司", explanation.company),
            ("Publication", "发布", published.publication_id),
            ("As of", "截止", str(published.as_of)),
        ),
        _banner(explanation),
        element(
            "nav", [element("a", name, " ", chinese(zh), href=f"#{place}") for place, name, zh in places]
        ),
    )


def _period(explanation: Explanation) -> str:
    figure = explanation.figure
    if figure.period_start is None:
        return f"all time, to {figure.as_of}"
    partial = ", counted in part" if figure.is_partial else ""
    return f"{figure.grain} {figure.period} ({figure.period_start} to {figure.period_end}{partial})"


def _banner(explanation: Explanation) -> Html:
    figure = explanation.figure
    fallback = (SKIPPED_MARK, figure.verdict.replace("_", " ").capitalize(), "")
    mark, text, zh = _VERDICTS.get(figure.verdict, fallback)
    return element(
        "div",
        shape(mark),
        element(
            "div",
            element("strong", text, " ", chinese(zh)),
            element("span", " ".join(_why(explanation))),
        ),
        class_=f"banner {mark}",
    )


def _why(explanation: Explanation) -> Iterator[str]:
    figure = explanation.figure
    if figure.is_held:
        since = (
            f"Since {figure.held_since:%Y-%m-%d %H:%M} UTC" if figure.held_since else "Since an unknown time"
        )
        last = (
            f"the figure of {figure.last_good} stands"
            if figure.last_good
            else "there has been no good figure"
        )
        yield f"{since} {last}; the newer value is kept back and is not shown here."
    if figure.reason:
        yield f"{figure.reason}."
    wrong = [each.what for each in explanation.proven if each.holds is False]
    if wrong:
        yield f"NOT PROVEN: {', '.join(wrong)}."
    elif not figure.reason:
        yield "Nothing that it rests on has failed a check, and all that was checked of its proof holds."


def _tiles(explanation: Explanation) -> Html:
    figure = explanation.figure
    tiles = [_tile("Value", "数值", figure.value, figure.unit)]
    if figure.numerator is not None and figure.denominator is not None:
        tiles.append(_tile("Numerator", "分子", figure.numerator, ""))
        tiles.append(_tile("Denominator", "分母", figure.denominator, ""))
    if figure.target is not None:
        attained = shown(figure.attainment, "ratio") if figure.attainment is not None else ""
        light = element("span", figure.light, class_=f"light {figure.light}") if figure.light else None
        tiles.append(
            _tile("Target", "目标", figure.target, figure.unit, attained and f"attained {attained} ", light)
        )
    return element("div", tiles, class_="tiles")


def _tile(name: str, zh: str, value: Decimal | None, unit: str, note: str = "", more: Child = None) -> Html:
    large, digits = shown(value, unit), exact(value)
    below = note or (f"exactly {digits}" if large != digits and value is not None else "")
    return element(
        "div",
        element("h3", name, chinese(zh)),
        element("div", large, class_="big"),
        element("div", below, more, class_="note"),
        class_="tile",
    )


def _proof(explanation: Explanation) -> Html:
    note = "What was checked for this page, on the files as they are. `plumb audit verify` checks everything."
    heads = columns(("", "", ""), ("What", "内容", ""), ("How", "依据", ""))
    rows = [_proven(each) for each in explanation.proven]
    return section("proof", "Proof", "证明", note, grid(heads, rows))


def _proven(each: Proven) -> list[Html]:
    text, zh = _PROVEN.get(each.what, (each.what.replace("witness", "Witness"), "见证"))
    mark = {True: PASSED_MARK, False: FAILED_MARK, None: SKIPPED_MARK}[each.holds]
    word = {True: "holds", False: "does not hold", None: "not told"}[each.holds]
    zh_word = {True: "成立", False: "不成立", None: "无从判断"}[each.holds]
    verdict = element("span", shape(mark), word, " ", chinese(zh_word), class_=f"verdict {mark}")
    return [
        element("td", verdict),
        element("th", text, " ", chinese(zh), scope="row"),
        element("td", each.how, class_="hash"),
    ]


def _definition(explanation: Explanation) -> Html:
    told = explanation.definition
    pairs = (
        ("Means", "含义", told.description),
        ("Formula", "公式", told.formula),
        ("Owner", "责任人", told.owner),
        ("Level", "层级", told.level),
        ("Unit", "单位", told.unit),
        ("Version", "版本", told.version),
        ("Written in", "定义于", element("code", told.defined_in)),
        ("Code", "代码版本", element("code", told.code_commit or "not recorded")),
        ("SHA-256", "摘要", element("code", told.sha256)),
    )
    note = f"As it was when {explanation.published.made_in} was made."
    return section(
        "definition", "Definition", "口径定义", note, element("div", facts(*pairs), class_="card plain")
    )


def _calculation(explanation: Explanation) -> Html:
    found = explanation.calculation
    if not found:
        why = " ".join(explanation.notes) or "It was not computed again."
        return section("calculation", "Calculation", "计算过程", "", blank(why))
    told = (
        stamp(PASSED_MARK, "the published value, to the digit")
        if found.agrees
        else stamp(FAILED_MARK, "; ".join(found.differences))
    )
    zh = (
        beside("重新计算的结果与发布值逐位一致。")
        if found.agrees
        else beside("重新计算的结果与发布值不一致。")
    )
    note = f"This SQL computes exactly this figure. It was run again on the marts of {found.publication_id}."
    result = element("div", element("h3", f"Result: {exact(found.value)}"), told, zh, class_="card plain")
    words = element(
        "details", element("summary", "In words ", chinese("文字说明")), element("pre", found.plan), open=True
    )
    sql = element("details", element("summary", "SQL"), element("pre", found.sql), open=True)
    return section("calculation", "Calculation", "计算过程", note, joined((result, words, sql)))


def _lineage(explanation: Explanation) -> Html:
    origin = explanation.origin
    note = (
        "Every table and column that can change this figure, from what arrived to the mart: also what only "
        "decides about rows. Open a table for its columns and for what it is made of."
    )
    if origin.unknown:
        named = f"Not known: {origin.unknown}. The definition names {', '.join(origin.sources)}."
        return section("lineage", "Lineage", "数据血缘", "", blank(named))
    layers = [name for name in ("landing", "staging", "intermediate", "marts") if origin.of(name)]
    drawn = [_layer(name, origin.of(name)) for name in layers]
    drawn = [
        joined((each, element("div", "→", class_="arrow", aria_hidden="true"))) for each in drawn[:-1]
    ] + drawn[-1:]
    others = origin.of(LAYERS[-1])
    below = (
        element("p", f"And what is known of the run: {', '.join(t.table for t in others)}.", class_="note")
        if others
        else None
    )
    return section(
        "lineage", "Lineage", "数据血缘", note, joined((element("div", drawn, class_="flow"), below))
    )


def _layer(name: str, tables: Sequence[LineageTable]) -> Html:
    text, zh = _LAYERS[name]
    return element(
        "div", element("h3", text, chinese(zh)), [_lineage_table(table) for table in tables], class_="layer"
    )


def _lineage_table(table: LineageTable) -> Html:
    names = ", ".join(table.columns) or ("every column" if table.every else "which rows there are")
    made = (
        element("p", "made of ", chinese("来自"), " ", ", ".join(table.made_of), class_="note")
        if table.made_of
        else None
    )
    count = f"{len(table.columns)}" if table.columns else ""
    return element(
        "details",
        element("summary", element("code", table.name), element("span", count, class_="tally")),
        element("div", element("p", names), made),
        open=table.layer == "marts",
    )


def _extracts(explanation: Explanation) -> Html:
    origin = explanation.origin
    note = "The loads that were current. The SHA-256 is that of the file as it arrived, or of its content."
    if not origin.extracts:
        return section("extracts", "Extracts", "数据提取", "", blank("None is known."))
    heads = columns(
        ("Source table", "来源表", ""),
        ("Load", "批次", "num"),
        ("Rows", "行数", "num"),
        ("Mode", "方式", ""),
        ("Landed (UTC)", "落地时间", ""),
        ("Record", "账本记录", "num"),
        ("Source and SHA-256", "来源与校验和", ""),
    )
    rows = [
        [
            element("th", element("code", f"{extract.system}.{extract.table}"), scope="row"),
            element("td", str(extract.load), class_="num"),
            number_cell(extract.rows),
            element("td", extract.mode),
            element("td", extract.landed_at, class_="time"),
            element("td", str(extract.recorded or "none"), class_="num"),
            element("td", extract.source, element("div", extract.sha256, class_="mono note"), class_="hash"),
        ]
        for extract in origin.extracts
    ]
    return section(
        "extracts", "Extracts", "数据提取", note, joined((grid(heads, rows), _set_aside(explanation)))
    )


def _set_aside(explanation: Explanation) -> Html:
    heads = columns(
        ("Source table", "来源表", ""),
        ("Landed", "落地", "num"),
        ("Staged", "入库", "num"),
        ("Duplicates", "重复", "num"),
        ("Superseded", "被更新", "num"),
        ("Set aside", "隔离", "num"),
        ("Why", "原因", ""),
    )
    rows = []
    for table in explanation.origin.set_aside:
        counts = (table.landed, table.staged, table.duplicates, table.superseded, table.quarantined)
        reasons = [element("div", f"{count:,} × {reason}") for reason, count in table.reasons]
        rows.append(
            [
                element("th", element("code", f"{table.system}.{table.table}"), scope="row"),
                *(number_cell(count) for count in counts),
                element("td", reasons),
            ]
        )
    title = element("h3", "Where the landed rows went", chinese("落地行的去向"), class_="sub")
    return joined((title, grid(heads, rows))) if rows else Html("")


def _checks(explanation: Explanation) -> Html:
    checks = explanation.origin.checks
    if not checks:
        return section(
            "checks", "Checks", "质量检查", "", blank("None of them is known to be about this figure.")
        )
    made, shown = explanation.published.made_in, explanation.published.publication_id
    run = f"the run of {made}" if made != shown else "the run"
    note = f"Expectations of {run} on the tables and columns of the lineage: {explanation.origin.counted}."
    told = [_failed(check) for check in blocking(checks)]
    if told and explanation.figure.verdict == "certified":
        told.insert(0, blank(f"{UNTOUCHED} 违反规则的行都不会改变这个数字。"))
    failed = joined(told) or blank("Nothing failed. 全部通过。")
    tables: dict[str, list[Check]] = {}
    for check in checks:
        tables.setdefault(check.table, []).append(check)
    listed = joined(_table_checks(name, found) for name, found in tables.items())
    return section("checks", "Checks", "质量检查", note, joined((failed, listed)))


def _mark(check: Check) -> str:
    if check.failed:
        return FAILED_MARK if check.count_as == "failed" else WARNING_MARK
    return PASSED_MARK if check.verdict == "passed" else SKIPPED_MARK


def _failed(check: Check) -> Html:
    mark = _mark(check)
    pairs = (
        ("Why it matters", "意义", check.why),
        ("Owner", "责任人", check.owner),
        ("What to do", "处理", check.todo),
        ("Waiver", "豁免", check.waived),
    )
    examples = [
        element("li", ", ".join(f"{name} {value}" for name, value in row.items())) for row in check.examples
    ]
    return element(
        "article",
        element("div", stamp(mark), element("code", check.table), class_="where"),
        element("h3", check.expected, beside(expected_in_chinese(check.expected))),
        element("div", check.message, beside(found_in_chinese(check.message))),
        element("ul", examples) if examples else None,
        facts(*pairs),
        class_=f"card {mark}",
    )


def _table_checks(name: str, checks: Sequence[Check]) -> Html:
    marks = {_mark(check) for check in checks}
    worst = next(mark for mark in (FAILED_MARK, WARNING_MARK, PASSED_MARK, SKIPPED_MARK) if mark in marks)
    heads = columns(
        ("Verdict", "结论", ""),
        ("Expectation", "要求", ""),
        ("Severity", "级别", ""),
        ("Evaluated", "检查行数", "num"),
        ("Unexpected", "不符行数", "num"),
        ("Found", "结果", ""),
    )
    rows = [
        [
            element("td", stamp(_mark(check))),
            element("td", check.expected, beside(expected_in_chinese(check.expected))),
            element("td", worded(check.severity)),
            number_cell(check.evaluated),
            element("td", "", class_="num") if check.unexpected is None else number_cell(check.unexpected),
            element("td", check.message.removeprefix("skipped: "), class_="note"),
        ]
        for check in checks
    ]
    told = element("span", counted(len(checks), "expectation"), class_="tally")
    return element(
        "details", element("summary", stamp(worst), element("code", name), told), grid(heads, rows)
    )


def _decisions(explanation: Explanation) -> Html:
    note = "Holds, waivers, restatements and their approvals that touch this figure."
    if not explanation.decisions:
        return section("decisions", "Decisions", "人为决定与暂缓", "", blank("None. 无。"))
    heads = columns(("Kind", "类别", ""), ("What", "内容", ""), ("By", "谁", ""), ("When (UTC)", "时间", ""))
    rows = [
        [
            element("th", each.kind, " ", chinese(_KINDS.get(each.kind, "")), scope="row"),
            element(
                "td", each.what, [element("div", f"{n}: {v}", class_="note") for n, v in each.more.items()]
            ),
            element("td", each.by),
            element("td", each.at, class_="time"),
        ]
        for each in explanation.decisions
    ]
    return section("decisions", "Decisions", "人为决定与暂缓", note, grid(heads, rows))


def _records(explanation: Explanation) -> Html:
    note = "Each record carries the hash of the one before it; the newest hash is shown to the witnesses."
    if not explanation.lines:
        return section(
            "records", "Records of the ledger", "账本记录", "", blank("None speaks of this figure.")
        )
    heads = columns(
        ("Record", "序号", "num"),
        ("Recorded (UTC)", "时间", ""),
        ("Kind", "类别", ""),
        ("What and hash", "内容与哈希", ""),
    )
    rows = [
        [
            element("td", str(line.seq), class_="num"),
            element("td", line.at, class_="time"),
            element("td", line.kind),
            element("td", line.what, element("div", line.hash, class_="mono note"), class_="hash"),
        ]
        for line in explanation.lines
    ]
    return section("records", "Records of the ledger", "账本记录", note, grid(heads, rows))


def _history(explanation: Explanation) -> Html:
    note = "What every publication said of it; of generations that were removed, what restatements tell."
    heads = columns(
        ("Publication", "发布", ""),
        ("Published (UTC)", "发布时间", ""),
        ("As of", "截止", ""),
        ("Value", "数值", "num"),
        ("Exactly", "精确值", "num"),
        ("Verdict and notes", "结论与说明", ""),
    )
    rows = [_past(each, explanation.figure.unit) for each in reversed(explanation.history)]
    return section("history", "History", "历史数值", note, grid(heads, rows))


def _past(each: Past, unit: str) -> list[Html]:
    told = "; ".join(filter(None, (each.verdict.replace("_", " "), each.note)))
    return [
        element("th", each.publication_id, scope="row"),
        element("td", f"{each.published_at:%Y-%m-%d %H:%M}", class_="time"),
        element("td", str(each.as_of), class_="time"),
        element("td", shown(each.value, unit) if each.value is not None else "-", class_="num"),
        element("td", exact(each.value) if each.value is not None else "-", class_="num"),
        element("td", told),
    ]


def _footer(explanation: Explanation) -> Html:
    notes: Iterable[str] = explanation.notes
    told = (
        "Made by `plumb audit explain` from the published files and the ledger; it rests on no other server."
    )
    return element("footer", [element("p", f"Note: {note}") for note in notes], element("p", told))
