"""Databases with a server: PostgreSQL over Arrow, and the same over plain SQLAlchemy."""

from contextlib import closing

import psycopg2
import pytest
from sqlalchemy.engine import make_url

from plumbline.landing.databases import generic
from plumbline.landing.databases.generic import SQLAlchemyReader
from plumbline.landing.databases.postgres import PostgresReader
from plumbline.landing.databases.reading import Selection

CREATE = """
create table "Lines" ("LineID" int, "Product" text, "Amount" numeric(19, 4), "OrderDate" date,
    "ModifiedDate" timestamp)
"""
SYSTEM = "connector: database, url: ${ERP_URL}"


def execute(url, *statements):
    with closing(psycopg2.connect(url.replace("+psycopg2", ""))) as connection:
        for statement in statements:
            connection.cursor().execute(statement)
        connection.commit()


@pytest.fixture(params=["arrow", "sqlalchemy"])
def land(request, shop, postgres, monkeypatch):
    """Land the order lines of a fresh table; gives a function that does it."""
    if request.param == "sqlalchemy":
        monkeypatch.setattr(
            "plumbline.landing.databases.connector.open_reader", lambda url: SQLAlchemyReader(make_url(url))
        )
    execute(postgres, 'drop table if exists "Lines"', CREATE)
    return lambda: shop.land_lines({"ERP_URL": postgres})


def snapshot(shop):
    shop.tables("order_line: {from: Lines}", system=SYSTEM)


def incremental(shop):
    shop.tables("order_line: {from: Lines, load: incremental, cursor: ModifiedDate}", system=SYSTEM)


def test_values_come_as_the_same_texts(shop, postgres, land):
    snapshot(shop)
    execute(
        postgres,
        """insert into "Lines" values
           (1, '茶', 12.5000, '2026-02-28', '2026-01-02 03:04:05.120'), (2, '', 20, null, null)""",
    )
    assert land().rows == 2
    assert shop.lines("LineID, Product, Amount, OrderDate, ModifiedDate, _row_number") == [
        ("1", "茶", "12.5", "2026-02-28", "2026-01-02 03:04:05.12", 1),
        ("2", "", "20", None, None, 2),
    ]
    assert land().status == "unchanged"


def test_incremental_loads_bring_new_and_corrected_rows_once(shop, postgres, land):
    incremental(shop)
    execute(postgres, """insert into "Lines" values (1, 'a', 1, null, '2026-01-01 10:00:00.5')""")
    assert land().rows == 1
    assert land().status == "unchanged"
    execute(
        postgres,
        """insert into "Lines" values (2, 'b', 2, null, '2026-01-01 10:00:00.5'), (3, 'c', 3, null, null)""",
        """insert into "Lines" values (4, 'd', 4, null, '2026-01-01 10:00:00.51')""",
    )
    assert land().rows == 3
    assert land().status == "unchanged"
    assert sorted(shop.lines("_load, LineID")) == [(1, "1"), (2, "2"), (2, "3"), (2, "4")]
    assert shop.loads()[-1].cursor.end == "2026-01-01 10:00:00.51"


def test_a_missing_table_is_an_outcome(shop, postgres, land):
    shop.tables("order_line: {from: Nowhere}", "shop: {from: public.Nowhere}", system=SYSTEM)
    result = shop.land({"ERP_URL": postgres})
    assert [outcome.status for outcome in result.outcomes] == ["unavailable", "unavailable"]


def test_a_table_in_a_schema_is_found(shop, postgres, land):
    execute(postgres, "create schema if not exists sales", "drop table if exists sales.lines")
    execute(postgres, "create table sales.lines as select 1 as lineid, 2 as amount")
    shop.tables("order_line: {from: sales.lines}", system=SYSTEM)
    assert land().rows == 1
    assert shop.lines("LineID, Amount") == [("1", "2")]


