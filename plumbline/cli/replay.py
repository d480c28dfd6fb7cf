"""`plumb audit replay`: compute a publication again from its extracts, and compare."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.cli.parser import counting_number
from plumbline.counting import counted

if TYPE_CHECKING:
    from plumbline.audit.replay import Replay
    from plumbline.project import Home, Project

_DIFFERS = 6
_MORE = 10
_NAMES = {
    "code_sha256": "files of the project",
    "lock_sha256": "lock file",
    "compiler": "version of the compiler",
    "definitions_digest": "definitions",
}


def register(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the group, and give its parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "replay",
        help="compute a publication again from the extracts that it rests on, and compare",
        description="Compute a publication again in a clean directory: exactly the extracts that its record "
        "names, each held to its SHA-256, the as-of day of then, the project's code as it is now. Every "
        "table and mart that comes out is compared with what was published. The state of the company is "
        "only read.",
        epilog="The directory is made under TMPDIR, and needs the room of the warehouse. "
        "Exit codes: 0 everything comes out the same; 6 something differs, the first row and value "
        "are named; 1 it cannot be replayed: an extract or the publication's file is missing or damaged.",
    )
    parser.add_argument(
        "publication", nargs="?", metavar="PUBLICATION", help="as demo-000012 (default: the current one)"
    )
    parser.add_argument(
        "--threads", type=counting_number, metavar="N", help="default: PLUMBLINE_THREADS, or 2"
    )
    parser.add_argument(
        "--at-commit",
        action="store_true",
        help="with the code of the recorded commit, checked out in a directory of its own (git worktree)",
    )
    parser.add_argument("--keep", action="store_true", help="keep the directory, to look at the warehouse")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Print what came out; exit code 6 when anything differs."""
    from plumbline.audit.replay import find_publication, replay
    from plumbline.cli.audit import home_in
    from plumbline.cli.progress import TerminalProgress
    from plumbline.cli.run import function_of
    from plumbline.ledger import Ledger
    from plumbline.project import Project
    from plumbline.publication import Shelf
    from plumbline.runs import install_progress

    project, home = Project.find(), home_in(options)
    asked = find_publication(Ledger(home.ledger), Shelf(home.published.resolve()), options.publication)
    if options.at_commit:
        return _run_at_commit(project, home, asked.body, options)
    install_progress(TerminalProgress())
    with _clean(options) as clean:
        recompute = function_of(project, "replayer")
        found = replay(project, home, asked, clean, recompute, threads=_threads(options))
        found = replace(found, kept=str(clean.root) if options.keep else "")
    if options.format == "json":
        print(json.dumps(found.as_json(), ensure_ascii=False, indent=2))
    else:
        print("\n".join(_told(found)))
    return _DIFFERS if found.differences else 0


def _run_at_commit(project: Project, home: Home, body: Mapping[str, Any], options: argparse.Namespace) -> int:
    """Have the code of the recorded commit replay; it says itself how far it is that of then."""
    from plumbline.audit.retained import cannot_replay

    with _checked_out(project, body) as place:
        if not (place / "plumbline" / "cli" / "replay.py").is_file():
            why = f"The code of commit {body['code_commit'][:12]} cannot replay yet."
            raise cannot_replay(body, why, "Replay it with the code as it is now.")
        asked = [body["publication_id"], "--company", options.company, "--home", str(home.root)]
        asked += ["--format", options.format, "--threads", str(_threads(options))]
        return subprocess.run(
            [sys.executable, "-m", "plumbline", "audit", "replay", *asked, *(["--keep"] * options.keep)],
            cwd=place,
            env={**os.environ, "PLUMBLINE_PROJECT": str(place)},
        ).returncode


