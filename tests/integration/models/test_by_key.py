"""Marts that build only the keys that changed are those that a rebuild gives."""

import duckdb
import pytest

MARTS = (
    "+leads", "+opportunities", "+tickets", "+work_orders", "+work_order_steps", "+purchase_orders",
    "+purchase_order_lines", "+approvals", "+approval_steps",
)  # fmt: skip


def opportunity(number, lead, day="2024-01-12", **other):
    return {
        "OpportunityID": number,
        "LeadID": lead,
        "Stage": "open",
        "Amount": "100",
        "CreatedDate": day,
        "IsWon": "0",
        "ModifiedDate": f"{day} 09:00:00",
        **other,
    }


def lead(number, day="2024-01-10", **other):
    return {
        "LeadID": number,
        "CampaignID": "1",
        "CreatedDate": day,
        "ModifiedDate": f"{day} 09:00:00",
        **other,
    }


def ticket(number, day="2024-01-15", **other):
    return {
        "TicketID": number,
        "OpenedAt": f"{day} 10:00:00",
        "ContactCount": "1",
        "ModifiedDate": f"{day} 10:00:00",
        **other,
    }


def work_order(number, day="2024-01-15", **other):
    return {
        "WorkOrderID": number,
        "ProductID": "10",
        "OrderQty": "5",
        "StockedQty": "5",
        "ScrappedQty": "0",
        "StartDate": day,
        "DueDate": "2024-02-01",
        "ModifiedDate": f"{day} 00:00:00",
        **other,
    }


def routing(order, step, day="2024-01-16", **other):
    return {
        "WorkOrderID": order,
        "ProductID": "10",
        "OperationSequence": step,
        "LocationID": "1",
        "ScheduledStartDate": day,
        "ScheduledEndDate": day,
        "ActualStartDate": day,
        "PlannedCost": "10",
        "ModifiedDate": f"{day} 00:00:00",
        **other,
    }


def purchase(number, day="2024-01-15", **other):
    return {
        "PurchaseOrderID": number,
        "Status": "1",
        "VendorID": "1",
        "OrderDate": day,
        "SubTotal": "10",
        "TotalDue": "10",
        "ModifiedDate": f"{day} 00:00:00",
        **other,
    }


def purchase_line(number, order, day="2024-01-15", **other):
    return {
        "PurchaseOrderID": order,
        "PurchaseOrderDetailID": number,
        "DueDate": "2024-02-01",
        "OrderQty": "1",
        "ProductID": "10",
        "UnitPrice": "10",
        "LineTotal": "10",
        "ReceivedQty": "1",
        "RejectedQty": "0",
        "ModifiedDate": f"{day} 00:00:00",
        **other,
    }


def step(request, number, start, end=None, **other):
    return {
        "RequestID": request,
        "RequestType": "travel",
        "StepNo": number,
        "StepName": f"step {number}",
        "StartedAt": f"{start} 09:00:00",
        "EndedAt": end and f"{end} 12:00:00",
        "Outcome": "approved" if end else "pending",
        "Amount": "10",
        "ModifiedDate": f"{end or start} 12:00:00",
        **other,
    }


@pytest.fixture
def company(company):
    """A first day; some rows are dated after it."""
    company.land("crm.lead", [lead("1"), lead("2"), lead("3"), lead("4", "2024-02-10")], "snapshot")
    company.land(
        "crm.opportunity",
        [*(opportunity(each, each) for each in "123"), opportunity("4", "4", "2024-02-11")],
        "snapshot",
    )
    company.land("crm.service_ticket", [ticket("1"), ticket("2"), ticket("3", "2024-02-10"), ticket("4")])
    company.land("erp.work_order", [work_order("1"), work_order("2"), work_order("3", "2024-02-10")])
    company.land(
        "erp.work_order_routing",
        [routing("1", "1"), routing("1", "2"), routing("2", "1", "2024-02-10"), routing("2", "2")],
    )
    company.land("erp.purchase_order_header", [purchase("1"), purchase("2"), purchase("3")])
    company.land(
        "erp.purchase_order_detail",
        [
            purchase_line("11", "1"),
            purchase_line("12", "2"),
            purchase_line("13", "3"),
            purchase_line("14", "9"),
        ],
    )
    company.land(
        "oa.approval_step",
        [
            step("1", "1", "2024-01-10", "2024-01-11"),
            step("1", "2", "2024-01-12"),
            step("2", "1", "2024-01-10", "2024-01-11"),
            step("2", "2", "2024-02-10", "2024-02-11"),
            step("3", "1", "2024-01-10"),
        ],
        "snapshot",
    )
    company.build("2024-01-31", only=MARTS)
    return company


