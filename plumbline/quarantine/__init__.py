"""Quarantine: refused files and rows set aside, since when, why, what to do, and how they come out again.

reasons   what a reason means, what helps, and whether an owner may decide about it
seen      when a row with that key and reason first arrived; kept from run to run
holdings  what is in quarantine, by table and reason
landed    a row as it landed, with its file and line
release   a decision of the owner, recorded in the ledger
export    rows for the people who mend at the source
"""

from plumbline.quarantine.export import FORMATS, export_rows
from plumbline.quarantine.holdings import (
    Group,
    RefusedFile,
    Row,
    groups_of,
    read_groups,
    read_rows,
    refused_files,
)
from plumbline.quarantine.landed import LandedRow, landed_row
from plumbline.quarantine.reasons import Advice, advice_on
from plumbline.quarantine.release import recorded_releases, release_file, release_rows, released_rows
from plumbline.quarantine.seen import note_seen

__all__ = [
    "FORMATS",
    "Advice",
    "Group",
    "LandedRow",
    "RefusedFile",
    "Row",
    "advice_on",
    "export_rows",
    "groups_of",
    "landed_row",
    "note_seen",
    "read_groups",
    "read_rows",
    "recorded_releases",
    "refused_files",
    "release_file",
    "release_rows",
    "released_rows",
]
