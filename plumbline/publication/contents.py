"""The tables of schema `published`: where their rows come from and what their columns mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plumbline.publication.comments import label_table
from plumbline.publication.digests import value_digest
from plumbline.publication.facts import Publication, RunFacts, TableFacts
from plumbline.publication.labels import Dictionary
from plumbline.publication.sql import (
    Column,
    database_of,
    identifier,
    in_parallel,
    literal,
    names,
    tables_of,
)
from plumbline.quarantine.reasons import kind_in_sql
from plumbline.warehouse.tables import insert_rows

if TYPE_CHECKING:
    import duckdb

# Evidence that goes out under another name: schema and table in the warehouse, name in `published`.
EVIDENCE = {
    ("quality", "result"): "quality_result",
    ("quarantine", "reconciliation"): "reconciliation",
    ("landing_run", "loads"): "extract",
    ("quarantine", "reasons"): "quarantine_reason",
    ("quarantine", "rejected_rows"): "rejected_row",
    ("gate", "restatement"): "restatement",
    ("gate", "waiver"): "waiver",
}
REJECTED_ROWS = 100_000
_REJECTED = """
SELECT rejected.system, rejected.table_name, loads.source, rejected.load, rejected.row_number,
       rejected.row_key, rejected.reason, seen.first_load, seen.first_seen
FROM {rejected} AS rejected
LEFT JOIN {loads} AS loads ON rejected.load = loads.load
LEFT JOIN {seen} AS seen ON seen.system = rejected.system AND seen.table_name = rejected.table_name
    AND seen.row_key = coalesce(rejected.row_key, '') AND seen.kind = {kind}
