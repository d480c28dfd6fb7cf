"""The shop, served over HTTP by a real server on a port of its own."""

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from plumbline.access import Account, Policy, Role, Selection, SmallGroup
from plumbline.access.policy import EVIDENCE, QUERY
from plumbline.access.tokens import Tokens
from plumbline.serving.desk import Desk
from plumbline.serving.http.app import build, guarded
from plumbline.serving.http.guard import loopback_hosts
from plumbline.serving.http.identity import OperatorGate, TokenGate
from plumbline.serving.http.kept import Kept
from plumbline.serving.http.served import Served
from plumbline.serving.http.server import Secured, bound_socket, http_server
from plumbline.serving.http.work import Workers
from plumbline.serving.mcp import mount
from plumbline.serving.request_log import RequestLog
from plumbline.serving.settings import HttpLimits
from tests.unit.serving.conftest import Shop

ROLES = {
    "boss": Role("boss", metrics=Selection(everything=True), persons=True, evidence=True),
    "sales": Role("sales", metrics=Selection(names=("net_sales", "average_order_value")), persons=True),
    "online": Role(
        "online",
        metrics=Selection(names=("net_sales", "orders")),
        rows={"order__channel": ("online",)},
        persons=True,
    ),
    "careful": Role("careful", metrics=Selection(everything=True)),
}
POLICY = Policy(
    "demo",
    ROLES,
    (SmallGroup(Selection(names=("net_sales",)), "orders", 3),),
    {
        "ann": Account("ann", ("boss", "sales")),
        "bob": Account("bob", ("sales",)),
        "eve": Account("eve", ("online",)),
        "kim": Account("kim", ("careful",)),
    },
    "digest",
)
LIMITS = HttpLimits(seconds=20, threads=3, waiting=40)


class Running:
    """A server that runs, with clients for the accounts of the policy."""

    def __init__(self, home, url, tokens, served):
        self.home, self.url, self.tokens, self.served = home, url, tokens, served

    def token(self, account, **asked):
        """Make a token."""
        given = {"scopes": (QUERY, EVIDENCE), "lifetime": timedelta(hours=1), **asked}
        return self.tokens.create(account, **given)[1]

    def client(self, account="", **headers):
        """Give a client; without an account it does not say who it is."""
        if account:
            headers["authorization"] = f"Bearer {self.token(account)}"
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def log(self):
        """Give the text of the log of requests."""
        path = self.home.root / "access" / "requests.jsonl"
        return path.read_text(encoding="utf-8") if path.exists() else ""


@contextmanager
def running(
    home, *, operator=False, limits=LIMITS, policy=POLICY, auditor=None, desk=None, hosts=None, agents=False
):
    """Serve a company until the block ends; with `agents` also the tools of agents, under /mcp."""
    desk = desk or Desk(home, policy)
    tokens, log = Tokens(home), RequestLog(home)
    gate = OperatorGate() if operator else TokenGate(lambda: policy, tokens)
    workers = Workers(limits.threads, limits.waiting)
    served = Served("demo", desk, gate, limits, workers, Kept(limits.cache_megabytes), auditor)
    taken = bound_socket("127.0.0.1", 0, "--http")
    app = build(served, {"/mcp": mount(served)} if agents else {})
    inner = guarded(app, served, log, loopback_hosts() if hosts is None else hosts)
    server = http_server(inner, Secured())
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[taken])))
    thread.start()
    try:
        while not server.started and thread.is_alive():
            threading.Event().wait(0.01)
        yield Running(home, f"http://127.0.0.1:{taken.getsockname()[1]}", tokens, served)
    finally:
        server.should_exit = True
        thread.join(20)
        workers.close()
        log.close()
        taken.close()
        desk.close()


@contextmanager
def asking(home, **limits):
    """Serve a company to its operator with limits that are easily met, and give a client."""
    with running(home, operator=True, limits=replace(LIMITS, **limits)) as server, server.client() as client:
        yield client


class FakeAuditor:
    """Says what it was asked; the real one is tested with the audit."""

    def explain(self, metric, **asked):
        return {"metric": metric, **asked}

    def publications(self):
        return [{"publication_id": f"demo-{number:06d}"} for number in (3, 2, 1)]


SALES_MONTHLY = """
CREATE OR REPLACE TABLE candidates.sales_monthly AS
SELECT date_trunc('month', order_date)::DATE AS month, sum(net_amount) AS net_sales,
    count(DISTINCT order_id) AS orders
FROM marts.order_lines GROUP BY ALL"""


@pytest.fixture(scope="package")
def published(tmp_path_factory):
    """A shop whose published table has what its saved query says."""
    shop = Shop(tmp_path_factory.mktemp("served"))
    shop.change(SALES_MONTHLY)
    shop.publish()
    return shop


@pytest.fixture(scope="package")
def served(published):
    with running(published.home, auditor=FakeAuditor()) as found:
        yield found


@pytest.fixture(scope="package")
def ann(served):
    with served.client("ann") as client:
        yield client


@pytest.fixture(scope="package")
def operator(published):
    with running(published.home, operator=True) as found, found.client() as client:
        yield client


def smaller(**changes):
    """Give limits that are easily met."""
    return replace(LIMITS, **changes)
