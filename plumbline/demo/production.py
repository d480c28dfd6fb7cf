"""Work orders, their way through the work centres, and the machines."""

from __future__ import annotations

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from plumbline.demo import erp
from plumbline.demo.catalogue import LATE_LOCATION, LOCATIONS, SUBCATEGORIES, Catalogue
from plumbline.demo.planting import Tally
from plumbline.demo.randomness import Ints, pick, stream
from plumbline.demo.timeline import DAY, Month, Timeline, next_working_day, weekday

_WORK_ORDERS_PER_DAY = 5.0
_RATES = {number: rate for number, _, rate in LOCATIONS}
_SCRAP_BY_ROUTE = np.array([0.016, 0.028, 0.022])
MACHINES = tuple(
    (100 + location + index, name, location)
    for location, names in (
        (10, ("Laser Cutter 1", "Laser Cutter 2")),
        (20, ("缝纫线 A", "缝纫线 B")),
        (30, ("Press 200 t", "Press 400 t")),
        (40, ("Powder Coating Line", "阳极氧化线")),
        (50, ("Assembly Cell 1", "Assembly Cell 2")),
        (60, ("Packing Line 1", "Packing Line 2")),
    )
    for index, name in enumerate(names)
)
_BUFFER_DAYS = 4
"""What the planners leave after the surface treatment, since it is never on time."""
_BAD_MACHINE = 7
"""Index of the machine that stands still most: the anodising line."""


class Production:
    """Work orders and machine days, a month at a time."""

    def __init__(self, seed: int, scale: float, catalogue: Catalogue) -> None:
        self._seed, self._scale = seed, scale
        self._catalogue = catalogue
        self._timeline: Timeline = catalogue.timeline
        self._made = np.flatnonzero(catalogue.is_made)
        self._routes = [SUBCATEGORIES[family].route for family in catalogue.subcategory]
        self._orders = 0

    def month(self, month: Month, tally: Tally) -> tuple[pa.Table, pa.Table]:
        """Give the work orders and routing steps of a month as they are known on the as-of day."""
        rng = stream(self._seed, "production", month.key)
        timeline = self._timeline
        days = month.days
        level = self._scale * 1.15 ** timeline.years_since_start(days) * np.where(weekday(days) < 5, 1.4, 0.0)
        start = np.repeat(days, rng.poisson(_WORK_ORDERS_PER_DAY * 0.83 * level))
        count = len(start)
        product = self._made[pick(rng, self._catalogue.demand(month.month % 12)[self._made], count)]
        quantity = 12 + 4 * rng.geometric(0.09, count)
        order_id = 1 + self._orders + np.arange(count)
        self._orders += count

        steps = _Steps(rng, self._routes, product, start, quantity)
        due = steps.due
        scrapped, reason = self._scrap(rng, steps, quantity)
        end = steps.last_end
        ended_at = end * DAY + 18 * 3600
        began_at = start * DAY + 7 * 3600
        shown, ended = timeline.known(began_at), timeline.known(ended_at)
        orders = erp.table(
            "Production_WorkOrder",
            WorkOrderID=order_id,
            ProductID=self._catalogue.product_id[product],
            OrderQty=quantity,
            StockedQty=np.where(ended, quantity - scrapped, 0),
            ScrappedQty=np.where(ended, scrapped, 0),
            StartDate=erp.days(start),
            EndDate=erp.days(end, ~ended),
            DueDate=erp.days(due),
            ScrapReasonID=erp.ints(reason, ~ended | (scrapped == 0)),
            ModifiedDate=erp.moments(timeline.last_known(began_at, ended_at)),
        )
        routing = steps.table(order_id, self._catalogue.product_id[product], timeline)
        tally.rows("erp.work_order", int(shown.sum()))
        tally.rows("erp.work_order_routing", routing.num_rows)
        return orders.filter(pa.array(shown)), routing

    @staticmethod
    def _scrap(rng: np.random.Generator, steps: _Steps, quantity: Ints) -> tuple[Ints, Ints]:
        """Scrap some of one order in five; surface treatment spoils most."""
        count = len(quantity)
        chance = _SCRAP_BY_ROUTE[np.minimum(steps.count - 3, 1) + steps.is_coated]
        has_scrap = rng.random(count) < chance * 9
        scrapped = np.where(has_scrap, np.maximum(1, rng.binomial(quantity, 0.07)), 0)
        coating = np.array([0.3, 0.6, 0.4, 1.1, 2.6, 1.9, 0.8, 0.9, 0.7, 0.2, 0.5, 0.5])
        plain = np.array([1.6, 1.2, 1.9, 0.6, 0.1, 0.1, 0.1, 0.8, 0.1, 0.4, 0.7, 0.9])
        reason = np.where(steps.is_coated == 1, pick(rng, coating, count), pick(rng, plain, count)) + 1
        return scrapped, reason

    def machines(self, month: Month, tally: Tally) -> pa.Table:
        """Give a row for each machine and day that is known; some are reported a week late."""
        rng = stream(self._seed, "machines", month.key)
        timeline = self._timeline
        size = (len(month.days), len(MACHINES))
        day = np.repeat(month.days, len(MACHINES))
        sunday = weekday(day) == 6
        planned = np.where(sunday, 480, 960)
        trouble = np.where(
            np.arange(len(MACHINES)) == _BAD_MACHINE, 0.20, 0.04 + np.arange(len(MACHINES)) % 5 / 100
        )
        down = np.minimum(rng.exponential(trouble, size).ravel() * planned, planned * 0.9).astype(np.int64)
        idle = (rng.uniform(0.04, 0.16, size).ravel() * planned).astype(np.int64)
        run = np.maximum(planned - down - idle, 0)
        total = np.rint(run * rng.uniform(0.9, 1.1, size).ravel() * 0.55).astype(np.int64)
        good = total - rng.binomial(
            total, np.where(np.arange(size[0] * size[1]) % 12 == _BAD_MACHINE, 0.06, 0.018)
        )
        sequence = (month.days[0] - timeline.first_day) * len(MACHINES) + np.arange(size[0] * size[1])
        late = sequence % 240 == 30
        reported = (day + np.where(late, 9, 1)) * DAY + 6 * 3600
        shown = timeline.known(reported)
        tally.rows("erp.machine_run_time", int(shown.sum()))
        tally.add("erp.machine_run_time", "late", int((late & shown).sum()))
        return erp.table(
            "Production_MachineRunTime",
            MachineID=np.tile([number for number, _, _ in MACHINES], size[0]),
            MachineName=pa.array([name for _, name, _ in MACHINES]).take(
                pa.array(np.tile(np.arange(len(MACHINES)), size[0]))
            ),
            LocationID=np.tile([location for _, _, location in MACHINES], size[0]),
            RunDate=erp.days(day),
            PlannedMinutes=planned,
            RunMinutes=run,
            DownMinutes=down,
            GoodUnits=good,
            TotalUnits=total,
            ModifiedDate=erp.moments(reported),
        ).filter(pa.array(shown))


