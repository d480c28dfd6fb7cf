"""The frame of the pages that an audit writes, in the look of the quality report."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from importlib import resources

from plumbline.audit.explain_calculation import exact
from plumbline.quality.report.markup import Child, Html, element, void
from plumbline.quality.report.widgets import chinese, symbols

_SHARES = {"ratio": "%", "percentage_points": "pp"}


def page(title: str, *parts: Child) -> str:
    """Give a whole page: styles within, nothing from elsewhere."""
    styles = (
        resources.files("plumbline.quality.report").joinpath("page.css").read_text(encoding="utf-8"),
        resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8"),
    )
    head = element(
        "head",
        void("meta", charset="utf-8"),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Html("\n".join(styles))),
    )
    body = element("body", symbols(), element("main", *parts))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def facts(*pairs: tuple[str, str, Child]) -> Html:
    """List facts by their name in both languages; those without a value are left out."""
    told = [
        element("div", element("dt", name, " ", chinese(zh)), element("dd", value))
        for name, zh, value in pairs
        if value
    ]
    return element("dl", told)


def shown(value: Decimal | None, unit: str) -> str:
    """Write a figure for reading: shares in percent, money with two decimals, others as they are."""
    if value is None:
        return "none"
    if unit in _SHARES:
        return f"{_rounded(100 * value):,f} {_SHARES[unit]}"
    return f"{_rounded(value):,f}" if unit == "currency" else exact(value)


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
