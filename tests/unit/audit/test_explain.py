"""One published figure, taken apart: everything that is said of it is so."""

import json
import subprocess
import sys
from datetime import date
from decimal import Decimal

import pytest

from plumbline.audit.explain_calculation import calculate
from plumbline.audit.explain_figure import Figure, Key, members_of
from plumbline.audit.explain_page import render_page
from plumbline.cli.explained import tell
from plumbline.definitions import load, parse_group_by
from plumbline.errors import DefinitionError, UsageError
from plumbline.serving.reader import open_generation
from tests.unit.audit.conftest import Audited
from tests.unit.gate.conftest import failed


def proven(explanation):
    return {each.what: each.holds for each in explanation.proven}


def test_the_value_with_numerator_and_denominator_is_that_of_the_rows(published: Audited) -> None:
    figure = published.explain("margin", "2025-02").figure
    ((sales, costs),) = published.sql(
        "SELECT sum(amount), sum(cost) FROM marts.orders WHERE order_date >= '2025-02-01'"
        " AND order_date < '2025-03-01'"
    )
    assert (figure.numerator, figure.denominator) == (sales - costs, sales)
    assert figure.value == pytest.approx((sales - costs) / sales)


def test_a_member_of_a_breakdown_is_explained(published: Audited) -> None:
    found = published.explain("sales", "2024-01", by={"product__category": "Bells"})
    assert found.figure.value == Decimal(10)
    assert "'Bells'" in found.calculation.sql
    assert found.calculation.agrees


def test_rows_without_a_member_are_a_member_too(published: Audited) -> None:
    ((expected,),) = published.sql(
        "SELECT sum(amount) FROM marts.orders LEFT JOIN marts.products USING (product_id)"
        " WHERE category IS NULL AND order_date BETWEEN '2024-02-01' AND '2024-02-29'"
    )
    found = published.explain("sales", "2024-02", by={"product__category": "(none)"})
    assert found.figure.value == expected
    assert found.calculation.agrees


def test_every_published_figure_comes_out_again_to_the_digit(published: Audited) -> None:
    with open_generation(published.home) as source:
        definitions = load(source.manifest)
        cursor = source.connection.execute("SELECT * FROM warehouse.published.indicator_value")
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        wrong = []
        for row in rows:
            members = tuple(
                (parse_group_by(name), value) for name, value in members_of(row["members"]).items()
            )
            key = Key(row["metric"], row["grain"], row["period_start"], row["period_end"], members)
            found = calculate(source, definitions, key, Figure.of(key, row), published.home.compiled)
            wrong += [] if found.agrees else [(key, found.differences, found.sql)]
    assert len(rows) > 100
    assert wrong == []


@pytest.mark.parametrize(
    ("period", "grain", "start"),
    [
        ("2025-02", "", date(2025, 2, 1)),
        ("2025-Q1", "", date(2025, 1, 1)),
        ("2024", "", date(2024, 1, 1)),
        ("2024-05-01", "month", date(2024, 5, 1)),
        ("2024-05", "year", date(2024, 1, 1)),
    ],
)
def test_periods_are_given_as_people_write_them(published: Audited, period, grain, start) -> None:
    assert published.explain("sales", period, grain=grain).figure.period_start == start


@pytest.mark.parametrize(
    ("grain", "start"), [("", date(2025, 2, 1)), ("year", date(2024, 1, 1)), ("quarter", date(2024, 4, 1))]
)
def test_without_a_period_it_is_the_newest_whole_one(published: Audited, grain, start) -> None:
    assert published.explain("sales", "", grain=grain).figure.period_start == start


def test_a_metric_is_found_by_its_chinese_name(published: Audited) -> None:
    assert published.explain("销售额", "2025-02").figure.metric == "sales"


def test_a_figure_of_all_time_has_no_period(published: Audited) -> None:
    found = published.explain("orders_ever", "all")
    assert found.figure.value == Decimal(12)
    assert found.calculation.agrees


