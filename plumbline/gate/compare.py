"""Compare figures with those that were published: which past ones changed, and which need an approval.

A figure is compared when its period was over, and all of it known, as of the publication that showed it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from plumbline.definitions import Definitions
from plumbline.gate.approve import Approval, approved
from plumbline.gate.before import Previous
from plumbline.governance.trust import AWAITING, Restating
from plumbline.warehouse.tables import insert_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

RECORDED, APPROVED, WITHDRAWN = "recorded", "approved", "withdrawn"
# The database that the publication before is attached as.
BEFORE = "as_published"
ROWS_CHANGED = "late or corrected rows"
CODE_CHANGED = "models, definitions or targets changed"
NO_LONGER = "metric or split taken out"
BOTH_CHANGED = f"{ROWS_CHANGED}, or changed models, definitions or targets"
# Beyond the noise of floating point, where the old value is zero.
_NOISE = 1e-9
_RULES = """
CREATE OR REPLACE TEMP TABLE restating (metric VARCHAR, level VARCHAR, needs_approval BOOLEAN,
    tolerance DOUBLE, approve_beyond DOUBLE, settled_after_days INTEGER)"""
_PASSED = """
CREATE OR REPLACE TEMP TABLE approved_change (metric VARCHAR, grain VARCHAR, period_start DATE,
    dimensions VARCHAR, members VARCHAR, old_value DECIMAL(38, 12), new_value DECIMAL(38, 12),
    approved_by VARCHAR, approved_at TIMESTAMP, reason VARCHAR)"""

# What changed since each publication: a figure that is held, or waits, is still that of its last good one.
_CAUSES = f"""
CREATE OR REPLACE TEMP TABLE cause AS
SELECT publication_id, CASE
    WHEN has_new_rows AND has_new_code THEN '{BOTH_CHANGED}'
    WHEN has_new_rows THEN '{ROWS_CHANGED}'
    ELSE '{CODE_CHANGED}' END AS cause
FROM (
    SELECT publication_id,
        EXISTS (FROM landing_run.loads WHERE is_current AND landed_at > since.published_at) AS has_new_rows,
        $has_new_code OR EXISTS (FROM {BEFORE}.published.publication AS later
            WHERE later.published_at > since.published_at
                AND (later.code_commit, later.definitions_digest)
                    IS DISTINCT FROM (since.code_commit, since.definitions_digest)) AS has_new_code
    FROM {BEFORE}.published.publication AS since
)"""


def same_figure(one: str, two: str) -> str:
    """Write that two rows are about the same figure."""
    keys = ("metric", "grain", "dimensions", "members", "period_start")
    return " AND ".join(f"{one}.{key} = {two}.{key}" for key in keys)


def _short(value: str) -> str:
    """Write a figure without the zeros at its end."""
    return f"rtrim(rtrim({value}::VARCHAR, '0'), '.')"


# Figures that were restated to nothing, or withdrawn with a value, and have not come back.
_GONE = f"""
CREATE OR REPLACE TEMP TABLE gone AS
SELECT metric, grain, period_start, period_end, dimensions, members,
    CASE WHEN state = '{WITHDRAWN}' THEN old_value END AS value, last_good
