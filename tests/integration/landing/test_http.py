"""HTTP APIs, against a real server: paging, credentials, patience, increments, and garbage."""

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

LINES = [
    {"LineID": number, "Product": f"p{number}", "Amount": number * 1.5, "ModifiedDate": f"2026-01-0{number}"}
    for number in range(1, 6)
]


@pytest.fixture
def connect(shop, api):
    """Connect the API with a paging style and other options; gives the function that lands the lines."""
    api.rows["lines"] = [dict(line) for line in LINES]

    def connect(
        paging="{type: cursor}", table="endpoint: lines, records: items", system="", environment=None
    ):
        shop.tables(
            f"order_line: {{{table}}}",
            "shop: {endpoint: shops, records: items}",
            system="connector: http, base_url: ${API}",
            extra=f"    paging: {paging}\n    attempts: 4\n{system}",
        )
        return lambda: shop.land_lines({"API": api.base, **(environment or {})})

    return connect


@pytest.mark.parametrize(
    ("paging", "requests"),
    [
        ("{type: none}", 1),
        ("{type: page, size_param: per_page, size: 2}", 4),
        ("{type: offset, limit: 2, total: total}", 3),
        ("{type: cursor, size_param: limit, size: 3}", 2),
        ("{type: next_link, link_path: next}", 3),
        ("{type: link_header}", 3),
    ],
)
def test_every_style_of_paging_brings_every_row_once(shop, api, connect, paging, requests):
    if paging == "{type: none}":
        api.page_size = 100
    land = connect(paging)
    assert (land().status, land().status) == ("landed", "unchanged")
    assert shop.lines("LineID, Product, Amount, _row_number") == [
        (str(line["LineID"]), line["Product"], str(line["Amount"]), number)
        for number, line in enumerate(LINES, start=1)
    ]
    assert api.paths().count("/lines") == 2 * requests


def test_numbers_keep_their_digits_and_nested_values_are_json(shop, api, connect):
    api.bodies["lines"] = (
        '{"items": [{"LineID": 1, "Amount": 12345678901234567890.120, "Product": {"a": [1, 2.50, true]}},\n'
        ' {"LineID": 2, "Amount": 1.10, "Product": "茶", "New": false}]}'
    ).encode()
    connect("{type: none}")()
    assert shop.lines("LineID, Amount, Product") == [
        ("1", "12345678901234567890.120", '{"a":[1,2.5,true]}'),
        ("2", "1.10", "茶"),
    ]
    assert shop.loads()[0].extra_columns == ("New",)


def test_a_plain_list_needs_no_records(shop, api, connect):
    api.bodies["lines"] = json.dumps(LINES).encode()
    assert connect("{type: none}", table="endpoint: lines")().rows == 5


def test_a_bearer_token_is_sent_and_shown_nowhere(shop, api, connect):
    api.token = "s3cr3t-token"
    land = connect(
        system='    auth: {type: bearer, token: "${TOKEN}"}\n', environment={"TOKEN": "s3cr3t-token"}
    )
    assert land().rows == 5
    assert {asked[2] for asked in api.asked if asked[0] == "/lines"} == {"Bearer s3cr3t-token"}
    texts = [path.read_text(errors="replace") for path in shop.home.root.rglob("*") if path.is_file()]
    assert not any("s3cr3t-token" in text for text in texts)


def test_a_wrong_token_is_unavailable_and_not_shown(api, connect):
    api.token = "right-token"
    land = connect(
        system='    auth: {type: bearer, token: "${TOKEN}"}\n', environment={"TOKEN": "wrong-token"}
    )
    outcome = land()
    assert outcome.status == "unavailable"
    assert "the API answers 401" in outcome.reason
    assert "Check the credentials" in outcome.todo
    assert "wrong-token" not in repr(outcome)


@pytest.mark.parametrize("token", ["s3cr3t-token\n", "s3cr3t-中"])
def test_a_token_that_no_header_may_have_is_told_and_not_shown(shop, connect, token):
    system = '    auth: {type: bearer, token: "${TOKEN}"}\n'
    outcome = connect(system=system, environment={"TOKEN": token})()
    assert outcome.status == "unavailable"
    assert "s3cr3t" not in repr(outcome)
    assert "line end" in outcome.reason or "plain ASCII" in outcome.todo


