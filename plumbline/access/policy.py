"""The policy of a company: roles, what each may see, and the accounts that act in them.

```yaml
roles:
  executive: {metrics: all, persons: true, evidence: true}
  north_america:
    metrics: {domains: [sales]}
    rows: {territory__region_group: [North America]}
    company_wide: {names: [headcount]}
small_groups:
  - {metrics: {domains: [people]}, count: headcount, at_least: 5}
accounts:
  li.na: {roles: [executive, north_america]}
```
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from plumbline.access.selection import EVERYTHING, NOTHING, Selection
from plumbline.definitions import Definitions
from plumbline.errors import UsageError, did_you_mean
from plumbline.project import Project
from plumbline.yaml_lines import FileReader, Place, YamlFile, read_yaml

ALL = "all"
QUERY, EVIDENCE = "query", "evidence"
SCOPES = (QUERY, EVIDENCE)
_TOP_KEYS = ("company", "roles", "small_groups", "accounts")
_ROLE_KEYS = ("label", "label_zh", "metrics", "rows", "company_wide", "persons", "evidence")
_SELECTION_KEYS = ("domains", "levels", "names", "except")
_GROUP_KEYS = ("metrics", "count", "at_least")


@dataclass(frozen=True)
class Role:
    """What one role may see.

    `rows` limits figures to those of certain members (None: the one without a name); `company_wide` are
    metrics seen for the whole company nevertheless. `persons`: figures of single persons and of small groups;
    `evidence`: how a figure came about, quality results with example rows, and the ledger.
    """

    name: str
    label: str = ""
    label_zh: str = ""
    metrics: Selection = NOTHING
    rows: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    company_wide: Selection = NOTHING
    persons: bool = False
    evidence: bool = False


@dataclass(frozen=True)
class SmallGroup:
    """Figures left out where fewer than `at_least` are counted by the metric `count`."""

    metrics: Selection
    count: str
    at_least: int


@dataclass(frozen=True)
class Account:
    """Somebody or something that connects; acts in one role at a time, the first unless asked otherwise."""

    name: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Principal:
    """Who asks: an account in one of its roles, with what their token lets them do."""

    account: str
    role: str
    scopes: frozenset[str] = frozenset(SCOPES)


@dataclass(frozen=True)
class Policy:
    """The roles and accounts of one company; without a file it has none, and nobody sees over a network."""

    company: str
    roles: Mapping[str, Role] = field(default_factory=dict)
    small_groups: tuple[SmallGroup, ...] = ()
    accounts: Mapping[str, Account] = field(default_factory=dict)
    digest: str = ""
    file: Path | None = field(default=None, compare=False)

    def counted(self, definitions: Definitions) -> Mapping[str, SmallGroup]:
        """Give the metrics whose figures need enough people, each with the group that asks for most."""
        found: dict[str, SmallGroup] = {}
        for group in sorted(self.small_groups, key=lambda group: group.at_least):
            found |= dict.fromkeys(group.metrics.metrics(definitions), group)
        return found

    def principal(self, account: str, role: str = "", scopes: frozenset[str] | None = None) -> Principal:
        """Give an account that acts in a role of its own; UsageError when it has none, or not this one."""
        found = self.accounts.get(account)
        if found is None:
            raise UsageError(
                f"{account!r} is no account",
                where=str(self.file or ""),
                todo="Write it under `accounts`, with its roles.",
                code="unknown-account",
            )
        if role and role not in found.roles:
            raise UsageError(
                f"{account!r} does not act as {role!r}",
                todo=f"Its roles: {', '.join(found.roles)}.",
                code="not-its-role",
            )
        chosen = role or found.roles[0]
        return Principal(account, chosen, frozenset(SCOPES) if scopes is None else scopes)


def policy_file(project: Project, company: str) -> Path:
    """Give the file of a company's policy; it need not exist."""
    return project.root / "orchestration" / "access" / f"{company}.yml"


def load_policy(project: Project, company: str) -> Policy:
    """Read and check the company's policy; one ConfigurationError names all its mistakes."""
    path = policy_file(project, company)
    if not path.is_file():
        return Policy(company)
    return _Reader(read_yaml(path, project.root), company, path).policy()


