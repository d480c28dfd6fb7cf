"""What happened in a period of time, from the ledger: publications, holds, waivers, restatements, checks.

The ledger says all but two things: what each check found, and where the landed rows went. These stand in the
published generations; where they are gone, the report says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from plumbline.audit.book import Book, short_commit
from plumbline.audit.explain_origin import read_rows
from plumbline.errors import PlumblineError, StorageError
from plumbline.indicators.sight import EVER, in_months
from plumbline.ledger import Record, Witnessing
from plumbline.project import Home
from plumbline.publication import Shelf
from plumbline.serving.periods import Period

Cell = str | int | None
_NAMED = 5


@dataclass(frozen=True)
class Heading:
    """A column: its key for programs, its name in both languages, and whether it holds counts."""

    key: str
    name: str
    zh: str
    number: bool = False


@dataclass(frozen=True)
class Section:
    """One table of the report, with a note on what it tells; the first `urgent` rows are always shown."""

    key: str
    title: str
    zh: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    urgent: int = 0


@dataclass(frozen=True)
class Report:
    """What happened from `start` to `end` (both included, open where None)."""

    company: str
    start: date | None
    end: date | None
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    broken: str = ""

    def section(self, key: str) -> Section:
        """Give a section by its key."""
        return next(section for section in self.sections if section.key == key)

    def as_json(self) -> dict[str, Any]:
        """Give it for programs: one list of objects per section."""
        told: dict[str, Any] = {
            "company": self.company,
            "from": self.start and self.start.isoformat(),
            "to": self.end and self.end.isoformat(),
            "ledger_holds": not self.broken,
        }
        for section in self.sections:
            keys = [heading.key for heading in section.headings]
            told[section.key] = [dict(zip(keys, row, strict=True)) for row in section.rows]
        return {**told, "notes": list(self.notes)}


def report(home: Home, witnessing: Witnessing, company: str, period: Period | None = None) -> Report:
    """Report on a period of time (UTC days, both ends included); StorageError when there is no ledger."""
    book = Book.read(witnessing)
    if not book.hashes and not book.breaks:
        raise StorageError(
            "there is no ledger",
            where=str(witnessing.ledger.file),
            why="Nothing was recorded yet.",
            todo=f"`plumb run --company {company}` records what it lands, checks and publishes.",
            code="no-ledger",
        )
    period = period or Period()
    reporting = _Reporting(home, book, period)
    sections = tuple(section(reporting) for section in SECTIONS)
    if past := _not_over(reporting):
        reporting.notes.insert(0, past)
    broken = f"line {book.breaks[0].line}: {book.breaks[0].what}" if book.breaks else ""
    return Report(company, period.start, period.end, sections, tuple(reporting.notes), broken)


def _not_over(given: _Reporting) -> str:
    """Say that the period ends, or even begins, behind the newest record."""
    every = (record for kind in given.book.records.values() for record in kind)
    days = [date.fromisoformat(record.at[:10]) for record in every]
    start, end = given.period.start, given.period.end
    if not days or end is None or end <= max(days):
        return ""
    told = f"the newest record of the ledger is of {max(days)}."
    if start is not None and start > max(days):
        return f"Nothing is recorded of this period: {told}"
    return f"The period may not be over: {told}"


@dataclass
class _Reporting:
    home: Home
    book: Book
    period: Period
    notes: list[str] = field(default_factory=list)

    def records(self, kind: str) -> list[Record]:
        """Give the records of a kind that were made in the period."""
        return [record for record in self.book.of(kind) if self.is_within(record.at)]

    def is_within(self, at: str) -> bool:
        day = date.fromisoformat(at[:10])
        start, end = self.period.start, self.period.end
        return (start is None or start <= day) and (end is None or day <= end)

    def is_before(self, at: str) -> bool:
        """Tell whether a time lies before the period."""
        return self.period.start is not None and date.fromisoformat(at[:10]) < self.period.start

    def is_after(self, at: str) -> bool:
        """Tell whether a time lies behind the period."""
        return self.period.end is not None and date.fromisoformat(at[:10]) > self.period.end

    @cached_property
    def publications(self) -> list[Record]:
        """The publications of the period that were not abandoned."""
        abandoned = self.book.abandoned()
        return [each for each in self.records("publication") if each.body["publication_id"] not in abandoned]

    @cached_property
    def results(self) -> list[dict[str, Any]]:
        """What the checks of the runs of the period found, as the newest generation has it."""
        from plumbline.serving.reader import open_generation

        runs = {record.body["run_id"] for record in self.records("quality")}
        try:
            with open_generation(self.home, sealed=True) as source:
                rows = read_rows(source.connection, "SELECT * FROM warehouse.published.quality_result")
        except PlumblineError as error:
            self.notes.append(f"What single checks found is not told: {error.what}.")
            return []
        if gone := sorted(runs - {row["run_id"] for row in rows}):
            self.notes.append(f"What single checks found is gone of run {_several(gone)}; their counts stay.")
        return [row for row in rows if row["run_id"] in runs]


def _publications(given: _Reporting) -> Section:
    rows = []
    for record in given.publications:
        body = record.body
        rows.append(
            (
                body["publication_id"],
                _minute(record.at),
                body["as_of"],
                body["run_id"],
                body["operator"],
                short_commit(body["code_commit"] or ""),
                body["holds"],
                record.seq,
            )
        )
    headings = (
        Heading("publication_id", "Publication", "发布"),
        Heading("at", "Recorded (UTC)", "记录时间"),
        Heading("as_of", "As of", "截止"),
        Heading("run_id", "Run", "运行"),
        Heading("operator", "By", "操作人"),
        Heading("code_commit", "Code", "代码版本"),
        Heading("held", "Figures held", "暂缓指标数", True),
        Heading("record", "Record", "账本记录", True),
    )
    return Section("publications", "Publications", "发布", headings, tuple(rows))


@dataclass
class _Hold:
    record: Record
    open: set[str]
    released: str = ""

    def until(self) -> str:
        return "still held" if self.open else _minute(self.released)


def _holds(given: _Reporting) -> Section:
    """Follow what was held until the last of its figures was released."""
    holds: list[_Hold] = []
    both = sorted([*given.book.of("hold"), *given.book.of("release")], key=lambda record: record.seq)
    for record in both:
        if given.is_after(record.at):
            break
        figures = set(record.body["figures"])
        if record.kind == "hold":
            holds.append(_Hold(record, figures))
            continue
        for hold in holds:
            if hold.open & figures:
                hold.open -= figures
                hold.released = record.at
    kept = [hold for hold in holds if hold.open or not given.is_before(hold.released)]
    headings = (
        Heading("check", "Check that failed", "未通过的检查"),
        Heading("found", "Found", "结果"),
        Heading("owner", "Owner", "责任人"),
        Heading("since", "Since (UTC)", "开始"),
        Heading("until", "Until (UTC)", "解除"),
        Heading("figures", "Figures", "指标数", True),
        Heading("named", "Which", "哪些"),
        Heading("periods", "Periods", "期间"),
        Heading("record", "Record", "账本记录", True),
    )
    note = (
        "A figure is a metric by what it is broken down by. While it is held, it keeps its last good value. "
        "Where days are known on which rows are wrong, periods are held that see these days."
    )
    return Section("holds", "Holds", "暂缓发布", headings, tuple(map(_hold_row, kept)), note)


def _hold_row(hold: _Hold) -> tuple[Cell, ...]:
    body = hold.record.body
    figures = body["figures"]
    return (
        f"{body['table']}: {body['expected']}",
        body["message"],
        body["owner"],
        _minute(hold.record.at),
        hold.until(),
        len(figures),
        _several(figures),
        in_months(tuple((_day(first), _day(last)) for first, last in body.get("days", ())) or EVER) or "all",
        hold.record.seq,
    )


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _waivers(given: _Reporting) -> Section:
    """Tell the waivers that were given, or counted, in the period."""
    found: dict[str, tuple[Record, Record | None]] = {}
    for record in given.book.of("waiver"):
        if not given.is_after(record.at):
            first, _ = found.get(record.body["id"], (None, None))
            found[record.body["id"]] = (first, record) if first else (record, None)
    rows = []
    for first, end in found.values():
        body = first.body
        over = end.at if end else body["until"]
        if given.is_before(over):
            continue
        ended = f"{_minute(end.at)} by {end.body['by']}" if end else ""
        check = f"{body['table']}: {body['expectation']}"
        rows.append(
            (
                body["id"],
                check,
                body["metric"] or "all it holds",
                body["reason"],
                body["by"],
                body["author"],
                _minute(first.at),
                body["until"],
                ended,
                first.seq,
            )
        )
    headings = (
        Heading("id", "Waiver", "豁免"),
        Heading("check", "Check", "检查"),
        Heading("metric", "For", "对象"),
        Heading("reason", "Reason", "理由"),
        Heading("by", "By", "批准人"),
        Heading("author", "Not by", "涉及人"),
        Heading("at", "Given (UTC)", "时间"),
        Heading("until", "Until", "有效期"),
        Heading("ended", "Ended", "提前结束"),
        Heading("record", "Record", "账本记录", True),
    )
    note = "Whether each stood up (signature, rights, length) is told by `plumb waiver list`."
    return Section("waivers", "Waivers", "豁免", headings, tuple(rows), note)


def _restatements(given: _Reporting) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for record in given.records("restatement"):
        body = record.body
        for each in body["metrics"]:
            largest = each["largest"] or ""
            told = (each["metric"], each["level"], each["state"], each["figures"], largest)
            rows.append((body["publication_id"], *told, body["restated_by"], record.seq))
    headings = (
        Heading("publication_id", "Publication", "发布"),
        Heading("metric", "Metric", "指标"),
        Heading("level", "Level", "层级"),
        Heading("state", "State", "状态"),
        Heading("figures", "Figures", "数值个数", True),
        Heading("largest", "Largest change", "最大变动", True),
        Heading("by", "By", "操作人"),
        Heading("record", "Record", "账本记录", True),
    )
    note = "Past figures that differ from those published; the largest change is a share of the old value."
    return Section("restatements", "Restatements", "重述", headings, tuple(rows), note)


def _strategic(given: _Reporting) -> Section:
    """Tell restated figures of strategic metrics one by one, with who approved them."""
    rows: list[tuple[Cell, ...]] = []
    for record in given.records("restatement"):
        for each in record.body["strategic"]:
            members = f" {each['members']}" if each["members"] else ""
            rows.append(
                (
                    f"{each['metric']}{members}",
                    f"{each['grain']} of {each['period_start']}",
                    each["old_value"],
                    each["new_value"],
                    each["state"],
                    each["cause"],
                    each["reason"],
                    each["approved_by"] or "",
                    record.seq,
                )
            )
    headings = (
        Heading("figure", "Figure", "指标"),
        Heading("period", "Period", "期间"),
        Heading("old", "Before", "原值", True),
        Heading("new", "After", "新值", True),
        Heading("state", "State", "状态"),
        Heading("cause", "Because of", "原因"),
        Heading("reason", "Reason", "理由"),
        Heading("approved_by", "Approved by", "批准人"),
        Heading("record", "Record", "账本记录", True),
    )
    return Section("strategic", "Strategic figures restated", "战略指标重述", headings, tuple(rows))


def _approvals(given: _Reporting) -> Section:
    rows = []
    for record in given.records("approval"):
        body = record.body
        told = (body["subject"], body["figures"], body["reason"], body["by"], body["author"])
        rows.append((*told, _minute(record.at), record.seq))
    headings = (
        Heading("metric", "Metric", "指标"),
        Heading("figures", "Figures", "数值个数", True),
        Heading("reason", "Reason", "理由"),
        Heading("by", "By", "批准人"),
        Heading("author", "Not by", "涉及人"),
        Heading("at", "Given (UTC)", "时间"),
        Heading("record", "Record", "账本记录", True),
    )
    return Section("approvals", "Approvals", "批准", headings, tuple(rows))


def _runs(given: _Reporting) -> Section:
    published = {record.body["run_id"]: record.body["publication_id"] for record in given.publications}
    rows = []
    for record in given.records("quality"):
        body = record.body
        counts = [body[name] for name in ("evaluated", "passed", "failed", "skipped", "error")]
        rows.append((body["run_id"], *counts, published.get(body["run_id"], "nothing"), record.seq))
    headings = (
        Heading("run_id", "Run", "运行"),
        Heading("evaluated", "Evaluated", "已评估", True),
        Heading("passed", "Passed", "通过", True),
        Heading("failed", "Failed", "未通过", True),
        Heading("skipped", "Skipped", "跳过", True),
        Heading("error", "Not judged", "无法判断", True),
        Heading("published", "Published", "发布"),
        Heading("record", "Record", "账本记录", True),
    )
    return Section("runs", "Checks by run", "各次运行的检查", headings, tuple(rows))


def _failures(given: _Reporting) -> Section:
    """Count by expectation how often it failed, was skipped, or could not be judged."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    newest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in sorted(given.results, key=lambda row: str(row["run_id"])):
        key = (row["table_name"], _undated(row["expected"] or row["expectation"]))
        counts.setdefault(key, Counter())[row["verdict"]] += 1
        if row["verdict"] != "passed":
            newest[key] = row
    rows = [
        (
            table,
            newest[table, expected]["expected"],
            newest[table, expected]["severity"],
            newest[table, expected]["owner"],
            found["failed"],
            found["error"],
            found["skipped"],
            found.total(),
            newest[table, expected]["message"],
        )
        for (table, expected), found in counts.items()
        if (table, expected) in newest
    ]
    rows.sort(key=lambda row: (-row[4] - row[5], row[2] != "critical", -row[6], row[0]))
    headings = (
        Heading("table", "Table", "表"),
        Heading("expectation", "Expectation", "要求"),
        Heading("severity", "Severity", "级别"),
        Heading("owner", "Owner", "责任人"),
        Heading("failed", "Failed", "未通过", True),
        Heading("error", "Not judged", "无法判断", True),
        Heading("skipped", "Skipped", "跳过", True),
        Heading("runs", "Of runs", "运行次数", True),
        Heading("newest", "Newest of these", "最近一次"),
    )
    urgent = sum(bool(row[4] or row[5]) for row in rows)
    note = "Expectations that did not pass at least once. Skipped is never passed: it says nothing."
    return Section(
        "checks", "Failed and skipped checks", "未通过与跳过的检查", headings, tuple(rows), note, urgent
    )


