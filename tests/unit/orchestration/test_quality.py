"""What the gate found, as Dagster's asset checks show it."""

import dagster as dg
import pytest

from orchestration.defs.quality import _check_result, table_key
from plumbline.quality import CheckResult

ORDERS = dg.AssetKey(["marts", "orders"])


def result(verdict, severity="critical"):
    return CheckResult(
        stage="marts",
        table="marts.orders",
        column="customer_id",
        expectation="known_customer",
        severity=severity,
        quality_dimension="validity",
        owner="Sales",
        verdict=verdict,
        expected="customer_id is in marts.customers",
        message="3 of 9 rows break it",
    )


@pytest.mark.parametrize(
    ("results", "passed", "severity"),
    [
        ([result("passed")], True, dg.AssetCheckSeverity.WARN),
        ([result("skipped")], True, dg.AssetCheckSeverity.WARN),
        ([result("passed"), result("failed", "warning")], False, dg.AssetCheckSeverity.WARN),
        ([result("failed", "warning"), result("failed")], False, dg.AssetCheckSeverity.ERROR),
        ([result("error")], False, dg.AssetCheckSeverity.ERROR),
    ],
)
def test_a_check_fails_when_a_rule_does(results, passed, severity):
    check = _check_result(ORDERS, results)
    assert (check.passed, check.severity) == (passed, severity)
    assert check.asset_key == ORDERS


def test_a_failed_check_names_the_rule_and_counts():
    check = _check_result(ORDERS, [result("passed"), result("failed"), result("skipped")])
    assert check.description == "customer_id is in marts.customers: 3 of 9 rows break it"
    counts = {name: value.value for name, value in check.metadata.items()}
    assert counts == {"expectations": 3, "failed": 1, "skipped": 1}


def test_a_checked_table_is_the_asset_of_its_schema():
    assert table_key("landing_erp.product") == dg.AssetKey(["landing", "erp", "product"])
    assert table_key("marts.orders") == ORDERS
