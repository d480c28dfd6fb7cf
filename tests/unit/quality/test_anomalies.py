"""Figures that are unlike those before them, and formulas over the figures that are published."""

from dataclasses import replace
from datetime import date

import pytest

from plumbline.quality import Formula, formulas_hold, usual_values

TABLE = "candidates.indicator_value"


@pytest.fixture
def figures(con):
    """Three years of months and 26 weeks of days, up to 31 March 2026: season, growth and some noise.

    Sales grow, and double each December; the share neither grows nor has a season; the total to date and the
    growth against a year before are not judged.
    """
    con.execute("create schema candidates")
    con.execute(
        "create table candidates.indicator as from (values ('sales', 'period'), ('share', 'period'),"
        " ('stock', 'end of period'), ('sales_ytd', 'year to date'), ('sales_yoy', 'period'))"
        " as metrics (name, counted_over)"
    )
    con.execute(
        "create table candidates.indicator_edge as select 'sales_yoy' as parent, 'sales' as child,"
        " 'earlier input' as role"
    )
    con.execute(
        "create table candidates.indicator_value as"
        " select metric, 'month' as grain, month::date as period_start, last_day(month) as period_end,"
        " '' as dimensions, '' as members, false as is_partial,"
        " (case metric when 'share' then 0.4 else 1000 * pow(1.01, number)"
        "      * case when month(month) = 12 then 2 else 1 end end"
        "  * (1 + 0.04 * (hash(metric || number) % 100 / 100.0 - 0.5)))::decimal(38, 12) as value"
        " from (select unnest(range(36)) as number) as numbers,"
        " lateral (select date '2023-04-01' + to_months(number::integer) as month) as months,"
        " (values ('sales'), ('share'), ('stock'), ('sales_ytd'), ('sales_yoy')) as metrics (metric)"
    )
    con.execute(
        "insert into candidates.indicator_value"
        " select metric, 'day', day, day, '', '', false,"
        " 100 * (1 + dayofweek(day)) * (1 + 0.04 * (hash(metric || number) % 100 / 100.0 - 0.5))"
        " from (select unnest(range(182)) as number) as numbers,"
        " lateral (select date '2025-10-01' + number::integer as day) as days,"
        " (values ('sales'), ('share')) as metrics (metric)"
    )
    return con


def change(con, metric, grain, factor, day):
    con.execute(
        "update candidates.indicator_value set value = value * ?"
        " where metric = ? and grain = ? and period_start = ?",
        [factor, metric, grain, day],
    )


@pytest.mark.parametrize(("grain", "judged"), [("month", 3), ("day", 2)])
def test_season_growth_and_noise_are_usual(judge, figures, grain, judged):
    result = judge(usual_values(grain=grain), table=TABLE)
    assert (result.verdict, result.evaluated) == ("passed", judged)


@pytest.mark.parametrize("factor", [0.5, 2, 0])
@pytest.mark.parametrize(("grain", "day"), [("month", "2026-02-01"), ("day", "2026-03-31")])
@pytest.mark.parametrize("metric", ["sales", "share"])
def test_a_halving_a_doubling_and_nothing_at_all_are_told_with_the_metric(
    judge, figures, metric, grain, day, factor
):
    change(figures, metric, grain, factor, day)
    result = judge(usual_values(grain=grain), table=TABLE)
    assert (result.verdict, result.unexpected, result.metrics) == ("failed", 1, (metric,))
    assert f"{metric} is " in result.message
    first = date.fromisoformat(day)
    assert result.spans == {metric: ((first, date(2026, 2, 28) if grain == "month" else first),)}
    [example] = result.examples
    assert float(example["usual_from"]) < float(example["usual_to"])
    assert not float(example["usual_from"]) <= float(example["value"]) <= float(example["usual_to"])


def test_the_busy_month_of_each_year_is_usual(judge, figures, context):
    january = replace(context, as_of=context.as_of.replace(month=1, day=10))
    result = judge(usual_values(grain="month"), table=TABLE, context=january)
    assert result.verdict == "passed"
    assert "(of" not in result.message


def test_a_month_is_left_alone_until_what_comes_late_has_come(judge, figures):
    change(figures, "sales", "month", 0.5, "2026-03-01")
    assert judge(usual_values(grain="month"), table=TABLE).verdict == "passed"


