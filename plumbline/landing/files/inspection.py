"""Look at a file before anything reads it: size, compression, encoding, bytes that no text has."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from plumbline.landing.outcomes import Refused
from plumbline.landing.sources import Limits
from plumbline.landing.writer import disk_errors

CHUNK = 8 * 1024 * 1024
MEGABYTE = 1024 * 1024
_ALWAYS_ALLOWED = 100 * MEGABYTE
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = bytes([*range(1, 9), *range(14, 26), *range(27, 32), 127])
_ASCII = re.compile(r"[\x00-\x7f]+")
_ENOUGH_CHARACTERS = 100_000
_UTF8 = {"utf-8", "utf-8-sig", "ascii"}


@dataclass(frozen=True)
class TextFile:
    """A text file that may be read as UTF-8 (a copy when it came in another encoding or compressed)."""

    name: str
    path: Path
    start: int
    size: int
    encoding: str
    lines: int
    quotes: int
    ends_with_newline: bool


def check_size(path: Path, limits: Limits) -> None:
    """Refuse a file that is empty or bigger than allowed."""
    size = path.stat().st_size
    if size == 0:
        raise Refused("the file has 0 bytes", file=path.name, todo="Ask the source for the file again.")
    if size > limits.file_megabytes * MEGABYTE:
        raise Refused(
            f"the file has {size / MEGABYTE:,.0f} MB, more than the {limits.file_megabytes:,} MB allowed",
            file=path.name,
            todo="Split it, or raise limits.file_megabytes in the sources file.",
        )


def is_gzip(path: Path) -> bool:
    """Tell whether the bytes say gzip, whatever the name says."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def open_text(path: Path, workspace: Path, limits: Limits, encoding: str | None) -> TextFile:
    """Inspect a CSV, TSV or JSON Lines file; copies go to `workspace`, which the caller removes.

    Without a declared encoding: the byte order mark, else strict UTF-8, else strict GB18030 that reads as
    Chinese. Raises Refused for what is no text in that encoding.
    """
    check_size(path, limits)
    plain = _expand(path, workspace, limits) if is_gzip(path) else path
    encoding = encoding or _byte_order_mark(plain)
    if encoding is None:
        try:
            return _survey(plain, path.name, "utf-8")
        except _NotUtf8:
            if not _reads_as_chinese(plain):
                raise
        encoding = "gb18030"
    if encoding not in _UTF8:
        plain = _transcode(plain, workspace, encoding, path.name)
    return _survey(plain, path.name, encoding)


def _expand(path: Path, workspace: Path, limits: Limits) -> Path:
    """Decompress into the workspace, within the limits."""
    target = workspace / "expanded"
    allowed = min(
        limits.expanded_megabytes * MEGABYTE,
        max(_ALWAYS_ALLOWED, path.stat().st_size * limits.expansion_ratio),
    )
    done = 0
    with gzip.open(path, "rb") as source, disk_errors(target), target.open("wb") as copy:
        while chunk := _next_chunk(source, path.name):
            done += len(chunk)
            if done > allowed:
                raise Refused(
                    f"the file grows beyond {allowed / MEGABYTE:,.0f} MB when it is decompressed",
                    file=path.name,
                    todo="If that is right, raise limits.expanded_megabytes or limits.expansion_ratio.",
                )
            copy.write(chunk)
    if done == 0:
        raise Refused(
            "the file has 0 bytes once decompressed", file=path.name, todo="Ask the source for it again."
        )
    return target


def _next_chunk(source: gzip.GzipFile, name: str) -> bytes:
    try:
        return source.read(CHUNK)
    except EOFError as error:
        raise Refused(
            "the compressed file is cut off", file=name, todo="Ask the source for the whole file."
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Refused(
            f"the compressed file is damaged ({error})", file=name, todo="Ask the source for the file again."
        ) from error


def _byte_order_mark(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(4)
    return next((encoding for mark, encoding in _BOMS if head.startswith(mark)), None)


def _reads_as_chinese(path: Path) -> bool:
    """Western bytes often pass as rare GB18030 characters; real Chinese text is nearly all GB2312."""
    decoder = codecs.getincrementaldecoder("gb18030")("strict")
    wide = common = 0
    try:
        for chunk in _chunks(path, end=True):
            text = decoder.decode(chunk, final=not chunk)
            if wide < _ENOUGH_CHARACTERS:
                characters = _ASCII.sub("", text)
                wide += len(characters)
                common += len(characters.encode("gb2312", "ignore")) // 2
    except UnicodeDecodeError:
        return False
    return common >= 0.9 * wide


def _transcode(path: Path, workspace: Path, encoding: str, name: str) -> Path:
    target = workspace / "utf8"
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    lines = 1
    with disk_errors(target), target.open("wb") as copy:
        for chunk in _chunks(path, end=True):
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                raise _undecodable(error, encoding, name, lines) from error
            lines += text.count("\n")
            copy.write(text.encode("utf-8", "surrogatepass"))
    return target


def _undecodable(error: UnicodeDecodeError, encoding: str, name: str, lines: int) -> Refused:
    before = error.object[: error.start].decode(encoding, "ignore").count("\n")
    return Refused(
        f"the file is not {encoding}: {error.reason}",
        file=name,
        line=lines + before,
        todo="The file is cut off, or its encoding is another: check it, and `encoding` in the sources file.",
    )


class _NotUtf8(Refused):
    pass


def _survey(path: Path, name: str, encoding: str) -> TextFile:
    """Count lines and quotes of a UTF-8 file, and hold it to UTF-8 and to text."""
    lines = quotes = size = 0
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    last = b""
    for chunk in _chunks(path, end=True):
        _refuse_binary(chunk, name, lines)
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            raise _NotUtf8(
                f"byte 0x{error.object[error.start]:02x} is no UTF-8, and the file does not read as GB18030",
                file=name,
                line=1 + lines + error.object.count(b"\n", 0, error.start),
                todo="Save it as UTF-8, or name its encoding in the sources file (`encoding: cp1252`).",
            ) from error
        size += len(chunk)
        lines += _newlines(chunk, last)
        quotes += chunk.count(b'"')
        last = chunk[-1:] or last
    with path.open("rb") as file:
        start = 3 if file.read(3) == codecs.BOM_UTF8 else 0
    return TextFile(name, path, start, size, encoding, lines, quotes, last in (b"\n", b"\r"))


def _newlines(chunk: bytes, before: bytes) -> int:
    """Count line ends; CR LF, and a CR alone, are one each. `before` is the byte in front of the chunk."""
    count = chunk.count(b"\n")
    if b"\r" in chunk:
        count += chunk.count(b"\r") - chunk.count(b"\r\n")
    return count - (before == b"\r" and chunk.startswith(b"\n"))


def _refuse_binary(chunk: bytes, name: str, lines: int) -> None:
    place = chunk.find(b"\0")
    if place >= 0:
        raise Refused(
            "the file has a NUL byte: it is no text, or was cut off while it was written",
            file=name,
            line=1 + lines + chunk.count(b"\n", 0, place),
            todo="Ask the source for the file again.",
        )
    strange = len(chunk) - len(chunk.translate(None, _CONTROL))
    if strange > max(8, len(chunk) // 1000):
        raise Refused(
            f"the file has {strange} control characters: it is no text",
            file=name,
            line=1 + lines,
            todo="Check that the source wrote the right file.",
        )


def _chunks(path: Path, end: bool = False) -> Iterator[bytes]:
    """Read a file in chunks; with `end`, an empty one comes last."""
    with path.open("rb") as file:
        yield from _read_all(file)
    if end:
        yield b""


def _read_all(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk
