"""What one role sees: the metrics that it may name, the rows that count for it, and what it is not told.

A metric that a role does not see is for it one that does not exist. A role with limited rows sees a metric
only where the limit can be applied, or for the whole company where the policy says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plumbline.errors import DefinitionError, UsageError
from plumbline.publication.visible import visible
from plumbline.serving.unknown import unknown

if TYPE_CHECKING:
    from plumbline.access import Policy, Role, SmallGroup
    from plumbline.compiler.templates import Reference
    from plumbline.definitions import Definitions, GroupBy
    from plumbline.serving.vocabulary import Vocabulary


@dataclass(frozen=True)
class Sight:
    """What a role sees of the definitions of one generation; without a role, everything."""

    role: Role | None = None
    metrics: frozenset[str] | None = None
    company_wide: frozenset[str] = frozenset()
    persons: frozenset[str] = frozenset()
    small_groups: Mapping[str, SmallGroup] = field(default_factory=dict)

    @property
    def is_limited(self) -> bool:
        """Whether only the rows of certain members count."""
        return bool(self.role and self.role.rows)

    def sees(self, metric: str) -> bool:
        """Tell whether a metric may be named."""
        return self.metrics is None or metric in self.metrics

    def names(self, column: str) -> bool:
        """Tell whether a dimension or an entity may be named, by whatever way it is reached."""
        if not self.persons:
            return True
        parts = column.split("__")
        return parts[-1] not in self.persons and "__".join(parts[-2:]) not in self.persons

    def counted(self, metrics: Sequence[str]) -> dict[str, SmallGroup]:
        """Give the metrics of which figures of small groups are left out, with what counts the group."""
        return {name: self.small_groups[name] for name in metrics if name in self.small_groups}

    def limits(self, metrics: Sequence[str]) -> tuple[str, ...]:
        """Write the conditions on the rows that count; DefinitionError where metrics have different ones."""
        if not (self.role and self.role.rows):
            return ()
        wide = [name for name in metrics if name in self.company_wide]
        if wide and len(wide) < len(metrics):
            limited = [name for name in metrics if name not in self.company_wide]
            raise DefinitionError(
                f"{', '.join(wide)} and {', '.join(limited)} cannot stand in one answer",
                why=f"Role {self.role.name} sees the first for the whole company, the others for "
                f"{self.limit_in_words()}.",
                todo="Ask for them apart.",
                code="different-rows",
            )
        return () if wide else self.row_conditions

    @property
    def row_conditions(self) -> tuple[str, ...]:
        """Write which rows count for the role, as conditions of the compiler."""
        rows = self.role.rows if self.role else {}
        return tuple(_condition(dimension, members) for dimension, members in rows.items())

    def limit_in_words(self) -> str:
        """Say which rows count: `territory__region_group North America, Europe`."""
        rows = self.role.rows if self.role else {}
        return " and ".join(
            f"{dimension} {', '.join('(none)' if member is None else member for member in members)}"
            for dimension, members in rows.items()
        )

    def require(self, references: Sequence[Reference], text: str) -> None:
        """Refuse a condition that names what the role does not see."""
        for reference in references:
            named = (reference.item, *reference.by) if not reference.metric else reference.by
            for item in named:
                self._require_named(item, text)
            if reference.metric and not self.sees(reference.metric):
                raise unknown("metric", reference.metric, (), text)
            if reference.metric and (self.is_limited or reference.metric in self.small_groups):
                raise DefinitionError(
                    "a condition cannot compare the figures of each member here",
                    where=text,
                    why=f"Role {self.role.name if self.role else ''} does not see the figures of all rows.",
                    todo="Compare dimensions, or metrics that are asked for.",
                    code="bad-condition",
                )

    def _require_named(self, item: GroupBy, text: str) -> None:
        if not self.names(item.name):
            raise unknown("dimension", item.name, (), text)


EVERYTHING = Sight()


def sight_of(policy: Policy, role: str, vocabulary: Vocabulary) -> Sight:
    """Give what a role sees; `vocabulary` is that of somebody who sees everything."""
    found = policy.roles.get(role)
    if found is None:
        raise UsageError(
            f"{role!r} is no role of {policy.company}",
            where=str(policy.file or ""),
            todo=f"Its roles: {', '.join(policy.roles) or 'none'}.",
            code="unknown-role",
        )
    definitions = vocabulary.definitions
    return Sight(
        role=found,
        metrics=visible(found, definitions).all,
        company_wide=found.company_wide.metrics(definitions),
        persons=frozenset() if found.persons else _persons(definitions),
        small_groups={} if found.persons else policy.counted(definitions),
    )


def _persons(definitions: Definitions) -> frozenset[str]:
    from plumbline.access import person_dimensions, person_entities

    return person_dimensions(definitions) | person_entities(definitions)


def _condition(dimension: str, members: Sequence[str | None]) -> str:
    named = f"{{{{ Dimension('{dimension}') }}}}"
    texts = ", ".join("'" + member.replace("'", "''") + "'" for member in members if member is not None)
    parts = [f"CAST({named} AS VARCHAR) IN ({texts})"] if texts else []
    parts += [f"{named} IS NULL"] if None in members else []
    return f"({' OR '.join(parts)})"
