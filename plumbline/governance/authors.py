"""Who last changed what a check or a figure rests on: its suite, its model, its definition, as git has it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from plumbline.definitions import Definitions, Measure, SemanticModel
from plumbline.governance.people import Involved, git, signer_of
from plumbline.governance.trust import Person, Trust

_SUITES = "expectations"
_STAGES = ("landing", "staging", "marts", "indicators")
# Commit and author.
_FORMAT = "--format=%H %ae"
_ITEM = re.compile(r" *- *\{? *name: *[\"']?(\w+)")
_HUNK = re.compile(r"^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


@dataclass(frozen=True)
class Passage:
    """A file of the project, or some of its lines (from 1; 0 for all of it)."""

    file: str
    first: int = 0
    last: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.first}" if self.first else self.file


@dataclass(frozen=True)
class _Change:
    """A change of a passage: who claims it, the commit ('' where it is not committed), whether it is last."""

    who: str = ""
    commit: str = ""
    is_last: bool = True

    @classmethod
    def of(cls, lines: str, *, is_last: bool = True) -> list[_Change]:
        """Read what git says in `_FORMAT`, a line per commit."""
        parts = (line.partition(" ") for line in lines.splitlines())
        return [cls(who, commit, is_last) for commit, _, who in parts]


def authors(root: Path, passages: Iterable[Passage], trust: Trust, since: str = "") -> list[Involved]:
    """Give who last changed each passage, and who else has since a commit, if one is given.

    Changes that are not committed are git's user.email's. Nothing where git does not know the file. Where the
    company wants commits signed, who signed is known, and of everything else it is said that nobody is.
    """
    changes = {passage: _changes(root, passage, since) for passage in dict.fromkeys(passages)}
    commits = {change.commit for found in changes.values() for change in found if change.commit}
    asked = sorted(commit for commit in commits if trust.signed_commits and not _is_old(root, commit, trust))
    signers = {commit: signer_of(root, commit, trust.people) for commit in asked}
    found: list[Involved] = []
    for passage, change in ((passage, change) for passage, each in changes.items() for change in each):
        how = f"last changed {passage}" if change.is_last else f"changed {passage} since it was last good"
        if change.commit in signers or (trust.signed_commits and not change.commit):
            found += _proven(how, change, signers.get(change.commit))
        elif change.who:
            found.append(Involved(change.who, how))
    return list(dict.fromkeys(found))


def _is_old(root: Path, commit: str, trust: Trust) -> bool:
    """Tell whether a commit was made before the company had commits signed."""
    since = trust.signed_since
    return bool(since) and git(root, "merge-base", commit, since) == commit


def _proven(how: str, change: _Change, signer: Person | None) -> Iterator[Involved]:
    """Give who signed a change, and who claims to be its author, if that is another."""
    if signer is None:
        commit = change.commit[:12]
        why = f"commit {commit} is signed by no key of the company" if commit else "it is not committed"
        yield Involved(change.who, how, why)
        return
    yield Involved(signer.email, how)
    if not signer.is_known_as(change.who):
        yield Involved(change.who, how)


def passages_of_check(root: Path, stage: str, table: str) -> Iterator[Passage]:
    """Give where a check of a table is written, and the model that makes the table."""
    _, _, name = table.rpartition(".")
    own = root / _SUITES / f"{stage}.py"
    others = (file for file in sorted((root / _SUITES).glob("*.py")) if file.stem not in _STAGES)
    for file in (own, *others):
        if file.is_file():
            name_of_file = file.relative_to(root).as_posix()
            found = [Passage(name_of_file, *lines) for lines in _lines_of_suites(file, {table, name})]
            yield from found or [Passage(name_of_file)] * (file == own)
    for suffix in ("sql", "yml"):
        for path in sorted((root / "models").rglob(f"{name}.{suffix}")):
            yield Passage(path.relative_to(root).as_posix())


def passages_of_metrics(root: Path, definitions: Definitions, metrics: Iterable[str]) -> Iterator[Passage]:
    """Give where metrics are defined, with all that go into them: other metrics, and measures."""
    pending, seen = [*metrics], set()
    yield from _passages_of_measures(root, definitions, pending)
    while pending:
        name = pending.pop()
        metric = definitions.metrics.get(name)
        if metric is None or name in seen:
            continue
        seen.add(name)
        pending += [item.name for item in metric.inputs]
        file = root / metric.location.file
        if file.is_file():
            yield Passage(metric.location.file, *_block(file, metric.location.line))


def passages_of_marts(root: Path, definitions: Definitions, metrics: Iterable[str]) -> Iterator[Passage]:
    """Give the models that make the marts whose rows the metrics count."""
    for model, _ in _counted(definitions, metrics):
        name = model.relation.replace('"', "").rpartition(".")[2]
        for path in sorted((root / "models").rglob(f"{name}.sql")):
            yield Passage(path.relative_to(root).as_posix())


def involved_in_metrics(
    root: Path, definitions: Definitions, metrics: Iterable[str], trust: Trust, since: str = ""
) -> list[Involved]:
    """Give who changed the definitions of metrics, and the models whose rows they count: last, or since."""
    names = list(metrics)
    passages = [*passages_of_metrics(root, definitions, names), *passages_of_marts(root, definitions, names)]
    return authors(root, passages, trust, since)


def _counted(
    definitions: Definitions, metrics: Iterable[str]
) -> Iterator[tuple[SemanticModel, list[Measure]]]:
    """Give the semantic models whose rows the metrics count, each with the measures that do it."""
    wanted = {measure for name in metrics for measure in _measures(definitions, name, set())}
    for model in definitions.models.values():
        if measures := [measure for measure in model.measures if measure.name in wanted]:
            yield model, measures


def _passages_of_measures(root: Path, definitions: Definitions, metrics: Iterable[str]) -> Iterator[Passage]:
    """Give where the measures of metrics are written, and what their semantic models say before all measures.

    Where a measure is not found, that is the whole semantic model.
    """
    for model, measures in _counted(definitions, metrics):
        file = root / model.location.file
        if not file.is_file():
            continue
        first, last = _block(file, model.location.line)
        lines = file.read_text(encoding="utf-8").splitlines()[:last]
        numbered = [*enumerate(lines, start=1)][max(first - 1, 0) :]
        begin = next((number for number, text in numbered if text.strip() == "measures:"), 0)
        if begin:
            yield Passage(model.location.file, first, begin)
        found = {match[1]: at for at, text in numbered if at > begin > 0 and (match := _ITEM.match(text))}
        for measure in measures:
            at = found.get(measure.name)
            yield Passage(model.location.file, *(_block(file, at) if at else (first, last)))


def _measures(definitions: Definitions, name: str, seen: set[str]) -> set[str]:
    metric = definitions.metrics.get(name)
    if metric is None or name in seen:
        return set()
    seen.add(name)
    below = (_measures(definitions, item.name, seen) for item in metric.inputs)
    return {item.name for item in metric.measures}.union(*below)


def _lines_of_suites(file: Path, names: set[str]) -> Iterator[tuple[int, int]]:
    """Find the calls that write suites of a table: their first argument names it."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        if isinstance(node.args[0], ast.Constant) and node.args[0].value in names:
            yield node.lineno, node.end_lineno or node.lineno


