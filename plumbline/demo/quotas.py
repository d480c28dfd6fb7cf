"""Quotas: what each sales person is to sell in a quarter."""

from __future__ import annotations

import numpy as np

from plumbline.demo import text
from plumbline.demo.catalogue import TERRITORIES
from plumbline.demo.people import SalesPerson
from plumbline.demo.planting import Defect, Plan, Tally, untidy
from plumbline.demo.randomness import stream
from plumbline.demo.text import Rows
from plumbline.demo.timeline import DAY, Month, Timeline

QUOTA_PLAN = Plan(60, (Defect("date-slash"), Defect("full-width", "SalesQuota")))


class Quotas:
    """Quarterly quotas of the sales people, set from what a territory can be expected to sell."""

    def __init__(self, seed: int, scale: float, timeline: Timeline, staff: tuple[SalesPerson, ...]) -> None:
        self._seed, self._scale, self._timeline, self._staff = seed, scale, timeline, staff

    def history(self, months: list[Month], tally: Tally) -> Rows:
        """Give a row for each sales person and quarter that has begun."""
        quarters = [month for month in months if month.number % 3 == 0]
        found = [(month, index) for month in quarters for index in range(len(self._staff))]
        day = text.dates(np.array([month.days[0] for month, _ in found], dtype=np.int64))
        rows: Rows = {
            "BusinessEntityID": text.number(np.array([self._staff[i].id for _, i in found], dtype=np.int64)),
            "QuotaDate": day,
            "SalesQuota": text.number(
                np.array([self.amount(month, i) for month, i in found], dtype=np.int64)
            ),
            "ModifiedDate": text.moments(
                np.array([month.days[0] * DAY + 28_800 for month, _ in found], dtype=np.int64)
            ),
        }
        codes = QUOTA_PLAN.codes(np.arange(len(found)))
        return untidy("crm.sales_person_quota_history", rows, codes, QUOTA_PLAN, tally, dates=("QuotaDate",))[
            0
        ]

    def amount(self, month: Month, index: int) -> int:
        """Set the quota of a person for the quarter that begins with the month."""
        person = self._staff[index]
        peers = sum(other.territory == person.territory for other in self._staff)
        place = TERRITORIES[person.territory - 1]
        years = month.number / 12
        growth = float(np.exp((0.08 + place.growth * 0.5) * years))
        expected = _QUARTER_SALES * self._scale * place.share / peers * growth
        season = sum(_SEASON[(month.month - 1 + ahead) % 12] for ahead in range(3)) / 3
        noise = float(stream(self._seed, f"quota-{person.id}", month.key).uniform(0.96, 1.04))
        return max(1000, round(expected * season * noise * person.stretch / 1000) * 1000)

    def people(self, months: list[Month], tally: Tally) -> Rows:
        """Give the sales people with their current quota."""
        latest = [month for month in months if month.number % 3 == 0][-1]
        count = len(self._staff)
        tally.rows("crm.sales_person", count)
        quota = np.array([self.amount(latest, index) for index in range(count)], dtype=np.int64)
        return {
            "BusinessEntityID": text.number(np.array([person.id for person in self._staff], dtype=np.int64)),
            "TerritoryID": text.number(
                np.array([person.territory for person in self._staff], dtype=np.int64)
            ),
            "SalesQuota": text.number(quota),
            "Bonus": text.number(
                np.array([1000 + 500 * (person.id % 7) for person in self._staff], dtype=np.int64)
            ),
            "CommissionPct": text.money(
                np.array([100 + 10 * (person.id % 6) for person in self._staff], dtype=np.int64)
            ),
            "ModifiedDate": text.moments(np.full(count, latest.days[0] * DAY + 28_800)),
        }


_SEASON = (0.80, 0.67, 0.88, 1.07, 1.22, 1.16, 1.15, 1.07, 1.00, 1.08, 0.97, 0.98)
_QUARTER_SALES = 9_600_000
"""What all sales people sell in a mean quarter of the first year at scale 1."""
