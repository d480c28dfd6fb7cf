"""One SELECT over metrics, read: what it asks, and the SELECT over its answer that takes its place.

Only names, FROM, WHERE, GROUP BY and the word HAVING are written anew; all else stays the text that it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from plumbline.definitions import GRAINS, parse_group_by
from plumbline.errors import PlumblineError
from plumbline.serving.sql.conditions import Conditions, Reader
from plumbline.serving.sql.constants import Parameters
from plumbline.serving.sql.grouping import Grouping, columns_in, read_period
from plumbline.serving.sql.joining import Joined, read_join
from plumbline.serving.sql.names import Book, Names, Relation
from plumbline.serving.sql.refusal import GROUPING, SqlRefusal
from plumbline.serving.sql.spans import Select, no_statement

if TYPE_CHECKING:
    from sqlglot import exp

MEASURES = {"MEASURE", "AGG"}
_ANSWER, _ASKED = "answer", "asked"
_KNOWN = {
    "expressions",
    "from_",
    "joins",
    "where",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "distinct",
    "windows",
}
_AGGREGATES = {
    *(
        "json_agg",
        "jsonb_agg",
        "json_object_agg",
        "jsonb_object_agg",
        "xmlagg",
        "range_agg",
        "bit_xor",
        "every",
    ),
    *("json_agg_strict", "jsonb_agg_strict", "range_intersect_agg", "regr_count", "regr_slope", "regr_r2"),
    *(
        "regr_intercept",
        "regr_avgx",
        "regr_avgy",
        "regr_sxx",
        "regr_sxy",
        "regr_syy",
        "string_agg",
        "array_agg",
    ),
    *("json_objectagg", "json_arrayagg", "any_value", "mode"),
}
_EDITED = ("items", "having", "window", "order", "limit", "offset", "fetch")


@dataclass(frozen=True)
class Field:
    """A column of an answer: its name there, and its type in PostgreSQL."""

    name: str
    type: str


@dataclass(frozen=True)
class Asked:
    """What a SELECT asks for: figures by dimensions and periods; without a metric, members of a dimension."""

    metrics: tuple[str, ...]
    by: tuple[str, ...]
    fields: tuple[Field, ...]
    condition: exp.Expr | None
    reader: Reader
    where: tuple[str, ...] = ()

    def conditions(self, given: Parameters) -> Conditions:
        """Read the conditions with the values that the statement was bound to."""
        reader = Reader(self.reader.names, self.reader.metrics, given, self.reader.kind_of)
        found = reader.read(self.condition)
        if found.is_never and self.metrics and not self.by:
            raise SqlRefusal(
                "the conditions leave out every day and every row",
                todo="Widen the range; what a figure of nothing is, its definition does not say.",
            )
        return found


@dataclass(frozen=True)
class Edit:
    """A part of the text that is to be written otherwise."""

    start: int
    end: int
    text: str


@dataclass
class Shape:
    """Reads one SELECT; `types_of` gives the types of answer columns for metrics and splits."""

    select: Select
    book: Book
    relation: Relation
    types_of: Callable[[tuple[str, ...], tuple[str, ...]], Mapping[str, str]]
    edits: list[Edit] = field(default_factory=list)

    @cached_property
    def tree(self) -> exp.Select:
        """The syntax tree, of which the names know their places in the SELECT."""
        import sqlglot
        from sqlglot import exp
        from sqlglot.errors import ParseError

        try:
            found = sqlglot.parse_one(self.select.sql, dialect="postgres")
        except ParseError as error:
            raise no_statement(str(error.errors[0].get("description", "")) if error.errors else "") from None
        if not isinstance(found, exp.Select):
            raise no_statement("it is no plain SELECT")
        if length := self.select.odd_length():
            raise SqlRefusal(
                f"the length of time {length!r} is not read here",
                todo="Write numbers with units: INTERVAL '1 month', INTERVAL '1 day 2 hours'.",
            )
        if found.args.get("from_") is None:
            raise no_statement("a word stands before FROM that does not belong there")
        return found

    @cached_property
    def joined(self) -> Joined | None:
        """The sub-query that chooses members of the answer, if there is one."""
        return read_join(self.select, self.tree)

    @cached_property
    def names(self) -> Names:
        """What the columns mean."""
        table = self._require_one_table()
        return Names(self.book, self.relation, [table.alias or table.name])

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that it asks for: those it names, or else those that make the rows of a saved query."""
        return self.named or self._behind_rows()

    @cached_property
    def named(self) -> tuple[str, ...]:
        """The metrics that it names, in their order."""
        from sqlglot import exp

        found: dict[str, None] = {}
        for part in self._parts():
            for node in part.walk():
                if name := self._measured(node):
                    found[name] = None
                elif isinstance(node, exp.Column) and self.names.is_metric(node):
                    found[self.names.metric(node.name)] = None
        return tuple(found)

    @cached_property
    def grouping(self) -> Grouping:
        """What it groups by."""
        group = self.tree.args.get("group")
        for kind in ("grouping_sets", "cube", "rollup", "all"):
            if group is not None and group.args.get(kind):
                raise SqlRefusal(
                    "GROUPING SETS, CUBE, ROLLUP and GROUP BY ALL are not answered",
                    todo="Ask for each level in a SELECT of its own, joined by UNION ALL.",
                )
        return Grouping(self.names, self.metrics).read(self._split_by())

    def _split_by(self) -> Sequence[exp.Expr]:
        """Give what figures are split by; without a metric, what rows are told apart by."""
        group, distinct = self.tree.args.get("group"), self.tree.args.get("distinct")
        if group is not None:
            return [self._grouped(node) for node in group.expressions]
        if self.named:
            return []
        if distinct is not None and not distinct.args.get("on"):
            return [_unaliased(item) for item in self.tree.expressions]
        if not self._tells_of_rows:
            return []
        return [column for item in self.tree.expressions for column in columns_in(item)]

    @cached_property
    def _tells_of_rows(self) -> bool:
        """Tell whether it asks for the first, the last or the number of members, and no metric."""
        is_whole = not any(self.tree.args.get(part) for part in ("group", "distinct"))
        items = [_unaliased(item) for item in self.tree.expressions]
        return is_whole and not self.named and all(map(_is_of_members, items))

    def _behind_rows(self) -> tuple[str, ...]:
        """Give the metrics of a saved query, where no metric is named and more than a list is asked.

        Its rows are those in which one of them has a figure.
        """
        nodes = self._split_by() if self.relation.columns else []
        if not nodes:
            return ()
        clause = self.tree.args.get("where")
        asked = Grouping(self.names, ()).read(nodes)
        others = [] if clause is None else [item for item in columns_in(clause) if not asked.column_of(item)]
        if len(asked.by) == 1 and not others and not self._tells_of_rows:
            return ()
        by = tuple(asked.by)
        return tuple(name for name in self.book.metrics_of(self.relation) if self._has_rows(name, by))

    def _has_rows(self, metric: str, by: tuple[str, ...]) -> bool:
        """Tell whether a metric has data, which can be split so."""
        import duckdb

        try:
            return bool(self.types_of((metric,), by))
        except (PlumblineError, duckdb.Error):
            return False

    def read(self, hole: str, query: str) -> tuple[str, Asked]:
        """Give the SELECT that takes its place, and what it asks.

        It has `hole` for the rows of the answer, and `query` for the sub-query that it is joined to.
        """
        self._require_one_table()
        self._require_known()
        by = tuple(self.grouping.by)
        if not self.metrics and len(by) != 1:
            raise self._nothing_asked()
        where = self._condition_asked()
        types = dict(self.types_of(self.metrics, by))
        types |= {column: "timestamp" for column in by if column in self.grouping.moments}
        fields = tuple(Field(name, types[name]) for name in (*by, *self.metrics))
        reader = Reader(self.names, self.metrics, Parameters(), self._kind_of)
        asked = Asked(self.metrics, by, fields, where, reader, self.relation.where)
        asked.conditions(Parameters())
        self._edit_all()
        self._edit_join(query)
        return self._written(hole, asked), asked

    def _condition_asked(self) -> exp.Expr | None:
        """Give the conditions that the question has; those on a list of members are on its rows."""
        clause = self.tree.args.get("where")
        if clause is None or self.metrics:
            return clause.this if clause is not None else None
        for column in columns_in(clause):
            if not self.grouping.column_of(column):
                raise SqlRefusal(
                    f"the members of {self.grouping.by[0]} are not chosen by {column.name}",
                    todo="Ask for a metric, too: the members that have figures then meet every condition.",
                )
        self._edit(clause.this)
        return None

    # -- what may stand where

    def _require_known(self) -> None:
        for name, value in self.tree.args.items():
            if value and name not in _KNOWN:
                raise SqlRefusal(
                    f"{name.rstrip('_').upper()} does not stand in a question to metrics",
                    todo="Ask in a sub-query, and join or combine its rows: "
                    "SELECT … FROM (SELECT … FROM metrics GROUP BY …) AS figures JOIN ….",
                )
        if self.select.has_rare_escape():
            raise SqlRefusal(
                "a text with this escape is not read in a question to metrics",
                todo="Write the character itself, or bind the text as a parameter.",
            )
        for part in [*self._parts(), self.tree.args.get("where"), self.tree.args.get("group")]:
            self._require_no_query(part)

    def _require_no_query(self, part: exp.Expr | None) -> None:
        from sqlglot import exp

        if part is not None and part.find(exp.Select, exp.Subquery) is not None:
            raise SqlRefusal(
                "a sub-query does not stand in a question to metrics",
                todo="Give its values, or ask in a sub-query and join its rows.",
            )

    def _require_one_table(self) -> exp.Table:
        from sqlglot import exp

        source = self.tree.args["from_"].this
        is_joined = bool(self.tree.args.get("joins")) and self.joined is None
        if is_joined or not isinstance(source, exp.Table) or source.args.get("joins"):
            raise SqlRefusal(
                f"{self.relation.name} is not joined to other tables",
                why="Figures are computed first; rows of another table would multiply them.",
                todo="Join the answer: SELECT … FROM (SELECT … FROM metrics GROUP BY …) AS figures JOIN ….",
            )
        alias = source.args.get("alias")
        if source.args.get("sample") or (alias is not None and alias.args.get("columns")):
            raise SqlRefusal(
                f"{self.relation.name} takes neither TABLESAMPLE nor other names for its columns",
                why="It has no rows of its own to choose from: figures are computed of all that count.",
                todo="Choose by dimensions in WHERE, and name results: MEASURE(metric) AS name.",
            )
        return source

    def _nothing_asked(self) -> SqlRefusal:
        if self.tree.is_star:
            return select_star(self.relation, self.book)
        self._edit_all()
        by = self.grouping.by
        views = [item for item in self.book.relations.values() if {*by} <= {*item.columns.values()}]
        return SqlRefusal(
            "no metric is asked for",
            why="Which combinations there are depends on whose figures are meant." if by else "",
            todo="Write MEASURE(metric) for each; SELECT DISTINCT dimension lists the members of one"
            + (f", and {views[0].name} those together that its metrics have." if by and views else "."),
        )

    # -- reading

    def _parts(self) -> Iterator[exp.Expr]:
        """Give the parts of the tree that are kept."""
        yield from self.tree.expressions
        for name in ("having", "order", "limit", "offset", "distinct"):
            if (part := self.tree.args.get(name)) is not None:
                yield part
        yield from self.tree.args.get("windows") or ()

    def _grouped(self, node: exp.Expr) -> exp.Expr:
        """Give what is grouped by: by its place, the alias of a result, or itself."""
        from sqlglot import exp

        if isinstance(node, exp.Literal) and not node.is_string:
            place = int(node.name)
            if not 0 < place <= len(self.tree.expressions):
                raise SqlRefusal(f"GROUP BY position {place} is not in select list", sqlstate="42P10")
            return _unaliased(self.tree.expressions[place - 1])
        if isinstance(node, exp.Column) and not node.table:
            aliased = {item.alias: item for item in self.tree.expressions if isinstance(item, exp.Alias)}
            if node.name in aliased and not self._is_split(node):
                return _unaliased(aliased[node.name])
        return node

    def _is_split(self, column: exp.Column) -> bool:
        try:
            self.names.split(column, self.named)
        except PlumblineError:
            return False
        return True

    def _measured(self, node: exp.Expr) -> str:
        """Name the metric of MEASURE(…), or of a SUM that is the same; '' for anything else."""
        from sqlglot import exp

        if _is_measure(node):
            return self.names.metric(_argument(node))
        if not isinstance(node, exp.Sum) or _is_windowed(node) or not isinstance(node.this, exp.Column):
            return ""
        if self.names.is_metric(node.this):
            name = self.names.metric(node.this.name)
            return name if self.names.is_added_up(name) else ""
        return ""

    def _kind_of(self, column: str) -> str:
        """Tell what the members of a dimension are."""
        found = self._member_type(column)
        return found if found in ("text", "boolean") else "number"

    def _member_type(self, column: str) -> str:
        """Give the type of the members of a dimension; of one that only metrics lead to, as they show it."""
        import duckdb

        try:
            return self.types_of((), (column,))[column]
        except (PlumblineError, duckdb.Error):
            return self.types_of(self.metrics[:1], (column,))[column]

    # -- writing

    def _edit_all(self) -> None:
        for item in self.tree.expressions:
            self._edit(item)
        for part in list(self._parts())[len(self.tree.expressions) :]:
            self._edit(part)
        for node, (_, end) in zip(self.tree.expressions, self.select.items(), strict=True):
            if name := output_name(node):
                self.edits.append(Edit(end, end, f" AS {quoted(name)}"))

    def _edit(self, node: exp.Expr) -> None:
        """Put columns of the answer in the place of what stands for them."""
        from sqlglot import exp

        if name := self._measured(node):
            self._put(self._place_of_call(node), self._answered(name))
        elif self._is_output(node):
            return
        elif column := self.grouping.column_of(node):
            for part in columns_in(node):
                self._put(self._place(part), self._answered(column))
        elif isinstance(node, exp.Column):
            self._edit_column(node)
        elif _asks_for_rows(node):
            self._put(self._place_of_call(node.this), self._some_rows())
        elif isinstance(node, exp.Star):
            raise select_star(self.relation, self.book)
        else:
            self._require_plain(node)
            for child in node.iter_expressions():
                self._edit(child)

    def _some_rows(self) -> str:
        """Write a number above 0 where there are rows: always in a group, and wherever there is a figure."""
        if self.grouping.by:
            return "1"
        figures = ", ".join(self._answered(metric) for metric in self.metrics)
        return f"num_nonnulls({figures})"

    def _edit_join(self, query: str) -> None:
        """Join the rows of the answer, by dimensions that they are grouped by, to the sub-query."""
        if self.joined is None:
            return
        for column, _ in self.joined.pairs:
            if not (found := self.grouping.column_of(column)):
                raise SqlRefusal(
                    f"{self.relation.name} is not joined by {column.name}, which it does not group by",
                    why="Figures are computed first; only what they are grouped by is in the answer.",
                    todo=f"GROUP BY {column.name}, too, or join the answer: "
                    "SELECT … FROM (SELECT … FROM metrics GROUP BY …) AS figures JOIN ….",
                )
            self._put(self._place(column), self._answered(found))
        self._put(self.joined.query, query)

    def _edit_column(self, node: exp.Column) -> None:
        from sqlglot import exp

        if isinstance(node.this, exp.Star):
            raise select_star(self.relation, self.book)
        if not self.names.is_metric(node):
            self.names.split(node, self.metrics)
            raise SqlRefusal(
                f'column "{node.name}" must appear in the GROUP BY clause',
                sqlstate=GROUPING,
                todo="Group by it.",
            )
        self._put(self._place(node), self._answered(self.names.metric(node.name)))

    def _is_output(self, node: exp.Expr) -> bool:
        """Tell whether a name in ORDER BY is that of a result, which stays."""
        from sqlglot import exp

        if not isinstance(node, exp.Column) or node.table or not isinstance(node.parent, exp.Ordered):
            return False
        return node.name in {
            item.alias for item in self.tree.expressions if isinstance(item, exp.Alias)
        } and (node.find_ancestor(exp.Window) is None)

    def _require_plain(self, node: exp.Expr) -> None:
        """Refuse to put figures of several groups together."""
        from sqlglot import exp

        is_named = isinstance(node, exp.Anonymous) and node.name.lower() in _AGGREGATES
        if not (is_named or _aggregates(node)) or _is_windowed(node):
            return
        if self.metrics and self._tells_of_rows:
            return
        metric = (
            node.this.name if isinstance(node.this, exp.Column) and self.names.is_metric(node.this) else "…"
        )
        columns = [column for column in columns_in(node) if not self.names.is_metric(column)]
        if metric == "…" and columns:
            name = columns[0].sql("postgres")
            raise SqlRefusal(
                f"{node.sql('postgres')} is no metric",
                sqlstate=GROUPING,
                why=f"Which {name} there are depends on whose figures are asked for.",
                todo=f"Compute it over an answer: SELECT {node.key.upper()}(…) FROM (SELECT {name} AS it,"
                f" MEASURE(metric) AS figure FROM {self.relation.name} GROUP BY 1) AS answer"
                " WHERE figure IS NOT NULL.",
            )
        raise SqlRefusal(
            f"figures are not put together by {node.sql('postgres')}",
            sqlstate=GROUPING,
            why="Ratios, distinct counts and balances of groups do not add up to those of all.",
            todo=f"MEASURE({metric}) is right at any GROUP BY.",
        )

    def _answered(self, column: str) -> str:
        names = [*self.grouping.by, *self.metrics]
        return f"{_ANSWER}.c{names.index(column)}"

    def _put(self, place: tuple[int, int], text: str) -> None:
        self.edits.append(Edit(*place, text))

    def _place(self, column: exp.Column) -> tuple[int, int]:
        if place := self.select.place_of(column):
            return place
        raise no_statement(f"the place of {column.name} is not known")

    def _place_of_call(self, node: exp.Expr) -> tuple[int, int]:
        from sqlglot import exp

        inner = node.expression if isinstance(node, exp.Dot) else node
        if "start" not in inner.meta:
            raise no_statement("the place of a measure is not known")
        opened = self.select.start + int(inner.meta["start"])
        start = opened
        if isinstance(node, exp.Dot):
            start = self.select.start + min(part.meta["start"] for part in node.this.find_all(exp.Identifier))
        return start, self.select.closing(opened)

    def _written(self, hole: str, asked: Asked) -> str:
        """Write the SELECT over the rows of the answer."""
        columns = ", ".join(f"c{index} {item.type}" for index, item in enumerate(asked.fields))
        clauses = self.select.clauses
        head = self._text(self.select.start, clauses["items"].end)
        kept = [f"{head} FROM json_to_recordset({hole}) AS {_ANSWER}({columns})"]
        if self.joined:
            kept.append(f" {self._text(self.joined.start, self.joined.end)}")
        conditions = self._conditions(asked)
        if "having" in clauses:
            conditions.append(f"({self._text(clauses['having'].start, clauses['having'].end)} )")
        kept += [f" WHERE {' AND '.join(conditions)}"] if conditions else []
        tail = [clauses[name] for name in _EDITED if name in clauses and name not in ("items", "having")]
        kept += [f" {self._text(clause.keyword, clause.end)}" for clause in tail]
        return "\n".join(kept)

    def _conditions(self, asked: Asked) -> list[str]:
        """Write the conditions of a question as a check of types only, those on members as they are."""
        clause = self.select.clauses.get("where")
        if clause is None:
            return []
        if asked.condition is None:
            return [f"({self._text(clause.start, clause.end)} )"]
        return [self._typed_condition()]

    def _typed_condition(self) -> str:
        """Write the conditions once more, never asked for: PostgreSQL checks them and learns the types."""
        clause = self.select.clauses["where"]
        columns: dict[str, str] = {}
        edits = []
        for column in columns_in(self.tree.args["where"]):
            split = self.names.split(column, self.metrics)
            kind = self._native_type(column)
            name = columns.setdefault(f"{split.item.column} {kind}", f"w{len(columns)}")
            edits.append(Edit(*self._place(column), f"{_ASKED}.{name}"))
        row = ", ".join(f"NULL::{key.rpartition(' ')[2]} AS {name}" for key, name in columns.items())
        text = edited(self.select.text, clause.start, clause.end, edits)
        return f"(true OR EXISTS (SELECT FROM (SELECT {row}) AS {_ASKED} WHERE {text} ))"

    def _native_type(self, column: exp.Column) -> str:
        """Give the type that a column has in the catalog."""
        split = self.names.split(column, self.metrics)
        period = read_period(column, self.names, self.metrics)
        if period is not None:
            return "timestamp" if split.is_moment or period.grain not in GRAINS else "date"
        return self._member_type(split.item.column)

    def _text(self, start: int, end: int) -> str:
        inside = [edit for edit in self.edits if start <= edit.start and edit.end <= end]
        return edited(self.select.text, start, end, inside)


