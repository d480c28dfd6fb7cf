"""The figures of a real company are exactly what independent SQL over its files says."""

import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from plumbline.compiler import compile
from plumbline.indicators import Candidates, build_candidates
from plumbline.project import Home, Project
from tests.companies import ADVENTUREWORKS, ROOT
from tests.conformance.conftest import plain

AS_OF = date(2014, 6, 30)
FILES = {
    "header": "erp/Sales_SalesOrderHeader",
    "detail": "erp/Sales_SalesOrderDetail",
    "product": "erp/Production_Product",
    "category": "erp/Production_ProductCategory",
    "subcategory": "erp/Production_ProductSubcategory",
    "cost": "erp/Production_ProductCostHistory",
    "stock": "erp/Production_ProductInventory",
    "location": "erp/Production_Location",
    "scrap_reason": "erp/Production_ScrapReason",
    "work_order": "erp/Production_WorkOrder",
    "routing": "erp/Production_WorkOrderRouting",
    "vendor": "erp/Purchasing_Vendor",
    "purchase": "erp/Purchasing_PurchaseOrderHeader",
    "purchase_line": "erp/Purchasing_PurchaseOrderDetail",
    "territory": "crm/Sales_SalesTerritory",
    "quota": "crm/Sales_SalesPersonQuotaHistory",
    "calls": "crm/DW_FactCallCenter",
    "department": "oa/HumanResources_Department",
    "assignment": "oa/HumanResources_EmployeeDepartmentHistory",
}
VIEWS = """
CREATE VIEW orders AS
  SELECT SalesOrderID AS id, OrderDate::DATE AS day, ShipDate::DATE AS shipped, DueDate::DATE AS due,
    CustomerID AS customer, SalesPersonID::INTEGER AS person, TerritoryID,
    CASE OnlineOrderFlag WHEN '1' THEN 'online' ELSE 'sales_person' END AS channel,
    SubTotal::DECIMAL(18, 4) AS subtotal, TotalDue::DECIMAL(18, 4) AS due_amount
  FROM header;
CREATE VIEW products AS
  SELECT p.ProductID, p.Name AS product, s.Name AS subcategory, c.Name AS category,
    p.StandardCost::DECIMAL(18, 4) AS standard_cost
  FROM product p
  LEFT JOIN subcategory s USING (ProductSubcategoryID) LEFT JOIN category c USING (ProductCategoryID);
CREATE VIEW lines AS
  SELECT o.day, o.channel, o.TerritoryID, o.person, o.customer, p.product, p.subcategory, p.category,
    d.OrderQty::INTEGER AS units, d.LineTotal::DECIMAL(18, 6) AS net,
    d.UnitPrice::DECIMAL(18, 4) * units AS gross, gross * d.UnitPriceDiscount::DECIMAL(9, 4) AS discount,
    net - units * coalesce(
      (SELECT StandardCost::DECIMAL(18, 4) FROM cost c WHERE c.ProductID = d.ProductID
         AND o.day >= c.StartDate::DATE AND (c.EndDate IS NULL OR o.day <= c.EndDate::DATE)),
      p.standard_cost) AS profit
  FROM detail d JOIN orders o ON o.id = d.SalesOrderID JOIN products p USING (ProductID);
CREATE VIEW quotas AS
  SELECT q.*, coalesce((SELECT sum(subtotal) FROM orders o
                        WHERE o.person = q.person AND o.day >= q.day AND o.day < q.end_day), 0) AS sold
  FROM (
    SELECT BusinessEntityID::INTEGER AS person, QuotaDate::DATE AS day, SalesQuota::DECIMAL(18, 4) AS quota,
      coalesce((SELECT min(n.QuotaDate::DATE) FROM quota n WHERE n.QuotaDate::DATE > a.QuotaDate::DATE),
               DATE '2014-06-01') AS end_day
    FROM quota a
  ) q;
"""

