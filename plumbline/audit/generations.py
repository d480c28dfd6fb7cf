"""Are the published generations what was recorded: the link, the files, the values, the parts of marts?"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.audit.case import Case, by_name
from plumbline.audit.proof import Difference
from plumbline.publication.contents import digested_columns
from plumbline.publication.digests import file_digest, value_digest
from plumbline.publication.marts import inspect_marts
from plumbline.publication.recording import quality_facts
from plumbline.publication.sql import identifier, in_parallel, literal, tables_of
from plumbline.runs import RunState
from plumbline.warehouse.contents import inspect_contents

if TYPE_CHECKING:
    import duckdb

Body = Mapping[str, Any]
_PUBLISH = "Restore it from a copy; or move it away, and `plumb run --full` publishes a new generation."
_GENERATION = "generation"


def check_link(case: Case) -> Iterator[Difference]:
    """Check that what people open is the newest publication."""
    if not case.publications:
        return
    newest, link = case.publications[-1], case.shelf.link
    target = os.readlink(link) if link.is_symlink() else None
    if target == newest["file"]:
        return
    if _awaits_the_switch(case, newest, target):
        case.proof.notes.append(
            f"{newest['publication_id']} is recorded and complete, and not current yet: a run was cut off "
            "there. The next one switches to it."
        )
        return
    if target is None:
        yield Difference("nothing is current", str(link), f"a link to {newest['file']}", "no link", _PUBLISH)
        return
    yield Difference(
        "the link to the current generation points elsewhere",
        str(link),
        f"{newest['file']}, of {newest['publication_id']}",
        target,
        _PUBLISH,
    )


def _awaits_the_switch(case: Case, newest: Body, target: str | None) -> bool:
    """Tell whether a run ended between recording a publication, maybe the first, and switching to it."""
    before = next((body["file"] for body in case.publications[-2:-1]), None)
    if target != before or (target is None and case.shelf.link.exists()):
        return False
    switched = RunState.read(case.home.runs / "state.json").published_run == newest["run_id"]
    return not switched and (case.shelf.root / newest["file"]).is_file()


def check_generations(case: Case) -> Iterator[Difference]:
    """Check the generations on the shelf: their files, the values of the current one, their evidence."""
    for index, body in enumerate(case.kept):
        case.proof.checked["generations"] += 1
        yield from _check_generation(case, body, is_newest=index == 0)
    yield from _check_parts(case)
    yield from _check_strangers(case)


def _check_generation(case: Case, body: Body, *, is_newest: bool) -> Iterator[Difference]:
    path = case.shelf.root / body["file"]
    if not path.is_file():
        what = f"the file of {body['publication_id']} is gone"
        yield Difference(what, str(path), f"SHA-256 {body['file_sha256']}", "no file", _PUBLISH)
        return
    found = file_digest(path)
    is_whole = found == body["file_sha256"]
    inside = list(_check_inside(case, body, path, everything=is_newest or not is_whole, is_whole=is_whole))
    yield from inside
    if not is_whole and not inside:
        yield Difference(
            f"the file of {body['publication_id']} was changed, though not in the values of its tables",
            str(path),
            f"SHA-256 {body['file_sha256']}",
            f"SHA-256 {found}",
            _PUBLISH,
        )
    facts = case.shelf.facts(body["generation"])
    yield from case.differing_file(
        facts, body["facts_sha256"], f"what stands beside {body['publication_id']}", _PUBLISH
    )


def _check_inside(
    case: Case, body: Body, path: Path, *, everything: bool, is_whole: bool
) -> Iterator[Difference]:
    import duckdb

    from plumbline.warehouse import connect

    try:
        with connect() as con:
            con.execute(f"ATTACH {literal(str(path))} AS {identifier(_GENERATION)} (READ_ONLY)")
            if everything:
                yield from _check_values(case, con, body, path)
            if not is_whole:
                yield from _check_marts(con, body, path)
            yield from _check_quality(case, con, body, path)
    except duckdb.Error as error:
        yield Difference(
            f"the file of {body['publication_id']} cannot be read",
            str(path),
            f"SHA-256 {body['file_sha256']}",
            str(error).splitlines()[0],
            _PUBLISH,
        )


def _check_values(case: Case, con: duckdb.DuckDBPyConnection, body: Body, path: Path) -> Iterator[Difference]:
    """Digest the values of every published table again."""
    there = tables_of(con, _GENERATION, "published")
    expected = [table for table in body["tables"] if table["schema"] == "published"]
    known = [table for table in expected if table["table"] in there]

    def digest(own: duckdb.DuckDBPyConnection, table: Body) -> tuple[int, int, str]:
        columns = digested_columns(table["table"], there[table["table"]])
        relation = identifier(_GENERATION, "published", table["table"])
        return len(columns), *value_digest(own, relation, columns)

    found = dict(zip((table["table"] for table in known), in_parallel(con, digest, known), strict=True))
    for table in expected:
        where, expectation = f"{path}, published.{table['table']}", _told(table["rows"], table["digest"])
        if table["table"] not in found:
            yield Difference("a published table is gone", where, expectation, "no table", _PUBLISH)
            continue
        columns, rows, digested = found[table["table"]]
        case.proof.checked["tables"] += 1
        case.proof.checked["values"] += rows * columns
        if (rows, digested) != (table["rows"], table["digest"]):
            what = f"the values of published.{table['table']} are not those that were published"
            yield Difference(what, where, expectation, _told(rows, digested), _PUBLISH)


def _told(rows: int, digest: str) -> str:
    return f"{rows:,} rows with the digest {digest}"


def _check_marts(con: duckdb.DuckDBPyConnection, body: Body, path: Path) -> Iterator[Difference]:
    """Digest the marts inside a changed file, to name the one that differs.

    Their digests are those of one version of DuckDB; another one tells nothing of them.
    """
    tables = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND schema_name = 'marts'",
        [_GENERATION],
    ).fetchall()
    contents = inspect_contents(con, database=_GENERATION, only={str(name) for (name,) in tables})
    expected = by_name((table for table in body["tables"] if table["schema"] == "marts"), "table")
    for mart in inspect_marts(con, _GENERATION, sys.maxsize, contents):
        table = expected.get((mart.name,))
        if table and (mart.facts.rows, mart.facts.digest) != (table["rows"], table["digest"]):
            yield Difference(
                f"the rows of marts.{mart.name} are not those that were published",
                f"{path}, marts.{mart.name}",
                _told(table["rows"], table["digest"]),
                _told(mart.facts.rows, mart.facts.digest),
                _PUBLISH,
            )


def _check_quality(
    case: Case, con: duckdb.DuckDBPyConnection, body: Body, path: Path
) -> Iterator[Difference]:
    """Check the results of the run that published, as they stand in its generation."""
    quality = body["quality"]
    if not quality:
        case.proof.notes.append(f"{body['publication_id']} was published without a record of its checks.")
        return
    relation = identifier(_GENERATION, "published", "quality_result")
    counts, digest = quality_facts(con, relation, quality["run_id"])
    case.proof.checked["quality results"] += sum(counts.values())
    if digest != quality["results_digest"] or any(counts[name] != quality[name] for name in counts):
        yield Difference(
            f"the results of run {quality['run_id']} are not those that were recorded",
            f"{path}, published.quality_result",
            f"{_counted(quality, counts)}, digest {quality['results_digest']}",
            f"{_counted(counts, counts)}, digest {digest}",
            _PUBLISH,
        )


def _counted(counts: Body, names: Collection[str]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in names)


def _check_parts(case: Case) -> Iterator[Difference]:
    """Check the Parquet files of big marts that the generations on the shelf refer to."""
    parts = {(part["file"], part["sha256"]) for body in case.kept for part in body["parts"]}
    for file, sha256 in sorted(parts):
        case.proof.checked["mart parts"] += 1
        yield from case.differing_file(case.shelf.root / file, sha256, f"the mart part {file}", _PUBLISH)


def _check_strangers(case: Case) -> Iterator[Difference]:
    """Find generations that nobody recorded; one above all others is what a run left that was cut off."""
    recorded = [body["generation"] for body in case.bodies("publication")]
    if not recorded:
        return
    for generation in case.shelf.generations():
        path = case.shelf.database(generation)
        if generation in recorded:
            continue
        if generation < min(recorded):
            case.proof.notes.append(f"{path.name} was published before there was a ledger.")
        elif generation > max(recorded):
            case.proof.notes.append(f"{path.name} was left by a run that was cut off; the next removes it.")
        else:
            yield Difference(
                "a generation stands on the shelf that was never recorded",
                str(path),
                "a publication record",
                "none",
                "Find out who put it there, and remove it.",
            )