def edited(text: str, start: int, end: int, edits: Sequence[Edit]) -> str:
    """Give a part of a text with its edits made."""
    parts, at = [], start
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, text[at:end]])


def quoted(name: str) -> str:
    """Write a name as PostgreSQL takes it letter by letter."""
    return '"' + name.replace('"', '""') + '"'


def is_period(column: str) -> bool:
    """Tell whether a column is called after a period: `metric_time__month`."""
    return bool(parse_group_by(column).grain)


def select_star(relation: Relation, book: Book) -> SqlRefusal:
    """Say what to write instead of `SELECT *`."""
    names = book.metrics_of(relation)
    metric = "net_sales" if "net_sales" in names else next(iter(names), "metric")
    return SqlRefusal(
        f"SELECT * has no answer from {relation.name}",
        why="It has no rows of its own: figures are computed for what you split them by.",
        todo=f"Write SELECT metric_time, MEASURE({metric}) FROM {relation.name} GROUP BY metric_time.",
    )


def _aggregates(node: exp.Expr) -> bool:
    """Tell whether a function puts several rows together."""
    from sqlglot import exp

    window_only = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue)
    return (isinstance(node, exp.AggFunc) and not isinstance(node, window_only)) or isinstance(
        node, exp.Filter
    )


def _is_of_members(node: exp.Expr) -> bool:
    """Tell whether it is MIN, MAX or COUNT(DISTINCT …), which do not see how often a member is there."""
    from sqlglot import exp

    columns = list(columns_in(node))
    return bool(columns) and all(
        isinstance(_put_together(column), exp.Min | exp.Max | exp.Distinct) for column in columns
    )


