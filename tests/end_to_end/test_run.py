"""`plumb run` as its users see it: exit codes, words, and what is published."""

import json
import os
import shutil
import signal
import subprocess
import sys

import duckdb
import pytest

from tests.built_once import built_once
from tests.end_to_end.conftest import plumb

pytestmark = pytest.mark.apart


def published(home, company="demo"):
    """Every published value, with what it belongs to."""
    connection = duckdb.connect(
        str((home / company / "published" / "current.duckdb").resolve()), read_only=True
    )
    values = connection.execute(
        "select metric, grain, period_start, dimensions, members, value::varchar"
        " from published.indicator_value order by all"
    ).fetchall()
    connection.close()
    assert len(values) > 5_000
    return values


def generation(home, company="demo"):
    return os.readlink(home / company / "published" / "current.duckdb")


def test_the_first_run_publishes_and_says_what(demo_home):
    record = json.loads(next(demo_home.runs.glob("2*.json")).read_text(encoding="utf-8"))
    assert record["status"] == "published"
    totals = {
        name: sum(row[name] for row in record["reconciliation"])
        for name in record["reconciliation"][0]
        if name not in ("system", "table_name")
    }
    assert totals["landed"] == sum(totals[name] for name in totals if name != "landed") > 0


def test_a_second_run_without_new_data_does_no_work(company):
    before = generation(company)
    done = plumb("run", home=company)
    assert done.returncode == 0
    assert "Nothing new" in done.stdout
    assert generation(company) == before
    assert "models" not in done.stderr


def test_a_source_that_is_down_leaves_the_rest_running(company):
    before = published(company)
    (company / "demo" / "data" / "erp.sqlite").rename(company / "erp.sqlite")
    done = plumb("run", "--data", company / "demo" / "data", home=company)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "unavailable" in done.stdout
    assert "erp" in done.stdout
    assert published(company) == before


def test_a_wrong_date_is_told_in_one_line(company):
    done = plumb("run", "--as-of", "2026-02-30", home=company)
    assert done.returncode == 2
    assert "'2026-02-30' is no date" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_company_is_told_with_those_that_are_known(company):
    done = plumb("run", "--company", "adventurework", home=company)
    assert done.returncode == 2
    assert "Did you mean 'adventureworks'?" in done.stderr


def test_a_day_that_has_not_come_yet_is_refused_and_changes_nothing(company):
    before = (company / "demo" / "data" / "company.json").read_bytes()
    done = plumb("run", "--as-of", "2099-01-01", home=company)
    assert done.returncode == 2
    assert "2099-01-01 has not come yet" in done.stderr
    assert (company / "demo" / "data" / "company.json").read_bytes() == before


def test_a_company_whose_extracts_nobody_named_is_refused(company, tmp_path):
    done = plumb("run", "--company", "adventureworks", home=company)
    assert done.returncode == 2
    assert "needs --data DIR" in done.stderr
    done = plumb("run", "--company", "adventureworks", "--data", tmp_path, home=company)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "there is no extract" in done.stderr


def test_a_day_before_the_first_data_is_refused_before_anything_is_built(company):
    before, state = generation(company), company / "demo" / "runs" / "state.json"
    known = state.read_bytes()
    done = plumb("run", "--as-of", "2001-01-01", "--data", company / "demo" / "data", home=company)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "there is no data on or before 2001-01-01 [before-data]" in done.stderr
    assert "Traceback" not in done.stderr
    assert generation(company) == before
    assert state.read_bytes() == known
    with duckdb.connect(str(company / "demo" / "warehouse.duckdb"), read_only=True) as warehouse:
        [(orders,)] = warehouse.execute("select count(*) from marts.orders").fetchall()
    assert orders > 1_000


