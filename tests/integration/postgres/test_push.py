"""Generations in a real PostgreSQL: the same tables, whole or not at all, and only what differs is moved."""

import threading

import duckdb
import psycopg
import pytest

from plumbline.errors import ConfigurationError, DeliveryError, LockedError
from plumbline.publication.postgres import How, PostgresSettings, check, push

TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'published' ORDER BY 1"
TYPES = {
    "VARCHAR": "text",
    "DATE": "date",
    "TIMESTAMP": "timestamp without time zone",
    "DECIMAL(38,4)": "numeric(38,4)",
    "DECIMAL(38,12)": "numeric(38,12)",
    "BIGINT": "bigint",
    "INTEGER": "integer",
    "DOUBLE": "double precision",
    "BOOLEAN": "boolean",
}
COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


def tables_here(shop):
    return [
        name
        for (name,) in shop.here(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'published' ORDER BY 1"
        )
    ]


def rows_here(shop, table):
    return sorted(shop.here(f'SELECT * FROM published."{table}"'), key=repr)


def rows_there(shop, table):
    columns = shop.here(
        f"SELECT column_name FROM duckdb_columns() WHERE table_name = '{table}' ORDER BY column_index"
    )
    names = ", ".join(f'"{name}"' for (name,) in columns)
    return sorted(shop.read(f'SELECT {names} FROM published."{table}"'), key=repr)


def assert_same(shop):
    """Compare every table, over one connection to either side."""
    with (
        duckdb.connect(str(shop.home.current.resolve()), read_only=True) as here,
        psycopg.connect(shop.address) as there,
    ):
        tables = tables_here(shop)
        assert [name for (name,) in there.execute(TABLES)] == tables
        for table in tables:
            expected = here.execute(f'SELECT * FROM published."{table}"')
            names = ", ".join(f'"{name}"' for name, *_ in expected.description)
            rows = there.execute(f'SELECT {names} FROM published."{table}"').fetchall()
            assert sorted(rows, key=repr) == sorted(expected.fetchall(), key=repr), table


def test_the_first_push_brings_every_table_as_it_is(shop):
    shop.publish()
    pushed = shop.push()
    assert_same(shop)
    assert (pushed.publication_id, pushed.before, pushed.removed) == ("shop-000001", "", 0)
    assert check(shop.home, shop.settings, shop.policy) == []


def test_types_and_comments_are_those_of_the_generation(shop):
    shop.publish()
    shop.push()
    for table in tables_here(shop):
        described = shop.here(
            f"SELECT column_name, data_type, comment FROM duckdb_columns() "
            f"WHERE schema_name = 'published' AND table_name = '{table}' ORDER BY column_index"
        )
        expected = [(name, TYPES[kind], comment) for name, kind, comment in described]
        assert shop.read(COLUMNS, f'published."{table}"') == expected
    assert shop.read("SELECT obj_description('published.sales_by_region'::regclass)") == shop.here(
        "SELECT comment FROM duckdb_tables() WHERE table_name = 'sales_by_region'"
    )


def test_keys_are_primary_unless_a_member_has_no_name(shop):
    shop.publish()
    shop.push()
    found = shop.read(
        "SELECT indrelid::regclass::text, indisprimary, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indisunique AND indrelid::regclass::text ~ '^published.sales_by' ORDER BY 1"
    )
    assert [(table, is_primary) for table, is_primary, _ in found] == [
        ("published.sales_by_region", False),
        ("published.sales_by_seller", True),
    ]
    assert found[0][2].endswith("(month, store_region) NULLS NOT DISTINCT")
    assert found[1][2].endswith("(month, seller_name)")


def test_a_member_that_loses_its_name_takes_the_primary_key_back(shop):
    shop.publish()
    shop.push()
    shop.publish("UPDATE candidates.sales_by_seller SET seller_name = NULL WHERE seller_name = 'Bob'")
    shop.push()
    assert_same(shop)
    shop.publish()
    shop.push()
    assert_same(shop)


def test_only_rows_that_differ_are_moved(shop):
    shop.publish()
    shop.push()
    noted = "CREATE TABLE public.noted(relation text, what text)"
    watch = """
        CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.noted VALUES (TG_RELID::regclass::text, TG_OP); RETURN NULL; END $$"""
    tables = ("published.sales_by_region", "published.sales_by_seller", "published_internal.indicator_value")
    triggers = [
        f"CREATE TRIGGER watched AFTER INSERT OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION public.note()"
        for table in tables
    ]
    shop.change(noted, watch, *triggers)
    february = "month = '2026-02-01' AND store_region = 'North'"
    shop.publish(f"UPDATE candidates.sales_by_region SET sales = 7 WHERE {february}")
    shop.push()
    assert_same(shop)
    counted = shop.read("SELECT relation, what, count(*) FROM public.noted GROUP BY 1, 2 ORDER BY 1, 2")
    assert counted == [("published.sales_by_region", "DELETE", 1), ("published.sales_by_region", "INSERT", 1)]


