"""Is the evidence what it was: the extracts as they landed, and the reports of the checks?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plumbline.audit.case import RESTORE, Case
from plumbline.audit.proof import Difference
from plumbline.landing.manifests import DATA, GONE, MANIFEST, load_numbers

Body = Mapping[str, Any]
_RELAND = "Restore it from a copy. Without it the figures of its publications cannot be computed again."


def check_extracts(case: Case) -> Iterator[Difference]:
    """Check every load that is recorded; those that no kept publication rests on may have been removed."""
    loads = {body["load"]: body for body in case.bodies("load")}
    needed = {load["load"]: load for body in case.kept for load in body["extracts"]}
    yield from _unrecorded(case, loads, needed)
    for number, body in sorted(loads.items()):
        directory = case.home.landing / body["system"] / body["table"] / f"load={number}"
        if not directory.is_dir() and number not in needed:
            case.proof.notes.append(
                f"Load {number} of {body['system']}.{body['table']} was removed; no publication on the shelf "
                "rests on it."
            )
            continue
        case.proof.checked["extracts"] += 1
        what = f"load {number} of {body['system']}.{body['table']}"
        files = {DATA: "parquet_sha256", GONE: "gone_sha256", MANIFEST: "manifest_sha256"}
        for file, digest in files.items():
            if body[digest]:
                yield from case.differing_file(directory / file, body[digest], f"{file} of {what}", _RELAND)


def _unrecorded(case: Case, loads: Mapping[int, Body], needed: Mapping[int, Body]) -> Iterator[Difference]:
    for number, extract in sorted(needed.items()):
        told = loads.get(number)
        if told is None or any(told[name] != extract[name] for name in ("system", "table", "sha256", "rows")):
            yield Difference(
                f"load {number} of {extract['system']}.{extract['table']}, which was published from, is not "
                "recorded",
                str(case.witnessing.ledger.file),
                f"a load record with the SHA-256 {extract['sha256']}",
                f"SHA-256 {told['sha256']}" if told else "no record",
                RESTORE,
            )
    unknown = sorted(number for number in load_numbers(case.home) if number not in loads)
    if unknown:
        names = ", ".join(str(number) for number in unknown[:10])
        case.proof.notes.append(f"Not recorded yet: load {names}; the next run does that.")


def check_reports(case: Case) -> Iterator[Difference]:
    """Check the quality reports of all runs, and that publications name the results that were recorded."""
    recorded = {body["run_id"]: body for body in case.bodies("quality")}
    for body in recorded.values():
        case.proof.checked["reports"] += 1
        path = case.home.quality / body["report"]
        yield from case.differing_file(
            path, body["report_sha256"], f"the quality report of run {body['run_id']}"
        )
    for body in case.publications:
        quality = body["quality"]
        if quality and recorded.get(quality["run_id"]) != quality:
            yield Difference(
                f"{body['publication_id']} names other results than were recorded of run {quality['run_id']}",
                str(case.witnessing.ledger.file),
                str(quality),
                str(recorded.get(quality["run_id"], "no record")),
                RESTORE,
            )
