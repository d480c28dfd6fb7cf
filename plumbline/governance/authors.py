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
# The model, behind the package that may stand before it.
_REF = re.compile(r"""\bref\((?:\s*['"]\w+['"]\s*,)?\s*['"](\w+)['"]""")
_ITEM = re.compile(r" *- *\{? *name: *[\"']?(\w+)")
_HUNK = re.compile(r"^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


@dataclass(frozen=True)
class Passage:
    """A file of the project, or some of its lines (from 1; 0 for all of it).

    Of one that is `recent` only changes since the last good publication count, not the last one ever.
    """

    file: str
    first: int = 0
    last: int = 0
    recent: bool = False

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


class Authors:
    """Who changed what in a project; what git was asked once is not asked again.

    Changes that are not committed are git's user.email's. Nobody is known of a file that git does not know.
    Where the company wants commits signed, who signed is known, and of everything else it is said that
    nobody is.
    """

    def __init__(self, root: Path, trust: Trust) -> None:
        self._root, self._trust = root, trust
        self._found: dict[tuple[Passage, str], list[_Change]] = {}
        self._signers: dict[str, Person | None] = {}
        self._old: dict[str, bool] = {}

    def of(self, passages: Iterable[Passage], since: str = "") -> list[Involved]:
        """Give who last changed each passage, and who else has since a commit, if one is given."""
        found = (
            each
            for passage in dict.fromkeys(passages)
            for change in self._changes(passage, since)
            for each in self._involved(passage, change)
        )
        return list(dict.fromkeys(found))

    def of_metrics(self, definitions: Definitions, metrics: Iterable[str], since: str = "") -> list[Involved]:
        """Give who changed the definitions of metrics, and the models whose rows they count."""
        names = list(metrics)
        made_by = passages_of_marts(self._root, definitions, names)
        return self.of([*passages_of_metrics(self._root, definitions, names), *made_by], since)

    def _changes(self, passage: Passage, since: str) -> list[_Change]:
        if (passage, since) not in self._found:
            self._found[passage, since] = _changes(self._root, passage, since)
        return self._found[passage, since]

    def _involved(self, passage: Passage, change: _Change) -> Iterator[Involved]:
        how = f"last changed {passage}" if change.is_last else f"changed {passage} since it was last good"
        if not self._trust.signed_commits or self._is_old(change.commit):
            if change.who:
                yield Involved(change.who, how)
            return
        signer = self._signer(change.commit) if change.commit else None
        if signer is None:
            commit = change.commit[:12]
            why = f"commit {commit} is signed by no key of the company" if commit else "it is not committed"
            yield Involved(change.who, how, why)
            return
        yield Involved(signer.email, how)
        if not signer.is_known_as(change.who):
            yield Involved(change.who, how)

    def _signer(self, commit: str) -> Person | None:
        if commit not in self._signers:
            self._signers[commit] = signer_of(self._root, commit, self._trust.people)
        return self._signers[commit]

    def _is_old(self, commit: str) -> bool:
        """Tell whether a commit was made before the company had commits signed."""
        since = self._trust.signed_since
        if commit and since and commit not in self._old:
            self._old[commit] = git(self._root, "merge-base", commit, since) == commit
        return self._old.get(commit, False)


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
    yield from _upstream(root, [name])


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
    """Give the models that make the marts whose rows the metrics count, and all that these read."""
    relations = (model.relation for model, _ in _counted(definitions, metrics))
    names = [relation.replace('"', "").rpartition(".")[2] for relation in relations]
    for path in (path for name in names for path in sorted((root / "models").rglob(f"{name}.sql"))):
        yield Passage(path.relative_to(root).as_posix())
    yield from _upstream(root, names)


def _upstream(root: Path, names: Iterable[str]) -> Iterator[Passage]:
    """Give the models that some models read, and those that these read: what changed in them counts, too."""
    files = {path.stem: path for path in sorted((root / "models").rglob("*.sql"))}
    pending, seen = list(names), set(names)
    while pending:
        file = files.get(pending.pop())
        read = _REF.findall(file.read_text(encoding="utf-8")) if file else ()
        for name in dict.fromkeys(name for name in read if name not in seen):
            seen.add(name)
            pending.append(name)
            if name in files:
                yield Passage(files[name].relative_to(root).as_posix(), recent=True)


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
    if not (passage.recent or any(change.who for change in last)):
        told = git(root, "log", "-1", "--no-patch", _FORMAT, *place)
        if passage.first and not (told or is_touched):
            # Lines that git does not know are those of a file that it does not know, either.
            return _changes(root, Passage(passage.file), since)
        last += _Change.of(told)
    more = git(root, "log", "--no-patch", _FORMAT, f"{since}..HEAD", *place) if since else ""
    known = {change.commit for change in last}
    others = [each for each in _Change.of(more, is_last=False) if each.commit not in known]
    return [*(last or [_Change()] * (not passage.recent)), *others]


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
