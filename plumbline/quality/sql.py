"""Small SQL nodes that rules and examples are built from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeVar

from sqlglot import exp, parse_one
from sqlglot.errors import ParseError

Node = TypeVar("Node", bound=exp.Expr)


def column(name: str) -> exp.Column:
    """Give a quoted column."""
    return exp.column(exp.to_identifier(name, quoted=True))


def table(name: str) -> exp.Table:
    """Give the quoted table of `schema.table`."""
    schema, _, last = name.rpartition(".")
    return exp.table_(exp.to_identifier(last, quoted=True), exp.to_identifier(schema, quoted=True) or None)


def literal(value: Any) -> exp.Expr:
    """Give a value as a literal; a date keeps its type."""
    if isinstance(value, datetime):
        return exp.cast(exp.Literal.string(value.isoformat(sep=" ")), "timestamp")
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), "date")
    return exp.convert(value)


def bind(node: Node, values: Mapping[str, Any]) -> Node:
    """Put literals in the place of the placeholders `:name`."""

    def replaced(part: exp.Expr) -> exp.Expr:
        if isinstance(part, exp.Placeholder) and part.name in values:
            return literal(values[part.name])
        return part

    return node.transform(replaced)  # type: ignore[return-value]


def count() -> exp.Count:
    """Give count(*)."""
    return exp.Count(this=exp.Star())


def condition_in(sql: str) -> exp.Expr:
    """Parse a condition; what is none, or is a query, is refused."""
    try:
        parsed = parse_one(sql, read="duckdb")
    except ParseError as error:
        raise ValueError(f"this is no SQL condition: {sql!r}: {error.errors[0]['description']}") from error
    if not isinstance(parsed, exp.Condition) or isinstance(parsed, exp.Query):
        raise ValueError(f"this is no SQL condition: {sql!r}")
    return parsed


def select_in(sql: str) -> exp.Select:
    """Parse a select; anything else is refused."""
    parsed = query_in(sql)
    assert isinstance(parsed, exp.Select)
    return parsed


def query_in(sql: str) -> exp.Query:
    """Parse a query; anything else is refused."""
    try:
        parsed = parse_one(sql, read="duckdb")
    except ParseError as error:
        raise ValueError(f"this is no SQL: {sql!r}: {error.errors[0]['description']}") from error
    if not isinstance(parsed, exp.Query):
        raise ValueError(f"this must be a query: {sql!r}")
    return parsed
