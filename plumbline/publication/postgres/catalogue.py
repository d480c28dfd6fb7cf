"""What is in PostgreSQL now, as its own catalogue tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from plumbline.publication.postgres.connection import Server

_COLUMNS = """
SELECT space.nspname, class.relname, class.relkind, class.relrowsecurity,
       obj_description(class.oid, 'pg_class'),
       attribute.attname, format_type(attribute.atttypid, attribute.atttypmod), attribute.attnotnull,
       col_description(class.oid, attribute.attnum)
FROM pg_class AS class
JOIN pg_namespace AS space ON space.oid = class.relnamespace
LEFT JOIN pg_attribute AS attribute
    ON attribute.attrelid = class.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
WHERE space.nspname = ANY(%s) AND class.relkind IN ('r', 'v')
ORDER BY class.oid, attribute.attnum
"""
_INDEXES = """
SELECT space.nspname, class.relname, own.relname, index.indisprimary
FROM pg_index AS index
JOIN pg_class AS own ON own.oid = index.indexrelid
JOIN pg_class AS class ON class.oid = index.indrelid
JOIN pg_namespace AS space ON space.oid = class.relnamespace
WHERE space.nspname = ANY(%s)
"""


@dataclass
class Existing:
    """A table or view that is there."""

    schema: str
    name: str
    is_view: bool
    is_guarded: bool
    comment: str
    types: dict[str, str] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    comments: dict[str, str] = field(default_factory=dict)
    # by name: whether it is that of a primary key
    indexes: dict[str, bool] = field(default_factory=dict)


def read_catalogue(server: Server) -> Mapping[tuple[str, str], Existing]:
    """Read what there is in both schemas, by schema and name."""
    schemas = [server.settings.schema, server.settings.internal]
    found: dict[tuple[str, str], Existing] = {}
    for schema, name, kind, guarded, comment, column, type_, required, told in server.rows(
        _COLUMNS, [schemas]
    ):
        there = found.setdefault((schema, name), Existing(schema, name, kind == "v", guarded, comment or ""))
        if column is not None:
            there.types[column] = type_
            there.comments[column] = told or ""
            there.required |= {column} if required else set()
    for schema, table, index, is_primary in server.rows(_INDEXES, [schemas]):
        if (schema, table) in found:
            found[schema, table].indexes[index] = is_primary
    return found
