"""Lineage that was made before serves as long as it would be made alike."""

import re

import duckdb
import pytest

from orchestration import lineage
from plumbline.project import Project


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
