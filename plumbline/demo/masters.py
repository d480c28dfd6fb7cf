"""The ERP's master data as tables: products, costs, places, vendors, offers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from plumbline.demo import erp, offers, schema
from plumbline.demo.catalogue import (
    CATEGORIES,
    COMPONENTS,
    LOCATIONS,
    SCRAP_REASONS,
    SHIP_METHODS,
    SUBCATEGORIES,
    Catalogue,
    Vendor,
    opening_day,
)
from plumbline.demo.planting import Tally
from plumbline.demo.randomness import Floats, Ints
from plumbline.demo.text import full_width
from plumbline.demo.timeline import DAY, Timeline

_WIDE_PRODUCTS, _PADDED_PRODUCTS, _BLANK_COLOURS = (5, 41, 77), (12, 58), (20, 64, 90)
_WIDE_VENDORS, _PADDED_VENDORS = (3, 21), (8, 30)
_LINES = ("C", "T", "K", "A", "D")


def tables(
    catalogue: Catalogue, vendors: tuple[Vendor, ...], safety: Floats, timeline: Timeline, tally: Tally
) -> dict[str, pa.Table]:
    """Give every master table as of the as-of day; `safety` is the safety stock of each finished product."""
    built = {
        "Production_Product": _products(catalogue, safety, timeline, tally),
        "Production_ProductCostHistory": _costs(catalogue, timeline),
        "Purchasing_Vendor": _vendors(vendors, timeline, tally),
        "Sales_SpecialOffer": _offers(timeline),
        **_small(timeline),
    }
    for name, table in built.items():
        tally.rows(schema.NAMES[name], table.num_rows)
    return built


def _old(timeline: Timeline, count: int) -> pa.Array:
    return pa.array([erp.stamp(opening_day(timeline) * DAY)] * count)


def _small(timeline: Timeline) -> dict[str, pa.Table]:
    def named(name: str, key: str, values: list[tuple[int, str]]) -> pa.Table:
        return erp.table(
            name,
            **{
                key: [number for number, _ in values],
                "Name": [text for _, text in values],
                "ModifiedDate": _old(timeline, len(values)),
            },
        )

    return {
        "Production_ProductCategory": named(
            "Production_ProductCategory", "ProductCategoryID", list(enumerate(CATEGORIES, start=1))
        ),
        "Production_ScrapReason": named(
            "Production_ScrapReason", "ScrapReasonID", list(enumerate(SCRAP_REASONS, start=1))
        ),
        "Purchasing_ShipMethod": named("Purchasing_ShipMethod", "ShipMethodID", list(SHIP_METHODS)),
        "Production_ProductSubcategory": erp.table(
            "Production_ProductSubcategory",
            ProductSubcategoryID=list(range(1, len(SUBCATEGORIES) + 1)),
            ProductCategoryID=[family.category + 1 for family in SUBCATEGORIES],
            Name=[family.name for family in SUBCATEGORIES],
            ModifiedDate=_old(timeline, len(SUBCATEGORIES)),
        ),
        "Production_Location": erp.table(
            "Production_Location",
            LocationID=[number for number, _, _ in LOCATIONS],
            Name=[name for _, name, _ in LOCATIONS],
            CostRate=erp.money(np.array([rate for _, _, rate in LOCATIONS]) * 10_000),
            Availability=[80.0 if rate else 0.0 for _, _, rate in LOCATIONS],
            ModifiedDate=_old(timeline, len(LOCATIONS)),
        ),
    }


def _products(catalogue: Catalogue, safety: Floats, timeline: Timeline, tally: Tally) -> pa.Table:
    finished, parts = len(catalogue), len(COMPONENTS)
    last = timeline.last_day
    names: list[str] = [name for name, _ in COMPONENTS] + list(catalogue.name)
    colours: list[str | None] = [None] * parts + list(catalogue.colour)
    for row in _WIDE_PRODUCTS:
        names[parts + row] = full_width(names[parts + row])
    for row in _PADDED_PRODUCTS:
        names[parts + row] = f" {names[parts + row]}  "
    for row in _BLANK_COLOURS:
        colours[parts + row] = "  "
    tally.add("erp.product", "full-width", len(_WIDE_PRODUCTS))
    tally.add("erp.product", "padded", len(_PADDED_PRODUCTS))
    tally.add("erp.product", "blank", len(_BLANK_COLOURS))
    stock = np.concatenate([np.full(parts, 600), np.rint(safety)]).astype(np.int64)
    prices = catalogue.list_price(last)
    part_costs = np.array([cost * 100 for _, cost in COMPONENTS], dtype=np.int64)
    days_to_make = [len(SUBCATEGORIES[family].route) for family in catalogue.subcategory]
    changed = _last_change(catalogue, timeline)
    return erp.table(
        "Production_Product",
        ProductID=np.concatenate([np.arange(1, parts + 1), catalogue.product_id]),
        Name=names,
        ProductNumber=[f"RM-{row + 1:04d}" for row in range(parts)]
        + [f"YL-{family + 1:02d}{row:03d}" for row, family in enumerate(catalogue.subcategory)],
        MakeFlag=np.concatenate([np.zeros(parts, dtype=np.int64), catalogue.is_made.astype(np.int64)]),
        FinishedGoodsFlag=np.array([0] * parts + [1] * finished),
        Color=colours,
        SafetyStockLevel=stock,
        ReorderPoint=stock * 3 // 4,
        StandardCost=erp.money(np.concatenate([part_costs, catalogue.cost_on(last)]) * 100),
        ListPrice=erp.money(np.concatenate([part_costs * 0, prices]) * 100),
        Size=pa.nulls(parts + finished, pa.string()),
        DaysToManufacture=[0] * parts + days_to_make,
        ProductLine=[None] * parts + [_LINES[category] for category in catalogue.category],
        Class=[None] * parts
        + ["H" if price > 60_000 else "M" if price > 25_000 else "L" for price in prices],
        Style=pa.nulls(parts + finished, pa.string()),
        ProductSubcategoryID=erp.ints(
            np.concatenate([np.zeros(parts, dtype=np.int64), catalogue.subcategory + 1]),
            np.arange(parts + finished) < parts,
        ),
        SellStartDate=erp.days(np.concatenate([np.full(parts, opening_day(timeline)), catalogue.sell_start])),
        SellEndDate=pa.nulls(parts + finished, pa.string()),
        ModifiedDate=erp.moments(np.concatenate([np.full(parts, opening_day(timeline) * DAY), changed])),
    )


def _last_change(catalogue: Catalogue, timeline: Timeline) -> Ints:
    """Give the moment of each product's last change of cost or price."""
    seen = np.where(catalogue.cost_changes <= timeline.last_day, catalogue.cost_changes, 0).max(axis=0)
    marches = [
        day
        for day in range(timeline.first_day, timeline.last_day + 1)
        if not np.array_equal(catalogue.list_price(day), catalogue.list_price(day - 1))
    ]
    return np.asarray(np.maximum(seen, marches[-1] if marches else 0) * DAY, dtype=np.int64)


