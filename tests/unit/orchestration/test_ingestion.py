"""What landing found, as Dagster shows it."""

import dagster as dg
import pytest

from orchestration.defs.ingestion import _events
from plumbline.landing import SystemResult, TableOutcome
from plumbline.landing.outcomes import ExtractOutcome


def shown(status, **extract):
    outcome = TableOutcome.of("product", [ExtractOutcome(status, "product.csv", **extract)], seconds=0.5)
    return list(_events("erp", SystemResult("erp", (outcome,))))


@pytest.mark.parametrize(
    ("status", "arrived"),
    [("landed", True), ("unchanged", True), ("refused", False), ("unavailable", False), ("missing", False)],
)
def test_an_extract_has_arrived_when_it_was_accepted(status, arrived):
    _, check = shown(status)
    assert check.asset_key == dg.AssetKey(["landing", "erp", "product"])
    assert (check.passed, check.severity) == (arrived, dg.AssetCheckSeverity.WARN)


def test_a_check_that_failed_says_why():
    _, check = shown("refused", reason="line 3 has 4 fields, the header has 5.")
    assert check.description == "product.csv: line 3 has 4 fields, the header has 5."


def test_an_asset_shows_what_landed_now():
    landed, _ = shown("landed", rows=9, load=7)
    assert landed.metadata == {"status": "landed", "rows_landed": 9, "seconds": 0.5, "load": 7}


def test_what_is_unknown_is_not_shown():
    landed, _ = shown("unavailable")
    assert "load" not in landed.metadata
