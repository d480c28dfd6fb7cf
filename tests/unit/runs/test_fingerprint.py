"""What a run builds on: which change makes it needed, and which makes all models new."""

from pathlib import Path

import pytest

from plumbline.runs.fingerprint import Fingerprint, digest_definitions, fingerprint


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("dbt_project.yml", "models/orders.sql", "seeds/targets.csv", "seeds/_seeds.yml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    return tmp_path


def taken(root: Path) -> Fingerprint:
    return fingerprint(root, loads=["erp.product/1/abc"], as_of="2026-11-21")


def test_a_changed_target_is_new_input_but_no_reason_to_rebuild_every_table(root: Path) -> None:
    before, parsed = taken(root), digest_definitions(root)
    (root / "seeds/targets.csv").write_text("changed")
    after = taken(root)
    assert after.models == before.models
    assert after.everything != before.everything
    assert digest_definitions(root) != parsed


@pytest.mark.parametrize("name", ["models/orders.sql", "seeds/_seeds.yml", "dbt_project.yml"])
def test_a_changed_model_is_a_reason_to_rebuild(root: Path, name: str) -> None:
    before = taken(root)
    (root / name).write_text("changed")
    after = taken(root)
    assert after.models != before.models
    assert after.everything != before.everything


def test_what_people_decide_is_new_input_but_rebuilds_nothing(root: Path) -> None:
    before = taken(root)
    after = fingerprint(root, loads=["erp.product/1/abc"], as_of="2026-11-21", decisions=["waiver W1"])
    assert after.models == before.models
    assert after.everything != before.everything
