"""The young company with its ERP in PostgreSQL and its CRM behind an API, built anew as of its second day."""

import json

from plumbline.demo import copy_erp
from tests.end_to_end.conftest import plumb
from tests.end_to_end.young import DAYS
from tests.integration.landing.api import Api, serving
from tests.postgres import running

SECRET = "a-secret-token"


def crm_rows(directory):
    """Put the monthly files of a table together, as an API would."""
    rows = {}
    for path in sorted(directory.glob("*.jsonl")):
        name = path.stem.rsplit("_20", 1)[0]
        lines = path.read_text(encoding="utf-8").splitlines()
        rows.setdefault(name, []).extend(json.loads(line) for line in lines)
    return rows


def run_over_the_network(base, data, directories):
    """Run it for the first time."""
    api = Api(rows=crm_rows(data / "crm"), token=SECRET)
    with running(directories) as address, serving(api):
        postgres = address.replace("postgresql://", "postgresql+psycopg2://")
        copy_erp(data / "erp.sqlite", postgres)
        done = plumb(
            "run",
            *("--company", "demo_remote", "--data", data, "--as-of", DAYS[1]),
            home=base,
            DEMO_ERP_URL=postgres,
            DEMO_CRM_URL=api.base,
            DEMO_CRM_TOKEN=SECRET,
        )
    assert done.returncode == 0, done.stdout + done.stderr