def test_rows_that_are_there_twice_stay_twice(shop):
    twice = "INSERT INTO quality.result SELECT * FROM quality.result"
    shop.publish(twice)
    shop.push()
    shop.publish(twice, twice)
    shop.push()
    assert_same(shop)


def test_odd_values_arrive_as_they_are(shop):
    odd = """CREATE OR REPLACE TABLE quality.result AS SELECT * FROM (VALUES
        ('', '净销售额 "a", b' || chr(10) || '\\N', 0.1::DOUBLE, 1e300::DOUBLE,
         170141183460469231731687303715884105727),
        (NULL, chr(9) || '\\', '-0.0'::DOUBLE, 'nan'::DOUBLE, -1),
        (' ', 'NULL', 'infinity'::DOUBLE, 5e-324, 0)
        ) AS odd(a, b, c, d, e)"""
    shop.publish(odd)
    shop.push()
    rows = shop.read("SELECT a, b, c::text, d::text, e::text FROM published.quality_result ORDER BY e")
    assert rows == [
        (None, "\t\\", "-0", "NaN", "-1"),
        (" ", "NULL", "Infinity", "5e-324", "0"),
        ("", '净销售额 "a", b\n\\N', "0.1", "1e+300", "170141183460469231731687303715884105727"),
    ]
    assert shop.push(how=How(full=True)).tables == 0


def test_a_push_of_what_is_there_does_nothing(shop):
    shop.publish()
    shop.push()
    assert not shop.push().is_new
    again = shop.push(how=How(full=True))
    assert (again.removed, again.added) == (0, 0)


def test_several_missed_generations_are_caught_up_with(shop):
    shop.publish()
    shop.push()
    for batch in range(2, 5):
        shop.publish(batch=batch)
    assert shop.push().before == "shop-000001"
    assert_same(shop)
    assert shop.read("SELECT count(*) FROM published.publication") == [(4,)]


def test_rows_that_somebody_changed_are_found_and_mended(shop):
    shop.publish()
    shop.push()
    shop.change(
        "UPDATE published.sales_by_seller SET sales = 0", "DELETE FROM published_internal.indicator_value"
    )
    assert check(shop.home, shop.settings, shop.policy) == ["indicator_value", "sales_by_seller"]
    shop.push(how=How(full=True))
    assert_same(shop)


def test_a_connection_that_breaks_leaves_the_old_generation_and_the_next_push_catches_up(shop):
    shop.publish()
    shop.push()
    before = rows_there(shop, "indicator_value")
    shop.publish(batch=2)

    def cut(table, fraction):
        if table == "sales_by_region":
            with psycopg.connect(shop.address, autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'plumbline'"
                )

    with pytest.raises(DeliveryError) as raised:
        shop.push(progress=cut)
    assert raised.value.code == "postgres-unavailable"
    assert rows_there(shop, "indicator_value") == before
    shop.push()
    assert_same(shop)


def test_a_kill_amidst_leaves_the_old_generation(shop):
    shop.publish()
    shop.push()
    shop.publish(batch=2)

    def die(table, fraction):
        if table == "roles":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shop.push(progress=die)
    assert shop.read("SELECT max(generation) FROM published.publication") == [(1,)]
    shop.push()
    assert_same(shop)


SEEN = """
SELECT (SELECT max(generation) FROM published.publication),
       (SELECT sum(sales)::bigint FROM published.sales_by_region WHERE store_region = 'North'),
       (SELECT sum(sales)::bigint FROM published.company_monthly),
       (SELECT sum(value)::bigint FROM published.indicator_value WHERE metric = 'sales' AND dimensions = ''),
       (SELECT count(DISTINCT publication_id) FROM published.indicator_value)
"""


@pytest.mark.parametrize("pushes", [8, pytest.param(20, marks=pytest.mark.long)])
def test_readers_see_one_generation_during_pushes(shop, pushes):
    shop.publish()
    shop.push()
    seen, troubles, over = set(), [], threading.Event()

    def keep_reading():
        with psycopg.connect(shop.address) as con:
            con.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            while not over.wait(0.002):
                try:
                    # One statement each, as a dashboard asks them, in one transaction.
                    figures = [con.execute(f"SELECT {part}").fetchone()[0] for part in parts()]
                    seen.add(tuple(figures))
                    con.rollback()
                except Exception as error:
                    troubles.append(repr(error))

    def parts():
        return [part.strip().rstrip(",") for part in SEEN.strip().removeprefix("SELECT").split("\n")]

    readers = [threading.Thread(target=keep_reading) for _ in range(3)]
    for reader in readers:
        reader.start()
    for batch in range(2, pushes + 2):
        shop.publish(batch=batch)
        shop.push()
    over.set()
    for reader in readers:
        reader.join()
    assert troubles == []
    assert seen <= {(batch, 600 * batch, 1818 * batch, 1818 * batch, 1) for batch in range(1, pushes + 2)}
    assert len(seen) > 3


