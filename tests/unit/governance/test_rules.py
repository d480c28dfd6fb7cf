"""Each rule finds its breach, and says where it stands and what to do."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from plumbline.definitions import load
from plumbline.governance import RULES, Finding, lint
from tests.unit.definitions import shop

TODAY = date(2026, 11, 21)
Lint = Callable[..., list[Finding]]


def dbt_manifest() -> dict[str, Any]:
    """dbt's lineage: orders rest on two ERP tables, stock on one."""
    sources = {
        f"source.p.{system}.{table}": {"source_name": system, "name": table}
        for system, table in (("erp", "sales_order_header"), ("erp", "stock"), ("crm", "lead"))
    }
    return {
        "sources": sources,
        "nodes": {
            f"model.p.{name}": {"relation_name": f'"warehouse"."marts"."{name}"'}
            for name in ("orders", "stock")
        },
        "parent_map": {
            "model.p.orders": ["model.p.stg_orders"],
            "model.p.stg_orders": ["source.p.erp.sales_order_header"],
            "model.p.stock": ["source.p.erp.stock"],
        },
    }


@pytest.fixture
def lint_metric(tmp_path: Path) -> Lint:
    """Lint the shop with one metric more."""

    def run(*metrics: dict[str, Any], yaml: str = "metrics: []\n", **options: Any) -> list[Finding]:
        content = shop.manifest()
        content["metrics"] = list(metrics)
        content["saved_queries"] = []
        manifest = shop.write(tmp_path / "target" / "semantic_manifest.json", content)
        (tmp_path / "metrics").mkdir(exist_ok=True)
        (tmp_path / "metrics" / "sales.yml").write_text(yaml, encoding="utf-8")
        return lint(load(manifest, tmp_path), today=TODAY, **options)

    return run


def sales(**told: Any) -> dict[str, Any]:
    return shop.metric("sales", measure="amount", told=shop.meta(**told))


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings]


def test_a_governed_metric_has_no_finding(lint_metric: Lint) -> None:
    assert lint_metric(sales()) == []


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"label_zh": ""}, "missing-label-zh"),
        ({"synonyms": []}, "missing-synonyms"),
        ({"synonyms_zh": None}, "missing-synonyms-zh"),
        ({"domain": ""}, "missing-domain"),
        ({"owner": {"role": "Head of sales"}}, "missing-owner-department"),
        ({"owner": {"department": "Sales"}}, "missing-owner-role"),
        ({"level": ""}, "missing-level"),
        ({"level": "stratgic"}, "unknown-level"),
        ({"unit": ""}, "missing-unit"),
        ({"unit": "bananas"}, "unknown-unit"),
        ({"direction": "sideways"}, "unknown-direction"),
        ({"sources": []}, "missing-sources"),
        ({"review_date": ""}, "missing-review-date"),
        ({"review_date": "2026-02-30"}, "bad-review-date"),
        ({"review_date": "2026-11-20"}, "review-overdue"),
        ({"version": ""}, "missing-version"),
        ({"status": "signed"}, "unknown-status"),
        ({"grains": ["fortnight"]}, "unknown-grain"),
    ],
)
def test_a_breach_of_governance_is_found(lint_metric: Lint, told: dict[str, Any], code: str) -> None:
    assert codes(lint_metric(sales(**told))) == [code]


def test_a_metric_needs_a_label_and_a_description(lint_metric: Lint) -> None:
    found = lint_metric({**sales(), "label": None, "description": ""})
    assert codes(found) == ["missing-description", "missing-label"]


def test_a_suggestion_names_the_closest_choice(lint_metric: Lint) -> None:
    (found,) = lint_metric(sales(level="stratgic"))
    assert "Did you mean 'strategic'?" in str(found)


def test_one_word_for_two_metrics_is_found(lint_metric: Lint) -> None:
    other = shop.metric(
        "costs", measure="cost", told=shop.meta(label_zh="成本", synonyms=["SALES"], synonyms_zh=["二"])
    )
    (found,) = lint_metric(sales(), other)
    assert found.code == "shared-name"
    assert "'sales'" in found.what
    assert "'costs'" in found.what


