"""Rows of an Arrow table put in order as SQL would, for a third of what DuckDB takes.

What is to be ordered by becomes one whole number per row: the places of its values, each column's before
those of the next one. What has no value comes last. Fractions are left to SQL, which has an order for NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

# Places that one whole number can tell apart.
_MOST = 2**62


def in_order(table: pa.Table, order: Sequence[str]) -> pa.Table | None:
    """Order rows by columns, `-` before a descending one; None where that is left to SQL.

    No two rows may be alike in all of these columns.
    """
    import numpy as np
    import pyarrow as pa

    places: Any = np.zeros(table.num_rows, dtype=np.int64)
    most = 1
    for name in order if table.num_rows else ():
        column = _places(table.column(name.removeprefix("-")), name.startswith("-"))
        if column is None or most * (count := int(column.max()) + 1) >= _MOST:
            return None
        places = places * count + column
        most *= count
    if bool((places[1:] >= places[:-1]).all()):
        return table
    return table.take(pa.array(np.argsort(places)))


def _places(column: pa.ChunkedArray, descends: bool) -> Any:
    """Give the place of each value among those of a column, from 0 on; None of what is not placed here."""
    import pyarrow as pa

    if pa.types.is_floating(column.type):
        return None
    is_whole = pa.types.is_integer(column.type) and column.type != pa.uint64()
    is_counted = is_whole or pa.types.is_temporal(column.type)
    found = _distances(column) if is_counted else _ranks(column)
    if found is None:
        return None
    last = int(found.max(initial=-1, where=_is_there(column)))
    if descends:
        found = last - found
    if column.null_count:
        found[~_is_there(column)] = last + 1
    return found


def _is_there(column: pa.ChunkedArray) -> Any:
    """Tell of each row whether it has a value; True where all have."""
    return column.is_valid().to_numpy() if column.null_count else True


def _distances(column: pa.ChunkedArray) -> Any:
    """Give how far whole numbers, days or moments are from the least; None where that is too far."""
    import pyarrow as pa
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    found = column.cast(pa.int64(), safe=False)
    ends = pc.min_max(found)
    least, last = ends["min"].as_py(), ends["max"].as_py()
    if least is None:
        least = last = 0
    if last - least >= _MOST:
        return None
    return pc.fill_null(found, least).to_numpy() - least


def _ranks(column: pa.ChunkedArray) -> Any:
    """Give the rank of each value among the different ones."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = column.combine_chunks().dictionary_encode()
    chunks = encoded.chunks if isinstance(encoded, pa.ChunkedArray) else [encoded]
    (found,) = chunks or [pa.array([], column.type).dictionary_encode()]
    ranks = np.empty(len(found.dictionary), dtype=np.int64)
    ranks[pc.sort_indices(found.dictionary).to_numpy()] = np.arange(len(ranks))
    if not len(ranks):
        ranks = np.zeros(1, dtype=np.int64)
    return ranks[pc.fill_null(found.indices, 0).to_numpy()]
