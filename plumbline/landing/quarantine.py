"""Put refused extracts aside, with the reason beside them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from plumbline.landing.outcomes import ExtractOutcome
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

    The same content is kept once. Returns the path of the JSON file.
    """
    folder = home.quarantine / "files" / system / refusal.table
    name = refusal.file.name if refusal.file else "extract"
    mark = refusal.sha256[:12] or datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    target = folder / f"{mark}-{name}"
    with disk_errors(target):
        folder.mkdir(parents=True, exist_ok=True)
        if refusal.file is not None and refusal.file.exists():
            _take(refusal.file, target, how)
        elif refusal.body is not None:
            target.write_bytes(refusal.body)
        note = target.with_name(target.name + ".json")
        note.write_text(_explanation(system, refusal), encoding="utf-8")
    return note


def _take(file: Path, target: Path, how: str) -> None:
    if target.exists():
        if how == "move":
            file.unlink()
    elif how == "move":
        shutil.move(file, target)
    else:
        shutil.copy2(file, target)


def _explanation(system: str, refusal: Refusal) -> str:
    outcome = refusal.outcome
    content = {
        "system": system,
        "table": refusal.table,
        "source": outcome.source,
        "line": outcome.line,
        "reason": outcome.reason,
        "what_to_do": outcome.todo,
        "sha256": refusal.sha256 or None,
        "refused_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
