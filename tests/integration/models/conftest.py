"""A company whose landing is written by hand, and its dbt builds."""

from collections import defaultdict
from datetime import date

import duckdb
import pytest

from orchestration.dbt_runner import BUILD, Dbt
from plumbline.landing import load_contract
from plumbline.project import Home, Project


class Company:
    """Loads of text rows, shown to dbt as landing shows them, and the warehouse that dbt builds from them."""

    def __init__(self, project, root, manifest):
        self.project = project
        self.manifest = manifest
        self.home = Home(root)
        self.name = "tiny"
        self.contract = load_contract(project)
        self.loads = defaultdict(list)
        self.gone = []
        self.released = []
        self.load = 0
        root.mkdir(parents=True, exist_ok=True)

    def land(self, table, rows, mode="append"):
        """Add a load to a table ('erp.product'); of snapshots only the newest counts."""
        self.load += 1
        if mode == "snapshot":
            self.loads[table].clear()
            self.gone = [row for row in self.gone if row[0] != table]
        self.loads[table].append((self.load, rows, mode))
        return self.load

    def land_difference(self, table, rows, gone=()):
        """Add what a snapshot has besides the one before, which had the rows `gone` (load, row)."""
        load = self.land(table, rows, mode="part")
        self.loads[table][-1] = (load, rows, "snapshot")
        self.gone += [(table, *place, load) for place in gone]
        return load

    def show(self, as_of):
        """Write the landing views and the tables about the run."""
        with duckdb.connect(str(self.home.warehouse)) as connection:
            self._show_tables(connection)
            self._show_run(connection, as_of)

    def _show_tables(self, connection):
        for system, tables in self.contract.items():
            connection.execute(f"create schema if not exists landing_{system}")
            for table in tables.values():
                columns = ", ".join(f'"{name}" varchar' for name in table.names)
                where = f"landing_{system}.{table.name}"
                connection.execute(
                    f"create or replace table {where} ({columns}, _load bigint, _row_number bigint)"
                )
                values = [
                    [*(row.get(name) for name in table.names), load, number]
                    for load, rows, _ in self.loads[f"{system}.{table.name}"]
                    for number, row in enumerate(rows, start=1)
                ]
                if values:
                    marks = ", ".join("?" * len(values[0]))
                    connection.executemany(f"insert into {where} values ({marks})", values)

    def _show_run(self, connection, as_of):
        connection.execute("create schema if not exists landing_run")
        connection.execute(
            "create or replace table landing_run.context as "
            "select ? as company, ?::date as as_of, 'run' as run_id",
            [self.name, as_of],
        )
        connection.execute(
            "create or replace table landing_run.loads "
            "(load bigint, system varchar, table_name varchar, rows bigint, mode varchar, is_current boolean)"
        )
        connection.execute(
            "create or replace table landing_run.gone_rows "
            "(system varchar, table_name varchar, load bigint, row_number bigint, gone_with bigint)"
        )
        connection.execute(
            "create or replace table landing_run.released_rows "
            "(system varchar, table_name varchar, load bigint, row_number bigint, release bigint)"
        )
        for name, loads in self.loads.items():
            for load, rows, mode in loads:
                connection.execute(
                    "insert into landing_run.loads values (?, ?, ?, ?, ?, true)",
                    [load, *name.split("."), len(rows), mode],
                )
        for name, *place in self.gone:
            connection.execute(
                "insert into landing_run.gone_rows values (?, ?, ?, ?, ?)", [*name.split("."), *place]
            )
        for release, (name, *place) in enumerate(self.released, start=1):
            connection.execute(
                "insert into landing_run.released_rows values (?, ?, ?, ?, ?)",
                [*name.split("."), *place, release],
            )

    def build(self, as_of="2024-03-31", full=False, only=()):
        """Show what has landed and build every seed and model, or only some."""
        self.show(date.fromisoformat(as_of))
        flags = ["--full-refresh"] if full else []
        return self.dbt(*BUILD, *flags, *(["--select", *only] if only else []))

    def dbt(self, *args):
        return Dbt(self.project, self.home, manifest=self.manifest).invoke(args)

    def query(self, sql):
        with duckdb.connect(str(self.home.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def verdicts(self, table):
        """Give (load, row) → (verdict, reason) of one source table ('erp.product')."""
        rows = self.query(
            f"select _load, _row_number, _verdict, _reason from staging.base_{table.replace('.', '__')}"
        )
        return {(load, row): (verdict, reason) for load, row, verdict, reason in rows}

    def digests(self):
        return digests_of(self.home)


def digests_of(home):
    """Give (rows, digest of the contents) of every staging view, mart and quarantine table."""
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        tables = connection.execute(
            "select table_schema || '.' || table_name, "
            "string_agg('\"' || column_name || '\"', ', ' order by column_name) "
            "from information_schema.columns where table_schema in ('marts', 'quarantine') "
            "or (table_schema = 'staging' and table_name like 'stg_%') group by all order by all"
        ).fetchall()
        digest = "count(*), sha256(string_agg(line, chr(10) order by line))"
        return {
            table: connection.execute(
                f"select {digest} from "
                f"(select rows::varchar as line from (select {columns} from {table}) as rows)"
            ).fetchone()
            for table, columns in tables
        }


@pytest.fixture(scope="session")
def digests():
    return digests_of


@pytest.fixture(scope="session")
def project(project_root):
    return Project(project_root)


@pytest.fixture(scope="session")
def manifest(project, parsed):
    """The project, parsed once for all companies of the tests."""
    dbt = Dbt(project, parsed)
    dbt.take_parsed()
    assert dbt.manifest
    return dbt.manifest


@pytest.fixture
def company(project, manifest, tmp_path):
    """An empty company."""
    return Company(project, tmp_path / "tiny", manifest)
