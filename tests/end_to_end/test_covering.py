"""What is answered of the built-in company: from published tables as from marts, by whatever is offered."""

import random
from contextlib import closing, suppress
from datetime import date, timedelta

import pytest

from plumbline.access import load_policy
from plumbline.definitions import METRIC_TIME
from plumbline.errors import DefinitionError, PlumblineError
from plumbline.project import Project
from plumbline.serving import Question, door, kept_sums, open_generation
from plumbline.serving.adding_up import parts_of
from plumbline.serving.desk import Desk, Limits
from plumbline.serving.edition import Edition

RANGES = [(None, None), ("2025", "2025"), ("2025-Q1", "2026-Q3"), (None, "2026-06"), ("2026-01", None)]

# What these see can hardly be split by what the tables have.
LIMITED = ("north_america", "people_partner")
ROLES = ("executive", "analyst", "auditor", *LIMITED)


@pytest.fixture
def edition(demo_home):
    with open_generation(demo_home, sealed=True) as source:
        yield Edition(demo_home, source, remembers=True)


def questions(edition, chance):
    for query in edition.definitions.saved_queries.values():
        metrics = tuple(chance.sample(query.metrics, min(len(query.metrics), chance.randint(1, 3))))
        by = tuple(item.column for item in query.group_by)
        start, end = chance.choice(RANGES)
        yield Question(metrics, by, tuple(conditions(edition, query, chance)), start, end)


def conditions(edition, query, chance):
    dimensions = [item for item in query.group_by if item.name != "metric_time"]
    if not dimensions or chance.random() < 0.4:
        return
    item = chance.choice(dimensions)
    members = edition.source.connection.execute(
        f'SELECT DISTINCT "{item.published}" FROM warehouse.published."{query.name}" ORDER BY 1'
    ).fetchall()
    texts = [member.replace("'", "''") for (member,) in members if isinstance(member, str)]
    if texts:
        yield f"{item.column} = '{chance.choice(texts)}'"


def answered(edition, question):
    # A company without a call centre, and figures of all time asked for by year, are refused either way.
    with suppress(DefinitionError):
        given = door.answer(edition, question)
        return given.published_table, given.rows()
    return "", None


def read_the_marts(monkeypatch):
    monkeypatch.setattr(door, "covering", lambda *given: None)
    monkeypatch.setattr(door, "sums_of", lambda *given: None)


def test_a_published_table_answers_what_the_marts_answer(edition, monkeypatch):
    asked = list(questions(edition, random.Random(3)))
    covered = [answered(edition, question) for question in asked]
    read_the_marts(monkeypatch)
    edition.shapes.clear()
    differing = [
        question
        for question, (_, rows) in zip(asked, covered, strict=True)
        if answered(edition, question) != ("", rows)
    ]
    assert differing == []
    assert sum(bool(table) for table, _ in covered) >= len(asked) // 2


def less_split(edition, chance):
    """Ask for what a published table has, split by less, over longer periods, of some members only."""
    query = chance.choice(list(edition.definitions.saved_queries.values()))
    metrics = tuple(chance.sample(query.metrics, min(len(query.metrics), chance.choice((1, 1, 2, 3)))))
    by = tuple(item.column for item in query.group_by if item.name != METRIC_TIME and chance.random() < 0.5)
    grain = chance.choice((None, None, "week", "month", "quarter", "quarter", "year"))
    order = (chance.choice(("", "-")) + metrics[0],) if chance.random() < 0.3 else ()
    start, end = chance.choice((*RANGES, ("2024-02", "2026-05"), ("2025-03-05", None), ("2019", "2020")))
    where = tuple(conditions(edition, query, chance))
    return Question(metrics, by, where, start, end, grain, order, chance.choice((None, None, 3)))


def told(desk, principal, question):
    with desk.visit(principal) as visit:
        try:
            reply = visit.ask(question)
        except PlumblineError as error:
            return "", str(error)
        return reply.origin, (reply.names, reply.rows(), reply.notes, reply.verdicts)


def who(role):
    policy = load_policy(Project.find(), "demo")
    account = next((name for name, found in policy.accounts.items() if role in found.roles), "")
    return policy, policy.principal(account, role) if role else None


