"""Exact numbers as they are shown: parts stay parts of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

# The digits of a published figure.
_PLACES = Decimal("1e-12")
_SHARE = Decimal("1e-6")
_WIDE = Context(prec=80, rounding=ROUND_HALF_EVEN)


def exact(value: Fraction | None) -> Decimal | None:
    """Give a number with as many digits as it has, at most twelve behind the point."""
    return None if value is None else _short(_decimal(value, _PLACES))


def share(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    """Give a part as a share of the size of the whole; None of nothing."""
    if part is None or not whole:
        return None
    return _short(_decimal(Fraction(part) / abs(Fraction(whole)), _SHARE))


def whole_parts(parts: Sequence[Fraction], whole: Decimal) -> list[Decimal]:
    """Round parts so that they add up to the whole; the largest takes what rounding leaves."""
    rounded = [_decimal(part, _PLACES) for part in parts]
    if rounded:
        at = max(range(len(parts)), key=lambda index: abs(parts[index]))
        rounded[at] = _WIDE.add(rounded[at], whole - sum(rounded, Decimal(0)))
    return [_short(value) for value in rounded]


def _decimal(value: Fraction, places: Decimal) -> Decimal:
    return _WIDE.divide(Decimal(value.numerator), Decimal(value.denominator)).quantize(places, context=_WIDE)


def _short(value: Decimal) -> Decimal:
    """Leave out zeros at the end, but never write an exponent."""
    text = format(value, "f")
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)
