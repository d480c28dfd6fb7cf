"""Questions that are asked of the marts make use of how large these are, and answer the same."""

import pytest

from plumbline.compiler import early
from plumbline.serving import Question, edition, open_generation
from plumbline.serving.desk import Desk
from plumbline.serving.door import ask, query

BY_CHANNEL = Question(("net_sales", "orders"), ("order__channel", "metric_time__month"))
SUMS = "sums of moments"


@pytest.fixture
def gain(monkeypatch):
    """Let it be a gain for tables of six rows, too."""
    monkeypatch.setattr(early, "_STEP", -1e12)
    monkeypatch.setattr(early, "_MOMENT", SUMS)


def asked(shop):
    desk = Desk(shop.home)
    with desk.visit() as visit:
        reply = visit.ask(BY_CHANNEL)
    desk.close()
    return reply


@pytest.mark.parametrize("large_rows", [1, 1000], ids=["marts in parts", "marts as tables"])
@pytest.mark.usefixtures("gain")
def test_a_server_answers_from_sums_what_it_answers_from_rows(shop, large_rows, monkeypatch):
    shop.publish(large_rows=large_rows)
    sums = asked(shop)
    assert SUMS in sums.sql
    monkeypatch.setattr(edition.Edition, "sizes", None)
    rows = asked(shop)
    assert SUMS not in rows.sql
    assert sums.rows() == rows.rows()


@pytest.mark.usefixtures("gain")
def test_the_plan_in_words_is_that_of_the_sql(shop, monkeypatch):
    shop.publish()
    for most, is_first in ((edition.MANY, False), (0, True)):
        monkeypatch.setattr(edition, "MANY", most)
        with open_generation(shop.home) as source:
            answer = ask(shop.home, source, BY_CHANNEL)
            assert ("added up first by" in answer.plan) is (SUMS in answer.sql) is is_first


@pytest.mark.usefixtures("gain")
def test_who_asks_once_is_told_the_sizes_of_large_marts_only(shop, monkeypatch):
    shop.publish()
    plain = query(shop.home, ["net_sales"], by=["order__channel", "metric_time__month"])
    kept = set(shop.home.compiled.rglob("*.sql"))
    monkeypatch.setattr(edition, "MANY", 0)
    sized = query(shop.home, ["net_sales"], by=["order__channel", "metric_time__month"])
    assert sized.equals(plain)
    assert any(SUMS in path.read_text("utf-8") for path in set(shop.home.compiled.rglob("*.sql")) - kept)
    assert not any(SUMS in path.read_text("utf-8") for path in kept)
