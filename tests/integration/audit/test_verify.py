"""What a crash leaves is no damage; what an audit cannot see, it says; and what `plumb audit` prints."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from orchestration.defs.resources import open_session
from plumbline.audit import verify
from plumbline.cli.main import main
from plumbline.errors import StorageError
from plumbline.governance.trust import Trust
from plumbline.ledger import GitWitness, Ledger, Witnessing, witnessed_ledger
from plumbline.project import Home
from tests.integration.audit.conftest import AS_OF, Copy, publish_with_parts


def point_to(copy, name):
    copy.change(copy.shelf.link).unlink()
    os.symlink(name, copy.shelf.link)


def test_a_run_that_ended_between_record_and_switch_is_told_and_no_difference(copy):
    point_to(copy, "gen-000001.duckdb")
    state = copy.change(copy.home.runs / "state.json")
    content = json.loads(state.read_text(encoding="utf-8"))
    state.write_text(json.dumps({**content, "published_run": "an earlier run"}), encoding="utf-8")
    proof = copy.verify()
    assert proof.differences == []
    assert "demo-000002 is recorded and complete, and not current yet" in proof.notes[0]


def before_the_first_switch(base):
    """Take a company back to where its first publication was recorded, and not switched to."""
    first = Copy(base)
    first.shelf.link.unlink()
    state = first.home.runs / "state.json"
    content = json.loads(state.read_text(encoding="utf-8"))
    state.write_text(json.dumps({**content, "published_run": ""}), encoding="utf-8")
    return first


@pytest.fixture
def first(young, tmp_path):
    return before_the_first_switch(shutil.copytree(young.base, tmp_path / "home", symlinks=True))


def test_a_first_run_that_ended_between_record_and_switch_is_told_and_no_difference(first):
    proof = first.verify()
    assert proof.differences == []
    assert "demo-000001 is recorded and complete, and not current yet" in proof.notes[0]


def test_a_file_in_the_place_of_the_first_link_is_a_difference(first):
    shutil.copyfile(first.shelf.database(1), first.shelf.link)
    assert [difference.what for difference in first.verify().differences] == ["nothing is current"]


def test_a_torn_last_line_is_told_and_no_difference(copy):
    with open(copy.change(copy.ledger.file), "ab") as handle:
        handle.write(b'{"at":"2026')
    proof = copy.verify()
    assert proof.differences == []
    assert "torn by a crash" in proof.notes[0]


def test_records_that_the_witness_was_not_shown_are_told_and_no_difference(copy):
    copy.change(copy.ledger.file)
    record = copy.ledger.append("heal", {"what": "nothing"})
    proof = copy.verify()
    assert proof.differences == []
    assert f"'second_path' was not shown the records after {record.seq - 1} yet" in proof.notes[0]


def test_a_generation_that_a_crash_left_unrecorded_is_told_and_no_difference(copy):
    shutil.copyfile(copy.shelf.database(2), copy.change(copy.shelf.database(3)))
    proof = copy.verify()
    assert proof.differences == []
    assert "gen-000003.duckdb was left by a run that was cut off" in proof.notes[0]


def test_a_generation_in_between_that_nobody_recorded_is_a_difference(copy):
    copy.change(copy.ledger.file)
    (newest,) = list(copy.ledger.scan("publication"))[-1:]
    copy.ledger.append("publication", {**newest.body, "generation": 4, "publication_id": "demo-000004"})
    shutil.copyfile(copy.shelf.database(2), copy.change(copy.shelf.database(3)))
    found = [difference.what for difference in copy.verify().differences]
    assert "a generation stands on the shelf that was never recorded" in found


def test_an_abandoned_publication_does_not_count(copy):
    copy.change(copy.ledger.file)
    (newest,) = list(copy.ledger.scan("publication"))[-1:]
    body = {**newest.body, "generation": 3, "publication_id": "demo-000003", "file": "gen-000003.duckdb"}
    copy.ledger.append("publication", body)
    assert copy.verify().differences[0].expected == "gen-000003.duckdb, of demo-000003"
    told = {"what": "publication abandoned", "publication_id": "demo-000003", "generation": 3}
    copy.ledger.append("heal", told)
    assert copy.verify().differences == []


def test_neither_warehouse_nor_caches_are_needed(published, tmp_path):
    ignored = shutil.ignore_patterns("warehouse.duckdb", "compiled", "target", "dagster", "data", "runs")
    shutil.copytree(published, tmp_path / "home", symlinks=True, ignore=ignored)
    home = Home(tmp_path / "home" / "demo")
    assert verify(home, witnessed_ledger(home, Trust("demo")), "demo").is_whole


def test_a_witness_that_cannot_be_asked_is_a_difference(copy, tmp_path):
    gone = GitWitness("remote", str(tmp_path / "none.git"), "main", "demo.jsonl", tmp_path / "clone.git")
    proof = verify(copy.home, Witnessing(copy.ledger, (gone,)), "demo")
    assert proof.differences[0].what == "witness 'remote' cannot be asked"


def test_a_home_without_a_ledger_is_told(tmp_path):
    with pytest.raises(StorageError, match="there is no ledger") as caught:
        verify(Home(tmp_path), Witnessing(Ledger(tmp_path / "ledger")), "demo")
    assert caught.value.code == "no-ledger"


def test_every_load_check_and_publication_of_the_runs_is_recorded(copy):
    kinds = [record.kind for record in copy.ledger.records()]
    loads = [path for path in copy.home.landing.rglob("load=*") if path.is_dir()]
    assert kinds.count("load") == len(loads) > 40
    assert (kinds.count("quality"), kinds.count("publication")) == (1, 2)
    bodies = [record.body for record in copy.ledger.records("definition")]
    assert {body["change"] for body in bodies} == {"new"}
    assert len(bodies) == len(next(copy.ledger.records("publication")).body["metrics"])


@pytest.fixture
def plumb(copy, monkeypatch, capsys):
    monkeypatch.setenv("PLUMBLINE_HOME", str(copy.base))

    def run(*arguments):
        code = main(["audit", *map(str, arguments)])
        return code, capsys.readouterr()

    return run


def test_a_whole_company_ends_with_zero_and_counts_what_was_checked(plumb):
    code, told = plumb("verify")
    assert code == 0
    assert told.out.startswith("Everything that demo has published is as it was recorded.\nChecked: ")
    assert " values, " in told.out


def test_a_difference_ends_with_six_and_is_told_first(plumb, copy):
    point_to(copy, "gen-000001.duckdb")
    code, told = plumb("verify")
    assert code == 6
    assert told.out.startswith(
        "Not as recorded: 1 difference. The first:\n"
        "  The link to the current generation points elsewhere.\n"
        f"    where: {copy.shelf.link}\n"
        "    expected: gen-000002.duckdb, of demo-000002\n"
        "    found: gen-000001.duckdb\n"
        "    what to do: "
    )


def test_programs_get_the_proof_as_json(plumb, copy):
    copy.change(copy.witness).unlink()
    code, told = plumb("verify", "--format", "json")
    proof = json.loads(told.out)
    assert (code, proof["whole"], proof["company"]) == (6, False, "demo")
    assert proof["differences"][0]["what"].startswith("witness 'second_path' has lost")
    assert proof["checked"]["records"] > 100
    assert plumb("verify", "--no-witness")[0] == 0


def test_a_copy_is_held_to_what_a_given_witness_saw(plumb, copy, published):
    lines = copy.change(copy.ledger.file).read_bytes().splitlines(keepends=True)
    copy.ledger.file.write_bytes(b"".join(lines[:-1]))
    witness = published / "witness" / "demo.jsonl"
    code, told = plumb("verify", "--home", copy.home.root, "--witness", witness)
    assert code == 6
    assert f"Record {len(lines)}, which witness 'given' saw on " in told.out


def test_a_witness_that_is_not_there_is_no_witness_that_saw_nothing(plumb, tmp_path):
    code, told = plumb("verify", "--witness", tmp_path / "none.jsonl")
    assert code == 2
    assert "there is no such file" in told.err


def test_a_copy_elsewhere_can_be_verified(plumb, copy, published, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PLUMBLINE_PROJECT")
    assert plumb("verify", "--home", published / "demo")[0] == 0


def test_the_log_shows_the_newest_records_of_a_kind(plumb, copy):
    code, told = plumb("log", "--kind", "publication", "--last", "1", "--format", "json")
    (record,) = json.loads(told.out)
    assert (code, record["subject"], record["body"]["generation"]) == (0, "demo-000002", 2)
    assert "demo-000001" in plumb("log", "--kind", "publication")[1].out
    assert plumb("log", "--kind", "restatement")[1].out == "no restatement is recorded\n"


@pytest.mark.parametrize(
    "command", [("log", "--last", "0"), ("log", "--last", "-1"), ("replay", "--threads", "0")]
)
def test_less_than_one_is_no_number_of_records_or_threads(plumb, capsys, command):
    with pytest.raises(SystemExit) as ended:
        plumb(*command)
    assert ended.value.code == 2
    assert "is less than 1" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["verify"], ["log"], ["explain", "net_sales"], ["report"], ["replay"]])
def test_a_copy_that_is_not_there_is_told(plumb, tmp_path, command):
    code, told = plumb(*command, "--home", tmp_path / "none")
    assert code == 2
    assert f"--home {tmp_path / 'none'}: there is no such directory" in told.err


def test_an_unknown_kind_is_told(plumb):
    code, told = plumb("log", "--kind", "publicaton")
    assert code == 2
    assert "Did you mean 'publication'?" in told.err


def test_a_log_that_does_not_hold_is_not_shown_as_if_it_did(plumb, copy):
    lines = copy.change(copy.ledger.file).read_bytes().splitlines(keepends=True)
    copy.ledger.file.write_bytes(b"".join(lines[:5] + lines[6:]))
    code, told = plumb("log")
    assert code == 6
    assert "Record 6 is missing here" in told.err


def test_verifying_loads_neither_dbt_nor_dagster_nor_great_expectations(published):
    program = (
        "import sys; from plumbline.cli.main import main; code = main(['audit', 'verify']);"
        "print([name for name in ('dbt', 'dagster', 'great_expectations', 'pandas') if name in sys.modules]);"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PLUMBLINE_HOME": str(published)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_next_run_switches_to_what_a_crash_left_recorded(published, tmp_path, monkeypatch):
    base = tmp_path / "home"
    shutil.copytree(published, base, symlinks=True)
    monkeypatch.setenv("PLUMBLINE_HOME", str(base))

    class Killed(BaseException):
        pass

    def die(shelf, generation):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("plumbline.publication.shelf.Shelf.switch_to", die)
        with pytest.raises(Killed):
            publish_with_parts(run_id="a run that was killed")
    home = Home(base / "demo")
    assert os.readlink(home.current) == "gen-000002.duckdb"
    proof = verify(home, witnessed_ledger(home, Trust("demo")), "demo")
    assert (proof.differences, proof.notes[0][:37]) == ([], "demo-000003 is recorded and complete,")
    with open_session("demo", as_of=AS_OF.isoformat()) as session:
        assert session.nothing_new
    assert os.readlink(home.current) == "gen-000003.duckdb"
    proof = verify(home, witnessed_ledger(home, Trust("demo")), "demo")
    assert (proof.differences, proof.notes) == ([], [])
    assert [record.body["what"] for record in Ledger(home.ledger).records("heal")] == ["switched forward"]
