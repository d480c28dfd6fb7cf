"""A row as it landed: every column as text, read from the Parquet of its load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from plumbline.errors import StorageError
from plumbline.landing.manifests import DATA, MANIFEST, Manifest
from plumbline.landing.writer import ROW_NUMBER
from plumbline.project import Home
from plumbline.quarantine.holdings import Row
from plumbline.warehouse import connect, glob_free


@dataclass(frozen=True)
class LandedRow:
    """One landed row: its columns as they came, and the extract they came from."""

    source: str
    line: int
    load: int
    landed_at: str
    reading: str
    values: Mapping[str, str | None]


def landed_row(home: Home, row: Row, *, place: tuple[int, int] | None = None) -> LandedRow:
    """Read the row (or another one of its table); StorageError when its load is not there any more."""
    load, number = place or (row.load, row.row_number)
    manifest = _manifest(home, row, load)
    values = _read(manifest, [number]).get(number)
    if values is None:
        raise _gone(home, row, load, f"Load {load} has no row {number}.")
    return LandedRow(manifest.source, number, load, manifest.landed_at, manifest.reading, values)


def landed_values(home: Home, rows: Iterable[Row]) -> dict[tuple[int, int], Mapping[str, str | None]]:
    """Read many rows, each load once; what has gone from landing is left out."""
    by_load: dict[int, list[Row]] = {}
    for row in rows:
        by_load.setdefault(row.load, []).append(row)
    found: dict[tuple[int, int], Mapping[str, str | None]] = {}
    for load, same in by_load.items():
        if (_directory(home, same[0], load) / MANIFEST).is_file():
            values = _read(_manifest(home, same[0], load), [row.row_number for row in same])
            found |= {(load, number): columns for number, columns in values.items()}
    return found


def _directory(home: Home, row: Row, load: int) -> Path:
    return home.landing / row.system / row.table / f"load={load}"


def _manifest(home: Home, row: Row, load: int) -> Manifest:
    directory = _directory(home, row, load)
    if not (directory / DATA).is_file():
        raise _gone(home, row, load, f"There is no {directory / DATA}.")
    return Manifest.read(directory)


def _read(manifest: Manifest, numbers: list[int]) -> dict[int, Mapping[str, str | None]]:
    with connect() as con:
        answer = con.execute(
            f"select * from read_parquet(?, hive_partitioning = false) where list_contains(?, {ROW_NUMBER})",
            [glob_free(manifest.parquet), numbers],
        )
        names = [column[0] for column in answer.description or ()]
        rows = [dict(zip(names, values, strict=True)) for values in answer.fetchall()]
    return {int(row[ROW_NUMBER]): {n: v for n, v in row.items() if n != ROW_NUMBER} for row in rows}


def _gone(home: Home, row: Row, load: int, why: str) -> StorageError:
    return StorageError(
        f"row {row.place} of {row.name} cannot be shown as it landed",
        where=str(home.landing),
        why=why,
        todo=f"Look for line {row.row_number} in {row.source or 'its extract'}.",
        code="row-not-there",
    )