def test_new_columns_and_tables_come_and_go_without_touching_grants_and_views(shop):
    shop.publish()
    shop.push()
    shop.change(
        "CREATE ROLE carl LOGIN",
        "GRANT USAGE ON SCHEMA published TO carl",
        "GRANT SELECT ON ALL TABLES IN SCHEMA published TO carl",
        "CREATE VIEW public.own AS SELECT month, cost FROM published.sales_by_region",
    )
    shop.publish(
        "ALTER TABLE candidates.sales_by_region ADD COLUMN orders BIGINT DEFAULT 5",
        "ALTER TABLE candidates.sales_by_region DROP COLUMN cost",
        "CREATE TABLE candidates.more AS SELECT 1 AS month",
        "DROP TABLE candidates.sales_by_seller",
    )
    shop.push()
    assert rows_there(shop, "sales_by_region") == rows_here(shop, "sales_by_region")
    assert rows_there(shop, "more") == [(1,)]
    assert ("sales_by_seller",) not in shop.read(TABLES)
    assert shop.read("SELECT count(*), count(cost) FROM public.own") == [(18, 0)]
    assert shop.read("SELECT count(orders) FROM published.sales_by_region", role="carl") == [(18,)]
    with shop.warehouse() as con:
        con.execute("DROP TABLE candidates.more")
    shop.publish()
    shop.push()
    assert_same(shop)


def test_a_column_of_another_type_is_made_anew(shop):
    shop.publish()
    shop.push()
    shop.publish("ALTER TABLE candidates.sales_by_region ALTER sales TYPE DOUBLE")
    shop.push()
    assert rows_there(shop, "sales_by_region") == rows_here(shop, "sales_by_region")


def test_a_view_on_a_column_that_changes_its_type_is_named(shop):
    shop.publish()
    shop.push()
    shop.change("CREATE VIEW public.own AS SELECT sales FROM published.sales_by_region")
    shop.publish("ALTER TABLE candidates.sales_by_region ALTER sales TYPE DOUBLE")
    with pytest.raises(DeliveryError, match=r"rest on it: public\.own") as raised:
        shop.push()
    assert raised.value.code == "postgres-in-use"
    assert shop.read("SELECT max(generation) FROM published.publication") == [(1,)]


def test_two_pushes_at_once_wait_for_one_another(shop):
    shop.publish()
    shop.push()
    with psycopg.connect(shop.address) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('plumbline published', 0))")
        shop.publish(batch=2)
        with pytest.raises(LockedError) as raised:
            push(shop.home, PostgresSettings(shop.address, wait_seconds=1), shop.policy)
    assert raised.value.code == "postgres-locked"
    shop.push()
    assert_same(shop)


def test_what_another_installation_pushed_is_replaced_only_when_asked(shop):
    shop.publish()
    shop.push()
    shop.change("UPDATE published.publication SET published_at = '2020-01-01'")
    shop.publish(batch=2)
    with pytest.raises(ConfigurationError) as raised:
        shop.push()
    assert raised.value.code == "postgres-foreign"
    shop.push(how=How(replace=True, full=True))
    assert_same(shop)


def test_a_table_of_somebody_else_is_not_written_over(shop):
    shop.publish()
    shop.change("CREATE SCHEMA published", "CREATE TABLE published.sales_by_seller(mine int)")
    with pytest.raises(ConfigurationError, match="was not made by Plumbline"):
        shop.push()
    assert shop.read("SELECT count(*) FROM published.sales_by_seller") == [(0,)]


def test_another_schema_may_be_named(shop):
    shop.publish()
    push(shop.home, PostgresSettings(shop.address, schema="figures"), shop.policy)
    assert shop.read("SELECT count(*) FROM figures.indicator_value") == shop.here(
        "SELECT count(*) FROM published.indicator_value"
    )


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody:s3cret-word@127.0.0.1:1/bi",
        "postgresql://nobody@127.0.0.1:1/bi?password=s3cret-word",
        "host=127.0.0.1 port=1 password=s3cret-word",
        "postgresql://nobody:s3cret-word@[broken/bi",
    ],
)
def test_no_error_shows_a_password(shop, url):
    shop.publish()
    with pytest.raises(DeliveryError) as raised:
        push(shop.home, PostgresSettings(url), shop.policy)
    assert "s3cret" not in f"{raised.value}{raised.value!r}{raised.value.__cause__}"
