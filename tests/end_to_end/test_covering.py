"""What is answered of the built-in company: from published tables as from marts, by whatever is offered."""

import random
from contextlib import suppress

import pytest

from plumbline.errors import DefinitionError
from plumbline.serving import Question, door, open_generation
from plumbline.serving.edition import Edition

RANGES = [(None, None), ("2025", "2025"), ("2025-Q1", "2026-Q3"), (None, "2026-06"), ("2026-01", None)]


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


def test_a_published_table_answers_what_the_marts_answer(edition, monkeypatch):
    asked = list(questions(edition, random.Random(3)))
    covered = [answered(edition, question) for question in asked]
    monkeypatch.setattr(door, "covering", lambda *given: None)
    differing = [
        question
        for question, (_, rows) in zip(asked, covered, strict=True)
        if answered(edition, question) != ("", rows)
    ]
    assert differing == []
    assert sum(bool(table) for table, _ in covered) >= len(asked) // 2


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
