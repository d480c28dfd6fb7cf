"""Commands that read a company's state know which companies there are."""

import pytest

from plumbline.cli.main import main


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    (tmp_path / "dbt_project.yml").touch()
    (tmp_path / "orchestration" / "sources").mkdir(parents=True)
    (tmp_path / "orchestration" / "sources" / "demo.yml").touch()
    monkeypatch.setenv("PLUMBLINE_PROJECT", str(tmp_path))
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [["status"], ["query", "orders"], ["show", "orders"], ["list", "metrics"], ["lint"], ["run"], ["ui"]],
)
def test_an_unknown_company_is_named_with_the_closest(command, capsys):
    assert main([*command, "--company", "demmo"]) == 2
    told = capsys.readouterr().err
    assert "there is no company 'demmo' [unknown-company]" in told
    assert "Did you mean 'demo'?" in told


def test_a_company_without_a_run_says_what_to_do(capsys):
    assert main(["query", "orders"]) == 1
    assert "plumb run --company demo" in capsys.readouterr().err


def test_state_of_a_company_without_a_sources_file_can_be_read(project, capsys):
    (project / "home" / "former").mkdir(parents=True)
    assert main(["status", "--company", "former"]) == 0
    assert "Nothing is published yet: `plumb run --company former`." in capsys.readouterr().out
