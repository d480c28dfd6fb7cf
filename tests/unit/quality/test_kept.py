"""Evidence that is kept by month is what judging the whole table gives."""

from collections.abc import Callable, Iterator
from importlib import import_module

import duckdb
import pytest

from plumbline.quality import (
    CheckResult,
    StageContext,
    between,
    evidence,
    has_rows,
    holds,
    matches,
    never_empty,
    not_in_the_future,
    one_of,
    refers_to,
    run_stage,
    suite,
    unique,
    warning,
)
from plumbline.quality.warm import judging
from plumbline.warehouse.contents import Contents, inspect_contents

SHOP = """
create schema marts;
create table marts.orders as
    select i as order_id, date '2026-01-05' + (i * 12)::integer as order_date, i % 3 as customer_id,
        i * 10.0 as subtotal
    from range(1, 9) r(i);
create table marts.lines as
    select order_id * 10 + part as line_id, order_id, order_date, order_id % 4 as product_id,
        subtotal / 2 as amount, if(part = 0, 'shop', null) as channel
    from marts.orders, range(2) r(part);
create table marts.products as select i as product_id from range(4) r(i);
create table marts.customers as
    select i as customer_id, date '2026-01-01' + (i * 31)::integer as first_order_date from range(3) r(i);
"""
TOTALS = evidence(
    """
    select count(*) as evaluated, count(*) filter (where orders.subtotal <> lines.amount) as unexpected,
        'they differ by ' || sum(orders.subtotal - lines.amount) as observed
    from marts.orders as orders
    inner join (select order_id, sum(amount) as amount from marts.lines group by order_id) as lines
        on orders.order_id = lines.order_id
    """,
    "the subtotal of an order is the sum of its lines",
    within=("marts.orders", "marts.lines"),
)
LINES = warning(
    refers_to("order_id", "marts.orders.order_id"),
    refers_to("product_id", "marts.products.product_id"),
    why="It counts.",
)
ROWS = warning(
    never_empty("order_id", "amount"),
    between("amount", 2, 1000),
    one_of("product_id", 0, 1, 2, 3),
    matches("channel", "^(shop|online)$"),
    holds("amount = order_id * 5"),
    holds("order_id in (select order_id from marts.orders)", "the order is there"),
    not_in_the_future("order_date"),
    has_rows(1),
    unique("line_id"),
    unique("order_id", "product_id"),
    why="It counts.",
)
ORDERS = warning(refers_to("customer_id", "marts.customers.customer_id"), TOTALS, why="It counts.")
SUITES = (suite("marts.lines", LINES, ROWS, owner="Sales"), suite("marts.orders", ORDERS, owner="Sales"))
NO_DATE = "update marts.{table} set order_date = null where order_id = 3;"
MOVED = "update marts.{table} set order_date = '2026-04-02' where order_id = 3;"
CHANGES = {
    "nothing": "",
    "a new day": """
        insert into marts.orders values (20, '2026-04-20', 1, 4);
        insert into marts.lines values (200, 20, '2026-04-20', 1, 4, 'fair')""",
    "a late order": """
        insert into marts.orders values (21, '2026-01-20', 1, 4);
        insert into marts.lines values (210, 21, '2026-01-20', 1, 4, 'shop')""",
    "a late order without its lines": "insert into marts.orders values (22, '2026-01-20', 1, 4)",
    "a line that is another's amount": "update marts.lines set amount = 1 where line_id = 30",
    "an order that is corrected": "update marts.orders set subtotal = 1 where order_id = 3",
    "an order that moved to another month": MOVED.format(table="orders"),
    "an order that moved with its lines": MOVED.format(table="orders") + MOVED.format(table="lines"),
    "an order without a date": NO_DATE.format(table="orders") + NO_DATE.format(table="lines"),
    "orders that swap their numbers": (
        "update marts.orders set order_id = case order_id when 1 then 8 else 1 end where order_id in (1, 8)"
    ),
    "an order that has gone": "delete from marts.orders where order_id = 3",
    "its lines, too": "delete from marts.lines where order_id = 3",
    "a key that is empty": "update marts.lines set order_id = null where line_id = 40",
    "a key that points nowhere": "update marts.lines set product_id = 99 where line_id = 50",
    "a product that has gone": "delete from marts.products where product_id = 2",
    "a product that becomes another": "update marts.products set product_id = 7 where product_id = 1",
    "a customer that has gone": "delete from marts.customers where customer_id = 2",
    "a customer that becomes another": "update marts.customers set customer_id = 7 where customer_id = 1",
    "a customer of another day": "update marts.customers set first_order_date = '2026-05-01'",
    "a month that has gone": "delete from marts.orders where order_date < '2026-02-01'",
    "no lines": "delete from marts.lines",
}
Judged = list[tuple[object, ...]]
Gate = Callable[..., Judged]


@pytest.fixture(autouse=True)
def tables_of_any_size_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging(), "_WORTH_KEEPING", 0)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute(SHOP)
        yield con


@pytest.fixture
def gate(con: duckdb.DuckDBPyConnection, context: StageContext) -> Gate:
    def run(*, kept: bool = True, anew: bool = False) -> Judged:
        marts = inspect_contents(con) if kept else None
        found = run_stage(con, "marts", SUITES, context=context, marts=marts, anew=anew).checks
        return [told(check) for check in found]

    return run


