"""Show the warehouse what has landed: one view for each declared source table, and the facts of the run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from plumbline.landing.contract import Contract, TableContract, load_contract
from plumbline.landing.manifests import Manifest, current_loads, visible_loads
from plumbline.landing.sources import Sources
from plumbline.landing.writer import ROW_NUMBER
from plumbline.project import Home, Project
from plumbline.warehouse import glob_free, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_RUN_TABLES = """
create schema if not exists landing_run;
create or replace table landing_run.context (company varchar, as_of date, run_id varchar);
create or replace table landing_run.loads (
    load bigint, system varchar, table_name varchar, source varchar, mode varchar, sha256 varchar,
    rows bigint, is_current boolean, as_of date, landed_at timestamp, extract_rows bigint
);
create or replace table landing_run.gone_rows (
    system varchar, table_name varchar, load bigint, row_number bigint, gone_with bigint
);
create or replace table landing_run.released_rows (
    system varchar, table_name varchar, load bigint, row_number bigint, release bigint
);
create or replace table landing_run.control_totals (
    load bigint, system varchar, table_name varchar, column_name varchar, total decimal(38, 6),
    not_null bigint, unparsed bigint
);
create or replace table landing_run.missing_columns (
    load bigint, system varchar, table_name varchar, column_name varchar
);
"""


@dataclass(frozen=True)
class ReleasedRow:
    """A row that its owner has released from quarantine; of two with one key the later `release` counts."""

    system: str
    table: str
    load: int
    row_number: int
    row_key: str
    release: int


def register(
    con: DuckDBPyConnection,
    home: Home,
    project: Project,
    sources: Sources,
    as_of: date,
    run_id: str,
    released: Sequence[ReleasedRow] = (),
) -> None:
    """Create the views landing_<system>.<table>, and the tables of landing_run.

    A view has exactly the declared columns as VARCHAR (NULL where an extract lacks one), `_load` and
    `_row_number`, of the current loads; it is empty where nothing has landed, or where the company does not
    list the table. Rows that a later load of the same snapshot no longer has are in the view; staging sets
    them aside by landing_run.gone_rows. landing_run.released_rows has every row whose content was `released`.
    """
    contract = load_contract(project)
    loads = [load for load in visible_loads(home) if load.table in contract.get(load.system, {})]
    current = current_loads(load for load in loads if sources.is_connected(load.system, load.table))
    con.execute("begin transaction")
    try:
        _create_views(con, contract, current)
        _create_run_tables(con, sources.company, as_of, run_id, loads, {load.load for load in current})
        _fill_gone_rows(con, current)
        _fill_released_rows(con, contract, loads, released)
        con.execute("commit")
    except BaseException:
        con.execute("rollback")
        raise


_PRESENT = """
    select
        loads.system, loads.table_name, list(loads.load order by loads.load) as loads,
        any_value(released.released) as released
    from landing_run.loads as loads
    left join (
        select system, table_name, list((load, row_number, release) order by all) as released
        from landing_run.released_rows
        group by system, table_name
    ) as released on loads.system = released.system and loads.table_name = released.table_name
    where loads.is_current
    group by loads.system, loads.table_name
"""

_BUILT = f"""
create or replace table landing_run.built as
with present as ({_PRESENT})

select * from present
"""

_CHANGED = f"""
with present as ({_PRESENT})

