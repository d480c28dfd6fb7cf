"""What dbt works out anew in every process, worked out once: for the process that serves a run.

Nothing here changes what dbt does. A version of dbt, jinja or mashumaro that is built in another way loses
only the time.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import CodeType
from typing import Any

from plumbline.replacing import replace_bytes

# Names of templates that no run has again would fill the file for ever.
_MOST = 2_000


def remember_types() -> None:
    """Have mashumaro look once at the ancestors of each class of dbt's, not at every method of it."""
    with suppress(ImportError, AttributeError):
        from mashumaro.core.meta import helpers
        from mashumaro.core.meta.code import builder

        resolve = builder.resolve_type_params
        known: dict[Any, Any] = {}

        def resolve_once(typ: Any, type_args: Any = (), *rest: Any) -> Any:
            if type_args or rest:
                return resolve(typ, type_args, *rest)
            if typ not in known:
                known[typ] = resolve(typ)
            return dict(known[typ])

        builder.resolve_type_params = resolve_once
        helpers.is_dataclass_dict_mixin = cache(helpers.is_dataclass_dict_mixin)
        builder.is_dataclass_dict_mixin = helpers.is_dataclass_dict_mixin
        builder.is_dataclass_dict_mixin_subclass = cache(builder.is_dataclass_dict_mixin_subclass)


def take_shortcuts(templates: Templates, *heard: str) -> None:
    """Take all of them in this process; `heard` names the events of dbt that somebody listens to."""
    for shortcut in (guess_types_once, build_messages_late, lambda: hear_only(*heard), templates.serve):
        with suppress(ImportError, AttributeError):
            shortcut()


def hear_only(*names: str) -> None:
    """Have dbt tell only of warnings, errors and the events of these names: nobody reads its log."""
    from dbt_common.events.base_types import BaseEvent, EventLevel
    from dbt_common.events.event_manager import EventManager
    from dbt_common.events.event_manager_client import ctx_set_event_manager

    grave = (EventLevel.WARN, EventLevel.ERROR)

    class Hearing(EventManager):
        def fire_event(
            self, e: BaseEvent, level: EventLevel | None = None, *args: Any, **kwargs: Any
        ) -> None:
            if type(e).__name__ in names or (level or e.level_tag()) in grave:
                super().fire_event(e, level, *args, **kwargs)

    ctx_set_event_manager(Hearing())


def build_messages_late() -> None:
    """Have events of dbt build their messages when somebody looks into them; of most nobody ever does."""
    from dbt_common.events.base_types import BaseEvent

    build = BaseEvent.__init__

    def keep(event: Any, *args: Any, **kwargs: Any) -> None:
        event.__dict__["_told"] = (args, kwargs)

    def look(event: Any, name: str) -> Any:
        if name != "pb_msg":
            return getattr(event.pb_msg, name)
        if (told := event.__dict__.pop("_told", None)) is None:
            raise AttributeError(name)
        build(event, *told[0], **told[1])
        return event.__dict__["pb_msg"]

    def put(event: Any, name: str, value: Any) -> None:
        if name == "pb_msg":
            event.__dict__[name] = value
        else:
            setattr(event.pb_msg, name, value)

    BaseEvent.__init__, BaseEvent.__getattr__, BaseEvent.__setattr__ = keep, look, put


def guess_types_once() -> None:
    """Have dbt build once, not for every result, what guesses the types of a result's columns."""
    from dbt_common.clients import agate_helper

    build = agate_helper.build_type_tester
    known: dict[Any, Any] = {}

    def build_once(text_columns: Any, string_null_values: Any = ("null", "")) -> Any:
        name = (tuple(text_columns), tuple(string_null_values or ()))
        if name not in known:
            known[name] = build(*name)
        return known[name]

    agate_helper.build_type_tester = build_once


class Templates:
    """The code that jinja made of dbt's templates, kept in a file under the text of each."""

    def __init__(self, directory: Path) -> None:
        tag = f"{sys.implementation.cache_tag}-{version('jinja2')}-{version('dbt-common')}"
        self._path = directory / f"templates.{tag}"
        self._kept = self._read()
        self._learned = False

    def _read(self) -> dict[str, bytes]:
        try:
            found = marshal.loads(self._path.read_bytes())
        except (OSError, ValueError, EOFError, TypeError):
            return {}
        return found if isinstance(found, dict) else {}

    def serve(self) -> None:
        """Have dbt's environments ask here before they compile a text."""
        from dbt_common.clients.jinja import MacroFuzzEnvironment

        MacroFuzzEnvironment.compile = self._asking(MacroFuzzEnvironment.compile)

    def _asking(self, compile: Callable[..., CodeType]) -> Callable[..., CodeType]:
        def ask(environment: Any, source: Any, *args: Any, **kwargs: Any) -> CodeType:
            if args or kwargs or not isinstance(source, str):
                return compile(environment, source, *args, **kwargs)
            name = f"{type(environment).__qualname__} {source}"
            if code := self._kept.get(name):
                return marshal.loads(code)  # type: ignore[no-any-return]
            made = compile(environment, source)
            if len(self._kept) < _MOST:
                self._kept[name] = marshal.dumps(made)
                self._learned = True
            return made

        return ask

    def keep(self) -> None:
        """Write down what was compiled; a place that cannot be written is no error."""
        if self._learned and self._path.parent.is_dir():
            with suppress(OSError):
                replace_bytes(self._path, marshal.dumps(self._kept), durable=False)
        self._learned = False
