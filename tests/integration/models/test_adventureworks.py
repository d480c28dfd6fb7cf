"""The marts of AdventureWorks against independent SQL over its files: every definition, every dimension."""

import shutil
from decimal import Decimal

import duckdb
import pytest

from orchestration.dbt_runner import BUILD, Dbt
from plumbline.project import Home
from tests.companies import ADVENTUREWORKS

FILES = {
    "orders": ("erp/Sales_SalesOrderHeader", "OrderDate::date as day, OnlineOrderFlag = '1' as online"),
    "lines": ("erp/Sales_SalesOrderDetail", "OrderQty::int as qty, UnitPrice::decimal(18,4) as price"),
    "products": ("erp/Production_Product", "StandardCost::decimal(18,4) as cost"),
    "categories": ("erp/Production_ProductCategory", ""),
    "subcategories": ("erp/Production_ProductSubcategory", ""),
    "costs": (
        "erp/Production_ProductCostHistory",
        "StartDate::date as starts, EndDate::date as ends, StandardCost::decimal(18,4) as cost",
    ),
    "inventory": ("erp/Production_ProductInventory", ""),
    "locations": ("erp/Production_Location", ""),
    "scrap_reasons": ("erp/Production_ScrapReason", ""),
    "work_orders": ("erp/Production_WorkOrder", "StartDate::date as day"),
    "steps": ("erp/Production_WorkOrderRouting", "ActualStartDate::date as day"),
    "vendors": ("erp/Purchasing_Vendor", ""),
    "purchase_orders": ("erp/Purchasing_PurchaseOrderHeader", "OrderDate::date as day"),
    "purchase_lines": ("erp/Purchasing_PurchaseOrderDetail", ""),
    "territories": ("crm/Sales_SalesTerritory", ""),
    "quotas": ("crm/Sales_SalesPersonQuotaHistory", "QuotaDate::date as day"),
    "calls": ("crm/DW_FactCallCenter", "Date::date as day"),
    "departments": ("oa/HumanResources_Department", ""),
    "history": ("oa/HumanResources_EmployeeDepartmentHistory", ""),
}

PRODUCT_OF = """
    left join products p using (ProductID) left join subcategories s using (ProductSubcategoryID)
    left join categories c using (ProductCategoryID)
"""
MART_PRODUCT = "left join marts.products p using (product_id)"

# Each case: what, the grouping and measures of the mart, the same over the CSV files.
LINES = (
    "count(*), sum(quantity), sum(net_amount), sum(gross_amount), sum(discount_amount), sum(gross_profit)",
    f"marts.order_lines l {MART_PRODUCT} left join marts.territories t using (territory_id)",
    """count(*), sum(qty), sum(LineTotal::decimal(18,6)), sum(price * qty),
       sum(price * qty * UnitPriceDiscount::decimal(9,4)),
       sum(LineTotal::decimal(18,6) - qty * coalesce(
           (select h.cost from costs h where h.ProductID = l.ProductID
            and h.starts <= o.day and (h.ends is null or o.day <= h.ends)), p.cost))""",
    f"lines l join orders o using (SalesOrderID) {PRODUCT_OF} left join territories t using (TerritoryID)",
)
ORDERS = (
    """count(*), sum(subtotal), sum(total_due), count(distinct customer_id), sum(days_to_ship),
       count(days_to_ship), count(*) filter (is_on_time)""",
    "marts.orders o left join marts.territories t using (territory_id)",
    """count(*), sum(SubTotal::decimal(18,4)), sum(TotalDue::decimal(18,4)), count(distinct CustomerID),
       sum(ShipDate::date - day), count(ShipDate), count(*) filter (ShipDate::date <= DueDate::date)""",
    "orders o left join territories t using (TerritoryID)",
)
WORK_ORDERS = (
    """count(*), sum(planned_quantity), sum(stocked_quantity), sum(scrapped_quantity), sum(is_on_time),
       sum(cycle_days), count(cycle_days)""",
    f"marts.work_orders w {MART_PRODUCT} left join marts.scrap_reasons r using (scrap_reason_id)",
    """count(*), sum(OrderQty::int), sum(StockedQty::int), sum(ScrappedQty::int),
       count(*) filter (EndDate::date <= DueDate::date), sum(EndDate::date - day), count(EndDate)""",
    f"work_orders w {PRODUCT_OF} left join scrap_reasons r using (ScrapReasonID)",
)
STEPS = (
    "sum(resource_hours), sum(actual_cost), sum(is_on_schedule), count(*)",
    f"marts.work_order_steps w {MART_PRODUCT} left join marts.locations g using (location_id)",
    """sum(ActualResourceHrs::decimal(18,4)), sum(ActualCost::decimal(18,4)),
       count(*) filter (ActualEndDate::date <= ScheduledEndDate::date), count(*)""",
    f"steps w {PRODUCT_OF} left join locations g using (LocationID)",
)
PURCHASE_ORDERS = (
    "count(*), sum(total_due), sum(is_approved), sum(is_decided)",
    "marts.purchase_orders o left join marts.vendors v using (vendor_id)",
    """count(*), sum(TotalDue::decimal(18,4)), count(*) filter (Status in ('2', '4')),
       count(*) filter (Status in ('2', '3', '4'))""",
    "purchase_orders o left join vendors v on o.VendorID = v.BusinessEntityID",
)
PURCHASE_LINES = (
    "sum(received_quantity), sum(ordered_quantity), sum(rejected_quantity), count(*)",
    f"marts.purchase_order_lines l {MART_PRODUCT} left join marts.vendors v using (vendor_id)",
    """sum(ReceivedQty::decimal(18,2)), sum(OrderQty::int), sum(RejectedQty::decimal(18,2)), count(*)""",
    f"""purchase_lines l join purchase_orders o using (PurchaseOrderID) {PRODUCT_OF}
        left join vendors v on o.VendorID = v.BusinessEntityID""",
)
INVENTORY = (
    "sum(quantity), sum(inventory_value)",
    f"marts.inventory_daily i {MART_PRODUCT} left join marts.locations g using (location_id)",
    "sum(Quantity::int), sum(Quantity::int * p.cost)",
    f"inventory i {PRODUCT_OF} left join locations g using (LocationID)",
)
QUOTAS = (
    "count(*), sum(quota_amount), sum(attained_amount)",
    "marts.sales_quotas q",
    """count(*), sum(SalesQuota::decimal(18,4)), coalesce(sum((
           select sum(SubTotal::decimal(18,4)) from orders o
           where o.SalesPersonID = q.BusinessEntityID and o.day >= q.day and o.day < coalesce(
               (select min(day) from quotas n where n.day > q.day), date '2014-06-01'))), 0)""",
    "quotas q",
)
CALLS = (
    "sum(calls), sum(issues_raised), sum(abandoned_calls)",
    "marts.calls",
    """sum(Calls::int), sum(IssuesRaised::int),
       sum(Calls::int * round(ServiceGrade::double, 6)::decimal(18,6))""",
    "calls",
)
CASES = [
    ("lines", LINES, "1", "1"),
    ("lines by month", LINES, "date_trunc('month', order_date)", "date_trunc('month', o.day)"),
    ("lines by category", LINES, "p.category", "c.Name"),
    ("lines by subcategory", LINES, "p.subcategory", "s.Name"),
    ("lines by product", LINES, "p.name", "p.Name"),
    ("lines by territory", LINES, "t.name", "t.Name"),
    ("lines by channel", LINES, "channel", "if(o.online, 'online', 'sales_person')"),
    ("lines by customer", LINES, "customer_id", "o.CustomerID::int"),
    ("lines by sales person", LINES, "sales_person_id", "o.SalesPersonID::int"),
    ("orders", ORDERS, "1", "1"),
    ("orders by day", ORDERS, "order_date", "day"),
    ("orders by territory", ORDERS, "t.name", "t.Name"),
    ("orders by channel", ORDERS, "channel", "if(online, 'online', 'sales_person')"),
    ("orders by customer", ORDERS, "customer_id", "CustomerID::int"),
    ("orders by sales person", ORDERS, "sales_person_id", "SalesPersonID::int"),
    ("work orders", WORK_ORDERS, "1", "1"),
    ("work orders by month", WORK_ORDERS, "date_trunc('month', start_date)", "date_trunc('month', day)"),
    ("work orders by category", WORK_ORDERS, "p.category", "c.Name"),
    ("work orders by product", WORK_ORDERS, "p.name", "p.Name"),
    ("work orders by scrap reason", WORK_ORDERS, "r.name", "r.Name"),
    ("steps by month", STEPS, "date_trunc('month', actual_start_date)", "date_trunc('month', day)"),
    ("steps by location", STEPS, "g.name", "g.Name"),
    ("purchase orders", PURCHASE_ORDERS, "1", "1"),
    (
        "purchase orders by month",
        PURCHASE_ORDERS,
        "date_trunc('month', order_date)",
        "date_trunc('month', day)",
    ),
    ("purchase orders by vendor", PURCHASE_ORDERS, "v.name", "v.Name"),
    ("purchase orders by status", PURCHASE_ORDERS, "status", "Status::int"),
    ("purchase lines by vendor", PURCHASE_LINES, "v.name", "v.Name"),
    (
        "purchase lines by month",
        PURCHASE_LINES,
        "date_trunc('month', order_date)",
        "date_trunc('month', day)",
    ),
    ("purchase lines by subcategory", PURCHASE_LINES, "p.subcategory", "s.Name"),
    ("inventory by location", INVENTORY, "g.name", "g.Name"),
    ("inventory by category", INVENTORY, "p.category", "c.Name"),
    ("inventory by day", INVENTORY, "snapshot_date", "date '2014-06-30'"),
    ("quotas by date and person", QUOTAS, "(sales_person_id, quota_date)", "(BusinessEntityID::int, day)"),
    ("calls by day", CALLS, "call_date", "day"),
    (
        "new customers by month",
        (
            "count(*)",
            "marts.customers",
            "count(*)",
            "(select min(day) as day from orders group by CustomerID)",
        ),
        "date_trunc('month', first_order_date)",
        "date_trunc('month', day)",
    ),
    (
        "headcount by department",
        (
            "count(distinct employee_id)",
            "marts.headcount_snapshots h left join marts.departments d using (department_id)",
            "count(distinct BusinessEntityID)",
            "history h left join departments d using (DepartmentID)",
        ),
        "d.name",
        "d.Name",
    ),
]
WHERE = {"new customers by month": ("has_ordered = 1", "true"), "headcount by department": (
    "snapshot_date = date '2014-06-30'", "EndDate is null"
)}  # fmt: skip


