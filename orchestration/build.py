"""Put the definitions of one company together."""

from __future__ import annotations

import dagster as dg

from orchestration.defs import (
    automation,
    indicators,
    ingestion,
    publication,
    pushing,
    quality,
    transformation,
)
from orchestration.defs.resources import SessionResource
from orchestration.prepare import prepare
from plumbline.landing import load_sources
from plumbline.project import Project


def build_landing(company: str) -> dg.Definitions:
    """Give only the landing assets and their job: quick, and in no need of dbt."""
    sources = load_sources(Project.find(), company)
    return dg.Definitions(
        assets=ingestion.landing_assets(sources, {}),
        jobs=[automation.land_job(ingestion.landing_specs(sources, {}))],
        resources={"session": SessionResource(company=company)},
        executor=dg.in_process_executor,
    )


def build(company: str) -> dg.Definitions:
    """Give the definitions of a company; parses the dbt project when its files have changed."""
    project = Project.find()
    home = project.home(company)
    sources = load_sources(project, company)
    prepared = prepare(project, home)
    owners = quality.owners()
    models = transformation.model_specs(prepared.manifest, owners)
    candidates = indicators.candidate_specs(prepared.manifest, owners)
    published = publication.published_specs(candidates)
    landed = ingestion.landing_specs(sources, owners)
    delivered = pushing.postgres_specs(project, company, published)
    checks = quality.stage_checks(
        {spec.key for spec in (*landed, *models, *candidates)}, after=[models[0].key]
    )
    return dg.Definitions(
        assets=[
            *ingestion.landing_assets(sources, owners),
            *ingestion.absent_specs(prepared.manifest, landed),
            transformation.models_asset(models),
            indicators.candidates_asset(candidates),
            publication.publication_asset(published),
            *pushing.postgres_assets(delivered),
        ],
        asset_checks=checks,
        jobs=[
            automation.DAILY_RUN,
            automation.land_job(landed),
            automation.refresh_job([*models, *candidates, *published, *delivered], checks),
        ],
        schedules=[automation.daily_schedule(sources)],
        sensors=[automation.dropped_files(sources), automation.run_failures()],
        resources={"session": SessionResource(company=company)},
        executor=dg.in_process_executor,
    )
