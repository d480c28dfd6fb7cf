"""The entry point of `plumb`: find the command, run it, turn errors into words and exit codes.

Exit codes: 0 done; 1 an unexpected or a storage error; 2 a wrong command line, configuration or definition;
3 the quality gate held the publication back; 4 published, or nothing new, but a source could not be read, a
refused extract has not been replaced or PostgreSQL is behind; 5 another run is at work; 6 the ledger, or what
it proves, is not what it was; 130 interrupted.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import io
import os
import sys
from importlib import import_module
from typing import NoReturn

from plumbline import __version__
from plumbline.cli.parser import Parser
from plumbline.errors import PlumblineError, disk_is_full, unusable_path

COMMANDS = (
    "run",
    "push",
    "access",
    "demo",
    "query",
    "show",
    "lint",
    "status",
    "quarantine",
    "waiver",
    "restatement",
    "audit",
    "serve",
    "token",
    "mcp",
    "ui",
)


def build_parser(asked: str = "") -> argparse.ArgumentParser:
    """Build the parser of every command, or of the one that is asked for: all of them take longer to load."""
    parser = Parser(
        prog="plumb",
        description="Run a company by its indicators: governed metrics, quality before publication, proof.",
        epilog="Start with `plumb run`: it builds and publishes the built-in company. "
        "`plumb COMMAND --help` tells more about a command.",
    )
    parser.add_argument("--version", action="version", version=f"plumb {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name in (asked,) if asked in COMMANDS else COMMANDS:
        import_module(f"plumbline.cli.{name}").register(subparsers)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run `plumb` with `arguments` (default: the process's own) and return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = build_parser(next(iter(arguments), ""))
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    try:
        return int(options.run(options))
    except PlumblineError as error:
        sys.stdout.flush()
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted: nothing half-done is visible; run the same command again", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"error: {_explained(error)}", file=sys.stderr)
        return 1


def _explained(error: OSError) -> str:
    """Give the words for what the system refuses; raise what only a developer can mend."""
    if disk_is_full(error):
        return f"the output cannot be written: {error.strerror}"
    unusable = unusable_path(error)
    if unusable is None:
        raise error
    return str(unusable)


def console() -> NoReturn:
    """Be the process `plumb`: leave at once when all is done.

    Python would take a second to take apart what Dagster, dbt and Great Expectations have loaded.
    """
    if sys.argv[1:2] == ["query"]:
        gc.disable()  # looking for garbage takes a tenth of the time of one question
    if sys.stdout.encoding.lower() not in ("utf-8", "utf8") and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may lack the characters of a label
    try:
        code = main()
    except SystemExit as leaving:  # argparse: help, or a wrong command line
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    _leave(code)


def _leave(code: int) -> NoReturn:
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # nobody reads any more
        pass
    os._exit(code)


if __name__ == "__main__":
    console()
