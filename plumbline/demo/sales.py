"""Orders and their lines: a month at a time, and as they are known on the as-of day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plumbline.demo import offers
from plumbline.demo.catalogue import LATE_SHIP_METHOD, TERRITORIES, Catalogue
from plumbline.demo.customers import Customers, territory_weights
from plumbline.demo.planting import Defect, Plan
from plumbline.demo.randomness import Flags, Floats, Ints, pick, stream
from plumbline.demo.timeline import DAY, NEVER, Month, Timeline, calendar_month, weekday

FIRST_ORDER, FIRST_LINE = 43_659, 1
UNKNOWN_CUSTOMER = 900_000_000
ORDER_PLAN = Plan(260, (Defect("unknown-customer"), Defect("late"), Defect("corrected")))
LINE_PLAN = Plan(450, (Defect("duplicate"), Defect("orphan")))

_ONLINE_PER_DAY, _B2B_PER_DAY, _YEARLY_GROWTH = 40.5, 3.75, 0.17
_MONTHS = np.array([0.90, 0.78, 0.94, 0.98, 1.06, 1.04, 1.02, 0.99, 0.99, 1.03, 1.08, 1.14])
_ONLINE_WEEK = np.array([0.93, 0.92, 0.94, 0.98, 1.04, 1.12, 1.07])
_B2B_WEEK = np.array([1.30, 1.35, 1.30, 1.25, 1.15, 0.45, 0.20])
_DUE_DAYS = np.array([0, 7, 9, 16, 7, 8])
_SHIP_DAYS = np.array([0.0, 1.6, 3.2, 7.5, 3.0, 2.6])
_B2B_PRICE = 66
"""Resellers pay this many percent of the list price."""
_TAX = np.array([place.tax for place in TERRITORIES], dtype=np.int64)
_METHOD = np.array([place.ship_method for place in TERRITORIES], dtype=np.int64)
_IN_CHINA = np.array([place.country == "CN" for place in TERRITORIES])


@dataclass(frozen=True)
class Won:
    """Opportunities that are won this month and become orders."""

    customer: Ints
    seller: Ints
    day: Ints
    opportunity: Ints
    """Index into the opportunities."""

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True)
class Orders:
    """The orders of a month, an array element each; moments in seconds, NEVER for what does not happen."""

    id: Ints
    day: Ints
    entered: Ints
    due: Ints
    ship_day: Ints
    shipped: Ints
    customer: Ints
    is_unknown: Flags
    seller: Ints
    territory: Ints
    method: Ints
    corrected: Ints
    refunded: Ints
    codes: Ints

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True)
class Lines:
    """The lines of a month as first entered; prices in cents, discounts in percent."""

    order: Ints
    """Index into the month's orders."""
    id: Ints
    quantity: Ints
    product: Ints
    """Index into the catalogue."""
    offer: Ints
    price: Ints
    percent: Ints
    codes: Ints
    is_corrected: Flags
    """The line whose quantity is raised by one when the order is corrected."""
    returned: Ints
    """Units that come back when the order is refunded."""
    orphan_id: Ints
    """The number of the orphan line beside it, or 0."""
    refund_id: Ints
    """The number of the refund line, or 0."""

    def __len__(self) -> int:
        return len(self.order)

    def total(self, quantity: Ints) -> Ints:
        """Price a quantity of each line, in ten-thousandths."""
        return np.asarray(self.price * quantity * (100 - self.percent), dtype=np.int64)


@dataclass(frozen=True)
class SalesMonth:
    """One month of orders."""

    orders: Orders
    lines: Lines
    won_orders: Ints
    """For each won opportunity, the index of its order."""

    def subtotals(self) -> Ints:
        """Sum each order's lines as first entered."""
        return sum_by(self.lines.order, self.lines.total(self.lines.quantity), len(self.orders))


def sum_by(group: Ints, amounts: Ints, groups: int) -> Ints:
    """Sum whole numbers by group; exact below 2**53."""
    return np.rint(np.bincount(group, weights=amounts, minlength=groups)).astype(np.int64)


