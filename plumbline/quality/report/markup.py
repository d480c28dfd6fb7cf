"""HTML that is safe by construction: text is escaped unless an element made it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | Iterable["Child"] | None


def element(tag: str, /, *children: Child, **attributes: str | bool | None) -> Html:
    """Build an element; `class_` and `data_x` become `class` and `data-x`, a true attribute has no value."""
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    return Html(f"<{tag}{given}>{joined(children)}</{tag}>")


def void(tag: str, /, **attributes: str | bool | None) -> Html:
    """Build an element that has no content, such as `meta`."""
    return Html(f"<{tag}{''.join(_attribute(key, value) for key, value in attributes.items())}>")


def joined(children: Iterable[Child]) -> Html:
    """Put children one after the other."""
    return Html("".join(_text(child) for child in children))


def _text(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    return escape(child, quote=False) if isinstance(child, str) else joined(child)


def _attribute(key: str, value: str | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
