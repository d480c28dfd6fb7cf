"""Cross-checks of arithmetic: what is computed from other figures equals its formula over those published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sqlglot import exp, parse_one

from plumbline.quality.context import Formula, StageContext
from plumbline.quality.evidence import Evidence
from plumbline.quality.rules import ACCURACY
from plumbline.quality.sql import column, literal, query_in

if TYPE_CHECKING:
    from plumbline.definitions import Definitions

_KEY = ("grain", "period_start", "dimensions", "members")

# A formula is judged where each of its inputs is published by the same period and breakdown; what a member
# has no value of is NULL, as in the formula itself.
_COMPARED = """
with inputs as (select null),

there as (
    select grain, dimensions, list(distinct metric) as metrics
    from candidates.indicator_value
    where list_contains(:children, metric)
    group by grain, dimensions
),

compared as (
    select
        figures.metric, figures.grain, figures.period_start, figures.period_end, figures.dimensions,
        figures.members,
        cast(figures.value as double) as value, cast(:computed as double) as computed
    from candidates.indicator_value as figures
    inner join there on figures.grain = there.grain and figures.dimensions = there.dimensions
    left join inputs
        on figures.grain = inputs.grain and figures.dimensions = inputs.dimensions
        and figures.members = inputs.members
        and figures.period_start is not distinct from inputs.period_start
    where list_contains(:parents, figures.metric) and list_has_all(there.metrics, :needed)
),

differing as (
    select * from compared
    where computed is null or abs(value - computed) > 0.000001 + 0.000000001 * abs(value)
)
"""
_EVIDENCE = (
    _COMPARED
    + """
select
    (select count(*) from compared) as evaluated,
    (select count(*) from differing) as unexpected,
    (select count(distinct metric) from compared) || ' formulas computed again' as observed
"""
)
_OFFENDERS = _COMPARED + "select * from differing order by metric, period_start, dimensions, members"


def formulas_of(definitions: Definitions) -> dict[str, Formula]:
    """Give the formula of each metric that is computed from others of the same period, without filters."""
    return {
        metric.name: Formula(metric.expr, tuple((item.column, item.name) for item in metric.inputs))
        for metric in definitions.metrics.values()
        if metric.type == "derived" and not metric.filters and all(item.plain for item in metric.inputs)
    }


@dataclass(frozen=True)
class FormulasHold(Evidence):
    """What is computed from other figures equals its formula over those, by every period and member."""

    dimension: ClassVar[str] = ACCURACY
    vacuous: ClassVar[str] = "no figure is published together with those that it is computed from"

    @property
    def columns(self) -> tuple[str, ...]:
        return ("value",)

    def words(self, context: StageContext) -> str:
        return "a figure that is computed from others equals its formula over those"

    def skip(self, relation: str, context: StageContext) -> str:
        return "" if context.formulas else "no metric is computed from others"

    def query(self, relation: str, context: StageContext) -> exp.Query:
        return _filled(_EVIDENCE, context.formulas)

    def offenders(self, context: StageContext) -> exp.Query | None:
        return _filled(_OFFENDERS, context.formulas) if context.formulas else None


def _filled(sql: str, formulas: Mapping[str, Formula]) -> exp.Query:
    """Put the formulas, and the figures that they need, into a query."""
    metric = exp.column("metric", "figures")
    computed, needed = exp.case(metric.copy()), exp.case(metric.copy())
    for name, formula in formulas.items():
        computed = computed.when(literal(name), _expression(formula))
        needed = needed.when(literal(name), exp.Array(expressions=[literal(x) for _, x in formula.inputs]))
    children = exp.Array(expressions=[literal(child) for child in _children(formulas)])
    parents = exp.Array(expressions=[literal(name) for name in formulas])
    parts = {"computed": computed, "needed": needed, "children": children, "parents": parents}

    query = query_in(sql)
    query.ctes[0].set("this", _inputs(formulas))

    def replaced(part: exp.Expr) -> exp.Expr:
        found = parts.get(part.name) if isinstance(part, exp.Placeholder) else None
        return found.copy() if found else part

    return query.transform(replaced)  # type: ignore[return-value]


def _expression(formula: Formula) -> exp.Expr:
    """Write a formula over the columns of `inputs`, which are named by metric."""
    named = dict(formula.inputs)

    def replaced(part: exp.Expr) -> exp.Expr:
        if isinstance(part, exp.Column) and part.name in named:
            return exp.column(exp.to_identifier(named[part.name], quoted=True), "inputs")
        return part

    return parse_one(formula.expression, read="duckdb").transform(replaced)


def _inputs(formulas: Mapping[str, Formula]) -> exp.Select:
    """Put the figures that formulas need side by side, by period and member."""
    children = _children(formulas)
    metric, value = exp.column("metric"), exp.cast(exp.column("value"), "double")
    columns = [
        exp.Max(this=exp.case().when(metric.eq(literal(child)), value.copy())).as_(
            exp.to_identifier(child, quoted=True)
        )
        for child in children
    ]
    keys = [column(name) for name in _KEY]
    return (
        exp.select(*keys, *columns)
        .from_("candidates.indicator_value")
        .where(metric.isin(*(literal(child) for child in children)))
        .group_by(*(key.copy() for key in keys))
    )


def _children(formulas: Mapping[str, Formula]) -> list[str]:
    return sorted({child for formula in formulas.values() for _, child in formula.inputs})


def formulas_hold() -> FormulasHold:
    """Figures that are computed from others equal their formulas over those that are published."""
    return FormulasHold()