class Sales:
    """Generates the months in their order; it remembers the last numbers that it gave."""

    def __init__(self, seed: int, scale: float, catalogue: Catalogue, customers: Customers) -> None:
        self._seed, self._scale = seed, scale
        self._catalogue, self._customers = catalogue, customers
        self._timeline: Timeline = catalogue.timeline
        self._orders = self._lines = 0

    def month(self, month: Month, won: Won) -> SalesMonth:
        """Generate a whole month, whatever the as-of day."""
        rng = stream(self._seed, "sales", month.key)
        current = offers.of_month(month, self._timeline.start.year)
        orders, won_orders = self._place(rng, month, won, current)
        lines = self._fill(rng, month, orders, current)
        orders, lines = self._return(rng, orders, lines)
        self._orders += len(orders)
        self._lines += len(lines) + int((lines.orphan_id > 0).sum() + (lines.refund_id > 0).sum())
        self._customers.fade()
        self._customers.bought(orders.customer)
        return SalesMonth(orders, lines, won_orders)

    def _place(
        self, rng: np.random.Generator, month: Month, won: Won, current: tuple[offers.Offer, ...]
    ) -> tuple[Orders, Ints]:
        """Decide who orders on which day."""
        customers, days = self._customers, month.days
        years = float(self._timeline.years_since_start(days[:1])[0])
        level = self._scale * (1 + _YEARLY_GROWTH) ** self._timeline.years_since_start(days)
        level = level * _MONTHS[calendar_month(days)] * np.exp(rng.normal(0, 0.07, len(days)))
        online_rate = _ONLINE_PER_DAY * level * _ONLINE_WEEK[weekday(days)] * offers.rush(current, days)
        online = np.repeat(days, rng.poisson(online_rate))
        b2b = np.repeat(days, rng.poisson(_B2B_PER_DAY * level * _B2B_WEEK[weekday(days)]))

        is_new = rng.random(len(online)) < 0.20 * 0.87**years
        returning = customers.returning(rng, len(online), resellers=False, years=years)
        reseller = customers.returning(rng, len(b2b), resellers=True, years=years)
        moment = rng.integers(8 * 3600, 22 * 3600, len(online) + len(b2b) + len(won))
        new_days = online[is_new]
        buyer = returning
        buyer[is_new] = customers.add(
            rng,
            pick(rng, territory_weights(years), len(new_days)),
            np.full(len(new_days), -1, dtype=np.int64),
            new_days * DAY + moment[: len(online)][is_new] - 600,
        )
        customer = np.concatenate([buyer, reseller, won.customer])
        seller = np.concatenate([np.full(len(online), -1), customers.seller[reseller], won.seller])
        day = np.concatenate([online, b2b, won.day])
        moment[len(online) + len(b2b) :] = 21 * 3600 + moment[len(online) + len(b2b) :] % 3600
        order = np.argsort(day * DAY + moment, kind="stable")
        where = np.empty(len(order), dtype=np.int64)
        where[order] = np.arange(len(order))
        orders = self._book(rng, customer[order], seller[order], day[order], moment[order])
        return orders, where[len(online) + len(b2b) :]

    def _book(
        self, rng: np.random.Generator, customer: Ints, seller: Ints, day: Ints, moment: Ints
    ) -> Orders:
        """Number the orders, and decide when they are entered, shipped and corrected."""
        count = len(customer)
        sequence = np.arange(self._orders, self._orders + count, dtype=np.int64)
        codes = ORDER_PLAN.codes(sequence)
        territory = self._customers.territory[customer]
        method = np.where((rng.random(count) < 0.04) & (_METHOD[territory] == 1), 2, _METHOD[territory])
        late_entry = rng.integers(8, 17, count)
        entered = (day + np.where(ORDER_PLAN.of(codes, "late"), late_entry, 0)) * DAY + moment
        due = day + _DUE_DAYS[method] + np.where(seller >= 0, 3, 0)
        ship_day = self._ship(rng, method, day, due)
        corrected = (day + rng.integers(1, 6, count)) * DAY + rng.integers(8 * 3600, 20 * 3600, count)
        return Orders(
            id=FIRST_ORDER + sequence,
            day=day,
            entered=entered,
            due=due,
            ship_day=ship_day,
            shipped=ship_day * DAY + rng.integers(15 * 3600, 20 * 3600, count),
            customer=customer,
            is_unknown=ORDER_PLAN.of(codes, "unknown-customer"),
            seller=seller,
            territory=territory,
            method=method,
            corrected=np.where(ORDER_PLAN.of(codes, "corrected"), corrected, NEVER),
            refunded=np.full(count, NEVER),
            codes=codes,
        )

    @staticmethod
    def _ship(rng: np.random.Generator, method: Ints, day: Ints, due: Ints) -> Ints:
        """Ship within days; a few orders, and nearly half of the Hamburg hub's, after the due date."""
        count = len(day)
        usual = 1 + rng.poisson(_SHIP_DAYS[method])
        chance = np.where(method == LATE_SHIP_METHOD, 0.44, 0.025)
        is_late = rng.random(count) < chance
        delay = np.where(method == LATE_SHIP_METHOD, rng.integers(1, 9, count), rng.integers(1, 5, count))
        return np.where(is_late, due + delay, np.minimum(day + usual, due)).astype(np.int64)

    def _fill(
        self, rng: np.random.Generator, month: Month, orders: Orders, current: tuple[offers.Offer, ...]
    ) -> Lines:
        """Put products into the orders."""
        catalogue = self._catalogue
        count = len(orders)
        is_b2b = orders.seller >= 0
        order = np.repeat(
            np.arange(count), np.where(is_b2b, 3 + rng.poisson(4.6, count), 1 + rng.poisson(1.27, count))
        )
        size = len(order)
        product = pick(rng, catalogue.demand(month.month - 1), size)
        business = is_b2b[order]
        few = np.searchsorted(np.array([0.74, 0.94]), rng.random(size)) + 1
        quantity = np.where(business, 2 + rng.geometric(0.2, size), few)
        price = catalogue.list_price(int(month.days[0]))[product]
        price = np.where(business, price * _B2B_PRICE // 100, price)
        offer, percent = self._discount(rng, orders, order, product, quantity, current)

        sequence = np.arange(self._lines_seen, self._lines_seen + size, dtype=np.int64)
        self._lines_seen += size
        sound = orders.codes[order] == 0
        codes = np.where(sound, LINE_PLAN.codes(sequence), 0)
        first_of_order = np.concatenate([[True], order[1:] != order[:-1]]) if size else np.empty(0, np.bool_)
        line_id = FIRST_LINE + self._lines + np.arange(size, dtype=np.int64)
        is_orphan = LINE_PLAN.of(codes, "orphan")
        orphan_id = np.where(is_orphan, FIRST_LINE + self._lines + size - 1 + np.cumsum(is_orphan), 0)
        return Lines(
            order=order,
            id=line_id,
            quantity=quantity,
            product=product,
            offer=offer,
            price=price,
            percent=percent,
            codes=codes,
            is_corrected=first_of_order & (orders.corrected[order] != NEVER),
            returned=np.zeros(size, dtype=np.int64),
            orphan_id=orphan_id,
            refund_id=np.zeros(size, dtype=np.int64),
        )

    _lines_seen = 0

    def _discount(
        self,
        rng: np.random.Generator,
        orders: Orders,
        order: Ints,
        product: Ints,
        quantity: Ints,
        current: tuple[offers.Offer, ...],
    ) -> tuple[Ints, Ints]:
        """Choose the offer of each line and its percentage."""
        business = orders.seller[order] >= 0
        offer = np.where(business & (quantity >= 11), offers.VOLUME_11, offers.NONE)
        offer = np.where(business & (quantity >= 24), offers.VOLUME_24, offer)
        percent = np.array([0, 0, 5, 9])[offer]
        takes = (rng.random(len(order)) < 0.85) & ~business
        in_china = _IN_CHINA[orders.territory[order]]
        for sale in current:
            fits = takes & (orders.day[order] >= sale.start) & (orders.day[order] <= sale.end)
            fits &= np.isin(self._catalogue.category[product], sale.categories)
            fits &= np.where(in_china, sale.in_china, sale.abroad)
            offer = np.where(fits, sale.id, offer)
            percent = np.where(fits, sale.percent, percent)
        return offer, percent

    def _return(self, rng: np.random.Generator, orders: Orders, lines: Lines) -> tuple[Orders, Lines]:
        """Let goods come back: a line with a negative quantity is added to the order some weeks later."""
        from dataclasses import replace

        chance = self._catalogue.returns[lines.product] * np.where(orders.seller[lines.order] >= 0, 0.35, 0.8)
        comes_back = (rng.random(len(lines)) < chance) & (orders.codes[lines.order] == 0) & (lines.codes == 0)
        delay = rng.integers(4, 33, len(orders)) * DAY + rng.integers(-7000, 7000, len(orders))
        has_refund = np.bincount(lines.order, weights=comes_back, minlength=len(orders)) > 0
        share = rng.random(len(lines))
        returned = np.where(comes_back, np.maximum(1, np.ceil(share * lines.quantity)), 0).astype(np.int64)
        taken = FIRST_LINE + self._lines + len(lines) + int((lines.orphan_id > 0).sum())
        refund_id = np.where(comes_back, taken - 1 + np.cumsum(comes_back), 0)
        refunded = np.where(has_refund, orders.shipped + delay, NEVER)
        return (
            replace(orders, refunded=refunded),
            replace(lines, returned=returned, refund_id=refund_id),
        )


def units_per_day(catalogue: Catalogue, month: Month, sold: SalesMonth) -> Floats:
    """Count the units ordered, day × product."""
    days = len(month.days)
    cell = (sold.orders.day[sold.lines.order] - month.days[0]) * len(catalogue) + sold.lines.product
    counts = np.bincount(cell, weights=sold.lines.quantity, minlength=days * len(catalogue))
    return np.asarray(counts.reshape(days, len(catalogue)), dtype=np.float64)
