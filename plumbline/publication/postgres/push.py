"""Push: the current generation into PostgreSQL, in one transaction.

lock       one push at a time; a later one waits
shape      tables, columns, keys and views, where they differ
move       rows that differ; readers go on
grant      roles, columns and rows by the policy
verify     every changed table is that of the generation, or nothing is committed
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.access import Policy
from plumbline.definitions import Definitions, load
from plumbline.errors import ConfigurationError, StorageError
from plumbline.project import Home
from plumbline.publication.facts import Publication
from plumbline.publication.postgres.catalogue import Existing, read_catalogue
from plumbline.publication.postgres.connection import Server, connected
from plumbline.publication.postgres.grants import (
    all_sights,
    apply_grants,
    forget_role,
    grants_of,
    guard,
    release_columns,
)
from plumbline.publication.postgres.roles import RolesChange, sync_roles
from plumbline.publication.postgres.rows import Moved, move, summary_here, summary_there
from plumbline.publication.postgres.settings import PostgresSettings
from plumbline.publication.postgres.shape import (
    RETIRED,
    changes_shape,
    comment,
    create_indexes,
    create_view,
    drop_indexes,
    drop_view,
    key_kind,
    retire_table,
    shape,
)
from plumbline.publication.postgres.tables import GENERATION, Table, large_groups, read_tables
from plumbline.publication.publisher import current_publication
from plumbline.publication.shelf import Shelf
from plumbline.publication.sql import identifier, literal, tables_of

if TYPE_CHECKING:
    import duckdb

    from plumbline.publication.postgres.sights import TableSight

Progress = Callable[[str, float | None], object]
Noted = Mapping[str, tuple[str, str]]
Catalogue = Mapping[tuple[str, str], Existing]
_POLICY = "(policy)"


@dataclass(frozen=True)
class How:
    """How to push.

    `full` compares every table row by row, whatever was noted; `access_anew` gives every privilege anew;
    `replace` takes the place of what another installation pushed.
    """

    full: bool = False
    access_anew: bool = False
    replace: bool = False


@dataclass(frozen=True)
class Pushed:
    """What a push did; `before` is the publication that was there, `is_new` whether anything was done."""

    publication_id: str
    before: str = ""
    is_new: bool = True
    tables: int = 0
    removed: int = 0
    added: int = 0
    grants: int = 0
    roles: RolesChange = field(default_factory=RolesChange)
    seconds: float = 0.0


@dataclass(frozen=True)
class Generation:
    """A generation to push, opened in DuckDB."""

    con: duckdb.DuckDBPyConnection
    publication: Publication
    definitions: Definitions
    tables: Sequence[Table]
    splits: Sequence[str]


def push(
    home: Home,
    settings: PostgresSettings,
    policy: Policy,
    *,
    how: How | None = None,
    progress: Progress = lambda text, fraction: None,
) -> Pushed:
    """Make PostgreSQL show the current generation, and to each role of the policy what it may see.

    All is done in one transaction: until it is committed, or when it fails, readers see what was there.
    Raises DeliveryError, LockedError when others push, ConfigurationError when the database belongs to
    another company or installation.
    """
    began = time.perf_counter()
    with connected(settings) as server:
        _prepare(server)
        with opened(home, policy) as generation:
            pushed = _push(server, generation, policy, how or How(), progress)
            server.commit()
    return replace(pushed, seconds=round(time.perf_counter() - began, 3))


def check(home: Home, settings: PostgresSettings, policy: Policy) -> list[str]:
    """Name the tables that are not in PostgreSQL as they are in the current generation; all are compared."""
    with connected(settings, read_only=True) as server, opened(home, policy) as generation:
        catalogue = read_catalogue(server)
        return [
            table.name
            for table in generation.tables
            if not table.internal
            and not _is_same(generation, server, table, catalogue.get((table.schema(settings), table.name)))
        ]


@contextmanager
def opened(home: Home, policy: Policy) -> Iterator[Generation]:
    """Open the current generation; StorageError before the first publication."""
    import duckdb

    publication = current_publication(home)
    if publication is None:
        raise StorageError(
            "nothing is published yet",
            where=str(home.published),
            todo=f"Run `plumb run --company {home.root.name}` first.",
            code="nothing-published",
        )
    with duckdb.connect(":memory:") as con:
        con.execute("SET timezone = 'UTC'")
        _attach(con, publication)
        definitions = load(_definitions_file(home, publication))
        tables = read_tables(con, publication, definitions)
        if any(table.name == "indicator_value" and table.key for table in tables) and policy.small_groups:
            groups = {(group.count, group.at_least) for group in policy.small_groups}
            tables.append(large_groups(sorted(groups)))
        yield Generation(con, publication, definitions, tables, _splits(con))


def _attach(con: duckdb.DuckDBPyConnection, publication: Publication) -> None:
    import duckdb

    try:
        con.execute(f"ATTACH {literal(str(publication.path))} AS {identifier(GENERATION)} (READ_ONLY)")
    except duckdb.Error as error:
        raise StorageError(
            "the published generation cannot be opened",
            where=str(publication.path),
            why=str(error).splitlines()[0],
            todo="`plumb run --full` publishes a complete one.",
            code="unreadable-database",
        ) from error


def sights_of(generation: Generation, policy: Policy, internal: str = "") -> dict[str, dict[str, TableSight]]:
    """Tell what each role of the policy sees of each published table."""
    shown = [table for table in generation.tables if not table.internal]
    return all_sights(policy, generation.definitions, shown, generation.splits, internal)


def _definitions_file(home: Home, publication: Publication) -> Path:
    kept = Shelf(home.published.resolve()).definition(publication.definitions_digest)
    return kept if kept.is_file() else home.semantic_manifest


def _splits(con: duckdb.DuckDBPyConnection) -> list[str]:
    """List the sets of dimensions by which figures and targets are split in the generation."""
    found: set[str] = set()
    known = tables_of(con, GENERATION, "published")
    for table, name in (
        ("indicator_value", "dimensions"),
        ("restatement", "dimensions"),
        ("target", "dimension"),
    ):
        if any(column.name == name for column in known.get(table, ())):
            relation = identifier(GENERATION, "published", table)
            found |= {split for (split,) in con.execute(f"SELECT DISTINCT {name} FROM {relation}").fetchall()}
    return sorted(split for split in found if split is not None)


def _prepare(server: Server) -> None:
    """Take the publication lock, and make the schemas at the first time."""
    settings = server.settings
    server.rows("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"plumbline {settings.schema}"])
    known = {name for (name,) in server.rows("SELECT nspname FROM pg_namespace")}
    for schema in (settings.schema, settings.internal):
        if schema not in known:
            server.run(f"CREATE SCHEMA {identifier(schema)}")
    if settings.internal not in known:
        server.run_all(
            [
                f"CREATE TABLE {identifier(settings.internal, 'pushed')} "
                "(relation text PRIMARY KEY, schema_name text NOT NULL, digest text NOT NULL)",
                f"CREATE TABLE {identifier(settings.internal, 'granted')} "
                "(role text, relation text, digest text NOT NULL, PRIMARY KEY (role, relation))",
            ]
        )


def _push(server: Server, generation: Generation, policy: Policy, how: How, progress: Progress) -> Pushed:
    noted = _noted(server)
    before = _before(server, generation, noted, how.replace)
    publication_id = generation.publication.publication_id
    is_known = noted.get(_POLICY) == ("", policy.digest) and before == publication_id
    if is_known and not (how.full or how.access_anew):
        return Pushed(publication_id, before, is_new=False)
    catalogue = read_catalogue(server)
    _require_free(server, generation, noted, catalogue)
    moved = _bring_tables(server, generation, noted, catalogue, how.full, progress)
    progress("roles", 1.0)
    roles, grants = _apply_policy(server, generation, policy, how.access_anew)
    _retire(server, generation, noted, catalogue)
    _note(server, generation, policy)
    removed, added = (sum(part) for part in zip((0, 0), *((m.removed, m.added) for m in moved), strict=True))
    touched = sum(bool(each.removed or each.added) for each in moved)
    return Pushed(publication_id, before, True, touched, removed, added, grants, roles)


def _bring_tables(
    server: Server,
    generation: Generation,
    noted: Noted,
    catalogue: Catalogue,
    full: bool,
    progress: Progress,
) -> list[Moved]:
    """Bring all tables that may differ to their shape and rows, and say what each is."""
    changed = [
        table
        for table in generation.tables
        if full or not table.digest or noted.get(table.name, ("", ""))[1] != table.digest
    ]
    moved = []
    for number, table in enumerate(changed):
        progress(table.name, number / len(changed))
        moved.append(_bring(server, generation, table, catalogue))
    for table in changed:
        if table.is_split and _is_reshaped(server, table, catalogue):
            create_view(server, table)
    shown = read_catalogue(server)
    for table in generation.tables:
        if not table.internal:
            comment(server, table, shown)
    return moved


def _noted(server: Server) -> dict[str, tuple[str, str]]:
    """Give what was noted of each table that was pushed: its schema and the digest of its rows."""
    rows = server.rows(
        f"SELECT relation, schema_name, digest FROM {identifier(server.settings.internal, 'pushed')}"
    )
    return {name: (schema, digest) for name, schema, digest in rows}


def _note(server: Server, generation: Generation, policy: Policy) -> None:
    relation = identifier(server.settings.internal, "pushed")
    rows = [(table.name, table.schema(server.settings), table.digest) for table in generation.tables]
    server.run(f"DELETE FROM {relation}")
    for row in [*rows, (_POLICY, "", policy.digest)]:
        server.run(f"INSERT INTO {relation} VALUES (%s, %s, %s)", row)


def _before(server: Server, generation: Generation, noted: Noted, replace: bool) -> str:
    """Name the publication that is there now; it must be one of this installation's own."""
    if "publication" not in noted:
        return ""
    newest = "SELECT publication_id, company, published_at FROM {} ORDER BY generation DESC LIMIT 1"
    there = server.rows(newest.format(identifier(server.settings.schema, "publication")))
    if not there:
        return ""
    ((publication_id, company, published_at),) = there
    history = identifier(GENERATION, "published", "publication")
    own = generation.con.execute(
        f"SELECT 1 FROM {history} WHERE publication_id = ? AND published_at = ?",
        [publication_id, published_at],
    ).fetchall()
    if not own and not replace:
        raise ConfigurationError(
            f"PostgreSQL has {publication_id}, which this installation did not publish",
            where=server.settings.where,
            why=f"It was published at {published_at:%Y-%m-%d %H:%M} UTC for company {company!r}.",
            todo="Name another database or schema; or replace what is there with `plumb push --replace`.",
            code="postgres-foreign",
        )
    return str(publication_id)


