"""Whatever is tampered with is found, and the first difference says what it is.

`PLUMBLINE_EXAMPLES=28` tampers more than a thousand times.
"""

import os

import pytest

from plumbline.publication.digests import file_digest
from plumbline.publication.recording import metric_sql
from tests.integration.audit.tampering import WAYS, seeded

TIMES = int(os.environ.get("PLUMBLINE_EXAMPLES", "1"))
EXAMPLES = [(way, seed) for way in WAYS for seed in range(TIMES)]


@pytest.fixture(scope="module", autouse=True)
def compiled():
    """Compile each definition once: the SQL rests on the file of the definitions alone."""
    known = {}

    def once(path, metric, cache=None):
        key = (file_digest(path), metric)
        if key not in known:
            known[key] = metric_sql(path, metric, cache)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("plumbline.audit.definitions.metric_sql", once)
        yield


def test_what_nobody_touched_is_whole(copy):
    proof = copy.verify()
    assert proof.differences == []
    assert proof.notes == []
    kinds = ["records", "witness lines", "values", "mart parts", "compiled metrics", "extracts", "reports"]
    assert [kind for kind in kinds if not proof.checked[kind]] == []


@pytest.mark.hypothesis
@pytest.mark.parametrize(("way", "seed"), EXAMPLES, ids=lambda part: getattr(part, "__name__", part))
def test_tampering_is_found_and_named(way, seed, copy):
    words = way(copy, seeded(seed))
    proof = copy.verify()
    assert proof.differences, words
    first = proof.differences[0]
    assert words in f"{first.what} {first.where}", first
    assert first.todo


def test_what_was_restored_is_whole_again(copy):
    assert copy.verify().is_whole
