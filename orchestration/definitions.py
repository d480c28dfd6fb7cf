"""The code location: every asset, check, job, schedule and sensor of one company.

PLUMBLINE_COMPANY names the company (default: demo), PLUMBLINE_DATA the directory of its extracts.
"""

import os

from orchestration.build import build

defs = build(os.environ.get("PLUMBLINE_COMPANY", "demo"))
