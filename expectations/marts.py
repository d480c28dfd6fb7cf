"""What must be true of the marts, the tables that figures are computed from.

Keys identify rows, totals are those of the rows that staging kept, arithmetic holds, values are possible.
Keys that point nowhere are told as warnings: the row is kept, and shows under an empty member.
"""

from expectations.owners import (
    ADMINISTRATION,
    CUSTOMER_SERVICE,
    FINANCE,
    MARKETING,
    PEOPLE,
    PRODUCTION,
    PURCHASING,
    RETAIL,
    SALES,
    WAREHOUSE,
)
from expectations.targets import LIGHT_THRESHOLDS, PERIOD_TARGETS
from plumbline.quality import (
    Expectation,
    StageSuites,
    Suite,
    between,
    critical,
    evidence,
    holds,
    matches,
    never_empty,
    not_before,
    not_in_the_future,
    one_of,
    refers_to,
    rows_agree,
    rows_and_totals_agree,
    suite,
    totals_agree,
    unique,
    warning,
)
from plumbline.quality.rules import Rule


def mart(
    name: str, *expectations: tuple[Expectation, ...], owner: str, key: str, needs: tuple[str, ...] | str
) -> Suite:
    """Expect what holds for every mart: its key identifies a row. Then what holds for this one."""
    return suite(
        f"marts.{name}",
        critical(
            unique(key),
            never_empty(key),
            why="A row that is there twice counts twice.",
            todo="Run again with --full; if it stays, the model joins rows that multiply.",
        ),
        *expectations,
        owner=owner,
        key=key,
        needs=needs,
    )


def same_as_staged(*rules: Rule | tuple[Rule, ...]) -> tuple[Expectation, ...]:
    """Rows and totals are those that staging kept: nothing is lost or doubled on the way to the mart."""
    return critical(
        *rules,
        why="Figures rest on every row that was kept, and on nothing else.",
        todo="Run again with --full; if it stays, the model loses or multiplies rows.",
    )


def known(*rules: Rule) -> tuple[Expectation, ...]:
    """Keys are found in the table that they point to."""
    return warning(
        *rules,
        why="The row counts in totals, but under no name when figures are broken down.",
        todo="Have the missing master record entered, or the key corrected.",
    )


def possible(*rules: Rule | tuple[Rule, ...], why: str = "") -> tuple[Expectation, ...]:
    """Values that cannot be otherwise in any business."""
    return critical(
        *rules,
        why=why or "The value is impossible, so the figures that use it are wrong.",
        todo="See the example rows; mend them at their source, or the rule that reads them.",
    )


def plausible(*rules: Rule | tuple[Rule, ...], why: str = "") -> tuple[Expectation, ...]:
    """Values that are rarely otherwise, and then deserve a look."""
    return warning(
        *rules,
        why=why or "The value is unlikely; most often it was entered wrongly.",
        todo="See the example rows; mend them at their source when they are wrong.",
    )


def suites() -> StageSuites:
    """Give the suites of the marts."""
    planning = (PERIOD_TARGETS, LIGHT_THRESHOLDS)
    return StageSuites(
        "marts", SALES_MARTS + CUSTOMER_MARTS + PRODUCTION_MARTS + PURCHASING_MARTS + PEOPLE_MARTS + planning
    )


# Staging keeps a line only with its order. Looking for the few orders to come is quicker than for all others.
ORDERS_TO_DATE = (
    "order_id not in (select order_id from staging.stg_erp__sales_order_header where order_date > :as_of)"
)
OF_ORDERS_TO_DATE = "for orders up to the day that figures are as of"

ORDER_TOTALS_ARE_THOSE_OF_THEIR_LINES = evidence(
    """
    select
        count(*) as evaluated,
        count(*) filter (where abs(orders.subtotal - lines.net_amount) > 0.01) as unexpected,
        'they differ by ' || sum(orders.subtotal - lines.net_amount) || ' in all' as observed
    from marts.orders as orders
    inner join (
        select order_id, sum(net_amount) as net_amount from marts.order_lines group by order_id
    ) as lines on orders.order_id = lines.order_id
    """,
    "the subtotal of an order is the sum of its lines",
    about=("subtotal",),
    # A line has the date of its order.
    within=("marts.orders", "marts.order_lines"),
    show="""
    select orders.order_id, orders.subtotal, lines.net_amount
    from marts.orders as orders
    inner join (
        select order_id, sum(net_amount) as net_amount from marts.order_lines group by order_id
    ) as lines on orders.order_id = lines.order_id
    where abs(orders.subtotal - lines.net_amount) > 0.01
    order by orders.order_id
    """,
    mostly=0.95,
)

