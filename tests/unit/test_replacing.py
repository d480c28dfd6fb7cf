"""Readers of a replaced file see the old or the new one, and nothing is left behind."""

import pytest

from plumbline import replacing


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "deep" / "state.json"
    replacing.replace_text(path, "old")
    with open(path, encoding="utf-8") as reader:
        replacing.replace_text(path, "准绳")
        assert reader.read() == "old"
    assert path.read_text(encoding="utf-8") == "准绳"
    assert [found.name for found in path.parent.iterdir()] == ["state.json"]


@pytest.mark.parametrize("durable", [True, False])
def test_what_cannot_be_written_leaves_the_old_file_alone(tmp_path, monkeypatch, durable):
    def full(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "state.json"
    replacing.replace_text(path, "old")
    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        replacing.replace_text(path, "new", durable=durable)
    assert path.read_text(encoding="utf-8") == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["state.json"]


def test_a_durable_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(replacing, "sync", lambda path: order.append(path.name))
    replacing.replace_text(tmp_path / "state.json", "new")
    assert order == [replacing.temporary(tmp_path / "state.json").name, tmp_path.name]
