"""What stands in the published tables beside figures, as far as a role sees it: targets, alerts, quality.

Rows are told only where the role sees the metric, may name the dimensions, and, where its rows are limited,
where the members are its own. Figures of small groups are left out where the group is not published, or too
small.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plumbline.indicators.library import edge_rows, formula
from plumbline.publication.sql import tables_of
from plumbline.serving.sight import EVERYTHING, Sight

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from plumbline.definitions import Definitions

Row = dict[str, Any]
_SEASONS = ("month", "day")
_TARGETS = """
SELECT * FROM warehouse.published.target
WHERE period_start <= $day AND period_end >= $day
    AND ($metric = '' OR metric = $metric) AND ($grain = '' OR grain = $grain)
ORDER BY metric, grain, period_start, dimension, member"""
# Of periods that run: those that are over do not change any more.
_LIGHTS = """
SELECT metric, grain, period_start, period_end, dimensions, members, value, target, attainment, light, unit,
    is_partial, verdict, definition_version
FROM warehouse.published.indicator_value
WHERE light IS NOT NULL AND period_start <= $day AND period_end >= $day AND light IN ('red', 'amber')
ORDER BY light DESC, metric, grain, dimensions, members"""
_HOLDS = """
SELECT metric, dimensions, verdict, arg_min(reason, held_since) AS reason,
    arg_min(owner, held_since) AS owner, arg_min(todo, held_since) AS todo,
    min(held_since) AS held_since, max(last_good) AS last_good
FROM warehouse.published.hold GROUP BY metric, dimensions, verdict ORDER BY metric, dimensions, verdict"""
_VERDICTS = """
SELECT metric, dimensions, verdict, any_value(reason) AS reason, count(*) AS figures
FROM warehouse.published.indicator_value WHERE verdict IS DISTINCT FROM 'certified'
GROUP BY metric, dimensions, verdict ORDER BY metric, dimensions, verdict"""
_STAGES = """
SELECT stage, verdict, count(*) AS checks FROM warehouse.published.quality_result
GROUP BY stage, verdict ORDER BY stage, verdict"""
_CHECKS = """
SELECT stage, table_name, column_name, severity, quality_dimension, owner, verdict, evaluated, unexpected,
    observed, expected, message, why, todo, examples, checked_at