SALES_MARTS = (
    mart(
        "order_lines",
        same_as_staged(
            rows_and_totals_agree(
                "staging.stg_erp__sales_order_detail",
                where=ORDERS_TO_DATE,
                rows=OF_ORDERS_TO_DATE,
                quantity="quantity",
                net_amount="line_total",
            ),
        ),
        possible(
            refers_to("order_id", "marts.orders.order_id"),
            not_in_the_future("order_date"),
            one_of("channel", "online", "sales_person"),
            between("unit_price", 0),
            between("unit_discount", 0, 1),
        ),
        possible(
            holds("gross_amount = unit_price * quantity"),
            holds("gross_profit = net_amount - cost_amount"),
            holds("refund_amount = case when quantity < 0 then -net_amount else 0 end"),
            why="Figures that are computed from one another must agree to the last digit.",
        ),
        plausible(
            holds("abs(net_amount - (gross_amount - discount_amount)) <= 0.01"),
            why="The amount charged is that of price, quantity and discount, to the cent.",
        ),
        plausible(holds("quantity <> 0"), never_empty("unit_cost", mostly=0.99)),
        known(
            refers_to("product_id", "marts.products.product_id"),
            refers_to("special_offer_id", "marts.special_offers.special_offer_id"),
        ),
        owner=SALES,
        key="order_line_id",
        needs=("erp.sales_order_detail", "erp.sales_order_header"),
    ),
    mart(
        "orders",
        same_as_staged(
            rows_and_totals_agree(
                "staging.stg_erp__sales_order_header",
                where="order_date <= :as_of",
                subtotal="subtotal",
                tax_amount="tax_amount",
                freight="freight",
                total_due="total_due",
            ),
        ),
        possible(
            not_in_the_future("order_date"),
            not_before("due_date", "order_date"),
            not_before("ship_date", "order_date"),
            one_of("channel", "online", "sales_person"),
            between("status", 1, 6),
            between("customer_order_number", 1),
        ),
        plausible(
            holds("abs(total_due - (subtotal + tax_amount + freight)) <= 0.01"),
            why="What the customer owes is the subtotal with tax and freight, to the cent.",
        ),
        warning(
            ORDER_TOTALS_ARE_THOSE_OF_THEIR_LINES,
            why="Revenue by order and net sales by line would tell two stories.",
            todo="See the orders shown: some of their lines were set aside or have not arrived.",
            dimension="accuracy",
            needs=("erp.sales_order_detail",),
        ),
        known(
            refers_to("customer_id", "marts.customers.customer_id"),
            refers_to("territory_id", "marts.territories.territory_id"),
            refers_to("sales_person_id", "marts.sales_people.sales_person_id"),
            refers_to("ship_method_id", "marts.ship_methods.ship_method_id"),
        ),
        owner=SALES,
        key="order_id",
        needs="erp.sales_order_header",
    ),
    mart(
        "products",
        same_as_staged(rows_agree("staging.stg_erp__product")),
        possible(never_empty("name"), between("standard_cost", 0), between("list_price", 0)),
        plausible(between("safety_stock", 0)),
        owner=PRODUCTION,
        key="product_id",
        needs="erp.product",
    ),
    mart(
        "territories",
        possible(never_empty("name")),
        plausible(matches("country_code", "^[A-Z]{2}$")),
        owner=SALES,
        key="territory_id",
        needs="crm.sales_territory",
    ),
    mart(
        "sales_people",
        plausible(never_empty("name")),
        known(refers_to("territory_id", "marts.territories.territory_id")),
        owner=SALES,
        key="sales_person_id",
        needs="crm.sales_person",
    ),
    mart(
        "sales_quotas",
        same_as_staged(
            rows_and_totals_agree(
                "staging.stg_crm__sales_person_quota_history",
                where="quota_date <= :as_of",
                quota_amount="quota_amount",
            ),
        ),
        possible(
            between("quota_amount", 0),
            not_before("quota_end_date", "quota_date"),
            not_in_the_future("quota_date"),
        ),
        known(refers_to("sales_person_id", "marts.sales_people.sales_person_id")),
        owner=SALES,
        key="sales_quota_id",
        needs="crm.sales_person_quota_history",
    ),
    mart(
        "special_offers",
        possible(never_empty("name")),
        owner=MARKETING,
        key="special_offer_id",
        needs="erp.special_offer",
    ),
    mart(
        "ship_methods",
        possible(never_empty("name")),
        owner=WAREHOUSE,
        key="ship_method_id",
        needs="erp.ship_method",
    ),
    mart("stores", possible(never_empty("name")), owner=RETAIL, key="store_id", needs="crm.store"),
    mart(
        "store_traffic",
        same_as_staged(
            rows_and_totals_agree(
                "staging.stg_crm__store_traffic",
                where="traffic_date <= :as_of",
                visitors="visitors",
                transactions="transactions",
            ),
        ),
        possible(between("visitors", 0), not_in_the_future("traffic_date")),
        plausible(holds("transactions <= visitors"), holds("promotion_visitors <= visitors")),
        known(refers_to("store_id", "marts.stores.store_id")),
        owner=RETAIL,
        key="store_traffic_id",
        needs="crm.store_traffic",
    ),
    mart(
        "budgets",
        same_as_staged(
            rows_and_totals_agree(
                "staging.stg_oa__fact_finance", where="finance_date <= :as_of", amount="amount"
            )
        ),
        possible(
            never_empty("account_name", "scenario", mostly=0.99),
            not_in_the_future("finance_date"),
            holds("actual_amount = 0 or budget_amount = 0"),
        ),
        plausible(one_of("scenario", "Actual", "Budget", "Forecast")),
        owner=FINANCE,
        key="budget_id",
        needs=("oa.fact_finance", "oa.dim_account", "oa.dim_scenario"),
    ),
)

