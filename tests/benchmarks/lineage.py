"""How much lineage holds that need not be held: what it says beside what truly changes."""

from __future__ import annotations

import os
import time

from plumbline.lineage import LINEAGE, read_lineage
from plumbline.project import Home, Project
from tests.influence import needless_share, sample
from tests.influence_by_day import DatedCompany, Held, parts_with_rows

_LEVELS = {"landing_": "what has landed", "staging.": "staging", "marts.": "the marts"}


def print_lineage(project: Project, home: Home) -> None:
    """Poison a sample of the columns of a small company, and print what was held for nothing.

    PLUMBLINE_INFLUENCE_EVERY takes one part in so many (default 25; 1 is all of them).
    """
    every = int(os.environ.get("PLUMBLINE_INFLUENCE_EVERY", "25"))
    (home.target / LINEAGE).unlink(missing_ok=True)
    made, read = _seconds(project, home), _seconds(project, home)
    company = DatedCompany(project, home)
    company.know_twice(company.tables)
    outcomes = [company.try_out(part) for part in sample(company, every)]
    print(f"lineage made anew, then read (CPU): {made:.1f} s, {read * 1000:.0f} ms")
    for level, name in _LEVELS.items():
        parts, needless, loosely = needless_share(outcomes, level)
        print(
            f"needless holds, {parts} parts of {name}: {needless:.0%}"
            f" ({loosely:.0%} where the calendar counts as changed)"
        )
    print(f"figures that changed and were not held: {sum(len(outcome.missed) for outcome in outcomes)}")
    for level in ("staging.stg_", "marts."):
        _print_days([company.try_days(part) for part in parts_with_rows(company, (level,), every)], level)


def _print_days(found: list[Held], level: str) -> None:
    """Print what knowing the days of wrong rows spares, figure by period."""
    whole, dated, changed = (
        sum(getattr(held, name) for held in found) for name in ("whole", "dated", "changed")
    )
    missed = sum(len(held.missed) for held in found)
    print(
        f"two wrong rows in {len(found)} columns of {level}: needless holds by period"
        f" {1 - changed / max(dated, 1):.0%} ({1 - changed / max(whole, 1):.0%} without days),"
        f" {missed} missed"
    )


def _seconds(project: Project, home: Home) -> float:
    begun = time.process_time()
    read_lineage(project, home)
    return time.process_time() - begun
