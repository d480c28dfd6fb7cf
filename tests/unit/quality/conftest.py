"""A small shop in memory, and a way to judge one rule."""

from collections.abc import Callable, Iterator
from datetime import date

import duckdb
import pytest

from plumbline.quality import CheckResult, Freshness, StageContext, critical, run_stage, suite
from plumbline.quality.rules import Rule

AS_OF = date(2026, 3, 31)


@pytest.fixture
def context() -> StageContext:
    return StageContext(
        run_id="run-1",
        company="shop",
        as_of=AS_OF,
        connected=frozenset({"erp.lines"}),
        freshness={"erp": Freshness(2, 7)},
    )


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Three order lines, all right: each test breaks one thing."""
    connection = duckdb.connect()
    connection.execute("create schema marts")
    connection.execute(
        """
        create table marts.lines (
            line_id bigint, order_id bigint, product_id integer, sold_on date, shipped_on date,
            quantity integer,
            price decimal(18, 4), amount decimal(18, 6), channel varchar, "Group" varchar, note varchar,
            _load bigint, _row_number bigint
        )
        """
    )
    connection.execute(
        """
        insert into marts.lines values
            (1, 10, 7, '2026-03-29', '2026-03-30', 2, 1.50, 3.00, 'online', 'A-1', null, 4, 2),
            (2, 10, 8, '2026-03-30', null, 1, 2.25, 2.25, 'shop', 'B-2', null, 4, 3),
            (3, 11, null, '2026-03-31', '2026-03-31', 4, 0.50, 2.00, 'online', null, null, 5, 2)
        """
    )
    connection.execute("create table marts.products (product_id integer)")
    connection.execute("insert into marts.products values (7), (8)")
    connection.execute("create table marts.nothing (line_id bigint)")
    yield connection
    connection.close()


Judge = Callable[..., CheckResult]


@pytest.fixture
def judge(con: duckdb.DuckDBPyConnection, context: StageContext) -> Judge:
    """Judge one rule on a table and give its result."""

    def judged(rule: Rule, *, table: str = "marts.lines", context: StageContext = context) -> CheckResult:
        tested = suite(table, critical(rule, why="it is a test"), owner="Tester", key="line_id")
        (result,) = run_stage(con, "marts", [tested], context=context).checks
        return result

    return judged
