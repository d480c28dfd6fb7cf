"""/query: the same figures in JSON, CSV and Arrow, exact, with what vouches for them."""

import csv
import io
import json
from decimal import Decimal

import pyarrow as pa
import pytest

from plumbline.serving import formats
from plumbline.serving.http import answers
from plumbline.serving.http.kept import Kept
from tests.unit.serving.http.conftest import asking

MONTHS = {"metrics": "net_sales", "grain": "month", "from": "2025-01", "to": "2025-02"}


def exact(response):
    return json.loads(response.content, parse_float=Decimal)


def test_figures_have_all_their_digits(ann):
    found = exact(ann.get("/query", params={"metrics": "net_sales"}))
    assert found["data"] == [{"net_sales": Decimal("430.000001")}]


def test_an_answer_says_what_vouches_for_it(ann, published):
    told = exact(ann.get("/query", params=MONTHS))
    assert told["publication"]["id"] == "demo-000001"
    assert (told["as_of"], told["role"], told["row_count"]) == ("2026-02-28", "boss", 2)
    assert told["metrics"] == [
        {
            "name": "net_sales",
            "label": "Net sales",
            "label_zh": "净销售额",
            "unit": "currency",
            "verdict": "certified",
            "definition_version": "1.0",
        }
    ]
    assert [column["kind"] for column in told["columns"]] == ["dimension", "figure", "mark"]
    assert told["origin"]


def test_the_body_of_post_asks_the_same(ann):
    got = exact(ann.get("/query", params=MONTHS))
    asked = {"metrics": ["net_sales"], "grain": "month", "from": "2025-01", "to": "2025-02"}
    assert exact(ann.post("/query", json=asked))["data"] == got["data"] != []


def test_all_parts_of_a_question_count(ann, published):
    asked = {
        "metrics": "net_sales,orders",
        "by": "order__channel",
        "where": "order__channel = 'online'",
        "order": "-net_sales",
        "limit": "1",
        "compare": "year-ago",
        "from": "2026",
        "to": "2026",
    }
    (row,) = exact(ann.get("/query", params=asked))["data"]
    (expected,) = published.sql("""
        SELECT channel, sum(net_amount), count(DISTINCT order_id)
        FROM marts.order_lines JOIN marts.orders USING (order_id)
        WHERE channel = 'online' AND year(marts.orders.order_date) = 2026 GROUP BY channel""")
    assert (row["order__channel"], row["net_sales"], row["orders"]) == expected
    assert row["net_sales__year_ago"] == Decimal("150.000001")


def test_metrics_may_be_called_in_chinese(ann):
    told = exact(ann.get("/query", params={"metrics": "净销售额"}))
    assert told["data"] == [{"net_sales": Decimal("430.000001")}]


@pytest.mark.parametrize("ask", [{"params": {"format": "csv"}}, {"headers": {"accept": "text/csv"}}])
def test_csv(ann, ask):
    params = {**MONTHS, **ask.get("params", {})}
    found = ann.get("/query", params=params, headers=ask.get("headers"))
    rows = list(csv.DictReader(io.StringIO(found.text)))
    assert found.headers["content-type"] == "text/csv; charset=utf-8"
    assert rows[0] == {
        "metric_time__month": "2025-01-01",
        "net_sales": "150.000001",
        "is_partial": "false",
    }
    assert json.loads(found.headers["plumbline-verdicts"]) == {"net_sales": "certified"}
    assert json.loads(found.headers["plumbline-definitions"]) == {"net_sales": "1.0"}
    assert found.headers["plumbline-publication"] == "demo-000001"


def test_arrow(ann):
    found = ann.get(
        "/query", params=MONTHS, headers={"accept": "application/vnd.apache.arrow.stream, */*;q=0.1"}
    )
    table = pa.ipc.open_stream(found.content).read_all()
    assert table.column("net_sales").to_pylist()[0] == Decimal("150.000001")
    assert pa.types.is_date32(table.schema.field("metric_time__month").type)
    told = json.loads(table.schema.metadata[b"plumbline"])
    assert (told["publication"]["id"], told["metrics"][0]["verdict"]) == ("demo-000001", "certified")


def test_a_large_table_is_sent_in_pieces_which_are_the_same(published, monkeypatch):
    asked = {"metrics": "net_sales", "by": "product__name,order", "grain": "day", "format": "arrow"}
    monkeypatch.setattr(Kept, "keep", lambda *given: None)
    with asking(published.home) as client:
        whole = client.get("/query", params=asked)
        monkeypatch.setattr(answers, "_IN_PIECES", 0)
        monkeypatch.setattr(formats, "_LARGE_PIECE", 8)
        found = client.get("/query", params=asked)
    assert found.content == whole.content
    about = ("plumbline-request", "date")
    assert {**found.headers, **dict.fromkeys(about)} == {**whole.headers, **dict.fromkeys(about)}