FROM {BEFORE}.published.restatement
WHERE state <> '{AWAITING}'
QUALIFY new_value IS NULL AND row_number() OVER (
    PARTITION BY metric, grain, period_start, dimensions, members ORDER BY restated_at DESC) = 1"""
_WAITING = f"""
CREATE OR REPLACE TEMP TABLE waiting AS
SELECT metric, grain, period_start, dimensions, members, waits_since, last_good
FROM {BEFORE}.published.restatement
WHERE state = '{AWAITING}'"""
_NOTHING = """
CREATE OR REPLACE TEMP TABLE {name} (metric VARCHAR, grain VARCHAR, period_start DATE, period_end DATE,
    dimensions VARCHAR, members VARCHAR, value DECIMAL(38, 12), waits_since TIMESTAMP, last_good VARCHAR)"""

# A figure that is gone was restated to nothing; one of a metric, or a split, that is no longer given at all
# was withdrawn. Given again, it is compared with what it was.
_CHANGED = f"""
CREATE OR REPLACE TEMP TABLE restated AS
WITH given AS (SELECT DISTINCT metric, grain, dimensions FROM candidates.indicator_value),
earlier AS (
    SELECT metric, grain, period_start, period_end, dimensions, members, value, definition_version, verdict,
        reason, held_since, last_good, as_of, is_partial, false AS is_returned
    FROM {BEFORE}.published.indicator_value
    UNION ALL BY NAME
    SELECT gone.*, 'held' AS verdict, $as_of AS as_of, false AS is_partial, true AS is_returned
    FROM temp.gone AS gone
    ANTI JOIN {BEFORE}.published.indicator_value AS before ON {same_figure("before", "gone")}
    WHERE gone.value IS NOT NULL
),
compared AS (
    SELECT
        before.metric, rules.level, before.grain, before.period_start, before.period_end, before.dimensions,
        before.members, before.value AS old_value, now.value AS new_value,
        abs(now.value::DOUBLE - before.value::DOUBLE) AS distance, abs(before.value::DOUBLE) AS size,
        before.definition_version AS old_version, now.definition_version AS new_version,
        before.verdict IN ('held', 'stale') AS was_held,
        coalesce(before.reason, '') LIKE 'restated from %' AS was_waiting,
        before.held_since, before.last_good, before.is_returned,
        rules.needs_approval, rules.tolerance, rules.approve_beyond, rules.settled_after_days,
        before.as_of - before.period_end > rules.settled_after_days AS is_settled
    FROM earlier AS before
    INNER JOIN temp.restating AS rules ON rules.metric = before.metric
    SEMI JOIN given ON given.metric = before.metric AND given.grain = before.grain
        AND given.dimensions = before.dimensions
    LEFT JOIN candidates.indicator_value AS now ON {same_figure("now", "before")}
    WHERE before.period_start IS NOT NULL AND NOT before.is_partial AND before.value IS NOT NULL
        AND before.period_end <= before.as_of AND before.period_end <= $as_of
        AND (now.metric IS NULL OR (now.verdict NOT IN ('held', 'stale') AND NOT now.is_partial))
        AND now.value IS DISTINCT FROM before.value
    UNION ALL BY NAME
    SELECT
        now.metric, rules.level, now.grain, now.period_start, now.period_end, now.dimensions, now.members,
        NULL::DECIMAL(38, 12) AS old_value, now.value AS new_value,
        waiting.metric IS NOT NULL AS was_held, waiting.metric IS NOT NULL AS was_waiting,
        waiting.waits_since AS held_since, waiting.last_good, true AS is_returned,
        rules.needs_approval, rules.tolerance, rules.approve_beyond, rules.settled_after_days,
        $as_of - now.period_end > rules.settled_after_days AS is_settled
    FROM candidates.indicator_value AS now
    INNER JOIN temp.restating AS rules ON rules.metric = now.metric
    SEMI JOIN temp.gone AS gone ON gone.value IS NULL AND {same_figure("gone", "now")}
    ANTI JOIN {BEFORE}.published.indicator_value AS before ON {same_figure("before", "now")}
    LEFT JOIN temp.waiting AS waiting ON {same_figure("waiting", "now")}
    WHERE now.period_end <= $as_of AND NOT now.is_partial AND now.verdict NOT IN ('held', 'stale')
        AND now.value IS NOT NULL
),
beyond AS (
    SELECT *, old_value IS NULL OR new_value IS NULL
            OR distance > greatest(approve_beyond * size, $noise) AS is_great
    FROM compared
    WHERE old_value IS NULL OR new_value IS NULL OR distance > greatest(tolerance * size, $noise)
),
judged AS (
    SELECT
        beyond.*, passed.approved_by, passed.approved_at, passed.reason AS approved_for,
        CASE
            WHEN old_version <> new_version
                THEN 'definition version ' || new_version || ' in place of ' || old_version
            ELSE coalesce(cause.cause, '{CODE_CHANGED}')
        END AS cause,
        CASE
            WHEN NOT (needs_approval AND is_great AND is_settled) THEN '{RECORDED}'
            WHEN passed.metric IS NULL THEN '{AWAITING}'
            ELSE '{APPROVED}'
        END AS state
    FROM beyond
    LEFT JOIN temp.cause AS cause
        ON cause.publication_id = CASE WHEN was_held THEN last_good ELSE $previous END
    LEFT JOIN temp.approved_change AS passed
        ON {same_figure("passed", "beyond")} AND (passed.new_value IS NULL) = (beyond.new_value IS NULL)
        AND abs(coalesce(passed.new_value, 0)::DOUBLE - coalesce(beyond.new_value, 0)::DOUBLE)
            <= greatest(tolerance * abs(coalesce(passed.new_value, 0)::DOUBLE), $noise)
)
SELECT
    metric, level, grain, period_start, period_end, dimensions, members, old_value, new_value,
    (new_value::DOUBLE - old_value::DOUBLE) / nullif(size, 0) AS change_share, cause, state,
    CASE
        WHEN state = '{APPROVED}' THEN approved_for
        WHEN state = '{AWAITING}'
            THEN 'restated from ' || coalesce({_short("old_value")}, 'nothing') || ' to '
                || coalesce({_short("new_value")}, 'nothing') || ' (' || cause || '): {AWAITING}'
        WHEN NOT needs_approval THEN 'nobody has to approve it'
        WHEN NOT is_settled THEN 'figures settle until ' || settled_after_days || ' days after their period'
        ELSE 'changes up to ' || round(100 * approve_beyond, 3) || ' % are recorded'
    END AS reason,
    $restated_by AS restated_by,
    CASE WHEN state = '{APPROVED}' THEN approved_by END AS approved_by,
    CASE WHEN state = '{APPROVED}' THEN approved_at END AS approved_at,
    CASE WHEN state = '{AWAITING}' THEN CASE WHEN was_waiting THEN held_since ELSE $now END END
        AS waits_since,
    CASE WHEN state = '{AWAITING}' THEN CASE WHEN was_held THEN last_good ELSE $previous END END
        AS last_good,
    $publication_id AS publication_id, $now AS restated_at, is_returned
