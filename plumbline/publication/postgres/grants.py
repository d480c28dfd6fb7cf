"""Who sees what in PostgreSQL: column privileges and row policies, and a schema of views for each role.

Privileges and policies are what holds. The views are for BI tools: `select *` of a table fails where one
column is not granted, so each role finds its tables, with the columns that it sees, in a schema of its name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from plumbline.access import Policy
from plumbline.definitions import Definitions
from plumbline.errors import ConfigurationError
from plumbline.publication.postgres.catalogue import Existing
from plumbline.publication.postgres.connection import Server
from plumbline.publication.postgres.roles import role_name
from plumbline.publication.postgres.shape import comments, shown_select
from plumbline.publication.postgres.sights import Onlooker, TableSight
from plumbline.publication.postgres.tables import LARGE_GROUP, Table, short_name
from plumbline.publication.sql import identifier, literal

_SCHEMA_MARK = "Plumbline: the tables that role {role} sees. · 该角色可见的表"


@dataclass(frozen=True)
class Grant:
    """What one role of PostgreSQL gets of one table."""

    role: str
    table: Table
    sight: TableSight

    @property
    def digest(self) -> str:
        """Tell by one text whether a grant, and the view that goes with it, is as it was."""
        told = [self.table.comment, *(self.table.comments.get(name, "") for name in self.sight.columns)]
        facts = [self.sight.columns, self.sight.condition, self.table.stamps, told]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def all_sights(
    policy: Policy, definitions: Definitions, tables: Iterable[Table], splits: Iterable[str], internal: str
) -> dict[str, dict[str, TableSight]]:
    """Tell what each role of the policy sees of each table."""
    known, there = tuple(splits), list(tables)
    return {
        name: Onlooker(policy, role, definitions, known, internal).sights(there)
        for name, role in policy.roles.items()
    }


def apply_grants(
    server: Server,
    grants: Iterable[Grant],
    catalogue: Mapping[tuple[str, str], Existing],
    *,
    anew: Iterable[str] = (),
    everything: bool = False,
) -> int:
    """Bring privileges, policies and views to what the policy says; gives how many tables' grants changed.

    `anew` are roles of which nothing that was noted counts any more. With `everything` nothing noted counts.
    """
    wanted = {(grant.role, grant.table.name): grant for grant in grants}
    noted = {} if everything else _noted(server, set(anew))
    there = _noted(server, set()).keys()
    _create_schemas(server, {role for role, _ in wanted}, set(anew), everything=everything)
    changed = [grant for key, grant in wanted.items() if noted.get(key) != grant.digest]
    gone = [key for key in there if key not in wanted]
    for role, table in gone:
        _withdraw(server, role, table, catalogue)
    for grant in changed:
        _give(server, grant)
    return len(changed) + len(gone)


def forget_role(server: Server, role: str, catalogue: Mapping[tuple[str, str], Existing]) -> None:
    """Take everything from a role that is to go, its schema too."""
    settings = server.settings
    for key in [key for key in _noted(server, set()) if key[0] == role]:
        _withdraw(server, *key, catalogue)
    for schema in (settings.schema, settings.internal):
        server.run(f"REVOKE ALL ON SCHEMA {identifier(schema)} FROM {identifier(role)}")
    server.tries(f"DROP SCHEMA IF EXISTS {identifier(role)}")


def release_columns(server: Server, table: Table) -> None:
    """Remove the roles' views and policies of a table whose columns are about to change.

    They are made anew before anything is committed.
    """
    noted = identifier(server.settings.internal, "granted")
    for (role,) in server.rows(f"SELECT role FROM {noted} WHERE relation = %s", [table.name]):
        policy = identifier(short_name("sees", role, table.name))
        server.tries(f"DROP VIEW IF EXISTS {identifier(role, table.name)}")
        server.run(f"DROP POLICY IF EXISTS {policy} ON {table.relation(server.settings)}")
    server.run(f"DELETE FROM {noted} WHERE relation = %s", [table.name])


def _noted(server: Server, but: set[str]) -> dict[tuple[str, str], str]:
    rows = server.rows(
        f"SELECT role, relation, digest FROM {identifier(server.settings.internal, 'granted')}"
    )
    return {(role, table): digest for role, table, digest in rows if role not in but}


def _create_schemas(server: Server, roles: set[str], anew: set[str], *, everything: bool) -> None:
    settings = server.settings
    there = dict(
        server.rows(
            "SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = ANY(%s)",
            [sorted(roles)],
        )
    )
    for role in sorted(roles):
        mark = _SCHEMA_MARK.format(role=role)
        if role in there and there[role] != mark:
            raise ConfigurationError(
                f"the schema {role!r} in PostgreSQL is not one of ours",
                where=settings.where,
                why="The tables that a role sees stand in a schema of the role's name.",
                todo="Rename that schema, or the role in the policy.",
                code="postgres-role",
            )
        if role not in there:
            server.run(f"CREATE SCHEMA {identifier(role)}")
            server.run(f"COMMENT ON SCHEMA {identifier(role)} IS {literal(mark)}")
        if everything or role in anew or role not in there:
            for schema in (role, settings.schema, settings.internal):
                server.run(f"GRANT USAGE ON SCHEMA {identifier(schema)} TO {identifier(role)}")


def _give(server: Server, grant: Grant) -> None:
    if grant.table.internal:
        relation = grant.table.relation(server.settings)
        server.run(f"GRANT SELECT ON {relation} TO {identifier(grant.role)}")
    else:
        _give_published(server, grant)
    _note(server, grant)


def _give_published(server: Server, grant: Grant) -> None:
    settings, table = server.settings, grant.table
    role, columns = identifier(grant.role), ", ".join(map(identifier, grant.sight.columns))
    base, shown = table.relation(settings), identifier(settings.schema, table.name)
    policy, view = identifier(short_name("sees", grant.role, table.name)), identifier(grant.role, table.name)
    # A view that reads more columns than the role sees is none for it.
    is_whole = len(grant.sight.columns) == len(table.columns)
    given = dict.fromkeys((base, shown) if is_whole else (base,))
    server.run_all(
        [
            *(f"REVOKE ALL ON {relation} FROM {role}" for relation in dict.fromkeys((base, shown))),
            *(f"GRANT SELECT ({columns}) ON {relation} TO {role}" for relation in given),
            f"DROP POLICY IF EXISTS {policy} ON {base}",
            f"CREATE POLICY {policy} ON {base} FOR SELECT TO {role} "
            f"USING ({grant.sight.condition or 'true'})",
        ]
    )
    if server.tries(f"DROP VIEW IF EXISTS {view}"):
        select = shown_select(settings, table, grant.sight.columns)
        server.run_all(
            [
                f"CREATE VIEW {view} WITH (security_invoker = true) AS {select}",
                f"GRANT SELECT ON {view} TO {role}",
                *comments(grant.role, table, None, only=grant.sight.columns),
            ]
        )


def _note(server: Server, grant: Grant) -> None:
    server.run(
        f"INSERT INTO {identifier(server.settings.internal, 'granted')} (role, relation, digest) "
        "VALUES (%s, %s, %s) ON CONFLICT (role, relation) DO UPDATE SET digest = excluded.digest",
        [grant.role, grant.table.name, grant.digest],
    )


def _withdraw(server: Server, role: str, table: str, catalogue: Mapping[tuple[str, str], Existing]) -> None:
    settings = server.settings
    policy = identifier(short_name("sees", role, table))
    server.tries(f"DROP VIEW IF EXISTS {identifier(role, table)}")
    for schema in (settings.schema, settings.internal):
        there = catalogue.get((schema, table))
        if there is None:
            continue
        relation = identifier(schema, table)
        server.run(f"REVOKE ALL ON {relation} FROM {identifier(role)}")
        if not there.is_view:
            server.run(f"DROP POLICY IF EXISTS {policy} ON {relation}")
    server.run(
        f"DELETE FROM {identifier(settings.internal, 'granted')} WHERE role = %s AND relation = %s",
        [role, table],
    )


def guard(
    server: Server,
    tables: Iterable[Table],
    catalogue: Mapping[tuple[str, str], Existing],
    *,
    has_policy: bool,
) -> None:
    """Let the rows of tables be seen through policies only, as long as the company has roles."""
    for table in tables:
        there = catalogue.get((table.schema(server.settings), table.name))
        if there and not table.internal and there.is_guarded != has_policy:
            word = "ENABLE" if has_policy else "DISABLE"
            server.run(f"ALTER TABLE {table.relation(server.settings)} {word} ROW LEVEL SECURITY")


def grants_of(
    policy: Policy,
    sights: Mapping[str, Mapping[str, TableSight]],
    tables: Iterable[Table],
    present: Iterable[str],
) -> Iterator[Grant]:
    """Give what is to be granted to the roles that are there, also of the tables that policies look into."""
    by_name = {table.name: table for table in tables}
    internal = [table for table in by_name.values() if table.internal]
    there = set(present)
    for role, seen in sights.items():
        name = role_name(policy.company, role)
        if name in there:
            yield from (Grant(name, by_name[table], sight) for table, sight in seen.items())
            if any(LARGE_GROUP in sight.condition for sight in seen.values()):
                yield from (Grant(name, table, TableSight(table.key)) for table in internal)
