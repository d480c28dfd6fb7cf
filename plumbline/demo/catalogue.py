"""What the company sells, makes and buys, and where: the master data that hardly moves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from plumbline.demo.randomness import Flags, Floats, Ints, pick, stream
from plumbline.demo.timeline import Timeline, day_number

COMPANY = "云岭 Yunling Outfitters"

CATEGORIES = ("Camping", "Trekking", "Cookware", "Kitchen Appliances", "茶与咖啡")
_WARM = (0.45, 0.5, 0.8, 1.15, 1.45, 1.5, 1.5, 1.35, 1.1, 0.95, 0.75, 0.5)
_TREK = (0.7, 0.7, 0.95, 1.2, 1.2, 1.0, 1.0, 1.05, 1.2, 1.25, 0.9, 0.85)
_COOK = (1.15, 0.95, 0.9, 0.9, 0.9, 0.95, 0.85, 0.85, 0.95, 1.05, 1.25, 1.3)
_COLD = (1.1, 0.9, 0.85, 0.85, 0.85, 0.95, 0.8, 0.8, 0.9, 1.1, 1.4, 1.5)
_FLAT = (1.1, 1.1, 1.05, 1.05, 0.95, 0.9, 0.85, 0.85, 1.0, 1.05, 1.05, 1.05)
SEASONS = np.array([_WARM, _TREK, _COOK, _COLD, _FLAT])
"""Share of the yearly mean, category × calendar month."""

TEXTILE, METAL, DEVICE = (10, 20, 60), (30, 40, 60), (30, 40, 50, 60)


@dataclass(frozen=True)
class Subcategory:
    """A product family: two models, the first in three variants and the second in two."""

    category: int
    name: str
    models: tuple[tuple[str, int], tuple[str, int]]
    cost_ratio: float
    weight: float
    returns: float
    route: tuple[int, ...] = ()
    """Work centres in order; empty for what is bought."""


SUBCATEGORIES = (
    Subcategory(
        0, "Tents 帐篷", (("Ridge 2 Tent", 1299), ("云岭四季帐 4P", 2399)), 0.50, 1.1, 0.035, TEXTILE
    ),
    Subcategory(0, "Sleeping Bags", (("Down Bag 800", 1099), ("Summer Bag", 399)), 0.46, 1.0, 0.025, TEXTILE),
    Subcategory(0, "Camp Furniture", (("Moon Chair", 329), ("Folding Table", 459)), 0.55, 1.4, 0.018, METAL),
    Subcategory(0, "Lanterns", (("Fox Lantern", 189), ("Solar String Light", 149)), 0.44, 1.2, 0.022),
    Subcategory(1, "Backpacks", (("Pass 45 Pack", 699), ("Daypack 22", 369)), 0.43, 1.3, 0.024, TEXTILE),
    Subcategory(1, "Trekking Poles", (("Carbon Pole", 459), ("Alu Pole", 239)), 0.52, 0.9, 0.020, METAL),
    Subcategory(1, "冲锋衣", (("Storm Jacket", 999), ("Light Shell", 599)), 0.41, 1.2, 0.062, TEXTILE),
    Subcategory(1, "Footwear", (("Ridge Boot", 899), ("Trail Shoe", 649)), 0.54, 1.1, 0.085),
    Subcategory(2, "Woks 炒锅", (("Iron Wok 32", 329), ("Titanium Wok 30", 699)), 0.48, 1.5, 0.012, METAL),
    Subcategory(2, "Pots", (("Casserole 24", 429), ("Stock Pot 28", 519)), 0.50, 1.2, 0.011, METAL),
    Subcategory(2, "Knives", (("Chef Knife 20", 399), ("Cleaver 18", 299)), 0.38, 1.0, 0.009),
    Subcategory(
        2, "Camp Kitchen", (("Titanium Mug", 169), ("Nested Cook Set", 359)), 0.45, 1.3, 0.010, METAL
    ),
    Subcategory(3, "Rice Cookers", (("IH Cooker 4 L", 899), ("Mini Cooker", 349)), 0.545, 1.1, 0.028, DEVICE),
    Subcategory(3, "Blenders", (("Power Blender", 599), ("Travel Blender", 229)), 0.53, 0.9, 0.041),
    Subcategory(3, "Kettles", (("Gooseneck Kettle", 399), ("Travel Kettle", 199)), 0.50, 1.2, 0.020, DEVICE),
    Subcategory(
        3, "Electric Grills", (("Hot Pot Grill", 459), ("Raclette 8", 529)), 0.54, 0.8, 0.030, DEVICE
    ),
    Subcategory(4, "茶具", (("紫砂壶", 588), ("Travel Tea Set", 259)), 0.36, 1.1, 0.014),
    Subcategory(4, "Coffee Makers", (("Moka 6", 279), ("Pour Over Set", 239)), 0.49, 1.0, 0.016, METAL),
    Subcategory(
        4, "Thermos Bottles", (("Vacuum Flask 1 L", 259), ("Tea Bottle", 149)), 0.47, 1.5, 0.008, METAL
    ),
    Subcategory(4, "Grinders", (("Hand Grinder", 369), ("Electric Grinder", 489)), 0.57, 0.7, 0.026),
)
COLOURS = ("Forest Green", "Sand", "Graphite", "Orange", "Ivory", "墨绿", "Steel")

COMPONENTS = (
    ("Aluminium Pole 8.5 mm", 11), ("Ripstop Nylon 40D (m)", 19), ("YKK Zipper 1.2 m", 6),
    ("Down 800 (100 g)", 58), ("Stainless Sheet 304", 42), ("Titanium Sheet 0.4 mm", 130),
    ("Cast Iron Blank", 35), ("Heating Element 1 kW", 29), ("Control Board IH", 88),
    ("Silicone Seal", 4), ("Carton L", 5), ("Carton S", 3), ("Webbing 25 mm (m)", 2),
    ("Buckle 25 mm", 1), ("EVA Foam", 9), ("Rubber Outsole", 36), ("Carbon Tube", 64),
    ("Cork Grip", 14), ("Glass Lid 28", 22), ("Beech Handle", 8), ("Power Cord CN", 7),
    ("Power Cord EU", 9), ("Thermostat", 12), ("Vacuum Liner 1 L", 31), ("粉末涂料 (kg)", 27),
    ("螺丝 M4 (100)", 6), ("Label Set", 1), ("Manual", 2), ("Polybag", 1), ("Burr Set", 45),
)  # fmt: skip

LOCATIONS = (
    (1, "Raw Material Store 原料仓", 0),
    (6, "Shanghai Warehouse 上海仓", 0),
    (7, "Hamburg Warehouse", 0),
    (10, "Cutting 裁剪", 85),
    (20, "Sewing 缝制", 70),
    (30, "Stamping 冲压", 120),
    (40, "Surface Treatment 表面处理", 140),
    (50, "Assembly 总装", 75),
    (60, "Packaging 包装", 45),
)
LATE_LOCATION = 40
SCRAP_REASONS = (
    "Seam not watertight", "Wrong colour 色差", "Cutting error", "Dent or scratch", "Coating too thin",
    "Coating bubbles 起泡", "Weld broken", "Out of tolerance", "Electrical test failed", "Wrong label",
    "Handling damage", "Material fault",
)  # fmt: skip
SHIP_METHODS = (
    (1, "顺丰 SF EXPRESS"),
    (2, "EMS ECONOMY"),
    (3, "SEA FREIGHT"),
    (4, "HAMBURG HUB ROAD"),
    (5, "AIR CARGO"),
)
LATE_SHIP_METHOD = 4


@dataclass(frozen=True)
class Territory:
    """A sales region with its share at the start, its yearly growth, and its way to the customer."""

    id: int
    name: str
    country: str
    group: str
    share: float
    growth: float
    tax: int
    """Tax in percent."""
    ship_method: int


TERRITORIES = (
    Territory(1, "华东", "CN", "China", 0.25, 0.12, 13, 1),
    Territory(2, "华南", "CN", "China", 0.16, 0.16, 13, 1),
    Territory(3, "华北", "CN", "China", 0.14, 0.05, 13, 1),
    Territory(4, "西南", "CN", "China", 0.08, 0.42, 13, 2),
    Territory(5, "Germany", "DE", "Europe", 0.11, 0.22, 19, 4),
    Territory(6, "France", "FR", "Europe", 0.07, 0.10, 20, 4),
    Territory(7, "United Kingdom", "GB", "Europe", 0.06, -0.12, 20, 4),
    Territory(8, "United States", "US", "North America", 0.08, 0.30, 8, 3),
    Territory(9, "Japan", "JP", "Pacific", 0.03, 0.08, 10, 5),
    Territory(10, "Australia", "AU", "Pacific", 0.02, 0.18, 10, 5),
)


@dataclass(frozen=True)
class Catalogue:
    """The finished goods, an array element each, with prices and costs over time (amounts in cents)."""

    timeline: Timeline
    product_id: Ints
    name: tuple[str, ...]
    colour: tuple[str, ...]
    model: Ints
    subcategory: Ints
    category: Ints
    weight: Floats
    returns: Floats
    is_made: Flags
    base_price: Ints
    sell_start: Ints
    cost_changes: Ints
    """Days on which a new cost comes into force, change × product; the first is `sell_start`."""
    costs: Ints
    """Cost in cents from that day, change × product."""

    def __len__(self) -> int:
        return len(self.product_id)

    def list_price(self, day: int) -> Ints:
        """Give the price in cents on a day; it rises by 3 % on every 1 March."""
        start = self.timeline.start
        first = start.year if (start.month, start.day) < (3, 1) else start.year + 1
        today = date.fromordinal(day + date(1970, 1, 1).toordinal())
        rises = max(0, today.year - first + (1 if today.month >= 3 else 0))
        return np.rint(self.base_price * 1.03**rises / 100).astype(np.int64) * 100

    def cost_on(self, day: int) -> Ints:
        """Give the cost in cents that is in force on a day."""
        in_force = (self.cost_changes <= day).sum(axis=0) - 1
        return np.asarray(self.costs[np.maximum(in_force, 0), np.arange(len(self))], dtype=np.int64)

    def demand(self, month: int) -> Floats:
        """Give each product's share of demand in a calendar month (0 = January)."""
        return np.asarray(self.weight * SEASONS[self.category, month], dtype=np.float64)


