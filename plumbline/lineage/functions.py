"""What DuckDB's functions are: which aggregate, which exist at all."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sqlglot import exp

# What these give depends on the order of rows, unless they are told one.
_IN_ROW_ORDER = {
    *("first", "last", "any_value", "arbitrary", "list", "array_agg", "string_agg", "group_concat"),
    *("listagg", "row_number", "lag", "lead", "first_value", "last_value", "nth_value", "ntile", "fill"),
}
_MULTIPLYING = {"unnest", "explode", "generate_subscripts"}


@cache
def _known() -> dict[str, frozenset[str]]:
    """The kinds (scalar, aggregate, macro, …) of every function that the engine ships with."""
    import duckdb

    found: dict[str, set[str]] = {}
    with duckdb.connect() as con:
        rows = con.execute("SELECT lower(function_name), function_type FROM duckdb_functions()").fetchall()
    for name, kind in rows:
        found.setdefault(name, set()).add(kind)
    return {name: frozenset(kinds) for name, kinds in found.items()}


def names_of(function: exp.Expr) -> frozenset[str]:
    """Give the names by which a function may be called, in small letters."""
    from sqlglot import exp

    if isinstance(function, exp.Anonymous | exp.AnonymousAggFunc):
        return frozenset({str(function.this).lower()})
    kind: type = type(function)
    return _names_of_type(kind)


@cache
def _names_of_type(kind: type) -> frozenset[str]:
    return frozenset(name.lower() for name in getattr(kind, "sql_names", lambda: ())())


def is_foreign(function: exp.Expr) -> bool:
    """Tell whether the engine does not ship with a function, so that it may read anything."""
    return not names_of(function) & (_known().keys() | {"columns"})


def may_aggregate(function: exp.Expr) -> bool:
    """Tell whether a function may put rows together."""
    return _kind(function).may_aggregate


def surely_aggregates(function: exp.Expr) -> bool:
    """Tell whether a function always puts rows together."""
    return _kind(function).surely_aggregates


def follows_row_order(function: exp.Expr) -> bool:
    """Tell whether a function gives something else when its rows come in another order."""
    return bool(names_of(function) & _IN_ROW_ORDER)


def multiplies_rows(function: exp.Expr) -> bool:
    """Tell whether a function in a projection makes several rows of one."""
    return _kind(function).multiplies


class _Kind(NamedTuple):
    may_aggregate: bool
    surely_aggregates: bool
    multiplies: bool


def _kind(function: exp.Expr) -> _Kind:
    kind: type = type(function)
    return _kind_of(kind, names_of(function))


@cache
def _kind_of(kind: type, names: frozenset[str]) -> _Kind:
    from sqlglot import exp

    found = [_known().get(name, frozenset()) for name in names]
    is_one = issubclass(kind, exp.AggFunc)
    surely = not any("scalar" in kinds for kinds in found) if is_one else {"aggregate"} in found
    multiplies = issubclass(kind, exp.UDTF | exp.Explode) or bool(names & _MULTIPLYING)
    return _Kind(is_one or any("aggregate" in kinds for kinds in found), surely, multiplies)
