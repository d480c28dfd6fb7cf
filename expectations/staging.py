"""What must be true of staging: nothing is lost on the way, and not too much is set aside.

Rows that staging set aside are in `published.rejected_row` with the reason; the expectations are on the
rows that it kept (`stg_…`), and on the sums over all rows whatever became of them (`base_…`).
"""

from expectations.owners import (
    ADMINISTRATION,
    CUSTOMER_SERVICE,
    DATA,
    FINANCE,
    MARKETING,
    PEOPLE,
    PRODUCTION,
    PURCHASING,
    RETAIL,
    SALES,
    WAREHOUSE,
)
from plumbline.landing import load_contract
from plumbline.project import Project
from plumbline.quality import (
    Expectation,
    StageSuites,
    Suite,
    control_totals_agree,
    critical,
    has_not_stopped,
    is_on_time,
    not_in_the_future,
    received,
    reconciled,
    set_aside,
    steady_weeks,
    suite,
    unique,
    warning,
)


def staged(
    source: str,
    owner: str,
    *,
    key: tuple[str, ...] = (),
    day: str = "",
    daily: bool = False,
    totals: dict[str, str] | None = None,
) -> tuple[Suite, ...]:
    """Expect of a staged table what holds for all of them.

    `key` must be unique; leave it out where a mart has the same key and checks it. `day` is the date of what
    happened, and `daily` means that about as much happens every week. `totals` names the control total of
    each staged column.
    """
    system, _, table = source.partition(".")
    kept = suite(
        f"staging.stg_{system}__{table}",
        _accounted_for(source),
        critical(
            set_aside(source, at_most=0.05),
            why="With more than one row in twenty set aside the figures no longer describe the business.",
            todo=_SEE_REASONS,
        ),
        _unique(key),
        _timely(day, daily),
        owner=owner,
        key=key,
        needs=source,
    )
    return (kept, *_summed(source, owner, totals or {}))


def undescribed(known: tuple[Suite, ...]) -> tuple[Suite, ...]:
    """Expect of a source table that nobody has described yet that no row of it gets lost out of sight."""
    described = {suite.table for suite in known}
    return tuple(
        suite(name, _accounted_for(f"{system}.{table}"), owner=DATA, needs=f"{system}.{table}")
        for system, tables in load_contract(Project.find()).items()
        for table in tables
        if (name := f"staging.stg_{system}__{table}") not in described
    )


_SEE_REASONS = (
    "See the reasons under `Rows set aside` in the quality report; have the rows mended at their source."
)


def _accounted_for(source: str) -> tuple[Expectation, ...]:
    return (
        *critical(
            received(source),
            reconciled(source),
            why="Every row that landed is accounted for, once.",
            todo="Run again with --full; if it stays, the staging model loses or doubles rows.",
        ),
        *warning(
            set_aside(source, at_most=0.01),
            why="Rows that are set aside are missing from every figure.",
            todo=_SEE_REASONS,
        ),
    )


def _unique(key: tuple[str, ...]) -> tuple[Expectation, ...]:
    if not key:
        return ()
    return critical(
        unique(*key),
        why="Staging keeps one row of each key; two would count twice in every join.",
        todo="Run again with --full; if it stays, the staging model does not remove duplicates.",
    )


def _timely(day: str, daily: bool) -> tuple[Expectation, ...]:
    if not day:
        return ()
    return (
        *warning(
            not_in_the_future(day),
            why="Rows after the day that the figures are as of do not count yet.",
            todo="Check the dates; when they are right, nothing needs to be done.",
        ),
        *_steady(day, daily),
    )


def _steady(day: str, daily: bool) -> tuple[Expectation, ...]:
    if not daily:
        return ()
    return warning(
        steady_weeks(day),
        why="A week with half or twice the usual rows is often an extract that was cut off or doubled.",
        todo="Compare with the source system; when business was like that, nothing needs to be done.",
    )


def _summed(source: str, owner: str, totals: dict[str, str]) -> tuple[Suite, ...]:
    if not totals:
        return ()
    system, _, table = source.partition(".")
    return (
        suite(
            f"staging.base_{system}__{table}",
            critical(
                control_totals_agree(source, **totals),
                why="What was staged and set aside adds up to what the source system sent.",
                todo="Run again with --full; if it stays, the staging model reads amounts wrongly.",
            ),
            owner=owner,
            needs=source,
        ),
    )


def alive(system: str, owner: str, **dates: str) -> tuple[Expectation, ...]:
    """Expect a source to bring what happened lately; `dates` names the date of each table that has one."""
    late = "Ask the owner of the source system why no newer rows arrive."
    return (
        *warning(
            is_on_time(system, **dates),
            why="The source is later than was agreed with its owner.",
            todo=late,
            owner=owner,
        ),
        *critical(
            has_not_stopped(system, **dates),
            why="Figures of the newest periods would be too low without anybody noticing.",
            todo=late,
            owner=owner,
        ),
    )


def suites() -> StageSuites:
    """Give the suites of the staging stage: the sources, the rows that were kept, the sums over all rows."""
    return StageSuites("staging", (SOURCES, *DESCRIBED, *undescribed(DESCRIBED)))


