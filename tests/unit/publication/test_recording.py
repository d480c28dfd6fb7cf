"""What the ledger says of a publication, and what is made good of one that was cut off."""

import hashlib
import json
import os

import pytest

from plumbline.errors import StorageError
from plumbline.ledger import Ledger
from plumbline.publication import Shelf
from plumbline.publication.digests import file_digest
from plumbline.publication.recording import (
    definition_changes,
    definition_states,
    metric_digests,
    publication_body,
    quality_facts,
    recorded_generation,
    require_whole,
    roll_forward,
)
from tests.unit.definitions import shop


@pytest.fixture
def ledger(home):
    return Ledger(home.ledger)


class Killed(BaseException):
    """What stands for the end of the process."""


@pytest.fixture
def record(home, ledger):
    """Record a publication before the switch, as a run does; `then` is what happens next."""

    def recorder(then=lambda: None):
        def before_switch(publication):
            body = publication_body(
                publication,
                home,
                metrics={"net_sales": {"definition_sha256": "a", "sql_sha256": "b"}},
                quality={"run_id": "run-1"},
                lock=home.root / "requirements.lock",
                inputs="inputs",
                code="code",
                operator="somebody",
            )
            ledger.append("publication", body)
            then()

        return before_switch

    return recorder


def die():
    raise Killed


def heals(ledger):
    return [record.body["what"] for record in ledger.records("heal")]


def test_a_publication_is_recorded_before_anybody_sees_it(publisher, home, ledger, record):
    seen = []
    publication = publisher(before_switch=record(lambda: seen.append(home.current.exists())))
    assert seen == [False]
    (told,) = (found.body for found in ledger.records())
    assert told["file_sha256"] == file_digest(publication.path)
    assert told["definitions_digest"] == publication.definitions_digest
    digests = {(table["schema"], table["table"]): table["digest"] for table in told["tables"]}
    assert digests == {(table.schema, table.name): table.digest for table in publication.tables}
    assert [part["sha256"] for part in told["parts"]] == [part.sha256 for part in publication.parts] != []


def test_the_published_ledger_holds_what_was_recorded_before(publisher, ledger, record):
    publisher(before_switch=record())
    publisher(before_switch=record())
    first = next(ledger.records())
    rows = publisher.read("SELECT seq, kind, subject, body, prev, hash FROM published.ledger")
    assert rows == [(1, "publication", "demo-000001", first.text.decode(), first.prev, first.hash)]
    (moment,) = publisher.read("SELECT strftime(recorded_at, '%Y-%m-%dT%H:%M:%S.%fZ') FROM published.ledger")
    assert moment == (first.at,)


def test_a_ledger_without_records_is_published_as_an_empty_table(publisher):
    publisher()
    assert publisher.read("SELECT count(*) FROM published.ledger") == [(0,)]


def test_a_publication_that_a_crash_left_recorded_is_switched_to(publisher, home, ledger, record):
    publisher(before_switch=record())
    with pytest.raises(Killed):
        publisher(before_switch=record(die))
    assert os.readlink(home.current) == "gen-000001.duckdb"
    assert roll_forward(ledger, home)["publication_id"] == "demo-000002"
    assert os.readlink(home.current) == "gen-000002.duckdb"
    assert heals(ledger) == ["switched forward"]
    assert roll_forward(ledger, home) is None
    assert publisher(before_switch=record()).generation == 3


def test_a_recorded_publication_whose_file_has_gone_is_abandoned_once_and_its_number_too(
    publisher, home, ledger, record
):
    publisher(before_switch=record())
    with pytest.raises(Killed):
        publisher(before_switch=record(die))
    Shelf(home.published).database(2).unlink()
    assert roll_forward(ledger, home) is roll_forward(ledger, home) is None
    assert heals(ledger) == ["publication abandoned"]
    assert os.readlink(home.current) == "gen-000001.duckdb"
    assert publisher(before_switch=record()).publication_id == "demo-000003"
    assert recorded_generation(ledger) == 3


def test_a_recorded_publication_whose_file_is_another_is_not_switched_to(publisher, home, ledger, record):
    publisher(before_switch=record())
    with pytest.raises(Killed):
        publisher(before_switch=record(die))
    Shelf(home.published).database(2).write_bytes(b"something else")
    assert roll_forward(ledger, home) is None
    assert os.readlink(home.current) == "gen-000001.duckdb"


def test_where_a_damaged_generation_was_moved_away_the_one_before_becomes_current(
    publisher, home, ledger, record
):
    publisher(before_switch=record())
    publisher(before_switch=record())
    Shelf(home.published).database(2).unlink()
    assert roll_forward(ledger, home)["publication_id"] == "demo-000001"
    assert os.readlink(home.current) == "gen-000001.duckdb"
    assert heals(ledger) == ["publication abandoned", "switched back"]
    assert roll_forward(ledger, home) is None
    assert publisher(before_switch=record()).generation == 3


