"""What is held is told by check, and by the periods that are held."""

import json
from dataclasses import asdict
from datetime import datetime
from types import SimpleNamespace

import duckdb
import pytest

from plumbline.cli.holds import read_holds, tell_holds

COLUMNS = """
    metric VARCHAR, {} verdict VARCHAR, reason VARCHAR, table_name VARCHAR, expectation VARCHAR,
    examples VARCHAR, owner VARCHAR, todo VARCHAR, held_since TIMESTAMP, last_good VARCHAR"""
TOLD = [
    "held",
    "marts.orders: cost is too low: 1 of 9 rows",
    "marts.orders",
    "cost is at least 0",
]
REST = [None, "Finance", "Mend it.", datetime(2026, 1, 2, 3, 4), "shop-000001"]


@pytest.fixture
def home(tmp_path):
    return SimpleNamespace(current=tmp_path / "gen.duckdb")


def write(home, days, *rows):
    with duckdb.connect(str(home.current)) as con:
        con.execute(f"CREATE SCHEMA published; CREATE TABLE published.hold ({COLUMNS.format(days)})")
        for metric, *period in rows:
            values = [metric, *period, *TOLD, *REST]
            con.execute(f"INSERT INTO published.hold VALUES ({', '.join('?' * len(values))})", values)


def test_metrics_are_told_by_the_periods_that_are_held(home):
    rows = [("costs", "2024-03-05", "2024-03-05"), ("costs", "2024-05-01", "2024-05-01")]
    rows += [("costs_to_date", "2024-03-05", "2024-12-31"), ("base", "2024-03-05", None)]
    write(home, "period_start DATE, period_end DATE,", *rows)
    told = list(tell_holds(read_holds(home)))
    assert told[0] == "Held back: 3 metrics"
    assert "    held since 2026-01-02 03:04 UTC, 2024-03, 2024-05: costs" in told
    assert "    held since 2026-01-02 03:04 UTC, 2024-03 to 2024-12: costs_to_date" in told
    assert "    held since 2026-01-02 03:04 UTC, from 2024-03 on: base" in told


def test_a_generation_of_an_older_make_holds_all_periods(home):
    write(home, "", ("costs",), ("margin",))
    assert "    held since 2026-01-02 03:04 UTC: costs, margin" in list(tell_holds(read_holds(home)))


def test_metrics_are_told_by_when_they_were_held_and_of_which_publication_they_are(home):
    write(home, "period_start DATE, period_end DATE,", ("costs", "2024-03-05", "2024-03-05"))
    with duckdb.connect(str(home.current)) as con:
        con.execute(
            "INSERT INTO published.hold BY NAME SELECT * REPLACE ('margin' AS metric,"
            " TIMESTAMP '2026-01-05 06:07' AS held_since, 'shop-000003' AS last_good) FROM published.hold"
        )
    told = list(tell_holds(read_holds(home)))
    (held,) = (asdict(each) for each in read_holds(home))
    assert json.loads(json.dumps(held, default=str))["periods"] == {"2024-03": ["costs", "margin"]}
    assert "    held since 2026-01-02 03:04 UTC, 2024-03: costs" in told
    assert "    held since 2026-01-05 06:07 UTC, 2024-03: margin" in told
    assert "    the last good figures are shown, of shop-000001 and shop-000003" in told