# What is compared: the metrics, and the same in SQL over the files.
ORDERS = (
    """orders order_revenue total_due average_order_value ordering_customers order_to_ship_days
    order_on_time_rate""",
    """count(*), sum(subtotal), sum(due_amount), sum(subtotal) / count(*), count(DISTINCT customer),
    sum(shipped - day) / count(shipped), count(*) FILTER (shipped <= due) / count(*)""",
)
LINES = (
    """order_lines units_sold net_sales gross_sales discount_amount discount_rate gross_profit
    gross_margin_rate""",
    """count(*), sum(units), sum(net), sum(gross), sum(discount), sum(discount) / sum(gross), sum(profit),
    sum(profit) / sum(net)""",
)
WORK = (
    """work_orders units_planned units_stocked units_scrapped scrap_rate work_order_on_time_rate
    production_cycle_days""",
    """count(*), sum(OrderQty::INTEGER), sum(StockedQty::INTEGER), sum(ScrappedQty::INTEGER),
    sum(ScrappedQty::INTEGER) / sum(OrderQty::INTEGER),
    count(*) FILTER (EndDate::DATE <= DueDate::DATE) / count(*), avg(EndDate::DATE - StartDate::DATE)""",
)
ROUTING = (
    "routing_hours routing_cost routing_on_schedule_rate",
    """sum(ActualResourceHrs::DECIMAL(18, 4)), sum(ActualCost::DECIMAL(18, 4)),
    count(*) FILTER (ActualEndDate::DATE <= ScheduledEndDate::DATE) / count(*)""",
)
PURCHASES = (
    "purchase_orders purchase_spend purchase_approval_rate",
    """count(*), sum(TotalDue::DECIMAL(18, 4)),
    count(*) FILTER (Status IN ('2', '4')) / nullif(count(*) FILTER (Status IN ('2', '3', '4')), 0)""",
)
SUPPLY = (
    "supplier_fill_rate supplier_reject_rate",
    """sum(ReceivedQty::DECIMAL(18, 2)) / sum(OrderQty::DECIMAL(18, 2)),
    sum(RejectedQty::DECIMAL(18, 2)) / nullif(sum(ReceivedQty::DECIMAL(18, 2)), 0)""",
)
STOCK = ("inventory_units inventory_value", "sum(Quantity::INTEGER), sum(Quantity::INTEGER * standard_cost)")
HEADCOUNT = ("headcount", "count(DISTINCT BusinessEntityID)")
CALLS = (
    "call_issues_rate call_abandon_rate",
    """sum(IssuesRaised::INTEGER) / sum(Calls::INTEGER),
    sum(Calls::INTEGER * ServiceGrade::DOUBLE) / sum(Calls::INTEGER)""",
)
NEW = ("new_customers", "count(*)")
REPEAT = ("repeat_purchase_rate", "count(*) FILTER (n >= 2) / count(*)")
QUOTA = ("quota quota_attainment", "sum(quota), sum(sold) / sum(quota)")

WITH_TERRITORY = "LEFT JOIN territory t USING (TerritoryID)"
WITH_PRODUCT = "JOIN products USING (ProductID)"
VENDOR = "JOIN vendor v ON VendorID = v.BusinessEntityID"
BY_CUSTOMER = "(SELECT min(day) AS first_day, count(*) AS n FROM orders GROUP BY customer)"
MONTH, QUARTER, YEAR = (f"metric_time__{grain}" for grain in ("month", "quarter", "year"))

# What, by which columns, the same keys over the files, and the rows there.
CASES: list[tuple[tuple[str, str], str, str, str]] = [
    (ORDERS, "", "", "orders"),
    (ORDERS, "metric_time__day", "day", "orders"),
    (ORDERS, f"{MONTH} order__channel", "date_trunc('month', day), channel", "orders"),
    (ORDERS, f"{YEAR} territory__name", "date_trunc('year', day), t.Name", f"orders {WITH_TERRITORY}"),
    (ORDERS, "sales_person__sales_person_id", "person", "orders"),
    (ORDERS, "customer__customer_id", "customer::INTEGER", "orders"),
    (LINES, "", "", "lines"),
    (LINES, f"{MONTH} product__category", "date_trunc('month', day), category", "lines"),
    (LINES, f"{QUARTER} product__subcategory", "date_trunc('quarter', day), subcategory", "lines"),
    (LINES, "product__name", "product", "lines"),
    (LINES, f"{YEAR} order__channel", "date_trunc('year', day), channel", "lines"),
    (LINES, "territory__name", "t.Name", f"lines {WITH_TERRITORY}"),
    (LINES, "sales_person__sales_person_id", "person", "lines"),
    (
        WORK,
        f"{MONTH} product__category",
        "date_trunc('month', StartDate::DATE), category",
        f"work_order {WITH_PRODUCT}",
    ),
    (WORK, "scrap_reason__name", "r.Name", "work_order LEFT JOIN scrap_reason r USING (ScrapReasonID)"),
    (
        ROUTING,
        f"{QUARTER} location__name",
        "date_trunc('quarter', ActualStartDate::DATE), l.Name",
        "routing JOIN location l USING (LocationID)",
    ),
    (
        PURCHASES,
        f"{MONTH} purchase_order__status",
        "date_trunc('month', OrderDate::DATE), Status::INTEGER",
        "purchase",
    ),
    (PURCHASES, "vendor__name", "v.Name", f"purchase {VENDOR}"),
    (
        SUPPLY,
        f"{YEAR} vendor__name",
        "date_trunc('year', h.OrderDate::DATE), v.Name",
        f"purchase_line JOIN purchase h USING (PurchaseOrderID) {VENDOR}",
    ),
    (STOCK, "location__name", "l.Name", f"stock {WITH_PRODUCT} JOIN location l USING (LocationID)"),
    (STOCK, f"{MONTH} product__category", "DATE '2014-06-01', category", f"stock {WITH_PRODUCT}"),
    (
        HEADCOUNT,
        "department__name",
        "d.Name",
        "assignment JOIN department d USING (DepartmentID) WHERE EndDate IS NULL",
    ),
    (CALLS, MONTH, "date_trunc('month', Date::DATE)", "calls"),
    (NEW, MONTH, "date_trunc('month', first_day)", BY_CUSTOMER),
    (REPEAT, "", "", BY_CUSTOMER),
    (QUOTA, "sales_person__sales_person_id", "person", "quotas"),
    (QUOTA, QUARTER, "date_trunc('quarter', day)", "quotas"),
]
KNOWN = {
    "orders": "31465",
    "order_lines": "121317",
    "units_sold": "274914",
    "net_sales": "109846381.399888",
    "total_due": "123216786.1159",
    "work_orders": "72591",
    "units_planned": "4507721",
    "units_scrapped": "10651",
    "quota": "95714000",
    "purchase_orders": "4012",
}


