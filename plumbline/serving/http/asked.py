"""What a request may ask: the parameters of GET, the body of POST; what is not known is refused."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from plumbline.serving.numbers import no_truth
from plumbline.serving.resolve import Question

_MOST_NAMES, _LONGEST_NAME, _LONGEST_CONDITION = 50, 200, 2_000
_SEPARATOR = re.compile("[,，]")
_DAY = "A day, week, month, quarter or year: 2026-01-31, 2026-W05, 2026-01, 2026-Q1, 2026."
_ONE_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NO_CONTROLS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$"

# Parameters that may stand more than once.
LISTS = frozenset(("metrics", "by", "where", "order"))

Name = Annotated[str, Field(max_length=_LONGEST_NAME, pattern=_NO_CONTROLS)]
Condition = Annotated[str, Field(max_length=_LONGEST_CONDITION, pattern=_NO_CONTROLS)]
Day = Annotated[str, Field(max_length=20, pattern=_NO_CONTROLS)]
Grain = Literal["day", "week", "month", "quarter", "year"]
Format = Literal["json", "csv", "arrow"]
Level = Literal["strategic", "process", "operational"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class QuestionAsked(_Strict):
    """A question: metrics, what they are split by, conditions, a range of days."""

    metrics: list[Name] = Field(
        min_length=1,
        max_length=_MOST_NAMES,
        description="What is asked for: names, labels or synonyms, in English or Chinese.",
        examples=[["net_sales", "orders"]],
    )
    by: list[Name] = Field(
        default=[],
        max_length=_MOST_NAMES,
        description="What the figures are split by.",
        examples=[["product__category"]],
    )
    where: list[Condition] = Field(
        default=[],
        max_length=_MOST_NAMES,
        description="Conditions on dimensions, or on a metric that is asked for; all must hold.",
        examples=[["product__category = 'Bikes'"]],
    )
    start: Day | None = Field(
        default=None, alias="from", description=f"The first day. {_DAY}", examples=["2026-01"]
    )
    end: Day | None = Field(
        default=None, alias="to", description=f"The last day, included. {_DAY}", examples=["2026-03"]
    )
    grain: Grain | None = Field(
        default=None, description="Split by periods of this length.", examples=["month"]
    )
    order: list[Name] = Field(
        default=[],
        max_length=_MOST_NAMES,
        description="Columns to order by; `-` stands before a descending one.",
        examples=[["-net_sales"]],
    )
    limit: int | None = Field(
        default=None, ge=0, le=1_000_000, description="At most so many rows.", examples=[100]
    )
    compare: Literal["previous", "year-ago"] | None = Field(
        default=None, description="Put another period's figures and the change beside.", examples=["year-ago"]
    )

    _is_number = field_validator("limit", mode="before")(no_truth)

    def question(self) -> Question:
        """Give the question that the query door takes."""
        return Question(
            metrics=tuple(self.metrics),
            by=tuple(self.by),
            where=tuple(self.where),
            start=self.start,
            end=self.end,
            grain=self.grain,
            order=tuple(self.order),
            limit=self.limit,
            compare=self.compare,
        )


class QuestionParameters(QuestionAsked):
    """A question as the parameters of an address: names may be separated by commas."""

    format: Format | None = Field(default=None, description="In place of the header Accept.")

    @field_validator("metrics", "by", "order", mode="after")
    @classmethod
    def _separate(cls, names: list[str]) -> list[str]:
        """Take names apart at commas; a parameter may also stand more than once."""
        found = [part.strip() for name in names for part in _SEPARATOR.split(name) if part.strip()]
        if len(found) > _MOST_NAMES:
            raise ValueError(f"at most {_MOST_NAMES} names")
        return found


class Page(_Strict):
    """Which part of a list is asked for."""

    limit: int = Field(default=100, ge=1, le=1_000, description="At most so many entries.")
    offset: int = Field(default=0, ge=0, le=10_000_000, description="How many entries are left out before.")


class MetricsAsked(Page):
    """Which metrics are listed."""

    search: Name = Field(
        default="",
        description="Words that stand in name, label, synonyms or domain; in English or Chinese.",
        examples=["sales"],
    )
    domain: Name = Field(default="", description="Of this domain only.", examples=["sales"])
    level: Level | None = Field(default=None, description="Of this level only.")
    available: bool | None = Field(default=None, description="Only those with, or without, data.")


class DimensionsAsked(_Strict):
    """What dimensions are listed."""

    metrics: list[Name] = Field(
        default=[],
        max_length=_MOST_NAMES,
        description="Only what all of these can be split by.",
        examples=[["net_sales"]],
    )

    @field_validator("metrics", mode="after")
    @classmethod
    def _separate(cls, names: list[str]) -> list[str]:
        return [part.strip() for name in names for part in _SEPARATOR.split(name) if part.strip()]


class ValuesAsked(Page, DimensionsAsked):
    """Which members of a dimension are listed."""

    search: Name = Field(default="", description="Letters that stand in the member.")


class TreeAsked(_Strict):
    """Which part of the metric tree is shown."""

    metric: Name = Field(
        default="", description="Only this metric and all that it is made of.", examples=["gross_margin_rate"]
    )


class TargetsAsked(Page):
    """Which targets are listed."""

    metric: Name = Field(default="", description="Of this metric only.", examples=["net_sales"])
    grain: Grain | None = Field(default=None, description="Of periods of this length.")
    on: date | None = Field(
        default=None, description="Of periods that this day lies in; without it, of the as-of date."
    )

    @field_validator("on", mode="before")
    @classmethod
    def _is_day(cls, on: Any) -> Any:
        """Refuse a number: it would count seconds since 1970."""
        if isinstance(on, str) and not _ONE_DAY.fullmatch(on):
            raise ValueError("Input should be a day, as 2026-10-15")
        return on


class AlertsAsked(Page):
    """Which alerts are listed."""

    kind: Literal["light", "held", "anomaly"] | None = Field(default=None, description="Of this kind only.")


class FigureAsked(_Strict):
    """Which figure of a metric is explained."""

    period: Day = Field(
        default="", description=f"{_DAY} Without it, the newest whole one.", examples=["2026-03"]
    )
    by: list[Condition] = Field(
        default=[],
        max_length=_MOST_NAMES,
        description="A dimension and its member, as `product__category=Bikes`.",
        examples=[["product__category=Bikes"]],
    )
    grain: Grain | None = Field(default=None, description="Where the period alone does not tell it.")
    publication: Name = Field(default="", description="Of an earlier publication.")
