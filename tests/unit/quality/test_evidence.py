"""Rules that a query gives evidence for: references, totals, control totals, and queries of one's own."""

from dataclasses import replace

import pytest

from plumbline.quality import (
    control_totals_agree,
    critical,
    evidence,
    evidence_on,
    refers_to,
    rows_agree,
    rows_and_totals_agree,
    run_stage,
    suite,
    totals_agree,
)


@pytest.fixture
def landed(con):
    """The lines as they landed and were staged, with a control total of their amount."""
    con.execute("create schema landing_run")
    con.execute("create schema landing_erp")
    con.execute("create schema staging")
    con.execute("create view staging.base_erp__lines as select *, 'kept' as _verdict from marts.lines")
    con.execute(
        "create table landing_erp.lines as"
        ' select amount::varchar as "Amount", _load, _row_number from marts.lines'
    )
    con.execute(
        "create table landing_run.loads as"
        " select load, 'erp' as system, 'lines' as table_name, load > 3 as is_current"
        " from (values (3), (4), (5)) as made (load)"
    )
    con.execute(
        "create table landing_run.control_totals as"
        " select _load as load, 'erp' as system, 'lines' as table_name, 'Amount' as column_name,"
        " sum(amount)::decimal(38, 6) as total, count(amount) as not_null, 0 as unparsed"
        " from marts.lines group by _load union all select 3, 'erp', 'lines', 'Amount', 99, 1, 0"
    )
    return con


def test_a_key_that_points_nowhere_is_found(judge, con):
    rule = refers_to("product_id", "marts.products.product_id")
    sound = judge(rule)
    assert (sound.verdict, sound.evaluated, sound.unexpected) == ("passed", 2, 0)
    con.execute("update marts.lines set product_id = 9 where line_id = 2")
    broken = judge(rule)
    assert (broken.verdict, broken.unexpected) == ("failed", 1)
    assert broken.message == "1 of 2 rows break it; 1 different values are not in marts.products"
    assert broken.examples[0]["line_id"] == 2


def test_an_empty_key_in_the_other_table_hides_no_orphan(judge, con):
    con.execute("insert into marts.products values (null)")
    con.execute("update marts.lines set product_id = 9 where line_id = 2")
    result = judge(refers_to("product_id", "marts.products.product_id"))
    assert (result.unexpected, len(result.examples)) == (1, 1)


def test_totals_agree_to_the_last_digit(judge, con):
    con.execute("create table marts.copy as select * from marts.lines")
    amount, quantity = totals_agree("marts.copy", amount="price * quantity", quantity="quantity")
    assert judge(amount).verdict == "passed"
    con.execute("update marts.copy set quantity = 3 where line_id = 1")
    result = judge(amount)
    assert (result.verdict, result.unexpected) == ("failed", None)
    assert result.message == "7.25 here, 8.75 in marts.copy: a difference of -1.5"
    assert judge(quantity).verdict == "failed"


def test_rows_are_counted_where_totals_are_compared(judge, con):
    con.execute("create table marts.copy as select * from marts.lines")
    count, amount = rows_and_totals_agree("marts.copy", amount="amount")
    assert judge(count).verdict == judge(amount).verdict == "passed"
    con.execute("insert into marts.copy (line_id) values (4)")
    result = judge(count)
    assert (result.verdict, result.message) == ("failed", "3 here, 4 in marts.copy: a difference of -1")
    assert (result.expected, result.column) == ("has as many rows as marts.copy", "")
    assert judge(amount).verdict == "passed"


def test_totals_may_be_of_some_rows(judge, con):
    con.execute("create table marts.copy as select * from marts.lines")
    con.execute(
        "insert into marts.copy select * replace (date '2026-04-01' as sold_on) from marts.lines limit 1"
    )
    (rule,) = totals_agree("marts.copy", where="sold_on <= :as_of", rows="up to the day", amount="amount")
    assert judge(rule).verdict == "passed"
    assert judge(rule).expected == "the total of amount is that of amount in marts.copy, up to the day"
    (rule,) = totals_agree("marts.copy", where="sold_on <= :as_of", amount="amount")
    assert judge(rule).expected.endswith("in marts.copy where sold_on <= 2026-03-31")


