"""Import Great Expectations (seconds of CPU) when it is needed, or ahead of that in the background."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

# Great Expectations imports them for expectations that nobody here uses; they take a third of its time.
_POSTPONED = ("altair", "scipy.stats")

_JUDGE = "plumbline.quality.judge"

_warming: threading.Thread | None = None


def warm_up() -> None:
    """Begin to import Great Expectations in the background; the first stage waits for what is left of it."""
    global _warming
    if _warming is None:
        _import_deprecated_modules_quietly()
        _import_what_others_use_meanwhile()
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
    if _JUDGE in sys.modules:
        return importlib.import_module(_JUDGE)
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with _postponed(*_POSTPONED):
        return importlib.import_module(_JUDGE)


class _Postponed(ModuleType):
    """Stands for a module until something in it is used, which imports it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def _postponed(*names: str) -> Iterator[None]:
    """Have modules of these names imported only when they are used, by whoever imports them within."""
    standing = {name: _Postponed(name) for name in names if name not in sys.modules}
    sys.modules.update(standing)
    try:
        yield
    finally:
        for name, module in standing.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


def _import_deprecated_modules_quietly() -> None:
    # Great Expectations imports two modules that Python 3.11 warns of. They are imported here, quickly and in
    # the caller's thread, because warning filters belong to the whole process.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for name in ("sre_constants", "sre_parse"):
            importlib.import_module(name)


def _import_what_others_use_meanwhile() -> None:
    # A class that is defined registers itself with SQLAlchemy before its module is complete. Dagster's
    # storage, which asks that registry for every statement, must not see a half of the mapper.
    importlib.import_module("sqlalchemy.orm")
