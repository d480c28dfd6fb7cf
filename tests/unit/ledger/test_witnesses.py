"""Witnesses see the head of the ledger, and what they saw contradicts whoever cuts or rewrites it."""

import json
import subprocess

import pytest

from plumbline.errors import LedgerError
from plumbline.ledger import FileWitness, GitWitness, Ledger, Record, Seen, Witnessing, WitnessUnreachable
from plumbline.ledger.witness import line_digest


def load(ledger, number):
    return ledger.append("load", {"load": number})


@pytest.fixture
def file_witness(tmp_path):
    return FileWitness("second_path", tmp_path / "elsewhere" / "demo.jsonl")


@pytest.fixture
def repository(tmp_path):
    path = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(path)], check=True)
    return path


@pytest.fixture
def git_witness(tmp_path, repository):
    return GitWitness("remote", str(repository), "main", "demo.jsonl", tmp_path / "clone.git")


@pytest.fixture(params=["file_witness", "git_witness"])
def witnessing(request, ledger):
    return Witnessing(ledger, (request.getfixturevalue(request.param),))


def seen(witnessing):
    return [Seen.parse(line) for line in witnessing.witnesses[0].read()]


def test_a_witness_is_shown_the_head_once(witnessing):
    first = load(witnessing.ledger, 1)
    last = load(witnessing.ledger, 2)
    assert witnessing.show() == []
    assert witnessing.show() == []
    (told,) = seen(witnessing)
    assert (told.seq, told.hash, told.first) == (2, last.hash, first.hash)


def test_lines_of_a_witness_are_linked(witnessing):
    import hashlib

    for number in range(3):
        load(witnessing.ledger, number)
        witnessing.show()
    lines = witnessing.witnesses[0].read()
    assert [Seen.parse(line).seq for line in lines] == [1, 2, 3]
    assert Seen.parse(lines[2]).prev == hashlib.sha256(lines[1]).hexdigest()


def test_what_a_crash_left_unwitnessed_is_shown_next_time_and_told(witnessing):
    load(witnessing.ledger, 1)
    witnessing.show()
    load(witnessing.ledger, 2)
    load(witnessing.ledger, 3)
    assert witnessing.catch_up() == []
    (record,) = witnessing.ledger.records("witness")
    assert (record.body["what"], record.body["from"], record.body["to"]) == ("it was not shown", 2, 3)
    assert seen(witnessing)[-1].hash == record.hash
    witnessing.catch_up()
    assert len(list(witnessing.ledger.records("witness"))) == 1


def test_a_crash_after_the_witness_was_shown_the_head_needs_no_record(witnessing):
    load(witnessing.ledger, 1)
    witnessing.show()
    (witnessing.ledger.directory / "witnessed.json").unlink()
    witnessing.catch_up()
    assert len(seen(witnessing)) == 1
    assert [record.kind for record in witnessing.ledger.records()] == ["load"]
    assert witnessing.notes()[witnessing.witnesses[0].name].seq == 1


def test_a_ledger_that_was_cut_is_refused(witnessing):
    for number in (1, 2, 3):
        load(witnessing.ledger, number)
    witnessing.show()
    lines = witnessing.ledger.file.read_bytes().splitlines(keepends=True)
    witnessing.ledger.file.write_bytes(b"".join(lines[:2]))
    with pytest.raises(LedgerError, match=r"saw record 3 .*the ledger ends with record 2"):
        witnessing.catch_up()


def test_a_ledger_that_was_rewritten_is_refused(witnessing):
    for number in (1, 2, 3):
        load(witnessing.ledger, number)
    witnessing.show()
    lines = witnessing.ledger.file.read_bytes().splitlines(keepends=True)
    last = Record.parse(lines[2][:-1])
    forged = Record.new(3, "load", {"load": 33}, last.prev)
    witnessing.ledger.file.write_bytes(b"".join(lines[:2]) + forged.line + b"\n")
    load(witnessing.ledger, 4)
    with pytest.raises(LedgerError, match="saw record 3 with the hash"):
        witnessing.show()


def test_a_new_ledger_in_the_place_of_another_says_so_in_its_first_record(ledger, file_witness):
    old = Witnessing(ledger, (file_witness,))
    load(ledger, 1)
    old.show()
    other = Witnessing(Ledger(ledger.directory.with_name("other")), (file_witness,))
    other.catch_up()
    (record,) = other.ledger.records()
    assert record.body["what"] == "it has seen another ledger"
    assert record.body["hash"] == ledger.head.hash


