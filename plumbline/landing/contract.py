"""The contract of the source tables: the dbt `sources:` YAML beside the staging models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from plumbline.errors import ConfigurationError, did_you_mean
from plumbline.project import Project
from plumbline.yaml_lines import YamlFile, read_yaml

TYPES = ("integer", "decimal", "date", "timestamp", "text")


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
        for table in _tables(read_yaml(path, root)):
            contract.setdefault(table.system, {})[table.name] = table
    return contract


def _tables(file: YamlFile) -> Iterator[TableContract]:
    for number, source in enumerate((file.content or {}).get("sources") or []):
        for index, table in enumerate(source.get("tables") or []):
            place = ("sources", number, "tables", index)
            meta = _meta(table)
            columns = tuple(
                _column(file, (*place, "columns", position), column)
                for position, column in enumerate(table.get("columns") or [])
            )
            yield TableContract(
                system=source["name"],
                name=table["name"],
                columns=columns,
                key=tuple(meta.get("key") or ()),
                version=meta.get("version"),
                where=file.where(*place),
            )


def _column(file: YamlFile, place: tuple[str | int, ...], column: Mapping[str, Any]) -> Column:
    meta = _meta(column)
    kind = str(meta.get("type", "text"))
    if kind not in TYPES:
        raise ConfigurationError(
            f"column {column.get('name')!r} has the unknown type {kind!r}",
            where=file.where(*place, "config", "meta", "type"),
            todo=did_you_mean(kind, list(TYPES)) or f"Types are {', '.join(TYPES)}.",
            code="unknown-type",
        )
    return Column(
        name=str(column["name"]),
        type=kind,
        required=bool(meta.get("required", False)),
        control_total=bool(meta.get("control_total", False)),
    )


def _meta(node: Mapping[str, Any]) -> Mapping[str, Any]:
    return (node.get("config") or {}).get("meta") or node.get("meta") or {}
