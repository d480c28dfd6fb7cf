"""The tables of the built-in company's ERP, with their columns and types."""

from __future__ import annotations

KEY, INT, FLAG, MONEY, LINE, QUANTITY, RATE, TEXT, TIME = (
    "key",
    "int",
    "flag",
    "money",
    "line",
    "quantity",
    "rate",
    "text",
    "time",
)
"""Column types; `key` is a whole number that alone identifies the row."""

SQLITE = {
    KEY: "INTEGER PRIMARY KEY",
    INT: "INTEGER",
    FLAG: "SMALLINT",
    MONEY: "DECIMAL(19,4)",
    LINE: "DECIMAL(38,6)",
    QUANTITY: "DECIMAL(8,2)",
    RATE: "DECIMAL(10,4)",
    TEXT: "VARCHAR(400)",
    TIME: "TIMESTAMP",
}

Columns = dict[str, str]


def _columns(*groups: tuple[str, str]) -> Columns:
    """Read `(type, "Name Name …")` groups in their order."""
    return {name: kind for kind, names in groups for name in names.split()}


ERP: dict[str, Columns] = {
    "Sales_SalesOrderHeader": _columns(
        (KEY, "SalesOrderID"),
        (INT, "RevisionNumber"),
        (TIME, "OrderDate DueDate ShipDate"),
        (FLAG, "Status OnlineOrderFlag"),
        (TEXT, "SalesOrderNumber"),
        (INT, "CustomerID SalesPersonID TerritoryID ShipMethodID"),
        (MONEY, "SubTotal TaxAmt Freight TotalDue"),
        (TIME, "ModifiedDate"),
    ),
    "Sales_SalesOrderDetail": _columns(
        (INT, "SalesOrderID SalesOrderDetailID OrderQty ProductID SpecialOfferID"),
        (MONEY, "UnitPrice UnitPriceDiscount"),
        (LINE, "LineTotal"),
        (TIME, "ModifiedDate"),
    ),
    "Production_Product": _columns(
        (KEY, "ProductID"),
        (TEXT, "Name ProductNumber"),
        (FLAG, "MakeFlag FinishedGoodsFlag"),
        (TEXT, "Color"),
        (INT, "SafetyStockLevel ReorderPoint"),
        (MONEY, "StandardCost ListPrice"),
        (TEXT, "Size"),
        (INT, "DaysToManufacture"),
        (TEXT, "ProductLine Class Style"),
        (INT, "ProductSubcategoryID"),
        (TIME, "SellStartDate SellEndDate ModifiedDate"),
    ),
    "Production_ProductCategory": _columns(
        (KEY, "ProductCategoryID"), (TEXT, "Name"), (TIME, "ModifiedDate")
    ),
    "Production_ProductSubcategory": _columns(
        (KEY, "ProductSubcategoryID"), (INT, "ProductCategoryID"), (TEXT, "Name"), (TIME, "ModifiedDate")
    ),
    "Production_ProductCostHistory": _columns(
        (INT, "ProductID"), (TIME, "StartDate EndDate"), (MONEY, "StandardCost"), (TIME, "ModifiedDate")
    ),
    "Production_ProductInventory": _columns(
        (INT, "ProductID LocationID"), (TEXT, "Shelf"), (INT, "Bin Quantity"), (TIME, "ModifiedDate")
    ),
    "Production_InventorySnapshot": _columns(
        (TIME, "SnapshotDate"), (INT, "ProductID LocationID Quantity"), (TIME, "ModifiedDate")
    ),
    "Production_Location": _columns(
        (KEY, "LocationID"),
        (TEXT, "Name"),
        (MONEY, "CostRate"),
        (QUANTITY, "Availability"),
        (TIME, "ModifiedDate"),
    ),
    "Production_ScrapReason": _columns((KEY, "ScrapReasonID"), (TEXT, "Name"), (TIME, "ModifiedDate")),
    "Production_WorkOrder": _columns(
        (KEY, "WorkOrderID"),
        (INT, "ProductID OrderQty StockedQty ScrappedQty"),
        (TIME, "StartDate EndDate DueDate"),
        (INT, "ScrapReasonID"),
        (TIME, "ModifiedDate"),
    ),
    "Production_WorkOrderRouting": _columns(
        (INT, "WorkOrderID ProductID OperationSequence LocationID"),
        (TIME, "ScheduledStartDate ScheduledEndDate ActualStartDate ActualEndDate"),
        (RATE, "ActualResourceHrs"),
        (MONEY, "PlannedCost ActualCost"),
        (TIME, "ModifiedDate"),
    ),
    "Production_MachineRunTime": _columns(
        (INT, "MachineID"),
        (TEXT, "MachineName"),
        (INT, "LocationID"),
        (TIME, "RunDate"),
        (INT, "PlannedMinutes RunMinutes DownMinutes GoodUnits TotalUnits"),
        (TIME, "ModifiedDate"),
    ),
    "Purchasing_Vendor": _columns(
        (KEY, "BusinessEntityID"),
        (TEXT, "AccountNumber Name"),
        (FLAG, "CreditRating PreferredVendorStatus ActiveFlag"),
        (TIME, "ModifiedDate"),
    ),
    "Purchasing_PurchaseOrderHeader": _columns(
        (KEY, "PurchaseOrderID"),
        (INT, "RevisionNumber"),
        (FLAG, "Status"),
        (INT, "EmployeeID VendorID ShipMethodID"),
        (TIME, "OrderDate ShipDate"),
        (MONEY, "SubTotal TaxAmt Freight TotalDue"),
        (TIME, "ModifiedDate"),
    ),
    "Purchasing_PurchaseOrderDetail": _columns(
        (INT, "PurchaseOrderID"),
        (KEY, "PurchaseOrderDetailID"),
        (TIME, "DueDate"),
        (INT, "OrderQty ProductID"),
        (MONEY, "UnitPrice"),
        (LINE, "LineTotal"),
        (QUANTITY, "ReceivedQty RejectedQty StockedQty"),
        (TIME, "ModifiedDate"),
    ),
    "Purchasing_ShipMethod": _columns((KEY, "ShipMethodID"), (TEXT, "Name"), (TIME, "ModifiedDate")),
    "Sales_SpecialOffer": _columns(
        (KEY, "SpecialOfferID"),
        (TEXT, "Description"),
        (MONEY, "DiscountPct"),
        (TEXT, "Type Category"),
        (TIME, "StartDate EndDate ModifiedDate"),
    ),
}
"""The ERP's tables, in the order in which they are created."""

