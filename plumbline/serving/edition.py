"""One generation as it is asked: its source, and what is read of it once for all questions."""

from __future__ import annotations

from datetime import date
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from plumbline.compiler import compile as compile_query
from plumbline.definitions import METRIC_TIME, Definitions, loaded
from plumbline.errors import DefinitionError
from plumbline.indicators.coverage import Coverage, data_from, read_coverage
from plumbline.project import Home
from plumbline.publication.labels import Label, labels_of
from plumbline.publication.sql import columns_of, identifier, tables_of
from plumbline.serving.answer import whole_day
from plumbline.serving.kept_sums import KeptSums
from plumbline.serving.kept_tables import KeptTables
from plumbline.serving.least_used import Kept
from plumbline.serving.reader import Source
from plumbline.serving.sight import sight_of
from plumbline.serving.vocabulary import Vocabulary
from plumbline.serving.waivers import Standing, all_standing
from plumbline.serving.warned import Warnings, all_warnings
from plumbline.warehouse.sizes import MANY, Parts, name_of, sizes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from pathlib import Path

    from plumbline.access import Policy
    from plumbline.compiler.sizes import Sizes
    from plumbline.publication import Publication


# Texts of SQL, and shapes of questions, that are kept: of some kilobytes each.
_COMPILED, _SHAPES = 2_048, 1_024


class Edition:
    """A source with its definitions, and the words that each role may use of them."""

    def __init__(
        self,
        home: Home,
        source: Source,
        policy: Policy | None = None,
        definitions: Definitions | None = None,
        remembers: bool = False,
    ) -> None:
        self.home = home
        # Of whoever asks more than once: tables and sums, shapes of questions, compiled SQL.
        self.tables = KeptTables() if remembers else None
        self.shapes: Kept[Hashable, Any] | None = Kept(_SHAPES) if remembers else None
        self.sums = KeptSums() if remembers else None
        self.source = source
        self.policy = policy
        self._given = definitions
        self._words: dict[str, Vocabulary] = {}
        self._told: dict[tuple[str, ...], bool] = {}
        self._columns: dict[str, dict[str, str]] = {}
        self._begun: dict[str, date | None] = {}
        # Metrics that have no row after the as-of date.
        self.ends: dict[str, bool] = {}

    @cached_property
    def definitions(self) -> Definitions:
        """The definitions that the figures were computed by."""
        return self._given or loaded(self.source.manifest)

    @cached_property
    def compiled(self) -> Callable[..., str]:
        """Compile a query of the compiler into SQL of the generation."""
        compiled = partial(compile_query, self.source.manifest, dialect="duckdb", sizes=self.sizes)
        return partial(compiled, cache=self.home.compiled) if self.tables is None else _remembered(compiled)

    @cached_property
    def sizes(self) -> Sizes | None:
        """How large the marts are; None where finding that out takes longer than it saves."""
        publication = self.source.publication
        if publication is None:
            return None
        rows = {table.name: table.rows for table in publication.tables if table.schema == "marts"}
        if self.tables is None and max(rows.values(), default=0) < MANY:
            return None
        connection = self.source.connection
        # What is kept on the disk is kept by this name.
        name = name_of(connection, "warehouse", "marts", rows) if self.tables is None else ""
        return sizes_of(connection, name, self._parts(publication, rows))

    def _parts(self, publication: Publication, rows: Mapping[str, int]) -> dict[str, Parts]:
        """Give the files behind the marts that have some."""
        root = publication.path.parent
        files: dict[str, list[Path]] = {}
        for part in publication.parts:
            files.setdefault(part.mart, []).append(root / part.file)
        return {mart: Parts(found, rows.get(mart, 0)) for mart, found in files.items()}

    @cached_property
    def coverage(self) -> Coverage:
        """From which day on the data cover what metrics count."""
        return read_coverage(self.source.connection, self.source.library)

    def data_from(self, metric: str) -> date | None:
        """The first day of which the data have all that a metric counts; None where that is unknown."""
        if metric not in self._begun:
            self._begun[metric] = data_from(self.definitions, self.coverage, metric)
        return self._begun[metric]

    @cached_property
    def published(self) -> dict[str, dict[str, str]]:
        """The columns of each published table, with their types."""
        tables = tables_of(self.source.connection, "warehouse", "published")
        return {name: {column.name: column.type for column in columns} for name, columns in tables.items()}

    def columns_of(self, table: str) -> Mapping[str, str]:
        """Give the columns of a published table with their types; none where there is no such table.

        Who asks once looks at the tables in question alone, which is quicker.
        """
        if self.tables is not None:
            return self.published.get(table, {})
        if table not in self._columns:
            columns = columns_of(self.source.connection, "warehouse", "published", table)
            self._columns[table] = {column.name: column.type for column in columns}
        return self._columns[table]

    @cached_property
    def labels(self) -> dict[str, Label]:
        """What metrics, dimensions and tables are called."""
        return labels_of(self.definitions)

    @cached_property
    def first_day(self) -> date | None:
        """The first day of the calendar that the figures are counted in."""
        day = f"{METRIC_TIME}__day"
        sql = self.compiled({"group_by": [day], "order_by": [day], "limit": 1})
        rows = self.source.connection.execute(sql).fetchall()
        return whole_day(rows[0][0]) if rows else None

    @cached_property
    def _waivers(self) -> tuple[Standing, ...]:
        return tuple(all_standing(self.source.connection)) if self.source.publication else ()

    def waivers(self, metrics: Sequence[str]) -> list[Standing]:
        """The waivers that let one of the metrics through."""
        return [waiver for waiver in self._waivers if not waiver.metrics.isdisjoint(metrics)]

    @cached_property
    def warnings(self) -> Warnings:
        """The figures that are certified with warnings."""
        return all_warnings(self.source.connection) if self.source.publication else Warnings()

    @cached_property
    def _unavailable(self) -> dict[str, str | None]:
        return _unavailable_in(self.source)

    def vocabulary(self, role: str = "") -> Vocabulary:
        """Give the words that a role may use; without one, those of somebody who sees everything."""
        if role not in self._words:
            # Who asks a server has no files to look into.
            is_local = self.tables is None
            everything = self._words.setdefault("", Vocabulary(self.definitions, is_local=is_local))
            if role:
                from plumbline.access import Policy

                policy = self.policy or Policy(self.home.root.name)
                sight = sight_of(policy, role, everything)
                self._words[role] = Vocabulary(self.definitions, sight, is_local=is_local)
        return self._words[role]

    def require_available(self, metrics: Sequence[str]) -> None:
        """Raise DefinitionError for the first metric that has no data behind it, saying why."""
        _require(self._unavailable, metrics)

    def once(self, source: Source, key: tuple[str, ...], sql: str) -> bool:
        """Ask what is so in the whole generation, once; the answer is kept under the key."""
        if key not in self._told:
            # Fetched to the end: a connection with an unfinished result gives no table.
            ((told,),) = source.connection.execute(sql).fetchall()
            self._told[key] = bool(told)
        return self._told[key]

    def read_ahead(self) -> None:
        """Read now what would be read at the first question."""
        self.vocabulary()
        self.require_available(())
        _ = self.coverage, self.published, self.labels, self.first_day, self._waivers, self.warnings


