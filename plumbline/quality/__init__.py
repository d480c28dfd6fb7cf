"""Quality checks: suites as code, judged by Great Expectations before anything is published.

A data engineer writes suites (`suite`, `critical`, `warning` and the rules); the pipeline runs them by stage
(`run_stage`) and writes the report (`write_report`); plumbline.gate rules on the figures.
"""

from plumbline.quality.anomalies import usual_values
from plumbline.quality.context import Formula, Freshness, StageContext
from plumbline.quality.evaluate import run_stage
from plumbline.quality.evidence import (
    control_totals_agree,
    evidence,
    evidence_on,
    refers_to,
    rows_agree,
    rows_and_totals_agree,
    totals_agree,
)
from plumbline.quality.expectation import Expectation, StageSuites, Suite, critical, suite, warning
from plumbline.quality.flow import (
    arrived,
    has_not_stopped,
    is_on_time,
    readable,
    received,
    reconciled,
    set_aside,
    steady_weeks,
    usual_volume,
)
from plumbline.quality.formulas import formulas_hold, formulas_of
from plumbline.quality.indicators import candidate_tables, metric_totals
from plumbline.quality.report import render_report, write_report
from plumbline.quality.results import CheckResult, StageResult, raise_if_idle, store
from plumbline.quality.rules import (
    between,
    fresh,
    has_columns,
    has_rows,
    holds,
    matches,
    never_empty,
    not_before,
    not_in_the_future,
    not_stale,
    one_of,
    unique,
)
from plumbline.quality.warm import warm_up

__all__ = [
    "CheckResult",
    "Expectation",
    "Formula",
    "Freshness",
    "StageContext",
    "StageResult",
    "StageSuites",
    "Suite",
    "arrived",
    "between",
    "candidate_tables",
    "control_totals_agree",
    "critical",
    "evidence",
    "evidence_on",
    "formulas_hold",
    "formulas_of",
    "fresh",
    "has_columns",
    "has_not_stopped",
    "has_rows",
    "holds",
    "is_on_time",
    "matches",
    "metric_totals",
    "never_empty",
    "not_before",
    "not_in_the_future",
    "not_stale",
    "one_of",
    "raise_if_idle",
    "readable",
    "received",
    "reconciled",
    "refers_to",
    "render_report",
    "rows_agree",
    "rows_and_totals_agree",
    "run_stage",
    "set_aside",
    "steady_weeks",
    "store",
    "suite",
    "totals_agree",
    "unique",
    "usual_values",
    "usual_volume",
    "warm_up",
    "warning",
    "write_report",
]
