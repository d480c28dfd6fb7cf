"""Visitors of the own shops, day by day."""

from __future__ import annotations

import numpy as np

from plumbline.demo import text
from plumbline.demo.planting import Correction, Defect, Plan, Tally, untidy
from plumbline.demo.randomness import Ints, stream
from plumbline.demo.text import Rows
from plumbline.demo.timeline import DAY, Month, Timeline, weekday

TRAFFIC_PLAN = Plan(
    400,
    (
        Defect("duplicate"),
        Defect("superseded"),
        Defect("late"),
        Defect("bad-number", "Visitors"),
        Defect("missing", "Visitors"),
        Defect("bad-date", "TrafficDate"),
        Defect("date-slash"),
        Defect("date-compact"),
        Defect("full-width", "Visitors"),
    ),
)
SHOPS = (
    (1501, "云岭 上海旗舰店", 420),
    (1502, "云岭 杭州万象城店", 310),
    (1503, "云岭 北京三里屯店", 360),
    (1504, "云岭 深圳万象天地店", 340),
    (1505, "云岭 成都太古里店", 300),
    (1506, "Yunling Store Hamburg", 210),
    (1507, "Yunling Store München", 190),
    (1508, "Yunling Store Lyon", 150),
    (1509, "Yunling Store London", 230),
    (1510, "Yunling Store Denver", 140),
)


class Traffic:
    """Visitors of the own shops; a day's row arrives the next morning, and some a week late."""

    def __init__(self, seed: int, timeline: Timeline) -> None:
        self._seed, self._timeline = seed, timeline
        self._waiting: tuple[Rows, Ints] | None = None

    def month(self, month: Month, tally: Tally) -> Rows:
        """Give the rows that arrive in a month, in the order in which they arrive."""
        rows, arrival = self._day_rows(month, tally)
        if self._waiting is not None:
            rows = text.concat_rows([self._waiting[0], rows])
            arrival = np.concatenate([self._waiting[1], arrival])
        later = arrival >= (month.days[-1] + 1) * DAY
        self._waiting = text.filter_rows(rows, later), arrival[later]
        now = np.flatnonzero(~later)
        return text.take_rows(rows, now[np.argsort(arrival[now], kind="stable")])

    def _day_rows(self, month: Month, tally: Tally) -> tuple[Rows, Ints]:
        rng = stream(self._seed, "traffic", month.key)
        timeline, shops = self._timeline, len(SHOPS)
        day = np.repeat(month.days, shops)
        size = np.array([visitors for _, _, visitors in SHOPS])
        week = np.array([0.8, 0.78, 0.82, 0.88, 1.1, 1.55, 1.4])[weekday(day)]
        season = (1.1, 1.2, 0.9, 0.95, 1.1, 1.0, 1.05, 1.1, 0.95, 1.15, 1.0, 1.2)[month.month - 1]
        level = np.tile(size, len(month.days)) * week * season * 1.06 ** timeline.years_since_start(day)
        visitors = rng.poisson(level * np.exp(rng.normal(0, 0.12, len(day))))
        skill = np.tile(np.linspace(0.24, 0.15, shops), len(month.days))
        transactions = rng.binomial(visitors, skill)
        promotion = rng.binomial(visitors, np.where((day // 7) % 4 == 0, 0.35, 0.08))
        sequence = (month.days[0] - timeline.first_day) * shops + np.arange(len(day))
        codes = TRAFFIC_PLAN.codes(sequence)
        late = TRAFFIC_PLAN.of(codes, "late")
        arrival = (day + np.where(late, 8 + sequence % 5, 1)) * DAY + 6 * 3600 + sequence % shops
        corrected_at = (day + 3 + sequence % 3) * DAY + 10 * 3600
        shown = timeline.known(arrival)
        rows: Rows = {
            "StoreID": text.number(np.tile(np.array([number for number, _, _ in SHOPS]), len(month.days))),
            "TrafficDate": text.dates(day),
            "Visitors": text.number(visitors),
            "Transactions": text.number(transactions),
            "PromotionVisitors": text.number(promotion),
            "ModifiedDate": text.moments(arrival),
        }
        correction = Correction(
            timeline.known(corrected_at)[shown],
            "Visitors",
            text.number(visitors + 25).where(shown),
            corrected_at[shown],
        )
        tally.add("crm.store_traffic", "late", int((late & shown).sum()))
        spoilt, origin = untidy(
            "crm.store_traffic",
            text.filter_rows(rows, shown),
            codes[shown],
            TRAFFIC_PLAN,
            tally,
            dates=("TrafficDate",),
            correction=correction,
        )
        again = np.concatenate([[False], origin[1:] == origin[:-1]])
        is_new_version = again & TRAFFIC_PLAN.of(codes[shown][origin], "superseded")
        return spoilt, np.where(is_new_version, corrected_at[shown][origin], arrival[shown][origin])
