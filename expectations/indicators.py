"""What must be true of indicator candidates, the last gate before they are published.

Each value is there once, no period lies in the future, shares are shares, parts add up to their totals, and
totals are those of the marts.
"""

from typing import TYPE_CHECKING

from expectations.owners import (
    ADMINISTRATION,
    CUSTOMER_SERVICE,
    FINANCE,
    MARKETING,
    PRODUCTION,
    PURCHASING,
    RETAIL,
    SALES,
)
from expectations.targets import ADDITIVE, TARGETS
from plumbline.quality import (
    Expectation,
    StageSuites,
    Suite,
    candidate_tables,
    critical,
    evidence,
    formulas_hold,
    has_rows,
    holds,
    matches,
    metric_totals,
    never_empty,
    not_in_the_future,
    one_of,
    suite,
    unique,
    usual_values,
    warning,
)
from plumbline.quality.rules import Rule

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Part of a whole, so never below 0 nor above 1. Ratios of other kinds (growth, margin, attainment) may be.
SHARES = (
    "approval_rework_rate",
    "approval_sla_rate",
    "call_abandon_rate",
    "complaint_share",
    "equipment_effectiveness",
    "equipment_utilisation",
    "first_contact_resolution_rate",
    "lead_conversion_rate",
    "lead_to_opportunity_rate_30_days",
    "machine_quality_rate",
    "order_on_time_rate",
    "project_completion_rate",
    "project_on_time_rate",
    "promotion_visitor_share",
    "purchase_approval_rate",
    "repeat_purchase_rate",
    "routing_on_schedule_rate",
    "satisfaction_rate",
    "scrap_rate",
    "second_order_rate_90_days",
    "step_rework_rate",
    "stock_out_rate",
    "store_conversion_rate",
    "supplier_on_time_rate",
    "supplier_reject_rate",
    "ticket_resolution_rate",
    "win_rate",
    "work_order_on_time_rate",
    "yield_rate",
)

SHARES_ARE_SHARES = holds(
    f"case when metric in ({', '.join(repr(name) for name in SHARES)}) then value between 0 and 1 end",
    "shares lie between 0 and 1",
)

RATIOS_ARE_THEIR_PARTS = holds(
    """
    case
        when denominator <> 0
            then abs(value - numerator / denominator) <= 0.000001 * greatest(abs(value), 1)
    end
    """,
    "a ratio is its numerator divided by its denominator",
)

PARTS_AND_TOTALS = f"""
with broken_down as (
    select parts.metric, parts.grain, parts.period_start, parts.dimensions, sum(parts.value) as added_up
    from candidates.indicator_value as parts
    inner join candidates.indicator as indicator on parts.metric = indicator.name
    where parts.dimensions <> '' and {ADDITIVE}
    group by all
),

compared as (
    select broken_down.*, totals.value as total
    from broken_down
    inner join candidates.indicator_value as totals
        on broken_down.metric = totals.metric
        and broken_down.grain = totals.grain
        and broken_down.period_start = totals.period_start
        and totals.dimensions = ''
)
"""

PARTS_ADD_UP = evidence(
    PARTS_AND_TOTALS
    + """
    select
        count(*) as evaluated,
        count(*) filter (where abs(added_up - total) > 0.000001) as unexpected,
        count(distinct metric) || ' additive metrics compared' as observed,
        case
            when not exists (select 1 from broken_down) then 'no figure that adds up is published by members'
        end as reason
    from compared
    """,
    "the members of a breakdown add up to the total of the period",
    about=("value",),
    show=PARTS_AND_TOTALS
    + """
    select metric, grain, period_start, dimensions, added_up, total
    from compared
    where abs(added_up - total) > 0.000001
    order by metric, period_start, dimensions
    """,
)

WITHOUT_VALUES = """
    from candidates.indicator as indicator
    where indicator.available
        and not exists (
            select 1 from candidates.indicator_value as found where found.metric = indicator.name
        )
"""

AVAILABLE_METRICS_HAVE_VALUES = evidence(
    f"""
    select
        (select count(*) from candidates.indicator where available) as evaluated,
        (select count(*) {WITHOUT_VALUES}) as unexpected,
        'of the metrics whose sources have landed' as observed
    """,
    "every metric whose sources have landed has a value",
    about=("metric",),
    show=f"select indicator.name as metric, indicator.sources {WITHOUT_VALUES} order by 1",
)


def same_as_the_mart(
    *rules: tuple[Rule, ...], owner: str, needs: tuple[str, ...] | str
) -> tuple[Expectation, ...]:
    """What is published adds up to what is in the mart, to the last digit."""
    return critical(
        *rules,
        why="A figure that does not add up to its rows has lost or doubled some of them.",
        todo="Compare the metric's definition with its mart: a join or a filter does not do what it should.",
        owner=owner,
        needs=(needs,) if isinstance(needs, str) else needs,
    )


