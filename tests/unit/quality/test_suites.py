"""The suites in expectations/ fit the source contract, the marts and the metrics that they speak of."""

from pathlib import Path

import pytest
import yaml

from expectations import indicators, landing, marts, staging
from plumbline.landing import load_contract
from plumbline.project import Project
from plumbline.quality import StageContext
from plumbline.quality.evidence import ControlTotalAgrees, RefersTo, TotalAgrees
from plumbline.quality.flow import Readable
from plumbline.quality.indicators import MetricTotal
from plumbline.quality.rules import NeverEmpty

STAGES = {
    module.__name__.rpartition(".")[2]: module.suites() for module in (landing, staging, marts, indicators)
}


@pytest.fixture(scope="module")
def contract(project_root):
    tables = load_contract(Project(project_root))
    return {f"{system}.{name}": table for system, named in tables.items() for name, table in named.items()}


@pytest.fixture(scope="module")
def mart_columns(project_root: Path):
    found = {}
    for path in (project_root / "models" / "marts").glob("*/*.yml"):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models") or ():
            found[f"marts.{model['name']}"] = {column["name"] for column in model["columns"]}
    return found


@pytest.fixture(scope="module")
def metrics(project_root: Path):
    found = {}
    for path in (project_root / "metrics").glob("*.yml"):
        for metric in yaml.safe_load(path.read_text(encoding="utf-8")).get("metrics") or ():
            found[metric["name"]] = metric["config"]["meta"]
    return found


def rules_of(stage, kind):
    return [
        (suite, expectation.rule)
        for suite in STAGES[stage]
        for expectation in suite.expectations
        if isinstance(expectation.rule, kind)
    ]


@pytest.mark.parametrize("stage", STAGES)
def test_every_expectation_has_a_reason_an_owner_and_words(stage, context: StageContext):
    for suite in STAGES[stage]:
        assert suite.expectations, suite.table
        assert suite.owner
        for expectation in suite.expectations:
            assert expectation.why.endswith("."), expectation
            assert expectation.rule.words(context)
            assert expectation.severity in ("critical", "warning")


@pytest.mark.parametrize("stage", STAGES)
def test_no_expectation_is_there_twice(stage, context: StageContext):
    told = [
        (suite.table, expectation.rule.words(context), expectation.severity)
        for suite in STAGES[stage]
        for expectation in suite.expectations
    ]
    assert len(told) == len(set(told))


def test_each_source_table_has_a_landing_and_a_staging_suite(contract):
    assert {suite.table.removeprefix("landing_") for suite in STAGES["landing"]} == set(contract)
    staged = {suite.needs[0] for suite in staging.DESCRIBED if suite.table.startswith("staging.stg_")}
    assert staged == set(contract)


def test_a_source_table_without_a_suite_of_its_own_is_still_watched_for_lost_rows():
    [watched] = staging.undescribed(
        tuple(suite for suite in staging.DESCRIBED if "erp.vendor" not in suite.needs)
    )
    assert (watched.table, watched.needs) == ("staging.stg_erp__vendor", ("erp.vendor",))
    assert {type(expectation.rule).__name__ for expectation in watched.expectations} == {
        "Received",
        "Reconciled",
        "SetAside",
    }


def test_landing_suites_name_the_keys_of_the_contract(contract):
    for suite in STAGES["landing"]:
        table = contract[suite.needs[0]]
        required = [name for name in table.key if name in table.required]
        checked = [rule.column for of, rule in rules_of("landing", NeverEmpty) if of is suite]
        assert set(required) <= set(checked) <= set(table.names), suite.table


def test_every_control_total_is_read_at_landing_and_compared_in_staging(contract):
    summed = {f"{source}.{name}" for source, table in contract.items() for name in table.summed}
    assert {rule.subject for _, rule in rules_of("landing", Readable)} == summed
    compared = {
        f"{rule.source}.{dict(rule.pairs)[rule.name]}" for _, rule in rules_of("staging", ControlTotalAgrees)
    }
    assert compared == summed


