"""One publication per answer: entity tags hold until the next, and nobody sees a mix of two."""

import threading

import pytest

from tests.unit.serving.conftest import Shop
from tests.unit.serving.http.conftest import SALES_MONTHLY, running

ASKED = {"metrics": "net_sales", "by": "product__category"}
PUBLICATIONS = 4


@pytest.fixture
def shop(tmp_path):
    found = Shop(tmp_path)
    found.change(SALES_MONTHLY)
    found.publish()
    return found


def test_an_answer_is_known_by_its_tag_until_the_next_publication(shop):
    with running(shop.home, operator=True) as server, server.client() as client:
        first = client.get("/query", params=ASKED)
        known = {"if-none-match": first.headers["etag"]}
        again = client.get("/query", params=ASKED, headers=known)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        assert "private" in first.headers["cache-control"]
        shop.change("UPDATE marts.order_lines SET net_amount = net_amount + 1")
        shop.publish()
        after = client.get("/query", params=ASKED, headers=known)
        assert after.status_code == 200
        assert after.headers["etag"] != first.headers["etag"]
        assert after.json()["data"] != first.json()["data"]


def test_tags_differ_by_question_format_and_role(published):
    with running(published.home) as server, server.client("ann") as client:
        asked = [
            client.get("/query", params=ASKED),
            client.get("/query", params={**ASKED, "limit": 9}),
            client.get("/query", params={**ASKED, "format": "csv"}),
            client.get("/query", params=ASKED, headers={"Plumbline-Role": "sales"}),
            client.get("/metrics"),
        ]
    assert len({found.headers["etag"] for found in asked}) == len(asked)
    assert all("Authorization" in found.headers["vary"] for found in asked)


def test_a_kept_answer_is_for_no_other_role(published):
    """Whoever knows a tag, or asks what another has just asked, gets what their own role sees."""
    with running(published.home) as server, server.client("ann") as ann, server.client("eve") as eve:
        every, tag = (found := ann.get("/query", params=ASKED)).json()["data"], found.headers["etag"]
        own = eve.get("/query", params=ASKED, headers={"if-none-match": tag})
        assert own.status_code == 200
        assert own.json()["data"] != every
        assert ann.get("/query", params=ASKED).json()["data"] == every


def test_an_error_has_no_tag(ann):
    assert "etag" not in ann.get("/query", params={"metrics": "nonsense"}).headers


def test_publications_under_load_give_no_error_and_no_mix(shop):
    """In generation n each of the six lines is worth n: every answer is 6n of the publication it names."""
    seen, wrong = set(), []
    stop = threading.Event()

    def keep_asking(server, style):
        with server.client() as client:
            while not stop.is_set():
                found = client.get("/query", params={**ASKED, "format": style})
                if found.status_code != 200:
                    wrong.append(found.text)
                    continue
                number = int(found.headers["plumbline-publication"].rpartition("-")[2])
                rows = found.text.splitlines()[1:] if style == "csv" else found.json()["data"]
                figures = (row.rpartition(",")[2] if style == "csv" else row["net_sales"] for row in rows)
                total = sum(map(float, figures))
                seen.add(number)
                if number > 1 and total != 6 * number:
                    wrong.append((number, total))

    with running(shop.home, operator=True) as server:
        threads = [
            threading.Thread(target=keep_asking, args=(server, style)) for style in ("json", "csv", "json")
        ]
        for thread in threads:
            thread.start()
        for number in range(2, 2 + PUBLICATIONS):
            shop.change(f"UPDATE marts.order_lines SET net_amount = {number}")
            shop.publish()
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert len(seen) > 1
