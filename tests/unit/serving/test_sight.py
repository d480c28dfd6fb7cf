"""What a role sees of a shop: its metrics, its rows, no persons, no small groups; nothing else by any way."""

from decimal import Decimal

import pytest

from plumbline.access import Account, Policy, Principal, Role, Selection, SmallGroup
from plumbline.errors import DefinitionError, UsageError
from plumbline.serving import Question
from plumbline.serving.desk import Desk

ROLES = {
    "all": Role("all", metrics=Selection(everything=True), persons=True),
    "sales": Role("sales", metrics=Selection(names=("net_sales", "average_order_value"))),
    "online": Role(
        "online",
        metrics=Selection(names=("net_sales", "orders", "leads")),
        rows={"order__channel": ("online",)},
        persons=True,
    ),
    "bikes": Role(
        "bikes",
        metrics=Selection(names=("net_sales", "orders")),
        rows={"product__category": ("Bikes", None)},
        company_wide=Selection(names=("orders",)),
        persons=True,
    ),
    "careful": Role("careful", metrics=Selection(everything=True)),
}
POLICY = Policy(
    "demo",
    ROLES,
    (SmallGroup(Selection(names=("net_sales",)), "orders", 3),),
    {"ann": Account("ann", tuple(ROLES))},
)


@pytest.fixture(scope="module")
def desk(published):
    desk = Desk(published.home, POLICY)
    yield desk
    desk.close()


@pytest.fixture
def seen(desk):
    def as_role(role, *metrics, **asked):
        with desk.visit(Principal("ann", role)) as visit:
            return visit.ask(Question(metrics, **asked)).rows()

    return as_role


@pytest.fixture
def refused(seen):
    def told(role, *metrics, **asked):
        with pytest.raises(DefinitionError) as error:
            seen(role, *metrics, **asked)
        return str(error.value)

    return told


def test_without_a_principal_everything_is_seen(desk):
    with desk.visit() as visit:
        assert visit.ask(Question(("net_sales",))).rows() == [(Decimal("430.000001"),)]


def test_a_role_counts_its_rows_only(seen):
    assert seen("online", "net_sales") == [(Decimal("359.500001"),)]
    assert seen("online", "net_sales", by=("order__channel",)) == [("online", Decimal("359.500001"))]
    assert seen("online", "orders") == [(3,)]


def test_a_condition_does_not_widen_the_rows(seen):
    assert seen("online", "net_sales", where=("order__channel = 'store'",)) == [(None,)]
    assert seen("online", "net_sales", where=("order__channel = 'store' or true",)) == [
        (Decimal("359.500001"),)
    ]


def test_the_member_without_a_name_counts_where_the_policy_says_null(seen):
    assert seen("bikes", "net_sales", by=("product__category",)) == [
        ("Bikes", Decimal("330.000001")),
        (None, Decimal("9.500000")),
    ]


def test_a_comparison_counts_the_same_rows(seen):
    found = seen("online", "net_sales", start="2026", end="2026", compare="year-ago")
    assert found[0][:2] == (Decimal("209.500000"), Decimal("150.000001"))


def test_a_metric_that_cannot_be_limited_is_unknown(refused):
    assert "unknown metric 'leads'" in refused("online", "leads")


def test_a_metric_for_the_whole_company_is_seen_by_itself(seen, refused):
    assert seen("bikes", "orders") == [(5,)]
    assert "cannot stand in one answer" in refused("bikes", "orders", "net_sales")


def test_what_a_role_may_not_see_is_unknown_and_not_suggested(refused):
    told = refused("sales", "order")
    assert "unknown metric 'order'" in told
    assert "orders" not in told
    assert refused("sales", "orders") == told.replace("'order'", "'orders'")
    assert "unknown name 'orders'" in refused("sales", "net_sales", where=("orders > 3",))


def test_a_metric_made_of_one_that_is_hidden_is_seen(seen):
    assert seen("sales", "average_order_value")[0][0] is not None


