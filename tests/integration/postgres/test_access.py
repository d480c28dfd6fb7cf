"""Roles of the policy in a real PostgreSQL: what each sees, and ways around it that lead nowhere."""

from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from plumbline.errors import ConfigurationError, DeliveryError
from plumbline.publication.postgres import How, PostgresSettings, push
from tests.integration.postgres.conftest import POLICY

DENIED = psycopg.errors.InsufficientPrivilege
ROLES = "SELECT rolname FROM pg_roles WHERE rolname !~ '^(pg_|postgres$)' ORDER BY 1"


@pytest.fixture
def guarded(shop):
    """The company with its policy, pushed; sales of the North are 100 a month, of the South 200."""
    shop.write_policy(POLICY)
    shop.publish()
    shop.push()
    return shop


def connected(shop, account):
    parts = urlsplit(shop.address)
    return psycopg.connect(urlunsplit(parts._replace(netloc=f"{account}@")), autocommit=True)


def refused(con, sql, error=DENIED):
    with pytest.raises(error) as raised:
        con.execute(sql)
    return str(raised.value)


def test_roles_have_no_login_and_accounts_inherit_nothing(guarded):
    rows = guarded.read(
        "SELECT rolname, rolcanlogin, rolinherit FROM pg_roles WHERE rolname !~ '^(pg_|postgres$)'"
    )
    assert sorted(rows) == [
        ("ann", True, False),
        ("bob", True, False),
        ("shop_analyst", False, True),
        ("shop_boss", False, True),
        ("shop_north", False, True),
    ]


def test_a_role_finds_its_tables_with_its_columns_and_rows(guarded):
    with connected(guarded, "bob") as con:
        rows = con.execute("SELECT * FROM sales_by_region WHERE month = '2026-01-01'").fetchall()
        assert [tuple(map(str, row)) for row in rows] == [
            ("2026-01-01", "North", "100.0000", "False", "certified")
        ]
        assert con.execute("SELECT DISTINCT headcount FROM staff_by_department").fetchall() == [(9,)]
        assert con.execute("SELECT * FROM company_monthly LIMIT 1").description[1].name == "headcount"


def test_columns_that_a_role_does_not_see_are_refused_in_every_clause(guarded):
    with connected(guarded, "bob") as con:
        for sql in (
            "SELECT cost FROM published.sales_by_region",
            "SELECT * FROM published.sales_by_region",
            "SELECT t FROM published.sales_by_region AS t",
            "SELECT month FROM published.sales_by_region WHERE cost > 50",
            "SELECT month FROM published.sales_by_region ORDER BY cost",
            "SELECT count(cost) FROM published.sales_by_region",
            "SELECT partial_metrics FROM published.sales_by_region",
            "SELECT pay FROM published.staff_by_department",
            "SELECT sales FROM published.company_monthly",
            "SELECT * FROM published.sales_by_seller",
            "SELECT * FROM published_internal.granted",
            "SELECT * FROM published_internal.pushed",
            "SELECT cost FROM pg_catalog.pg_class, published.sales_by_region",
            "TABLE published.quality_result",
            "COPY published.sales_by_region TO STDOUT",
            "EXPLAIN SELECT cost FROM published.sales_by_region",
            "INSERT INTO published.sales_by_region (month) VALUES ('2026-01-01')",
            "UPDATE published.sales_by_region SET sales = 0",
            "DELETE FROM published.sales_by_region",
            "CREATE TABLE published.mine (a int)",
            "CREATE VIEW shop_north.mine AS SELECT 1",
            "ALTER TABLE published.sales_by_region DISABLE ROW LEVEL SECURITY",
        ):
            assert "300" not in refused(con, sql), sql


def test_the_long_table_follows_the_policy(guarded):
    seen = "SELECT metric, members, count(*) FROM indicator_value GROUP BY 1, 2 ORDER BY 1, 2"
    with connected(guarded, "bob") as con:
        assert con.execute(seen).fetchall() == [
            ("headcount", "", 6),
            ("headcount", '{"department__name":"Sales"}', 6),
            ("sales", '{"store__region":"North"}', 6),
        ]
        assert con.execute("SELECT DISTINCT member FROM target").fetchall() == [("North",)]
        assert con.execute("SELECT name FROM indicator ORDER BY 1").fetchall() == [("headcount",), ("sales",)]
        assert con.execute("SELECT count(*) FROM indicator_edge").fetchall() == [(0,)]


