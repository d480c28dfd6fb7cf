"""Look at a file before anything reads it: size, compression, encoding, bytes that no text has."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, zip_longest
from pathlib import Path
from typing import BinaryIO

from plumbline.landing.outcomes import Refused
from plumbline.landing.sources import Limits
from plumbline.landing.writer import disk_errors

CHUNK = 2 * 1024 * 1024
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
_CHINESE = {"gb18030", "gbk", "gb2312"}
_CHINESE_BOM = "\ufeff".encode("gb18030")
_LONGEST_LINE = 64 * MEGABYTE


@dataclass(frozen=True)
class Block:
    """Some whole lines of a file: the digest of their bytes, and what was found when they were looked at.

    `lines` end with a line feed, but for the last; `line_ends` may be carriage returns, too.
    """

    sha256: str
    size: int
    lines: int
    line_ends: int
    has_quotes: bool


@dataclass(frozen=True)
class TextFile:
    """A text file that may be read as UTF-8 (a copy when it came in another encoding or compressed).

    `blocks` are all of it where they were asked for; the first of them, `same` in number, are those of an
    earlier state of the file. `marks` are the digests of what the file holds up to the end of each stretch,
    where it is read as it is. `written_in` is the encoding of what lies at `path`; `in_utf8` makes it UTF-8.
    """

    name: str
    path: Path
    start: int
    size: int
    encoding: str
    lines: int
    has_quotes: bool
    ends_with_newline: bool
    blocks: tuple[Block, ...] = ()
    same: int = 0
    marks: tuple[str, ...] = ()
    written_in: str = "utf-8"


@dataclass(frozen=True)
class Earlier:
    """An earlier state of a file: its blocks, and how many bytes are known to be as they were."""

    blocks: tuple[Block, ...] = ()
    written_in: str = "utf-8"
    same: int = 0


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


def open_text(
    path: Path, workspace: Path, limits: Limits, encoding: str | None, earlier: Earlier | None = None
) -> TextFile:
    """Inspect a CSV, TSV or JSON Lines file; copies go to `workspace`, which the caller removes.

    With `earlier`, the file is told by blocks, and those at the beginning that are as they were are not
    looked at again; those within the bytes known to be as they were are not even read. Without a declared
    encoding: the byte order mark, else strict UTF-8, else strict GB18030 that reads as Chinese. Raises
    Refused for what is no text in that encoding.
    """
    check_size(path, limits)
    plain = _expand(path, workspace, limits) if is_gzip(path) else path
    if earlier and plain != path:
        earlier = replace(earlier, same=0)
    if encoding in _CHINESE:
        _refuse_utf8(plain, encoding, path.name)
    encoding = encoding or _byte_order_mark(plain)
    if encoding is None:
        try:
            return _survey(plain, path.name, "utf-8", earlier)
        except _NotUtf8:
            if not _reads_as_chinese(plain):
                raise
        encoding = "gb18030"
    if encoding in _UTF8:
        return _survey(plain, path.name, encoding, earlier)
    if earlier is not None and encoding in _CHINESE:
        return _survey(plain, path.name, encoding, earlier, written_in=encoding)
    plain = _transcode(plain, workspace, encoding, path.name)
    return _survey(plain, path.name, encoding, earlier and replace(earlier, same=0))


def in_utf8(text: TextFile, workspace: Path) -> TextFile:
    """Give a text as UTF-8: a copy in `workspace`, where it is written in another encoding."""
    if text.written_in == "utf-8":
        return text
    path = _transcode(text.path, workspace, text.written_in, text.name)
    return replace(
        text,
        path=path,
        start=len(codecs.BOM_UTF8) if text.start else 0,
        size=path.stat().st_size,
        blocks=(),
        same=0,
        marks=(),
        written_in="utf-8",
    )


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


def _refuse_utf8(path: Path, encoding: str, name: str) -> None:
    """Refuse UTF-8 that is declared to be Chinese: most of it would be read, as other characters."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        for chunk in _chunks(path, end=True):
            decoder.decode(chunk, final=not chunk)
    except UnicodeDecodeError:
        return
    if not _reads_as_chinese(path):
        raise Refused(
            f"the file is UTF-8, and not {encoding} as the sources file says",
            file=name,
            todo="Take `encoding` out of the sources file, or ask the source what it writes.",
        )


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