@pytest.mark.parametrize(
    ("asked", "what", "told"),
    [
        ({"metric": "salse"}, "unknown metric 'salse'", "Did you mean 'sales'?"),
        ({"period": "2019-01"}, "for 2019-01", "from 2024-01 to 2025-03"),
        ({"by": {"product__category": "Bike"}}, "has no member 'Bike'", "Did you mean 'Bikes'?"),
        (
            {"by": {"order__number_of_customer": "1"}},
            "is not published by month",
            "month by product__category",
        ),
        ({"period": "2025-02-03"}, "is not published by day", "quarter; year"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(published: Audited, asked, what, told) -> None:
    with pytest.raises(DefinitionError) as error:
        published.explain(**{"metric": "sales", "period": "2025-01"} | asked)
    assert what in str(error.value)
    assert told in str(error.value)


def test_a_period_longer_than_the_grain_is_refused(published: Audited) -> None:
    with pytest.raises(UsageError, match="'2024' is longer than a month"):
        published.explain("sales", "2024", grain="month")


def test_an_untouched_figure_is_proven(published: Audited) -> None:
    found = published.explain("margin", "2025-02")
    assert found.is_proven
    assert proven(found) == {
        "computed again": True,
        "file as recorded": True,
        "definition as recorded": True,
        "SQL as recorded": True,
        "extracts as recorded": True,
        "ledger": True,
        "witness elsewhere": True,
    }


def test_a_changed_value_does_not_come_out_again(changed: Audited) -> None:
    changed.tamper(
        "UPDATE published.indicator_value SET value = 9 WHERE metric = 'sales' AND grain = 'month'"
    )
    found = changed.explain("sales", "2025-02")
    assert found.calculation.differences == ("value is published as 9 and comes out as 70",)
    assert proven(found)["file as recorded"] is False
    assert not found.is_proven


def test_a_changed_row_of_a_mart_gives_another_value(changed: Audited) -> None:
    changed.tamper("UPDATE marts.orders SET amount = 71 WHERE order_id = 10")
    assert not changed.explain("sales", "2025-02").calculation.agrees


def test_a_rewritten_ledger_is_told(changed: Audited) -> None:
    file = changed.witnessing.ledger.file
    file.write_bytes(file.read_bytes().replace(b"Li Na", b"Wu Na"))
    assert proven(changed.explain("sales", "2025-02"))["ledger"] is False


def test_without_a_ledger_nothing_is_said_to_be_recorded(changed: Audited) -> None:
    changed.witnessing.ledger.file.unlink()
    found = changed.explain("sales", "2025-02")
    assert proven(found) == {
        "computed again": True,
        "publication recorded": None,
        "extracts as recorded": None,
    }


def test_a_held_figure_is_that_of_the_last_good_publication(poisoned: Audited) -> None:
    found = poisoned.explain("costs", "2024-01")
    assert (found.figure.value, found.figure.verdict) == (Decimal(64), "held")
    assert found.figure.reason.startswith("marts.orders: cost is never empty")
    assert (found.published.publication_id, found.published.made_in) == ("shop-000002", "shop-000001")
    assert found.calculation.agrees


def test_the_newer_value_of_a_held_figure_is_not_told(poisoned: Audited) -> None:
    text = json.dumps(poisoned.explain("costs", "2024-01").as_json())
    assert "1004" not in text


def test_a_hold_is_told_with_its_owner_and_what_to_do(poisoned: Audited) -> None:
    (told,) = poisoned.explain("costs", "2024-01").decisions
    assert (told.kind, told.by, told.at) == ("held", "Finance: controller", "2025-03-11 06:00")
    assert told.more["todo"] == "Have them entered."


def test_a_figure_that_was_never_good_has_no_calculation(company: Audited) -> None:
    company.day(failed(column="cost"))
    found = company.explain("costs", "2024-01")
    assert (found.figure.value, found.calculation) == (None, None)
    assert any("never been good" in note for note in found.notes)


def test_history_tells_each_publication(mended: Audited) -> None:
    past = [
        (each.publication_id, each.value, each.verdict) for each in mended.explain("costs", "2024-01").history
    ]
    assert past == [
        ("shop-000001", Decimal(64), "certified"),
        ("shop-000002", Decimal(64), "held"),
        ("shop-000003", Decimal(65), "certified"),
    ]


def test_history_says_which_generations_are_gone(mended: Audited) -> None:
    (mended.home.published / "gen-000001.duckdb").unlink()
    first = mended.explain("costs", "2024-01").history[0]
    assert (first.value, first.on_shelf, first.note) == (None, False, "its generation was removed")


def test_an_earlier_publication_is_explained_as_it_was(poisoned: Audited) -> None:
    found = poisoned.explain("costs", "2024-01", publication="shop-000001")
    assert (found.figure.verdict, found.figure.as_of) == ("certified", date(2025, 3, 1))
    assert any("as they are now" in note for note in found.notes)


def test_an_unknown_publication_is_refused(published: Audited) -> None:
    with pytest.raises(UsageError, match="there is no publication 'shop-000009'"):
        published.explain("costs", "2024-01", publication="shop-000009")


def test_lineage_names_the_columns_that_count_and_no_others(published: Audited) -> None:
    tables = {table.table: table.columns for table in published.explain("sales", "2025-02").origin.tables}
    assert tables == {
        "marts.orders": ("amount", "order_date"),
        "landing_erp.sales_order_header": ("Amount", "OrderDate"),
    }


def test_extracts_are_the_current_loads_behind_the_figure(published: Audited) -> None:
    (extract,) = published.explain("sales", "2025-02").origin.extracts
    assert (extract.load, extract.source, extract.sha256, extract.rows) == (2, "orders.csv", "a2", 13)
    assert extract.recorded == 1


def test_a_breakdown_rests_on_more_extracts(published: Audited) -> None:
    found = published.explain("sales", "2024-01", by={"product__category": "Bells"})
    assert [extract.table for extract in found.origin.extracts] == ["product", "sales_order_header"]
    assert proven(found)["extracts as recorded"] is None


def test_rows_set_aside_are_told_with_their_reasons(published: Audited) -> None:
    (table,) = published.explain("sales", "2025-02").origin.set_aside
    assert (table.landed, table.quarantined) == (13, 3)
    assert table.reasons == (("order_date … is not a date", 2), ("orphan: no customer 12", 1))


def test_without_lineage_the_sources_are_those_of_the_definition(changed: Audited) -> None:
    (changed.home.target / "relations.json").unlink()
    origin = changed.explain("sales", "2025-02").origin
    assert origin.sources == ("erp.sales_order_header",)
    assert origin.unknown.startswith("it is not known what figures rest on")


@pytest.mark.parametrize(
    ("check", "is_about"),
    [
        ({"column": "amount"}, True),
        ({"column": "cost"}, False),
        ({"column": ""}, True),
        ({"column": "order_id", "quality_dimension": "uniqueness"}, True),
        ({"table": "marts.stock", "column": "quantity"}, False),
        ({"table": "marts.stock", "column": "", "protects": ("marts.orders.amount",)}, True),
        ({"table": "candidates.indicator_value", "column": "value"}, True),
        ({"table": "candidates.sales_monthly", "column": "month"}, True),
        ({"table": "candidates.sales_by_category_monthly", "column": "month"}, False),
    ],
)
def test_only_checks_of_what_the_figure_rests_on_count(company: Audited, check, is_about) -> None:
    company.checked(failed(**{"verdict": "passed", "protects": ()} | check))
    company.day()
    assert len(company.explain("sales", "2025-02").origin.checks) == is_about


@pytest.mark.parametrize(
    ("check", "is_about"),
    [
        ({"examples": ({"metric": "costs"},), "unexpected": 1}, False),
        ({"examples": ({"metric": "sales"},), "unexpected": 1}, True),
        ({"examples": ({"metric": "costs"},), "unexpected": 2}, True),
        ({"examples": ({"order_id": 1},), "unexpected": 1}, True),
        ({"examples": (), "unexpected": None}, True),
    ],
)
def test_a_check_of_all_figures_that_others_broke_is_not_about_this_one(
    company: Audited, check, is_about
) -> None:
    failure = failed(table="candidates.indicator_value", column="value", severity="warning", **check)
    company.checked(failure)
    company.day(failed(column="amount", severity="warning"))
    found = company.explain("sales", "2025-02")
    assert found.figure.verdict == "certified_with_warnings"
    assert found.origin.counts["warned"] == is_about


def test_what_rests_on_a_figure_that_broke_a_check_is_told(company: Audited) -> None:
    examples = ({"metric": "costs"},)
    company.checked(
        failed(table="candidates.indicator_value", column="value", examples=examples, unexpected=1)
    )
    company.day(failed(column="cost"))
    assert company.explain("margin", "2025-02").origin.counts["failed"] == 1


def test_no_check_of_all_figures_is_told_to_have_failed_beside_a_certified_one(company: Audited) -> None:
    company.checked(failed(table="candidates.indicator_value", column="value", severity="warning"))
    company.day()
    found = company.explain("sales", "2025-02")
    assert found.figure.verdict == "certified"
    assert found.origin.checks == ()


def test_failed_checks_are_spelled_out(company: Audited) -> None:
    company.checked(failed(column="amount", severity="warning"), failed(column="amount", verdict="passed"))
    company.day()
    origin = company.explain("sales", "2025-02").origin
    assert origin.counts == {"passed": 1, "failed": 0, "warned": 1, "waived": 0, "skipped": 0}
    assert origin.counted == "1 passed, 0 failed, 1 warned, 0 skipped"
    assert origin.checks[0].examples == ({"order_id": 11},)


def test_a_failed_check_that_somebody_let_through_is_told_as_waived(company: Audited) -> None:
    company.checked(failed(column="cost"), failed(column="", table="marts.orders", expected="has rows"))
    company.day()
    company.tamper(WAIVED)
    found = company.explain("margin", "2025-02")
    waived, other = sorted(found.origin.checks, key=lambda check: not check.waived)
    assert waived.waived == "waived by Wang Fang until 2025-04-01 (W1): paper slips are in"
    assert other.waived == ""
    assert found.origin.counted == "0 passed, 1 failed, 0 warned, 1 waived, 0 skipped"
    told = "\n".join(tell(found, full=True))
    assert "waived by Wang Fang until 2025-04-01 (W1)" in " ".join(told.split())
    assert "Waiver" in (page := render_page(found))
    assert "waived by Wang Fang until 2025-04-01 (W1)" in page


def test_the_definition_is_that_of_the_publication(published: Audited) -> None:
    told = published.explain("margin", "2025-02").definition
    assert (told.label, told.version, told.owner) == ("Margin", "1.0", "Sales · Head of sales")
    assert told.formula == "Profit ÷ Sales"
    record = published.witnessing.ledger.newest("publication")
    assert told.sha256 == record.body["metrics"]["margin"]["definition_sha256"]


def test_records_of_the_ledger_are_named_with_their_hashes(published: Audited) -> None:
    lines = published.explain("margin", "2025-02").lines
    record = published.witnessing.ledger.newest("publication")
    assert [line.kind for line in lines] == ["definition", "publication"]
    assert (lines[-1].seq, lines[-1].hash) == (record.seq, record.hash)


WAIVED = """
CREATE TABLE published.waiver AS SELECT 'W1' AS waiver_id, 'valid' AS state, 'marts.orders' AS table_name,
    'cost is never empty' AS expectation, NULL::VARCHAR AS metric, 'costs, margin' AS metrics,
    'paper slips are in' AS reason, 'Wang Fang' AS waived_by,
    DATE '2025-04-01' AS valid_until, 'Li Na' AS author,
    TIMESTAMP '2025-03-11 08:00' AS waived_at, NULL::TIMESTAMP AS ended_at, NULL::VARCHAR AS ended_by
"""
RESTATED = """
CREATE TABLE published.restatement AS SELECT 'margin' AS metric, 'month' AS grain,
    DATE '2025-02-01' AS period_start, '' AS dimensions, '' AS members, 0.5 AS old_value, 0.4 AS new_value,
    'late rows' AS cause,
    'approved' AS state, 'an invoice came late' AS reason, 'run' AS restated_by, 'Wang Fang' AS approved_by,
    TIMESTAMP '2025-03-11 08:00' AS approved_at, TIMESTAMP '2025-03-11 09:00' AS restated_at,
    'shop-000001' AS publication_id
"""


def test_waivers_that_let_the_figure_through_are_told(changed: Audited) -> None:
    changed.tamper(WAIVED)
    (told,) = changed.explain("margin", "2025-02").decisions
    assert (told.kind, told.by) == ("waiver", "Wang Fang")
    assert told.what == "W1, valid, until 2025-04-01: paper slips are in"
    assert changed.explain("sales", "2025-02").decisions == ()


def test_a_restatement_that_waits_is_told_once(changed: Audited) -> None:
    reason = "restated from 0.5 to 0.4 (late rows): awaits approval by Li Na"
    changed.tamper(
        RESTATED.replace("'approved' AS", "'awaits approval' AS").replace("an invoice came late", reason)
    )
    (told,) = changed.explain("margin", "2025-02").decisions
    assert told.what == f"{reason}, in shop-000001"


def test_restatements_of_just_this_figure_are_told(changed: Audited) -> None:
    changed.tamper(RESTATED)
    found = changed.explain("margin", "2025-02")
    assert (found.decisions[0].kind, found.decisions[0].by) == ("restatement", "Wang Fang")
    assert found.history[0].note == "restated from 0.5 to 0.4 (approved)"
    assert changed.explain("margin", "2025-01").decisions == ()


def test_explaining_loads_neither_dbt_nor_dagster_nor_great_expectations() -> None:
    code = (
        "import sys, plumbline.audit.explain, plumbline.audit.explain_page, plumbline.audit.report,"
        " plumbline.audit.report_page, plumbline.cli.explained;"
        "print([name for name in ('dbt', 'dagster', 'great_expectations') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
