"""Who last changed what a check or a figure rests on: its suite, its model, its definition, as git has it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from plumbline.definitions import Definitions
from plumbline.governance.passage import Passage
from plumbline.governance.passages import Passages
from plumbline.governance.people import Involved, git, signer_of
from plumbline.governance.trust import Person, Trust

# Commit and author.
_FORMAT = "--format=%H %ae"
# The files of each commit, as seen from the project.
_NAMES = ("-z", "--relative", "--name-only", "--format=")
_HUNK = re.compile(r"^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


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
        self._files: dict[str, frozenset[str]] = {}
        self.passages = Passages(root, trust.company)

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
        made_by = self.passages.of_marts(definitions, names)
        return self.of([*self.passages.of_metrics(definitions, names), *made_by], since)

    def _changes(self, passage: Passage, since: str) -> list[_Change]:
        if passage.recent and not passage.is_in(self._touched(since)):
            return []
        if (passage, since) not in self._found:
            self._found[passage, since] = _changes(self._root, passage, since)
        return self._found[passage, since]

    def _touched(self, since: str) -> frozenset[str]:
        """Name the files that have changed since a commit, or are not committed."""
        if since not in self._files:
            told = [
                git(self._root, "diff", "-z", "--relative", "--name-only", "HEAD"),
                git(self._root, "ls-files", "-z", "--others", "--exclude-standard"),
                *([git(self._root, "log", "-m", *_NAMES, f"{since}..HEAD")] if since else ()),
            ]
            self._files[since] = frozenset(name.strip() for text in told for name in text.split("\0"))
        return self._files[since]

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