@contextmanager
def _checked_out(project: Project, body: Mapping[str, Any]) -> Iterator[Path]:
    """Check the recorded commit out in a worktree of its own; gives the project's directory there."""
    from plumbline.audit.retained import cannot_replay

    commit, git = body["code_commit"].removesuffix("+"), ["git", "-C", str(project.root)]
    todo = "Replay it with the code as it is now: without --at-commit."
    if not commit:
        raise cannot_replay(body, "The commit of its code is not recorded.", todo)
    with tempfile.TemporaryDirectory(prefix="plumbline-code-") as directory:
        place = Path(directory, "code")
        added = subprocess.run(
            [*git, "worktree", "add", "--quiet", "--detach", str(place), commit],
            capture_output=True,
            text=True,
        )
        if added.returncode:
            raise cannot_replay(body, f"git: {added.stderr.strip()}", todo)
        try:
            asked = [*git, "rev-parse", "--show-prefix"]
            prefix = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
            yield place / prefix
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(place)], capture_output=True)


def _threads(options: argparse.Namespace) -> int:
    return max(1, options.threads or int(os.environ.get("PLUMBLINE_THREADS", "2")))


@contextmanager
def _clean(options: argparse.Namespace) -> Iterator[Home]:
    """Give an empty home in a directory of its own, which goes again unless it is to be kept."""
    from plumbline.project import Home

    directory = Path(tempfile.mkdtemp(prefix="plumbline-replay-"))
    try:
        yield Home(directory)
    finally:
        if not options.keep:
            shutil.rmtree(directory, ignore_errors=True)


def _told(found: Replay) -> Iterator[str]:
    yield (
        f"Replayed {found.publication_id} as of {found.as_of}, from {found.extracts} extracts with "
        f"{found.rows:,} rows, on {counted(found.threads, 'thread')}."
    )
    yield from _verdict(found)
    equal = [table for table in found.tables if not table.difference]
    for schema, what in (("published.", "tables"), ("marts.", "marts")):
        those = [table for table in equal if table.table.startswith(schema)]
        yield f"Equal: {len(those)} {what} with {sum(table.rows for table in those):,} rows"
    yield from _limits(found)
    yield from _code(found)
    if found.kept:
        yield f"Kept: {found.kept}"
    yield f"Seconds: {found.seconds:.1f}"


def _verdict(found: Replay) -> Iterator[str]:
    differences = found.differences
    if not differences:
        yield "Everything comes out as it was published."
        return
    first, *others = differences
    yield f"Not as published: {len(differences)} table{'s' * bool(others)}. The first:"
    yield f"  {first.what[:1].upper()}{first.what[1:]}."
    yield f"    where: {first.where}"
    yield f"    published: {first.expected}"
    yield f"    computed now: {first.found}"
    yield f"    what to do: {first.todo}"
    yield from (f"Also: {other.what} ({other.where})" for other in others[:_MORE])
    if len(others) > _MORE:
        yield f"and {len(others) - _MORE} more; --format json has them all"


def _limits(found: Replay) -> Iterator[str]:
    """Say what cannot be compared, and why."""
    if found.left_out:
        tables = sum(1 for table in found.tables if table.left_out)
        yield (
            f"Left out: {found.left_out:,} values in {tables} tables, which were held back then: they are of "
            "an earlier publication, and rest on its extracts"
        )
    if found.recorded:
        yield (
            f"Not computed: verdicts, and {', '.join(found.recorded)}: what was checked and decided is "
            "recorded; `plumb audit verify` holds it to the ledger"
        )


def _code(found: Replay) -> Iterator[str]:
    files = "every file that counts is as recorded" if found.same_files else "not what was recorded"
    yield f"Code: {files}{':' if found.code else f' (commit {found.commit[:12]})' if found.commit else ''}"
    for change in found.code[:_MORE]:
        old, new = (text[:12] for text in (change.recorded, change.now))
        yield f"  {_NAMES.get(change.what, change.what)}: then {old}, now {new}"
    if len(found.code) > _MORE:
        yield f"  and {len(found.code) - _MORE} more; --format json has them all"
