"""JSON Lines: exact numbers, nested values, late columns, and lines that are no objects."""

import gzip
import json

import pytest


@pytest.fixture
def shop(shop):
    shop.tables('order_line: {files: "lines*.jsonl"}')
    return shop


def lines(*objects):
    return "".join(
        f"{text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)}\n" for text in objects
    )


def test_numbers_keep_their_digits_and_other_values_become_text(shop):
    shop.file(
        "lines.jsonl",
        '{"LineID":1,"Product":"茶","Amount":12345678901234567890.120,"OrderDate":null}\n'
        '{"LineID":2,"Product":true,"Amount":1e2}\n'
        '{"LineID":3,"Product":{"name":"tea","sizes":[1,2.50],"hot":false},"Amount":"1.234,56"}\n',
    )
    assert shop.land_lines().rows == 3
    assert shop.lines() == [
        ("1", "茶", "12345678901234567890.120", None),
        ("2", "1", "1e2", None),
        ("3", '{"name":"tea","sizes":[1,2.5],"hot":false}', "1.234,56", None),
    ]


def test_nested_numbers_keep_their_digits(shop):
    whole, small = "9" * 5_000, "0." + "0" * 30 + "12345678901234567890123"
    shop.file(
        "lines.jsonl",
        '{"LineID":1,"Amount":1,"Product":{"price":1234567890123456789.123456789,"n":' + whole + "}}\n"
        '{"LineID":2,"Amount":2,"Product":[' + small + ',1e3,-0.0,1E999999999,1.50,{"茶":[null,true]}]}\n',
    )
    assert shop.land_lines().rows == 2
    assert shop.lines("Product") == [
        ('{"price":1234567890123456789.123456789,"n":' + whole + "}",),
        ("[" + small + ',1000,0,1E+999999999,1.5,{"茶":[null,true]}]',),
    ]


def test_row_numbers_are_lines_and_blank_lines_are_none(shop):
    shop.file("lines.jsonl", lines({"LineID": 1, "Amount": 1}, "", {"LineID": 2, "Amount": 2}))
    shop.land()
    assert shop.lines("_row_number") == [(1,), (3,)]


def test_a_column_that_comes_late_is_kept(shop, monkeypatch):
    from plumbline.landing.files import json_lines

    monkeypatch.setattr(json_lines, "_LINES_PER_BATCH", 2)
    many = [{"LineID": n, "Amount": n} for n in range(5)]
    shop.file("lines.jsonl", lines(*many, {"LineID": 5, "Amount": 5, "Note": "late"}))
    assert shop.land_lines().rows == 6
    assert shop.loads()[0].extra_columns == ("Note",)


def test_a_required_column_that_no_object_has_is_refused(shop):
    shop.file("lines.jsonl", lines({"LineID": 1, "Amonut": 2}))
    outcome = shop.land_lines()
    assert outcome.status == "refused"
    assert "required column missing: Amount" in outcome.reason
    assert "Did you mean 'Amonut'?" in outcome.todo


def test_an_optional_column_that_no_object_has_is_noted(shop):
    shop.file("lines.jsonl", lines({"LineID": 1, "Amount": 2}))
    assert "not in the extract: Product, OrderDate, ModifiedDate" in shop.land_lines().notes


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ('{"LineID":1,"Amount":1}\n{"LineID":2,"Am', 2, "the last line is cut off"),
        ('{"LineID":1,"Amount":1}\n{"LineID":2,\n{"LineID":3}\n', 2, "this line is no JSON"),
        ('{"LineID":1,"Amount":1}\n[1,2]\n', 2, "this line is no JSON object"),
        ('{"LineID":1,"Amount":1},{"LineID":2,"Amount":1}\n', 1, "this line is no JSON"),
        ("<html>\n", 1, "this line is no JSON"),
        ("[" * 100_000 + "\n", 1, "nested too deeply"),
        ('{"LineID":1,"Amount":1}\n{"LineID":2,"Amount":1,"Amount":2}\n', 2, "has the key 'Amount' twice"),
        ('{"LineID" :1 , "LineID"\t: 2,"Amount":": "}\n', 1, "has the key 'LineID' twice"),
        ('{"LineID":1,"Amount":1,"Product":{"a":[{"b":1,"b":1}]}}\n', 1, "has the key 'b' twice"),
        ('{"LineID":1,"Amount":1,"Amount":2}\n\n{"LineID":2,\n', 1, "has the key 'Amount' twice"),
    ],
)
def test_what_is_refused_says_line_and_reason(shop, content, line, reason):
    shop.file("lines.jsonl", content)
    outcome = shop.land_lines()
    assert (outcome.status, outcome.extracts[0].line) == ("refused", line)
    assert reason in outcome.reason


def test_text_that_looks_like_keys_is_no_key_twice(shop):
    products = ['": "', 'a "b": c', "x :y", "tab\t:z", {"a": [{"b": ": "}, {"b": 2}]}]
    objects = [{"LineID": n, "Amount": 1, "Product": product} for n, product in enumerate(products)]
    shop.file("lines.jsonl", lines(*objects))
    assert shop.land_lines().rows == 5


def test_gzip_and_other_encodings_are_read(shop):
    shop.file(
        "lines.jsonl", gzip.compress(lines({"LineID": 1, "Amount": 1, "Product": "茶"}).encode("gb18030"))
    )
    shop.land()
    assert shop.lines("Product") == [("茶",)]
