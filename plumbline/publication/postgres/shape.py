"""Bring tables to their shape: columns, keys, indexes, views and comments, only where something differs.

Nobody's views and grants are dropped: what somebody's view rests on stays, empty, when it is no longer
published.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from plumbline.errors import DeliveryError
from plumbline.publication.postgres.catalogue import Existing
from plumbline.publication.postgres.connection import Server
from plumbline.publication.postgres.settings import PostgresSettings
from plumbline.publication.postgres.tables import Table, short_name
from plumbline.publication.sql import identifier, literal

if TYPE_CHECKING:
    import duckdb

RETIRED = "No longer published; empty. · 不再发布"
_OURS = re.compile(r"_pl[0-9a-f]{8}$")
_DEPENDENTS = """
SELECT DISTINCT space.nspname || '.' || class.relname
FROM pg_depend AS depend
JOIN pg_rewrite AS rule ON rule.oid = depend.objid
JOIN pg_class AS class ON class.oid = rule.ev_class
JOIN pg_namespace AS space ON space.oid = class.relnamespace
WHERE depend.classid = 'pg_rewrite'::regclass AND depend.refobjid = to_regclass(%s)
    AND class.oid <> depend.refobjid
ORDER BY 1
"""


def changes_shape(table: Table, there: Existing) -> bool:
    """Tell whether a column goes or changes its type, so that views over the table must go first."""
    types = table.types()
    live = {name for name in there.types if there.comments.get(name) != RETIRED}
    return any(types.get(name) != there.types[name] for name in live)


def shape(server: Server, table: Table, there: Existing | None) -> None:
    """Create a table, or give it the columns that it lacks and take away those that it has no more."""
    if there is None:
        columns = ", ".join(f"{identifier(name)} {kind}" for name, kind in table.types().items())
        server.run(f"CREATE TABLE {table.relation(server.settings)} ({columns})")
        return
    types, relation = table.types(), table.relation(server.settings)
    for name, kind in there.types.items():
        if name not in types:
            if there.comments.get(name) != RETIRED:
                _retire_column(server, relation, name)
        elif types[name] != kind and not _drop_column(server, relation, name):
            raise _in_use(
                server, relation, f"the type of its column {name} changes from {kind} to {types[name]}"
            )
    for name, kind in types.items():
        if there.types.get(name) != kind:
            server.run(f"ALTER TABLE {relation} ADD COLUMN {identifier(name)} {kind}")


def _drop_column(server: Server, relation: str, name: str) -> bool:
    return server.tries(f"ALTER TABLE {relation} DROP COLUMN {identifier(name)}")


def _retire_column(server: Server, relation: str, name: str) -> None:
    if _drop_column(server, relation, name):
        return
    column = identifier(name)
    server.run_all(
        [
            f"ALTER TABLE {relation} ALTER COLUMN {column} DROP NOT NULL",
            f"UPDATE {relation} SET {column} = NULL",
            f"COMMENT ON COLUMN {relation}.{column} IS {literal(RETIRED)}",
        ]
    )


def retire_table(server: Server, relation: str, *, is_view: bool = False) -> None:
    """Remove what is published no more; empty it where somebody's view rests on it."""
    if server.tries(f"DROP {'VIEW' if is_view else 'TABLE'} {relation}") or is_view:
        return
    server.run_all([f"DELETE FROM {relation}", f"COMMENT ON TABLE {relation} IS {literal(RETIRED)}"])


def create_view(server: Server, table: Table) -> None:
    """Show a split table with its stamps filled in, under the name that it is known by."""
    view = identifier(server.settings.schema, table.name)
    select = shown_select(server.settings, table, [column.name for column in table.columns])
    server.run(f"CREATE OR REPLACE VIEW {view} WITH (security_invoker = true) AS {select}")


def shown_select(settings: PostgresSettings, table: Table, columns: Sequence[str]) -> str:
    """Write what people read of a table: columns of it, stamps filled in from the newest publication."""
    if not table.is_split:
        return f"SELECT {', '.join(map(identifier, columns))} FROM {table.relation(settings)}"
    listed = ", ".join(
        f"coalesce(kept.{identifier(name)}, latest.{identifier(name)}) AS {identifier(name)}"
        if name in table.stamps
        else f"kept.{identifier(name)}"
        for name in columns
    )
    stamps = ", ".join(map(identifier, table.stamps))
    return (
        f"SELECT {listed} FROM {table.relation(settings)} AS kept CROSS JOIN "
        f"(SELECT {stamps} FROM {identifier(settings.schema, 'publication')} "
        "ORDER BY generation DESC LIMIT 1) AS latest"
    )


