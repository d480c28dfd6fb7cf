"""The control matrix names tables, commands and tests that there are."""

import re
from pathlib import Path

import pytest

from plumbline.cli.main import build_parser
from plumbline.ledger import KINDS
from plumbline.publication.comments import COMMENTS

ROOT = Path(__file__).resolve().parents[3]
MATRIX = (ROOT / "docs" / "control-matrix.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in MATRIX.splitlines() if line.startswith("| ")]
CONTROLS = [row for row in ROWS if row[-1].startswith("`test_")]


def codes(pattern: str) -> set[str]:
    return set(re.findall(rf"`({pattern})`", MATRIX))


def test_each_row_has_a_demand_a_control_evidence_and_a_test() -> None:
    headings = [row for row in ROWS if row[-1] == "test"]
    assert len(headings) == 3
    assert len(CONTROLS) == len(ROWS) - len(headings)
    assert all(len(row) == 4 and all(row) for row in CONTROLS)


def test_every_test_that_is_named_is_there() -> None:
    found = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    named = codes(r"test_\w+")
    assert len(named) > 20
    assert named - found == set()


def test_every_table_that_is_named_is_published() -> None:
    named = {name.removeprefix("published.") for name in codes(r"published\.\w+")}
    assert len(named) > 10
    assert named - set(COMMENTS) == set()


@pytest.mark.parametrize("command", sorted(codes(r"plumb [\w -]+") - {"plumb audit"}))
def test_every_command_that_is_named_is_one(command: str) -> None:
    words = command.split()[1:]
    asks = words[-1] in ("explain", "query")
    options = build_parser().parse_args([*words, "net_sales"] if asks else words)
    assert getattr(options, "kind", None) in (None, *KINDS)
