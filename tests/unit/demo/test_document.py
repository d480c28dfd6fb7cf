"""docs/built-in-company.md tells the truth about what is planted."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from plumbline.demo import generate
from plumbline.demo.planting import KEPT, QUARANTINED, REPAIRED
from plumbline.demo.schema import ERP

DOCUMENT = Path(__file__).parents[3] / "docs" / "built-in-company.md"
GROUPS = ("quarantined", "repaired", "kept")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Generate the company that the document describes."""
    out = tmp_path_factory.mktemp("document") / "company"
    about = generate(out, scale=1, seed=7, start=date(2023, 6, 1), as_of=date(2026, 6, 30))
    return dict(about["planted"])


def _expected(planted: dict[str, Any]) -> list[str]:
    """Write the document's table anew."""
    lines = []
    for name, table in planted.items():
        cells = [f"`{name}`", *(f"{table[column]:,}" for column in ("rows", "duplicate", "superseded"))]
        cells += [", ".join(f"{kind} {count:,}" for kind, count in table[group].items()) for group in GROUPS]
        lines.append(re.sub(r"\| +\|(?= )", "| |", "| " + " | ".join(cells) + " |"))
    return [re.sub(r"\| +(?=\|)", "| ", line) for line in lines]


def test_the_table_of_planted_rows_is_that_of_company_json(planted: dict[str, Any]) -> None:
    lines = DOCUMENT.read_text("utf-8").splitlines()
    written = [line for line in lines if re.match(r"\| `[a-z_.]+` \| [\d,]+ \|", line)]
    expected = _expected(planted)
    assert written == expected, "the table should be:\n" + "\n".join(expected)


def test_every_kind_is_explained() -> None:
    text = DOCUMENT.read_text("utf-8")
    for kind in ("duplicate", "superseded", *QUARANTINED, *REPAIRED, *KEPT):
        assert re.search(rf"^\| {kind} \|", text, re.MULTILINE), kind


def test_every_erp_table_is_named() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert [name for name in ERP if f"`{name}`" not in text] == []
