"""Each rule passes on sound rows, and finds the row that a test breaks."""

import pytest

from plumbline.quality import (
    between,
    fresh,
    has_columns,
    has_rows,
    holds,
    matches,
    never_empty,
    not_before,
    not_in_the_future,
    not_stale,
    one_of,
    unique,
)

# The rule, a statement that breaks one row of three, and the rows judged and broken then.
ROW_RULES = {
    "never_empty": (never_empty("order_id")[0], "set order_id = null where line_id = 2", 3, 1),
    "unique": (unique("line_id"), "set line_id = 1 where line_id = 2", 3, 1),
    "unique together": (unique("order_id", "line_id"), "set line_id = 1 where line_id = 2", 3, 1),
    "between": (between("quantity", 1, 4), "set quantity = 0 where line_id = 2", 3, 1),
    "at least": (between("quantity", 1), "set quantity = -1 where line_id = 2", 3, 1),
    "at most": (between("price", high=2.25), "set price = 2.2501 where line_id = 2", 3, 1),
    "one_of": (one_of("channel", "online", "shop"), "set channel = 'fax' where line_id = 2", 3, 1),
    "matches": (matches("Group", "^[A-Z]-[0-9]$"), "set \"Group\" = 'b-2' where line_id = 2", 2, 1),
    "not_before": (
        not_before("shipped_on", "sold_on"),
        "set shipped_on = '2026-03-01' where line_id = 1",
        2,
        1,
    ),
    "not_in_the_future": (not_in_the_future("sold_on"), "set sold_on = '2026-04-01' where line_id = 2", 3, 1),
    "holds": (holds("amount = price * quantity"), "set amount = 2.26 where line_id = 2", 3, 1),
}


@pytest.mark.parametrize("name", ROW_RULES)
def test_a_rule_passes_on_sound_rows(judge, name):
    rule, _, _, _ = ROW_RULES[name]
    result = judge(rule)
    assert (result.verdict, result.unexpected) == ("passed", 0), result


@pytest.mark.parametrize("name", ROW_RULES)
def test_a_rule_finds_the_broken_row(judge, con, name):
    rule, breaking, evaluated, unexpected = ROW_RULES[name]
    con.execute(f"update marts.lines {breaking}")
    result = judge(rule)
    assert (result.verdict, result.evaluated, result.unexpected) == ("failed", evaluated, unexpected), result
    assert result.unexpected_share == unexpected / evaluated
    assert len(result.examples) == (2 if name.startswith("unique") else unexpected)
    assert {"line_id", "_load", "_row_number"} <= set(result.examples[0])


def test_empty_parts_of_a_combination_are_values_like_others(judge, con):
    rule = unique("order_id", "product_id")
    assert judge(rule).verdict == "passed"
    con.execute("insert into marts.lines (line_id, order_id) values (4, 11)")
    result = judge(rule)
    assert (result.verdict, result.message) == (
        "failed",
        "1 of 4 rows break it; they repeat the key of another row",
    )
    assert [example["line_id"] for example in result.examples] == [3, 4]


@pytest.fixture
def counted_in_bits(monkeypatch):
    from plumbline.quality import great_expectations_types

    monkeypatch.setattr(great_expectations_types, "_MANY_ROWS", 1)


@pytest.mark.parametrize("keys", [(1, 2, 3), (-7, 0, 7), (None, 2, 3), (1, 2, 2**60)])
def test_keys_of_many_rows_are_told_apart(judge, con, counted_in_bits, keys):
    for day, key in enumerate(keys, start=29):
        con.execute("update marts.lines set line_id = ? where day(sold_on) = ?", [key, day])
    assert judge(unique("line_id")).verdict == "passed"


@pytest.mark.parametrize("key", [4, -40, 2**60])
def test_a_key_that_is_there_twice_is_found_among_many(judge, con, counted_in_bits, key):
    con.execute("update marts.lines set line_id = ? where line_id < 3", [key])
    result = judge(unique("line_id"))
    assert (result.verdict, result.evaluated, result.unexpected) == ("failed", 3, 1)


def test_an_empty_key_repeats_no_other(judge, con):
    con.execute("update marts.lines set line_id = null where line_id > 1")
    result = judge(unique("line_id"))
    assert (result.verdict, result.evaluated) == ("passed", 1)


def test_a_table_with_too_few_rows_fails(judge):
    assert judge(has_rows(3, 3)).verdict == "passed"
    assert judge(has_rows(4)).verdict == "failed"
    assert judge(has_rows(1, 2)).verdict == "failed"


def test_a_missing_column_is_named(judge):
    assert judge(has_columns("line_id", "amount")).verdict == "passed"
    result = judge(has_columns("line_id", "cost"))
    assert (result.verdict, result.message) == ("failed", "missing: cost")


def test_an_old_newest_date_fails_by_the_age_that_was_agreed(judge, con):
    assert judge(fresh("sold_on", "erp.lines")).verdict == "passed"
    con.execute("update marts.lines set sold_on = sold_on - 4")
    late = judge(fresh("sold_on", "erp.lines"))
    assert (late.verdict, late.message) == ("failed", "found 2026-03-27")
    assert judge(not_stale("sold_on", "erp.lines")).verdict == "passed"
    con.execute("update marts.lines set sold_on = sold_on - 4")
    assert judge(not_stale("sold_on", "erp.lines")).verdict == "failed"


def test_freshness_that_nobody_agreed_on_is_skipped(judge):
    result = judge(fresh("sold_on", "crm.lead"))
    assert (result.verdict, result.message) == ("skipped", "skipped: no freshness is agreed for crm.lead")


def test_a_time_on_the_last_day_is_not_in_the_future(judge, con):
    con.execute("alter table marts.lines alter sold_on type timestamp using sold_on + interval 23 hour")
    assert judge(not_in_the_future("sold_on")).verdict == "passed"


def test_a_share_of_the_rows_may_break_a_rule(judge, con):
    con.execute("update marts.lines set order_id = null where line_id = 2")
    assert judge(never_empty("order_id", mostly=0.6)[0]).verdict == "passed"
    assert judge(never_empty("order_id", mostly=0.7)[0]).verdict == "failed"
    assert judge(holds("order_id > 10", mostly=0.5)).verdict == "passed"
    assert judge(holds("order_id > 10", mostly=0.6)).verdict == "failed"


def test_a_condition_is_not_judged_where_a_part_is_missing(judge):
    result = judge(holds("shipped_on >= sold_on"))
    assert (result.verdict, result.evaluated) == ("passed", 2)


def test_a_condition_may_hold_quotes_colons_and_the_day(judge):
    rule = holds(
        """sold_on <= :as_of and "Group" not in ('it''s', 'a:b') and cast(amount as varchar) <> ':x'"""
    )
    assert judge(rule).verdict == "passed"


@pytest.mark.parametrize("condition", ["price >", "select 1", "drop table marts.lines"])
def test_what_is_no_condition_is_refused_where_it_is_written(condition):
    with pytest.raises(ValueError, match="no SQL condition"):
        holds(condition)


def test_bounds_must_be_given():
    with pytest.raises(ValueError, match="none is given"):
        between("price")


def test_a_rule_says_itself_in_words(context):
    assert between("price", 0).words(context) == "price is at least 0"
    assert unique("a", "b").words(context) == "a and b are unique together"
    assert never_empty("a", mostly=0.95)[0].words(context) == "a is never empty for at least 95 % of rows"
    assert holds("a > b", "a exceeds b").words(context) == "a exceeds b"
    assert fresh("day", "erp.lines").words(context) == "the newest day is at most 2 days before 2026-03-31"
