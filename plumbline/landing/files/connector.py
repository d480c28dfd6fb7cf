"""Land the tables of a folder: each file is inspected, read, stored, or refused by itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.errors import SourceUnavailable
from plumbline.landing.extract import Extract, NewColumnError
from plumbline.landing.files.inspection import Earlier, TextFile, check_size, in_utf8, open_text
from plumbline.landing.files.known import Known
from plumbline.landing.files.lines import WORTH_COMPARING, Changes, Lines
from plumbline.landing.files.patterns import format_of, matching_files
from plumbline.landing.libraries import load_libraries
from plumbline.landing.manifests import Difference, Manifest
from plumbline.landing.outcomes import (
    ABSENT,
    LANDED,
    MISSING,
    REFUSED,
    UNAVAILABLE,
    UNCHANGED,
    ExtractOutcome,
    Refused,
)
from plumbline.landing.quarantine import Refusal
from plumbline.landing.session import Session
from plumbline.landing.sources import TableSource
from plumbline.landing.storing import held_to, store
from plumbline.landing.writer import disk_errors, temporary_directory

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_TEXTS = ("csv", "tsv", "jsonl")


@dataclass(frozen=True)
class _File:
    """A file as it was when landing first looked at it."""

    path: Path
    source: str
    state: tuple[int, ...]
    sha256: str
    reading: str

    def watched(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Pass batches on, and make sure at the end that they are of one state of the file."""
        yield from batches
        self.hold_still()

    def hold_still(self) -> None:
        """Raise SourceUnavailable when the file has changed since."""
        if _state(self.path) != self.state:
            raise SourceUnavailable(
                "the file changed while it was read: somebody is still writing it.",
                where=self.source,
                todo="The next run takes it. Write files under another name, and rename them when complete.",
            )


def _of_file(extract: Extract, file: _File) -> Extract:
    """Say which file an extract came from, and hold it to one state of the file."""
    extract.source, extract.sha256, extract.bytes = file.source, file.sha256, file.state[1]
    extract.batches = file.watched(extract.batches)
    return extract


def _state(path: Path) -> tuple[int, ...]:
    facts = path.stat()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def expected_files(session: Session, table: TableSource) -> int:
    """Say how many files of a table are new by their name; one that came before may have changed, too."""
    folder = _folder(session)
    names = [path.relative_to(folder).as_posix() for path in matching_files(folder, table)]
    if table.load == "snapshot":
        return min(len(names), 1)
    landed = {load.source for load in session.current(table.name)}
    return sum(_source(name, table) not in landed for name in names) + bool(landed)


def _folder(session: Session) -> Path:
    return session.root / session.secrets.fill(session.system.location, session.system.where)


def _source(name: str, table: TableSource) -> str:
    return f"{name}#{table.sheet}" if table.sheet else name


