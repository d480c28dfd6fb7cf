"""The chain: what is added stays readable, and whatever else happens to the file is found."""

import hashlib
import json
import multiprocessing
import random

import pytest

from plumbline.errors import LedgerError, StorageError
from plumbline.ledger import GENESIS, Break, Ledger, Record, canonical, check_chain


def fill(ledger, count=5):
    return ledger.append_all(
        [("load", {"table": f"t{number}", "load": number}) for number in range(1, count + 1)]
    )


def breaks(ledger):
    return [found for found in check_chain(ledger.lines()) if isinstance(found, Break)]


def rewrite(ledger, change):
    lines = ledger.file.read_bytes().splitlines(keepends=True)
    ledger.file.write_bytes(b"".join(change(lines)))


def test_records_are_numbered_and_linked(ledger):
    first, second = ledger.append("load", {"load": 1}), ledger.append("heal", {"what": "x"})
    assert (first.seq, first.prev, second.seq, second.prev) == (1, GENESIS, 2, first.hash)
    assert list(ledger.records()) == [first, second]
    assert ledger.head == second
    assert list(ledger.records("heal")) == list(ledger.scan("heal")) == [second]
    assert ledger.newest("load") == ledger.at(1) == first


def test_the_hash_can_be_computed_by_anybody(ledger):
    ledger.append("publication", {"publication_id": "demo-000001", "名称": "净销售额"})
    content = json.loads(ledger.file.read_bytes())
    own = content.pop("hash")
    assert hashlib.sha256(b"plumbline-ledger-v1\0" + canonical(content)).hexdigest() == own


def test_nothing_is_read_before_the_first_record(ledger):
    assert ledger.head is None
    assert list(ledger.records()) == []
    assert ledger.newest("load") is None


def test_an_unknown_kind_is_refused_and_nothing_written(ledger):
    with pytest.raises(ValueError, match="'lode' is no kind"):
        ledger.append("lode", {})
    assert not ledger.file.exists()


def test_a_body_that_looks_like_the_end_of_a_line_changes_nothing(ledger):
    end = f'","hash":"{"a" * 64}","kind":"load","prev":"{"b" * 64}","seq":9}}'
    record = ledger.append("load", {"source": end})
    assert ledger.head == record
    assert breaks(ledger) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lines: lines[:2] + lines[3:], "record 3 is missing here"),
        (lambda lines: lines[2:], "records 1 to 2 are missing here"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "record 2 is missing here"),
        (lambda lines: [*lines[:3], lines[1], *lines[3:]], "record 2 stands in the place of record 4"),
        (
            lambda lines: [lines[0], lines[1].replace(b"t2", b"t9"), *lines[2:]],
            "record 2 is not what was written",
        ),
        (lambda lines: [lines[0], b"{}\n", *lines[2:]], "the line is no record"),
        (lambda lines: [lines[0], b"\n", *lines[1:]], "the line is no record"),
        (
            lambda lines: [lines[0].replace(b'"load":1', b'"load": 1'), *lines[1:]],
            "record 1 is not what was written",
        ),
    ],
)
def test_the_first_line_that_does_not_hold_is_named(ledger, change, told):
    fill(ledger)
    rewrite(ledger, change)
    assert breaks(ledger)[0].what == told
    with pytest.raises(LedgerError, match="the ledger is not what it was"):
        list(ledger.records())


@pytest.mark.parametrize("byte", [b"\xaa", b'"'])
def test_a_record_whose_words_cannot_be_read_is_told_as_such(ledger, byte):
    fill(ledger)
    rewrite(ledger, lambda lines: [lines[0].replace(b"table", b"tab" + byte + b"e"), *lines[1:]])
    found = next(ledger.scan("load"))
    assert not found.is_readable
    with pytest.raises(LedgerError, match="the ledger is not what it was"):
        _ = found.body
    assert breaks(ledger)[0].what == "record 1 is not what was written"


