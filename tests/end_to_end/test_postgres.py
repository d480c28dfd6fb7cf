"""The built-in company in a real PostgreSQL: the same figures, and each role exactly what it may see."""

import json
import random
import re
from collections import Counter
from decimal import Decimal
from urllib.parse import quote, urlsplit, urlunsplit

import duckdb
import psycopg
import pytest

from plumbline.access import load_policy
from plumbline.definitions import load
from plumbline.project import Project
from plumbline.serving.sight import sight_of
from plumbline.serving.vocabulary import Vocabulary
from tests.end_to_end.conftest import plumb
from tests.postgres import running

EVIDENCE = {
    "doubt",
    "extract",
    "ledger",
    "mart_part",
    "publication_table",
    "quality_result",
    "quarantine_reason",
    "reconciliation",
    "rejected_row",
    "waiver",
}
ABOUT = {"available_table", "coverage", "hold", "indicator", "indicator_edge", "indicator_value"}
ABOUT |= {"publication", "restatement", "target"}
PERSONAL = {"opportunities_by_sales_person_monthly", "sales_people_quarterly"}
SMALL = {"headcount", "net_sales_per_employee"}
# Who acts in which role, first in the role of the first name.
ACCOUNTS = {
    "executive": "li.na",
    "auditor": "zhao.min",
    "analyst": "bi_reader",
    "north_america": "wang.fang",
    "people_partner": "chen.jie",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory) as address:
        yield address


@pytest.fixture(scope="module")
def bi(server, demo_home):
    """A PostgreSQL that has the built-in company and its roles; gives its address."""
    done = plumb("push", home=demo_home.root.parent, PLUMBLINE_POSTGRES_URL=server)
    assert done.returncode == 0, done.stdout + done.stderr
    with psycopg.connect(server, autocommit=True) as con:
        con.execute("ANALYZE")
    return server


@pytest.fixture(scope="module")
def here(demo_home):
    """The published generation, in a DuckDB that may be written to."""
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{demo_home.current.resolve()}' AS generation (READ_ONLY)")
        yield con


@pytest.fixture(scope="module")
def seen(demo_home, project_root):
    """The metrics that the query door lets each role name."""
    policy = load_policy(Project(project_root), "demo")
    vocabulary = Vocabulary(load(demo_home.semantic_manifest))
    return {role: sight_of(policy, role, vocabulary).metrics for role in policy.roles}