class _Steps:
    """The routing steps of some work orders: planned one after another, delayed at the surface treatment."""

    def __init__(
        self,
        rng: np.random.Generator,
        routes: list[tuple[int, ...]],
        product: Ints,
        start: Ints,
        quantity: Ints,
    ) -> None:
        route = np.array([route + (0,) * (4 - len(route)) for route in routes], dtype=np.int64)[product]
        self.count = (route > 0).sum(axis=1)
        self.is_coated = (route == LATE_LOCATION).any(axis=1).astype(np.int64)
        orders = len(product)
        planned = np.where(route > 0, 1 + quantity[:, None] // 60, 0)
        is_late = route == LATE_LOCATION
        slow = np.where(is_late, 1 + rng.poisson(1.6, (orders, 4)), 0)
        odd = np.where((route > 0) & (rng.random((orders, 4)) < 0.06), rng.integers(1, 4, (orders, 4)), 0)
        scheduled, actual = np.empty((2, orders, 4), dtype=np.int64), np.empty((2, orders, 4), dtype=np.int64)
        free, ready = start, start
        for step in range(4):
            scheduled[:, :, step] = free, free + planned[:, step]
            began = np.maximum(ready, free)
            actual[:, :, step] = began, began + (planned + slow + odd)[:, step]
            ready = actual[1, :, step]
            free = scheduled[1, :, step] + np.where(is_late[:, step], _BUFFER_DAYS, 0)
        self.due = free + 2
        self.last_end = next_working_day(ready)
        hours = np.rint(quantity[:, None] * rng.uniform(0.05, 0.09, (orders, 4)) * 100) / 100 + 0.25
        self._order, self._step = np.nonzero(route > 0)
        cell = (self._order, self._step)
        self._location = route[cell]
        self._sequence = self._step + 1
        self._scheduled = scheduled[:, self._order, self._step]
        self._actual = actual[:, self._order, self._step]
        self._hours = np.rint(hours[cell] * 100).astype(np.int64)
        spread = np.where(self._location == LATE_LOCATION, rng.uniform(0.78, 0.96, len(self._order)), 1.0)
        self._planned_hours = np.rint(
            self._hours * spread * rng.uniform(0.97, 1.03, len(self._order))
        ).astype(np.int64)

    def table(self, order_id: Ints, product_id: Ints, timeline: Timeline) -> pa.Table:
        began, ended = self._actual[0] * DAY + 8 * 3600, self._actual[1] * DAY + 17 * 3600
        rate = np.array([_RATES.get(number, 0) for number in range(61)])[self._location]
        done = timeline.known(ended)
        return erp.table(
            "Production_WorkOrderRouting",
            WorkOrderID=order_id[self._order],
            ProductID=product_id[self._order],
            OperationSequence=self._sequence,
            LocationID=self._location,
            ScheduledStartDate=erp.days(self._scheduled[0]),
            ScheduledEndDate=erp.days(self._scheduled[1]),
            ActualStartDate=erp.days(self._actual[0]),
            ActualEndDate=erp.days(self._actual[1], ~done),
            ActualResourceHrs=erp.money(self._hours * 100, ~done),
            PlannedCost=erp.money(self._planned_hours * rate * 100),
            ActualCost=erp.money(self._hours * rate * 100, ~done),
            ModifiedDate=erp.moments(timeline.last_known(began, ended)),
        ).filter(pa.array(timeline.known(began)))