_YEARS_OF_COST_CHANGES = 40


def build(seed: int, timeline: Timeline) -> Catalogue:
    """Build the catalogue; it depends on the seed and the first month alone."""
    rng = stream(seed, "catalogue")
    variants = [
        (family, model, variant)
        for family in range(len(SUBCATEGORIES))
        for model, count in ((0, 3), (1, 2))
        for variant in range(count)
    ]
    families = np.array([family for family, _, _ in variants], dtype=np.int64)
    colours = tuple(COLOURS[(family * 2 + model * 3 + variant) % 7] for family, model, variant in variants)
    price = np.array([SUBCATEGORIES[f].models[m][1] * 100 for f, m, _ in variants], dtype=np.int64)
    ratio = np.array([SUBCATEGORIES[f].cost_ratio for f in families]) * rng.uniform(0.94, 1.06, len(families))
    popularity = np.array([SUBCATEGORIES[f].weight for f in families]) * rng.lognormal(
        0.0, 0.6, len(families)
    )
    changes, costs = _cost_history(
        rng, timeline, price * ratio, np.array([SUBCATEGORIES[f].category for f in families])
    )
    return Catalogue(
        timeline=timeline,
        product_id=np.arange(701, 701 + len(variants), dtype=np.int64),
        name=tuple(
            f"{SUBCATEGORIES[f].models[m][0]} {colour}"
            for (f, m, _), colour in zip(variants, colours, strict=True)
        ),
        colour=colours,
        model=np.array([f * 2 + m for f, m, _ in variants], dtype=np.int64),
        subcategory=families,
        category=np.array([SUBCATEGORIES[f].category for f in families], dtype=np.int64),
        weight=popularity,
        returns=np.array([SUBCATEGORIES[f].returns for f in families]),
        is_made=np.array([bool(SUBCATEGORIES[f].route) for f in families]),
        base_price=price,
        sell_start=changes[0],
        cost_changes=changes,
        costs=costs,
    )


