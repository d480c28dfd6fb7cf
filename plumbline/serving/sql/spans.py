"""Where in a text the SELECTs stand, and their clauses; the text itself is left as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from plumbline.serving.sql.refusal import SqlRefusal

if TYPE_CHECKING:
    from sqlglot import Token, exp
    from sqlglot.dialects.dialect import Dialect

_CLAUSES = {
    "FROM": "from",
    "WHERE": "where",
    "GROUP BY": "group",
    "HAVING": "having",
    "WINDOW": "window",
    "ORDER BY": "order",
    "LIMIT": "limit",
    "OFFSET": "offset",
    "FETCH": "fetch",
    "FOR": "for",
}
_READ_ESCAPE, _RARE_ESCAPE = re.compile(r"\\[\\'n]"), re.compile(r"\\|^[Uu]&")
# A parameter, and before it what may hold the same letters: texts, names, comments.
_PARAMETER = re.compile(
    r"""[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/
    | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$ | [^\W\d][\w$]* | (?P<parameter>\$\d+)(?=[^\s\d])""",
    re.DOTALL | re.VERBOSE,
)
_LENGTH = re.compile(r"\s*[-+]?\d+\s*([A-Za-z]+\s*([-+]?\d+\s*[A-Za-z]+\s*)*)?")
_TAIL = {"ORDER BY", "LIMIT", "OFFSET", "FETCH", "FOR"}
_SET_OPERATORS = {"UNION", "EXCEPT", "INTERSECT"}


@dataclass(frozen=True)
class Clause:
    """A part of a SELECT: its keyword, and the text behind it, as places in the whole text."""

    keyword: int
    start: int
    end: int


@dataclass(frozen=True)
class Select:
    """One SELECT within a text, and its tokens."""

    text: str
    tokens: Sequence[Token]

    @property
    def start(self) -> int:
        """The place of its first character."""
        return int(self.tokens[0].start)

    @property
    def end(self) -> int:
        """The place behind its last character."""
        return int(self.tokens[-1].end) + 1

    @property
    def sql(self) -> str:
        """The SELECT alone."""
        return self.text[self.start : self.end]

    @cached_property
    def clauses(self) -> dict[str, Clause]:
        """Its clauses by name; `items` is what it selects."""
        marks = [(0, "items"), *self._keywords()]
        ends = [index for index, _ in marks[1:]] + [len(self.tokens)]
        found = {}
        for (index, name), end in zip(marks, ends, strict=True):
            first, last = self.tokens[index], self.tokens[end - 1]
            found[name] = Clause(first.start, first.end + 1, last.end + 1)
        return found

    def _keywords(self) -> Iterator[tuple[int, str]]:
        for index, token in self._top():
            word = token.text.upper()
            if index and word in _CLAUSES and token.token_type.name not in ("IDENTIFIER", "STRING"):
                before = self.tokens[index - 1].text.upper()
                if word == "FROM" and before == "DISTINCT" and index > 1:
                    continue
                yield index, _CLAUSES[word]

    def _top(self) -> Iterator[tuple[int, Token]]:
        """Give the tokens that stand in no parentheses."""
        depth = 0
        for index, token in enumerate(self.tokens):
            depth -= token.text == ")" and _is_sign(token)
            if depth == 0:
                yield index, token
            depth += token.text == "(" and _is_sign(token)

    @property
    def relations(self) -> list[tuple[str, str]]:
        """The tables that it reads itself, as schema (or '') and name."""
        clause = self.clauses.get("from")
        if clause is None:
            return []
        tokens = [token for _, token in self._top() if clause.start <= token.start < clause.end]
        found = []
        for index in range(len(tokens)):
            first = index == 0 or tokens[index - 1].text.upper() in (",", "JOIN", "ONLY", "LATERAL")
            if first and (named := _named(tokens[index : index + 3])):
                found.append(named)
        return found

    def place_of(self, column: exp.Column) -> tuple[int, int] | None:
        """Give the place of a column in the whole text, with what qualifies it; None where it has none."""
        parts = [part for part in column.parts if "start" in part.meta]
        if not parts:
            return None
        start = min(part.meta["start"] for part in parts)
        end = max(part.meta["end"] for part in parts) + 1
        return self.start + start, self.start + end

    def closing(self, opened: int) -> int:
        """Give the place behind the parenthesis that closes the first one opened at or behind a place."""
        depth = 0
        for token in self.tokens:
            if token.start < opened or not _is_sign(token):
                continue
            depth += (token.text == "(") - (token.text == ")")
            if depth == 0 and token.text == ")":
                return int(token.end) + 1
        raise no_statement("a parenthesis is not closed")

    def is_left_open(self) -> bool:
        """Tell whether a parenthesis in it is not closed, so that its clauses are not known."""
        signs = [token.text for token in self.tokens if _is_sign(token)]
        return signs.count("(") != signs.count(")")

    def has_rare_escape(self) -> bool:
        """Tell whether a text like E'\\x41' has an escape that only PostgreSQL itself reads."""
        texts = (self.text[token.start : token.end + 1] for token in self.tokens if _is_escaped(token))
        return any(_RARE_ESCAPE.search(_READ_ESCAPE.sub("", text)) for text in texts)

    def odd_length(self) -> str:
        """Give a length of time in its WHERE of which sqlglot reads the beginning only; '' for none."""
        clause = self.clauses.get("where")
        if clause is None:
            return ""
        for before, token in pairwise(self.tokens):
            is_length = before.token_type.name == "INTERVAL" and token.token_type.name == "STRING"
            if is_length and clause.start <= token.start < clause.end and not _LENGTH.fullmatch(token.text):
                return str(token.text)
        return ""

    def items(self) -> list[tuple[int, int]]:
        """Give where each thing that it selects begins and ends."""
        clause = self.clauses["items"]
        tokens = [token for _, token in self._top() if clause.start <= token.start < clause.end]
        # Parentheses closed within an item do not stand at the top; the item ends before the next comma.
        commas = [token.start for token in tokens if token.text == "," and _is_sign(token)]
        inside = [token for token in self.tokens if clause.start <= token.start < clause.end]
        found, start = [], clause.start
        for stop in [*commas, clause.end]:
            last = [token for token in inside if start <= token.start < stop]
            if last:
                found.append((int(last[0].start), int(last[-1].end) + 1))
            start = stop + 1
        return found


def with_parameters_apart(text: str) -> str:
    """Put a space behind each parameter: `$1,$` of `($1,$2)` is else read as the beginning of a text."""
    if "$" not in text:
        return text
    return _PARAMETER.sub(lambda found: f"{found[0]} " if found["parameter"] else found[0], text)


def read_tokens(text: str) -> list[Token]:
    """Read a text into tokens; raises SqlRefusal for one that is no SQL."""
    from sqlglot.errors import TokenError

    try:
        return _dialect()().tokenize(text)
    except TokenError:
        raise no_statement("it is no SQL") from None


@cache
def _dialect() -> type[Dialect]:
    """PostgreSQL, but EXPLAIN and DECLARE do not swallow the rest of the statement."""
    from sqlglot.dialects.postgres import Postgres

    class EveryWord(Postgres):
        class Tokenizer(Postgres.Tokenizer):
            COMMANDS: ClassVar = set()
            BYTE_STRING_ESCAPES: ClassVar = ["'", "\\"]

    return EveryWord


def statements(tokens: Sequence[Token]) -> list[list[Token]]:
    """Split tokens into statements."""
    found: list[list[Token]] = [[]]
    for token in tokens:
        if token.text == ";" and _is_sign(token):
            found.append([])
        else:
            found[-1].append(token)
    return [statement for statement in found if statement]


def selects(text: str, tokens: Sequence[Token]) -> list[Select]:
    """Find every SELECT of one statement, those in parentheses, too, in the order of the text."""
    found = []
    for index, token in enumerate(tokens):
        if token.token_type.name == "SELECT":
            found.append(Select(text, tokens[index : _end(tokens, index)]))
    return found


def _end(tokens: Sequence[Token], start: int) -> int:
    """Give the index behind the last token of a SELECT; what orders a whole UNION is not part of it."""
    combined = start > 0 and tokens[start - 1].text.upper() in {*_SET_OPERATORS, "ALL", "DISTINCT"}
    depth = 0
    for index in range(start, len(tokens)):
        token = tokens[index]
        if _is_sign(token) and token.text == ")":
            depth -= 1
            if depth < 0:
                return index
        depth += token.text == "(" and _is_sign(token)
        word = (
            token.text.upper() if depth == 0 and token.token_type.name not in ("IDENTIFIER", "STRING") else ""
        )
        if word in _SET_OPERATORS or (combined and word in _TAIL):
            return index
    return len(tokens)


def _is_escaped(token: Token) -> bool:
    return token.token_type.name in ("BYTE_STRING", "UNICODE_STRING")


def _is_sign(token: Token) -> bool:
    return token.token_type.name in ("L_PAREN", "R_PAREN", "COMMA", "SEMICOLON")


def _named(tokens: Sequence[Token]) -> tuple[str, str] | None:
    parts = [token.text if token.token_type.name == "IDENTIFIER" else token.text.lower() for token in tokens]
    if len(tokens) > 2 and tokens[1].token_type.name == "DOT":
        return parts[0], parts[2]
    return ("", parts[0]) if tokens and tokens[0].text != "(" else None


def no_statement(why: str) -> SqlRefusal:
    """Say that a statement over metrics cannot be read."""
    return SqlRefusal(
        "this statement over metrics cannot be read",
        sqlstate="42601",
        why=f"{why[:1].upper()}{why[1:]}.",
        todo="Write SELECT dimension, MEASURE(metric) FROM metrics WHERE … GROUP BY dimension.",
    )
