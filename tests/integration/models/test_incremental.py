"""A run over new loads only gives the same tables as a rebuild of everything."""

import duckdb
import pytest

ORDERS = ("+orders", "+order_lines", "+sales_quotas", "+customers")


def order(number, day, customer="1", amount="100.0000", changed=None, **other):
    return {
        "SalesOrderID": number,
        "RevisionNumber": "1",
        "OrderDate": day,
        "DueDate": "2024-04-10",
        "ShipDate": None,
        "Status": "5",
        "OnlineOrderFlag": "1",
        "SalesOrderNumber": f"SO{number}",
        "CustomerID": customer,
        "TerritoryID": "1",
        "ShipMethodID": "1",
        "SubTotal": amount,
        "TaxAmt": "0",
        "Freight": "0",
        "TotalDue": amount,
        "ModifiedDate": changed or f"{day} 12:00:00",
        **other,
    }


def line(
    number, order_number, quantity="1", price="100.0000", product="10", changed="2024-01-01 12:00:00", **other
):
    return {
        "SalesOrderID": order_number,
        "SalesOrderDetailID": number,
        "OrderQty": quantity,
        "ProductID": product,
        "SpecialOfferID": "1",
        "UnitPrice": price,
        "UnitPriceDiscount": "0",
        "LineTotal": price,
        "ModifiedDate": changed,
        **other,
    }


def product(number, cost="40", changed="2023-01-01 00:00:00", **other):
    return {
        "ProductID": number,
        "Name": f"Product {number}",
        "StandardCost": cost,
        "ListPrice": "100",
        "SafetyStockLevel": "5",
        "MakeFlag": "1",
        "ModifiedDate": changed,
        **other,
    }


def cost(number, start, end, amount, changed="2023-01-01 00:00:00"):
    return {
        "ProductID": number,
        "StartDate": start,
        "EndDate": end,
        "StandardCost": amount,
        "ModifiedDate": changed,
    }


def customer(number):
    return {"CustomerID": number, "TerritoryID": "1", "AccountNumber": f"AW{number}"}


def first_day(company):
    company.land("erp.product", [product("10"), product("11", cost="7")], mode="snapshot")
    company.land("erp.product_cost_history", [cost("10", "2023-01-01", "2024-01-31", "40")], mode="snapshot")
    company.land("crm.customer", [customer("1"), customer("2"), customer("3")], mode="snapshot")
    company.land(
        "crm.sales_person_quota_history",
        [{"BusinessEntityID": "274", "QuotaDate": "2024-01-01", "SalesQuota": "500"}],
        mode="snapshot",
    )
    company.land(
        "erp.sales_order_header",
        [
            order("1", "2024-01-05"),
            order("2", "2024-01-20", OnlineOrderFlag="0", SalesPersonID="274"),
            order("3", "2024-02-10", customer="2"),
            order("4", "2024-02-30", customer="3"),
            order("5", "2024-03-05", customer="3"),
            order("6", "2024-03-30"),
            order("9", "2024-02-15", customer="4"),
        ],
    )
    company.land(
        "erp.sales_order_detail",
        [
            line("101", "1"),
            line("102", "1", product="11"),
            line("103", "2", quantity="2"),
            line("104", "3"),
            line("105", "4"),
            line("106", "5"),
            line("107", "77"),
            line("104", "3"),
            line("108", "6"),
            line("112", "9"),
        ],
    )


def second_day(company):
    company.land(
        "erp.product_cost_history",
        [cost("10", "2023-01-01", "2024-01-10", "40"), cost("10", "2024-01-11", None, "55")],
        mode="snapshot",
    )
    company.land(
        "erp.sales_order_header",
        [
            order("3", "2023-12-31", customer="2", changed="2024-03-21 00:00:00"),
            order("5", "2024-03-05", customer="1", amount="90", changed="2024-03-21 00:00:00"),
            order("4", "2024-02-29", customer="3", changed="2024-03-21 00:00:00"),
            order("77", "2023-12-01", changed="2024-03-21 00:00:00"),
            order("8", "2024-03-21"),
            order("3", "2024-02-11", customer="2", changed="2024-03-20 00:00:00"),
            order("1", "not a day", changed="2024-03-22 00:00:00"),
            order("2", "2024-01-20", OnlineOrderFlag="0", SalesPersonID="274"),
        ],
    )
    company.land(
        "erp.sales_order_detail",
        [
            line("101", "1", quantity="-1", changed="2024-03-21 00:00:00"),
            line("102", "3", product="11", changed="2024-03-21 00:00:00"),
            line("103", "88", changed="2024-03-21 00:00:00"),
            line("109", "8"),
            line("106", "5", price="90"),
            line("110", "8", quantity="1.234,56"),
        ],
    )


def rebuilt(company, as_of, only=()):
    before = company.digests()
    company.build(as_of, full=True, only=only)
    return before, company.digests()


