"""Campaigns bring leads, leads become opportunities, and won opportunities become orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from plumbline.demo import text
from plumbline.demo.customers import FIRST_CUSTOMER, Customers, sellers_for, territory_weights
from plumbline.demo.people import FIRST_SALES_PERSON
from plumbline.demo.planting import Correction, Defect, Plan, Tally, untidy
from plumbline.demo.randomness import Floats, Ints, lognormal, pick, stream
from plumbline.demo.sales import SalesMonth, Won
from plumbline.demo.text import Rows
from plumbline.demo.timeline import (
    DAY,
    NEVER,
    Month,
    Timeline,
    calendar_month,
    day_number,
    next_working_day,
    weekday,
)


@dataclass(frozen=True)
class Channel:
    """Where leads come from: share, how many qualify, how well they close, and what a lead costs."""

    name: str
    share: float
    qualify: float
    win: float
    cost: float
    has_campaigns: bool


CHANNELS = (
    Channel("官网 Website", 0.28, 0.30, 0.34, 110, True),
    Channel("Search Ads", 0.22, 0.24, 0.27, 260, True),
    Channel("小红书 Social", 0.20, 0.12, 0.16, 150, True),
    Channel("展会 Trade Show", 0.10, 0.45, 0.40, 900, True),
    Channel("Referral 转介绍", 0.08, 0.58, 0.52, 0, False),
    Channel("Cold Call", 0.12, 0.09, 0.14, 0, False),
)
_PAID = tuple(index for index, channel in enumerate(CHANNELS) if channel.has_campaigns)
LEAD_PLAN = Plan(
    300,
    (
        Defect("duplicate"),
        Defect("superseded"),
        Defect("bad-date", "CreatedDate"),
        Defect("date-slash"),
        Defect("date-compact"),
        Defect("blank", "CampaignID"),
        Defect("full-width", "TerritoryID"),
    ),
)
OPPORTUNITY_PLAN = Plan(
    240,
    (
        Defect("duplicate"),
        Defect("superseded"),
        Defect("bad-number", "Amount"),
        Defect("date-slash"),
        Defect("date-compact"),
        Defect("full-width", "Amount"),
    ),
)
CAMPAIGN_PLAN = Plan(20, (Defect("date-slash"), Defect("bad-number", "Cost"), Defect("padded", "Name")))

_LEADS_PER_DAY, _RESELLER_DEALS_PER_DAY = 12.0, 1.85
_SEASON = np.array([0.85, 0.8, 1.25, 1.2, 1.15, 1.0, 0.85, 0.8, 1.15, 1.2, 1.05, 0.85])
_OPEN, _WON, _LOST = 0, 1, 2


class Funnel:
    """All leads and opportunities so far; what is decided about their future waits for its day."""

    def __init__(self, seed: int, scale: float, timeline: Timeline, customers: Customers) -> None:
        self._seed, self._scale, self._timeline, self._customers = seed, scale, timeline, customers
        self._skill = np.array([person.skill for person in customers.staff])
        self._leads: dict[str, Ints] = {}
        self._deals: dict[str, Ints] = {}

    def month(self, month: Month) -> Won:
        """Enter the month's leads and opportunities, and give those that are won in it."""
        rng = stream(self._seed, "funnel", month.key)
        self._enter_leads(rng, month)
        self._enter_deals_of_resellers(rng, month)
        deals, days = self._deals, month.days
        index = np.flatnonzero(
            (deals["outcome"] == _WON) & (deals["closed"] >= days[0]) & (deals["closed"] <= days[-1])
        )
        fresh = index[deals["customer"][index] < 0]
        deals["customer"][fresh] = self._customers.add(
            rng, deals["territory"][fresh], deals["seller"][fresh], deals["closed"][fresh] * DAY + 9 * 3600
        )
        lead = deals["lead"][index]
        self._leads["customer"][lead[lead >= 0]] = deals["customer"][index[lead >= 0]]
        return Won(deals["customer"][index], deals["seller"][index], deals["closed"][index], index)

    def ordered(self, won: Won, sold: SalesMonth) -> None:
        """Remember which order each won opportunity became, and what it was worth."""
        if len(won):
            self._deals["order"][won.opportunity] = sold.orders.id[sold.won_orders]
            self._deals["worth"][won.opportunity] = sold.subtotals()[sold.won_orders]

    def _enter_leads(self, rng: np.random.Generator, month: Month) -> None:
        timeline, days = self._timeline, month.days
        years = float(timeline.years_since_start(days[:1])[0])
        working = np.where(weekday(days) < 5, 1.2, 0.5)
        level = (
            self._scale * 1.15 ** timeline.years_since_start(days) * _SEASON[calendar_month(days)] * working
        )
        day = np.repeat(days, rng.poisson(_LEADS_PER_DAY * level * 0.95))
        count = len(day)
        channel = pick(rng, np.array([source.share for source in CHANNELS]), count)
        territory = pick(rng, territory_weights(years), count)
        campaign = np.array([_PAID.index(index) if index in _PAID else -1 for index in range(len(CHANNELS))])[
            channel
        ]
        campaign = np.where(rng.random(count) < 0.86, campaign, -1)
        qualifies = rng.random(count) < np.array([source.qualify for source in CHANNELS])[channel]
        touched = day + rng.integers(0, 5, count)
        decided = touched + 1 + rng.poisson(np.where(qualifies, 5.0, 18.0))
        first = len(self._leads["day"]) if self._leads else 0
        index = first + np.flatnonzero(qualifies)
        first_deal = len(self._deals["day"]) if self._deals else 0
        deal = np.full(count, -1, dtype=np.int64)
        deal[qualifies] = first_deal + np.arange(len(index))
        _grow(
            self._leads,
            day=day,
            moment=rng.integers(8 * 3600, 20 * 3600, count),
            channel=channel,
            campaign=np.where(campaign >= 0, 100 + month.number // 3 * 10 + campaign, -1),
            territory=territory,
            touched=touched,
            decided=decided,
            deal=deal,
            customer=np.full(count, -1, dtype=np.int64),
        )
        win = np.array([source.win for source in CHANNELS])[channel[qualifies]]
        places = territory[qualifies]
        seller = sellers_for(rng, self._customers.staff, places)
        self._enter_deals(
            rng, index, np.full(len(index), -1, dtype=np.int64), seller, places, decided[qualifies], win
        )

    def _enter_deals_of_resellers(self, rng: np.random.Generator, month: Month) -> None:
        days = month.days
        level = self._scale * _SEASON[calendar_month(days)] * np.where(weekday(days) < 5, 1.4, 0.0)
        day = np.repeat(days, rng.poisson(_RESELLER_DEALS_PER_DAY * level))
        years = float(self._timeline.years_since_start(days[:1])[0])
        customer = self._customers.returning(rng, len(day), resellers=True, years=years)
        none = np.full(len(day), -1, dtype=np.int64)
        seller = self._customers.seller[customer]
        territory = self._customers.territory[customer]
        self._enter_deals(rng, none, customer, seller, territory, day, np.full(len(day), 0.44))

    def _enter_deals(
        self,
        rng: np.random.Generator,
        lead: Ints,
        customer: Ints,
        seller: Ints,
        territory: Ints,
        day: Ints,
        win: Floats,
    ) -> None:
        count = len(day)
        is_won = rng.random(count) < np.minimum(win * self._skill[seller], 0.9)
        length = lognormal(rng, np.where(is_won, 26.0, 40.0) / self._skill[seller], 0.5, count)
        cycle = np.clip(np.rint(length), 2, 170).astype(np.int64)
        _grow(
            self._deals,
            day=day,
            moment=rng.integers(9 * 3600, 19 * 3600, count),
            lead=lead,
            customer=customer,
            seller=seller,
            territory=territory,
            cycle=cycle,
            closed=next_working_day(day + cycle),
            outcome=np.where(is_won, _WON, _LOST),
            amount=np.rint(lognormal(rng, 14_000.0, 0.6, count) / 100).astype(np.int64) * 1_000_000,
            order=np.zeros(count, dtype=np.int64),
            worth=np.zeros(count, dtype=np.int64),
        )

    def leads(self, tally: Tally) -> Rows:
        """Give the leads as they are known on the as-of day."""
        timeline, leads, deals = self._timeline, self._leads, self._deals
        has_deal = leads["deal"] >= 0
        closed = np.where(has_deal, np.append(deals["closed"], 0)[leads["deal"]] * DAY + 22 * 3600, NEVER)
        won = has_deal & (np.append(deals["outcome"], _OPEN)[leads["deal"]] == _WON)
        entered = leads["day"] * DAY + leads["moment"]
        touched = np.maximum(leads["touched"] * DAY + 20 * 3600, entered)
        decided = np.maximum(leads["decided"] * DAY + 20 * 3600 + 900, touched)
        final = np.where(has_deal, closed, decided)
        is_converted = won & timeline.known(closed)
        state = np.where(timeline.known(touched), 1, 0)
        state = np.where(timeline.known(decided), np.where(has_deal, 2, 3), state)
        state = np.where(timeline.known(closed), np.where(won, 4, 5), state)
        corrected_at = final + (2 + np.arange(len(entered)) % 4) * DAY
        rows: Rows = {
            "LeadID": text.number(1 + np.arange(len(entered))),
            "CampaignID": text.number(leads["campaign"], leads["campaign"] < 0),
            "Channel": text.words([channel.name for channel in CHANNELS], leads["channel"]),
            "CreatedDate": text.dates(leads["day"]),
            "TerritoryID": text.number(leads["territory"] + 1),
            "Status": text.words(
                ["New", "Contacted", "Qualified", "Disqualified", "Converted", "Lost"], state
            ),
            "ConvertedDate": text.dates(closed // DAY, ~is_converted),
            "CustomerID": text.number(FIRST_CUSTOMER + 1 + leads["customer"], ~is_converted),
            "ModifiedDate": text.moments(timeline.last_known(entered, touched, decided, closed)),
        }
        return _shown(
            "crm.lead",
            rows,
            LEAD_PLAN,
            timeline,
            tally,
            entered,
            ("CreatedDate", "ConvertedDate"),
            Correction(
                timeline.known(corrected_at),
                "TerritoryID",
                text.number((leads["territory"] + 1) % 10 + 1),
                corrected_at,
            ),
        )

    def opportunities(self, tally: Tally) -> Rows:
        """Give the opportunities as they are known on the as-of day."""
        timeline, deals = self._timeline, self._deals
        entered = deals["day"] * DAY + np.maximum(deals["moment"], np.where(deals["lead"] >= 0, 75_600, 0))
        closed = deals["closed"] * DAY + 22 * 3600
        proposed = np.minimum(entered + deals["cycle"] * DAY * 2 // 5, closed)
        negotiated = np.minimum(entered + deals["cycle"] * DAY * 7 // 10, closed)
        is_closed = timeline.known(closed)
        is_won = is_closed & (deals["outcome"] == _WON)
        state = timeline.known(proposed).astype(np.int64) + timeline.known(negotiated)
        state = np.where(is_closed, np.where(is_won, 3, 4), state)
        customer = deals["customer"]
        known_customer = (customer >= 0) & ((deals["lead"] < 0) | is_won)
        corrected_at = closed + (1 + np.arange(len(entered)) % 3) * DAY
        amount = np.where(is_won, deals["worth"], deals["amount"])
        rows: Rows = {
            "OpportunityID": text.number(1 + np.arange(len(entered))),
            "LeadID": text.number(1 + deals["lead"], deals["lead"] < 0),
            "CustomerID": text.number(FIRST_CUSTOMER + 1 + customer, ~known_customer),
            "SalesPersonID": text.number(FIRST_SALES_PERSON + deals["seller"]),
            "TerritoryID": text.number(deals["territory"] + 1),
            "Stage": text.words(
                ["Prospecting", "Proposal", "Negotiation", "Closed Won", "Closed Lost"], state
            ),
            "Amount": text.money(amount),
            "CreatedDate": text.dates(deals["day"]),
            "ClosedDate": text.dates(deals["closed"], ~is_closed),
            "IsWon": text.number(is_won.astype(np.int64), ~is_closed),
            "SalesOrderID": text.number(deals["order"], ~is_won),
            "ModifiedDate": text.moments(timeline.last_known(entered, proposed, negotiated, closed)),
        }
        return _shown(
            "crm.opportunity",
            rows,
            OPPORTUNITY_PLAN,
            timeline,
            tally,
            entered,
            ("CreatedDate", "ClosedDate"),
            Correction(timeline.known(corrected_at), "Amount", text.money(amount + 5_000_000), corrected_at),
        )

    def campaigns(self, months: list[Month], tally: Tally) -> Rows:
        """Give the campaigns that have begun; the cost of a running one grows by the day."""
        timeline = self._timeline
        starts = [month for month in months if month.number % 3 == 0]
        found = [(month, number) for month in starts for number in range(len(_PAID))]
        first = np.array([day_number(month.first) for month, _ in found], dtype=np.int64)
        last = np.array([day_number(month.next.next.next.first) - 1 for month, _ in found], dtype=np.int64)
        costs, budgets = self._campaign_costs(found)
        spent = np.minimum(timeline.last_day, last) - first + 1
        rows: Rows = {
            "CampaignID": text.number(
                np.array([100 + month.number // 3 * 10 + number for month, number in found], dtype=np.int64)
            ),
            "Name": text.words([_campaign_name(month.first, number) for month, number in found]),
            "Channel": text.words(
                [CHANNELS[_PAID[number]].name for _, number in found], np.arange(len(found), dtype=np.int64)
            ),
            "StartDate": text.dates(first),
            "EndDate": text.dates(last),
            "Budget": text.money(budgets),
            "Cost": text.money(costs * spent // (last - first + 1)),
            "ModifiedDate": text.moments(np.minimum(timeline.last_day, last) * DAY + 22 * 3600),
        }
        return _shown(
            "crm.campaign", rows, CAMPAIGN_PLAN, timeline, tally, first * DAY, ("StartDate", "EndDate"), None
        )

    def _campaign_costs(self, found: list[tuple[Month, int]]) -> tuple[Ints, Ints]:
        """Give what each campaign costs in the end, and its budget."""
        costs, budgets = [], []
        for month, number in found:
            rng = stream(self._seed, f"campaign-{number}", month.key)
            source = CHANNELS[_PAID[number]]
            leads = _LEADS_PER_DAY * 91 * self._scale * source.share * 1.15 ** (month.number / 12)
            budget = round(leads * source.cost / 100) * 1_000_000
            budgets.append(max(budget, 1_000_000))
            costs.append(round(budgets[-1] * float(rng.uniform(0.82, 1.16)) / 100) * 100)
        return np.array(costs, dtype=np.int64), np.array(budgets, dtype=np.int64)


def _campaign_name(first: date, number: int) -> str:
    names = ("官网焕新", "Search Always-on", "小红书种草", "Trade Show")
    return f"{names[number]} {first.year}-{first.month:02d}"


def _shown(
    table: str,
    rows: Rows,
    plan: Plan,
    timeline: Timeline,
    tally: Tally,
    entered: Ints,
    dates: tuple[str, ...],
    correction: Correction | None,
) -> Rows:
    """Keep what is known on the as-of day, and spoil it by the plan."""
    shown = timeline.known(entered)
    if correction is not None:
        correction = Correction(
            correction.rows[shown], correction.column, correction.values.where(shown), correction.at[shown]
        )
    codes = plan.codes(np.arange(len(shown)))[shown]
    kept = text.filter_rows(rows, shown)
    return untidy(table, kept, codes, plan, tally, dates=dates, correction=correction)[0]


def _grow(columns: dict[str, Ints], **more: Ints) -> None:
    """Append to every column."""
    for name, values in more.items():
        columns[name] = np.concatenate([columns[name], values]) if name in columns else values