def _put_together(column: exp.Column) -> exp.Expr | None:
    """Give the aggregate that stands around a column, or its DISTINCT."""
    from sqlglot import exp

    found = column.find_ancestor(exp.AggFunc, exp.Distinct, exp.Window, exp.Filter)
    outer = found.find_ancestor(exp.Window, exp.Filter) if found is not None else None
    return None if outer is not None else found


def _asks_for_rows(node: exp.Expr) -> bool:
    """Tell whether it is COUNT(1) > 0 of HAVING: Tableau wants no row where there is nothing."""
    from sqlglot import exp

    if not isinstance(node, exp.GT) or not isinstance(node.this, exp.Count):
        return False
    counted, least = node.this.this, node.expression
    if node.this.expressions or node.find_ancestor(exp.Having) is None or not isinstance(least, exp.Literal):
        return False
    return isinstance(counted, exp.Star | exp.Literal) and least.name == "0"


def _is_windowed(node: exp.Expr) -> bool:
    """Tell whether a function looks at the rows of the answer through a window."""
    from sqlglot import exp

    parent: exp.Expr | None = node.parent
    if isinstance(parent, exp.Filter | exp.IgnoreNulls | exp.RespectNulls):
        return _is_windowed(parent)
    return isinstance(parent, exp.Window) and parent.this is node


