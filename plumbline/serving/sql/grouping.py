"""GROUP BY as splits of a question: dimensions, and periods of a time; what is neither is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plumbline.definitions import GRAINS
from plumbline.serving.sql.names import Names, Split
from plumbline.serving.sql.refusal import GROUPING, SqlRefusal

if TYPE_CHECKING:
    from sqlglot import exp

# What can be told of a time that is known at a grain.
_TOLD: Mapping[str, frozenset[str]] = {
    "year": frozenset({"year", "isoyear_of_year"}),
    "quarter": frozenset({"year", "quarter"}),
    "month": frozenset({"year", "quarter", "month"}),
    "week": frozenset({"isoyear", "week"}),
    "day": frozenset({"year", "quarter", "month", "day", "isoyear", "week", "doy", "dow", "isodow"}),
}
# The parts that together name one period, the longest period first.
_NAMED_BY: tuple[tuple[str, frozenset[str]], ...] = (
    ("year", frozenset({"year"})),
    ("quarter", frozenset({"year", "quarter"})),
    ("month", frozenset({"year", "month"})),
    ("week", frozenset({"isoyear", "week"})),
    ("day", frozenset({"year", "month", "day"})),
    ("day", frozenset({"year", "doy"})),
)
_NESTS = ("day", "month", "quarter", "year")
_SYNONYMS = {"dayofweek": "dow", "dayofyear": "doy", "years": "year", "months": "month", "days": "day"}
# What to_char writes, as sqlglot reads its format: which part of a time; '' for what all have alike.
_CODES = {
    "%Y": "year",
    "Q": "quarter",
    **dict.fromkeys(("%m", "%-m", "%b", "%B", "Mon", "MON", "mon", "Month", "MONTH", "month"), "month"),
    **dict.fromkeys(("%d", "%-d"), "day"),
    # Of a whole day, hours and what is shorter are the same for every one.
    **dict.fromkeys(("%H", "%M", "%S", "%f"), ""),
}
_FORMAT = re.compile(r'%-?.|"[^"]*"|(?i:month|mon)|Q|[-/._:, ]|.', re.DOTALL)
_WHOLE = {"INT", "BIGINT", "SMALLINT"}
_CAST_TO = {"DATE", "TIMESTAMP", "TIMESTAMPTZ", "TEXT", "VARCHAR"}


@dataclass(frozen=True)
class Period:
    """A column of time as an expression takes it: cut off at a grain, or parts of it."""

    column: exp.Column
    split: Split
    grain: str
    parts: frozenset[str] = frozenset()


@dataclass
class Grouping:
    """The splits of one SELECT: the columns of the answer, and which of them stands behind an expression."""

    names: Names
    metrics: Sequence[str]
    by: list[str] = field(default_factory=list)
    moments: set[str] = field(default_factory=set)
    found: dict[str, str] = field(default_factory=dict)

    def read(self, expressions: Sequence[exp.Expr]) -> Grouping:
        """Read what is grouped by; raises SqlRefusal for what no figure can be split by exactly."""
        periods = []
        for node in expressions:
            plain = _as_text(_bare(node))
            if split := self._plain_split(plain):
                self._add(self.canonical(node), split.item.column)
                self.found.setdefault(self.canonical(plain), split.item.column)
            else:
                periods.append((node, self._period(node)))
        for node, period in sorted(periods, key=lambda pair: bool(pair[1].parts)):
            if not period.parts:
                self._add_period(node, period, period.grain)
        self._add_parts([pair for pair in periods if pair[1].parts])
        return self

    def column_of(self, node: exp.Expr) -> str | None:
        """Name the column of the answer that an expression stands for, if it is grouped by."""
        return self.found.get(self.canonical(node))

    def canonical(self, node: exp.Expr) -> str:
        """Write an expression in the one way that it is compared in: columns by what they mean."""
        from sqlglot import exp

        def named(part: exp.Expr) -> exp.Expr:
            if not isinstance(part, exp.Column):
                return part
            try:
                split = self.names.split(part, self.metrics)
            except Exception:
                return exp.column(part.name, quoted=True)
            return exp.column(f"{split.item.column}{'' if split.is_moment else '!'}", quoted=True)

        inner = node.unnest() if isinstance(node, exp.Paren) else node
        return str(inner.copy().transform(named).sql("postgres", comments=False))

    def _plain_split(self, node: exp.Expr) -> Split | None:
        """Give what a bare column is split by; None for a time, which has a grain."""
        from sqlglot import exp

        if not isinstance(node, exp.Column):
            return None
        split = self.names.split(node, self.metrics)
        if split.is_moment:
            self.moments.add(split.item.column)
        return split

    def _add(self, key: str, column: str) -> None:
        self.found[key] = column
        if column not in self.by:
            self.by.append(column)

    def _add_period(self, node: exp.Expr, period: Period, grain: str) -> None:
        column = period.split.at(grain)
        self.moments.add(column)
        self._add(self.canonical(node), column)

    def _period(self, node: exp.Expr) -> Period:
        found = read_period(node, self.names, self.metrics)
        if found is None:
            raise _not_a_split(node)
        return found

    def _add_parts(self, periods: Sequence[tuple[exp.Expr, Period]]) -> None:
        """Find one period that the parts of each time name together; alone a month is one of every year."""
        for name in dict.fromkeys(period.split.item.name for _, period in periods):
            mine = [(node, period) for node, period in periods if period.split.item.name == name]
            wanted = frozenset().union(*(period.parts for _, period in mine))
            split = mine[0][1].split
            grain = self._cut(split, wanted) or _named_by(wanted)
            if not grain:
                raise _part_alone(mine[0][0], wanted)
            for node, period in mine:
                self._add_period(node, period, grain)

    def _cut(self, split: Split, wanted: frozenset[str]) -> str:
        """Give a grain that is grouped by anyway, and tells the parts that are wanted."""
        return next((grain for grain in _TOLD if split.at(grain) in self.by and wanted <= _TOLD[grain]), "")


def read_period(node: exp.Expr, names: Names, metrics: Sequence[str]) -> Period | None:
    """Read date_trunc, EXTRACT, date_part, to_char and casts of a column of time; None for anything else."""
    from sqlglot import exp

    node = _part_of_time(_bare(node))
    if isinstance(node, exp.Column):
        split = names.split(node, metrics)
        return Period(node, split, split.item.grain or "day") if split.is_time else None
    inner = _inner(node)
    period = read_period(inner, names, metrics) if inner is not None else None
    if period is None or period.parts:
        return None
    if isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
        grain = node.args["unit"].name.lower()
        return Period(period.column, period.split, grain) if _nests(period.grain, grain) else None
    if isinstance(node, exp.Extract):
        part = node.this.name.lower()
        return _parts(period, {_SYNONYMS.get(part, part)})
    if isinstance(node, exp.TimeToStr):
        return _written_parts(period, _formatted(node.args["format"].name))
    return period


def _as_text(node: exp.Expr) -> exp.Expr:
    """Take a column out of a cast to text, which leaves its members apart."""
    from sqlglot import exp

    is_text = type(node) is exp.Cast and node.to.this.name in ("TEXT", "VARCHAR") and not node.to.expressions
    inner = _bare(node.this) if is_text else node
    return inner if isinstance(inner, exp.Column) else node


def _part_of_time(node: exp.Expr) -> exp.Expr:
    """Take a year or a month out of what makes a whole number of it, which it is."""
    from sqlglot import exp

    found: exp.Expr = node
    while (type(found) is exp.Cast and found.to.this.name in _WHOLE) or isinstance(
        found, exp.Trunc | exp.Floor
    ):
        if found.args.get("decimals"):
            return node
        found = _bare(found.this)
    return found if isinstance(found, exp.Extract) else node


def _inner(node: exp.Expr) -> exp.Expr | None:
    """Give what a function of time is applied to."""
    from sqlglot import exp

    if isinstance(node, exp.Extract):
        found = node.args.get("expression")
    elif isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
        found = None if node.args.get("zone") else node.this
    elif type(node) is exp.Cast:
        kind = node.args["to"]
        found = node.this if kind.this.name in _CAST_TO and not kind.expressions else None
    else:
        found = node.this if isinstance(node, exp.TimeToStr) else None
    return found if isinstance(found, exp.Expression) else None


def _parts(period: Period, parts: set[str]) -> Period | None:
    known = parts and parts <= _TOLD.get(period.grain, frozenset())
    return Period(period.column, period.split, period.grain, frozenset(parts)) if known else None


def _written_parts(period: Period, parts: set[str]) -> Period | None:
    """Give the parts that tell a period; of a whole month the day is always the first, and tells nothing."""
    told = parts & _TOLD.get(period.grain, frozenset())
    names_it = any(grain == period.grain and needed <= told for grain, needed in _NAMED_BY)
    return _parts(period, told if names_it else parts)


def _formatted(form: str) -> set[str]:
    """Give the parts that a format of to_char writes; none for one that writes anything else."""
    pieces = [piece for piece in _FORMAT.findall(form) if piece[0] not in '"-/._:, ']
    known = [_CODES.get(piece) for piece in pieces]
    return set() if None in known else {part for part in known if part}


def _nests(inner: str, outer: str) -> bool:
    if outer not in GRAINS:
        return False
    if inner == outer or inner == "day":
        return True
    return inner in _NESTS and outer in _NESTS and _NESTS.index(inner) <= _NESTS.index(outer)


def _named_by(parts: frozenset[str]) -> str:
    for grain, needed in _NAMED_BY:
        if needed <= parts <= _TOLD[grain]:
            return grain
    return ""


def _bare(node: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    return node.unnest() if isinstance(node, exp.Paren) else node


def columns_in(node: exp.Expr) -> Iterator[exp.Column]:
    """Give the columns in an expression."""
    from sqlglot import exp

    yield from node.find_all(exp.Column)


def _not_a_split(node: exp.Expr) -> SqlRefusal:
    text = node.sql("postgres")
    return SqlRefusal(
        f"figures cannot be split by {text}",
        why="They are computed for the members of a dimension and for whole periods; what puts several of "
        "them together would add up what must not be added up.",
        todo="GROUP BY the dimension, or date_trunc('month', …), and compute on the result: "
        "SELECT … FROM (SELECT … FROM metrics GROUP BY …) AS figures.",
    )


def _part_alone(node: exp.Expr, parts: frozenset[str]) -> SqlRefusal:
    return SqlRefusal(
        f"figures cannot be split by {node.sql('postgres')} alone",
        why=f"Without its year, a {min(parts, key=len)} stands for those of all years together.",
        todo="GROUP BY date_trunc('month', metric_time), or by EXTRACT(year FROM …), too.",
        sqlstate=GROUPING,
    )
