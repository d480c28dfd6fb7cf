"""Stock by day, in every warehouse."""

from __future__ import annotations

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from plumbline.demo import erp
from plumbline.demo.catalogue import COMPONENTS, Catalogue
from plumbline.demo.randomness import Floats, Ints, stream
from plumbline.demo.timeline import DAY, Month

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
        self.daily_mean = np.concatenate([mean[self._finished] * self._share, self._part_use])
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
