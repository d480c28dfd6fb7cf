"""Rows at the cursor value where the last load ended: which of them are new."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from plumbline.landing.manifests import Manifest
from plumbline.warehouse import connect, quoted

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_NEW_ROWS = """
with seen as (select {columns}, count(*) as times from landed_rows group by {columns}),
numbered as (
    select *, row_number() over (partition by {columns} order by "position") as copy from boundary_rows
)
select {numbered_columns}
from numbered left join seen on {same}
where copy > coalesce(times, 0)
order by "position"
"""


def rows_not_landed(
    boundary: list[pa.RecordBatch],
    columns: list[str],
    loads: list[Manifest],
    cursor: str,
    last: str,
) -> Iterator[pa.RecordBatch]:
    """Give the rows that no load has yet, compared whole; of equal rows as many as are too many.

    `boundary` are rows at the cursor value `last` (or before it, or without one): what landed with these
    values is read again and taken away.
    """
    import pyarrow as pa

    if not sum(batch.num_rows for batch in boundary):
        return
    rows = pa.Table.from_batches(boundary)
    values = set(rows.column(cursor).to_pylist())
    only_last = values == {last}
    landed = [
        _landed_rows(load, columns, cursor, values)
        for load in loads
        if not only_last or (load.cursor and load.cursor.end == last)
    ]
    numbered = rows.append_column("position", pa.array(range(rows.num_rows), pa.int64()))
    with connect() as connection:
        connection.register("boundary_rows", numbered)
        connection.register("landed_rows", pa.concat_tables(landed) if landed else rows.slice(0, 0))
        found = connection.sql(_sql(columns)).to_arrow_table()
    yield from found.cast(pa.schema([pa.field(name, pa.string()) for name in columns])).to_batches()


def _landed_rows(load: Manifest, columns: list[str], cursor: str, values: set[str | None]) -> pa.Table:
    """Read the rows of a load that have one of the cursor values; columns that it lacks are NULL."""
    import pyarrow as pa
    import pyarrow.compute as pc  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    at_boundary = pc.field(cursor).isin(
        pa.array([value for value in values if value is not None], pa.string())
    )
    if None in values:
        at_boundary |= pc.field(cursor).is_null()
    present = [name for name in columns if name in load.columns]
    table = pq.read_table(load.parquet, columns=present, filters=at_boundary, partitioning=None)
    for name in columns:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
    return table.select(columns)


def _sql(columns: list[str]) -> str:
    names = [quoted(name) for name in columns]
    return _NEW_ROWS.format(
        columns=", ".join(names),
        numbered_columns=", ".join(f"numbered.{name}" for name in names),
        same=" and ".join(f"numbered.{name} is not distinct from seen.{name}" for name in names),
    )
