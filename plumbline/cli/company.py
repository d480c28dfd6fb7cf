"""Which company a command is about: one with a sources file, or with state from when it had one."""

from __future__ import annotations

from plumbline.errors import UsageError, did_you_mean
from plumbline.project import Home, Project


def require_company(project: Project, company: str) -> None:
    """Raise UsageError, with the names that are known, when a company has no sources file."""
    project.home(company)  # refuses what can be no name
    known = project.companies()
    if company not in known:
        raise UsageError(
            f"there is no company {company!r}",
            where=str(project.sources),
            why=f"Known companies: {', '.join(known) or 'none'}.",
            todo=did_you_mean(company, known)
            or f"Describe its sources in orchestration/sources/{company}.yml.",
            code="unknown-company",
        )


def home_of(company: str) -> Home:
    """Give the state of a company that has been run, or may be; raises UsageError for any other name."""
    project = Project.find()
    home = project.home(company)
    if not home.root.is_dir():
        require_company(project, company)
    return home
