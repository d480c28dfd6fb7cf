"""What the last run left: kept as JSON beside the warehouse, replaced atomically."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from plumbline.replacing import replace_text


@dataclass(frozen=True)
class RunState:
    """The facts that decide how much the next run must do.

    `transforming` is true while dbt writes: found true at the start, the tables may be half built, so the
    next run rebuilds them fully.
    """

    transforming: bool = False
    as_of: str = ""
    models_digest: str = ""
    published_fingerprint: str = ""
    published_run: str = ""

    @classmethod
    def read(cls, path: Path) -> RunState:
        """Read the state; a missing or unreadable file gives the state before the first run."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return cls()
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in content.items() if key in known})

    def write(self, path: Path, **changes: Any) -> RunState:
        """Store this state with `changes`, and return it."""
        state = replace(self, **changes)
        write_json(path, asdict(state))
        return state


def write_json(path: Path, content: object) -> None:
    """Write JSON so that readers see the old or the new file, never a part."""
    replace_text(path, json.dumps(content, ensure_ascii=False, indent=2, default=str) + "\n")
