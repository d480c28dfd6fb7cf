"""What a value should be, how far it got, and its light; against SQL written by hand."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from plumbline.indicators.targets import attainment_sql, likely_questions, write_targets
from tests.unit.indicators.conftest import AS_OF, LANDED, Builder

TARGETS = """
CREATE TABLE IF NOT EXISTS marts.period_targets (
    period_target_id VARCHAR, metric VARCHAR, grain VARCHAR, period_start DATE, period_end DATE,
    dimension VARCHAR, member VARCHAR, rule VARCHAR, figure DECIMAL(38, 12), measured_from DATE,
    measured_to DATE, deadline DATE, source VARCHAR, owner VARCHAR, note VARCHAR);
CREATE TABLE IF NOT EXISTS marts.light_thresholds (
    metric VARCHAR, measured_by VARCHAR, amber DECIMAL(38, 12), red DECIMAL(38, 12), note VARCHAR)"""
SALES = "SELECT sum(amount) FROM marts.orders WHERE date_trunc('month', order_date) = '{}'"


class Targets:
    """A shop with targets; periods are months unless told otherwise."""

    def __init__(self, build: Builder) -> None:
        self.build = build
        build.con.execute(TARGETS)

    def set(self, metric: str, start: str, figure: object, **told: Any) -> None:
        first = date.fromisoformat(start)
        grain = told.get("grain", "month")
        months = {"month": 1, "quarter": 3, "year": 12}[grain]
        index = first.year * 12 + first.month - 1 + months
        last = date(index // 12, index % 12 + 1, 1) - timedelta(days=1)
        row = {
            "period_target_id": f"{metric}{start}{told.get('member')}",
            "metric": metric,
            "grain": grain,
            "period_start": first,
            "period_end": last,
            "dimension": "",
            "member": "",
            "rule": "is",
            "figure": figure,
            "measured_from": first,
            "measured_to": last,
            "deadline": last,
            "source": "maintained",
            **told,
        }
        marks = ", ".join("?" for _ in row)
        columns = ", ".join(row)
        values = list(row.values())
        self.build.con.execute(f"INSERT INTO marts.period_targets ({columns}) VALUES ({marks})", values)

    def threshold(self, metric: str, by: str, amber: float, red: float) -> None:
        values = [metric, by, amber, red]
        self.build.con.execute("INSERT INTO marts.light_thresholds VALUES (?, ?, ?, ?, NULL)", values)

    def one(self, columns: str, where: str = "true") -> tuple[Any, ...]:
        (row,) = self.build.rows(f"SELECT {columns} FROM candidates.target WHERE {where}")
        return row


@pytest.fixture
def targets(build: Builder) -> Targets:
    return Targets(build)


@pytest.mark.parametrize(
    ("actual", "target", "sign", "expected"),
    [
        (90, 100, 1, "0.9"),
        (110, 100, 1, "1.1"),
        (90, 100, -1, "1.1"),
        (150, 100, -1, "0.5"),
        (250, 100, -1, "-0.5"),
        (0, 100, -1, "2"),
        (-2, -5, 1, "1.6"),
        (-8, -5, 1, "0.4"),
        (-8, -5, -1, "1.6"),
        (1, 3, 1, "0.333333"),
        (5, 0, 1, None),
        (5, 100, 0, None),
    ],
)
def test_the_attainment_of_a_target(actual: int, target: int, sign: int, expected: str | None) -> None:
    sql = f"SELECT {attainment_sql('target')} FROM (SELECT ? AS actual, ? AS target, ? AS sign)"
    (found,) = duckdb.execute(sql, [Decimal(actual), Decimal(target), sign]).fetchone() or ()
    assert found == (None if expected is None else Decimal(expected))


def test_a_value_has_its_target_its_attainment_and_its_light(targets: Targets) -> None:
    targets.set("sales", "2024-02-01", 1000)
    targets.build()
    (sales,) = targets.build.rows(SALES.format("2024-02-01"))[0]
    found = targets.build.rows("""
        SELECT value, target, attainment, light FROM candidates.indicator_value
        WHERE metric = 'sales' AND grain = 'month' AND dimensions = '' AND period_start = '2024-02-01'""")
    assert found == [(sales, 1000, round(sales / 1000, 6), "red")]
    assert targets.one("actual, value, attainment, light") == (sales, 1000, round(sales / 1000, 6), "red")


def test_values_without_a_target_have_no_light(targets: Targets) -> None:
    targets.set("sales", "2024-02-01", 1000)
    targets.build()
    assert targets.build.rows("""
        SELECT count(*) FROM candidates.indicator_value
        WHERE light IS NOT NULL OR attainment IS NOT NULL OR target IS NOT NULL""") == [(1,)]


@pytest.mark.parametrize(
    ("share", "light"), [("1.0", "green"), ("1.001", "amber"), ("1.11", "amber"), ("1.12", "red")]
)
def test_lights_change_at_a_hundred_and_ninety_percent(targets: Targets, share: str, light: str) -> None:
    (sales,) = targets.build.rows(SALES.format("2024-02-01"))[0]
    targets.set("sales", "2024-02-01", sales * Decimal(share))
    targets.build()
    assert targets.one("light") == (light,)


def test_last_year_is_what_growth_is_asked_of(targets: Targets) -> None:
    targets.set("sales", "2025-01-01", "1.05", rule="last_year_times")
    targets.set("margin", "2025-01-01", "0.02", rule="last_year_plus")
    targets.build()
    (sales,) = targets.build.rows(SALES.format("2024-01-01"))[0]
    assert targets.one("value", "metric = 'sales'") == (sales * Decimal("1.05"),)
    before = "metric = 'margin' AND period_start = '2024-01-01' AND grain = 'month' AND dimensions = ''"
    ((margin,),) = targets.build.rows(f"SELECT value FROM candidates.indicator_value WHERE {before}")
    assert targets.one("value", "metric = 'margin'") == (margin + Decimal("0.02"),)


def test_without_a_value_last_year_there_is_no_target(targets: Targets) -> None:
    targets.set("sales", "2024-01-01", "1.05", rule="last_year_times")
    assert targets.build().rows["target"] == 0


def test_a_running_period_is_measured_by_the_days_that_are_over(targets: Targets) -> None:
    (sales,) = targets.build.rows(SALES.format("2025-03-01"))[0]
    target = sales * 31 / 10
    targets.set("sales", "2025-03-01", target)
    targets.build()
    to_date, attainment, light = targets.one("target_to_date, attainment, light")
    assert to_date == round(target * 10 / 31, 6)
    assert attainment == round(sales / target, 6)
    assert light == "green"


def test_a_rate_is_asked_in_full_while_the_period_runs(targets: Targets) -> None:
    targets.set("margin", "2025-03-01", "0.9")
    targets.build()
    assert targets.one("target_to_date, light") == (Decimal("0.9"), "red")


def test_what_only_the_end_tells_has_no_light_before(targets: Targets) -> None:
    targets.set("customers", "2025-03-01", 10)
    targets.set("customers", "2025-02-01", 1)
    targets.build()
    assert targets.one("light, target_to_date", "period_start = '2025-03-01'") == (None, None)
    assert targets.one("attainment > 0", "period_start = '2025-03-01'") == (True,)
    assert targets.one("light", "period_start = '2025-02-01'") == ("green",)


def test_the_days_that_count_may_be_other_than_those_of_the_period(targets: Targets) -> None:
    days = {"measured_from": date(2025, 2, 1), "measured_to": date(2025, 4, 11)}
    targets.set("sales", "2025-02-01", 700, **days)
    targets.build()
    assert date(2025, 3, 10) == AS_OF
    assert targets.one("target_to_date") == (700 * Decimal(38) / 70,)


def test_a_period_that_has_not_begun_has_a_target_and_no_light(targets: Targets) -> None:
    targets.set("sales", "2025-12-01", 5)
    targets.build()
    assert targets.one("value, actual, target_to_date, light") == (5, None, None, None)


def test_a_target_of_zero_is_met_or_missed(targets: Targets) -> None:
    targets.set("sales", "2024-02-01", 0)
    targets.build()
    assert targets.one("attainment, light") == (None, "green")


def test_thresholds_of_a_metric_stand_before_those_of_all(targets: Targets) -> None:
    (sales,) = targets.build.rows(SALES.format("2024-02-01"))[0]
    targets.threshold("*", "attainment", 0.5, 0.4)
    targets.threshold("margin", "value", 0.99, 0.98)
    targets.set("sales", "2024-02-01", sales * 2)
    targets.set("margin", "2024-02-01", "0.001")
    targets.build()
    assert targets.one("light", "metric = 'sales'") == ("green",)
    assert targets.one("light", "metric = 'margin'") == ("red",)


def test_a_target_for_each_member_gives_way_to_that_of_one(targets: Targets) -> None:
    by_category = {"dimension": "product__category"}
    targets.set("sales", "2024-01-01", 50, member="*", **by_category)
    members = targets.build.rows("""
        SELECT DISTINCT category FROM marts.orders INNER JOIN marts.products USING (product_id)
        WHERE date_trunc('month', order_date) = '2024-01-01' AND category IS NOT NULL ORDER BY 1""")
    ((first,), *others) = members
    targets.set("sales", "2024-01-01", 70, member=first, **by_category)
    targets.build()
    found = targets.build.rows("SELECT member, value FROM candidates.target ORDER BY member")
    assert found == [(first, 70), *((member, 50) for (member,) in others)]


def test_members_that_no_saved_query_gives_have_a_value_all_the_same(targets: Targets) -> None:
    told = {"grain": "quarter", "dimension": "product__category", "member": "Bikes"}
    targets.set("orders", "2024-01-01", 3, **told)
    targets.build()
    counted = targets.build.rows("""
        SELECT count(*) FROM marts.orders INNER JOIN marts.products USING (product_id)
        WHERE category = 'Bikes' AND date_trunc('quarter', order_date) = '2024-01-01'""")
    assert [targets.one("actual")] == counted
    assert targets.build.rows("""
        SELECT light IS NOT NULL FROM candidates.indicator_value
        WHERE metric = 'orders' AND grain = 'quarter' AND members = '{"product__category":"Bikes"}'
            AND period_start = '2024-01-01'""") == [(True,)]


def test_what_a_seed_will_ask_is_known_before_the_models_are_built(build: Builder, tmp_path: Path) -> None:
    from plumbline.definitions import load

    definitions = load(build.home.semantic_manifest)
    (tmp_path / "seeds").mkdir()
    rows = ["sales,month,,", "sales,month,product__category,*", "orders,quarter,product__category,Bikes"]
    lines = ["company,metric,grain,dimension,member,period_start,period_end,rule,value,deadline,owner,note"]
    lines += [f"shop,{row},,,,,,," for row in rows]
    (tmp_path / "seeds" / "targets.csv").write_text("\n".join(lines), encoding="utf-8")
    (asked,) = likely_questions(definitions, tmp_path)
    assert asked.query["metrics"] == ["orders"]
    assert asked.query["group_by"] == ["metric_time__quarter", "product__category"]


def test_a_target_names_its_owner_or_that_of_the_metric(targets: Targets) -> None:
    targets.set("sales", "2024-01-01", 1)
    targets.set("sales", "2024-02-01", 1, owner="Tailspin Toys")
    targets.build()
    owners = [
        row[0] for row in targets.build.rows("SELECT owner FROM candidates.target ORDER BY period_start")
    ]
    assert owners[0] != owners[1] == "Tailspin Toys"
    assert " · " in owners[0]


def test_the_target_of_a_metric_that_is_not_available_waits(targets: Targets) -> None:
    targets.set("stock", "2024-01-01", 1)
    targets.set("stock", "2024-01-01", 1, dimension="product__category", member="Bikes")
    targets.build(landed=LANDED - {"erp.stock"})
    assert targets.build.rows("SELECT actual, light FROM candidates.target") == [(None, None)] * 2


def test_writing_targets_again_gives_the_same(targets: Targets) -> None:
    from plumbline.definitions import load

    targets.set("sales", "2024-02-01", 1000)
    targets.build()
    before = targets.build.rows("SELECT * FROM candidates.indicator_value ORDER BY ALL")
    definitions = load(targets.build.home.semantic_manifest)
    write_targets(targets.build.con, definitions, AS_OF)
    assert targets.build.rows("SELECT * FROM candidates.indicator_value ORDER BY ALL") == before
    targets.build.con.execute("DELETE FROM marts.period_targets")
    assert write_targets(targets.build.con, definitions, AS_OF) == 0
    assert targets.build.rows("SELECT count(light) FROM candidates.indicator_value") == [(0,)]


def test_a_project_without_targets_has_an_empty_table_of_the_same_columns(build: Builder) -> None:
    assert build().rows["target"] == 0
    described = build.rows("DESCRIBE candidates.target")
    Targets(build)
    build()
    assert build.rows("DESCRIBE candidates.target") == described
