"""What is bought from whom, when it comes, and how much of it is good."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from plumbline.demo import erp
from plumbline.demo.catalogue import COMPONENTS, Catalogue, Vendor
from plumbline.demo.planting import Tally
from plumbline.demo.randomness import Floats, Ints, pick, stream
from plumbline.demo.sales import sum_by
from plumbline.demo.timeline import DAY, NEVER, Month, Timeline, next_working_day, weekday

_PENDING, _APPROVED, _REJECTED, _COMPLETE = 1, 2, 3, 4
_ORDERS_PER_DAY = 2.75


@dataclass(frozen=True)
class _Orders:
    """The purchase orders of a month; moments in seconds, NEVER for what does not happen."""

    id: Ints
    vendor: Ints
    """Index into the vendors."""
    buyer: Ints
    day: Ints
    due: Ints
    ship_day: Ints
    entered: Ints
    decided: Ints
    shipped: Ints
    received: Ints


@dataclass(frozen=True)
class _Lines:
    """Their lines; prices in cents."""

    order: Ints
    """Index into the month's orders."""
    id: Ints
    item: Ints
    """Index into the assortment."""
    quantity: Ints
    price: Ints
    received: Ints
    rejected: Ints


@dataclass(frozen=True)
class _Assortment:
    """What is bought, its cost in cents, and what each vendor offers of it (padded lists)."""

    offers: Ints
    count: Ints
    product_id: Ints
    cost: Ints


