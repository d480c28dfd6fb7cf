"""What the SQL endpoint keeps of statements, and how it follows what is published and the policy."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from plumbline.access import Policy
from plumbline.serving.desk import Desk
from plumbline.serving.request_log import RequestLog, broken_links
from plumbline.serving.sql import endpoint as sql_endpoint
from plumbline.serving.sql.answers import Answers
from plumbline.serving.sql.constants import Parameters
from tests.integration.serving.conftest import POLICY
from tests.sql_endpoint import running
from tests.unit.serving.conftest import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    shop.publish()
    return shop


def lines(shop: Shop) -> list[dict[str, Any]]:
    path = shop.home.root / "access" / "requests.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_statement_over_metrics_leaves_a_line(shop: Shop, server: str) -> None:
    desk, log = Desk(shop.home, POLICY), RequestLog(shop.home)
    text = "SELECT order__channel, MEASURE(net_sales) FROM metrics WHERE order__channel = 'store' GROUP BY 1"
    with running(desk, server, log=log) as address, address.connect("sam") as session:
        for _ in range(2):
            session.execute(text)
        session.execute("SELECT 1")
        with pytest.raises(psycopg.errors.UndefinedFunction):
            session.execute("SELECT MEASURE(average_order_value) FROM metrics")
    log.close()
    desk.close()
    names = ("way", "account", "role", "metrics", "dimensions", "rows", "code", "publication", "cached")
    asked = ["sql", "sam", "store", ["net_sales"], ["order__channel"], 1, "", "demo-000001"]
    assert [[line[name] for name in names] for line in lines(shop)] == [
        [*asked, False],
        [*asked, True],
        ["sql", "sam", "store", [], [], None, "unknown-metric", "", False],
    ]
    assert "average_order_value" not in str(lines(shop))
    assert list(broken_links(shop.home)) == []


def test_relations_are_listed_anew_after_a_publication(
    shop: Shop, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_endpoint, "_LOOK_SECONDS", 0.02)
    renewed = threading.Event()
    desk = Desk(shop.home, POLICY)
    with running(desk, server, renew=renewed.set):
        assert not renewed.wait(0.2)
        shop.publish()
        assert renewed.wait(20)
    desk.close()


def test_an_answer_of_the_policy_before_is_not_kept_for_the_next(shop: Shop) -> None:
    """The policy may change just when a statement begins: it is answered, and kept, under the one before."""
    given = [POLICY]

    def policy() -> Policy:
        return given.pop() if given else replace(POLICY, digest="2")

    desk = Desk(shop.home, policy)
    answers, principal = Answers(desk), POLICY.principal("sam", "store")
    text = "SELECT MEASURE(net_sales) FROM metrics"
    answers.filled(principal, text, Parameters(), lambda plan, found: str(found), key=("asked",))
    assert answers.known_etag(principal) is None
    assert answers.kept_text(principal, ("asked",)) is None
    desk.close()
