"""Service tickets: who calls, how long they wait, and how satisfied they are afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plumbline.demo import text
from plumbline.demo.catalogue import Catalogue
from plumbline.demo.customers import FIRST_CUSTOMER
from plumbline.demo.planting import Correction, Defect, Plan, Tally, untidy
from plumbline.demo.randomness import Floats, Ints, lognormal, pick, stream
from plumbline.demo.sales import SalesMonth
from plumbline.demo.text import Rows
from plumbline.demo.timeline import DAY, NEVER, Month

CHANNELS = ("微信 WeChat", "Phone 电话", "E-mail", "Web Chat")
_SHARE = np.array([0.34, 0.27, 0.24, 0.15])
_RESPONSE_MINUTES = np.array([14.0, 4.0, 260.0, 9.0])
CATEGORIES = ("Delivery", "Product fault", "Return 退货", "Invoice 发票", "Usage question", "Warranty")
_COMPLAINT = np.array([0.35, 0.45, 0.15, 0.08, 0.02, 0.25])
_RESOLUTION_HOURS = np.array([9.0, 34.0, 26.0, 7.0, 2.5, 52.0])
_TICKETS_PER_ORDER = 0.115
_SLOW_AGENT = 3
"""Position of the agent who takes three times as long."""
PLAN = Plan(
    260,
    (
        Defect("duplicate"),
        Defect("superseded"),
        Defect("bad-date", "OpenedAt"),
        Defect("full-width", "Category"),
        Defect("blank", "EmployeeID"),
        Defect("padded", "Channel"),
        Defect("bad-number", "TicketID"),
    ),
)


@dataclass(frozen=True)
class _Tickets:
    opened: Ints
    responded: Ints
    resolved: Ints
    surveyed: Ints
    customer: Ints
    product: Ints
    channel: Ints
    category: Ints
    is_complaint: Ints
    contacts: Ints
    satisfaction: Ints
    agent: Ints

    def __len__(self) -> int:
        return len(self.opened)

    def take(self, index: Ints) -> _Tickets:
        return _Tickets(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


class Service:
    """Tickets, a month at a time; those of orders late in a month are opened in the next."""

    def __init__(self, seed: int, catalogue: Catalogue, agents: Ints) -> None:
        self._seed, self._timeline, self._agents = seed, catalogue.timeline, agents
        self._product_id, self._trouble = catalogue.product_id, catalogue.returns
        self._waiting: _Tickets | None = None
        self._count = 0

    def month(self, month: Month, sold: SalesMonth, tally: Tally) -> Rows:
        """Give the tickets that are opened in a month, as they are known on the as-of day."""
        drawn = self._draw(stream(self._seed, "service", month.key), month, sold)
        if self._waiting is not None:
            drawn = _joined(self._waiting, drawn)
        later = drawn.opened >= (month.days[-1] + 1) * DAY
        self._waiting = drawn.take(np.flatnonzero(later))
        now = np.flatnonzero(~later)
        now = now[np.argsort(drawn.opened[now], kind="stable")]
        return self._show(drawn.take(now), tally)

    def _draw(self, rng: np.random.Generator, month: Month, sold: SalesMonth) -> _Tickets:
        orders, lines = sold.orders, sold.lines
        chance = self._trouble[lines.product] / self._trouble.mean()
        late = orders.ship_day > orders.due
        chance = chance * np.where(late[lines.order], 2.6, 1.0)
        count = int(rng.binomial(len(orders), _TICKETS_PER_ORDER)) if len(orders) else 0
        line = pick(rng, chance, count)
        order = lines.order[line]
        after = (
            np.where(late[order], orders.due[order] - orders.day[order] + 1, 2)
            + rng.geometric(0.25, count)
            - 1
        )
        opened = (orders.day[order] + np.minimum(after, 24)) * DAY + rng.integers(8 * 3600, 22 * 3600, count)
        category = pick(rng, np.array([0.16, 0.2, 0.18, 0.14, 0.22, 0.1]), count)
        category = np.where(late[order] & (rng.random(count) < 0.7), 0, category)
        channel = pick(rng, _SHARE, count)
        agent = rng.integers(0, len(self._agents), count)
        busy = np.where(np.isin(month.month, (6, 11, 12)), 2.1, 1.0)
        slow = np.where(agent == _SLOW_AGENT, 3.0, 1.0)
        response = np.maximum(1, lognormal(rng, _RESPONSE_MINUTES[channel] * busy * slow, 0.8, count))
        responded = opened + np.minimum(np.rint(response * 60), 6 * DAY).astype(np.int64)
        contacts = 1 + rng.poisson(np.where(slow > 1, 0.9, 0.45), count)
        hours = lognormal(rng, _RESOLUTION_HOURS[category] * slow**0.5 * contacts, 0.7, count)
        resolved = responded + np.minimum(np.rint(hours * 3600), 28 * DAY).astype(np.int64)
        complaint = (rng.random(count) < _COMPLAINT[category] + 0.2 * late[order]).astype(np.int64)
        mood = self._mood(rng, channel, response, hours, complaint)
        surveyed = np.where(rng.random(count) < 0.62, resolved + rng.integers(3600, 3 * DAY, count), NEVER)
        return _Tickets(
            opened,
            responded,
            resolved,
            surveyed,
            orders.customer[order],
            lines.product[line],
            channel,
            category,
            complaint,
            contacts,
            mood,
            agent,
        )

    @staticmethod
    def _mood(
        rng: np.random.Generator, channel: Ints, response: Floats, hours: Floats, complaint: Ints
    ) -> Ints:
        """Give 1 to 5: slow answers cost most, then long handling and having had to complain."""
        slowness = np.log2(response / _RESPONSE_MINUTES[channel])
        score = 4.5 - 0.55 * np.maximum(slowness, -0.5) - 0.12 * np.log2(1 + hours / 8) - 0.5 * complaint
        marks = np.clip(np.rint(score + rng.normal(0, 0.6, len(channel))), 1, 5)
        return np.asarray(marks, dtype=np.int64)

    def _show(self, tickets: _Tickets, tally: Tally) -> Rows:
        timeline = self._timeline
        sequence = self._count + np.arange(len(tickets))
        self._count += len(tickets)
        responded, resolved = timeline.known(tickets.responded), timeline.known(tickets.resolved)
        final = np.where(tickets.surveyed < NEVER, tickets.surveyed, tickets.resolved)
        corrected_at = final + DAY + sequence % 3 * DAY
        rows: Rows = {
            "TicketID": text.number(1 + sequence),
            "CustomerID": text.number(FIRST_CUSTOMER + 1 + tickets.customer),
            "ProductID": text.number(self._product_id[tickets.product]),
            "Channel": text.words(CHANNELS, tickets.channel),
            "Category": text.words(CATEGORIES, tickets.category),
            "IsComplaint": text.number(tickets.is_complaint),
            "OpenedAt": text.moments(tickets.opened),
            "FirstResponseAt": text.moments(tickets.responded, ~responded),
            "ResolvedAt": text.moments(tickets.resolved, ~resolved),
            "ContactCount": text.number(np.where(resolved, tickets.contacts, 1)),
            "Satisfaction": text.number(tickets.satisfaction, ~timeline.known(tickets.surveyed)),
            "EmployeeID": text.number(self._agents[tickets.agent]),
            "ModifiedDate": text.moments(
                timeline.last_known(tickets.opened, tickets.responded, tickets.resolved, tickets.surveyed)
            ),
        }
        shown = timeline.known(tickets.opened)
        correction = Correction(
            timeline.known(corrected_at)[shown],
            "Category",
            text.words(CATEGORIES, (tickets.category + 1) % len(CATEGORIES)).where(shown),
            corrected_at[shown],
        )
        return untidy(
            "crm.service_ticket",
            text.filter_rows(rows, shown),
            PLAN.codes(sequence)[shown],
            PLAN,
            tally,
            correction=correction,
        )[0]


def _joined(first: _Tickets, second: _Tickets) -> _Tickets:
    return _Tickets(
        *(
            np.concatenate([getattr(first, name), getattr(second, name)])
            for name in first.__dataclass_fields__
        )
    )
