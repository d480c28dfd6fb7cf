"""Read the documents: which commands they show, and which files they tell the reader to write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_SERVES = re.compile(r"serves=(?P<url>\S+)")
_FILE = re.compile(r"(?P<mode>file|append)=(?P<name>\S+)")


@dataclass(frozen=True)
class Command:
    """A line behind `$ ` in a console block, and the output shown below it.

    `console serves=URL` marks a command that goes on until it is stopped, and answers at URL.
    """

    text: str
    shown: tuple[str, ...]
    serves: str = ""


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
            served = _SERVES.search(info)
            yield from _commands(body, served["url"] if served else "")


def _commands(body: str, serves: str) -> Iterator[Command]:
    current: str | None = None
    shown: list[str] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            if current is not None:
                yield Command(current, tuple(shown), serves)
            current, shown = line[2:], []
        elif current is not None and current.endswith("\\"):
            current = current[:-1] + line.strip()
        else:
            shown.append(line)
    if current is not None:
        yield Command(current, tuple(shown), serves)
