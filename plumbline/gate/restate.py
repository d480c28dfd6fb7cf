"""Restatements: past figures that differ from what was published, and what of them waits for an approval.

Works on the schema `candidates` after what is held has been put back. A figure is compared when its period
was over, and all of it known, as of the publication that showed it. What waits for an approval keeps its old
value, row by row, in the long table and the wide ones; targets and lights follow. `gate.restatement` has the
whole history, carried from generation to generation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from plumbline.definitions import Definitions
from plumbline.gate.approve import CHANGE, Approval, approved, awaiting
from plumbline.gate.compare import (
    APPROVED,
    BEFORE,
    RECORDED,
    WITHDRAWN,
    Comparison,
    Restatement,
    same_figure,
)
from plumbline.gate.put_back import PuttingBack
from plumbline.governance.trust import AWAITING, Restating
from plumbline.ledger import canonical_digest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

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
_ITEMISED = 500


# Says for a metric, and those who started the runs that found its changes, who may approve them.
Others = Callable[[str, Collection[str]], str]


@dataclass(frozen=True)
class Restated:
    """What a publication restates: counts by state, the metrics that wait, and the record for the ledger.

    `approvals` are the numbers of the records that let changes of it through.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    awaiting: tuple[Mapping[str, Any], ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    approvals: tuple[int, ...] = ()


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
            con.execute(f"ATTACH '{file}' AS {BEFORE} (READ_ONLY)")
            found = _Comparing(con, definitions, restating, publication, approvals, others).run()
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    finally:
        con.execute(f"DETACH DATABASE IF EXISTS {BEFORE}")
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
        waiting = awaiting(self.con, f"{BEFORE}.published.restatement") if has_history else {}
        comparison = Comparison(self.con, self.definitions, self.restating, self.publication, self.approvals)
        comparison.write(waiting, has_history=has_history)
        if has_history:
            self._keep_finders()
        if awaited := self._name_approvers():
            PuttingBack(self.con, self.definitions, self.publication.as_of, known).run(awaited)
        names = ", ".join(name for name, _ in RESTATEMENT_COLUMNS)
        if has_history:
            self.con.execute(
                f"INSERT INTO gate.restatement SELECT {names} FROM {BEFORE}.published.restatement"
                f" WHERE state <> '{AWAITING}'"
            )
        self.con.execute(f"INSERT INTO gate.restatement SELECT {names} FROM temp.restated")
        restated = replace(self._told(), approvals=self._used(waiting))
        comparison.drop()
        return restated

    def _used(self, waiting: Mapping[str, list[Any]]) -> tuple[int, ...]:
        """Give the numbers of the approvals by which changes are published."""
        rows = self.con.execute(
            f"SELECT DISTINCT metric FROM temp.restated WHERE state = '{APPROVED}'"
        ).fetchall()
        metrics = {metric for (metric,) in rows}
        given = approved(waiting, self.approvals)
        return tuple(sorted({approval.seq for change, approval in given if change[0] in metrics}))

    def _known(self) -> dict[str, dict[str, str]]:
        rows = self.con.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns()"
            f" WHERE database_name = '{BEFORE}' AND schema_name = 'published'"
        ).fetchall()
        found: dict[str, dict[str, str]] = {}
        for table, column, kind in rows:
            found.setdefault(table, {})[column] = kind
        return found

    def _keep_finders(self) -> None:
        """Keep the name of who found what has waited: they may not approve it, whoever runs it again."""
        self.con.execute(
            "UPDATE temp.restated SET restated_by = before.restated_by"
            f" FROM {BEFORE}.published.restatement AS before"
            f" WHERE before.state = '{AWAITING}' AND restated.state IN ('{AWAITING}', '{APPROVED}')"
            f" AND {same_figure('before', 'restated')}"
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
            f" ORDER BY state IN ('{RECORDED}', '{WITHDRAWN}'), state, abs(change_share) DESC, metric, grain,"
            f" dimensions, period_start, members LIMIT {_ITEMISED}"
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


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.6f}"
