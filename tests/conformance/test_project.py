"""The project's definitions as a whole: valid, governed, complete, and they fit the marts."""

import json
import re
from datetime import date
from pathlib import Path

import pytest

from plumbline.definitions import Definitions
from plumbline.errors import DefinitionError
from plumbline.governance import lint
from plumbline.indicators import build_candidates
from plumbline.indicators.questions import all_questions
from plumbline.project import Home, Project
from tests.conformance.conftest import ROOT, Company

DOMAINS = {"sales", "marketing", "service", "production", "supply", "finance", "people", "retail"}
# Names and dimensions that are fixed: figures of other systems are compared under them.
ORDER_METRICS = """orders order_revenue total_due average_order_value ordering_customers order_to_ship_days
order_on_time_rate"""
LINE_METRICS = """order_lines units_sold net_sales gross_sales discount_amount discount_rate gross_profit
gross_margin_rate"""
WORK_METRICS = """work_orders units_planned units_stocked units_scrapped scrap_rate work_order_on_time_rate
production_cycle_days"""
PRODUCT = "product__category product__subcategory product__name"
ORDER = "territory__name order__channel customer__customer_id sales_person__sales_person_id"
FIXED = {
    ORDER_METRICS: ORDER,
    LINE_METRICS: f"{ORDER} {PRODUCT}",
    WORK_METRICS: f"{PRODUCT} scrap_reason__name",
    "new_customers repeat_purchase_rate": "territory__name customer__customer_id",
    "quota quota_attainment": "sales_person__sales_person_id",
    "routing_hours routing_cost routing_on_schedule_rate": f"location__name {PRODUCT}",
    "purchase_orders purchase_spend purchase_approval_rate": "vendor__name purchase_order__status",
    "supplier_fill_rate supplier_reject_rate": f"vendor__name purchase_order__status {PRODUCT}",
    "inventory_units inventory_value": f"location__name {PRODUCT}",
    "headcount": "department__name",
    "call_issues_rate call_abandon_rate": "",
}
PAIRS = [
    (metric, by)
    for metrics, dimensions in FIXED.items()
    for metric in metrics.split()
    for by in dimensions.split()
]


def test_metricflow_finds_no_error_in_the_definitions(definitions: Definitions) -> None:
    from metricflow_semantic_interfaces.validations.semantic_manifest_validator import (
        SemanticManifestValidator,
    )
    from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest

    manifest = parse_manifest_from_dbt_generated_manifest(json.dumps(definitions.raw))
    results = SemanticManifestValidator().validate_semantic_manifest(manifest)
    assert [issue.message for issue in results.errors] == []


def test_every_definition_keeps_the_rules(definitions: Definitions, target: Path) -> None:
    assert [str(finding) for finding in lint(definitions, target / "manifest.json")] == []


def test_every_indicator_set_has_its_metrics(definitions: Definitions) -> None:
    published = [metric for metric in definitions.metrics.values() if not metric.governance.component]
    assert len(published) >= 60
    assert {metric.governance.domain for metric in published} == DOMAINS
    assert {metric.type for metric in published} == {"simple", "ratio", "derived", "cumulative", "conversion"}
    assert len(definitions.saved_queries) >= 15


def test_descriptions_begin_with_the_business_and_say_what_an_empty_one_is(definitions: Definitions) -> None:
    silent = [
        metric.name
        for metric in definitions.metrics.values()
        if not metric.governance.component and not re.search(r"no value|: 0", metric.description)
    ]
    assert silent == []


@pytest.mark.parametrize(("metric", "by"), PAIRS)
def test_a_fixed_metric_can_be_split_as_agreed(company: Company, metric: str, by: str) -> None:
    assert company.query(metric, by) == []
    assert company.query(metric, f"metric_time__month {by}") == []


def test_a_name_that_is_nearer_for_one_metric_alone_must_be_written_in_full(company: Company) -> None:
    """An order has a territory of its own, beside that of its customer; a ticket has its customer's."""
    with pytest.raises(DefinitionError) as caught:
        company.query("orders tickets", "territory__name")
    assert caught.value.code == "ambiguous-dimension"
    assert "customer__territory__name or territory__name" in str(caught.value)
    assert "Write 'customer__territory__name', or ask for the metrics apart." in caught.value.todo
    assert company.query("orders tickets", "customer__territory__name") == []
    assert company.query("tickets", "territory__name") == []


def test_every_question_of_a_run_fits_the_marts(company: Company, definitions: Definitions) -> None:
    for question in all_questions(definitions):
        assert company.sql(company.sql_of(question.query)) in ([], [(None,) * len(question.query["metrics"])])


def test_empty_marts_give_empty_tables_and_a_full_library(
    company: Company, target: Path, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    home.target.symlink_to(target)
    built = build_candidates(company.con, Project(ROOT), home, as_of=date(2024, 1, 31), landed=set())
    rows = dict(built.rows)
    assert rows.pop("indicator") == len(built.unavailable)
    assert rows.pop("indicator_edge") > 0
    assert set(rows.values()) == {0}


def test_columns_of_a_published_table_have_different_names(definitions: Definitions) -> None:
    for saved in definitions.saved_queries.values():
        columns = [*(item.published for item in saved.group_by), *saved.metrics]
        assert len(columns) == len(set(columns)), saved.name
