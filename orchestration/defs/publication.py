"""Publication: one new generation, only when no critical expectation failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from orchestration.defs.indicators import LONG_TABLES, candidate_specs
from orchestration.defs.quality import STAGES, stage_result
from orchestration.defs.resources import Session


def published_specs(manifest: Mapping[str, Any]) -> list[dg.AssetSpec]:
    """Declare the published tables; each rests on its candidate."""
    return [
        dg.AssetSpec(
            ["published", spec.key.path[-1]],
            deps=[spec.key],
            description=spec.description,
            group_name="published",
            kinds={"duckdb"},
        )
        for spec in candidate_specs(manifest)
    ]


def publication_asset(specs: list[dg.AssetSpec]) -> dg.AssetsDefinition:
    @dg.multi_asset(specs=specs, name="publication")
    def publication(session: dg.ResourceParam[Session]) -> Iterator[Any]:
        results = [stage_result(session, stage) for stage in STAGES]
        with session.record.stage("gate"):
            pass_the_gate(session, results)
        with session.record.stage("publication") as progress:
            rows = publish(session, progress.update)
        for spec in specs:
            yield dg.MaterializeResult(spec.key, metadata={"rows": rows.get(spec.key.path[-1], 0)})

    return publication
