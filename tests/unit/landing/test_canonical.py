"""One text for every typed value."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.landing.canonical import arrow_text, float_text, shortest_numbers, text_array, value_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("  as it is ", "  as it is "),
        (True, "1"),
        (12.50, "12.5"),
        (20.0, "20"),
        (1e22, "10000000000000000000000"),
        (0.00001, "0.00001"),
        (Decimal("2024.9940"), "2024.994"),
        (Decimal("-0.00"), "0"),
        (date(2024, 2, 29), "2024-02-29"),
        (datetime(2024, 2, 29, 1, 2, 3), "2024-02-29 01:02:03"),
        (datetime(2024, 2, 29, 1, 2, 3, 120000), "2024-02-29 01:02:03.12"),
        (datetime(2024, 2, 29, 1, 0, tzinfo=timezone(timedelta(hours=8))), "2024-02-28 17:00:00"),
        (b"\xde\xad", "DEAD"),
        ({"a": [1, Decimal("2.50"), "é"]}, '{"a":[1,2.5,"é"]}'),
    ],
)
def test_text_of_a_value(value, text):
    assert value_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_float_text_reads_back_as_the_same_number_without_exponent(value):
    assert float(float_text(value)) == value
    assert "e" not in float_text(value).lower()


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))))
def test_arrow_and_python_write_floats_alike(values):
    assert arrow_text(pa.array(values, pa.float64())).to_pylist() == [value_text(value) for value in values]


@given(st.lists(st.one_of(st.none(), st.decimals(-(10**12), 10**12, places=4))))
def test_arrow_and_python_write_decimals_alike(values):
    array = pa.array(values, pa.decimal128(38, 4))
    assert arrow_text(array).to_pylist() == [value_text(value) for value in values]


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (pa.array([1, None], pa.int64()), ["1", None]),
        (pa.array([True, False]), ["1", "0"]),
        (pa.array([datetime(2024, 1, 2, 3, 4, 5)], pa.timestamp("us")), ["2024-01-02 03:04:05"]),
        (
            pa.array([datetime(2024, 1, 2, tzinfo=UTC)], pa.timestamp("ns", "Asia/Shanghai")),
            ["2024-01-02 00:00:00"],
        ),
        (pa.array([date(2024, 1, 2)]), ["2024-01-02"]),
        (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
        (pa.array([[1, 2]]), ["[1,2]"]),
        (pa.nulls(1), [None]),
    ],
)
def test_text_of_an_arrow_array(array, texts):
    assert arrow_text(array).to_pylist() == texts


def test_numbers_that_databases_write_are_shortened_and_other_texts_stay():
    texts = ["20.0", "109846381.39988799", "1.0e+21", "12.5", "one", "e", "1.5.e", None, "-3.0", "0.1"]
    assert shortest_numbers(pa.array(texts)).to_pylist() == [
        "20",
        "109846381.399888",
        "1000000000000000000000",
        "12.5",
        "one",
        "e",
        "1.5.e",
        None,
        "-3",
        "0.1",
    ]


def test_mixed_values_become_texts():
    assert text_array(["a", True, None, 1, 2.5]).to_pylist() == ["a", "1", None, "1", "2.5"]


def test_floats_of_four_bytes_have_the_text_that_they_were_written_with():
    values = pa.array([12.1, 0.1, 1e20, 1e-7, -0.0, None], pa.float32())
    assert arrow_text(values).to_pylist() == ["12.1", "0.1", "100000000000000000000", "0.0000001", "0", None]