def as_account(address, account):
    """The address at which an account connects."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=f"{quote(account)}@"))


def columns_of(here, table):
    rows = here.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = 'generation' "
        "AND schema_name = 'published' AND table_name = ? ORDER BY column_index",
        [table],
    ).fetchall()
    return dict(rows)


def tables_of(here):
    rows = here.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'generation' "
        "AND schema_name = 'published' ORDER BY 1"
    ).fetchall()
    return [name for (name,) in rows]


def test_every_table_is_that_of_the_generation(bi, here):
    with psycopg.connect(bi) as con:
        for table in tables_of(here):
            names = ", ".join(f'"{name}"' for name in columns_of(here, table))
            there = con.execute(f'SELECT {names} FROM published."{table}"').fetchall()
            expected = here.execute(f'SELECT {names} FROM generation.published."{table}"').fetchall()
            assert Counter(there) == Counter(expected), table


def test_every_saved_query_has_a_key(bi, here):
    with psycopg.connect(bi) as con:
        keyed = {
            name
            for (name,) in con.execute(
                "SELECT relname FROM pg_index JOIN pg_class AS class ON class.oid = indrelid "
                "WHERE indisunique AND relnamespace = 'published'::regnamespace"
            )
        }
    kinds = here.execute(
        "SELECT table_name FROM generation.published.available_table WHERE kind = 'saved query'"
    )
    assert {name for (name,) in kinds.fetchall()} <= keyed


class Allowed:
    """What a role may see, written by hand from the policy's words, over the tables of the generation."""

    def __init__(self, here, role, seen):
        self.here, self.role, self.seen = here, role, seen
        rows = here.execute("SELECT name, domain FROM generation.published.indicator").fetchall()
        self.domains = dict(rows)
        self.sees_persons = role in ("executive", "auditor", "people_partner")

    def views(self, prefix):
        """Create a table of what is seen of each table; gives their columns."""
        schema = f"{prefix}_{self.role}"
        self.here.execute(f"CREATE SCHEMA {schema}")
        names = {}
        for table in sorted(tables_of(self.here), key=lambda name: name == "available_table"):
            seen = self.of(table, names)
            if seen:
                hidden, where = seen
                columns = [name for name in columns_of(self.here, table) if name not in hidden]
                listed = ", ".join(f'"{name}"' for name in columns)
                self.here.execute(
                    f'CREATE TABLE {schema}."{table}" AS SELECT {listed} FROM generation.published."{table}" '
                    f"WHERE {where or 'true'}"
                )
                names[table] = columns
        return names

    def of(self, table, names):
        """Give the columns that are hidden and a condition; None where nothing is seen."""
        if table in EVIDENCE:
            return (set(), "") if self.role == "auditor" else None
        if table in ABOUT:
            return self.about(table, names)
        return self.wide(table)

    def wide(self, table):
        if table in PERSONAL and not self.sees_persons:
            return None
        columns = columns_of(self.here, table)
        metrics = [name for name in columns if f"{name}__verdict" in columns]
        is_own = self.role == "north_america" and "territory_region_group" in columns
        shown = [name for name in metrics if self.shows(name, is_own)]
        if not self.sees_persons and "headcount" not in columns:
            shown = [name for name in shown if name not in SMALL]
        hidden = {name for name in metrics if name not in shown}
        if not shown:
            return None
        parts = ["territory_region_group = 'North America'"] if is_own else []
        parts += ["headcount >= 5"] if not self.sees_persons and SMALL & set(shown) else []
        if hidden:
            parts.append("(" + " OR ".join(f'"{name}" IS NOT NULL' for name in shown) + ")")
            hidden |= {f"{name}__verdict" for name in hidden} | {"partial_metrics"}
        return hidden, " AND ".join(parts)

    def shows(self, metric, is_own):
        if self.role == "people_partner":
            return self.domains[metric] == "people"
        if self.role == "north_america":
            in_domain = self.domains[metric] in ("sales", "marketing")
            return metric in ("headcount", "order_on_time_rate") or (is_own and in_domain)
        return True

    def about(self, table, names):
        is_limited = self.role == "north_america"
        metrics = ", ".join(f"'{name}'" for name in self.seen)
        if table == "publication":
            return set(), ""
        if table == "coverage":
            return (set(), "") if self.role in ("executive", "auditor", "analyst") else None
        if table == "available_table":
            listed = ", ".join(f"'{name}'" for name in [*names, "available_table"])
            return {"row_count"}, f"schema_name = 'published' AND table_name IN ({listed})"
        if table == "indicator":
            hidden = set() if self.role == "auditor" else {"defined_in"}
            hidden |= {"formula", "published_in"} if len(self.seen) < len(self.domains) else set()
            return hidden, f"name IN ({metrics})"
        if table == "indicator_edge":
            return set(), f"parent IN ({metrics}) AND child IN ({metrics})"
        split = "dimension" if table == "target" else "dimensions"
        parts = [f"metric IN ({metrics})"]
        if not self.sees_persons:
            parts.append(f"{split} NOT LIKE '%sales_person%' AND {split} NOT LIKE '%employee__name%'")
        if table == "hold":
            return (set() if self.role == "auditor" else {"examples"}), " AND ".join(parts)
        if is_limited:
            own = (
                "(dimension = 'territory__region_group' AND member = 'North America')"
                if table == "target"
                else """members LIKE '%"territory__region_group":"North America"%'"""
            )
            parts.append(f"(metric IN ('headcount', 'order_on_time_rate') OR {own})")
        hidden = self.parts() if table == "indicator_value" else set()
        if not self.sees_persons:
            small = "metric NOT IN ('headcount', 'net_sales_per_employee')"
            enough = (
                "(grain, coalesce(period_start, DATE '1900-01-01'), dimensions, members) IN (SELECT (grain, "
                "coalesce(period_start, DATE '1900-01-01'), dimensions, members) "
                "FROM generation.published.indicator_value WHERE metric = 'headcount' AND value >= 5)"
            )
            parts.append(small if table == "target" else f"({small} OR {enough})")
        return hidden, " AND ".join(parts)

    def parts(self):
        """Name the columns that would tell what a ratio divides, where the role does not see it as widely."""
        edges = self.here.execute(
            "SELECT parent, child FROM generation.published.indicator_edge "
            "WHERE role IN ('numerator', 'denominator')"
        ).fetchall()
        wide = {"headcount", "order_on_time_rate"} if self.role == "north_america" else set()
        for parent, child in edges:
            is_narrower = parent in wide and child not in wide
            is_small = not self.sees_persons and child in SMALL and parent not in SMALL
            if parent in self.seen and (child not in self.seen or is_narrower or is_small):
                return {"numerator", "denominator"}
        return set()


