"""Big snapshot files land as what they have besides the load before, and mean the same as whole ones."""

import json
import random
import shutil
from collections import Counter

import pytest

from plumbline.landing import writer
from plumbline.landing.files import connector, inspection
from plumbline.landing.files import known as remembered
from plumbline.landing.writer import file_sha256, file_sha256_by_stretch
from tests.unit.landing.shop import csv

STILL_THERE = (
    "select LineID, Product, Amount from landing_erp.order_line anti join landing_run.gone_rows "
    "on _load = load and _row_number = row_number order by all"
)


@pytest.fixture
def shop(shop, monkeypatch):
    monkeypatch.setattr(connector, "WORTH_COMPARING", 0)
    monkeypatch.setattr(writer, "_READ_AT_ONCE", 50)
    for module in (writer, remembered):
        monkeypatch.setattr(module, "STRETCH", 100)
    shop.tables('order_line: {files: "lines.csv"}')
    return shop


def numbered(numbers, change=None):
    return [f"{n},{(change or {}).get(n, 'tea')},{n},," for n in numbers]


def test_only_new_lines_land_and_rows_that_have_gone_are_listed(shop):
    shop.file("lines.csv", csv(*numbered(range(1, 41))))
    shop.land()
    path = shop.file("lines.csv", csv(*numbered([*range(1, 21), *range(22, 43)], {30: "pot"})))
    outcome = shop.land_lines()
    assert (outcome.status, outcome.rows, outcome.notes) == (
        "landed", 3, ("since load 1: 3 new rows, 2 gone",)
    )  # fmt: skip
    assert shop.lines("_load, _row_number, LineID, Product")[40:] == [
        (2, 30, "30", "pot"), (2, 41, "41", "tea"), (2, 42, "42", "tea"),
    ]  # fmt: skip
    assert shop.query("select * from landing_run.gone_rows") == [
        ("erp", "order_line", 1, 22, 2), ("erp", "order_line", 1, 31, 2),
    ]  # fmt: skip
    load = shop.loads()[-1]
    assert (load.sha256, load.bytes, load.rows) == (file_sha256(path), path.stat().st_size, 3)
    assert (load.difference.follows, load.extract_rows, load.difference.gone_rows) == (1, 41, 2)
    assert load.difference.gone_sha256 == file_sha256(load.gone)
    assert shop.query("select load, rows, extract_rows, is_current from landing_run.loads") == [
        (1, 40, 40, True), (2, 3, 41, True),
    ]  # fmt: skip
    assert shop.land_lines().status == "unchanged"


def test_json_lines_land_as_differences_too(shop):
    def lines(*objects):
        return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in objects)

    rows = [{"LineID": n, "Product": "茶", "Amount": n} for n in range(40)]
    shop.tables("order_line: {files: lines.jsonl}")
    shop.file("lines.jsonl", lines(*rows))
    shop.land()
    shop.file("lines.jsonl", lines(*rows[:39], {"LineID": 40, "Amount": 1.50, "Colour": "red"}))
    assert shop.land_lines().rows == 1
    assert shop.lines("_load, _row_number, LineID, Product, Amount")[-1] == (2, 40, "40", None, "1.5")
    assert shop.loads()[-1].columns[-1] == "Colour"
    shop.file("lines.jsonl", lines(*rows[:39]))
    assert shop.land_lines().rows == 0
    assert shop.query(f"select count(*) from ({STILL_THERE})") == [(39,)]


@pytest.mark.parametrize("seed", range(4))
def test_day_after_day_the_rows_that_are_there_are_those_of_the_file(shop, seed, monkeypatch):
    monkeypatch.setattr(inspection, "CHUNK", 200)
    chance = random.Random(seed)
    lines = numbered(range(60)) + numbered(range(3))
    shop.file("lines.csv", csv(*lines, end=chance.choice(["\n", "\r\n"])))
    shop.land()
    for day in range(8):
        for _ in range(chance.randrange(6)):
            place = chance.randrange(len(lines))
            chance.choice([
                lambda place=place: lines.pop(place),
                lambda place=place: lines.insert(place, chance.choice(lines)),
                lambda place=place, day=day: lines.insert(place, f"{place},cup,{day},,"),
                lambda: chance.shuffle(lines),
            ])()  # fmt: skip
        end = chance.choice(["", "\n"])
        shop.file("lines.csv", csv(*lines).removesuffix("\n") + end)
        shop.land()
        expected = sorted(tuple(line.split(",")[:3]) for line in lines)
        assert sorted(shop.query(STILL_THERE)) == expected
    assert any(load.difference for load in shop.loads())