def test_notes_are_the_same_in_every_format(ann):
    asked = {"metrics": "net_sales", "by": "order__channel", "where": "order__channel = 'onlin'"}
    told = ann.get("/query", params=asked).json()["notes"]
    assert told
    assert json.loads(ann.get("/query", params={**asked, "format": "csv"}).headers["plumbline-notes"]) == told
    arrow = ann.get("/query", params={**asked, "format": "arrow"})
    assert json.loads(arrow.headers["plumbline-notes"]) == told


def test_an_unknown_format_is_refused(ann):
    assert ann.get("/query", params=MONTHS, headers={"accept": "image/png"}).status_code == 406
    assert ann.get("/query", params={**MONTHS, "format": "xml"}).status_code == 422


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"metrics": "net_salse"}, "unknown-metric"),
        ({"metrics": "net_sales", "by": "sky"}, "unknown-dimension"),
        ({"metrics": "net_sales", "where": "1; drop table x"}, "bad-condition"),
        ({"metrics": "leads"}, "not-available"),
        ({"metrics": "net_sales", "from": "yesterday"}, "bad-date"),
        ({"metrics": "net_sales", "order": "sky"}, "unknown-order"),
        ({"metrics": ""}, "no-metric"),
        ({"metrics": "net_sales", "compare": "previous"}, "no-period"),
        ({"metrics": "net_sales", "from": "2026-02", "to": "2026-01"}, "bad-range"),
        ({}, "bad-parameter"),
        ({"metrics": "net_sales", "frm": "2026"}, "bad-parameter"),
        ({"metrics": "net_sales", "limit": "-1"}, "bad-parameter"),
        ({"metrics": "net_sales", "grain": "hour"}, "bad-parameter"),
        ({"metrics": "net_sales", "grain": ["month", "year"]}, "bad-parameter"),
        ({"metrics": "net_sales", "from": ["2025", "2026"]}, "bad-parameter"),
        ({"metrics": "net_sales", "limit": ["1", "2"]}, "bad-parameter"),
    ],
)
def test_what_cannot_be_answered_is_a_problem_with_a_code(ann, asked, code):
    found = ann.get("/query", params=asked)
    assert found.headers["content-type"] == "application/problem+json"
    told = found.json()
    assert (found.status_code, told["status"], told["code"]) == (422, 422, code)
    assert told["what"]
    assert told["type"] == f"urn:plumbline:error:{code}"
    # In the words of this way in, not of the command line.
    assert "--" not in found.text
    assert "`plumb " not in found.text


def test_a_problem_says_what_to_do(ann):
    assert "net_sales" in ann.get("/query", params={"metrics": "net_salse"}).json()["todo"]
    told = ann.get("/query", params={"metrics": "net_sales", "compare": "previous"}).json()
    assert told["todo"] == "Give a range with from and to, or split by a period with grain=month."
    assert "`GET /metrics`" in ann.get("/query", params={"metrics": "leads"}).json()["todo"]


def test_a_body_that_is_no_json_is_a_problem(ann):
    found = ann.post("/query", content=b"{", headers={"content-type": "application/json"})
    assert (found.status_code, found.json()["code"]) == (422, "bad-parameter")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_is_not_said_to_be_json_is_of_the_wrong_kind(ann, kind):
    found = ann.post("/query", content=b'{"metrics": ["net_sales"]}', headers={"content-type": kind})
    assert (found.status_code, found.json()["code"]) == (415, "unsupported-media-type")


def test_too_many_rows_are_no_part_of_an_answer(published):

    asked = {"metrics": "net_sales", "by": "product__category"}
    with asking(published.home, rows=2, arrow_rows=2) as client:
        for style in ("json", "csv", "arrow"):
            found = client.get("/query", params={**asked, "format": style})
            assert (found.status_code, found.json()["code"]) == (422, "too-many-rows")
        assert client.get("/query", params={**asked, "limit": 2}).json()["row_count"] == 2


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠a"]
)
def test_a_text_that_is_a_formula_gets_an_apostrophe(text):
    from plumbline.serving.formats import csv_text

    written = csv_text(["a", "b"], [[text, Decimal("-5")]], end="\r\n")
    (row,) = list(csv.reader(io.StringIO(written, newline="")))[1:]
    assert row == [f"'{text}", "-5"]


def test_formulas_among_the_members_are_neutral_in_csv_and_whole_in_json(tmp_path):
    from tests.unit.serving.conftest import Shop
    from tests.unit.serving.http.conftest import running

    shop = Shop(tmp_path)
    shop.change("UPDATE marts.orders SET channel = '=cmd|''/c calc''!A1' WHERE channel = 'online'")
    shop.publish()
    with running(shop.home, operator=True) as server, server.client() as client:
        asked = {"metrics": "net_sales", "by": "order__channel"}
        text = client.get("/query", params={**asked, "format": "csv"}).text
        assert "'=cmd" in text
        assert "\n=cmd" not in text
        told = client.get("/query", params=asked).json()["data"][0]["order__channel"]
        assert told.startswith("=cmd")
