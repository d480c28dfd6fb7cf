"""Read a sheet of an Excel workbook as text: straight from its XML, row by row."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from plumbline.landing.canonical import float_text
from plumbline.landing.extract import Extract, batches_of_rows
from plumbline.landing.files.delimited import check_header
from plumbline.landing.files.inspection import MEGABYTE
from plumbline.landing.outcomes import Refused
from plumbline.landing.sources import Limits

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_CHUNK = 1024 * 1024
_ALWAYS_ALLOWED = 100 * MEGABYTE
_OLD_OR_LOCKED = b"\xd0\xcf\x11\xe0"
_DATE_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_NO_DATE_PART = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)
_DATE_LETTER = re.compile(r"[dmyhs]", re.IGNORECASE)
_CELL = re.compile(r"([A-Z]{1,3})([0-9]+)")
_SERIALS = range(3_654, 73_416)
"""Serial numbers of 1910 to 2100: what a plain number in a date column may mean."""

Row = tuple[int, list[str | None]]


@dataclass(frozen=True)
class _Workbook:
    """What all sheets of a workbook share."""

    sheets: dict[str, str]
    strings: list[str]
    date_styles: frozenset[int]
    from_1904: bool


def read_excel(path: Path, sheet: str | None, types: dict[str, str], limits: Limits) -> Extract:
    """Open one sheet (the first when none is named); its first row that is not empty is the header.

    `types` are the declared types by column: serial numbers in date columns become dates.
    """
    archive = _open(path, limits)
    try:
        workbook = _read_workbook(archive, path.name)
        name = _sheet_name(workbook, sheet, path.name)
        rows = _rows(archive, workbook, workbook.sheets[name], path.name, types)
        first = next(rows, None)
    except _DAMAGED as error:
        archive.close()
        raise _damaged(path.name, error) from error
    except Refused:
        archive.close()
        raise
    source = f"{path.name}#{name}"
    if first is None:
        archive.close()
        raise Refused(f"sheet {name!r} is empty", file=source, todo="Ask the source for it again.")
    names = [text or "" for text in first[1]]
    check_header(names, source, first[0])
    return Extract(source, names, _batches(archive, path.name, names, rows))


_DAMAGED = (zipfile.BadZipFile, expat.ExpatError, KeyError, IndexError, EOFError, OSError, ValueError)


def _damaged(name: str, error: Exception) -> Refused:
    return Refused(
        f"the workbook is damaged ({error})",
        file=name,
        todo="It may be cut off: ask the source for it again.",
    )


def _batches(
    archive: zipfile.ZipFile, file: str, names: list[str], rows: Iterator[Row]
) -> Iterator[pa.RecordBatch]:
    with archive:
        try:
            yield from batches_of_rows(names, rows)
        except _DAMAGED as error:
            raise _damaged(file, error) from error


def _open(path: Path, limits: Limits) -> zipfile.ZipFile:
    with path.open("rb") as file:
        if file.read(4) == _OLD_OR_LOCKED:
            raise Refused(
                "this is an old .xls workbook, or one with a password",
                file=path.name,
                todo="Save it as .xlsx without a password.",
            )
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise _damaged(path.name, error) from error
    expanded = sum(entry.file_size for entry in archive.infolist())
    allowed = min(
        limits.expanded_megabytes * MEGABYTE,
        max(_ALWAYS_ALLOWED, path.stat().st_size * limits.expansion_ratio),
    )
    if expanded > allowed:
        archive.close()
        raise Refused(
            f"the workbook grows beyond {allowed / MEGABYTE:,.0f} MB when it is decompressed",
            file=path.name,
            todo="If that is right, raise limits.expanded_megabytes or limits.expansion_ratio.",
        )
    return archive


def _sheet_name(workbook: _Workbook, sheet: str | None, file: str) -> str:
    name = sheet or next(iter(workbook.sheets))
    if name in workbook.sheets:
        return name
    raise Refused(
        f"the workbook has no sheet {name!r}",
        file=file,
        todo=f"Its sheets are {', '.join(workbook.sheets)}; see `sheet` in the sources file.",
    )


def _read_workbook(archive: zipfile.ZipFile, file: str) -> _Workbook:
    targets: dict[str, str] = {}
    sheets: dict[str, str] = {}
    flags: list[str] = []

    def relation(_: str, attributes: dict[str, str]) -> None:
        if "Target" in attributes:
            targets[attributes["Id"]] = attributes["Target"]

    def entry(name: str, attributes: dict[str, str]) -> None:
        if name == "sheet":
            relation_id = next(value for key, value in attributes.items() if key.split(":")[-1] == "id")
            sheets[attributes["name"]] = posixpath.normpath(
                posixpath.join("/xl", targets[relation_id])
            ).lstrip("/")
        elif name == "workbookPr":
            flags.append(attributes.get("date1904", "0"))

    _parse(archive, "xl/_rels/workbook.xml.rels", file, start=relation)
    _parse(archive, "xl/workbook.xml", file, start=entry)
    return _Workbook(
        sheets=sheets,
        strings=_shared_strings(archive, file),
        date_styles=_date_styles(archive, file),
        from_1904=any(flag in ("1", "true") for flag in flags),
    )


def _shared_strings(archive: zipfile.ZipFile, file: str) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    strings: list[str] = []
    parts: list[str] = []
    inside: list[str] = []

    def start(name: str, _: dict[str, str]) -> None:
        inside.append(name)

    def text(data: str) -> None:
        if inside[-1] == "t" and "rPh" not in inside:
            parts.append(data)

    def end(name: str) -> None:
        inside.pop()
        if name == "si":
            strings.append("".join(parts))
            parts.clear()

    _parse(archive, "xl/sharedStrings.xml", file, start=start, text=text, end=end)
    return strings


def _date_styles(archive: zipfile.ZipFile, file: str) -> frozenset[int]:
    """Number the cell styles that show a number as a date or time."""
    if "xl/styles.xml" not in archive.namelist():
        return frozenset()
    custom: dict[int, bool] = {}
    styles: list[int] = []
    inside: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        inside.append(name)
        if name == "numFmt":
            code = _NO_DATE_PART.sub("", attributes.get("formatCode", ""))
            custom[int(attributes["numFmtId"])] = bool(_DATE_LETTER.search(code.replace("General", "")))
        elif name == "xf" and "cellXfs" in inside:
            styles.append(int(attributes.get("numFmtId", 0)))

    _parse(archive, "xl/styles.xml", file, start=start, end=lambda _: inside.pop())
    return frozenset(
        index for index, number in enumerate(styles) if custom.get(number, number in _DATE_FORMATS)
    )


def _parse(
    archive: zipfile.ZipFile,
    member: str,
    file: str,
    start: Callable[[str, dict[str, str]], Any],
    end: Callable[[str], Any] | None = None,
    text: Callable[[str], Any] | None = None,
) -> None:
    parser = _parser(file, start, end, text)
    with archive.open(member) as stream:
        while chunk := stream.read(_CHUNK):
            parser.Parse(chunk, False)
    parser.Parse(b"", True)


def _parser(
    file: str,
    start: Callable[[str, dict[str, str]], Any],
    end: Callable[[str], Any] | None,
    text: Callable[[str], Any] | None,
) -> Any:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
    if end is not None:
        parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    if text is not None:
        parser.CharacterDataHandler = text

    def no_entities(*_: Any) -> None:
        raise Refused("the workbook has XML with a document type: that is no workbook", file=file)

    parser.StartDoctypeDeclHandler = no_entities
    return parser


@dataclass
class _Cell:
    """The cell that is being read."""

    column: int = 0
    reference: str = ""
    kind: str = "n"
    style: int = 0
    parts: list[str] = field(default_factory=list)
    has_formula: bool = False


class _SheetReader:
    """Collects the rows of a sheet while its XML goes by."""

    def __init__(self, workbook: _Workbook, source: str, types: dict[str, str]) -> None:
        self.rows: list[Row] = []
        self._workbook = workbook
        self._source = source
        self._types = types
        self._column_types: list[str] | None = None
        self._letters: dict[str, int] = {}
        self._row = 0
        self._values: list[str | None] = []
        self._cell = _Cell()
        self._collect = False
        self._phonetic = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._start_cell(attributes)
        elif name in ("v", "t"):
            self._collect = self._phonetic == 0
        elif name == "row":
            self._row = int(attributes.get("r", self._row + 1))
            self._values = []
        elif name == "f":
            self._cell.has_formula = True
        elif name == "rPh":
            self._phonetic += 1

    def text(self, data: str) -> None:
        if self._collect:
            self._cell.parts.append(data)

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            self._collect = False
        elif name == "c":
            self._end_cell()
        elif name == "row":
            self._end_row()
        elif name == "rPh":
            self._phonetic -= 1

    def _start_cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r", "")
        match = _CELL.fullmatch(reference)
        column = self._position(match.group(1)) if match else len(self._values)
        self._cell = _Cell(column, reference, attributes.get("t", "n"), int(attributes.get("s", 0)))

    def _position(self, letters: str) -> int:
        if letters not in self._letters:
            number = 0
            for letter in letters:
                number = number * 26 + ord(letter) - 64
            self._letters[letters] = number - 1
        return self._letters[letters]

    def _end_cell(self) -> None:
        value = self._value()
        if value is None:
            return
        missing = self._cell.column - len(self._values)
        self._values.extend([None] * missing)
        self._values.append(value)

    def _value(self) -> str | None:
        cell = self._cell
        text = "".join(cell.parts)
        if cell.kind == "s":
            return (self._workbook.strings[int(text)] or None) if text else None
        if text and cell.kind == "n":
            return self._number(text)
        if not text and cell.has_formula and cell.kind == "n":
            raise Refused(
                f"cell {cell.reference} has a formula without a stored result",
                file=self._source,
                line=self._row,
                todo="Open the workbook in Excel and save it again.",
            )
        return text.replace("T", " ") if cell.kind == "d" else text or None

    def _number(self, text: str) -> str:
        column = self._cell.column
        types = self._column_types
        kind = types[column] if types is not None and column < len(types) else "text"
        if self._cell.style in self._workbook.date_styles and kind not in ("integer", "decimal"):
            return _serial_text(float(text), kind, self._workbook.from_1904)
        if kind in ("date", "timestamp") and int(float(text)) in _SERIALS:
            return _serial_text(float(text), kind, self._workbook.from_1904)
        return text if text.isdecimal() else float_text(float(text))

    def _end_row(self) -> None:
        if not any(value is not None for value in self._values):
            return
        if self._column_types is None:
            self._column_types = [self._types.get(name or "", "text") for name in self._values]
        self._fit()
        self.rows.append((self._row, self._values))

    def _fit(self) -> None:
        width = len(self._column_types or ())
        if len(self._values) > width:
            raise Refused(
                f"cell {self._cell.reference} has a value in a column without a name in the header",
                file=self._source,
                line=self._row,
                todo="The first row with values is the header: name the column there, or empty the cell.",
            )
        self._values.extend([None] * (width - len(self._values)))


def _rows(
    archive: zipfile.ZipFile, workbook: _Workbook, member: str, file: str, types: dict[str, str]
) -> Iterator[Row]:
    reader = _SheetReader(workbook, file, types)
    parser = _parser(file, reader.start, reader.end, reader.text)
    with archive.open(member) as stream:
        while chunk := stream.read(_CHUNK):
            parser.Parse(chunk, False)
            yield from reader.rows
            reader.rows.clear()
    parser.Parse(b"", True)
    yield from reader.rows


def _serial_text(serial: float, kind: str, from_1904: bool) -> str:
    """Write a serial number as ISO text: only the date at midnight, unless a timestamp is declared."""
    if 0 <= serial < 1:
        return str((datetime(1900, 1, 1) + timedelta(milliseconds=round(serial * 86_400_000))).time())
    epoch = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 30 if serial >= 60 else 31)
    moment = epoch + timedelta(milliseconds=round(serial * 86_400_000))
    midnight = moment.time() == datetime.min.time()
    return moment.date().isoformat() if midnight and kind != "timestamp" else moment.isoformat(sep=" ")
