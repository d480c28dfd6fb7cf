"""Tables of sums are made once, with the third question of a kind, and the least used ones are dropped."""

import pytest

from plumbline.serving.kept_sums import FROM_THE, KeptSums, Made


class Tables:
    """Makes tables of so many rows, and drops them."""

    def __init__(self, most_cells=100):
        self.kept = KeptSums(most_cells)
        self.made, self.dropped = [], []

    def ask(self, kind, rows=10, times=1):
        def make(number):
            self.made.append(kind)
            return (
                Made(f"{kind}_{number}", rows, {"day": "DATE", "net_sales": "DECIMAL(38,6)"})
                if rows
                else None
            )

        for _ in range(times):
            found = self.kept.asked(kind, make, lambda made: self.dropped.append(made.relation))
        return found


@pytest.fixture
def tables():
    return Tables()


def test_sums_are_made_once(tables):
    assert [tables.ask("a") is None for _ in range(FROM_THE + 2)] == [True, True, False, False, False]
    assert tables.made == ["a"]
    assert tables.kept.known("a").cells == 20
    assert tables.kept.known("b") is None


def test_what_is_of_no_use_is_tried_once(tables):
    assert tables.ask("a", rows=0, times=10) is None
    assert tables.made == ["a"]


def test_the_least_used_tables_are_dropped_and_made_again_when_they_are_asked_for(tables):
    for kind in "abcde":
        tables.ask(kind, times=FROM_THE)
    tables.ask("a")
    tables.ask("f", times=FROM_THE)
    assert tables.dropped == ["b_2"]
    assert [kind for kind in "abcdef" if tables.kept.known(kind)] == list("acdef")
    assert tables.ask("b") is None
    tables.ask("b", times=FROM_THE - 1)
    assert tables.made == [*"abcdef", "b"]


def test_a_table_that_is_larger_than_all_may_be_is_dropped_at_once(tables):
    tables.ask("a", rows=60, times=FROM_THE)
    assert tables.dropped == ["a_1"]


def test_a_failure_to_make_sums_is_not_tried_again(tables):
    def fails(number):
        raise MemoryError

    for _ in range(FROM_THE - 1):
        tables.ask("a")
    with pytest.raises(MemoryError):
        tables.kept.asked("a", fails, tables.dropped.append)
    assert tables.ask("a", times=5) is None
    assert tables.made == []


def test_kinds_are_forgotten_when_there_are_too_many(tables):
    for number in range(5_000):
        tables.ask(str(number))
    tables.ask("4999", times=FROM_THE - 1)
    assert tables.made == ["4999"]
    tables.ask("0", times=FROM_THE - 1)
    assert tables.made == ["4999"]
