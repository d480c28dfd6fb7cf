"""The SQL of every model, compiled for lineage: whole models, never the forms that only take what is new.

`target/lineage/<digest>/` beside the project holds it, and what lineage made of it, for every company; `make
setup` fills it. A metric that is changed changes no model: only what metrics rest on is found anew.
`python -m orchestration.lineage PROJECT HOME` prepares a company in a process of its own.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestration import parsed
from plumbline.errors import PlumblineError
from plumbline.lineage import (
    LINEAGE,
    RELATIONS,
    Relation,
    code_digest,
    read_lineage,
    write_relations,
)
from plumbline.project import Home, Project
from plumbline.replacing import temporary

_STAMP, _MODELS = "relations.digest", "models.digest"
_RUN = "landing_run"
_LANDED = ("_load", "_row_number")
_VERDICTS = ("_verdict", "_reason", "_row_key", "_problem", "_judged_load")
_GROWS = "it grows from run to run, so what it holds does not follow from its SQL alone"


def prepare_lineage(project: Project, home: Home) -> None:
    """Give a company the SQL of the models as they are now; its dbt manifests are there already."""
    digest = _digest(project)
    if _is_there(home, digest):
        return
    if _fetch(project, home, digest):
        return
    models = _digest_of_models(project)
    if not (_is_of(home.target, models) or _fetch_relations(project, home, models)):
        (home.target / _MODELS).unlink(missing_ok=True)
        write_relations(home.target / RELATIONS, relations(_compiled(project, home), project))
        (home.target / _MODELS).write_text(models, encoding="utf-8")
    read_lineage(project, home)
    _keep(project, home, digest)
    _stamp(home, digest)


def start_lineage(project: Project, home: Home) -> subprocess.Popen[bytes] | None:
    """Start `prepare_lineage` in the background; None where what was prepared before serves."""
    digest = _digest(project)
    if _is_there(home, digest) or _fetch(project, home, digest):
        return None
    command = [sys.executable, "-m", "orchestration.lineage", str(project.root), str(home.root)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=project.root)


def _digest(project: Project) -> str:
    """Digest the models and metrics, dbt's version, the checks that say what is unique, and what reads it."""
    return _digest_with(parsed.digest_parsed(project), project)


def _digest_of_models(project: Project) -> str:
    """Digest the same without metrics: what the SQL of the models depends on."""
    return _digest_with(parsed.digest_parsed_models(project), project)


