"""Generates the company: whole months one after another, each written as it is known on the as-of day."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from plumbline.demo import catalogue, crm, customers, erp, masters, offices, people, writing
from plumbline.demo.approvals import Approvals
from plumbline.demo.finance import Finance
from plumbline.demo.funnel import Funnel
from plumbline.demo.planting import Tally
from plumbline.demo.production import Production
from plumbline.demo.purchasing import Purchasing
from plumbline.demo.quotas import Quotas
from plumbline.demo.sales import Sales, units_per_day
from plumbline.demo.service import Service
from plumbline.demo.stock import Stock
from plumbline.demo.text import Rows, count_rows
from plumbline.demo.timeline import Month, Timeline, default_span, default_start
from plumbline.demo.traffic import Traffic
from plumbline.errors import UsageError

GENERATOR_VERSION = 1
Progress = Callable[[str, float], None]


def generate(
    out: Path,
    *,
    scale: float = 1,
    seed: int = 7,
    start: date | None = None,
    as_of: date | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the company's files into `out` and give the content of company.json.

    Equal arguments give equal files. With the same `start` and a later `as_of` the history stays and goes
    on. `start` is rounded down to the first of its month; the defaults are three years up to yesterday.
    `progress` hears what is written and the share that is done. Raises UsageError for impossible arguments,
    and when `out` holds something that is not a generated company.
    """
    out = Path(out)
    timeline = _span(start, as_of)
    _check(out, scale, seed, timeline)
    _remove_unfinished(out)
    unfinished, earlier = (out.parent / f".{out.name}.{os.getpid()}.{part}" for part in ("new", "old"))
    unfinished.mkdir(parents=True)
    try:
        company = _Company(unfinished, scale, seed, timeline, progress or _silent).write()
        if out.exists():
            out.rename(earlier)
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(earlier, ignore_errors=True)
    return company


def _remove_unfinished(out: Path) -> None:
    """Remove what generations left behind that were killed."""
    for left in out.parent.glob(f".{out.name}.*"):
        match = re.fullmatch(r"\.(\d+)\.(new|old)", left.name.removeprefix(f".{out.name}"))
        if match and not _is_running(int(match[1])):
            shutil.rmtree(left, ignore_errors=True)


