"""The CRM's master data: customers, persons, resellers, shops, territories, sales people, quotas; and store traffic."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plumbline.demo import names, text
from plumbline.demo.catalogue import TERRITORIES, opening_day
from plumbline.demo.customers import FIRST_CUSTOMER, FIRST_PERSON, FIRST_RESELLER, Customers
from plumbline.demo.people import FIRST_SALES_PERSON, Employee, SalesPerson
from plumbline.demo.planting import Correction, Defect, Plan, Tally, untidy
from plumbline.demo.randomness import Ints, stream
from plumbline.demo.text import Rows
from plumbline.demo.timeline import DAY, Month, Timeline, weekday

CUSTOMER_PLAN = Plan(
    340,
    (
        Defect("duplicate"),
        Defect("superseded"),
        Defect("bad-number", "CustomerID", adds=True),
        Defect("padded", "AccountNumber"),
        Defect("blank", "AccountNumber"),
        Defect("full-width", "AccountNumber"),
    ),
)
PERSON_PLAN = Plan(
    380,
    (
        Defect("duplicate"),
        Defect("padded", "LastName"),
        Defect("blank", "FirstName"),
        Defect("full-width", "PersonType"),
    ),
)
STORE_PLAN = Plan(90, (Defect("duplicate"), Defect("full-width", "Name"), Defect("padded", "Name")))
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
QUOTA_PLAN = Plan(60, (Defect("date-slash"), Defect("full-width", "SalesQuota")))
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


def customers(everybody: Customers, timeline: Timeline, tally: Tally) -> Rows:
    """Give the customers that are entered by the as-of day."""
    index = np.flatnonzero(timeline.known(everybody.created))
    is_store = everybody.seller[index] >= 0
    created = everybody.created[index]
    corrected_at = created + (2 + index % 5) * DAY
    rows: Rows = {
        "CustomerID": text.number(FIRST_CUSTOMER + 1 + index),
        "PersonID": text.number(FIRST_PERSON + index, is_store),
        "StoreID": text.number(FIRST_RESELLER + _reseller_numbers(everybody)[index], ~is_store),
        "TerritoryID": text.number(everybody.territory[index] + 1),
        "AccountNumber": text.numbered("YL", FIRST_CUSTOMER + 1 + index, 10),
        "ModifiedDate": text.moments(created),
    }
    correction = Correction(
        timeline.known(corrected_at) & ~is_store,
        "TerritoryID",
        text.number((everybody.territory[index] + 1) % 10 + 1),
        corrected_at,
    )
    return untidy(
        "crm.customer", rows, CUSTOMER_PLAN.codes(index), CUSTOMER_PLAN, tally, correction=correction
    )[0]


def _reseller_numbers(everybody: Customers) -> Ints:
    return np.asarray(np.cumsum(everybody.seller >= 0) - 1, dtype=np.int64)


def persons(everybody: Customers, staff: list[Employee], timeline: Timeline, tally: Tally) -> Rows:
    """Give the private customers and the employees."""
    shown = timeline.known(everybody.created) & (everybody.seller < 0)
    index = np.flatnonzero(shown)
    place = everybody.territory[index]
    language = np.array([names.LANGUAGE[territory.country] for territory in TERRITORIES])[place]
    mixed = (index * 2_654_435_761) % 2**32
    first_names, first_start = _flat(names.FIRST)
    last_names, last_start = _flat(names.LAST)
    first = first_start[language] + mixed % np.diff(first_start)[language]
    last = last_start[language] + (mixed >> 8) % np.diff(last_start)[language]
    private: Rows = {
        "BusinessEntityID": text.number(FIRST_PERSON + index),
        "PersonType": text.words(["IN"], np.zeros(len(index), dtype=np.int64)),
        "FirstName": text.words(first_names, first),
        "LastName": text.words(last_names, last),
        "ModifiedDate": text.moments(everybody.created[index]),
    }
    hired = [person for person in staff if person.hired <= timeline.last_day]
    employed: Rows = {
        "BusinessEntityID": text.number(np.array([person.id for person in hired], dtype=np.int64)),
        "PersonType": text.words(["SP" if person.id in _SALES_IDS else "EM" for person in hired]),
        "FirstName": text.words([person.first_name for person in hired]),
        "LastName": text.words([person.last_name for person in hired]),
        "ModifiedDate": text.moments(
            np.array([person.hired * DAY + 32_400 for person in hired], dtype=np.int64)
        ),
    }
    codes = np.concatenate([np.zeros(len(hired), dtype=np.int64), PERSON_PLAN.codes(index)])
    return untidy("crm.person", text.concat_rows([employed, private]), codes, PERSON_PLAN, tally)[0]


_SALES_IDS = range(FIRST_SALES_PERSON, FIRST_SALES_PERSON + 16)


def _flat(lists: tuple[tuple[str, ...], ...]) -> tuple[list[str], Ints]:
    """Put lists one after another, and say where each begins."""
    starts = np.concatenate([[0], np.cumsum([len(part) for part in lists])])
    return [name for part in lists for name in part], starts.astype(np.int64)


def stores(everybody: Customers, timeline: Timeline, tally: Tally) -> Rows:
    """Give the own shops and the resellers."""
    index = np.flatnonzero(timeline.known(everybody.created) & (everybody.seller >= 0))
    number = _reseller_numbers(everybody)[index]
    places, place_start = _flat(names.RESELLER_PLACES)
    language = np.array([names.LANGUAGE[territory.country] for territory in TERRITORIES])[
        everybody.territory[index]
    ]
    place = text.words(places, place_start[language] + number * 7 % np.diff(place_start)[language])
    trade = text.words(names.RESELLER_TRADES, number % len(names.RESELLER_TRADES))
    digits = pc.cast(pa.array(number + 1), pa.string())
    resellers: Rows = {
        "BusinessEntityID": text.number(FIRST_RESELLER + number),
        "Name": text.Column(pc.binary_join_element_wise(place.text, trade.text, digits, " ")),
        "SalesPersonID": text.number(FIRST_SALES_PERSON + everybody.seller[index]),
        "ModifiedDate": text.moments(everybody.created[index]),
    }
    own = np.array([number for number, _, _ in SHOPS], dtype=np.int64)
    shops: Rows = {
        "BusinessEntityID": text.number(own),
        "Name": text.words([name for _, name, _ in SHOPS]),
        "SalesPersonID": text.number(own, np.ones(len(own), dtype=np.bool_)),
        "ModifiedDate": text.moments(np.full(len(own), opening_day(timeline) * DAY)),
    }
    codes = np.concatenate([np.zeros(len(own), dtype=np.int64), STORE_PLAN.codes(number)])
    return untidy("crm.store", text.concat_rows([shops, resellers]), codes, STORE_PLAN, tally)[0]


def territories(timeline: Timeline, tally: Tally) -> Rows:
    """Give the sales territories."""
    tally.rows("crm.sales_territory", len(TERRITORIES))
    return {
        "TerritoryID": text.number(np.array([place.id for place in TERRITORIES], dtype=np.int64)),
        "Name": text.words([place.name for place in TERRITORIES]),
        "CountryRegionCode": text.words([place.country for place in TERRITORIES]),
        "Group": text.words([place.group for place in TERRITORIES]),
        "ModifiedDate": text.moments(np.full(len(TERRITORIES), opening_day(timeline) * DAY)),
    }


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
        growth = np.exp((0.08 + place.growth * 0.5) * years)
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
