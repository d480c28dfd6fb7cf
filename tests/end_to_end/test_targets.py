"""Published targets and lights of the built-in company, against SQL over the published marts."""

import shutil
from pathlib import Path

import duckdb
import pytest

from tests.end_to_end.conftest import plumb

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def published(demo_home):
    con = duckdb.connect(str(demo_home.current.resolve()), read_only=True)
    yield lambda sql: con.execute(sql).fetchall()
    con.close()


def test_the_quota_of_each_person_is_a_target_with_its_attainment(published):
    by_hand = published("""
        select date_trunc('quarter', quota_date)::date, sales_person_id::varchar, sum(quota_amount),
            sum(attained_amount), round(sum(attained_amount) / sum(quota_amount), 6)::decimal(38, 6)
        from marts.sales_quotas group by 1, 2 order by 1, 2""")
    found = published("""
        select period_start, member, value, actual, attainment from published.target
        where metric = 'quota_attained_sales' and dimension = 'sales_person__sales_person_id'
        order by 1, 2""")
    assert found == by_hand != []


def test_growth_is_asked_of_what_was_sold_a_year_earlier(published):
    by_hand = published("""
        with sold as (
            select date_trunc('month', order_date)::date as month, sum(net_amount) as net_sales
            from marts.order_lines group by 1
        )
        select now_.month, now_.net_sales, before_.net_sales * 1.12,
            round(now_.net_sales / (before_.net_sales * 1.12), 6)::decimal(38, 6)
        from sold as now_
        inner join sold as before_ on before_.month = now_.month - interval 1 year
        where now_.month >= '2024-01-01'
        order by 1""")
    found = published("""
        select period_start, value, target, attainment from published.indicator_value
        where metric = 'net_sales' and grain = 'month' and dimensions = '' and target is not null
        order by 1""")
    assert found == by_hand != []


def test_lights_of_whole_periods_follow_from_the_attainment(published):
    lights = published("""
        select distinct
            case when attainment < 0.9 then 'red' when attainment < 1 then 'amber' else 'green' end, light
        from published.indicator_value
        where light is not null and not is_partial and metric in ('net_sales', 'gross_profit', 'win_rate')
        order by 1""")
    assert lights == [(light, light) for light in ("amber", "green", "red")]


def test_every_light_has_a_target_and_only_what_has_a_target_has_a_light(published):
    assert published("""
        select count(*) from published.indicator_value
        where (light is not null or attainment is not null) and target is null""") == [(0,)]
    (lights,) = zip(*published("select distinct light from published.indicator_value"), strict=True)
    assert set(lights) == {"green", "amber", "red", None}


def test_a_row_that_means_nothing_stops_the_run_before_it_touches_anything(company, tmp_path, monkeypatch):
    project = tmp_path / "project"
    ignored = shutil.ignore_patterns(".git", ".venv", ".plumbline", "*_cache", "tests")
    shutil.copytree(ROOT, project, ignore=ignored)
    with open(project / "seeds" / "targets.csv", "a", encoding="utf-8") as file:
        file.write("demo,net_sale,month,2026-01-01,,,,is,1,2026-01-31,,\n")
    before = (company / "demo" / "published" / "current.duckdb").resolve()
    line = len((project / "seeds" / "targets.csv").read_text(encoding="utf-8").splitlines())
    monkeypatch.chdir(project)
    for command in (["run"], ["lint"]):
        done = plumb(*command, home=company, PLUMBLINE_PROJECT=str(project))
        assert done.returncode == 2, done.stdout + done.stderr
        assert f"seeds/targets.csv:{line}: unknown metric 'net_sale'" in done.stdout + done.stderr
    assert (company / "demo" / "published" / "current.duckdb").resolve() == before
