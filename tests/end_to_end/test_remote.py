"""The built-in company over the network publishes the same figures as from its files."""

import pytest

from tests.end_to_end.remote import SECRET
from tests.end_to_end.test_run import published

pytestmark = pytest.mark.apart


def test_postgres_http_and_files_give_the_figures_of_the_files(remote, second_day):
    assert published(remote, "demo_remote") == published(second_day.base)
    written = (remote / "demo_remote").rglob("*.json")
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]
