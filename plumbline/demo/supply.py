"""Stock by day, and what is bought from whom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from plumbline.demo import erp
from plumbline.demo.catalogue import COMPONENTS, Catalogue, Vendor
from plumbline.demo.planting import Tally
from plumbline.demo.randomness import Floats, Ints, pick, stream
from plumbline.demo.sales import sum_by
from plumbline.demo.timeline import DAY, NEVER, Month, next_working_day, weekday

RAW_STORE, SHANGHAI, HAMBURG = 1, 6, 7
_HAMBURG_SHARE = 0.24
_SNAPSHOT_TIME = 23 * 3600
_UNITS_PER_DAY = 470
"""Finished goods sold on a day at the start, at scale 1."""


class Stock:
    """The stock of every product and warehouse, day by day: sold down, and refilled when it runs low."""

    def __init__(self, seed: int, scale: float, catalogue: Catalogue) -> None:
        rng = stream(seed, "stock")
        finished, parts = len(catalogue), len(COMPONENTS)
        abroad = np.arange(finished) % 5 < 2
        self._seed = seed
        self._timeline = catalogue.timeline
        self._finished = np.concatenate([np.arange(finished), np.flatnonzero(abroad)])
        self._share = np.concatenate(
            [np.where(abroad, 1 - _HAMBURG_SHARE, 1.0), np.full(abroad.sum(), _HAMBURG_SHARE)]
        )
        pairs = len(self._finished) + parts
        self._product = np.concatenate([catalogue.product_id[self._finished], np.arange(1, parts + 1)])
        self._location = np.concatenate(
            [np.full(finished, SHANGHAI), np.full(abroad.sum(), HAMBURG), np.full(parts, RAW_STORE)]
        )
        mean = catalogue.weight / catalogue.weight.sum() * _UNITS_PER_DAY * scale
        self._part_use = rng.uniform(8, 60, parts) * scale
        self.daily_mean = np.concatenate(
            [mean[self._finished] * self._share, self._part_use]
        )
        self.safety = mean * 2.5
        self._lead = rng.integers(8, 16, pairs) + np.where(rng.random(pairs) < 0.05, 14, 0)
        self._on_hand = np.rint(self.daily_mean * rng.uniform(18, 45, pairs)).astype(np.int64)
        self._coming = np.zeros((64, pairs), dtype=np.int64)
        self._last: pa.Table | None = None

    def month(self, month: Month, sold: Floats) -> pa.Table:
        """Move the stock through a month of sales (day × finished product); give the days that are known."""
        rng = stream(self._seed, "stock", month.key)
        days = month.days
        parts = len(self._product) - len(self._finished)
        used = rng.poisson(self._part_use, size=(len(days), parts))
        demand = np.hstack([np.rint(sold[:, self._finished] * self._share).astype(np.int64), used])
        jitter = rng.integers(0, 9, demand.shape)
        held = np.empty(demand.shape, dtype=np.int64)
        for row, day in enumerate(days):
            held[row] = self._pass_day(int(day), demand[row], jitter[row])
        shown = days[days <= self._timeline.last_day]
        return self._snapshots(shown, held[: len(shown)])

    def _pass_day(self, day: int, demand: Ints, jitter: Ints) -> Ints:
        slot = day % 64
        self.daily_mean = self.daily_mean * 0.975 + demand * 0.025
        self._on_hand = np.maximum(self._on_hand + self._coming[slot] - demand, 0)
        self._coming[slot] = 0
        expected = self._on_hand + self._coming.sum(axis=0)
        low = expected < self.daily_mean * (self._lead + 10)
        arrives = (day + self._lead + jitter) % 64
        order = np.rint(self.daily_mean * 34).astype(np.int64)
        rows = np.flatnonzero(low)
        self._coming[arrives[rows], rows] += order[rows]
        return self._on_hand

    def _snapshots(self, days: Ints, held: Ints) -> pa.Table:
        pairs = len(self._product)
        day = np.repeat(days, pairs)
        table = erp.table(
            "Production_InventorySnapshot",
            SnapshotDate=erp.days(day),
            ProductID=np.tile(self._product, len(days)),
            LocationID=np.tile(self._location, len(days)),
            Quantity=held.ravel(),
            ModifiedDate=erp.moments(day * DAY + _SNAPSHOT_TIME),
        )
        self._last = table.slice(table.num_rows - pairs)
        return table

    def inventory(self) -> pa.Table:
        """Give the stock of the as-of day as the ERP's inventory table."""
        last = self._last
        assert last is not None
        count = last.num_rows
        return erp.table(
            "Production_ProductInventory",
            ProductID=last["ProductID"],
            LocationID=last["LocationID"],
            Shelf=["ABCDEFGH"[row % 8] for row in range(count)],
            Bin=np.arange(count) % 40 + 1,
            Quantity=last["Quantity"],
            ModifiedDate=last["ModifiedDate"],
        )


_PENDING, _APPROVED, _REJECTED, _COMPLETE = 1, 2, 3, 4
_ORDERS_PER_DAY = 2.75


@dataclass(frozen=True)
class Assortment:
    """What a vendor sells: indexes into the bought items, padded to the longest list."""

    items: Ints
    count: Ints
    product_id: Ints
    cost: Ints
    """Cents."""


