"""The built-in company lives on: each day `plumb run` finds one more day of extracts."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.errors import UsageError

if TYPE_CHECKING:
    from plumbline.demo.aside import Generation

_SCALE = "PLUMBLINE_DEMO_SCALE"


def day_to_live_to(directory: Path, as_of: date | None, today: date | None = None) -> date:
    """Give the day up to which a run takes the company in `directory`: the one asked for, or yesterday.

    The company never goes back: its extracts are as they were known on the last day that it lived, and so are
    its figures. UsageError for an earlier day, and for a company that was generated beyond today.
    """
    yesterday = (today or datetime.now(UTC).date()) - timedelta(days=1)
    latest = today or max(datetime.now(UTC).date(), date.today())
    lived = _lived_to(directory)
    day = as_of or max(filter(None, [lived, yesterday]))
    if lived and (day < lived or lived > latest):
        raise UsageError(
            f"the built-in company cannot go back to {min(day, latest)}",
            where="--as-of" if as_of else str(directory),
            why=f"It has lived until {lived}, and its extracts are as they were known then.",
            todo="Run it with another PLUMBLINE_HOME: there it is generated as of the day that you ask for.",
            code="lived-on",
        )
    return day


def _lived_to(directory: Path) -> date | None:
    lived = _read(directory / "company.json")
    return date.fromisoformat(lived["as_of"]) if lived else None


def begin_to_grow(directory: Path, goal: date) -> Generation | None:
    """Begin to generate the company in `directory` up to the day `goal`; None if it is that old already.

    The company keeps its scale, seed and start; a new one has the scale of PLUMBLINE_DEMO_SCALE (default 1).
    """
    lived = _read(directory / "company.json")
    if lived and date.fromisoformat(lived["as_of"]) >= goal:
        return None
    from plumbline.demo.aside import Generation

    if not lived:
        return Generation(directory, scale=_first_scale(), as_of=goal)
    start = date.fromisoformat(lived["start"])
    return Generation(directory, scale=lived["scale"], seed=lived["seed"], start=start, as_of=goal)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _first_scale() -> float:
    text = os.environ.get(_SCALE, "1")
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0.001 <= scale <= 1000:
        todo = "Give a number from 0.001 to 1000."
        raise UsageError(f"{text!r} is no scale", where=_SCALE, todo=todo, code="bad-scale")
    return scale
