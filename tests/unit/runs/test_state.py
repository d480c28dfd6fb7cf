from plumbline.runs import RunState, fingerprint


def test_the_state_comes_back_as_written(tmp_path):
    path = tmp_path / "state.json"
    written = RunState().write(path, as_of="2026-01-31", transforming=True)
    assert RunState.read(path) == written
    assert RunState.read(path).transforming


def test_a_missing_or_damaged_state_is_the_first_state(tmp_path):
    path = tmp_path / "state.json"
    assert RunState.read(path) == RunState()
    path.write_text("{half", encoding="utf-8")
    assert RunState.read(path) == RunState()


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_changed_metric_changes_everything_but_not_the_models(tmp_path):
    write(tmp_path, "models/a.sql", "select 1")
    write(tmp_path, "metrics/a.yml", "metrics: []")
    before = fingerprint(tmp_path, loads=["1"], as_of="2026-01-31")
    write(tmp_path, "metrics/a.yml", "metrics: [{name: x}]")
    after = fingerprint(tmp_path, loads=["1"], as_of="2026-01-31")
    assert before.models == after.models
    assert before.everything != after.everything


def test_a_new_load_or_another_day_changes_everything(tmp_path):
    first = fingerprint(tmp_path, loads=["1"], as_of="2026-01-31").everything
    assert fingerprint(tmp_path, loads=["1", "2"], as_of="2026-01-31").everything != first
    assert fingerprint(tmp_path, loads=["1"], as_of="2026-02-01").everything != first
    assert fingerprint(tmp_path, loads=["1"], as_of="2026-01-31").everything == first
