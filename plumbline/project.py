"""Where things are: the project's files, and the state of one company."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from plumbline.errors import ConfigurationError, UsageError

_COMPANY = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Home:
    """The state of one company; every path lies under `root`."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse.duckdb"

    @property
    def target(self) -> Path:
        return self.root / "target"

    @property
    def semantic_manifest(self) -> Path:
        return self.target / "semantic_manifest.json"

    @property
    def dbt_manifest(self) -> Path:
        return self.target / "manifest.json"

    @property
    def compiled(self) -> Path:
        return self.root / "compiled"

    @property
    def published(self) -> Path:
        return self.root / "published"

    @property
    def current(self) -> Path:
        return self.published / "current.duckdb"

    @property
    def quality(self) -> Path:
        return self.root / "quality"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def lock(self) -> Path:
        return self.root / "run.lock"


@dataclass(frozen=True)
class Project:
    """The directory that holds dbt_project.yml, models/, metrics/, orchestration/ and expectations/."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Project:
        """Find the project: PLUMBLINE_PROJECT, or the nearest directory upwards with a dbt_project.yml."""
        named = os.environ.get("PLUMBLINE_PROJECT")
        first = Path(named).resolve() if named else (start or Path.cwd()).resolve()
        for directory in (first, *first.parents):
            if (directory / "dbt_project.yml").is_file():
                return cls(directory)
        raise ConfigurationError(
            "no Plumbline project here",
            where=str(first),
            why="neither this directory nor one above it holds a dbt_project.yml.",
            todo="Change into the project, or name it with PLUMBLINE_PROJECT.",
            code="no-project",
        )

    @property
    def sources(self) -> Path:
        return self.root / "orchestration" / "sources"

    @property
    def trust(self) -> Path:
        return self.root / "orchestration" / "trust"

    def companies(self) -> list[str]:
        """Name the companies that have a file in orchestration/sources/."""
        return sorted(path.stem for path in self.sources.glob("*.yml"))

    def home(self, company: str) -> Home:
        """Give the state directory of a company (PLUMBLINE_HOME/<company>); it need not exist yet."""
        if not _COMPANY.fullmatch(company):
            raise UsageError(
                f"{company!r} is no company name",
                why="A company name has small letters, digits and underscores, and starts with a letter.",
                todo=f"Known companies: {', '.join(self.companies()) or 'none'}.",
                code="bad-company",
            )
        base = os.environ.get("PLUMBLINE_HOME")
        return Home((Path(base).resolve() if base else self.root / ".plumbline") / company)


@cache
def digest_of_code(*packages: str) -> str:
    """Digest the code of some of our packages: what other code worked out before may not be taken over."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parent
    for path in sorted(path for name in packages for path in (root / name).rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
