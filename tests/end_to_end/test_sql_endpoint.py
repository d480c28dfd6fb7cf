"""The SQL endpoint over the built-in company: whatever is asked at random is what the one door answers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from plumbline.access import load_policy
from plumbline.errors import PlumblineError
from plumbline.project import Home, Project
from plumbline.serving import Question
from plumbline.serving.desk import Desk, Visit
from tests import postgres
from tests.sql_endpoint import Address, prepare, running

ACCOUNTS = ("li.na", "bi_reader", "wang.fang", "chen.jie")
GRAINS = ("week", "month", "quarter", "year")


@pytest.fixture(scope="module")
def desk(demo_home: Home) -> Iterator[Desk]:
    desk = Desk(demo_home, load_policy(Project.find(), "demo"))
    yield desk
    desk.close()


@pytest.fixture(scope="module")
def endpoint(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with postgres.running(tmp_path_factory) as server:
        prepare(server, ACCOUNTS)
        with running(desk, server) as address:
            yield address


def plain(value: Any) -> Any:
    """Bring a figure into one form: PostgreSQL and DuckDB write the same number with other digits."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, Decimal | float | int) and not isinstance(value, bool):
        return f"{float(value):.9g}"
    return value


def sorted_rows(rows: Any) -> list[tuple[Any, ...]]:
    return sorted((tuple(map(plain, row)) for row in rows), key=repr)


class Asked:
    """A question at random, for the one door and as SQL."""

    def __init__(self, visit: Visit, chance: random.Random) -> None:
        known = list(visit.words.known)
        first = chance.choice(known)
        splits = visit.words.dimensions([first])
        alike = [name for name in known if set(splits) & set(visit.words.dimensions([name]))]
        self.metrics = list(
            dict.fromkeys([first, *chance.sample(alike, k=min(len(alike), chance.randint(0, 2)))])
        )
        shared = [name for name in visit.words.dimensions(self.metrics) if self._is_text(visit, name)]
        self.by = chance.sample(shared, k=min(len(shared), chance.randint(0, 2)))
        self.grain = chance.choice((None, *GRAINS))
        begins = date(2024, 1, 1) + timedelta(days=chance.randint(0, 700))
        self.range = (
            (begins, begins + timedelta(days=chance.randint(20, 500))) if chance.random() < 0.6 else None
        )
        self.where = self._condition(visit, chance, shared) if shared and chance.random() < 0.5 else None

    @staticmethod
    def _is_text(visit: Visit, name: str) -> bool:
        return visit.words.definitions.dimensions[name].type == "categorical"

    @staticmethod
    def _condition(visit: Visit, chance: random.Random, names: list[str]) -> tuple[str, list[str]] | None:
        name = chance.choice(names)
        try:
            members = [value for value in visit.values(name) if isinstance(value, str)]
        except Exception:  # a dimension that only some metrics reach
            return None
        return (name, chance.sample(members, k=min(len(members), 3))) if members else None

    def question(self) -> Question:
        by = ([f"metric_time__{self.grain}"] if self.grain else []) + self.by
        named = ", ".join("'" + text.replace("'", "''") + "'" for text in (self.where or ("", []))[1])
        where = (f"{self.where[0]} in ({named})",) if self.where else ()
        start, end = (day.isoformat() for day in self.range) if self.range else (None, None)
        return Question(tuple(self.metrics), tuple(by), where, start, end)

    def sql(self) -> tuple[str, list[Any]]:
        by = ([f"date_trunc('{self.grain}', metric_time)"] if self.grain else []) + self.by
        conditions, values = [], []
        if self.range:
            conditions.append("metric_time >= %s AND metric_time < %s")
            values += [self.range[0], self.range[1] + timedelta(days=1)]
        if self.where:
            conditions.append(f"{self.where[0]} = ANY(%s)")
            values.append(self.where[1])
        items = ", ".join([*by, *(f"MEASURE({name})" for name in self.metrics)])
        text = f"SELECT {items} FROM metrics"
        text += f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return text + (f" GROUP BY {', '.join(by)}" if by else ""), values


@pytest.mark.parametrize("account", ACCOUNTS)
def test_questions_at_random_are_those_of_the_one_door(endpoint: Address, desk: Desk, account: str) -> None:
    chance = random.Random(account)
    answered = 0
    with endpoint.connect(account) as session, desk.visit(desk.policy.principal(account)) as visit:
        for _ in range(25):
            asked = Asked(visit, chance)
            text, values = asked.sql()
            try:
                width = len(asked.metrics) + len(asked.by) + bool(asked.grain)
                expected = [row[:width] for row in visit.ask(asked.question()).rows()]
            except PlumblineError:
                with pytest.raises(psycopg.errors.DatabaseError):
                    session.execute(text, values)
                continue
            except Exception:  # what the engine itself cannot answer is no matter of this way in
                continue
            answered += 1
            for cursor in (session.cursor(), psycopg.ClientCursor(session)):
                assert sorted_rows(cursor.execute(text, values).fetchall()) == sorted_rows(expected), text
    assert answered >= 10


def test_metrics_beyond_a_role_are_unknown_in_every_place(endpoint: Address, desk: Desk) -> None:
    with desk.visit() as everything, desk.visit(desk.policy.principal("chen.jie")) as visit:
        hidden = sorted(set(everything.words.known) - set(visit.words.known))[::9]
    assert hidden
    with endpoint.connect("chen.jie") as session:
        for name in hidden:
            for text in (
                f"SELECT MEASURE({name}) FROM metrics",
                f"SELECT MEASURE(headcount) FROM metrics HAVING MEASURE({name}) > 0",
                f"SELECT MEASURE(headcount) FROM metrics ORDER BY MEASURE({name})",
                f"EXPLAIN SELECT MEASURE({name}) FROM metrics",
            ):
                with pytest.raises(psycopg.errors.UndefinedFunction) as raised:
                    session.execute(text)
                hint = raised.value.diag.message_hint or ""
                assert not any(f"'{other}'" in hint for other in hidden)
