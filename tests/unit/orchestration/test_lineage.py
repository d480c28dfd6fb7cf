"""Lineage that was made before serves as long as it would be made alike."""

import pytest

from orchestration import lineage
from plumbline.project import Project


@pytest.mark.parametrize("name", ["code_digest", "parsed.digest_parsed"])
def test_other_code_or_other_models_make_lineage_anew(name, monkeypatch):
    project = Project.find()
    before = lineage._digest(project)
    monkeypatch.setattr(f"orchestration.lineage.{name}", lambda *_: "other")
    assert lineage._digest(project) != before
