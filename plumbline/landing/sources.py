"""The sources file of a company: which systems there are, how to reach them, and which tables they have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from plumbline.errors import UsageError, did_you_mean
from plumbline.landing.contract import Contract, load_contract
from plumbline.landing.secrets import has_literal_password
from plumbline.project import Project
from plumbline.yaml_lines import FileReader, Place, YamlFile, read_yaml

CONNECTORS = ("database", "files", "http")
LOADS = ("snapshot", "append", "incremental")
FORMATS = ("csv", "tsv", "excel", "jsonl", "parquet")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_VARIABLE_ONLY = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")

_TOP_KEYS = ("company", "label", "label_zh", "as_of", "systems")
_SYSTEM_KEYS = {
    "": ("label", "label_zh", "connector", "freshness", "limits", "refused", "tables"),
    "database": ("url",),
    "files": ("path",),
    "http": ("base_url", "auth", "headers", "paging", "records", "timeout_seconds", "attempts"),
}
_TABLE_KEYS = {
    "": ("load", "cursor", "empty"),
    "database": ("from",),
    "files": ("files", "format", "sheet", "encoding", "delimiter"),
    "http": ("endpoint", "params", "records", "paging", "cursor_param"),
}
_ORIGIN = {"database": "from", "files": "files", "http": "endpoint"}
_LOCATION = {"database": "url", "files": "path", "http": "base_url"}
_LIMITS = ("file_megabytes", "expanded_megabytes", "expansion_ratio")
_FRESHNESS = ("warn_after_days", "error_after_days")
_AUTH = {
    "bearer": ("token",),
    "oauth2": ("token_url", "client_id", "client_secret", "scope"),
    "basic": ("username", "password"),
    "header": ("name", "value"),
}
_PAGING = {
    "none": (),
    "page": ("page_param", "first_page", "size_param", "size", "total_pages"),
    "offset": ("offset_param", "limit_param", "limit", "total"),
    "cursor": ("cursor_param", "cursor_path", "size_param", "size"),
    "next_link": ("link_path",),
    "link_header": ("relation",),
}
_PAGE_NUMBERS = ("first_page", "size", "limit")
_PATHS = ("cursor_path", "link_path", "total", "total_pages")
_PATH = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$@.*\[\]-]*")
_LONGEST_WAIT, _MOST_ATTEMPTS = 3600, 100
_SECRET_KEYS = ("token", "client_secret", "password", "value")


@dataclass(frozen=True)
class Limits:
    """What is too big to be read: megabytes of a file, megabytes and ratio after decompression."""

    file_megabytes: int = 20_000
    expanded_megabytes: int = 40_000
    expansion_ratio: int = 200


@dataclass(frozen=True)
class Freshness:
    """After how many days without new data a system is late; None when nobody asked."""

    warn_after_days: int | None = None
    error_after_days: int | None = None


@dataclass(frozen=True)
class TableSource:
    """One table of a system: where it is there, and how it is loaded.

    `origin` is the table of a database, the file patterns of a folder, or the endpoint of an API.
    """

    name: str
    origin: tuple[str, ...]
    load: str = "snapshot"
    cursor: str | None = None
    empty: bool = False
    format: str | None = None
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    records: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    paging: Mapping[str, Any] = field(default_factory=dict)
    cursor_param: str | None = None
    where: str = ""


@dataclass(frozen=True)
class SystemSource:
    """One source system: its connector, where it is, and its tables by name."""

    name: str
    label: str
    label_zh: str
    connector: str
    location: str
    tables: Mapping[str, TableSource]
    refused: str = "move"
    freshness: Freshness = Freshness()
    limits: Limits = Limits()
    auth: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = 60.0
    attempts: int = 5
    where: str = ""

    @property
    def path(self) -> str | None:
        """The folder of a files system, as written in the sources file."""
        return self.location if self.connector == "files" else None


@dataclass(frozen=True)
class Sources:
    """The sources of one company, by system."""

    company: str
    label: str
    label_zh: str
    as_of: date | None
    systems: Mapping[str, SystemSource]
    file: Path

    def is_connected(self, system: str, table: str) -> bool:
        """Tell whether the company's file lists a table."""
        return system in self.systems and table in self.systems[system].tables


def resolve_as_of(sources: Sources, text: str | None = None, today: date | None = None) -> date:
    """Give the as-of date: the one asked for, else that of the sources file, else yesterday (UTC)."""
    if text and text != "yesterday":
        return asked_day(text, today)
    if sources.as_of is not None and text is None:
        return sources.as_of
    return (today or datetime.now(UTC).date()) - timedelta(days=1)


