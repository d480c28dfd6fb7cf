"""Since when a row is in quarantine: remembered from run to run, also when it lands anew each time.

`quarantine.seen` has one row per source table, key and kind of reason that was ever set aside. A row whose
key could not be read is known by its reason alone. `quarantine.reasons` counts them by table and reason.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.quarantine.reasons import kind_in_sql

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# A source table (system, table) and the key of a row as text.
Key = tuple[str, str, str]

_SEEN = """
create schema if not exists quarantine;
create table if not exists quarantine.seen (
    system varchar, table_name varchar, row_key varchar, kind varchar,
    first_load bigint, first_seen timestamp, newest_load bigint, newest_at timestamp,
    closed_at timestamp, closed varchar
)
"""

_NOW = f"""
create or replace temporary table rejected_now as
select
    rejected.system, rejected.table_name, coalesce(rejected.row_key, '') as row_key,
    {kind_in_sql("rejected.reason")} as kind,
    min(rejected.load) as first_load, min(loads.landed_at) as first_seen,
    max(rejected.load) as newest_load, max(loads.landed_at) as newest_at, count(*) as row_count
from quarantine.rejected_rows as rejected
left join landing_run.loads as loads on rejected.load = loads.load
group by all
"""

# What was away and has come back is in quarantine since then.
_MERGE = """
update quarantine.seen
set
    first_load = rejected_now.first_load, first_seen = rejected_now.first_seen,
    closed_at = null, closed = null
from rejected_now
where {same} and seen.closed_at is not null;

update quarantine.seen
set newest_load = rejected_now.newest_load, newest_at = rejected_now.newest_at
from rejected_now
where {same};

insert into quarantine.seen
select system, table_name, row_key, kind, first_load, first_seen, newest_load, newest_at, null, null
from rejected_now
where not exists (select 1 from quarantine.seen where {same});

update quarantine.seen
set closed_at = $now,
    closed = case
        when exists (
            select 1 from released_keys as released
            where released.system = seen.system and released.table_name = seen.table_name
                and released.row_key = seen.row_key
        ) then 'released'
        else 'gone'
    end
where closed_at is null and not exists (select 1 from rejected_now where {same})
"""
_SAME = (
    "seen.system = rejected_now.system and seen.table_name = rejected_now.table_name"
    " and seen.row_key = rejected_now.row_key and seen.kind = rejected_now.kind"
)

_REASONS = """
create or replace table quarantine.reasons as
with owners as (
    select table_name, max_by(owner, recorded) as owner
    from ({results})
    group by table_name
)

select
    seen.system, seen.table_name, seen.kind as reason,
    coalesce(sum(rejected_now.row_count), 0)::bigint as open_rows,
    min(seen.first_seen) filter (where seen.closed_at is null) as first_seen,
    min(seen.first_load) filter (where seen.closed_at is null) as first_load,
    max(seen.newest_load) as newest_load,
    max(seen.newest_at) as newest_at,
    count(*) filter (where seen.closed = 'gone') as gone_rows,
    count(*) filter (where seen.closed = 'released') as released_rows,
    any_value(owners.owner) as owner
from quarantine.seen as seen
left join rejected_now on {same}
left join owners on owners.table_name = 'staging.stg_' || seen.system || '__' || seen.table_name
group by seen.system, seen.table_name, seen.kind
"""
_RESULTS = "select table_name, owner, rowid as recorded from quality.result where owner <> ''"
_NO_RESULTS = "select null::varchar as table_name, null::varchar as owner, 0 as recorded where false"

_TAKE_OVER = """
insert into quarantine.seen
select system, table_name, coalesce(row_key, ''), {kind}, min(first_load), min(first_seen), max(load), null,
    null, null
from before.published.rejected_row
where first_seen is not null
group by all
"""


def note_seen(
    con: DuckDBPyConnection, *, now: datetime, released: Collection[Key] = (), previous: Path | None = None
) -> None:
    """Remember what is in quarantine now, and since when; count it by table and reason.

    `now` (UTC) is when rows are found gone; `previous` the published file, from which a new warehouse takes
    over since when they were there. All or nothing.
    """
    con.execute("begin transaction")
    try:
        is_new = not _exists(con, "quarantine", "seen")
        con.execute(_SEEN)
        if is_new and previous is not None:
            _take_over(con, previous)
        con.execute(_NOW)
        _fill_released(con, released)
        for statement in _MERGE.format(same=_SAME).split(";"):
            con.execute(statement, {"now": now} if "$now" in statement else None)
        results = _RESULTS if _exists(con, "quality", "result") else _NO_RESULTS
        con.execute(_REASONS.format(same=_SAME, results=results))
        con.execute("drop table rejected_now; drop table released_keys")
        con.execute("commit")
    except BaseException:
        con.execute("rollback")
        raise
    finally:
        con.execute("detach database if exists before")


def _fill_released(con: DuckDBPyConnection, released: Collection[Key]) -> None:
    con.execute(
        "create or replace temporary table released_keys"
        " (system varchar, table_name varchar, row_key varchar)"
    )
    if released:
        con.executemany("insert into released_keys values (?, ?, ?)", [list(key) for key in released])


def _take_over(con: DuckDBPyConnection, previous: Path) -> None:
    path = str(previous).replace("'", "''")
    con.execute(f"attach '{path}' as before (read_only)")
    if _exists(con, "published", "rejected_row", "first_seen", catalog="before"):
        con.execute(_TAKE_OVER.format(kind=kind_in_sql("reason")))


def _exists(con: DuckDBPyConnection, schema: str, table: str, column: str = "", catalog: str = "") -> bool:
    found = con.execute(
        "select 1 from duckdb_columns() where database_name = coalesce(nullif(?, ''), current_database())"
        " and schema_name = ? and table_name = ? and ? in ('', column_name) limit 1",
        [catalog, schema, table, column],
    ).fetchone()
    return found is not None
