"""A stage: what is skipped, what counts as failed, what is kept, and what is left alone."""

import json

import duckdb
import pytest

from plumbline.quality import (
    StageContext,
    StageSuites,
    between,
    critical,
    has_rows,
    holds,
    never_empty,
    refers_to,
    run_stage,
    suite,
    unique,
    warning,
)
from plumbline.quality.rules import Call, Rule


def checks_of(con, context, *suites):
    return run_stage(con, "marts", suites, context=context).checks


def test_a_suite_without_expectations_fails(con, context):
    (check,) = checks_of(con, context, suite("marts.lines", owner="Tester"))
    assert check.blocks
    assert check.message == "the suite is empty, so nothing was checked"


def test_a_stage_without_suites_does_not_pass(con, context):
    assert not run_stage(con, "marts", [], context=context).passed


def test_an_empty_table_with_an_extract_fails_whatever_is_expected_of_it(con, context):
    rules = (
        has_rows(0),
        unique("line_id"),
        never_empty("line_id"),
        between("line_id", 1),
        holds("line_id > 0"),
    )
    checks = checks_of(
        con, context, suite("marts.nothing", critical(*rules, why="."), owner="x", needs="erp.lines")
    )
    assert {check.verdict for check in checks} == {"failed"}
    assert {check.message for check in checks} == {"evaluated no rows, though there is an extract"}


def test_an_empty_table_whose_rows_were_all_set_aside_says_why(con, context):
    con.execute("""
        create schema quarantine;
        create table quarantine.rejected_rows as
        select 'erp' as system, 'lines' as table_name, 'QuotaDate ''40694'' is not a date' as reason
        from range(3)""")
    tested = suite("marts.nothing", critical(has_rows(1), why="."), owner="x", needs="erp.lines")
    (check,) = checks_of(con, context, tested)
    assert check.message == (
        "evaluated no rows, though there is an extract; "
        "3 rows are in quarantine, such as erp.lines: QuotaDate '40694' is not a date"
    )


def test_an_empty_table_may_be_allowed(con, context):
    tested = suite("marts.nothing", critical(unique("line_id"), why="."), owner="x", may_be_empty=True)
    (check,) = checks_of(con, context, tested)
    assert (check.verdict, check.message) == ("skipped", "skipped: the table is empty, as it may be")


def test_without_an_extract_a_table_is_skipped_and_never_passed(con, context):
    tested = suite(
        "marts.leads", critical(unique("lead_id"), has_rows(), why="."), owner="x", needs="crm.lead"
    )
    checks = checks_of(con, context, tested)
    assert {(check.verdict, check.message) for check in checks} == {
        ("skipped", "skipped: no extract of crm.lead")
    }


def test_a_reference_to_a_table_without_an_extract_is_skipped(con, context):
    lines = suite(
        "marts.lines",
        critical(refers_to("product_id", "marts.products.product_id"), why="."),
        critical(unique("line_id"), why=".", needs=("oa.step",)),
        owner="x",
    )
    products = suite("marts.products", critical(has_rows(), why="."), owner="x", needs="erp.product")
    checks = checks_of(con, context, lines, products)
    assert [check.message for check in checks] == [
        "skipped: no extract of erp.product",
        "skipped: no extract of oa.step",
        "skipped: no extract of erp.product",
    ]


def test_a_column_without_values_is_skipped_and_never_passed(con, context):
    (check,) = checks_of(con, context, suite("marts.lines", critical(unique("note"), why="."), owner="x"))
    assert (check.verdict, check.message) == ("skipped", "skipped: every value is empty")


