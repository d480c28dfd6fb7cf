"""Put refused extracts aside with the reason beside them, and know which of them nobody has replaced yet.

The note beside a refused extract is the one place that says so: it is open until an extract of that name
lands, and whoever removes the note has settled the matter by hand.
"""

from __future__ import annotations

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

    The same content is kept once, with the note of the first time. Returns the path of the JSON file.
    """
    folder = _folder(home) / system / refusal.table
    name = refusal.file.name if refusal.file else "extract"
    target = folder / f"{_mark(refusal)}-{name}"
    with disk_errors(target):
        folder.mkdir(parents=True, exist_ok=True)
        if refusal.file is not None and refusal.file.exists():
            _take(refusal.file, target, how)
        elif refusal.body is not None:
            target.write_bytes(refusal.body)
        note = target.with_name(target.name + ".json")
        if not _is_open(_read(note)):
            _write(note, _explanation(system, refusal))
    return note


def _mark(refusal: Refusal) -> str:
    """Name the content of a refused extract; what has no content of its own is named by its reason."""
    outcome = refusal.outcome
    content = refusal.body or f"{outcome.source}\n{outcome.line}\n{outcome.reason}".encode()
    return (refusal.sha256 or hashlib.sha256(content).hexdigest())[:12]


def kept_file(note: Path) -> Path | None:
    """Give what lies beside a note: the refused file, or the body of an answer."""
    path = note.with_suffix("")
    return path if path.exists() else None


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
        )
    return [found[key] for key in sorted(found)]


def settle(home: Home, system: str, is_replaced: Callable[[str, str], bool]) -> None:
    """Close the notes of a system whose extract, by table and source, has been replaced."""
    for note, content in _open_notes(home, system):
        if is_replaced(content["table"], content["source"]):
            with disk_errors(note):
                _write(note, {**content, "replaced_at": _now()})


def _open_notes(home: Home, system: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    notes = ((note, _read(note)) for note in _folder(home).glob(f"{system}/*/*.json"))
    is_open = ((note, content) for note, content in notes if _is_open(content))
    yield from sorted(is_open, key=lambda found: str(found[1]["refused_at"]))


def _is_open(content: dict[str, Any]) -> bool:
    return "refused_at" in content and "replaced_at" not in content


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
