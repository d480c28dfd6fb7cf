"""What suites are made of: a table, and expectations with severity, owner and reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plumbline.quality.rules import DIMENSIONS, Rule

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CRITICAL = "critical"
WARNING = "warning"


@dataclass(frozen=True)
class Expectation:
    """One rule with what it is worth: a failed critical one stops publication, a failed warning is told."""

    rule: Rule
    severity: str
    why: str
    todo: str = ""
    owner: str = ""
    dimension: str = ""
    needs: tuple[str, ...] = ()
    protects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.dimension and self.dimension not in DIMENSIONS:
            raise ValueError(f"{self.dimension!r} is no dimension of quality: {', '.join(DIMENSIONS)}")


@dataclass(frozen=True)
class Suite:
    """All expectations on one table.

    `key` names the columns that tell an example row; `needs` the source tables (`erp.product`) without which
    the table has nothing to check, and `skip` says so where that is known already; an empty table fails
    unless it `may_be_empty`.
    """

    table: str
    owner: str
    expectations: tuple[Expectation, ...]
    key: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    may_be_empty: bool = False
    skip: str = ""


@dataclass(frozen=True)
class StageSuites:
    """All suites of one stage; `found` gives those that depend on which tables are in the warehouse."""

    stage: str
    suites: tuple[Suite, ...]
    found: Callable[[DuckDBPyConnection], tuple[Suite, ...]] | None = None

    def known(self, con: DuckDBPyConnection) -> tuple[Suite, ...]:
        """Give all suites for a warehouse."""
        return (*self.suites, *(self.found(con) if self.found else ()))

    def __iter__(self) -> Iterator[Suite]:
        return iter(self.suites)

    def __len__(self) -> int:
        return len(self.suites)

    @property
    def tables(self) -> tuple[str, ...]:
        """Name the tables (`schema.table`) that have a suite."""
        return tuple(suite.table for suite in self.suites)


Rules = Rule | Iterable[Rule]


def critical(
    *rules: Rules,
    why: str,
    todo: str = "",
    owner: str = "",
    dimension: str = "",
    needs: tuple[str, ...] = (),
    protects: tuple[str, ...] = (),
) -> tuple[Expectation, ...]:
    """These rules must hold, or every figure that rests on what they are about is held back."""
    return tuple(
        Expectation(rule, CRITICAL, why, todo, owner, dimension, needs, protects) for rule in _flat(rules)
    )


def warning(
    *rules: Rules,
    why: str,
    todo: str = "",
    owner: str = "",
    dimension: str = "",
    needs: tuple[str, ...] = (),
    protects: tuple[str, ...] = (),
) -> tuple[Expectation, ...]:
    """Where these rules do not hold the owner is told; the figures are published with the warning."""
    return tuple(
        Expectation(rule, WARNING, why, todo, owner, dimension, needs, protects) for rule in _flat(rules)
    )


def suite(
    table: str,
    *expectations: tuple[Expectation, ...],
    owner: str,
    key: tuple[str, ...] | str = (),
    needs: tuple[str, ...] | str = (),
    may_be_empty: bool = False,
    skip: str = "",
) -> Suite:
    """Put the expectations on one table (`schema.table`) together."""
    together = tuple(each for group in expectations for each in group)
    return Suite(table, owner, together, _names(key), _names(needs), may_be_empty, skip)


def _flat(rules: Iterable[Rules]) -> list[Rule]:
    return [rule for group in rules for rule in ((group,) if isinstance(group, Rule) else group)]


def _names(given: tuple[str, ...] | str) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else given
