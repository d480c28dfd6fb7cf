"""Nested SELECTs that only choose, rename and filter columns of metrics, written as one: BI tools nest them.

`SELECT f.a, SUM(f.b) FROM (SELECT region AS a, net_sales AS b FROM metrics) AS f GROUP BY f.a` asks what
`SELECT region, SUM(net_sales) FROM metrics GROUP BY region` asks. Anything else stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plumbline.serving.sql.names import Names
from plumbline.serving.sql.shape import Edit, edited, output_name, quoted
from plumbline.serving.sql.spans import Select, selects

if TYPE_CHECKING:
    from sqlglot import Token, exp

_INNER = {"expressions", "from_", "where"}


@dataclass(frozen=True)
class Inner:
    """A nested SELECT: its table, its conditions, and the column behind each name that it gives."""

    table: str
    where: str
    columns: dict[str, str]


def flattened(text: str, statement: Sequence[Token], names: Callable[[Select], Names | None]) -> str | None:
    """Write one nested SELECT over metrics and the one around it as one; None where there is none."""
    if sum(token.text.upper() == "SELECT" for token in statement) < 2:
        return None
    found = selects(text, statement)
    for outer in found:
        inner = next((each for each in found if _is_source(outer, each)), None)
        known = names(inner) if inner else None
        if inner and known and (written := _as_one(outer, inner, known)):
            return f"{text[: outer.start]}{written}{text[outer.end :]}"
    return None


def _is_source(outer: Select, inner: Select) -> bool:
    """Tell whether FROM begins with the other SELECT in parentheses."""
    clause = outer.clauses.get("from")
    return bool(clause and outer.text[clause.start : inner.start].strip() == "(")


def _as_one(outer: Select, inner: Select, names: Names) -> str | None:
    from sqlglot import exp

    tree, nested = _tree(outer), _tree(inner)
    if tree is None or nested is None or tree.args.get("joins"):
        return None
    source = tree.args["from_"].this
    if not isinstance(source, exp.Subquery) or _given(source) != {"this", "alias"}:
        return None
    alias = source.args["alias"]
    read = _inner(inner, nested, names)
    if read is None or alias.args.get("columns") or len(list(tree.find_all(exp.Select))) != 2:
        return None
    edits = _edits(outer, tree, folded(alias.this), read)
    return None if edits is None else _written(outer, quoted(folded(alias.this)), read, edits)


def _tree(select: Select) -> exp.Select | None:
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import ParseError

    try:
        found = sqlglot.parse_one(select.sql, dialect="postgres")
    except (ParseError, RecursionError):
        return None
    return found if isinstance(found, exp.Select) and found.args.get("from_") else None


def _inner(select: Select, tree: exp.Select, names: Names) -> Inner | None:
    """Read a SELECT that only chooses and filters columns; None for one that does anything else.

    One of metrics alone is the row of their totals, which is an answer of its own.
    """
    from sqlglot import exp

    table = tree.args["from_"].this
    if not isinstance(table, exp.Table) or _given(table) - {"this", "db", "alias"}:
        return None
    if _given(tree) - _INNER or len(list(tree.find_all(exp.Select))) > 1:
        return None
    alias = table.args.get("alias")
    if alias is not None and alias.args.get("columns"):
        return None
    name = folded(alias.this if alias is not None else table.this)
    columns: dict[str, str] = {}
    for item in tree.expressions:
        column = item.unalias()
        if not _is_of(column, name):
            return None
        given = folded(item.args["alias"]) if isinstance(item, exp.Alias) else _name(column)
        if given in columns:
            return None
        columns[given] = _name(column)
    if all(names.is_metric(item.unalias()) for item in tree.expressions):
        return None
    edits = []
    clause = select.clauses.get("where")
    for column in tree.args["where"].find_all(exp.Column) if clause else ():
        place = select.place_of(column)
        if not _is_of(column, name) or place is None:
            return None
        edits.append(Edit(*place, quoted(_name(column))))
    where = edited(select.text, clause.start, clause.end, edits) if clause else ""
    schema = table.args.get("db")
    parts = [part for part in (schema, table.this) if part is not None]
    return Inner(".".join(quoted(folded(part)) for part in parts), where, columns)


def _given(node: exp.Expr) -> set[str]:
    return {name for name, value in node.args.items() if value}


def _is_of(column: exp.Expr, table: str) -> bool:
    """Tell whether it is a column with a name, of that table."""
    from sqlglot import exp

    if not isinstance(column, exp.Column) or isinstance(column.this, exp.Star) or column.args.get("db"):
        return False
    qualifier = column.args.get("table")
    return qualifier is None or folded(qualifier) == table


def _edits(outer: Select, tree: exp.Select, alias: str, inner: Inner) -> list[Edit] | None:
    """Put the columns of metrics in the place of the names that the nested SELECT gave them."""
    from sqlglot import exp

    results = [folded(item.args["alias"]) if isinstance(item, exp.Alias) else "" for item in tree.expressions]
    if any(isinstance(item, exp.Star) for item in tree.expressions):
        return None
    edits = []
    for column in _columns(tree):
        name, place = _name(column), outer.place_of(column)
        if not _is_of(column, alias) or place is None:
            return None
        is_bare = not column.table and name in results
        if is_bare and isinstance(column.parent, exp.Ordered) and column.find_ancestor(exp.Window) is None:
            continue
        if name in inner.columns:
            edits.append(Edit(*place, f"{quoted(alias)}.{quoted(inner.columns[name])}"))
        elif is_bare and isinstance(column.parent, exp.Group):
            edits.append(Edit(*place, str(results.index(name) + 1)))
        else:
            return None
    for item, (_, end) in zip(tree.expressions, outer.items(), strict=True):
        name = _name(item) if isinstance(item, exp.Column) else output_name(item)
        if name and not isinstance(item, exp.Alias):
            edits.append(Edit(end, end, f" AS {quoted(name)}"))
    return edits


def _columns(tree: exp.Select) -> Iterator[exp.Column]:
    """Give the columns that do not stand in FROM."""
    from sqlglot import exp

    for name, value in tree.args.items():
        for part in value if isinstance(value, list) else [value]:
            if name != "from_" and isinstance(part, exp.Expression):
                yield from part.find_all(exp.Column)


def _written(outer: Select, alias: str, inner: Inner, edits: Sequence[Edit]) -> str:
    clauses = outer.clauses
    source, where = clauses["from"], clauses.get("where")
    own = edited(outer.text, where.start, where.end, _within(edits, where.start, where.end)) if where else ""
    conditions = [f"({each} )" for each in (inner.where, own) if each]
    head = edited(outer.text, outer.start, source.start, _within(edits, outer.start, source.start))
    end = where.end if where else source.end
    tail = edited(outer.text, end, outer.end, _within(edits, end, outer.end))
    chosen = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"{head} {inner.table} AS {alias}{chosen} {tail}"


def _within(edits: Sequence[Edit], start: int, end: int) -> list[Edit]:
    return [edit for edit in edits if start <= edit.start and edit.end <= end]


def folded(name: exp.Expr) -> str:
    """Give a name as PostgreSQL compares it: in small letters unless it was quoted."""
    return str(name.name if name.args.get("quoted") else name.name.lower())


def _name(column: exp.Expr) -> str:
    return folded(column.this)