def test_a_missing_table_and_a_missing_column_are_errors_that_block(con, context):
    tested = (
        suite("marts.absent", critical(has_rows(), unique("x"), why="."), owner="x"),
        suite("marts.lines", critical(between("cost", 0), unique("line_id"), why="."), owner="x"),
        suite("marts.lines", critical(holds("cost > 0"), holds("price > 0"), why="."), owner="x"),
        suite("marts.lines", critical(refers_to("cost", "marts.products.product_id"), why="."), owner="x"),
    )
    absent, also_absent, cost, line_id, condition, sound, reference = checks_of(con, context, *tested)
    assert [check.verdict for check in (absent, also_absent, cost, condition, reference)] == ["error"] * 5
    assert [check.verdict for check in (line_id, sound)] == ["passed"] * 2
    assert absent.blocks
    assert "does not exist" in absent.message
    assert '"cost"' in cost.message
    assert "sqlalche.me" not in condition.message


def test_an_exception_inside_great_expectations_counts_as_failed_with_its_text(con, context):
    class Bursting(Rule):
        def words(self, context):
            return "bursts"

        def call(self, relation, context):
            return Call("ExpectColumnValuesToMatchRegex", {"column": "channel", "regex": "("})

    tested = suite("marts.lines", critical(Bursting(), unique("line_id"), why="."), owner="x")
    bursting, sound = checks_of(con, context, tested)
    assert (bursting.verdict, bursting.blocks, sound.verdict) == ("error", True, "passed")
    assert "missing )" in bursting.message


def test_a_rule_that_cannot_be_asked_is_an_error_and_spoils_no_other(con, context):
    class Impossible(Rule):
        def words(self, context):
            return "is impossible"

        def call(self, relation, context):
            raise ZeroDivisionError("division by zero")

    class Misspelt(Rule):
        def words(self, context):
            return "is misspelt"

        def call(self, relation, context):
            return Call("ExpectColumnValuesToBeBetween", {"column": "price", "minimum": 1})

    tested = suite("marts.lines", critical(Impossible(), Misspelt(), unique("line_id"), why="."), owner="x")
    impossible, misspelt, sound = checks_of(con, context, tested)
    assert [check.verdict for check in (impossible, misspelt, sound)] == ["error", "error", "passed"]
    assert impossible.message == "could not be judged: ZeroDivisionError: division by zero"
    assert "minimum" in misspelt.message


def test_a_warning_that_fails_does_not_stop_publication(con, context):
    result = run_stage(
        con,
        "marts",
        [suite("marts.lines", warning(between("price", 1), why="."), owner="x")],
        context=context,
    )
    assert result.passed
    assert len(result.warnings) == 1
    assert result.counts == {"failed": 1}


def test_severity_owner_dimension_and_what_is_protected_are_told(con, context):
    tested = suite(
        "marts.lines",
        critical(
            unique("line_id"), why="Twice counts twice.", todo="Look.", owner="Ann", dimension="accuracy"
        ),
        warning(has_rows(), holds("price > 0"), why=".", protects=("marts.lines.amount",)),
        owner="Ben",
    )
    first, second, third = checks_of(con, context, tested)
    assert (first.severity, first.owner, first.quality_dimension) == ("critical", "Ann", "accuracy")
    assert (first.protects, first.why, first.todo) == (
        ("marts.lines.line_id",),
        "Twice counts twice.",
        "Look.",
    )
    assert (second.severity, second.owner, second.quality_dimension) == ("warning", "Ben", "completeness")
    assert third.protects == ("marts.lines.amount",)


def test_an_unknown_dimension_of_quality_is_refused():
    with pytest.raises(ValueError, match="no dimension of quality"):
        critical(has_rows(), why=".", dimension="beauty")


def test_results_are_kept_once_for_a_run_and_a_stage(con, context):
    tested = suite(
        "marts.lines", critical(between("quantity", 2), has_rows(), why="中文"), owner="x", key="line_id"
    )
    for _ in range(2):
        checks_of(con, context, tested)
    rows = con.execute(
        "select run_id, stage, position, table_name, verdict, evaluated, unexpected, why, examples"
        " from quality.result order by position"
    ).fetchall()
    assert [row[:8] for row in rows] == [
        ("run-1", "marts", 1, "marts.lines", "failed", 3, 1, "中文"),
        ("run-1", "marts", 2, "marts.lines", "passed", 3, None, "中文"),
    ]
    assert json.loads(rows[0][8])[0]["line_id"] == 2