def _is_running(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _silent(what: str, share: float) -> None:
    return None


def _span(start: date | None, as_of: date | None) -> Timeline:
    as_of = as_of or default_span(date.today())[1]
    start = start or default_start(as_of)
    return Timeline(start.replace(day=1), as_of)


def _check(out: Path, scale: float, seed: int, timeline: Timeline) -> None:
    if not 0.001 <= scale <= 1000:
        raise UsageError(
            f"scale {scale} is out of range",
            why="It must lie between 0.001 and 1000; 1 gives about 200,000 order lines in three years.",
            code="bad-scale",
        )
    if seed < 0:
        raise UsageError(f"seed {seed} is negative", todo="Use a whole number from 0 on.", code="bad-seed")
    if timeline.as_of < timeline.start:
        raise UsageError(
            f"the as-of day {timeline.as_of} lies before the start {timeline.start}",
            todo="Choose an earlier --start or a later --as-of.",
            code="bad-span",
        )
    if (
        timeline.start.year < 2001
        or timeline.as_of.year > 2035
        or timeline.as_of.year - timeline.start.year > 20
    ):
        raise UsageError(
            f"the span {timeline.start} to {timeline.as_of} is out of range",
            why="The company can be generated for up to twenty years between 2001 and 2035.",
            code="bad-span",
        )
    if out.exists() and not (out.is_dir() and ((out / "company.json").is_file() or not any(out.iterdir()))):
        raise UsageError(
            f"{out} holds something else",
            why="Only an empty directory, or one with an earlier generated company, is replaced.",
            todo="Choose another directory with --out.",
            code="not-empty",
        )


class _Company:
    """One generation; the months pass through all departments in the same order."""

    def __init__(self, out: Path, scale: float, seed: int, timeline: Timeline, progress: Progress) -> None:
        self._out, self._progress = out, progress
        self._scale, self._seed, self._timeline = scale, seed, timeline
        self._months = timeline.months()
        self._tally = Tally()
        self._goods = catalogue.build(seed, timeline)
        self._vendors = catalogue.vendors(seed)
        self._staff = people.employees(seed, timeline, self._months)
        self._customers = customers.opening(seed, scale, timeline)
        self._sales = Sales(seed, scale, self._goods, self._customers)
        self._funnel = Funnel(seed, scale, timeline, self._customers)
        self._stock = Stock(seed, scale, self._goods)
        buyers = people.members(self._staff, people.PURCHASING, timeline.first_day)
        self._purchasing = Purchasing(seed, scale, self._goods, self._vendors, buyers)
        self._production = Production(seed, scale, self._goods)
        agents = people.members(self._staff, people.SERVICE, timeline.first_day)
        self._service = Service(seed, self._goods, agents)
        self._traffic = Traffic(seed, timeline)
        self._approvals = Approvals(seed, scale, timeline, self._staff)
        self._finance = Finance(seed, scale, self._goods)

    def write(self) -> dict[str, Any]:
        """Write everything and give what company.json says."""
        (self._out / "crm").mkdir()
        (self._out / "oa").mkdir()
        with (
            writing.ErpDatabase(self._out / "erp.sqlite") as database,
            (self._out / "oa" / "approval_steps.csv").open("wb") as approvals,
        ):
            for month in self._months:
                self._progress(month.name, month.number / (len(self._months) + 1))
                self._write_month(month, database)
                steps = self._approvals.month(month, self._tally)
                content = writing.csv(steps, "gbk")
                approvals.write(content if month.number == 0 else content.split(b"\n", 1)[1])
            self._progress("master data", len(self._months) / (len(self._months) + 1))
            for name, table in self._masters().items():
                database.write(name, table)
        self._write_crm()
        self._write_oa()
        company = self._company()
        (self._out / "company.json").write_text(
            json.dumps(company, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
        self._progress("done", 1.0)
        return company

    def _write_month(self, month: Month, database: writing.ErpDatabase) -> None:
        timeline, tally = self._timeline, self._tally
        won = self._funnel.month(month)
        sold = self._sales.month(month, won)
        self._funnel.ordered(won, sold)
        headers, lines = erp.sales_tables(sold, self._goods, timeline, tally)
        database.write("Sales_SalesOrderHeader", headers)
        database.write("Sales_SalesOrderDetail", lines)
        stock = self._stock.month(month, units_per_day(self._goods, month, sold))
        tally.rows("erp.inventory_snapshot", stock.num_rows)
        database.write("Production_InventorySnapshot", stock)
        for name, table in zip(
            ("Purchasing_PurchaseOrderHeader", "Purchasing_PurchaseOrderDetail"),
            self._purchasing.month(month, tally),
            strict=True,
        ):
            database.write(name, table)
        for name, table in zip(
            ("Production_WorkOrder", "Production_WorkOrderRouting"),
            self._production.month(month, tally),
            strict=True,
        ):
            database.write(name, table)
        database.write("Production_MachineRunTime", self._production.machines(month, tally))
        self._write_json(f"Crm_ServiceTicket_{month.name}", self._service.month(month, sold, tally))
        self._write_json(f"Crm_StoreTraffic_{month.name}", self._traffic.month(month, tally))
        self._finance.month(month, sold)

    def _masters(self) -> dict[str, Any]:
        inventory = self._stock.inventory()
        self._tally.rows("erp.product_inventory", inventory.num_rows)
        return {
            "Production_ProductInventory": inventory,
            **masters.tables(self._goods, self._vendors, self._stock.safety, self._timeline, self._tally),
        }

    def _write_crm(self) -> None:
        timeline, tally, buyers = self._timeline, self._tally, self._customers
        quotas = Quotas(self._seed, self._scale, timeline, buyers.staff)
        self._write_json("Sales_Customer", crm.customers(buyers, timeline, tally))
        self._write_json("Person_Person", crm.persons(buyers, self._staff, timeline, tally))
        self._write_json("Sales_Store", crm.stores(buyers, timeline, tally))
        self._write_json("Sales_SalesTerritory", crm.territories(timeline, tally))
        self._write_json("Sales_SalesPerson", quotas.people(self._months, tally))
        self._write_json("Sales_SalesPersonQuotaHistory", quotas.history(self._months, tally))
        self._write_json("Crm_Campaign", self._funnel.campaigns(self._months, tally))
        self._write_json("Crm_Lead", self._funnel.leads(tally))
        self._write_json("Crm_Opportunity", self._funnel.opportunities(tally))

    def _write_oa(self) -> None:
        timeline, tally = self._timeline, self._tally
        books: dict[str, dict[str, Rows]] = {
            "hr": {
                "Department": offices.departments(timeline, tally),
                "Employee": offices.employees(self._staff, timeline, tally),
                "EmployeeDepartmentHistory": offices.department_history(self._staff, timeline, tally),
            },
            "projects": {"Projects": offices.projects(self._seed, timeline, self._months, tally)},
            "finance": self._finance.sheets(tally),
        }
        for name, sheets in books.items():
            (self._out / "oa" / f"{name}.xlsx").write_bytes(writing.workbook(sheets))

    def _write_json(self, name: str, rows: Rows) -> None:
        """Write a file; a month without rows yet has none."""
        if count_rows(rows):
            (self._out / "crm" / f"{name}.jsonl").write_bytes(writing.json_lines(rows))

    def _company(self) -> dict[str, Any]:
        return {
            "company": catalogue.COMPANY,
            "scale": self._scale,
            "seed": self._seed,
            "start": self._timeline.start.isoformat(),
            "as_of": self._timeline.as_of.isoformat(),
            "generator_version": GENERATOR_VERSION,
            "planted": dict(sorted(self._tally.tables.items())),
        }