class _Reader(FileReader):
    def __init__(self, file: YamlFile, company: str, path: Path) -> None:
        super().__init__(file)
        self._company = company
        self._digest = hashlib.sha256(path.read_bytes()).hexdigest()

    def policy(self) -> Policy:
        top = self._mapping(self.file.content, ())
        self._check_keys(top, _TOP_KEYS, ())
        self._require_company(top, self._company)
        roles = {name: self._role(name, node) for name, node in self._items(top, "roles")}
        groups = tuple(self._groups(top.get("small_groups")))
        accounts = {name: self._account(name, node, roles) for name, node in self._items(top, "accounts")}
        self._raise()
        return Policy(
            self._company,
            MappingProxyType(roles),
            groups,
            MappingProxyType(accounts),
            self._digest,
            self.file.path,
        )

    def _items(self, top: Mapping[str, Any], key: str) -> list[tuple[str, Mapping[str, Any]]]:
        nodes = self._mapping(top.get(key), (key,))
        return [(name, self._mapping(node, (key, name))) for name, node in nodes.items()]

    def _role(self, name: str, node: Mapping[str, Any]) -> Role:
        place: Place = ("roles", name)
        self._check_keys(node, _ROLE_KEYS, place)
        if "metrics" not in node:
            todo = "Write `metrics: all`, or `metrics: {domains: [sales]}`."
            self._complain(place, f"role {name!r} does not say which `metrics` it sees", todo=todo)
        rows = self._rows(node, (*place, "rows"))
        if node.get("company_wide") and not rows:
            why = "Without `rows` all its metrics are seen for the whole company."
            self._complain((*place, "company_wide"), f"role {name!r} has no `rows`", why=why)
        return Role(
            name,
            str(node.get("label") or ""),
            str(node.get("label_zh") or ""),
            self._selection(node.get("metrics"), (*place, "metrics")),
            rows,
            self._selection(node.get("company_wide"), (*place, "company_wide")),
            self._flag(node, "persons", place),
            self._flag(node, "evidence", place),
        )

    def _selection(self, value: object, place: Place) -> Selection:
        if value == ALL:
            return EVERYTHING
        if isinstance(value, str):
            self._complain(place, f"metrics cannot be {value!r}", todo="Write all, or {domains: [sales]}.")
            return NOTHING
        node = self._mapping(value, place)
        self._check_keys(node, _SELECTION_KEYS, place)
        domains, levels, names, but = (self._texts(node, key, place) for key in _SELECTION_KEYS)
        every = bool(but) and not (domains or levels or names)
        return Selection(domains, levels, names, but, every)

    def _rows(self, node: Mapping[str, Any], place: Place) -> Mapping[str, tuple[str | None, ...]]:
        found = {}
        for dimension, value in self._mapping(node.get("rows"), place).items():
            if not isinstance(value, list) or not value:
                todo = "Write the members that may be seen: [North America, Europe]; null has no name."
                self._complain((*place, dimension), f"`{dimension}` is a list of members", todo=todo)
                continue
            found[dimension] = tuple(None if member is None else str(member) for member in value)
        return MappingProxyType(found)

    def _texts(self, node: Mapping[str, Any], key: str, place: Place) -> tuple[str, ...]:
        value = node.get(key)
        if value is not None and not isinstance(value, list):
            self._complain((*place, key), f"`{key}` is a list: [{value}]")
        return tuple(str(item) for item in value) if isinstance(value, list) else ()

    def _flag(self, node: Mapping[str, Any], key: str, place: Place) -> bool:
        value = node.get(key, False)
        if not isinstance(value, bool):
            self._complain((*place, key), f"`{key}` is true or false")
        return value is True

    def _groups(self, value: object) -> list[SmallGroup]:
        if value is not None and not isinstance(value, list):
            self._complain(("small_groups",), "`small_groups` is a list")
        nodes = value if isinstance(value, list) else []
        return [self._group(node, ("small_groups", index)) for index, node in enumerate(nodes)]

    def _group(self, value: object, place: Place) -> SmallGroup:
        node = self._mapping(value, place)
        self._check_keys(node, _GROUP_KEYS, place)
        for key in _GROUP_KEYS:
            if key not in node:
                self._complain(place, f"a small group needs `{key}`")
        least = node.get("at_least", 2)
        if not isinstance(least, int) or isinstance(least, bool) or least < 2:
            self._complain((*place, "at_least"), "`at_least` is a whole number from 2 on")
            least = 2
        metrics = self._selection(node.get("metrics"), (*place, "metrics"))
        return SmallGroup(metrics, str(node.get("count", "")), least)

    def _account(self, name: str, node: Mapping[str, Any], roles: Mapping[str, Role]) -> Account:
        place: Place = ("accounts", name)
        self._check_keys(node, ("roles",), place)
        named = self._texts(node, "roles", place)
        if not named:
            todo = f"Write `roles: [{next(iter(roles), 'analyst')}]`."
            self._complain(place, f"account {name!r} has no role", todo=todo)
        for role in named:
            if role not in roles:
                todo = did_you_mean(role, list(roles)) or f"Roles are {', '.join(roles) or 'not there yet'}."
                self._complain((*place, "roles"), f"{role!r} is no role", todo=todo)
        return Account(name, named)


def undefined(
    policy: Policy, metrics: Collection[str], dimensions: Collection[str], domains: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Give what the policy names and no definition has: what it is, and what it could mean."""
    for who, kind, names, known in _named(policy, metrics, dimensions, domains):
        for name in names:
            if name not in known:
                hint = did_you_mean(name, sorted(known)) or "`plumb list` tells what there is."
                yield f"{who} names {kind} {name!r}, which is not defined", hint


def _named(
    policy: Policy, metrics: Collection[str], dimensions: Collection[str], domains: Collection[str]
) -> Iterator[tuple[str, str, tuple[str, ...], Collection[str]]]:
    for role in policy.roles.values():
        for choice in (role.metrics, role.company_wide):
            yield f"role {role.name}", "metric", (*choice.names, *choice.but), metrics
            yield f"role {role.name}", "domain", choice.domains, domains
        yield f"role {role.name}", "dimension", tuple(role.rows), dimensions
    for group in policy.small_groups:
        yield "small_groups", "metric", (group.count, *group.metrics.names, *group.metrics.but), metrics
        yield "small_groups", "domain", group.metrics.domains, domains
