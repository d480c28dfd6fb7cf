"""`plumb ui`: Dagster's pages over the definitions and runs of a company."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from plumbline.cli.company import require_company
from plumbline.cli.run import launcher_name
from plumbline.project import Home, Project


def register(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "ui",
        help="open Dagster's pages: assets, lineage, checks, runs, schedule",
        description="Start `dagster dev` on the state of a company, so that its runs are shown too.",
    )
    parser.add_argument("--company", default="demo", help="a file in orchestration/sources/ (default: demo)")
    parser.add_argument("--data", metavar="DIR", help="where the extracts lie")
    parser.add_argument("--port", type=port, default=3000, help="where the pages are served (default: 3000)")
    parser.set_defaults(run=run)


def port(text: str) -> int:
    """Read the number of a port; argparse tells of any other."""
    if text.isdecimal() and 0 < int(text) < 65_536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 1 to 65535")


def _instance_home(project: Project, home: Home) -> Path:
    from importlib import import_module

    directory: Path = import_module(launcher_name(project).partition(":")[0]).instance_home(home)
    return directory


def run(options: argparse.Namespace) -> int:
    """Replace this process by `dagster dev`."""
    project = Project.find()
    require_company(project, options.company)
    home = project.home(options.company)
    sys.path.insert(0, str(project.root))
    directory = _instance_home(project, home)
    os.environ |= {
        "DAGSTER_HOME": str(directory),
        "PLUMBLINE_COMPANY": options.company,
        "PLUMBLINE_PROJECT": str(project.root),
    }
    if options.data:
        os.environ["PLUMBLINE_DATA"] = str(Path(options.data).resolve())
    command = str(Path(sys.executable).with_name("dagster"))
    os.chdir(project.root)
    os.execv(command, [command, "dev", "-m", "orchestration.definitions", "-p", str(options.port)])
