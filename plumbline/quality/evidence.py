"""Rules whose evidence is a query of one row: references, reconciliation, control totals, volume.

The query gives `evaluated` (how many rows were judged), `unexpected` (how many of them break the rule),
`observed` (what was seen, in words) and `reason` (why there was nothing to judge, or NULL). All evidence of a
stage is collected in one statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sqlglot import exp, parse_one

from plumbline.quality.context import StageContext
from plumbline.quality.rules import ACCURACY, COMPLETENESS, CONSISTENCY, Call, Rule
from plumbline.quality.sql import bind, column, literal, table

_COLUMNS = (("evaluated", "bigint"), ("unexpected", "bigint"), ("observed", "text"), ("reason", "text"))


@dataclass(frozen=True)
class Evidence(Rule):
    """A rule that a query of one row gives evidence for."""

    dimension: ClassVar[str] = CONSISTENCY
    vacuous: ClassVar[str] = ""

    def query(self, relation: str, context: StageContext) -> exp.Query:
        """Give a query with the columns evaluated, unexpected, and where useful observed and reason."""
        raise NotImplementedError

    def collected(self, relation: str, context: StageContext, subject: str) -> exp.Select:
        """Give the query with all four columns, and `subject` before them."""
        query = self.query(relation, context)
        given = set(query.named_selects)
        columns = [
            exp.cast(exp.column(name) if name in given else exp.null(), kind).as_(name)
            for name, kind in _COLUMNS
        ]
        return exp.select(literal(subject).as_("subject"), *columns).from_(query.subquery("evidence"))

    def call(self, relation: str, context: StageContext) -> Call:
        return Call("ExpectEvidenceToHold", {"mostly": self.mostly})


@dataclass(frozen=True)
class Found(Evidence):
    """Evidence from a query in SQL; `:as_of` and the names in `given` stand for values."""

    sql: str
    says: str
    about: tuple[str, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)
    show: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        return self.about

    def words(self, context: StageContext) -> str:
        return f"{self.says}{self.nearly()}"

    def query(self, relation: str, context: StageContext) -> exp.Query:
        parsed = parse_one(self.sql, read="duckdb")
        if not isinstance(parsed, exp.Query):
            raise ValueError(f"evidence must be a query, not {self.sql!r}")
        return bind(parsed, {"as_of": context.as_of, **self.given})

    def offenders(self, context: StageContext) -> exp.Expr | None:
        """Give the query that shows example rows, where the rule has one."""
        if not self.show:
            return None
        return bind(parse_one(self.show, read="duckdb"), {"as_of": context.as_of, **self.given})


@dataclass(frozen=True)
class RefersTo(Evidence):
    """Every value of a column is found in another table's column; an empty one need not be."""

    vacuous: ClassVar[str] = "every value is empty"
    name: str
    target: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def tables(self) -> tuple[str, ...]:
        return (self._parent()[0],)

    def words(self, context: StageContext) -> str:
        return f"{self.name} is found in {self.target}{self.nearly()}"

    def query(self, relation: str, context: StageContext) -> exp.Query:
        parent, key = self._parent()
        used = (
            exp.select(column(self.name).as_("value"), exp.Count(this=exp.Star()).as_("uses"))
            .from_(table(relation))
            .where(column(self.name).is_(exp.null()).not_())
            .group_by(column(self.name))
        )
        known = exp.select(column(key).as_("value")).distinct().from_(table(parent))
        unknown = exp.column("value", "known").is_(exp.null())
        uses = exp.Sum(this=exp.column("uses", "used"))
        orphans = exp.Filter(this=uses.copy(), expression=exp.Where(this=unknown.copy()))
        values = exp.Filter(this=exp.Count(this=exp.Star()), expression=exp.Where(this=unknown.copy()))
        return (
            exp.select(
                exp.func("coalesce", uses, literal(0)).as_("evaluated"),
                exp.func("coalesce", orphans, literal(0)).as_("unexpected"),
                exp.func("concat", values, literal(f" values are not in {parent}")).as_("observed"),
            )
            .from_(used.subquery("used"))
            .join(known.subquery("known"), on="used.value = known.value", join_type="left")
        )

    def broken(self, relation: str, context: StageContext) -> exp.Expr:
        parent, key = self._parent()
        known = exp.select(column(key)).from_(table(parent)).where(column(key).is_(exp.null()).not_())
        return exp.not_(exp.In(this=column(self.name), query=known.subquery()))

    def _parent(self) -> tuple[str, str]:
        parent, _, key = self.target.rpartition(".")
        return parent, key


