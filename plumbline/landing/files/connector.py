"""Land the tables of a folder: each file is inspected, read, stored, or refused by itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from plumbline.errors import SourceUnavailable
from plumbline.landing.extract import Extract, NewColumnError
from plumbline.landing.files.inspection import check_size, open_text
from plumbline.landing.files.patterns import format_of, matching_files
from plumbline.landing.outcomes import MISSING, REFUSED, UNCHANGED, ExtractOutcome, Refused
from plumbline.landing.quarantine import Refusal
from plumbline.landing.session import Session
from plumbline.landing.sources import TableSource
from plumbline.landing.storing import store
from plumbline.landing.writer import disk_errors, temporary_directory


class FilesConnector:
    """Reads the files of one folder."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._folder = session.root / session.secrets.fill(session.system.location, session.system.where)
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
            outcome = self._file(table, path)
            if skipped:
                notes = (*outcome.notes, f"the last by name of {len(files)} files; the others are older")
                outcome = replace(outcome, notes=notes)
            yield outcome

    def _no_file(self, table: TableSource) -> ExtractOutcome:
        """Tell a table of which nothing ever came from a folder that was emptied after landing."""
        source = ", ".join(table.origin)
        if self._session.current(table.name):
            return ExtractOutcome(UNCHANGED, source, notes=("no file there now; what has landed stays",))
        return ExtractOutcome(MISSING, source, reason=f"no such file in {self._folder}.")

    def _file(self, table: TableSource, path: Path) -> ExtractOutcome:
        session = self._session
        name = path.relative_to(self._folder).as_posix()
        digest = session.cache.sha256(path)
        reading = _reading(path, table)
        if earlier := self._landed_as(table, digest, reading):
            return ExtractOutcome(UNCHANGED, name, notes=earlier)
        try:
            with self._workspace(table) as workspace:
                try:
                    return self._store(table, path, name, digest, reading, workspace)
                except NewColumnError:
                    return self._store(table, path, name, digest, reading, workspace, thorough=True)
        except Refused as refused:
            source = f"{name}#{table.sheet}" if table.sheet else name
            outcome = ExtractOutcome(
                REFUSED, source, line=refused.line, reason=refused.what, todo=refused.todo
            )
            session.refusals.append(Refusal(table.name, outcome, path, digest))
            return outcome

    def _landed_as(self, table: TableSource, digest: str, reading: str) -> tuple[str, ...] | None:
        loads = self._session.current(table.name)
        for load in loads[-1:] if table.load == "snapshot" else loads:
            if (load.sha256, load.reading, load.mode) == (digest, reading, table.load):
                return (f"the same content as load {load.load} ({load.source})",)
        return None

    def _store(
        self,
        table: TableSource,
        path: Path,
        name: str,
        digest: str,
        reading: str,
        workspace: Path,
        thorough: bool = False,
    ) -> ExtractOutcome:
        extract = self._open(table, path, workspace, thorough)
        extract.source = f"{name}#{table.sheet}" if table.sheet else name
        extract.sha256, extract.bytes = digest, path.stat().st_size
        return store(self._session, table, extract, reading=reading)

    def _open(self, table: TableSource, path: Path, workspace: Path, thorough: bool) -> Extract:
        limits = self._session.system.limits
        contract = self._session.contract[table.name]
        kind = format_of(path, table)
        if kind == "excel":
            from plumbline.landing.files.excel import read_excel

            check_size(path, limits)
            return read_excel(
                path, table.sheet, {column.name: column.type for column in contract.columns}, limits
            )
        if kind == "parquet":
            from plumbline.landing.files.parquet import read_parquet

            check_size(path, limits)
            return read_parquet(path)
        text = open_text(path, workspace, limits, table.encoding)
        if kind == "jsonl":
            from plumbline.landing.files.json_lines import read_json_lines

            return read_json_lines(text, list(contract.names), thorough)
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
