"""Special offers: volume discounts for resellers, and the sales of the year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from plumbline.demo.randomness import Floats, Ints
from plumbline.demo.timeline import Month, day_number


@dataclass(frozen=True)
class Offer:
    """One special offer; `rush` multiplies the orders of its last `rush_days` days."""

    id: int
    description: str
    percent: int
    type: str
    category: str
    start: int
    end: int
    categories: tuple[int, ...] = (0, 1, 2, 3, 4)
    in_china: bool = True
    abroad: bool = True
    rush: float = 1.0
    rush_days: int = 0


_YEARLY = (
    ("年货节 New Year fair", 10, (1, 8), (1, 24), (2, 4), True, False, 1.3, 4),
    ("Spring Outdoor Days", 10, (4, 10), (4, 20), (0, 1), True, True, 1.25, 4),
    ("618", 15, (6, 10), (6, 18), (0, 1, 2, 3, 4), True, False, 2.4, 3),
    ("Summer Clearance", 20, (8, 5), (8, 20), (1,), True, True, 1.2, 5),
    ("双十一 Double 11", 20, (11, 6), (11, 11), (0, 1, 2, 3, 4), True, False, 3.2, 3),
    ("Black Friday", 25, (11, 23), (11, 30), (2, 3), False, True, 1.9, 4),
)
NONE, VOLUME_11, VOLUME_24 = 1, 2, 3


def standing(first_day: int) -> tuple[Offer, ...]:
    """Give the offers that are always in force."""
    since, until = first_day - 700, first_day + 15_000
    return (
        Offer(NONE, "No Discount", 0, "No Discount", "No Discount", since, until),
        Offer(VOLUME_11, "Volume Discount 11 to 23", 5, "Volume Discount", "Reseller", since, until),
        Offer(VOLUME_24, "Volume Discount 24 and over", 9, "Volume Discount", "Reseller", since, until),
    )


def of_year(year: int, first_year: int) -> tuple[Offer, ...]:
    """Give the sales of one year."""
    return tuple(
        Offer(
            10 * (year - first_year + 1) + number,
            f"{name} {year}",
            percent,
            "Seasonal Discount",
            "Customer",
            day_number(date(year, *start)),
            day_number(date(year, *end)),
            categories,
            in_china,
            abroad,
            rush,
            rush_days,
        )
        for number, (name, percent, start, end, categories, in_china, abroad, rush, rush_days) in enumerate(
            _YEARLY
        )
    )


def of_month(month: Month, first_year: int) -> tuple[Offer, ...]:
    """Give the sales that touch a month."""
    days = month.days
    return tuple(
        offer for offer in of_year(month.year, first_year) if offer.start <= days[-1] and offer.end >= days[0]
    )


def rush(offers: tuple[Offer, ...], days: Ints) -> Floats:
    """Give the factor on each day's orders."""
    factor = np.ones(len(days))
    for offer in offers:
        hot = (days > offer.end - offer.rush_days) & (days <= offer.end)
        factor = np.where(hot, factor * offer.rush, factor)
    return factor
