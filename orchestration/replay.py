"""Build the models in full and compute the figures from extracts that have landed, in a home of its own.

No extract is fetched, nothing is checked, nothing published: what a run does in between, without its state.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from orchestration.commit import code_commit
from orchestration.dbt_runner import BUILD, Dbt
from orchestration.prepare import Prepared, prepare
from plumbline.audit.replay import Asked
from plumbline.project import Home, Project
from plumbline.runs import current_progress


def recompute(project: Project, home: Home, asked: Asked) -> str:
    """Fill the warehouse of `home` as a run from nothing would; gives the commit of the project's code."""
    with _stage("definitions"):
        prepared = prepare(project, home)
    with _stage("landing"):
        _register(project, home, asked)
    with _stage("models"):
        _build_models(project, home, prepared, asked.threads)
    with _stage("indicators"):
        _compute(project, home, asked)
    return code_commit(project.root)


def _register(project: Project, home: Home, asked: Asked) -> None:
    from plumbline.landing import load_sources, register
    from plumbline.warehouse import connect

    with connect(home.warehouse) as con:
        sources = load_sources(project, asked.company)
        register(con, home, project, sources, asked.as_of, asked.run_id, asked.released)


def _build_models(project: Project, home: Home, prepared: Prepared, threads: int) -> None:
    total = sum(node["resource_type"] in ("model", "seed") for node in prepared.manifest["nodes"].values())
    finished: list[str] = []

    def show(name: str) -> None:
        finished.append(name)
        current_progress().update(name, len(finished) / total)

    dbt = Dbt(project, home, threads=threads, on_node=show)
    dbt.take_parsed()
    dbt.invoke([*BUILD, "--full-refresh", "--no-write-json"])


def _compute(project: Project, home: Home, asked: Asked) -> None:
    from plumbline.indicators import build_candidates
    from plumbline.warehouse import connect

    with connect(home.warehouse) as con:
        con.execute(f"SET threads = {asked.threads}")
        build_candidates(con, project, home, as_of=asked.as_of, progress=current_progress().update, full=True)


@contextmanager
def _stage(name: str) -> Iterator[None]:
    progress, began = current_progress(), time.perf_counter()
    progress.begin(name)
    yield
    progress.end(name, time.perf_counter() - began)
