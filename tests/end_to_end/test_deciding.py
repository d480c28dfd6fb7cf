"""A rewritten past: the old figures stay until somebody else approves the new ones."""

import json
import sqlite3

import duckdb

from tests.end_to_end.conftest import plumb

LI = {"PLUMBLINE_USER": "li.na@demo.example"}
FIGURE = """
select value, verdict, reason from published.indicator_value
where metric = 'net_sales' and grain = 'month' and dimensions = '' and period_start = ?"""


def rewrite(home):
    """Double the orders of a month long past; gives the month."""
    con = sqlite3.connect(home / "demo" / "data" / "erp.sqlite")
    query = (
        "select strftime('%Y-%m', max(OrderDate), 'start of month', '-8 months') from Sales_SalesOrderHeader"
    )
    (month,) = con.execute(query).fetchone()
    (now,) = con.execute(
        "select datetime(max(ModifiedDate), '+1 second') from Sales_SalesOrderHeader"
    ).fetchone()
    orders = (
        "SalesOrderID in (select SalesOrderID from Sales_SalesOrderHeader where substr(OrderDate, 1, 7) = ?)"
    )
    with con:
        for change in (
            "Sales_SalesOrderDetail set UnitPrice = 2 * UnitPrice, LineTotal = 2 * LineTotal",
            "Sales_SalesOrderHeader set SubTotal = 2 * SubTotal, TotalDue = TotalDue + SubTotal",
        ):
            con.execute(f"update {change}, ModifiedDate = ? where {orders}", (now, month))
    con.close()
    return f"{month}-01"


def ask(home, sql, *given):
    current = (home / "demo" / "published" / "current.duckdb").resolve()
    with duckdb.connect(str(current), read_only=True) as con:
        return con.execute(sql, given).fetchall()


def test_a_rewritten_past_is_published_after_somebody_else_has_approved_it(company):
    month = rewrite(company)
    ((old, *_),) = ask(company, FIGURE, month)

    done = plumb("run", home=company, PLUMBLINE_USER="wang.fang@demo.example")
    assert done.returncode == 3, done.stdout + done.stderr
    ((shown, verdict, reason),) = ask(company, FIGURE, month)
    assert (shown, verdict) == (old, "held")
    assert "awaits approval by someone other than Wang Fang" in reason
    wide = "select net_sales__verdict from published.sales_monthly where month = ?"
    assert ask(company, wide, month) == [("held",)]
    status = json.loads(plumb("status", "--format", "json", home=company).stdout)
    assert "net_sales" in {each["metric"] for each in status["restatements"]}

    mine = plumb(
        "restatement",
        "approve",
        "all",
        "--reason",
        "it was me",
        home=company,
        PLUMBLINE_USER="wang.fang@demo.example",
    )
    assert "[not-allowed]" in mine.stderr
    given = plumb("restatement", "approve", "all", "--reason", "entered at half price", home=company, **LI)
    assert given.returncode == 0, given.stderr
    done = plumb("run", home=company, **LI)
    assert done.returncode == 0, done.stdout + done.stderr
    ((new, verdict, _),) = ask(company, FIGURE, month)
    assert verdict.startswith("certified")
    assert abs(new / old - 2) < 0.1
    found = ask(
        company,
        "select old_value, new_value, approved_by, restated_by, reason from published.restatement"
        " where metric = 'net_sales' and grain = 'month' and dimensions = '' and period_start = ?",
        month,
    )
    assert found == [(old, new, "Li Na", "wang.fang@demo.example", "entered at half price")]
    again = plumb("run", home=company, **LI)
    assert "Nothing new" in again.stdout
