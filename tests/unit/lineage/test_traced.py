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
TRIALS = 8


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
