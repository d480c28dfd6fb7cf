"""What the tools give: typed, and every answer says what it rests on."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

# Numbers keep every digit: a text where JSON's number would lose some.
Cell = str | int | float | bool | None


class Answer(BaseModel):
    """What every answer says: which publication, as of when, by which definitions, and what to know."""

    company: str = ""
    publication_id: str = Field(default="", description="The publication that answers; cite it.")
    as_of: str = Field(default="", description="The last business day in the figures.")
    published_at: str = ""
    definitions: dict[str, str] = Field(
        default_factory=dict, description="Version of the definition of each metric."
    )
    verdicts: dict[str, str] = Field(
        default_factory=dict,
        description="Quality verdict of each metric: certified, certified_with_warnings, held, stale or "
        "not_available. Of held and stale ones the last good figures are given.",
    )
    notes: list[str] = Field(
        default_factory=list, description="What a reader must know: partial periods, held figures, waivers."
    )


class MetricEntry(BaseModel):
    name: str
    label: str
    label_zh: str
    domain: str
    level: str
    unit: str
    available: bool
    verdict: str
    reason: str = Field(default="", description="Why it is not available.")
    description: str = ""
    score: float | None = Field(default=None, description="How well it fits what was searched for.")


class MetricList(Answer):
    metrics: list[MetricEntry]
    total: int
    truncated: bool
    how_to_narrow: str = ""


class DimensionEntry(BaseModel):
    name: str
    label: str
    label_zh: str
    type: str
    synonyms: list[str]


class DimensionList(Answer):
    dimensions: list[DimensionEntry]


class TargetEntry(BaseModel):
    grain: str
    period_start: str
    value: Cell
    actual: Cell
    attainment: Cell
    light: str
    is_running: bool
    deadline: str
    owner: str


class MetricDefinition(Answer):
    name: str
    label: str
    label_zh: str
    description: str
    formula: str = Field(description="How it is calculated, in words.")
    type: str
    counted_over: str = Field(
        description="What the value of a period counts: period, year to date, end of period …"
    )
    unit: str
    direction: str = Field(description="Which way is better: up, down or none.")
    level: str
    domain: str
    owner: str
    version: str
    status: str
    review_date: str
    synonyms: list[str]
    grains: list[str] = Field(description="Periods that it can be asked by.")
    dimensions: list[DimensionEntry]
    made_of: list[str] = Field(description="Metrics that go into its formula.")
    sources: list[str]
    saved_queries: list[str] = Field(description="Published tables that hold it.")
    available: bool
    verdict: str
    reason: str
    data_from: str = Field(description="The first day of which the data have all that it counts.")
    targets: list[TargetEntry]


class ValueList(Answer):
    dimension: str
    values: list[Cell]
    truncated: bool
    how_to_narrow: str = ""


class ColumnEntry(BaseModel):
    name: str
    label: str
    label_zh: str
    unit: str
    kind: str = Field(description="key: split by it; figure: a metric or a comparison; mark: is_partial.")


class Figures(Answer):
    columns: list[ColumnEntry]
    rows: list[dict[str, Cell]] = Field(
        description="Shares are fractions: 0.25 is 25 %. null is no value, not zero."
    )
    row_count: int
    truncated: bool
    how_to_narrow: str = ""
    origin: str = Field(default="", description="What was read: a published table, or marts.")


class Comparison(Figures):
    period: str
    versus: str


class FormulaPart(BaseModel):
    name: str
    metric: str
    label: str
    label_zh: str
    before: Cell
    after: Cell
    contribution: Cell = Field(description="What this input adds to the change.")
    share: Cell


class MemberEntry(BaseModel):
    member: Cell
    before: Cell
    after: Cell
    contribution: Cell = Field(description="What it adds to the change; null where members do not add up.")
    share: Cell
    mix: Cell = Field(default=None, description="Because its weight changed.")
    rate: Cell = Field(default=None, description="Because its own figure changed.")
    count: int = Field(default=1, description="How many members this stands for.")


class DimensionPart(BaseModel):
    dimension: str
    label: str
    label_zh: str
    method: str = Field(description="adds up, mix and rate, or not additive.")
    told: str
    members: list[MemberEntry]
    rest: MemberEntry | None = Field(default=None, description="All members that are not named.")
    unattributed: Cell = Field(default=None, description="What no member has.")


class WhyAnswer(Answer):
    metric: str
    label: str
    label_zh: str
    unit: str
    period: str
    versus: str
    before: Cell
    after: Cell
    change: Cell
    change_rate: Cell
    adds_up: bool = Field(description="Whether changes of members are parts of the change.")
    told: str
    formula: str
    formula_parts: list[FormulaPart] = Field(description="They add up to the change exactly.")
    dimensions: list[DimensionPart]


class CheckEntry(BaseModel):
    stage: str
    table: str
    columns: str
    verdict: str
    severity: str
    expected: str
    message: str
    owner: str
    why: str
    todo: str


class HoldEntry(BaseModel):
    breakdown: str
    periods: str
    verdict: str
    reason: str
    held_since: str
    last_good: str
    owner: str


class WaiverEntry(BaseModel):
    waiver_id: str
    check: str
    reason: str
    waived_by: str
    valid_until: str


class QualityAnswer(Answer):
    metric: str
    label: str
    label_zh: str
    verdict: str
    reason: str
    holds: list[HoldEntry]
    waivers: list[WaiverEntry]
    checks: dict[str, int] = Field(
        description="How many checks on what it rests on passed, failed, warned, were skipped."
    )
    findings: list[CheckEntry] = Field(description="The checks that did not pass.")
    evidence: str = Field(description="Why no checks are shown, where none are.")


class AuditAnswer(Answer):
    metric: str
    period: str
    value: Cell
    proven: bool = Field(description="Whether everything that was checked holds.")
    explanation: dict[str, Any] = Field(
        description="figure, definition, published, calculation (plan and SQL), origin (tables, extracts, "
        "checks), decisions, proven, lines of the ledger, history."
    )


class SavedQueryEntry(BaseModel):
    name: str
    label: str
    label_zh: str
    metrics: list[str]
    by: list[str]
    rows: int | None


class SavedQueryList(Answer):
    saved_queries: list[SavedQueryEntry]


class Mistake(BaseModel):
    """Why a call could not be answered, and what to call instead."""

    code: str
    what: str
    where: str = ""
    why: str = ""
    todo: str = ""
    did_you_mean: list[str] = Field(default_factory=list)
    valid_values: list[str] = Field(default_factory=list)
    try_next: dict[str, Any] | None = Field(default=None, description="A tool and its arguments that help.")
