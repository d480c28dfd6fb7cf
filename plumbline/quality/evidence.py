"""Rules whose evidence is collected by a query: references, reconciliation, control totals, volume.

The query gives `evaluated` (how many rows were judged), `unexpected` (how many of them break the rule),
`observed` (what was seen, in words) and `reason` (why there was nothing to judge, or NULL). A query that
gives evidence on several subjects, one row each with the column `subject`, runs once for all of them; those
of one row are collected together in one statement.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from sqlglot import exp, parse_one

from plumbline.quality.context import StageContext
from plumbline.quality.kept import Months, mart_behind, months_of
from plumbline.quality.rules import ACCURACY, COMPLETENESS, CONSISTENCY, Call, Rule
from plumbline.quality.sql import bind, column, count, literal, query_in, table
from plumbline.warehouse.contents import Contents, MartContent, any_part, part_number

# Of so many rows the keys seldom change from day to day.
_FEW = 100_000
# The subject of evidence on how many rows there are, beside the totals of columns.
ROWS = "*"
_COLUMNS = (("evaluated", "bigint"), ("unexpected", "bigint"), ("observed", "text"), ("reason", "text"))


@dataclass(frozen=True)
class Evidence(Rule):
    """A rule that a query gives evidence for; `subject` picks its row where the query has several."""

    dimension: ClassVar[str] = CONSISTENCY
    vacuous: ClassVar[str] = ""

    @property
    def subject(self) -> str:
        return ""

    def shared_by(self, relation: str) -> Hashable:
        """Tell apart the queries of several subjects: rules for which it is equal ask the same one."""
        return (relation, self)

    def query(self, relation: str, context: StageContext) -> exp.Query:
        """Give a query with the columns evaluated, unexpected, and where useful observed, reason, subject."""
        raise NotImplementedError

    def by_month(self, relation: str, context: StageContext, marts: Contents) -> Months | None:
        """Give the same evidence by month, where it adds up so and what it rests on is known."""
        return None

    def collected(
        self, relation: str, context: StageContext, subject: str = "", found: exp.Query | None = None
    ) -> exp.Select:
        """Give the query (or what was `found`) with all columns; the subject of one row is named here."""
        query = self.query(relation, context) if found is None else found
        given = set(query.named_selects)
        columns = [
            exp.cast(exp.column(name) if name in given else exp.null(), kind).as_(name)
            for name, kind in _COLUMNS
        ]
        about = literal(subject) if subject else exp.column("subject")
        given_by = query.subquery("evidence", copy=False)
        return exp.select(about.as_("subject"), *columns).from_(given_by, copy=False)

    def offenders(self, context: StageContext) -> exp.Query | None:
        """Give a query of its own that shows example rows, where the rule has one."""
        return None

    def call(self, relation: str, context: StageContext) -> Call:
        return Call("ExpectEvidenceToHold", {"mostly": self.mostly})


@dataclass(frozen=True)
class Found(Evidence):
    """Evidence from a query in SQL; `:as_of` and the names in `given` stand for values."""

    sql: str
    says: str
    on: str = ""
    about: tuple[str, ...] = ()
    show: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    within: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        query_in(self.sql)
        if self.show:
            query_in(self.show)

    @property
    def columns(self) -> tuple[str, ...]:
        return self.about

    @property
    def subject(self) -> str:
        return self.on

    def words(self, context: StageContext) -> str:
        return f"{self.says}{self.nearly()}"

    def shared_by(self, relation: str) -> Hashable:
        return self.sql

    def query(self, relation: str, context: StageContext) -> exp.Query:
        given = {} if self.on else self.given
        return bind(query_in(self.sql), {"as_of": context.as_of, **given})

    def by_month(self, relation: str, context: StageContext, marts: Contents) -> Months | None:
        found = [mart_behind(name, marts) for name in self.within]
        known = [mart for mart in found if mart]
        query = self.query(relation, context)
        if not known or len(known) < len(found) or not isinstance(query, exp.Select):
            return None
        days = {f"marts.{mart.name}": mart.day for mart in known}
        rule = f"{relation} {query.sql(dialect='duckdb')}"
        return Months(rule, months_of(*known), lambda parts: _by_month(query, days, self.within[0], parts))

    def offenders(self, context: StageContext) -> exp.Query | None:
        given = {"as_of": context.as_of, "subject": self.on, **self.given}
        return bind(query_in(self.show), given) if self.show else None


def _by_month(query: exp.Select, days: Mapping[str, str], first: str, parts: Sequence[str]) -> exp.Query:
    """Group a query of one row by the month of its first table, and take only the rows of some months."""
    counted = {each.alias: each for each in query.expressions}
    origin = query.args["from_"].this.alias_or_name
    number = parse_one(part_number(days[first]), read="duckdb")
    for day in number.find_all(exp.Column):
        day.set("table", exp.to_identifier(origin, quoted=True))
    grouped = query.select(number.as_("part"), counted["evaluated"], counted["unexpected"], append=False)
    for place in list(grouped.find_all(exp.Table)):
        name = f"{place.db}.{place.name}"
        if name in days:
            taken = exp.select("*").from_(table(name)).where(any_part(days[name], parts), dialect="duckdb")
            place.replace(taken.subquery(exp.to_identifier(place.alias_or_name, quoted=True)))
    return grouped.group_by("1")


# Only the rows that point nowhere are looked at closer: counting different values of all rows is slow.
_REFERENCES = """
select
    used.evaluated,
    unknown.unexpected,
    nullif(unknown.different, 0) || ' different values are not in ' || :parent as observed
