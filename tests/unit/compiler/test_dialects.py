"""The same question in the dialect of every engine: its shape, and that the engine's grammar reads it."""

from pathlib import Path

import pytest
import sqlglot
from sqlglot.optimizer.qualify import qualify

from plumbline.compiler import compile
from plumbline.compiler.dialects import DIALECTS

METRICS = ["margin", "sales_growth", "sales_to_date", "recent_customers", "came_back", "stock"]
GOLDEN = Path(__file__).parent / "golden"
# Small, and of everything that engines write in ways of their own.
SMALL = {
    "metrics": ["margin", "first_orders"],
    "group_by": ["metric_time__week", {"name": "metric_time", "date_part": "dow"}, "product__category"],
    "where": ["{{ TimeDimension('metric_time', 'quarter') }} = '2024-01-01'"],
    "order_by": ["-margin"],
    "limit": 3,
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_sql_parses_in_its_dialect(manifest: Path, dialect: str) -> None:
    sql = compile(manifest, {"metrics": METRICS, "group_by": ["metric_time__month"]}, dialect)
    (statement,) = sqlglot.parse(sql, dialect=dialect)
    assert statement is not None
    assert statement.named_selects == ["metric_time__month", *METRICS]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_name_in_the_sql_is_found_as_the_engine_reads_it(manifest: Path, dialect: str) -> None:
    sql = compile(manifest, {"metrics": METRICS, "group_by": ["metric_time__month"]}, dialect)
    tree = sqlglot.parse_one(sql, dialect=dialect)
    tree.set("settings", None)
    # Raises where a column is of no table: Snowflake has what is not quoted in capitals.
    qualify(tree, dialect=dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_sql_has_the_shape_that_was_looked_at(manifest: Path, dialect: str) -> None:
    expected = (GOLDEN / f"{dialect}.sql").read_text(encoding="utf-8")
    assert compile(manifest, SMALL, dialect) + "\n" == expected


def test_mysql_joins_without_a_full_join(manifest: Path) -> None:
    sql = compile(manifest, {"metrics": METRICS, "group_by": ["metric_time__month"]}, "mysql")
    assert "FULL" not in sql
    assert sql.count("UNION ALL") == 6


def test_clickhouse_leaves_empty_what_a_join_does_not_find(manifest: Path) -> None:
    assert compile(manifest, SMALL, "clickhouse").endswith("SETTINGS join_use_nulls = 1")
