"""The code location of the built-in company, as `dagster dev` loads it."""

import re

import dagster as dg
import pytest

from orchestration.build import build, build_landing
from orchestration.defs.quality import STAGES


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUMBLINE_HOME", str(tmp_path_factory.mktemp("home")))
        yield build("demo")


@pytest.fixture(scope="module")
def specs(definitions):
    return {spec.key: spec for spec in definitions.resolve_all_asset_specs()}


def keys_of(definitions, job):
    layer = definitions.resolve_job_def(job).asset_layer
    return set(layer.executable_asset_keys), set(layer.asset_graph.asset_check_keys)


def test_every_asset_says_what_it_is_and_where_it_belongs(specs):
    assert [key for key, spec in specs.items() if not spec.description or not spec.group_name] == []


def test_somebody_answers_for_every_asset_that_is_built(specs):
    nobody = {key.to_user_string() for key, spec in specs.items() if not spec.owners}
    assert nobody == {"landing/crm/call_center"}


def test_a_source_that_the_company_lacks_is_shown_as_not_connected(specs):
    call_center = specs[dg.AssetKey(["landing", "crm", "call_center"])]
    assert call_center.description.startswith("Not connected")


def test_owners_are_written_the_same_way_everywhere(specs):
    owners = {owner for spec in specs.values() for owner in spec.owners}
    assert {
        owner for owner in owners if not re.fullmatch(r"team:[A-Z][\w ]+(: [a-z][a-z ]+)?", owner)
    } == set()


def test_a_mart_shows_its_columns(specs):
    schema = specs[dg.AssetKey(["marts", "orders"])].metadata["dagster/column_schema"]
    order_id = next(column for column in schema.columns if column.name == "order_id")
    assert (order_id.type, order_id.description) == ("bigint", "Number of the order.")


def test_lineage_leads_from_an_extract_to_what_is_published(specs):
    path = ["published/sales_monthly"]
    wanted = "landing/erp/sales_order_header"
    found = set()
    while path:
        key = dg.AssetKey.from_user_string(path.pop())
        found.add(key.to_user_string())
        path += [dep.asset_key.to_user_string() for dep in specs[key].deps]
    assert wanted in found


def test_the_daily_run_does_what_the_two_jobs_do(definitions):
    daily, landing, refresh = (keys_of(definitions, job) for job in ("daily_run", "land", "refresh"))
    for whole, first, second in zip(daily, landing, refresh, strict=True):
        assert whole == first | second
        assert not first & second


def test_every_stage_of_the_gate_is_checked(definitions):
    steps = {node.name for node in definitions.resolve_job_def("refresh").nodes}
    assert {f"check_{stage}" for stage in STAGES} <= steps


def test_landing_alone_is_the_first_half(definitions):
    assert keys_of(build_landing("demo"), "land") == keys_of(definitions, "land")


def test_the_schedule_and_the_sensors_start_the_daily_run(definitions):
    assert [schedule.job_name for schedule in definitions.schedules] == ["daily_run"]
    sensors = {sensor.name: sensor for sensor in definitions.sensors}
    assert sensors.keys() == {"dropped_files", "run_failures"}
    assert sensors["dropped_files"].job_name == "daily_run"
