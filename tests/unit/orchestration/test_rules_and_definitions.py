"""What people write is checked before anything is built from it: rules, definitions, names of extracts."""

import sys

import pytest

from orchestration.defs.quality import suites_of
from orchestration.defs.resources import nothing_landed
from orchestration.lint import require_sound_definitions
from orchestration.prepare import Prepared
from plumbline.errors import ConfigurationError, DefinitionError, SourceError, from_record
from plumbline.landing import load_sources
from plumbline.project import Home, Project
from tests.unit.definitions import shop


@pytest.fixture
def rules(tmp_path, monkeypatch):
    """Give a function that writes the rules of a stage, and reads them."""
    folder = tmp_path / "expectations"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "expectations"]:
        monkeypatch.delitem(sys.modules, name)

    def read(text):
        (folder / "marts.py").write_text(text)
        return suites_of("marts")

    yield read
    for name in [name for name in sys.modules if name.split(".")[0] == "expectations"]:
        sys.modules.pop(name)


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("x = 1\ny = (\n", 2, "SyntaxError: '(' was never closed."),
        ("x = 1\n\ny = uniqe('a')\n", 3, "NameError: name 'uniqe' is not defined."),
        ("def suites():\n    return 1 / 0\n", 2, "ZeroDivisionError: division by zero."),
        ("x = 1\n", None, "AttributeError: module 'expectations.marts' has no attribute 'suites'."),
    ],
)
def test_a_rule_file_that_python_cannot_read_is_named_with_its_line(rules, text, line, why):
    with pytest.raises(ConfigurationError) as caught:
        rules(text)
    assert caught.value.where == "expectations/marts.py" + (f":{line}" if line else "")
    assert caught.value.why == why
    assert caught.value.exit_code == 2


_WIDE = """
saved_queries:
  - name: wide
    label: Wide
    config: {meta: {label_zh: 宽表, domain: sales, grain: all}}
"""


@pytest.fixture
def checked(tmp_path):
    """Give a function that checks a project with one metric, described as told."""
    (tmp_path / "metrics").mkdir()
    (tmp_path / "orchestration" / "sources").mkdir(parents=True)

    def check(saved=(), **told):
        content = shop.manifest()
        content["metrics"] = [shop.metric("sales", measure="amount", told=shop.meta(**told))]
        content["saved_queries"] = saved
        manifest = shop.write(tmp_path / "target" / "semantic_manifest.json", content)
        return require_sound_definitions(Project(tmp_path), Prepared({}, manifest), Home(tmp_path / "state"))

    return check


def test_definitions_that_lint_rejects_stop_the_run_with_all_that_is_wrong(checked):
    with pytest.raises(DefinitionError) as caught:
        checked(unit="percent", direction="upp")
    assert caught.value.exit_code == 2
    assert "has the unknown unit 'percent' [unknown-unit]" in caught.value.why
    assert "Did you mean 'up'?" in caught.value.why


def test_a_saved_query_that_cannot_be_calculated_stops_the_run_before_anything_is_built(checked, tmp_path):
    (tmp_path / "metrics" / "wide.yml").write_text(_WIDE, encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        checked([shop.saved_query("wide", ["sales"], ["Dimension('product__categry')"])])
    assert "saved query 'wide': unknown dimension 'product__categry' [unknown-dimension]" in caught.value.why


def test_a_review_that_is_overdue_is_a_warning_and_stops_nothing(checked):
    assert [finding.code for finding in checked(review_date="2020-01-01")] == ["review-overdue"]
    assert checked() == []


@pytest.fixture
def sources(project_root):
    return load_sources(Project(project_root), "adventureworks")


def entry(status, reason, system="erp"):
    return {"system": system, "table": "product", "status": status, "reason": reason}


def test_a_company_without_any_extract_is_told_what_was_looked_for(sources):
    error = nothing_landed(sources, [entry("missing", "no such file")])
    assert error.exit_code == 2
    assert error.why.startswith("No file matched: Sales_SalesOrderHeader.csv; ")
    assert "--data" in error.todo


def test_folders_that_are_not_there_are_each_named_once(sources):
    error = nothing_landed(sources, [entry("unavailable", "/x/erp: the folder is not there.")] * 3)
    assert (error.exit_code, error.why) == (2, "/x/erp: the folder is not there.")


def test_a_company_whose_extracts_were_all_refused_has_a_source_that_cannot_be_read(sources):
    error = nothing_landed(sources, [entry("refused", "product.csv:1: the file has 0 bytes.")])
    assert isinstance(error, SourceError)
    assert "0 bytes" in error.why


def test_what_dbt_cannot_read_is_a_definition_error_after_the_worker_has_told_it(checked, tmp_path):
    from orchestration.dbt_runner import DefinitionsError, _definitions_error
    from orchestration.dbt_worker import _run

    (tmp_path / "metrics" / "sales.yml").write_text("metrics:\n  - name: [a\n", encoding="utf-8")

    class Unreadable:
        def invoke(self, args):
            raise _definitions_error(Project(tmp_path), "dbt's own words")

    told = from_record(_run(Unreadable(), ["parse"])["error"])
    assert isinstance(told, DefinitionsError)
    assert (told.exit_code, told.code, told.where) == (2, "bad-yaml", "metrics/sales.yml:3")


@pytest.mark.parametrize(
    ("objection", "line"),
    [
        ("Invalid time granularity 'quater' in window: '1 quater'", 3),
        ("cannot parse the filter of metric `sales`\nTraceback:\n  File 'x.py'", 2),
    ],
)
def test_what_dbt_has_against_a_metric_is_told_with_its_line(tmp_path, monkeypatch, objection, line):
    from types import SimpleNamespace

    from orchestration.dbt_runner import Dbt, DefinitionsError

    (tmp_path / "metrics").mkdir()
    text = "metrics:\n  - name: sales\n    filter: 1 quater\n    description: sales of sales\n"
    (tmp_path / "metrics" / "sales.yml").write_text(text, encoding="utf-8")
    dbt = Dbt(Project(tmp_path), Home(tmp_path / "state"))

    def refuse(args):
        for level, told in (("warn", "never mind"), ("error", objection)):
            info = SimpleNamespace(name="SemanticValidationFailure", level=level)
            dbt._hear(SimpleNamespace(info=info, data=SimpleNamespace(msg=told)))
        return SimpleNamespace(success=False, result=None, exception="Semantic Manifest validation failed.")

    monkeypatch.setattr(dbt, "_invoke", refuse)
    with pytest.raises(DefinitionsError) as caught:
        dbt.invoke(["parse"])
    assert (caught.value.where, caught.value.why) == (f"metrics/sales.yml:{line}", objection.splitlines()[0])


def test_unsound_definitions_stop_a_run_before_anything_is_marked_or_built(monkeypatch, tmp_path):
    from types import SimpleNamespace

    from orchestration.defs import transformation

    def unsound(*_):
        raise DefinitionError("a definition is wrong")

    monkeypatch.setattr(transformation, "require_sound_definitions", unsound)
    session = SimpleNamespace(project=Project(tmp_path), prepared=None, home=None)
    with pytest.raises(DefinitionError):
        transformation.build_models(session, lambda *_: None)