def drop_view(server: Server, table: Table) -> None:
    """Remove the view of a split table, to be made anew; DeliveryError when somebody's view rests on it."""
    relation = identifier(server.settings.schema, table.name)
    if not server.tries(f"DROP VIEW IF EXISTS {relation}"):
        raise _in_use(server, relation, "its columns change")


def _in_use(server: Server, relation: str, what: str) -> DeliveryError:
    users = ", ".join(name for (name,) in server.rows(_DEPENDENTS, [relation]))
    return DeliveryError(
        f"{relation} cannot be brought to its new columns",
        where=server.settings.where,
        why=f"{what[0].upper()}{what[1:]}, and these views rest on it: {users}.",
        todo="Drop these views, run `plumb push`, and create them anew.",
        code="postgres-in-use",
    )


def key_kind(con: duckdb.DuckDBPyConnection, table: Table, there: Existing | None) -> str:
    """Tell how the key can be held: `primary`, `unique` where a part may be NULL, or not at all.

    A key that has once had a NULL stays `unique`: to and fro would lock readers out.
    """
    if not table.key:
        return ""
    key = ", ".join(identifier(name) for name in table.key)
    empty = " OR ".join(f"{identifier(name)} IS NULL" for name in table.key)
    ((is_unique, has_empty),) = con.execute(
        f"SELECT count(*) = count(DISTINCT ({key})), coalesce(bool_or({empty}), false) FROM ({table.source})"
    ).fetchall()
    if not is_unique:
        return ""
    known = there is not None and short_name(table.name, "unique", *table.key) in there.indexes
    return "unique" if has_empty or known else "primary"


def drop_indexes(server: Server, table: Table, there: Existing, kind: str) -> None:
    """Remove keys and indexes of ours that the table is not to have any more."""
    wanted, relation = _index_names(table, kind), table.relation(server.settings)
    for name, is_primary in there.indexes.items():
        if name in wanted or not _OURS.search(name):
            continue
        if not is_primary:
            server.run(f"DROP INDEX {identifier(table.schema(server.settings), name)}")
            continue
        nullable = (
            f"ALTER TABLE {relation} ALTER COLUMN {identifier(column)} DROP NOT NULL"
            for column in sorted(there.required)
        )
        server.run_all([f"ALTER TABLE {relation} DROP CONSTRAINT {identifier(name)}", *nullable])


def create_indexes(server: Server, table: Table, there: Existing | None, kind: str) -> None:
    """Create the key and the indexes that the table lacks."""
    known = there.indexes if there else {}
    statements = _index_statements(table, table.relation(server.settings), kind)
    server.run_all(statement for name, statement in statements if name not in known)


def _index_names(table: Table, kind: str) -> set[str]:
    return {name for name, _ in _index_statements(table, "", kind)}


def _index_statements(table: Table, relation: str, kind: str) -> Iterator[tuple[str, str]]:
    key = ", ".join(identifier(name) for name in table.key)
    name = short_name(table.name, kind, *table.key)
    if kind == "primary":
        yield name, f"ALTER TABLE {relation} ADD CONSTRAINT {identifier(name)} PRIMARY KEY ({key})"
    elif kind == "unique":
        yield name, f"CREATE UNIQUE INDEX {identifier(name)} ON {relation} ({key}) NULLS NOT DISTINCT"
    elif key:
        yield name, f"CREATE INDEX {identifier(name)} ON {relation} ({key})"
    for column in table.indexes:
        own = short_name(table.name, "index", column)
        yield own, f"CREATE INDEX {identifier(own)} ON {relation} ({identifier(column)})"


def comment(server: Server, table: Table, catalogue: Mapping[tuple[str, str], Existing]) -> None:
    """Say in both languages what a table and its columns are, wherever it is not said yet."""
    server.run_all(
        comments(server.settings.schema, table, catalogue.get((server.settings.schema, table.name)))
    )


def comments(schema: str, table: Table, there: Existing | None, only: Sequence[str] = ()) -> Iterator[str]:
    """Give the statements that comment a table or view of this name in a schema."""
    relation = identifier(schema, table.name)
    kind = "VIEW" if table.is_split or only else "TABLE"
    if table.comment and (there is None or there.comment != table.comment):
        yield f"COMMENT ON {kind} {relation} IS {literal(table.comment)}"
    for column in table.columns:
        told = table.comments.get(column.name, "")
        if only and column.name not in only:
            continue
        if told and (there is None or there.comments.get(column.name) != told):
            yield f"COMMENT ON COLUMN {relation}.{identifier(column.name)} IS {literal(told)}"
