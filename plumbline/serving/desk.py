"""The door for servers: many questions at a time, each from one whole generation, each as a role sees it.

```python
desk = Desk(home, lambda: load_policy(project, "demo"))
with desk.visit(policy.principal("li.na")) as visit:
    reply = visit.ask(Question(("net_sales",), ("product__category",), grain="month"))
```
A visit keeps its generation until it ends; the next one sees what has been published meanwhile. Answers are
kept in memory by publication, policy, role and question.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from plumbline.access import Policy, Principal
from plumbline.errors import LimitError
from plumbline.project import Home
from plumbline.publication import Publication, Shelf
from plumbline.serving import library
from plumbline.serving.answer import Answer, AnswerColumn, Cut, whole_day
from plumbline.serving.at_once import NO_CONNECTION
from plumbline.serving.deadlines import DEADLINES
from plumbline.serving.door import answer
from plumbline.serving.edition import Edition
from plumbline.serving.formats import json_objects
from plumbline.serving.least_used import KeptOf
from plumbline.serving.reader import Source, open_generation
from plumbline.serving.resolve import Question
from plumbline.serving.vocabulary import Vocabulary

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]
    from duckdb import DuckDBPyConnection

_KEPT_ROWS = 2_000
_KEPT_ANSWERS = 4_096
_IDLE_CONNECTIONS = 16
_AGAIN = 0.05


@dataclass(frozen=True)
class Limits:
    """How long a question may take, in seconds, and how many rows its answer may have."""

    seconds: float = 30.0
    rows: int = 100_000


@dataclass(frozen=True)
class Reply:
    """An answer with all that vouches for it. With `is_cut`, there are more rows than the limit let through.

    `origin` names the published table or the marts that were read; `definitions` the version of each metric.
    """

    columns: tuple[AnswerColumn, ...]
    values: tuple[tuple[Any, ...], ...]
    notes: tuple[str, ...]
    verdicts: dict[str, str]
    definitions: dict[str, str]
    publication: Publication
    as_of: date
    origin: str
    metrics: tuple[str, ...]
    is_cut: bool = False
    limits: Limits = Limits()
    # What those who write answers keep of all that differ in range and limit only.
    texts: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    _written: Callable[[], str] = field(default=str, compare=False, repr=False)
    _cut: Cut | None = field(default=None, compare=False, repr=False)
    _table: Callable[[], pa.Table] | None = field(default=None, compare=False, repr=False)
    _plan: Callable[[], str] | None = field(default=None, compare=False, repr=False)

    @property
    def sql(self) -> str:
        """The SQL that was read, or that would have given what was in memory."""
        return self._written()

    def objects(self) -> Iterable[str]:
        """Give the rows as JSON objects."""
        if self._cut is None:
            return json_objects(self.names, self.values)
        return self._cut.objects(self.names)[: len(self.values)]

    @property
    def names(self) -> list[str]:
        """Name the columns."""
        return [column.name for column in self.columns]

    @property
    def truncated(self) -> bool:
        """Whether rows are missing at the end."""
        return self.is_cut

    def rows(self) -> list[tuple[Any, ...]]:
        """Give the rows; money is Decimal, whole days are dates."""
        return list(self.values)

    def arrow(self) -> pa.Table:
        """Give the rows as an Arrow table; within the visit only."""
        assert self._table is not None
        return self._table().slice(0, self.limits.rows)

    @property
    def plan(self) -> str:
        """Say how the figures come about: formulas, and the passes over rows that they rest on."""
        return self._plan() if self._plan else ""


class Desk:
    """What a server asks; one per company, for many threads."""

    def __init__(self, home: Home, policy: Policy | Callable[[], Policy] | None = None) -> None:
        given = policy if policy is not None else Policy(home.root.name)
        self._policy: Callable[[], Policy] = given if callable(given) else lambda: given
        self._home = home
        self._shelf = Shelf(home.published.resolve())
        self._lock = threading.Lock()
        self._open: _Open | None = None
        self._answers: _Answers = KeptOf(_KEPT_ANSWERS)

    @property
    def home(self) -> Home:
        """The state of the company."""
        return self._home

    @property
    def policy(self) -> Policy:
        """The policy as it is now."""
        return self._policy()

    @contextmanager
    def visit(self, principal: Principal | None = None) -> Iterator[Visit]:
        """Ask one generation, as somebody; without a principal as who may see everything.

        Raises StorageError when nothing is published, UsageError for a role that the policy does not have.
        """
        policy = self.policy
        current = self._enter(policy)
        connection = current.connection()
        source = current.edition.source.over(connection)
        try:
            yield Visit(current, source, principal, self._answers)
        finally:
            for other in source.others:
                other.close()
            current.give_back(connection)
            self._leave(current)

    def visit_at_once(self, principal: Principal | None = None) -> Visit | None:
        """Ask what is in memory alone: a question that needs more raises NotAtOnce.

        None where a generation is to be opened first. Nothing is to be given back.
        """
        known = self._at_hand()
        if known is None:
            return None
        return Visit(known, known.edition.source.over(NO_CONNECTION), principal, self._answers)

    def _at_hand(self) -> _Open | None:
        """Give the generation that is open, if it is that of now."""
        policy, known = self.policy, self._open
        return known if known and known.is_of(self._shelf.current(), policy) else None

    def close(self) -> None:
        """Let go of the generation, when the last visit ends."""
        with self._lock:
            last, self._open = self._open, None
            if last and not last.visits:
                last.close()

    def _enter(self, policy: Policy) -> _Open:
        with self._lock:
            number = self._shelf.current()
            known = self._open
            if known is None or not known.is_of(number, policy):
                opened = _Open(self._home, policy)
                self._open = opened
                if known and not known.visits:
                    known.close()
                known = opened
            known.visits += 1
            return known

    def _leave(self, opened: _Open) -> None:
        with self._lock:
            opened.visits -= 1
            if not opened.visits and opened is not self._open:
                opened.close()


class _Open:
    """A generation that is open, with connections to it for one thread at a time each."""

    def __init__(self, home: Home, policy: Policy) -> None:
        source = open_generation(home, sealed=True)
        self.policy = policy
        self.edition = Edition(home, source, policy, remembers=True)
        self.edition.read_ahead()
        self.verdicts = {name: str(told["verdict"]) for name, told in library.verdicts(source).items()}
        assert source.publication is not None
        self.publication = source.publication
        self.generation = source.publication.generation
        told = f"{self.publication.publication_id} {self.publication.values_digest} {policy.digest}"
        self.etag = hashlib.sha256(told.encode()).hexdigest()[:24]
        self.visits = 0
        # What each role can ask for, listed once.
        self.listed: dict[str, list[dict[str, Any]]] = {}
        self._idle: list[DuckDBPyConnection] = []
        self._lock = threading.Lock()

    def is_of(self, number: int | None, policy: Policy) -> bool:
        return self.generation == number and self.policy.digest == policy.digest

    def tag(self, role: str) -> str:
        return f"{self.etag}-{role}" if role else self.etag

    def connection(self) -> DuckDBPyConnection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
            cursor = self.edition.source.connection.cursor()
        cursor.execute("USE warehouse")
        return cursor

    def give_back(self, connection: DuckDBPyConnection) -> None:
        with self._lock:
            if len(self._idle) < _IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self.edition.source.close()


_Answers = KeptOf[Hashable, Reply]


class Visit:
    """Questions to one generation, by one thread, as one role."""

    def __init__(self, opened: _Open, source: Source, principal: Principal | None, answers: _Answers) -> None:
        self._opened = opened
        self._source = source
        self._answers = answers
        self._cancelled = False
        self._stop: Callable[[], None] = lambda: None
        self.principal = principal
        self.role = principal.role if principal else ""
        self.words: Vocabulary = opened.edition.vocabulary(self.role)

    @property
    def publication(self) -> Publication:
        """The publication that answers."""
        return self._opened.publication

    @property
    def source(self) -> Source:
        """The generation, over the connection of this visit."""
        return self._source

    @property
    def policy(self) -> Policy:
        """The policy that the visit is under."""
        return self._opened.policy

    @property
    def edition(self) -> str:
        """A text that changes with the publication and the policy: the same for all roles."""
        return self._opened.etag

    @property
    def etag(self) -> str:
        """A text that changes with what can be answered: the publication, the policy, and the role."""
        return self._opened.tag(self.role)

    def ask(self, question: Question, limits: Limits = Limits()) -> Reply:
        """Answer a question; LimitError when it takes too long, or was cancelled.

        Raises DefinitionError for names that are unknown to the role, and what `Company.query` raises.
        """
        key = (self.role, question, limits.rows)
        if found := self._answers.get(self._opened.etag, key):
            return self._bound(found, question, limits)
        with self._timed(limits.seconds):
            given = self._asked(question, limits)
            values = given.rows()
            reply = self._reply(given, values, limits, given.cut)
        # What is cut from memory is as good as kept.
        if given.cut is None and len(reply.values) <= _KEPT_ROWS:
            self._answers.put(self._opened.etag, key, replace(reply, _table=None, _plan=None))
        return reply

    def table(self, question: Question, limits: Limits = Limits()) -> Reply:
        """Answer as `ask` does, for who takes an Arrow table: no figure becomes a Python value."""
        with self._timed(limits.seconds):
            given = answer(self._opened.edition, question, self.role, self._source)
            table = given.arrow(limits.rows + 1)
            reply = self._reply(given, _telling(table, given.columns), limits)
        cut = table.num_rows > limits.rows
        return replace(reply, values=(), is_cut=cut, _table=lambda: table)

    def explain(self, question: Question) -> Answer:
        """Give the answer unread: its SQL, its plan, and where it would be read from."""
        return answer(self._opened.edition, question, self.role, self._source)

    def metrics(self) -> list[dict[str, Any]]:
        """List the metrics that the role sees: name, label, label_zh, domain, level, unit, verdict."""
        listed = self._opened.listed
        if self.role not in listed:
            listed[self.role] = library.list_metrics(self._source, self.words)
        return [dict(entry) for entry in listed[self.role]]

    def dimensions(self, metrics: Sequence[str] = ()) -> list[dict[str, Any]]:
        """List what all of these metrics can be split by: name, label, label_zh, type, synonyms."""
        return library.list_dimensions(self._source, metrics, self.words)

    def entities(self) -> list[dict[str, Any]]:
        """List the keys that metrics can be split by."""
        return library.list_entities(self._source, self.words)

    def values(
        self,
        dimension: str,
        metrics: Sequence[str] = (),
        limits: Limits = Limits(),
    ) -> list[Any]:
        """List the members of a dimension that the role sees, in order, at most as many as the limit."""
        sql = library.values_sql(self._source, dimension, metrics, limit=limits.rows, words=self.words)
        with self._timed(limits.seconds):
            cursor = self._source.connection.execute(sql)
            ((name, *_),) = cursor.description
            found = [value for (value,) in cursor.fetchall()]
        return list(map(whole_day, found)) if library.is_period(name) else found

    def saved_queries(self) -> list[dict[str, Any]]:
        """List the published wide tables: name, label, label_zh, metrics, by, rows."""
        return library.list_saved_queries(self._source, self.words)

    def show(self, metric: str) -> dict[str, Any]:
        """Give everything the library says of a metric: meaning, owner, formula, targets, dimensions."""
        return library.show_metric(self._source, metric, self.words)

    def cancel(self) -> None:
        """End, from another thread, what the visit asks; it raises LimitError there."""
        self._cancelled = True
        self._stop()

    def _asked(self, question: Question, limits: Limits) -> Answer:
        """Ask for no more rows than the limit, and one that tells that there are more."""
        most = limits.rows + 1
        limit = most if question.limit is None else min(question.limit, most)
        return self.explain(question.within(question.start, question.end, limit))

    def _reply(
        self, given: Answer, values: list[tuple[Any, ...]], limits: Limits, kept: Cut | None = None
    ) -> Reply:
        publication = given.publication
        assert publication is not None
        cut = len(values) > limits.rows
        values = values[: limits.rows]
        definitions = self._opened.edition.definitions.metrics
        where = _table(given) if given.published_table else _marts(given.tables)
        return Reply(
            columns=given.columns,
            values=tuple(values),
            notes=tuple(given.notes(values)),
            verdicts={name: self._verdict(name, given) for name in given.metrics},
            definitions={name: definitions[name].governance.version for name in given.metrics},
            publication=publication,
            as_of=publication.as_of,
            origin=where,
            metrics=given.metrics,
            is_cut=cut,
            limits=limits,
            texts=given.texts,
            _written=given.writes,
            _cut=kept,
            _table=given.arrow,
            _plan=lambda: given.plan,
        )

    def _bound(self, reply: Reply, question: Question, limits: Limits) -> Reply:
        """Give a kept answer what it needs to be read again, in this visit."""
        return replace(
            reply,
            _table=lambda: self._asked(question, limits).arrow(),
            _plan=lambda: self.explain(question).plan,
            limits=limits,
        )

    def _verdict(self, metric: str, given: Answer) -> str:
        return given.held.verdict if given.held else self._opened.verdicts.get(metric, "certified")

    @contextmanager
    def _timed(self, seconds: float) -> Iterator[None]:
        """Interrupt what takes longer, and say so."""
        if self._source.is_at_hand:
            yield
            return
        import duckdb

        stop = self._stop = _Stop(lambda: (self._source, *self._source.others))
        deadline = DEADLINES.after(seconds, stop)
        try:
            if self._cancelled:
                raise _cancelled()
            yield
        except (duckdb.InterruptException, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not (stop.is_asked or self._cancelled):
                raise
            raise _cancelled() if self._cancelled else _too_long(seconds) from None
        finally:
            stop.is_over = True
            deadline.cancel()


class _Stop:
    """Interrupts a question until it has ended: an interrupt just before a statement begins is lost."""

    def __init__(self, sources: Callable[[], Sequence[Source]]) -> None:
        self._sources = sources
        self.is_asked = False
        self.is_over = False

    def __call__(self) -> None:
        import duckdb

        if self.is_over:
            return
        self.is_asked = True
        for source in self._sources():
            with suppress(duckdb.Error):
                source.connection.interrupt()
        DEADLINES.after(_AGAIN, self)


def _telling(table: pa.Table, columns: Sequence[AnswerColumn]) -> list[tuple[Any, ...]]:
    """Give the rows that the notes of an answer rest on: one with a value in each column that has any, and
    one for each period that is counted in part only."""
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    if not table.num_rows:
        return []
    marks = [index for index, column in enumerate(columns) if column.is_mark]
    times = [index for index, column in enumerate(columns) if column.is_marked]
    places = [pc.index(pc.is_valid(column), True).as_py() for column in table.columns]
    found = [None if at < 0 else column[at].as_py() for at, column in zip(places, table.columns, strict=True)]
    rows = [tuple(False if index in marks else value for index, value in enumerate(found))]
    for time, mark in zip(times, marks, strict=True):
        for day in table.column(time).filter(table.column(mark)).unique().to_pylist():
            known = {time: day, mark: True}
            rows.append(tuple(known.get(index) for index in range(len(columns))))
    return rows


def _table(given: Answer) -> str:
    return f"published.{given.published_table}{', added up' if given.adds_up else ''}"


def _marts(tables: Sequence[str]) -> str:
    # In one order: that of SQL is another for another range, and the same is read.
    return "marts " + ", ".join(sorted(tables)) if tables else "no table"


def _too_long(seconds: float) -> LimitError:
    return LimitError(
        f"the question takes longer than {seconds:g} seconds",
        todo="Ask for less: a shorter range, fewer splits, a longer grain.",
        code="query-timeout",
    )


def _cancelled() -> LimitError:
    return LimitError("the question was cancelled", code="query-cancelled")
