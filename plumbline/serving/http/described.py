"""What answers look like, for the OpenAPI document; answers themselves are written digit by digit."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class _Told(BaseModel):
    model_config = ConfigDict(extra="allow")


class PublicationTold(_Told):
    """The publication that answers: everything in an answer is of this one."""

    id: str
    generation: int
    published_at: datetime
    verdict: str


class Envelope(_Told):
    """What every answer says of itself."""

    company: str
    publication: PublicationTold
    as_of: date
    role: str | None


class MetricOfAnswer(_Told):
    """A metric that was asked for, with the verdict on its figures and the version of its definition."""

    name: str
    label: str
    label_zh: str
    unit: str
    verdict: str
    definition_version: str


class ColumnTold(_Told):
    """A column of the answer."""

    name: str
    label: str
    label_zh: str
    unit: str
    kind: Literal["dimension", "figure", "mark"]


class AnswerTold(Envelope):
    """The answer to a question; `data` has an object per row, figures with all their digits."""

    metrics: list[MetricOfAnswer]
    columns: list[ColumnTold]
    notes: list[str]
    origin: str
    row_count: int
    data: list[dict[str, Any]]


class PageTold(Envelope):
    """One page of a list."""

    total: int
    offset: int
    next_offset: int | None


class MetricListed(_Told):
    """A metric of the library."""

    name: str
    label: str | None
    label_zh: str | None
    domain: str | None
    level: str | None
    unit: str | None
    available: bool
    verdict: str
    reason: str


class MetricsTold(PageTold):
    """Metrics that the role sees."""

    metrics: list[MetricListed]


class MetricTold(Envelope):
    """Everything that the library says of one metric."""

    metric: dict[str, Any]


class DimensionListed(_Told):
    """What figures can be split by; it may be asked for by its name, labels and synonyms."""

    name: str
    label: str | None
    label_zh: str | None
    type: str
    synonyms: list[str]


class DimensionsTold(Envelope):
    """Dimensions that the role may name."""

    dimensions: list[DimensionListed]


class ValuesTold(PageTold):
    """The members of a dimension."""

    dimension: str
    values: list[Any]


class NodeTold(_Told):
    """A metric of the tree, and what it is made of."""

    name: str
    label: str | None
    type: str
    formula: str | None
    is_root: bool
    inputs: list[dict[str, str]]


class TreeTold(Envelope):
    """The metric tree: `is_root` marks metrics that no other is made of."""

    nodes: list[NodeTold]


class TargetsTold(PageTold):
    """Targets of running periods, with what was reached."""

    targets: list[dict[str, Any]]


class AlertListed(_Told):
    """A light that is not green, a figure held back, or one that is unlike those before."""

    kind: Literal["light", "held", "anomaly"]
    metric: str


class AlertsTold(PageTold):
    """What asks for attention in the current publication."""

    alerts: list[AlertListed]


class QualityTold(Envelope):
    """Verdicts that are not `certified`; `checks` are told to roles that see evidence."""

    verdicts: list[dict[str, Any]]
    checks: dict[str, list[dict[str, Any]]] | None


class AuditTold(Envelope):
    """One published figure taken apart."""

    explanation: dict[str, Any]


class PublicationsTold(PageTold):
    """What the ledger says of each publication, the newest first."""

    publications: list[dict[str, Any]]


class HealthTold(_Told):
    """Whether there is something to answer from."""

    status: Literal["ok", "nothing_published"]


class VersionTold(_Told):
    """Which program answers, and from which publication."""

    plumbline: str
    company: str
    publication: str
    as_of: date


class ProblemTold(_Told):
    """A problem, as RFC 9457 has it, with what Plumbline's errors say."""

    type: str
    title: str
    status: int
    detail: str
    what: str
    code: str
    where: str = ""
    why: str = ""
    todo: str = ""
