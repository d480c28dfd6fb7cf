"""After the publication: the generation goes into the PostgreSQL that the company names, if it names one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration.defs.resources import Session
from plumbline.errors import PlumblineError
from plumbline.project import Project

if TYPE_CHECKING:
    from plumbline.publication.postgres import PostgresSettings
    from plumbline.runs import Progress


def postgres_specs(project: Project, company: str, published: Sequence[dg.AssetSpec]) -> list[dg.AssetSpec]:
    """Declare the tables in PostgreSQL as one asset; none where the company names no PostgreSQL."""
    from plumbline.publication.postgres import load_postgres

    try:
        if load_postgres(project, company) is None:
            return []
    except PlumblineError:
        # The step says what is wrong with the settings; what is published does not wait for them.
        pass
    return [
        dg.AssetSpec(
            ["postgres", "published"],
            deps=[spec.key for spec in published],
            description="The published tables in PostgreSQL, each reader with what they may see.",
            group_name="published",
            kinds={"postgres"},
        )
    ]


def postgres_assets(specs: list[dg.AssetSpec]) -> list[dg.AssetsDefinition]:
    """Give the step that pushes, where there is something to push to."""
    if not specs:
        return []

    @dg.multi_asset(specs=specs, name="postgres")
    def postgres(session: dg.ResourceParam[Session]) -> Iterator[Any]:
        push_to_postgres(session)
        yield dg.MaterializeResult(specs[0].key, metadata=_metadata(session.record.postgres))

    return [postgres]


def push_to_postgres(session: Session) -> None:
    """Bring PostgreSQL to the current generation; what goes wrong is recorded, and the next run mends it."""
    from plumbline.publication.postgres import load_postgres

    try:
        settings = load_postgres(session.project, session.record.company)
    except PlumblineError as error:
        session.record.postgres = {"error": str(error)}
        return
    if settings is not None:
        with session.record.stage("postgres") as progress:
            session.record.postgres = _push(session, settings, progress)


def _push(session: Session, settings: PostgresSettings, progress: Progress) -> dict[str, Any]:
    from plumbline.access import load_policy
    from plumbline.publication.postgres import push

    try:
        policy = load_policy(session.project, session.record.company)
        pushed = push(session.home, settings, policy, progress=progress.update)
    except (PlumblineError, OSError) as error:
        return {"error": str(error)}
    return {**asdict(pushed), "warnings": pushed.roles.warnings}


def _metadata(record: dict[str, Any]) -> dict[str, Any]:
    known = {name: record[name] for name in ("publication_id", "added", "removed", "error") if name in record}
    return known or {"unchanged": True}
