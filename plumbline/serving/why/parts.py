"""What an explanation of a change is made of."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from plumbline.serving.periods import Period


@dataclass(frozen=True)
class InputPart:
    """What one input of the formula adds to the change."""

    name: str
    metric: str
    label: str
    label_zh: str
    before: Decimal | None
    after: Decimal | None
    contribution: Decimal
    share: Decimal | None


@dataclass(frozen=True)
class FormulaSplit:
    """The change split over the inputs of the formula; the contributions add up to it exactly."""

    formula: str
    parts: tuple[InputPart, ...]


@dataclass(frozen=True)
class MemberPart:
    """What one member adds to the change; `count` members where it stands for several."""

    member: Any
    before: Decimal | None
    after: Decimal | None
    contribution: Decimal | None
    share: Decimal | None
    mix: Decimal | None = None
    rate: Decimal | None = None
    count: int = 1


@dataclass(frozen=True)
class DimensionSplit:
    """The change split over the members of a dimension: `method` tells how, `told` says it in words.

    `rest` stands for the members that are not named, `unattributed` for what no member has.
    """

    dimension: str
    label: str
    label_zh: str
    method: str
    told: str
    parts: tuple[MemberPart, ...]
    rest: MemberPart | None = None
    unattributed: Decimal | None = None


@dataclass(frozen=True)
class Why:
    """The change of a metric between two periods, and its splits; `notes` say what could not be split."""

    metric: str
    period: Period
    versus: Period
    before: Decimal | None
    after: Decimal | None
    change: Decimal | None
    change_rate: Decimal | None
    adds_up: bool
    told: str
    formula: FormulaSplit | None = None
    dimensions: tuple[DimensionSplit, ...] = ()
    notes: tuple[str, ...] = ()
