"""A PostgreSQL server, and a small company whose generations go into a database of its own."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from urllib.parse import urlsplit, urlunsplit

import duckdb
import psycopg
import pytest

from plumbline.access import Policy, load_policy, policy_file
from plumbline.project import Home, Project
from plumbline.publication import RunFacts, publish
from plumbline.publication.postgres import PostgresSettings, push
from tests.integration.postgres.shop import fill, write_manifest
from tests.postgres import running

POLICY = """
roles:
  boss: {metrics: all, persons: true, evidence: true}
  analyst: {metrics: all}
  north:
    metrics: {domains: [sales]}
    rows: {store__region: [North]}
    company_wide: {names: [headcount]}
small_groups:
  - {metrics: {domains: [people]}, count: headcount, at_least: 5}
accounts:
  ann: {roles: [boss, analyst]}
  bob: {roles: [north]}
"""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory) as address:
        yield address


@pytest.fixture
def address(server: str) -> Iterator[str]:
    """The address of an empty database; its roles are gone afterwards."""
    parts = urlsplit(server)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("CREATE DATABASE bi")
        yield urlunsplit(parts._replace(path="/bi"))
        admin.execute("DROP DATABASE bi WITH (FORCE)")
        for (role,) in admin.execute(
            "SELECT rolname FROM pg_roles WHERE rolname !~ '^(pg_|postgres$)'"
        ).fetchall():
            admin.execute(f'DROP ROLE "{role}"')


class Shop:
    """The company, its warehouse and its PostgreSQL."""

    def __init__(self, project: Project, address: str) -> None:
        self.project, self.address = project, address
        self.home = Home(project.root / "state" / "shop")
        self.home.target.mkdir(parents=True)
        write_manifest(self.home)
        self.settings = PostgresSettings(address, wait_seconds=2)
        self.policy = Policy("shop")
        self.day = 1

    def warehouse(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(str(self.home.warehouse))

    def write_policy(self, text: str) -> None:
        path = policy_file(self.project, "shop")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.policy = load_policy(self.project, "shop")

    def publish(self, *changes: str, batch: int = 1):
        """Publish one day later; `changes` are SQL over the warehouse, after it was filled anew."""
        self.day += 1
        with self.warehouse() as con:
            fill(con, batch, date(2026, 3, self.day))
            for change in changes:
                con.execute(change)
            run = RunFacts("shop", f"run-{self.day}", date(2026, 3, self.day))
            return publish(con, self.home, run=run, now=datetime(2026, 4, self.day, 6, tzinfo=UTC))

    def push(self, **options):
        return push(self.home, self.settings, self.policy, **options)

    def read(self, sql: str, *values, role: str = "") -> list[tuple]:
        """Read PostgreSQL as its owner, or as an account."""
        parts = urlsplit(self.address)
        where = parts._replace(netloc=f"{role}@") if role else parts
        with psycopg.connect(urlunsplit(where), autocommit=True) as con:
            return con.execute(sql, values or None).fetchall()

    def change(self, *statements: str) -> None:
        """Change PostgreSQL as its owner."""
        with psycopg.connect(self.address) as con:
            for statement in statements:
                con.execute(statement)

    def here(self, sql: str) -> list[tuple]:
        """Read the current generation."""
        with duckdb.connect(str(self.home.current.resolve()), read_only=True) as con:
            return con.execute(sql).fetchall()


@pytest.fixture
def shop(tmp_path, address) -> Shop:
    return Shop(Project(tmp_path), address)
