"""Lineage that was made before serves as long as it would be made alike."""

import re
from collections import Counter

import duckdb
import pytest

from orchestration import lineage
from plumbline.project import Home, Project


@pytest.mark.parametrize("name", ["code_digest", "parsed.digest_parsed"])
def test_other_code_or_other_models_make_lineage_anew(name, monkeypatch):
    project = Project.find()
    before = lineage._digest(project)
    monkeypatch.setattr(f"orchestration.lineage.{name}", lambda *_: "other")
    assert lineage._digest(project) != before


STAGED = """
with landed_rows as (select id, note, seen, _load, _row_number, null as _problem from landed),
placed_rows as (select *, false as _is_orphan from landed_rows),
repeats as (select * from placed_rows)
select * from repeats
"""
JUDGED_BY = {"key": ["id"], "version": "seen"}


def test_of_the_rows_of_a_key_the_newest_is_kept():
    sql = lineage.kept_as_newest(STAGED, JUDGED_BY)
    with duckdb.connect() as con:
        con.execute(
            "create table landed as from (values (1, 'a', 1, 1, 1), (1, 'b', 2, 1, 2), (1, 'c', 1, 1, 3),"
            " (1, 'b', 2, 2, 4), (2, 'd', null, 1, 5), (2, 'e', null, 2, 1))"
            " as t (id, note, seen, _load, _row_number)"
        )
        kept = con.execute(f"from ({sql}) order by id").fetchall()
    assert kept == [(1, "b", 2, 1, 2), (2, "e", None, 2, 1)]


@pytest.mark.parametrize(
    ("sql", "judged_by"), [(STAGED, None), (STAGED.replace("placed_rows", "others"), JUDGED_BY)]
)
def test_other_sql_is_read_as_it_is(sql, judged_by):
    assert lineage.kept_as_newest(sql, judged_by) == ""


def looked_at(raw_code, **config):
    nodes = {"model.p.one": {"name": "one", "schema": "staging", "alias": "one"}}
    node = {"config": config, "raw_code": raw_code, "depends_on": {"nodes": ["model.p.one", "source.p.x"]}}
    return dict(lineage._looked_at(node, {"nodes": nodes}))


def test_only_the_columns_are_looked_at_by_which_changes_are_found():
    through = {"one": "id"}
    named = "-- depends_on: {{ ref('one') }}"
    assert looked_at(named, through=through) == {"staging.one": ("id",)}
    assert looked_at(named, through=through, dated={"one": "day"}) == {"staging.one": ("id", "day")}
    assert looked_at(named, dated="day") == {}
    assert looked_at(named + re.sub("^-+", "\nand ", named), through=through) == {}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A project of its own, and the number of times that its models were compiled, and metrics looked at."""
    for name in ("models/orders.sql", "metrics/sales.yml", "seeds/targets.csv", "dbt_project.yml"):
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1", encoding="utf-8")
    project, done = Project(tmp_path / "project"), Counter()

    def compiled(*_):
        done["compiled"] += 1
        return {"sources": {}, "nodes": {}}

    def read(_, home):
        done["read"] += 1
        (home.target / lineage.LINEAGE).write_text(f"{done['read']}", encoding="utf-8")

    monkeypatch.setattr(lineage, "_compiled", compiled)
    monkeypatch.setattr(lineage, "read_lineage", read)
    return project, done


def prepared(project, root):
    home = Home(root)
    home.target.mkdir(parents=True, exist_ok=True)
    lineage.prepare_lineage(project, home)
    return (home.target / lineage.LINEAGE).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("changed", "compiled"),
    [("metrics/sales.yml", 1), ("models/orders.sql", 2), ("seeds/targets.csv", 2), ("dbt_project.yml", 2)],
)
def test_models_are_compiled_again_where_they_changed_and_not_for_metrics(small, tmp_path, changed, compiled):
    project, done = small
    assert [prepared(project, tmp_path / name) for name in ("one", "two", "one")] == ["1", "1", "1"]
    (project.root / changed).write_text("2", encoding="utf-8")
    assert prepared(project, tmp_path / "one") == "2"
    # Another company, which has the SQL of neither.
    assert prepared(project, tmp_path / "three") == "2"
    assert done == {"compiled": compiled, "read": 2}


def test_the_sql_of_models_is_taken_over_from_where_metrics_were_others(small, tmp_path):
    project, done = small
    prepared(project, tmp_path / "one")
    (project.root / "metrics/sales.yml").write_text("2", encoding="utf-8")
    prepared(project, tmp_path / "two")
    assert done == {"compiled": 1, "read": 2}


def test_sql_of_which_nobody_knows_the_models_is_compiled_again(small, tmp_path):
    project, done = small
    prepared(project, tmp_path / "one")
    (project.root / "metrics/sales.yml").write_text("2", encoding="utf-8")
    (tmp_path / "one" / "target" / "models.digest").unlink()
    for path in (project.root / "target").rglob("models.digest"):
        path.unlink()
    prepared(project, tmp_path / "one")
    assert done == {"compiled": 2, "read": 2}
