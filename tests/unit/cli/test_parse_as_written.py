"""The definitions that lint reads are those of the files, and what a run parsed stays as it was."""

import json

import pytest

from orchestration import prepare
from plumbline.project import Home, Project


@pytest.fixture
def parses(monkeypatch):
    """Count what dbt would parse; it writes manifests where it is told to."""
    targets = []

    def run_dbt(project, home, args):
        targets.append(home.target.name)
        text = (project.root / "metrics" / "sales.yml").read_text(encoding="utf-8")
        if text == "broken":
            raise ValueError("dbt cannot read it")
        home.target.mkdir(parents=True, exist_ok=True)
        for path in (home.dbt_manifest, home.semantic_manifest):
            path.write_text(json.dumps({"text": text}), encoding="utf-8")

    monkeypatch.setattr("orchestration.dbt_runner.run_dbt", run_dbt)
    return targets


@pytest.fixture
def project(tmp_path):
    (tmp_path / "metrics").mkdir()
    write(tmp_path, "first")
    return Project(tmp_path)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home" / "demo")


def write(root, text):
    (root / "metrics" / "sales.yml").write_text(text, encoding="utf-8")


def read(project, home):
    return prepare.parse_as_written(project, home).manifest["text"]


def test_what_the_run_parsed_is_used_while_no_file_has_changed(project, home, parses):
    prepare.prepare(project, home)
    assert read(project, home) == "first"
    assert parses == ["target"]


def test_changed_files_are_parsed_once_and_beside_those_of_the_run(project, home, parses):
    prepare.prepare(project, home)
    write(project.root, "second")
    assert [read(project, home), read(project, home)] == ["second", "second"]
    assert parses == ["target", "lint"]
    assert json.loads(home.dbt_manifest.read_text(encoding="utf-8")) == {"text": "first"}


def test_files_that_cannot_be_parsed_are_never_taken_for_sound(project, home, parses):
    prepare.prepare(project, home)
    write(project.root, "broken")
    for _ in range(2):
        with pytest.raises(ValueError, match="cannot read"):
            read(project, home)


def test_dbt_begins_with_what_the_run_parsed(project, home, parses):
    prepare.prepare(project, home)
    (home.target / "partial_parse.msgpack").write_bytes(b"parsed")
    write(project.root, "second")
    read(project, home)
    assert (home.root / "lint" / "partial_parse.msgpack").read_bytes() == b"parsed"