@pytest.fixture(scope="module")
def home(adventureworks: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A copy of the company as it ran, whose candidates may be built anew."""
    copy = tmp_path_factory.mktemp("adventureworks") / "copy"
    shutil.copytree(adventureworks / "adventureworks", copy, symlinks=True)
    return Home(copy)


@pytest.fixture(scope="module")
def warehouse(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(home.warehouse)) as con:
        yield con


@pytest.fixture(scope="module")
def candidates(home: Home, warehouse: duckdb.DuckDBPyConnection) -> Candidates:
    return build_candidates(warehouse, Project(ROOT), home)


@pytest.fixture(scope="module")
def files() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        for name, file in FILES.items():
            options = "header = true, all_varchar = true"
            con.execute(f"CREATE TABLE {name} AS FROM read_csv('{ADVENTUREWORKS}/{file}.csv', {options})")
        con.execute(VIEWS)
        yield con


def rows_of(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    rows = [tuple(map(plain, row)) for row in con.execute(sql).fetchall()]
    return sorted(rows, key=lambda row: [(item is None, str(item)) for item in row])


@pytest.mark.parametrize(
    ("what", "by", "keys", "source"), CASES, ids=[f"{case[0][0].split()[0]} by {case[1]}" for case in CASES]
)
def test_a_figure_is_what_the_files_say(
    home: Home,
    warehouse: duckdb.DuckDBPyConnection,
    files: duckdb.DuckDBPyConnection,
    what: tuple[str, str],
    by: str,
    keys: str,
    source: str,
) -> None:
    metrics, measures = what
    asked = {"metrics": metrics.split(), "group_by": by.split()}
    found = rows_of(warehouse, compile(home.semantic_manifest, asked, cache=home.compiled))
    selected, grouped = (f"{keys}, ", f" GROUP BY {keys}") if keys else ("", "")
    assert found == rows_of(files, f"SELECT {selected}{measures} FROM {source}{grouped}")
    assert found


@pytest.mark.parametrize("metric", KNOWN)
def test_published_years_add_up_to_the_known_total(
    candidates: Candidates, warehouse: duckdb.DuckDBPyConnection, metric: str
) -> None:
    assert candidates.rows["indicator_value"] > 0
    years = "metric = ? AND grain = 'year' AND dimensions = ''"
    sql = f"SELECT sum(value) FROM candidates.indicator_value WHERE {years}"
    assert warehouse.execute(sql, [metric]).fetchone() == (Decimal(KNOWN[metric]),)


def test_what_has_no_extract_is_not_available_and_says_so(candidates: Candidates) -> None:
    assert candidates.unavailable["leads"] == "no extract of crm.lead"
    assert candidates.unavailable["campaign_roi"] == "no extract of crm.campaign, crm.opportunity"
    assert "net_sales" not in candidates.unavailable
    assert candidates.rows["approvals_by_department_monthly"] == 0
    assert candidates.rows["sales_by_category_monthly"] > 0


def test_nothing_is_published_beyond_the_as_of_date(
    candidates: Candidates, warehouse: duckdb.DuckDBPyConnection
) -> None:
    assert candidates.rows["sales_daily"] > 0
    sql = "SELECT max(period_start) FROM candidates.indicator_value"
    assert warehouse.execute(sql).fetchone() == (AS_OF,)
