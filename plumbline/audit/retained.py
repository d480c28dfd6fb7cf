"""The extracts that a publication rests on: held to what was recorded, and put together in a clean place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plumbline.errors import StorageError
from plumbline.landing.manifests import DATA, GONE, MANIFEST
from plumbline.publication.digests import file_digest

Body = Mapping[str, Any]
_DIGESTS = {DATA: "parquet_sha256", GONE: "gone_sha256", MANIFEST: "manifest_sha256"}
_NAMED = 5


@dataclass(frozen=True)
class Extract:
    """One load: its directory under landing/, and the SHA-256 of each of its files."""

    name: str
    place: Path
    files: Mapping[str, str]

    def bring(self, landing: Path, clean: Path) -> Iterator[str]:
        """Put its files under another landing/, and say which are gone, or are not what was recorded.

        Files are linked where the disk is the same. What has been brought is looked at: that is what will be
        computed from.
        """
        (clean / self.place).mkdir(parents=True)
        for file, digest in self.files.items():
            path = landing / self.place / file
            try:
                found = file_digest(_linked(path, clean / self.place / file))
            except FileNotFoundError:
                yield f"{path} is gone ({self.name})"
                continue
            if found != digest:
                yield f"{path} is not what was recorded ({self.name}): its SHA-256 is {found[:12]}…"


def _linked(path: Path, to: Path) -> Path:
    try:
        os.link(path, to)
    except OSError:
        shutil.copyfile(path, to)
    return to


def extracts_of(publication: Body, loads: Iterable[Body], released: Collection[int]) -> list[Extract]:
    """Give the loads that a publication names, and those in which `released` rows are told by their content.

    Raises StorageError for one of which the ledger has no record.
    """
    known = {load["load"]: load for load in loads}
    named = {extract["load"]: extract for extract in publication["extracts"]}
    for number, extract in named.items():
        load = known.get(number)
        if load is None or load["sha256"] != extract["sha256"]:
            name = f"Load {number} of {extract['system']}.{extract['table']}"
            raise cannot_replay(publication, f"{name} is not recorded.", "Restore the ledger from a copy.")
    return [_extract(known[number]) for number in sorted({*named, *released} & known.keys())]


def _extract(load: Body) -> Extract:
    return Extract(
        f"load {load['load']} of {load['system']}.{load['table']}",
        Path(load["system"], load["table"], f"load={load['load']}"),
        {file: load[digest] for file, digest in _DIGESTS.items() if load[digest]},
    )


def bring_together(publication: Body, extracts: Sequence[Extract], landing: Path, clean: Path) -> None:
    """Bring the extracts into a clean landing/; StorageError names those that are missing or damaged."""
    troubles = [trouble for extract in extracts for trouble in extract.bring(landing, clean)]
    if troubles:
        more = [f"and {len(troubles) - _NAMED} more"] if len(troubles) > _NAMED else []
        raise cannot_replay(
            publication,
            "\n  ".join([*troubles[:_NAMED], *more]),
            "Restore it from a copy: the figures rest on it. `plumb audit verify` names all that differs.",
        )


def cannot_replay(publication: Body, why: str, todo: str) -> StorageError:
    """Say that a publication cannot be computed again."""
    return StorageError(
        f"{publication['publication_id']} cannot be replayed", why=why, todo=todo, code="cannot-replay"
    )
