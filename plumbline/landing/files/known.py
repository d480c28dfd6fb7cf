"""What landing remembers of the lines of a big snapshot: a file of digests for each block of it.

Blocks that are as they were keep the file that they have, so that a day writes what it has changed. Facts
beside them, written last, say which files count and what each must hold; others are removed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from plumbline.landing.files.inspection import Block
from plumbline.landing.writer import STRETCH, disk_errors, file_sha256
from plumbline.replacing import replace_text


@dataclass(frozen=True)
class Piece:
    """One remembered block: the file with digest, line, load and row number of each of its lines."""

    file: str
    sha256: str


@dataclass(frozen=True)
class Known:
    """The blocks of a snapshot in their order, each with its piece, and the digests of its stretches.

    Lines are remembered as they are written, in the encoding `written_in`.
    """

    directory: Path
    blocks: tuple[Block, ...]
    pieces: tuple[Piece, ...]
    marks: tuple[str, ...]
    written_in: str = "utf-8"

    @classmethod
    def read(cls, facts: Path) -> Known | None:
        """Read what is remembered; None where nothing is, or nothing that can be understood."""
        try:
            told = json.loads(facts.read_bytes())
            blocks = tuple(Block(**block) for block in told["blocks"])
            pieces = tuple(Piece(**piece) for piece in told["pieces"])
            written_in = str(told.get("written_in", "utf-8"))
            known = cls(facts.parent, blocks, pieces, tuple(told["marks"]), written_in)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return known if len(blocks) == len(pieces) else None

    def write(self, facts: Path) -> None:
        """Make this what is remembered, and remove what it does not name."""
        told: dict[str, Any] = {
            "blocks": [asdict(block) for block in self.blocks],
            "pieces": [asdict(piece) for piece in self.pieces],
            "marks": self.marks,
            "written_in": self.written_in,
        }
        with disk_errors(facts):
            replace_text(facts, json.dumps(told), durable=False)
        named = {facts.name, *(piece.file for piece in self.pieces)}
        for path in self.directory.iterdir():
            if path.name not in named:
                path.unlink()

    def paths(self, pieces: Sequence[Piece]) -> list[Path]:
        return [self.directory / piece.file for piece in pieces]

    def is_sound(self, pieces: Sequence[Piece]) -> bool:
        """Tell whether these pieces are what was written."""
        try:
            return all(
                file_sha256(path) == piece.sha256
                for path, piece in zip(self.paths(pieces), pieces, strict=True)
            )
        except OSError:
            return False

    def same_bytes(self, marks: Sequence[str]) -> int:
        """Tell how many bytes at the beginning of a file with these marks are those of the one before."""
        pairs = zip(self.marks, marks, strict=False)
        return STRETCH * len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
