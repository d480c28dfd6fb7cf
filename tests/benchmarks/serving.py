"""What answers over HTTP cost: seen by 20 connections at a time, of a company that is served by one process.

python -m tests.benchmarks.serving [--company demo]   asks what is published under PLUMBLINE_HOME
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from statistics import median, quantiles

import pyarrow as pa

CONNECTIONS, REQUESTS = 20, 1_000
TABLE = "/query?metrics=net_sales&grain=month&from=2026-01&to=2026-06"
ARROW = "/query?metrics=net_sales&by=order,product__name&grain=day&format=arrow&to=2026-06"
_FIRST = date(2024, 1, 1)


def kept(number: int) -> str:
    """One question, again and again."""
    return TABLE


def published(number: int) -> str:
    """Questions that a published table answers, each another range of months."""
    first = _FIRST.replace(month=1 + number % 12, year=2023 + number // 12 % 3)
    return f"/query?metrics=net_sales&grain=month&from={first:%Y-%m}&to=2026-06&limit={1 + number // 36}"


def live(number: int) -> str:
    """Questions that no published table answers, each of another range of days, split in three ways."""
    first = _FIRST + timedelta(days=number % 700)
    by = ("product__category", "order__channel", "territory__name")[number % 3]
    asked = f"/query?metrics=net_sales,gross_margin_rate&by={by}&from={first}&to=2026-06-15"
    return f"{asked}&limit={50 + number // 700}"


def counted(number: int) -> str:
    """Questions to the marts for what does not add up, each of another range of days."""
    return live(number).replace("net_sales,gross_margin_rate", "skus_sold")


def quarters(number: int) -> str:
    """Questions that add up the months of a published table, split by periods: cut from memory."""
    first, last = number % 6 + 2, number // 6 % 6 + 8
    span = f"from={2023 + first // 4}-Q{first % 4 + 1}&to={2023 + last // 4}-Q{last % 4 + 1}"
    asked = "metrics=net_sales,gross_margin_rate&by=product__category&grain=quarter"
    return f"/query?{asked}&{span}&limit={20 + number // 36}"


def ranges(number: int) -> str:
    """Questions that add up the months of a published table over a range: in DuckDB."""
    first = _FIRST.replace(month=1 + number % 12, year=2024 + number // 12 % 2)
    asked = "metrics=net_sales,gross_margin_rate&by=product__category"
    return f"/query?{asked}&from={first:%Y-%m}&to=2026-06&limit={5 + number // 24}"


def mix(number: int) -> str:
    """Of twenty questions twelve have been asked before, six are of published tables, two of neither."""
    place, turn = number % 20, number // 20
    if place < 12:
        return f"/query?metrics=net_sales&grain=month&from=2025-{1 + place:02d}&to=2026-06"
    if place < 16:
        return (published, quarters)[place % 2](2 * turn + place // 14)
    return ranges(turn * 2 + place % 2) if place < 18 else live(5_000 + turn * 2 + place % 2)


@contextmanager
def served(company: str) -> Iterator[tuple[str, int]]:
    """Serve in a process of its own, and give its address and number."""
    command = [sys.executable, "-m", "plumbline", "serve", "--operator", "--http", "127.0.0.1:0"]
    process = subprocess.Popen([*command, "--company", company], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        found = (re.findall(r"http://[^\s/]+", line) for line in process.stderr)
        yield next(filter(None, found))[0], process.pid
    finally:
        process.terminate()
        process.communicate()


async def asked(url: str, question: Callable[[int], str], count: int) -> tuple[list[float], float]:
    """Ask over some connections at a time; give the seconds of each answer, and of all."""
    host, _, port = url.removeprefix("http://").partition(":")
    pending, took = iter(range(count)), []

    async def worker() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for number in pending:
            begun = time.perf_counter()
            writer.write(f"GET {question(number)} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head + await reader.read(2_000)
            length = int(re.search(rb"content-length: (\d+)", head)[1])
            await reader.readexactly(length)
            took.append(time.perf_counter() - begun)
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))
    return took, time.perf_counter() - begun


def used(process: int) -> float:
    """Give the CPU seconds that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report(name: str, took: Sequence[float], whole: float, cpu: float) -> str:
    """Say how long an answer took, how many there were in a second, and the CPU that each cost the server."""
    p95 = quantiles(took, n=20)[-1]
    half = median(took) * 1e3
    each = f"{cpu / len(took) * 1e3:6.2f} ms of CPU each"
    return f"{name:<36} p50 {half:6.1f} ms   p95 {p95 * 1e3:6.1f} ms   {len(took) / whole:6.0f}/s   {each}"


def arrow(url: str) -> str:
    """Say how many rows of Arrow arrive in a second, and how long the server took before the first byte."""
    start = next(first for first in ("2023-07", "2025-05", "2026-03") if _fetched(url, first)[0])
    begun, sent, read, rows = min((_fetched(url, start)[1:] for _ in range(7)), key=lambda told: told[2])
    name = "Arrow, calculated from the marts"
    told = f"{begun * 1e3:.0f} ms to the first byte, {(sent - begun) * 1e3:.0f} to the last"
    return f"{name:<36} {rows:,} rows in {read * 1e3:.0f} ms ({told}): {rows / read / 1e6:.2f} M rows/s"


def _fetched(url: str, start: str) -> tuple[bool, float, float, float, int]:
    """Ask for Arrow: whether it is not too much, and the seconds to its first and last byte and the table."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        begun = time.perf_counter()
        connection.sendall(f"GET {ARROW}&from={start} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head, _, rest = connection.recv(65_536).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            return False, 0.0, 0.0, 0.0, 0
        first = time.perf_counter() - begun
        content = bytearray(int(re.search(rb"content-length: (\d+)", head)[1]))
        content[: len(rest)] = rest
        left = memoryview(content)[len(rest) :]
        while left:
            left = left[connection.recv_into(left) :]
        last = time.perf_counter() - begun
        rows = pa.ipc.open_stream(content).read_all().num_rows
        return True, first, last, time.perf_counter() - begun, rows


def main() -> None:
    """Print what answers cost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--company", default="demo")
    options = parser.parse_args()
    print(f"{CONNECTIONS} connections, {os.cpu_count()} cores for server and clients together")
    with served(options.company) as (url, process):
        asyncio.run(asked(url, live, 20))
        for name, question, count in (
            ("kept answer", kept, 5 * REQUESTS),
            ("read from a published table", published, REQUESTS),
            ("added up, by quarter", quarters, REQUESTS),
            ("added up, over a range", ranges, REQUESTS),
            ("added up from sums by day", live, REQUESTS),
            ("counted in the marts", counted, REQUESTS // 5),
            ("a mix: 12 kept, 6 published, 2 others", mix, 2 * REQUESTS),
        ):
            before = used(process)
            took, whole = asyncio.run(asked(url, question, count))
            print(report(name, took, whole, used(process) - before), flush=True)
        before = used(process)
        print(arrow(url), f"  {(used(process) - before) / 8:.2f} s of CPU")


if __name__ == "__main__":
    main()
