"""Progress on the terminal: a moving line where there is one, a line per stage where there is none."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from typing import TextIO

from plumbline.runs.progress import Progress

_BAR = 20
_TICK = 0.2


class TerminalProgress(Progress):
    """Show the stage, what it does, a bar where the share is known, and the seconds, on stderr."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._moving = self._stream.isatty()
        self._lock = threading.Lock()
        self._stage = ""
        self._text = ""
        self._fraction: float | None = None
        self._start = 0.0
        self._stop = threading.Event()

    def begin(self, stage: str) -> None:
        with self._lock:
            self._stage, self._text, self._fraction = stage, "", None
            self._start = time.perf_counter()
        if self._moving:
            self._stop = threading.Event()
            threading.Thread(target=self._tick, args=(self._stop,), daemon=True).start()

    def update(self, text: str, fraction: float | None = None) -> None:
        with self._lock:
            self._text, self._fraction = text, fraction

    def end(self, stage: str, seconds: float) -> None:
        self._stop.set()
        with self._lock:
            clear = "\r\x1b[K" if self._moving else ""
            self._show(f"{clear}  {stage:<22}{seconds:>6.1f} s\n")

    def _tick(self, stop: threading.Event) -> None:
        while not stop.wait(_TICK):
            with self._lock:
                if not stop.is_set():
                    self._show("\r\x1b[K" + self._line())

    def _show(self, text: str) -> None:
        # What goes on is not worth a run: Dagster keeps stderr in a file, whose disk may be full.
        with suppress(OSError):
            self._stream.write(text)
            self._stream.flush()

    def _line(self) -> str:
        seconds = time.perf_counter() - self._start
        bar = ""
        if self._fraction is not None:
            full = round(min(max(self._fraction, 0.0), 1.0) * _BAR)
            bar = f" [{'#' * full}{'.' * (_BAR - full)}]"
        return f"  {self._stage:<22}{seconds:>6.1f} s{bar} {self._text}"[:110]
