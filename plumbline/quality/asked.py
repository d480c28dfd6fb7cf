"""What Great Expectations is asked: each check as a question, with the queries that several of them share."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from plumbline.quality.context import StageContext
from plumbline.quality.evidence import Evidence
from plumbline.quality.expectation import Expectation, Suite
from plumbline.quality.kept import Kept
from plumbline.quality.rules import EVIDENCE, Call, Question


@dataclass(frozen=True)
class Check:
    """One expectation on one table; `skip` says why it is not judged in this run, or nothing."""

    number: int
    suite: Suite
    expectation: Expectation
    skip: str

    @property
    def table(self) -> str:
        return self.suite.table


class Asked:
    """The questions of a stage.

    A query that gives evidence on several checks is asked once. Queries of one row are asked together as one,
    and apart when that broke, so that each says for itself what is wrong. `refused` tells which checks cannot
    be asked, and why.
    """

    def __init__(self, checks: Sequence[Check], context: StageContext, kept: Kept | None = None) -> None:
        self.refused: dict[int, str] = {}
        self._kept = kept
        self._context = context
        self._calls: dict[int, tuple[Check, Call]] = {}
        self._own: dict[int, exp.Query] = {}
        self._shared: dict[int, Hashable] = {}
        self._queries: dict[Hashable, str] = {}
        for check in checks:
            try:
                self._prepare(check)
            except Exception as error:  # whatever a rule raises is a check that failed, told with its text
                self.refused[check.number] = f"{type(error).__name__}: {error}"

    def _prepare(self, check: Check) -> None:
        rule = check.expectation.rule
        call = rule.call(check.table, self._context)
        if isinstance(rule, Evidence) and rule.subject:
            sharing = rule.shared_by(check.table)
            if sharing not in self._queries:
                self._queries[sharing] = _written(rule.collected(check.table, self._context))
            self._shared[check.number] = sharing
        elif isinstance(rule, Evidence):
            found = self._kept.evidence(rule, check.table, self._context) if self._kept else None
            self._own[check.number] = rule.collected(check.table, self._context, str(check.number), found)
        self._calls[check.number] = (check, call)

    def together(self) -> list[Question]:
        """Give all questions."""
        own = list(self._own.values())
        union = exp.union(*own, distinct=False, copy=False) if len(own) > 1 else (own or [exp.select()])[0]
        every = _written(union)
        return [
            self._on_evidence(number, every)
            if number in self._own
            else self._on_evidence(number, self._queries[self._shared[number]])
            if number in self._shared
            else Question(number, check.table, call)
            for number, (check, call) in self._calls.items()
        ]

    def apart(self, numbers: Collection[int]) -> list[Question]:
        """Ask those of these that have a query of their own, each by itself."""
        return [
            self._on_evidence(number, query.sql(dialect="duckdb"))
            for number, query in self._own.items()
            if number in numbers
        ]

    def _on_evidence(self, number: int, query: str) -> Question:
        check, call = self._calls[number]
        rule = check.expectation.rule
        subject = rule.subject if isinstance(rule, Evidence) and rule.subject else str(number)
        given = {**call.arguments, "query": query, "subject": subject}
        return Question(number, EVIDENCE, Call(call.expectation, given))


def _written(query: exp.Query) -> str:
    """Write a query that nobody else needs: a copy of it takes longer than the text."""
    return query.sql(dialect="duckdb", copy=False)
