"""Random questions by every way in: a role is told what everybody would be, were there nothing else.

Each role asks the whole shop, and then a shop of its own in which it sees everything: there the rows of
others were deleted, and what it may not name has no definition. Whatever differs, an answer or a word of a
refusal, has come from what the role does not see. Published tables are asked in tests/end_to_end.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from plumbline.access import load_policy
from plumbline.cli.main import main
from plumbline.project import Project
from plumbline.serving.desk import Desk
from tests import postgres
from tests.random_questions import Asked, some_question
from tests.sql_endpoint import prepare
from tests.sql_endpoint import running as sql_running
from tests.unit.definitions import shop as definitions
from tests.unit.serving.conftest import Shop, manifest
from tests.unit.serving.http.conftest import running as http_running

SUMS = ("net_sales", "sales_so_far", "sales_this_year", "monthly_growth")
SEEN = {"online": (*SUMS, "orders", "average_order_value"), "sales": SUMS}
ACCOUNTS = {"online": "eve", "sales": "bob"}
WHOLE = f"""
roles:
  online:
    metrics: {{names: [{", ".join(SEEN["online"])}]}}
    rows: {{order__channel: [online]}}
    persons: true
  sales: {{metrics: {{names: [{", ".join(SEEN["sales"])}]}}, persons: true}}
accounts: {{eve: {{roles: [online]}}, bob: {{roles: [sales]}}}}
"""
ALONE = """
roles:
  online: {metrics: all, persons: true}
  sales: {metrics: all, persons: true}
accounts: {eve: {roles: [online]}, bob: {roles: [sales]}}
"""
DELETED = """
DELETE FROM marts.order_lines WHERE order_id IN (SELECT order_id FROM marts.orders WHERE channel = 'store');
DELETE FROM marts.orders WHERE channel = 'store'"""
SALES_MONTHLY = """
CREATE OR REPLACE TABLE candidates.sales_monthly AS
SELECT date_trunc('month', order_date)::DATE AS month, sum(net_amount) AS net_sales,
    count(DISTINCT order_id) AS orders