@pytest.mark.parametrize("address", ["api.example.com", "ftp://api.example.com", "", "https://"])
def test_an_address_that_is_none_is_told_with_what_to_write(shop, connect, address):
    outcome = connect(environment={"API": address})()
    assert outcome.status == "unavailable"
    assert "is no address of an API" in outcome.reason
    assert "https://" in outcome.todo


def test_a_missing_secret_is_named(connect):
    outcome = connect(system='    auth: {type: bearer, token: "${TOKEN}"}\n')()
    assert outcome.status == "unavailable"
    assert "TOKEN is not set" in outcome.reason


OAUTH = (
    '    auth: {type: oauth2, token_url: "${API}/token", client_id: "${ID}", '
    'client_secret: "${SECRET}", scope: read}\n'
)


def test_oauth2_client_credentials_fetch_a_token(shop, api, connect):
    api.token = "granted"
    api.script = [(200, {}, b'{"access_token": "granted", "expires_in": 3600}')]
    land = connect(system=OAUTH, environment={"ID": "me", "SECRET": "hunter2hunter2"})
    assert land().rows == 5
    path, form, _ = api.asked[0]
    assert path == "/token"
    assert form == {
        "grant_type": "client_credentials",
        "client_id": "me",
        "client_secret": "hunter2hunter2",
        "scope": "read",
    }


@pytest.mark.parametrize("answer", [(401, {}, b"{}"), (200, {}, b"<html>"), (500, {}, b"")])
def test_a_token_that_is_refused_is_unavailable_and_shows_no_secret(api, connect, answer):
    api.script = [answer] * 8
    outcome = connect(system=OAUTH, environment={"ID": "me", "SECRET": "hunter2hunter2"})()
    assert outcome.status == "unavailable"
    assert "hunter2" not in repr(outcome)


def test_429_is_waited_for_as_long_as_the_server_says(shop, api, connect):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    api.script = [(429, {"Retry-After": "17"}, b""), (429, {"Retry-After": later}, b""), (503, {}, b"")]
    assert connect()().rows == 5
    first, second, third = shop.waited[:3]
    assert (first, third) == (17, 2.0)
    assert 90 < second <= 100


def test_429_then_500_then_garbage_is_refused_and_the_rest_goes_on(shop, api, connect):
    api.rows["shops"] = [{"ShopID": 7, "Group": "North"}]
    api.script = [(429, {"Retry-After": "1"}, b""), (500, {}, b""), (200, {}, b"<html>gateway</html>")]
    outcome = connect()()
    assert shop.waited == [1, 1.0]
    assert outcome.status == "refused"
    assert "the answer is no JSON; it begins '<html>gateway</html>'" in outcome.reason
    assert shop.query("select ShopID from landing_erp.shop") == [("7",)]
    body, note = shop.quarantined()
    assert body.read_bytes() == b"<html>gateway</html>"
    assert json.loads(note.read_text())["table"] == "order_line"
    assert [load.table for load in shop.loads()] == ["shop"]


@pytest.mark.parametrize(
    "page",
    [
        b'{"items": [{"LineID": 1, "Amount": 1, "Amount": 2}]}',
        b'{"items": [{"LineID": 1, "Amount": 1, "Product": {"Amount"\n: 1, "Amount": 2}}]}',
        b'{"items": [], "items": [{"LineID": 1, "Amount": 1, "Product": "a :b"}]}',
    ],
)
def test_a_page_with_a_key_twice_in_one_object_is_refused_and_kept(shop, api, connect, page):
    api.bodies["lines"] = page
    outcome = connect("{type: none}")()
    assert outcome.status == "refused"
    assert re.search(r"an object of the answer has the key '(Amount|items)' twice", outcome.reason)
    assert "one value of each key" in outcome.todo
    body, _ = shop.quarantined()
    assert body.read_bytes() == page


def test_a_page_with_what_looks_like_keys_in_its_texts_is_read(shop, api, connect):
    api.bodies["lines"] = b'{"items": [{"LineID": 1, "Amount": 1, "Product": "a :b, \\"c\\": d"}]}'
    assert connect("{type: none}")().rows == 1
    assert shop.lines("Product") == [('a :b, "c": d',)]


def test_patience_ends(shop, api, connect):
    api.script = [(503, {}, b"")] * 4
    outcome = connect()()
    assert outcome.status == "unavailable"
    assert "it answers 503 Service Unavailable; tried 4 times" in outcome.reason
    assert shop.waited == [0.5, 1.0, 2.0]


