"""Random questions as each role: what comes back is what hand-written SQL gives over the rows of the role.

The truth is computed on a copy of the marts from which the rows of other roles were removed, so nothing of
the policy's own code says what is allowed.
"""

import csv
import io
import json
import os
import random
from decimal import Decimal

import duckdb
import pytest

from tests.unit.serving.http.conftest import running

QUESTIONS = int(os.environ.get("PLUMBLINE_QUESTIONS", "60"))
KEYS = {
    "order__channel": "orders.channel",
    "product__category": "products.category",
    "product__name": "products.name",
    "metric_time__month": "date_trunc('month', lines.order_date)::DATE",
}
CONDITIONS = {
    "order__channel = 'store'": "orders.channel = 'store'",
    "order__channel <> 'online'": "orders.channel <> 'online'",
    "order__channel = 'store' or 1 = 1": "true",
    "product__category = 'Helmets'": "products.category = 'Helmets'",
    "product__name like '%头%'": "products.name LIKE '%头%'",
    "metric_time >= '2026-01-01'": "lines.order_date >= DATE '2026-01-01'",
    "not (order__channel = 'online')": "NOT orders.channel = 'online'",
}


@pytest.fixture(scope="module")
def truth(published):
    """For each role the answer of hand-written SQL over the rows that it may see."""
    found = {}
    for account, rows in {"ann": "true", "eve": "channel = 'online'"}.items():
        con = duckdb.connect()
        con.execute(f"ATTACH '{published.home.warehouse}' AS shop (READ_ONLY)")
        con.execute(f"CREATE TABLE orders AS FROM shop.marts.orders WHERE {rows}")
        con.execute("CREATE TABLE lines AS FROM shop.marts.order_lines SEMI JOIN orders USING (order_id)")
        con.execute("CREATE TABLE products AS FROM shop.marts.products")
        con.execute("DETACH shop")
        found[account] = con
    yield found
    for con in found.values():
        con.close()


def question(chance):
    by = chance.sample(list(KEYS), chance.choice([0, 1, 1, 2]))
    where = chance.sample(list(CONDITIONS), chance.choice([0, 0, 1, 2]))
    return by, where, chance.choice([None, None, "-net_sales", "net_sales"]), chance.choice(["json", "csv"])


def expected(con, by, where):
    keys = ", ".join(KEYS[name] for name in by)
    sql = f"""
        SELECT {keys + "," if keys else ""} sum(lines.net_amount)
        FROM lines LEFT JOIN orders USING (order_id) LEFT JOIN products USING (product_id)
        WHERE {" AND ".join(CONDITIONS[text] for text in where) or "true"}
        {"GROUP BY ALL" if by else ""}"""
    return sorted(map(shown, con.execute(sql).fetchall()))


def shown(row):
    return tuple(
        "" if value is None else str(value.normalize() if isinstance(value, Decimal) else value)
        for value in row
    )


def answered(client, by, where, order, style):
    asked = {"metrics": "net_sales", "by": by, "where": where, "format": style}
    found = client.get("/query", params={**asked, **({"order": order} if order else {})})
    assert found.status_code == 200, found.text
    if style == "csv":
        lines = list(csv.reader(io.StringIO(found.text, newline="")))[1:]
    else:
        rows = json.loads(found.text, parse_float=Decimal)["data"]
        lines = [["" if value is None else str(value) for value in row.values()] for row in rows]
    return sorted(
        shown((*line[: len(by)], Decimal(line[len(by)]) if line[len(by)] else None)) for line in lines
    )


@pytest.mark.parametrize("account", ["ann", "eve"])
def test_random_questions_see_the_rows_of_the_role_alone(published, truth, account):
    chance = random.Random(5)
    with running(published.home) as server, server.client(account) as client:
        for _ in range(QUESTIONS):
            by, where, order, style = question(chance)
            got = answered(client, by, where, order, style)
            assert got == expected(truth[account], by, where), (by, where, order)


def test_what_a_role_may_not_name_is_as_if_it_were_not_there(published):
    """Of a metric that a role does not see, and of one that nobody has, the same is said: nothing."""
    with running(published.home) as server, server.client("bob") as bob:
        for ask in (
            lambda name: bob.get("/query", params={"metrics": name}),
            lambda name: bob.get(f"/metrics/{name}"),
            lambda name: bob.get("/query", params={"metrics": "net_sales", "where": f"{name} > 1"}),
            lambda name: bob.get("/query", params={"metrics": "net_sales", "order": name}),
            lambda name: bob.get("/dimensions", params={"metrics": name}),
            lambda name: bob.get("/tree", params={"metric": name}),
            lambda name: bob.get("/targets", params={"metric": name}),
        ):
            hidden, unknown = (told_of(ask(name), name) for name in ("orders", "qwerty"))
            assert hidden == unknown


def told_of(found, name):
    told = found.json()
    told.pop("instance")
    return found.status_code, str(told).replace(name, "NAME")
