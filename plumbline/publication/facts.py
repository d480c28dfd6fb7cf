"""What a publication says about itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RunFacts:
    """The run that publishes, and from which code; `verdict` is for values that carry none of their own."""

    company: str
    run_id: str
    as_of: date
    code_commit: str = ""
    verdict: str = "certified"


@dataclass(frozen=True)
class TableFacts:
    """One published table: rows and the digest of its values (marts: of their parts)."""

    schema: str
    name: str
    rows: int
    digest: str


@dataclass(frozen=True)
class MartPart:
    """One Parquet file of a mart, relative to the directory of generations; `digest` names its content."""

    mart: str
    part: str
    file: str
    rows: int
    bytes: int
    digest: str
    sha256: str


@dataclass(frozen=True)
class Publication:
    """One generation. `identical`: values, definitions and marts equal the generation before it.

    `is_new` is false when nothing was published because nothing differs (see `publish`). `directory` is where
    the parts of the marts were when it was published; the views in the file name them there. `last_good`
    names the publications that have the last good figures of what this one holds back.
    """

    publication_id: str
    generation: int
    company: str
    as_of: date
    published_at: datetime
    run_id: str
    code_commit: str
    definitions_digest: str
    values_digest: str
    marts_digest: str
    verdict: str
    tables: tuple[TableFacts, ...]
    parts: tuple[MartPart, ...]
    directory: str
    path: Path
    last_good: tuple[str, ...] = ()
    identical: bool = False
    is_new: bool = True

    @property
    def rows(self) -> int:
        """Count the rows of the published tables; marts are not counted."""
        return sum(table.rows for table in self.tables if table.schema == "published")

    def same_content(self, other: Publication) -> bool:
        """Tell whether both hold the same values under the same definitions."""
        mine = (self.values_digest, self.definitions_digest, self.marts_digest)
        return mine == (other.values_digest, other.definitions_digest, other.marts_digest)

    def as_json(self) -> dict[str, Any]:
        """Give what the file beside the generation says."""
        record = asdict(self)
        for name in ("path", "identical", "is_new"):
            del record[name]
        record["as_of"] = self.as_of.isoformat()
        record["published_at"] = self.published_at.isoformat()
        return record

    @classmethod
    def from_json(cls, record: dict[str, Any], path: Path) -> Publication:
        """Read what `as_json` wrote."""
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in record.items() if name in known}
        values["as_of"] = date.fromisoformat(record["as_of"])
        values["published_at"] = datetime.fromisoformat(record["published_at"])
        values["tables"] = tuple(TableFacts(**table) for table in record["tables"])
        values["parts"] = tuple(MartPart(**part) for part in record["parts"])
        values["last_good"] = tuple(record.get("last_good", ()))
        return cls(**values, path=path)
