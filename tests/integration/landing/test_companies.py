"""The companies of the project: the demo from its files and over the network, and AdventureWorks."""

import json
import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from plumbline.demo import copy_erp, generate
from plumbline.landing import current_loads, land_system, load_contract, load_sources, register, visible_loads
from plumbline.project import Home, Project
from plumbline.warehouse import connect

AS_OF = date(2024, 3, 20)
NOT_IN_THE_DEMO = {("crm", "call_center")}


@pytest.fixture(scope="module")
def project(project_root):
    return Project(project_root)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    data = tmp_path_factory.mktemp("demo") / "data"
    generate(data, scale=0.02, start=date(2024, 1, 1), as_of=AS_OF)
    return data


def land(project, home, company, data, environment=None):
    sources = load_sources(project, company)
    return [
        (system, outcome)
        for system in sources.systems
        for outcome in land_system(
            project, home, sources, system, data=data, as_of=AS_OF, environment=environment or {}
        ).outcomes
    ]


def statuses(outcomes):
    return {outcome.status for _, outcome in outcomes}


def contents(project, home, company):
    """Every landed row of every table, without numbers of loads and rows."""
    sources = load_sources(project, company)
    found = {}
    with connect() as connection:
        register(connection, home, project, sources, AS_OF, "run")
        for system, tables in load_contract(project).items():
            for table in tables:
                found[system, table] = connection.execute(
                    f"select * exclude (_load, _row_number) from landing_{system}.{table} order by all"
                ).fetchall()
    return found


@pytest.fixture(scope="module")
def landed(project, demo, tmp_path_factory):
    """The demo company, landed once from its files."""
    home = Home(tmp_path_factory.mktemp("home") / "demo")
    outcomes = land(project, home, "demo", demo)
    assert [(outcome.table, outcome.reason) for _, outcome in outcomes if outcome.reason] == []
    return home


def test_the_demo_company_lands_whole(project, landed):
    rows = contents(project, landed, "demo")
    assert {table for table, found in rows.items() if not found} == NOT_IN_THE_DEMO
    for load in visible_loads(landed):
        assert load.missing_columns == (), load
        assert load.extra_columns == (), load


def test_an_unchanged_company_is_not_landed_again(project, landed, demo):
    before = len(visible_loads(landed))
    assert statuses(land(project, landed, "demo", demo)) == {"unchanged"}
    assert len(visible_loads(landed)) == before


def test_over_the_network_the_same_rows_arrive(project, landed, demo, api, postgres, tmp_path):
    copy_erp(demo / "erp.sqlite", postgres)
    api.token = "a-token-of-the-demo"
    for path in sorted((demo / "crm").glob("*.jsonl")):
        name = path.stem if path.stem[-3] != "-" else path.stem[:-8]
        lines = path.read_text(encoding="utf-8").splitlines()
        api.rows.setdefault(name, []).extend(json.loads(line) for line in lines)
    environment = {"DEMO_ERP_URL": postgres, "DEMO_CRM_URL": api.base, "DEMO_CRM_TOKEN": api.token}
    home = Home(tmp_path / "demo_remote")
    assert statuses(land(project, home, "demo_remote", demo, environment)) == {"landed"}
    there, here = contents(project, home, "demo_remote"), contents(project, landed, "demo")
    assert {
        table for table in here if sorted(map(repr, here[table])) != sorted(map(repr, there[table]))
    } == set()
    assert statuses(land(project, home, "demo_remote", demo, environment)) == {"unchanged"}
    texts = [path.read_bytes() for path in home.root.rglob("*") if path.is_file()]
    assert not any(api.token.encode() in text for text in texts)


def test_the_next_week_brings_only_what_is_new_of_incremental_tables(project, tmp_path):
    data, home = tmp_path / "data", Home(tmp_path / "home")
    options = {"scale": 0.02, "start": date(2024, 1, 1)}
    generate(data, as_of=AS_OF - timedelta(days=7), **options)
    land(project, home, "demo", data)
    before = contents(project, home, "demo")
    generate(data, as_of=AS_OF, **options)
    outcomes = {(system, outcome.table): outcome for system, outcome in land(project, home, "demo", data)}
    after = contents(project, home, "demo")
    for table in ("sales_order_header", "sales_order_detail", "inventory_snapshot"):
        new = outcomes["erp", table].rows
        assert 0 < new < len(before["erp", table]) / 4
        assert len(after["erp", table]) == len(before["erp", table]) + new
    assert outcomes["erp", "product_category"].status == "unchanged"


def test_adventureworks_lands_whole(project, project_root, tmp_path):
    named = os.environ.get("PLUMBLINE_ADVENTUREWORKS")
    data = Path(named) if named else project_root.parent / "shared" / "data" / "adventureworks"
    if not (data / "erp").is_dir():
        pytest.skip("no AdventureWorks extracts: name their directory with PLUMBLINE_ADVENTUREWORKS")
    home = Home(tmp_path / "adventureworks")
    outcomes = land(project, home, "adventureworks", data)
    assert statuses(outcomes) == {"landed"}
    totals = {
        (load.table, name): total
        for load in visible_loads(home)
        for name, total in load.control_totals.items()
    }
    assert totals["sales_order_detail", "LineTotal"].sum == "109846381.399888"
    assert totals["sales_order_header", "TotalDue"].sum == "123216786.115900"
    assert totals["sales_order_detail", "OrderQty"].sum == "274914.000000"
    assert totals["work_order", "ScrappedQty"].sum == "10651.000000"
    assert totals["sales_person_quota_history", "SalesQuota"].sum == "95714000.000000"
    assert all(total.unparsed == 0 for total in totals.values())
    rows = {load.table: load.rows for load in current_loads(visible_loads(home))}
    assert (rows["sales_order_header"], rows["sales_order_detail"], rows["work_order"]) == (
        31465,
        121317,
        72591,
    )