def test_a_generation_that_is_not_what_was_recorded_is_not_switched_back_to(publisher, home, ledger, record):
    publisher(before_switch=record())
    publisher(before_switch=record())
    Shelf(home.published).database(1).write_bytes(b"something else")
    Shelf(home.published).database(2).unlink()
    assert roll_forward(ledger, home) is None
    assert heals(ledger) == ["publication abandoned"]


def test_the_current_generation_is_held_to_what_was_recorded_of_it(publisher, home, ledger, record):
    require_whole(ledger, home)
    publisher()
    require_whole(ledger, home)
    publication = publisher(before_switch=record())
    require_whole(ledger, home)
    publication.path.write_bytes(b"something else")
    with pytest.raises(StorageError, match="not what was recorded") as caught:
        require_whole(ledger, home)
    assert (caught.value.code, caught.value.where) == ("damaged-generation", str(publication.path))


def test_nothing_is_made_good_where_nothing_is_recorded(home, ledger):
    assert roll_forward(ledger, home) is None
    assert recorded_generation(ledger) == 0


def test_metrics_are_told_as_new_changed_or_gone():
    def one(definition, sql):
        return {"definition_sha256": definition, "sql_sha256": sql}

    before = {"same": one("a", "a"), "changed": one("a", "a"), "gone": one("a", "a")}
    after = {"same": one("a", "a"), "changed": one("a", "b"), "new": one("c", "c")}
    states = {"new": {"version": "1.0", "status": "certified"}}
    told = {body["metric"]: body for body in definition_changes(before, after, states)}
    assert (told["new"]["version"], told["new"]["status"]) == ("1.0", "certified")
    assert {metric: body["change"] for metric, body in told.items()} == {
        "changed": "changed",
        "gone": "gone",
        "new": "new",
    }
    assert told["changed"]["sql_sha256_before"] == "a"
    assert (told["gone"]["sql_sha256"], told["gone"]["definition_sha256_before"]) == (None, "a")
    assert "sql_sha256_before" not in told["new"]


@pytest.fixture
def manifest(tmp_path):
    return shop.write(tmp_path / "semantic_manifest.json")


def changed(manifest, change):
    content = json.loads(manifest.read_text(encoding="utf-8"))
    change(content)
    other = manifest.with_name("other.json")
    other.write_text(json.dumps(content), encoding="utf-8")
    return other


def differing(before, after):
    one, other = metric_digests(before), metric_digests(after)
    return {
        (metric, name) for metric in one for name in one[metric] if one[metric][name] != other[metric][name]
    }


def test_a_word_in_a_definition_changes_its_digest_and_not_that_of_the_sql(manifest):
    def change(content):
        (node,) = [node for node in content["metrics"] if node["name"] == "sales"]
        node["description"] = "Another word."

    assert differing(manifest, changed(manifest, change)) == {("sales", "definition_sha256")}


def test_a_measure_changes_the_sql_of_every_metric_that_rests_on_it(manifest):
    def change(content):
        for model in content["semantic_models"]:
            for measure in model["measures"]:
                if measure["name"] == "amount":
                    measure["expr"] = "amount * 2"

    found = differing(manifest, changed(manifest, change))
    assert ("sales", "sql_sha256") in found
    assert {name for _, name in found} == {"sql_sha256"}
    assert len(found) > 1


def test_the_version_and_the_status_of_a_definition_are_told(manifest):
    assert definition_states(manifest)["sales"] == {"version": "1.0", "status": "certified"}


def test_the_place_where_a_metric_is_written_is_no_part_of_its_definition(manifest):
    def change(content):
        for node in content["metrics"]:
            node["metadata"] = {"file_slice": {"start_line_number": 7}}

    assert differing(manifest, changed(manifest, change)) == set()


def test_the_sql_of_a_metric_is_digested_as_it_is_compiled(manifest, tmp_path):
    from plumbline.compiler import compile

    query = {"metrics": ["sales"], "group_by": ["metric_time__month"]}
    sql = compile(manifest, query, "duckdb")
    digests = metric_digests(manifest, tmp_path / "cache")
    assert digests["sales"]["sql_sha256"] == hashlib.sha256(sql.encode()).hexdigest()
    assert metric_digests(manifest, tmp_path / "cache") == digests


def test_the_results_of_a_run_are_counted_and_digested_whatever_others_found(con):
    con.execute("CREATE TABLE quality.found (run_id VARCHAR, position INTEGER, verdict VARCHAR)")
    con.execute("INSERT INTO quality.found VALUES ('a', 1, 'passed'), ('a', 2, 'failed'), ('b', 1, 'error')")
    counts, digest = quality_facts(con, "quality.found", "a")
    assert counts == {"passed": 1, "failed": 1, "skipped": 0, "error": 0}
    con.execute("INSERT INTO quality.found VALUES ('b', 2, 'passed')")
    assert quality_facts(con, "quality.found", "a") == (counts, digest)
    con.execute("UPDATE quality.found SET verdict = 'passed' WHERE run_id = 'a'")
    assert quality_facts(con, "quality.found", "a")[1] != digest