class FilesConnector:
    """Reads the files of one folder."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._folder = _folder(session)
        if not self._folder.is_dir():
            raise SourceUnavailable(
                "the folder is not there",
                where=str(self._folder),
                todo="Connect it, or name another with --data or `path`.",
            )

    def extracts(self, table: TableSource) -> Iterator[ExtractOutcome]:
        """Land what is there of one table; one outcome for each file."""
        files = matching_files(self._folder, table)
        if not files:
            yield self._no_file(table)
            return
        skipped = files[:-1] if table.load == "snapshot" else []
        for path in files[len(skipped) :]:
            self._session.go_on()
            outcome = self._file(table, path)
            if outcome.status in (LANDED, UNCHANGED):
                self._session.accepted.add(path)
            if skipped:
                notes = (*outcome.notes, f"the last by name of {len(files)} files; the others are older")
                outcome = replace(outcome, notes=notes)
            yield outcome

    def _no_file(self, table: TableSource) -> ExtractOutcome:
        """Tell a table of which nothing ever came from a folder that was emptied after landing."""
        source = ", ".join(table.origin)
        if self._session.current(table.name):
            reason = f"no such file in {self._folder} now; what has landed stays."
            return ExtractOutcome(ABSENT, source, reason=reason)
        return ExtractOutcome(MISSING, source, reason=f"no such file in {self._folder}.")

    def _file(self, table: TableSource, path: Path) -> ExtractOutcome:
        """Land one file; what is wrong with it keeps no other file from landing."""
        source = _source(path.relative_to(self._folder).as_posix(), table)
        try:
            state = _state(path)
            file = _File(path, source, state, self._session.cache.sha256(path), _reading(path, table))
            if earlier := self._landed_as(table, file):
                return ExtractOutcome(UNCHANGED, source, notes=earlier)
            return self._land(table, file)
        except OSError as error:
            return ExtractOutcome(UNAVAILABLE, source, reason=f"the file cannot be read: {error.strerror}.")
        except SourceUnavailable as error:
            return ExtractOutcome(UNAVAILABLE, source, reason=error.what, todo=error.todo)

    def _land(self, table: TableSource, file: _File) -> ExtractOutcome:
        load_libraries()
        try:
            with self._workspace(table) as workspace:
                try:
                    return self._store(table, file, workspace)
                except NewColumnError:
                    return self._store(table, file, workspace, thorough=True)
        except Refused as refused:
            file.hold_still()
            outcome = ExtractOutcome(
                REFUSED, file.source, line=refused.line, reason=refused.what, todo=refused.todo
            )
            self._session.refusals.append(Refusal(table.name, outcome, file.path, file.sha256))
            return outcome

    def _landed_as(self, table: TableSource, file: _File) -> tuple[str, ...] | None:
        loads = self._session.current(table.name)
        for load in loads[-1:] if table.load == "snapshot" else loads:
            if (load.sha256, load.reading, load.mode) == (file.sha256, file.reading, table.load):
                return (f"the same content as load {load.load} ({load.source})",)
        return None

    def _store(
        self, table: TableSource, file: _File, workspace: Path, thorough: bool = False
    ) -> ExtractOutcome:
        kind = format_of(file.path, table)
        if kind in _TEXTS:
            return self._store_text(table, file, workspace, thorough)
        check_size(file.path, self._session.system.limits)
        if kind == "excel":
            from plumbline.landing.files.excel import read_excel

            types = {column.name: column.type for column in self._session.contract[table.name].columns}
            extract = read_excel(file.path, table.sheet, types, self._session.system.limits)
        else:
            from plumbline.landing.files.parquet import read_parquet

            extract = read_parquet(file.path)
        return store(self._session, table, _of_file(extract, file), reading=file.reading)

    def _store_text(self, table: TableSource, file: _File, workspace: Path, thorough: bool) -> ExtractOutcome:
        before = self._snapshot_before(table, file) if table.load == "snapshot" else None
        known = Known.read(self._session.known_lines(table.name, before.load)) if before else None
        marks, limits = self._session.cache.marks(file.path), self._session.system.limits
        earlier = None
        if table.load == "snapshot":
            earlier = Earlier(known.blocks, known.written_in, known.same_bytes(marks)) if known else Earlier()
        text = open_text(file.path, workspace, limits, table.encoding, earlier)
        text = replace(text, marks=marks if text.path == file.path else ())
        if table.load != "snapshot" or text.size < WORTH_COMPARING:
            extract = _of_file(self._read(table, file, in_utf8(text, workspace), thorough), file)
            return store(self._session, table, extract, reading=file.reading)
        if known and known.written_in != text.written_in:
            known = None
        header, con = format_of(file.path, table) != "jsonl", self._session.totals.cursor()
        with closing(Lines(text, con, header=header, known=known)) as lines:
            outcome = self._store_difference(table, file, lines, before, workspace)
            return outcome or self._store_whole(table, file, in_utf8(text, workspace), lines, thorough)

    def _store_whole(
        self, table: TableSource, file: _File, text: TextFile, lines: Lines, thorough: bool
    ) -> ExtractOutcome:
        extract = _of_file(self._read(table, file, text, thorough), file)
        outcome = store(self._session, table, extract, reading=file.reading)
        if outcome.load is not None and outcome.rows == lines.rows:
            self._remember(table, lines, outcome.load, whole=True)
        return outcome

    def _snapshot_before(self, table: TableSource, file: _File) -> Manifest | None:
        """Give the newest load, when it is a snapshot that was read in the same way."""
        newest = self._session.current(table.name)[-1:]
        return next(
            (load for load in newest if (load.reading, load.mode) == (file.reading, table.load)), None
        )

    def _store_difference(
        self, table: TableSource, file: _File, lines: Lines, before: Manifest | None, workspace: Path
    ) -> ExtractOutcome | None:
        """Land what the file has besides the load before; None when the whole file is to be landed."""
        changes = lines.changes()
        if before is None or changes is None:
            return None
        if not len(changes.lines) and not changes.gone.num_rows:
            file.hold_still()
            return ExtractOutcome(
                UNCHANGED, file.source, notes=(f"the rows of load {before.load}, in another order",)
            )
        try:
            part = in_utf8(lines.part(changes, workspace / "part"), workspace)
            outcome = self._store_part(table, file, part, changes, before)
        except Refused:
            return None
        assert outcome.load is not None
        self._remember(table, lines, outcome.load, whole=False)
        return outcome

    def _store_part(
        self, table: TableSource, file: _File, part: TextFile, changes: Changes, before: Manifest
    ) -> ExtractOutcome:
        extract = _of_file(self._read(table, file, part, thorough=True), file)
        extract.batches = held_to(len(changes.lines), file.source, changes.numbered(extract.batches))
        if extract.seen is not None:
            extract.seen.update(set(before.columns) - set(before.missing_columns))
        extract.notes.append(changes.since(before.load))
        difference = Difference(before.load, changes.rows, changes.gone.num_rows, "")
        return store(
            self._session, table, extract, reading=file.reading, difference=difference, gone=changes.gone
        )

    def _remember(self, table: TableSource, lines: Lines, load: int, *, whole: bool) -> None:
        """Keep the lines of the newest load in mind; those of the loads before are not asked for again."""
        lines.remember(load, self._session.known_lines(table.name, load), whole=whole)

    def _read(self, table: TableSource, file: _File, text: TextFile, thorough: bool) -> Extract:
        kind = format_of(file.path, table)
        if kind == "jsonl":
            from plumbline.landing.files.json_lines import read_json_lines

            return read_json_lines(text, list(self._session.contract[table.name].names), thorough)
        from plumbline.landing.files.delimited import read_delimited

        return read_delimited(text, table.delimiter or ("\t" if kind == "tsv" else ","))

    @contextmanager
    def _workspace(self, table: TableSource) -> Iterator[Path]:
        """Give a directory for copies, removed afterwards (by the next run when this one is killed)."""
        directory = temporary_directory(self._session.directory(table.name))
        with disk_errors(directory):
            directory.mkdir(parents=True)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def close(self) -> None:
        """Nothing is held open."""


def _reading(path: Path, table: TableSource) -> str:
    """Describe how a file is read: another way of reading makes another extract of it."""
    parts = [format_of(path, table), table.encoding, table.delimiter, table.sheet]
    return ";".join(part for part in parts if part)