CUSTOMER_MARTS = (
    mart(
        "customers",
        same_as_staged(rows_agree("staging.stg_crm__customer")),
        same_as_staged(
            totals_agree(
                "marts.orders",
                where="customer_id in (select customer_id from marts.customers)",
                lifetime_sales="subtotal",
            )
        ),
        possible(
            one_of("customer_type", "person", "store"),
            not_before("last_order_date", "first_order_date"),
            holds("has_ordered = case when order_count >= 1 then 1 else 0 end"),
            holds("is_repeat = case when order_count >= 2 then 1 else 0 end"),
        ),
        known(refers_to("territory_id", "marts.territories.territory_id")),
        plausible(never_empty("name", mostly=0.9)),
        owner=SALES,
        key="customer_id",
        needs=("crm.customer", "erp.sales_order_header"),
    ),
    mart(
        "leads",
        same_as_staged(rows_agree("staging.stg_crm__lead", where="created_date <= :as_of")),
        possible(not_before("converted_date", "created_date"), one_of("is_converted", 0, 1)),
        known(
            refers_to("campaign_id", "marts.campaigns.campaign_id"),
            refers_to("territory_id", "marts.territories.territory_id"),
        ),
        owner=MARKETING,
        key="lead_id",
        needs="crm.lead",
    ),
    mart(
        "opportunities",
        same_as_staged(
            rows_and_totals_agree(
                "staging.stg_crm__opportunity", where="created_date <= :as_of", amount="amount"
            )
        ),
        possible(
            between("amount", 0),
            not_before("closed_date", "created_date"),
            holds("is_won = 0 or is_closed = 1", "what is won is closed"),
            holds("won_amount = amount * is_won"),
        ),
        known(
            refers_to("lead_id", "marts.leads.lead_id"),
            refers_to("customer_id", "marts.customers.customer_id"),
            refers_to("sales_person_id", "marts.sales_people.sales_person_id"),
        ),
        owner=SALES,
        key="opportunity_id",
        needs="crm.opportunity",
    ),
    mart(
        "campaigns",
        possible(
            between("cost_amount", 0), between("budget_amount", 0), not_before("end_date", "start_date")
        ),
        owner=MARKETING,
        key="campaign_id",
        needs="crm.campaign",
    ),
    mart(
        "tickets",
        same_as_staged(
            rows_agree("staging.stg_crm__service_ticket", where="cast(opened_at as date) <= :as_of")
        ),
        possible(
            between("satisfaction", 1, 5),
            not_before("first_response_at", "opened_at"),
            not_before("resolved_at", "opened_at"),
            one_of("is_complaint", 0, 1),
            not_in_the_future("opened_date"),
        ),
        plausible(between("contact_count", 1), never_empty("channel", "category", mostly=0.99)),
        known(
            refers_to("customer_id", "marts.customers.customer_id"),
            refers_to("product_id", "marts.products.product_id"),
            refers_to("employee_id", "marts.employees.employee_id"),
        ),
        owner=CUSTOMER_SERVICE,
        key="ticket_id",
        needs="crm.service_ticket",
    ),
    mart(
        "calls",
        same_as_staged(
            rows_and_totals_agree(
                "staging.stg_crm__call_center",
                where="call_date <= :as_of",
                calls="calls",
                issues_raised="issues_raised",
            )
        ),
        possible(between("calls", 0), holds("abandoned_calls between 0 and calls")),
        owner=CUSTOMER_SERVICE,
        key="call_id",
        needs="crm.call_center",
    ),
)

