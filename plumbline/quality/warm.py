"""Import Great Expectations (seconds of CPU) when it is needed, or ahead of that in the background."""

from __future__ import annotations

import importlib
import os
import threading
import warnings
from types import ModuleType

_warming: threading.Thread | None = None


def warm_up() -> None:
    """Begin to import Great Expectations in the background; the first stage waits for what is left of it."""
    global _warming
    if _warming is None:
        _import_deprecated_modules_quietly()
        _warming = threading.Thread(target=_load, name="warm-up-quality", daemon=True)
        _warming.start()


def judging() -> ModuleType:
    """Give the module that judges expectations, with Great Expectations imported."""
    if _warming is not None:
        _warming.join()
    else:
        _import_deprecated_modules_quietly()
    return _load()


def _load() -> ModuleType:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    return importlib.import_module("plumbline.quality.judge")


def _import_deprecated_modules_quietly() -> None:
    # Great Expectations imports two modules that Python 3.11 warns of. They are imported here, quickly and
    # in the caller's thread, because warning filters belong to the whole process.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for name in ("sre_constants", "sre_parse"):
            importlib.import_module(name)
