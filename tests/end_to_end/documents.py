"""Read the documents: which commands they show, and which files they tell the reader to write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_SERVES = re.compile(r"serves=(?P<url>\S+)")
# A figure, with the mark or sign of its direction before it, which may be another at another scale.
_NUMBER = re.compile(r"(?:[▲▼=] )?(?:(?<![\w-])[-+])?\d[\d,.:-]*")
_RULE = re.compile("─+")
_LIGHT = re.compile(r"\b(green|amber|red)\b")
_ROWS = re.compile(r"([\d,]+) of ([\d,]+) rows")
_NEEDS = re.compile(r"needs=(?P<data>\S+)")
_FILE = re.compile(r"(?P<mode>file|append)=(?P<name>\S+)")


@dataclass(frozen=True)
class Command:
    """A line behind `$ ` in a console block, and the output shown below it.

    `console serves=URL` marks a command that goes on until it is stopped, and answers at URL. Of a
    `console compared` block every shown line must come out, but for its numbers, lights and widths;
    `console needs=DATA` is for readers who have that data set.
    """

    text: str
    shown: tuple[str, ...]
    serves: str = ""
    compared: bool = False
    needs: str = ""

    @property
    def is_first_run(self) -> bool:
        """Tell whether it is shown what a run publishes, as the first one of a company."""
        return self.compared and any("gen-000001" in line for line in self.shown)

    def not_told(self, printed: str) -> list[str]:
        """Give the shown lines that are not among the printed ones."""
        lines = printed.splitlines()
        asked = [
            line for line in self.shown if line.strip() and not line.strip().startswith(("exit code: ", "…"))
        ]
        return [line for line in asked if not any(_alike(line, other) for other in lines)]


def _alike(shown: str, printed: str) -> bool:
    """Tell whether two lines say the same: numbers may differ, shares of rows not by much."""
    if _without_numbers(shown) != _without_numbers(printed):
        return False
    shares = [_share(*pair) for text in (shown, printed) for pair in _ROWS.findall(text)]
    halves = zip(shares[: len(shares) // 2], shares[len(shares) // 2 :], strict=True)
    return all(one / 3 <= other <= one * 3 for one, other in halves)


def _without_numbers(line: str) -> str:
    return _LIGHT.sub("light", _RULE.sub("─", _NUMBER.sub("#", " ".join(line.split()))))


def _share(part: str, whole: str) -> float:
    return int(part.replace(",", "")) / int(whole.replace(",", ""))


@dataclass(frozen=True)
class File:
    """A block with `file=PATH` (write) or `append=PATH` (add at the end) in its info string."""

    path: str
    text: str
    append: bool


def steps(document: Path) -> Iterator[Command | File]:
    """Give commands and files in the order in which a reader meets them."""
    for match in _FENCE.finditer(document.read_text(encoding="utf-8")):
        info, body = match["info"], match["body"]
        target = _FILE.search(info)
        if target:
            yield File(target["name"], body, target["mode"] == "append")
        elif info.split()[:1] == ["console"]:
            served, needed = _SERVES.search(info), _NEEDS.search(info)
            of_block = {
                "serves": served["url"] if served else "",
                "compared": "compared" in info.split(),
                "needs": needed["data"] if needed else "",
            }
            yield from (replace(command, **of_block) for command in _commands(body))


def _commands(body: str) -> Iterator[Command]:
    current: str | None = None
    shown: list[str] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            if current is not None:
                yield Command(current, tuple(shown))
            current, shown = line[2:], []
        elif current is not None and current.endswith("\\"):
            current = current[:-1] + line.strip()
        else:
            shown.append(line)
    if current is not None:
        yield Command(current, tuple(shown))
