"""The relations that a role reads over SQL: a saved query without what tells persons."""

from dataclasses import replace

import pytest

from plumbline.definitions import GroupBy, load
from plumbline.definitions.model import SavedQuery
from plumbline.serving.sight import EVERYTHING
from plumbline.serving.sql.names import Book
from plumbline.serving.vocabulary import Vocabulary

MONTH, PERSON = GroupBy("metric_time", "month"), GroupBy("product__name")


@pytest.fixture
def columns(published):
    """Give the columns of a saved query by these, for a role for which product__name tells persons."""
    definitions = load(published.home.semantic_manifest)
    place = next(iter(definitions.metrics.values())).location

    def of(*group_by):
        query = SavedQuery("sold", "Sold", ("net_sales",), group_by, (), place)
        words = Vocabulary(
            replace(definitions, saved_queries={"sold": query}),
            replace(EVERYTHING, persons=frozenset({PERSON.name})),
        )
        found = Book(words, ("public",)).relations.get("sold")
        return dict(found.columns) if found else None

    return of


def test_a_column_of_persons_is_left_out(columns):
    assert columns(MONTH, PERSON) == {"month": "metric_time__month"}


def test_a_saved_query_by_persons_alone_is_no_relation(columns):
    assert columns(PERSON) is None
