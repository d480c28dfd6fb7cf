"""What a company has settled about trust: orchestration/trust/<company>.yml.

Who witnesses its ledger, who may waive a check, approve a restatement and release what is in quarantine,
and which restatements need that.
A company without such a file has the defaults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from plumbline.project import Project
from plumbline.yaml_lines import FileReader, Place, YamlFile, read_yaml

WAIVE, APPROVE, RELEASE = "waive", "approve", "release"
RIGHTS = (WAIVE, APPROVE, RELEASE)
RECORD = "record"
# The state of a restatement that somebody has to approve.
AWAITING = "awaits approval"
LEVELS = ("strategic", "process", "operational")
_TOP_KEYS = ("company", "witness", "people", "signed", "signed_commits", "waivers", "restatements")
_PERSON_KEYS = ("name", "email", "also", "may", "key")
_RULE_KEYS = ("tolerance", "approve_beyond", "settled_after_days")
_RESTATEMENT_KEYS = (*_RULE_KEYS, *LEVELS, "metrics")
# The keys of each kind of witness; those that end with `?` may be left out.
WITNESS_KEYS: Mapping[str, tuple[str, ...]] = {
    "file": ("path",),
    "git": ("repository", "branch?", "file?"),
}


@dataclass(frozen=True)
class WitnessSetting:
    """One witness: its kind and where it is. Nothing is published when a `required` one cannot be told."""

    name: str
    kind: str
    options: Mapping[str, str]
    required: bool = False
    where: str = ""


# Beside the state of the companies, so that who removes one of them does not remove what was witnessed.
DEFAULT_WITNESS = WitnessSetting("second_path", "file", {"path": "{home}/../witness/{company}.jsonl"})


@dataclass(frozen=True)
class Person:
    """Somebody who may act: what they may do, all addresses they are known by, and their SSH public key."""

    login: str
    name: str
    email: str
    may: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    key: str = ""

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"

    def is_known_as(self, text: str) -> bool:
        """Tell whether a login or an address is this person's."""
        known = {name.casefold() for name in (self.login, self.email, *self.also)}
        return text.strip().casefold() in known


@dataclass(frozen=True)
class Settling:
    """When a change of a past figure is a restatement, and when it is one that somebody has to approve.

    A change is recorded beyond `tolerance`, a share of the old value. It waits for an approval beyond
    `approve_beyond`, of a figure that was published more than `settled_after_days` days after its period:
    until then figures are expected to move.
    """

    tolerance: Decimal = Decimal("0.001")
    approve_beyond: Decimal = Decimal("0.01")
    settled_after_days: int = 45


@dataclass(frozen=True)
class Restating:
    """The levels at which restatements are approved, and what counts as one; `metrics` may have rules."""

    approved_levels: tuple[str, ...] = ("strategic",)
    usual: Settling = Settling()
    metrics: Mapping[str, Settling] = field(default_factory=dict)

    def of(self, metric: str) -> Settling:
        """Give what counts for a metric."""
        return self.metrics.get(metric, self.usual)


@dataclass(frozen=True)
class Trust:
    """The settings of one company.

    Where acts are `signed`, one without its signature counts for nothing. With `signed_commits`, who changed
    something is who signed the commit, and what nobody signed cannot be passed; `signed_since` is the last
    commit of which this is not asked.
    """

    company: str
    witnesses: tuple[WitnessSetting, ...] = (DEFAULT_WITNESS,)
    people: tuple[Person, ...] = ()
    signed: bool = False
    longest_waiver_days: int = 92
    restating: Restating = Restating(approved_levels=())
    file: Path | None = field(default=None, compare=False)
    signed_commits: bool = False
    signed_since: str = ""

    def person(self, known_as: str) -> Person | None:
        """Find a person by login or address."""
        return next((person for person in self.people if person.is_known_as(known_as)), None)

    def those_who_may(self, right: str) -> list[Person]:
        """Give the people who may waive, or approve."""
        return [person for person in self.people if right in person.may]


def load_trust(project: Project, company: str) -> Trust:
    """Read and check the company's file; one ConfigurationError names all its mistakes."""
    path = project.trust / f"{company}.yml"
    if not path.is_file():
        return Trust(company)
    return _Reader(read_yaml(path, project.root), company).trust()