def test_what_is_partial_or_broken_down_is_not_judged(judge, figures):
    change(figures, "sales", "month", 0.5, "2026-02-01")
    figures.execute(
        "update candidates.indicator_value set is_partial = true where period_start = '2026-02-01'"
    )
    assert judge(usual_values(grain="month"), table=TABLE).verdict == "passed"


def test_only_the_metrics_that_are_named_are_judged(judge, figures):
    change(figures, "sales", "month", 0.5, "2026-02-01")
    result = judge(usual_values("share", "stock", grain="month"), table=TABLE)
    assert (result.verdict, result.evaluated) == ("passed", 2)


def test_a_figure_that_is_too_young_is_skipped(judge, figures):
    figures.execute("delete from candidates.indicator_value where period_start < '2024-12-01'")
    result = judge(usual_values(grain="month"), table=TABLE)
    assert (result.verdict, result.evaluated) == ("skipped", 0)


def test_there_is_no_season_of_weeks():
    with pytest.raises(ValueError, match="'week' has no season"):
        usual_values(grain="week")


FORMULAS = {
    "profit": Formula("earned - spent", (("earned", "sales"), ("spent", "costs"))),
    "rest": Formula("sales - coalesce(costs, 0)", (("sales", "sales"), ("costs", "costs"))),
}


@pytest.fixture
def computed(con):
    con.execute("create schema candidates")
    con.execute(
        "create table candidates.indicator_value (metric text, grain text, period_start date,"
        " dimensions text, members text, value decimal(38, 12),"
        " period_end date generated always as (last_day(period_start)) virtual)"
    )
    con.executemany(
        "insert into candidates.indicator_value values (?, ?, ?, ?, ?, ?)",
        [
            ("sales", "month", "2026-01-01", "", "", 10.5),
            ("costs", "month", "2026-01-01", "", "", 4),
            ("profit", "month", "2026-01-01", "", "", 6.5),
            ("sales", "all", None, "", "", 9),
            ("costs", "all", None, "", "", 4),
            ("profit", "all", None, "", "", 5),
            # Shop a has no costs, which the formula of what rests allows for.
            ("sales", "month", "2026-01-01", "shop", "a", 7),
            ("costs", "month", "2026-01-01", "shop", "b", 1),
            ("rest", "month", "2026-01-01", "shop", "a", 7),
            # Costs are not published by clerk: nothing to compute from.
            ("sales", "month", "2026-01-01", "clerk", "x", 1),
            ("profit", "month", "2026-01-01", "clerk", "x", 3),
        ],
    )
    return con


@pytest.fixture
def with_formulas(context):
    return replace(context, formulas=FORMULAS)


def test_a_figure_equals_its_formula_over_those_published_beside_it(judge, computed, with_formulas):
    result = judge(formulas_hold(), table=TABLE, context=with_formulas)
    assert (result.verdict, result.evaluated, result.message) == ("passed", 3, "0 of 3 rows break it")


@pytest.mark.parametrize(
    ("broken", "metric"),
    [("metric = 'profit' and grain = 'all'", "profit"), ("metric = 'sales' and members = 'a'", "rest")],
)
def test_a_figure_that_is_not_its_formula_is_told_with_the_metric_and_its_period(
    judge, computed, with_formulas, broken, metric
):
    computed.execute(f"update candidates.indicator_value set value = value + 0.01 where {broken}")
    result = judge(formulas_hold(), table=TABLE, context=with_formulas)
    assert (result.verdict, result.unexpected, result.metrics) == ("failed", 1, (metric,))
    # What is of all periods is of none.
    january = ((date(2026, 1, 1), date(2026, 1, 31)),)
    assert result.spans == ({} if "'all'" in broken else {metric: january})


def test_a_figure_of_which_an_input_is_missing_breaks_it_unless_the_formula_allows_for_that(
    judge, computed, with_formulas
):
    computed.execute("delete from candidates.indicator_value where metric = 'sales' and grain = 'month'")
    computed.execute(
        "insert into candidates.indicator_value values ('sales', 'month', '2026-02-01', '', '', 1)"
    )
    result = judge(formulas_hold(), table=TABLE, context=with_formulas)
    assert (result.verdict, result.metrics) == ("failed", ("profit",))


def test_without_formulas_there_is_nothing_to_compute(judge, computed):
    assert judge(formulas_hold(), table=TABLE).verdict == "skipped"
