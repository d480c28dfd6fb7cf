"""Who buys: persons and resellers, growing month by month."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from plumbline.demo.catalogue import TERRITORIES
from plumbline.demo.people import SalesPerson, sales_people
from plumbline.demo.randomness import Floats, Ints, pick, stream
from plumbline.demo.timeline import DAY, Timeline

FIRST_CUSTOMER, FIRST_PERSON, FIRST_RESELLER = 11_000, 1_000_000, 2_000
SHARES = np.array([place.share for place in TERRITORIES])
GROWTH = np.array([place.growth for place in TERRITORIES])


def territory_weights(years: float) -> Floats:
    """Give each territory's share of new business after some years."""
    return np.asarray(SHARES * np.exp(GROWTH * years), dtype=np.float64)


def _none() -> Ints:
    return np.empty(0, dtype=np.int64)


@dataclass
class Customers:
    """Every customer so far, an array element each; the index is the customer number less the first one."""

    staff: tuple[SalesPerson, ...]
    territory: Ints = field(default_factory=_none)
    """Index into TERRITORIES."""
    seller: Ints = field(default_factory=_none)
    """Index into the sales people, or -1 for a person who buys online."""
    created: Ints = field(default_factory=_none)
    """The second in which the customer was entered."""
    loyalty: Floats = field(default_factory=lambda: np.empty(0))
    pull: Floats = field(default_factory=lambda: np.empty(0))
    """How likely the customer is to be the next to order; fades when nothing is bought."""

    def __len__(self) -> int:
        return len(self.territory)

    def add(self, rng: np.random.Generator, territory: Ints, seller: Ints, created: Ints) -> Ints:
        """Enter customers and give their indexes."""
        spread = np.where(seller >= 0, 0.45, 0.85)
        loyalty = np.exp(spread * np.clip(rng.normal(0.0, 1.0, len(territory)), -2.0, 2.0))
        first = len(self)
        self.territory = np.concatenate([self.territory, territory])
        self.seller = np.concatenate([self.seller, seller])
        self.created = np.concatenate([self.created, created])
        self.loyalty = np.concatenate([self.loyalty, loyalty])
        self.pull = np.concatenate([self.pull, loyalty])
        return np.arange(first, first + len(territory), dtype=np.int64)

    def returning(self, rng: np.random.Generator, size: int, *, resellers: bool, years: float) -> Ints:
        """Draw who orders again among those who were there at the start of the month."""
        places = np.exp(GROWTH * years)[self.territory]
        mine = (self.seller >= 0) == resellers
        return pick(rng, np.where(mine, self.pull * places, 0.0), size)

    def fade(self) -> None:
        """Let a month pass."""
        self.pull = self.pull * np.where(self.seller >= 0, 0.97, 0.90)

    def bought(self, customers: Ints) -> None:
        """Renew the pull of those who bought."""
        self.pull[customers] = self.loyalty[customers]


def opening(seed: int, scale: float, timeline: Timeline) -> Customers:
    """Give the customers of the years before the data starts."""
    rng = stream(seed, "customers")
    staff = sales_people(seed)
    customers = Customers(staff)
    persons, resellers = max(30, round(2000 * scale)), max(32, round(260 * scale))
    before = (timeline.first_day - rng.integers(20, 1500, persons + resellers)) * DAY + rng.integers(
        28_800, 72_000, persons + resellers
    )
    before = np.sort(before)
    seller = np.full(persons + resellers, -1, dtype=np.int64)
    is_reseller = np.zeros(persons + resellers, dtype=np.bool_)
    is_reseller[rng.permutation(persons + resellers)[:resellers]] = True
    seller[is_reseller] = np.concatenate([np.arange(16), pick(rng, _selling_power(staff), resellers - 16)])
    places = pick(rng, SHARES, persons + resellers)
    customers.add(rng, np.where(is_reseller, seller_territory(staff)[seller], places), seller, before)
    return customers


def seller_territory(staff: tuple[SalesPerson, ...]) -> Ints:
    """Give the territory index of each sales person."""
    return np.array([person.territory - 1 for person in staff], dtype=np.int64)


def _selling_power(staff: tuple[SalesPerson, ...]) -> Floats:
    places = seller_territory(staff)
    return np.asarray(
        SHARES[places]
        / np.bincount(places, minlength=len(SHARES))[places]
        * np.array([p.skill for p in staff])
    )


def sellers_for(rng: np.random.Generator, staff: tuple[SalesPerson, ...], territory: Ints) -> Ints:
    """Draw a sales person of each territory."""
    places = seller_territory(staff)
    count = np.bincount(places, minlength=len(SHARES))
    first = np.searchsorted(places, np.arange(len(SHARES)))
    return np.asarray(
        first[territory] + (rng.random(len(territory)) * count[territory]).astype(np.int64), dtype=np.int64
    )
