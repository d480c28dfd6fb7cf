"""The company behaves like a business, with the weak spots that an analysis should find."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from statistics import mean, median
from typing import Any

import pytest

from plumbline.demo import generate


def _rate(company: Any, query: str) -> dict[Any, float]:
    return dict(company.sql(query))


def test_subtotals_are_the_sums_of_their_distinct_lines(year: Any) -> None:
    differing = year.sql(
        """
        with lines as (select distinct * from Sales_SalesOrderDetail),
        sums as (select SalesOrderID, sum(LineTotal) as total from lines group by 1)
        select SalesOrderID, SubTotal, total from Sales_SalesOrderHeader left join sums using (SalesOrderID)
        where total is null or abs(SubTotal - total) > 0.00001
        """
    )
    assert differing == []


def test_money_has_four_decimals_and_line_totals_are_exact(year: Any) -> None:
    for row in year.tables["erp.sales_order_detail"]:
        amount = (
            Decimal(row["UnitPrice"]) * (1 - Decimal(row["UnitPriceDiscount"])) * Decimal(row["OrderQty"])
        )
        assert Decimal(row["LineTotal"]) == amount
    for row in year.tables["erp.sales_order_header"]:
        parts = [Decimal(row[name]) for name in ("SubTotal", "TaxAmt", "Freight", "TotalDue")]
        assert sum(parts[:3]) == parts[3]
        assert all(part == round(part, 4) for part in parts)


def test_the_hamburg_hub_ships_late(year: Any) -> None:
    on_time = _rate(
        year,
        "select ShipMethodID, avg(ShipDate <= DueDate) from Sales_SalesOrderHeader"
        " where ShipDate is not null group by 1",
    )
    assert on_time.pop(4) < 0.7
    assert min(on_time.values()) > 0.85


def test_surface_treatment_is_never_on_schedule(year: Any) -> None:
    on_time = _rate(
        year,
        "select LocationID, avg(ActualEndDate <= ScheduledEndDate) from Production_WorkOrderRouting"
        " where ActualEndDate is not null group by 1",
    )
    assert on_time.pop(40) == 0
    assert min(on_time.values()) > 0.5


def test_the_anodising_line_stands_still_most(year: Any) -> None:
    runs = _rate(
        year,
        "select MachineName, 1.0 * sum(RunMinutes) / sum(PlannedMinutes)"
        " from Production_MachineRunTime group by 1",
    )
    assert min(runs, key=lambda name: runs[name]) == "阳极氧化线"


def test_unreliable_vendors_are_late_and_bad(year: Any) -> None:
    rows = year.sql(
        """
        select (VendorID - 1492) / 2 % 7 = 5 as is_poor, avg(h.ShipDate <= d.DueDate),
               1.0 * sum(RejectedQty) / sum(ReceivedQty)
        from Purchasing_PurchaseOrderHeader h join Purchasing_PurchaseOrderDetail d using (PurchaseOrderID)
        where h.ShipDate is not null group by 1
        """
    )
    (_, good_on_time, good_rejects), (_, poor_on_time, poor_rejects) = sorted(rows)
    assert good_on_time > poor_on_time + 0.2
    assert poor_rejects > 3 * good_rejects


def test_approvals_wait_longest_for_the_finance_review(year: Any) -> None:
    waits = defaultdict(list)
    last: dict[str, datetime] = {}
    for row in year.tables["oa.approval_step"]:
        try:
            started = datetime.fromisoformat(row["StartedAt"])
        except ValueError:
            continue
        if row["RequestID"] in last:
            waits[row["StepName"].strip()].append((started - last[row["RequestID"]]).total_seconds())
        if row["EndedAt"]:
            last[row["RequestID"]] = datetime.fromisoformat(row["EndedAt"])
    means = {step: mean(values) for step, values in waits.items()}
    slowest = means.pop("财务复核 Finance")
    assert slowest > 2 * max(means.values())


def test_slow_answers_cost_satisfaction(year: Any) -> None:
    rated = []
    for row in year.tables["crm.service_ticket"]:
        if (
            row["Satisfaction"]
            and "-02-30" not in row["OpenedAt"]
            and row["Channel"].strip() == "微信 WeChat"
        ):
            waited = datetime.fromisoformat(row["FirstResponseAt"]) - datetime.fromisoformat(row["OpenedAt"])
            rated.append((waited.total_seconds(), int(row["Satisfaction"])))
    middle = median(wait for wait, _ in rated)
    quick = mean(mark for wait, mark in rated if wait < middle)
    slow = mean(mark for wait, mark in rated if wait >= middle)
    assert quick > slow + 0.2


def test_referrals_convert_better_than_social_media(year: Any) -> None:
    converted = defaultdict(list)
    for row in year.tables["crm.lead"]:
        converted[row["Channel"]].append(row["Status"] == "Converted")
    assert mean(converted["Referral 转介绍"]) > 3 * mean(converted["小红书 Social"])


def test_won_opportunities_are_orders_of_that_day_and_amount(year: Any) -> None:
    orders = {row["SalesOrderID"]: row for row in year.tables["erp.sales_order_header"]}
    won = [row for row in year.tables["crm.opportunity"] if row["IsWon"] == "1"]
    assert len(won) > 10
    for row in won:
        order = orders.get(row["SalesOrderID"])
        if order is None:
            continue
        assert order["OnlineOrderFlag"] == "0"
        assert order["SalesPersonID"] == row["SalesPersonID"]
        assert order["CustomerID"] in (row["CustomerID"], str(900_000_000 + int(row["SalesOrderID"])))


def test_orders_by_sales_people_and_online_have_customers_of_their_kind(year: Any) -> None:
    stores = {row["CustomerID"] for row in year.tables["crm.customer"] if row["StoreID"]}
    for row in year.tables["erp.sales_order_header"]:
        if int(row["CustomerID"]) < 900_000_000:
            assert (row["CustomerID"] in stores) == (row["OnlineOrderFlag"] == "0")
            assert (row["SalesPersonID"] is None) == (row["OnlineOrderFlag"] == "1")


def test_the_inventory_is_the_last_snapshot(year: Any) -> None:
    last = year.sql(
        "select ProductID, LocationID, Quantity from Production_InventorySnapshot"
        " where SnapshotDate = (select max(SnapshotDate) from Production_InventorySnapshot) order by 1, 2"
    )
    assert last == year.sql(
        "select ProductID, LocationID, Quantity from Production_ProductInventory order by 1, 2"
    )


def test_costs_in_force_do_not_overlap(year: Any) -> None:
    assert (
        year.sql(
            """
        select a.ProductID from Production_ProductCostHistory a join Production_ProductCostHistory b
        on a.ProductID = b.ProductID and a.StartDate < b.StartDate
        and coalesce(a.EndDate, '9999') >= b.StartDate
        """
        )
        == []
    )
    assert (
        year.sql(
            """
        select p.ProductID from Production_Product p join Production_ProductCostHistory h using (ProductID)
        where h.EndDate is null and h.StandardCost <> p.StandardCost
        """
        )
        == []
    )


def test_double_eleven_is_the_peak_of_the_year(year: Any) -> None:
    best = year.sql("select OrderDate from Sales_SalesOrderHeader group by 1 order by count(*) desc limit 3")
    assert {day[:10] for (day,) in best} <= {f"2024-11-{day:02d}" for day in (9, 10, 11)}


@pytest.mark.parametrize("scale", [0.02, 0.2])
def test_lines_grow_with_the_scale(tmp_path: Path, scale: float) -> None:
    company = generate(tmp_path / "c", scale=scale, start=date(2024, 1, 1), as_of=date(2024, 2, 29))
    lines = company["planted"]["erp.sales_order_detail"]["rows"]
    assert lines == pytest.approx(8_300 * scale, rel=0.25)
