"""Rows that differ carry values of the rows that were wrong: held to what truly changes."""

import random

import duckdb
import pytest
from sqlglot.errors import SqlglotError
from sqlglot.schema import MappingSchema

from plumbline.lineage.analyse import parsed
from plumbline.lineage.traced import NotUnderstood, wrong_cells
from plumbline.lineage.tracing import Tracer
from tests.unit.lineage.oracle import _STRANGE, Market, _update, queries

QUERIES = queries()
TRIALS = 4


@pytest.fixture(scope="module")
def market():
    return Market()


def traced(market, sql, table, *wrong):
    """Give what carries values of the wrong rows of a table; None where that cannot be told."""
    tables = {table: wrong_cells(market.columns[table], wrong)}
    try:
        return Tracer(tables, MappingSchema(market.columns, dialect="duckdb")).trace(parsed(sql))
    except (NotUnderstood, SqlglotError, LookupError, ValueError, TypeError, AttributeError):
        return None


def rows_of(con, sql):
    found = con.execute(sql)
    names = [column[0].lower() for column in found.description]
    return names, [tuple(map(repr, row)) for row in found.fetchall()]


def differing(one, other):
    """Give the rows that only one of two answers has, as often as it has them more often."""
    rest = list(other)
    only = []
    for row in one:
        if row in rest:
            rest.remove(row)
        else:
            only.append(row)
    return only + rest


def missed(market, sql, table, column):
    """Name what differs and carries nothing of the rows that were changed."""
    found = traced(market, sql, table, column)
    if found is None or not (found.carried or found.is_clean):
        return set()
    con, kind = market.con, market.columns[table][column]
    names, before = rows_of(con, sql)
    problems = set()
    for number, value in changes(market, table, column):
        con.execute("begin")
        try:
            con.execute(_update(table, column, kind, value) + f" where rowid = {number}")
            _, after = rows_of(con, sql)
            own = {
                name: repr(
                    con.execute(
                        f"select {label.sql('duckdb')} from {table} where rowid = {number}"
                    ).fetchone()[0]
                )
                for name, label in found.carried.items()
            }
        except duckdb.Error:
            continue
        finally:
            con.execute("rollback")
        for row in differing(before, after):
            if found.is_clean:
                problems.add((column, "clean", row))
            problems |= {
                (column, name, row) for name, expected in own.items() if row[names.index(name)] != expected
            }
            if not found.rows:
                problems |= {(column, "rows") for _ in range(len(after) != len(before))}
    return problems


def changes(market, table, column):
    kind = market.columns[table][column].split("(")[0]
    (count,) = market.con.execute(f"select count(*) from {table}").fetchone()
    values = [None, *_STRANGE.get(kind, ())]
    values += [v for (v,) in market.con.execute(f"select distinct {column}::varchar from {table}").fetchall()]
    pairs = [(number, value) for number in range(count) for value in values]
    random.Random(f"{table}.{column}").shuffle(pairs)
    return pairs[:TRIALS]


@pytest.mark.parametrize("name", QUERIES)
def test_every_row_that_differs_carries_what_it_is_said_to_carry(market, name):
    sql = QUERIES[name]
    problems = {
        problem
        for table, columns in market.columns.items()
        if table in sql
        for column in columns
        for problem in missed(market, sql, table, column)
    }
    assert problems == set(), sql


CARRIED = {
    "a condition keeps them": ("select id, amount from orders where is_open", {"id"}),
    "an inner join hands them on, and what must be equal to them": (
        "select l.order_id, o.day, o.amount from lines as l join orders as o on l.order_id = o.id",
        {"order_id", "day"},
    ),
    "a left join hands on what must be equal, for its own columns may be empty": (
        "select l.quantity, l.order_id, o.day from lines as l left join orders as o on l.order_id = o.id"
        " and o.amount > 5",
        {"order_id"},
    ),
    "groups keep what they are grouped by": (
        "select customer, max(day) as last_day, sum(amount) as total from orders group by customer",
        {"customer"},
    ),
    "windows keep what they are partitioned by": (
        "select id, customer, sum(amount) over (partition by customer) as total from orders",
        {"customer"},
    ),
    "windows that do not see them keep all": (
        "select id, customer, amount, row_number() over (order by id) as place from orders",
        {"id", "customer"},
    ),
    "a day of a time is a day of theirs": ("select cast(day as date) as d, amount from orders", {"d"}),
    "what is computed from several columns is not told": (
        "select id + customer as x, amount from orders",
        set(),
    ),
    "rows of two queries carry what both carry": (
        "select id, customer from orders where amount > 5 union all"
        " select customer + 1 as id, customer from orders where amount > 9",
        {"customer"},
    ),
}


@pytest.mark.parametrize("name", CARRIED)
def test_what_rows_carry_of_wrong_amounts(market, name):
    sql, expected = CARRIED[name]
    assert set(traced(market, sql, "orders", "amount").carried) == expected


def test_what_does_not_read_the_wrong_column_is_clean(market):
    assert traced(
        market, "select customer, count(*) as n from orders group by 1", "orders", "amount"
    ).is_clean


def test_a_limit_is_not_followed(market):
    assert traced(market, "select id, amount from orders order by amount limit 2", "orders", "amount") is None