def constant(here, draw, table, column, kind):
    """Draw a value of a column, of all that there are, as SQL."""
    rows = here.execute(
        f'SELECT "{column}" FROM generation.published."{table}" WHERE "{column}" IS NOT NULL LIMIT 500'
    ).fetchall()
    if not rows:
        return "NULL"
    value = draw.choice(rows)[0]
    if isinstance(value, bool | int | float | Decimal):
        return str(value)
    text = str(value).replace("'", "''")
    return (
        f"{'DATE' if kind == 'DATE' else 'TIMESTAMP'} '{text}'"
        if kind in ("DATE", "TIMESTAMP")
        else f"'{text}'"
    )


def is_number(kind):
    return kind == "BIGINT" or kind.startswith("DECIMAL")


def random_query(here, draw, table):
    """Write a question to any columns of a table, also those that are hidden; `{}` stands for the table."""
    columns = columns_of(here, table)
    column, kind = draw.choice(list(columns.items()))
    value = constant(here, draw, table, column, kind)
    conditions = [f'"{column}" = {value}', f'"{column}" <> {value}', f'"{column}" IS NULL', "true"]
    conditions += [f'"{column}" > {value}'] if is_number(kind) or kind in ("DATE", "DOUBLE") else []
    where = draw.choice(conditions)
    chosen = draw.sample(list(columns), draw.randint(1, min(4, len(columns))))
    listed = ", ".join(f'"{name}"' for name in chosen)
    asked = draw.choice(["rows", "count", "numbers", "groups", "star"])
    if asked == "star":
        return f"SELECT * FROM {{}} WHERE {where}"
    if asked == "rows":
        return f"SELECT {listed} FROM {{}} WHERE {where}"
    if asked == "groups":
        return f"SELECT {listed}, count(*) FROM {{}} WHERE {where} GROUP BY {listed}"
    numbers = [name for name in chosen if is_number(columns[name])]
    if asked == "numbers" and numbers:
        told = ", ".join(f'min("{name}"), max("{name}"), sum("{name}")' for name in numbers)
        return f"SELECT {told} FROM {{}} WHERE {where}"
    return f"SELECT count(*), count({listed.split(', ')[0]}) FROM {{}} WHERE {where}"


def on(sql, table):
    """Ask a question to a table; its values may have braces of their own."""
    return sql.replace("{}", table)


def answers(con, sql):
    """Give the rows of an answer, or None where it is refused."""
    try:
        return Counter(con.execute(sql).fetchall())
    except (
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
    ):
        return None


def truth(here, sql):
    try:
        return Counter(here.execute(sql).fetchall())
    except (duckdb.CatalogException, duckdb.BinderException):
        return None


def in_full(table, columns):
    """Ask for all of a table; of the long one by member, for it has many rows."""
    if table != "indicator_value":
        return f"SELECT {', '.join(columns)} FROM {{}}"
    by = "metric, dimensions, members"
    return f"SELECT {by}, count(*), sum(value), min(period_start), count(target) FROM {{}} GROUP BY {by}"


@pytest.mark.parametrize("role", ACCOUNTS)
def test_every_table_of_a_role_holds_just_the_rows_and_columns_that_it_may_see(bi, here, seen, role):
    allowed = Allowed(here, role, seen[role]).views("full")
    with psycopg.connect(as_account(bi, ACCOUNTS[role]), autocommit=True) as con:
        rows = con.execute(
            "SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position) "
            "FROM information_schema.columns WHERE table_schema = current_user GROUP BY 1"
        ).fetchall()
        assert dict(rows) == allowed
        for table, columns in allowed.items():
            sql = in_full(table, [f'"{name}"' for name in columns])
            expected = truth(here, on(sql, f'full_{role}."{table}"'))
            assert answers(con, on(sql, f'"{table}"')) == expected, table
            # The view of that name reads columns that this role may not.
            is_closed = table == "indicator_value" and "numerator" not in columns
            assert answers(con, on(sql, f'published."{table}"')) == (None if is_closed else expected), table


