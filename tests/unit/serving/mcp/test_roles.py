"""An agent sees what its role sees, in every tool."""

import json
from decimal import Decimal

import pytest
from mcp import MCPError

from tests.unit.serving.mcp.conftest import conversation, figures, mistake


def test_figures_count_the_rows_of_the_role_alone(agent, published):
    answer = figures(agent("query_metrics", role="online", metrics=["net_sales"]))
    ((oracle,),) = published.sql("""
        SELECT sum(net_amount) FROM marts.order_lines JOIN marts.orders USING (order_id)
        WHERE channel = 'online'""")
    assert Decimal(str(answer["rows"][0]["net_sales"])) == oracle
    assert any("this role sees" in note for note in answer["notes"])


def test_why_counts_the_rows_of_the_role_alone(agent):
    answer = figures(
        agent(
            "why", role="online", metric="net_sales", start="2026", versus="year-ago", by=["order__channel"]
        )
    )
    assert [part["member"] for part in answer["dimensions"][0]["members"]] == ["online"]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("query_metrics", {"metrics": ["orders"]}),
        ("compare", {"metrics": ["orders"]}),
        ("describe_metric", {"metric": "orders"}),
        ("why", {"metric": "orders"}),
        ("quality", {"metric": "orders"}),
        ("audit", {"metric": "orders"}),
        ("list_dimensions", {"metrics": ["orders"]}),
    ],
)
def test_a_metric_that_a_role_does_not_see_is_unknown(agent, tool, arguments):
    told = mistake(agent(tool, role="sales", **arguments))
    assert told["code"] == "unknown-metric"
    assert "orders" not in told["did_you_mean"]


def test_no_list_names_what_a_role_does_not_see(agent, desk):
    for tool, arguments in (("list_metrics", {}), ("search_metrics", {"query": "orders"})):
        names = [entry["name"] for entry in figures(agent(tool, role="sales", **arguments))["metrics"]]
        assert set(names) <= {"average_order_value", "net_sales"}
    text = conversation(desk, lambda client: client.read_resource("plumbline://glossary"), "sales")
    assert "**orders**" not in text.contents[0].text
    assert figures(agent("describe_metric", role="sales", metric="客单价"))["made_of"] == ["net_sales"]
    with pytest.raises(MCPError, match="unknown metric"):
        conversation(desk, lambda client: client.read_resource("plumbline://metrics/orders"), "sales")


def test_a_formula_over_what_a_role_does_not_see_is_not_split(agent):
    answer = figures(
        agent(
            "why",
            role="sales",
            metric="average_order_value",
            start="2026",
            versus="year-ago",
            by=["order__channel"],
        )
    )
    assert answer["formula_parts"] == []
    assert answer["dimensions"][0]["method"] == "not additive"
    assert "it rests on a metric that you do not see" in " ".join(answer["notes"])


def test_small_groups_do_not_come_out_as_differences(agent):
    answer = figures(
        agent(
            "why", role="online", metric="orders", start="2026", versus="year-ago", by=["product__category"]
        )
    )
    for split in answer["dimensions"]:
        assert {part["contribution"] for part in split["members"]} == {None}
        assert split["unattributed"] is None


@pytest.mark.parametrize("role", ["sales", "online"])
def test_evidence_is_not_for_every_role(agent, auditor, role):
    assert mistake(agent("audit", role=role, metric="net_sales"))["code"] == "not-in-role"
    answer = figures(agent("quality", role=role, metric="net_sales"))
    assert (answer["checks"], answer["findings"]) == ({}, [])
    assert answer["evidence"]
    assert auditor.asked == []


def test_evidence_needs_the_scope_too(agent, auditor):
    assert figures(agent("audit", role="executive", metric="net_sales"))["proven"]
    told = agent("audit", role="executive", scopes=frozenset({"query"}), metric="net_sales")
    assert mistake(told)["code"] == "not-in-scope"


def test_a_token_that_is_not_for_questions_gets_no_answer(agent, desk):
    told = agent("list_metrics", role="executive", scopes=frozenset({"evidence"}))
    assert mistake(told)["code"] == "not-in-scope"
    with pytest.raises(MCPError, match="not for query"):
        conversation(
            desk,
            lambda client: client.read_resource("plumbline://glossary"),
            "executive",
            scopes=frozenset({"evidence"}),
        )


def test_no_answer_of_a_role_has_a_figure_of_other_rows(agent, published):
    """Whatever the tool, the total of the company, and of the other channel, stand in no answer."""
    hidden = [str(value) for (value,) in published.sql("SELECT sum(net_amount) FROM marts.order_lines")]
    calls = {
        "query_metrics": {"metrics": ["net_sales"], "by": ["order__channel"]},
        "compare": {"metrics": ["net_sales"], "start": "2026", "versus": "year-ago"},
        "why": {"metric": "net_sales", "start": "2026", "versus": "year-ago"},
        "describe_metric": {"metric": "net_sales"},
        "list_values": {"dimension": "order__channel"},
        "list_saved_queries": {},
        "quality": {"metric": "net_sales"},
    }
    for tool, arguments in calls.items():
        result = agent(tool, role="online", **arguments)
        told = json.dumps(result.structured_content, ensure_ascii=False) + result.content[0].text
        assert not any(value in told for value in hidden), tool
        assert "store" not in told, tool
