"""`plumb run`: land the extracts, build the models, check the quality, publish the indicators."""

from __future__ import annotations

import argparse
import gc
import os
import shlex
import sys
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.cli.built_in import begin_to_grow, day_to_live_to
from plumbline.cli.company import require_company
from plumbline.errors import UsageError
from plumbline.project import Home, Project

if TYPE_CHECKING:
    from plumbline.demo.aside import Generation


# What Dagster makes of SIGTERM, while its steps run and afterwards; before, the signal ends the process.
_TERMINATED, _TERMINATED_CODE = ("DagsterExecutionInterruptedError", "KeyboardInterrupt"), 143


def register(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "run",
        help="land the extracts, build, check and publish the indicators of a company",
        description="Land the extracts of a company's ERP, CRM and OA, build the models, check the quality "
        "and publish one new generation of indicators. Without new data it does nothing and says so.",
        epilog="Exit codes: 0 published, or nothing new; 2 wrong configuration; 3 held back by the quality "
        "gate; 4 published, or nothing new, but a source could not be read, a refused extract has not been "
        "replaced, or PostgreSQL is behind; 5 another run is at work; 6 the ledger is not what it was; "
        "130 stopped by Ctrl-C; 143 ended from outside.",
    )
    parser.add_argument(
        "--company",
        default="demo",
        help="a file in orchestration/sources/ (default: demo, the built-in company)",
    )
    parser.add_argument("--data", metavar="DIR", help="where the extracts lie ({data} in the sources file)")
    parser.add_argument(
        "--as-of",
        metavar="DATE",
        help="the last business day to include (default: the sources file's, or yesterday)",
    )
    parser.add_argument("--full", action="store_true", help="rebuild everything, even without new data")
    parser.add_argument(
        "--format", choices=("table", "json"), default="table", help="the summary as a table or as JSON"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the company's definitions in this process and print what came of it."""
    from plumbline.cli.progress import TerminalProgress
    from plumbline.landing import asked_day
    from plumbline.runs import RunLock, end_now, end_running, install_progress, stopping

    project = Project.find()
    require_company(project, options.company)
    home = project.home(options.company)
    as_of = None if options.as_of is None else asked_day(options.as_of)
    data = _data_directory(project, options, home)
    _look_for_garbage_rarely()
    before = _generation(home)
    with RunLock(home.lock), stopping(partial(_stop, home, options, before)):
        install_progress(TerminalProgress())
        try:
            record = _execute(project, home, options, data, as_of)
        except Exception as error:
            with suppress(OSError):
                end_running(home.runs, "failed", str(error))
            raise
        except BaseException as ended:
            if type(ended).__name__ not in _TERMINATED:
                raise
            end_now(partial(_stop, home, options, before, "from outside"), _TERMINATED_CODE)
    return _report(home, record, options.format)


def _generation(home: Home) -> str:
    return os.readlink(home.current) if home.current.is_symlink() else ""


def _stop(home: Home, options: argparse.Namespace, before: str, how: str = "by you") -> str:
    """Note that the run was stopped, and give its last words."""
    from plumbline.runs import end_running

    end_running(home.runs, "stopped")
    now = _generation(home)
    came = "nothing was published" if now == before else f"{now.removesuffix('.duckdb')} had been published"
    given = {"--company": options.company, "--data": options.data, "--as-of": options.as_of}
    asked = [text for name, value in given.items() if value for text in (name, value)]
    command = shlex.join(["plumb", "run", *asked, *(["--full"] if options.full else [])])
    return f"stopped {how}; {came}; run again with `{command}`"


def _look_for_garbage_rarely() -> None:
    """Spare the imports of Dagster and Great Expectations half a second of looking at what stays anyway."""
    gc.set_threshold(50_000, 20, 100)


def _is_built_in(options: argparse.Namespace) -> bool:
    """Tell whether this run generates its own extracts."""
    return bool(options.company == "demo" and options.data is None)


def _data_directory(project: Project, options: argparse.Namespace, home: Home) -> Path:
    if options.data is None:
        if not (home.data.is_dir() or _is_built_in(options)):
            _require_no_data(project, options.company)
        return home.data
    directory = Path(options.data).resolve()
    if not (options.data and directory.is_dir()):
        raise UsageError(
            f"{options.data or repr(options.data)} is no directory",
            where="--data",
            todo="Name the directory of the extracts.",
            code="no-data",
        )
    return directory


def _require_no_data(project: Project, company: str) -> None:
    """Raise UsageError when a system of the company lies under {data}, and nobody said where that is."""
    from plumbline.landing import load_sources

    for system in load_sources(project, company).systems.values():
        if "{data}" in system.location:
            raise UsageError(
                f"company {company!r} needs --data DIR",
                where=system.where,
                why=f"its {system.label} lies in {system.location}.",
                todo="Name the directory of the extracts with --data.",
                code="no-data",
            )


def _execute(
    project: Project, home: Home, options: argparse.Namespace, data: Path, as_of: date | None
) -> dict[str, Any]:
    """Load the code location that pyproject.toml names, and run its daily job in this process."""
    os.environ["PLUMBLINE_COMPANY"] = options.company
    os.environ["PLUMBLINE_PROJECT"] = str(project.root)
    launcher = function_of(project, "launcher")
    if _is_built_in(options):
        as_of = day_to_live_to(home.data, as_of)

    def grow() -> Generation | None:
        return begin_to_grow(home.data, as_of) if _is_built_in(options) and as_of else None

    record: dict[str, Any] = launcher(
        project, home, options.company, data=data, as_of=as_of, full=options.full, grow=grow
    )
    return record


def launcher_name(project: Project) -> str:
    """Give `module:function` of the project's launcher, as pyproject.toml names it."""
    return _named(project, "launcher")


def function_of(project: Project, name: str) -> Any:
    """Import a function of the project's own code: `launcher` or `parser`, as pyproject.toml names it."""
    from importlib import import_module

    sys.path.insert(0, str(project.root))
    module, _, function = _named(project, name).partition(":")
    return getattr(import_module(module), function)


def _named(project: Project, name: str) -> str:
    import tomllib

    settings = tomllib.loads((project.root / "pyproject.toml").read_text(encoding="utf-8"))
    return str(settings["tool"]["plumbline"][name])


def _report(home: Home, record: dict[str, Any], style: str) -> int:
    from plumbline.cli.holds import read_holds
    from plumbline.cli.summary import exit_code, print_summary
    from plumbline.cli.waiting import read_waiting

    print_summary(home, record, style)
    return exit_code(record, holds=bool(read_holds(home) or read_waiting(home)))