@pytest.mark.parametrize(
    ("word", "other"),
    [("Sales amount", "sales"), ("ORDER_DATE", "order_date"), ("维度order_date", "order_date")],
)
def test_a_synonym_of_a_dimension_that_something_else_has_is_found(
    lint_metric: Lint, monkeypatch: pytest.MonkeyPatch, word: str, other: str
) -> None:
    content = shop.manifest()
    (model,) = (item for item in content["semantic_models"] if item["name"] == "orders")
    model["dimensions"][-1]["config"]["meta"]["synonyms"] = ["Another", word]
    monkeypatch.setattr(shop, "manifest", lambda: content)
    (found,) = lint_metric(sales(synonyms=["Sales amount"]))
    assert found.code == "shared-name"
    assert repr(other) in found.what


def test_an_unknown_source_is_found_with_a_suggestion(lint_metric: Lint) -> None:
    (found,) = lint_metric(sales(sources=["erp.sales_order_hedaer"]), dbt_manifest=dbt_manifest())
    assert found.code == "unknown-source"
    assert "erp.sales_order_header" in found.todo


def test_a_source_that_does_not_feed_the_metric_is_found(lint_metric: Lint) -> None:
    (found,) = lint_metric(sales(sources=["erp.sales_order_header", "crm.lead"]), dbt_manifest=dbt_manifest())
    assert found.code == "idle-source"
    assert "crm.lead" in found.what


def test_a_source_may_be_a_column_that_is_declared(lint_metric: Lint) -> None:
    manifest = dbt_manifest()
    columns = {"OrderDate": {"name": "OrderDate"}}
    manifest["sources"]["source.p.erp.sales_order_header"]["columns"] = columns
    manifest["sources"]["source.p.crm.lead"]["columns"] = {"Channel": {"name": "Channel"}}
    assert lint_metric(sales(sources=["erp.sales_order_header.OrderDate"]), dbt_manifest=manifest) == []
    (found,) = lint_metric(sales(sources=["erp.sales_order_header.OrderDay"]), dbt_manifest=manifest)
    assert (found.code, "erp.sales_order_header.OrderDate" in found.todo) == ("unknown-source", True)
    assert codes(lint_metric(sales(sources=["crm.lead.Channel"]), dbt_manifest=manifest)) == ["idle-source"]


def test_either_of_two_sources_must_feed_the_metric(lint_metric: Lint) -> None:
    stock = shop.metric("stock", measure="stock_quantity", told=shop.meta(sources=["erp.stock|crm.lead"]))
    assert codes(lint_metric(stock, dbt_manifest=dbt_manifest())) == ["idle-source"]


def test_unknown_inputs_are_found(lint_metric: Lint) -> None:
    wrong = shop.metric("sales", measure="amuont", told=shop.meta())
    ratio = shop.metric(
        "value",
        "ratio",
        numerator="sales",
        denominator="odrers",
        told=shop.meta(label_zh="值", synonyms=["x"], synonyms_zh=["y"]),
    )
    assert codes(lint_metric(wrong, ratio)) == ["unknown-measure", "unknown-metric"]


def test_unknown_keys_are_found_with_file_and_line(lint_metric: Lint) -> None:
    yaml = """\
metrics:
  - name: sales
    descripton: Sales.
    config:
      meta:
        owner: {departement: Sales}
semantic_models:
  - name: orders
    measures:
      - {name: amount, aggregation: sum}
"""
    found = [str(finding) for finding in lint_metric(sales(), yaml=yaml)]
    assert [line.split(" [")[0] for line in found] == [
        "metrics/sales.yml:3: unknown key 'descripton' in 'sales'",
        "metrics/sales.yml:6: unknown key 'departement' in 'sales'",
        "metrics/sales.yml:10: unknown key 'aggregation' in 'amount'",
    ]
    assert "Did you mean 'description'?" in found[0]


def test_a_saved_query_needs_labels_and_a_domain(tmp_path: Path) -> None:
    found = lint(load(shop.write(tmp_path / "semantic_manifest.json")), today=TODAY)
    assert {"missing-label-zh", "missing-domain", "missing-grain"} <= set(codes(found))
    assert {finding.what.split()[0] for finding in found if finding.code == "missing-grain"} == {"saved"}


def test_findings_come_in_the_order_of_the_files(lint_metric: Lint) -> None:
    yaml = "metrics:\n  - name: costs\n  - name: sales\n"
    told = shop.meta(label_zh="成本", synonyms=["c"], synonyms_zh=["d"], unit="")
    found = lint_metric(sales(unit=""), shop.metric("costs", measure="cost", told=told), yaml=yaml)
    assert [str(finding.location) for finding in found] == ["metrics/sales.yml:2", "metrics/sales.yml:3"]


def test_every_rule_says_what_it_holds() -> None:
    assert all((rule.__doc__ or "").strip().endswith(".") for rule in RULES)
