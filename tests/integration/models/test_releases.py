"""Rows that their owners have released from quarantine, and what becomes of the others of their key."""

import pytest

from tests.integration.models.test_incremental import lead, order

QUARANTINED = ("quarantined", "conflict: same key and version as load 1 row 2, other content")


def channels(company):
    return company.query("select lead_id, channel from staging.stg_crm__lead order by 1")


@pytest.fixture
def conflict(company):
    """Two rows say different things of lead 1; the later one is kept."""
    company.land("crm.lead", [lead("1", Channel="shop"), lead("1", Channel="fair"), lead("2")])
    company.build(only=["stg_crm__lead"])
    return company


def test_of_two_rows_in_conflict_the_released_one_is_kept(conflict):
    assert conflict.verdicts("crm.lead")[(1, 1)] == QUARANTINED
    conflict.released = [("crm.lead", 1, 1)]
    conflict.build(only=["stg_crm__lead"])
    assert conflict.verdicts("crm.lead") == {
        (1, 1): ("kept", None),
        (1, 2): ("superseded", "set aside for load 1 row 1, which was released"),
        (1, 3): ("kept", None),
    }
    assert channels(conflict) == [(1, "shop"), (2, "web")]


def test_a_later_release_of_the_other_row_counts(conflict):
    conflict.released = [("crm.lead", 1, 1), ("crm.lead", 1, 2)]
    conflict.build(only=["stg_crm__lead"])
    assert channels(conflict) == [(1, "fair"), (2, "web")]


def test_a_newer_version_still_supersedes_a_released_row(conflict):
    conflict.released = [("crm.lead", 1, 1)]
    conflict.build(only=["stg_crm__lead"])
    conflict.land("crm.lead", [lead("1", Channel="phone", ModifiedDate="2030-01-01 00:00:00")])
    conflict.build(only=["stg_crm__lead"])
    assert channels(conflict) == [(1, "phone"), (2, "web")]


def test_new_loads_leave_a_release_as_it_is(conflict):
    conflict.released = [("crm.lead", 1, 1)]
    conflict.build(only=["stg_crm__lead"])
    conflict.land("crm.lead", [lead("3")])
    conflict.build(only=["stg_crm__lead"])
    assert channels(conflict) == [(1, "shop"), (2, "web"), (3, "web")]
    before = conflict.digests()
    conflict.build(only=["stg_crm__lead"], full=True)
    assert conflict.digests() == before


def test_without_a_version_a_release_decides_within_a_load_and_a_later_load_is_newer(company):
    call = {"FactCallCenterID": "1", "IssuesRaised": "2", "ServiceGrade": "0", "Date": "2014-05-01"}
    calls = [{**call, "Calls": number} for number in ("10", "12", "14")]
    company.land("crm.call_center", calls[:2])
    company.released = [("crm.call_center", 1, 1)]
    company.build(only=["stg_crm__call_center"])
    assert company.query("select calls from staging.stg_crm__call_center") == [(10,)]
    company.land("crm.call_center", calls[2:])
    company.build(only=["stg_crm__call_center"])
    assert company.query("select calls from staging.stg_crm__call_center") == [(14,)]


def test_a_release_changes_nothing_of_rows_that_agree(company):
    company.land("erp.sales_order_header", [order("1", "2024-01-05"), order("2", "2024-01-06")])
    company.released = [("erp.sales_order_header", 1, 1)]
    company.build(only=["stg_erp__sales_order_header"])
    assert set(company.verdicts("erp.sales_order_header").values()) == {("kept", None)}
