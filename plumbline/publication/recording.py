"""What the ledger says of loads, definitions, checks and publications: the bodies of its records.

All is computed from what is kept (files, tables, definitions), so that an audit computes the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.compiler import cache as compiled
from plumbline.compiler import compile
from plumbline.errors import StorageError
from plumbline.indicators.questions import alone
from plumbline.landing import Manifest, current_loads, visible_loads
from plumbline.landing.manifests import MANIFEST
from plumbline.ledger import Ledger, Record, canonical_digest
from plumbline.publication.digests import file_digest, text_digest, value_digest
from plumbline.publication.facts import Publication
from plumbline.publication.shelf import Shelf
from plumbline.publication.sql import Column, identifier, literal

if TYPE_CHECKING:
    import duckdb

    from plumbline.project import Home

Body = Mapping[str, Any]
Digests = Mapping[str, Mapping[str, str]]
LEDGER_COLUMNS = (
    Column("seq", "BIGINT"),
    Column("recorded_at", "TIMESTAMP"),
    Column("kind", "VARCHAR"),
    Column("subject", "VARCHAR"),
    Column("body", "VARCHAR"),
    Column("prev", "VARCHAR"),
    Column("hash", "VARCHAR"),
)
VERDICTS = ("passed", "failed", "skipped", "error")


def load_body(manifest: Manifest) -> Body:
    """Describe a load with the digests of its source, its manifest and its Parquet."""
    return {
        "system": manifest.system,
        "table": manifest.table,
        "load": manifest.load,
        "mode": manifest.mode,
        "source": manifest.source,
        "as_of": manifest.as_of.isoformat(),
        "rows": manifest.rows,
        "sha256": manifest.sha256,
        "content_sha256": manifest.content_sha256,
        "manifest_sha256": file_digest(manifest.directory / MANIFEST),
        "parquet_sha256": manifest.parquet_sha256,
        "gone_sha256": manifest.difference.gone_sha256 if manifest.difference else None,
    }


def loads_without_record(ledger: Ledger, home: Home) -> list[Manifest]:
    """Give the visible loads that the ledger does not know."""
    known = {record.body["load"] for record in ledger.scan("load")}
    return [manifest for manifest in visible_loads(home) if manifest.load not in known]


def metric_digests(manifest: Path, cache: Path | None = None) -> Digests:
    """Digest the definition of every metric, and the SQL of the metric alone by month.

    The definition is the metric's node in the semantic manifest without the place where it is written.
    """
    return {
        metric: {
            "definition_sha256": digest,
            "sql_sha256": text_digest([metric_sql(manifest, metric, cache)]),
        }
        for metric, digest in definition_digests(manifest).items()
    }


def definition_digests(manifest: Path) -> Mapping[str, str]:
    """Digest the definition of every metric; ValueError, KeyError or TypeError when the file has none."""
    return {
        node["name"]: canonical_digest({key: value for key, value in node.items() if key != "metadata"})
        for node in json.loads(manifest.read_bytes())["metrics"]
    }


def metric_sql(manifest: Path, metric: str, cache: Path | None = None) -> str:
    """Compile a metric alone, by month."""
    return compile(manifest, alone(metric), "duckdb", cache=cache)


def definition_states(manifest: Path) -> Mapping[str, Mapping[str, str | None]]:
    """Give the version and the status that each definition has."""
    nodes = json.loads(manifest.read_bytes())["metrics"]
    told = {node["name"]: (node.get("config") or {}).get("meta") or {} for node in nodes}
    return {
        name: {key: str(meta[key]) if meta.get(key) else None for key in ("version", "status")}
        for name, meta in told.items()
    }


def definition_changes(
    before: Digests, after: Digests, states: Mapping[str, Mapping[str, str | None]]
) -> Iterator[Body]:
    """Tell which metrics are new, have changed, or are gone, against the publication before."""
    nothing: Mapping[str, str | None] = {"definition_sha256": None, "sql_sha256": None}
    for metric in sorted(before.keys() | after.keys()):
        old, new = before.get(metric, nothing), after.get(metric, nothing)
        if old == new:
            continue
        change = "new" if metric not in before else "changed" if metric in after else "gone"
        previous = {f"{name}_before": digest for name, digest in old.items() if metric in before}
        yield {"metric": metric, "change": change, **states.get(metric, {}), **new, **previous}


def quality_body(con: duckdb.DuckDBPyConnection, run_id: str, report: Path) -> Body:
    """Describe what the gate of a run found: counts by verdict, and digests of the results and the report."""
    relation = identifier("quality", "result")
    counts, digest = quality_facts(con, relation, run_id)
    return {
        "run_id": run_id,
        "evaluated": counts["passed"] + counts["failed"],
        **counts,
        "results_digest": digest,
        "report": report.name,
        "report_sha256": file_digest(report),
    }


def quality_facts(con: duckdb.DuckDBPyConnection, relation: str, run_id: str) -> tuple[dict[str, int], str]:
    """Count the results of a run by verdict and digest them; `relation` is their table, quoted."""
    described = con.execute(f"DESCRIBE {relation}").fetchall()
    columns = [Column(str(row[0]), str(row[1])) for row in described]
    rows = f"(FROM {relation} WHERE run_id = {literal(run_id)})"
    found = con.execute(f"SELECT verdict, count(*) FROM {rows} GROUP BY ALL").fetchall()
    counts = {**dict.fromkeys(VERDICTS, 0), **{str(verdict): int(count) for verdict, count in found}}
    return counts, value_digest(con, rows, columns)[1]


def publication_body(
    publication: Publication,
    home: Home,
    *,
    metrics: Digests,
    quality: Body | None,
    lock: Path,
    inputs: str,
    operator: str,
    holds: int = 0,
    releases: Iterable[int] = (),
    approvals: Iterable[int] = (),
    code: str = "",
) -> Body:
    """Bind a publication to everything that it was made of."""
    shelf = Shelf(home.published.resolve())
    return {
        "publication_id": publication.publication_id,
        "generation": publication.generation,
        "company": publication.company,
        "file": publication.path.name,
        "file_sha256": file_digest(publication.path),
        "facts_sha256": file_digest(shelf.facts(publication.generation)),
        "as_of": publication.as_of.isoformat(),
        "run_id": publication.run_id,
        "code_commit": publication.code_commit,
        "lock_sha256": file_digest(lock) if lock.is_file() else None,
        "compiler": compiled.VERSION,
        "code_sha256": code,
        "inputs": inputs,
        "definitions_digest": publication.definitions_digest,
        "metrics": {name: dict(digests) for name, digests in metrics.items()},
        "extracts": list(_extracts(home)),
        "releases": sorted(set(releases)),
        "approvals": sorted(set(approvals)),
        "quality": None if quality is None else dict(quality),
        "tables": [
            {"schema": table.schema, "table": table.name, "rows": table.rows, "digest": table.digest}
            for table in publication.tables
        ],
        "parts": [{"file": part.file, "sha256": part.sha256} for part in publication.parts],
        "holds": holds,
        "operator": operator,
    }


def _extracts(home: Home) -> Iterator[Body]:
    for load in current_loads(visible_loads(home)):
        yield {
            "system": load.system,
            "table": load.table,
            "load": load.load,
            "sha256": load.sha256,
            "rows": load.rows,
        }


def recorded_generation(ledger: Ledger) -> int:
    """Give the number of the newest generation that the ledger knows; 0 when it knows none."""
    record = ledger.newest("publication")
    return int(record.body["generation"]) if record else 0


def write_ledger(con: duckdb.DuckDBPyConnection, target: str, records: Iterable[Record]) -> None:
    """Create `published.ledger` in the generation `target`: what is recorded until now."""
    rows = [
        (
            str(record.seq),
            record.at.removesuffix("Z"),
            record.kind,
            record.subject,
            record.text.decode(),
            record.prev,
            record.hash,
        )
        for record in records
    ]
    columns = [list(values) for values in zip(*rows, strict=True)] or [[] for _ in LEDGER_COLUMNS]
    # Texts are cast: a list of datetime objects would be bound one by one.
    bound = ", ".join(f"unnest(?::VARCHAR[])::{column.type} AS {column.name}" for column in LEDGER_COLUMNS)
    table = identifier(target, "published", "ledger")
    con.execute(f"CREATE TABLE {table} AS SELECT {bound}", columns)


def roll_forward(ledger: Ledger, home: Home) -> Body | None:
    """Switch to a publication that a crash left recorded and complete but not current; gives its body.

    A `heal` record says so; one whose file is not there, or not whole, is recorded as abandoned. Where
    nothing is current then, because a damaged file was moved away, the newest one before it is switched to.
    """
    record = ledger.newest("publication")
    shelf = Shelf(home.published.resolve())
    if record is None or (shelf.current() or 0) >= (body := record.body)["generation"]:
        return None
    told = {"publication_id": body["publication_id"], "generation": body["generation"]}
    with shelf.locked():
        path = shelf.database(body["generation"])
        if path.is_file() and file_digest(path) == body["file_sha256"]:
            ledger.append("heal", {"what": "switched forward", **told})
            shelf.switch_to(body["generation"])
            return body
        if not any(healed.seq > record.seq for healed in _abandonments(ledger, told["publication_id"])):
            ledger.append("heal", {"what": "publication abandoned", **told})
        return _switch_back(ledger, shelf) if shelf.current() is None else None


def _switch_back(ledger: Ledger, shelf: Shelf) -> Body | None:
    """Switch to the newest publication whose file is whole; gives its body."""
    for record in reversed([*ledger.scan("publication")]):
        body = record.body
        path = shelf.database(body["generation"])
        if path.is_file() and file_digest(path) == body["file_sha256"]:
            told = {"publication_id": body["publication_id"], "generation": body["generation"]}
            ledger.append("heal", {"what": "switched back", **told})
            shelf.switch_to(body["generation"])
            return body
    return None


def require_whole(ledger: Ledger, home: Home) -> None:
    """Raise StorageError when the file that is current is not what was recorded of it."""
    shelf = Shelf(home.published.resolve())
    current = shelf.current()
    recorded = [record.body for record in ledger.scan("publication") if record.body["generation"] == current]
    if current is None or not recorded:
        return
    path = shelf.database(current)
    if file_digest(path) != recorded[-1]["file_sha256"]:
        raise StorageError(
            "the published generation is not what was recorded",
            where=str(path),
            why="Its SHA-256 is another: it was damaged, or changed by somebody.",
            todo="Restore it from a copy; or move it away and run again: the one before it becomes current, "
            "and what is new is published.",
            code="damaged-generation",
        )


def _abandonments(ledger: Ledger, publication_id: str) -> Iterator[Record]:
    for record in ledger.scan("heal"):
        body = record.body
        if body["what"] == "publication abandoned" and body["publication_id"] == publication_id:
            yield record