@pytest.fixture(scope="module")
def marts(adventureworks):
    """The warehouse of the company as it ran."""
    warehouse = Home(adventureworks / "adventureworks").warehouse
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def files():
    """The CSV files themselves, in a database of their own."""
    with duckdb.connect() as connection:
        for name, (file, columns) in FILES.items():
            connection.execute(
                f"create table {name} as select *{', ' + columns if columns else ''} "
                f"from read_csv('{ADVENTUREWORKS}/{file}.csv', header = true, all_varchar = true)"
            )
        yield connection


def grouped(connection, group, measures, source, where):
    rows = connection.execute(
        f"select {group}, {measures} from {source} where {where} group by {group}"
    ).fetchall()
    return sorted(((str(first), *map(exact, rest)) for first, *rest in rows), key=repr)


def exact(value):
    return value.normalize() if isinstance(value, Decimal) else value


@pytest.mark.parametrize(("what", "case", "group", "file_group"), CASES, ids=[case[0] for case in CASES])
def test_a_mart_gives_what_the_files_give(marts, files, what, case, group, file_group):
    measures, source, file_measures, file_source = case
    where, file_where = WHERE.get(what, ("true", "true"))
    found = grouped(marts, group, measures, source, where)
    assert found == grouped(files, file_group, file_measures, file_source, file_where)
    assert found


def test_the_published_totals_of_the_company(marts):
    def one(sql):
        return marts.execute(f"select {sql}").fetchone()

    assert one("count(*), sum(total_due) from marts.orders") == (31465, Decimal("123216786.1159"))
    assert one("count(*), sum(quantity), sum(net_amount) from marts.order_lines") == (
        121317,
        274914,
        Decimal("109846381.399888"),
    )
    assert one("count(*), sum(planned_quantity), sum(scrapped_quantity) from marts.work_orders") == (
        72591,
        4507721,
        10651,
    )
    assert one("count(*), sum(quota_amount) from marts.sales_quotas") == (163, 95714000)
    assert one("count(*) from marts.purchase_orders") == (4012,)


@pytest.mark.parametrize("threads", [1, pytest.param(4, marks=pytest.mark.long)])
def test_the_number_of_threads_changes_nothing(adventureworks, threads, project, manifest, digests, tmp_path):
    """The company ran on as many as there are cores."""
    copy = Home(tmp_path / "copy")
    shutil.copytree(adventureworks / "adventureworks", copy.root, symlinks=True)
    as_it_ran = digests(copy)
    Dbt(project, copy, threads=threads, manifest=manifest).invoke([*BUILD, "--full-refresh"])
    assert digests(copy) == as_it_ran


def test_repeat_purchase_rate_counts_customers_with_two_orders(marts, files):
    found = marts.execute("select sum(is_repeat), sum(has_ordered) from marts.customers").fetchone()
    orders = "select count(*) as orders from orders group by CustomerID"
    expected = f"select count(*) filter (orders >= 2), count(*) from ({orders})"
    assert found == files.execute(expected).fetchone()


def test_every_row_is_kept(marts):
    totals = "select sum(landed), sum(landed - staged) from quarantine.reconciliation"
    assert marts.execute(totals).fetchone() == (388462, 0)


def test_what_the_company_lacks_is_empty(marts):
    for mart in ("leads", "opportunities", "tickets", "approvals", "store_traffic", "machine_days"):
        assert marts.execute(f"select count(*) from marts.{mart}").fetchone() == (0,)