def _totals(given: _Reporting) -> Section:
    """Tell where the landed rows went, by source table, in each generation that is still there."""
    from plumbline.serving.reader import open_publication

    rows: list[tuple[Cell, ...]] = []
    gone: list[str] = []
    there = set(Shelf(given.home.published.resolve()).generations())
    for record in given.publications:
        name = record.body["publication_id"]
        if record.body["generation"] not in there:
            gone.append(name)
            continue
        try:
            with open_publication(given.home, name) as source:
                rows += _reconciled(name, source.connection)
        except PlumblineError:
            gone.append(name)
    if gone:
        given.notes.append(f"Control totals are gone with the generation of {_several(gone)}.")
    headings = (
        Heading("publication_id", "Publication", "发布"),
        Heading("table", "Source table", "来源表"),
        Heading("landed", "Landed", "落地", True),
        Heading("staged", "Staged", "入库", True),
        Heading("duplicates", "Duplicates", "重复", True),
        Heading("superseded", "Superseded", "被更新", True),
        Heading("quarantined", "Set aside", "隔离", True),
        Heading("missing", "Missing", "缺失", True),
    )
    note = "landed = staged + duplicates + superseded + set aside; what is missing must be 0."
    return Section("control_totals", "Control totals", "控制总数", headings, tuple(rows), note)


