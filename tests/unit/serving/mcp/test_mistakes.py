"""Mistakes help an agent to repair its call, and are no failures of the protocol."""

import pytest
from mcp import MCPError

from tests.unit.serving.mcp.conftest import conversation, mistake


def asked(**more):
    return {"metrics": ["net_sales"], **more}


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (asked(metrics=["net_sale"]), "unknown-metric", "net_sales"),
        (asked(metrics=["leads"]), "not-available", "No extract of crm.lead"),
        (asked(by=["categry"]), "unknown-dimension", "product__category"),
        (asked(by=["lead__channel"]), "unreachable-dimension", "product__category"),
        (asked(where=["product__category = Bikes"]), "unknown-name", "single quotes: 'Bikes'"),
        (asked(where=["orders > 1"]), "not-asked-for", "query_metrics with metrics net_sales orders"),
        (asked(where=["select 1"]), "bad-condition", "no query"),
        (asked(start="yesterday"), "bad-date", "2026-Q1"),
        (asked(start="2026", end="2025"), "bad-range", "first day with start"),
        (asked(order=["sales"]), "unknown-order", "net_sales"),
        (asked(compare="previous"), "no-period", "start and end"),
        (asked(metrics=["monthly_growth"]), "needs-time", "grain month"),
        (asked(metrics=["orders_ever"], grain="month"), "no-such-period", "start, end, grain and compare"),
        (asked(group_by=["product__category"]), "bad-arguments", "by"),
        (asked(grain="fortnight"), "bad-arguments", "quarter"),
        (asked(limit=0), "bad-arguments", "limit"),
        (asked(limit=True), "bad-arguments", "limit"),
        (asked(limit=100_000), "bad-arguments", "1000"),
        ({}, "bad-arguments", "metrics"),
    ],
)
def test_a_mistake_says_what_would_be_right(agent, arguments, code, hint):
    result = agent("query_metrics", **arguments)
    told = mistake(result)
    text = result.content[0].text
    assert told["code"] == code, text
    assert hint in text
    assert "--" not in text
    assert "`plumb" not in text


def test_an_unknown_metric_suggests_those_that_are_alike(agent):
    told = mistake(agent("query_metrics", metrics=["net sale"]))
    assert "net_sales" in told["did_you_mean"]
    assert told["try_next"] == {"tool": "search_metrics", "arguments": {"query": "net sale"}}


def test_an_unreachable_dimension_names_all_that_can_be(agent):
    told = mistake(agent("query_metrics", metrics=["net_sales"], by=["lead__channel"]))
    assert {"metric_time", "product__category", "order__channel"} <= set(told["valid_values"])
    assert told["try_next"] == {"tool": "list_dimensions", "arguments": {"metrics": ["net_sales"]}}


def test_the_last_part_of_a_name_finds_the_dimension(agent):
    told = mistake(agent("query_metrics", metrics=["net_sales"], by=["products__category"]))
    assert "product__category" in told["did_you_mean"]


def test_an_argument_of_another_name_is_not_ignored(agent):
    told = mistake(agent("query_metrics", metrics=["net_sales"], group_by=["x"], filters=["y"]))
    assert told["did_you_mean"] == ["by", "where"]


def test_a_value_of_few_names_them(agent):
    told = mistake(agent("query_metrics", metrics=["net_sales"], compare="last-year"))
    assert told["valid_values"] == ["previous", "year-ago"]


def test_a_failure_says_nothing_of_its_cause(agent, desk, monkeypatch, caplog):
    def fails(self, *given, **more):
        raise ZeroDivisionError("/secret/path")

    monkeypatch.setattr("plumbline.serving.desk.Visit.ask", fails)
    result = agent("query_metrics", metrics=["net_sales"])
    assert mistake(result)["code"] == "unexpected"
    assert "secret" not in result.content[0].text
    assert "secret" in caplog.text


def test_a_member_that_does_not_exist_is_a_note(agent):
    answer = agent("query_metrics", metrics=["net_sales"], where=["product__category = 'Bike'"])
    assert any("Did you mean 'Bikes'" in note for note in answer.structured_content["notes"])


def test_an_unknown_tool_is_a_failure_of_the_protocol_that_helps(agent):
    with pytest.raises(MCPError, match="Did you mean 'query_metrics'"):
        agent("query_metric")


def test_an_unknown_resource_or_prompt_says_what_there_is(desk):
    with pytest.raises(MCPError, match="plumbline://glossary"):
        conversation(desk, lambda client: client.read_resource("plumbline://glosary"))
    with pytest.raises(MCPError, match="why_did_it_move"):
        conversation(desk, lambda client: client.get_prompt("nothing", {}))
    with pytest.raises(MCPError, match="needs metric"):
        conversation(desk, lambda client: client.get_prompt("why_did_it_move", {}))


def test_a_domain_that_there_is_not_names_those_that_there_are(agent):
    told = mistake(agent("list_metrics", domain="sky"))
    assert told["code"] == "unknown-domain"
    assert "'sales'" in str(told)