def _survey(
    path: Path, name: str, encoding: str, earlier: Earlier | None, written_in: str = "utf-8"
) -> TextFile:
    """Count the lines of a file, and hold it to its encoding and to text."""
    start = _start(path, written_in)
    survey = _Survey(name, written_in)
    known = earlier.blocks if earlier and earlier.written_in == written_in else ()
    blocks = _within(known, earlier.same - start if earlier else 0)
    place, same = start + sum(block.size for block in blocks), len(blocks)
    for block in blocks:
        survey.take(block, _byte_before(path, place))
    pieces = _chunks(path, end=True) if earlier is None else blocks_of(path, place, end=True)
    for piece, before in zip_longest(pieces, known[same:]):
        if piece is None:
            break
        digest = hashlib.sha256(piece).hexdigest() if earlier is not None and piece else ""
        if before and before.sha256 == digest and same == len(blocks):
            same += 1
            survey.take(before, piece[-1:])
            blocks.append(before)
        else:
            line_ends = survey.look_at(piece)
            if digest:
                lines = piece.count(b"\n") + (not piece.endswith(b"\n"))
                blocks.append(Block(digest, len(piece), lines, line_ends, b'"' in piece))
    ends = survey.last in (b"\n", b"\r")
    size = path.stat().st_size
    found = (survey.lines, survey.has_quotes, ends, tuple(blocks), same)
    return TextFile(name, path, start, size, encoding, *found, written_in=written_in)


def _start(path: Path, written_in: str) -> int:
    """Give the place behind a byte order mark."""
    mark = codecs.BOM_UTF8 if written_in == "utf-8" else _CHINESE_BOM
    with path.open("rb") as file:
        return len(mark) if file.read(len(mark)) == mark else 0


def _within(blocks: Sequence[Block], size: int) -> list[Block]:
    """Give the first blocks that end before that."""
    ends = accumulate(block.size for block in blocks)
    return [block for block, end in zip(blocks, ends, strict=True) if end < size]


def _byte_before(path: Path, place: int) -> bytes:
    with path.open("rb") as file:
        file.seek(place - 1)
        return file.read(1)


class _Survey:
    """What was found in a file so far; takes its pieces in order, at last an empty one."""

    def __init__(self, name: str, written_in: str) -> None:
        self.lines = 0
        self.has_quotes = False
        self.last = b""
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._foreign = None if written_in == "utf-8" else codecs.getincrementaldecoder(written_in)("strict")
        self._written_in = written_in

    def look_at(self, piece: bytes) -> int:
        """Look at a piece, and give the number of its line ends."""
        if self._foreign:
            piece = self._translated(self._foreign, piece)
        _refuse_binary(piece, self._name, self.lines)
        try:
            self._decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            raise _NotUtf8(
                f"byte 0x{error.object[error.start]:02x} is no UTF-8, and the file does not read as GB18030",
                file=self._name,
                line=1 + self.lines + error.object.count(b"\n", 0, error.start),
                todo="Save it as UTF-8, or name its encoding in the sources file (`encoding: cp1252`).",
            ) from error
        line_ends = _newlines(piece, self.last)
        self.lines += line_ends
        self.has_quotes = self.has_quotes or b'"' in piece
        self.last = piece[-1:] or self.last
        return line_ends

    def _translated(self, decoder: codecs.IncrementalDecoder, piece: bytes) -> bytes:
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            raise _undecodable(error, self._written_in, self._name, 1 + self.lines) from error
        return text.encode("utf-8", "surrogatepass")

    def take(self, block: Block, last: bytes) -> None:
        """Take over what was found in a block when it was looked at."""
        self.lines += block.line_ends
        self.has_quotes = self.has_quotes or block.has_quotes
        self.last = last


def blocks_of(path: Path, start: int, end: bool = False) -> Iterator[bytes]:
    """Give a file in blocks of whole lines, or of what is too long for one; with `end`, an empty one last."""
    rest = b""
    with path.open("rb") as file:
        file.seek(start)
        for chunk in _read_all(file):
            chunk = rest + chunk
            place = len(chunk) if len(chunk) > _LONGEST_LINE else chunk.rfind(b"\n") + 1
            rest = chunk[place:]
            if place:
                yield chunk[:place]
    if rest:
        yield rest
    if end:
        yield b""


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
            todo="If it is UTF-16, name its encoding in the sources file (`encoding: utf-16-le`)."
            if chunk.count(0) > len(chunk) // 4
            else "Ask the source for the file again.",
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
    """Read what follows, up to the same places wherever it begins."""
    while chunk := file.read(CHUNK - file.tell() % CHUNK):
        yield chunk