def _digest_with(definitions: str, project: Project) -> str:
    digest = hashlib.sha256(f"{definitions}\n{code_digest()}".encode())
    for path in sorted([Path(__file__), *(project.root / "expectations").glob("*.py")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _is_of(directory: Path, models: str) -> bool:
    """Tell whether a directory has the SQL of these models."""
    stamp = directory / _MODELS
    there = stamp.is_file() and (directory / RELATIONS).is_file()
    return there and stamp.read_text(encoding="utf-8") == models


def _fetch_relations(project: Project, home: Home, models: str) -> bool:
    """Take over the SQL of these models from where it was compiled with other metrics."""
    for place in _kept(project).glob("*"):
        if _is_of(place, models):
            _take(place, home, (RELATIONS,))
            # What is kept may have been forgotten meanwhile.
            return _is_of(home.target, models)
    return False


def _take(place: Path, home: Home, names: Sequence[str]) -> None:
    """Copy what is kept, and say of which models it is when it is there."""
    (home.target / _MODELS).unlink(missing_ok=True)
    for name in (*names, _MODELS):
        if (place / name).is_file():
            shutil.copyfile(place / name, home.target / name)


def _is_there(home: Home, digest: str) -> bool:
    stamp = home.target / _STAMP
    there = stamp.is_file() and (home.target / RELATIONS).is_file()
    return there and stamp.read_text(encoding="utf-8") == digest


def _compiled(project: Project, home: Home) -> dict[str, Any]:
    """Compile every model as a whole, against an empty warehouse; gives dbt's manifest with the SQL."""
    from orchestration.dbt_runner import Dbt

    with tempfile.TemporaryDirectory() as directory:
        aside = Home(Path(directory))
        aside.target.mkdir(parents=True)
        shutil.copyfile(home.target / parsed.PARSED, aside.target / parsed.PARSED)
        dbt = Dbt(project, aside)
        dbt.take_parsed()
        dbt.invoke(["compile", "--full-refresh"])
        manifest: dict[str, Any] = json.loads(aside.dbt_manifest.read_text(encoding="utf-8"))
    return manifest


def relations(manifest: Mapping[str, Any], project: Project) -> Iterator[Relation]:
    """Give every table and view of the warehouse that dbt knows, of a manifest with compiled SQL."""
    keys = unique_keys()
    for source in manifest["sources"].values():
        name = f"{source['schema']}.{source['identifier']}"
        # Views of what has landed have exactly the declared columns; the tables about the run have more.
        columns = () if source["schema"] == _RUN else (*source["columns"], *_LANDED)
        yield Relation(name, columns=columns, keys=keys.get(name, ()))
    for node in manifest["nodes"].values():
        name = f"{node['schema']}.{node['alias']}"
        if node["resource_type"] == "seed":
            yield Relation(name, columns=_header(project.root / node["original_file_path"]))
        elif node["resource_type"] in ("model", "snapshot"):
            yield from _model(node, name, manifest, keys)


def _model(
    node: Mapping[str, Any], name: str, manifest: Mapping[str, Any], keys: Mapping[str, Any]
) -> Iterator[Relation]:
    kind, reads = node["config"]["materialized"], tuple(_reads(node, manifest))
    sql = str(node.get("compiled_code") or "")
    if kind == "ephemeral":
        return  # its SQL stands within that of others
    if kind == "staged":
        schema, _, view = name.partition(".")
        base = f"{schema}.{view.replace('stg_', 'base_', 1)}"
        yield Relation(base, sql, keys=keys.get(base, ()), reads=reads)
        kept = _kept_rows(base)
        same = kept_as_newest(sql, node["config"].get("meta", {}).get("judged_by"))
        beside = (base, *reads) if same else ()
        yield Relation(name, kept, keys=keys.get(name, ()), reads=beside, is_same=bool(same), same_as=same)
        return
    is_declared = (node["config"].get("contract") or {}).get("enforced")
    columns = tuple(node["columns"]) if is_declared else ()
    opaque = _GROWS if kind in ("incremental", "snapshot") else ""
    if node.get("language", "sql") != "sql":
        sql, opaque = "", f"it is written in {node['language']}"
    # Of models by key tests hold that building what changed gives what building the whole does.
    is_same = kind == "by_key"
    only = tuple(_looked_at(node, manifest)) if is_same else ()
    yield Relation(name, sql or "-- no SQL", columns, keys.get(name, ()), reads, opaque, is_same, only)


def _kept_rows(base: str) -> str:
    """The view of a staged model (macros/materializations/staged.sql)."""
    return f"select * exclude ({', '.join(_VERDICTS)}) from {base} where _verdict = 'kept'"


def kept_as_newest(sql: str, judged_by: Mapping[str, Any] | None) -> str:
    """Write the query of the rows that a staged model keeps in another way; '' where that is not known.

    Of the rows (macros/staging/staged_rows.sql) with one key the newest is kept: of the newest version, else
    what landed last. That rows of the same content count as one changes only which of them stands for the
    others. So a column that is neither of the key nor the version, and makes no row a bad one, has no say in
    which content is kept. Rows that have gone from a snapshot, or were released by their owner, are not in
    this form.
    """
    import sqlglot
    from sqlglot import exp

    statement = sqlglot.parse_one(sql, dialect="duckdb")
    tables = {cte.alias: cte for cte in statement.ctes}
    if not judged_by or not {"landed_rows", "placed_rows"} <= tables.keys():
        return ""
    written = list(tables)
    kept = [tables[name].sql("duckdb") for name in written[: written.index("placed_rows") + 1]]
    query = tables["landed_rows"].this
    assert isinstance(query, exp.Query)
    business = ", ".join(name for name in query.named_selects if name not in (*_LANDED, "_problem"))
    newest = [f"{judged_by['version']} desc nulls last"] if judged_by["version"] else []
    newest += [f"placed_rows.{name} desc" for name in _LANDED]
    first = [
        f"first_value({name}) over (partition by {business} order by {', '.join(_LANDED)}) as {name}"
        for name in _LANDED
    ]
    return (
        f"with {', '.join(kept)} select {business}, {', '.join(first)} from placed_rows"
        f" where _problem is null and not _is_orphan qualify row_number() over"
        f" (partition by {', '.join(judged_by['key'])} order by {', '.join(newest)}) = 1"
    )


def _looked_at(node: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name the columns by which a model by key finds what has changed, of models that it names only for that.

    See macros/materializations/by_key.sql; what the model reads in another way is not narrowed.
    """
    config = node["config"]
    through, dated = config.get("through") or {}, config.get("dated")
    days = dated if isinstance(dated, Mapping) else {}
    for name in node["depends_on"].get("nodes", ()):
        other = manifest["nodes"].get(name)
        if other is None or other["name"] not in through:
            continue
        lines = [line for line in node["raw_code"].splitlines() if other["name"] in _refs(line)]
        if all(line.strip().startswith("-- depends_on:") for line in lines):
            columns = (through[other["name"]], *([days[other["name"]]] if other["name"] in days else ()))
            yield f"{other['schema']}.{other['alias']}".lower(), columns


def _refs(line: str) -> list[str]:
    return re.findall(r"""ref\(\s*['"]([^'"]+)['"]\s*\)""", line)


def _reads(node: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[str]:
    for name in node["depends_on"].get("nodes", ()):
        if name in manifest["sources"]:
            source = manifest["sources"][name]
            yield f"{source['schema']}.{source['identifier']}"
        elif name in manifest["nodes"]:
            other = manifest["nodes"][name]
            yield f"{other['schema']}.{other['alias']}"


def _header(path: Path) -> tuple[str, ...]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return tuple(next(csv.reader(file), ()))


def unique_keys() -> dict[str, tuple[tuple[str, ...], ...]]:
    """Name, by table, the columns that a critical expectation holds to be unique."""
    from expectations import marts, staging
    from plumbline.quality.expectation import CRITICAL
    from plumbline.quality.rules import Unique

    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for suite in (*staging.suites(), *marts.suites()):
        for expectation in suite.expectations:
            if isinstance(expectation.rule, Unique) and expectation.severity == CRITICAL:
                found[suite.table] = (*found.get(suite.table, ()), expectation.rule.key)
    return found


def _place(project: Project, digest: str) -> Path:
    return _kept(project) / digest[:16]


def _kept(project: Project) -> Path:
    return project.root / "target" / "lineage"


def _fetch(project: Project, home: Home, digest: str) -> bool:
    place = _place(project, digest)
    if not (place / RELATIONS).is_file():
        return False
    _take(place, home, (RELATIONS, LINEAGE))
    _stamp(home, digest)
    return True


def _stamp(home: Home, digest: str) -> None:
    (home.target / _STAMP).write_text(digest, encoding="utf-8")


def _keep(project: Project, home: Home, digest: str) -> None:
    """Keep it for every company; a place that cannot be written is no error."""
    place = _place(project, digest)
    written = temporary(place)
    try:
        written.mkdir(parents=True)
        for name in (RELATIONS, LINEAGE, _MODELS):
            shutil.copyfile(home.target / name, written / name)
        os.replace(written, place)
        parsed.forget(place.parent)
    except OSError:
        shutil.rmtree(written, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Prepare the lineage of a company."""
    try:
        prepare_lineage(Project(Path(arguments[0])), Home(Path(arguments[1])))
    except PlumblineError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
