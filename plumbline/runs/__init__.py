"""One run of the pipeline: its lock, its record, and the state between runs."""

from plumbline.runs.fingerprint import Fingerprint, fingerprint
from plumbline.runs.lock import RunLock
from plumbline.runs.progress import Progress, current_progress, install_progress
from plumbline.runs.record import RunRecord, new_run_id
from plumbline.runs.state import RunState

__all__ = [
    "Fingerprint",
    "Progress",
    "RunLock",
    "RunRecord",
    "RunState",
    "current_progress",
    "fingerprint",
    "install_progress",
    "new_run_id",
]
