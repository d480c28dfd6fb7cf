"""A company's figures for programs: opened once, asked often.

```python
with plumbline.open_company("demo") as company:
    company.query(["net_sales"], by=["product__category"], grain="month", start="2026-01")
```
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

from plumbline.definitions import Definitions, load
from plumbline.errors import UsageError
from plumbline.project import Home, Project
from plumbline.publication import Publication
from plumbline.serving import library
from plumbline.serving.answer import Answer, with_dates
from plumbline.serving.door import ask
from plumbline.serving.reader import Source, open_generation, open_live
from plumbline.serving.resolve import Question

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

Texts = str | Sequence[str] | None
Day = str | date | None


@dataclass(frozen=True)
class Explained:
    """How an answer comes about: formulas and passes in words, the SQL, and the marts that it reads."""

    plan: str
    sql: str
    tables: tuple[str, ...]


def open_company(name: str, *, project: Project | None = None, live: bool = False) -> Company:
    """Open what a company has published (`live`: its private warehouse) with its definitions.

    All answers are of the generation that is current now; open it again to see a later one. Raises
    UsageError for an impossible name, StorageError when nothing is published, LockedError when a run is at
    work on the private warehouse.
    """
    home = (project or Project.find()).home(name)
    return Company(home, open_live(home) if live else open_generation(home, sealed=True))


class Company:
    """One generation of a company's figures, and the definitions that they were computed by.

    Metrics and dimensions may be given by name, label or synonym, in English or Chinese. Every method raises
    DefinitionError for names that are unknown, ambiguous or not available.
    """

    def __init__(self, home: Home, source: Source) -> None:
        self._home = home
        self._opened: Source | None = source

    @property
    def _source(self) -> Source:
        """What answers; raises UsageError when it was closed."""
        if self._opened is None:
            raise UsageError(
                f"{self._home.root.name!r} is closed",
                why="It answers until `close`, or the end of its `with`.",
                todo=f"Open it again: plumbline.open_company({self._home.root.name!r}).",
                code="closed",
            )
        return self._opened

    def __enter__(self) -> Company:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the generation; what is asked afterwards is refused."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def publication(self) -> Publication | None:
        """The publication that answers; None for the private warehouse."""
        return self._source.publication

    @cached_property
    def _definitions(self) -> Definitions:
        return load(self._source.manifest)

    def metrics(self) -> list[dict[str, Any]]:
        """List the metrics: name, label, label_zh, domain, level, unit, available, reason."""
        return library.list_metrics(self._source)

    def dimensions(self, metrics: Texts = ()) -> list[dict[str, Any]]:
        """List what all of these metrics (none: any) can be split by.

        Each has name, label, label_zh, type, synonyms.
        """
        return library.list_dimensions(self._source, list(_texts("metrics", metrics)))

    def entities(self) -> list[dict[str, Any]]:
        """List the keys that metrics can be split by: name."""
        return library.list_entities(self._source)

    def saved_queries(self) -> list[dict[str, Any]]:
        """List the published wide tables: name, label, label_zh, metrics, by, rows."""
        return library.list_saved_queries(self._source)

    def show(self, metric: str) -> dict[str, Any]:
        """Give everything the library says of a metric: meaning, owner, formula, targets, dimensions.

        Of a saved query: name, label, label_zh, description, domain, metrics, by, where, rows, table.
        """
        return library.show(self._source, metric)

    def query(
        self,
        metrics: Texts,
        *,
        by: Texts = (),
        where: Texts = (),
        start: Day = None,
        end: Day = None,
        grain: str | None = None,
        order: Texts = (),
        limit: int | None = None,
        compare: str | None = None,
    ) -> pa.Table:
        """Answer a question as an Arrow table: what it is split by, metrics, comparisons, `is_partial`.

        `start` and `end` are dates, or days, months, quarters or years as text ('2026-01'), both included;
        `grain` is day to year; `order` names columns, with `-` first for descending; `compare` is previous or
        year-ago. Money is decimal, whole days are dates, counts are int64.
        """
        question = _question(metrics, by, where, start, end, grain, order, limit, compare)
        return self.ask(question).arrow()

    def ask(self, question: Question) -> Answer:
        """Answer a question with all that belongs to it: rows, labels, notes, plan and SQL."""
        return ask(self._home, self._source, question, self._definitions)

    def explain(
        self,
        metrics: Texts,
        *,
        by: Texts = (),
        where: Texts = (),
        start: Day = None,
        end: Day = None,
        grain: str | None = None,
        order: Texts = (),
        limit: int | None = None,
        compare: str | None = None,
    ) -> Explained:
        """Tell how figures come about, asked as `query` is: formulas, passes over rows, SQL, and the marts.

        Nothing is read.
        """
        question = _question(metrics, by, where, start, end, grain, order, limit, compare)
        answer = self.ask(question)
        return Explained(answer.plan, answer.sql, answer.tables)

    def values(
        self, dimension: str, *, metrics: Texts = (), where: Texts = (), limit: int | None = None
    ) -> pa.Table:
        """List the members of a dimension in order, as an Arrow table of one column.

        With `metrics`, the dimension is the one that these can be split by, and `metric_time` has the days
        with a figure of one of them; otherwise all days from the first that the data of any metric cover.
        """
        return self._members(dimension, metrics, where, limit=_number(limit))

    def span(self, dimension: str, *, metrics: Texts = (), where: Texts = ()) -> pa.Table:
        """Give the first and the last member of a dimension: one row, `<name>__min` and `<name>__max`.

        With `metrics` as for `values`: `metric_time` is then from the first day with a figure to the last.
        """
        return self._members(dimension, metrics, where, ends=True)

    def _members(
        self, dimension: str, metrics: Texts, where: Texts, *, limit: int | None = None, ends: bool = False
    ) -> pa.Table:
        told = _text("dimension", dimension) or "", _texts("metrics", metrics), _texts("where", where)
        sql = library.values_sql(self._source, *told, limit=limit, ends=ends)
        table = self._source.connection.sql(sql).to_arrow_table()
        return with_dates(table, set(filter(library.is_period, table.column_names)))


def _question(
    metrics: Texts,
    by: Texts,
    where: Texts,
    start: Day,
    end: Day,
    grain: str | None,
    order: Texts,
    limit: int | None,
    compare: str | None,
) -> Question:
    return Question(
        _texts("metrics", metrics),
        _texts("by", by),
        _texts("where", where),
        _day("start", start),
        _day("end", end),
        _text("grain", grain),
        _texts("order", order),
        _number(limit),
        _text("compare", compare),
    )


def _texts(name: str, given: Texts) -> tuple[str, ...]:
    found = (given,) if isinstance(given, str) else given or ()
    if not isinstance(found, Iterable) or not all(isinstance(item, str) for item in found):
        raise _of_another_kind(
            name, given, "Give a text, or a list of texts: 'net_sales', ['net_sales', 'orders']."
        )
    return tuple(found)


def _text(name: str, given: str | None) -> str | None:
    if not isinstance(given, str | None):
        raise _of_another_kind(name, given, "Give a text.")
    return given


def _number(given: int | None) -> int | None:
    if not isinstance(given, int | None) or isinstance(given, bool):
        raise _of_another_kind("limit", given, "Give a whole number of rows: 10.")
    return given


def _day(name: str, given: Day) -> str | None:
    """Write a date as text; of a moment, its day."""
    if not isinstance(given, date | str | None):
        raise _of_another_kind(
            name, given, "Give a date, or a day, month, quarter or year as text: '2026-01'."
        )
    return f"{given:%Y-%m-%d}" if isinstance(given, date) else given


def _of_another_kind(name: str, given: object, todo: str) -> UsageError:
    return UsageError(f"{name!r} cannot be {given!r}", todo=todo, code="bad-query")
