"""Plain questions are answered without the framework: as it answers them, to the byte."""

import pytest

from plumbline.serving.http import direct
from tests.unit.serving.http.conftest import running


@pytest.fixture(scope="module")
def eve(published):
    with running(published.home) as server, server.client("eve") as client:
        yield client


@pytest.mark.parametrize(
    "asked",
    [
        "metrics=net_sales",
        "metrics=net_sales,orders&by=order__channel&format=csv",
        "metrics=net_sales&by=product__category&where=order__channel%20%3D%20%27store%27&order=-net_sales",
        "metrics=net_sales&grain=month&from=2025&to=2026-Q1&limit=3",
        "metrics=net_sales&grain=month&compare=year-ago",
        "from=2025-02&metrics=net_sales&to=2025-Q1&grain=month&limit=003",
        "metrics=net_sales&from=2025%2D02&to=2025-03",
        "metrics=net_sales&to=2025%2D03&limit=3",
        "metrics=net_sales&from=2025-02&from=2025-03",
        "metrics=net_sales&from=2025-99&limit=3",
        "from=2025-02&limit=3",
        "metrics=%E8%AE%A2%E5%8D%95%E6%95%B0",
        "metrics=average_order_value",
        "metrics=net_sales&by=qwerty",
        "metrics=net_sales&from=soon",
    ],
)
def test_the_framework_answers_the_same(eve, asked, monkeypatch):
    """Also what stands twice, which both refuse; an order is no other question."""
    plain = asked if "limit" in asked else f"{asked}&limit=3"
    ours = eve.get(f"/query?{plain}")
    handed = []
    monkeypatch.setattr(direct._Readings, "asking", lambda self, *given: handed.append(given))
    assert told(ours) == told(eve.get(f"/query?{plain}"))
    assert handed


def told(found):
    if found.status_code != 200:
        return found.status_code, {**found.json(), "instance": ""}
    named = {
        name: value for name, value in found.headers.items() if name not in ("plumbline-request", "date")
    }
    return found.status_code, found.content, named


def test_what_is_kept_is_logged_as_what_was_asked_first(published):
    with running(published.home) as server, server.client("ann") as ann:
        for _ in range(2):
            assert ann.get("/query?metrics=net_sales&by=order__channel").status_code == 200
        first, second = server.log().splitlines()[-2:]
    assert '"cached":false' in first
    assert '"cached":true' in second
    for line in (first, second):
        assert '"metrics":["net_sales"],"dimensions":["order__channel"],"rows":2' in line


def test_a_kept_answer_is_not_given_to_a_revoked_token(published):
    with running(published.home) as server:
        token = server.token("ann")
        with server.client() as client:
            asked = {"url": "/query?metrics=net_sales", "headers": {"authorization": f"Bearer {token}"}}
            assert [client.get(**asked).status_code for _ in range(2)] == [200, 200]
            server.tokens.revoke(token)
            assert client.get(**asked).status_code == 401
