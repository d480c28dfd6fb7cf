"""A command line that cannot be is told with its place, what is known there, and what may be meant."""

import pytest

from plumbline.cli.main import main


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["qery"], "error: plumb: 'qery' is no command [usage]\n  Did you mean 'query'? `plumb --help`"),
        (["query"], "plumb query: the following arguments are required: METRIC [usage]"),
        (["query", "x", "--grian", "month"], "unknown option '--grian' [usage]\n  Did you mean '--grain"),
        (["query", "x", "--group-by=y"], "unknown option '--group-by=y' [usage]\n  Did you mean '--by'?"),
        (["query", "x", "--sort", "y"], "Did you mean '--order'?"),
        (["query", "x", "--order", "--limit"], "as in --order net_sales"),
        (["query", "x", "--limit", "ten"], "'ten' is no whole number [usage]"),
        (["query", "x", "--format", "jsn"], "'jsn' is no value of --format [usage]\n  Did you mean 'json'?"),
        (["query", "x", "--compare", "y"], "is no value of --compare [usage]\n  Known: previous, year-ago."),
        (["list", "metric"], "plumb list: 'metric' is no kind [usage]\n  Did you mean 'metrics'?"),
        (["show", "x", "y"], "plumb show: 'y' is too much [usage]"),
        (["run", "demo"], "plumb run: 'demo' is too much [usage]\n  For a company write --company demo."),
        (["demo", "generate", "--out", "x", "--sed", "2"], "plumb demo generate: unknown option '--sed'"),
    ],
)
def test_a_mistake_is_told_with_what_may_be_meant(words, told, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert told in capsys.readouterr().err


def test_help_names_what_can_be_listed(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["list", "--help"])
    assert caught.value.code == 0
    assert "metrics, dimensions, entities," in " ".join(capsys.readouterr().out.split())
