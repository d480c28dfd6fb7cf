"""The door for servers: one generation per visit, kept answers, limits, and many visitors at a time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest

from plumbline.access import Account, Policy, Principal, Role, Selection
from plumbline.errors import LimitError, StorageError
from plumbline.serving import Question
from plumbline.serving.desk import Desk, Limits

SALES = Question(("net_sales",))
BY_DAY = Question(("net_sales",), ("metric_time__day",))
SLOW = "SELECT count(*) FROM range(1000000000) a, range(1000000) b"


@pytest.fixture
def desk(shop):
    shop.publish()
    desk = Desk(shop.home)
    yield desk
    desk.close()


def total(visit):
    return visit.ask(SALES).rows()[0][0]


def test_nothing_published_is_said(shop):
    with pytest.raises(StorageError, match="nothing is published yet"), Desk(shop.home).visit():
        pass


def test_a_visit_keeps_its_generation_and_the_next_sees_the_new_one(shop, desk):
    with desk.visit() as before:
        shop.change("INSERT INTO marts.order_lines VALUES (7, 6, 1, '2026-02-21', 70)")
        shop.publish()
        assert total(before) == Decimal("430.000001")
        with desk.visit() as after:
            assert total(after) == Decimal("500.000001")
            assert after.publication.generation == before.publication.generation + 1
        assert before.ask(BY_DAY).publication == before.publication


def test_what_is_kept_is_of_its_generation(shop, desk):
    with desk.visit() as visit:
        first, tag = total(visit), visit.etag
    shop.change("UPDATE marts.order_lines SET net_amount = 0")
    shop.publish()
    with desk.visit() as visit:
        assert total(visit) != first
        assert visit.etag != tag


def test_a_policy_that_changes_counts_from_the_next_visit_on(shop):
    shop.publish()
    role = Role("online", metrics=Selection(everything=True), rows={"order__channel": ("online",)})
    policy = Policy("demo", {"r": role}, (), {"ann": Account("ann", ("r",))}, digest="1")
    policies = [policy]
    desk = Desk(shop.home, lambda: policies[-1])
    with desk.visit(Principal("ann", "r")) as visit:
        assert (total(visit), visit.etag[-2:]) == (Decimal("359.500001"), "-r")
    stores = replace(role, rows={"order__channel": ("store",)})
    policies.append(replace(policy, roles={"r": stores}, digest="2"))
    with desk.visit(Principal("ann", "r")) as visit:
        assert total(visit) == Decimal("70.500000")
    desk.close()


def test_an_answer_vouches_for_itself(desk):
    with desk.visit() as visit:
        reply = visit.ask(Question(("net_sales", "orders"), ("metric_time__month",), end="2026-01"))
        assert reply.names == ["metric_time__month", "net_sales", "orders", "is_partial"]
        assert reply.publication.generation == 1
        assert reply.verdicts == {"net_sales": "certified", "orders": "certified"}
        assert reply.definitions == {"net_sales": "1.0", "orders": "1.0"}
        assert reply.origin == "marts order_lines, orders"
        assert reply.arrow().num_rows == len(reply.rows())
        assert "net_sales" in reply.plan


def test_more_rows_than_the_limit_are_cut_and_said(desk):
    with desk.visit() as visit:
        for _ in range(2):
            reply = visit.ask(BY_DAY, Limits(rows=3))
            assert (len(reply.rows()), reply.truncated, reply.arrow().num_rows) == (3, True, 3)
        assert not visit.ask(BY_DAY, Limits(rows=5)).truncated


class Slow:
    """A connection on which figures take for ever."""

    def __init__(self, connection):
        self._connection = connection
        self.began = threading.Event()

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def execute(self, sql, *given):
        if "net_amount" in sql:
            self.began.set()
            return self._connection.execute(SLOW)
        return self._connection.execute(sql, *given)


def slowed(visit):
    connection = Slow(visit.source.connection)
    visit._source = replace(visit.source, connection=connection)
    return connection


def test_what_takes_too_long_is_ended(desk):
    with desk.visit() as visit:
        slowed(visit)
        with pytest.raises(LimitError, match=r"longer than 0\.05 seconds") as error:
            visit.ask(SALES, Limits(seconds=0.05))
        assert error.value.code == "query-timeout"


def test_what_takes_too_long_with_a_condition_is_no_bad_condition(desk):
    with desk.visit() as visit:
        slowed(visit)
        with pytest.raises(LimitError):
            visit.ask(Question(("net_sales",), where=("order__channel = 'online'",)), Limits(seconds=0.05))


def test_a_visit_that_was_cancelled_asks_no_more(desk):
    with desk.visit() as visit:
        visit.cancel()
        with pytest.raises(LimitError) as error:
            visit.ask(Question(("net_sales",), ("product__name",), ("net_sales > 17",)))
    assert error.value.code == "query-cancelled"


def test_a_question_can_be_cancelled_by_another_thread(desk):
    with desk.visit() as visit:
        connection = slowed(visit)

        def cancel():
            connection.began.wait(10)
            visit.cancel()

        threading.Thread(target=cancel).start()
        with pytest.raises(LimitError) as error:
            visit.ask(SALES)
        assert error.value.code == "query-cancelled"


def test_a_connection_serves_on_after_a_question_was_ended(desk):
    with desk.visit() as visit:
        slowed(visit)
        with pytest.raises(LimitError):
            visit.ask(SALES, Limits(seconds=0.05))
    with desk.visit() as visit:
        assert total(visit) == Decimal("430.000001")


def test_many_ask_while_generations_change(shop, desk):
    """Each answer is of one generation: all channels together are the total, whatever is published."""
    over = threading.Event()

    def ask():
        asked = 0
        while not over.is_set():
            with desk.visit() as visit:
                parts = visit.ask(Question(("net_sales",), ("order__channel",), limit=50 + asked)).rows()
                assert sum(amount for _, amount in parts) == total(visit)
            asked += 1
        return asked

    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(ask) for _ in range(4)]
        for number in range(5):
            shop.change(f"UPDATE marts.order_lines SET net_amount = net_amount + {number + 1}")
            shop.publish()
        over.set()
        assert all(each.result() > 0 for each in found)


def test_a_list_of_metrics_can_be_changed_by_who_got_it(desk):
    with desk.visit() as visit:
        visit.metrics()[0]["label"] = "mine"
        assert visit.metrics()[0]["label"] != "mine"
