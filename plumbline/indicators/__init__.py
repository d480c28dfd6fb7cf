"""Indicator candidates: what the definitions say, calculated over the marts, before the gate.

Schema `candidates`: one wide table per saved query, `indicator_value` (every value, one row each),
`indicator` (the library), `indicator_edge` (which metric rests on which), `coverage` (from when to when the
data go) and `target` (what values should be).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from plumbline.errors import DefinitionError
from plumbline.indicators.availability import Availability, judge, lacking_columns, landed_tables
from plumbline.indicators.precompile import start_compiling
from plumbline.warehouse.tables import insert_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from plumbline.definitions import Definitions
    from plumbline.indicators.answers import Answers
    from plumbline.indicators.questions import Question
    from plumbline.indicators.tables import Writer
    from plumbline.project import Home, Project
    from plumbline.warehouse.contents import Contents

__all__ = [
    "Availability",
    "Candidates",
    "build_candidates",
    "inspect_marts",
    "judge",
    "lacking_columns",
    "landed_tables",
    "start_compiling",
]


@dataclass(frozen=True)
class Candidates:
    """What was built: rows per table, and why some metrics are not available.

    `since` is the first day from which a question was asked again: None where nothing it rests on changed,
    `date.min` where all of it was.
    """

    rows: Mapping[str, int]
    unavailable: Mapping[str, str] = field(default_factory=dict)
    since: Mapping[str, date | None] = field(default_factory=dict)


def build_candidates(
    con: DuckDBPyConnection,
    project: Project,
    home: Home,
    *,
    as_of: date | None = None,
    definitions: Definitions | None = None,
    landed: Collection[str] | None = None,
    progress: Callable[[str], object] = lambda text: None,
    marts: Contents | None = None,
    full: bool = False,
) -> Candidates:
    """Build the schema `candidates` anew from the marts, in one transaction.

    What was asked before is asked again only for periods in which the marts have changed since; `full` asks
    everything. `marts` are the digests of the marts as they are now, where they have been taken already.
    `landed` names the tables that have an extract (default: those of landing_run.loads); a metric that lacks
    one, or a column of it, is NULL, with the reason in the library. No period begins after `as_of` (that of
    landing_run.context).
    """
    from plumbline.definitions import load
    from plumbline.indicators.answers import Answers
    from plumbline.indicators.coverage import write_coverage
    from plumbline.indicators.tables import Writer

    definitions = definitions or load(home.semantic_manifest, project.root)
    availability = judge(definitions, landed) if landed is not None else _availability(con, definitions)
    as_of = as_of or _as_of(con)
    answers = Answers(con, definitions, home, marts or inspect_marts(con, definitions), full)
    con.execute("BEGIN TRANSACTION")
    try:
        con.execute("DROP SCHEMA IF EXISTS candidates CASCADE; CREATE SCHEMA candidates")
        writer = Writer(con, definitions, availability, as_of, write_coverage(con, definitions, as_of))
        answers.begin()
        rows = _build(writer, answers, progress)
        answers.keep()
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    return Candidates(rows, availability.reasons, answers.anew)


def inspect_marts(con: DuckDBPyConnection, definitions: Definitions) -> Contents:
    """Take the digests of the marts as they are now, by every date that a period can be of."""
    from plumbline.indicators.answers import Basis
    from plumbline.indicators.reads import time_columns
    from plumbline.warehouse.contents import inspect_contents

    return inspect_contents(con, time_columns(definitions), before=Basis.read(con).marts)


def _availability(con: DuckDBPyConnection, definitions: Definitions) -> Availability:
    return judge(definitions, landed_tables(con), lacking_columns(con))


def _as_of(con: DuckDBPyConnection) -> date:
    row = con.execute("SELECT as_of FROM landing_run.context").fetchone()
    assert row is not None
    found: date = row[0]
    return found


def _build(writer: Writer, answers: Answers, progress: Callable[[str], object]) -> dict[str, int]:
    from plumbline.indicators.questions import total_questions, wide_question
    from plumbline.indicators.targets import target_questions, write_targets

    writer.start()
    rows = {"coverage": len(writer.coverage)}
    for name, saved in writer.definitions.saved_queries.items():
        progress(name)
        question = wide_question(writer.definitions, saved)
        types = _answer(writer, answers, question)
        rows[name] = writer.write_wide(question, types)
        if not saved.where:
            writer.add_values(question)
    of_targets = target_questions(writer.con, writer.definitions, writer.availability)
    for question in (*total_questions(writer.definitions), *of_targets):
        progress(question.name)
        _answer(writer, answers, question)
        writer.add_values(question)
    rows |= _library(writer)
    rows["indicator_value"] = writer.finish()
    rows["target"] = write_targets(writer.con, writer.definitions, writer.as_of)
    _mark_valueless(writer)
    return rows


def _mark_valueless(writer: Writer) -> None:
    """Say of metrics without any value that they are not available, in the library and in wide tables."""
    names = writer.con.execute("""
        UPDATE candidates.indicator SET available = false, unavailable_reason = 'no value in what has landed'
        WHERE available AND name NOT IN (SELECT metric FROM candidates.indicator_value)
        RETURNING name""").fetchall()
    valueless = {name for (name,) in names}
    for saved in writer.definitions.saved_queries.values():
        writer.withdraw(saved.name, [name for name in saved.metrics if name in valueless])


def _answer(writer: Writer, answers: Answers, question: Question) -> dict[str, str]:
    import duckdb

    try:
        return writer.answer(question, f"SELECT * FROM {answers.answer(question)}")
    except (duckdb.BinderException, duckdb.CatalogException, duckdb.ConversionException) as error:
        raise DefinitionError(
            f"the definitions of {question.name!r} do not fit the marts",
            where=str(answers.home.warehouse),
            why=str(error).splitlines()[0],
            todo="Compare metrics/semantic_models/ with the columns of models/marts/.",
            code="definitions-do-not-fit",
        ) from error


def _library(writer: Writer) -> dict[str, int]:
    from plumbline.indicators.library import EDGE_COLUMNS, LIBRARY_COLUMNS, edge_rows, library_rows

    tables: dict[str, tuple[tuple[tuple[str, str], ...], list[tuple[Any, ...]]]] = {
        "indicator": (LIBRARY_COLUMNS, library_rows(writer.definitions, writer.availability)),
        "indicator_edge": (EDGE_COLUMNS, list(edge_rows(writer.definitions))),
    }
    for table, (columns, found) in tables.items():
        described = ", ".join(f"{name} {kind}" for name, kind in columns)
        writer.con.execute(f"CREATE TABLE candidates.{table} ({described})")
        insert_rows(writer.con, f"candidates.{table}", found)
    return {table: len(found) for table, (_, found) in tables.items()}
