"""Agents who ask the shop, each as one role."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from plumbline.access import EVERYTHING, Account, Policy, Role, Selection, SmallGroup
from plumbline.serving.desk import Desk
from plumbline.serving.mcp.server import Ways, build_server

POLICY = Policy(
    "demo",
    {
        "executive": Role("executive", metrics=EVERYTHING, persons=True, evidence=True),
        "online": Role(
            "online",
            metrics=Selection(names=("net_sales", "orders")),
            rows={"order__channel": ("online",)},
            evidence=True,
        ),
        "sales": Role("sales", metrics=Selection(names=("average_order_value", "net_sales"))),
    },
    (SmallGroup(Selection(names=("orders",)), "orders", 2),),
    {"a": Account("a", ("executive", "online", "sales"))},
    digest="1",
)


@pytest.fixture(scope="session")
def desk(published):
    desk = Desk(published.home, POLICY)
    yield desk
    desk.close()


class Auditor:
    """Notes what it is asked, and explains nothing."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def explain(self, metric: str, **asked: Any) -> Mapping[str, Any]:
        self.asked.append((metric, asked))
        return {
            "company": "demo",
            "figure": {"period": asked.get("period", ""), "value": "1", "verdict": "certified"},
            "definition": {"version": "1.0", "owner": "Sales", "formula": "sum"},
            "published": {"publication_id": "demo-000001", "as_of": "2026-02-28", "published_at": "now"},
            "calculation": None,
            "origin": {
                "checks": [_check("passed"), _check("failed")],
                "checks_by_verdict": {"passed": 1, "failed": 1},
                "extracts": [],
            },
            "proven": {"whole": True, "checks": []},
            "decisions": [],
            "lines": list(range(30)),
            "history": [],
            "notes": [],
        }


def _check(verdict: str) -> dict[str, Any]:
    names = ("stage", "table", "columns", "severity", "expected", "message", "owner", "why", "todo")
    return {**dict.fromkeys(names, "x"), "verdict": verdict}


@pytest.fixture
def auditor():
    return Auditor()


@pytest.fixture
def agent(desk, auditor):
    """Call one tool in a conversation of its own; gives the result."""

    def call(tool: str, role: str = "", scopes: frozenset[str] | None = None, **arguments: Any) -> Any:
        async def talk(client: Any) -> Any:
            return await client.call_tool(tool, arguments)

        return conversation(desk, talk, role, auditor, scopes)

    return call


def conversation(desk: Desk, talk: Any, role: str = "", auditor: Any = None, scopes: Any = None) -> Any:
    """Talk to the server over its own protocol, within this process."""
    from mcp import Client, MCPError

    principal = POLICY.principal("a", role, scopes) if role else None
    server = build_server(Ways(desk, lambda context: principal, auditor))

    async def main() -> Any:
        async with Client(server) as client:
            try:
                return await talk(client), None
            except MCPError as error:  # within the client it would come out in groups
                return None, error

    result, error = asyncio.run(main())
    if error:
        raise error
    return result


def figures(result: Any) -> Any:
    """Give the structured content of an answer that is no mistake."""
    assert not result.is_error, result.content[0].text
    return result.structured_content


def mistake(result: Any) -> Any:
    """Give the mistake that a call was refused for."""
    assert result.is_error
    return result.structured_content["error"]