class Purchasing:
    """Purchase orders, a month at a time."""

    def __init__(
        self, seed: int, scale: float, catalogue: Catalogue, vendors: tuple[Vendor, ...], buyers: Ints
    ) -> None:
        self._seed, self._scale = seed, scale
        self._timeline: Timeline = catalogue.timeline
        self._vendors, self._buyers = vendors, buyers
        self._assortment = _assortment(seed, catalogue, vendors)
        self._orders = self._lines = 0

    def month(self, month: Month, tally: Tally) -> tuple[pa.Table, pa.Table]:
        """Give the headers and the lines of a month as they are known on the as-of day."""
        rng = stream(self._seed, "purchasing", month.key)
        orders = self._order(rng, month)
        lines = self._fill(rng, orders)
        self._orders += len(orders.id)
        self._lines += len(lines.id)
        shown = self._timeline.known(orders.entered)
        tally.rows("erp.purchase_order_header", int(shown.sum()))
        tally.rows("erp.purchase_order_detail", int(shown[lines.order].sum()))
        return (
            self._headers(orders, lines).filter(pa.array(shown)),
            self._details(orders, lines).filter(pa.array(shown[lines.order])),
        )

    def _order(self, rng: np.random.Generator, month: Month) -> _Orders:
        """Order on working days; decide within days; ship when the vendor keeps to its date, or later."""
        vendors, days = self._vendors, month.days
        growth = 1.12 ** self._timeline.years_since_start(days)
        day = np.repeat(
            days, rng.poisson(_ORDERS_PER_DAY * self._scale * growth * np.where(weekday(days) < 5, 1.4, 0.0))
        )
        count = len(day)
        favour = np.array([vendor.active * (2.0 if vendor.preferred else 1.0) for vendor in vendors])
        vendor = pick(rng, favour, count)
        late = np.array([vendor.late for vendor in vendors])[vendor]
        lead = np.array([int(np.ceil(vendor.lead_days)) + 3 for vendor in vendors])[vendor]
        decision_day = next_working_day(day + 1 + rng.poisson(0.8, count))
        refused = rng.random(count) < 0.045
        slip = np.where(rng.random(count) < late, rng.integers(1, 15, count), -rng.integers(0, 4, count))
        ship_day = np.maximum(day + lead + slip, decision_day + 1)
        arrival = (ship_day + rng.integers(2, 7, count)) * DAY + rng.integers(30_000, 60_000, count)
        return _Orders(
            id=1 + self._orders + np.arange(count),
            vendor=vendor,
            buyer=self._buyers[rng.integers(0, len(self._buyers), count)],
            day=day,
            due=day + lead,
            ship_day=ship_day,
            entered=day * DAY + rng.integers(8 * 3600, 18 * 3600, count),
            decided=decision_day * DAY + rng.integers(9 * 3600, 18 * 3600, count),
            shipped=np.where(refused, NEVER, ship_day * DAY + 17 * 3600),
            received=np.where(refused, NEVER, arrival),
        )

    def _fill(self, rng: np.random.Generator, orders: _Orders) -> _Lines:
        """Put items of the vendor into each order; some come short, some are rejected."""
        goods = self._assortment
        order = np.repeat(np.arange(len(orders.id)), 1 + rng.poisson(2.0, len(orders.id)))
        vendor, count = orders.vendor[order], len(order)
        item = goods.offers[vendor, (rng.random(count) * goods.count[vendor]).astype(np.int64)]
        quantity = 10 * (1 + rng.geometric(0.11, count))
        price = np.rint(goods.cost[item] * rng.uniform(0.93, 1.08, count)).astype(np.int64)
        received = np.where(rng.random(count) < 0.04, quantity * 9 // 10, quantity)
        reject: Floats = np.array([vendor.reject for vendor in self._vendors])
        return _Lines(
            order=order,
            id=1 + self._lines + np.arange(count),
            item=item,
            quantity=quantity,
            price=np.maximum(price, 1),
            received=received,
            rejected=rng.binomial(received, reject[vendor]),
        )

    def _headers(self, orders: _Orders, lines: _Lines) -> pa.Table:
        timeline = self._timeline
        amount = sum_by(lines.order, lines.quantity * lines.price * 100, len(orders.id))
        tax, freight = amount * 13 // 100, amount * 2 // 100
        decided, shipped = timeline.known(orders.decided), timeline.known(orders.shipped)
        received = timeline.known(orders.received)
        status = np.where(decided, np.where(orders.received == NEVER, _REJECTED, _APPROVED), _PENDING)
        return erp.table(
            "Purchasing_PurchaseOrderHeader",
            PurchaseOrderID=orders.id,
            RevisionNumber=1 + decided.astype(np.int64) + received,
            Status=np.where(received, _COMPLETE, status),
            EmployeeID=orders.buyer,
            VendorID=np.array([vendor.id for vendor in self._vendors])[orders.vendor],
            ShipMethodID=1 + orders.vendor % 3,
            OrderDate=erp.days(orders.day),
            ShipDate=erp.days(orders.ship_day, ~shipped),
            SubTotal=erp.money(amount),
            TaxAmt=erp.money(tax),
            Freight=erp.money(freight),
            TotalDue=erp.money(amount + tax + freight),
            ModifiedDate=erp.moments(
                timeline.last_known(orders.entered, orders.decided, orders.shipped, orders.received)
            ),
        )

    def _details(self, orders: _Orders, lines: _Lines) -> pa.Table:
        timeline = self._timeline
        has_come = timeline.known(orders.received)[lines.order]
        received = np.where(has_come, lines.received, 0)
        rejected = np.where(has_come, lines.rejected, 0)
        return erp.table(
            "Purchasing_PurchaseOrderDetail",
            PurchaseOrderID=orders.id[lines.order],
            PurchaseOrderDetailID=lines.id,
            DueDate=erp.days(orders.due[lines.order]),
            OrderQty=lines.quantity,
            ProductID=self._assortment.product_id[lines.item],
            UnitPrice=erp.money(lines.price * 100),
            LineTotal=erp.money(lines.quantity * lines.price * 100),
            ReceivedQty=received.astype(np.float64),
            RejectedQty=rejected.astype(np.float64),
            StockedQty=(received - rejected).astype(np.float64),
            ModifiedDate=erp.moments(timeline.last_known(orders.entered, orders.received)[lines.order]),
        )


def _assortment(seed: int, catalogue: Catalogue, vendors: tuple[Vendor, ...]) -> _Assortment:
    """Give each bought item two vendors, and each vendor at least one item."""
    rng = stream(seed, "assortment")
    bought = np.flatnonzero(~catalogue.is_made)
    product_id = np.concatenate([np.arange(1, len(COMPONENTS) + 1), catalogue.product_id[bought]])
    cost = np.concatenate([np.array([price * 100 for _, price in COMPONENTS]), catalogue.costs[0][bought]])
    offers: list[list[int]] = [[index % len(product_id)] for index in range(len(vendors))]
    for item in range(len(product_id)):
        for vendor in rng.choice(len(vendors), 2, replace=False):
            offers[int(vendor)].append(item)
    width = max(len(items) for items in offers)
    return _Assortment(
        offers=np.array([items + [0] * (width - len(items)) for items in offers], dtype=np.int64),
        count=np.array([len(items) for items in offers], dtype=np.int64),
        product_id=product_id.astype(np.int64),
        cost=cost.astype(np.int64),
    )
