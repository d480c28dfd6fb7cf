"""Store one extract as one load: hold its header to the contract, write it, and make it visible."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from plumbline.errors import did_you_mean
from plumbline.landing.contract import TableContract
from plumbline.landing.extract import Extract
from plumbline.landing.manifests import Cursor, Difference, Manifest
from plumbline.landing.outcomes import LANDED, UNCHANGED, ExtractOutcome, Refused
from plumbline.landing.session import Session
from plumbline.landing.sources import TableSource
from plumbline.landing.writer import ROW_NUMBER, LoadWriter, Written

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_RESERVED = {"load", "_load", ROW_NUMBER}
_BATCHES_AHEAD = 4


@dataclass(frozen=True)
class Layout:
    """How the columns of an extract become those of the load: (name in the load, name in the extract)."""

    pairs: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.pairs]

    def arrange(self, batch: pa.RecordBatch, first: int) -> pa.RecordBatch:
        """Put the columns in the load's order; rows without a number count on from `first`."""
        import pyarrow as pa

        numbered = ROW_NUMBER in batch.schema.names
        numbers = (
            batch.column(ROW_NUMBER)
            if numbered
            else pa.array(range(first, first + batch.num_rows), pa.int64())
        )
        arrays = [batch.column(source) for _, source in self.pairs]
        fields = [pa.field(name, pa.string()) for name in self.names]
        schema = pa.schema([*fields, pa.field(ROW_NUMBER, pa.int64(), nullable=False)])
        return pa.RecordBatch.from_arrays([*arrays, numbers], schema=schema)


def lay_out(contract: TableContract, columns: list[str], source: str, lenient: bool = False) -> Layout:
    """Match a header with the declared columns by name; Refused when a required column is missing.

    A name that differs only in case or in blanks around it is taken as the declared one.
    """
    by_name = {name.strip().lower(): name for name in columns}
    pairs, missing = [], []
    for name in contract.names:
        found = name if name in columns else by_name.get(name.lower())
        if found is None:
            missing.append(name)
        else:
            pairs.append((name, found))
    used = {found for _, found in pairs}
    extra = [name for name in columns if name not in used]
    absent = [name for name in missing if name in contract.required]
    if absent and not lenient:
        raise _missing(contract, absent, extra, source)
    pairs += [(f"source_{name}" if name.lower() in _RESERVED else name, name) for name in extra]
    return Layout(tuple(pairs), tuple(missing), tuple(extra))


def _missing(contract: TableContract, absent: list[str], extra: list[str], source: str) -> Refused:
    names = ", ".join(absent)
    them = "them" if len(absent) > 1 else "it"
    hint = did_you_mean(absent[0], extra)
    one_column = len(extra) == 1 and any(mark in extra[0] for mark in ";\t|")
    if one_column:
        hint = "The values look separated by another character: see `delimiter` in the sources file."
    return Refused(
        f"required column{'s' if len(absent) > 1 else ''} missing: {names}",
        file=source,
        line=1,
        todo=hint or f"Ask the source for {them}; {contract.where} declares the columns.",
    )


def store(
    session: Session,
    table: TableSource,
    extract: Extract,
    *,
    cursor: Callable[[], Cursor] | None = None,
    reading: str = "",
    expected_rows: int | None = None,
    difference: Difference | None = None,
    gone: pa.Table | None = None,
) -> ExtractOutcome:
    """Write an extract as a load and make it visible, unless its content has landed before.

    `cursor`, asked after the last row, says what the load covers; `expected_rows` is what the source counted.
    With a `difference` the extract is only what is new; `gone` (load, row_number) is there no longer.
    Raises Refused and StorageError; then nothing is visible.
    """
    started = time.perf_counter()
    contract = session.contract[table.name]
    layout = lay_out(contract, extract.columns, extract.source, lenient=extract.seen is not None)
    with LoadWriter(
        session.directory(table.name), layout.names, list(contract.summed), session.totals
    ) as writer:
        arrived = 0
        batches = extract.batches
        if expected_rows is not None:
            batches = held_to(expected_rows, extract.source, batches)
        for batch in _ahead(batches):
            session.go_on()
            writer.write(layout.arrange(batch, arrived + 1))
            arrived += batch.num_rows
        written = writer.finish()
        layout = _settle(contract, layout, extract, written)
        if difference is not None:
            difference = replace(difference, gone_sha256=writer.write_gone(gone))
        else:
            _check_rows(table, extract, written)
        if difference is None and (same := _landed_before(session, table, extract, written)):
            return ExtractOutcome(
                UNCHANGED, extract.source, notes=same, seconds=time.perf_counter() - started
            )
        manifest = _manifest(session, table, extract, layout, written, cursor and cursor(), reading, started)
        manifest = replace(manifest, difference=difference)
        session.go_on()
        session.landed(replace(manifest, directory=writer.publish(manifest)))
    return ExtractOutcome(
        LANDED,
        extract.source,
        load=manifest.load,
        rows=manifest.rows,
        bytes=manifest.bytes,
        seconds=manifest.seconds,
        notes=manifest.notes,
    )