def test_rows_agree(judge, con):
    con.execute("create table marts.copy as select * from marts.lines")
    assert judge(rows_agree("marts.copy")).verdict == "passed"
    con.execute("delete from marts.copy where line_id = 1")
    result = judge(rows_agree("marts.copy"))
    assert (result.verdict, result.unexpected) == ("failed", 1)
    assert judge(rows_agree("marts.copy", counting="count(*) + 1")).verdict == "passed"


def test_staged_amounts_add_up_to_the_control_totals_of_current_loads(judge, landed):
    (rule,) = control_totals_agree("erp.lines", amount="Amount")
    assert judge(rule, table="staging.base_erp__lines").verdict == "passed"
    landed.execute("update marts.lines set amount = 3.01 where line_id = 1")
    result = judge(rule, table="staging.base_erp__lines")
    assert result.message == "7.26 here, 7.25 in the landed control totals: a difference of 0.01"


def test_amounts_that_landing_could_not_read_are_left_out_of_the_comparison(judge, landed, context):
    landed.execute("update landing_erp.lines set \"Amount\" = '２.00' where _load = 5")
    landed.execute("update landing_run.control_totals set total = 0, unparsed = 1 where load = 5")
    (rule,) = control_totals_agree("erp.lines", amount="Amount")
    unread = replace(context, unread=frozenset({("erp.lines", "Amount")}))
    assert judge(rule, table="staging.base_erp__lines").verdict == "failed"
    assert judge(rule, table="staging.base_erp__lines", context=unread).verdict == "passed"
    landed.execute("update marts.lines set amount = 3.01 where line_id = 1")
    assert judge(rule, table="staging.base_erp__lines", context=unread).verdict == "failed"


def test_a_query_of_ones_own(judge, con):
    rule = evidence(
        """
        select
            count(*) as evaluated,
            count(*) filter (where sold_on > :as_of or channel = :channel) as unexpected
        from marts.lines
        """,
        "nothing is sold by fax",
        about=("channel",),
        show="select line_id, channel from marts.lines where channel = :channel",
        channel="fax",
    )
    assert judge(rule).verdict == "passed"
    con.execute("update marts.lines set channel = 'fax' where line_id > 1")
    result = judge(rule)
    assert (result.verdict, result.unexpected, result.column) == ("failed", 2, "channel")
    assert result.examples == ({"line_id": 2, "channel": "fax"}, {"line_id": 3, "channel": "fax"})


def test_evidence_with_a_reason_is_skipped(judge):
    closed = evidence("select 0 as evaluated, 0 as unexpected, 'the shop was closed' as reason", "sales")
    result = judge(closed)
    assert (result.verdict, result.message) == ("skipped", "skipped: the shop was closed")


def test_evidence_that_evaluated_nothing_fails(judge):
    result = judge(evidence("select 0 as evaluated, 0 as unexpected", "sales"))
    assert (result.verdict, result.message) == ("failed", "evaluated no rows, though there is an extract")


def test_a_shared_query_runs_once_and_a_missing_subject_is_an_error(con, context, monkeypatch):
    query = (
        "select channel as subject, count(*) as evaluated, 0 as unexpected from marts.lines group by channel"
    )
    rules = [evidence_on(subject, query, f"{subject} sells") for subject in ("online", "shop", "fax")]
    ran = []
    from plumbline.quality.dialect import FetchedCursor

    execute = FetchedCursor.execute
    monkeypatch.setattr(
        FetchedCursor, "execute", lambda self, sql, given=(): ran.append(sql) or execute(self, sql, given)
    )
    checked = run_stage(
        con, "marts", [suite("marts.lines", critical(rules, why="."), owner="x")], context=context
    )
    assert [check.verdict for check in checked.checks] == ["passed", "passed", "error"]
    assert "says nothing of fax" in checked.checks[2].message
    assert sum("GROUP BY" in sql for sql in ran) == 1


@pytest.mark.parametrize("sql", ["delete from marts.lines", "select from where", "x > 1"])
def test_evidence_that_is_no_query_is_refused_where_it_is_written(sql):
    with pytest.raises(ValueError, match=r"this (is no SQL|must be a query)"):
        evidence(sql, "nothing")


def test_a_query_for_examples_that_fails_takes_nothing_from_the_verdict(judge):
    result = judge(
        evidence(
            "select 3 as evaluated, 1 as unexpected", "all is well", show="select absent from marts.lines"
        )
    )
    assert (result.verdict, result.unexpected, result.examples) == ("failed", 1, ())
