"""A question about a held figure gets its last good answer, and is told so."""

from collections.abc import Callable
from datetime import date

import pytest

from plumbline.errors import DefinitionError
from plumbline.serving import Answer, Question, ask, open_generation
from tests.unit.gate.conftest import Company, failed


def answered(
    company: Company, *metrics: str, by: tuple[str, ...] = ()
) -> tuple[Answer, list[tuple], list[str]]:
    with open_generation(company.home, sealed=True) as source:
        answer = ask(company.home, source, Question(metrics, by))
        rows = answer.rows()
        return answer, rows, answer.notes(rows)


def test_what_is_not_held_is_answered_from_the_newest_figures(
    company: Company, poison: Callable[[], None]
) -> None:
    poison()
    company.day(failed(column="cost"))
    answer, _, notes = answered(company, "orders")
    assert answer.publication is not None
    assert answer.publication.publication_id == "shop-000002"
    assert notes == []
    assert answer.verdict == "certified"


def test_a_held_figure_is_answered_as_it_was_last_good(company: Company, poison: Callable[[], None]) -> None:
    before = answered(company, "costs")[1]
    poison()
    company.day(failed(column="cost"))
    answer, rows, notes = answered(company, "costs")
    assert rows == before
    assert answer.publication is not None
    assert answer.publication.as_of == date(2025, 3, 1)
    assert notes[:2] == [
        "held since 2025-03-11 06:00 UTC: marts.orders: cost is never empty: 2 of 12 rows break it",
        "these are the last good figures, of publication shop-000001, as of 2025-03-01",
    ]
    assert answer.verdict == "held"


def test_a_breakdown_nobody_published_is_held_by_what_it_reads(
    company: Company, poison: Callable[[], None]
) -> None:
    poison()
    company.day(failed("marts.products", "category"))
    assert answered(company, "orders", by=("product__category",))[2][0].startswith("held since")
    assert answered(company, "orders")[2] == []


def test_a_metric_that_was_wrong_by_itself_is_held(company: Company, poison: Callable[[], None]) -> None:
    poison()
    company.day(failed("candidates.indicator_value", "value", metrics=("costs",)))
    assert answered(company, "margin")[2][0].startswith("held since")


def test_a_figure_that_was_never_good_is_refused_with_the_reason(company: Company) -> None:
    company.day(failed(column="cost"))
    with pytest.raises(DefinitionError, match="no earlier good figure") as raised:
        answered(company, "margin")
    assert raised.value.code == "held"
    assert "cost is never empty" in raised.value.why
