"""What must be true of an extract when it lands, before anybody has cleaned it.

Extracts are untidy, so little is asked of single rows here: that all announced rows are there, that rows can
be told apart, that amounts can be added up, and that a load is about as big as usual.
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
from plumbline.quality import (
    StageSuites,
    Suite,
    arrived,
    critical,
    has_rows,
    never_empty,
    readable,
    suite,
    usual_volume,
    warning,
)


def landed(source: str, owner: str, *, key: tuple[str, ...], amounts: tuple[str, ...] = ()) -> Suite:
    """Expect of an extract what holds for all of them; `key` identifies a row, `amounts` are added up."""
    return suite(
        f"landing_{source}",
        critical(
            has_rows(),
            why="An extract without rows would empty every figure that rests on it.",
            todo="Ask for the extract again.",
        ),
        critical(
            arrived(source),
            why="A load is read as a whole or not at all.",
            todo="Remove the load's directory under landing/ and run again: it is landed anew.",
        ),
        critical(
            never_empty(*key, mostly=0.95),
            why="A row without its key cannot be told from others; so many mean that the extract is broken.",
            todo="Ask for the extract again.",
        ),
        warning(
            usual_volume(source),
            why="A load of half or twice the usual size is often a wrong selection in the source system.",
            todo="Compare the selection of the extract with that of the loads before it.",
        ),
        critical(
            readable(source, *amounts, mostly=0.95),
            why="Control totals stand for what the source system says was extracted.",
            todo="Ask for amounts as plain numbers: 1234.56, no thousands separators, no decimal commas.",
        ),
        owner=owner,
        key=("_load", "_row_number"),
        needs=source,
    )


def suites() -> StageSuites:
    """Give the suites of the landing stage: one per source table."""
    return StageSuites("landing", ERP + CRM + OA)


ERP = (
    landed(
        "erp.sales_order_header",
        SALES,
        key=("SalesOrderID",),
        amounts=("SubTotal", "TaxAmt", "Freight", "TotalDue"),
    ),
    landed(
        "erp.sales_order_detail",
        SALES,
        key=("SalesOrderDetailID", "SalesOrderID"),
        amounts=("OrderQty", "LineTotal"),
    ),
    landed("erp.product", PRODUCTION, key=("ProductID",)),
    landed("erp.product_category", PRODUCTION, key=("ProductCategoryID",)),
    landed("erp.product_subcategory", PRODUCTION, key=("ProductSubcategoryID",)),
    landed("erp.product_cost_history", FINANCE, key=("ProductID", "StartDate")),
    landed("erp.product_inventory", WAREHOUSE, key=("ProductID", "LocationID"), amounts=("Quantity",)),
    landed(
        "erp.inventory_snapshot",
        WAREHOUSE,
        key=("SnapshotDate", "ProductID", "LocationID"),
        amounts=("Quantity",),
    ),
    landed("erp.location", PRODUCTION, key=("LocationID",)),
    landed("erp.scrap_reason", PRODUCTION, key=("ScrapReasonID",)),
    landed(
        "erp.work_order", PRODUCTION, key=("WorkOrderID",), amounts=("OrderQty", "StockedQty", "ScrappedQty")
    ),
    landed(
        "erp.work_order_routing",
        PRODUCTION,
        key=("WorkOrderID", "ProductID", "OperationSequence"),
        amounts=("ActualResourceHrs", "PlannedCost", "ActualCost"),
    ),
    landed("erp.vendor", PURCHASING, key=("BusinessEntityID",)),
    landed(
        "erp.purchase_order_header",
        PURCHASING,
        key=("PurchaseOrderID",),
        amounts=("SubTotal", "TaxAmt", "Freight", "TotalDue"),
    ),
    landed(
        "erp.purchase_order_detail",
        PURCHASING,
        key=("PurchaseOrderDetailID",),
        amounts=("OrderQty", "LineTotal", "ReceivedQty", "RejectedQty", "StockedQty"),
    ),
    landed("erp.ship_method", WAREHOUSE, key=("ShipMethodID",)),
    landed("erp.special_offer", MARKETING, key=("SpecialOfferID",)),
    landed(
        "erp.machine_run_time",
        PRODUCTION,
        key=("MachineID", "RunDate"),
        amounts=("PlannedMinutes", "RunMinutes", "DownMinutes", "GoodUnits", "TotalUnits"),
    ),
)

CRM = (
    landed("crm.customer", SALES, key=("CustomerID",)),
    landed("crm.person", SALES, key=("BusinessEntityID",)),
    landed("crm.store", RETAIL, key=("BusinessEntityID",)),
    landed("crm.sales_territory", SALES, key=("TerritoryID",)),
    landed("crm.sales_person", SALES, key=("BusinessEntityID",)),
    landed(
        "crm.sales_person_quota_history",
        SALES,
        key=("BusinessEntityID", "QuotaDate"),
        amounts=("SalesQuota",),
    ),
    landed("crm.campaign", MARKETING, key=("CampaignID",), amounts=("Budget", "Cost")),
    landed("crm.lead", MARKETING, key=("LeadID",)),
    landed("crm.opportunity", SALES, key=("OpportunityID",), amounts=("Amount",)),
    landed("crm.service_ticket", CUSTOMER_SERVICE, key=("TicketID",), amounts=("ContactCount",)),
    landed(
        "crm.call_center",
        CUSTOMER_SERVICE,
        key=("FactCallCenterID",),
        amounts=("Calls", "AutomaticResponses", "Orders", "IssuesRaised"),
    ),
    landed(
        "crm.store_traffic",
        RETAIL,
        key=("StoreID", "TrafficDate"),
        amounts=("Visitors", "Transactions", "PromotionVisitors"),
    ),
)

OA = (
    landed("oa.department", PEOPLE, key=("DepartmentID",)),
    landed("oa.employee", PEOPLE, key=("BusinessEntityID",)),
    landed(
        "oa.employee_department_history",
        PEOPLE,
        key=("BusinessEntityID", "DepartmentID", "StartDate"),
    ),
    landed("oa.approval_step", ADMINISTRATION, key=("RequestID", "StepNo"), amounts=("Amount",)),
    landed("oa.project", ADMINISTRATION, key=("ProjectID",)),
    landed("oa.fact_finance", FINANCE, key=("FinanceKey",), amounts=("Amount",)),
    landed("oa.dim_account", FINANCE, key=("AccountKey",)),
    landed("oa.dim_organization", FINANCE, key=("OrganizationKey",)),
    landed("oa.dim_department_group", FINANCE, key=("DepartmentGroupKey",)),
    landed("oa.dim_scenario", FINANCE, key=("ScenarioKey",)),
)