def test_a_server_that_is_down_makes_every_table_unavailable_and_shows_no_password(shop):
    shop.tables("order_line: {from: Lines}", "shop: {from: Shops}", system=SYSTEM)
    result = shop.land({"ERP_URL": "postgresql://me:hunter2@127.0.0.1:1/erp"})
    assert [outcome.status for outcome in result.outcomes] == ["unavailable", "unavailable"]
    assert "refused" in result["shop"].reason
    assert "hunter2" not in repr(result)
    assert shop.loads() == []


def test_a_wrong_password_is_not_shown(shop, postgres):
    shop.tables("order_line: {from: Lines}", system=SYSTEM)
    url = (
        make_url(postgres)
        .set(username="nobody_here", password="hunter2")
        .render_as_string(hide_password=False)
    )
    outcome = shop.land_lines({"ERP_URL": url})
    assert outcome.status == "unavailable"
    assert "hunter2" not in repr(outcome)


def test_an_address_that_is_none_is_explained(shop):
    shop.tables("order_line: {from: Lines}", system=SYSTEM)
    outcome = shop.land_lines({"ERP_URL": "erp.example.com"})
    assert outcome.status == "unavailable"
    assert "no database address" in outcome.reason
    assert "erp.example.com" not in repr(outcome)


@pytest.mark.parametrize("make", [PostgresReader, SQLAlchemyReader])
def test_all_tables_are_seen_as_they_were_at_one_moment(postgres, make):
    execute(postgres, "drop table if exists moment", "create table moment as select 1 as a")
    reader = make(make_url(postgres))
    reader.begin()
    assert reader.measure("moment", Selection()) == (1, None)
    execute(postgres, "insert into moment values (2)")
    seen = [row for batch in reader.read("moment", ["a"], Selection()) for row in batch.to_pylist()]
    reader.close()
    assert seen == [{"a": "1"}]


def test_special_types_have_one_text(postgres):
    execute(
        postgres,
        "drop table if exists special",
        """create table special as select true as a, 1e22::float8 as b, 0.1::float8 as c, 20::float8 as d,
           '2026-01-02 03:04:05+02'::timestamptz as e, '\\xdeadbeef'::bytea as f, '{"a": 1.50}'::jsonb as g,
           null::int as h, 'x' as i""",
    )
    found = {}
    for make in (PostgresReader, SQLAlchemyReader):
        reader = make(make_url(postgres))
        reader.begin()
        (batch,) = reader.read("special", reader.columns("special"), Selection())
        found[make] = batch.to_pylist()
        reader.close()
    (row,) = found[PostgresReader]
    assert row | {"g": None} == {
        "a": "1",
        "b": "10000000000000000000000",
        "c": "0.1",
        "d": "20",
        "e": "2026-01-02 01:04:05",
        "f": "DEADBEEF",
        "g": None,
        "h": None,
        "i": "x",
    }
    assert found[SQLAlchemyReader] == [row | {"g": '{"a":1.5}'}]


def test_a_driver_that_is_not_there_is_named(shop):
    shop.tables("order_line: {from: Lines}", system=SYSTEM)
    outcome = shop.land_lines({"ERP_URL": "mysql+no_such_driver://me:hunter2@host/db"})
    assert outcome.status == "unavailable"
    assert "the driver for this database is not installed" in outcome.reason
    assert "no_such_driver" in outcome.reason
    assert outcome.todo.startswith("Install it")
    assert "hunter2" not in repr(outcome)


def test_rows_stream_in_batches(postgres, monkeypatch):
    monkeypatch.setattr(generic, "BATCH_ROWS", 100)
    execute(
        postgres, "drop table if exists many", "create table many as select generate_series(1, 1000) as a"
    )
    reader = SQLAlchemyReader(make_url(postgres))
    reader.begin()
    sizes = [batch.num_rows for batch in reader.read("many", ["a"], Selection())]
    reader.close()
    assert sizes == [100] * 10
