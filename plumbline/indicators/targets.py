"""Targets: what each value should be, how far it got, and the light that it shows.

Reads the marts `period_targets` and `light_thresholds`; writes `candidates.target` and the columns target,
attainment and light of `candidates.indicator_value`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.definitions import METRIC_TIME, Definitions, GroupBy, parse_group_by
from plumbline.governance import growth
from plumbline.governance.seeds import TARGETS, read_seed
from plumbline.indicators.availability import Availability
from plumbline.indicators.questions import Question
from plumbline.warehouse.tables import insert_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Attainment below which a light is amber and red, where no threshold is maintained.
AMBER, RED = 1, 0.9
# What models/intermediate/targets_from_data.sql asks of members that no saved query gives.
_QUOTAS = ("quota_attained_sales", "quarter", "sales_person__sales_person_id")

_ASKED = """
SELECT DISTINCT metric, grain, dimension FROM marts.period_targets WHERE dimension <> '' ORDER BY ALL"""

_METRICS = """
CREATE OR REPLACE TEMP TABLE target_metric (metric VARCHAR, sign INTEGER, growth VARCHAR, owner VARCHAR)"""

_THRESHOLDS = """
CREATE OR REPLACE TEMP TABLE target_threshold AS
SELECT
    facts.metric,
    coalesce(own.measured_by, every.measured_by, 'attainment') AS measured_by,
    coalesce(own.amber, every.amber, ?) AS amber,
    coalesce(own.red, every.red, ?) AS red
FROM temp.target_metric AS facts
LEFT JOIN marts.light_thresholds AS own ON own.metric = facts.metric
LEFT JOIN marts.light_thresholds AS every ON every.metric = '*'"""

# The values that targets are about, or are made from.
_VALUES = """
CREATE OR REPLACE TEMP TABLE target_value AS
SELECT
    metric, grain, period_start, dimensions AS dimension, members, value, is_partial,
    CASE
        WHEN dimensions = '' THEN '' ELSE json_extract_string(members, '$."' || dimensions || '"')
    END AS member
FROM candidates.indicator_value
WHERE (metric, grain, dimensions) IN (SELECT (metric, grain, dimension) FROM marts.period_targets)"""

# A target for each member becomes one per member; one that names its member goes before it.
_DEMANDED = """
CREATE OR REPLACE TEMP TABLE target_demanded AS
WITH asked AS (
    SELECT
        *,
        CAST(period_start - CASE grain WHEN 'week' THEN INTERVAL 364 DAY ELSE INTERVAL 1 YEAR END AS DATE)
            AS base_start,
        CASE rule WHEN 'is' THEN period_start ELSE base_start END AS members_of
    FROM marts.period_targets
),
named AS (
    SELECT asked.* REPLACE (found.member AS member), 2 AS place
    FROM asked
    INNER JOIN temp.target_value AS found
        ON found.metric = asked.metric AND found.grain = asked.grain AND found.dimension = asked.dimension
        AND found.period_start = asked.members_of
    WHERE asked.member = '*' AND found.member IS NOT NULL
    UNION ALL
    SELECT asked.*, 1 AS place FROM asked WHERE member <> '*'
),
chosen AS (
    SELECT * FROM named
    QUALIFY row_number() OVER (
        PARTITION BY metric, grain, period_start, dimension, member ORDER BY place) = 1
)
SELECT
    chosen.* EXCLUDE (period_target_id, base_start, members_of, place),
    CASE chosen.rule
        WHEN 'is' THEN chosen.figure
        WHEN 'last_year_times'
            THEN CAST(base.value AS DECIMAL(26, 6)) * CAST(chosen.figure AS DECIMAL(12, 6))
        WHEN 'last_year_plus' THEN base.value + chosen.figure
    END AS value
