"""dbt in a process of its own, so that its seconds of start and parsing pass while others work.

The worker reads one JSON command per line (`{"args": ["parse"]}`) and answers with lines of JSON:
`{"node": name}` while nodes finish, then `{"results": [...]}` or `{"error": {...}}`. It dies when its input
closes, so a killed run leaves no process that holds the warehouse.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchestration.dbt_runner import NODE_FINISHED, Dbt, NodeResult
from orchestration.dbt_shortcuts import Templates, remember_types, take_shortcuts
from orchestration.parsed import digest_parsed, kept_for
from plumbline.errors import PlumblineError, as_record, from_record
from plumbline.project import Home, Project

_PREPARED = "prepared"


class DbtWorker:
    """The caller's side: start it early, `invoke` commands, `close` it.

    `prepared` tells that `home` has what dbt makes of the files as they are now: nothing is parsed then.
    """

    def __init__(self, project: Project, home: Home, *, prepared: bool = False) -> None:
        # A file, since nobody reads a pipe while dbt works, and a full one would stop it.
        self._trouble = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "orchestration.dbt_worker", str(project.root), str(home.root)),
                *([_PREPARED] if prepared else []),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._trouble,
            text=True,
            encoding="utf-8",
            cwd=project.root,
        )

    def send(self, args: Sequence[str]) -> None:
        """Ask for a command without waiting for its answer; `answer` gives it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"args": list(args)}) + "\n")
        self._process.stdin.flush()

    def answer(self, on_node: Callable[[str], None] | None = None) -> tuple[NodeResult, ...]:
        """Wait for the answer to the oldest command that was sent; raises what the worker met."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "node" in message:
                if on_node:
                    on_node(message["node"])
            elif "error" in message:
                raise from_record(message["error"])
            else:
                return tuple(NodeResult(**result) for result in message["results"])
        self._process.wait()
        self._trouble.seek(0)
        trouble = self._trouble.read()
        raise PlumblineError(
            "dbt ended without an answer",
            why=(trouble.strip().splitlines() or ["It said nothing."])[-1],
            todo="Run again; the next run rebuilds what was left half done.",
            code="dbt-ended",
        )

    def invoke(
        self, args: Sequence[str], on_node: Callable[[str], None] | None = None
    ) -> tuple[NodeResult, ...]:
        """Send a command and wait for its answer."""
        self.send(args)
        return self.answer(on_node)

    def close(self) -> None:
        """End the worker, whatever it does."""
        self._process.kill()
        self._process.communicate()
        self._trouble.close()


def main(arguments: list[str]) -> None:
    """Answer commands until standard input closes."""
    project, home = Project(Path(arguments[0])), Home(Path(arguments[1]))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    dbt = Dbt(project, home, on_node=lambda name: _say(answers, {"node": name}))
    commands: queue.Queue[list[str]] = queue.Queue()
    threading.Thread(target=_listen, args=(commands,), daemon=True).start()
    # Looking for garbage takes a tenth of dbt's time, and this process ends with its run.
    gc.disable()
    _import_dbt()
    templates = Templates(kept_for(project, digest_parsed(project)))
    take_shortcuts(templates, NODE_FINISHED)
    if _PREPARED in arguments[2:]:
        dbt.take_parsed()
        dbt.warm_up()
    while True:
        answer = _run(dbt, commands.get())
        # Before the answer: the caller may end this process when it has it.
        templates.keep()
        _say(answers, answer)


def _listen(commands: queue.Queue[list[str]]) -> None:
    for line in sys.stdin:
        commands.put(json.loads(line)["args"])
    os._exit(0)


def _import_dbt() -> None:
    import warnings

    from mashumaro.config import BaseConfig

    # dbt's classes for messages get their readers and writers when one is first used: few ever are.
    BaseConfig.lazy_compilation = True
    remember_types()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dbt.adapters.duckdb
        import dbt.cli.main  # noqa: F401


def _run(dbt: Dbt, args: list[str]) -> dict[str, Any]:
    try:
        return {"results": [asdict(result) for result in dbt.invoke(args)]}
    except PlumblineError as error:
        return {"error": as_record(error)}


def _say(stream: Any, message: dict[str, Any]) -> None:
    stream.write(json.dumps(message) + "\n")
    stream.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
