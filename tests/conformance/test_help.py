"""The examples that the help shows are questions to the built-in company's definitions."""

import argparse
import re
import shlex

import pytest

from plumbline.cli.main import build_parser, main
from plumbline.serving import Source

_EXAMPLE = re.compile(r"plumb (?:query|list|show) [^\n.;`]*")


def parsers(parser):
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for other in action.choices.values():
                yield from parsers(other)


EXAMPLES = [
    text.strip() for parser in parsers(build_parser()) for text in _EXAMPLE.findall(parser.epilog or "")
]


def test_the_help_has_examples():
    assert {text.split()[1] for text in EXAMPLES} == {"query", "list", "show"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_help_is_answered(example, company, monkeypatch, tmp_path, capsys):
    company.days("2025-01-01", "2026-11-21")
    company.con.execute("CREATE SCHEMA candidates")
    company.con.execute(
        "CREATE TABLE candidates.indicator (name VARCHAR, available BOOLEAN, unavailable_reason VARCHAR)"
    )
    source = Source(company.con, company.manifest, "candidates", None)
    monkeypatch.setattr("plumbline.serving.open_generation", lambda home, sealed=False: source)
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path))
    assert main(shlex.split(example)[1:]) == 0, capsys.readouterr().err
