"""Shortcuts of dbt: what it does stays the same."""

import pytest
from dbt_common.clients import agate_helper
from dbt_common.clients.jinja import MacroFuzzEnvironment, get_template
from dbt_common.events import event_manager_client
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.functions import fire_event
from dbt_common.events.types import Note
from dbt_common.exceptions import CompilationError

from orchestration.dbt_shortcuts import Templates, build_messages_late, guess_types_once, hear_only

TEXT = "{% macro double(x) %}{{ x * 2 }}{% endmacro %}select {{ n }}"


@pytest.fixture
def compiled(monkeypatch):
    """The texts that jinja compiles."""
    texts = []
    compile = MacroFuzzEnvironment.compile

    def noting(environment, source, *args, **kwargs):
        texts.append(source)
        return compile(environment, source, *args, **kwargs)

    monkeypatch.setattr(MacroFuzzEnvironment, "compile", noting)
    return texts


@pytest.fixture
def heard(monkeypatch):
    """What a listener hears."""
    for name in ("__init__", "__getattr__", "__setattr__"):
        monkeypatch.setattr(BaseEvent, name, getattr(BaseEvent, name))
    monkeypatch.setattr(event_manager_client, "_EVENT_MANAGER", event_manager_client._EVENT_MANAGER)
    texts = []

    def listen(*names):
        hear_only(*names)
        event_manager_client.add_callback_to_manager(lambda message: texts.append(message.info.msg))
        return texts

    return listen


def rendered(text=TEXT, n=7):
    return get_template(text, {"n": n}).render({"n": n})


def test_the_next_process_compiles_no_template_again(compiled, tmp_path):
    for _ in range(2):
        templates = Templates(tmp_path)
        templates.serve()
        assert rendered() == "select 7"
        templates.keep()
    assert compiled == [TEXT]


def test_another_text_is_compiled(compiled, tmp_path):
    Templates(tmp_path).serve()
    rendered()
    assert rendered("select {{ n }} + 1", n=2) == "select 2 + 1"
    assert len(compiled) == 2


def test_a_text_that_jinja_cannot_read_is_refused_every_time(compiled, tmp_path):
    Templates(tmp_path).serve()
    for _ in range(2):
        with pytest.raises(CompilationError, match="unexpected"):
            rendered("{{ ) }}")


@pytest.mark.parametrize("content", [b"", b"no code at all", b"\x00"])
def test_a_file_that_is_damaged_costs_only_time(compiled, tmp_path, content):
    Templates(tmp_path)._path.write_bytes(content)
    Templates(tmp_path).serve()
    assert rendered() == "select 7"


def test_a_place_that_is_not_there_is_no_error(compiled, tmp_path):
    templates = Templates(tmp_path / "nowhere")
    templates.serve()
    rendered()
    templates.keep()
    assert not (tmp_path / "nowhere").exists()


def test_texts_without_end_do_not_fill_the_file(compiled, tmp_path, monkeypatch):
    monkeypatch.setattr("orchestration.dbt_shortcuts._MOST", 3)
    templates = Templates(tmp_path)
    templates.serve()
    for number in range(5):
        assert rendered(f"select {number}") == f"select {number}"
    assert len(templates._kept) == 3


def test_only_what_somebody_listens_to_is_told(heard):
    texts = heard()
    fire_event(Note(msg="a detail"))
    assert texts == []


def test_what_somebody_listens_to_is_told(heard):
    texts = heard("Note")
    fire_event(Note(msg="a detail"))
    assert texts == ["a detail"]


def test_warnings_are_told(heard):
    texts = heard()
    fire_event(Note(msg="beware"), level=EventLevel.WARN)
    assert texts == ["beware"]


def test_an_event_that_is_built_late_says_the_same(heard):
    build_messages_late()
    texts = heard("Note")
    event = Note(msg="a detail")
    event.msg = event.msg + " more"
    fire_event(event)
    assert texts == ["a detail more"]
    with pytest.raises(AttributeError):
        _ = event.nothing_of_that_name


def test_types_are_guessed_as_before(monkeypatch):
    rows = [{"id": "005", "n": 3, "day": None}, {"id": "null", "n": 4, "day": None}]
    before = agate_helper.table_from_data_flat(rows, ["id", "n", "day"])
    monkeypatch.setattr(agate_helper, "build_type_tester", agate_helper.build_type_tester)
    guess_types_once()
    for _ in range(2):
        table = agate_helper.table_from_data_flat(rows, ["id", "n", "day"])
        assert [list(row) for row in table.rows] == [list(row) for row in before.rows]
        assert list(map(type, table.column_types)) == list(map(type, before.column_types))