def _remembered(compiled: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any]], str]:
    """Keep what was compiled last in memory: a server that wrote a file per question would fill the disk."""
    kept: Kept[str, str] = Kept(_COMPILED)

    def remembered(query: Mapping[str, Any]) -> str:
        key = repr(query)
        sql = kept.get(key)
        if sql is None:
            sql = compiled(query)
            kept.put(key, sql)
        return sql

    return remembered


def require_available(source: Source, metrics: Sequence[str]) -> None:
    """Raise DefinitionError for the first metric that has no data behind it, saying why."""
    _require(_unavailable_in(source), metrics)


def _unavailable_in(source: Source) -> dict[str, str | None]:
    """Give the metrics that have no data behind them, with the reason."""
    table = identifier("warehouse", source.library, "indicator")
    sql = f"SELECT name, unavailable_reason FROM {table} WHERE NOT available"
    return dict(source.connection.execute(sql).fetchall())


def _require(unavailable: Mapping[str, str | None], metrics: Sequence[str]) -> None:
    for name in sorted(metrics):
        if name in unavailable:
            raise _not_available(name, unavailable[name])


def _not_available(name: str, reason: str | None) -> DefinitionError:
    return DefinitionError(
        f"metric {name!r} is not available",
        why=sentence(reason),
        todo="`plumb list metrics` tells which are.",
        code="not-available",
    )


def sentence(reason: str | None) -> str:
    """Write a reason as a sentence; one that begins with the name of a table keeps it as it is."""
    if not reason:
        return ""
    return f"{reason}." if "." in reason.split()[0] else f"{reason[:1].upper()}{reason[1:]}."