def _costs(catalogue: Catalogue, timeline: Timeline) -> pa.Table:
    """One row for each cost that has come into force; the one before ends the day before."""
    changes = catalogue.cost_changes
    ends = np.vstack([changes[1:] - 1, np.full(len(catalogue), 2**31)])
    shown = (changes <= timeline.last_day).T
    product = np.broadcast_to(catalogue.product_id, changes.shape).T[shown]
    start, end, cost = changes.T[shown], ends.T[shown], catalogue.costs.T[shown]
    ended = end + 1 <= timeline.last_day
    return erp.table(
        "Production_ProductCostHistory",
        ProductID=product,
        StartDate=erp.days(start),
        EndDate=erp.days(np.where(ended, end, 0), ~ended),
        StandardCost=erp.money(cost * 100),
        ModifiedDate=erp.days(np.where(ended, end + 1, start)),
    )


def _vendors(vendors: tuple[Vendor, ...], timeline: Timeline, tally: Tally) -> pa.Table:
    names: list[str] = [vendor.name for vendor in vendors]
    accounts: list[str] = [vendor.account for vendor in vendors]
    for row in _WIDE_VENDORS:
        names[row] = full_width(names[row])
    for row in _PADDED_VENDORS:
        accounts[row] = f" {accounts[row]} "
    tally.add("erp.vendor", "full-width", len(_WIDE_VENDORS))
    tally.add("erp.vendor", "padded", len(_PADDED_VENDORS))
    return erp.table(
        "Purchasing_Vendor",
        BusinessEntityID=[vendor.id for vendor in vendors],
        AccountNumber=accounts,
        Name=names,
        CreditRating=[vendor.credit for vendor in vendors],
        PreferredVendorStatus=[int(vendor.preferred) for vendor in vendors],
        ActiveFlag=[int(vendor.active) for vendor in vendors],
        ModifiedDate=_old(timeline, len(vendors)),
    )


def _offers(timeline: Timeline) -> pa.Table:
    """The standing offers, and those of each year once the year has begun."""
    first_year = timeline.start.year
    shown = list(offers.standing(timeline.first_day))
    for year in range(first_year, timeline.as_of.year + 1):
        shown += offers.of_year(year, first_year)
    entered = [
        max(opening_day(timeline), offer.start - 400 if offer.id < 10 else erp.year_start(offer.start))
        for offer in shown
    ]
    return erp.table(
        "Sales_SpecialOffer",
        SpecialOfferID=[offer.id for offer in shown],
        Description=[offer.description for offer in shown],
        DiscountPct=erp.money(np.array([offer.percent for offer in shown]) * 100),
        Type=[offer.type for offer in shown],
        Category=[offer.category for offer in shown],
        StartDate=erp.days([offer.start for offer in shown]),
        EndDate=erp.days([offer.end for offer in shown]),
        ModifiedDate=erp.days(entered),
    )
