"""Restatements: past figures that differ from what was published, and what of them waits for an approval.

Works on the schema `candidates` after what is held has been put back. A figure is compared when its period
was over, and all of it known, as of the publication that showed it. What waits for an approval keeps its old
value, row by row, in the long table and the wide ones; targets and lights follow. `gate.restatement` has the
whole history, carried from generation to generation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from plumbline.definitions import Definitions
from plumbline.gate.approve import CHANGE, Approval, approved, awaiting
from plumbline.gate.before import Previous
from plumbline.governance.trust import AWAITING, Restating
from plumbline.indicators.questions import Question, wide_question
from plumbline.indicators.tables import LONG_COLUMNS, VERDICT
from plumbline.indicators.targets import write_targets
from plumbline.ledger import canonical_digest
from plumbline.warehouse import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

RECORDED, APPROVED = "recorded", "approved"
RESTATEMENT_COLUMNS = (
    ("metric", "VARCHAR"),
    ("level", "VARCHAR"),
    ("grain", "VARCHAR"),
    ("period_start", "DATE"),
    ("period_end", "DATE"),
    ("dimensions", "VARCHAR"),
    ("members", "VARCHAR"),
    ("old_value", "DECIMAL(38, 12)"),
    ("new_value", "DECIMAL(38, 12)"),
    ("change_share", "DOUBLE"),
    ("cause", "VARCHAR"),
    ("state", "VARCHAR"),
    ("reason", "VARCHAR"),
    ("restated_by", "VARCHAR"),
    ("approved_by", "VARCHAR"),
    ("approved_at", "TIMESTAMP"),
    ("waits_since", "TIMESTAMP"),
    ("last_good", "VARCHAR"),
    ("publication_id", "VARCHAR"),
    ("restated_at", "TIMESTAMP"),
)
_BEFORE = "as_published"
_ITEMISED = 500
# Beyond the noise of floating point, where the old value is zero.
_NOISE = 1e-9
_OWN = {"verdict", "reason", "held_since", "last_good", "target", "attainment", "light"}
_RULES = """
CREATE OR REPLACE TEMP TABLE restating (metric VARCHAR, level VARCHAR, needs_approval BOOLEAN,
    tolerance DOUBLE, approve_beyond DOUBLE, settled_after_days INTEGER)"""
_PASSED = """
CREATE OR REPLACE TEMP TABLE approved_change (metric VARCHAR, grain VARCHAR, period_start DATE,
    dimensions VARCHAR, members VARCHAR, old_value DECIMAL(38, 12), new_value DECIMAL(38, 12),
    approved_by VARCHAR, approved_at TIMESTAMP, reason VARCHAR)"""


def _same(one: str, two: str) -> str:
    """Write that two rows are about the same figure."""
    keys = ("metric", "grain", "dimensions", "members", "period_start")
    return " AND ".join(f"{one}.{key} = {two}.{key}" for key in keys)


def _short(value: str) -> str:
    """Write a figure without the zeros at its end."""
    return f"rtrim(rtrim({value}::VARCHAR, '0'), '.')"


# A figure that is gone was restated to nothing; one of a metric that is no longer given at all was not.
_CHANGED = f"""
CREATE OR REPLACE TEMP TABLE restated AS
WITH given AS (SELECT DISTINCT metric, grain, dimensions FROM candidates.indicator_value),
compared AS (
    SELECT
        before.metric, rules.level, before.grain, before.period_start, before.period_end, before.dimensions,
        before.members, before.value AS old_value, now.value AS new_value,
        abs(now.value::DOUBLE - before.value::DOUBLE) AS distance, abs(before.value::DOUBLE) AS size,
        before.definition_version AS old_version, now.definition_version AS new_version,
        before.verdict IN ('held', 'stale') AS was_held,
        coalesce(before.reason, '') LIKE 'restated from %' AS was_waiting,
        before.held_since, before.last_good,
        rules.needs_approval, rules.tolerance, rules.approve_beyond, rules.settled_after_days,
        before.as_of - before.period_end > rules.settled_after_days AS is_settled
    FROM {_BEFORE}.published.indicator_value AS before
    INNER JOIN temp.restating AS rules ON rules.metric = before.metric
    SEMI JOIN given ON given.metric = before.metric AND given.grain = before.grain
        AND given.dimensions = before.dimensions
    LEFT JOIN candidates.indicator_value AS now ON {_same("now", "before")}
    WHERE before.period_start IS NOT NULL AND NOT before.is_partial AND before.value IS NOT NULL
        AND before.period_end <= before.as_of AND before.period_end <= $as_of
        AND (now.metric IS NULL OR (now.verdict NOT IN ('held', 'stale') AND NOT now.is_partial))
        AND now.value IS DISTINCT FROM before.value
),
beyond AS (
    SELECT *, new_value IS NULL OR distance > greatest(approve_beyond * size, $noise) AS is_great
    FROM compared
    WHERE new_value IS NULL OR distance > greatest(tolerance * size, $noise)
),
judged AS (
    SELECT
        beyond.*, passed.approved_by, passed.approved_at, passed.reason AS approved_for,
        CASE
            WHEN old_version <> new_version
                THEN 'definition version ' || new_version || ' in place of ' || old_version
            ELSE $cause
        END AS cause,
        CASE
            WHEN NOT (needs_approval AND is_great AND is_settled) THEN '{RECORDED}'
            WHEN passed.metric IS NULL THEN '{AWAITING}'
            ELSE '{APPROVED}'
        END AS state
    FROM beyond
    LEFT JOIN temp.approved_change AS passed
        ON {_same("passed", "beyond")} AND (passed.new_value IS NULL) = (beyond.new_value IS NULL)
        AND abs(coalesce(passed.new_value, 0)::DOUBLE - coalesce(beyond.new_value, 0)::DOUBLE)
            <= greatest(tolerance * abs(coalesce(passed.new_value, 0)::DOUBLE), $noise)
)
SELECT
    metric, level, grain, period_start, period_end, dimensions, members, old_value, new_value,
    (new_value::DOUBLE - old_value::DOUBLE) / nullif(size, 0) AS change_share, cause, state,
    CASE
        WHEN state = '{APPROVED}' THEN approved_for
        WHEN state = '{AWAITING}'
            THEN 'restated from ' || {_short("old_value")} || ' to '
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
    $publication_id AS publication_id, $now AS restated_at
