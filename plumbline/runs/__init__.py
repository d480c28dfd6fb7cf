"""One run of the pipeline: its lock, its record, and the state between runs."""

from plumbline.runs.fingerprint import Fingerprint, fingerprint
from plumbline.runs.lock import RunLock
from plumbline.runs.progress import Progress, current_progress, install_progress
from plumbline.runs.record import RunRecord, end_running, new_run_id, read_runs
from plumbline.runs.state import RunState
from plumbline.runs.stopping import end_now, stopping

__all__ = [
    "Fingerprint",
    "Progress",
    "RunLock",
    "RunRecord",
    "RunState",
    "current_progress",
    "end_now",
    "end_running",
    "fingerprint",
    "install_progress",
    "new_run_id",
    "read_runs",
    "stopping",
]
