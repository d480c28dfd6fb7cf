"""Put refused extracts aside with the reason beside them, and know which of them nobody has replaced yet.

The note beside a refused extract is the one place that says so: it is open until an extract of that name
lands, or somebody releases it; whoever removes the note has settled the matter by hand. A file that several
tables wanted (the sheets of a workbook) is kept once, and the notes of the others say where.
"""

from __future__ import annotations

import glob
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from plumbline.landing.outcomes import ExtractOutcome, OpenRefusal
from plumbline.landing.writer import disk_errors
from plumbline.project import Home


@dataclass(frozen=True)
class Refusal:
    """A refused extract: of which table, which outcome, and the file, or the body of an answer, if any."""

    table: str
    outcome: ExtractOutcome
    file: Path | None = None
    sha256: str = ""
    body: bytes | None = None


def put_aside(home: Home, system: str, refusal: Refusal, how: str) -> Path:
    """Move (or copy) a refused file into quarantine/files/<system>/<table>/ and write why beside it.

    The same content is kept once, with the note of the first time; a note that somebody has released stays
    closed while the same content is refused for the same reason. Returns the path of the JSON file.
    """
    folder = _folder(home) / system / refusal.table
    name = refusal.file.name if refusal.file else "extract"
    target = folder / f"{_mark(refusal)}-{name}"
    with disk_errors(target):
        folder.mkdir(parents=True, exist_ok=True)
        kept = _kept_for_others(target) or target
        if refusal.file is not None and refusal.file.exists():
            _take(refusal.file, kept, how)
        elif refusal.body is not None:
            kept.write_bytes(refusal.body)
        note = target.with_name(target.name + ".json")
        if not (_is_open(_read(note)) or is_released(note, refusal)):
            told = {} if kept == target else {"kept_in": kept.parent.name}
            _write(note, {**_explanation(system, refusal), **told})
    return note


def is_released(note: Path, refusal: Refusal) -> bool:
    """Tell whether somebody has released just this: the same content, refused for the same reason."""
    content = _read(note)
    same = content.get("sha256") == refusal.sha256 and content.get("reason") == refusal.outcome.reason
    return bool(refusal.sha256) and same and "released_at" in content


def _kept_for_others(target: Path) -> Path | None:
    """Find the same content where another table of the system has it."""
    others = target.parent.parent.glob(f"*/{glob.escape(target.name)}")
    return None if target.exists() else min(others, default=None)


def _mark(refusal: Refusal) -> str:
    """Name the content of a refused extract; what has no content of its own is named by its reason."""
    outcome = refusal.outcome
    content = refusal.body or f"{outcome.source}\n{outcome.line}\n{outcome.reason}".encode()
    return (refusal.sha256 or hashlib.sha256(content).hexdigest())[:12]


def kept_file(note: Path) -> Path | None:
    """Give what a note is about: the refused file, or the body of an answer."""
    beside = note.with_suffix("")
    if not beside.exists() and (folder := _read(note).get("kept_in")):
        beside = note.parent.parent / str(folder) / beside.name
    return beside if beside.exists() else None


def mark_of(note: Path) -> str:
    """Give what tells a refused extract apart: the first digits of the SHA-256 of its content."""
    return note.name.partition("-")[0]


def open_refusals(home: Home, system: str = "*") -> list[OpenRefusal]:
    """Give the refused extracts that nothing has replaced; one that came again counts from its first time."""
    found: dict[tuple[str, str, str], OpenRefusal] = {}
    for note, content in _open_notes(home, system):
        kept = kept_file(note)
        key = content["system"], content["table"], content["source"]
        found[key] = OpenRefusal(
            *key,
            line=content["line"],
            reason=content["reason"],
            todo=content["what_to_do"],
            since=found[key].since if key in found else content["refused_at"],
            kept=str(kept) if kept else "",
            note=str(note),
        )
    return [found[key] for key in sorted(found)]


def settle(home: Home, system: str, is_replaced: Callable[[str, str], bool]) -> None:
    """Close the notes of a system whose extract, by table and source, has been replaced."""
    for note, content in _open_notes(home, system):
        if is_replaced(content["table"], content["source"]):
            with disk_errors(note):
                _write(note, {**content, "replaced_at": _now()})


def release_refusal(note: Path, *, by: str, why: str) -> dict[str, Any]:
    """Close a note by a person's decision; the file stays beside it. Gives what the note says."""
    content = {**_read(note), "released_at": _now(), "released_by": by, "released_because": why}
    with disk_errors(note):
        _write(note, content)
    return content


def _open_notes(home: Home, system: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    notes = ((note, _read(note)) for note in _folder(home).glob(f"{system}/*/*.json"))
    is_open = ((note, content) for note, content in notes if _is_open(content))
    yield from sorted(is_open, key=lambda found: str(found[1]["refused_at"]))


def _is_open(content: dict[str, Any]) -> bool:
    return "refused_at" in content and not content.keys() & {"replaced_at", "released_at"}


def _folder(home: Home) -> Path:
    return home.quarantine / "files"


def _read(note: Path) -> dict[str, Any]:
    """Read a note; what is no note of ours (a refused file may be JSON itself) gives nothing."""
    try:
        content = json.loads(note.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and content.keys() >= _KEYS else {}


def _write(note: Path, content: dict[str, Any]) -> None:
    note.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _take(file: Path, target: Path, how: str) -> None:
    if target.exists():
        if how == "move":
            file.unlink()
    elif how == "move":
        shutil.move(file, target)
    else:
        shutil.copy2(file, target)


_KEYS = {"system", "table", "source", "line", "reason", "what_to_do", "sha256", "refused_at"}


def _explanation(system: str, refusal: Refusal) -> dict[str, Any]:
    outcome = refusal.outcome
    return {
        "system": system,
        "table": refusal.table,
        "source": outcome.source,
        "line": outcome.line,
        "reason": outcome.reason,
        "what_to_do": outcome.todo,
        "sha256": refusal.sha256 or None,
        "refused_at": _now(),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
