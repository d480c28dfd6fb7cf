"""Evidence by month and by load: what was found of those that are as they were is taken over.

Kept are counts of rows, with the digests of all rows that they rest on: how many rows of a month break a rule
that looks at one row only, and of evidence from several tables only how many were judged where none broke the
rule. Where a row breaks such a rule now, the whole table is judged, as if nothing had been kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from sqlglot import exp

from plumbline.quality.sql import literal
from plumbline.warehouse.contents import Contents, MartContent, any_part, part_name, part_number

if TYPE_CHECKING:
    import duckdb

    from plumbline.quality.context import StageContext
    from plumbline.quality.evidence import Evidence

_TABLE = """
create schema if not exists quality;
create table if not exists quality.kept_evidence
    (stage varchar, rule varchar, part varchar, basis varchar, evaluated bigint)"""


_LOADS = """
select 'landing_' || system || '.' || table_name as relation, load, sha256, rows
from landing_run.loads
where is_current and rows > 0"""


@dataclass(frozen=True)
class Parts:
    """The parts of a table: what each rests on, and how SQL numbers and chooses them."""

    rows: int
    basis: Mapping[str, str]
    number: str
    name: Callable[[int], str]
    chosen: Callable[[Collection[str]], str]


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
    _loads: dict[str, dict[str, tuple[str, int]]] = field(default_factory=dict)
    _before: dict[str, dict[str, tuple[str, int]]] = field(default_factory=dict)
    _now: dict[str, dict[str, tuple[str, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.con.execute(_TABLE)
        rows = self.con.execute(
            "select rule, part, basis, evaluated from quality.kept_evidence where stage = ?", [self.stage]
        ).fetchall()
        for rule, part, basis, evaluated in () if self.anew else rows:
            self._before.setdefault(rule, {})[part] = (basis, evaluated)
        for relation, load, digest, count in (
            self.con.execute(_LOADS).fetchall() if self._is_of_loads() else ()
        ):
            self._loads.setdefault(relation, {})[str(load)] = (str(digest), count)

    def _is_of_loads(self) -> bool:
        found = self.con.execute(
            "select 1 from duckdb_tables() where schema_name = 'landing_run' and table_name = 'loads'"
        ).fetchone()
        return self.stage == "landing" and found is not None

    def parts_of(self, relation: str) -> Parts | None:
        """Give the months of a mart, or the loads of a landed table; a load never changes."""
        if mart := mart_behind(relation, self.marts):
            day = mart.day
            return Parts(
                mart.whole.rows,
                months_of(mart),
                part_number(day),
                part_name,
                lambda names: any_part(day, names),
            )
        loads = self._loads.get(relation)
        if not loads:
            return None
        return Parts(
            sum(rows for _, rows in loads.values()),
            {load: _digest(relation, load, sha256) for load, (sha256, _) in loads.items()},
            "_load",
            str,
            lambda names: f"_load IN ({', '.join(sorted(names))})",
        )

    def evidence(self, rule: Evidence, relation: str, context: StageContext) -> exp.Query | None:
        """Give a query that says what was found, or None where the whole table has to be judged."""
        months = rule.by_month(relation, context, self.marts)
        if months is None:
            return None
        known = self.recall(months.rule, months.basis)
        missing = sorted(months.basis.keys() - known.keys())
        found = self._ask(months, missing) if missing else {}
        if found is None:
            return None
        self.remember(months.rule, months.basis, {**known, **found})
        observed = f"{len(known)} of {len(months.basis)} months are as they were judged before"
        return exp.select(
            literal(sum(known.values()) + sum(found.values())).as_("evaluated"),
            literal(0).as_("unexpected"),
            (literal(observed) if known else exp.null()).as_("observed"),
        )

    def recall(self, rule: str, basis: Mapping[str, str]) -> dict[str, int]:
        """Give what was found for the months that rest on the same."""
        known = self._before.get(_digest(rule), {})
        return {part: found for part, (rests_on, found) in known.items() if basis.get(part) == rests_on}

    def remember(self, rule: str, basis: Mapping[str, str], found: Mapping[str, int]) -> None:
        """Keep what was found, from now on, for some months."""
        self._now[_digest(rule)] = {part: (basis[part], number) for part, number in found.items()}

    def save(self) -> None:
        """Write what this run has found or taken over; what no rule asked for is forgotten."""
        rows = [
            (rule, part, basis, number)
            for rule, found in self._now.items()
            for part, (basis, number) in found.items()
        ]
        self.con.execute("delete from quality.kept_evidence where stage = ?", [self.stage])
        if rows:
            self.con.execute(
                "insert into quality.kept_evidence select ?, unnest(?::varchar[]),"
                " unnest(?::varchar[]), unnest(?::varchar[]), unnest(?::bigint[])",
                [self.stage, *map(list, zip(*rows, strict=True))],
            )

    def _ask(self, months: Months, parts: Sequence[str]) -> dict[str, int] | None:
        """Count the judged rows of some months; None when a row breaks the rule, or it cannot be asked."""
        import duckdb

        try:
            rows = self.con.execute(months.query(parts).sql(dialect="duckdb", copy=False)).fetchall()
        except duckdb.Error:
            return None
        if any(unexpected for _, _, unexpected in rows):
            return None
        return {**dict.fromkeys(parts, 0), **{part_name(number): evaluated for number, evaluated, _ in rows}}


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
    """Digest the engines and the code that collects evidence: another may find something else."""
    import duckdb

    engines = f"{duckdb.__version__} {version('great_expectations')}"
    digest = hashlib.sha256(engines.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