PRODUCTION_MARTS = (
    mart(
        "work_orders",
        same_as_staged(
            rows_and_totals_agree(
                "staging.stg_erp__work_order",
                where="start_date <= :as_of",
                planned_quantity="planned_quantity",
                stocked_quantity="stocked_quantity",
                scrapped_quantity="scrapped_quantity",
            ),
        ),
        possible(
            between("planned_quantity", 0),
            between("scrapped_quantity", 0),
            not_before("end_date", "start_date"),
            not_before("due_date", "start_date"),
            holds("stocked_quantity + scrapped_quantity <= planned_quantity"),
        ),
        known(
            refers_to("product_id", "marts.products.product_id"),
            refers_to("scrap_reason_id", "marts.scrap_reasons.scrap_reason_id"),
        ),
        owner=PRODUCTION,
        key="work_order_id",
        needs="erp.work_order",
    ),
    mart(
        "work_order_steps",
        same_as_staged(
            rows_and_totals_agree(
                "staging.stg_erp__work_order_routing",
                where="actual_start_date <= :as_of",
                resource_hours="resource_hours",
                actual_cost="actual_cost",
                planned_cost="planned_cost",
            )
        ),
        possible(
            between("resource_hours", 0),
            between("actual_cost", 0),
            not_before("actual_end_date", "actual_start_date"),
            not_before("scheduled_end_date", "scheduled_start_date"),
        ),
        known(
            refers_to("work_order_id", "marts.work_orders.work_order_id"),
            refers_to("location_id", "marts.locations.location_id"),
        ),
        owner=PRODUCTION,
        key="work_order_step_id",
        needs="erp.work_order_routing",
    ),
    mart(
        "inventory_daily",
        possible(
            not_in_the_future("snapshot_date"),
            holds("inventory_value = quantity * standard_cost"),
            holds("is_stock_out = case when quantity <= 0 then 1 else 0 end"),
        ),
        plausible(between("quantity", 0)),
        known(
            refers_to("product_id", "marts.products.product_id"),
            refers_to("location_id", "marts.locations.location_id"),
        ),
        owner=WAREHOUSE,
        key="inventory_id",
        needs=("erp.product_inventory", "erp.product"),
    ),
    mart(
        "machine_days",
        same_as_staged(
            rows_and_totals_agree(
                "staging.stg_erp__machine_run_time",
                where="run_date <= :as_of",
                run_minutes="run_minutes",
                good_units="good_units",
                total_units="total_units",
            )
        ),
        possible(
            between("planned_minutes", 0, 1440),
            between("run_minutes", 0, 1440),
            holds("good_units <= total_units"),
        ),
        known(refers_to("location_id", "marts.locations.location_id")),
        owner=PRODUCTION,
        key="machine_day_id",
        needs="erp.machine_run_time",
    ),
    mart(
        "locations",
        possible(never_empty("name"), between("cost_rate", 0)),
        owner=PRODUCTION,
        key="location_id",
        needs="erp.location",
    ),
    mart(
        "scrap_reasons",
        possible(never_empty("name")),
        owner=PRODUCTION,
        key="scrap_reason_id",
        needs="erp.scrap_reason",
    ),
)