def second_day(company):
    changed = "2024-02-02 08:00:00"
    company.land_difference(
        "crm.lead",
        [lead("2", CampaignID="7", ModifiedDate=changed), lead("5", "2024-01-05", ModifiedDate=changed)],
        gone=[(1, 2), (1, 3)],
    )
    company.land_difference(
        "crm.opportunity",
        [
            opportunity("1", "1", ClosedDate="2024-02-01", IsWon="1", ModifiedDate=changed),
            opportunity("6", "5"),
        ],
        gone=[(2, 3)],
    )
    company.land(
        "crm.service_ticket",
        [
            ticket("2", ResolvedAt="2024-02-01 10:00:00", ModifiedDate=changed),
            ticket("4", "2024-03-10", ModifiedDate=changed),
            ticket("1", "not a day", ModifiedDate=changed),
        ],
    )
    company.land(
        "erp.work_order",
        [work_order("2", EndDate="2024-02-01", ModifiedDate=changed), work_order("4", "2023-12-01")],
    )
    company.land(
        "erp.work_order_routing",
        [routing("1", "2", "2024-03-01", ModifiedDate=changed), routing("3", "1", "2024-02-02")],
    )
    company.land(
        "erp.purchase_order_header",
        [purchase("1", ShipDate="2024-02-03", ModifiedDate=changed), purchase("9")],
    )
    company.land("erp.purchase_order_detail", [purchase_line("12", "3", ModifiedDate=changed)])
    company.land_difference(
        "oa.approval_step",
        [step("1", "2", "2024-01-12", "2024-02-01"), step("4", "1", "2024-01-03", "2024-01-04")],
        gone=[(8, 2), (8, 5)],
    )


def mark(company, table, column, value, where):
    """Change a mart behind its back, so that it shows whether a row was built anew."""
    with duckdb.connect(str(company.home.warehouse)) as connection:
        connection.execute(f"update marts.{table} set {column} = ? where {where}", [value])


def test_late_corrected_and_vanished_rows_give_what_a_rebuild_gives(company):
    second_day(company)
    company.build("2024-02-15", only=MARTS)
    opportunities = "select opportunity_id, campaign_id, is_won from marts.opportunities order by 1"
    assert company.query(opportunities) == [
        (1, 1, 1), (2, 7, 0), (4, 1, 0), (6, 1, 0),
    ]  # fmt: skip
    assert company.query("select lead_id from marts.leads order by 1") == [(1,), (2,), (4,), (5,)]
    assert company.query("select ticket_id, is_resolved from marts.tickets order by 1") == [
        (1, 0),
        (2, 1),
        (3, 0),
    ]
    lines = "select purchase_order_line_id, purchase_order_id from marts.purchase_order_lines order by 1"
    assert company.query(lines) == [(11, 1), (12, 3), (13, 3), (14, 9)]
    assert company.query("select request_id, is_completed from marts.approvals order by 1") == [
        (1, 1), (2, 1), (4, 1),
    ]  # fmt: skip
    before = company.digests()
    company.build("2024-02-15", full=True, only=MARTS)
    assert company.digests() == before


def test_rows_of_keys_that_did_not_change_are_not_built_anew(company):
    mark(company, "leads", "channel", "marked", "lead_id in (1, 2)")
    mark(company, "approvals", "outcome", "marked", "request_id in (1, 2)")
    mark(company, "purchase_order_lines", "vendor_id", 99, "purchase_order_id in (1, 2)")
    company.land(
        "erp.purchase_order_header", [purchase("1", VendorID="5", ModifiedDate="2024-02-02 00:00:00")]
    )
    second = step("1", "2", "2024-01-12", "2024-02-01")
    company.land_difference("oa.approval_step", [second], gone=[(8, 2)])
    company.land_difference("crm.lead", [lead("2", ModifiedDate="2024-02-02 00:00:00")], gone=[(1, 2)])
    company.build("2024-01-31", only=MARTS)
    assert company.query("select lead_id, channel from marts.leads order by 1") == [
        (1, "marked"), (2, None), (3, None),
    ]  # fmt: skip
    assert company.query("select request_id, outcome from marts.approvals order by 1") == [
        (1, "approved"), (2, "marked"), (3, "pending"),
    ]  # fmt: skip
    lines = "select purchase_order_id, vendor_id from marts.purchase_order_lines order by 1"
    assert company.query(lines) == [(1, 5), (2, 99), (3, 1)]


def test_an_earlier_day_takes_rows_away_again(company):
    second_day(company)
    company.build("2024-02-15", only=MARTS)
    company.build("2024-01-11", only=MARTS)
    assert company.query("select lead_id from marts.leads order by 1") == [(1,), (2,), (5,)]
    before = company.digests()
    company.build("2024-01-11", full=True, only=MARTS)
    assert company.digests() == before
