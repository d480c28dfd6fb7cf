"""Which expressions add up to the same digits in any order."""

from __future__ import annotations

from sqlglot import exp

from plumbline.compiler.expressions import parsed
from plumbline.compiler.sizes import Table

_WHOLE = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
)
_EXACT = (*_WHOLE, "BOOLEAN", "DATE", "TIMESTAMP")
_KEPT = (exp.Paren, exp.Neg, exp.Abs)
_ADDED = (exp.Add, exp.Sub, exp.Mul)


def is_exact(expr: str, table: Table, dialect: str) -> bool:
    """Whether sums of the expression are the same in any order: whole numbers and decimals, no fractions."""
    return _is_exact(parsed(expr, dialect), table)


def _is_exact(node: exp.Expr, table: Table) -> bool:
    match node:
        case exp.Column():
            members = table.columns.get(node.name.lower())
            return members is not None and _is_exact_type(members.type)
        case exp.Literal():
            return not node.is_string and "e" not in node.name.lower()
        case exp.Cast():
            return not isinstance(node, exp.TryCast) and _is_exact_type(node.to.sql("duckdb"))
        case exp.Case():
            default = node.args.get("default")
            found = [item.args["true"] for item in node.args["ifs"]] + ([default] if default else [])
            return all(_is_exact(item, table) for item in found)
        case exp.Coalesce():
            return all(_is_exact(item, table) for item in (node.this, *node.expressions))
        case exp.Nullif():
            return _is_exact(node.this, table)
    if isinstance(node, _KEPT):
        return _is_exact(node.this, table)
    if isinstance(node, _ADDED):
        return _is_exact(node.this, table) and _is_exact(node.expression, table)
    return isinstance(node, exp.Null | exp.Boolean | exp.Predicate | exp.Connector | exp.Not)


def _is_exact_type(kind: str) -> bool:
    return kind.upper() in _EXACT or kind.upper().startswith("DECIMAL(")
