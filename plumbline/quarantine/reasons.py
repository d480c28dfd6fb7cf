"""What a reason means that staging gives, what helps against it, and whether an owner may decide about it."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What staging quotes of a row: its text, a number, the place of another row. Without them the same mistake
# has the same reason; SQL and Python read these alike. A text may have several lines.
_QUOTED = (r"'(?s:.*?)' is not ", "… is not ")
_NUMBER = (r"-?\b[0-9][0-9.]*\b", "…")
_NAMED = re.compile(r"(?:^|; )([^;]+?) (?:is empty|'(?s:.*?)' is not |= )")
_OTHER = re.compile(r"as load (\d+) row (\d+)")


@dataclass(frozen=True)
class Advice:
    """What a reason says in other words, what to do at the source, and whether the row may be released."""

    meaning: str
    todo: str
    releasable: bool = False


CONFLICT = Advice(
    "Two rows have the same key and the same version, and say different things; the one that landed later is "
    "used.",
    "Have the source say which is right. If it is this one, release it: it is then used, and the other is "
    "set aside.",
    releasable=True,
)
ORPHAN = Advice(
    "The row belongs to another one that is not there, or is in quarantine itself.",
    "Have the source deliver the row that it names, or mend the number. It cannot be released: without that "
    "row it has no date and belongs to nobody, so no figure could count it.",
)
TOO_LARGE = Advice(
    "Two columns multiplied give an amount that has no room in any table: one of them is wrong.",
    "Mend the number at the source. It cannot be released: there is no amount to count.",
)
EMPTY = Advice(
    "A column is empty without which the row says nothing.",
    "Have the source fill it in. It cannot be released: there is no value to count.",
)
UNREADABLE = Advice(
    "A text is not what its column holds, and nobody may guess what was meant.",
    "Mend it at the source: 1234.56 without thousands separators, 2026-01-31, days that exist. It cannot be "
    "released: there is no value to count.",
)
UNKNOWN = Advice("", "Mend the row at its source. It cannot be released.")


def advice_on(reason: str) -> Advice:
    """Say what a reason means and what helps."""
    if reason.startswith("conflict: "):
        return CONFLICT
    if reason.startswith("orphan: "):
        return ORPHAN
    if " is not " in reason:
        return UNREADABLE
    if reason.endswith("is empty"):
        return EMPTY
    return TOO_LARGE if reason.endswith("is too large") else UNKNOWN


def kind_of(reason: str) -> str:
    """Leave out what a reason quotes: the same mistake has the same kind."""
    for pattern, short in (_QUOTED, _NUMBER):
        reason = re.sub(pattern, short, reason)
    return reason


def kind_in_sql(column: str) -> str:
    """Give `kind_of` as SQL over a column."""
    for pattern, short in (_QUOTED, _NUMBER):
        column = f"regexp_replace({column}, '{_escaped(pattern)}', '{_escaped(short)}', 'g')"
    return column


def columns_in(reason: str) -> tuple[str, ...]:
    """Name the columns that a reason complains of."""
    found = (name for text in _NAMED.findall(reason) for name in text.split(" * "))
    return tuple(dict.fromkeys(name.strip() for name in found))


def other_row(reason: str) -> tuple[int, int] | None:
    """Give load and row of the row that a conflict is with."""
    found = _OTHER.search(reason)
    return (int(found[1]), int(found[2])) if found else None


def _escaped(text: str) -> str:
    return text.replace("'", "''")