def test_the_same_rows_in_another_order_are_no_new_load(shop):
    shop.file("lines.csv", csv(*numbered(range(10))))
    shop.land()
    shop.file("lines.csv", csv(*reversed(numbered(range(10)))))
    outcome = shop.land_lines()
    assert (outcome.status, outcome.notes) == ("unchanged", ("the rows of load 1, in another order",))


@pytest.mark.parametrize(
    ("text", "because"),
    [
        (csv(*numbered(range(41)), header="LineID,Product,Amount,ModifiedDate,OrderDate"), "another header"),
        (csv(*numbered(range(20, 60))), "too much of it is new"),
        (csv(*numbered(range(40)), '41,"two\nlines",1,,'), "a record is more than a line"),
        (csv(*numbered(range(20)), "", *numbered(range(20, 42))), "a line is blank"),
        (csv(*numbered(range(42))).replace("\n", "\r"), "lines end in another way"),
    ],
)
def test_a_file_lands_whole_where_lines_do_not_tell_what_is_new(shop, text, because):
    shop.file("lines.csv", csv(*numbered(range(40))))
    shop.land()
    shop.file("lines.csv", text)
    assert shop.land_lines().rows >= 40, because
    assert shop.loads()[-1].difference is None
    assert shop.query("select distinct _load from landing_erp.order_line") == [(2,)]


def test_a_new_line_that_cannot_be_read_is_refused_with_its_line_in_the_file(shop):
    shop.file("lines.csv", csv(*numbered(range(40))))
    shop.land()
    shop.file("lines.csv", csv(*numbered(range(30)), "30,tea,30", *numbered(range(31, 40))))
    outcome = shop.land_lines()
    assert (outcome.status, outcome.extracts[0].line) == ("refused", 32)
    assert len(shop.lines()) == 40


def test_without_what_is_remembered_of_its_lines_a_file_lands_whole(shop):
    shop.file("lines.csv", csv(*numbered(range(40))))
    shop.land()
    shutil.rmtree(shop.home.landing / ".cache")
    shop.file("lines.csv", csv(*numbered(range(41))))
    assert shop.land_lines().rows == 41
    shop.file("lines.csv", csv(*numbered(range(42))))
    assert shop.land_lines().rows == 1


def test_a_file_whose_remembered_lines_are_damaged_lands_whole(shop):
    shop.file("lines.csv", csv(*numbered(range(40))))
    shop.land()
    (known,) = (shop.home.landing / ".cache" / "lines").rglob("*.parquet")
    known.write_bytes(known.read_bytes()[:-50])
    shop.file("lines.csv", csv(*numbered(range(41))))
    assert shop.land_lines().rows == 41


def remembered_files(shop):
    return {path.name: path for path in (shop.home.landing / ".cache" / "lines").rglob("*.*")}


def test_only_the_lines_of_the_newest_load_are_remembered(shop):
    for day in range(3):
        shop.file("lines.csv", csv(*numbered(range(40 + day))))
        shop.land()
    assert sorted(remembered_files(shop)) == ["3-0.parquet", "3.json"]


def test_blocks_that_are_as_they_were_stay_remembered_by_the_files_they_have(shop, monkeypatch):
    monkeypatch.setattr(inspection, "CHUNK", 200)
    shop.file("lines.csv", csv(*numbered(range(1, 41))))
    shop.land()
    before = {name: path.stat().st_ino for name, path in remembered_files(shop).items()}
    shop.file("lines.csv", csv(*numbered(range(1, 42))))
    shop.land()
    after = {name: path.stat().st_ino for name, path in remembered_files(shop).items()}
    kept = before.items() & after.items()
    assert len(kept) == len(before) - 2 > 0
    assert after.keys() - dict(kept) == {f"2-{len(kept)}.parquet", "2.json"}