def test_a_server_that_is_down_is_unavailable(shop, connect, api):
    land = connect(environment={"API": "http://127.0.0.1:1"})
    outcome = land()
    assert outcome.status == "unavailable"
    assert "the connection is refused" in outcome.reason


def test_a_server_that_is_down_is_asked_once_for_all_tables(shop, connect, api):
    connect(environment={})
    result = shop.land({"API": "http://127.0.0.1:1"})
    assert shop.waited == [0.5, 1.0, 2.0]
    assert [outcome.status for outcome in result.outcomes] == ["unavailable", "unavailable"]
    assert len({outcome.reason for outcome in result.outcomes}) == 1


def test_an_endpoint_that_fails_keeps_no_other_from_being_asked(shop, api, connect):
    api.rows["shops"] = [{"ShopID": 7, "Group": "North"}]
    api.script = [(503, {}, b"")] * 4
    connect()()
    assert [load.table for load in shop.loads()] == ["shop"]


def test_a_page_that_breaks_off_leaves_nothing(shop, api, connect):
    good = json.dumps({"items": LINES[:2], "next_cursor": "2"}).encode()
    api.script = [(200, {}, good), (200, {}, good[:-5])]
    assert connect()().status == "refused"
    assert shop.loads() == []


def test_the_same_page_for_ever_is_refused(api, connect):
    same = json.dumps({"items": LINES[:2], "next_cursor": "2"}).encode()
    api.bodies["lines"] = same
    outcome = connect()()
    assert outcome.status == "refused"
    assert "the same page again" in outcome.reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"error": "maintenance"}', "no list of objects at 'items'"),
        (b'{"items": {"a": 1}}', "no list of objects at 'items'"),
        (b'{"items": [1, 2]}', "no list of objects at 'items'"),
        (b"[]", "no rows"),
        (b'{"items": []}', "no rows"),
        (b'{"items": [{"LineID": 1}]}', "required column missing: Amount"),
    ],
)
def test_answers_without_the_rows_are_refused_and_noted(shop, api, connect, body, reason):
    api.bodies["lines"] = body
    outcome = connect("{type: none}")()
    assert outcome.status == "refused"
    assert reason in outcome.reason
    assert shop.loads() == []
    [note] = shop.quarantined()
    assert reason in json.loads(note.read_text())["reason"]


def test_a_next_page_on_another_host_is_refused_and_gets_no_token(api, connect):
    api.bodies["lines"] = json.dumps({"items": LINES[:1], "next": "http://localhost:9/steal"}).encode()
    outcome = connect("{type: next_link}")()
    assert outcome.status == "refused"
    assert "leads to another address (http://localhost:9)" in outcome.reason


def test_a_redirect_to_another_host_is_refused(api, connect):
    api.script = [(302, {"Location": "http://localhost:9/steal"}, b"")]
    outcome = connect()()
    assert outcome.status == "refused"
    assert "another address" in outcome.reason


def test_an_unknown_endpoint_is_unavailable(api, connect):
    del api.rows["lines"]
    outcome = connect()()
    assert outcome.status == "unavailable"
    assert "the API answers 404" in outcome.reason


INCREMENTAL = (
    "endpoint: lines, records: items, load: incremental, cursor: ModifiedDate, cursor_param: modified_since"
)


def test_an_incremental_endpoint_is_asked_for_what_is_new(shop, api, connect):
    land = connect(table=INCREMENTAL)
    assert land().rows == 5
    assert land().status == "unchanged"
    api.rows["lines"].append({"LineID": 6, "Amount": 6, "ModifiedDate": "2026-01-05"})
    api.rows["lines"].append({"LineID": 7, "Amount": 7, "ModifiedDate": "2026-01-07"})
    api.asked.clear()
    assert land().rows == 2
    assert api.asked[0][1]["modified_since"] == "2026-01-05"
    assert shop.lines("_load, LineID")[5:] == [(2, "7"), (2, "6")]
    assert shop.loads()[-1].cursor.end == "2026-01-07"
    assert land().status == "unchanged"


def test_an_api_that_gives_everything_each_time_repeats_nothing(shop, api, connect):
    land = connect(table=INCREMENTAL.replace(", cursor_param: modified_since", ""))
    assert land().rows == 5
    assert land().status == "unchanged"
    api.rows["lines"].insert(0, {"LineID": 9, "Amount": 9, "ModifiedDate": "2026-01-02"})
    assert land().rows == 1
    assert len(shop.lines()) == 6
