"""Generated companies, small enough for unit tests, and a plain reader of their files."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from plumbline.demo import generate

ROOT = Path(__file__).parents[3]
START = date(2024, 1, 1)
SCALE = 0.03

SHEETS = {
    "Department": ("hr", "oa.department"),
    "Employee": ("hr", "oa.employee"),
    "EmployeeDepartmentHistory": ("hr", "oa.employee_department_history"),
    "Projects": ("projects", "oa.project"),
    "FactFinance": ("finance", "oa.fact_finance"),
    "DimAccount": ("finance", "oa.dim_account"),
    "DimOrganization": ("finance", "oa.dim_organization"),
    "DimDepartmentGroup": ("finance", "oa.dim_department_group"),
    "DimScenario": ("finance", "oa.dim_scenario"),
}
JSON_LINES = {
    "Sales_Customer": "crm.customer",
    "Person_Person": "crm.person",
    "Sales_Store": "crm.store",
    "Sales_SalesTerritory": "crm.sales_territory",
    "Sales_SalesPerson": "crm.sales_person",
    "Sales_SalesPersonQuotaHistory": "crm.sales_person_quota_history",
    "Crm_Campaign": "crm.campaign",
    "Crm_Lead": "crm.lead",
    "Crm_Opportunity": "crm.opportunity",
    "Crm_ServiceTicket": "crm.service_ticket",
    "Crm_StoreTraffic": "crm.store_traffic",
}
DATABASE = {
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

Row = dict[str, str | None]


@dataclass(frozen=True)
class Company:
    """A generated company: its directory, what company.json says, and every table as texts."""

    path: Path
    about: dict[str, Any]
    tables: dict[str, list[Row]]

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the ERP."""
        connection = sqlite3.connect(self.path / "erp.sqlite")
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


def read(path: Path) -> Company:
    """Read every file of a company, each value as the text that it arrived as."""
    tables: dict[str, list[Row]] = {}
    for name, rows in (*_database(path), *_json_lines(path), *_workbooks(path), *_csv(path)):
        tables.setdefault(name, []).extend(rows)
    return Company(path, json.loads((path / "company.json").read_text(encoding="utf-8")), tables)


def _database(path: Path) -> Iterator[tuple[str, list[Row]]]:
    connection = sqlite3.connect(path / "erp.sqlite")
    for table, name in DATABASE.items():
        cursor = connection.execute(f'select * from "{table}"')
        columns = [column[0] for column in cursor.description]
        yield name, [dict(zip(columns, map(_text, row), strict=True)) for row in cursor]
    connection.close()


def _json_lines(path: Path) -> Iterator[tuple[str, list[Row]]]:
    for file in sorted((path / "crm").iterdir()):
        name = JSON_LINES[re.sub(r"_\d{4}-\d\d$", "", file.stem)]
        lines = file.read_text(encoding="utf-8").splitlines()
        yield name, [{key: _text(value) for key, value in json.loads(line).items()} for line in lines]


def _workbooks(path: Path) -> Iterator[tuple[str, list[Row]]]:
    from openpyxl import load_workbook

    for sheet, (book, name) in SHEETS.items():
        rows = load_workbook(path / "oa" / f"{book}.xlsx")[sheet].iter_rows(values_only=True)
        header = [str(value) for value in next(rows)]
        yield name, [dict(zip(header, map(_text, row), strict=True)) for row in rows]


def _csv(path: Path) -> Iterator[tuple[str, list[Row]]]:
    with (path / "oa" / "approval_steps.csv").open(encoding="gbk", newline="") as file:
        rows = [{key: value or None for key, value in row.items()} for row in csv.DictReader(file)]
    yield "oa.approval_step", rows


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


@pytest.fixture(scope="session")
def company_as_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[date], Company]:
    """Generate the company as it is known on a day; each day is generated once."""
    made: dict[date, Company] = {}

    def give(as_of: date) -> Company:
        if as_of not in made:
            out = tmp_path_factory.mktemp("company") / as_of.isoformat()
            generate(out, scale=SCALE, start=START, as_of=as_of)
            made[as_of] = read(out)
        return made[as_of]

    return give


@pytest.fixture(scope="session")
def company(company_as_of: Callable[[date], Company]) -> Company:
    """Give the company after seven months."""
    return company_as_of(date(2024, 7, 24))


@pytest.fixture(scope="session")
def year(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Give a larger company after a year, for what shows only in numbers."""
    out = tmp_path_factory.mktemp("year") / "company"
    generate(out, scale=0.4, start=START, as_of=date(2024, 12, 15))
    return read(out)


@pytest.fixture(scope="session")
def read_company() -> Callable[[Path], Company]:
    """Give the reader of a company's files."""
    return read
