"""The shop's manifest, and its marts with traps: empty keys, refunds, holes in time, a leap day."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from plumbline.compiler import compile
from tests.unit.definitions import shop

ROWS = """
INSERT INTO marts.products VALUES (1, 'Bikes'), (2, 'Bells'), (3, NULL);
INSERT INTO marts.orders VALUES
  (1, DATE '2024-01-10', 1, 1, 100, 60, 1),
  (2, DATE '2024-01-31', 2, 2, 10, 4, 1),
  (3, DATE '2024-02-08', 1, 1, 50, 30, 2),
  (4, DATE '2024-02-29', 3, 3, 7, 2, 1),
  (5, DATE '2024-02-29', NULL, NULL, 3, 1, NULL),
  (6, DATE '2024-03-05', 1, 99, 20, 10, 3),
  (7, DATE '2024-05-01', 3, 2, -10, -4, 2),
  (8, DATE '2024-05-02', 2, 2, 10, 4, 2),
  (9, DATE '2025-01-05', 1, 1, 150, 90, 4),
  (10, DATE '2025-02-28', 4, 3, 70, 20, 1),
  (11, DATE '2025-03-01', 5, 2, 40, 20, 1),
  (12, DATE '2025-03-15', 5, 2, 60, 30, 2);
INSERT INTO marts.stock VALUES
  (1, DATE '2024-01-15', 5), (2, DATE '2024-01-15', 9), (1, DATE '2024-01-31', 4),
  (2, DATE '2024-01-31', 0), (1, DATE '2024-03-31', 8);
CREATE VIEW month_ends AS
  SELECT date_trunc('month', date_day) AS month, max(date_day) AS last_day FROM marts.days GROUP BY 1;
"""


class Shop:
    """Answers through the compiler, and through SQL by hand."""

    def __init__(self, manifest: Path, con: duckdb.DuckDBPyConnection) -> None:
        self.manifest, self.con = manifest, con

    def compiled(self, metrics: str, by: str = "", **query: Any) -> str:
        """Compile metrics by columns, both as words."""
        asked = {"metrics": metrics.split(), "group_by": by.split(), **query}
        return compile(self.manifest, asked, "duckdb")

    def query(self, metrics: str, by: str = "", **query: Any) -> list[tuple[Any, ...]]:
        """Answer, with dates as text and numbers as floats, in the order of the keys."""
        sql = self.compiled(metrics, by, **query)
        rows = [tuple(map(_plain, row)) for row in self.con.execute(sql).fetchall()]
        ordered = "order_by" in query
        return rows if ordered else sorted(rows, key=lambda row: [(item is None, str(item)) for item in row])

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        """Answer by hand-written SQL over the marts."""
        rows = [tuple(map(_plain, row)) for row in self.con.execute(text).fetchall()]
        return sorted(rows, key=lambda row: [(item is None, str(item)) for item in row])


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    return str(value)[:10] if hasattr(value, "isoformat") else round(float(value), 9)


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop.write(tmp_path_factory.mktemp("shop") / "semantic_manifest.json")


@pytest.fixture(scope="session")
def company(manifest: Path) -> Iterator[Shop]:
    con = duckdb.connect()
    con.execute("ATTACH ':memory:' AS warehouse; USE warehouse;" + shop.MARTS + ROWS)
    yield Shop(manifest, con)
    con.close()