FROM marts.order_lines GROUP BY ALL"""
# What tells of the publication and of the limit itself, and so differs.
ABOUT = ("publication", "published_at", "publication_id", "notes", "origin", "instance")
Told = tuple[Any, ...]
Way = Callable[[Asked], Told]


class Company:
    """A shop with a policy, asked by every way in."""

    def __init__(self, root: Path, policy: str, server: str, change: str = "", names: Any = None) -> None:
        self.shop = Shop(root / "state")
        if names is not None:
            content = manifest()
            content["metrics"] = [metric for metric in content["metrics"] if metric["name"] in names]
            content["saved_queries"] = [
                query
                for query in content["saved_queries"]
                if set(query["query_params"]["metrics"]).issubset(names)
            ]
            definitions.write(self.shop.home.semantic_manifest, content)
        self.shop.change(f"{change}; {SALES_MONTHLY}")
        self.shop.publish()
        self.project = root / "project"
        written = self.project / "orchestration" / "access" / "demo.yml"
        written.parent.mkdir(parents=True)
        written.write_text(policy, encoding="utf-8")
        (self.project / "dbt_project.yml").touch()
        self.policy = load_policy(Project(self.project), "demo")
        self.server = server

    def ways(self, role: str, stack: ExitStack, capsys: Any, monkeypatch: Any) -> dict[str, Way]:
        """Open every way in, as a role."""
        account = ACCOUNTS[role]
        serving = stack.enter_context(http_running(self.shop.home, policy=self.policy, agents=True))
        client = stack.enter_context(serving.client(account))
        desk = Desk(self.shop.home, self.policy)
        stack.callback(desk.close)
        endpoint = stack.enter_context(sql_running(desk, self.server))
        session = stack.enter_context(endpoint.connect(account))
        return {
            "http": lambda asked: by_http(client, asked),
            "mcp": lambda asked: by_mcp(client, asked),
            "sql": lambda asked: by_sql(session, asked),
            "command line": lambda asked: self.by_command(role, asked, capsys, monkeypatch),
        }

    def by_command(self, role: str, asked: Asked, capsys: Any, monkeypatch: Any) -> Told:
        """Ask on the command line."""
        monkeypatch.setenv("PLUMBLINE_PROJECT", str(self.project))
        monkeypatch.setenv("PLUMBLINE_HOME", str(self.shop.home.root.parent))
        style = ("json", "csv", "table")[asked.form % 3]
        code = main(["query", *asked.options(), "--as", role, "--format", style])
        told = capsys.readouterr()
        return code, told.out, told.err if code else ""


def by_http(client: httpx.Client, asked: Asked) -> Told:
    """Ask over HTTP."""
    found = client.get("/query", params=asked.parameters())
    if "json" not in found.headers["content-type"]:
        return found.status_code, found.text, found.headers["plumbline-verdicts"]
    return found.status_code, without_words(json.loads(found.text, parse_float=Decimal))


def by_mcp(client: httpx.Client, asked: Asked) -> Told:
    """Call the tool of agents."""
    params = {"name": "query_metrics", "arguments": asked.arguments()}
    headers = {"accept": "application/json, text/event-stream"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    found = json.loads(client.post("/mcp", json=body, headers=headers).text, parse_float=Decimal)["result"]
    if found["isError"]:
        return ("refused", found["content"][0]["text"])
    return ("answered", without_words(found["structuredContent"]))


def without_words(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in ABOUT}


def by_sql(session: psycopg.Connection[Any], asked: Asked) -> Told:
    """Ask the SQL endpoint."""
    try:
        return ("answered", session.execute(asked.sql()).fetchall())
    except psycopg.Error as error:
        told = error.diag
        return ("refused", told.sqlstate, told.message_primary, told.message_detail, told.message_hint)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres.running(tmp_path_factory) as url:
        prepare(url, list(ACCOUNTS.values()))
        yield url


@pytest.fixture(scope="module")
def companies(tmp_path_factory: pytest.TempPathFactory, server: str) -> dict[str, Company]:
    """The whole shop, and for each role the one that has nothing else."""
    root = tmp_path_factory.mktemp("companies")
    return {
        "whole": Company(root / "whole", WHOLE, server),
        "online": Company(root / "online", ALONE, server, DELETED, SEEN["online"]),
        "sales": Company(root / "sales", ALONE, server, "SELECT 1", SEEN["sales"]),
    }


def is_answered(told: Told) -> bool:
    return told[0] in (200, 0, "answered")


@pytest.mark.parametrize("role", SEEN)
@pytest.mark.parametrize("count", [40, pytest.param(1_000, marks=pytest.mark.long)])
def test_no_way_in_tells_what_a_role_does_not_see(
    companies: dict[str, Company], role: str, count: int, capsys: Any, monkeypatch: Any
) -> None:
    chance, answered, wrong = random.Random(f"{role} {count}"), Counter[str](), []
    with ExitStack() as stack:
        whole = companies["whole"].ways(role, stack, capsys, monkeypatch)
        alone = companies[role].ways(role, stack, capsys, monkeypatch)
        for _ in range(count):
            asked = some_question(chance, SEEN[role])
            for way in whole:
                found, expected = whole[way](asked), alone[way](asked)
                answered[way] += is_answered(found)
                if found != expected:
                    wrong.append((way, asked, found, expected))
    shown = "\n\n".join("\n".join(map(str, each)) for each in wrong[:3])
    assert not wrong, f"{len(wrong)} of {count}: {Counter(each[0] for each in wrong)}\n{shown}"
    assert min(answered.values()) > count / 3, answered
    with capsys.disabled():
        print(f"\n{role}: {count} questions by each of {len(whole)} ways in; answered {dict(answered)}")


def test_the_questions_would_find_what_others_see(
    companies: dict[str, Company], capsys: Any, monkeypatch: Any
) -> None:
    """Asked by the other role, many are answered otherwise: the comparison can fail."""
    chance, differing = random.Random(7), Counter[str]()
    with ExitStack() as stack:
        online = companies["whole"].ways("online", stack, capsys, monkeypatch)
        sales = companies["whole"].ways("sales", stack, capsys, monkeypatch)
        for _ in range(30):
            asked = some_question(chance, SEEN["online"])
            for way in online:
                differing[way] += online[way](asked) != sales[way](asked)
    assert min(differing.values()) > 8, differing
