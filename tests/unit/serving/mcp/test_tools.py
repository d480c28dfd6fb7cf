"""What the tools answer, held to SQL written by hand."""

from decimal import Decimal

import pytest

from plumbline.serving.mcp.cells import cell
from plumbline.serving.mcp.texts import plain
from tests.unit.serving.mcp.conftest import conversation, figures

VOUCHED = ("company", "publication_id", "as_of", "published_at", "definitions", "verdicts", "notes")
CALLS = {
    "search_metrics": {"query": "sales"},
    "list_metrics": {},
    "describe_metric": {"metric": "net_sales"},
    "list_dimensions": {"metrics": ["net_sales"]},
    "list_values": {"dimension": "product__category"},
    "query_metrics": {"metrics": ["net_sales"]},
    "compare": {"metrics": ["net_sales"], "start": "2026", "versus": "year-ago"},
    "why": {"metric": "net_sales", "start": "2026", "versus": "year-ago"},
    "quality": {"metric": "net_sales"},
    "audit": {"metric": "net_sales"},
    "list_saved_queries": {},
}


def test_every_tool_is_typed_and_only_reads(desk):
    listed = conversation(desk, lambda client: client.list_tools()).tools
    assert [tool.name for tool in listed] == list(CALLS)
    for tool in listed:
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema["type"] == "object"
        assert tool.annotations.read_only_hint
        assert not tool.annotations.open_world_hint


@pytest.mark.parametrize("tool", CALLS)
def test_every_answer_says_what_it_rests_on(agent, tool):
    result = agent(tool, **CALLS[tool])
    answer = figures(result)
    assert set(VOUCHED) <= set(answer)
    assert answer["publication_id"] == "demo-000001"
    assert answer["as_of"] == "2026-02-28"
    assert "demo-000001" in result.content[0].text


def test_figures_are_those_of_sql_by_hand(agent, published):
    rows = figures(agent("query_metrics", metrics=["net_sales"], by=["product__category"], grain="year"))[
        "rows"
    ]
    oracle = published.sql("""
        SELECT date_trunc('year', order_date)::DATE::VARCHAR, category, sum(net_amount)
        FROM marts.order_lines LEFT JOIN marts.products USING (product_id) GROUP BY 1, 2""")
    keys = ("metric_time__year", "product__category", "net_sales")
    found = {tuple(row[key] for key in keys[:2]): Decimal(str(row["net_sales"])) for row in rows}
    assert found == {key[:2]: key[2] for key in oracle}


def test_every_answer_carries_version_and_verdict_of_its_metrics(agent):
    answer = figures(agent("query_metrics", metrics=["净销售额", "orders"]))
    assert answer["definitions"] == {"net_sales": "1.0", "orders": "1.0"}
    assert answer["verdicts"] == {"net_sales": "certified", "orders": "certified"}


def test_a_period_that_is_not_over_is_told(agent):
    answer = figures(agent("query_metrics", metrics=["net_sales"], grain="quarter", start="2026-Q1"))
    assert answer["rows"][0]["is_partial"] is True
    assert any("is not over yet" in note for note in answer["notes"])


def test_more_rows_than_the_limit_are_cut_and_said_so(agent):
    result = agent("query_metrics", metrics=["net_sales"], grain="quarter", limit=1)
    answer = figures(result)
    assert (answer["row_count"], answer["truncated"]) == (1, True)
    assert "raise `limit`" in answer["how_to_narrow"]
    assert "truncated" in result.content[0].text


def test_as_many_rows_as_the_limit_are_not_cut(agent):
    answer = figures(agent("query_metrics", metrics=["net_sales"], grain="year", limit=2))
    assert (answer["row_count"], answer["truncated"]) == (2, False)


def test_names_may_come_as_one_text_or_as_json(agent):
    expected = figures(agent("query_metrics", metrics=["net_sales", "orders"]))["rows"]
    for given in ("net_sales, orders", '["net_sales", "orders"]', "net_sales，orders"):
        assert figures(agent("query_metrics", metrics=given))["rows"] == expected


def test_nothing_is_nothing_however_it_is_written(agent):
    expected = figures(agent("query_metrics", metrics=["net_sales"]))["rows"]
    nothing = {"by": None, "where": None, "start": "", "end": None, "grain": "", "order": [], "compare": None}
    assert figures(agent("query_metrics", metrics=["net_sales"], **nothing))["rows"] == expected
    listed = figures(agent("list_metrics", domain="", level=""))["metrics"]
    assert listed == figures(agent("list_metrics"))["metrics"]