def test_small_groups_and_persons_are_left_out_for_roles_without_persons(guarded):
    with connected(guarded, "ann") as con:
        assert con.execute("SELECT min(headcount) FROM staff_by_department").fetchall() == [(2,)]
        assert con.execute("SELECT count(*) FROM sales_by_seller").fetchall() == [(12,)]
        con.execute("SET ROLE shop_analyst")
        assert con.execute("SELECT min(headcount), min(pay) FROM staff_by_department").fetchall() == [
            (9, 9000)
        ]
        refused(con, "SELECT * FROM sales_by_seller", psycopg.errors.UndefinedTable)
        refused(con, "SELECT sales FROM published.sales_by_seller")
        pay = "SELECT members, count(*) FROM indicator_value WHERE metric = 'pay' GROUP BY 1"
        assert con.execute(pay).fetchall() == [('{"department__name":"Sales"}', 6)]
        assert con.execute("SELECT count(*) FROM indicator_value WHERE dimensions ~ 'seller'").fetchall() == [
            (0,)
        ]


def test_rights_of_two_roles_never_mix(guarded):
    with connected(guarded, "ann") as con:
        assert con.execute("SELECT current_user, session_user").fetchone() == ("shop_boss", "ann")
        con.execute("SET ROLE shop_analyst")
        refused(con, "SELECT * FROM published.quality_result")
        con.execute("SET ROLE NONE")
        refused(con, "SELECT month FROM published.sales_by_region")
        con.execute("RESET ROLE")
        assert con.execute("SELECT current_user").fetchone() == ("shop_boss",)
    with connected(guarded, "bob") as con:
        for role in ("shop_boss", "shop_analyst", "ann", "postgres"):
            refused(con, f"SET ROLE {role}")
        refused(con, "SET SESSION AUTHORIZATION ann")


def test_functions_in_a_condition_see_only_rows_of_the_role(guarded):
    told = []
    with connected(guarded, "bob") as con:
        con.add_notice_handler(lambda notice: told.append(notice.message_primary))
        con.execute(
            "CREATE FUNCTION pg_temp.leak(text, numeric) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS "
            "$$ BEGIN RAISE NOTICE 'seen % %', $1, $2; RETURN true; END $$"
        )
        for table in ("sales_by_region", "published.sales_by_region"):
            con.execute(f"SELECT count(*) FROM {table} WHERE pg_temp.leak(store_region, sales)")
        con.execute(
            "SELECT count(*) FROM published_internal.indicator_value WHERE pg_temp.leak(members, value)"
        )
        # An error that only a hidden row would raise.
        con.execute("SELECT month FROM published.sales_by_region WHERE 1 / (sales - 200)::int < 5")
    assert len(told) == 12 + 18
    assert not [text for text in told if "South" in text or "Board" in text]


def test_plans_and_statistics_tell_no_hidden_value(guarded):
    guarded.change("ANALYZE")
    with connected(guarded, "bob") as con:
        assert (
            con.execute(
                "SELECT * FROM pg_stats WHERE schemaname ~ '^published' AND tablename <> 'large_group'"
            ).fetchall()
            == []
        )
        refused(con, "SELECT * FROM pg_statistic")
        plan = con.execute("EXPLAIN (VERBOSE) SELECT month FROM sales_by_region WHERE sales > 150").fetchall()
        assert "South" not in str(plan)
        columns = "SELECT count(*) FROM information_schema.columns WHERE column_name IN ('cost', 'pay')"
        assert con.execute(columns).fetchone() == (0,)


def test_a_changed_policy_takes_away_what_it_no_longer_gives(guarded):
    guarded.write_policy(POLICY.replace("[North]", "[South]").replace("  bob: {roles: [north]}\n", ""))
    assert guarded.push().grants > 0
    assert guarded.read("SELECT DISTINCT store_region FROM published.sales_by_region ORDER BY 1") != []
    assert ("bob",) not in guarded.read(ROLES)
    guarded.change("GRANT shop_north TO ann")
    with connected(guarded, "ann") as con:
        con.execute("SET ROLE shop_north")
        assert con.execute("SELECT DISTINCT store_region FROM sales_by_region").fetchall() == [("South",)]
    guarded.push(how=How(access_anew=True))
    with connected(guarded, "ann") as con:
        refused(con, "SET ROLE shop_north")


