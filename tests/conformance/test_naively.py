"""Definitions and questions made up at random, beside the same figures calculated in plain Python."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plumbline.compiler import compile
from plumbline.errors import DefinitionError
from tests.conformance.features.market import (
    MODELS,
    TABLES,
    conversion,
    cumulative,
    manifest,
    plain,
    taken,
    window,
)
from tests.conformance.naive import Aggregate, Asked, Question, Row, Shift, Told, Values, evaluated, start
from tests.conformance.sized import imagined
from tests.unit.definitions.shop import metric

EXAMPLES = int(os.environ.get("PLUMBLINE_NAIVE_EXAMPLES", "60"))
FIRST, LAST = date(2023, 11, 1), date(2024, 5, 10)
DAYS = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
MONTH_ENDS = [day for day in DAYS if (day + timedelta(days=1)).day == 1]
ALL = "{{ TimeDimension('metric_time', 'day') }}"


def _sum(column: str) -> Callable[[Sequence[Row]], Any]:
    def added(rows: Sequence[Row]) -> Any:
        values = [row[column] for row in rows if row[column] is not None]
        return sum(values) if values else None

    return added


def _distinct(rows: Sequence[Row]) -> Any:
    return len({row["customer"] for row in rows} - {None})


def _count(rows: Sequence[Row]) -> Any:
    return len(rows) or None


def _smallest(rows: Sequence[Row]) -> Any:
    return min((row["amount"] for row in rows if row["amount"] is not None), default=None)


def _mean(rows: Sequence[Row]) -> Any:
    values = [row["amount"] for row in rows if row["amount"] is not None]
    return sum(values) / len(values) if values else None


def _stock(rows: Sequence[Row]) -> Any:
    return _sum("on_hand")(rows)


MEASURES: Mapping[str, Aggregate] = {
    "sales": Aggregate("orders", _sum("amount")),
    "orders": Aggregate("orders", _count),
    "buyers": Aggregate("orders", _distinct),
    "smallest_sale": Aggregate("orders", _smallest),
    "average_sale": Aggregate("orders", _mean),
    "refunded": Aggregate("refunds", _sum("refund")),
    "refund_count": Aggregate("refunds", _count),
    "visits": Aggregate("visits", _count),
    "last_stock": Aggregate("stock", _stock, max),
    "last_stock_by_store": Aggregate("stock", _stock, max, ("store",)),
    "first_stock_by_store": Aggregate("stock", _stock, min, ("store",)),
}
# Dimensions of each table, and the columns of its rows.
WAYS: Mapping[str, Mapping[str, str]] = {
    "orders": {
        "customer": "customer",
        "customer__segment": "segment",
        "store": "store",
        "order__channel": "channel",
    },
    "refunds": {"customer": "customer", "customer__segment": "segment", "store": "store"},
    "visits": {"customer": "customer", "customer__segment": "segment", "visit__source": "source"},
    "stock": {"store": "store", "product__category": "category"},
}


def _is(name: str, column: str, value: str) -> Asked:
    return Asked(f"{{{{ Dimension('{name}') }}}} = '{value}'", lambda row: row[column] == value)


WEB, SHOP = (_is("order__channel", "channel", name) for name in ("web", "shop"))
RETAIL = _is("customer__segment", "segment", "retail")
UNKNOWN = Asked("{{ Dimension('customer__segment') }} IS NULL", lambda row: row["segment"] is None)
BUSY = Asked("{{ Metric('orders', group_by=['customer']) }} >= 3", lambda row: (row["ordered"] or 0) >= 3)
NOT_WEB = Asked(
    "NOT {{ Dimension('order__channel') }} = 'web'", lambda row: row["channel"] not in (None, "web")
)


def _since(day: date) -> Asked:
    return Asked(f"{ALL} >= '{day}'", lambda row: True, lambda at: at >= day)


def _in_month(day: date) -> Asked:
    month = "{{ TimeDimension('metric_time', 'month') }}"
    return Asked(
        f"{month} = '{start(day, 'month')}'",
        lambda row: True,
        lambda at: start(at, "month") == start(day, "month"),
    )


def _between(first: date, last: date) -> Asked:
    """The range of a question, which is no filter: exactly these days."""
    return Asked("", lambda row: True, lambda at: first <= at <= last)


def _until(day: date) -> Asked:
    return Asked(f"{ALL} < '{day}'", lambda row: True, lambda at: at < day)


FORMULAS: Mapping[str, Callable[[Any, Any], Any]] = {
    "one - other": lambda one, other: None if None in (one, other) else one - other,
    "one + other": lambda one, other: None if None in (one, other) else one + other,
    "one / other": lambda one, other: None if None in (one, other) or not other else one / other,
    "one - coalesce(other, 0)": lambda one, other: None if one is None else one - (other or 0),
}
SHIFTS = [
    *(
        Shift(*told)
        for told in ((1, "month"), (2, "month"), (1, "week"), (7, "day"), (10, "day"), (1, "quarter"))
    ),
    *(Shift(0, grain) for grain in ("month", "week", "quarter")),
]


class Pool:
    """Metrics made up at random, each as the manifest has it and as Python calculates it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.told: dict[str, Told] = {}
        self.model: dict[str, set[str]] = {}
        self.written: list[dict[str, Any]] = []
        for name, measure in MEASURES.items():
            self.add(metric(name, measure=name), Told("simple", measure), {measure.model})
        for make, count in (
            *((self.simple, 12), (self.ratio, 12), (self.cumulative, 24), (self.conversion, 12)),
            *((self.derived, 40),),
        ):
            for _ in range(count):
                make()

    def add(self, written: dict[str, Any], told: Told, models: set[str]) -> None:
        self.written.append(written)
        self.told[written["name"]] = told
        self.model[written["name"]] = models

    def name(self, kind: str) -> str:
        return f"{kind}_{len(self.told)}"

    def filters(self, models: set[str]) -> tuple[Asked, ...]:
        some = [RETAIL, UNKNOWN, BUSY] if models <= {"orders", "refunds", "visits"} else []
        some += [WEB, SHOP, NOT_WEB] if models == {"orders"} else []
        return tuple(self.chance.sample(some, self.chance.choice((0, 1, 1, 2)))) if some else ()

    def simple(self) -> None:
        name = self.chance.choice(list(MEASURES))
        measure = MEASURES[name]
        own = self.filters({measure.model})
        inner = self.filters({measure.model})[:1]
        written = metric(self.name("simple"), measure=_input(name, inner)) | {"filter": _where(own)}
        self.add(written, Told("simple", measure, tuple(dict.fromkeys((*own, *inner)))), {measure.model})

    def ratio(self) -> None:
        parts = [self.part({"orders", "refunds", "visits", "stock"}, ("simple",)) for _ in range(2)]
        above, below = (_input(name, own) | {"alias": f"part_{i}"} for i, (name, own) in enumerate(parts))
        models = set().union(*(self.model[name] for name, _ in parts))
        outer = self.filters(models)[:1]
        written = metric(self.name("ratio"), "ratio", numerator=above, denominator=below)
        inputs = tuple((self.told[name], own, None) for name, own in parts)
        told = Told("ratio", filters=outer, inputs=inputs, formula=FORMULAS["one / other"])
        self.add(written | {"filter": _where(outer)}, told, models)

    def part(self, models: set[str], kinds: tuple[str, ...]) -> tuple[str, tuple[Asked, ...]]:
        names = [
            name for name, told in self.told.items() if told.kind in kinds and self.model[name] <= models
        ]
        name = self.chance.choice(names)
        return name, self.filters(self.model[name])

    def derived(self) -> None:
        kinds = ("simple", "simple", "ratio", "derived", "cumulative")
        first = self.part({"orders", "refunds", "visits", "stock"}, kinds)
        second = self.part({"orders", "refunds", "visits", "stock"}, kinds)
        parts, written = [], []
        for alias, (name, own) in zip(("one", "other"), (first, second), strict=True):
            shift = self.chance.choice([None, None, *self.chance.sample(SHIFTS, 2)])
            parts.append((self.told[name], own, shift))
            written.append(_input(name, own) | {"alias": alias} | _offset(shift))
        models = self.model[first[0]] | self.model[second[0]]
        outer = self.filters(models)[:1]
        formula = self.chance.choice(list(FORMULAS))
        found = metric(self.name("derived"), "derived", expr=formula, metrics=written) | {
            "filter": _where(outer)
        }
        self.add(
            found, Told("derived", filters=outer, inputs=tuple(parts), formula=FORMULAS[formula]), models
        )

    def cumulative(self) -> None:
        name = self.chance.choice(("sales", "orders", "buyers", "smallest_sale", "average_sale", "refunded"))
        measure = MEASURES[name]
        own = self.filters({measure.model})
        back = self.chance.choice(
            [None, (7, "day"), (28, "day"), (45, "day"), (6, "week"), (1, "month"), (2, "month")]
        )
        to_date = "" if back else self.chance.choice(("", "month", "quarter", "week"))
        roll = self.chance.choice(("last", "last", "first", "average"))
        more = {"window": window(*back) if back else None, "grain_to_date": to_date or None}
        written = cumulative(self.name("cumulative"), _input(name, own[:1]), roll, **more)
        told = Told("cumulative", measure, own, window=back, to_date=to_date, roll=roll)
        self.add(written | {"filter": _where(own[1:])}, told, {measure.model})

    def conversion(self) -> None:
        first = self.chance.choice(("visits", "orders"))
        second = self.chance.choice(
            [name for name in ("orders", "sales", "buyers", "refund_count") if name != first]
        )
        base, following = MEASURES[first], MEASURES[second]
        outer, inner = self.filters({base.model})[:1], self.filters({following.model})[:1]
        back = self.chance.choice([None, (7, "day"), (30, "day"), (1, "month")])
        same = ("source", "channel") if (base.model, following.model) == ("visits", "orders") else None
        same = self.chance.choice((None, same))
        pairs = [{"base_property": same[0], "conversion_property": same[1]}] if same else None
        rate = self.chance.random() < 0.5
        params = conversion(
            _input(first, ()),
            _input(second, inner),
            "conversion_rate" if rate else "conversions",
            window=window(*back) if back else None,
            constant_properties=pairs,
        )
        written = metric(self.name("conversion"), "conversion", conversion_type_params=params)
        formula = FORMULAS["one / other"] if rate else (lambda above, below: above)
        told = Told(
            "conversion", base, outer, formula=formula, window=back, following=(following, inner), same=same
        )
        self.add(written | {"filter": _where(outer)}, told, {base.model})