def _unaliased(node: exp.Expr) -> exp.Expr:
    found: exp.Expr = node.unalias()
    return found


def _is_measure(node: exp.Expr) -> bool:
    from sqlglot import exp

    if isinstance(node, exp.Dot):
        return _is_measure(node.expression)
    if isinstance(node.parent, exp.Dot) and node.parent.expression is node:
        return False
    name = (
        node.name
        if isinstance(node, exp.Anonymous)
        else node.sql_name()
        if isinstance(node, exp.Func)
        else ""
    )
    return name.upper() in MEASURES


def _argument(node: exp.Expr) -> str:
    from sqlglot import exp

    call = node.expression if isinstance(node, exp.Dot) else node
    given = call.expressions or [call.this]
    if len(given) == 1 and isinstance(given[0], exp.Column | exp.Literal):
        return str(given[0].name)
    raise SqlRefusal(
        "MEASURE takes the name of one metric", sqlstate="42883", todo="Write MEASURE(net_sales)."
    )


def output_name(node: exp.Expr) -> str:
    """Name a result that has no alias as it would be called: after its column or its metric."""
    from sqlglot import exp

    if isinstance(node, exp.Column):
        return str(node.name)
    if _is_measure(node):
        return _argument(node)
    if isinstance(node, exp.Cast | exp.Paren):
        return output_name(node.this)
    return "sum" if isinstance(node, exp.Sum) else ""