FROM chosen
LEFT JOIN temp.target_value AS base
    ON chosen.rule <> 'is' AND NOT base.is_partial AND base.metric = chosen.metric
    AND base.grain = chosen.grain AND base.dimension = chosen.dimension AND base.member = chosen.member
    AND base.period_start = chosen.base_start"""

_JUDGED = """
CREATE OR REPLACE TEMP TABLE target_judged AS
WITH met AS (
    SELECT
        demanded.* REPLACE (coalesce(demanded.owner, facts.owner) AS owner),
        facts.sign,
        found.value AS actual,
        found.members,
        least(demanded.measured_to, $as_of) - demanded.measured_from + 1 AS days_elapsed,
        demanded.measured_to - demanded.measured_from + 1 AS days,
        CASE
            WHEN demanded.measured_to <= $as_of THEN demanded.value
            WHEN demanded.measured_from > $as_of THEN NULL
            WHEN facts.growth = 'adds_up'
                THEN CAST(round(CAST(demanded.value AS DOUBLE) * days_elapsed / days, 6) AS DECIMAL(38, 12))
            WHEN facts.growth = 'level' THEN demanded.value
        END AS target_to_date
    FROM temp.target_demanded AS demanded
    INNER JOIN temp.target_metric AS facts ON facts.metric = demanded.metric
    LEFT JOIN temp.target_value AS found
        ON found.metric = demanded.metric AND found.grain = demanded.grain
        AND found.dimension = demanded.dimension AND found.member = demanded.member
        AND found.period_start = demanded.period_start
    WHERE demanded.value IS NOT NULL
),
measured AS (
    SELECT
        met.*,
        {attainment_of_target} AS attainment,
        {attainment_to_date} AS attainment_to_date
    FROM met
)
SELECT
    measured.*,
    CASE
        WHEN actual IS NULL OR target_to_date IS NULL OR sign = 0 THEN NULL
        WHEN measured_by = 'value' AND sign * (actual - red) < 0 THEN 'red'
        WHEN measured_by = 'value' AND sign * (actual - amber) < 0 THEN 'amber'
        WHEN measured_by = 'value' THEN 'green'
        WHEN target_to_date = 0 AND sign * actual < 0 THEN 'red'
        WHEN target_to_date = 0 THEN 'green'
        WHEN attainment_to_date < red THEN 'red'
        WHEN attainment_to_date < amber THEN 'amber'
        ELSE 'green'
    END AS light
FROM measured
INNER JOIN temp.target_threshold AS thresholds USING (metric)"""

_TARGET = """
CREATE OR REPLACE TABLE candidates.target AS
SELECT
    metric, grain, period_start, period_end, dimension, member, CAST(value AS DECIMAL(38, 12)) AS value,
    CAST(target_to_date AS DECIMAL(38, 12)) AS target_to_date, actual, attainment, light,
    rule, figure AS rule_figure, source, measured_from, measured_to, deadline, owner, note,
    CAST($as_of AS DATE) AS as_of
