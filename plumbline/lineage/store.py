"""Lineage on disk: read in a moment where nothing changed, made anew where something did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.errors import ConfigurationError, DefinitionError
from plumbline.lineage.graph import Cell, Fallback, Lineage
from plumbline.lineage.parts import EVERY, ROWS, Mark, Marks, Part, Shape, stored
from plumbline.project import digest_of_code
from plumbline.replacing import replace_text

if TYPE_CHECKING:
    from plumbline.lineage.analyse import Analysis
    from plumbline.project import Home, Project

RELATIONS = "relations.json"
LINEAGE = "lineage.json"
_CODE = ("lineage", "compiler", "definitions")


def read_lineage(project: Project, home: Home) -> Lineage:
    """Give the lineage of the models and metrics that a company was built with.

    It is read where it was made before; else it is made from the SQL of the models, which the runner leaves
    beside dbt's manifest. Raises ConfigurationError when that is not there.
    """
    relations, manifest = home.target / RELATIONS, home.semantic_manifest
    try:
        texts = relations.read_text(encoding="utf-8"), manifest.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigurationError(
            "it is not known what figures rest on",
            where=str(error.filename),
            why="The SQL of the models has not been compiled for this company.",
            todo="Run `plumb run` first.",
            code="no-lineage",
        ) from None
    stamp = _stamp(*texts)
    path = home.target / LINEAGE
    record = _read(path, stamp)
    if record is None:
        record = _make(project, home, stamp)
        keep(path, record)
    return _lineage(record, project, home)


def keep(path: Path, record: Mapping[str, Any]) -> None:
    """Keep it for the next reader; a place that cannot be written is no error."""
    try:
        replace_text(path, json.dumps(record), durable=False)
    except OSError:
        return


def _read(path: Path, stamp: str) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if record.get("stamp") == stamp else None


def _make(project: Project, home: Home, stamp: str) -> dict[str, Any]:
    """Read the SQL of every model, and of every question of a saved query."""
    from plumbline.definitions import load
    from plumbline.lineage.analyse import analyse
    from plumbline.lineage.cells import Questions, saved_cells
    from plumbline.lineage.relations import read_relations

    analysis = analyse(read_relations((home.target / RELATIONS).read_text(encoding="utf-8")))
    definitions = load(home.semantic_manifest, project.root)
    questions = Questions(definitions, home.semantic_manifest, analysis, home.compiled)
    cells: dict[Cell, Marks] = {}
    for cell in dict.fromkeys(saved_cells(definitions)):
        try:
            cells[cell] = questions.marks(cell)
        except DefinitionError:
            continue  # whoever asks is told
    return _record(analysis, cells, stamp)


def _lineage(record: Mapping[str, Any], project: Project, home: Home) -> Lineage:
    parts = [(table, column) for table, column in record["parts"]]
    edges = {Part(*parts[number]): _marks(parts, coded) for number, *coded in record["edges"]}
    cells = {
        (metric, tuple(dimensions), tuple(where)): _marks(parts, coded)
        for metric, dimensions, where, *coded in record["cells"]
    }
    fallbacks = [Fallback(*item) for item in record["fallbacks"]]

    def ask(cell: Cell) -> Marks:
        return _ask(cell, record["tables"], project, home)

    return Lineage(edges, cells, fallbacks, ask)


def _ask(cell: Cell, tables: Mapping[str, Any], project: Project, home: Home) -> Marks:
    """Read a question that was not among the saved ones."""
    from plumbline.definitions import load
    from plumbline.lineage.analyse import Analysis
    from plumbline.lineage.cells import Questions

    analysis = Analysis(tables={name.lower(): stored(name, *item) for name, item in tables.items()})
    definitions = load(home.semantic_manifest, project.root)
    return Questions(definitions, home.semantic_manifest, analysis, home.compiled).marks(cell)


def _marks(parts: list[tuple[str, str]], coded: list[list[int]]) -> Marks:
    plain, guarded = coded
    return frozenset(
        [Mark(*parts[number]) for number in plain] + [Mark(*parts[number], True) for number in guarded]
    )


def _record(analysis: Analysis, cells: Mapping[Cell, Marks], stamp: str) -> dict[str, Any]:
    numbers: dict[tuple[str, str], int] = {}

    def number(table: str, column: str) -> int:
        return numbers.setdefault((table, column), len(numbers))

    def coded(marks: Marks) -> list[list[int]]:
        return [
            [number(mark.table, mark.column) for mark in sorted(marks) if mark.guarded == guarded]
            for guarded in (False, True)
        ]

    edges = [[number(part.table, part.column), *coded(marks)] for part, marks in analysis.edges.items()]
    return {
        "stamp": stamp,
        "edges": edges,
        "cells": [[*cell, *coded(marks)] for cell, marks in cells.items()],
        "fallbacks": sorted([item.where, item.why] for item in analysis.fallbacks),
        "tables": {shape.table: [_columns(shape), _keys(shape)] for shape in analysis.tables.values()},
        "parts": list(numbers),
    }


def _columns(shape: Shape) -> list[str]:
    marks = (mark for columns in shape.columns.values() for mark in columns)
    return [mark.column for mark in marks if mark.column not in (ROWS, EVERY)]


def _keys(shape: Shape) -> list[list[str]]:
    return [sorted(key) for key in shape.keys]


def _stamp(*texts: str) -> str:
    digest = hashlib.sha256(code_digest().encode())
    for text in texts:
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()


def code_digest() -> str:
    """Digest the code that lineage comes of: other code may read the same SQL differently."""
    return digest_of_code(*_CODE)
