"""Hostile texts: what is written into a statement over metrics reaches no other, and breaks nothing."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import sql

Session = psycopg.Connection[Any]
TEXTS = [
    "'; DROP TABLE marts.orders; --",
    "' OR '1'='1",
    "\\' OR 1=1 --",
    "{{ Dimension('order__channel') }}",
    "{{ Metric('net_sales', group_by=['order__channel']) }} > 0 or 'a' = 'a",
    "__reference_0__",
    "plumbline_refusal_0",
    "\x01\x7f",
    "'''",
    "\\",
    "%s $1 :name ?",
    "*/ SELECT 1 /*",
    "$$ $tag$",
    "\u2028’‘＇\U0001f600",
    "a" * 5000,
    'x"y',
    "{{{{",
    "}}",
    "{%",
    "'{{'",
]
STATEMENTS = [
    "SELECT MEASURE(orders) FROM metrics WHERE order__channel = 'x'; SELECT * FROM pg_authid",
    "SELECT MEASURE(orders) FROM metrics WHERE (SELECT rolpassword FROM pg_authid LIMIT 1) = 'x'",
    "SELECT MEASURE((SELECT 1)) FROM metrics",
    "SELECT MEASURE(average_order_value) FROM metrics",
    "SELECT MEASURE(orders) FROM metrics HAVING MEASURE(average_order_value) > 0",
    "SELECT MEASURE(orders) FROM metrics ORDER BY MEASURE(average_order_value)",
    "SELECT orders FROM metrics WHERE average_order_value > 5",
    "SELECT sum(MEASURE(average_order_value)) OVER () FROM metrics",
    "EXPLAIN ANALYZE SELECT MEASURE(average_order_value) FROM metrics",
    "SELECT (SELECT MEASURE(average_order_value) FROM metrics)",
    "SELECT MEASURE(average_order_value) FROM metrics.sales",
    'SELECT MEASURE("Average order value") FROM metrics',
    'SELECT MEASURE("客单价") FROM metrics',
    "WITH a AS (SELECT MEASURE(average_order_value) FROM metrics) SELECT 1",
    "DECLARE c CURSOR FOR SELECT MEASURE(average_order_value) FROM metrics",
    "COPY (SELECT MEASURE(average_order_value) FROM metrics) TO STDOUT",
    "SELECT * FROM metrics.metrics",
    "SELECT MEASURE(orders) FROM metrics GROUP BY 1, 2, 99999999999999999999",
    "SELECT MEASURE(orders) FROM metrics WHERE metric_time > '99999-01-01'",
    "SELECT MEASURE(orders) FROM metrics WHERE " + "(" * 3000 + "1=1" + ")" * 3000,
    "SELECT " + "MEASURE(orders) + " * 3000 + "MEASURE(orders) FROM metrics WHERE order__channel = E'\\",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_value_is_a_value_however_it_is_written(ana: Session, sam: Session, text: str) -> None:
    asked = "SELECT order__channel, MEASURE(orders) FROM metrics WHERE order__channel = {} GROUP BY 1"
    for session in (ana, sam):
        assert session.execute(asked.format("%s"), (text,)).fetchall() == []
        assert session.execute(sql.SQL(asked).format(sql.Literal(text))).fetchall() == []
        others = (
            "SELECT MEASURE(orders) FROM metrics WHERE order__channel <> %s AND order__channel NOT LIKE %s"
        )
        pattern = text.replace("\\", "\\\\")
        expected = session.execute("SELECT MEASURE(orders) FROM metrics").fetchall()
        assert session.execute(others, (text, pattern)).fetchall() == expected


@pytest.mark.parametrize("text", [text for text in TEXTS if "\x01" not in text and len(text) < 60])
def test_a_name_is_a_name_however_it_is_written(sam: Session, text: str) -> None:
    for asked in ("SELECT MEASURE({}) FROM metrics", "SELECT {}, MEASURE(orders) FROM metrics GROUP BY 1"):
        with pytest.raises(psycopg.errors.DatabaseError):
            sam.execute(sql.SQL(asked).format(sql.Identifier(text)))
    called = sql.SQL("SELECT MEASURE(orders) AS {} FROM metrics").format(sql.Identifier(text))
    cursor = sam.execute(called)
    assert [column.name for column in cursor.description or ()] == [text]
    assert cursor.fetchall() == [(2,)]


@pytest.mark.parametrize("number", range(len(STATEMENTS)))
def test_a_statement_beyond_its_role_tells_nothing(sam: Session, number: int) -> None:
    for values in (None, ()):
        with pytest.raises(psycopg.errors.DatabaseError) as raised:
            sam.execute(STATEMENTS[number], values)
        told = raised.value.diag
        said = f"{told.message_primary} {told.message_detail} {told.message_hint}"
        assert "Traceback" not in said
        assert "172" not in said
        assert sam.execute("SELECT MEASURE(orders) FROM metrics").fetchall() == [(2,)]


@pytest.mark.parametrize("literal", [r"E'\x6f'", r"E'\157'", r"U&'\006f'", r"E'\u006f'"])
def test_escapes_that_only_postgresql_reads_are_refused(ana: Session, literal: str) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        ana.execute(f"SELECT MEASURE(orders) FROM metrics WHERE order__channel <> {literal}")


def test_backslashes_in_answers_survive_old_settings(ana: Session) -> None:
    ana.execute("SET standard_conforming_strings = off")
    ana.execute("SET escape_string_warning = off")
    found = ana.execute(
        "SELECT product__category FROM metrics GROUP BY 1 HAVING MEASURE(net_sales) > 60 ORDER BY 1"
    )
    assert ("Bikes",) in found.fetchall()