class Purchasing:
    """Purchase orders, a month at a time."""

    def __init__(
        self, seed: int, scale: float, catalogue: Catalogue, vendors: tuple[Vendor, ...], buyers: Ints
    ) -> None:
        self._seed, self._scale = seed, scale
        self._timeline = catalogue.timeline
        self._vendors = vendors
        self._buyers = buyers
        self._assortment = _assortment(seed, catalogue, vendors)
        self._orders = self._lines = 0

    def month(self, month: Month, tally: Tally) -> tuple[pa.Table, pa.Table]:
        """Give the headers and the lines of a month as they are known on the as-of day."""
        rng = stream(self._seed, "purchasing", month.key)
        timeline, vendors = self._timeline, self._vendors
        days = month.days
        level = self._scale * 1.12 ** timeline.years_since_start(days) * np.where(weekday(days) < 5, 1.4, 0.0)
        day = np.repeat(days, rng.poisson(_ORDERS_PER_DAY * level))
        count = len(day)
        weights = np.array([vendor.active * (2.0 if vendor.preferred else 1.0) for vendor in vendors])
        vendor = pick(rng, weights, count)
        trait = {
            name: np.array([getattr(v, name) for v in vendors])[vendor]
            for name in ("lead_days", "late", "reject")
        }
        entered = day * DAY + rng.integers(8 * 3600, 18 * 3600, count)
        decided = next_working_day(day + 1 + rng.poisson(0.8, count)) * DAY + rng.integers(
            9 * 3600, 18 * 3600, count
        )
        refused = rng.random(count) < 0.045
        due = day + np.ceil(trait["lead_days"]).astype(np.int64) + 3
        slip = np.where(
            rng.random(count) < trait["late"], rng.integers(1, 15, count), -rng.integers(0, 4, count)
        )
        ship_day = np.maximum(due + slip, decided // DAY + 1)
        shipped = np.where(refused, NEVER, ship_day * DAY + 17 * 3600)
        received = np.where(
            refused, NEVER, (ship_day + rng.integers(2, 7, count)) * DAY + rng.integers(30_000, 60_000, count)
        )
        order = np.repeat(np.arange(count), 1 + rng.poisson(2.0, count))
        lines = self._draw_lines(rng, vendor[order], trait["reject"][order])
        amount = sum_by(order, lines.quantity * lines.price * 100, count)

        order_id = 1 + self._orders + np.arange(count)
        line_id = 1 + self._lines + np.arange(len(order))
        self._orders, self._lines = self._orders + count, self._lines + len(order)
        shown = timeline.known(entered)
        status = np.where(timeline.known(decided), np.where(refused, _REJECTED, _APPROVED), _PENDING)
        status = np.where(timeline.known(received), _COMPLETE, status)
        modified = timeline.last_known(entered, decided, shipped, received)
        tax, freight = amount * 13 // 100, amount * 2 // 100
        has_shipped = timeline.known(shipped)
        buyer = self._buyers[rng.integers(0, len(self._buyers), count)]
        headers = erp.table(
            "Purchasing_PurchaseOrderHeader",
            PurchaseOrderID=order_id,
            RevisionNumber=1 + timeline.known(decided).astype(np.int64) + timeline.known(received),
            Status=status,
            EmployeeID=buyer,
            VendorID=np.array([v.id for v in vendors])[vendor],
            ShipMethodID=1 + vendor % 3,
            OrderDate=erp.days(day),
            ShipDate=erp.days(np.where(has_shipped, ship_day, 0), ~has_shipped),
            SubTotal=erp.money(amount),
            TaxAmt=erp.money(tax),
            Freight=erp.money(freight),
            TotalDue=erp.money(amount + tax + freight),
            ModifiedDate=erp.moments(modified),
        )
        arrived = timeline.known(received)[order]
        taken = np.where(arrived, lines.received, 0)
        rejected = np.where(arrived, lines.rejected, 0)
        details = erp.table(
            "Purchasing_PurchaseOrderDetail",
            PurchaseOrderID=order_id[order],
            PurchaseOrderDetailID=line_id,
            DueDate=erp.days(due[order]),
            OrderQty=lines.quantity,
            ProductID=self._assortment.product_id[lines.item],
            UnitPrice=erp.money(lines.price * 100),
            LineTotal=erp.money(lines.quantity * lines.price * 100),
            ReceivedQty=taken.astype(np.float64),
            RejectedQty=rejected.astype(np.float64),
            StockedQty=(taken - rejected).astype(np.float64),
            ModifiedDate=erp.moments(timeline.last_known(entered, received)[order]),
        )
        tally.rows("erp.purchase_order_header", int(shown.sum()))
        tally.rows("erp.purchase_order_detail", int(shown[order].sum()))
        return headers.filter(pa.array(shown)), details.filter(pa.array(shown[order]))

    def _draw_lines(self, rng: np.random.Generator, vendor: Ints, reject: Floats) -> _PurchaseLines:
        goods = self._assortment
        count = len(vendor)
        item = goods.items[vendor, (rng.random(count) * goods.count[vendor]).astype(np.int64)]
        quantity = 10 * (1 + rng.geometric(0.11, count))
        price = np.maximum(1, np.rint(goods.cost[item] * rng.uniform(0.93, 1.08, count))).astype(np.int64)
        short = rng.random(count) < 0.04
        received = np.where(short, quantity * 9 // 10, quantity)
        rejected = rng.binomial(received, reject)
        return _PurchaseLines(item, quantity, price, received, rejected)


@dataclass(frozen=True)
class _PurchaseLines:
    item: Ints
    quantity: Ints
    price: Ints
    received: Ints
    rejected: Ints


def _assortment(seed: int, catalogue: Catalogue, vendors: tuple[Vendor, ...]) -> Assortment:
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
    return Assortment(
        items=np.array([items + [0] * (width - len(items)) for items in offers], dtype=np.int64),
        count=np.array([len(items) for items in offers], dtype=np.int64),
        product_id=product_id.astype(np.int64),
        cost=cost.astype(np.int64),
    )