def test_a_remembered_block_is_held_to_what_was_written(shop, monkeypatch):
    monkeypatch.setattr(inspection, "CHUNK", 200)
    shop.file("lines.csv", csv(*numbered(range(1, 41))))
    shop.land()
    files = remembered_files(shop)
    shutil.copy(files["1-0.parquet"], files["1-1.parquet"])
    shop.file("lines.csv", csv(*numbered(range(1, 41), {10: "pot"})))
    assert shop.land_lines().rows == 40
    shop.file("lines.csv", csv(*numbered(range(1, 41), {10: "pot", 12: "pot"})))
    assert shop.land_lines().rows == 1


def test_a_file_that_lands_whole_after_all_is_remembered_whole(shop, monkeypatch):
    monkeypatch.setattr(inspection, "CHUNK", 200)
    shop.file("lines.csv", csv(*numbered(range(60))))
    shop.land()
    shop.file("lines.csv", csv(*numbered(range(30)), *numbered(range(100, 130))))
    assert shop.land_lines().rows == 60
    shop.file("lines.csv", csv(*numbered(range(1, 30)), *numbered(range(100, 130))))
    assert shop.land_lines().rows == 0
    assert shop.query("select load, row_number from landing_run.gone_rows") == [(2, 2)]


def test_a_difference_does_not_count_when_a_load_that_it_goes_on_from_is_missing(shop):
    for day in range(3):
        shop.file("lines.csv", csv(*numbered(range(40 + day))))
        shop.land()
    shutil.rmtree(shop.loads()[1].directory)
    assert Counter(shop.lines("_load")) == {(1,): 40}
    assert shop.land_lines().rows == 42
    assert Counter(shop.lines("_load")) == {(4,): 42}


def test_small_files_and_appended_files_land_whole(shop, monkeypatch):
    shop.tables('order_line: {files: "lines*", load: append}')
    for day in range(2):
        shop.file("lines.csv", csv(*numbered(range(40 + day))))
        assert shop.land_lines().rows == 40 + day
    monkeypatch.setattr(connector, "WORTH_COMPARING", 1_000_000)
    shop.tables("order_line: {files: lines.csv}")
    for day in range(2):
        shop.file("lines.csv", csv(*numbered(range(50 + day))))
        assert shop.land_lines().rows == 50 + day


def test_blocks_that_are_as_they_were_are_not_looked_at_again(shop, monkeypatch):
    monkeypatch.setattr(inspection, "CHUNK", 200)
    shop.file("lines.csv", csv(*numbered(range(1, 41))))
    shop.land()
    looked_at = []
    look = inspection._Survey.look_at
    monkeypatch.setattr(
        inspection._Survey, "look_at", lambda self, piece: looked_at.append(piece) or look(self, piece)
    )
    shop.file("lines.csv", csv(*numbered(range(1, 42))))
    assert shop.land_lines().rows == 1
    assert sum(map(len, looked_at)) < 400


def test_what_lies_within_stretches_that_are_as_they_were_is_not_read_again(shop, monkeypatch):
    monkeypatch.setattr(inspection, "CHUNK", 200)
    shop.file("lines.csv", csv(*numbered(range(1, 41))))
    shop.land()
    read = []
    blocks = inspection.blocks_of
    monkeypatch.setattr(
        inspection, "blocks_of", lambda path, start, end: read.append(start) or blocks(path, start, end)
    )
    path = shop.file("lines.csv", csv(*numbered(range(1, 42))))
    assert shop.land_lines().rows == 1
    assert path.stat().st_size - 400 < read[0] < path.stat().st_size
    shop.file("lines.csv", csv(*numbered(range(1, 42), {2: "pot"})))
    assert shop.land_lines().rows == 1
    assert read[1] == 0


