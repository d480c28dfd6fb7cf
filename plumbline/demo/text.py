"""Numbers, dates and moments as text, a column at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from plumbline.demo.randomness import Flags, Ints

_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


@dataclass(frozen=True)
class Column:
    """A column as text; with `is_number`, files show what reads as a number as a number."""

    text: pa.StringArray
    is_number: bool = False

    def __len__(self) -> int:
        return len(self.text)

    def where(self, mask: Flags) -> Column:
        return replace(self, text=self.text.filter(pa.array(mask)))

    def take(self, rows: Ints) -> Column:
        return replace(self, text=self.text.take(pa.array(rows)))

    def put(self, mask: Flags, values: pa.StringArray | str | None) -> Column:
        """Replace the masked rows: by one text, or by one text for each masked row."""
        if not mask.any():
            return self
        if values is None or isinstance(values, str):
            values = pa.scalar(values, pa.string())
        return replace(self, text=pc.replace_with_mask(self.text, pa.array(mask), values))

    def rewrite(self, mask: Flags, change: Callable[[str], str]) -> Column:
        """Change the text of the masked rows that have one."""
        mask = mask & np.asarray(self.text.is_valid())
        if not mask.any():
            return self
        values = [change(value) for value in self.text.filter(pa.array(mask)).to_pylist()]
        return self.put(mask, pa.array(values, pa.string()))


Rows = dict[str, Column]


def number(values: Ints, missing: Flags | None = None) -> Column:
    """Write whole numbers."""
    return Column(pc.cast(pa.array(values, mask=missing), pa.string()), is_number=True)


def money(units: Ints, missing: Flags | None = None) -> Column:
    """Write amounts that are counted in ten-thousandths, in their shortest form."""
    return Column(pc.cast(pa.array(units / 10_000, mask=missing), pa.string()), is_number=True)


def words(values: Sequence[str | None], index: Ints | None = None, missing: Flags | None = None) -> Column:
    """Write texts, or with `index` the texts that it points at."""
    texts = pa.array(values, pa.string())
    if index is not None:
        texts = texts.take(pa.array(index, mask=missing))
    return Column(texts)


def dates(days: Ints, missing: Flags | None = None) -> Column:
    """Write days as YYYY-MM-DD."""
    return Column(pc.cast(pa.array(days, mask=missing).cast(pa.int32()).cast(pa.date32()), pa.string()))


def moments(seconds: Ints, missing: Flags | None = None) -> Column:
    """Write moments as YYYY-MM-DD HH:MM:SS."""
    return Column(pc.cast(pa.array(seconds, mask=missing).cast(pa.timestamp("s")), pa.string()))


def numbered(prefix: str, values: Ints, width: int = 0) -> Column:
    """Write a prefix and a number of at least `width` digits."""
    digits = pc.cast(pa.array(values), pa.string())
    if width:
        digits = pc.utf8_lpad(digits, width, "0")
    return Column(pc.binary_join_element_wise(prefix, digits, ""))


def count_rows(rows: Rows) -> int:
    """Count the rows of a table."""
    return len(next(iter(rows.values())))


def filter_rows(rows: Rows, mask: Flags) -> Rows:
    """Keep the masked rows."""
    return {name: column.where(mask) for name, column in rows.items()}


def take_rows(rows: Rows, index: Ints) -> Rows:
    """Give the rows that `index` points at, in its order."""
    return {name: column.take(index) for name, column in rows.items()}


def concat_rows(parts: Sequence[Rows]) -> Rows:
    """Put tables of the same columns under one another."""
    return {
        name: Column(
            pa.concat_arrays([part[name].text for part in parts]), is_number=parts[0][name].is_number
        )
        for name in parts[0]
    }


def full_width(value: str) -> str:
    """Write ASCII letters, digits and signs in their full-width form."""
    return value.translate(_WIDE)
