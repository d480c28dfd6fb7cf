"""Incremental tables: which of the rows that came since the last load are new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plumbline.landing.manifests import Manifest
from plumbline.warehouse import connect, quoted

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

_NEW_ROWS = """
with seen as (select {columns}, count(*) as times from landed_rows group by {columns}),
numbered as (
    select *, row_number() over (partition by {columns} order by "position") as copy from earlier_rows
)
select {numbered_columns}
from numbered left join seen on {same}
where copy > coalesce(times, 0)
order by "position"
"""


@dataclass(frozen=True)
class Landed:
    """The incremental loads of a table, and the cursor value where they end (None when nothing landed)."""

    cursor: str
    loads: tuple[Manifest, ...]
    last: str | None

    @classmethod
    def of(cls, loads: Iterable[Manifest], cursor: str) -> Landed:
        """Take the loads that were made with this cursor column."""
        own = [load for load in loads if load.cursor is not None and load.cursor.column == cursor]
        last = own[-1].cursor.end if own and own[-1].cursor is not None else None
        return cls(cursor, tuple(own), last)

    def new_rows(
        self,
        batches: Iterable[pa.RecordBatch],
        columns: list[str],
        is_earlier: Callable[[pa.Array], pa.BooleanArray],
    ) -> Iterator[pa.RecordBatch]:
        """Give the rows after the last cursor value, then of the earlier ones those that have not landed.

        `is_earlier` tells it from the cursor column; rows without a cursor value must count as earlier.
        Earlier rows are compared whole: of equal rows as many are new as are too many.
        """
        import pyarrow.compute as pc  # type: ignore[import-untyped]

        earlier: list[pa.RecordBatch] = []
        for batch in batches:
            if self.last is None:
                yield batch
                continue
            old = is_earlier(batch.column(self.cursor))
            earlier.append(batch.filter(old))
            yield batch.filter(pc.invert(old))
        if sum(batch.num_rows for batch in earlier):
            yield from self._not_landed(earlier, columns)

    def _not_landed(self, earlier: list[pa.RecordBatch], columns: list[str]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        rows = pa.Table.from_batches(earlier)
        values = set(rows.column(self.cursor).to_pylist())
        loads = self.loads if values != {self.last} else [load for load in self.loads if self._ends(load)]
        landed = [_landed_rows(load, columns, self.cursor, values) for load in loads]
        numbered = rows.append_column("position", pa.array(range(rows.num_rows), pa.int64()))
        with connect() as connection:
            connection.register("earlier_rows", numbered)
            connection.register("landed_rows", pa.concat_tables([rows.slice(0, 0), *landed]))
            found = connection.sql(_sql(columns)).to_arrow_table()
        yield from found.cast(pa.schema([pa.field(name, pa.string()) for name in columns])).to_batches()

    def _ends(self, load: Manifest) -> bool:
        return load.cursor is not None and load.cursor.end == self.last


def _landed_rows(load: Manifest, columns: list[str], cursor: str, values: set[str | None]) -> pa.Table:
    """Read the rows of a load that have one of the cursor values; columns that it lacks are NULL."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    wanted = pc.field(cursor).isin(pa.array([value for value in values if value is not None], pa.string()))
    if None in values:
        wanted |= pc.field(cursor).is_null()
    present = [name for name in columns if name in load.columns]
    table = pq.read_table(load.parquet, columns=present, filters=wanted, partitioning=None)
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
