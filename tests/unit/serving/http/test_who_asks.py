"""Who asks: tokens, roles, scopes; what is refused, and what is told of it."""

import json
from datetime import timedelta

import httpx
import pytest

from tests.unit.serving.http.conftest import running

SALES = {"metrics": "net_sales"}


def status(found):
    return found.status_code, found.json().get("code")


def ask(served, token, **headers):
    headers = {"authorization": f"Bearer {token}", **headers}
    return httpx.get(f"{served.url}/query", params=SALES, headers=headers)


@pytest.mark.parametrize(
    "path", ["/query?metrics=net_sales", "/query?frm=1", "/metrics", "/tree", "/version", "/audit/net_sales"]
)
def test_without_a_token_nothing_is_told(served, path):
    with served.client() as client:
        found = client.get(path)
    assert status(found) == (401, "no-token")
    assert found.headers["www-authenticate"].startswith("Bearer")


def test_whether_the_server_lives_is_told_to_anybody(served):
    with served.client() as client:
        assert client.get("/health").json() == {"status": "ok"}


@pytest.mark.parametrize("text", ["x", "Basic YTpi", "Bearer", "Bearer \xe4", "Bearer " + "x" * 9_000])
def test_what_is_no_token_is_refused(served, text):
    found = httpx.get(f"{served.url}/metrics", headers={"authorization": text.encode("latin-1")})
    assert found.status_code == 401


def test_a_forged_an_expired_and_a_revoked_token_are_refused(served):
    good = served.token("ann")
    assert ask(served, good).status_code == 200
    forged = good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB")
    assert status(ask(served, forged)) == (401, "bad-token")
    assert status(ask(served, served.token("ann", lifetime=timedelta(seconds=-1)))) == (401, "expired-token")
    served.tokens.revoke(good)
    assert status(ask(served, good)) == (401, "revoked-token")


def test_an_account_that_the_policy_lost_is_refused(served):
    assert status(ask(served, served.token("zoe"))) == (401, "unknown-account")


def test_an_account_acts_in_its_first_role_or_in_the_one_asked_for(served):
    token = served.token("ann")
    assert ask(served, token).json()["role"] == "boss"
    assert ask(served, token, **{"Plumbline-Role": "sales"}).json()["role"] == "sales"
    assert status(ask(served, token, **{"Plumbline-Role": "online"})) == (403, "not-its-role")


def test_a_token_for_one_role_is_for_no_other(served):
    token = served.token("ann", role="sales")
    assert ask(served, token).json()["role"] == "sales"
    assert status(ask(served, token, **{"Plumbline-Role": "boss"})) == (403, "not-its-role")


def test_evidence_needs_scope_and_role(served):
    with served.client("ann") as client:
        assert client.get("/audit/net_sales").status_code == 200
        assert client.get("/audit/publications").json()["total"] == 3
        other = client.get("/audit/net_sales", headers={"Plumbline-Role": "sales"})
        assert status(other) == (403, "not-in-role")
    only = {"authorization": f"Bearer {served.token('ann', scopes=('query',))}"}
    assert status(httpx.get(f"{served.url}/audit/net_sales", headers=only)) == (403, "not-in-scope")


def test_a_token_for_evidence_alone_asks_for_no_figures(served):
    assert status(ask(served, served.token("ann", scopes=("evidence",)))) == (403, "not-in-scope")


def test_checks_are_told_with_evidence_only(served):
    with served.client("ann") as client:
        assert client.get("/quality").json()["checks"] is not None
        assert client.get("/quality", headers={"Plumbline-Role": "sales"}).json()["checks"] is None
    only = {"authorization": f"Bearer {served.token('ann', scopes=('query',))}"}
    assert httpx.get(f"{served.url}/quality", headers=only).json()["checks"] is None


def test_the_audit_of_small_groups_is_closed(served, published):
    with served.client("kim") as client:
        assert client.get("/audit/net_sales").status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example.com", "evil.example.com:80", "127.0.0.1.evil.example.com", ""]
)
def test_a_name_that_is_not_this_machine_is_refused(operator, host):
    found = operator.get("/query", params=SALES, headers={"host": host})
    assert found.status_code in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1:1", "[::1]:8765"])
def test_names_of_this_machine_are_answered_to(operator, host):
    assert operator.get("/query", params=SALES, headers={"host": host}).status_code == 200


def test_a_page_of_another_site_cannot_ask_through_a_browser(operator):
    found = operator.get("/query", params=SALES, headers={"sec-fetch-site": "cross-site"})
    assert status(found) == (403, "cross-site")
    preflight = operator.options("/query", headers={"origin": "https://evil.example.com"})
    assert "access-control-allow-origin" not in preflight.headers
    plain = operator.post(
        "/query", content=json.dumps({"metrics": ["net_sales"]}), headers={"content-type": "text/plain"}
    )
    assert plain.status_code == 415


def test_the_operator_sees_everything_without_a_token(operator):
    assert operator.get("/query", params=SALES).json()["role"] is None
    assert operator.get("/quality").json()["checks"] is not None


def test_secrets_appear_in_no_log_and_no_error(published, caplog, capfd):
    canary = "canary-7f3a9c1e"
    with running(published.home) as server:
        token = server.token("ann")
        with server.client("ann") as client:
            texts = [
                client.get(path, headers={"cookie": canary, "x-secret": canary}).text
                for path in (
                    f"/query?metrics={canary}",
                    f"/query?metrics=net_sales&where=product__category='{canary}'",
                    f"/query?metrics=net_sales&by={canary}",
                    f"/query?{canary}=1",
                    f"/metrics?search={canary}",
                )
            ]
            httpx.get(f"{server.url}/metrics", headers={"authorization": f"Bearer plumb_{canary}"})
        ask(server, token)
        log = server.log()
    assert texts
    printed = capfd.readouterr()
    kept = "".join(path.read_text("utf-8") for path in (published.home.root / "access").iterdir())
    for text in (log, printed.out, printed.err, caplog.text, kept):
        assert canary not in text
        assert token.split("_", 2)[2] not in text
        assert "Bearer" not in text
