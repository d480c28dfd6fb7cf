"""Clients as people have them, against the endpoint: psql, psycopg, asyncpg, SQLAlchemy and JDBC."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from tests.sql_endpoint import PASSWORD, Address

JDBC = Path("/usr/share/java/postgresql.jar")
BY_CHANNEL = "SELECT order__channel, MEASURE(net_sales) FROM metrics WHERE order__channel = %s GROUP BY 1"
ONLINE, STORE = Decimal("359.500001"), Decimal("70.500000")


# -- psql


def psql(endpoint: Address, *commands: str) -> subprocess.CompletedProcess[str]:
    if not shutil.which("psql"):
        pytest.skip("psql is not installed")
    given = [part for command in commands for part in ("-c", command)]
    return subprocess.run(
        [
            "psql",
            "-X",
            "-A",
            "-t",
            "-h",
            "127.0.0.1",
            "-p",
            str(endpoint.port),
            "-U",
            "ana",
            "postgres",
            *given,
        ],
        env={**os.environ, "PGPASSWORD": PASSWORD, "PGCLIENTENCODING": "UTF8"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_psql_shows_the_relations_with_comments_in_both_languages(endpoint: Address) -> None:
    found = psql(endpoint, r"\dt+", r"\d metrics", r"\d+ metrics.sales_by_channel").stdout
    assert "metrics|metrics|table" in found
    assert "net_sales|numeric" in found
    assert "order__channel|text" in found
    assert "metric_time|timestamp without time zone" in found


def test_psql_goes_on_after_a_metric_that_is_unknown(endpoint: Address) -> None:
    done = psql(endpoint, "SELECT MEASURE(net_salse) FROM metrics", "SELECT MEASURE(orders) FROM metrics")
    assert "unknown metric 'net_salse'" in done.stderr
    assert "Did you mean 'net_sales'" in done.stderr
    assert done.stdout.strip() == "5"


# -- psycopg 3


def test_psycopg_binds_on_the_server(ana: psycopg.Connection[Any]) -> None:
    for number in range(7):
        channel, amount = (("online", ONLINE), ("store", STORE))[number % 2]
        assert ana.execute(BY_CHANNEL, (channel,), prepare=True).fetchall() == [(channel, amount)]


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("metric_time >= %s", date(2026, 1, 1)),
        ("metric_time >= %s", datetime(2026, 1, 1)),
        ("metric_time >= %s", "2026-01-01"),
        ("metric_time >= %s::date - 31", date(2026, 2, 1)),
        ("EXTRACT(year FROM metric_time) = %s", 2026),
        ("EXTRACT(year FROM metric_time) >= %s", Decimal("2025.5")),
        ("EXTRACT(year FROM metric_time) > %s", 2025.5),
        ("metric_time >= '2026-01-01' AND order__channel = ANY(%s)", ["store", "online", None]),
    ],
)
def test_psycopg_sends_values_of_any_type(
    ana: psycopg.Connection[Any], condition: str, value: Any, binary: bool
) -> None:
    with ana.cursor(binary=binary) as cursor:
        mark = "%b" if binary and not isinstance(value, str) else "%s"
        cursor.execute(f"SELECT MEASURE(orders) FROM metrics WHERE {condition.replace('%s', mark)}", (value,))
        assert cursor.fetchall() == [(3,)]


def test_psycopg_binds_on_the_client(ana: psycopg.Connection[Any]) -> None:
    cursor = psycopg.ClientCursor(ana)
    assert cursor.execute(BY_CHANNEL, ("it's",)).fetchall() == []
    assert cursor.execute(BY_CHANNEL, ("store",)).fetchall() == [("store", STORE)]


def test_parameters_outside_of_conditions_are_postgresqls_own(ana: psycopg.Connection[Any]) -> None:
    text = (
        "SELECT %s::text, MEASURE(orders) * %s FROM metrics WHERE order__channel <> %s"
        " GROUP BY order__channel HAVING MEASURE(orders) >= %s LIMIT %s"
    )
    assert ana.execute(text, ("x", 2, "store", 1, 5)).fetchall() == [("x", 6)]


def test_psycopg_fetches_through_a_named_cursor(ana: psycopg.Connection[Any]) -> None:
    with ana.transaction(), ana.cursor("months") as cursor:
        cursor.execute(
            "SELECT month FROM metrics WHERE order__channel = %s GROUP BY 1 HAVING MEASURE(orders) > 0",
            ["online"],
        )
        assert [len(cursor.fetchmany(2)) for _ in range(3)] == [2, 1, 0]


def test_psycopg_pipelines_questions_among_other_statements(ana: psycopg.Connection[Any]) -> None:
    with ana.pipeline():
        asked = [ana.execute(BY_CHANNEL, (channel,)) for channel in ("online", "store")]
        plain = ana.execute("SELECT %s::int + 1", (1,))
        assert [cursor.fetchall()[0][1] for cursor in asked] == [ONLINE, STORE]
        assert plain.fetchall() == [(2,)]


def test_a_pipeline_ends_at_its_first_refusal(ana: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.UndefinedFunction):
        _send_a_refused_and_a_good_one(ana)
    assert ana.execute(BY_CHANNEL, ("store",)).fetchall() == [("store", STORE)]


def _send_a_refused_and_a_good_one(ana: psycopg.Connection[Any]) -> None:
    # The refusal may already be there when the second statement is sent.
    with ana.pipeline() as pipeline:
        ana.execute("SELECT MEASURE(nothing) FROM metrics")
        ana.execute(BY_CHANNEL, ("store",))
        pipeline.sync()


def test_a_refusal_ends_a_transaction_as_an_error_of_postgresql_does(ana: psycopg.Connection[Any]) -> None:
    ana.execute("BEGIN")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        ana.execute("SELECT MEASURE(nothing) FROM metrics")
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        ana.execute("SELECT MEASURE(orders) FROM metrics")
    ana.execute("ROLLBACK")
    assert ana.execute("SELECT MEASURE(orders) FROM metrics").fetchall() == [(5,)]


def test_copy_writes_figures(ana: psycopg.Connection[Any]) -> None:
    asked = "SELECT order__channel, MEASURE(orders) FROM metrics GROUP BY 1 ORDER BY 1"
    text = f"COPY ({asked}) TO STDOUT WITH (FORMAT csv)"
    with ana.cursor() as cursor, cursor.copy(text) as copied:
        assert b"".join(map(bytes, copied)) == b"online,3\nstore,2\n"


def test_tables_are_made_of_figures(ana: psycopg.Connection[Any]) -> None:
    ana.execute("CREATE TEMP TABLE kept AS SELECT month, MEASURE(orders) AS orders FROM metrics GROUP BY 1")
    ana.execute("INSERT INTO kept SELECT NULL, MEASURE(orders) FROM metrics")
    assert ana.execute("SELECT sum(orders) FROM kept").fetchall() == [(10,)]


def test_explain_tells_of_the_rows_of_an_answer(ana: psycopg.Connection[Any]) -> None:
    found = ana.execute("EXPLAIN (VERBOSE) SELECT MEASURE(orders) FROM metrics").fetchall()
    assert "json_to_recordset" in str(found)


def test_several_statements_in_one_text(ana: psycopg.Connection[Any]) -> None:
    cursor = ana.execute("SELECT 1; SELECT MEASURE(orders) FROM metrics; SELECT 'a;b'")
    found = [cursor.fetchall()]
    while cursor.nextset():
        found.append(cursor.fetchall())
    assert found == [[(1,)], [(5,)], [("a;b",)]]


def test_another_encoding_of_the_client(endpoint: Address) -> None:
    with endpoint.connect("ana", client_encoding="GBK") as session:
        text = "SELECT product__category AS 类别 FROM metrics WHERE product__category = '头盔' GROUP BY 1"
        cursor = session.execute(text)
        assert [item.name for item in cursor.description or ()] == ["类别"]
        assert session.execute('SELECT MEASURE("净销售额") FROM metrics').fetchone() == (
            Decimal("430.000001"),
        )


# -- asyncpg


def test_asyncpg_prepares_with_types_and_fetches(endpoint: Address) -> None:
    async def asked() -> None:
        given = endpoint.conninfo("ana")
        session = await asyncpg.connect(
            host=given["host"], port=given["port"], user="ana", password=PASSWORD, database="postgres"
        )
        try:
            text = (
                "SELECT date_trunc('year', metric_time) AS year, order__channel, MEASURE(orders) AS orders"
                " FROM metrics WHERE order__channel = ANY($1) AND metric_time >= $2 GROUP BY 1, 2"
            )
            prepared = await session.prepare(text)
            assert [kind.name for kind in prepared.get_parameters()] == ["text[]", "timestamp"]
            assert [item.type.name for item in prepared.get_attributes()] == ["timestamp", "text", "numeric"]
            found = await prepared.fetch(["online"], datetime(2026, 1, 1))
            assert [tuple(row) for row in found] == [(datetime(2026, 1, 1), "online", 2)]
            with pytest.raises(asyncpg.UndefinedFunctionError, match="Did you mean 'net_sales'"):
                await session.fetch("SELECT MEASURE(net_sale) FROM metrics")
            async with session.transaction():
                rows = [
                    row
                    async for row in session.cursor(
                        "SELECT month FROM metrics GROUP BY 1 HAVING MEASURE(orders) > 0"
                    )
                ]
            assert len(rows) == 4
            assert await session.fetchval("SELECT $1::int", 1) == 1
        finally:
            await session.close()

    asyncio.run(asked())


# -- SQLAlchemy


def test_sqlalchemy_reflects_and_asks(endpoint: Address) -> None:
    import sqlalchemy
    from sqlalchemy import Numeric, Text, cast, column, func, select

    url = sqlalchemy.URL.create(
        "postgresql+psycopg2", "ana", PASSWORD, "127.0.0.1", endpoint.port, "postgres"
    )
    engine = sqlalchemy.create_engine(url)
    try:
        inspector = sqlalchemy.inspect(engine)
        assert {"metrics", "sales"} <= set(inspector.get_table_names(schema="metrics"))
        table = sqlalchemy.Table("metrics", sqlalchemy.MetaData(), schema="metrics", autoload_with=engine)
        assert isinstance(table.c.net_sales.type, Numeric)
        assert "净销售额" in str(table.c.net_sales.comment)
        asked = (
            select(table.c.order__channel, func.measure(table.c.net_sales).label("amount"))
            .where(
                table.c.metric_time >= datetime(2026, 1, 1), table.c.order__channel.in_(["store", "online"])
            )
            .group_by(table.c.order__channel)
            .having(func.measure(table.c.orders) > 0)
            .order_by(sqlalchemy.desc("amount"))
            .limit(1)
        )
        with engine.connect() as session:
            assert session.execute(asked).all() == [("online", Decimal("209.5"))]
            wrapped = select(func.count(), cast(func.max(column("amount")), Text)).select_from(
                asked.subquery()
            )
            assert session.execute(wrapped).all() == [(1, "209.500000")]
    finally:
        engine.dispose()


# -- JDBC

PROGRAM = """
import java.sql.*;
public class Asked {
  public static void main(String[] given) throws Exception {
    try (Connection session = DriverManager.getConnection(given[0], "ana", given[1])) {
      ResultSet columns = session.getMetaData().getColumns(null, "metrics", "metrics", "net_sales");
      columns.next();
      boolean told = columns.getString("REMARKS").contains("\\u51c0");
      System.out.println(columns.getString("TYPE_NAME") + " " + told);
      PreparedStatement asked = session.prepareStatement(
        "SELECT order__channel, MEASURE(orders) FROM metrics WHERE metric_time >= ? AND order__channel = ?"
        + " GROUP BY 1");
      int orders = 0;
      for (int turn = 0; turn < 12; turn++) {
        if (turn % 2 == 0) asked.setDate(1, Date.valueOf("2026-01-01"));
        else asked.setTimestamp(1, Timestamp.valueOf("2026-01-01 00:00:00"));
        asked.setString(2, turn % 3 == 0 ? "store" : "online");
        ResultSet found = asked.executeQuery();
        found.next();
        orders += found.getInt(2);
      }
      System.out.println(orders);
      try { session.createStatement().executeQuery("SELECT MEASURE(nothing) FROM metrics"); }
      catch (SQLException error) { System.out.println(error.getSQLState()); }
      session.setAutoCommit(false);
      Statement months = session.createStatement();
      months.setFetchSize(1);
      ResultSet found = months.executeQuery("SELECT month, MEASURE(orders) FROM metrics GROUP BY 1");
      int count = 0;
      while (found.next()) count++;
      System.out.println(count);
    }
  }
}
"""


def test_jdbc_prepares_named_statements_and_fetches_in_parts(endpoint: Address, tmp_path: Path) -> None:
    if not (shutil.which("java") and JDBC.exists()):
        pytest.skip("Java or its PostgreSQL driver is not installed")
    program = tmp_path / "Asked.java"
    program.write_text(PROGRAM, encoding="utf-8")
    url = f"jdbc:postgresql://127.0.0.1:{endpoint.port}/postgres"
    done = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-cp", str(JDBC), str(program), url, PASSWORD],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.splitlines() == ["numeric true", "20", "42883", "4"], done.stderr