def test_new_loads_and_corrections_give_what_a_rebuild_gives(company):
    first_day(company)
    company.build("2024-03-20")
    assert company.query("select order_id from marts.orders order by 1") == [(1,), (2,), (3,), (5,), (9,)]
    assert company.verdicts("erp.sales_order_detail")[(6, 7)] == ("quarantined", "orphan: no kept order 77")
    second_day(company)
    company.build("2024-03-21")
    assert company.query("select order_id, customer_order_number from marts.orders order by 1") == [
        (1, 2), (2, 3), (3, 1), (4, 1), (5, 4), (8, 5), (9, 1), (77, 1),
    ]  # fmt: skip
    assert company.query("select order_line_id from marts.order_lines where order_id = 77") == [(107,)]
    costs = "select order_line_id, unit_cost from marts.order_lines where order_id in (2, 3, 9) order by 1"
    assert company.query(costs) == [
        (102, 7), (103, 55), (104, 40), (112, 55),
    ]  # fmt: skip
    before, after = rebuilt(company, "2024-03-21")
    assert before == after


def test_a_later_as_of_day_lets_in_what_was_dated_after_it(company):
    first_day(company)
    company.build("2024-02-15", only=ORDERS)
    assert company.query("select count(*) from marts.order_lines") == [(5,)]
    company.build("2024-03-31", only=ORDERS)
    assert company.query("select max(order_date)::varchar from marts.orders") == [("2024-03-30",)]
    before, after = rebuilt(company, "2024-03-31", only=ORDERS)
    assert before == after


def test_an_earlier_as_of_day_and_a_newer_snapshot_take_rows_away(company):
    first_day(company)
    company.build("2024-03-31", only=ORDERS)
    company.build("2024-01-31", only=ORDERS)
    assert company.query("select order_id from marts.orders order by 1") == [(1,), (2,)]
    company.land("erp.sales_order_header", [order("1", "2024-01-05")], mode="snapshot")
    company.build("2024-03-31", only=ORDERS)
    assert company.query("select order_id from marts.orders") == [(1,)]
    assert company.query("select order_line_id from marts.order_lines order by 1") == [(101,), (102,)]
    before, after = rebuilt(company, "2024-03-31", only=ORDERS)
    assert before == after


def test_orders_that_come_out_as_they_were_stay_where_they_are_until_a_rebuild_puts_all_in_order_of_dates(
    company,
):
    company.land("erp.sales_order_header", [order(number, f"2024-01-0{number}") for number in "1234"])
    company.land("erp.sales_order_detail", [line("101", "4"), line("102", "1"), line("103", "2")])
    company.build("2024-01-31", only=ORDERS)
    with duckdb.connect(str(company.home.warehouse)) as connection:
        connection.execute("create or replace table marts.orders as from marts.orders order by order_id desc")
    later = order("3", "2024-01-05", changed="2024-02-01 00:00:00")
    company.land("erp.sales_order_header", [later, order("5", "2024-02-01")])
    company.build("2024-02-01", only=ORDERS)
    numbers = "select order_id, customer_order_number from marts.orders order by 1"
    assert company.query(numbers) == [(1, 1), (2, 2), (3, 4), (4, 3), (5, 5)]
    assert company.query("select order_id from marts.orders order by rowid")[:2] == [(2,), (1,)]
    before, after = rebuilt(company, "2024-02-01", only=ORDERS)
    assert before == after
    in_order = company.query("select order_line_id from marts.order_lines order by rowid")
    assert in_order == [(102,), (103,), (101,)]


def person(number, name):
    return {"BusinessEntityID": number, "FirstName": name, "ModifiedDate": "2024-01-01 00:00:00"}


def store(number, name):
    return {"BusinessEntityID": number, "Name": name, "ModifiedDate": "2024-01-01 00:00:00"}


@pytest.fixture
def known(company):
    """Persons 11 to 17, of whom 12 orders for a store, and orders of some, the last in days to come."""
    company.land(
        "crm.customer",
        [
            {**customer(number), "PersonID": f"1{number}", "StoreID": "21" if number == "2" else None}
            for number in "1234567"
        ],
        "snapshot",
    )
    company.land("crm.person", [person(f"1{number}", f"P{number}") for number in "1234567"], "snapshot")
    company.land("crm.store", [store("21", "Bikes"), store("22", "More bikes")], "snapshot")
    company.land(
        "erp.sales_order_header",
        [
            order("1", "2024-01-05", customer="3"),
            order("2", "2024-01-06", customer="4"),
            order("3", "2024-02-10", customer="5"),
            order("4", "2024-01-07", customer="6"),
        ],
        "snapshot",
    )
    company.build("2024-01-31", only=ORDERS)
    return company


def next_day_of_customers(company):
    company.land_difference("crm.person", [person("11", "New name")], gone=[(2, 1)])
    company.land_difference("crm.store", [store("21", "Wheels")], gone=[(3, 1)])
    company.land_difference(
        "erp.sales_order_header", [order("1", "2024-01-05", customer="4")], gone=[(4, 1), (4, 4)]
    )