SOURCES = suite(
    "landing_run.loads",
    alive(
        "erp",
        SALES,
        sales_order_header="order_date",
        purchase_order_header="order_date",
        work_order="start_date",
        machine_run_time="run_date",
    ),
    alive(
        "crm",
        SALES,
        lead="created_date",
        opportunity="created_date",
        service_ticket="opened_at",
        store_traffic="traffic_date",
        call_center="call_date",
    ),
    alive("oa", ADMINISTRATION, approval_step="started_at", fact_finance="finance_date"),
    owner=ADMINISTRATION,
    key=("system", "table_name", "load"),
)


ERP = (
    staged(
        "erp.sales_order_header",
        SALES,
        day="order_date",
        daily=True,
        totals={
            "subtotal": "SubTotal",
            "tax_amount": "TaxAmt",
            "freight": "Freight",
            "total_due": "TotalDue",
        },
    ),
    staged("erp.sales_order_detail", SALES, totals={"quantity": "OrderQty", "line_total": "LineTotal"}),
    staged("erp.product", PRODUCTION),
    staged("erp.product_category", PRODUCTION, key=("product_category_id",)),
    staged("erp.product_subcategory", PRODUCTION, key=("product_subcategory_id",)),
    staged("erp.product_cost_history", FINANCE, key=("product_id", "start_date")),
    staged(
        "erp.product_inventory", WAREHOUSE, key=("product_id", "location_id"), totals={"quantity": "Quantity"}
    ),
    staged(
        "erp.inventory_snapshot",
        WAREHOUSE,
        day="snapshot_date",
        totals={"quantity": "Quantity"},
    ),
    staged("erp.location", PRODUCTION),
    staged("erp.scrap_reason", PRODUCTION),
    staged(
        "erp.work_order",
        PRODUCTION,
        day="start_date",
        daily=True,
        totals={
            "planned_quantity": "OrderQty",
            "stocked_quantity": "StockedQty",
            "scrapped_quantity": "ScrappedQty",
        },
    ),
    staged(
        "erp.work_order_routing",
        PRODUCTION,
        day="actual_start_date",
        daily=True,
        totals={
            "resource_hours": "ActualResourceHrs",
            "planned_cost": "PlannedCost",
            "actual_cost": "ActualCost",
        },
    ),
    staged("erp.vendor", PURCHASING),
    staged(
        "erp.purchase_order_header",
        PURCHASING,
        day="order_date",
        daily=True,
        totals={
            "subtotal": "SubTotal",
            "tax_amount": "TaxAmt",
            "freight": "Freight",
            "total_due": "TotalDue",
        },
    ),
    staged(
        "erp.purchase_order_detail",
        PURCHASING,
        totals={
            "ordered_quantity": "OrderQty",
            "line_total": "LineTotal",
            "received_quantity": "ReceivedQty",
            "rejected_quantity": "RejectedQty",
            "stocked_quantity": "StockedQty",
        },
    ),
    staged("erp.ship_method", WAREHOUSE),
    staged("erp.special_offer", MARKETING),
    staged(
        "erp.machine_run_time",
        PRODUCTION,
        day="run_date",
        daily=True,
        totals={
            "planned_minutes": "PlannedMinutes",
            "run_minutes": "RunMinutes",
            "down_minutes": "DownMinutes",
            "good_units": "GoodUnits",
            "total_units": "TotalUnits",
        },
    ),
)

CRM = (
    staged("crm.customer", SALES),
    staged("crm.person", SALES, key=("person_id",)),
    staged("crm.store", RETAIL),
    staged("crm.sales_territory", SALES),
    staged("crm.sales_person", SALES),
    staged("crm.sales_person_quota_history", SALES, totals={"quota_amount": "SalesQuota"}),
    staged("crm.campaign", MARKETING, totals={"budget_amount": "Budget", "cost_amount": "Cost"}),
    staged("crm.lead", MARKETING, day="created_date", daily=True),
    staged("crm.opportunity", SALES, day="created_date", daily=True, totals={"amount": "Amount"}),
    staged(
        "crm.service_ticket",
        CUSTOMER_SERVICE,
        day="opened_at",
        daily=True,
        totals={"contact_count": "ContactCount"},
    ),
    staged(
        "crm.call_center",
        CUSTOMER_SERVICE,
        totals={
            "calls": "Calls",
            "automatic_responses": "AutomaticResponses",
            "orders": "Orders",
            "issues_raised": "IssuesRaised",
        },
    ),
    staged(
        "crm.store_traffic",
        RETAIL,
        day="traffic_date",
        daily=True,
        totals={
            "visitors": "Visitors",
            "transactions": "Transactions",
            "promotion_visitors": "PromotionVisitors",
        },
    ),
)

OA = (
    staged("oa.department", PEOPLE),
    staged("oa.employee", PEOPLE),
    staged(
        "oa.employee_department_history",
        PEOPLE,
        key=("employee_id", "department_id", "shift_id", "start_date"),
    ),
    staged("oa.approval_step", ADMINISTRATION, day="started_at", daily=True, totals={"amount": "Amount"}),
    staged("oa.project", ADMINISTRATION),
    staged("oa.fact_finance", FINANCE, key=("finance_key",), totals={"amount": "Amount"}),
    staged("oa.dim_account", FINANCE, key=("account_key",)),
    staged("oa.dim_organization", FINANCE, key=("organization_key",)),
    staged("oa.dim_department_group", FINANCE, key=("department_group_key",)),
    staged("oa.dim_scenario", FINANCE, key=("scenario_key",)),
)

DESCRIBED = tuple(each for group in (*ERP, *CRM, *OA) for each in group)