from used
cross join (
    select count(*) as unexpected, count(distinct value) as different
    from pointing
    where value not in (select known.value from known)
) as unknown
"""


_FOUND = """
select part, count(*) as evaluated, count(*) filter (where not is_found) as unexpected
from (select part, value in (select known.value from known) as is_found from pointing)
group by part
"""
_FOUND_IN_MONTH = """
select part, count(*) as evaluated, count(*) filter (where not is_found) as unexpected
from (
    select pointing.part, exists (
        select 1 from known where known.value = pointing.value and known.part = pointing.part
    ) as is_found
    from pointing
)
group by part
"""


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
        used = exp.select(exp.Count(this=column(self.name)).as_("evaluated")).from_(table(relation))
        found = bind(query_in(_REFERENCES), {"parent": parent})
        for name, query in (
            ("used", used),
            ("pointing", _values(relation, self.name)),
            ("known", _values(parent, key)),
        ):
            found = found.with_(name, query, copy=False)
        return found

    def by_month(self, relation: str, context: StageContext, marts: Contents) -> Months | None:
        parent, key = self._parent()
        here, there = mart_behind(relation, marts), marts.get(parent.removeprefix("marts."))
        if here is None or there is None or not parent.startswith("marts."):
            return None
        if there.day not in ("", here.day) and there.whole.rows > _FEW:
            # It has new keys every day, and that makes all months new.
            return None
        rule = f"{relation}.{self.name} in {self.target}"
        if there.day == here.day:
            return Months(f"{rule} of the month", months_of(here, there), partial(self._found, here, True))
        keys = f"{there.types([key])} {there.whole.rows} {there.whole.columns.get(key)}"
        return Months(f"{rule} {keys}", months_of(here), partial(self._found, here, False))

    def _found(self, mart: MartContent, in_month: bool, parts: Sequence[str]) -> exp.Query:
        """Count by month; what is found in its own month is found, wherever else the value may be."""
        parent, key = self._parent()
        number, chosen = part_number(mart.day), any_part(mart.day, parts)
        part = parse_one(number, read="duckdb").as_("part")
        pointing = _values(f"marts.{mart.name}", self.name).select(part).where(chosen, dialect="duckdb")
        known = _values(parent, key)
        if in_month:
            known = known.select(part.copy()).where(chosen, dialect="duckdb")
        found = query_in(_FOUND_IN_MONTH if in_month else _FOUND)
        return found.with_("pointing", pointing, copy=False).with_("known", known, copy=False)

    def broken(self, relation: str, context: StageContext) -> exp.Expr:
        parent, key = self._parent()
        known = exp.select(column(key)).from_(table(parent)).where(column(key).is_(exp.null()).not_())
        return exp.not_(exp.In(this=column(self.name), query=known.subquery()))

    def _parent(self) -> tuple[str, str]:
        parent, _, key = self.target.rpartition(".")
        return parent, key


def _values(relation: str, name: str) -> exp.Select:
    return (
        exp.select(column(name).as_("value"))
        .from_(table(relation))
        .where(column(name).is_(exp.null()).not_())
    )


@dataclass(frozen=True)
class TotalAgrees(Evidence):
    """The total of a column here is the total of an expression there, to the last digit.

    `pairs` are all columns whose totals are compared between the two tables: each is scanned once for all.
    """

    dimension: ClassVar[str] = ACCURACY
    whole: ClassVar[bool] = True
    name: str
    there: str
    pairs: tuple[tuple[str, str], ...]
    where: str = ""
    rows: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def tables(self) -> tuple[str, ...]:
        return (self.there,)

    @property
    def subject(self) -> str:
        return self.name

    def shared_by(self, relation: str) -> Hashable:
        return (relation, self.there, self.pairs, self.where)

    def words(self, context: StageContext) -> str:
        limited = _limited(self.where, self.rows, context)
        return f"the total of {self.name} is that of {dict(self.pairs)[self.name]} in {self.there}{limited}"

    def query(self, relation: str, context: StageContext) -> exp.Query:
        names = [name for name, _ in self.pairs]
        theirs = [total(parse_one(expression, read="duckdb")) for _, expression in self.pairs]
        there = exp.select(*numbered([*theirs, count()])).from_(table(self.there))
        if self.where:
            there = bind(there.where(self.where, dialect="duckdb"), {"as_of": context.as_of})
        mine = [*(total(column(name)) for name in names), count()]
        here = exp.select(count().as_("counted"), *numbered(mine)).from_(table(relation))
        return compared([*names, ROWS], here, there, f" in {self.there}")


@dataclass(frozen=True)
class CountAgrees(TotalAgrees):
    """The table has as many rows as the other, whose totals are compared in the same scan."""

    dimension: ClassVar[str] = COMPLETENESS

    @property
    def columns(self) -> tuple[str, ...]:
        return ()

    def words(self, context: StageContext) -> str:
        return f"has as many rows as {self.there}{_limited(self.where, self.rows, context)}"


@dataclass(frozen=True)
class ControlTotalAgrees(Evidence):
    """The total of a column over all staged rows, kept or not, is the control total taken when they landed.

    `pairs` are all such columns: the staged name, and the name in the extract. Values that were no plain
    numbers in the extract are not in landing's total, and so they are left out here.
    """

    dimension: ClassVar[str] = ACCURACY
    whole: ClassVar[bool] = True
    name: str
    source: str
    pairs: tuple[tuple[str, str], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def subject(self) -> str:
        return self.name

    def shared_by(self, relation: str) -> Hashable:
        return (relation, self.source, self.pairs)

    def words(self, context: StageContext) -> str:
        original = dict(self.pairs)[self.name]
        return f"the total of {self.name}, set aside or not, is the control total of {original}"

    def query(self, relation: str, context: StageContext) -> exp.Query:
        names = [name for name, _ in self.pairs]
        landed = [
            exp.Filter(
                this=exp.Sum(this=exp.column("total", "taken")),
                expression=exp.Where(this=exp.column("column_name", "taken").eq(literal(original))),
            )
            for _, original in self.pairs
        ]
        system, _, name = self.source.partition(".")
        there = (
            exp.select(*numbered([exp.func("coalesce", taken, literal(0)) for taken in landed]))
            .from_("landing_run.control_totals as taken")
            .join(
                "landing_run.loads as loads",
                on="loads.load = taken.load and loads.system = taken.system "
                "and loads.table_name = taken.table_name and loads.is_current",
                dialect="duckdb",
            )
            .where(exp.column("system", "taken").eq(literal(system)))
            .where(exp.column("table_name", "taken").eq(literal(name)))
        )
        return compared(names, self._here(relation, context), there, " in the landed control totals")

    def _here(self, relation: str, context: StageContext) -> exp.Select:
        unread = [original for _, original in self.pairs if (self.source, original) in context.unread]
        if not unread:
            totals = [total(column(name)) for name, _ in self.pairs]
            return exp.select(count().as_("counted"), *numbered(totals)).from_(table(relation))
        system, _, name = self.source.partition(".")
        totals = [
            total(exp.case().when(_plain_number(original), exp.column(staged, "base", quoted=True)))
            for staged, original in self.pairs
        ]
        return (
            exp.select(count().as_("counted"), *numbered(totals))
            .from_(exp.alias_(table(relation), "base", table=True))
            .join(
                exp.alias_(table(f"landing_{system}.{name}"), "landed", table=True),
                on="base._load = landed._load and base._row_number = landed._row_number",
            )
        )


@dataclass(frozen=True)
class RowsAgree(Evidence):
    """The table has as many rows as `counting` gives in another (where a condition holds there)."""

    dimension: ClassVar[str] = COMPLETENESS
    there: str
    where: str = ""
    rows: str = ""
    counting: str = "count(*)"
    says: str = ""

    @property
    def tables(self) -> tuple[str, ...]:
        return (self.there,)

    def words(self, context: StageContext) -> str:
        counted = "as many rows as" if self.counting == "count(*)" else f"{self.counting} rows by"
        return self.says or f"has {counted} {self.there}{_limited(self.where, self.rows, context)}"

    def query(self, relation: str, context: StageContext) -> exp.Query:
        counting = exp.func("coalesce", parse_one(self.counting, read="duckdb"), literal(0))
        there = exp.select(counting.as_("counted")).from_(table(self.there))
        if self.where:
            there = bind(there.where(self.where, dialect="duckdb"), {"as_of": context.as_of})
        here = exp.select(count().as_("counted")).from_(table(relation))
        mine, theirs = exp.column("counted", "here"), exp.column("counted", "there")
        seen = (mine, literal(" here, "), theirs, literal(f" in {self.there}"))
        return (
            exp.select(
                exp.func("greatest", mine, theirs).as_("evaluated"),
                exp.func("abs", exp.Sub(this=mine, expression=theirs)).as_("unexpected"),
                exp.func("concat", *seen).as_("observed"),
            )
            .from_(here.subquery("here", copy=False), copy=False)
            .join(there.subquery("there", copy=False), join_type="cross", copy=False)
        )


def total(value: exp.Expr) -> exp.Expr:
    """Give the sum of a value, 0 for no rows."""
    return exp.Coalesce(this=exp.Sum(this=value), expressions=[literal(0)])


def _limited(where: str, rows: str, context: StageContext) -> str:
    if rows:
        return f", {rows}"
    return f" where {where}".replace(":as_of", str(context.as_of)) if where else ""


def _plain_number(name: str) -> exp.Expr:
    read = exp.TryCast(this=exp.column(name, "landed", quoted=True), to=exp.DataType.build("decimal(38, 6)"))
    return read.is_(exp.null()).not_()


def numbered(values: Sequence[exp.Expr]) -> list[exp.Expr]:
    """Name values total_0, total_1, …"""
    return [value.as_(f"total_{number}") for number, value in enumerate(values)]


def compared(names: Sequence[str], here: exp.Select, there: exp.Select, place: str) -> exp.Query:
    """Compare the numbered totals of two queries: one row of evidence for each name."""
    numbers = range(len(names))
    columns = {
        "subject": [literal(name) for name in names],
        "mine": [_exact(exp.column(f"total_{number}", "here")) for number in numbers],
        "theirs": [_exact(exp.column(f"total_{number}", "there")) for number in numbers],
    }
    pairs = (
        exp.select(exp.column("counted", "here"))
        .select(*(_unnested(values).as_(name) for name, values in columns.items()), copy=False)
        .from_(here.subquery("here", copy=False), copy=False)
        .join(there.subquery("there", copy=False), join_type="cross", copy=False)
    )
    evidence = bind(query_in(_COMPARED), {"place": place})
    return evidence.with_("pairs", pairs, copy=False)


_COMPARED = """
select
    subject,
    counted as evaluated,
    case when mine <> theirs then 1 else 0 end as unexpected,
    rtrim(rtrim(cast(mine as text), '0'), '.') || ' here, '
        || rtrim(rtrim(cast(theirs as text), '0'), '.') || :place
        || case
            when mine <> theirs
                then ': a difference of ' || rtrim(rtrim(cast(mine - theirs as text), '0'), '.')
            else ''
        end as observed
