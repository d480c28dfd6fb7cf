"""What wrong cells of some rows of a table become further on: which rows can differ, told by what they carry.

A row that can differ carries, in some of its columns, a value of the wrong rows themselves: an order line has
the number of its order. Such columns tell which rows of a mart, and so which days, wrong cells can reach.
It holds whatever the tables contain, wrong cells or right ones. What is not understood carries nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

NOT_UNDERSTOOD = (
    *("connect", "match", "pivots", "into", "cluster", "distribute", "sort", "prewhere", "exclude"),
    *("limit", "offset", "sample", "fetch", "laterals", "windows"),
)


class NotUnderstood(Exception):
    """A construct through which wrong cells cannot be followed."""


@dataclass(frozen=True)
class Traced:
    """A relation whose rows may differ: `columns` says of each whether it may, `rows` whether rows may.

    In each row that may differ a column of `carried` has the value of an expression over a wrong row.
    """

    columns: Mapping[str, bool] = field(default_factory=dict)
    rows: bool = False
    carried: Mapping[str, exp.Expr] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing of it can differ."""
        return not self.rows and not any(self.columns.values())

    def renamed(self, names: Collection[str]) -> Traced:
        """Give the first columns other names."""
        named = dict(zip(self.columns, names, strict=False))
        return Traced(
            {named.get(name, name): wrong for name, wrong in self.columns.items()},
            self.rows,
            {named.get(name, name): value for name, value in self.carried.items()},
        )


CLEAN = Traced()


def wrong_cells(columns: Iterable[str], wrong: Collection[str]) -> Traced:
    """Give a table of which some columns are wrong in some rows; all others tell these rows."""
    names = [name.lower() for name in columns]
    spoiled = {name.lower() for name in wrong}
    kept = {name: exp.column(exp.to_identifier(name, quoted=True)) for name in names if name not in spoiled}
    return Traced({name: name in spoiled for name in names}, False, kept)


def in_all(several: list[Mapping[Any, exp.Expr]]) -> dict[Any, exp.Expr]:
    """Give what all of them carry alike."""
    if not several:
        return {}
    first, *others = several
    return {
        place: value for place, value in first.items() if all(other.get(place) == value for other in others)
    }


def refuse(node: exp.Expr, clauses: Iterable[str]) -> None:
    for name in clauses:
        if node.args.get(name):
            raise NotUnderstood(name)


def column_names(node: exp.Expr) -> list[str]:
    alias = node.args.get("alias")
    columns = alias.args.get("columns") if isinstance(alias, exp.TableAlias) else None
    return [column.name.lower() for column in columns or []]
