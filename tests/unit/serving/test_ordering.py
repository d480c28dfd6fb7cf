"""Rows are put in order in Arrow as DuckDB would."""

import random
from datetime import date, datetime, timedelta
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest

from plumbline.serving.ordering import in_order

KINDS = {
    "a day": (pa.date32(), lambda chance: date(2024, 2, 27) + timedelta(days=chance.randrange(-400, 400))),
    "a moment": (pa.timestamp("us"), lambda chance: datetime(1969, 12, 31, 23, chance.randrange(60))),
    "a number": (pa.int64(), lambda chance: chance.choice((-(2**12), -1, 0, 1, 7, 2**12))),
    "a text": (
        pa.string(),
        lambda chance: chance.choice(("", "a", "A", "é", "z", "头盔", "a b")),
    ),
    "a truth": (pa.bool_(), lambda chance: chance.random() < 0.5),
    "money": (pa.decimal128(18, 2), lambda chance: Decimal(chance.randrange(-900, 900)) / 100),
}


@pytest.mark.parametrize("seed", range(30))
def test_rows_are_ordered_as_duckdb_orders_them(seed):
    chance = random.Random(seed)
    kinds = chance.sample(list(KINDS.values()), 3)
    rows = {
        tuple(None if chance.random() < 0.1 else draw(chance) for _, draw in kinds)
        for _ in range(chance.choice((0, 1, 2, 300)))
    }
    columns = zip(*sorted(rows, key=repr), strict=True) if rows else [[], [], []]
    drawn = pa.table(
        {f"c{number}": pa.array(list(values), kinds[number][0]) for number, values in enumerate(columns)}
    )
    signs = [chance.choice(("", "-")) for _ in kinds]
    written = ", ".join(f"c{n} {'DESC' if sign else 'ASC'} NULLS LAST" for n, sign in enumerate(signs))
    found = in_order(drawn, [f"{sign}c{n}" for n, sign in enumerate(signs)])
    with duckdb.connect() as con:
        told = con.sql(f"FROM drawn ORDER BY {written}").to_arrow_table()
    assert found.equals(told.cast(drawn.schema))


def test_rows_in_order_are_not_moved():
    table = pa.table({"day": pa.array([date(2026, 1, 1), date(2026, 1, 2), None]), "value": [1.5, None, 2.5]})
    assert in_order(table, ["day"]) is table


@pytest.mark.parametrize("values", [[1.5, float("nan"), None], [-(2**62), 2**62, 0]])
def test_fractions_and_what_lies_too_far_apart_are_left_to_sql(values):
    assert in_order(pa.table({"value": values}), ["value"]) is None


def test_more_places_than_a_number_has_are_left_to_sql():
    wide = list(range(0, 2**40, 2**39))
    assert in_order(pa.table({"a": wide, "b": wide}), ["a", "b"]) is None