def test_a_witness_that_lost_what_it_saw_is_told_anew_and_the_ledger_says_so(ledger, file_witness):
    witnessing = Witnessing(ledger, (file_witness,))
    load(ledger, 1)
    witnessing.show()
    file_witness.path.unlink()
    load(ledger, 2)
    witnessing.catch_up()
    (record,) = ledger.records("witness")
    assert (record.body["what"], record.body["seq"]) == ("it has lost what it had seen", 1)
    assert seen(witnessing)[-1].hash == ledger.head.hash


def test_several_witnesses_catch_up_together(ledger, file_witness, git_witness):
    witnessing = Witnessing(ledger, (file_witness, git_witness))
    load(ledger, 1)
    witnessing.catch_up()
    assert len(list(ledger.records("witness"))) == 2
    witnessing.catch_up()
    assert len(list(ledger.records())) == 3


def test_a_line_of_the_witness_that_a_crash_tore_is_not_joined_to_the_next(ledger, file_witness):
    witnessing = Witnessing(ledger, (file_witness,))
    load(ledger, 1)
    witnessing.show()
    with open(file_witness.path, "ab") as handle:
        handle.write(b'{"at"')
    load(ledger, 2)
    witnessing.show()
    assert [told and told.seq for told in seen(witnessing)] == [1, None, 2]


def test_a_witness_that_cannot_be_told_is_a_word_and_no_error(ledger, tmp_path):
    (tmp_path / "file").write_text("no directory")
    witnessing = Witnessing(ledger, (FileWitness("second_path", tmp_path / "file" / "demo.jsonl"),))
    load(ledger, 1)
    (told,) = witnessing.show()
    assert "witness 'second_path'" in told
    assert "could not be told" in told


def test_a_required_witness_that_cannot_be_told_is_an_error(ledger, tmp_path):
    gone = GitWitness(
        "remote", str(tmp_path / "none.git"), "main", "x", tmp_path / "clone.git", required=True
    )
    load(ledger, 1)
    with pytest.raises(LedgerError, match="witness 'remote' cannot be told"):
        Witnessing(ledger, (gone,)).show()


def test_a_rewritten_history_of_the_git_witness_is_noticed(ledger, git_witness, repository, tmp_path):
    witnessing = Witnessing(ledger, (git_witness,))
    for number in (1, 2):
        load(ledger, number)
        witnessing.show()
    other = GitWitness("remote", str(repository), "main", "demo.jsonl", tmp_path / "other.git")
    subprocess.run(["git", "-C", str(repository), "update-ref", "refs/heads/main", "main~1"], check=True)
    other.add(lambda lines: b"{}")
    with pytest.raises(WitnessUnreachable, match="rejected"):
        git_witness.read()


def test_other_files_in_the_branch_stay(ledger, git_witness, repository):
    first = GitWitness("remote", git_witness.repository, "main", "other.jsonl", git_witness.clone)
    first.add(lambda lines: b"{}")
    Witnessing(ledger, (git_witness,)).show()
    load(ledger, 1)
    Witnessing(ledger, (git_witness,)).show()
    files = subprocess.run(
        ["git", "-C", str(repository), "ls-tree", "--name-only", "main"], capture_output=True, text=True
    )
    assert files.stdout.split() == ["demo.jsonl", "other.jsonl"]


def test_two_who_push_at_once_both_arrive(git_witness, repository, tmp_path):
    other = GitWitness("remote", str(repository), "main", "other.jsonl", tmp_path / "other.git")
    raced = []

    def make(lines):
        if not raced:
            raced.append(other.add(lambda lines: b'{"from":"other"}'))
        return b'{"from":"us"}'

    git_witness.add(make)
    assert git_witness.read() == [b'{"from":"us"}']
    assert other.read() == [b'{"from":"other"}']


def test_notes_that_cannot_be_read_are_no_notes(ledger, file_witness):
    ledger.directory.mkdir(parents=True)
    (ledger.directory / "witnessed.json").write_text(json.dumps([1]))
    assert Witnessing(ledger, (file_witness,)).notes() == {}


def test_the_line_behind_a_torn_one_follows_it(ledger, file_witness):
    witnessing = Witnessing(ledger, (file_witness,))
    load(ledger, 1)
    witnessing.show()
    with open(file_witness.path, "ab") as file:
        file.write(b'{"at":"2026')
    load(ledger, 2)
    witnessing.show()
    first, torn, last = file_witness.read()
    assert (Seen.parse(first).seq, torn, Seen.parse(last).seq) == (1, b'{"at":"2026', 2)
    assert Seen.parse(last).prev == line_digest(torn)
