"""Landing: extracts of every source system become append-only Parquet with manifests.

sources file → connector → inspection → Parquet + manifest → one rename makes the load visible
                               └→ refused: quarantine, with the reason; the rest goes on
"""

from plumbline.landing.contract import Column, TableContract, load_contract
from plumbline.landing.days import begins_after
from plumbline.landing.land import land_system
from plumbline.landing.manifests import ControlTotal, Cursor, Manifest, current_loads, visible_loads
from plumbline.landing.outcomes import ExtractOutcome, OpenRefusal, SystemResult, TableOutcome
from plumbline.landing.quarantine import open_refusals
from plumbline.landing.register import ReleasedRow, changed_tables, note_built, register
from plumbline.landing.sources import (
    Sources,
    SystemSource,
    TableSource,
    asked_day,
    load_sources,
    resolve_as_of,
)
from plumbline.landing.together import Landings
from plumbline.landing.verify import verify_loads

__all__ = [
    "Column",
    "ControlTotal",
    "Cursor",
    "ExtractOutcome",
    "Landings",
    "Manifest",
    "OpenRefusal",
    "ReleasedRow",
    "Sources",
    "SystemResult",
    "SystemSource",
    "TableContract",
    "TableOutcome",
    "TableSource",
    "asked_day",
    "begins_after",
    "changed_tables",
    "current_loads",
    "land_system",
    "load_contract",
    "load_sources",
    "note_built",
    "open_refusals",
    "register",
    "resolve_as_of",
    "verify_loads",
    "visible_loads",
]
