"""Answers for statements: planned once, asked of the one door, kept until something new is published."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

from plumbline.access import Principal
from plumbline.errors import LimitError
from plumbline.publication import Shelf
from plumbline.serving import library
from plumbline.serving.desk import Desk, Limits, Visit
from plumbline.serving.least_used import Kept
from plumbline.serving.resolve import Question
from plumbline.serving.sql.constants import Parameters
from plumbline.serving.sql.names import Book
from plumbline.serving.sql.plan import Plan, plan
from plumbline.serving.sql.shape import Asked, Field

_KEPT_BYTES = 64 << 20
_KEPT_PLANS = 4_096
# Bytes that a kept text takes beside itself.
_BESIDE = 2_000
_TYPES = {
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "double precision",
    "FLOAT": "real",
    **dict.fromkeys(
        ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT"], "bigint"
    ),
    **dict.fromkeys(["UINTEGER", "UBIGINT", "UHUGEINT"], "numeric"),
    **dict.fromkeys(["TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"], "timestamp"),
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
}


@dataclass(frozen=True)
class Planned:
    """A plan, and what it holds for: the etag of a publication, a policy and a role."""

    plan: Plan | None
    etag: str


@dataclass(frozen=True)
class Filled:
    """What stands for the answers in a statement, and what the log says of them."""

    text: str
    metrics: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    rows: int = 0
    publication: str = ""


class Answers:
    """What the sessions of one endpoint ask; for many threads."""

    def __init__(self, desk: Desk, schema: str = "metrics", limits: Limits | None = None) -> None:
        self._desk = desk
        self._schema = schema
        self._limits = limits or Limits()
        self._shelf = Shelf(desk.home.published.resolve())
        self._etags: dict[tuple[int | None, str, str], str] = {}
        self._books: Kept[str, Any] = Kept(64)
        self._plans: Kept[Any, Any] = Kept(_KEPT_PLANS)
        self._types: Kept[Any, Any] = Kept(_KEPT_PLANS)
        self._texts: Kept[Any, Any] = Kept(_KEPT_BYTES)
        self._edition = ""
        self._lock = threading.Lock()

    def principal(self, account: str, role: str) -> Principal:
        """Give who asks; UsageError where the policy has no such account, or not in this role."""
        return self._desk.policy.principal(account, role)

    def known_etag(self, principal: Principal) -> str | None:
        """Give the etag of now without opening anything; None where it is not known yet."""
        return self._etags.get((self._shelf.current(), self._desk.policy.digest, principal.role))

    def kept_plan(self, principal: Principal, text: str) -> Planned | None:
        """Give a plan that was made for what is published now."""
        etag = self.known_etag(principal)
        found = self._plans.get((etag, text)) if etag else None
        return found if isinstance(found, Planned) else None

    def kept_text(self, principal: Principal, key: tuple[Any, ...]) -> Filled | None:
        """Give what `filled` gave for the same key, while the same is published."""
        etag = self.known_etag(principal)
        found = self._texts.get((etag, key, date.today())) if etag else None
        return found if isinstance(found, Filled) else None

    def planned(self, principal: Principal, text: str) -> Planned:
        """Plan a text."""
        with self._visit(principal) as visit:
            return self._planned(visit, text)

    def filled(
        self,
        principal: Principal,
        text: str,
        given: Parameters,
        write: Callable[..., str],
        *,
        key: tuple[Any, ...] = (),
        visiting: Callable[[Visit | None], None] = lambda visit: None,
    ) -> Filled:
        """Answer all that a text asks, of one generation; `write` puts it together.

        `visiting` is told of the visit while it lasts, so that another thread may cancel it.
        """
        with self._visit(principal) as visit:
            visiting(visit)
            try:
                planned = self._planned(visit, text)
                plan = planned.plan or Plan(())
                answers = [self._answered(visit, asked, given) for asked in plan.questions]
                found = Filled(
                    write(plan, [text for text, _ in answers]),
                    tuple(dict.fromkeys(name for asked in plan.questions for name in asked.metrics)),
                    tuple(dict.fromkeys(name for asked in plan.questions for name in asked.by)),
                    sum(rows for _, rows in answers),
                    visit.publication.publication_id,
                )
            finally:
                visiting(None)
            if key:
                self._texts.put((visit.etag, key, date.today()), found, len(found.text) + _BESIDE)
            return found

    @contextmanager
    def _visit(self, principal: Principal) -> Iterator[Visit]:
        with self._desk.visit(principal) as visit:
            self._follow(visit.edition)
            # The policy of the visit: that of the desk may be another by now.
            place = (visit.publication.generation, visit.policy.digest, principal.role)
            self._etags.setdefault(place, visit.etag)
            yield visit

    def _follow(self, edition: str) -> None:
        """Forget what was kept of another generation or policy: nobody asks for it any more."""
        with self._lock:
            if edition == self._edition:
                return
            self._edition = edition
            self._etags = {}
            for kept in (self._books, self._plans, self._types, self._texts):
                kept.clear()

    def _planned(self, visit: Visit, text: str) -> Planned:
        found = self._plans.get((visit.etag, text))
        if isinstance(found, Planned):
            return found
        made = Planned(plan(text, self._book(visit), partial(self._types_of, visit)), visit.etag)
        self._plans.put((visit.etag, text), replace(made))
        return made

    def _book(self, visit: Visit) -> Book:
        found = self._books.get(visit.etag)
        if not isinstance(found, Book):
            found = Book(visit.words, (self._schema, f"{self._schema}_{visit.role}"))
            self._books.put(visit.etag, found)
        return found

    def _types_of(self, visit: Visit, metrics: tuple[str, ...], by: tuple[str, ...]) -> Mapping[str, str]:
        key = (visit.etag, metrics, by)
        found = self._types.get(key)
        if found is None:
            types = visit.explain(Question(metrics, by)).types() if metrics else member_type(visit, *by)
            found = {
                name: figure_type(kind) if name in metrics else postgres_type(kind)
                for name, kind in types.items()
            }
            self._types.put(key, found)
        return found

    def _answered(self, visit: Visit, asked: Asked, given: Parameters) -> tuple[str, int]:
        """Give the rows of an answer as JSON, and how many they are."""
        found = asked.conditions(given)
        if found.is_never:
            return "[]", 0
        if not asked.metrics:
            more = replace(self._limits, rows=self._limits.rows + 1)
            members = visit.values(asked.by[0], (), more)
            return self._written([(member,) for member in members], asked.fields)
        question = Question(
            asked.metrics,
            asked.by,
            (*asked.where, *found.where),
            start=found.start.isoformat() if found.start else None,
            end=found.end.isoformat() if found.end else None,
        )
        reply = visit.ask(question, self._limits)
        count = len(asked.fields)
        if reply.truncated:
            raise self._too_many()
        return self._written([row[:count] for row in reply.rows()], asked.fields)

    def _written(self, rows: Sequence[tuple[Any, ...]], fields: Sequence[Field]) -> tuple[str, int]:
        if len(rows) > self._limits.rows:
            raise self._too_many()
        names = [f"c{index}" for index in range(len(fields))]
        found = [dict(zip(names, map(_plain, row), strict=True)) for row in rows]
        return json.dumps(found, separators=(",", ":"), default=str), len(rows)

    def _too_many(self) -> LimitError:
        return LimitError(
            f"the answer has more than {self._limits.rows:,} rows",
            todo="Ask for less: a shorter range, fewer splits, a longer grain.",
            code="too-many-rows",
        )


def postgres_type(kind: str) -> str:
    """Give the type of PostgreSQL for one of DuckDB."""
    return "numeric" if kind.startswith("DECIMAL") else _TYPES.get(kind, "text")


def figure_type(kind: str) -> str:
    """Give the type of a figure: divided by each other, whole numbers of PostgreSQL lose their fraction."""
    found = postgres_type(kind)
    return "numeric" if found == "bigint" else found


def member_type(visit: Visit, dimension: str) -> dict[str, str]:
    """Give the type that DuckDB gives the members of a dimension."""
    sql = library.values_sql(visit.source, dimension, (), words=visit.words)
    (kind,) = visit.source.connection.sql(sql).types
    return {dimension: str(kind)}


def _plain(value: Any) -> Any:
    """Give a value as JSON can hold it, letter by letter as PostgreSQL reads it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
