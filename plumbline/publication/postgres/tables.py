"""The tables of a generation as PostgreSQL is to have them: columns, keys, indexes and comments."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plumbline.definitions import Definitions
from plumbline.errors import DeliveryError
from plumbline.publication.facts import Publication
from plumbline.publication.postgres.settings import PostgresSettings
from plumbline.publication.postgres.types import type_in_postgres, value_in_duckdb
from plumbline.publication.sql import Column, identifier, literal, tables_of

if TYPE_CHECKING:
    import duckdb

GENERATION = "generation"
LARGE_GROUP = "large_group"
# What tells one row of a table that is no saved query from another; the others' periods and members do.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "available_table": ("schema_name", "table_name"),
    "coverage": ("mart", "time_column"),
    "doubt": ("mart", "column_name"),
    "extract": ("load",),
    "hold": ("metric", "dimensions", "filter", "table_name", "column_name", "expectation"),
    "indicator": ("name",),
    "indicator_edge": ("parent", "child", "role"),
    "indicator_value": ("metric", "grain", "period_start", "dimensions", "members"),
    "ledger": ("seq",),
    "mart_part": ("file",),
    "publication": ("publication_id",),
    "publication_table": ("publication_id", "schema_name", "table_name"),
    "quality_result": ("run_id", "stage", "position"),
    "quarantine_reason": ("system", "table_name", "reason"),
    "reconciliation": ("system", "table_name"),
    "rejected_row": ("load", "row_number", "reason"),
    "restatement": ("publication_id", "metric", "grain", "period_start", "dimensions", "members"),
    "target": ("metric", "grain", "period_start", "dimension", "member"),
    "waiver": ("waiver_id",),
}
_INDEXES: Mapping[str, tuple[str, ...]] = {
    "indicator_value": ("period_start", "dimensions"),
    "target": ("period_start",),
    "quality_result": ("checked_at",),
    "ledger": ("recorded_at",),
}
# Columns that say of nearly every row what the publication says of itself: kept once, shown by a view.
_STAMPS: Mapping[str, tuple[str, ...]] = {
    "indicator_value": ("as_of", "published_at", "publication_id"),
    "target": ("as_of",),
}
_NAME_BYTES = 63


@dataclass(frozen=True)
class Table:
    """One table: `key` tells its rows apart, `stamps` are columns kept as NULL where the publication says it.

    With stamps, people read a view; the rows lie in the internal schema. `source` is SQL over the generation.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    comment: str = ""
    comments: Mapping[str, str] = field(default_factory=dict)
    stamps: tuple[str, ...] = ()
    digest: str = ""
    source: str = ""
    internal: bool = False

    @property
    def is_split(self) -> bool:
        """Whether people read a view over the table."""
        return bool(self.stamps)

    def schema(self, settings: PostgresSettings) -> str:
        """Name the schema that the rows lie in."""
        return settings.internal if self.is_split or self.internal else settings.schema

    def relation(self, settings: PostgresSettings) -> str:
        """Name the table that has the rows."""
        return identifier(self.schema(settings), self.name)

    def types(self) -> dict[str, str]:
        """Give PostgreSQL's type of each column."""
        return {column.name: type_in_postgres(column.type) for column in self.columns}


def read_tables(
    con: duckdb.DuckDBPyConnection, publication: Publication, definitions: Definitions
) -> list[Table]:
    """Describe the published tables of the generation that is attached as `generation`."""
    comments = _table_comments(con)
    explained = _column_comments(con)
    digests = {facts.name: facts.digest for facts in publication.tables if facts.schema == "published"}
    return [
        _checked(
            Table(
                name,
                columns,
                _key(name, columns, definitions),
                _indexes(name, columns, definitions),
                comments.get(name, ""),
                explained.get(name, {}),
                tuple(stamp for stamp in _STAMPS.get(name, ()) if _has(columns, stamp)),
                digests.get(name, ""),
                _source(name, columns, publication),
            )
        )
        for name, columns in tables_of(con, GENERATION, "published").items()
    ]