select system, table_name
from present
full join landing_run.built using (system, table_name)
where present.loads is distinct from built.loads or present.released is distinct from built.released
"""


def note_built(con: DuckDBPyConnection) -> None:
    """Note that the models are built from the loads that are current now."""
    con.execute(_BUILT)


def changed_tables(con: DuckDBPyConnection) -> set[tuple[str, str]] | None:
    """Name the tables (system, table) whose current loads, or released rows, are not those that the models
    were built from.

    None when nobody noted which those were.
    """
    noted = con.execute(
        "select 1 from information_schema.columns"
        " where table_schema = 'landing_run' and table_name = 'built' and column_name = 'released'"
    ).fetchone()
    return set(con.execute(_CHANGED).fetchall()) if noted else None


def _create_views(con: DuckDBPyConnection, contract: Contract, current: Sequence[Manifest]) -> None:
    by_table: dict[tuple[str, str], list[Manifest]] = {}
    for load in current:
        by_table.setdefault((load.system, load.table), []).append(load)
    for system, tables in contract.items():
        con.execute(f"create schema if not exists {quoted(f'landing_{system}')}")
        for table in tables.values():
            con.execute(_view(table, by_table.get((system, table.name), [])))


def _view(table: TableContract, loads: Sequence[Manifest]) -> str:
    """Write the view of a table: loads with the same columns are read together."""
    groups: dict[frozenset[str], list[Manifest]] = {}
    for load in loads:
        groups.setdefault(frozenset(table.names) & frozenset(load.columns), []).append(load)
    parts = [_select(table, present, group) for present, group in groups.items()]
    name = f"{quoted(f'landing_{table.system}')}.{quoted(table.name)}"
    return f"create or replace view {name} as\n" + "\nunion all\n".join(parts or [_nothing(table)])


def _select(table: TableContract, present: frozenset[str], loads: Iterable[Manifest]) -> str:
    columns = [
        quoted(name) if name in present else f"cast(null as varchar) as {quoted(name)}"
        for name in table.names
    ]
    paths = ", ".join(_text(glob_free(load.parquet)) for load in loads)
    return (
        f"select {', '.join(columns)}, load as _load, {ROW_NUMBER}\n"
        f"from read_parquet([{paths}], hive_partitioning = true, hive_types = {{'load': bigint}})"
    )


def _nothing(table: TableContract) -> str:
    columns = [f"cast(null as varchar) as {quoted(name)}" for name in table.names]
    columns += [f"cast(null as bigint) as {name}" for name in ("_load", ROW_NUMBER)]
    return f"select {', '.join(columns)} where false"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _create_run_tables(
    con: DuckDBPyConnection,
    company: str,
    as_of: date,
    run_id: str,
    loads: Sequence[Manifest],
    current: set[int],
) -> None:
    for statement in filter(str.strip, _RUN_TABLES.split(";")):
        con.execute(statement)
    con.execute("insert into landing_run.context values (?, ?, ?)", [company, as_of, run_id])
    facts = ("load", "system", "table", "source", "mode", "sha256", "rows")
    _fill(
        con,
        "loads",
        [
            (
                *(getattr(load, name) for name in facts),
                load.load in current,
                load.as_of,
                load.landed_at,
                load.extract_rows,
            )
            for load in loads
        ],
    )
    _fill(
        con,
        "control_totals",
        [
            (load.load, load.system, load.table, name, total.sum, total.not_null, total.unparsed)
            for load in loads
            for name, total in load.control_totals.items()
        ],
    )
    _fill(
        con,
        "missing_columns",
        [(load.load, load.system, load.table, name) for load in loads for name in load.missing_columns],
    )


def _fill_gone_rows(con: DuckDBPyConnection, current: Sequence[Manifest]) -> None:
    """List the rows that later loads of the same snapshot no longer have."""
    for load in current:
        if load.difference and load.difference.gone_rows:
            con.execute(
                "insert into landing_run.gone_rows select ?, ?, load, row_number, ? "
                f"from read_parquet({_text(glob_free(load.gone))}, hive_partitioning = false)",
                [load.system, load.table, load.load],
            )


def _fill_released_rows(
    con: DuckDBPyConnection,
    contract: Contract,
    loads: Sequence[Manifest],
    released: Sequence[ReleasedRow],
) -> None:
    """List the rows of current loads that say just what a released row says, wherever they landed."""
    by_number = {load.load: load for load in loads}
    for row in released:
        table, load = contract.get(row.system, {}).get(row.table), by_number.get(row.load)
        if table is None or load is None or (load.system, load.table) != (row.system, row.table):
            continue
        view = f"{quoted(f'landing_{row.system}')}.{quoted(row.table)}"
        same = " and ".join(
            f"landed.{quoted(name)} is not distinct from released.{quoted(name)}" for name in table.names
        )
        one = _select(table, frozenset(table.names) & frozenset(load.columns), [load])
        con.execute(
            "insert into landing_run.released_rows"
            f" select ?, ?, landed._load, landed.{ROW_NUMBER}, ? from {view} as landed"
            f" inner join ({one} where {ROW_NUMBER} = ?) as released on {same}",
            [row.system, row.table, row.release, row.row_number],
        )


def _fill(con: DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    """Insert many rows at once: DuckDB takes them from Arrow, and casts."""
    import pyarrow as pa  # type: ignore[import-untyped]

    if not rows:
        return
    columns = [pa.array(column) for column in zip(*rows, strict=True)]
    con.register("landing_rows", pa.table(columns, names=[f"column_{i}" for i in range(len(columns))]))
    con.execute(f"insert into landing_run.{table} select * from landing_rows")
    con.unregister("landing_rows")
