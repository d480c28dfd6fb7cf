"""A text of SQL as a plan: the text as it is, with holes where metrics are asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from plumbline.errors import PlumblineError, closest
from plumbline.serving.sql.flattening import flattened
from plumbline.serving.sql.joining import Joined
from plumbline.serving.sql.names import METRICS, Book, Names, Relation
from plumbline.serving.sql.refusal import UNKNOWN_METRIC, SqlRefusal
from plumbline.serving.sql.shape import MEASURES, Asked, Shape
from plumbline.serving.sql.spans import (
    Clause,
    Select,
    read_tokens,
    selects,
    statements,
    with_parameters_apart,
)

if TYPE_CHECKING:
    from sqlglot import Token

Types = Callable[[tuple[str, ...], tuple[str, ...]], Mapping[str, str]]
_HOLE, _QUERY = "\x00hole\x00", "\x00query\x00"
_ASKING = {"SELECT", "WITH", "(", "COPY", "DECLARE", "EXPLAIN", "INSERT", "VALUES"}
_TABLE = re.compile(r"create\s+((global|local|temp|temporary|unlogged)\s+)*table\b", re.IGNORECASE)
_NEVER = re.compile(r"\(?\s*(?:false|(\d+)\s*=\s*(\d+))\s*\)?", re.IGNORECASE)


@dataclass(frozen=True)
class Plan:
    """A text whose pieces are text as it is, questions in whose place their answers stand, and refusals."""

    pieces: tuple[str | Asked | PlumblineError, ...]

    @cached_property
    def questions(self) -> tuple[Asked, ...]:
        """What is asked, in the order of the text."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Asked))

    @cached_property
    def refusal(self) -> PlumblineError | None:
        """The first thing that cannot be answered."""
        return next((piece for piece in self.pieces if isinstance(piece, PlumblineError)), None)

    def text(self, answers: Sequence[str], refused: Callable[[PlumblineError], str]) -> str:
        """Write the text with its answers, as SQL for what `json_to_recordset` takes."""
        left = iter(answers)
        return "".join(
            piece if isinstance(piece, str) else next(left) if isinstance(piece, Asked) else refused(piece)
            for piece in self.pieces
        )

    @cached_property
    def parameters(self) -> int:
        """The highest number of a parameter."""
        text = "".join(piece for piece in self.pieces if isinstance(piece, str))
        return max((int(found) for found in _parameters(text)), default=0)


def plan(text: str, book: Book, types: Types) -> Plan | None:
    """Plan a text; None when it asks for no metric."""
    text = with_parameters_apart(text)
    try:
        tokens = read_tokens(text)
    except SqlRefusal as refusal:
        return Plan((refusal,)) if _calls_measure_text(text) else None
    text, tokens = _flat(text, tokens, book)
    pieces: list[str | Asked | PlumblineError] = []
    at = 0
    for statement in statements(tokens):
        for select, found in _asking(text, statement, book):
            pieces.append(text[at : select.start])
            if isinstance(found, SqlRefusal):
                pieces.append(found)
            else:
                pieces += _answered(select, found, statement, book, types)
            at = select.end
    return Plan((*pieces, text[at:])) if pieces else None


def _flat(text: str, tokens: list[Token], book: Book) -> tuple[str, list[Token]]:
    """Write SELECTs over metrics that are nested to choose, rename and filter columns as one each."""
    while written := next(filter(None, (_flatter(text, each, book) for each in statements(tokens))), None):
        text, tokens = written, read_tokens(written)
    return text, tokens


def _flatter(text: str, statement: Sequence[Token], book: Book) -> str | None:
    shadowed = _named_by_with(statement)
    empty = _empty(selects(text, statement))

    def names(select: Select) -> Names | None:
        relation = None if _is_left(select, empty) else _relation(select, book, shadowed)
        return Names(book, relation, ()) if relation else None

    return flattened(text, statement, names)


def _asking(
    text: str, statement: Sequence[Token], book: Book
) -> Iterator[tuple[Select, Relation | SqlRefusal]]:
    """Give the SELECTs that ask for metrics, and what they ask; one within another is a part of that."""
    shadowed = _named_by_with(statement)
    done = -1
    every = selects(text, statement)
    empty = _empty(every)
    for select in every:
        if select.start < done or _is_left(select, empty):
            continue
        if found := _relation(select, book, shadowed) or _measure_of_none(select, every, book):
            done = select.end
            yield select, found


def _relation(select: Select, book: Book, shadowed: frozenset[str]) -> Relation | None:
    """Give the relation of metrics that a SELECT reads.

    A name without a schema that may as well be another table's is one only with MEASURE.
    """
    for schema, name in select.relations:
        found = book.find(schema, name)
        if (
            found
            and (schema or name not in shadowed)
            and (schema or name == METRICS or _calls_measure(select))
        ):
            return found
    return None


def _answered(
    select: Select, relation: Relation, statement: Sequence[Token], book: Book, types: Types
) -> Iterator[str | Asked | PlumblineError]:
    shape = Shape(select, book, relation, types)
    try:
        _require_asking(select.text, statement)
        written, asked = shape.read(_HOLE, _QUERY)
        chosen = list(_chosen(shape, statement, book, types))
    except PlumblineError as error:
        yield error
        return
    except RecursionError:
        yield SqlRefusal("the statement is nested too deeply", sqlstate="54001")
        return
    before, _, after = written.partition(_HOLE)
    between, _, after = after.partition(_QUERY)
    yield from (before, asked, between, *chosen, after)