@pytest.mark.parametrize(
    ("role", "count"),
    [
        *((role, 25) for role in ("", "analyst", "north_america")),
        *(pytest.param(role, 1_000, marks=pytest.mark.long) for role in ("", *ROLES)),
    ],
)
def test_what_is_added_up_is_what_the_marts_answer(demo_home, edition, monkeypatch, role, count):
    """As each role sees it, twice: read from the table, then cut from memory."""
    policy, principal = who(role)
    chance = random.Random(f"{role} {count}")
    asked = [less_split(edition, chance) for _ in range(count)]
    with closing(Desk(demo_home, policy)) as desk, closing(Desk(demo_home, policy)) as plain:
        found = [[told(desk, principal, question) for question in asked] for _ in range(2)]
        read_the_marts(monkeypatch)
        expected = [told(plain, principal, question)[1] for question in asked]
    for answers in found:
        wrong = [asked[place] for place, (_, rows) in enumerate(answers) if rows != expected[place]]
        assert wrong == []
    added_up = sum(origin.endswith("added up") for origin, _ in found[0])
    assert added_up >= (count // 8 if role not in LIMITED else 0)


def any_days(desk, principal, chance):
    """Ask for sums and ratios of them by anything that they can be split by, of some days and members."""
    with desk.visit(principal) as visit:
        definitions = visit.words.definitions
        names = [name for name in visit.words.known if parts_of(definitions, [name])]
        metrics = chance.sample(names, chance.choice((1, 1, 2)))
        dimensions = [item["name"] for item in visit.dimensions(metrics) if item["name"] != METRIC_TIME]
        by = tuple(chance.sample(dimensions, min(len(dimensions), chance.choice((0, 1, 1, 2)))))
        where = []
        for name in chance.sample(dimensions, min(len(dimensions), chance.choice((0, 0, 1)))):
            members = [item for item in visit.values(name, metrics, Limits(rows=50)) if isinstance(item, str)]
            where += [f"{name} = '{chance.choice(members).replace(chr(39), 2 * chr(39))}'"] if members else []
    first, last = sorted(date(2025, 1, 1) + timedelta(days=chance.randrange(700)) for _ in range(2))
    start, end = chance.choice(((f"{first}", f"{last}"), (f"{first}", None), (None, f"{last}"), (None, None)))
    grain = chance.choice((None, None, "day", "week", "month", "quarter", "year"))
    order = (f"-{metrics[0]}",) if chance.random() < 0.3 else ()
    limit, compare = chance.choice((None, 3)), chance.choice((None, None, None, "previous", "year-ago"))
    return Question(tuple(metrics), by, tuple(where), start, end, grain, order, limit, compare)


@pytest.mark.parametrize(
    ("role", "count"),
    [
        *((role, 30) for role in ("", "north_america")),
        *(pytest.param(role, 1_000, marks=pytest.mark.long) for role in ("", *ROLES)),
    ],
)
def test_sums_by_day_answer_what_the_marts_answer(demo_home, monkeypatch, role, count):
    policy, principal = who(role)
    chance = random.Random(f"days {role} {count}")
    monkeypatch.setattr(door, "covering", lambda *given: None)
    with closing(Desk(demo_home, policy)) as desk, closing(Desk(demo_home, policy)) as plain:
        asked = [any_days(desk, principal, chance) for _ in range(count)]
        monkeypatch.setattr(kept_sums, "FROM_THE", 1)
        found = [told(desk, principal, question) for question in asked]
        with desk.visit() as visit:
            tables = "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'memory'"
            ((made,),) = visit.source.connection.execute(tables).fetchall()
        read_the_marts(monkeypatch)
        expected = [told(plain, principal, question) for question in asked]
    wrong = [pair for pair in zip(asked, found, expected, strict=True) if pair[1] != pair[2]]
    assert wrong == []
    assert made >= min(count, 100) // 3


def test_a_metric_can_be_split_by_what_is_offered(edition):
    """Also by what is reached over others, whose columns have longer names."""
    words = edition.vocabulary()
    pairs = [(metric, name) for metric in words.known for name in words.dimensions([metric])]
    refused = {}
    for metric, name in pairs[::12]:
        try:
            door.answer(edition, Question((metric,), (name,), limit=1)).rows()
        except DefinitionError as error:
            refused[metric, name] = error.code
    assert set(refused.values()) <= {"not-available", "no-such-period", "needs-time"}
    assert len(refused) < len(pairs[::12]) // 5
