"""The change of a figure, split over the members of a dimension, so that the parts add up to it.

For one sum over another the change of a share, or of an average, has two causes: members got better or worse
(rate), and the weight moved between members (mix). With weights w = D/ΣD, rates r = N/D and the mean R of the
two totals, rate = mean(w) Δr and mix = Δw (mean(r) - R); over all members they add up to the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

# Figure and weight of a member, in one period.
Cell = tuple[Fraction, Fraction]
_NOTHING: Cell = (Fraction(0), Fraction(0))


@dataclass(frozen=True)
class Part:
    """What one member has to do with the change; `mix` and `rate` where it is one of a share."""

    member: Any
    before: Fraction | None
    after: Fraction | None
    contribution: Fraction | None
    mix: Fraction | None = None
    rate: Fraction | None = None


def differences(before: Mapping[Any, Fraction | None], after: Mapping[Any, Fraction | None]) -> list[Part]:
    """Split the change of what adds up: each member adds its own change; a member without value counts 0."""
    found = []
    for member in dict.fromkeys((*after, *before)):
        then, now = before.get(member), after.get(member)
        found.append(Part(member, then, now, (now or Fraction(0)) - (then or Fraction(0))))
    return found


def beside(before: Mapping[Any, Fraction | None], after: Mapping[Any, Fraction | None]) -> list[Part]:
    """Put the figures of members beside each other; they are no parts of the total."""
    return [
        Part(member, before.get(member), after.get(member), None)
        for member in dict.fromkeys((*after, *before))
    ]


def mix_and_rate(before: Mapping[Any, Cell], after: Mapping[Any, Cell]) -> list[Part] | None:
    """Split the change of one sum over another; None where a total below the line is 0."""
    above0, below0 = _total(before.values())
    above1, below1 = _total(after.values())
    if not (below0 and below1):
        return None
    mean = (above0 / below0 + above1 / below1) / 2
    found = []
    for member in dict.fromkeys((*after, *before)):
        then, now = before.get(member, _NOTHING), after.get(member, _NOTHING)
        found.append(_part(member, then, now, (below0, below1), mean))
    return found


def _part(member: Any, then: Cell, now: Cell, totals: tuple[Fraction, Fraction], mean: Fraction) -> Part:
    weight0, weight1 = then[1] / totals[0], now[1] / totals[1]
    added = now[0] / totals[1] - then[0] / totals[0] - mean * (weight1 - weight0)
    rate0, rate1 = (cell[0] / cell[1] if cell[1] else None for cell in (then, now))
    # A member that comes or goes has no rate to compare: all that it adds is mix.
    rate = Fraction(0) if rate0 is None or rate1 is None else (weight0 + weight1) / 2 * (rate1 - rate0)
    return Part(member, rate0, rate1, added, added - rate, rate)


def largest(parts: Sequence[Part], count: int) -> tuple[list[Part], list[Part]]:
    """Give the parts that matter most, the largest first, and the others."""

    def weight(part: Part) -> Fraction:
        if part.contribution is not None:
            return abs(part.contribution)
        return abs((part.after or Fraction(0)) - (part.before or Fraction(0)))

    ordered = sorted(parts, key=lambda part: (-weight(part), str(part.member)))
    return ordered[:count], ordered[count:]


def _total(cells: Iterable[Cell]) -> Cell:
    above = below = Fraction(0)
    for numerator, denominator in cells:
        above, below = above + numerator, below + denominator
    return above, below
