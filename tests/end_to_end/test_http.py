"""Figures of the built-in company over HTTP: as the guide shows them, and as each role sees them."""

import json
import re
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from plumbline.access import load_policy
from plumbline.audit.auditor import Auditor
from plumbline.governance.trust import load_trust
from plumbline.ledger import witnessed_ledger
from plumbline.project import Project
from plumbline.serving.desk import Desk
from tests.http_examples import EXAMPLES, answers
from tests.unit.serving.http.conftest import running

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "guides" / "http-api.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^```http\nGET (\S+)\n\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def servers(demo_home):
    """The company as served to its operator, and to its accounts."""
    project = Project(ROOT)
    policy = load_policy(project, "demo")
    ledger = witnessed_ledger(demo_home, load_trust(project, "demo"))
    auditor = Auditor(demo_home, ledger, "demo", project)
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                running(
                    demo_home, operator=operator, policy=policy, auditor=auditor, desk=Desk(demo_home, policy)
                )
            )
            for operator in (True, False)
        ]


@pytest.fixture(scope="module")
def operator(servers):
    with servers[0].client() as client:
        yield client


def alike(shown, found, place=""):
    """Hold what is shown to what is answered: the same names, and values of the same kind."""
    if isinstance(shown, dict):
        for name, value in shown.items():
            assert name in found, f"{place}.{name}"
            alike(value, found[name], f"{place}.{name}")
    elif isinstance(shown, list) and shown and found:
        alike(shown[0], found[0], f"{place}[0]")
    elif shown is not None and found is not None:
        assert isinstance(found, type(shown)) or {type(shown), type(found)} == {int, float}, place


@pytest.mark.parametrize(("path", "shown"), SHOWN)
def test_the_guide_shows_what_is_answered(operator, path, shown):
    told = json.loads(shown)
    found = operator.get(path)
    assert found.status_code == told.get("status", 200), found.text
    alike(told, found.json())


def test_the_examples_of_the_document_are_what_is_answered(operator):
    kept = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    for name, found in answers(operator).items():
        alike(kept[name], json.loads(json.dumps(found, default=float)), name)


def test_each_role_sees_metrics_of_its_own_alone(servers):
    """No answer to a role has the name of a metric that it does not see, wherever it may stand."""
    server = servers[1]
    desk = server.served.desk
    for account, found in desk.policy.accounts.items():
        for role in found.roles:
            with desk.visit(desk.policy.principal(account, role)) as visit:
                seen = {entry["name"] for entry in visit.metrics()}
                hidden = set(visit.words.definitions.metrics) - seen
            with server.client(account, **{"Plumbline-Role": role}) as client:
                paths = [
                    "/metrics?limit=1000",
                    "/tree",
                    "/targets?limit=1000",
                    "/alerts?limit=1000",
                    "/quality",
                ]
                for path in [*paths, *(f"/metrics/{name}" for name in sorted(seen)[:3])]:
                    words = set(re.findall(r"\w+", client.get(path).text))
                    assert words & hidden == set(), (role, path)


def test_a_region_sees_its_own_figures(servers, demo_home):
    with servers[1].client("wang.fang") as client:
        found = client.get("/query", params={"metrics": "net_sales", "by": "product__category"})
        targets = client.get("/targets?limit=1000").json()["targets"]
    with duckdb.connect(str(demo_home.current.resolve()), read_only=True) as con:
        expected = con.execute("""
            SELECT products.category, sum(lines.net_amount)
            FROM marts.order_lines AS lines
            JOIN marts.orders USING (order_id)
            JOIN marts.territories AS territory ON orders.territory_id = territory.territory_id
            LEFT JOIN marts.products USING (product_id)
            WHERE territory.region_group = 'North America' GROUP BY ALL""").fetchall()
    rows = json.loads(found.text, parse_float=Decimal)["data"]
    assert {row["product__category"]: row["net_sales"] for row in rows} == dict(expected)
    assert {target["metric"] for target in targets} <= {"headcount", "order_on_time_rate"}


def test_lights_and_targets_are_those_of_the_published_table(operator, demo_home):
    with duckdb.connect(str(demo_home.current.resolve()), read_only=True) as con:
        lights = con.execute("""
            SELECT count(*) FROM published.indicator_value
            WHERE light IN ('red', 'amber') AND as_of BETWEEN period_start AND period_end""").fetchone()[0]
        targets = con.execute(
            "SELECT count(*) FROM published.target WHERE as_of BETWEEN period_start AND period_end"
        ).fetchone()[0]
    assert operator.get("/alerts?kind=light").json()["total"] == lights > 0
    assert operator.get("/targets").json()["total"] == targets > 0
