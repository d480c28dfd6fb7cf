"""Stop a run at once when somebody asks for it with Ctrl-C.

A run may end at any moment, killed or not: what is half done is invisible, and the next run makes it good. So
nothing is unwound through the threads, libraries and processes at work. A thread of its own waits for the
signal, which all others leave to it, says so in one line, and ends the process and those that it has started.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from plumbline.runs.children import kill_children

# Not SIGTERM: processes that are started inherit what is blocked, and Dagster ends its own by SIGTERM.
_SIGNALS = (signal.SIGINT,)
_EXIT_CODE = 130


@contextmanager
def stopping(last_words: Callable[[], str]) -> Iterator[None]:
    """Within, end the process on Ctrl-C, with `last_words` on stderr as it is now, and exit code 130.

    To be entered before other threads start: they inherit that the signal is not theirs.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    over = threading.Event()
    # Dagster puts a file in the place of stderr while a step runs.
    stream = os.dup(2)
    watcher = threading.Thread(target=_watch, args=(over, last_words, stream), name="stopping", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        if watcher.ident is not None:
            signal.pthread_kill(watcher.ident, signal.SIGINT)
        watcher.join()
        os.close(stream)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _watch(over: threading.Event, last_words: Callable[[], str], stream: int) -> None:
    signal.sigwait(_SIGNALS)
    if over.is_set():
        return
    end_now(last_words, _EXIT_CODE, stream)


def end_now(last_words: Callable[[], str], code: int, stream: int = 2) -> NoReturn:
    """End this process and those that it has started, with `last_words` on a stream, and an exit code."""
    with suppress(Exception):
        kill_children()
        clear = "\r\x1b[K" if os.isatty(stream) else ""
        os.write(stream, f"{clear}{last_words()}\n".encode())
    os._exit(code)
