"""Land the endpoints of an API: pages are kept as they came, then read like lines of JSON."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.landing.extract import Extract, batch_of
from plumbline.landing.files.json_lines import LITERAL, NESTED, Row, column_of, names_in
from plumbline.landing.http.client import Garbage, Pages
from plumbline.landing.increments import Landed
from plumbline.landing.libraries import load_libraries
from plumbline.landing.manifests import Cursor
from plumbline.landing.outcomes import REFUSED, ExtractOutcome, Refused
from plumbline.landing.quarantine import Refusal
from plumbline.landing.session import Session
from plumbline.landing.sources import TableSource
from plumbline.landing.storing import held_to, store
from plumbline.landing.writer import ROW_NUMBER, disk_errors, temporary_directory

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]


class HTTPConnector:
    """Reads the endpoints of one API."""

    def __init__(self, session: Session) -> None:
        self._session = session
        load_libraries()
        self._pages = Pages(session)

    def extracts(self, table: TableSource) -> Iterator[ExtractOutcome]:
        """Land what an endpoint gives: all of it, or what is new since the last cursor value."""
        workspace = temporary_directory(self._session.directory(table.name))
        try:
            with disk_errors(workspace):
                workspace.mkdir(parents=True)
            yield self._table(table, workspace)
        except Garbage as garbage:
            outcome = ExtractOutcome(
                REFUSED, garbage.file, reason=self._session.secrets.redact(garbage.what), todo=garbage.todo
            )
            self._session.refusals.append(Refusal(table.name, outcome, body=garbage.body))
            yield outcome
        finally:
            shutil.rmtree(workspace, ignore_errors=True)

    def _table(self, table: TableSource, workspace: Path) -> ExtractOutcome:
        landed = Landed.of(self._session.current(table.name), table.cursor or "")
        since = {table.cursor_param: landed.last} if table.cursor_param and landed.last else {}
        spool = _Spool(workspace / "pages", table.records, table.origin[0])
        for response in self._pages.read(table, since):
            spool.add(response.content, response.json())
        names = list(dict.fromkeys([*self._session.contract[table.name].names, *spool.names]))
        extract = Extract(
            table.origin[0], names, spool.batches(names), bytes=spool.size, seen=set(spool.names)
        )
        if table.load != "incremental":
            return store(self._session, table, extract, expected_rows=spool.rows)
        furthest = _Furthest(landed.cursor, landed.last)
        batches = held_to(spool.rows, table.origin[0], furthest.watch(extract.batches))
        extract.batches = landed.new_rows(batches, names, _up_to(landed.last))
        return store(
            self._session, table, extract, cursor=lambda: Cursor(landed.cursor, landed.last, furthest.value)
        )

    def close(self) -> None:
        self._pages.close()


class _Spool:
    """Answers as they came, on disk; rows are read back from them, so that numbers keep their digits."""

    def __init__(self, path: Path, records: str | None, endpoint: str) -> None:
        self._path = path
        self._records = records
        self._endpoint = endpoint
        self._sizes: list[int] = []
        self.names: dict[str, None] = {}
        self.rows = 0

    @property
    def size(self) -> int:
        return sum(self._sizes)

    def add(self, body: bytes, content: Any) -> None:
        """Keep a page."""
        rows = self._rows(content)
        self.names |= names_in(rows)
        self.rows += len(rows)
        with disk_errors(self._path), self._path.open("ab") as file:
            file.write(body)
        self._sizes.append(len(body))

    def _rows(self, content: Any) -> list[Row]:
        for name in self._records.split(".") if self._records and content != [] else ():
            content = content.get(name) if isinstance(content, dict) else None
        if isinstance(content, list) and all(isinstance(row, dict) for row in content):
            return content
        raise Refused(
            f"the answer has no list of objects at {self._records!r}"
            if self._records
            else "the answer is no list of objects",
            file=self._endpoint,
            todo="Say in `records` where the rows are, as `data.items`.",
        )

    def batches(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        """Read the rows back, numbered from 1."""
        number = 1
        if not self._sizes:
            return
        with self._path.open("rb") as file:
            for size in self._sizes:
                body = file.read(size).decode()
                rows = self._rows(LITERAL.decode(body.strip()) if body.strip() else [])
                nested: list[Row] = []

                def original(index: int, body: str = body, nested: list[Row] = nested) -> Row:
                    if not nested:
                        nested.extend(self._rows(NESTED.decode(body.strip())))
                    return nested[index]

                if rows:
                    columns = {name: column_of(rows, name, original) for name in names}
                    yield batch_of(range(number, number + len(rows)), columns)
                number += len(rows)


class _Furthest:
    """Watches rows go by and keeps the greatest cursor value, where the next load will begin."""

    def __init__(self, column: str, value: str | None) -> None:
        self._column = column
        self.value = value

    def watch(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Pass batches on, without the numbers that rows have in the answers."""
        for batch in batches:
            values = [value for value in batch.column(self._column).to_pylist() if value is not None]
            self.value = max([*values, *filter(None, [self.value])], key=_order, default=None)
            yield batch.drop_columns([ROW_NUMBER])


def _up_to(last: str | None) -> Callable[[pa.Array], pa.BooleanArray]:
    """Tell the rows up to the last cursor value: an API may give more than what it is asked for."""

    def is_earlier(values: pa.Array) -> pa.BooleanArray:
        import pyarrow as pa

        limit = _order(last or "")
        return pa.array([value is None or _order(value) <= limit for value in values.to_pylist()])

    return is_earlier


def _order(value: str) -> tuple[int, Decimal | str]:
    """Order cursor values: numbers by size, everything else (ISO times) as text."""
    try:
        return 0, Decimal(value)
    except InvalidOperation:
        return 1, value
