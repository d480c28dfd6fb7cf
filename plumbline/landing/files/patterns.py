"""Which files in a folder belong to a table, and how each is to be read."""

from __future__ import annotations

from pathlib import Path

from plumbline.landing.sources import TableSource

_BY_SUFFIX = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xls": "excel",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def matching_files(folder: Path, table: TableSource) -> list[Path]:
    """List the files of a table by name; hidden files and Excel's lock files do not count."""
    found = {
        path
        for pattern in table.origin
        for path in (folder.glob(pattern) if _is_pattern(pattern) else [folder / pattern])
        if path.is_file() and not path.name.startswith((".", "~$"))
    }
    return sorted(found)


def _is_pattern(text: str) -> bool:
    return any(character in text for character in "*?[")


def format_of(path: Path, table: TableSource) -> str:
    """Give the declared format, else the one that the file's name says, else csv."""
    if table.format:
        return table.format
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return _BY_SUFFIX.get(suffixes[-1] if suffixes else "", "csv")
