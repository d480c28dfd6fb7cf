"""An amount that no type can hold costs its row, or its value, but never the run."""

from tests.integration.models.test_incremental import customer, line, order, product

LINES = ("+order_lines", "+calls", "+inventory_daily")


def test_a_line_whose_amount_is_too_large_is_set_aside_with_the_reason(company):
    company.land("erp.sales_order_header", [order("1", "2024-01-05")])
    company.land(
        "erp.sales_order_detail",
        [
            line("101", "1", quantity="2", price="49999999999999.9999", LineTotal="5"),
            line("102", "1", quantity="2", price="50000000000000", LineTotal="5"),
            line("103", "1", quantity="-2000000000", price="99999999999999.9999", LineTotal="5"),
            line("104", "1", quantity="4", price="5000000000", UnitPriceDiscount="0.5", LineTotal="5"),
            line("105", "1", quantity="4", price="4999999999", UnitPriceDiscount="0.5", LineTotal="5"),
        ],
    )
    company.build(only=LINES)
    assert company.query("select order_line_id, gross_amount::varchar from marts.order_lines order by 1") == [
        (101, "99999999999999.9998"),
        (105, "19999999996.0000"),
    ]
    reasons = {row: reason for (_, row), (_, reason) in company.verdicts("erp.sales_order_detail").items()}
    assert reasons == {
        **dict.fromkeys([1, 5]),
        2: "UnitPrice * OrderQty = 100000000000000.0000 is too large",
        3: "UnitPrice * OrderQty = -199999999999999999800000.0000 is too large",
        4: "UnitPrice * OrderQty * UnitPriceDiscount = 10000000000.00000000 is too large",
    }


def test_calls_whose_abandoned_ones_are_too_many_to_keep_are_set_aside(company):
    call = {
        "FactCallCenterID": "1",
        "Calls": "9000000000000000000",
        "IssuesRaised": "1",
        "ServiceGrade": "0.5",
        "Date": "2024-01-05",
    }
    company.land("crm.call_center", [call, {**call, "FactCallCenterID": "2", "Calls": "10"}])
    company.build(only=LINES)
    assert company.query("select call_id, abandoned_calls from marts.calls") == [(2, 5)]


def test_costs_that_are_too_large_are_unknown(company):
    company.land("erp.product", [product("10", cost="99999999999999"), product("11", cost="2")])
    company.land("erp.sales_order_header", [order("1", "2024-01-05")])
    company.land("erp.sales_order_detail", [line("101", "1", quantity="9"), line("102", "1", product="11")])
    stock = {"LocationID": "1", "SnapshotDate": "2024-01-05", "ModifiedDate": "2024-01-05 00:00:00"}
    company.land(
        "erp.inventory_snapshot",
        [{**stock, "ProductID": number, "Quantity": "9"} for number in ("10", "11")],
    )
    company.build(only=LINES)
    costs = "select order_line_id, cost_amount, gross_profit from marts.order_lines order by 1"
    assert company.query(costs) == [(101, None, None), (102, 2, 98)]
    assert company.query("select product_id, inventory_value from marts.inventory_daily order by 1") == [
        (10, None), (11, 18),
    ]  # fmt: skip


def test_totals_of_amounts_that_fit_are_never_too_large(company):
    most = {"SubTotal": "99999999999999.9999", "TaxAmt": "0", "Freight": "0", "CustomerID": "1"}
    company.land("crm.customer", [customer("1")])
    company.land("erp.sales_order_header", [order(str(number), "2024-01-05", **most) for number in (1, 2)])
    company.build(only=("+customers",))
    assert company.query("select lifetime_sales::varchar from marts.customers") == [("199999999999999.9998",)]