def _reconciled(publication: str, connection: Any) -> Iterator[tuple[Cell, ...]]:
    for row in read_rows(
        connection,
        "SELECT *, landed - staged - duplicates - superseded - quarantined AS missing"
        " FROM warehouse.published.reconciliation WHERE landed > 0 ORDER BY system, table_name",
    ):
        counts = ("landed", "staged", "duplicates", "superseded", "quarantined", "missing")
        yield (publication, f"{row['system']}.{row['table_name']}", *(int(row[name]) for name in counts))


def _definitions(given: _Reporting) -> Section:
    """Tell changed definitions; those of the first publication are all new, and are told together."""
    first = next((each.seq for each in given.book.of("publication")), 0)
    records = given.records("definition")
    begun = [record for record in records if record.seq < first]
    rows: list[tuple[Cell, ...]] = []
    if begun:
        rows.append((f"{len(begun)} metrics", "new", "", "", _minute(begun[0].at), begun[0].seq))
    for record in records[len(begun) :]:
        body = record.body
        told = (body["metric"], body["change"], body.get("version") or "", body.get("status") or "")
        rows.append((*told, _minute(record.at), record.seq))
    headings = (
        Heading("metric", "Metric", "指标"),
        Heading("change", "Change", "变更"),
        Heading("version", "Version", "版本"),
        Heading("status", "Status", "状态"),
        Heading("at", "Recorded (UTC)", "记录时间"),
        Heading("record", "Record", "账本记录", True),
    )
    note = "Changed: the definition, or the SQL that it gives."
    return Section("definitions", "Definitions", "口径变更", headings, tuple(rows), note)


