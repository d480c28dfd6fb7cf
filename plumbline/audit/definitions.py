"""Are the definitions those that the figures were computed by?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from plumbline.audit.case import RESTORE, Case
from plumbline.audit.proof import Difference
from plumbline.compiler.cache import VERSION
from plumbline.errors import PlumblineError
from plumbline.publication.digests import text_digest
from plumbline.publication.recording import definition_digests, metric_sql

Body = Mapping[str, Any]


def check_definitions(case: Case) -> Iterator[Difference]:
    """Check the copies of the definitions, and the digests of every metric's definition and SQL."""
    seen = set()
    for body in case.kept:
        digest = body["definitions_digest"]
        if not digest or digest in seen:
            continue
        seen.add(digest)
        path = case.shelf.definition(digest)
        case.proof.checked["definitions files"] += 1
        changed = list(case.differing_file(path, digest, "the copy of the metric definitions", RESTORE))
        if path.is_file():
            yield from _changed_definitions(case, body, path)
        yield from changed
        if not changed:
            yield from _changed_sql(case, body, path)


def _changed_definitions(case: Case, body: Body, path: Path) -> Iterator[Difference]:
    try:
        found = definition_digests(path)
    except (ValueError, KeyError, TypeError):
        return  # The digest of the file tells it.
    recorded = body["metrics"]
    for metric in sorted(recorded.keys() | found.keys()):
        case.proof.checked["definitions"] += 1
        expected = recorded.get(metric, {}).get("definition_sha256")
        if expected != found.get(metric):
            yield Difference(
                f"the definition of {metric} is not the one that its figures were published by",
                f"{path}, metric {metric}",
                f"SHA-256 {expected}" if expected else "no such metric",
                f"SHA-256 {found[metric]}" if metric in found else "no such metric",
                RESTORE,
            )


def _changed_sql(case: Case, body: Body, path: Path) -> Iterator[Difference]:
    """Compile every metric again, by the compiler that compiled it then."""
    if body["compiler"] != VERSION:
        case.proof.notes.append(
            f"The SQL of {body['publication_id']} was written by version {body['compiler']} of the compiler; "
            f"this is version {VERSION}, so it was not compiled again."
        )
        return
    for metric, digests in sorted(body["metrics"].items()):
        try:
            found = text_digest([metric_sql(path, metric)])
        except PlumblineError as error:
            found = error.what
        case.proof.checked["compiled metrics"] += 1
        if found != digests["sql_sha256"]:
            yield Difference(
                f"the definition of {metric} gives another SQL than the one that was recorded",
                f"{path}, metric {metric}",
                f"SHA-256 {digests['sql_sha256']}",
                found,
                "Compare the code with the commit that published "
                f"({body['code_commit'] or 'not recorded'}), or restore the definitions from a copy.",
            )
