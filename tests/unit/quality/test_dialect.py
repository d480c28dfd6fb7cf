"""SQLAlchemy over DuckDB: reflection, types, quoting, and results that outlive their connection."""

from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa

from plumbline.quality.dialect import OtherType, engine_over, reflected_type


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("BIGINT", sa.BIGINT),
        ("INTEGER", sa.INTEGER),
        ("UTINYINT", sa.SMALLINT),
        ("DOUBLE", sa.DOUBLE),
        ("VARCHAR", sa.VARCHAR),
        ("ENUM('a', 'b')", sa.VARCHAR),
        ("DATE", sa.DATE),
        ("TIMESTAMP", sa.TIMESTAMP),
        ("TIMESTAMP WITH TIME ZONE", sa.TIMESTAMP),
        ("BOOLEAN", sa.BOOLEAN),
        ("HUGEINT", sa.NUMERIC),
        ("UUID", sa.UUID),
        ("INTEGER[]", OtherType),
        ("STRUCT(a INTEGER)", OtherType),
    ],
)
def test_types_are_known_by_their_names(name, kind):
    assert isinstance(reflected_type(name), kind)


def test_a_decimal_keeps_its_precision():
    kind = reflected_type("DECIMAL(18,6)")
    assert (kind.precision, kind.scale) == (18, 6)


def test_tables_and_columns_are_reflected(con):
    con.execute("create view marts.online as select line_id, price from marts.lines where channel = 'online'")
    with engine_over(con) as engine:
        inspector = sa.inspect(engine)
        assert {"lines", "nothing", "products"} <= set(inspector.get_table_names("marts"))
        assert inspector.get_view_names("marts") == ["online"]
        assert "marts" in inspector.get_schema_names()
        assert inspector.has_table("lines", "marts")
        assert not inspector.has_table("lines")
        columns = {column["name"]: column["type"] for column in inspector.get_columns("lines", "marts")}
        assert list(columns)[:3] == ["line_id", "order_id", "product_id"]
        assert isinstance(columns["Group"], sa.VARCHAR)
        assert isinstance(columns["price"], sa.NUMERIC)
        assert inspector.get_pk_constraint("lines", "marts")["constrained_columns"] == []


def test_an_unknown_table_is_an_error(con):
    with engine_over(con) as engine, pytest.raises(sa.exc.NoSuchTableError):
        sa.inspect(engine).get_columns("absent", "marts")


def test_rows_can_be_fetched_after_the_connection_is_given_back(con):
    with engine_over(con) as engine:
        with engine.connect() as connection:
            rows = connection.execute(
                sa.text("select line_id, sold_on, price, note from marts.lines order by 1")
            )
        assert rows.fetchone() == (1, date(2026, 3, 29), Decimal("1.5000"), None)
        assert len(rows.fetchall()) == 2


def test_regular_expressions_match_parts_as_in_postgresql(con):
    lines = sa.table("lines", sa.column("Group"), sa.column("line_id"), schema="marts")
    with engine_over(con) as engine, engine.connect() as connection:
        found = connection.execute(
            sa.select(lines.c.line_id).where(lines.c.Group.op("~")("^[A]")).order_by(lines.c.line_id)
        ).fetchall()
        others = connection.execute(
            sa.select(lines.c.line_id).where(lines.c.Group.op("!~")("^[A]")).order_by(lines.c.line_id)
        ).fetchall()
    assert (found, others) == ([(1,)], [(2,)])


def test_names_are_quoted_and_values_are_bound(con):
    con.execute('create table marts."Odd ""table" ("from" varchar)')
    con.execute("""insert into marts."Odd ""table" values ('it''s; drop table marts.lines')""")
    odd = sa.table('Odd "table', sa.column("from"), schema="marts")
    with engine_over(con) as engine, engine.connect() as connection:
        wanted = odd.c["from"] == "it's; drop table marts.lines"
        assert connection.execute(sa.select(sa.func.count()).select_from(odd).where(wanted)).scalar() == 1


def test_the_connection_that_is_lent_stays_open_with_its_results(con):
    con.execute("select line_id from marts.lines order by 1")
    pending = con.fetchone()
    with engine_over(con) as engine, engine.connect() as connection:
        connection.execute(sa.text("select 1"))
    assert pending == (1,)
    assert con.execute("select 42").fetchone() == (42,)


def test_errors_keep_the_database_s_own_text(con):
    with (
        engine_over(con) as engine,
        engine.connect() as connection,
        pytest.raises(sa.exc.DBAPIError, match="absent"),
    ):
        connection.execute(sa.text("select * from marts.absent"))