def test_customers_are_built_anew_with_their_person_their_store_and_their_orders(known):
    with duckdb.connect(str(known.home.warehouse)) as connection:
        connection.execute("update marts.customers set account_number = 'as it was'")
    next_day_of_customers(known)
    known.build("2024-02-15", only=ORDERS)
    as_they_were = "select customer_id from marts.customers where account_number = 'as it was' order by 1"
    assert known.query(as_they_were) == [(7,)]
    assert known.query("select distinct as_of_date::varchar from marts.customers") == [("2024-02-15",)]
    assert known.query("select customer_id, name, order_count from marts.customers order by 1") == [
        (1, "New name", 0), (2, "Wheels", 0), (3, "P3", 0), (4, "P4", 2), (5, "P5", 1), (6, "P6", 0),
        (7, "P7", 0),
    ]  # fmt: skip


def test_customers_that_changed_give_what_a_rebuild_gives(known):
    next_day_of_customers(known)
    known.land_difference("crm.customer", [customer("8")], gone=[(1, 1), (1, 3)])
    known.build("2024-02-15", only=ORDERS)
    assert known.query("select customer_id from marts.customers order by 1") == [
        (2,), (4,), (5,), (6,), (7,), (8,)
    ]  # fmt: skip
    before, after = rebuilt(known, "2024-02-15", only=ORDERS)
    assert before == after


def lead(number, day="2024-01-10", **other):
    return {
        "LeadID": number,
        "Channel": "web",
        "CreatedDate": day,
        "ModifiedDate": f"{day} 09:00:00",
        **other,
    }


def test_a_snapshot_in_parts_means_what_its_newest_whole_means(company):
    bad = lead("4", day="2024-02-30")
    company.land(
        "crm.lead",
        [lead("1"), lead("2"), lead("3"), bad, lead("5"), lead("5"), lead("6"), lead("6", Channel="shop")],
        mode="snapshot",
    )
    company.build(only=["+leads", "+opportunities"])
    won = lead("2", ConvertedDate="2024-03-01", ModifiedDate="2024-03-01 09:00:00")
    company.land_difference("crm.lead", [won, lead("7")], gone=[(1, 2), (1, 3), (1, 4), (1, 5), (1, 8)])
    company.build(only=["+leads", "+opportunities"])
    assert company.query("select lead_id, is_converted from marts.leads order by 1") == [
        (1, 0), (2, 1), (5, 0), (6, 0), (7, 0),
    ]  # fmt: skip
    gone = ("superseded", "no longer in the extract of load 2")
    assert company.verdicts("crm.lead") == {
        **dict.fromkeys([(1, 1), (1, 6), (1, 7), (2, 1), (2, 2)], ("kept", None)),
        **dict.fromkeys([(1, 2), (1, 3), (1, 4), (1, 5), (1, 8)], gone),
    }
    before, after = rebuilt(company, "2024-03-31", only=["+leads", "+opportunities"])
    assert before == after


def test_parts_of_a_snapshot_that_arrive_together_are_judged_together(company):
    company.land("crm.lead", [lead("1"), lead("2")], mode="snapshot")
    company.build(only=["+leads"])
    company.land_difference("crm.lead", [lead("2", Channel="shop"), lead("3")], gone=[(1, 2)])
    company.land_difference("crm.lead", [lead("2", Channel="fair")], gone=[(2, 1), (1, 1)])
    company.build(only=["+leads"])
    assert company.query("select lead_id, channel from marts.leads order by 1") == [(2, "fair"), (3, "web")]
    before, after = rebuilt(company, "2024-03-31", only=["+leads"])
    assert before == after


def test_two_contents_of_one_key_without_a_version_conflict_in_parts_of_a_snapshot_too(company):
    first = lead("1", ModifiedDate=None)
    company.land("crm.lead", [first], mode="snapshot")
    company.build(only=["stg_crm__lead"])
    company.land_difference("crm.lead", [{**first, "Channel": "shop"}])
    company.build(only=["stg_crm__lead"])
    assert company.verdicts("crm.lead")[(1, 1)] == (
        "quarantined",
        "conflict: same key and version as load 2 row 1, other content",
    )


def test_lines_of_an_order_that_has_gone_from_its_snapshot_become_orphans(company):
    company.land("erp.sales_order_header", [order("1", "2024-01-05"), order("2", "2024-01-06")], "snapshot")
    company.land("erp.sales_order_detail", [line("101", "1"), line("102", "2")])
    company.build(only=ORDERS)
    company.land_difference("erp.sales_order_header", [], gone=[(1, 2)])
    company.build(only=ORDERS)
    assert company.verdicts("erp.sales_order_detail")[(2, 2)] == (
        "quarantined",
        "orphan: no kept order 2",
    )
    assert company.query("select order_line_id from marts.order_lines") == [(101,)]
    before, after = rebuilt(company, "2024-03-31", only=ORDERS)
    assert before == after