def _input(name: str, filters: Sequence[Asked]) -> dict[str, Any]:
    return taken(name) | {"filter": _where(filters)}


def _where(filters: Sequence[Asked]) -> dict[str, Any] | None:
    return {"where_filters": [{"where_sql_template": item.sql} for item in filters]} if filters else None


def _offset(shift: Shift | None) -> dict[str, Any]:
    if shift is None:
        return {}
    if not shift.count:
        return {"offset_to_grain": shift.grain}
    return {"offset_window": {"count": shift.count, "granularity": shift.grain}}


class Company:
    """Tables filled at random, with holes, ties, empty and dangling keys; and the same rows for Python."""

    def __init__(self, chance: random.Random) -> None:
        self.con = duckdb.connect()
        self.con.execute(TABLES)
        self.con.execute("DELETE FROM market.days WHERE date_day NOT BETWEEN ? AND ?", [FIRST, LAST])
        self.con.execute(
            "DELETE FROM market.months WHERE month_start NOT IN (SELECT date_day FROM market.days)"
        )
        for name in ("orders", "refunds", "visits", "stock"):
            self.con.execute(f"DELETE FROM market.{name}")
        some = self.days(chance)
        for number in range(60):
            self.put(
                "orders",
                number,
                self.customer(chance),
                self.store(chance),
                some(),
                some(),
                chance.choice(("web", "shop", None)),
                chance.choice((None, *range(-3, 40))),
                "a",
                True,
                1,
            )
        for number in range(25):
            self.put(
                "refunds",
                number,
                self.customer(chance),
                self.store(chance),
                some(),
                chance.choice((None, *range(9))),
            )
            self.put(
                "visits", number, self.customer(chance), some(), chance.choice(("web", "shop", "phone", None))
            )
            self.put(
                "stock",
                number,
                self.store(chance),
                chance.choice((1, 2, 3, None)),
                some(),
                chance.choice((None, *range(9))),
            )
        self.sizes = imagined(self.con)
        self.tables = {name: self.read(sql) for name, sql in _ROWS.items()}

    def days(self, chance: random.Random) -> Callable[[], date | None]:
        """Give days of a few weeks only, so that there are holes, and many at once."""
        known = [
            *(chance.choice(DAYS) for _ in range(25)),
            date(2024, 1, 31),
            date(2024, 2, 29),
            date(2023, 11, 30),
        ]
        return lambda: None if chance.random() < 0.04 else chance.choice(known)

    def customer(self, chance: random.Random) -> int | None:
        return chance.choice((1, 1, 2, 2, 3, 4, 5, 6, 99, None))

    def store(self, chance: random.Random) -> int | None:
        return chance.choice((1, 2, 3, 77, None))

    def put(self, table: str, *values: Any) -> None:
        self.con.execute(f"INSERT INTO market.{table} VALUES ({', '.join('?' * len(values))})", values)

    def read(self, sql: str) -> list[Row]:
        cursor = self.con.execute(sql)
        names = [item[0] for item in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


_OF_CUSTOMER = """LEFT JOIN market.customers USING (customer_id) LEFT JOIN (
  SELECT customer_id, count(*) AS ordered FROM market.orders GROUP BY 1) AS busy USING (customer_id)"""
_ROWS = {
    "orders": f"""SELECT order_date AS day, orders.customer_id AS customer, store_id AS store, segment,
        ordered, channel, amount::INTEGER AS amount FROM market.orders {_OF_CUSTOMER}""",
    "refunds": f"""SELECT refund_date AS day, refunds.customer_id AS customer, store_id AS store, segment,
        ordered, refund::INTEGER AS refund FROM market.refunds {_OF_CUSTOMER}""",
    "visits": f"""SELECT visited_on AS day, visits.customer_id AS customer, segment, ordered, source
        FROM market.visits {_OF_CUSTOMER}""",
    "stock": """SELECT stock_date AS day, store_id AS store, category, on_hand
        FROM market.stock LEFT JOIN market.products USING (product_id)""",
}
POOLS = [Pool(random.Random(seed)) for seed in range(3)]


@pytest.fixture(scope="module")
def companies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Pool, Company, Path]]]:
    found = []
    for number, pool in enumerate(POOLS):
        path = tmp_path_factory.mktemp("naive") / "semantic_manifest.json"
        content = {**manifest(), "semantic_models": MODELS, "metrics": pool.written, "saved_queries": []}
        path.write_text(json.dumps(content), encoding="utf-8")
        found.append((pool, Company(random.Random(100 + number)), path))
    yield found
    for _, company, _ in found:
        company.con.close()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data())