INDEXED = (
    "Sales_SalesOrderHeader",
    "Sales_SalesOrderDetail",
    "Production_InventorySnapshot",
    "Production_WorkOrder",
    "Production_WorkOrderRouting",
    "Production_MachineRunTime",
    "Purchasing_PurchaseOrderHeader",
    "Purchasing_PurchaseOrderDetail",
)
"""The ERP's big tables, which have an index on `ModifiedDate`: it asks them what has changed."""

NAMES = {
    "Sales_SalesOrderHeader": "erp.sales_order_header",
    "Sales_SalesOrderDetail": "erp.sales_order_detail",
    "Production_Product": "erp.product",
    "Production_ProductCategory": "erp.product_category",
    "Production_ProductSubcategory": "erp.product_subcategory",
    "Production_ProductCostHistory": "erp.product_cost_history",
    "Production_ProductInventory": "erp.product_inventory",
    "Production_InventorySnapshot": "erp.inventory_snapshot",
    "Production_Location": "erp.location",
    "Production_ScrapReason": "erp.scrap_reason",
    "Production_WorkOrder": "erp.work_order",
    "Production_WorkOrderRouting": "erp.work_order_routing",
    "Production_MachineRunTime": "erp.machine_run_time",
    "Purchasing_Vendor": "erp.vendor",
    "Purchasing_PurchaseOrderHeader": "erp.purchase_order_header",
    "Purchasing_PurchaseOrderDetail": "erp.purchase_order_detail",
    "Purchasing_ShipMethod": "erp.ship_method",
    "Sales_SpecialOffer": "erp.special_offer",
}
"""The name by which Plumbline knows each ERP table."""