@pytest.mark.parametrize(
    "condition",
    [
        "{{ Metric('orders', group_by=['product']) }} > 0",
        "{{ Metric('net_sales', group_by=['order']) }} > 100",
    ],
)
@pytest.mark.parametrize("role", ["online", "sales"])
def test_figures_of_each_member_are_not_compared(refused, role, condition):
    if role == "sales" and "net_sales" in condition:
        return
    assert "Metric" in refused(role, "net_sales", where=(condition,))


def test_small_groups_are_left_out(seen):
    by_month = seen("careful", "net_sales", by=("order__channel",))
    assert by_month == [("online", Decimal("359.500001")), ("store", None)]
    assert seen("all", "net_sales", by=("order__channel",))[1] == ("store", Decimal("70.500000"))


def test_a_figure_beside_is_shown_nevertheless(seen):
    assert seen("careful", "orders", "net_sales", by=("order__channel",)) == [
        ("online", 3, Decimal("359.500001")),
        ("store", 2, None),
    ]


def test_a_figure_whose_group_cannot_be_counted_is_not_shown(refused):
    told = refused("careful", "net_sales", by=("product__category",))
    assert "orders cannot tell how many are counted" in told


def test_what_is_compared_with_a_small_group_is_left_out(seen):
    found = seen("careful", "net_sales", start="2026", end="2026", compare="year-ago")
    assert found == [(Decimal("250.000000"), None, None, None)]


def test_an_order_does_not_tell_the_figures_of_small_groups(seen):
    found = seen("careful", "net_sales", by=("order__order_date",), order=("-net_sales",))
    assert [figure for _, figure in found] == [None] * 5
    assert [day for day, _ in found] == sorted(day for day, _ in found)


def test_a_condition_does_not_tell_the_figures_of_small_groups(refused):
    assert "cannot be compared" in refused("careful", "net_sales", where=("net_sales > 100",))
    assert "compare" in refused(
        "careful", "orders", where=("{{ Metric('net_sales', group_by=['order']) }} > 100",)
    )


@pytest.mark.parametrize("text", ["heart", "store"])
def test_a_condition_does_not_fail_on_rows_that_do_not_count(seen, text):
    probe = f"cast(case when order__channel = '{text}' then 'told' else '1' end as int) = 1"
    assert seen("online", "net_sales", where=(probe,)) == [(Decimal("359.500001"),)]


def test_an_error_does_not_tell_values(refused):
    told = refused("online", "net_sales", where=("cast(order__channel as int) = 1",))
    assert "A value cannot be compared in this way." in told
    assert "store" not in told


def test_members_are_those_of_the_rows_that_count(desk):
    with desk.visit(Principal("ann", "online")) as visit:
        assert visit.values("order__channel") == ["online"]
        assert visit.values("product__category") == ["Bikes", "Helmets", None]
    with desk.visit(Principal("ann", "bikes")) as visit:
        assert visit.values("product__category") == ["Bikes", None]
    with desk.visit() as visit:
        assert visit.values("order__channel") == ["online", "store"]


def test_a_note_does_not_name_members_that_do_not_count(desk):
    with desk.visit(Principal("ann", "online")) as visit:
        question = Question(("net_sales",), where=("order__channel = 'stora'",))
        told = " ".join(visit.ask(question).notes)
        assert "no member 'stora'" in told
        assert "store" not in told


def test_lists_hold_what_a_role_sees(desk):
    with desk.visit(Principal("ann", "sales")) as visit:
        assert [entry["name"] for entry in visit.metrics()] == ["average_order_value", "net_sales"]
        (table,) = visit.saved_queries()
        assert (table["metrics"], table["rows"]) == (["net_sales"], 1)
    with desk.visit(Principal("ann", "online")) as visit:
        assert visit.saved_queries()[0]["rows"] is None


def test_a_role_that_the_policy_lacks_sees_nothing(desk):
    with pytest.raises(UsageError, match="'eve' is no role"), desk.visit(Principal("ann", "eve")):
        pass