def test_suites_may_depend_on_the_tables_that_there_are(con, context):
    def found(connection):
        names = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts'"
        ).fetchall()
        return tuple(
            suite(f"marts.{name}", critical(has_rows(), why="."), owner="x") for (name,) in sorted(names)
        )

    suites = StageSuites(
        "marts", (suite("marts.lines", critical(unique("line_id"), why="."), owner="x"),), found
    )
    checks = run_stage(con, "marts", suites, context=context).checks
    assert [check.table for check in checks] == [
        "marts.lines",
        "marts.lines",
        "marts.nothing",
        "marts.products",
    ]
    assert suites.tables == ("marts.lines",)


def test_at_most_five_examples_are_read(con, context):
    con.execute("insert into marts.lines (line_id, quantity) select 100 + i, -1 from range(20) as made (i)")
    tested = suite("marts.lines", critical(between("quantity", 0), why="."), owner="x", key="line_id")
    (check,) = checks_of(con, context, tested)
    assert check.unexpected == 20
    assert [example["line_id"] for example in check.examples] == [100, 101, 102, 103, 104]


def test_a_file_that_is_open_for_writing_is_judged_in_place(tmp_path, monkeypatch, context, capfd):
    monkeypatch.chdir(tmp_path)
    state = tmp_path / "state"
    state.mkdir()
    connection = duckdb.connect(str(state / "warehouse.duckdb"))
    connection.execute("create schema marts")
    connection.execute("create table marts.lines as select 1 as line_id")
    tested = suite("marts.lines", critical(unique("line_id"), why="."), owner="x")
    result = run_stage(connection, "marts", [tested], context=context)
    connection.close()
    assert result.passed
    assert {path.name for path in tmp_path.iterdir()} == {"state"}
    assert capfd.readouterr() == ("", "")


def test_tables_of_the_database_in_use_are_judged(con, context):
    con.execute("attach ':memory:' as other")
    con.execute("create schema other.marts")
    con.execute("create table other.marts.lines as select null as line_id")
    con.execute("use other")
    (check,) = checks_of(
        con, context, suite("marts.lines", critical(never_empty("line_id"), why="."), owner="x")
    )
    assert (check.evaluated, check.unexpected) == (1, 1)


def test_all_columns_of_a_table_are_read_in_one_scan(con, context, monkeypatch):
    from plumbline.quality.dialect import FetchedCursor

    ran = []
    execute = FetchedCursor.execute
    monkeypatch.setattr(
        FetchedCursor, "execute", lambda self, sql, given=(): ran.append(sql) or execute(self, sql, given)
    )
    rules = (
        never_empty("line_id", "order_id"),
        between("quantity", 1, 9),
        holds("amount = price * quantity"),
        has_rows(),
    )
    checks_of(con, context, suite("marts.lines", critical(*rules, why="."), owner="x"))
    counting, scan = [sql for sql in ran if "FROM marts.lines" in sql]
    assert not any(name in counting for name in ("line_id", "order_id", "quantity", "amount"))
    assert all(name in scan for name in ("line_id", "order_id", "quantity", "amount"))


def test_the_context_is_read_from_what_landed(con):
    con.execute("create schema landing_run")
    con.execute(
        "create table landing_run.context as"
        " select 'shop' as company, date '2026-03-31' as as_of, 'r' as run_id"
    )
    con.execute(
        "create table landing_run.loads as"
        " from (values ('erp', 'lines', true), ('crm', 'lead', false))"
        " as made (system, table_name, is_current)"
    )
    con.execute(
        "create table landing_run.control_totals as select 'erp' as system, 'lines' as table_name,"
        " 'Amount' as column_name, 2 as unparsed"
    )
    context = StageContext.of(con)
    assert (context.run_id, context.company, str(context.as_of)) == ("r", "shop", "2026-03-31")
    assert context.connected == {"erp.lines"}
    assert context.unread == {("erp.lines", "Amount")}
