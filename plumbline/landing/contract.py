"""The contract of the source tables: the dbt `sources:` YAML beside the staging models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from plumbline.errors import did_you_mean
from plumbline.project import Project
from plumbline.yaml_lines import FileReader, Place, read_yaml

TYPES = ("integer", "decimal", "date", "timestamp", "text")
_LABELS = ("label", "label_zh")
_FLAGS = ("required", "control_total")


@dataclass(frozen=True)
class Column:
    """One declared column: what its text means, whether an extract must have it, whether it is summed."""

    name: str
    type: str = "text"
    required: bool = False
    control_total: bool = False


@dataclass(frozen=True)
class TableContract:
    """The declared columns of one source table, and what identifies a row."""

    system: str
    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    version: str | None = None
    where: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    @property
    def summed(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.control_total)

    def type_of(self, name: str) -> str:
        return next((column.type for column in self.columns if column.name == name), "text")


Contract = Mapping[str, Mapping[str, TableContract]]


def load_contract(project: Project) -> Contract:
    """Read the declared tables of every system: contract[system][table]."""
    files = sorted((project.root / "models" / "staging").glob("*/_*__sources.yml"))
    return _load(project.root, tuple((path, path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=4)
def _load(root: Path, files: tuple[tuple[Path, int], ...]) -> Contract:
    contract: dict[str, dict[str, TableContract]] = {}
    for path, _ in files:
        for table in _Reader(read_yaml(path, root)).tables():
            contract.setdefault(table.system, {})[table.name] = table
    return contract


class _Reader(FileReader):
    """Reads the declared tables of one file; dbt passes misspelt `meta` over in silence."""

    def tables(self) -> Iterator[TableContract]:
        top = self._mapping(self.file.content, ())
        for place, source in self._each(top, "sources", ()):
            self._meta(source, place, _LABELS)
            for below, table in self._each(source, "tables", place):
                yield self._table(str(source.get("name")), table, below)
        self._raise()

    def _table(self, system: str, table: Mapping[str, Any], place: Place) -> TableContract:
        meta, said = self._meta(table, place, (*_LABELS, "key", "version"))
        columns = {}
        for below, column in self._each(table, "columns", place):
            name = str(column.get("name"))
            if name in columns:
                self._complain((*below, "name"), f"column {name!r} is declared twice", todo="Remove one.")
            columns[name] = self._column(name, column, below)
        key, version = meta.get("key") or (), meta.get("version")
        keys = tuple(key) if isinstance(key, list | tuple) else (key,)
        for which, name in [*(("key", name) for name in keys), *([("version", version)] if version else ())]:
            if name not in columns:
                self._complain(
                    (*said, which),
                    f"`{which}` of table {table.get('name')!r} names {name!r}, which is no column of it",
                    todo=did_you_mean(str(name), list(columns)) or "Declare the column, or mend the name.",
                )
        return TableContract(
            system=system,
            name=str(table.get("name")),
            columns=tuple(columns.values()),
            key=keys,
            version=version,
            where=self.file.where(*place),
        )

    def _column(self, name: str, column: Mapping[str, Any], place: Place) -> Column:
        meta, said = self._meta(column, place, (*_LABELS, "type", *_FLAGS))
        kind = str(meta.get("type", "text"))
        if kind not in TYPES:
            self._complain(
                (*said, "type"),
                f"column {name!r} has the unknown type {kind!r}",
                todo=did_you_mean(kind, list(TYPES)) or f"Types are {', '.join(TYPES)}.",
                code="unknown-type",
            )
        for flag in _FLAGS:
            if not isinstance(meta.get(flag, False), bool):
                self._complain(
                    (*said, flag),
                    f"`{flag}` of column {name!r} cannot be {meta[flag]!r}",
                    todo="It is true or false.",
                )
        flags = {flag: meta.get(flag) is True for flag in _FLAGS}
        return Column(name=name, type=kind, **flags)

    def _each(
        self, node: Mapping[str, Any], key: str, place: Place
    ) -> Iterator[tuple[Place, Mapping[str, Any]]]:
        items = node.get(key) or []
        if not isinstance(items, list):
            self._complain((*place, key), f"`{key}` is no list", todo="Begin each of its items with `- `.")
            return
        for number, item in enumerate(items):
            below = (*place, key, number)
            found = self._mapping(item, below)
            if found and not found.get("name"):
                self._complain(below, f"one of `{key}` has no name", todo="Add `name:`.")
            elif found:
                yield below, found

    def _meta(
        self, node: Mapping[str, Any], place: Place, known: tuple[str, ...]
    ) -> tuple[Mapping[str, Any], Place]:
        """Give what stands under `meta`, and where that is."""
        config = self._mapping(node.get("config"), (*place, "config"))
        where = (*place, "config", "meta") if config.get("meta") else (*place, "meta")
        meta = self._mapping(config.get("meta") or node.get("meta"), where)
        # Other keys may be somebody's own; one that is nearly ours is misspelt.
        for key in meta:
            if key not in known and (hint := did_you_mean(str(key), list(known))):
                self._complain((*where, key), f"unknown key {key!r}", todo=hint, code="unknown-key")
        return meta, where