def _require_free(server: Server, generation: Generation, noted: Noted, catalogue: Catalogue) -> None:
    """Refuse to write over a table or view that was not made by a push."""
    schema = server.settings.schema
    for table in generation.tables:
        there = catalogue.get((schema, table.name))
        if there and table.name not in noted and there.comment != RETIRED:
            raise ConfigurationError(
                f"{schema}.{table.name} is there already, and was not made by Plumbline",
                where=server.settings.where,
                todo="Rename it, or name another schema: `postgres: {url: …, schema: …}`.",
                code="postgres-foreign",
            )


def _bring(server: Server, generation: Generation, table: Table, catalogue: Catalogue) -> Moved:
    """Bring one table to its shape and its rows."""
    there = catalogue.get((table.schema(server.settings), table.name))
    anew = there is None or changes_shape(table, there) or there.types.keys() != table.types().keys()
    if there is not None and changes_shape(table, there):
        release_columns(server, table)
        if table.is_split:
            drop_view(server, table)
    if anew:
        shape(server, table, there)
    if anew and there is not None:
        there = read_catalogue(server)[there.schema, there.name]
    kind = key_kind(generation.con, table, there)
    if there is not None:
        drop_indexes(server, table, there, kind)
    moved = move(generation.con, server, table, is_empty=there is None)
    create_indexes(server, table, there, kind)
    if there is None:
        server.run(f"ANALYZE {table.relation(server.settings)}")
    return moved