def _chosen(
    shape: Shape, statement: Sequence[Token], book: Book, types: Types
) -> Iterator[str | Asked | PlumblineError]:
    """Give the pieces of the sub-query that is joined, which must have one row for each member."""
    if shape.joined is None:
        return
    start = shape.joined.query[0]
    select = next(found for found in selects(shape.select.text, statement) if found.start == start)
    relation = _relation(select, book, _named_by_with(statement))
    if relation is None or not _has_one_row_each(Shape(select, book, relation, types), shape.joined):
        raise SqlRefusal(
            f"{shape.relation.name} is joined to a sub-query that may have several rows for a member",
            why="They would multiply its figures.",
            todo="Group a sub-query over metrics by exactly the dimensions that it is joined by.",
        )
    yield from _answered(select, relation, statement, book, types)


def _has_one_row_each(inner: Shape, joined: Joined) -> bool:
    by_alias = {item.alias_or_name: item.unalias() for item in inner.tree.expressions}
    found = [inner.grouping.column_of(by_alias[name]) for _, name in joined.pairs]
    return sorted(filter(None, found)) == sorted(inner.grouping.by) and all(found)


def _require_asking(text: str, statement: Sequence[Token]) -> None:
    """Refuse statements that would keep a question for later: they would keep today's figures."""
    first = statement[0]
    if first.text.upper() in _ASKING or _TABLE.match(text, first.start):
        return
    raise SqlRefusal(
        f"{first.text.upper()} does not take a question to metrics",
        why="It would keep the figures of now for later.",
        todo="Ask in SELECT, WITH, COPY (…) TO, DECLARE … CURSOR or EXPLAIN.",
    )


def _empty(every: Sequence[Select]) -> list[Select]:
    return [select for select in every if _is_empty(select)]


def _is_left(select: Select, empty: Sequence[Select]) -> bool:
    """Tell whether PostgreSQL itself tells its columns: no row is wanted, also of what is around it."""
    around = [each for each in empty if each.start <= select.start and select.end <= each.end]
    if any(each.start == select.start for each in around):
        return True
    items = select.clauses["items"]
    is_plain = "group" not in select.clauses and "(" not in select.text[items.start : items.end]
    return is_plain and bool(around)


def _is_empty(select: Select) -> bool:
    """Tell whether only the columns are wanted: LIMIT 0, or WHERE FALSE, and no measure."""
    if _calls_measure(select):
        return False
    limit, where = select.clauses.get("limit"), select.clauses.get("where")
    if limit and select.text[limit.start : limit.end].strip() == "0":
        return True
    found = _NEVER.fullmatch(select.text[where.start : where.end].strip()) if where else None
    return bool(
        found and "group" not in select.clauses and (found[1] is None or int(found[1]) != int(found[2]))
    )


def _calls_measure(select: Select) -> bool:
    return any(_measures(select))


def _measures(select: Select) -> Iterator[tuple[Token, Token]]:
    """Give each MEASURE that is called in a SELECT, behind the token before it."""
    tokens = select.tokens
    for before, token, following in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if token.text.upper() in MEASURES and following.text == "(":
            yield before, token


def _measure_of_none(select: Select, every: Sequence[Select], book: Book) -> SqlRefusal | None:
    """Refuse MEASURE of no metrics; PostgreSQL would only say that it has no such function.

    In FROM it is a name for what is read, with its columns; behind a schema it is somebody's function.
    """
    if select.is_left_open():
        return None
    apart: list[Select | Clause] = [each for each in every if select.start < each.start < select.end]
    apart += [select.clauses["from"]] if "from" in select.clauses else []
    for before, token in _measures(select):
        if before.text != "." and not any(part.start <= token.start < part.end for part in apart):
            return _no_metrics(token.text.upper(), select, book)
    return None


def _no_metrics(word: str, select: Select, book: Book) -> SqlRefusal:
    named = [f"{schema}.{name}" if schema else name for schema, name in select.relations]
    close = [found for _, name in select.relations for found in closest(name, list(book.relations))]
    read = " and ".join(named) or ("a sub-query" if "from" in select.clauses else "no table")
    column = "Select a column of it by its name, or ask" if named and not close else "Ask"
    return SqlRefusal(
        f"{word} is asked of metrics, and the SELECT that it stands in reads {read}",
        sqlstate=UNKNOWN_METRIC,
        why="Only metrics have definitions to compute them by." if named else "",
        todo=f"{f'Did you mean {close[0]}? ' if close else ''}{column} metrics:"
        f" SELECT {word}(net_sales) FROM metrics.",
    )


def _calls_measure_text(text: str) -> bool:
    return re.search(rf"\b({'|'.join(MEASURES)})\s*\(", text, re.IGNORECASE) is not None


def _named_by_with(statement: Sequence[Token]) -> frozenset[str]:
    """Name the results that WITH gives names to, which hide relations."""
    if not any(token.token_type.name == "WITH" for token in statement):
        return frozenset()
    found = set()
    for index, token in enumerate(statement[2:], start=2):
        if token.token_type.name == "ALIAS" and any(
            item.text == "(" for item in statement[index + 1 : index + 4]
        ):
            name = _before(statement, index)
            found.add(name.text if name.token_type.name == "IDENTIFIER" else name.text.lower())
    return frozenset(found)


def _before(statement: Sequence[Token], index: int) -> Token:
    """Give the name before AS, in front of its list of columns where it has one."""
    at = index - 1
    if statement[at].text == ")":
        while at > 0 and statement[at].text != "(":
            at -= 1
        at -= 1
    return statement[at]


def _parameters(text: str) -> Iterator[str]:
    tokens = read_tokens(text.replace(_HOLE, ""))
    for token, following in pairwise(tokens):
        if token.token_type.name == "PARAMETER" and following.token_type.name == "NUMBER":
            yield following.text
