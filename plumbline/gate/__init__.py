"""The gate: which figures are published as certified, and which are held, by what their checks found.

decide    failed checks and the lineage of metrics give a ruling per metric, breakdown and days
dating    the rows that break a rule tell on which days figures can be wrong
waive     what somebody lets through for a time is a warning that says so
restate   past figures that differ from the published ones are recorded, or wait for an approval
hold      held figures of the candidates give way to the last good ones, with the reason
"""

from plumbline.gate.approve import Approval, read_approvals
from plumbline.gate.before import Previous
from plumbline.gate.cells import Cell, cells_of
from plumbline.gate.compare import Restatement
from plumbline.gate.dating import Dating
from plumbline.gate.decide import (
    CERTIFIED,
    HELD,
    NOT_AVAILABLE,
    STALE,
    WARNED,
    Decision,
    Influence,
    Ruling,
    Spoiled,
    decide,
    doubts,
)
from plumbline.gate.holding import Hold, Holding, hold
from plumbline.gate.restate import Restated, restate
from plumbline.gate.waive import Waiver, over, read_waivers, standing, waived, write_waivers

__all__ = [
    "CERTIFIED",
    "HELD",
    "NOT_AVAILABLE",
    "STALE",
    "WARNED",
    "Approval",
    "Cell",
    "Dating",
    "Decision",
    "Hold",
    "Holding",
    "Influence",
    "Previous",
    "Restated",
    "Restatement",
    "Ruling",
    "Spoiled",
    "Waiver",
    "cells_of",
    "decide",
    "doubts",
    "hold",
    "over",
    "read_approvals",
    "read_waivers",
    "restate",
    "standing",
    "waived",
    "write_waivers",
]