class _Reader(FileReader):
    def __init__(self, file: YamlFile, company: str) -> None:
        super().__init__(file)
        self.company = company

    def trust(self) -> Trust:
        top = self._mapping(self.file.content, ())
        self._check_keys(top, _TOP_KEYS, ())
        self._require_company(top, self.company)
        witnesses = (
            tuple(self._witnesses(top["witness"])) if "witness" in top else Trust(self.company).witnesses
        )
        people = tuple(self._people(top.get("people")))
        signed, since = self._flag(top, "signed"), self._commit(top, "signed_commits")
        commits = bool(since) or self._flag(top, "signed_commits")
        self._require_keys(people, signed or commits)
        days = self._days(self._part(top, "waivers", ("longest_days",)), "longest_days", 92, ("waivers",), 1)
        restating = self._restating(self._part(top, "restatements", _RESTATEMENT_KEYS), people)
        self._raise()
        path = self.file.path
        return Trust(self.company, witnesses, people, signed, days, restating, path, commits, since)

    def _part(self, top: Mapping[str, object], name: str, keys: tuple[str, ...]) -> Mapping[str, object]:
        node = self._mapping(top.get(name), (name,))
        self._check_keys(node, keys, (name,))
        return node

    def _people(self, value: object) -> list[Person]:
        found: dict[str, Person] = {}
        for login, node in self._mapping(value, ("people",)).items():
            person = self._person(login, self._mapping(node, ("people", login)))
            for name in (person.login, person.email, *person.also):
                other = found.setdefault(name.casefold(), person)
                if other is not person:
                    self._complain(("people", login), f"{name!r} is {other.name} already")
        return list(dict.fromkeys(found.values()))

    def _person(self, login: str, node: Mapping[str, object]) -> Person:
        place: Place = ("people", login)
        self._check_keys(node, _PERSON_KEYS, place)
        for key in ("name", "email"):
            if not isinstance(node.get(key), str):
                self._complain(place, f"{login!r} needs `{key}`")
        may = self._texts(node, "may", place)
        for right in may:
            if right not in RIGHTS:
                self._complain(
                    (*place, "may"), f"{right!r} is no right", todo=f"Rights are {', '.join(RIGHTS)}."
                )
        also = self._texts(node, "also", place)
        return Person(
            login, str(node.get("name")), str(node.get("email")), may, also, str(node.get("key") or "")
        )

    def _texts(self, node: Mapping[str, object], key: str, place: Place) -> tuple[str, ...]:
        value = node.get(key)
        if value is not None and not isinstance(value, list):
            self._complain((*place, key), f"`{key}` is a list: [{value}]")
        return tuple(str(item) for item in value) if isinstance(value, list) else ()

    def _require_keys(self, people: tuple[Person, ...], signed: bool) -> None:
        for person in people if signed else ():
            if person.may and not person.key:
                todo = "Write the SSH public key after `key:`, or take away what they may do."
                self._complain(
                    ("people", person.login), f"{person.name} cannot sign: there is no `key`", todo=todo
                )

    def _commit(self, node: Mapping[str, object], key: str) -> str:
        """Read the commit from which on something is so; '' where it is true or false."""
        value = node.get(key, False)
        if isinstance(value, str) and not re.fullmatch("[0-9a-f]{40}", value):
            todo = "Write it in full, with its 40 letters and digits: git rev-parse HEAD."
            self._complain((key,), f"`{key}` names no commit: {value!r}", todo=todo)
        return value if isinstance(value, str) else ""

    def _flag(self, node: Mapping[str, object], key: str) -> bool:
        value = node.get(key, False)
        if not isinstance(value, bool):
            self._complain((key,), f"`{key}` is true or false")
        return value is True

    def _days(self, node: Mapping[str, object], key: str, usual: int, place: Place, least: int) -> int:
        value = node.get(key, usual)
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        self._complain((*place, key), f"`{key}` is a whole number from {least} on")
        return usual

    def _restating(self, node: Mapping[str, object], people: tuple[Person, ...]) -> Restating:
        place: Place = ("restatements",)
        can_approve = any(APPROVE in person.may for person in people)
        choices = {level: self._optional_choice(node, level, (APPROVE, RECORD), place) for level in LEVELS}
        for level, choice in choices.items():
            if choice == APPROVE and not can_approve:
                todo = "Give somebody `may: [approve]` under `people`."
                self._complain((*place, level), "nobody may approve", todo=todo)
        default = Restating().approved_levels if can_approve else ()
        levels = tuple(
            level
            for level, choice in choices.items()
            if choice == APPROVE or (choice is None and level in default)
        )
        usual = self._settling(node, Settling(), place)
        return Restating(levels, usual, dict(self._metrics(node, usual)))

    def _metrics(self, node: Mapping[str, object], usual: Settling) -> Iterator[tuple[str, Settling]]:
        place: Place = ("restatements", "metrics")
        for name, rules in self._mapping(node.get("metrics"), place).items():
            rule = self._mapping(rules, (*place, name))
            self._check_keys(rule, _RULE_KEYS, (*place, name))
            yield name, self._settling(rule, usual, (*place, name))

    def _settling(self, node: Mapping[str, object], usual: Settling, place: Place) -> Settling:
        tolerance = self._share(node, "tolerance", usual.tolerance, place)
        beyond = self._share(node, "approve_beyond", max(usual.approve_beyond, tolerance), place)
        days = self._days(node, "settled_after_days", usual.settled_after_days, place, 0)
        return Settling(tolerance, beyond, days)

    def _share(self, node: Mapping[str, object], key: str, usual: Decimal, place: Place) -> Decimal:
        text = str(node.get(key, usual)).strip()
        try:
            value = Decimal(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
            if value.is_finite() and 0 <= value < 1:
                return value
        except InvalidOperation:
            pass
        todo = "Write a share of the old value: 0.001, or 0.1%."
        self._complain((*place, key), f"`{key}` cannot be {text!r}", todo=todo)
        return usual

    def _witnesses(self, value: object) -> list[WitnessSetting]:
        nodes = self._mapping(value, ("witness",))
        found = [self._witness(name, node, ("witness", name)) for name, node in nodes.items()]
        return [witness for witness in found if witness]

    def _witness(self, name: str, value: object, place: Place) -> WitnessSetting | None:
        node = self._mapping(value, place)
        kind = self._optional_choice(node, "type", tuple(WITNESS_KEYS), place)
        if kind is None:
            if not node.get("type"):
                kinds = ", ".join(WITNESS_KEYS)
                self._complain(place, f"witness {name!r} has no type", todo=f"Types are {kinds}.")
            return None
        keys = WITNESS_KEYS[kind]
        self._check_keys(node, ("type", "required", *(key.rstrip("?") for key in keys)), place)
        for key in keys:
            if not key.endswith("?") and not node.get(key):
                self._complain(place, f"witness {name!r} needs `{key}`")
        if not isinstance(node.get("required", False), bool):
            self._complain((*place, "required"), "`required` is true or false")
        options = {key: str(text) for key, text in node.items() if key not in ("type", "required")}
        return WitnessSetting(
            name, kind, options, node.get("required", False) is True, self.file.where(*place)
        )
