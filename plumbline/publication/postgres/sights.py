"""What a role sees of each published table: which columns, and which rows.

A row that a role may see holds at least one figure that it may see, so that the members of what is hidden do
not show either. What is not known here is not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from plumbline.access import Policy, Role, SmallGroup
from plumbline.access.persons import tells_persons
from plumbline.definitions import Definitions, SavedQuery
from plumbline.publication.postgres.tables import LARGE_GROUP, Table
from plumbline.publication.sql import identifier, literal
from plumbline.publication.visible import Visible, visible

EVERYBODY = frozenset({"publication", "available_table"})
EVIDENCE = frozenset(
    {
        "doubt",
        "extract",
        "ledger",
        "mart_part",
        "publication_table",
        "quality_result",
        "quarantine_reason",
        "reconciliation",
        "rejected_row",
        "waiver",
    }
)
_VERDICT = "__verdict"


@dataclass(frozen=True)
class TableSight:
    """What a role sees of one table: `condition` is SQL over its rows, '' for all; `words` say it."""

    columns: tuple[str, ...]
    condition: str = ""
    words: str = ""


@dataclass(frozen=True)
class Onlooker:
    """One role before the tables of one generation; `splits` are the dimensions of figures there.

    `internal` is the schema in which policies find the groups that are large enough.
    """

    policy: Policy
    role: Role
    definitions: Definitions
    splits: tuple[str, ...] = ()
    internal: str = ""

    @cached_property
    def _seen(self) -> Visible:
        return visible(self.role, self.definitions)

    @property
    def wide(self) -> frozenset[str]:
        """The metrics that are seen for the whole company."""
        return self._seen.wide

    @property
    def limited(self) -> frozenset[str]:
        """The metrics of which only figures of certain members are seen."""
        return self._seen.limited

    @property
    def visible(self) -> frozenset[str]:
        """All metrics that the role sees somehow."""
        return self._seen.all

    @cached_property
    def groups(self) -> Mapping[str, SmallGroup]:
        """The metrics whose figures need enough people, each with the group that asks for most."""
        return {} if self.role.persons else self.policy.counted(self.definitions)

    def sight(self, table: Table) -> TableSight | None:
        """Tell what the role sees of a table; None for nothing."""
        query = self.definitions.saved_queries.get(table.name)
        if query:
            return self._of_saved_query(table, query)
        if table.name in EVIDENCE:
            return _whole(table, words="evidence") if self.role.evidence else None
        if table.name == "coverage":
            sees_all = not self.limited and self.visible >= self.definitions.metrics.keys()
            return _whole(table) if sees_all or self.role.evidence else None
        return self._of_figures(table)

    def sights(self, tables: Iterable[Table]) -> dict[str, TableSight]:
        """Tell what the role sees of all tables; of `available_table` the rows of those that it sees."""
        found = {table.name: seen for table in tables if (seen := self.sight(table))}
        if "available_table" in found:
            columns = tuple(name for name in found["available_table"].columns if name != "row_count")
            listed = f"schema_name = 'published' AND {_among('table_name', found)}"
            found["available_table"] = TableSight(columns, listed, "the tables that the role sees")
        return found

    def _of_saved_query(self, table: Table, query: SavedQuery) -> TableSight | None:
        if not self._may_split(item.name for item in query.group_by):
            return None
        members = {item.name: item.published for item in query.group_by if not (item.grain or item.part)}
        is_limited = bool(self.role.rows) and self.role.rows.keys() <= members.keys()
        seen = self.visible if is_limited else self.wide
        shown = [
            name
            for name in query.metrics
            if name in seen and (name not in self.groups or self.groups[name].count in query.metrics)
        ]
        if not shown:
            return None
        all_shown = len(shown) == len(query.metrics)
        conditions = [self._members(members)] if is_limited else []
        conditions += sorted({self._enough(self.groups[name]) for name in shown if name in self.groups})
        conditions += [] if all_shown else [_any_value(shown)]
        hidden = {name for name in query.metrics if name not in shown}
        hidden |= {name + _VERDICT for name in hidden} | (set() if all_shown else {"partial_metrics"})
        columns = tuple(column.name for column in table.columns if column.name not in hidden)
        words = [self.rows_in_words()] if is_limited else []
        words += sorted({_enough_in_words(self.groups[name]) for name in shown if name in self.groups})
        words += [] if all_shown else [f"{len(shown)} of {len(query.metrics)} metrics"]
        return TableSight(columns, " AND ".join(conditions), "; ".join(words))

    def _of_figures(self, table: Table) -> TableSight | None:
        """Tell what is seen of the tables that describe metrics or hold figures of many."""
        if not _NEEDED.get(table.name, set()) <= {column.name for column in table.columns}:
            return None
        condition = {
            "publication": "true",
            "available_table": "true",
            "indicator": _among("name", self.visible),
            "indicator_edge": f"{_among('parent', self.visible)} AND {_among('child', self.visible)}",
            "indicator_value": self._long(table),
            "restatement": self._long(table),
            "target": self._target(),
            "hold": f"{_among('metric', self.visible)} AND {_among('dimensions', self._open_splits())}",
        }.get(table.name)
        if condition is None or (table.name not in EVERYBODY and not self.visible):
            return None
        hidden = set() if self.role.evidence else set(_TELLING.get(table.name, ()))
        if table.name == "indicator" and not self.visible >= self.definitions.metrics.keys():
            # A formula names what goes into a metric, which the role may not know.
            hidden |= {"formula", "published_in"}
        if not all(self._shows_parts(name) for name in self.visible):
            hidden |= {"numerator", "denominator"}
        columns = tuple(column.name for column in table.columns if column.name not in hidden)
        return TableSight(columns, "" if condition == "true" else condition, self._words_of(table))

    def _shows_parts(self, name: str) -> bool:
        """Tell whether the role sees what a ratio divides wherever it sees the ratio."""
        metric = self.definitions.metrics[name]
        seen = self.wide if name in self.wide else self.visible
        return all(
            part in seen and self.groups.get(part) in (None, self.groups.get(name))
            for part in (metric.numerator, metric.denominator)
            if part
        )

    def _words_of(self, table: Table) -> str:
        is_of_figures = table.name in ("indicator_value", "restatement", "target")
        return "; ".join(
            filter(
                None,
                [
                    "" if table.name in EVERYBODY else "metrics that the role sees",
                    self.rows_in_words() if is_of_figures and self.limited else "",
                    "no small groups" if is_of_figures and self.groups else "",
                ],
            )
        )

    def _long(self, table: Table) -> str:
        """Write which rows of a table with metric, dimensions and members are seen."""
        splits = self._open_splits()
        parts = [f"({_among('metric', self.wide)} AND {_among('dimensions', splits)})"]
        within = [split for split in splits if self.role.rows.keys() <= set(split.split(","))]
        if self.limited and within:
            members = {name: f"(CAST(members AS json) ->> {literal(name)})" for name in self.role.rows}
            # Only members of these splits are JSON.
            parts.append(
                f"({_among('metric', self.limited)} AND CASE WHEN {_among('dimensions', within)} "
                f"THEN {self._members(members, quoted=True)} ELSE false END)"
            )
        seen = f"({' OR '.join(parts)})"
        known = {column.name for column in table.columns}
        keyed = {"grain", "period_start", "dimensions", "members"} <= known
        return f"{seen} AND {self._long_groups(keyed)}" if self.groups.keys() & self.visible else seen

    def _long_groups(self, keyed: bool) -> str:
        """Write that a figure of people shows only beside a count that is large enough."""
        free = _among("metric", self.groups.keys(), negated=True)
        if not keyed:
            return free
        large = identifier(self.internal, LARGE_GROUP)
        parts = [free]
        for group in dict.fromkeys(self.groups.values()):
            metrics = [name for name, its in self.groups.items() if its == group]
            parts.append(
                f"({_among('metric', metrics)} AND ({_place('')}) IN (SELECT {_place('large.')} "
                f"FROM {large} AS large WHERE large.count_metric = {literal(group.count)} "
                f"AND large.at_least = {group.at_least:d}))"
            )
        return f"({' OR '.join(parts)})"

    def _target(self) -> str:
        splits = self._open_splits()
        parts = [f"({_among('metric', self.wide)} AND {_among('dimension', splits)})"]
        if self.limited and len(self.role.rows) == 1:
            (name,) = self.role.rows
            own = self._members({name: "member"}, quoted=True)
            parts.append(f"({_among('metric', self.limited)} AND dimension = {literal(name)} AND {own})")
        seen = f"({' OR '.join(parts)})"
        covered = self.groups.keys() & self.visible
        return f"{seen} AND {_among('metric', covered, negated=True)}" if covered else seen

    def _open_splits(self) -> list[str]:
        return [split for split in self.splits if self._may_split(filter(None, split.split(",")))]

    def _may_split(self, names: Iterable[str]) -> bool:
        """Tell whether the role may see figures split by these dimensions."""
        return self.role.persons or not any(_is_personal(self.definitions, name) for name in names)

    def _members(self, columns: Mapping[str, str], *, quoted: bool = False) -> str:
        """Write that rows are of the members that the role is limited to."""
        return " AND ".join(
            _of_members(columns[name] if quoted else identifier(columns[name]), members)
            for name, members in self.role.rows.items()
        )

    def _enough(self, group: SmallGroup) -> str:
        return f"{identifier(group.count)} >= {group.at_least:d}"

    def rows_in_words(self) -> str:
        """Say which rows the role is limited to: `territory__region_group North America, Europe`."""
        return " and ".join(
            f"{name} {', '.join('(none)' if member is None else member for member in members)}"
            for name, members in self.role.rows.items()
        )


# Columns without which nothing can be told of a row.
_NEEDED: Mapping[str, set[str]] = {
    "indicator_value": {"metric", "dimensions", "members"},
    "restatement": {"metric", "dimensions", "members"},
    "target": {"metric", "dimension", "member"},
    "hold": {"metric", "dimensions"},
}
# Columns that show rows of the company's data: examples of what failed.
_TELLING: Mapping[str, set[str]] = {"hold": {"examples"}, "indicator": {"defined_in"}}


def _is_personal(definitions: Definitions, name: str) -> bool:
    """Tell whether a column tells persons apart, also at a grain or by a part of a date."""
    return tells_persons(definitions, name) or tells_persons(definitions, name.rpartition("__")[0] or name)


def _whole(table: Table, words: str = "") -> TableSight:
    return TableSight(tuple(column.name for column in table.columns), words=words)


def _among(column: str, names: Iterable[str], *, negated: bool = False) -> str:
    listed = ", ".join(literal(name) for name in sorted(names))
    if not listed:
        return "true" if negated else "false"
    return f"{column} {'NOT ' if negated else ''}IN ({listed})"


def _any_value(columns: Sequence[str]) -> str:
    return f"({' OR '.join(f'{identifier(name)} IS NOT NULL' for name in columns)})"


def _of_members(column: str, members: Sequence[str | None]) -> str:
    parts = []
    if named := [member for member in members if member is not None]:
        parts.append(_among(f"CAST({column} AS text)", named))
    if None in members:
        parts.append(f"{column} IS NULL")
    return f"({' OR '.join(parts)})"


def _place(prefix: str) -> str:
    """Write what tells one figure of a metric from another."""
    start = f"coalesce({prefix}period_start, '-infinity')"
    return f"{prefix}grain, {start}, {prefix}dimensions, {prefix}members"


def _enough_in_words(group: SmallGroup) -> str:
    return f"{group.count} at least {group.at_least}"
