"""The same reading and SQL as a run, by DuckDB alone: what the pipeline around it costs is the difference."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb
from adbc_driver_sqlite import dbapi

from plumbline.project import Home


def main(arguments: list[str]) -> None:
    home, root = Home(Path(arguments[0])), Path(arguments[1])
    with tempfile.TemporaryDirectory() as directory:
        connection = duckdb.connect(str(Path(directory) / "warehouse.duckdb"))
        read_sources(connection, home)
        run_models(connection, home, root)
        run_metrics(connection, home)


def read_sources(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Copy every table of the database, and every JSON Lines file, into DuckDB."""
    connection.execute("create schema raw")
    with dbapi.connect(f"file:{home.data / 'erp.sqlite'}") as database:
        cursor = database.cursor()
        cursor.execute("select name from sqlite_master where type = 'table'")
        for (name,) in cursor.fetchall():
            cursor.execute(f'select * from "{name}"')
            reader = cursor.fetch_record_batch()
            connection.execute(f'create table raw."{name}" as select * from reader')
            del reader
    for path in sorted((home.data / "crm").glob("*.jsonl")):
        connection.execute(
            f"create table raw.\"{path.stem}\" as select * from read_json(?, format = 'newline_delimited')",
            [str(path)],
        )


def run_models(connection: duckdb.DuckDBPyConnection, home: Home, root: Path) -> None:
    """Build every model from the SQL that dbt compiled, over the landed files."""
    from datetime import date

    from plumbline.landing import load_sources, register
    from plumbline.project import Project

    project = Project(root)
    sources = load_sources(project, "demo")
    as_of = json.loads((home.data / "company.json").read_text(encoding="utf-8"))["as_of"]
    register(connection, home, project, sources, date.fromisoformat(as_of), "bench")
    manifest = json.loads(home.dbt_manifest.read_text(encoding="utf-8"))
    read_seeds(connection, manifest, root)
    for node in in_order(manifest):
        compiled = home.target / "compiled" / "plumbline" / node["original_file_path"]
        if not compiled.is_file():
            continue
        build(connection, node, compiled.read_text(encoding="utf-8").replace('"warehouse".', ""))


def read_seeds(connection: duckdb.DuckDBPyConnection, manifest: dict[str, Any], root: Path) -> None:
    """Read the maintained tables with the types that dbt gives them."""
    for node in manifest["nodes"].values():
        if node["resource_type"] == "seed":
            types = node["config"]["column_types"]
            columns = [column[0] for column in _header(connection, root / node["original_file_path"])]
            cast = ", ".join(
                f'cast("{name}" as {types.get(name, "varchar")}) as "{name}"' for name in columns
            )
            connection.execute(f'create schema if not exists "{node["schema"]}"')
            connection.execute(
                f'create table "{node["schema"]}"."{node["alias"]}" as '
                f"select {cast} from read_csv(?, all_varchar = true, header = true)",
                [str(root / node["original_file_path"])],
            )


def _header(connection: duckdb.DuckDBPyConnection, path: Path) -> list[Any]:
    asked = "describe select * from read_csv(?, all_varchar = true, header = true)"
    return connection.execute(asked, [str(path)]).fetchall()


def build(connection: duckdb.DuckDBPyConnection, node: dict[str, Any], select: str) -> None:
    """Make the relation of a model; a staged one is a table of all rows and a view of the kept ones."""
    schema, name, kind = node["schema"], node["alias"], node["config"]["materialized"]
    connection.execute(f'create schema if not exists "{schema}"')
    if kind == "staged":
        table = name.replace("stg_", "base_", 1)
        connection.execute(f'create table "{schema}"."{table}" as {select}')
        kept = f'select * from "{schema}"."{table}" where _verdict = \'kept\''
        connection.execute(f'create view "{schema}"."{name}" as {kept}')
    else:
        connection.execute(f'create {"view" if kind == "view" else "table"} "{schema}"."{name}" as {select}')


def in_order(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the models, each after those it rests on."""
    models = {name: node for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    ordered: dict[str, dict[str, Any]] = {}

    def visit(name: str) -> None:
        if name in models and name not in ordered:
            for parent in models[name]["depends_on"]["nodes"]:
                visit(parent)
            ordered[name] = models[name]

    for name in models:
        visit(name)
    return list(ordered.values())


def run_metrics(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Run the compiled SQL of every saved query and total."""
    for path in sorted(home.compiled.rglob("*.sql")):
        connection.execute(path.read_text(encoding="utf-8")).fetchall()


if __name__ == "__main__":
    main(sys.argv[1:])
