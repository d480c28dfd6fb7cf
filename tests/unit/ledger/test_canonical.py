"""Canonical JSON is that of RFC 8785, by the examples of the RFC."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.ledger import Record, canonical

EURO = chr(0x20AC)


def test_the_sample_of_the_rfc_is_serialised_as_it_says():
    # RFC 8785, 3.2.2 and 3.2.4.
    numbers = [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001]
    text = f"{EURO}$\u000f\u000aA'\u0042\u0022\u005c\\\"/"
    given = {"numbers": numbers, "string": text, "literals": [None, True, False]}
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        f'"string":"{EURO}$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}}'
    )
    assert canonical(given) == expected.encode()


def test_members_are_sorted_by_utf_16_code_units():
    # RFC 8785, 3.2.3.
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    sorted_names = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    written = canonical(dict.fromkeys(names, 0)).decode()
    positions = [written.index(f'"{name}"' if name != "\r" else '"\\r"') for name in sorted_names]
    assert positions == sorted(positions)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (5e-324, "5e-324"),
        (1e23, "1e+23"),
        (295147905179352830000.0, "295147905179352830000"),
    ],
)
def test_numbers_are_those_of_the_appendix(number, text):
    # RFC 8785, appendix B.
    assert canonical(number) == text.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53 + 1])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(ValueError, match=r".+"):
        canonical(value)


@pytest.mark.parametrize("body", [{"value": 1.5}, {"rows": [{"value": 0.1}]}])
def test_a_record_holds_no_floats(body):
    with pytest.raises(TypeError, match="amounts as text"):
        Record.new(1, "load", body, "0" * 64)


texts = st.text(st.characters(exclude_categories=["Cs"]))
bodies = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)


@given(st.dictionaries(texts, bodies))
def test_a_line_is_read_as_it_was_written_and_is_canonical(body):
    record = Record.new(7, "load", body, "a" * 64)
    read = Record.parse(record.line)
    assert read == record
    assert read.body == body
    content = {name: value for name, value in record.as_json().items() if name != "subject"}
    assert canonical(content) == record.line
