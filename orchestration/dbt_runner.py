"""Run dbt in this process and say what it did, without its banner and without a traceback."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from orchestration.parsed import PARSED
from plumbline.errors import ConfigurationError, PlumblineError, disk_is_full, full_disk
from plumbline.project import Home, Project

_QUIET = ("--quiet", "--no-use-colors", "--log-level", "none", "--log-level-file", "none")
# Every seed and model, in one go; seeds cost as much as small models.
BUILD = ("build", "--resource-type", "seed", "--resource-type", "model")
# The event that tells of a node that is done.
NODE_FINISHED = "LogModelResult"
# The event with what dbt has against metrics; its error says only that there is something.
_METRICS_INVALID = "SemanticValidationFailure"
_BUILT = ("seed", "model")
_CHOSEN = "plumbline:chosen"
_NOISE = (
    "Runtime Error",
    "Compilation Error",
    "Database Error",
    "compiled code at",
    "> in macro",
    "> called",
)
_FILE_NAMED = re.compile(r"\(((?:models|metrics|macros|seeds)/[^()\s]+)\)")
_QUOTED = re.compile(r"""(?<!\w)["'`]([^"'`\n]+)["'`]""")
_SHOWN = 10
_FAILED = ("error", "fail", "runtime error", "partial success")


class ModelError(PlumblineError):
    """A model or a dbt test failed; the tables that it would have replaced are as they were."""

    default_code = "model"


class DefinitionsError(ConfigurationError):
    """The dbt project cannot be read."""

    default_code = "dbt-project"


@dataclass(frozen=True)
class NodeResult:
    """What dbt did with one node; `rows` where the database tells them."""

    unique_id: str
    status: str
    seconds: float
    rows: int | None
    message: str


def run_dbt(
    project: Project, home: Home, args: Sequence[str], *, threads: int | None = None
) -> tuple[NodeResult, ...]:
    """Run one dbt command, such as `[*BUILD, "--full-refresh"]`, against a company's warehouse.

    Raises DefinitionsError when the project cannot be read, ModelError when a node fails, and StorageError
    when the disk is full. The connections are closed afterwards, so that others can open the warehouse.
    """
    return Dbt(project, home, threads=threads).invoke(args)


class Dbt:
    """dbt in this process; what one command has parsed serves the next."""

    def __init__(
        self,
        project: Project,
        home: Home,
        *,
        threads: int | None = None,
        on_node: Callable[[str], None] | None = None,
        manifest: Any = None,
    ) -> None:
        self._project = project
        self._home = home
        self._threads = threads
        self._on_node = on_node
        self.manifest = manifest
        self._objections: list[str] = []

    def take_parsed(self) -> None:
        """Start from what was parsed before, which the caller knows to be of the files as they are now."""
        from dbt.contracts.graph.manifest import Manifest

        try:
            manifest = Manifest.from_msgpack((self._home.target / PARSED).read_bytes())
        except (OSError, ValueError):
            return  # dbt parses by itself, then
        manifest.build_flat_graph()
        self.manifest = manifest

    def warm_up(self) -> None:
        """Do ahead what every command begins with, by one that needs neither warehouse nor parsing."""
        if self.manifest is not None:
            self.invoke(["parse", "--no-write-json"])

    def invoke(self, args: Sequence[str]) -> tuple[NodeResult, ...]:
        """Run one dbt command; see `run_dbt`."""
        self._home.target.mkdir(parents=True, exist_ok=True)
        self._objections.clear()
        with _environment(self._project, self._home, self._threads), _quiet_imports():
            outcome = self._invoke(args)
        if args[0] == "parse" and outcome.success:
            self.manifest = outcome.result
        results = _results(outcome.result)
        failures = [node for node in results if node[1].status in _FAILED]
        full = next((text for text in _told(failures, outcome) if disk_is_full(text)), None)
        if full is not None:
            raise full_disk(str(self._home.warehouse), _plain(full))
        if failures:
            raise _model_error(failures)
        if not outcome.success:
            told = self._objections or [str(outcome.exception or "dbt gave no reason.")]
            raise _definitions_error(self._project, "\n".join(told))
        return tuple(result for _, result in results)

    def _invoke(self, args: Sequence[str]) -> Any:
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        root = str(self._project.root)
        target = str(self._home.target)
        where = ["--project-dir", root, "--profiles-dir", root, "--target-path", target, "--log-path", target]
        runner = dbtRunner(manifest=self.manifest, callbacks=[self._hear])
        try:
            return runner.invoke([*_QUIET, *self._by_tag(args), *where])
        finally:
            DuckDBConnectionManager.close_all_connections()

    def _by_tag(self, args: Sequence[str]) -> list[str]:
        """Ask for the named models by one tag: dbt compares every name with every node, three times over."""
        if self.manifest is None or args[0] != "build" or "--select" not in args:
            return list(args)
        first = list(args).index("--select") + 1
        names = list(takewhile(lambda word: not word.startswith("-"), args[first:]))
        nodes = [node for node in self.manifest.nodes.values() if node.resource_type in _BUILT]
        if not {node.name for node in nodes}.issuperset(names):
            return list(args)
        for node in nodes:
            others = [tag for tag in node.tags if tag != _CHOSEN]
            node.tags = [*others, _CHOSEN] if node.name in names else others
        return [*args[:first], f"tag:{_CHOSEN}", *args[first + len(names) :]]

    def _hear(self, event: Any) -> None:
        if event.info.name == _METRICS_INVALID and event.info.level == "error":
            self._objections.append(str(event.data.msg).partition("Traceback:")[0])
        if self._on_node and event.info.name == NODE_FINISHED:
            self._on_node(event.data.node_info.node_name)


def staging_models(project: Project) -> list[str]:
    """Name the staging models: macros/staging/staging_models.sql needs them before dbt has its graph."""
    return sorted(path.stem for path in (project.root / "models" / "staging").glob("*/stg_*.sql"))


@contextmanager
def _environment(project: Project, home: Home, threads: int | None) -> Iterator[None]:
    wanted = {
        "PLUMBLINE_WAREHOUSE": str(home.warehouse),
        "PLUMBLINE_STAGING_MODELS": " ".join(staging_models(project)),
    }
    if threads is not None:
        wanted["PLUMBLINE_THREADS"] = str(threads)
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _quiet_imports() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _results(result: Any) -> list[tuple[Any, NodeResult]]:
    """Pair dbt's nodes with what became of them; nothing for commands that run no nodes."""
    return [
        (
            found.node,
            NodeResult(
                found.node.unique_id,
                str(found.status),
                float(found.execution_time),
                _rows(found.adapter_response),
                str(found.message or ""),
            ),
        )
        for found in getattr(result, "results", ())
        if hasattr(found, "node")
    ]


def _rows(response: dict[str, Any] | None) -> int | None:
    rows = (response or {}).get("rows_affected")
    return int(rows) if rows is not None and int(rows) >= 0 else None


def _told(failures: list[tuple[Any, NodeResult]], outcome: Any) -> list[str]:
    return [*(result.message for _, result in failures), str(outcome.exception or "")]


def _model_error(failures: list[tuple[Any, NodeResult]]) -> ModelError:
    node, result = failures[0]
    others = [other.name for other, _ in failures[1:]]
    kind = "model" if str(node.resource_type) == "model" else str(node.resource_type).replace("_", " ")
    return ModelError(
        f"{kind} '{node.name}' failed" + (f"; so did {', '.join(others)}" if others else ""),
        where=str(Path(node.original_file_path)),
        why=_plain(result.message),
        todo="The tables are as they were before. Mend the model or its source, and run again.",
    )


def _definitions_error(project: Project, message: str) -> DefinitionsError:
    """Say what is wrong by file and line, where the files themselves tell; else in the words of dbt."""
    from plumbline.governance import written_mistakes

    if found := written_mistakes(project.root):
        first, others = found[0], found[1:]
        return DefinitionsError(
            first.what,
            where=str(first.location),
            why=first.todo,
            todo="\n  ".join(str(finding).replace("\n", "\n  ") for finding in others[:_SHOWN]),
            code=first.code,
        )
    named = _FILE_NAMED.search(message)
    return DefinitionsError(
        "the dbt project cannot be read",
        where=named[1] if named else _line_of(project.root, message) or "dbt_project.yml",
        why=_plain(message),
        todo="Mend it, and run again. What is published stays as it is.",
    )


def _line_of(root: Path, message: str) -> str:
    """Name the one line of metrics/ that has what dbt quotes, or that defines what is called so."""
    lines = [
        (f"{path.relative_to(root)}:{number}", line)
        for path in sorted((root / "metrics").rglob("*.yml"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    ]
    for quoted in _QUOTED.findall(message):
        having = [place for place, line in lines if quoted in line]
        defining = [place for place, line in lines if re.search(rf"name: {re.escape(quoted)}\s*$", line)]
        for found in (having, defining):
            if len(found) == 1:
                return found[0]
    return ""


def _plain(message: str) -> str:
    """Keep what the database or dbt said; drop the lines that only repeat where."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(_NOISE)]
    return "\n  ".join(kept or lines)