from pairs
"""


def _unnested(values: Sequence[exp.Expr]) -> exp.Expr:
    return exp.Explode(this=exp.Array(expressions=list(values)))


def _exact(value: exp.Expr) -> exp.Expr:
    return exp.cast(value, "decimal(38, 8)", copy=False)


def evidence(
    sql: str,
    says: str,
    *,
    about: tuple[str, ...] = (),
    show: str = "",
    mostly: float = 1.0,
    within: tuple[str, ...] = (),
    **given: Any,
) -> Found:
    """A query of one row with `evaluated` and `unexpected` (and `observed`) finds nothing unexpected.

    `show` is a query for example rows; `given` are the values of the placeholders (`:name`) in both. `within`
    names the marts of the query, first that of its own rows, when it judges rows only together with rows of
    the same month by the first date of each: months in which nothing changed are then not judged again.
    """
    return Found(sql, says, "", about, show, given, within, mostly=mostly)


def evidence_on(
    subject: str,
    sql: str,
    says: str,
    *,
    about: tuple[str, ...] = (),
    show: str = "",
    mostly: float = 1.0,
    **given: Any,
) -> Found:
    """The row of `subject` in a query of many rows finds nothing unexpected; the query runs once for all.

    `show` is a query for example rows, in which `:subject` and the names in `given` stand for values.
    """
    return Found(sql, says, subject, about, show, given, mostly=mostly)


def refers_to(name: str, target: str, *, mostly: float = 1.0) -> RefersTo:
    """Every value of the column is found in `target` (schema.table.column); an empty one need not be."""
    return RefersTo(name, target, mostly=mostly)


def totals_agree(there: str, *, where: str = "", rows: str = "", **pairs: str) -> tuple[TotalAgrees, ...]:
    """The total of each column here is the total of an expression in the table `there`, to the last digit.

    `where` picks the rows there (`:as_of` stands for the day), and `rows` says in words which those are.
    """
    every = tuple(pairs.items())
    return tuple(TotalAgrees(name, there, every, where, rows) for name in pairs)


def rows_and_totals_agree(
    there: str, *, where: str = "", rows: str = "", **pairs: str
) -> tuple[TotalAgrees, ...]:
    """The table has as many rows as `there`, and the total of each column is that of an expression there."""
    totals = totals_agree(there, where=where, rows=rows, **pairs)
    return (CountAgrees(ROWS, there, totals[0].pairs, where, rows), *totals)


def control_totals_agree(source: str, **pairs: str) -> tuple[ControlTotalAgrees, ...]:
    """The total of each staged column is the control total of a column of the extract `source`."""
    every = tuple(pairs.items())
    return tuple(ControlTotalAgrees(name, source, every) for name in pairs)


def rows_agree(there: str, *, where: str = "", rows: str = "", counting: str = "count(*)") -> RowsAgree:
    """The table has as many rows as `counting` gives in the table `there`; `rows` says which, in words."""
    return RowsAgree(there, where, rows, counting)
