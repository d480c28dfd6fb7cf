"""The gate: what stops publication, and the text that says so."""

import pytest

from plumbline.errors import GateError
from plumbline.quality import CheckResult, StageResult, raise_if_idle


def check(**given):
    base = {
        "stage": "marts",
        "table": "marts.lines",
        "column": "quantity",
        "expectation": "ExpectColumnValuesToBeBetween",
        "severity": "critical",
        "quality_dimension": "validity",
        "owner": "Sales: head of sales",
        "verdict": "failed",
        "evaluated": 200,
        "unexpected": 12,
        "examples": ({"line_id": 7, "quantity": None, "_load": 4, "_row_number": 12},),
        "expected": "quantity is at least 1",
        "message": "12 of 200 rows break it",
        "why": "Nobody sells less than one.",
        "todo": "Correct the lines in the ERP.",
    }
    return CheckResult(**{**base, **given})


def test_critical_failures_and_errors_block():
    assert check().blocks
    assert check(verdict="error").blocks


@pytest.mark.parametrize("given", [{"verdict": "passed"}, {"verdict": "skipped"}, {"severity": "warning"}])
def test_nothing_else_blocks(given):
    assert not check(**given).blocks


def test_a_stage_that_judged_nothing_stops_the_publication():
    with pytest.raises(GateError) as raised:
        raise_if_idle([StageResult("landing", "r", (check(),)), StageResult("marts", "r", ())])
    assert raised.value.exit_code == 3
    assert str(raised.value).splitlines() == [
        "marts: the gate judged nothing: nothing is published [gate-critical]",
        "  marts: no expectation was judged.",
        "  The published generation stays as it is. Mend the suites in expectations/, and run again.",
    ]


def test_stages_that_judged_something_go_on():
    raise_if_idle([StageResult("landing", "r", (check(),))])
