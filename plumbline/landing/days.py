"""From which day on there are data, told from the texts as they landed: staging has yet to read them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from plumbline.warehouse import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PLAIN = "regexp_full_match(text, '[0-9]{4}-[0-9]{2}-[0-9]{2}([ T].*)?')"
_SPACED = r"regexp_replace(text, '^([0-9]{4})[0-9]{4}$', '\1')"
_HAS_LATER_YEARS = f"list_min(regexp_extract_all({_SPACED}, '[0-9]{{4}}')) > left($day, 4)"
_HAS_OTHER_NUMBERS = rf"regexp_matches({_SPACED}, '[0-9]{{5}}|[^\P{{N}}0-9]')"
# What is surely no day up to the one asked about: a text without any digit, a later day as most are written,
# and one whose years are all later. Longer numbers, and digits of other scripts, may be a day, too.
_IS_LATER = rf"""
    not regexp_matches(text, '\p{{N}}')
    or ({_PLAIN} and left(text, 10) > $day)
    or (not {_HAS_OTHER_NUMBERS} and coalesce({_HAS_LATER_YEARS}, false))
"""


def begins_after(con: DuckDBPyConnection, columns: Iterable[tuple[str, str, str]], day: date) -> date | None:
    """Give the first day in `columns` (system, table, column) of what has landed when all are after `day`.

    None when any may be of `day` or earlier, in whichever form staging reads, and when there is no day.
    The day given is that of texts in the usual form: others may be somewhat earlier.
    """
    texts = " union all ".join(
        f"select {quoted(column)} as text from {quoted(f'landing_{system}')}.{quoted(table)}"
        for system, table, column in columns
    )
    landed = f"(select text from ({texts}) where text is not null)"
    if con.execute(f"select 1 from {landed} where not ({_IS_LATER}) limit 1", {"day": str(day)}).fetchone():
        return None
    first = con.execute(
        f"select min(try_cast(left(text, 10) as date)) from {landed} where {_PLAIN}"
    ).fetchone()
    return first[0] if first else None
