"""Conditions that fail do not tell a role of rows that it does not see: not by words, and not by failing."""

import pytest

from plumbline.access import Account, Policy, Principal, Role, Selection
from plumbline.errors import DefinitionError
from plumbline.serving import Question
from plumbline.serving.desk import Desk

ONLINE = Role("online", metrics=Selection(names=("net_sales",)), rows={"order__channel": ("online",)})
POLICY = Policy("demo", {"online": ONLINE}, (), {"eve": Account("eve", ("online",))})
# Fails on the product that only the store has sold.
TRAP = "cast(case when product__name = 'Secret' then 'x' else '1' end as integer) = 1"


@pytest.fixture
def asked(shop):
    shop.change("""
        INSERT INTO marts.products VALUES (3, 'Secret', 'Bikes');
        INSERT INTO marts.order_lines VALUES (7, 4, 3, '2026-02-14', 1)""")
    shop.publish()
    desk = Desk(shop.home, POLICY)

    def answer(role, where):
        with desk.visit(Principal("eve", role) if role else None) as visit:
            return visit.ask(Question(("net_sales",), where=(where,))).rows()

    yield answer
    desk.close()


def test_a_condition_does_not_fail_on_rows_that_are_not_seen(asked):
    with pytest.raises(DefinitionError):
        asked("", TRAP)
    assert asked("online", TRAP) == asked("online", "true or product__name = 'x'")


def test_the_value_that_a_condition_fails_on_is_not_told_to_a_role(asked):
    failing = "cast(product__name as integer) = 1"
    with pytest.raises(DefinitionError, match="Could not convert"):
        asked("", failing)
    with pytest.raises(DefinitionError) as error:
        asked("online", failing)
    assert "Road bike" not in str(error.value)
    assert "Secret" not in str(error.value)