def _block(file: Path, line: int) -> tuple[int, int]:
    """Give the lines of an item of a YAML list: up to the next one that is indented no deeper."""
    lines = file.read_text(encoding="utf-8").splitlines()
    if not 0 < line <= len(lines):
        return 0, 0
    depth = _indent(lines[line - 1])
    last = line
    for number in range(line + 1, len(lines) + 1):
        if lines[number - 1].strip() and _indent(lines[number - 1]) <= depth:
            break
        last = number
    return line, last


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _changes(root: Path, passage: Passage, since: str) -> list[_Change]:
    """Give the last change of a passage, then those that were committed since a commit."""
    place, is_touched = _place(root, passage)
    last = [_Change(git(root, "config", "user.email"))] if is_touched else []
    if not any(change.who for change in last):
        told = git(root, "log", "-1", "--no-patch", _FORMAT, *place)
        if passage.first and not (told or is_touched):
            # Lines that git does not know are those of a file that it does not know, either.
            return _changes(root, Passage(passage.file), since)
        last += _Change.of(told)
    more = git(root, "log", "--no-patch", _FORMAT, f"{since}..HEAD", *place) if since else ""
    known = {change.commit for change in last}
    others = [each for each in _Change.of(more, is_last=False) if each.commit not in known]
    return [*(last or [_Change()]), *others]


def _place(root: Path, passage: Passage) -> tuple[tuple[str, ...], bool]:
    """Tell git where a passage is in what is committed, and whether something in it is not."""
    file = ("--", passage.file)
    if not passage.first:
        return file, bool(git(root, "status", "--porcelain", "--untracked-files=all", *file))
    shift = 0
    for at, removed, added in _uncommitted(root, passage.file):
        # Where lines were only taken out, git names the one before; some of them may have been its own.
        first = at - 1 if 0 < added < removed else at
        last = at + max(added, 1) - 1
        if first <= passage.last and last >= passage.first:
            return file, True
        shift += added - removed if last < passage.first else 0
    # Lines that are gone have an author, too: `git blame` knows only of those that are there.
    return (f"-L{passage.first - shift},{passage.last - shift}:{passage.file}",), False


def _uncommitted(root: Path, file: str) -> Iterator[tuple[int, int, int]]:
    """Give where a file differs from what is committed: line, lines removed, lines added."""
    told = git(root, "diff", "--unified=0", "--no-color", "--no-ext-diff", "HEAD", "--", file)
    for removed, at, added in _HUNK.findall(told):
        yield int(at), int(removed or 1), int(added or 1)
