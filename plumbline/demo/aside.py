"""Generate the company in a process of its own, so that others can work meanwhile.

The child writes one line of JSON per step (`{"text": "2026-03", "fraction": 0.4}`), and `{"error": {...}}`
when it fails. It dies when its input closes, so a killed run leaves no process that still writes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.errors import PlumblineError, as_record, disk_is_full, from_record, full_disk

if TYPE_CHECKING:
    from plumbline.demo.company import Progress


class Generation:
    """A generation that has begun; `wait` for its end, or `stop` it."""

    def __init__(
        self,
        directory: Path,
        *,
        as_of: date,
        scale: float,
        seed: int | None = None,
        start: date | None = None,
    ) -> None:
        self._started = time.perf_counter()
        asked = {"out": directory, "as_of": as_of, "scale": scale, "seed": seed, "start": start}
        given = {name: value for name, value in asked.items() if value is not None}
        # A file, since nobody reads a pipe meanwhile, and a full one would stop the child.
        self._trouble = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "plumbline.demo.aside", json.dumps(given, default=str)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._trouble,
            text=True,
            encoding="utf-8",
        )

    def wait(self, progress: Progress) -> float:
        """Pass on the progress until the end; gives the seconds since the beginning.

        Raises what the generation met.
        """
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                said = json.loads(line)
                if "error" in said:
                    raise from_record(said["error"])
                progress(said["text"], said["fraction"])
            if self._process.wait():
                raise self._ended()
        finally:
            self.stop()
        return time.perf_counter() - self._started

    def stop(self) -> None:
        """End the child, whatever it does."""
        self._process.kill()
        self._process.communicate()
        self._trouble.close()

    def _ended(self) -> PlumblineError:
        self._trouble.seek(0)
        trouble = self._trouble.read().strip().splitlines()
        return PlumblineError(
            "the generation of the built-in company ended early",
            why=(trouble or ["It said nothing."])[-1],
            todo="Run again; nothing half-written stays.",
            code="demo-not-generated",
        )


def main(arguments: list[str]) -> int:
    """Generate what the caller asks for."""
    from plumbline.demo.company import generate

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller ends this process
    threading.Thread(target=_end_with_the_caller, daemon=True).start()
    asked: dict[str, Any] = json.loads(arguments[0])
    days = {name: date.fromisoformat(asked.pop(name)) for name in ("start", "as_of") if name in asked}
    out = Path(asked.pop("out"))
    try:
        generate(out, progress=_tell, **{**asked, **days})
    except (PlumblineError, OSError) as error:
        _say({"error": as_record(_explained(error, str(out)))})
    return 0


def _explained(error: PlumblineError | OSError, where: str) -> PlumblineError:
    if isinstance(error, PlumblineError):
        return error
    if disk_is_full(error):
        return full_disk(where, str(error))
    return PlumblineError(
        "the built-in company cannot be written",
        where=where,
        why=str(error),
        todo="Check the directory and its rights, and run again.",
        code="demo-not-generated",
    )


def _end_with_the_caller() -> None:
    sys.stdin.read()
    os._exit(1)


def _tell(text: str, fraction: float) -> None:
    _say({"text": text, "fraction": fraction})


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