def start(home, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "plumbline", "run", *arguments],
        env={**os.environ, "PLUMBLINE_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


OTHER_STAGES = [pytest.param(name, marks=pytest.mark.long) for name in ("landing", "indicators", "quality")]


@pytest.mark.parametrize("stage", ["start", "models", *OTHER_STAGES])
def test_an_interrupted_run_says_so_in_one_line_and_publishes_nothing(stage, company):
    expected = published(company)
    process = start(company, "--full")
    for line in process.stderr:
        if line.strip().startswith(stage):
            break
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert process.returncode == 130
    lines = [line for line in told.splitlines() if not line.endswith(" s")]
    assert lines == [
        "stopped by you; nothing was published; run again with `plumb run --company demo --full`"
    ]
    assert published(company) == expected
    assert runs(company)[0]["status"] == "stopped"


def test_a_killed_run_is_shown_as_dead(company):
    process = start(company, "--full")
    assert any("landing" in line for line in process.stderr)
    assert runs(company)[0]["status"] == "running"
    process.kill()
    process.communicate()
    assert runs(company)[0]["status"] == "died"


def runs(home):
    return json.loads(plumb("status", "--format", "json", home=home).stdout)["runs"]


IN_EIGHT_DAYS = pytest.param("in eight days", marks=pytest.mark.long)


@pytest.fixture(params=["in one day", IN_EIGHT_DAYS])
def two_days(request, tmp_path_factory):
    """A company that grew from one day to another, and one that was built anew as of the other.

    In one day: the one that is built anew has its extracts from the network, which is no difference either.
    """
    if request.param == "in eight days":
        base = built_once(tmp_path_factory, "two_days", live_two_days)
        return (base / "grown", "demo"), (base / "anew", "demo")
    grown = request.getfixturevalue("second_day").base
    return (grown, "demo"), (request.getfixturevalue("remote"), "demo_remote")


def live_two_days(base):
    for name, days in {"grown": ["2026-03-04", "2026-03-12"], "anew": ["2026-03-12"]}.items():
        for day in days:
            done = plumb("run", "--as-of", day, home=base / name)
            assert done.returncode == 0, done.stdout + done.stderr
        if name == "grown":
            shutil.copytree(base / "grown" / "demo" / "data", base / "anew" / "demo" / "data")


def test_a_company_that_grew_publishes_what_a_full_build_publishes(two_days):
    grown, anew = (published(*company) for company in two_days)
    assert grown == anew


def wide_tables(home, company):
    """Every row of every published saved query."""
    connection = duckdb.connect(
        str((home / company / "published" / "current.duckdb").resolve()), read_only=True
    )
    names = connection.execute(
        "select table_name from published.available_table where kind = 'saved query' order by 1"
    ).fetchall()
    rows = {name: connection.execute(f"from published.{name} order by all").fetchall() for (name,) in names}
    connection.close()
    assert len(rows) > 30
    return rows


def test_tables_whose_older_periods_were_kept_are_those_of_a_full_build(two_days):
    grown, anew = (wide_tables(*company) for company in two_days)
    assert grown == anew


def test_the_second_day_was_not_a_full_rebuild(two_days):
    records = sorted((two_days[0][0] / "demo" / "runs").glob("2*.json"))
    assert [json.loads(path.read_text(encoding="utf-8"))["full"] for path in records] == [True, False]


def test_every_published_column_is_explained_in_both_languages(demo_home):
    connection = duckdb.connect(str(demo_home.current.resolve()), read_only=True)
    unexplained = connection.execute(
        "select table_name, column_name from duckdb_columns()"
        " where schema_name = 'published' and coalesce(comment, '') not like '% · %'"
    ).fetchall()
    connection.close()
    assert unexplained == []


def test_every_rejected_row_is_published_with_its_reason_and_its_file(demo_home):
    connection = duckdb.connect(str(demo_home.current.resolve()), read_only=True)
    [counted] = connection.execute(
        "select (select sum(quarantined) from published.reconciliation), count(*),"
        " count(*) filter (where reason is null or source is null) from published.rejected_row"
    ).fetchall()
    connection.close()
    assert counted[0] == counted[1] > 0
    assert counted[2] == 0
