"""Columns of the ERP's tables, and the sales tables as they are known on the as-of day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from plumbline.demo import schema
from plumbline.demo.catalogue import TERRITORIES, Catalogue
from plumbline.demo.customers import FIRST_CUSTOMER
from plumbline.demo.people import FIRST_SALES_PERSON
from plumbline.demo.planting import DUPLICATE, Tally
from plumbline.demo.randomness import Flags, Ints
from plumbline.demo.sales import LINE_PLAN, ORDER_PLAN, UNKNOWN_CUSTOMER, Orders, SalesMonth, sum_by
from plumbline.demo.timeline import DAY, Timeline

_TAX = np.array([place.tax for place in TERRITORIES], dtype=np.int64)
_FREIGHT_PERCENT = np.array([0, 2, 1, 3, 3, 5], dtype=np.int64)


def table(name: str, **columns: Any) -> pa.Table:
    """Build a table of the ERP with its declared columns, in their order; numbers come as they are."""
    declared = schema.ERP[name]
    return pa.table({column: _typed(columns[column], kind) for column, kind in declared.items()})


def _typed(values: Any, kind: str) -> pa.Array:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    return pa.array(values, {schema.TEXT: pa.string(), schema.TIME: pa.string()}.get(kind))


def days(values: Ints | Sequence[int], missing: Flags | None = None) -> pa.Array:
    """Write days as the ERP keeps them: midnight."""
    return moments(np.asarray(values, dtype=np.int64) * DAY, missing)


def moments(values: Ints, missing: Flags | None = None) -> pa.Array:
    """Write moments as YYYY-MM-DD HH:MM:SS."""
    return pc.cast(pa.array(values, mask=missing).cast(pa.timestamp("s")), pa.string())


def money(units: Ints, missing: Flags | None = None) -> pa.Array:
    """Give amounts counted in ten-thousandths as numbers."""
    return pa.array(units / 10_000, mask=missing)


def ints(values: Ints, missing: Flags | None = None) -> pa.Array:
    """Give whole numbers, some of them missing."""
    return pa.array(values, mask=missing)


def stamp(moment: int) -> str:
    """Write one moment."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")


def sales_tables(
    sold: SalesMonth, catalogue: Catalogue, timeline: Timeline, tally: Tally
) -> tuple[pa.Table, pa.Table]:
    """Give the headers and the lines of a month as they are known on the as-of day."""
    return _headers(sold, timeline, tally), _lines(sold, catalogue, timeline, tally)


def _headers(sold: SalesMonth, timeline: Timeline, tally: Tally) -> pa.Table:
    orders, lines = sold.orders, sold.lines
    original = sold.subtotals()
    corrected, refunded = timeline.known(orders.corrected), timeline.known(orders.refunded)
    extra = sum_by(lines.order, lines.total(lines.is_corrected.astype(np.int64)), len(orders))
    back = sum_by(lines.order, lines.total(lines.returned), len(orders))
    subtotal = original + np.where(corrected, extra, 0) - np.where(refunded, back, 0)
    tax = (subtotal * _TAX[orders.territory] + 50) // 100
    freight = original * _FREIGHT_PERCENT[orders.method] // 100
    shipped = timeline.known(orders.shipped)
    revision = 1 + shipped.astype(np.int64) + corrected + refunded
    shown = timeline.known(orders.entered)
    whole = table(
        "Sales_SalesOrderHeader",
        SalesOrderID=orders.id,
        RevisionNumber=revision,
        OrderDate=days(orders.day),
        DueDate=days(orders.due),
        ShipDate=days(orders.ship_day, ~shipped),
        Status=np.where(shipped, 5, 1),
        OnlineOrderFlag=(orders.seller < 0).astype(np.int64),
        SalesOrderNumber=pc.binary_join_element_wise("SO", pc.cast(pa.array(orders.id), pa.string()), ""),
        CustomerID=_customer_ids(orders),
        SalesPersonID=ints(FIRST_SALES_PERSON + orders.seller, orders.seller < 0),
        TerritoryID=orders.territory + 1,
        ShipMethodID=orders.method,
        SubTotal=money(subtotal),
        TaxAmt=money(tax),
        Freight=money(freight),
        TotalDue=money(subtotal + tax + freight),
        ModifiedDate=moments(
            timeline.last_known(orders.entered, orders.shipped, orders.corrected, orders.refunded)
        ),
    )
    name = "erp.sales_order_header"
    tally.rows(name, int(shown.sum()))
    tally.add(name, "unknown-customer", int((shown & orders.is_unknown).sum()))
    tally.add(name, "late", int((shown & ORDER_PLAN.of(orders.codes, "late")).sum()))
    tally.add(name, "corrected", int((shown & corrected).sum()))
    return whole.filter(pa.array(shown))


def _customer_ids(orders: Orders) -> Ints:
    known = FIRST_CUSTOMER + 1 + orders.customer
    return np.where(orders.is_unknown, UNKNOWN_CUSTOMER + orders.id, known)


def _lines(sold: SalesMonth, catalogue: Catalogue, timeline: Timeline, tally: Tally) -> pa.Table:
    orders, lines = sold.orders, sold.lines
    order, entered = orders.id[lines.order], orders.entered[lines.order]
    corrected_at, refunded_at = orders.corrected[lines.order], orders.refunded[lines.order]
    shown = timeline.known(entered)
    corrected = lines.is_corrected & timeline.known(corrected_at) & shown
    refunded = (lines.refund_id > 0) & timeline.known(refunded_at)
    repeated = LINE_PLAN.of(lines.codes, DUPLICATE) & shown
    orphan = (lines.orphan_id > 0) & shown

    normal, again, lost, back = (np.flatnonzero(mask) for mask in (shown, repeated, orphan, refunded))
    index = np.concatenate([normal, again, lost, back])
    quantity = np.concatenate(
        [
            (lines.quantity + corrected)[normal],
            lines.quantity[again],
            lines.quantity[lost],
            -lines.returned[back],
        ]
    )
    modified = np.concatenate(
        [np.where(corrected, corrected_at, entered)[normal], entered[again], entered[lost], refunded_at[back]]
    )
    name = "erp.sales_order_detail"
    late = ORDER_PLAN.of(orders.codes, "late")[lines.order] & shown
    tally.rows(name, len(index))
    tally.add(name, DUPLICATE, len(again))
    tally.add(name, "orphan", len(lost))
    tally.add(name, "refund", len(back))
    tally.add(name, "late", int(late.sum()))
    tally.add(name, "corrected", int(corrected.sum()))
    return table(
        "Sales_SalesOrderDetail",
        SalesOrderID=np.concatenate(
            [order[normal], order[again], 1 + lines.orphan_id[lost] % 40_000, order[back]]
        ),
        SalesOrderDetailID=np.concatenate(
            [lines.id[normal], lines.id[again], lines.orphan_id[lost], lines.refund_id[back]]
        ),
        OrderQty=quantity,
        ProductID=catalogue.product_id[lines.product[index]],
        SpecialOfferID=lines.offer[index],
        UnitPrice=money(lines.price[index] * 100),
        UnitPriceDiscount=money(lines.percent[index] * 100),
        LineTotal=money(lines.price[index] * quantity * (100 - lines.percent[index])),
        ModifiedDate=moments(modified),
    )


def year_start(day: int) -> int:
    """Give the first day of the day's year."""
    return int(np.datetime64(day, "D").astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64))