PURCHASING_MARTS = (
    mart(
        "purchase_orders",
        same_as_staged(
            rows_and_totals_agree(
                "staging.stg_erp__purchase_order_header", subtotal="subtotal", total_due="total_due"
            ),
        ),
        possible(between("status", 1, 4), not_before("ship_date", "order_date")),
        plausible(
            holds("abs(total_due - (subtotal + tax_amount + freight)) <= 0.01"),
            why="What is owed is the subtotal with tax and freight, to the cent.",
        ),
        known(
            refers_to("vendor_id", "marts.vendors.vendor_id"),
            refers_to("employee_id", "marts.employees.employee_id"),
            refers_to("ship_method_id", "marts.ship_methods.ship_method_id"),
        ),
        owner=PURCHASING,
        key="purchase_order_id",
        needs="erp.purchase_order_header",
    ),
    mart(
        "purchase_order_lines",
        same_as_staged(
            rows_and_totals_agree(
                "staging.stg_erp__purchase_order_detail",
                ordered_quantity="ordered_quantity",
                received_quantity="received_quantity",
                rejected_quantity="rejected_quantity",
                line_amount="line_total",
            ),
        ),
        possible(
            refers_to("purchase_order_id", "marts.purchase_orders.purchase_order_id"),
            between("ordered_quantity", 0),
            between("unit_price", 0),
            holds("rejected_quantity <= received_quantity"),
        ),
        plausible(
            holds("abs(line_amount - ordered_quantity * unit_price) <= 0.01"),
            why="The amount of a line is its quantity at its price, to the cent.",
        ),
        known(refers_to("product_id", "marts.products.product_id")),
        owner=PURCHASING,
        key="purchase_order_line_id",
        needs=("erp.purchase_order_detail", "erp.purchase_order_header"),
    ),
    mart(
        "vendors",
        possible(never_empty("name"), between("credit_rating", 1, 5)),
        owner=PURCHASING,
        key="vendor_id",
        needs="erp.vendor",
    ),
)

PEOPLE_MARTS = (
    mart(
        "employees",
        same_as_staged(rows_agree("staging.stg_oa__employee")),
        plausible(not_before("hire_date", "birth_date"), not_in_the_future("hire_date")),
        known(refers_to("department_id", "marts.departments.department_id")),
        owner=PEOPLE,
        key="employee_id",
        needs="oa.employee",
    ),
    mart(
        "departments",
        possible(never_empty("name")),
        owner=PEOPLE,
        key="department_id",
        needs="oa.department",
    ),
    mart(
        "employee_departments",
        possible(not_before("valid_to", "valid_from")),
        known(
            refers_to("employee_id", "marts.employees.employee_id"),
            refers_to("department_id", "marts.departments.department_id"),
        ),
        owner=PEOPLE,
        key="employee_department_id",
        needs="oa.employee_department_history",
    ),
    mart(
        "headcount_snapshots",
        possible(not_in_the_future("snapshot_date")),
        known(refers_to("department_id", "marts.departments.department_id")),
        owner=PEOPLE,
        key="headcount_snapshot_id",
        needs="oa.employee_department_history",
    ),
    mart(
        "approval_steps",
        same_as_staged(
            rows_agree("staging.stg_oa__approval_step", where="cast(started_at as date) <= :as_of")
        ),
        possible(
            not_before("ended_at", "started_at"),
            between("waiting_minutes", 0),
            between("processing_minutes", 0),
            refers_to("request_id", "marts.approvals.request_id"),
        ),
        plausible(one_of("outcome", "approved", "rejected", "returned", "pending")),
        known(
            refers_to("department_id", "marts.departments.department_id"),
            refers_to("actor_id", "marts.employees.employee_id"),
        ),
        owner=ADMINISTRATION,
        key="approval_step_id",
        needs="oa.approval_step",
    ),
    mart(
        "approvals",
        possible(
            not_before("completed_at", "submitted_at"),
            between("step_count", 1),
            holds(
                "is_within_sla = 0 or is_completed = 1", "only what is completed is within its service level"
            ),
        ),
        known(refers_to("department_id", "marts.departments.department_id")),
        owner=ADMINISTRATION,
        key="request_id",
        needs="oa.approval_step",
    ),
    mart(
        "projects",
        plausible(not_before("planned_end", "planned_start")),
        known(refers_to("department_id", "marts.departments.department_id")),
        owner=ADMINISTRATION,
        key="project_id",
        needs="oa.project",
    ),
)