def large_groups(groups: Sequence[tuple[str, int]]) -> Table:
    """Describe the table of the groups that are large enough, for policies to look them up.

    `groups` are the metrics that count, each with how many are enough.
    """
    columns = ("count_metric", "at_least", "grain", "period_start", "dimensions", "members")
    types = {"at_least": "INTEGER", "period_start": "DATE"}
    parts = [
        f"SELECT metric AS count_metric, {least:d}::INTEGER AS at_least, "
        "grain, period_start, dimensions, members "
        f"FROM {identifier(GENERATION, 'published', 'indicator_value')} "
        f"WHERE metric = {literal(count)} AND value >= {least:d}"
        for count, least in groups
    ]
    described = tuple(Column(name, types.get(name, "VARCHAR")) for name in columns)
    return Table(LARGE_GROUP, described, columns, source=" UNION ALL ".join(parts), internal=True)


def short_name(*parts: str) -> str:
    """Name an index or a policy after what it is for, in the bytes that PostgreSQL has for a name."""
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
    return f"{parts[0].encode()[: _NAME_BYTES - 11].decode(errors='ignore')}_pl{digest}"


def _source(name: str, columns: Sequence[Column], publication: Publication) -> str:
    stamps = _STAMPS.get(name, ())
    moment = publication.published_at.replace(tzinfo=None).isoformat(sep=" ")
    own = {
        "as_of": f"DATE {literal(publication.as_of.isoformat())}",
        "published_at": f"TIMESTAMP {literal(moment)}",
        "publication_id": literal(publication.publication_id),
    }
    values = (
        f"nullif({identifier(column.name)}, {own[column.name]}) AS {identifier(column.name)}"
        if column.name in stamps
        else f"{value_in_duckdb(column)} AS {identifier(column.name)}"
        for column in columns
    )
    return f"SELECT {', '.join(values)} FROM {identifier(GENERATION, 'published', name)}"


def _key(name: str, columns: Sequence[Column], definitions: Definitions) -> tuple[str, ...]:
    query = definitions.saved_queries.get(name)
    key = tuple(item.published for item in query.group_by) if query else _KEYS.get(name, ())
    return key if all(_has(columns, part) for part in key) else ()


def _indexes(name: str, columns: Sequence[Column], definitions: Definitions) -> tuple[str, ...]:
    """Name the columns that get an index of their own: periods and dimensions that do not lead the key."""
    query = definitions.saved_queries.get(name)
    asked = tuple(item.published for item in query.group_by)[1:] if query else _INDEXES.get(name, ())
    return tuple(column for column in asked if _has(columns, column))


def _has(columns: Sequence[Column], name: str) -> bool:
    return any(column.name == name for column in columns)


def _table_comments(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    rows = con.execute(
        "SELECT table_name, comment FROM duckdb_tables() "
        "WHERE database_name = ? AND schema_name = 'published'",
        [GENERATION],
    ).fetchall()
    return {name: comment for name, comment in rows if comment}


def _column_comments(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    rows = con.execute(
        "SELECT table_name, column_name, comment FROM duckdb_columns() "
        "WHERE database_name = ? AND schema_name = 'published' AND comment IS NOT NULL",
        [GENERATION],
    ).fetchall()
    for table, column, comment in rows:
        found.setdefault(table, {})[column] = comment
    return found


def _checked(table: Table) -> Table:
    for name in _names(table):
        if len(name.encode()) > _NAME_BYTES:
            raise DeliveryError(
                f"{name!r} is too long a name for PostgreSQL",
                where=table.name,
                why=f"A name has {_NAME_BYTES} bytes there, and would be cut.",
                todo="Give the metric, dimension or saved query a shorter name.",
                code="postgres-name",
            )
    return table


def _names(table: Table) -> Iterator[str]:
    yield table.name
    yield from (column.name for column in table.columns)
