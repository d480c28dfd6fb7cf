"""A pipeline in a process of its own: fill the warehouse with one batch number everywhere, publish, repeat.

python worker.py HOME FIRST LAST        publishes batches FIRST to LAST, printing each generation
"""

import sys
from datetime import date
from pathlib import Path

import duckdb

from plumbline.project import Home
from plumbline.publication import RunFacts, publish

ROWS = 3000
FILL = """
CREATE SCHEMA IF NOT EXISTS candidates; CREATE SCHEMA IF NOT EXISTS marts;
CREATE OR REPLACE TABLE candidates.sales_monthly AS
    SELECT {batch} AS batch, i AS k FROM range({rows}) r(i);
CREATE OR REPLACE TABLE candidates.indicator_value AS
    SELECT {batch} AS batch, 'm' || i % 50 AS metric, count(*) AS value FROM range({rows}) r(i) GROUP BY ALL;
CREATE OR REPLACE TABLE marts.order_lines AS
    SELECT {batch} AS batch, DATE '2026-01-01' + (i % 60)::INTEGER AS order_date FROM range({rows}) r(i);
CREATE OR REPLACE TABLE marts.products AS SELECT {batch} AS batch;
"""


def publish_batch(con: duckdb.DuckDBPyConnection, home: Home, batch: int) -> int:
    """Publish a warehouse that holds one batch number everywhere; give the generation."""
    con.execute(FILL.format(batch=batch, rows=ROWS))
    run = RunFacts("demo", f"run-{batch}", date(2026, 3, 1))
    return publish(con, home, run=run, large_rows=1000).generation


def work(home: Home, first: int, last: int) -> None:
    with duckdb.connect(str(home.warehouse)) as con:
        for batch in range(first, last + 1):
            print(publish_batch(con, home, batch), flush=True)


if __name__ == "__main__":
    work(Home(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3]))
