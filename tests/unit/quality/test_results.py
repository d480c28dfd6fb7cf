"""The gate: what stops publication, and the text that says so."""

import pytest

from plumbline.errors import GateError
from plumbline.quality import CheckResult, StageResult, raise_if_critical


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


def test_a_critical_failure_says_what_where_how_many_whose_and_what_to_do():
    with pytest.raises(GateError) as raised:
        raise_if_critical(StageResult("marts", "run-1", (check(),)))
    assert raised.value.exit_code == 3
    assert str(raised.value).splitlines() == [
        "marts: 1 critical expectation failed: nothing is published [gate-critical]",
        "  marts.lines: quantity is at least 1",
        "    12 of 200 rows break it",
        "    e.g. line_id 7, quantity is empty, _load 4, _row_number 12",
        "    Nobody sells less than one.",
        "    Sales: head of sales: Correct the lines in the ERP.",
        "  The published generation stays as it is. Mend the data or the rule, and run again.",
    ]


def test_an_error_blocks_as_a_failure_does():
    with pytest.raises(GateError):
        raise_if_critical(StageResult("marts", "run-1", (check(verdict="error"),)))


def test_a_stage_that_judged_nothing_blocks():
    with pytest.raises(GateError, match="1 critical expectation failed"):
        raise_if_critical([StageResult("marts", "run-1", ())])


@pytest.mark.parametrize("given", [{"verdict": "passed"}, {"verdict": "skipped"}, {"severity": "warning"}])
def test_nothing_else_blocks(given):
    raise_if_critical([StageResult("marts", "run-1", (check(**given),))])


def test_the_failures_of_all_stages_are_told_together():
    stages = [StageResult("landing", "r", (check(stage="landing"),)), StageResult("marts", "r", (check(),))]
    with pytest.raises(GateError, match="landing, marts: 2 critical expectations failed"):
        raise_if_critical(stages)