FROM warehouse.published.quality_result WHERE verdict <> 'passed' AND verdict <> 'skipped'
ORDER BY stage, position"""
_COUNTED = """
SELECT value FROM warehouse.published.indicator_value
WHERE metric = ? AND grain = ? AND dimensions = ? AND members = ?
    AND period_start IS NOT DISTINCT FROM CAST(? AS DATE)"""


@dataclass(frozen=True)
class Lookout:
    """One generation, attached as `warehouse`, seen by a role."""

    connection: DuckDBPyConnection
    as_of: date
    definitions: Definitions
    sight: Sight = EVERYTHING

    def tree(self, metric: str = "") -> list[Row]:
        """List the metrics with what each is made of; `metric`: it and all below it."""
        children: dict[str, list[Row]] = {}
        for parent, child, role in edge_rows(self.definitions):
            children.setdefault(parent, []).append({"metric": child, "role": role})
        seen = {
            name: [child for child in children.get(name, ()) if self.sight.sees(child["metric"])]
            for name in self.definitions.metrics
            if self.sight.sees(name)
        }
        inputs = {child["metric"] for found in seen.values() for child in found}
        return [
            {
                **self._node(name, is_whole=len(seen[name]) == len(children.get(name, ()))),
                "inputs": seen[name],
                "is_root": name not in inputs,
            }
            for name in sorted(_below(metric, seen) if metric else seen)
        ]

    def _node(self, name: str, *, is_whole: bool) -> Row:
        """Describe a metric; a formula names its inputs, so it is told to who sees them all."""
        metric = self.definitions.metrics[name]
        told = metric.governance
        return {
            "name": name,
            "label": metric.label or name,
            "label_zh": told.label_zh,
            "type": metric.type,
            "formula": formula(self.definitions, metric) if is_whole else None,
            "unit": told.unit,
            "domain": told.domain,
            "level": told.level,
        }

    def targets(self, metric: str = "", grain: str = "", on: date | None = None) -> list[Row]:
        """List the targets of the periods that a day lies in, by default those that are running."""
        if not self._has("target"):
            return []
        given = {"day": on or self.as_of, "metric": metric, "grain": grain}
        return [row for row in self._rows(_TARGETS, given) if self._sees_target(row)]

    def alerts(self) -> list[Row]:
        """List what asks for attention: lights of running periods, figures held, figures unlike before."""
        return [*self._lights(), *self._held(), *self._anomalies()]

    def verdicts(self) -> list[Row]:
        """List the figures that are not simply certified, by metric and breakdown, and why."""
        found = self._rows(_VERDICTS) if self._has("indicator_value") else []
        seen = [_by(row) for row in found if self._sees_breakdown(row["metric"], row["dimensions"])]
        # Reasons count rows, also those that a role with limited rows does not see.
        return [{**row, "reason": None, "figures": None} for row in seen] if self.sight.is_limited else seen

    def checks(self) -> dict[str, list[Row]]:
        """Count the checks of the publication, and list those that failed, with examples of rows."""
        if not self._has("quality_result"):
            return {"stages": [], "failed": []}
        return {"stages": self._rows(_STAGES), "failed": self._rows(_CHECKS)}

    def _lights(self) -> Iterator[Row]:
        for row in self._rows(_LIGHTS, {"day": self.as_of}) if self._has("indicator_value") else ():
            members = json.loads(row["members"]) if row["members"] else {}
            if self._sees(row["metric"], members) and self._is_enough(row):
                yield {"kind": "light", **_without(row, "dimensions"), "members": members}

    def _held(self) -> Iterator[Row]:
        for row in self._rows(_HOLDS) if self._has("hold") else ():
            if self._sees_breakdown(row["metric"], row["dimensions"]):
                told = {"reason": None, "todo": None} if self.sight.is_limited else {}
                yield {"kind": "held", **_by(row), **told}

    def _anomalies(self) -> Iterator[Row]:
        from plumbline.quality.anomalies import unusual_sql

        for grain in _SEASONS if self._has("indicator_value") else ():
            sql = unusual_sql(grain, self.as_of, "warehouse", "published")
            for row in self._rows(sql):
                if self._sees(row["metric"], {}) and row["metric"] not in self.sight.small_groups:
                    yield {"kind": "anomaly", "grain": grain, **_without(row, "period_end")}

    def _sees(self, metric: str, members: Mapping[str, Any]) -> bool:
        """Tell whether a row of a metric for these members is for the role to see."""
        sight = self.sight
        if not sight.sees(metric) or not all(map(sight.names, members)):
            return False
        if not (sight.role and sight.role.rows) or metric in sight.company_wide:
            return True
        return all(
            dimension in members and _text(members[dimension]) in allowed
            for dimension, allowed in sight.role.rows.items()
        )

    def _sees_breakdown(self, metric: str, dimensions: str | None) -> bool:
        """Tell whether the role may know how a metric by these dimensions fares; no figure is told."""
        names = [name for name in (dimensions or "").split(",") if name]
        return self.sight.sees(metric) and all(map(self.sight.names, names))

    def _sees_target(self, row: Row) -> bool:
        members = {row["dimension"]: row["member"]} if row["dimension"] else {}
        asked = {**row, "dimensions": row["dimension"], "members": json.dumps(members) if members else ""}
        return self._sees(row["metric"], members) and self._is_enough(asked)

    def _is_enough(self, row: Row) -> bool:
        """Tell whether a figure is of a group that is large enough, by the count published of it."""
        group = self.sight.small_groups.get(row["metric"])
        if group is None:
            return True
        key = [group.count, row["grain"], row["dimensions"], _compact(row["members"]), row["period_start"]]
        found = self.connection.execute(_COUNTED, key).fetchall()
        return any(count is not None and count >= Decimal(group.at_least) for (count,) in found[:1])

    def _has(self, table: str) -> bool:
        return table in tables_of(self.connection, "warehouse", "published")

    def _rows(self, sql: str, given: Mapping[str, Any] | None = None) -> list[Row]:
        cursor = self.connection.execute(sql, dict(given)) if given else self.connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _below(metric: str, children: Mapping[str, Sequence[Row]]) -> set[str]:
    found: set[str] = set()
    pending = [metric]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [child["metric"] for child in children.get(name, ())]
    return found


def _by(row: Row) -> Row:
    """Give the breakdown as a list of dimensions."""
    return {**row, "dimensions": [name for name in (row["dimensions"] or "").split(",") if name]}


def _without(row: Row, name: str) -> Row:
    return {key: value for key, value in row.items() if key != name}


def _compact(members: str) -> str:
    """Write members as the published tables do: without blanks."""
    return json.dumps(json.loads(members), ensure_ascii=False, separators=(",", ":")) if members else ""


def _text(member: Any) -> str | None:
    return None if member is None else str(member)
