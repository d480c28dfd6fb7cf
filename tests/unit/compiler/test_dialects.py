"""The same question in the dialect of every engine."""

from pathlib import Path

import pytest
import sqlglot

from plumbline.compiler import compile
from plumbline.compiler.dialects import DIALECTS

METRICS = ["margin", "sales_growth", "sales_to_date", "recent_customers", "came_back", "stock"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_sql_parses_in_its_dialect(manifest: Path, dialect: str) -> None:
    sql = compile(manifest, {"metrics": METRICS, "group_by": ["metric_time__month"]}, dialect)
    (statement,) = sqlglot.parse(sql, dialect=dialect)
    assert statement is not None
    assert statement.named_selects == ["metric_time__month", *METRICS]