def _loads(given: _Reporting) -> Section:
    tables: dict[str, list[Record]] = {}
    for record in given.records("load"):
        tables.setdefault(f"{record.body['system']}.{record.body['table']}", []).append(record)
    rows = [
        (
            table,
            len(records),
            sum(record.body["rows"] for record in records),
            _minute(records[0].at),
            _minute(records[-1].at),
            records[-1].seq,
        )
        for table, records in sorted(tables.items())
    ]
    headings = (
        Heading("table", "Source table", "来源表"),
        Heading("loads", "Loads", "批次数", True),
        Heading("rows", "Rows", "行数", True),
        Heading("first", "First (UTC)", "最早"),
        Heading("last", "Last (UTC)", "最近"),
        Heading("record", "Newest record", "最近账本记录", True),
    )
    return Section("loads", "Loads", "落地批次", headings, tuple(rows))


def _integrity(given: _Reporting) -> Section:
    """Tell what was made good after crashes, what witnesses missed, and how far they have seen."""
    rows: list[tuple[Cell, ...]] = []
    for record in given.records("heal"):
        body = record.body
        subject = body.get("publication_id") or body.get("file") or ""
        rows.append((body["what"], subject, _minute(record.at), record.seq))
    for record in given.records("witness"):
        body = record.body
        rows.append((f"witness: {body['what']}", body["witness"], _minute(record.at), record.seq))
    head, notes = max(given.book.hashes, default=0), given.book.witnessing.notes()
    for witness in given.book.witnessing.witnesses:
        seen = notes.get(witness.name)
        told = f"has seen up to record {seen.seq} of {head}" if seen else f"has seen none of {head} records"
        rows.append((f"witness: {told}", witness.name, "", seen.seq if seen else None))
    headings = (
        Heading("what", "What", "内容"),
        Heading("subject", "Of", "对象"),
        Heading("at", "Recorded (UTC)", "记录时间"),
        Heading("record", "Record", "账本记录", True),
    )
    note = "Publications that a crash left, and witnesses. `plumb audit verify` checks all of it."
    return Section("integrity", "Crashes and witnesses", "中断与见证", headings, tuple(rows), note)


SECTIONS: tuple[Callable[[_Reporting], Section], ...] = (
    _publications,
    _holds,
    _waivers,
    _restatements,
    _strategic,
    _approvals,
    _runs,
    _failures,
    _totals,
    _definitions,
    _loads,
    _integrity,
)


def _minute(at: str) -> str:
    return at[:16].replace("T", " ")


def _several(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _undated(expected: str) -> str:
    """Leave out the days that a sentence names: the same expectation names another one in each run."""
    import re

    return re.sub(r"\d{4}-\d{2}-\d{2}", "…", expected)
