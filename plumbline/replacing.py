"""Files that appear as a whole: whoever opens one sees the old or the new, never a part."""

from __future__ import annotations

import os
from pathlib import Path

# A name that begins like this is nobody's, and may be removed.
TEMPORARY = ".tmp-"


def temporary(path: Path) -> Path:
    """Name a file of this process beside `path` that only becomes visible when it is renamed."""
    return path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")


def settle(written: Path, path: Path) -> None:
    """Give a written file its name so that it survives a power cut."""
    sync(written)
    os.replace(written, path)
    sync(path.parent)


def replace_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write a text file in place of the one that is there; not `durable`, a power cut may undo it."""
    replace_bytes(path, text.encode(), durable=durable)


def replace_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file as `replace_text` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = temporary(path)
    try:
        written.write_bytes(content)
        if durable:
            settle(written, path)
        else:
            os.replace(written, path)
    except OSError:
        written.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a directory's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
