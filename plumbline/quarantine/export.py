"""Rows in quarantine as a file for the people who mend at the source: CSV, Excel or JSON.

A text that a spreadsheet would take for a formula gets an apostrophe before it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from plumbline.project import Home
from plumbline.quarantine.holdings import Row
from plumbline.quarantine.landed import landed_values
from plumbline.quarantine.reasons import advice_on
from plumbline.replacing import replace_bytes
from plumbline.spreadsheets import neutral

FORMATS = ("csv", "xlsx", "json")
_SHEET = 31
_CELL = 32_767
_ABOUT = ("source", "line", "load", "row_key", "reason", "what_to_do", "first_seen")
Record = Mapping[str, str | int | None]


def export_rows(home: Home, rows: Sequence[Row], path: Path, kind: str) -> int:
    """Write rows with all their columns as they landed; gives how many. The file is replaced as a whole."""
    tables = _records(home, rows)
    content = {"csv": _csv, "xlsx": _xlsx, "json": _json}[kind](tables)
    replace_bytes(path, content)
    return len(rows)


def _records(home: Home, rows: Sequence[Row]) -> dict[str, list[Record]]:
    landed = landed_values(home, rows)
    found: dict[str, list[Record]] = {}
    for row in rows:
        about: Record = {
            "source": row.source,
            "line": row.row_number,
            "load": row.load,
            "row_key": row.row_key or None,
            "reason": row.reason,
            "what_to_do": advice_on(row.reason).todo,
            "first_seen": row.first_seen.isoformat(sep=" ", timespec="seconds") if row.first_seen else None,
        }
        values = landed.get((row.load, row.row_number), {})
        found.setdefault(row.name, []).append(
            {**about, **{_own(name): text for name, text in values.items()}}
        )
    return found


def _own(name: str) -> str:
    """Keep a column of the extract apart from what is said about the row."""
    return f"{name} (extract)" if name in _ABOUT or name == "table" else name


def _csv(tables: Mapping[str, list[Record]]) -> bytes:
    """One table after another would have other columns: all columns there are, with the table first."""
    records = [{"table": name, **record} for name, rows in tables.items() for record in rows]
    names = list(dict.fromkeys(name for record in records for name in record))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([neutral(name) for name in names])
    writer.writerows([neutral(record.get(name)) for name in names] for record in records)
    # The mark tells Excel that the text is UTF-8.
    return text.getvalue().encode("utf-8-sig")


def _xlsx(tables: Mapping[str, list[Record]]) -> bytes:
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    def cell(value: Any) -> Any:
        if isinstance(value, str):
            value = ILLEGAL_CHARACTERS_RE.sub("�", neutral(value))[:_CELL]
        return value

    book = Workbook(write_only=True)
    for name, records in tables.items() or {"quarantine": []}.items():
        sheet = book.create_sheet(_sheet_name(name, book.sheetnames))
        names = list(dict.fromkeys(column for record in records for column in record))
        sheet.append([cell(column) for column in names])
        for record in records:
            sheet.append([cell(record.get(column)) for column in names])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _sheet_name(name: str, taken: Iterable[str]) -> str:
    short = name[:_SHEET]
    number = 2
    while short in taken:
        short = f"{name[: _SHEET - 3]}~{number}"
        number += 1
    return short


def _json(tables: Mapping[str, list[Record]]) -> bytes:
    records = [{"table": name, **record} for name, rows in tables.items() for record in rows]
    return (json.dumps(records, ensure_ascii=False, indent=1) + "\n").encode()
