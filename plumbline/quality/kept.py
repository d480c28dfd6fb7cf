"""Evidence by month: what was found of months that are as they were is taken over from the run before.

Kept is only that nothing broke a rule in a month, how many rows were judged, and the digests of all rows that
this rests on. Where a row breaks a rule now, the whole table is judged, as if nothing had been kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlglot import exp

from plumbline.quality.sql import literal
from plumbline.warehouse.contents import Contents, MartContent, part_name

if TYPE_CHECKING:
    import duckdb

    from plumbline.quality.context import StageContext
    from plumbline.quality.evidence import Evidence

_TABLE = """
create schema if not exists quality;
create table if not exists quality.kept_evidence
    (stage varchar, rule varchar, part varchar, basis varchar, evaluated bigint)"""


@dataclass(frozen=True)
class Months:
    """Evidence that adds up by month.

    `basis` says what the finding of each month rests on; `query` asks for some of them (columns part, as a
    number, evaluated and unexpected); `rule` tells this evidence from others.
    """

    rule: str
    basis: Mapping[str, str]
    query: Callable[[Sequence[str]], exp.Query]


@dataclass
class Kept:
    """The findings of one stage, by rule and month; with `anew` those of earlier runs do not count."""

    con: duckdb.DuckDBPyConnection
    stage: str
    marts: Contents
    anew: bool = False
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.con.execute(_TABLE)
        if self.anew:
            self.con.execute("delete from quality.kept_evidence where stage = ?", [self.stage])

    def evidence(self, rule: Evidence, relation: str, context: StageContext) -> exp.Query | None:
        """Give a query that says what was found, or None where the whole table has to be judged."""
        months = rule.by_month(relation, context, self.marts)
        if months is None:
            return None
        name = _digest(months.rule)
        self.asked.append(name)
        known = self._recall(name, months.basis)
        missing = sorted(months.basis.keys() - known.keys())
        found = self._ask(months, missing) if missing else {}
        if found is None:
            return None
        self._remember(name, months.basis, {**known, **found})
        observed = f"{len(known)} of {len(months.basis)} months are as they were judged before"
        return exp.select(
            literal(sum(known.values()) + sum(found.values())).as_("evaluated"),
            literal(0).as_("unexpected"),
            (literal(observed) if known else exp.null()).as_("observed"),
        )

    def forget_others(self) -> None:
        """Forget what no rule asks for any more."""
        self.con.execute(
            "delete from quality.kept_evidence where stage = ? and not list_contains(?::varchar[], rule)",
            [self.stage, self.asked],
        )

    def _recall(self, rule: str, basis: Mapping[str, str]) -> dict[str, int]:
        rows = self.con.execute(
            "select part, basis, evaluated from quality.kept_evidence where stage = ? and rule = ?",
            [self.stage, rule],
        ).fetchall()
        return {part: evaluated for part, rests_on, evaluated in rows if basis.get(part) == rests_on}

    def _ask(self, months: Months, parts: Sequence[str]) -> dict[str, int] | None:
        """Count the judged rows of some months; None when a row breaks the rule, or it cannot be asked."""
        import duckdb

        try:
            rows = self.con.execute(months.query(parts).sql(dialect="duckdb")).fetchall()
        except duckdb.Error:
            return None
        if any(unexpected for _, _, unexpected in rows):
            return None
        return {**dict.fromkeys(parts, 0), **{part_name(number): evaluated for number, evaluated, _ in rows}}

    def _remember(self, rule: str, basis: Mapping[str, str], found: Mapping[str, int]) -> None:
        self.con.execute("delete from quality.kept_evidence where stage = ? and rule = ?", [self.stage, rule])
        if found:
            parts = list(found)
            self.con.execute(
                "insert into quality.kept_evidence"
                " select ?, ?, unnest(?::varchar[]), unnest(?::varchar[]), unnest(?::bigint[])",
                [self.stage, rule, parts, [basis[part] for part in parts], [found[part] for part in parts]],
            )


def mart_behind(relation: str, marts: Contents) -> MartContent | None:
    """Give what is known of the content of `marts.name`, if it has a date."""
    schema, _, name = relation.partition(".")
    found = marts.get(name) if schema == "marts" else None
    return found if found and found.day else None


def months_of(*marts: MartContent) -> dict[str, str]:
    """Say what each month of some marts rests on: their columns and the digests of their rows."""
    parts = [{part.name: f"{part.rows} {part.total}" for part in mart.by[mart.day]} for mart in marts]
    columns = [f"{mart.name} {mart.columns}" for mart in marts]
    names = {name for found in parts for name in found}
    return {name: _digest(*columns, *(found.get(name, "none") for found in parts)) for name in names}


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join((_code_digest(), *texts)).encode()).hexdigest()


@cache
def _code_digest() -> str:
    """Digest the engine and the code that collects evidence: another may find something else."""
    import duckdb

    digest = hashlib.sha256(duckdb.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
