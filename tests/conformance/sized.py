"""Sizes made up for tables of a few rows, so that every way to add up early is taken by some of them."""

from __future__ import annotations

import random
from collections.abc import Callable

import duckdb

from plumbline.compiler.sizes import Members, Sizes, Table

_MANY = 1_000_000_000
# What rows are counted of; of all else there is little.
_FACTS = ("orders", "lines", "refunds", "visits", "stock", "clicks", "readings")
_COLUMNS = """
SELECT column_name, data_type FROM duckdb_columns()
WHERE NOT internal AND concat_ws('.', database_name, schema_name, table_name) = ?"""


def imagined(con: duckdb.DuckDBPyConnection) -> list[Sizes]:
    """Give sizes by which adding up by keys pays always, and some at random."""
    chance = random.Random(7)
    return [_sizes(con, count) for count in (lambda: 1, lambda: chance.choice((1, 1, 30, 1_000, _MANY)))]


def _sizes(con: duckdb.DuckDBPyConnection, count: Callable[[], int]) -> Sizes:
    def read(relation: str) -> Table | None:
        with con.cursor() as own:
            types = own.execute(_COLUMNS, [relation.replace('"', "")]).fetchall()
        rows = _MANY if relation.split(".")[-1] in _FACTS else 10
        return Table(rows, {name.lower(): Members(kind, count()) for name, kind in types})

    return Sizes("imagined", read)