FROM temp.target_judged
ORDER BY metric, grain, dimension, period_start, member"""

_NO_TARGETS = """
CREATE OR REPLACE TABLE candidates.target (
    metric VARCHAR, grain VARCHAR, period_start DATE, period_end DATE, dimension VARCHAR, member VARCHAR,
    value DECIMAL(38, 12), target_to_date DECIMAL(38, 12), actual DECIMAL(38, 12),
    attainment DECIMAL(38, 6), light VARCHAR, rule VARCHAR, rule_figure DECIMAL(38, 12), source VARCHAR,
    measured_from DATE, measured_to DATE, deadline DATE, owner VARCHAR, note VARCHAR, as_of DATE)"""

_FORGET = """
UPDATE candidates.indicator_value SET target = NULL, attainment = NULL, light = NULL
WHERE target IS NOT NULL"""

_REMEMBER = """
UPDATE candidates.indicator_value AS held
SET target = judged.value, attainment = judged.attainment, light = judged.light
FROM temp.target_judged AS judged
WHERE held.metric = judged.metric AND held.grain = judged.grain AND held.period_start = judged.period_start
    AND held.dimensions = judged.dimension AND held.members = judged.members"""

_TEMPORARY = ("metric", "threshold", "value", "demanded", "judged")


def attainment_sql(target: str) -> str:
    """Write the attainment of `target` by `actual`: 1 when it is met, more when it is passed.

    1 + (actual - target) / |target| where up is good, 1 - (…) where down is: so actual / target of a
    positive target for more, 2 - actual / target for less. A target of 0 has none.
    """
    distance = f"CAST(actual - {target} AS DOUBLE) / CAST(abs({target}) AS DOUBLE)"
    exact = f"TRY_CAST(round(1 + sign * {distance}, 6) AS DECIMAL(38, 6))"
    return f"CASE WHEN {target} <> 0 AND sign <> 0 THEN {exact} END"


def has_targets(con: DuckDBPyConnection) -> bool:
    """Tell whether the project has a mart of targets."""
    row = con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database()"
        " AND schema_name = 'marts' AND table_name = 'period_targets'"
    ).fetchone()
    return bool(row and row[0])


def target_questions(
    con: DuckDBPyConnection, definitions: Definitions, availability: Availability
) -> Iterator[Question]:
    """Ask for the figures of members that have a target and that no saved query gives."""
    asked = con.execute(_ASKED).fetchall() if has_targets(con) else []
    yield from _questions(definitions, [row for row in asked if row[0] in availability])


def likely_questions(definitions: Definitions, root: Path) -> Iterator[Question]:
    """Ask beforehand what the seeds of a project, and quotas, will make `target_questions` ask."""
    rows, _ = read_seed(root, TARGETS)
    seeds = {(row["metric"], row["grain"], row["dimension"]) for row in rows if row["dimension"]}
    yield from _questions(definitions, sorted(seeds | {_QUOTAS}))


def _questions(definitions: Definitions, asked: Iterable[tuple[str, str, str]]) -> Iterator[Question]:
    for metric, grain, dimension in asked:
        if metric in definitions.metrics and not _is_saved(definitions, metric, grain, dimension):
            keys = (GroupBy(METRIC_TIME, grain), parse_group_by(dimension))
            yield Question(f"targets_of_{metric}_by_{dimension}_{grain}", (metric,), (), keys)


def _is_saved(definitions: Definitions, metric: str, grain: str, dimension: str) -> bool:
    return any(
        saved.time is not None
        and saved.time.grain == grain
        and [item.column for item in saved.dimensions] == [dimension]
        and not saved.where
        and metric in saved.metrics
        for saved in definitions.saved_queries.values()
    )


def write_targets(con: DuckDBPyConnection, definitions: Definitions, as_of: date) -> int:
    """Write `candidates.target` and the lights of the values; gives the number of targets.

    A target that rests on last year's value exists only where there is one. While a period runs, the light
    compares what adds up with the part of the target that its days so far make up, and a level with the
    whole target; what only the end tells has no light yet.
    """
    con.execute(_FORGET)
    if not has_targets(con):
        con.execute(_NO_TARGETS)
        return 0
    con.execute(_METRICS)
    insert_rows(con, "temp.target_metric", _metric_rows(definitions))
    con.execute(_THRESHOLDS, [AMBER, RED])
    con.execute(_VALUES)
    con.execute(_DEMANDED)
    judged = _JUDGED.replace("{attainment_of_target}", attainment_sql("met.value"))
    judged = judged.replace("{attainment_to_date}", attainment_sql("target_to_date"))
    con.execute(judged, {"as_of": as_of})
    con.execute(_TARGET, {"as_of": as_of})
    con.execute(_REMEMBER)
    for name in _TEMPORARY:
        con.execute(f"DROP TABLE temp.target_{name}")
    row = con.execute("SELECT count(*) FROM candidates.target").fetchone()
    return int(row[0]) if row else 0


def _metric_rows(definitions: Definitions) -> list[list[Any]]:
    signs = {"up": 1, "down": -1}
    return [
        [
            metric.name,
            signs.get(metric.governance.direction, 0),
            str(growth(definitions, metric)),
            str(metric.governance.owner) or None,
        ]
        for metric in definitions.metrics.values()
    ]