def test_each_mart_has_a_suite_and_each_rule_knows_its_columns(mart_columns):
    suites = {suite.table: suite for suite in STAGES["marts"]}
    assert set(mart_columns) <= set(suites)
    for name, suite in suites.items():
        assert set(suite.key) <= mart_columns[name]
        for expectation in suite.expectations:
            assert set(expectation.rule.columns) <= mart_columns[name], (name, expectation.rule)


def test_references_point_to_columns_that_there_are(mart_columns):
    for _, rule in rules_of("marts", RefersTo):
        table, _, column = rule.target.rpartition(".")
        assert column in mart_columns[table], rule.target


def test_marts_need_source_tables_that_there_are(contract):
    for suite in STAGES["marts"]:
        assert suite.needs or suite.may_be_empty, suite.table
        assert set(suite.needs) <= set(contract)


def test_totals_are_compared_for_the_marts_that_hold_amounts():
    compared = {suite.table for suite, _ in rules_of("marts", TotalAgrees)}
    assert {"marts.order_lines", "marts.orders", "marts.work_orders", "marts.purchase_orders"} <= compared


def test_shares_and_totals_are_metrics_that_there_are(metrics):
    assert set(indicators.SHARES) <= set(metrics)
    assert {metrics[name]["unit"] for name in indicators.SHARES} == {"ratio"}
    assert {rule.metric for _, rule in rules_of("indicators", MetricTotal)} <= set(metrics)


def critical_rules(suite):
    """Name each critical rule of a suite, with the columns that it is about."""
    return {
        (type(expectation.rule).__name__, tuple(expectation.rule.columns))
        for expectation in suite.expectations
        if expectation.severity == "critical"
    }


def test_a_mart_without_its_key_or_with_a_key_twice_is_critical():
    for suite in STAGES["marts"]:
        found = critical_rules(suite)
        assert ("Unique", suite.key) in found, suite.table
        assert {("NeverEmpty", (name,)) for name in suite.key} <= found, suite.table


def test_lost_rows_and_amounts_and_a_key_twice_are_critical_in_staging():
    for suite in staging.DESCRIBED:
        found = {name for name, _ in critical_rules(suite)}
        if suite.table.startswith("staging.stg_"):
            assert {"Received", "Reconciled"} <= found, suite.table
            asked = {type(expectation.rule).__name__ for expectation in suite.expectations}
            assert "Unique" in found or "Unique" not in asked, suite.table
        elif suite.table.startswith("staging.base_"):
            assert found == {"ControlTotalAgrees"}, suite.table


def test_an_extract_without_a_required_key_is_critical(contract):
    for suite in STAGES["landing"]:
        table = contract[suite.needs[0]]
        empty = {("NeverEmpty", (name,)) for name in table.key if name in table.required}
        assert empty <= critical_rules(suite), suite.table


def test_totals_that_are_not_those_below_are_critical_in_marts_and_figures():
    for stage, kind in (("marts", TotalAgrees), ("indicators", MetricTotal)):
        totals = [
            expectation
            for suite in STAGES[stage]
            for expectation in suite.expectations
            if isinstance(expectation.rule, kind)
        ]
        assert len(totals) > 10
        assert {expectation.severity for expectation in totals} == {"critical"}


def test_a_figure_that_is_there_twice_or_of_a_day_to_come_is_critical():
    [values] = [suite for suite in STAGES["indicators"] if suite.table == "candidates.indicator_value"]
    names = {name for name, _ in critical_rules(values)}
    assert {"Unique", "NeverEmpty", "NotInTheFuture", "HasRows", "FormulasHold"} <= names


def test_a_source_that_has_stopped_is_critical_and_a_late_one_a_warning():
    severities = {(each.rule.limit, each.severity) for each in staging.SOURCES.expectations}
    assert severities == {("error", "critical"), ("warn", "warning")}
