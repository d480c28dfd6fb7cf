"""What was parsed serves every company, until a file or dbt changes; then it is parsed anew."""

import json

import pytest

from orchestration import parsed, prepare
from orchestration.dbt_runner import Dbt
from plumbline.project import Home, Project

MANIFESTS = {"manifest.json": '{"nodes": {}}', "semantic_manifest.json": "{}", "partial_parse.msgpack": "old"}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "project" / "models").mkdir(parents=True)
    (tmp_path / "project" / "dbt_project.yml").write_text("name: shop\n", encoding="utf-8")
    (tmp_path / "project" / "models" / "orders.sql").write_text("select 1 as id\n", encoding="utf-8")
    return Project(tmp_path / "project")


@pytest.fixture
def parsings(monkeypatch):
    """Note the companies that dbt parses for."""
    asked = []

    def parse(_project, home, args):
        asked.append((home.root.name, args))
        home.target.mkdir(parents=True)
        for name, text in MANIFESTS.items():
            (home.target / name).write_text(text, encoding="utf-8")

    monkeypatch.setattr("orchestration.dbt_runner.run_dbt", parse)
    return asked


def company(tmp_path, name):
    return Home(tmp_path / "state" / name)


def test_a_second_company_takes_over_what_was_parsed_for_the_first(project, parsings, tmp_path):
    first = prepare.prepare(project, company(tmp_path, "first"))
    second = prepare.prepare(project, company(tmp_path, "second"))
    assert [name for name, _ in parsings] == ["first"]
    assert second.manifest == first.manifest == {"nodes": {}}


@pytest.mark.parametrize("change", ["a model", "dbt"])
def test_what_has_changed_since_is_parsed_anew(project, parsings, tmp_path, monkeypatch, change):
    prepare.prepare(project, company(tmp_path, "first"))
    if change == "dbt":
        monkeypatch.setattr(parsed, "version", lambda _name: "99")
    else:
        (project.root / "models" / "orders.sql").write_text("select 2 as id\n", encoding="utf-8")
    assert not prepare.is_prepared(project, company(tmp_path, "first"))
    prepare.prepare(project, company(tmp_path, "second"))
    assert [name for name, _ in parsings] == ["first", "second"]


def test_a_project_that_cannot_be_written_is_parsed_for_every_company(project, parsings, tmp_path):
    (project.root / "target").write_text("no directory", encoding="utf-8")
    prepare.prepare(project, company(tmp_path, "first"))
    prepare.prepare(project, company(tmp_path, "second"))
    assert [name for name, _ in parsings] == ["first", "second"]


def test_an_entry_that_lacks_a_file_is_not_taken(project, parsings, tmp_path):
    prepare.prepare(project, company(tmp_path, "first"))
    (entry,) = (project.root / "target" / "parsed").iterdir()
    (entry / "manifest.json").unlink()
    assert not prepare.is_prepared(project, company(tmp_path, "second"))


def test_the_oldest_entries_are_forgotten(project, parsings, tmp_path):
    for number in range(parsed._KEPT + 2):
        (project.root / "models" / "orders.sql").write_text(f"select {number} as id\n", encoding="utf-8")
        prepare.prepare(project, company(tmp_path, f"company_{number}"))
    assert len(list((project.root / "target" / "parsed").iterdir())) == parsed._KEPT
    assert prepare.is_prepared(project, company(tmp_path, "last"))


def test_dbt_parses_by_itself_what_it_cannot_read_back(project, tmp_path):
    home = company(tmp_path, "first")
    home.target.mkdir(parents=True)
    (home.target / parsed.PARSED).write_bytes(b"\xc1 no manifest")
    dbt = Dbt(project, home)
    dbt.take_parsed()
    assert dbt.manifest is None


def test_dbt_starts_from_what_was_parsed(project_root, tmp_path):
    project, home = Project(project_root), company(tmp_path, "first")
    if not prepare.is_prepared(project, home):
        prepare.prepare(project, home)
    dbt = Dbt(project, home)
    dbt.take_parsed()
    assert dbt.manifest is not None
    written = json.loads(home.dbt_manifest.read_text(encoding="utf-8"))
    assert dbt.manifest.nodes.keys() == written["nodes"].keys()
