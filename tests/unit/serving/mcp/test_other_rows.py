"""What a role with limited rows is answered is what everybody would be, were there no other rows.

Questions are drawn at random, the same for both: the role asks the whole shop, the operator one that never
had the other rows. Whatever differs has come from rows that the role does not see.
"""

import random

import pytest

from plumbline.errors import PlumblineError
from plumbline.serving.desk import Desk
from plumbline.serving.mcp import arguments as given
from plumbline.serving.mcp.figure_tools import compare, query_metrics, why
from plumbline.serving.mcp.room import Room
from tests.unit.serving.conftest import Shop
from tests.unit.serving.mcp.conftest import POLICY

DIMENSIONS = ("product__category", "order__channel", "product__name")
CONDITIONS = (
    "product__category = 'Bikes'",
    "product__category is null",
    "order__channel = 'store'",
    "order__channel <> 'online' or product__category = 'Helmets'",
    "not (product__category = 'Bikes')",
    "net_sales > 60",
    "net_sales < 60 or net_sales >= 200",
)
PERIODS = ("2025", "2026", "2025-Q1", "2026-Q1", "2026-02", "2025-02")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A shop that has never had any other rows than those that the role sees."""
    shop = Shop(tmp_path_factory.mktemp("alone"))
    shop.change("""
        DELETE FROM marts.order_lines
        WHERE order_id IN (SELECT order_id FROM marts.orders WHERE channel <> 'online');
        DELETE FROM marts.orders WHERE channel <> 'online'""")
    shop.publish()
    desk = Desk(shop.home, POLICY)
    yield desk
    desk.close()


def drawn(seed):
    """Draw a call: the tool, and what it is given."""
    chance = random.Random(seed)
    by = chance.sample(DIMENSIONS, chance.randint(0, 2))
    where = chance.sample(CONDITIONS, chance.choice([0, 0, 1, 2]))
    period = chance.choice(PERIODS)
    versus = chance.choice(["previous", "year-ago"])
    match chance.choice(["query", "query", "compare", "why"]):
        case "query":
            more = {"start": period} if chance.random() < 0.6 else {}
            grain = chance.choice([None, "quarter", "year"])
            order = ["-net_sales"] if chance.random() < 0.3 else []
            asked = given.QueryMetrics(
                metrics=["net_sales"],
                by=by,
                where=where,
                grain=grain,
                order=order,
                limit=chance.choice([1, 3, 100]),
                **more,
            )
            return query_metrics, asked
        case "compare":
            return compare, given.Compare(
                metrics=["net_sales"], by=by, where=where, start=period, versus=versus
            )
    return why, given.WhyMoved(metric="net_sales", by=by, where=where, start=period, versus=versus, members=1)


def answered(desk, principal, seed):
    """Give the figures of an answer, or the code of a mistake; notes and origins may differ."""
    tool, asked = drawn(seed)
    with desk.visit(principal) as visit:
        try:
            answer = tool(Room(visit), asked).model_dump(mode="json")
        except PlumblineError as error:
            return error.code
    words = ("notes", "origin", "company", "published_at", "publication_id")
    return {name: value for name, value in answer.items() if name not in words}


@pytest.mark.parametrize("start", range(0, 120, 20))
def test_no_figure_comes_from_rows_that_a_role_does_not_see(desk, alone, start):
    online = POLICY.principal("a", "online")
    for seed in range(start, start + 20):
        assert answered(desk, online, seed) == answered(alone, None, seed), drawn(seed)


def test_the_questions_would_find_rows_of_others(desk, alone):
    """The operator of the whole shop is answered otherwise: the comparison can fail."""
    differing = [seed for seed in range(40) if answered(desk, None, seed) != answered(alone, None, seed)]
    assert len(differing) > 15