def _settle(contract: TableContract, layout: Layout, extract: Extract, written: Written) -> Layout:
    """Say which columns were really there, where only the rows could tell."""
    if extract.seen is None:
        return layout
    missing = tuple(name for name, source in layout.pairs if source not in extract.seen)
    absent = [name for name in missing if name in contract.required]
    if absent and written.rows:
        raise _missing(contract, absent, list(layout.extra), extract.source)
    return Layout(layout.pairs, missing, layout.extra)


def held_to(expected: int, source: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Pass batches on; Refused when they do not have as many rows as the source counted."""
    arrived = 0
    for batch in batches:
        arrived += batch.num_rows
        yield batch
    if arrived != expected:
        raise Refused(
            f"the source counts {expected:,} rows, {arrived:,} arrived",
            file=source,
            todo="The next run tries again; if it happens again, look at the source.",
        )


def _check_rows(table: TableSource, extract: Extract, written: Written) -> None:
    if written.rows == 0 and table.load == "snapshot" and not table.empty:
        raise Refused(
            "there is a header, but no rows",
            file=extract.source,
            todo="The last load stays. If the table may be empty, say `empty: allow` in the sources file.",
        )


def _landed_before(
    session: Session, table: TableSource, extract: Extract, written: Written
) -> tuple[str, ...] | None:
    """Say where the same content has landed before; None when it is new."""
    if table.load == "incremental":
        return ("no new rows",) if written.rows == 0 else None
    loads = [load for load in session.current(table.name) if load.mode == table.load]
    for load in loads[-1:] if table.load == "snapshot" else loads:
        if load.content_sha256 == written.content_sha256:
            return (f"the same content as load {load.load} ({load.source})",)
    return None


def _manifest(
    session: Session,
    table: TableSource,
    extract: Extract,
    layout: Layout,
    written: Written,
    cursor: Cursor | None,
    reading: str,
    started: float,
) -> Manifest:
    notes = list(extract.notes)
    if layout.missing:
        notes.append(f"not in the extract: {', '.join(layout.missing)}")
    if layout.extra:
        notes.append(f"not declared: {', '.join(layout.extra)}")
    return Manifest(
        load=session.numbers.next(),
        company=session.company,
        system=session.system.name,
        table=table.name,
        connector=session.system.connector,
        source=session.secrets.redact(extract.source),
        mode=table.load,
        sha256=extract.sha256 or written.content_sha256,
        content_sha256=written.content_sha256,
        bytes=extract.bytes if extract.bytes is not None else written.text_bytes,
        rows=written.rows,
        columns=tuple(layout.names),
        as_of=session.as_of,
        landed_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        seconds=round(time.perf_counter() - started, 3),
        parquet_sha256=written.parquet_sha256,
        parquet_bytes=written.parquet_bytes,
        missing_columns=layout.missing,
        extra_columns=layout.extra,
        control_totals=written.control_totals,
        cursor=cursor,
        notes=tuple(notes),
        reading=reading,
    )


def _ahead(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Read in a thread of its own while the batches before are written."""
    waiting: queue.Queue[Any] = queue.Queue(_BATCHES_AHEAD)
    stop = threading.Event()

    def read() -> None:
        try:
            with closing(_generator(batches)) as reading:
                for batch in reading:
                    waiting.put(batch)
                    if stop.is_set():
                        return
            waiting.put(None)
        except BaseException as error:
            waiting.put(error)

    thread = threading.Thread(target=read, name="landing", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        while thread.is_alive():
            _drain(waiting)
            thread.join(0.01)


def _generator(batches: Iterable[pa.RecordBatch]) -> Generator[pa.RecordBatch, None, None]:
    """Make a generator of any iterable, so that it can be closed before its end."""
    yield from batches


def _drain(waiting: queue.Queue[Any]) -> None:
    while not waiting.empty():
        waiting.get_nowait()