def _is_reshaped(server: Server, table: Table, catalogue: Catalogue) -> bool:
    there = catalogue.get((table.schema(server.settings), table.name))
    return there is None or there.types != table.types()


def _retire(server: Server, generation: Generation, noted: Noted, catalogue: Catalogue) -> None:
    """Remove the tables that are published no more."""
    kept = {table.name for table in generation.tables} | {_POLICY}
    for name, (schema, _) in noted.items():
        if name in kept:
            continue
        if schema != server.settings.schema and (server.settings.schema, name) in catalogue:
            retire_table(server, identifier(server.settings.schema, name), is_view=True)
        if (schema, name) in catalogue:
            retire_table(server, identifier(schema, name))


def _apply_policy(
    server: Server, generation: Generation, policy: Policy, everything: bool
) -> tuple[RolesChange, int]:
    catalogue = read_catalogue(server)
    guard(server, generation.tables, catalogue, has_policy=bool(policy.roles))
    roles = sync_roles(server, policy, lambda role: forget_role(server, role, catalogue))
    sights = sights_of(generation, policy, server.settings.internal)
    grants = grants_of(policy, sights, generation.tables, roles.present)
    changed = apply_grants(server, grants, catalogue, anew=roles.created, everything=everything)
    return roles, changed


def _is_same(generation: Generation, server: Server, table: Table, there: Existing | None) -> bool:
    if there is None or not table.types().items() <= there.types.items():
        return False
    return summary_here(generation.con, table) == summary_there(server, table)