def told(check: CheckResult) -> tuple[object, ...]:
    return check.expected, check.verdict, check.evaluated, check.unexpected, check.examples


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_after_a_change_the_gate_says_what_it_would_say_of_the_whole(con, gate: Gate, change: str) -> None:
    gate()
    con.execute(change)
    assert gate() == gate(kept=False)


@pytest.mark.parametrize("every", [2, pytest.param(1, marks=pytest.mark.long)])
def test_changes_add_up_over_runs(con, gate: Gate, every: int) -> None:
    for change in list(CHANGES.values())[::every]:
        gate()
        con.execute(change)
        assert gate() == gate(kept=False)


def asked(con: duckdb.DuckDBPyConnection, context: StageContext) -> list[str]:
    found = run_stage(con, "marts", SUITES, context=context, marts=inspect_contents(con)).checks
    return [check.observed for check in found]


def test_what_was_taken_over_is_said(con, context: StageContext) -> None:
    asked(con, context)
    con.execute(CHANGES["a new day"])
    taken = "3 of 4 months are as they were judged before"
    assert [text for text in asked(con, context) if text == taken] == [taken] * 4


def test_what_refers_to_many_rows_with_other_dates_is_judged_whole(
    con, context: StageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("plumbline.quality.evidence"), "_FEW", 0)
    asked(con, context)
    con.execute(CHANGES["a new day"])
    assert sum("as they were judged before" in text for text in asked(con, context)) == 3


def test_a_rule_that_was_broken_is_judged_whole_until_it_holds(
    con, gate: Gate, context: StageContext
) -> None:
    gate()
    con.execute(CHANGES["an order that is corrected"])
    assert "they differ by" in asked(con, context)[-1]
    assert "they differ by" in asked(con, context)[-1]
    con.execute("update marts.orders set subtotal = 30 where order_id = 3")
    assert gate() == gate(kept=False)


def test_nothing_is_taken_over_when_all_is_judged_anew(con, gate: Gate, context: StageContext) -> None:
    gate()
    con.execute("update quality.kept_evidence set evaluated = 1000")
    assert gate() != gate(kept=False)
    assert gate(anew=True) == gate(kept=False)


def test_rules_that_nobody_asks_for_are_forgotten(con, gate: Gate, context: StageContext) -> None:
    gate()
    of_lines = [suite("marts.lines", LINES, owner="Sales")]
    run_stage(con, "marts", of_lines, context=context, marts=inspect_contents(con))
    assert con.execute("select count(distinct rule) from quality.kept_evidence").fetchall() == [(3,)]


def test_only_months_that_changed_are_counted_again(con, gate: Gate) -> None:
    gate()
    con.execute("update quality.kept_evidence set evaluated = 1000 where part = '2026-02'")
    con.execute("update marts.lines set amount = 3 where line_id = 20")
    found = {check[0]: check for check in gate()}
    assert found["amount = order_id * 5"][3] == 1001


def test_a_condition_over_other_tables_is_never_taken_over(con, gate: Gate) -> None:
    gate()
    con.execute("delete from marts.orders where order_id = 3")
    assert {check[0]: check[3] for check in gate()}["the order is there"] == 2


LANDED = """
create schema landing_run; create schema landing_erp;
create table landing_run.loads as select * from (values
    (1, 'erp', 'line', 'a', 3, true), (2, 'erp', 'line', 'b', 2, true)
) as loads(load, system, table_name, sha256, rows, is_current);
create table landing_erp.line as select * from (values
    (1, '1'), (1, null), (1, '3'), (2, '4'), (2, null)
) as lines(_load, id);
"""
ARRIVED = suite("landing_erp.line", warning(never_empty("id"), why="It counts."), owner="Sales")


def landed(con: duckdb.DuckDBPyConnection, context: StageContext, marts: Contents | None) -> Judged:
    return [
        told(check) for check in run_stage(con, "landing", [ARRIVED], context=context, marts=marts).checks
    ]


@pytest.mark.parametrize(
    "change",
    [
        "insert into landing_run.loads values (3, 'erp', 'line', 'c', 2, true);"
        "insert into landing_erp.line values (3, null), (3, '7')",
        "insert into landing_run.loads values (3, 'erp', 'line', 'c', 0, true)",
        "update landing_run.loads set is_current = false where load = 1;"
        "delete from landing_erp.line where _load = 1",
        "update landing_run.loads set load = 4, sha256 = 'd' where load = 2;"
        "update landing_erp.line set _load = 4, id = 'x' where _load = 2",
    ],
    ids=["a new load", "a load without rows", "a load that is current no longer", "another load instead"],
)
def test_a_landed_table_is_judged_as_a_whole_would_be(con, context: StageContext, change: str) -> None:
    con.execute(LANDED)
    landed(con, context, {})
    con.execute(change)
    assert landed(con, context, {}) == landed(con, context, None)


def test_the_rows_of_a_load_are_looked_at_once(con, context: StageContext) -> None:
    con.execute(LANDED)
    first = [judged[:4] for judged in landed(con, context, {})]
    con.execute("update landing_erp.line set id = null")
    assert [judged[:4] for judged in landed(con, context, {})] == first