VALUES = suite(
    "candidates.indicator_value",
    critical(
        has_rows(),
        why="Without values there is nothing to publish.",
    ),
    critical(
        unique("metric", "grain", "period_start", "dimensions", "members"),
        never_empty("metric", "grain", "value", "definition_version"),
        one_of("grain", "day", "week", "month", "quarter", "year", "all"),
        why="Each figure is there once, and says what it is a figure of.",
    ),
    critical(
        not_in_the_future("period_start"),
        holds("period_end >= period_start"),
        why="A period that has not begun has no figures.",
    ),
    critical(
        SHARES_ARE_SHARES,
        why="A part of a whole below 0 or above 1 was counted wrongly.",
        todo="Compare the numerator's rows with the denominator's.",
    ),
    critical(
        RATIOS_ARE_THEIR_PARTS,
        why="Whoever divides the published parts must get the published ratio.",
    ),
    critical(
        formulas_hold(),
        why="Whoever computes the figure from those that are published must get the published figure.",
        todo="Compare the metric's formula in metrics/ with the figures of the period shown.",
    ),
    critical(
        PARTS_ADD_UP,
        why="A breakdown that does not add up to its total loses or doubles rows in a join.",
        todo="See the metric and dimension shown; look for a join that multiplies or drops rows.",
        dimension="accuracy",
    ),
    warning(
        AVAILABLE_METRICS_HAVE_VALUES,
        why="A metric whose sources have landed, and that has no value, is defined past its data.",
        todo="Look at the metric's filter, and at the period that the sources cover.",
        dimension="completeness",
    ),
    # An owner who would rather hold a strange figure than publish it adds, for example,
    # critical(usual_values("net_sales", grain="month"), why=…).
    warning(
        usual_values(grain="month"),
        usual_values(grain="day"),
        why="A figure half or twice as large as usual is news, or a mistake that no rule above knows.",
        todo="Look at the rows of the period; a true figure stays, and is usual in a year.",
    ),
    same_as_the_mart(
        metric_totals(
            "marts.order_lines",
            order_lines="1",
            units_sold="quantity",
            net_sales="net_amount",
            gross_sales="gross_amount",
            discount_amount="discount_amount",
            gross_profit="gross_profit",
        ),
        owner=SALES,
        needs=("erp.sales_order_detail", "erp.sales_order_header"),
    ),
    same_as_the_mart(
        metric_totals("marts.orders", orders="1", order_revenue="subtotal", total_due="total_due"),
        owner=SALES,
        needs="erp.sales_order_header",
    ),
    same_as_the_mart(
        metric_totals("marts.sales_quotas", quota="quota_amount"),
        owner=SALES,
        needs="crm.sales_person_quota_history",
    ),
    same_as_the_mart(
        metric_totals(
            "marts.work_orders",
            work_orders="1",
            units_planned="planned_quantity",
            units_stocked="stocked_quantity",
            units_scrapped="scrapped_quantity",
        ),
        owner=PRODUCTION,
        needs="erp.work_order",
    ),
    same_as_the_mart(
        metric_totals("marts.work_order_steps", routing_hours="resource_hours", routing_cost="actual_cost"),
        owner=PRODUCTION,
        needs="erp.work_order_routing",
    ),
    same_as_the_mart(
        metric_totals(
            "marts.purchase_orders",
            where="order_date <= last_day(:as_of)",
            purchase_orders="1",
            purchase_spend="total_due",
        ),
        owner=PURCHASING,
        needs="erp.purchase_order_header",
    ),
    same_as_the_mart(metric_totals("marts.leads", leads="1"), owner=MARKETING, needs="crm.lead"),
    same_as_the_mart(
        metric_totals("marts.opportunities", opportunities="1", opportunity_amount="amount"),
        owner=SALES,
        needs="crm.opportunity",
    ),
    same_as_the_mart(
        metric_totals("marts.tickets", tickets="1"), owner=CUSTOMER_SERVICE, needs="crm.service_ticket"
    ),
    same_as_the_mart(
        metric_totals("marts.store_traffic", store_visitors="visitors"),
        owner=RETAIL,
        needs="crm.store_traffic",
    ),
    same_as_the_mart(
        metric_totals("marts.approvals", approvals="1"), owner=ADMINISTRATION, needs="oa.approval_step"
    ),
    owner=FINANCE,
    key=("metric", "grain", "period_start", "members"),
)

LIBRARY = suite(
    "candidates.indicator",
    critical(
        unique("name"),
        never_empty("name", "label", "description", "unit", "owner_department", "version", "formula"),
        why="A figure nobody can look up is not governed.",
        todo="Complete the metric's definition in metrics/.",
    ),
    critical(
        one_of("level", "strategic", "process", "operational"),
        one_of("direction", "up", "down", "none"),
        one_of("status", "draft", "certified", "deprecated", "retired"),
        why="Pages, lights and reviews go by these.",
        todo="Correct the metric's definition in metrics/.",
    ),
    warning(
        never_empty("label_zh"),
        matches("label_zh", "[一-鿿]"),
        why="Half of the readers look for the metric in Chinese.",
        todo="Add label_zh to the metric's definition in metrics/.",
    ),
    owner=FINANCE,
    key=("name",),
)


def wide_tables(con: "DuckDBPyConnection") -> tuple[Suite, ...]:
    """Expect of each published table to be that its keys are there, once, and not in the future."""
    return tuple(
        suite(
            each.name,
            critical(
                has_rows(1, None if each.key else 1),
                unique(*each.key) if each.key else (),
                never_empty(*each.days),
                [not_in_the_future(day) for day in each.days],
                why="Readers find each period and member once.",
                todo="Look at the saved query in metrics/: its dimensions must tell every row apart.",
            ),
            owner=FINANCE,
            key=each.key,
            skip=each.absent,
        )
        for each in candidate_tables(con)
    )


def suites() -> StageSuites:
    """Give the suites of the candidates; those of the wide tables follow the saved queries."""
    return StageSuites("indicators", (VALUES, LIBRARY, TARGETS), wide_tables)
