"""A wrong question is refused with a code and the closest names, before anything heavy is loaded."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plumbline.compiler import compile
from plumbline.compiler.request import read_request
from plumbline.definitions import load
from plumbline.errors import DefinitionError
from tests.unit.definitions import shop


@pytest.mark.parametrize(
    ("query", "code", "hint"),
    [
        ({"metrics": ["salse"]}, "unknown-metric", "Did you mean 'sales'"),
        ({"metrics": []}, "no-metric", "metrics"),
        ({"metrics": ["sales"], "group": ["metric_time__month"]}, "unknown-key", "group_by"),
        ({"metrics": ["sales"], "group_by": ["product__categry"]}, "unknown-dimension", "product__category"),
        ({"metrics": ["sales"], "order_by": ["sale"]}, "unknown-order", "sales"),
        ({"metrics": ["sales", "sales"]}, "asked-twice", "once"),
        ({"metrics": ["sales"], "group_by": [{"grain": "day"}]}, "bad-query", "name"),
        (
            {"metrics": ["sales"], "group_by": [{"name": "metric_time", "grian": "day"}]},
            "unknown-key",
            "grain",
        ),
        ({"metrics": 5}, "bad-query", "names"),
        ({"metrics": ["sales"], "time_constraint": 5}, "bad-time-constraint", "ISO"),
        ({"metrics": ["sales"], "limit": -1}, "bad-limit", "0 or more"),
        ({"metrics": ["sales"], "limit": True}, "bad-limit", "0 or more"),
        ({"metrics": ["sales"], "limit": 2**63}, "bad-limit", "0 or more"),
        ({"metrics": ["sales"], "time_constraint": ["2024-02-30", "x"]}, "bad-time-constraint", "ISO"),
        (
            {"metrics": ["sales"], "time_constraint": ["2024-03-01", "2024-02-01"]},
            "bad-time-constraint",
            "ends",
        ),
        ({"saved_query": "sales_montly"}, "unknown-saved-query", "sales_monthly"),
        ({"saved_query": "sales_monthly", "metrics": ["sales"]}, "bad-query", "alone"),
        (
            {"metrics": ["stock"], "group_by": ["order__number_of_customer"]},
            "unreachable-dimension",
            "Possible: ",
        ),
        ({"metrics": ["sales_to_date"]}, "needs-time", "metric_time"),
        (
            {"metrics": ["sales"], "where": ["product__category = "]},
            "bad-condition",
            "no complete comparison",
        ),
        ({"metrics": ["sales"], "where": ["orders.amount > 5"]}, "bad-condition", "column of a table"),
        ({"metrics": ["sales"], "where": ["#1 > 5"]}, "bad-condition", "more than a comparison"),
        ({"metrics": ["sales"], "where": ["COLUMNS(*) > 5"]}, "bad-condition", "more than a comparison"),
        (
            {"metrics": ["sales"], "where": ["exists (from orders)"]},
            "bad-condition",
            "more than a comparison",
        ),
        ({"metrics": ["sales"], "where": ["amount > 5"]}, "unknown-dimension", "amount"),
        ({"metrics": ["sales"], "where": ["sales > 5 and amount > 5"]}, "mixed-condition", "two conditions"),
    ],
)
def test_a_wrong_question_is_refused(manifest: Path, query: dict[str, Any], code: str, hint: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        compile(manifest, query, "duckdb")
    assert caught.value.code == code
    assert hint in str(caught.value)


def test_an_unknown_dialect_is_refused(manifest: Path) -> None:
    with pytest.raises(DefinitionError, match="unknown dialect") as caught:
        compile(manifest, {"metrics": ["sales"]}, "duckbd")
    assert "Did you mean 'duckdb'" in str(caught.value)


def test_a_query_over_nothing_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="no semantic manifest"):
        compile(tmp_path / "semantic_manifest.json", {"metrics": ["sales"]}, "duckdb")


def test_a_metric_is_suggested_by_what_people_call_it(manifest: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        compile(manifest, {"metrics": ["销售额"]}, "duckdb")
    assert caught.value.todo == "Did you mean 'sales'?"


def test_a_suggestion_tells_where_it_is_defined(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "dbt_project.yml").touch()
    (tmp_path / "metrics" / "shop.yml").write_text(
        "metrics:\n  - name: sales\nsemantic_models:\n  - name: products\n", encoding="utf-8"
    )
    path = shop.write(tmp_path / "semantic_manifest.json")
    for query, place in (
        ({"metrics": ["slaes"]}, "Defined in metrics/shop.yml:2."),
        ({"metrics": ["sales"], "group_by": ["product__categry"]}, "Defined in metrics/shop.yml:4."),
    ):
        with pytest.raises(DefinitionError) as caught:
            compile(path, query, "duckdb")
        assert place in caught.value.todo, str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", "\ufeff{", '{"metrics": []}'])
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "semantic_manifest.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        compile(path, {"metrics": ["sales"]}, "duckdb")
    assert caught.value.code == "damaged-manifest"


def test_a_query_that_is_none_is_refused(manifest: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        compile(manifest, ["sales"], "duckdb")  # type: ignore[arg-type]
    assert caught.value.code == "bad-query"


def _nothing() -> dict[str, Any]:
    return {**shop.manifest(), "semantic_models": [], "metrics": [], "saved_queries": []}


@pytest.mark.parametrize(
    "query", [{"metrics": ["sales"]}, {"saved_query": "monthly"}, {"group_by": ["a__b"]}]
)
def test_an_empty_manifest_is_told_as_such(tmp_path: Path, query: dict[str, Any]) -> None:
    path = shop.write(tmp_path / "semantic_manifest.json", _nothing())
    with pytest.raises(DefinitionError, match="defines no metrics") as caught:
        compile(path, query, "duckdb")
    assert caught.value.code == "empty-manifest"
    assert "semantic_models:" in caught.value.todo


def test_definitions_in_the_form_that_dbt_ignores_are_found(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    newer = "models:\n  - name: orders\n    semantic_model:\n      enabled: true\n"
    (tmp_path / "models" / "orders.yml").write_text(newer, encoding="utf-8")
    definitions = replace(load(shop.write(tmp_path / "target" / "m.json", _nothing())), root=str(tmp_path))
    with pytest.raises(DefinitionError) as caught:
        read_request(definitions, {"metrics": ["sales"]})
    assert caught.value.where == "models/orders.yml:3"
