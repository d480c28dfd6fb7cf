"""The built-in company over the network publishes the same figures as from its files."""

import json

from plumbline.demo import copy_erp
from tests.end_to_end.conftest import plumb
from tests.end_to_end.test_run import published
from tests.end_to_end.young import DAYS
from tests.integration.landing.api import Api, serving
from tests.integration.landing.conftest import postgres as postgres


def crm_rows(directory):
    """Put the monthly files of a table together, as an API would."""
    rows = {}
    for path in sorted(directory.glob("*.jsonl")):
        name = path.stem.rsplit("_20", 1)[0]
        lines = path.read_text(encoding="utf-8").splitlines()
        rows.setdefault(name, []).extend(json.loads(line) for line in lines)
    return rows


def test_postgres_http_and_files_give_the_figures_of_the_files(postgres, young, tmp_path):
    data = young.extracts[DAYS[0]]
    copy_erp(data / "erp.sqlite", postgres)
    with serving(Api(rows=crm_rows(data / "crm"), token="a-secret-token")) as api:
        done = plumb(
            "run",
            *("--company", "demo_remote", "--data", data, "--as-of", DAYS[0]),
            home=tmp_path,
            DEMO_ERP_URL=postgres,
            DEMO_CRM_URL=api.base,
            DEMO_CRM_TOKEN="a-secret-token",
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert published(tmp_path, "demo_remote") == published(young.base)
    written = (tmp_path / "demo_remote").rglob("*.json")
    assert not [path for path in written if b"a-secret-token" in path.read_bytes()]
