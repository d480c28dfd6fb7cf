"""Publish: one new generation from the warehouse, switched to in one step.

inspect   digests of candidates, evidence and marts         nothing is written yet
write     Parquet parts and the new file, under temporary names
switch    fsync, rename, replace the link                   readers see the old or the new generation
prune     old generations that nobody reads
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.errors import LockedError, StorageError, disk_is_full
from plumbline.project import Home
from plumbline.publication.comments import comment_sql, mart_comment_sql
from plumbline.publication.contents import (
    AVAILABLE_TABLE_COLUMNS,
    MART_PART_COLUMNS,
    PUBLICATION_COLUMNS,
    PUBLICATION_TABLE_COLUMNS,
    Content,
    available_table_rows,
    inspect_contents,
    publication_row,
    publication_table_rows,
    write_contents,
    write_rows,
)
from plumbline.publication.digests import file_digest, text_digest
from plumbline.publication.facts import MartPart, Publication, RunFacts
from plumbline.publication.labels import Dictionary, read_dictionary
from plumbline.publication.marts import (
    LARGE_MART_ROWS,
    Mart,
    inspect_marts,
    table_sql,
    view_sql,
    write_parts,
)
from plumbline.publication.shelf import Shelf
from plumbline.publication.sql import database_of, identifier, literal, names, tables_of
from plumbline.replacing import replace_text, settle, temporary

if TYPE_CHECKING:
    import duckdb

    from plumbline.ledger import Ledger
    from plumbline.warehouse.contents import Contents

# The oldest format that DuckDB 2 writes; every 1.x client reads it.
STORAGE_VERSION = "v1.0.0"
_TARGET, _PREVIOUS = "_generation", "_previous"
_HISTORY = {"publication": PUBLICATION_COLUMNS, "publication_table": PUBLICATION_TABLE_COLUMNS}


@dataclass(frozen=True)
class Draft:
    """What would be published, before anything is written."""

    publication: Publication
    contents: tuple[Content, ...]
    marts: tuple[Mart, ...]
    previous: Publication | None


@dataclass(frozen=True)
class History:
    """Rows of `publication` and `publication_table`."""

    publications: Sequence[tuple[object, ...]]
    tables: Sequence[tuple[object, ...]]

    @classmethod
    def of(cls, publication: Publication) -> History:
        return cls([publication_row(publication)], list(publication_table_rows(publication)))

    def __add__(self, later: History) -> History:
        return History(
            [*self.publications, *later.publications],
            [*self.tables, *later.tables],
        )


def publish(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    *,
    run: RunFacts,
    manifest: Path | None = None,
    keep: int = 3,
    skip_identical: bool = False,
    large_rows: int = LARGE_MART_ROWS,
    now: datetime | None = None,
    marts: Contents | None = None,
    before_switch: Callable[[Publication], None] | None = None,
) -> Publication:
    """Publish one new generation from the warehouse that `con` works in, and make it the current one.

    `manifest` is the semantic manifest that the figures were computed by (default: the company's). With
    `skip_identical`, nothing is written when values, definitions and marts equal the current generation; the
    answer is then that generation with `is_new` false. Parts of marts above `large_rows` rows are shared
    between generations. The newest `keep` generations stay. `marts` are the digests of the marts as they are
    now, where they have been taken already. `before_switch` is called when the generation is complete and has
    its name, and before anybody sees it: there it is recorded.

    Raises LockedError when another process publishes, StorageError when the disk is full; after any error,
    or a kill, the old generation is still the current one and a later publication clears what was left.
    """
    # Whoever only asks questions needs neither.
    from plumbline.ledger import Ledger
    from plumbline.publication.recording import recorded_generation

    shelf = Shelf(home.published.resolve())
    definitions, ledger = manifest or home.semantic_manifest, Ledger(home.ledger)
    with shelf.locked():
        shelf.tidy()
        after = recorded_generation(ledger)
        draft = _draft(con, shelf, run, definitions, large_rows, now or datetime.now(UTC), marts, after)
        if skip_identical and draft.previous and draft.publication.identical:
            return replace(draft.previous, identical=True, is_new=False)
        with _disk_errors(shelf):
            publication = _write(con, shelf, draft, definitions, ledger)
        if before_switch:
            before_switch(publication)
        shelf.switch_to(publication.generation)
        shelf.prune(keep)
        return publication


def write_parts_ahead(
    con: duckdb.DuckDBPyConnection, home: Home, marts: Contents, *, large_rows: int = LARGE_MART_ROWS
) -> None:
    """Write the parts of large marts that the next publication will refer to, so that it finds them there.

    `marts` are their digests as they are now. Parts that no publication comes to refer to go with the next
    one. What cannot be written now, or while another process publishes, is left to the publication.
    """
    import duckdb

    shelf = Shelf(home.published.resolve())
    with suppress(OSError, duckdb.Error, LockedError), shelf.locked():
        current = shelf.current()
        previous = None if current is None else shelf.publication(current)
        _write_parts(con, shelf, inspect_marts(con, database_of(con), large_rows, marts), previous)


def compare(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    *,
    run: RunFacts,
    manifest: Path | None = None,
    large_rows: int = LARGE_MART_ROWS,
) -> Draft:
    """Tell what a publication would hold (`.publication.identical`: the same as now); nothing is written."""
    shelf = Shelf(home.published.resolve())
    return _draft(con, shelf, run, manifest or home.semantic_manifest, large_rows, datetime.now(UTC))


def current_publication(home: Home) -> Publication | None:
    """Read the facts of the current generation without opening its tables; None before the first."""
    shelf = Shelf(home.published.resolve())
    current = shelf.current()
    return None if current is None else shelf.publication(current)


def next_publication_id(home: Home, company: str) -> str:
    """Name the publication that comes next, as long as nobody else publishes."""
    from plumbline.ledger import Ledger
    from plumbline.publication.recording import recorded_generation

    shelf = Shelf(home.published.resolve())
    current = shelf.current()
    there = shelf.generations() if current is None else [current]
    return f"{company}-{max([recorded_generation(Ledger(home.ledger)), *there], default=0) + 1:06d}"


def _draft(
    con: duckdb.DuckDBPyConnection,
    shelf: Shelf,
    run: RunFacts,
    manifest: Path,
    large_rows: int,
    now: datetime,
    known: Contents | None = None,
    after: int = 0,
) -> Draft:
    database = database_of(con)
    with ThreadPoolExecutor(1) as pool, con.cursor() as own:
        inspected = pool.submit(inspect_marts, own, database, large_rows, known)
        contents = inspect_contents(con, database, run)
        marts = inspected.result()
    generation = shelf.next_generation(after)
    tables = [content.facts for content in contents] + [mart.facts for mart in marts]
    publication = Publication(
        publication_id=f"{run.company}-{generation:06d}",
        generation=generation,
        company=run.company,
        as_of=run.as_of,
        published_at=now.astimezone(UTC),
        run_id=run.run_id,
        code_commit=run.code_commit,
        definitions_digest=file_digest(manifest) if manifest.is_file() else "",
        values_digest=text_digest(f"{c.name} {c.facts.digest}" for c in contents if c.is_value),
        marts_digest=text_digest(f"{mart.name} {mart.facts.digest}" for mart in marts),
        verdict=run.verdict,
        tables=tuple(tables),
        parts=(),
        directory=str(shelf.root),
        path=shelf.database(generation),
        last_good=_last_good(con, database),
    )
    current = shelf.current()
    previous = None if current is None else shelf.publication(current)
    identical = previous is not None and publication.same_content(previous)
    return Draft(replace(publication, identical=identical), tuple(contents), tuple(marts), previous)


def _last_good(con: duckdb.DuckDBPyConnection, database: str) -> tuple[str, ...]:
    """Name the publications whose figures stand in for those that are held."""
    known = tables_of(con, database, "candidates")
    found: set[str] = set()
    for table in ("hold", "doubt", "indicator_value"):
        if "last_good" in {column.name for column in known.get(table, ())}:
            rows = con.execute(f"SELECT DISTINCT last_good FROM {identifier(database, 'candidates', table)}")
            found |= {name for (name,) in rows.fetchall() if name}
    if "restatement" in tables_of(con, database, "gate"):
        # Of what came back from nothing, and waits, no row of a figure tells it.
        restated = identifier(database, "gate", "restatement")
        rows = con.execute(f"SELECT DISTINCT last_good FROM {restated} WHERE waits_since IS NOT NULL")
        found |= {name for (name,) in rows.fetchall() if name}
    return tuple(sorted(found))


def _write(
    con: duckdb.DuckDBPyConnection, shelf: Shelf, draft: Draft, manifest: Path, ledger: Ledger
) -> Publication:
    publication = draft.publication
    if publication.definitions_digest:
        _copy_definitions(shelf, manifest, publication.definitions_digest)
    written = temporary(publication.path)
    try:
        publication = _write_database(con, shelf, written, draft, manifest, ledger)
        _write_facts(shelf, publication)
        settle(written, publication.path)
    except BaseException:
        for path in (written, written.with_name(written.name + ".wal"), shelf.facts(publication.generation)):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise
    return publication


def _write_parts(
    con: duckdb.DuckDBPyConnection, shelf: Shelf, marts: Iterable[Mart], previous: Publication | None
) -> tuple[MartPart, ...]:
    known = {part.file: part for part in (previous.parts if previous else ())}
    return tuple(part for mart in marts if mart.is_large for part in write_parts(con, shelf, mart, known))


def _write_database(
    con: duckdb.DuckDBPyConnection, shelf: Shelf, path: Path, draft: Draft, manifest: Path, ledger: Ledger
) -> Publication:
    """Write the file of a generation; give the publication with its parts.

    Marts and figures are written beside each other: each keeps one processor busy.
    """
    history, dictionary = _history(con, shelf) + History.of(draft.publication), read_dictionary(manifest)
    con.execute(
        f"ATTACH {literal(str(path))} AS {identifier(_TARGET)} (STORAGE_VERSION {literal(STORAGE_VERSION)})"
    )
    try:
        for schema in ("published", "marts"):
            con.execute(f"CREATE SCHEMA {identifier(_TARGET, schema)}")
        with con.cursor() as own, ThreadPoolExecutor(1) as pool:
            parts = pool.submit(_write_parts, own, shelf, draft.marts, draft.previous)
            marts = pool.submit(_write_marts, own, shelf, draft.marts, parts, dictionary)
            with _transaction(con):
                _write_published(con, draft, history, dictionary, ledger, parts)
            marts.result()
        con.execute(f"CHECKPOINT {identifier(_TARGET)}")
    finally:
        with suppress(Exception):
            con.execute(f"DETACH {identifier(_TARGET)}")
    return replace(draft.publication, parts=parts.result())


@contextmanager
def _transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    con.execute("BEGIN")
    try:
        yield
        con.execute("COMMIT")
    except BaseException:
        with suppress(Exception):
            con.execute("ROLLBACK")
        raise


def _write_marts(
    con: duckdb.DuckDBPyConnection,
    shelf: Shelf,
    marts: Sequence[Mart],
    parts: Future[tuple[MartPart, ...]],
    dictionary: Dictionary,
) -> None:
    """Write small marts as tables, and views of the parts of large ones, which are there by then."""
    found = parts.result()
    with _transaction(con):
        for mart in marts:
            files = [part.file for part in found if part.mart == mart.name]
            con.execute(
                view_sql(shelf, _TARGET, mart.name, files) if mart.is_large else table_sql(mart, _TARGET)
            )
        con.execute(";\n".join(mart_comment_sql(_TARGET, marts, dictionary)))


def _write_published(
    con: duckdb.DuckDBPyConnection,
    draft: Draft,
    history: History,
    dictionary: Dictionary,
    ledger: Ledger,
    parts: Future[tuple[MartPart, ...]],
) -> None:
    """Write the figures, and what is said of them."""
    from plumbline.publication.recording import write_ledger

    write_contents(con, _TARGET, draft.contents, draft.publication)
    write_ledger(con, _TARGET, ledger.records())
    marts = [mart.facts for mart in draft.marts]
    own: dict[str, Sequence[tuple[object, ...]]] = {
        "publication": history.publications,
        "publication_table": history.tables,
        "available_table": list(available_table_rows(draft.contents, marts, dictionary)),
        "mart_part": [(p.mart, p.part, p.file, p.rows, p.bytes, p.digest, p.sha256) for p in parts.result()],
    }
    columns = {**_HISTORY, "mart_part": MART_PART_COLUMNS, "available_table": AVAILABLE_TABLE_COLUMNS}
    for table, rows in own.items():
        write_rows(con, _TARGET, table, columns[table], rows)
    published = tables_of(con, _TARGET, "published")
    con.execute(";\n".join(comment_sql(_TARGET, published, dictionary.labels)))


def _history(con: duckdb.DuckDBPyConnection, shelf: Shelf) -> History:
    """Read all earlier publications from the newest generation that can be read.

    What a damaged generation said of itself is taken from the facts beside it.
    """
    import duckdb

    current, damaged = shelf.current(), History((), ())
    for generation in reversed(shelf.generations() if current else []):
        try:
            return _read_history(con, shelf.database(generation)) + damaged
        except duckdb.Error:
            publication = shelf.publication(generation)
            damaged = (History.of(publication) if publication else History((), ())) + damaged
    return damaged


def _read_history(con: duckdb.DuckDBPyConnection, path: Path) -> History:
    con.execute(f"ATTACH {literal(str(path))} AS {identifier(_PREVIOUS)} (READ_ONLY)")
    try:
        return History(
            *(
                con.execute(
                    f"SELECT {names(columns)} FROM {identifier(_PREVIOUS, 'published', table)}"
                ).fetchall()
                for table, columns in _HISTORY.items()
            )
        )
    finally:
        con.execute(f"DETACH {identifier(_PREVIOUS)}")


def _copy_definitions(shelf: Shelf, manifest: Path, digest: str) -> None:
    path = shelf.definition(digest)
    if not path.is_file():
        replace_text(path, manifest.read_text(encoding="utf-8"))


def _write_facts(shelf: Shelf, publication: Publication) -> None:
    path = shelf.facts(publication.generation)
    text = json.dumps(publication.as_json(), ensure_ascii=False, indent=1)
    replace_text(path, text + "\n")


@contextmanager
def _disk_errors(shelf: Shelf) -> Iterator[None]:
    """Say what a full disk means for the reader of the message."""
    import duckdb

    try:
        yield
    except (OSError, duckdb.Error) as error:
        if not disk_is_full(error):
            raise
        shelf.tidy()
        raise StorageError(
            "the disk is full: nothing was published",
            where=str(shelf.root),
            why="The generation that was current before still is, complete and unchanged.",
            todo="Free some space and run again; what this attempt had written is already removed.",
            code="disk-full",
        ) from error
