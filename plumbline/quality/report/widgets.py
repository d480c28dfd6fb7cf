"""The small parts that the sections of the report are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from plumbline.quality.report.markup import Child, Html, element, joined
from plumbline.quality.report.wording import WORDS
from plumbline.quality.results import PASSED, SKIPPED, CheckResult

PASSED_MARK, WARNING_MARK, FAILED_MARK, SKIPPED_MARK = "passed", "warning", "failed", "skipped"
MARKS = {
    PASSED_MARK: ("passed", "通过"),
    WARNING_MARK: ("warning", "警告"),
    FAILED_MARK: ("critical", "严重"),
    SKIPPED_MARK: ("skipped", "跳过"),
}
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
# A shape for each verdict: circle with a tick, triangle, octagon with a cross, ring with a dash.
_SYMBOLS = """
<svg width="0" height="0" style="position:absolute" aria-hidden="true">
<symbol id="mark-passed" viewBox="0 0 20 20"><circle cx="10" cy="10" r="9" fill="currentColor"/>
<path d="M5.6 10.4l3 3 5.8-6.4" fill="none" stroke="var(--sheet)" stroke-width="2.2"/></symbol>
<symbol id="mark-warning" viewBox="0 0 20 20"><path d="M10 1.2L19.4 18H.6z" fill="currentColor"/>
<path d="M10 7v5.2M10 14v2" stroke="var(--sheet)" stroke-width="2"/></symbol>
<symbol id="mark-failed" viewBox="0 0 20 20">
<path d="M6.2 1h7.6L19 6.2v7.6L13.8 19H6.2L1 13.8V6.2z" fill="currentColor"/>
<path d="M6.5 6.5l7 7m0-7l-7 7" stroke="var(--sheet)" stroke-width="2.2"/></symbol>
<symbol id="mark-skipped" viewBox="0 0 20 20"><circle cx="10" cy="10" r="8" fill="none" stroke="currentColor"
 stroke-width="1.8"/><path d="M6 10h8" stroke="currentColor" stroke-width="1.8"/></symbol>
</svg>
"""


def symbols() -> Html:
    """Give the shapes of the marks, once."""
    return Html(_SYMBOLS)


def mark_of(check: CheckResult) -> str:
    """Name the mark of a result."""
    if check.verdict == SKIPPED:
        return SKIPPED_MARK
    if check.verdict == PASSED:
        return PASSED_MARK
    return FAILED_MARK if check.blocks else WARNING_MARK


def section(place: str, title: str, zh: str, note: str, content: Html) -> Html:
    """Build a section of the page, with its heading in both languages."""
    told = element("p", note, class_="note") if note else None
    return element("section", element("h2", title, chinese(zh)), told, content, id=place)


def grid(heads: Sequence[Html], rows: Sequence[Sequence[Html]], total: Sequence[Html] | None = None) -> Html:
    """Build a table that scrolls sideways where it has to."""
    foot = element("tfoot", element("tr", list(total))) if total else None
    body = element("tbody", [element("tr", list(row)) for row in rows])
    return element(
        "div", element("table", element("thead", element("tr", list(heads))), body, foot), class_="scroll"
    )


def blank(text: str) -> Html:
    """Say that there is nothing to show."""
    return element("div", text, class_="empty")


def chinese(text: str) -> Child:
    """Mark text as Chinese."""
    return element("span", text, lang="zh") if text else None


def worded(text: str) -> Html:
    """Show a word of the report in both languages."""
    return joined((text, " ", chinese(WORDS.get(text, ""))))


def beside(zh: str) -> Child:
    """Show a sentence in Chinese below the English one."""
    return element("div", zh, lang="zh", class_="zh") if zh else None


def shape(mark: str) -> Html:
    """Draw the shape of a mark."""
    return Html(f'<svg class="mark" aria-hidden="true"><use href="#mark-{mark}"></use></svg>')


def stamp(mark: str, text: str = "") -> Html:
    """Show a mark: its shape and its name, or another text."""
    english, zh = (text, WORDS.get(text, "")) if text else MARKS[mark]
    return element("span", shape(mark), english, " " if zh else None, chinese(zh), class_=f"verdict {mark}")


def number_cell(count: int) -> Html:
    """Build a cell with a count."""
    return element("td", f"{count:,}", class_="num" if count else "num zero")


def decimal_text(total: Decimal) -> str:
    """Write an amount without zeros at its end."""
    whole, _, rest = f"{total:,f}".partition(".")
    rest = rest.rstrip("0")
    return f"{whole}.{rest}" if rest else whole


def cell_value(value: Any) -> Html:
    """Show a value of an example row."""
    return element("i", "empty", class_="note") if value is None else joined((str(value),))


def cell_kind(values: Iterable[Any]) -> str | None:
    """Tell whether a column of an example stands to the right: all of its values are numbers."""
    given = [str(value) for value in values if value is not None]
    return "num" if given and all(_NUMBER.fullmatch(text) for text in given) else None


def columns(*names: tuple[str, str, str]) -> list[Html]:
    """Build column heads: English, Chinese, and `num` where the column is of numbers."""
    return [element("th", name, chinese(zh), class_=kind or None) for name, zh, kind in names]
