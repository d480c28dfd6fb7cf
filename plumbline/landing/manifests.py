"""Manifests: what each load is, where it came from, and which loads are current."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from plumbline.errors import StorageError
from plumbline.project import Home

FORMAT = 1
DATA = "data.parquet"
GONE = "gone.parquet"
MANIFEST = "manifest.json"
_LOAD = re.compile(r"load=([1-9][0-9]{0,17})")


@dataclass(frozen=True)
class ControlTotal:
    """The sum of a column as plain numbers (decimal text), and how many values were there or no number."""

    sum: str
    not_null: int
    unparsed: int


@dataclass(frozen=True)
class Cursor:
    """The part of an incremental table that a load covers, as text of the cursor column."""

    column: str
    start: str | None
    end: str | None


@dataclass(frozen=True)
class Difference:
    """A snapshot that landed as what it has besides the load that it `follows`.

    `extract_rows` are the rows of the whole snapshot; `gone_rows` rows of earlier loads are in it no longer:
    gone.parquet lists them.
    """

    follows: int
    extract_rows: int
    gone_rows: int
    gone_sha256: str


@dataclass(frozen=True)
class Manifest:
    """One visible load.

    `sha256` is that of the source file, or of the content where there is no file; `content_sha256` always
    that of names and values in order; `bytes` is the size of the source, or of its text; `reading` says how a
    file was read (format, encoding, delimiter, sheet). A load with a `difference` has the SHA-256 and the
    bytes of the whole source, but only the rows that are new.
    """

    load: int
    company: str
    system: str
    table: str
    connector: str
    source: str
    mode: str
    sha256: str
    content_sha256: str
    bytes: int
    rows: int
    columns: tuple[str, ...]
    as_of: date
    landed_at: str
    seconds: float
    parquet_sha256: str
    parquet_bytes: int
    missing_columns: tuple[str, ...] = ()
    extra_columns: tuple[str, ...] = ()
    control_totals: Mapping[str, ControlTotal] = field(default_factory=dict)
    cursor: Cursor | None = None
    notes: tuple[str, ...] = ()
    reading: str = ""
    difference: Difference | None = None
    directory: Path = Path()

    @property
    def parquet(self) -> Path:
        return self.directory / DATA

    @property
    def gone(self) -> Path:
        return self.directory / GONE

    @property
    def extract_rows(self) -> int:
        """Rows of the extract, whether they landed with this load or before."""
        return self.difference.extract_rows if self.difference else self.rows

    def write(self, directory: Path) -> None:
        """Write manifest.json into a directory, through to the disk."""
        content: dict[str, Any] = {"format": FORMAT, **asdict(self), "as_of": self.as_of.isoformat()}
        del content["directory"]
        if self.cursor is not None:
            content["cursor"] = {
                "column": self.cursor.column,
                "from": self.cursor.start,
                "to": self.cursor.end,
            }
        with (directory / MANIFEST).open("w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())

    @classmethod
    def read(cls, directory: Path) -> Manifest:
        """Read the manifest of a load directory; StorageError when it, or its Parquet file, is damaged."""
        path = directory / MANIFEST
        try:
            content = json.loads(path.read_bytes())
            manifest = cls._from(content, directory)
            size = manifest.parquet.stat().st_size
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged(path, str(error)) from error
        if size != manifest.parquet_bytes:
            raise _damaged(manifest.parquet, f"it has {size} bytes instead of {manifest.parquet_bytes}.")
        return manifest

    @classmethod
    def _from(cls, content: dict[str, Any], directory: Path) -> Manifest:
        if content.pop("format") != FORMAT:
            raise ValueError("unknown format of the manifest")
        cursor = content.pop("cursor")
        difference = content.pop("difference", None)
        totals = content.pop("control_totals")
        for name in ("columns", "missing_columns", "extra_columns", "notes"):
            content[name] = tuple(content[name])
        return cls(
            **{**content, "as_of": date.fromisoformat(content["as_of"])},
            cursor=Cursor(cursor["column"], cursor["from"], cursor["to"]) if cursor else None,
            difference=Difference(**difference) if difference else None,
            control_totals={name: ControlTotal(**total) for name, total in totals.items()},
            directory=directory,
        )


def _damaged(path: Path, why: str) -> StorageError:
    return StorageError(
        "this load is damaged",
        where=str(path),
        why=why,
        todo="Restore the file, or remove its directory: the next run lands the extract again.",
        code="damaged-load",
    )


def visible_loads(home: Home) -> list[Manifest]:
    """Read the manifests of all loads, oldest first; directories that are no finished load do not count."""
    return sorted(
        (manifest for table in _table_directories(home.landing) for manifest in table_loads(table)),
        key=lambda manifest: manifest.load,
    )


def table_loads(table_directory: Path) -> list[Manifest]:
    """Read the manifests of one table, oldest first."""
    found = [
        Manifest.read(path) for path, _ in _load_directories(table_directory) if (path / MANIFEST).is_file()
    ]
    return sorted(found, key=lambda manifest: manifest.load)


def current_loads(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Keep what makes up each table today: the newest snapshot, or every append and incremental load.

    A table whose mode was changed counts from its newest snapshot on. A snapshot that landed as a difference
    counts together with the loads that it goes on from, and not at all when one of them is missing.
    """
    tables: dict[tuple[str, str], list[Manifest]] = {}
    for manifest in sorted(manifests, key=lambda manifest: manifest.load):
        table = tables.setdefault((manifest.system, manifest.table), [])
        if manifest.difference:
            if not table or table[-1].load != manifest.difference.follows:
                continue
        elif manifest.mode == "snapshot" or (table and table[-1].mode == "snapshot"):
            table.clear()
        table.append(manifest)
    return sorted((one for table in tables.values() for one in table), key=lambda manifest: manifest.load)


def highest_load(home: Home) -> int:
    """Give the highest number that any load directory has, finished or not; 0 when there is none."""
    return max(load_numbers(home), default=0)


def load_numbers(home: Home) -> list[int]:
    """Give the number of every load directory, finished or not."""
    return [number for table in _table_directories(home.landing) for _, number in _load_directories(table)]


def _table_directories(landing: Path) -> Iterator[Path]:
    for system in _directories(landing):
        yield from _directories(system)


def _load_directories(table: Path) -> Iterator[tuple[Path, int]]:
    for path in _directories(table):
        if match := _LOAD.fullmatch(path.name):
            yield path, int(match.group(1))


def _directories(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            return sorted(
                Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith(".")
            )
    except (FileNotFoundError, NotADirectoryError):
        return []