FROM judged
ORDER BY ALL"""


# Says for a metric, and those who started the runs that found its changes, who may approve them.
Others = Callable[[str, Collection[str]], str]


@dataclass(frozen=True)
class Restated:
    """What a publication restates: counts by state, the metrics that wait, and the record for the ledger."""

    counts: Mapping[str, int] = field(default_factory=dict)
    awaiting: tuple[Mapping[str, Any], ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Restatement:
    """The publication that restates: its number to be, who runs it, as of when, and after which one."""

    publication_id: str
    restated_by: str
    as_of: date
    now: datetime
    previous: Previous | None


def restate(
    con: DuckDBPyConnection,
    definitions: Definitions,
    restating: Restating,
    publication: Restatement,
    *,
    approvals: Collection[Approval] = (),
    others: Others = lambda metric, finders: "somebody else",
) -> Restated:
    """Compare with what is published, write `gate.restatement`, put back what waits for an approval.

    `others` says for a metric, and those who found its changes, who may approve. All or nothing.
    """
    columns = ", ".join(f"{name} {kind}" for name, kind in RESTATEMENT_COLUMNS)
    con.execute("BEGIN TRANSACTION")
    try:
        con.execute("CREATE SCHEMA IF NOT EXISTS gate")
        con.execute(f"CREATE OR REPLACE TABLE gate.restatement ({columns})")
        found = Restated()
        if publication.previous:
            file = str(publication.previous.path).replace("'", "''")
            con.execute(f"ATTACH '{file}' AS {_BEFORE} (READ_ONLY)")
            found = _Comparing(con, definitions, restating, publication, approvals, others).run()
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    finally:
        con.execute(f"DETACH DATABASE IF EXISTS {_BEFORE}")
    return found


@dataclass(frozen=True)
class _Comparing:
    con: DuckDBPyConnection
    definitions: Definitions
    restating: Restating
    publication: Restatement
    approvals: Collection[Approval]
    others: Others

    def run(self) -> Restated:
        known = self._known()
        if "held_since" not in known.get("indicator_value", {}):
            return Restated()  # a generation of an older make
        has_history = "restatement" in known
        waiting = awaiting(self.con, f"{_BEFORE}.published.restatement") if has_history else {}
        self._write_rules()
        self._write_passed(waiting)
        self._compare()
        if has_history:
            self._keep_finders()
        if awaited := self._name_approvers():
            self._put_back(known, awaited)
        names = ", ".join(name for name, _ in RESTATEMENT_COLUMNS)
        if has_history:
            self.con.execute(
                f"INSERT INTO gate.restatement SELECT {names} FROM {_BEFORE}.published.restatement"
                f" WHERE state <> '{AWAITING}'"
            )
        self.con.execute(f"INSERT INTO gate.restatement SELECT {names} FROM temp.restated")
        restated = self._told()
        for name in ("restating", "approved_change", "restated"):
            self.con.execute(f"DROP TABLE temp.{name}")
        return restated

    def _known(self) -> dict[str, dict[str, str]]:
        rows = self.con.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns()"
            f" WHERE database_name = '{_BEFORE}' AND schema_name = 'published'"
        ).fetchall()
        found: dict[str, dict[str, str]] = {}
        for table, column, kind in rows:
            found.setdefault(table, {})[column] = kind
        return found

    def _write_rules(self) -> None:
        self.con.execute(_RULES)
        rows = []
        for name, metric in self.definitions.metrics.items():
            rule, level = self.restating.of(name), metric.governance.level
            needs = level in self.restating.approved_levels
            shares = [float(rule.tolerance), float(rule.approve_beyond), rule.settled_after_days]
            rows.append([name, level, needs, *shares])
        self._insert("restating", rows)

    def _write_passed(self, waiting: Mapping[str, list[Any]]) -> None:
        self.con.execute(_PASSED)
        rows = [
            [*change, approval.by, approval.at, approval.reason]
            for change, approval in approved(waiting, self.approvals)
        ]
        self._insert("approved_change", rows)

    def _insert(self, table: str, rows: list[list[Any]]) -> None:
        for row in rows:
            self.con.execute(f"INSERT INTO temp.{table} VALUES ({', '.join('?' * len(row))})", row)

    def _compare(self) -> None:
        publication = self.publication
        assert publication.previous
        self.con.execute(
            _CHANGED,
            {
                "as_of": publication.as_of,
                "noise": _NOISE,
                "cause": self._cause(),
                "restated_by": publication.restated_by,
                "now": publication.now,
                "previous": publication.previous.publication_id,
                "publication_id": publication.publication_id,
            },
        )

    def _cause(self) -> str:
        """Say what changed but for the version of the definition: the extracts, or what is made of them."""
        if not self._exists("landing_run", "loads"):
            return "late or corrected rows"
        row = self.con.execute(
            "SELECT count(*) FROM landing_run.loads AS now WHERE is_current AND NOT EXISTS"
            f" (FROM {_BEFORE}.published.extract AS before WHERE before.load = now.load)"
        ).fetchone()
        return "late or corrected rows" if row and row[0] else "models, definitions or targets changed"

    def _exists(self, schema: str, table: str) -> bool:
        row = self.con.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database()"
            " AND schema_name = ? AND table_name = ?",
            [schema, table],
        ).fetchone()
        return bool(row and row[0])

    def _keep_finders(self) -> None:
        """Keep the name of who found what has waited: they may not approve it, whoever runs it again."""
        self.con.execute(
            "UPDATE temp.restated SET restated_by = before.restated_by"
            f" FROM {_BEFORE}.published.restatement AS before"
            f" WHERE before.state = '{AWAITING}' AND restated.state IN ('{AWAITING}', '{APPROVED}')"
            f" AND {_same('before', 'restated')}"
        )

    def _name_approvers(self) -> list[str]:
        """Say behind each change that waits who may approve it; gives the metrics."""
        rows = self.con.execute(
            "SELECT metric, list_sort(list(DISTINCT restated_by)) FROM temp.restated"
            f" WHERE state = '{AWAITING}' GROUP BY 1 ORDER BY 1"
        ).fetchall()
        for metric, finders in rows:
            self.con.execute(
                f"UPDATE temp.restated SET reason = reason || ? WHERE state = '{AWAITING}' AND metric = ?",
                [f" by {self.others(metric, finders)}", metric],
            )
        return [metric for metric, _ in rows]

    def _put_back(self, known: Mapping[str, Mapping[str, str]], awaited: Collection[str]) -> None:
        """Show the old values of what waits, in the long table and the wide ones."""
        self.con.execute(
            f"DELETE FROM candidates.indicator_value AS now USING temp.restated AS waits"
            f" WHERE waits.state = '{AWAITING}' AND {_same('waits', 'now')}"
        )
        shared = [name for name, _ in LONG_COLUMNS if name in known["indicator_value"] and name not in _OWN]
        self.con.execute(
            f"INSERT INTO candidates.indicator_value BY NAME SELECT"
            f" {', '.join(f'before.{name}' for name in shared)}, 'held' AS verdict, waits.reason,"
            f" waits.waits_since AS held_since, waits.last_good"
            f" FROM {_BEFORE}.published.indicator_value AS before"
            f" INNER JOIN temp.restated AS waits ON {_same('waits', 'before')}"
            f" WHERE waits.state = '{AWAITING}'"
        )
        for saved in self.definitions.saved_queries.values():
            question = wide_question(self.definitions, saved)
            if question.time and not question.where:
                waiting = [name for name in question.metrics if name in awaited]
                self._put_back_wide(question, waiting, known.get(question.name, {}))
        write_targets(self.con, self.definitions, self.publication.as_of)

    def _put_back_wide(self, question: Question, metrics: list[str], known: Mapping[str, str]) -> None:
        table, keys = f"candidates.{quoted(question.name)}", [item.published for item in question.group_by]
        if not metrics or not all(key in known for key in keys):
            return
        before = f"{_BEFORE}.published.{quoted(question.name)}"
        joined = " AND ".join(f"now.{quoted(key)} IS NOT DISTINCT FROM before.{quoted(key)}" for key in keys)
        types = {str(row[0]): str(row[1]) for row in self.con.execute(f"DESCRIBE {table}").fetchall()}
        self._add_rows(question, metrics, table, before, joined, known)
        for name in metrics:
            old = f"before.{quoted(name)}" if name in known else "waits.old_value"
            self.con.execute(
                f"UPDATE {table} AS now SET {quoted(name)} = TRY_CAST({old} AS {types[name]}),"
                f" {quoted(name + VERDICT)} = 'held'"
                f" FROM {before} AS before, temp.restated AS waits"
                f" WHERE {joined} AND {_waits(question, 'before')} AND waits.metric = ?",
                [name],
            )

    def _add_rows(
        self,
        question: Question,
        metrics: list[str],
        table: str,
        before: str,
        joined: str,
        known: Mapping[str, str],
    ) -> None:
        """Add the rows that are gone, and whose going waits."""
        marks = ["is_partial"] if "is_partial" in known else []
        taken = [f"before.{quoted(name)}" for name in (*(i.published for i in question.group_by), *marks)]
        taken += [f"'certified' AS {quoted(name + VERDICT)}" for name in question.metrics]
        self.con.execute(
            f"INSERT INTO {table} BY NAME SELECT DISTINCT {', '.join(taken)}"
            f" FROM {before} AS before INNER JOIN temp.restated AS waits ON {_waits(question, 'before')}"
            f" WHERE waits.metric IN ({', '.join('?' * len(metrics))})"
            f" AND NOT EXISTS (FROM {table} AS now WHERE {joined})",
            metrics,
        )

    def _told(self) -> Restated:
        rows = self.con.execute(
            "SELECT metric, level, state, count(*), max(abs(change_share)), min(waits_since),"
            " min(period_start), max(period_start), max(cause)"
            " FROM temp.restated GROUP BY metric, level, state ORDER BY ALL"
        ).fetchall()
        counts: dict[str, int] = {}
        for row in rows:
            counts[row[2]] = counts.get(row[2], 0) + row[3]
        waiting = tuple(
            {
                "metric": metric,
                "figures": figures,
                "largest": largest,
                "since": since.isoformat(),
                "first": first.isoformat(),
                "last": last.isoformat(),
                "cause": cause,
            }
            for metric, _, state, figures, largest, since, first, last, cause in rows
            if state == AWAITING
        )
        return Restated(counts, waiting, self._body(counts, rows) if rows else {})

    def _body(self, counts: Mapping[str, int], rows: list[Any]) -> Mapping[str, Any]:
        """Write the record: counts by metric, a digest of all changes, strategic ones one by one."""
        names = [*CHANGE, "state", "cause", "reason", "approved_by"]
        changes = self.con.execute(f"SELECT {', '.join(names)} FROM temp.restated ORDER BY ALL").fetchall()
        strategic = self.con.execute(
            f"SELECT {', '.join(names)} FROM temp.restated WHERE level = 'strategic'"
            f" ORDER BY state = '{RECORDED}', abs(change_share) DESC, metric, grain, dimensions,"
            f" period_start, members LIMIT {_ITEMISED}"
        ).fetchall()
        keys = [name.removesuffix("::VARCHAR") for name in names]
        return {
            "publication_id": self.publication.publication_id,
            "restated_by": self.publication.restated_by,
            "counts": dict(counts),
            "metrics": [
                {
                    "metric": row[0],
                    "level": row[1],
                    "state": row[2],
                    "figures": row[3],
                    "largest": _share(row[4]),
                }
                for row in rows
            ],
            "digest": canonical_digest([[cell or "" for cell in row] for row in changes]),
            "strategic": [dict(zip(keys, row, strict=True)) for row in strategic],
        }


def _waits(question: Question, row: str) -> str:
    """Write that a row of a wide table is one of those that wait."""
    assert question.time is not None
    pairs = ", ".join(f"'{item.column}', {row}.{quoted(item.published)}" for item in question.dimensions)
    members = f"CAST(json_object({pairs}) AS VARCHAR)" if pairs else "''"
    dimensions = ",".join(item.column for item in question.dimensions)
    return (
        f"waits.state = '{AWAITING}' AND waits.grain = '{question.grain}'"
        f" AND waits.dimensions = '{dimensions}'"
        f" AND waits.period_start = {row}.{quoted(question.time.published)} AND waits.members = {members}"
    )


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.6f}"
