"""Waivers: which of them let through what a question asks for."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_STANDING = """
SELECT waiver_id, table_name, expectation, metrics, reason, waived_by, valid_until
FROM warehouse.published.waiver
WHERE state = 'valid' AND metrics IS NOT NULL
ORDER BY waived_at, waiver_id"""


@dataclass(frozen=True)
class Standing:
    """A waiver that counts: what it lets through, and who says so, for the figures of `metrics`."""

    check: str
    metrics: frozenset[str]
    by: str

    @property
    def told(self) -> str:
        """What it says beside the figures."""
        return f"{self.check}; {self.by}"


def standing_waivers(connection: DuckDBPyConnection, metrics: Sequence[str]) -> list[Standing]:
    """Give the waivers that let one of the metrics through."""
    return [waiver for waiver in all_standing(connection) if not waiver.metrics.isdisjoint(metrics)]


def all_standing(connection: DuckDBPyConnection) -> list[Standing]:
    """Give the waivers that count; none where the generation is of an older make."""
    import duckdb

    found = []
    with suppress(duckdb.CatalogException):
        for name, table, expectation, used, reason, by, until in connection.execute(_STANDING).fetchall():
            said = f"waived by {by} until {until} ({name}): {reason}"
            found.append(Standing(f"{table}: {expectation}", frozenset(used.split(", ")), said))
    return found