def test_made_up_metrics_are_those_calculated_in_python(companies: list[Any], data: st.DataObject) -> None:
    pool, company, path = companies[data.draw(st.integers(0, len(POOLS) - 1))]
    names = data.draw(st.lists(st.sampled_from(list(pool.told)), min_size=1, max_size=2, unique=True))
    ways = [WAYS[model] for name in names for model in sorted(pool.model[name])]
    common = sorted(set.intersection(*(set(way) for way in ways)))
    by = data.draw(st.lists(st.sampled_from(common), max_size=2, unique=True)) if common else []
    grain = data.draw(st.sampled_from(["day", "week", "month", "month", "quarter", ""]))
    when = data.draw(st.sampled_from(DAYS))
    where = data.draw(st.sampled_from([(), (), (_since(when),), (_until(when),), (_in_month(when),)]))
    asked: dict[str, Any] = {
        "metrics": names,
        "group_by": [*([f"metric_time__{grain}"] if grain else []), *by],
        "where": [item.sql for item in where],
    }
    if grain and not where and data.draw(st.booleans()):
        last = max(when, data.draw(st.sampled_from([*DAYS, *MONTH_ENDS])))
        asked["range"] = [str(when), str(last)]
        where = (_between(when, last),)
    try:
        sql = compile(path, asked)
    except DefinitionError as error:
        if error.code in ("needs-time", "partial-period"):
            return
        raise
    rows = company.con.execute(sql).fetchall()
    # Tables of other sizes are asked for otherwise, and answer the same.
    sized = data.draw(st.sampled_from(company.sizes))
    for text in {compile(path, asked, sizes=sized)} - {sql}:
        assert sorted(map(repr, company.con.execute(text).fetchall())) == sorted(map(repr, rows)), text
    question = Question(company.tables, DAYS, tuple(_column(ways, name) for name in by), grain)
    expected = _beside([evaluated(pool.told[name], question, where) for name in names])
    got = {tuple(map(plain, row)) for row in rows}
    assert len(rows) == len(got), f"{asked}\n{sql}"
    assert got == expected, (
        f"{asked}\n{[json.dumps(item) for item in pool.written if item['name'] in names]}\n{sql}"
    )


def _column(ways: Sequence[Mapping[str, str]], name: str) -> str:
    return next(way[name] for way in ways if name in way)


def _beside(values: Sequence[Values]) -> set[tuple[Any, ...]]:
    keys = {key for part in values for key in part}
    return {tuple(map(plain, (*key, *(part.get(key) for part in values)))) for key in keys}