def test_a_condition_keeps_its_commas(agent):
    where = "product__category in ('Bikes', 'Helmets')"
    assert figures(agent("query_metrics", metrics=["net_sales"], where=where))["row_count"] == 1


def test_a_period_is_compared_with_a_year_ago(agent, published):
    answer = figures(agent("compare", metrics=["net_sales"], start="2026-02", versus="year-ago"))
    ((now, then),) = published.sql("""
        SELECT sum(net_amount) FILTER (order_date BETWEEN '2026-02-01' AND '2026-02-28'),
            sum(net_amount) FILTER (order_date BETWEEN '2025-02-01' AND '2025-02-28')
        FROM marts.order_lines""")
    row = answer["rows"][0]
    assert (row["net_sales"], row["net_sales__year_ago"]) == (float(now), float(then))
    assert answer["period"] == "2026-02-01 to 2026-02-28"
    assert answer["versus"] == "2025-02-01 to 2025-02-28"


def test_without_a_period_the_last_whole_month_is_compared(agent):
    assert figures(agent("compare", metrics=["net_sales"]))["period"] == "2026-02-01 to 2026-02-28"


def test_the_parts_of_a_change_add_up(agent):
    asked = {"metric": "average_order_value", "start": "2026", "versus": "year-ago"}
    answer = figures(agent("why", **asked, by=["order__channel"]))
    change = Decimal(str(answer["change"]))
    assert sum(Decimal(str(part["contribution"])) for part in answer["formula_parts"]) == change
    (split,) = answer["dimensions"]
    assert split["method"] == "mix and rate"
    parts = [Decimal(str(part[name])) for part in split["members"] for name in ("mix", "rate")]
    assert sum(parts) == change


def test_a_figure_that_does_not_add_up_is_said_so(agent):
    answer = figures(agent("why", metric="invoiced", start="2026", versus="year-ago", by=["order__channel"]))
    assert not answer["adds_up"]
    assert "do not add up" in answer["told"]


def test_a_metric_is_described_with_what_it_is_made_of(agent):
    answer = figures(agent("describe_metric", metric="客单价"))
    assert answer["name"] == "average_order_value"
    assert answer["made_of"] == ["net_sales", "orders"]
    assert "metric_time" in [entry["name"] for entry in answer["dimensions"]]


@pytest.mark.parametrize("query", ["net sales", "净销售额是多少", "what were our net sales last month?"])
def test_metrics_are_found_by_words_in_both_languages(agent, query):
    assert figures(agent("search_metrics", query=query))["metrics"][0]["name"] == "net_sales"


def test_nothing_found_says_so(agent):
    answer = figures(agent("search_metrics", query="zzz"))
    assert answer["metrics"] == []
    assert answer["notes"]


def test_pages_of_metrics_have_each_once(agent):
    first = figures(agent("list_metrics", limit=3))
    assert first["truncated"]
    rest = figures(agent("list_metrics", offset=3))
    names = [entry["name"] for page in (first, rest) for entry in page["metrics"]]
    assert len(names) == len(set(names)) == first["total"]


def test_members_are_found_by_their_letters(agent):
    answer = figures(agent("list_values", dimension="product__category", contains="HELM"))
    assert answer["values"] == ["Helmets"]


def test_a_long_list_of_members_is_cut(agent):
    answer = figures(agent("list_values", dimension="渠道", metrics=["net_sales"], limit=1))
    assert answer["values"] == ["online"]
    assert answer["truncated"]


def test_findings_are_shown_and_what_passed_is_counted(agent):
    answer = figures(agent("quality", metric="net_sales"))
    assert [check["verdict"] for check in answer["findings"]] == ["failed"]
    assert answer["checks"] == {"passed": 1, "failed": 1}


def test_an_audit_names_the_member_by_the_dimension(agent, auditor):
    answer = figures(agent("audit", metric="净销售额", period="2026-01", members={"渠道": "online"}))
    assert auditor.asked == [
        ("net_sales", {"period": "2026-01", "by": (("order__channel", "online"),), "grain": ""})
    ]
    assert answer["explanation"]["lines"] == list(range(20, 30))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("150.100001"), 150.100001),
        (Decimal("7.000"), 7),
        (Decimal("12345678901234567890.123456"), "12345678901234567890.123456"),
        (2**60, str(2**60)),
        (float("nan"), None),
        (True, True),
        (None, None),
    ],
)
def test_numbers_keep_every_digit(value, expected):
    found = cell(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "written"),
    [(-5.9363243e-05, "-0.000059363243"), (1e21, "1000000000000000000000"), (0.1, "0.1"), (3, "3")],
)
def test_texts_have_no_exponents(value, written):
    assert plain(value) == written
