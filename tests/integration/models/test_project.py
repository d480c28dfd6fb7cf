"""The dbt project as a whole: it builds without data, keeps to its contracts, and fails with a reason."""

import re
import shutil

import pytest

from orchestration.dbt_runner import Dbt, DefinitionsError, ModelError, staging_models
from plumbline.landing import load_contract
from plumbline.project import Home, Project
from tests.integration.models.conftest import Company

COLUMN = re.compile(r"as_(\w+)\('(\w+)', '(\w+)'(.*)\),$", re.MULTILINE)
WORK_ORDER = {
    "WorkOrderID": "1",
    "ProductID": "1",
    "OrderQty": "1",
    "StockedQty": "1",
    "ScrappedQty": "0",
    "StartDate": "2024-01-01",
    "DueDate": "2024-01-02",
}
FAMILIES = {"id": "integer", "money": "decimal"}


def test_a_company_without_any_extract_builds_and_the_unit_tests_of_the_models_hold(company):
    built = {result.unique_id.split(".")[-1]: result for result in company.build()}
    assert built["order_lines"].status == "success"
    assert built["order_lines"].rows == 0
    assert company.query("select count(*) from quarantine.reconciliation where landed + staged = 0") == [
        (40,)
    ]
    tested = company.dbt("test", "--select", "test_type:unit")
    assert len([result for result in tested if result.status == "pass"]) > 15


def test_an_as_of_day_before_all_data_leaves_the_marts_empty(company):
    company.land("erp.work_order", [WORK_ORDER])
    company.build("1999-01-01")
    assert company.query("select count(*) from staging.stg_erp__work_order") == [(1,)]
    assert company.query("select count(*) from marts.work_orders") == [(0,)]
    assert company.query("select max(date_day)::varchar from marts.time_spine_daily") == [("1999-01-01",)]
    schemas = (
        "select distinct table_schema from information_schema.tables where table_schema not like 'landing%'"
    )
    assert {schema for (schema,) in company.query(schemas)} == {
        "staging",
        "quarantine",
        "intermediate",
        "marts",
        "seeds",
    }


@pytest.fixture(scope="module")
def staging(project_root):
    """The text of every staging model: {(system, table): SQL}."""
    files = (project_root / "models" / "staging").glob("*/stg_*.sql")
    return {(file.parent.name, file.stem.split("__")[1]): file.read_text() for file in files}


def test_every_source_table_has_a_staging_model_that_reads_it_as_declared(project, staging):
    contract = {
        (system, name): table
        for system, tables in load_contract(project).items()
        for name, table in tables.items()
    }
    assert staging.keys() == contract.keys()
    for where, table in contract.items():
        text = staging[where]
        columns = {source: (kind, name, rest) for kind, source, name, rest in COLUMN.findall(text)}
        names = {source: name for source, (_, name, _) in columns.items()}
        assert columns.keys() == set(table.names), where
        assert {source for source, (*_, rest) in columns.items() if "required=true" in rest} == set(
            table.required
        )
        for source, (kind, _, _) in columns.items():
            assert FAMILIES.get(kind, kind) == table.type_of(source), (where, source)
        assert f"key={[names[part] for part in table.key]!r}," in text
        version = f"    version='{names.get(table.version or '')}',\n"
        assert (version in text) == bool(table.version), where


@pytest.fixture
def with_a_new_source(project_root, tmp_path):
    """A company of a project to which a source table was added, and nothing else."""
    root = tmp_path / "project"
    for name in ("models", "macros", "metrics", "seeds"):
        shutil.copytree(project_root / name, root / name)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copyfile(project_root / name, root / name)
    folder = root / "models" / "staging" / "lms"
    folder.mkdir()
    (folder / "_lms__sources.yml").write_text(
        "sources: [{name: lms, schema: landing_lms, tables: [{name: training, columns: "
        "[{name: TrainingID}, {name: Hours}]}]}]\n"
    )
    (folder / "stg_lms__training.sql").write_text(
        "{{ staged_rows('lms', 'training', key=['training_id'], columns=["
        "as_id('TrainingID', 'training_id', required=true), as_decimal('Hours', 'hours')]) }}"
    )
    return Company(Project(root), tmp_path / "tiny", None)


def test_the_rejected_rows_of_an_added_source_are_in_quarantine(with_a_new_source):
    company = with_a_new_source
    company.land(
        "lms.training", [{"TrainingID": "1", "Hours": "8"}, {"TrainingID": "2", "Hours": "1.234,56"}]
    )
    company.build(only=["rejected_rows", "reconciliation", *staging_models(company.project)])
    assert company.query("select system, table_name, row_key, reason from quarantine.rejected_rows") == [
        ("lms", "training", "2", "Hours '1.234,56' is not a plain number")
    ]
    counted = "select landed, staged, quarantined from quarantine.reconciliation where system = 'lms'"
    assert company.query(counted) == [(2, 1, 1)]


def test_a_staging_model_that_dbt_was_not_told_of_stops_the_run(with_a_new_source, monkeypatch):
    monkeypatch.setattr("orchestration.dbt_runner.staging_models", lambda project: [])
    with_a_new_source.show("2024-03-31")
    with pytest.raises(ModelError) as caught:
        with_a_new_source.dbt("run", "--select", "rejected_rows")
    assert "PLUMBLINE_STAGING_MODELS does not name it" in caught.value.why


def test_a_model_that_fails_is_named_with_its_file_and_what_the_database_said(company):
    company.show("2024-03-31")
    with pytest.raises(ModelError) as caught:
        company.dbt("run", "--select", "territories")
    assert caught.value.what == "model 'territories' failed"
    assert caught.value.where == "models/marts/sales/territories.sql"
    assert "stg_crm__sales_territory" in caught.value.why
    assert "does not exist" in caught.value.why
    assert "Traceback" not in str(caught.value)


def test_a_project_that_cannot_be_read_is_refused_with_the_file(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "lonely.sql").write_text("select * from {{ ref('nobody') }}")
    (tmp_path / "dbt_project.yml").write_text("name: broken\nversion: '1.0'\nprofile: broken\n")
    (tmp_path / "profiles.yml").write_text(
        "broken: {target: here, outputs: {here: {type: duckdb, path: ':memory:', schema: main}}}\n"
    )
    with pytest.raises(DefinitionsError) as caught:
        Dbt(Project(tmp_path), Home(tmp_path / "home")).invoke(["parse"])
    assert "models/lonely.sql" in caught.value.why
    assert "nobody" in caught.value.why