FROM judged
ORDER BY ALL"""
_WITHDRAWN = f"""
INSERT INTO temp.restated BY NAME
SELECT
    before.metric, coalesce(rules.level, told.level) AS level, before.grain, before.period_start,
    before.period_end, before.dimensions, before.members, before.value AS old_value, '{NO_LONGER}' AS cause,
    '{WITHDRAWN}' AS state, 'given again, it is compared with this' AS reason, $restated_by AS restated_by,
    CASE WHEN before.verdict IN ('held', 'stale') THEN before.last_good ELSE $previous END AS last_good,
    $publication_id AS publication_id, $now AS restated_at
FROM {BEFORE}.published.indicator_value AS before
LEFT JOIN temp.restating AS rules ON rules.metric = before.metric
LEFT JOIN {BEFORE}.published.indicator AS told ON told.name = before.metric
WHERE before.period_start IS NOT NULL AND NOT before.is_partial AND before.value IS NOT NULL
    AND before.period_end <= before.as_of AND before.period_end <= $as_of
    AND NOT EXISTS (FROM candidates.indicator_value AS now WHERE now.metric = before.metric
        AND now.grain = before.grain AND now.dimensions = before.dimensions)"""


@dataclass(frozen=True)
class Restatement:
    """The publication that restates: its number to be, who runs it, as of when, and after which one.

    `has_new_code`: whether files of the project differ from those that made the publication before.
    """

    publication_id: str
    restated_by: str
    as_of: date
    now: datetime
    previous: Previous | None
    has_new_code: bool = False


@dataclass(frozen=True)
class Comparison:
    """Writes `temp.restated`: each past figure that is not what was published, and what became of it.

    `is_returned` there: the publication before has no such figure.
    """

    con: DuckDBPyConnection
    definitions: Definitions
    restating: Restating
    publication: Restatement
    approvals: Collection[Approval]

    def write(self, waiting: Mapping[str, list[Any]], *, has_history: bool = True) -> None:
        """Compare; `waiting` are the changes that waited for an approval before, by metric.

        Without a history of restatements nobody knows which figures had gone.
        """
        for name, sql in (("gone", _GONE), ("waiting", _WAITING)):
            self.con.execute(sql if has_history else _NOTHING.format(name=name))
        self._write_rules()
        self._write_causes()
        self._write_passed(waiting)
        self._compare(has_history=has_history)

    def drop(self) -> None:
        """Take the temporary tables away."""
        for name in ("restating", "cause", "approved_change", "restated", "gone", "waiting"):
            self.con.execute(f"DROP TABLE temp.{name}")

    def _write_rules(self) -> None:
        self.con.execute(_RULES)
        rows = []
        for name, metric in self.definitions.metrics.items():
            rule, level = self.restating.of(name), metric.governance.level
            needs = level in self.restating.approved_levels
            shares = [float(rule.tolerance), float(rule.approve_beyond), rule.settled_after_days]
            rows.append([name, level, needs, *shares])
        insert_rows(self.con, "temp.restating", rows)

    def _write_passed(self, waiting: Mapping[str, list[Any]]) -> None:
        self.con.execute(_PASSED)
        rows = [
            [*change, approval.by, approval.at, approval.reason]
            for change, approval in approved(waiting, self.approvals)
        ]
        insert_rows(self.con, "temp.approved_change", rows)

    def _compare(self, *, has_history: bool) -> None:
        publication = self.publication
        assert publication.previous
        told = {
            "as_of": publication.as_of,
            "restated_by": publication.restated_by,
            "now": publication.now,
            "previous": publication.previous.publication_id,
            "publication_id": publication.publication_id,
        }
        self.con.execute(_CHANGED, {**told, "noise": _NOISE})
        if has_history:
            self.con.execute(_WITHDRAWN, told)

    def _write_causes(self) -> None:
        """Say for each publication what changed since, but for versions of definitions: rows, or the code."""
        if not self._exists("landing_run", "loads"):
            self.con.execute(
                f"CREATE OR REPLACE TEMP TABLE cause AS SELECT publication_id, '{ROWS_CHANGED}' AS cause"
                f" FROM {BEFORE}.published.publication"
            )
            return
        self.con.execute(_CAUSES, {"has_new_code": self.publication.has_new_code})

    def _exists(self, schema: str, table: str) -> bool:
        row = self.con.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database()"
            " AND schema_name = ? AND table_name = ?",
            [schema, table],
        ).fetchone()
        return bool(row and row[0])
