"""What HTTP says of methods and tags, and what is refused rather than passed over."""

from typing import get_args

import pytest

from plumbline.governance.rules import LEVELS
from plumbline.serving.http.asked import Level
from tests.unit.serving.http.conftest import running

ASKED = "/query?metrics=net_sales"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/query", "GET, POST, HEAD"), ("/metrics", "GET, HEAD"), ("/openapi.json", "GET, HEAD")],
)
def test_what_is_not_allowed_names_all_that_is(ann, path, allowed):
    found = ann.put(path)
    assert (found.status_code, found.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    "path", [ASKED, "/metrics", "/metrics/orders", "/health", "/openapi.json", "/metrics/nothing", "/nowhere"]
)
def test_head_is_get_without_the_body(ann, path):
    got, found = ann.get(path), ann.head(path)
    of_each = ("date", "plumbline-request")
    assert found.status_code == got.status_code
    assert [item for item in found.headers.items() if item[0] not in of_each] == [
        item for item in got.headers.items() if item[0] not in of_each
    ]
    assert found.content == b""


def test_head_is_logged_and_needs_a_token(published):
    with running(published.home) as server, server.client() as nobody, server.client("ann") as ann:
        assert nobody.head(ASKED).status_code == 401
        assert ann.head(ASKED).status_code == 200
        assert '"action":"HEAD /query"' in server.log().splitlines()[-1]


def test_any_tag_is_known_where_there_is_an_answer(ann):
    """First what nobody asked before, then what is kept; a mistake stays one."""
    anything = {"if-none-match": "*"}
    path = f"{ASKED}&from=2025-01-07"
    for _ in range(2):
        found = ann.get(path, headers=anything)
        assert (found.status_code, found.content) == (304, b"")
        assert found.headers["etag"] == ann.get(path).headers["etag"]
    assert ann.get("/query?metrics=nothing", headers=anything).status_code == 422


@pytest.mark.parametrize("limit", ["true", "false", '"many"', "1.5"])
def test_a_limit_is_a_number(ann, limit):
    content = f'{{"metrics": ["net_sales"], "limit": {limit}}}'
    found = ann.post("/query", content=content, headers={"content-type": "application/json"})
    assert (found.status_code, found.json()["where"]) == (422, "body limit")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('{"metrics": ["orders"], "metrics": ["net_sales"]}', "metrics"),
        ('{"metrics": ["orders"], "limit": 1, "limit": 1}', "limit"),
        ('{"metrics": [{"a": 1, "a": 2}]}', "a"),
    ],
)
def test_a_key_that_stands_twice_is_refused(ann, content, name):
    found = ann.post("/query", content=content, headers={"content-type": "application/json"})
    told = found.json()
    assert (found.status_code, told["code"], told["where"]) == (422, "bad-parameter", f"body {name}")
    assert told["what"] == "the key stands more than once"


@pytest.mark.parametrize("content", ["", "{", "[" * 20_000, "\xff"])
def test_what_is_no_json_is_a_mistake_of_the_question(ann, content):
    sent = {"content": content.encode("latin-1"), "headers": {"content-type": "application/json"}}
    assert ann.post("/query", **sent).status_code in (400, 422)


@pytest.mark.parametrize("path", ["/quality?x=1", "/metrics/orders?x=1", "/version?x=1"])
def test_a_parameter_that_there_is_not_is_refused(ann, path):
    found = ann.get(path)
    assert (found.status_code, found.json()["where"]) == (422, "query x")


def test_the_address_of_a_body_has_no_other_parameters(ann):
    body = {"metrics": ["net_sales"]}
    assert ann.post("/query?format=csv", json=body).status_code == 200
    found = ann.post("/query?limit=1", json=body)
    assert (found.status_code, found.json()["where"]) == (422, "query limit")


def test_a_level_that_there_is_not_is_refused_with_those_that_there_are(ann):
    found = ann.get("/metrics?level=foo")
    assert found.status_code == 422
    assert all(level in found.json()["what"] for level in LEVELS)
    assert get_args(Level) == LEVELS


def test_a_domain_that_there_is_not_is_refused_with_those_that_there_are(ann):
    found = ann.get("/metrics?domain=sky")
    assert (found.status_code, found.json()["code"]) == (422, "unknown-domain")
    assert "'sales'" in found.json()["todo"]


def test_a_domain_of_which_a_role_sees_nothing_is_none_for_it(served):
    with served.client("bob") as bob:
        told = bob.get("/metrics?domain=marketing").json()
    assert told["code"] == "unknown-domain"
    assert "marketing" not in told["todo"]


@pytest.mark.parametrize(
    "on", ["1730419200", "0", "20261015", "2026-10", "2026-13-01", "2026-10-15T00:00:00"]
)
def test_a_day_is_written_as_one(ann, on):
    """A number was taken for seconds since 1970."""
    found = ann.get("/targets", params={"on": on})
    assert (found.status_code, found.json()["where"]) == (422, "query on")
    assert ann.get("/targets?on=2026-10-15").status_code == 200