@dataclass(frozen=True)
class TotalAgrees(Evidence):
    """The total of a column here is the total of an expression there, to the last digit."""

    dimension: ClassVar[str] = ACCURACY
    whole: ClassVar[bool] = True
    name: str
    there: str
    expression: str
    where: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def tables(self) -> tuple[str, ...]:
        return (self.there,)

    def words(self, context: StageContext) -> str:
        limited = f" where {self.where}" if self.where else ""
        return f"the total of {self.name} is that of {self.expression} in {self.there}{limited}"

    def query(self, relation: str, context: StageContext) -> exp.Query:
        here = exp.select(exp.Count(this=exp.Star()).as_("counted"), _total(column(self.name)))
        there = exp.select(_total(parse_one(self.expression, read="duckdb"))).from_(table(self.there))
        if self.where:
            there = there.where(self.where, dialect="duckdb")
        differ = exp.NEQ(this=exp.column("total", "here"), expression=exp.column("total", "there"))
        return (
            exp.select(
                exp.column("counted", "here").as_("evaluated"),
                exp.case().when(differ, literal(1)).else_(literal(0)).as_("unexpected"),
                exp.func(
                    "concat",
                    exp.column("total", "here"),
                    literal(" here, "),
                    exp.column("total", "there"),
                    literal(f" in {self.there}"),
                ).as_("observed"),
            )
            .from_(here.from_(table(relation)).subquery("here"))
            .join(there.subquery("there"), join_type="cross")
        )


@dataclass(frozen=True)
class RowsAgree(Evidence):
    """The table has as many rows as another (where a condition holds there)."""

    dimension: ClassVar[str] = COMPLETENESS
    there: str
    where: str = ""

    @property
    def tables(self) -> tuple[str, ...]:
        return (self.there,)

    def words(self, context: StageContext) -> str:
        return f"has as many rows as {self.there}{f' where {self.where}' if self.where else ''}"

    def query(self, relation: str, context: StageContext) -> exp.Query:
        counted = exp.Count(this=exp.Star()).as_("counted")
        there = exp.select(counted).from_(table(self.there))
        if self.where:
            there = there.where(self.where, dialect="duckdb")
        mine, theirs = exp.column("counted", "here"), exp.column("counted", "there")
        return (
            exp.select(
                theirs.as_("evaluated"),
                exp.func("abs", exp.Sub(this=mine, expression=theirs)).as_("unexpected"),
                exp.func("concat", mine, literal(" here, "), theirs, literal(f" in {self.there}")).as_(
                    "observed"
                ),
            )
            .from_(exp.select(counted).from_(table(relation)).subquery("here"))
            .join(there.subquery("there"), join_type="cross")
        )


def _total(value: exp.Expr) -> exp.Expr:
    total = exp.func("coalesce", exp.Sum(this=value), literal(0))
    return exp.cast(total, "decimal(38, 8)").as_("total")


def evidence(
    sql: str, says: str, *, about: tuple[str, ...] = (), show: str = "", mostly: float = 1.0, **given: Any
) -> Found:
    """A query of one row with `evaluated` and `unexpected` (and `observed`) finds nothing unexpected.

    `show` is a query for example rows; `given` are the values of the placeholders (`:name`) in both.
    """
    return Found(sql, says, about, given, show, mostly=mostly)


def refers_to(name: str, target: str, *, mostly: float = 1.0) -> RefersTo:
    """Every value of the column is found in `target` (schema.table.column); an empty one need not be."""
    return RefersTo(name, target, mostly=mostly)


def total_agrees(name: str, there: str, expression: str = "", *, where: str = "") -> TotalAgrees:
    """The total of `name` is the total of the same column, or of `expression`, in the table `there`."""
    return TotalAgrees(name, there, expression or name, where)


def rows_agree(there: str, *, where: str = "") -> RowsAgree:
    """The table has as many rows as the table `there`."""
    return RowsAgree(there, where)
