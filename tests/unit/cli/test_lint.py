"""`plumb lint` judges the files as they are now."""

import sys

import pytest

from plumbline.cli.main import main
from tests.unit.definitions import shop

PARSER = """
import json
from pathlib import Path
from types import SimpleNamespace

def parse(project, home):
    manifest = {"nodes": {}, "sources": {}, "parent_map": {}}
    return SimpleNamespace(manifest=manifest, semantic_manifest=project.root / "parsed.json")
"""

SOURCES = """
as_of: 2026-01-31
systems:
  erp: {connector: files, path: erp, tables: {orders: {files: "*.csv"}}}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "dbt_project.yml").touch()
    (tmp_path / "parser_of_test.py").write_text(PARSER, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.plumbline]\nparser = "parser_of_test:parse"\n', encoding="utf-8"
    )
    (tmp_path / "orchestration" / "sources").mkdir(parents=True)
    declared = tmp_path / "models" / "staging" / "erp" / "_erp__sources.yml"
    declared.parent.mkdir(parents=True)
    declared.write_text("sources: [{name: erp, tables: [{name: orders}]}]\n", encoding="utf-8")
    (tmp_path / "orchestration" / "sources" / "demo.yml").write_text(SOURCES, encoding="utf-8")
    (tmp_path / "metrics").mkdir()
    monkeypatch.setenv("PLUMBLINE_PROJECT", str(tmp_path))
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr("plumbline.runs.progress._installed", [])
    yield tmp_path
    sys.modules.pop("parser_of_test", None)


def write(project, **told):
    """Let the parser find one metric."""
    content = shop.manifest()
    named = shop.meta(label_zh="销售额", synonyms=["x"], synonyms_zh=["y"], **told)
    content["metrics"] = [shop.metric("sales", measure="amount", told=named)]
    content["saved_queries"] = []
    shop.write(project / "parsed.json", content)


def test_findings_are_those_of_the_files_as_they_are_now(project, capsys):
    write(project)
    before = main(["lint"]), capsys.readouterr()
    write(project, unit="")
    after = main(["lint"]), capsys.readouterr()
    assert len(after[1].out.splitlines()) == len(before[1].out.splitlines()) + 2
    assert "metric 'sales' has no unit" in after[1].out
    assert after[0] == 2


def test_one_finding_is_one(project, capsys, monkeypatch):
    from plumbline.definitions import Location
    from plumbline.governance import Finding

    write(project)
    found = [Finding(Location("metrics/sales.yml", 3), "what", "todo", "code")]
    monkeypatch.setattr("plumbline.serving.lint.lint", lambda *_: found)
    monkeypatch.setattr("plumbline.serving.lint.lint_seeds", lambda *_: [])
    assert main(["lint"]) == 2
    assert "1 finding in 1 metric" in capsys.readouterr().err


def test_a_mistake_in_what_is_declared_of_sources_is_told_first(project, capsys):
    write(project)
    file = project / "models" / "staging" / "erp" / "_erp__sources.yml"
    file.write_text("sources:\n  - name: erp\n    config: {meta: {lable: ERP}}\n", encoding="utf-8")
    assert main(["lint"]) == 2
    said = capsys.readouterr().err
    assert "models/staging/erp/_erp__sources.yml:3: unknown key 'lable'" in said
    assert "Did you mean 'label' or" in said