def _cost_history(
    rng: np.random.Generator, timeline: Timeline, first_cost: Floats, category: Ints
) -> tuple[Ints, Ints]:
    """Draw cost changes every 7 to 13 months; metal and electronics get dearer faster than the prices."""
    products = len(first_cost)
    drift = np.array([0.02, 0.015, 0.06, 0.045, 0.01])[category]
    gaps = rng.integers(210, 400, size=(_YEARS_OF_COST_CHANGES, products))
    changes = np.vstack([np.full(products, timeline.first_day - 400), gaps]).astype(np.int64)
    changes = np.cumsum(changes, axis=0)
    steps = 1 + drift + rng.normal(0, 0.015, size=(_YEARS_OF_COST_CHANGES, products))
    costs = first_cost * np.cumprod(np.vstack([np.ones(products), steps]), axis=0)
    return changes, np.rint(costs).astype(np.int64)


@dataclass(frozen=True)
class Vendor:
    """A supplier: how long it takes, how often it is late, and what share is rejected."""

    id: int
    name: str
    account: str
    credit: int
    preferred: bool
    active: bool
    lead_days: float
    late: float
    reject: float


_PLACES = ("宁波", "Shenzhen", "温州", "Suzhou", "佛山", "Dongguan", "Osaka", "Stuttgart", "Hanoi", "青岛")
_TRADES = ("Textile", "Metal Works", "电器", "Components", "Packaging")


def vendors(seed: int) -> tuple[Vendor, ...]:
    """Build the 40 vendors; every seventh is unreliable."""
    rng = stream(seed, "vendors")
    built = []
    for index in range(40):
        poor = index % 7 == 5
        place, trade = _PLACES[index % 10], _TRADES[index % 5 if index < 20 else (index // 3) % 5]
        built.append(
            Vendor(
                id=1492 + 2 * index,
                name=f"{place} {trade} {'Co.' if index < 20 else 'Group'}",
                account=f"{'ABCDEFGHIJ'[index % 10]}{trade[:4].upper()}{index:04d}"
                if trade.isascii()
                else f"V{index:04d}",
                credit=4 if poor else int(pick(rng, np.array([0.6, 0.3, 0.1]), 1)[0]) + 1,
                preferred=not poor and index % 3 != 2,
                active=index != 39,
                lead_days=float(rng.uniform(7, 22)),
                late=0.45 if poor else float(rng.uniform(0.02, 0.15)),
                reject=0.09 if poor else float(rng.uniform(0.002, 0.025)),
            )
        )
    return tuple(built)


def opening_day(timeline: Timeline) -> int:
    """Give the day that old master data was last changed: a year before the data starts."""
    return day_number(date(timeline.start.year - 1, timeline.start.month, 1))
