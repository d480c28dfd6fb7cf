"""What the tools take: typed, with words that tell an agent what to give."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from plumbline.serving.numbers import no_truth


def _several(value: Any) -> Any:
    """Take one text for a list of one, nothing for none, JSON in a text for what it says: agents do."""
    if value is None:
        return []
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return [value]
    return [value] if text else []


def _names(value: Any) -> Any:
    """Take names separated by commas apart, too."""
    found = _several(value)
    if not (isinstance(value, str) and isinstance(found, list) and len(found) == 1):
        return found
    return [part.strip() for part in str(found[0]).replace("，", ",").split(",") if part.strip()]


def _blank(value: Any) -> Any:
    """Take an empty text for nothing."""
    return None if isinstance(value, str) and not value.strip() else value


def _members(value: Any) -> Any:
    if value is None:
        return {}
    if isinstance(value, str) and value.strip().startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


Names = Annotated[list[str], BeforeValidator(_names)]
_DAY = "2026-01-31, 2026-W05, 2026-01, 2026-Q1 or 2026"


Grain = Annotated[Literal["day", "week", "month", "quarter", "year"] | None, BeforeValidator(_blank)]
Compared = Annotated[Literal["previous", "year-ago"] | None, BeforeValidator(_blank)]
Level = Annotated[Literal["strategic", "process", "operational"] | None, BeforeValidator(_blank)]
Words = Annotated[str | None, BeforeValidator(_blank)]


class Arguments(BaseModel):
    """What a tool takes; anything else is refused, so that no word is ignored without notice."""

    model_config = ConfigDict(extra="forbid")

    _is_number = field_validator("limit", "offset", mode="before", check_fields=False)(no_truth)


class SearchMetrics(Arguments):
    query: str = Field(
        description="Words or a whole question, in English or Chinese: 'gross margin', '上月华东毛利率同比'."
    )
    limit: int = Field(default=10, ge=1, le=50, description="At most so many metrics, the best first.")


class ListMetrics(Arguments):
    domain: Words = Field(default=None, description="Only this domain, such as sales or production.")
    level: Level = Field(default=None, description="Only this level.")
    available_only: bool = Field(False, description="Leave out metrics without data behind them.")
    limit: int = Field(default=100, ge=1, le=500, description="At most so many metrics.")
    offset: int = Field(default=0, ge=0, description="Leave out so many from the start: for the next page.")


class DescribeMetric(Arguments):
    metric: str = Field(description="Name, label or synonym of one metric, in English or Chinese.")


class ListDimensions(Arguments):
    metrics: Names = Field(
        default_factory=list,
        description="Only what all of these metrics can be split by; none: any dimension.",
    )


class ListValues(Arguments):
    dimension: str = Field(description="Name or label of a dimension: product__category, 销售渠道.")
    metrics: Names = Field(default_factory=list, description="The metrics that it is to split.")
    contains: str = Field(default="", description="Only members with these letters in them, in any case.")
    limit: int = Field(default=100, ge=1, le=1000, description="At most so many members.")


Conditions = Annotated[
    list[str],
    BeforeValidator(_several),
    Field(
        description="Conditions that must all hold: \"product__category = 'Bikes'\". Values stand in single "
        "quotes; list_values names them. A metric that is asked for may be compared: 'net_sales > 1000'."
    ),
]


class QueryMetrics(Arguments):
    metrics: Names = Field(min_length=1, description="Names, labels or synonyms of metrics: ['net_sales'].")
    by: Names = Field(default_factory=list, description="Dimensions to split by: ['product__category'].")
    where: Conditions = Field(default_factory=list)
    start: Words = Field(default=None, description=f"First day of the range, included: {_DAY}.")
    end: Words = Field(default=None, description=f"Last day of the range, included: {_DAY}.")
    grain: Grain = Field(
        default=None,
        description="Split by periods of this length; without it, one figure for the whole range.",
    )
    order: Names = Field(
        default_factory=list, description="Columns to order by, with - first for descending: ['-net_sales']."
    )
    limit: int = Field(
        default=100, ge=1, le=1000, description="At most so many rows; `truncated` tells of more."
    )
    compare: Compared = Field(
        default=None,
        description="Put the figures of the period before, or of a year ago, and the change beside.",
    )


class Compare(Arguments):
    metrics: Names = Field(min_length=1, description="Names, labels or synonyms of metrics: ['net_sales'].")
    start: Words = Field(
        default=None, description=f"First day of the period: {_DAY}. Default: the last whole month."
    )
    end: Words = Field(default=None, description="Last day of the period. Default: that of `start`.")
    versus: Literal["previous", "year-ago"] = Field(
        default="previous", description="The period of the same length before, or the same one a year ago."
    )
    by: Names = Field(default_factory=list, description="Dimensions to split by.")
    where: Conditions = Field(default_factory=list)
    order: Names = Field(default_factory=list, description="Columns to order by: ['-net_sales__change'].")
    limit: int = Field(default=100, ge=1, le=1000, description="At most so many rows.")


class WhyMoved(Arguments):
    metric: str = Field(description="Name, label or synonym of one metric.")
    start: Words = Field(
        default=None, description=f"First day of the period: {_DAY}. Default: the last whole month."
    )
    end: Words = Field(default=None, description="Last day of the period. Default: that of `start`.")
    versus: str = Field(
        default="previous",
        description="previous, year-ago, or the first day of another period: 2025-Q3, 2025-10-01.",
    )
    versus_end: Words = Field(
        default=None, description="Last day of the other period. Default: that of `versus`."
    )
    by: Names = Field(
        default_factory=list,
        description="Dimensions to split the change over. Default: those that the metric is published by.",
    )
    where: Conditions = Field(default_factory=list)
    members: int = Field(
        default=10, ge=1, le=50, description="Name at most so many members of each dimension."
    )


class Quality(Arguments):
    metric: str = Field(description="Name, label or synonym of one metric.")


class Audit(Arguments):
    metric: str = Field(description="Name, label or synonym of one metric.")
    period: str = Field(
        default="", description="2026-10-05, 2026-10, 2026-Q3, 2026 or all. Default: the last whole month."
    )
    grain: str = Field(default="", description="The period of this length that `period` lies in.")
    members: Annotated[dict[str, str], BeforeValidator(_members)] = Field(
        default_factory=dict, description="The member of a breakdown: {'product__category': 'Bikes'}."
    )


class ListSavedQueries(Arguments):
    pass