def test_a_file_is_digested_up_to_the_end_of_each_stretch(shop):
    path = shop.file("lines.csv", "x" * 250)
    whole, marks = file_sha256_by_stretch(path)
    assert whole == file_sha256(path)
    assert marks == tuple(file_sha256(shop.file(f"{size}.csv", "x" * size)) for size in (100, 200))


def test_what_is_wrong_behind_them_is_told_by_its_line(shop, monkeypatch):
    monkeypatch.setattr(inspection, "CHUNK", 200)
    shop.file("lines.csv", csv(*numbered(range(1, 41))))
    shop.land()
    shop.file("lines.csv", csv(*numbered(range(1, 41)), "41,t\0a,1,,"))
    outcome = shop.land_lines()
    assert (outcome.status, outcome.extracts[0].line) == ("refused", 42)


def test_a_quote_in_them_is_remembered(shop, monkeypatch):
    monkeypatch.setattr(inspection, "CHUNK", 200)
    quoted = ['1,"tea, green",1,,', *numbered(range(2, 41))]
    shop.file("lines.csv", csv(*quoted))
    shop.land()
    shop.file("lines.csv", csv(*quoted, '41,"two\nlines",1,,'))
    shop.land()
    assert ("41", "two\nlines") in shop.lines("LineID, Product")
    shop.file("lines.csv", csv(*quoted, *numbered(range(41, 43))))
    shop.land()
    assert ("1", "tea, green") in shop.query(f"select LineID, Product from ({STILL_THERE})")


def chinese(numbers, change=None):
    return csv(*numbered(numbers, dict.fromkeys(numbers, "绿茶") | (change or {}))).encode("gb18030")


@pytest.fixture
def tea(shop, monkeypatch):
    """A shop that writes GB18030, of which 40 lines have landed."""
    monkeypatch.setattr(inspection, "CHUNK", 200)
    shop.tables("order_line: {files: lines.csv, encoding: gb18030}")
    shop.file("lines.csv", chinese(range(1, 41)))
    shop.land()
    return shop


def test_only_new_lines_are_translated(tea, monkeypatch):
    translated = []
    real = inspection._transcode
    monkeypatch.setattr(
        inspection,
        "_transcode",
        lambda path, *rest: translated.append(path.stat().st_size) or real(path, *rest),
    )
    path = tea.file("lines.csv", chinese(range(1, 43), {5: "红茶"}))
    assert tea.land_lines().notes == ("encoding gb18030", "since load 1: 3 new rows, 1 gone")
    assert sum(translated) < 150 < path.stat().st_size
    assert ("5", "红茶") in tea.lines("LineID, Product")
    assert tea.lines("Product")[40:] == [("红茶",), ("绿茶",), ("绿茶",)]


def test_a_new_line_that_is_not_of_the_encoding_is_refused_with_its_line_in_the_file(tea):
    tea.file("lines.csv", chinese(range(1, 42)) + b"42,\xff\xff,1,,\n")
    outcome = tea.land_lines()
    assert (outcome.status, outcome.extracts[0].line) == ("refused", 43)
    assert "not gb18030" in outcome.reason


def test_lines_of_another_encoding_are_not_compared(shop, monkeypatch):
    """The same bytes are other texts in another encoding."""
    shop.file("lines.csv", csv(*numbered(range(1, 41))))
    shop.land()
    facts = next(path for name, path in remembered_files(shop).items() if name.endswith(".json"))
    told = json.loads(facts.read_text())
    assert told["written_in"] == "utf-8"
    facts.write_text(json.dumps({**told, "written_in": "gb18030"}))
    shop.file("lines.csv", csv(*numbered(range(1, 42))))
    assert shop.land_lines().rows == 41


def test_a_byte_order_mark_of_gb18030_is_no_part_of_the_header(shop):
    shop.tables("order_line: {files: lines.csv, encoding: gb18030}")
    for day in range(2):
        shop.file("lines.csv", "\ufeff".encode("gb18030") + chinese(range(1, 41 + day)))
        shop.land()
    assert shop.lines("LineID, Product")[39:] == [("40", "绿茶"), ("41", "绿茶")]