def test_a_record_that_was_hashed_again_no_longer_links(ledger):
    fill(ledger)

    def forge(lines):
        old = Record.parse(lines[1][:-1])
        forged = Record.new(2, "load", {**old.body, "load": 99}, old.prev)
        return [lines[0], forged.line + b"\n", *lines[2:]]

    rewrite(ledger, forge)
    assert [found.what for found in breaks(ledger)] == ["record 3 does not follow the record before it"]


def test_a_torn_last_line_is_set_aside_and_told(ledger):
    fill(ledger, 3)
    torn = b'{"at":"2026-01-01T00:00'
    with open(ledger.file, "ab") as handle:
        handle.write(torn)
    assert breaks(ledger) == []
    assert ledger.head.seq == 3
    record = ledger.append("load", {"load": 4})
    (healed,) = ledger.records("heal")
    assert (healed.seq, record.seq) == (4, 5)
    assert healed.body["what"] == "torn line set aside"
    assert (ledger.directory / healed.body["file"]).read_bytes() == torn
    assert breaks(ledger) == []


def test_a_first_line_that_was_torn_is_set_aside_too(ledger):
    ledger.directory.mkdir(parents=True)
    ledger.file.write_bytes(b'{"at"')
    ledger.append("load", {"load": 1})
    assert [record.kind for record in ledger.records()] == ["heal", "load"]


@pytest.mark.parametrize("cut", range(1, 40, 7))
def test_a_crash_at_any_byte_loses_no_whole_record(ledger, cut):
    records = fill(ledger)
    content = ledger.file.read_bytes()
    ledger.file.write_bytes(content[:-cut])
    ledger.append("heal", {"what": "next run"})
    assert [record.hash for record in ledger.records("load")] == [record.hash for record in records[:4]]


def test_nothing_is_added_to_a_changed_last_record(ledger):
    fill(ledger)
    rewrite(ledger, lambda lines: [*lines[:-1], lines[-1].replace(b"t5", b"t6")])
    with pytest.raises(LedgerError, match=r"record 5|Record 5"):
        ledger.append("load", {})


def test_lines_that_are_no_records_are_not_taken_for_a_torn_one(ledger):
    ledger.directory.mkdir(parents=True)
    ledger.file.write_bytes(b"one\ntwo\nthree\n")
    with pytest.raises(LedgerError, match="no records"):
        ledger.append("load", {})
    assert ledger.file.read_bytes() == b"one\ntwo\nthree\n"


def test_a_full_disk_leaves_the_ledger_as_it_was(ledger, monkeypatch):
    fill(ledger)
    before = ledger.file.read_bytes()

    def full(descriptor, content, place):
        real(descriptor, content[:10], place)
        raise OSError(28, "No space left on device")

    import os

    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StorageError, match="the disk is full"):
        ledger.append("load", {"load": 6})
    assert ledger.file.read_bytes() == before


def test_long_records_are_found_from_the_end(ledger):
    fill(ledger)
    long = ledger.append("publication", {"text": "x" * 200_000})
    assert ledger.head == long
    assert ledger.append("load", {"load": 7}).prev == long.hash


def _write(directory, name):
    ledger = Ledger(directory)
    for number in range(40):
        ledger.append("load", {"table": name, "load": number})


def test_two_writers_make_one_chain(ledger):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(ledger.directory, name)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    found = [(record.body["table"], record.body["load"]) for record in ledger.records()]
    assert sorted(found) == [(name, number) for name in ("a", "b") for number in range(40)]


def test_any_changed_byte_is_found(ledger):
    fill(ledger, 4)
    content = ledger.file.read_bytes()
    chance = random.Random(1)
    for place in chance.sample(range(len(content) - 1), 200):
        changed = bytearray(content)
        changed[place] ^= 1 << chance.randrange(7)
        ledger.file.write_bytes(bytes(changed))
        assert breaks(ledger), (place, content[place : place + 1])
