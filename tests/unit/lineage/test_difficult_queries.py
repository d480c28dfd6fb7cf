"""Nothing that truly changes a query is missed, however the query is written."""

import pytest

from plumbline.lineage.parts import EVERY, ROWS, Part
from tests.unit.lineage.oracle import Market, missed, needless, queries

QUERIES = queries()
# Where whole tables count as read; everything else is understood.
NOT_UNDERSTOOD = {
    "a join in brackets",
    "a macro that is a table",
    "a macro that reads a table",
    "a sample",
    "limit without order",
    "pivot",
    "pivot in from",
    "summarize",
    "the row id",
    "unpivot",
    "unpivot in from",
}


@pytest.fixture(scope="module")
def market():
    return Market()


@pytest.fixture(scope="module")
def truths(market):
    return market.truths(QUERIES)


@pytest.mark.parametrize("name", QUERIES)
def test_nothing_that_changes_a_query_is_missed(market, truths, name):
    said, rows, _ = market.said(QUERIES[name])
    assert missed(said, rows, *truths[name]) == set(), QUERIES[name]


def test_whole_tables_count_only_where_a_query_is_not_understood(market):
    assert {name for name, sql in QUERIES.items() if market.said(sql)[2]} == NOT_UNDERSTOOD


def test_a_query_file_is_read_under_its_own_columns(market, tmp_path):
    path = tmp_path / "lines.parquet"
    market.con.execute(f"copy lines to '{path}'")
    said, rows, why = market.said(
        f"select sum(price) as total from read_parquet('{path}') where quantity > 1"
    )
    (table,) = {part.table for part in said["total"]}
    assert said["total"] >= {Part(table, "price"), Part(table, "quantity"), Part(table, ROWS)}
    assert str(path) in table
    assert rows == set()
    assert len(why) == 1
    starred, _, _ = market.said(
        f"select count(distinct x) as n from (select x from (select * from '{path}') as x)"
    )
    assert EVERY in {part.column for part in starred["n"]}


EXACT = {
    "select count(*) as n from orders where is_open": {"orders.is_open", "orders."},
    "select l.quantity from lines as l left join products as p on l.product = p.id": {
        "lines.quantity",
        "lines.",
        "products.",
    },
    "select p.color from lines as l left join products as p on l.product = p.id": {
        "lines.product",
        "lines.",
        "products.id",
        "products.color",
        "products.",
    },
    "with wide as (select *, upper(note) as loud from orders) select sum(amount) as total from wide": {
        "orders.amount",
        "orders.",
    },
    "select who from (select *, row_number() over (partition by request order by began) as place from steps) "
    "where place = 1": {"steps.who", "steps.request", "steps.began", "steps."},
    "select c.name from customers as c left join (select customer, sum(amount) as total from orders "
    "group by customer) as s on s.customer = c.id": {"customers.name", "customers."},
    QUERIES["times that do not overlap"]: {"orders.amount", "orders."},
    "select max(price) as top from lines": {"lines.price", "lines."},
    "select name from customers as c where exists (select note from orders as o where o.customer = c.id)": {
        "customers.name",
        "customers.id",
        "customers.",
        "orders.customer",
        "orders.",
    },
}


@pytest.mark.parametrize("sql", EXACT)
def test_a_query_that_is_understood_rests_on_nothing_else(market, sql):
    said, rows, why = market.said(sql)
    assert {f"{part.table}.{part.column}" for part in set().union(rows, *said.values())} == EXACT[sql]
    assert why == set()


def test_rows_that_are_joined_by_a_checked_key_only_count_by_the_check(market):
    analysis = market.analysis()
    from plumbline.lineage.analyse import parsed

    shape = analysis.read(
        "query", parsed("select count(*) as n from lines as l left join products as p on l.product = p.id")
    )
    assert {mark for mark in shape.everything if mark.table == "products"} == {("products", ROWS, True)}


def test_a_missed_dependency_would_be_found(market):
    sql = QUERIES["a condition on a column that is not shown"]
    said, rows, _ = market.said(sql)
    blind = {name: parts - {Part("orders", "amount")} for name, parts in said.items()}
    assert missed(blind, rows - {Part("orders", "amount")}, *market.truth(sql))
    assert needless({**said, "id": said["id"] | {Part("tree", "id")}}, rows, *market.truth(sql)) == {
        Part("tree", "id")
    }
