"""The entry point of `plumb`: find the command, run it, turn errors into words and exit codes.

Exit codes: 0 done; 1 an unexpected or a storage error; 2 a wrong command line, configuration or definition;
3 the quality gate held the publication back; 4 published, or nothing new, but a source could not be read or a
refused extract has not been replaced; 5 another run is at work; 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module

from plumbline import __version__
from plumbline.errors import PlumblineError

COMMANDS = ("run", "demo", "query", "show", "lint", "status", "ui")


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of every command."""
    parser = argparse.ArgumentParser(
        prog="plumb",
        description="Run a company by its indicators: governed metrics, quality before publication, proof.",
        epilog="Start with `plumb run`: it builds and publishes the built-in company. "
        "`plumb COMMAND --help` tells more about a command.",
    )
    parser.add_argument("--version", action="version", version=f"plumb {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name in COMMANDS:
        import_module(f"plumbline.cli.{name}").register(subparsers)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run `plumb` with `arguments` (default: the process's own) and return the exit code."""
    parser = build_parser()
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


if __name__ == "__main__":
    sys.exit(main())
