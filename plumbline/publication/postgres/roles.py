"""Roles and accounts of the policy as roles of PostgreSQL; roles that others made are never touched.

A role of the policy is a role without login, named <company>_<role>. An account is a role with login that is
a member of its roles without inheriting from them, and acts as the first of them from the start of a session:
what two roles may see never mixes. Passwords are the administrator's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from plumbline.access import Policy
from plumbline.errors import ConfigurationError
from plumbline.publication.postgres.connection import Server
from plumbline.publication.sql import identifier, literal

_NAME_BYTES = 63
_KNOWN = """
SELECT rolname, shobj_description(oid, 'pg_authid') FROM pg_roles
WHERE shobj_description(oid, 'pg_authid') LIKE %s OR rolname = ANY(%s)
"""
_MEMBERSHIPS = """
SELECT member.rolname, role.rolname
FROM pg_auth_members AS membership
JOIN pg_roles AS member ON member.oid = membership.member
JOIN pg_roles AS role ON role.oid = membership.roleid
WHERE member.rolname = ANY(%s)
"""


@dataclass(frozen=True)
class RolesChange:
    """What was done to roles, by their names in PostgreSQL.

    `stuck` could not be removed, for something else rests on them; `missing` could not be created. `present`
    are those of the policy's roles, without accounts, that are there.
    """

    created: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    present: tuple[str, ...] = ()

    @property
    def warnings(self) -> list[str]:
        """Say what could not be done, and who can do it."""
        told = []
        if self.missing:
            told.append(
                f"PostgreSQL: roles {', '.join(self.missing)} are not there, and this user may not create "
                "them: run `plumb access apply` as one who may."
            )
        if self.stuck:
            told.append(
                f"PostgreSQL: roles {', '.join(self.stuck)} see nothing any more, but something rests on "
                "them: drop them yourself (`DROP OWNED BY …; DROP ROLE …`)."
            )
        return told


def role_name(company: str, role: str) -> str:
    """Name a role of the policy in PostgreSQL."""
    return f"{company}_{role}"


def sync_roles(server: Server, policy: Policy, forget: Callable[[str], None]) -> RolesChange:
    """Create the roles and accounts that the policy names, and remove those of ours that it names no more.

    `forget` takes from a role what it was granted, before the role goes.
    Where the user may not create roles, what lacks is told in `missing`. Raises ConfigurationError when a
    name belongs to a role that others made.
    """
    wanted = {role_name(policy.company, name): _mark(policy, "role", name) for name in policy.roles}
    accounts = {name: _mark(policy, "account", name) for name in policy.accounts}
    _require_names(policy, wanted, accounts)
    known = _known(server, policy, [*wanted, *accounts])
    missing = [name for name in (*wanted, *accounts) if name not in known]
    if not _may_create(server):
        return RolesChange(missing=tuple(missing), present=tuple(name for name in wanted if name in known))
    for name in missing:
        login = "LOGIN NOINHERIT" if name in accounts else "NOLOGIN"
        server.run(f"CREATE ROLE {identifier(name)} {login}")
        server.run(f"COMMENT ON ROLE {identifier(name)} IS {literal((wanted | accounts)[name])}")
    gone = [name for name in known if name not in wanted and name not in accounts]
    for name in gone:
        if known[name].startswith(_mark(policy, "role", "")):
            forget(name)
    _sync_accounts(server, policy)
    removed, stuck = _remove(server, gone)
    return RolesChange(tuple(missing), tuple(removed), tuple(stuck), (), tuple(wanted))


def _our_roles(server: Server, company: str) -> list[str]:
    marked = server.rows(_KNOWN, [_like(f"Plumbline: company {company}, role "), []])
    return [name for name, _ in marked]


def _mark(policy: Policy, kind: str, name: str) -> str:
    return f"Plumbline: company {policy.company}, {kind} {name}"


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%") + "%"


def _require_names(policy: Policy, roles: Mapping[str, str], accounts: Mapping[str, str]) -> None:
    for name in (*roles, *accounts):
        if len(name.encode()) > _NAME_BYTES or name.startswith("pg_") or name in ("public", "none", ""):
            raise _bad_name(policy, name, "PostgreSQL takes no such name for a role.")
    for name in accounts:
        if name in roles:
            raise _bad_name(policy, name, f"It is the name that role {name!r} has there.")


def _known(server: Server, policy: Policy, names: list[str]) -> dict[str, str]:
    """Give the roles of ours that are there; a name that is somebody else's is an error."""
    ours = f"Plumbline: company {policy.company}, "
    found = {name: told or "" for name, told in server.rows(_KNOWN, [_like(ours), names])}
    for name, told in found.items():
        if not told.startswith(ours):
            raise _bad_name(
                policy, name, "PostgreSQL has a role of that name which was not made from this policy."
            )
    return found


def _bad_name(policy: Policy, name: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{name!r} cannot be made a role of PostgreSQL",
        where=str(policy.file or ""),
        why=why,
        todo="Give the account or the role another name in the policy.",
        code="postgres-role",
    )


def _may_create(server: Server) -> bool:
    ((may,),) = server.rows("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
    return bool(may)


def _sync_accounts(server: Server, policy: Policy) -> None:
    """Give every account its roles, and no other roles of this policy."""
    ours = {role_name(policy.company, name) for name in policy.roles} | set(
        _our_roles(server, policy.company)
    )
    members: dict[str, set[str]] = {}
    for member, role in server.rows(_MEMBERSHIPS, [list(policy.accounts)]):
        members.setdefault(member, set()).add(role)
    for account in policy.accounts.values():
        wanted = [role_name(policy.company, role) for role in account.roles]
        there = members.get(account.name, set())
        server.run_all(_account_statements(server, account.name, wanted, there & ours))


def _account_statements(server: Server, account: str, wanted: list[str], there: set[str]) -> Iterable[str]:
    name = identifier(account)
    how = " WITH INHERIT FALSE, SET TRUE" if server.version >= 160000 else ""
    yield from (f"REVOKE {identifier(role)} FROM {name}" for role in sorted(there - set(wanted)))
    yield from (f"GRANT {identifier(role)} TO {name}{how}" for role in wanted if role not in there)
    yield f"ALTER ROLE {name} SET role = {literal(wanted[0])}"
    # "$user" is whoever the session acts as: another SET ROLE shows the tables of that role.
    yield f'ALTER ROLE {name} SET search_path = "$user"'


def _remove(server: Server, gone: Iterable[str]) -> tuple[list[str], list[str]]:
    removed: list[str] = []
    stuck: list[str] = []
    for name in gone:
        (removed if server.tries(f"DROP ROLE {identifier(name)}") else stuck).append(name)
    return removed, stuck
