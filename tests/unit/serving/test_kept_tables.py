"""Ranges cut from tables in memory are what the SQL of each question reads."""

import random
from dataclasses import replace
from datetime import date

import pytest

from plumbline.access import Account, Policy, Principal, Role, Selection, SmallGroup
from plumbline.serving import Question, ask, open_generation
from plumbline.serving.at_once import NotAtOnce
from plumbline.serving.desk import Desk
from plumbline.serving.kept_tables import KeptTables

POLICY = Policy(
    "demo",
    {"careful": Role("careful", metrics=Selection(everything=True))},
    (SmallGroup(Selection(names=("net_sales",)), "orders", 2),),
    {"kim": Account("kim", ("careful",))},
)
RANGES = [(None, None), ("2025", "2025"), ("2025-02", "2026-01"), (None, "2025-12"), ("2026-01", None)]


@pytest.fixture(scope="module")
def desk(sold):
    desk = Desk(sold.home, POLICY)
    yield desk
    desk.close()


@pytest.fixture(scope="module")
def sold(tmp_path_factory):
    from tests.unit.serving.conftest import Shop

    shop = Shop(tmp_path_factory.mktemp("kept"))
    shop.change("""
        CREATE OR REPLACE TABLE candidates.sales_monthly AS
        SELECT date_trunc('month', order_date)::DATE AS month, sum(net_amount) AS net_sales,
            count(DISTINCT order_id) AS orders
        FROM marts.order_lines GROUP BY 1""")
    shop.publish()
    return shop


def some_question(chance):
    metrics = tuple(chance.sample(("net_sales", "orders"), chance.choice((1, 2))))
    start, end = chance.choice(RANGES)
    order = chance.choice((None, "metric_time__month", "-metric_time__month", "-" + metrics[0]))
    limit = chance.choice((None, None, 0, 1, 3))
    return Question(metrics, ("metric_time__month",), (), start, end, None, (order,) if order else (), limit)


def test_ranges_orders_and_limits_give_the_rows_of_their_sql(sold, desk):
    chance = random.Random(2)
    with open_generation(sold.home, sealed=True) as source:
        for _ in range(60):
            question = some_question(chance)
            expected = ask(sold.home, source, question)
            with desk.visit() as visit:
                found = visit.ask(question)
            assert found.origin == f"published.{expected.published_table}" == "published.sales_monthly"
            assert found.rows() == expected.rows(), question
            assert list(found.notes) == expected.notes(expected.rows())


def test_small_groups_stay_left_out(desk):
    with desk.visit(Principal("kim", "careful")) as visit:
        reply = visit.ask(Question(("orders", "net_sales"), ("metric_time__month",)))
    assert reply.origin == "published.sales_monthly"
    assert [(orders, amount is None) for _, orders, amount, _ in reply.rows()] == [
        (1, True),
        (1, True),
        (1, True),
        (2, False),
    ]


def test_a_table_that_is_too_large_is_not_kept():
    tables = KeptTables(largest=4)
    assert tables.get("a", 0, lambda: [(date(2026, 1, 1), 1)] * 3) is None
    assert tables.get("b", 0, lambda: [(date(2026, 1, 1), 1)] * 2) is not None


def test_the_least_used_are_forgotten_first():
    read = []
    tables = KeptTables(most=4)
    for name in ("a", "b", "a", "c", "a", "b"):
        tables.get(name, 0, lambda name=name: read.append(name) or [(date(2026, 1, 1), 1)])
    assert read == ["a", "b", "c", "b"]


def test_rows_without_a_period_are_of_no_range():
    rows = [(None, 1), (date(2026, 1, 1), 2)]
    kept = KeptTables().get("a", 0, lambda: rows)
    assert kept.within(None, None).rows == rows
    assert kept.within(date(2025, 1, 1), None).rows == rows[1:]


def test_what_is_in_memory_is_answered_at_once_and_nothing_else(sold):
    """A table is read once by somebody who may wait; its other ranges need no one."""
    desk = Desk(sold.home, POLICY)
    by = ("metric_time__month",)
    first, second = (Question(("orders",), by, (), day, day) for day in ("2025", "2026-01"))
    calculated = Question(("orders",), ("order__channel",))
    assert desk.visit_at_once() is None
    with desk.visit() as visit:
        expected = visit.ask(first).rows()
    now = desk.visit_at_once()
    assert now.ask(first).rows() == expected
    assert now.ask(second).rows() == [(date(2026, 1, 1), 1, False)]
    for question in (calculated, replace(second, where=("orders > 1",)), Question(("net_sales",))):
        with pytest.raises(NotAtOnce):
            now.ask(question)
    with pytest.raises(NotAtOnce):
        now.values("order__channel")
    desk.close()