ORDER BY rejected.load DESC, rejected.system, rejected.table_name, rejected.row_number
LIMIT {limit}
"""
_REJECTED_COLUMNS = (
    Column("system", "VARCHAR"),
    Column("table_name", "VARCHAR"),
    Column("source", "VARCHAR"),
    Column("load", "BIGINT"),
    Column("row_number", "BIGINT"),
    Column("row_key", "VARCHAR"),
    Column("reason", "VARCHAR"),
    Column("first_load", "BIGINT"),
    Column("first_seen", "TIMESTAMP"),
)
_NOT_SEEN = (
    "(SELECT NULL::VARCHAR AS system, NULL::VARCHAR AS table_name, NULL::VARCHAR AS row_key,"
    " NULL::VARCHAR AS kind, NULL::BIGINT AS first_load, NULL::TIMESTAMP AS first_seen WHERE false)"
)
# Tables that describe figures rather than hold those of one saved query.
SYSTEM_TABLES = ("coverage", "doubt", "hold", "indicator", "indicator_edge", "indicator_value", "target")
# They differ between two publications of the same values.
_VOLATILE = {"publication_id", "published_at"}

PUBLICATION_COLUMNS = (
    Column("publication_id", "VARCHAR"),
    Column("generation", "INTEGER"),
    Column("company", "VARCHAR"),
    Column("as_of", "DATE"),
    Column("published_at", "TIMESTAMP"),
    Column("run_id", "VARCHAR"),
    Column("code_commit", "VARCHAR"),
    Column("definitions_digest", "VARCHAR"),
    Column("values_digest", "VARCHAR"),
    Column("marts_digest", "VARCHAR"),
    Column("verdict", "VARCHAR"),
    Column("row_count", "BIGINT"),
)
PUBLICATION_TABLE_COLUMNS = (
    Column("publication_id", "VARCHAR"),
    Column("schema_name", "VARCHAR"),
    Column("table_name", "VARCHAR"),
    Column("row_count", "BIGINT"),
    Column("digest", "VARCHAR"),
)
MART_PART_COLUMNS = (
    Column("mart", "VARCHAR"),
    Column("part", "VARCHAR"),
    Column("file", "VARCHAR"),
    Column("row_count", "BIGINT"),
    Column("bytes", "BIGINT"),
    Column("digest", "VARCHAR"),
    Column("sha256", "VARCHAR"),
)
AVAILABLE_TABLE_COLUMNS = (
    Column("schema_name", "VARCHAR"),
    Column("table_name", "VARCHAR"),
    Column("kind", "VARCHAR"),
    Column("row_count", "BIGINT"),
    Column("label", "VARCHAR"),
    Column("label_zh", "VARCHAR"),
    Column("description", "VARCHAR"),
)


@dataclass(frozen=True)
class Content:
    """One table to publish: `select` gives its rows, the digest covers `columns`."""

    name: str
    kind: str
    select: str
    columns: tuple[Column, ...]
    facts: TableFacts

    @property
    def is_value(self) -> bool:
        """Tell whether it holds figures; evidence differs from run to run."""
        return self.kind != "evidence"


def inspect_contents(con: duckdb.DuckDBPyConnection, database: str, run: RunFacts) -> list[Content]:
    """Describe what is to be published from the warehouse, with row counts and digests."""
    found = [
        (name, _kind(name), identifier(database, "candidates", name), columns)
        for name, columns in tables_of(con, database, "candidates").items()
    ]
    for (schema, table), name in EVIDENCE.items():
        columns = tables_of(con, database, schema).get(table)
        if columns:
            found.append((name, "evidence", identifier(database, schema, table), columns))
    return in_parallel(con, lambda own, table: _inspect(own, *table, run), sorted(found))


def write_contents(
    con: duckdb.DuckDBPyConnection, target: str, contents: Sequence[Content], publication: Publication
) -> None:
    """Create the tables of the generation `target` from the warehouse."""
    for content in contents:
        stamp = _stamp(publication) if content.name == "indicator_value" else ""
        con.execute(
            f"CREATE TABLE {identifier(target, 'published', content.name)} AS "
            f"SELECT *{stamp} FROM ({content.select})"
        )


def write_rows(
    con: duckdb.DuckDBPyConnection,
    target: str,
    table: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[object]],
) -> None:
    """Create a table of the generation from rows at hand."""
    name = identifier(target, "published", table)
    typed = ", ".join(f"{identifier(column.name)} {column.type}" for column in columns)
    con.execute(f"CREATE TABLE {name} ({typed})")
    insert_rows(con, name, rows)


def publication_row(publication: Publication) -> tuple[object, ...]:
    """Give the row of `published.publication`."""
    return (
        publication.publication_id,
        publication.generation,
        publication.company,
        publication.as_of,
        publication.published_at.replace(tzinfo=None),
        publication.run_id,
        publication.code_commit,
        publication.definitions_digest,
        publication.values_digest,
        publication.marts_digest,
        publication.verdict,
        publication.rows,
    )


def publication_table_rows(publication: Publication) -> Iterator[tuple[object, ...]]:
    """Give the rows of `published.publication_table`."""
    for table in publication.tables:
        yield publication.publication_id, table.schema, table.name, table.rows, table.digest


def available_table_rows(
    contents: Sequence[Content], marts: Sequence[TableFacts], dictionary: Dictionary
) -> Iterator[tuple[object, ...]]:
    """Give the rows of `published.available_table`."""
    facts = [(content.facts, content.kind) for content in contents] + [(mart, "mart") for mart in marts]
    for table, kind in facts:
        told = label_table(table, dictionary)
        label = told.label or table.name
        yield table.schema, table.name, kind, table.rows, label, told.label_zh, told.description


def digested_columns(table: str, columns: Sequence[Column]) -> tuple[Column, ...]:
    """Give the columns of a table in a generation that the digest of its values covers."""
    is_evidence = table in EVIDENCE.values()
    return tuple(column for column in columns if is_evidence or column.name not in _VOLATILE)


def _kind(name: str) -> str:
    return "figures" if name in SYSTEM_TABLES else "saved query"


def _inspect(
    con: duckdb.DuckDBPyConnection,
    name: str,
    kind: str,
    relation: str,
    columns: tuple[Column, ...],
    run: RunFacts,
) -> Content:
    kept = tuple(column for column in columns if kind == "evidence" or column.name not in _VOLATILE)
    select = f"SELECT {names(kept)} FROM {relation}"
    if name == "rejected_row":
        kept, select = _REJECTED_COLUMNS, rejected_rows(con, relation)
    if name == "indicator_value":
        kept, select = _with_verdict(kept, relation, run.verdict)
    rows, digest = value_digest(con, f"({select})", kept)
    return Content(name, kind, select, kept, TableFacts("published", name, rows, digest))


def rejected_rows(con: duckdb.DuckDBPyConnection, relation: str) -> str:
    """Give SQL for the rows of `published.rejected_row`."""
    database = database_of(con)
    is_noted = "seen" in tables_of(con, database, "quarantine")
    return _REJECTED.format(
        rejected=relation,
        loads=identifier(database, "landing_run", "loads"),
        seen=identifier(database, "quarantine", "seen") if is_noted else _NOT_SEEN,
        kind=kind_in_sql("rejected.reason"),
        limit=REJECTED_ROWS,
    )


def _with_verdict(columns: tuple[Column, ...], relation: str, verdict: str) -> tuple[tuple[Column, ...], str]:
    """Give every value a verdict: its own, or that of the run."""
    others = tuple(column for column in columns if column.name != "verdict")
    own = "verdict" if len(others) < len(columns) else "NULL"
    select = (
        f"SELECT {names(others)}, coalesce({own}, {literal(verdict)})::VARCHAR AS verdict FROM {relation}"
    )
    return (*others, Column("verdict", "VARCHAR")), select


def _stamp(publication: Publication) -> str:
    moment = literal(publication.published_at.replace(tzinfo=None).isoformat(sep=" "))
    return f", TIMESTAMP {moment} AS published_at, {literal(publication.publication_id)} AS publication_id"