@pytest.mark.parametrize("role", ACCOUNTS)
@pytest.mark.parametrize("count", [60, pytest.param(1_000, marks=pytest.mark.long)])
def test_random_questions_get_exactly_what_the_role_may_see(bi, here, seen, role, count):
    allowed = Allowed(here, role, seen[role]).views(f"allowed_{count}")
    draw, told, names = random.Random(role), Counter(), tables_of(here)
    with psycopg.connect(as_account(bi, ACCOUNTS[role]), autocommit=True) as con:
        for number in range(count):
            likely = list(allowed) if number % 2 else names
            table = draw.choice(likely)
            sql = random_query(here, draw, table)
            expected = truth(here, on(sql, f'allowed_{count}_{role}."{table}"'))
            own = answers(con, on(sql, f'"{table}"'))
            assert own == expected, on(sql, table)
            if table != "indicator_value" and "*" not in sql.split("FROM")[0].replace("count(*)", ""):
                assert answers(con, on(sql, f'published."{table}"')) == expected, on(sql, table)
            told["refused" if expected is None else "answered"] += 1
    assert told["answered"] > count / 3


def test_comments_in_both_languages_stand_on_the_views_of_a_role(bi):
    with psycopg.connect(as_account(bi, "bi_reader")) as con:
        (table,) = con.execute("SELECT obj_description('sales_monthly'::regclass)").fetchone()
        (column,) = con.execute(
            "SELECT col_description(attrelid, attnum) FROM pg_attribute "
            "WHERE attrelid = 'sales_monthly'::regclass AND attname = 'net_sales'"
        ).fetchone()
    assert "销售" in table
    assert column.startswith("Net sales (currency) · 净销售额")


def test_who_sees_what_is_told_in_words(demo_home):
    done = plumb("access", "show", "north_america", home=demo_home.root.parent)
    assert done.returncode == 0, done.stderr
    assert "rows       territory__region_group North America" in done.stdout
    assert re.search(r"^sales_by_territory_monthly +31 of 31", done.stdout, re.MULTILINE)
    told = json.loads(plumb("access", "show", "--format", "json", home=demo_home.root.parent).stdout)
    assert told.keys() == ACCOUNTS.keys()
    assert told["people_partner"]["accounts"] == ["chen.jie"]
    assert not told["analyst"]["tables"].keys() & (EVIDENCE | PERSONAL)
    wrong = plumb("access", "show", "analist", home=demo_home.root.parent)
    assert (wrong.returncode, "Did you mean 'analyst'?" in wrong.stderr) == (2, True)


def run_again(home, address, *arguments):
    return plumb("run", *arguments, home=home, PLUMBLINE_POSTGRES_URL=address)


def test_a_run_without_postgres_publishes_says_so_and_the_next_brings_it(company, server):
    """An address that nobody answers at; then a server, though nothing else is new."""
    secret = "postgresql://nobody:a-canary-word@127.0.0.1:1/bi"
    done = run_again(company, secret)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "PostgreSQL is behind" in done.stdout
    assert "postgres-unavailable" in done.stdout
    told = plumb("status", home=company).stdout
    assert "PostgreSQL was behind after the last run: orchestration/serving/demo.yml" in told
    texts = [
        told,
        done.stdout,
        done.stderr,
        *(p.read_text(errors="replace") for p in company.rglob("*.json")),
    ]
    assert not [text for text in texts if "a-canary-word" in text]
    with psycopg.connect(server, autocommit=True) as con:
        con.execute("CREATE DATABASE later")
    later = urlunsplit(urlsplit(server)._replace(path="/later"))
    assert_published(run_again(company, later), later)
    quiet = run_again(company, later)
    assert quiet.returncode == 0
    assert "PostgreSQL:" not in quiet.stdout


def assert_published(done, address):
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"PostgreSQL: demo-00000[12], [\d,]+ rows brought", done.stdout), done.stdout
    with psycopg.connect(address) as con:
        assert con.execute("SELECT max(generation) FROM published.publication").fetchone()[0] in (1, 2)