def asked_day(text: str, today: date | None = None) -> date:
    """Read the as-of date that somebody asks for; UsageError when it is none, or has not come yet."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no date",
            where="--as-of",
            why="" if "isoformat" in str(error) else f"{str(error).capitalize()}.",
            todo="Write it as 2026-01-31.",
            code="bad-date",
        ) from error
    today = today or max(datetime.now(UTC).date(), date.today())
    if day > today:
        raise UsageError(
            f"{day} has not come yet",
            where="--as-of",
            why=f"Today is {today}; figures as of a later day would be made of what nobody knows.",
            todo="Name today or an earlier day.",
            code="future-date",
        )
    return day


def load_sources(project: Project, company: str) -> Sources:
    """Read and check orchestration/sources/<company>.yml; one ConfigurationError names all its mistakes."""
    project.home(company)
    path = project.sources / f"{company}.yml"
    if not path.is_file():
        known = project.companies()
        raise UsageError(
            f"no company {company!r}",
            where=str(path),
            why=f"there is no such file. Known companies: {', '.join(known) or 'none'}.",
            todo=did_you_mean(company, known),
            code="unknown-company",
        )
    return _Reader(read_yaml(path, project.root), company, load_contract(project)).sources()


class _Reader(FileReader):
    def __init__(self, file: YamlFile, company: str, contract: Contract) -> None:
        super().__init__(file)
        self.company = company
        self.contract = contract

    def sources(self) -> Sources:
        top = self._mapping(self.file.content, ())
        self._check_keys(top, _TOP_KEYS, ())
        self._require_company(top, self.company)
        as_of = self._as_of(top.get("as_of"))
        systems = {
            name: system
            for name, node in self._mapping(top.get("systems"), ("systems",)).items()
            if (system := self._system(name, node)) is not None
        }
        if not systems and not self.problems:
            self._complain(
                ("systems",),
                f"company {self.company!r} lists no systems",
                todo="Name at least one under `systems:`, with its connector and tables.",
            )
        self._raise()
        return Sources(
            company=self.company,
            label=str(top.get("label", self.company)),
            label_zh=str(top.get("label_zh", top.get("label", self.company))),
            as_of=as_of,
            systems=systems,
            file=self.file.path,
        )

    def _as_of(self, value: object) -> date | None:
        if value in (None, "yesterday"):
            return None
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        self._complain(("as_of",), f"{value!r} is no date", todo="Write `yesterday` or a date as 2026-01-31.")
        return None

    def _system(self, name: str, value: object) -> SystemSource | None:
        place: Place = ("systems", name)
        node = self._mapping(value, place)
        if not self._named(name, "system", place):
            return None
        connector = str(node.get("connector", ""))
        if not connector:
            self._no_connector(name, node, place)
            return None
        if connector not in CONNECTORS:
            self._complain(
                (*place, "connector"),
                f"unknown connector {connector!r}",
                todo=did_you_mean(connector, list(CONNECTORS)) or f"Connectors are {', '.join(CONNECTORS)}.",
                code="unknown-connector",
            )
            return None
        if name not in self.contract:
            self._complain(
                place,
                f"no source tables are declared for system {name!r}",
                why=f"models/staging/{name}/_{name}__sources.yml does not declare them.",
                todo=did_you_mean(name, list(self.contract)) or "Declare the tables and their columns there.",
                code="undeclared-system",
            )
            return None
        self._check_keys(node, (*_SYSTEM_KEYS[""], *_SYSTEM_KEYS[connector]), place)
        location = self._location(node, connector, place)
        return SystemSource(
            name=name,
            label=str(node.get("label", name)),
            label_zh=str(node.get("label_zh", node.get("label", name))),
            connector=connector,
            location=location,
            tables=self._tables(name, connector, node),
            refused=self._choice(node, "refused", ("move", "copy"), place),
            freshness=Freshness(**self._numbers(node, "freshness", _FRESHNESS, place)),
            limits=Limits(**self._numbers(node, "limits", _LIMITS, place)),
            auth=self._kind(node, "auth", _AUTH, place),
            headers=self._headers(node, place),
            timeout_seconds=self._timeout(node, place),
            attempts=int(self._whole(node, "attempts", 5, _MOST_ATTEMPTS, place)),
            where=self.file.where(*place),
        )

    def _headers(self, node: Mapping[str, Any], place: Place) -> dict[str, str]:
        place = (*place, "headers")
        headers = {key: str(text) for key, text in self._mapping(node.get("headers"), place).items()}
        for key, text in headers.items():
            if not (key + text).isascii():
                self._complain((*place, key), f"header {key!r} must be of ASCII characters")
        return headers

    def _timeout(self, node: Mapping[str, Any], place: Place) -> float:
        value = node.get("timeout_seconds", 60)
        if isinstance(value, int | float) and 0 < value <= _LONGEST_WAIT:
            return float(value)
        what = f"timeout_seconds must be a number above 0, and at most {_LONGEST_WAIT}, not {value!r}"
        self._complain((*place, "timeout_seconds"), what)
        return 60.0

    def _whole(self, node: Mapping[str, Any], key: str, default: int, most: int, place: Place) -> int:
        value = node.get(key, default)
        if type(value) is int and 0 < value <= most:
            return value
        self._complain((*place, key), f"{key} must be a whole number from 1 to {most}, not {value!r}")
        return default

    def _no_connector(self, name: str, node: Mapping[str, Any], place: Place) -> None:
        """Complain of a system without a connector; a misspelt key says more than the one that is missing."""
        known = tuple(dict.fromkeys(key for keys in _SYSTEM_KEYS.values() for key in keys))
        before = len(self.problems)
        self._check_keys(node, known, place)
        if not any("'connector'" in problem.todo for problem in self.problems[before:]):
            todo = f"Connectors are {', '.join(CONNECTORS)}."
            self._complain(place, f"system {name!r} has no connector", todo=todo)

    def _location(self, node: Mapping[str, Any], connector: str, place: Place) -> str:
        key = _LOCATION[connector]
        text = str(node.get(key) or "")
        if not text:
            self._complain(place, f"a system with connector {connector!r} needs `{key}`")
        if has_literal_password(text):
            self._complain(
                (*place, key),
                "a password stands in this file",
                why="secrets come from the environment only.",
                todo=f"Write {key}: ${{SOME_NAME}} and set SOME_NAME in the environment.",
                code="literal-secret",
            )
        return text

    def _tables(self, system: str, connector: str, node: Mapping[str, Any]) -> dict[str, TableSource]:
        place: Place = ("systems", system, "tables")
        tables = {}
        for name, value in self._mapping(node.get("tables"), place).items():
            if not self._named(name, "table", (*place, name)):
                continue
            if name not in self.contract[system]:
                self._complain(
                    (*place, name),
                    f"table {name!r} is not declared for system {system!r}",
                    todo=did_you_mean(name, list(self.contract[system]))
                    or f"Declare it in models/staging/{system}/_{system}__sources.yml.",
                    code="undeclared-table",
                )
                continue
            tables[name] = self._table(
                name, connector, node, self._mapping(value, (*place, name)), (*place, name)
            )
        if not tables and not self.problems:
            self._complain(("systems", system), f"system {system!r} lists no tables")
        return tables

    def _table(
        self, name: str, connector: str, system: Mapping[str, Any], node: Mapping[str, Any], place: Place
    ) -> TableSource:
        self._check_keys(node, (*_TABLE_KEYS[""], *_TABLE_KEYS[connector]), place)
        load = self._choice(node, "load", LOADS, place)
        cursor = node.get("cursor")
        if load == "incremental" and (not cursor or connector == "files"):
            self._complain(
                (*place, "load"),
                f"table {name!r} cannot be loaded incrementally",
                why="that needs a database or an API, and a `cursor` column which grows with every change.",
            )
        if cursor and load != "incremental":
            self._complain((*place, "cursor"), "a cursor has a meaning only with `load: incremental`")
        if cursor and cursor not in self.contract[str(place[1])][name].names:
            names = list(self.contract[str(place[1])][name].names)
            self._complain(
                (*place, "cursor"),
                f"cursor {cursor!r} is no declared column",
                todo=did_you_mean(str(cursor), names),
            )
        paging_from = node if "paging" in node else system
        paging_place = place if "paging" in node else place[:2]
        return TableSource(
            name=name,
            origin=self._origin(name, connector, node, place),
            load=load,
            cursor=str(cursor) if cursor else None,
            empty=self._choice(node, "empty", ("refuse", "allow"), place) == "allow",
            format=self._optional_choice(node, "format", FORMATS, place),
            sheet=str(node["sheet"]) if "sheet" in node else None,
            encoding=self._encoding(node, place),
            delimiter=self._delimiter(node, place),
            records=self._records(node, system, place) if connector == "http" else None,
            params={key: str(text) for key, text in self._mapping(node.get("params"), place).items()},
            paging=self._paging(paging_from, paging_place) if connector == "http" else {},
            cursor_param=node.get("cursor_param"),
            where=self.file.where(*place),
        )

    def _origin(self, name: str, connector: str, node: Mapping[str, Any], place: Place) -> tuple[str, ...]:
        key = _ORIGIN[connector]
        value = node.get(key) or []
        origin = tuple(str(text) for text in (value if isinstance(value, list) else [value]))
        if not origin:
            self._complain(place, f"table {name!r} needs `{key}`")
        if connector == "files":
            for pattern in origin:
                if pattern.startswith(("/", "~")) or ".." in Path(pattern).parts or "\\" in pattern:
                    self._complain(
                        (*place, key),
                        f"{pattern!r} leads out of the system's folder",
                        todo="File patterns are relative to `path` and never climb with `..`.",
                        code="bad-path",
                    )
        return origin

    def _encoding(self, node: Mapping[str, Any], place: Place) -> str | None:
        import codecs

        if "encoding" not in node:
            return None
        name = str(node["encoding"])
        try:
            "".encode(name)  # refuses what codecs knows besides encodings of text
            return codecs.lookup(name).name
        except LookupError:
            known = [
                "utf-8",
                "utf-16",
                "utf-16-le",
                "gb18030",
                "gbk",
                "big5",
                "shift_jis",
                "cp1252",
                "latin-1",
            ]
            self._complain(
                (*place, "encoding"),
                f"unknown encoding {node['encoding']!r}",
                todo=did_you_mean(name, known) or f"Some that are known: {', '.join(known)}.",
            )
            return None

    def _delimiter(self, node: Mapping[str, Any], place: Place) -> str | None:
        if "delimiter" not in node:
            return None
        text = node["delimiter"]
        if isinstance(text, str) and len(text) == 1 and text not in '"\r\n\0':
            return text
        self._complain(
            (*place, "delimiter"),
            f"the delimiter must be one character, not {text!r}",
            todo='Write it in quotes: ";", "|", or "\\t" for a tab.',
        )
        return None

    def _records(self, node: Mapping[str, Any], system: Mapping[str, Any], place: Place) -> str | None:
        own = "records" in node
        value = node["records"] if own else system.get("records")
        return self._path(value, (*(place if own else place[:2]), "records")) if value is not None else None

    def _path(self, value: object, place: Place) -> str | None:
        if isinstance(value, str) and _PATH.fullmatch(value):
            return value
        what = f"{value!r} is no path into an answer"
        self._complain(place, what, todo="Write the names on the way to it, as data.items.")
        return None

    def _paging(self, node: Mapping[str, Any], place: Place) -> dict[str, Any]:
        paging = self._kind(node, "paging", _PAGING, place)
        place = (*place, "paging")
        for name, value in paging.items():
            if name in _PATHS:
                self._path(value, (*place, name))
            elif name in _PAGE_NUMBERS:
                if type(value) is not int or value < 0:
                    self._complain((*place, name), f"{name} must be a whole number, not {value!r}")
            elif not isinstance(value, str) or not value:
                self._complain((*place, name), f"{name} must be a name, not {value!r}")
        return paging

    def _kind(
        self, node: Mapping[str, Any], key: str, kinds: Mapping[str, tuple[str, ...]], place: Place
    ) -> dict[str, Any]:
        if key not in node:
            return {}
        place = (*place, key)
        value = self._mapping(node[key], place)
        kind = str(value.get("type", ""))
        if kind not in kinds:
            self._complain(
                place, f"`{key}` has the unknown type {kind!r}", todo=f"Types are {', '.join(kinds)}."
            )
            return {}
        self._check_keys(value, ("type", *kinds[kind]), place)
        lacking = [name for name in kinds[kind] if key == "auth" and name != "scope" and not value.get(name)]
        if lacking:
            self._complain(place, f"`{key}` of type {kind!r} needs {', '.join(lacking)}")
        for name in _SECRET_KEYS:
            if key == "auth" and name in value and not _VARIABLE_ONLY.search(str(value[name])):
                self._complain(
                    (*place, name),
                    "a secret stands in this file",
                    todo=f"Write {name}: ${{SOME_NAME}} and set SOME_NAME in the environment.",
                    code="literal-secret",
                )
        return dict(value)

    def _numbers(
        self, node: Mapping[str, Any], key: str, allowed: tuple[str, ...], place: Place
    ) -> dict[str, int]:
        value = self._mapping(node.get(key), (*place, key))
        self._check_keys(value, allowed, (*place, key))
        numbers = {}
        for name, number in value.items():
            if name in allowed and isinstance(number, int) and number > 0:
                numbers[name] = number
            elif name in allowed:
                self._complain((*place, key, name), f"{name} must be a whole number above 0, not {number!r}")
        return numbers

    def _named(self, name: str, kind: str, place: Place) -> bool:
        if _NAME.fullmatch(name):
            return True
        self._complain(
            place,
            f"{name!r} is no {kind} name",
            why=f"a {kind} name has small letters, digits and underscores, and starts with a letter.",
            code="bad-name",
        )
        return False
