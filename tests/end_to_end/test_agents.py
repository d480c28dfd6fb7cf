"""An agent and the built-in company: `plumb mcp` in a process of its own, asked by the client of the SDK."""

import asyncio
import json
import os
import subprocess
import sys
from decimal import Decimal

import pytest

from tests.end_to_end.conftest import plumb

CALLS = {
    "search_metrics": {"query": "上月华东毛利率同比"},
    "list_metrics": {"domain": "sales"},
    "describe_metric": {"metric": "毛利率"},
    "list_dimensions": {"metrics": ["net_sales"]},
    "list_values": {"dimension": "销售渠道", "metrics": ["净销售额"]},
    "query_metrics": {
        "metrics": ["净销售额", "毛利率"],
        "by": ["product__category"],
        "start": "2026-10",
        "end": "2026-10",
    },
    "compare": {"metrics": ["净销售额"], "start": "2026-10", "versus": "year-ago"},
    "why": {"metric": "gross_margin_rate", "start": "2026-10", "by": ["order__channel", "product__category"]},
    "quality": {"metric": "net_sales"},
    "audit": {"metric": "net_sales", "period": "2026-10", "members": {"product__category": "Camping"}},
    "list_saved_queries": {},
}


def talk(demo_home, work, *arguments):
    """Start the server, and talk to it."""
    from mcp import Client, StdioServerParameters

    env = {**os.environ, "PLUMBLINE_HOME": str(demo_home.root.parent)}
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "plumbline", "mcp", *arguments], env=env
    )

    async def main():
        async with Client(command) as client:
            return await work(client)

    return asyncio.run(main())


@pytest.fixture(scope="module")
def answers(demo_home):
    """What the operator is answered: every tool once, in one conversation."""

    async def work(client):
        return {tool: await client.call_tool(tool, given) for tool, given in CALLS.items()}

    return talk(demo_home, work)


@pytest.mark.parametrize("tool", CALLS)
def test_every_tool_answers_about_the_built_in_company(answers, tool, demo_home):
    result = answers[tool]
    assert not result.is_error, result.content[0].text
    assert result.structured_content["publication_id"] == "demo-000001"
    assert len(result.content[0].text) < 20_000


def test_figures_are_those_of_the_command_line(answers, demo_home):
    asked = ("净销售额", "毛利率", "--by", "product__category", "--from", "2026-10", "--to", "2026-10")
    printed = plumb("query", *asked, "--format", "json", home=demo_home.root.parent)
    expected = json.loads(printed.stdout, parse_float=Decimal)
    rows = answers["query_metrics"].structured_content["rows"]
    assert [exactly(row) for row in rows] == [exactly(row) for row in expected]


def exactly(row):
    """Give numbers as the digits that were sent."""
    return {
        name: Decimal(str(value)) if isinstance(value, int | float | Decimal) else value
        for name, value in row.items()
    }


def test_a_chinese_question_finds_the_metric(answers):
    assert answers["search_metrics"].structured_content["metrics"][0]["name"] == "gross_margin_rate"
    assert answers["describe_metric"].structured_content["name"] == "gross_margin_rate"


def test_the_parts_of_a_change_add_up_on_the_built_in_company(answers):
    why = answers["why"].structured_content
    change = Decimal(str(why["change"]))
    assert sum(Decimal(str(part["contribution"])) for part in why["formula_parts"]) == change
    for split in why["dimensions"]:
        parts = [*split["members"], *([split["rest"]] if split["rest"] else [])]
        assert sum(Decimal(str(part["contribution"])) for part in parts) == change


def test_an_audit_computes_the_figure_again(answers):
    audit = answers["audit"].structured_content
    assert audit["proven"]
    assert audit["explanation"]["calculation"]["agrees"]


def test_an_account_sees_what_its_role_sees(demo_home):
    async def work(client):
        return [
            await client.call_tool(
                "query_metrics", {"metrics": ["net_sales"], "by": ["territory__region_group"]}
            ),
            await client.call_tool("query_metrics", {"metrics": ["approval_hours"]}),
            await client.call_tool("audit", {"metric": "net_sales"}),
        ]

    sales, hidden, audit = talk(demo_home, work, "--account", "wang.fang")
    rows = sales.structured_content["rows"]
    assert [row["territory__region_group"] for row in rows] == ["North America"]
    assert hidden.structured_content["error"]["code"] == "unknown-metric"
    assert audit.structured_content["error"]["code"] == "not-in-role"


def test_standard_output_carries_the_protocol_alone(demo_home):
    messages = [
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            },
        },
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {
            "jsonrpc": "2.0",
            "id": 2,
            "method": "tools/call",
            "params": {"name": "audit", "arguments": {"metric": "net_sales"}},
        },
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "plumbline", "mcp"],
        env={**os.environ, "PLUMBLINE_HOME": str(demo_home.root.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for message in messages:
            process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
        answered = [json.loads(process.stdout.readline()) for _ in range(2)]
        rest, errors = process.communicate(timeout=60)
    assert [answer["id"] for answer in answered] == [1, 2]
    assert answered[1]["result"]["structuredContent"]["proven"]
    assert rest == ""
    assert errors == ""
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--account", "nobody"), "'nobody' is no account"),
        (("--account", "li.na", "--role", "auditor"), "does not act as 'auditor'"),
        (("--role", "analyst"), "--role says nothing without --account"),
    ],
)
def test_an_account_that_there_is_not_is_refused_at_once(demo_home, arguments, told):
    ended = plumb("mcp", *arguments, home=demo_home.root.parent)
    assert ended.returncode == 2
    assert told in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize("command", [["--help"], ["query", "net_sales"], ["mcp", "--help"]])
def test_nothing_else_imports_the_protocol(demo_home, command):
    code = (
        "import sys; from plumbline.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "heavy = {'mcp', 'mcp_types', 'pydantic', 'starlette', 'anyio', 'fastapi'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *command],
        env={**os.environ, "PLUMBLINE_HOME": str(demo_home.root.parent)},
        capture_output=True,
        text=True,
    )
    assert ended.stderr.splitlines()[-1] == "[]"


def test_a_server_answers_agents_by_their_tokens(company):
    """`plumb serve --mcp`: the token says whose eyes the agent has."""
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    made = plumb("token", "create", "--account", "wang.fang", home=company)
    token = made.stdout.split()[-1]
    env = {**os.environ, "PLUMBLINE_HOME": str(company)}
    command = [sys.executable, "-m", "plumbline", "serve", "--http", "127.0.0.1:0", "--mcp"]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as server:
        try:
            lines = iter(server.stderr.readline, "")
            address = next(word for line in lines for word in line.split() if word.startswith("http://"))

            async def talk_to_it():
                headers = {"authorization": f"Bearer {token}"}
                async with (
                    httpx2.AsyncClient(headers=headers, timeout=60) as http,
                    Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client,
                ):
                    asked = {"metrics": ["net_sales"], "by": ["territory__region_group"]}
                    return await client.call_tool("query_metrics", asked)

            answer = asyncio.run(talk_to_it())
        finally:
            server.terminate()
            server.communicate(timeout=60)
    rows = answer.structured_content["rows"]
    assert [row["territory__region_group"] for row in rows] == ["North America"]
    log = (company / "demo" / "access" / "requests.jsonl").read_text(encoding="utf-8")
    logged = [json.loads(line) for line in log.splitlines()]
    assert ("mcp", "query_metrics", "wang.fang", ["net_sales"]) in [
        (line["way"], line["action"], line["account"], line["metrics"]) for line in logged
    ]
    assert token not in log