def test_without_a_policy_its_roles_go_and_hand_made_grants_count_again(guarded):
    guarded.change(
        "CREATE ROLE carl LOGIN",
        "GRANT USAGE ON SCHEMA published TO carl",
        "GRANT SELECT ON published.company_monthly TO carl",
    )
    assert guarded.read("SELECT count(*) FROM published.company_monthly", role="carl") == [(0,)]
    guarded.write_policy("roles: {}\n")
    guarded.push()
    assert guarded.read(ROLES) == [("carl",)]
    assert guarded.read("SELECT count(*) FROM published.company_monthly", role="carl") == [(6,)]
    assert guarded.read("SELECT nspname FROM pg_namespace WHERE nspname ~ '^shop_'") == []


def test_applying_twice_changes_nothing(guarded):
    grants = (
        "SELECT relname, relacl::text FROM pg_class "
        "WHERE relnamespace::regnamespace::text ~ '^(published|shop)'"
    )
    before = guarded.read(f"{grants} ORDER BY 1, 2")
    assert guarded.push(how=How(access_anew=True)).roles.created == ()
    assert guarded.read(f"{grants} ORDER BY 1, 2") == before


def test_a_next_generation_changes_no_privileges_and_new_tables_get_theirs(guarded):
    guarded.publish(batch=2)
    assert guarded.push().grants == 0
    guarded.publish("ALTER TABLE candidates.sales_by_region ALTER sales TYPE DOUBLE")
    guarded.push()
    with connected(guarded, "bob") as con:
        assert con.execute("SELECT sum(sales) FROM sales_by_region").fetchone() == (600.0,)


def test_a_role_of_somebody_else_is_not_touched(shop):
    shop.write_policy(POLICY)
    shop.publish()
    shop.change("CREATE ROLE ann LOGIN PASSWORD 'hers' CREATEDB")
    with pytest.raises(ConfigurationError, match="not made from this policy"):
        shop.push()
    assert shop.read("SELECT rolcreatedb FROM pg_roles WHERE rolname = 'ann'") == [(True,)]


def test_a_publisher_without_superuser_needs_little(shop):
    shop.write_policy(POLICY)
    shop.publish()
    shop.change("CREATE ROLE publisher LOGIN CREATEROLE", "GRANT CREATE ON DATABASE bi TO publisher")
    parts = urlsplit(shop.address)
    settings = PostgresSettings(urlunsplit(parts._replace(netloc="publisher@")), wait_seconds=2)
    assert push(shop.home, settings, shop.policy).roles.missing == ()
    with connected(shop, "bob") as con:
        assert con.execute("SELECT sum(sales) FROM sales_by_region").fetchone() == (600,)
    shop.write_policy(POLICY.replace("  bob: {roles: [north]}\n", ""))
    push(shop.home, settings, shop.policy)
    assert ("bob",) not in shop.read(ROLES)
    shop.change("DROP OWNED BY publisher CASCADE")


def test_a_publisher_that_may_not_create_roles_publishes_and_says_so(shop):
    shop.write_policy(POLICY)
    shop.publish()
    shop.change("CREATE ROLE publisher LOGIN", "GRANT CREATE ON DATABASE bi TO publisher")
    parts = urlsplit(shop.address)
    settings = PostgresSettings(urlunsplit(parts._replace(netloc="publisher@")), wait_seconds=2)
    pushed = push(shop.home, settings, shop.policy)
    assert "may not create them" in pushed.roles.warnings[0]
    assert shop.read("SELECT count(*) FROM published.sales_by_region") == [(18,)]
    shop.change("DROP OWNED BY publisher CASCADE")


def test_a_publisher_without_rights_is_told_so(shop):
    shop.publish()
    shop.change("CREATE ROLE guest LOGIN")
    parts = urlsplit(shop.address)
    with pytest.raises(DeliveryError) as raised:
        push(shop.home, PostgresSettings(urlunsplit(parts._replace(netloc="guest@"))), shop.policy)
    assert raised.value.code == "postgres-refused"
