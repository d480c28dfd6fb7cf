"""Whatever has landed: a staged model keeps what the statement says of which lineage is read."""

import random

import duckdb
import pytest

from plumbline.lineage import Part, read_relations

# With a version; without one; by a key of two columns; with a parent.
MODELS = ["crm__lead", "oa__fact_finance", "erp__product_inventory", "erp__sales_order_detail"]
PARENT = "staging.stg_erp__sales_order_header"
ROUNDS = 60

pytestmark = pytest.mark.xdist_group("lineage")


@pytest.fixture(scope="module")
def relations(lineage, home):
    told = read_relations((home.target / "relations.json").read_text(encoding="utf-8"))
    return {item.name: item for item in told}


def test_every_staged_model_is_read_so(relations):
    staged = [item for name, item in relations.items() if name.startswith("staging.stg_")]
    assert len(staged) > 30
    assert [item.name for item in staged if not item.same_as] == []


@pytest.mark.parametrize("name", MODELS)
def test_the_newest_content_of_each_key_is_kept(relations, home, name):
    base, kept = relations[f"staging.base_{name}"], relations[f"staging.stg_{name}"]
    system, table = name.split("__")
    sampled = random.Random(name)
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as warehouse; use warehouse")
        for schema in (f"landing_{system}", "landing_run", "staging"):
            con.execute(f"create schema {schema}")
        con.execute("create table landing_run.loads as select 1 as load")
        con.execute(f"create table {PARENT} as select 1 as order_id")
        con.execute(f"attach '{home.warehouse}' as built (read_only)")
        landed = f"landing_{system}.{table}"
        con.execute(f"create table {landed} as from built.{landed} limit 0")
        columns = [row[0] for row in con.execute(f"describe {landed}").fetchall()]
        verdicts = set()
        for _ in range(ROUNDS):
            con.execute(f"delete from {landed}")
            for line in _rows(columns, sampled):
                con.execute(f"insert into {landed} values ({', '.join('?' * len(line))})", line)
            con.execute(f"create or replace table {base.name} as {base.sql}")
            verdicts |= {
                row[0] for row in con.execute(f"select distinct _verdict from {base.name}").fetchall()
            }
            assert con.execute(f"from ({kept.same_as}) order by all").fetchall() == (
                con.execute(f"from ({kept.sql}) order by all").fetchall()
            )
    assert verdicts == {"kept", "duplicate", "superseded", "quarantined"}


def _rows(columns, sampled):
    """Rows of few keys, versions and contents, some of them bad, of two loads."""
    plain = {"LeadID": "12", "ProductID": "12", "LocationID": "1", "SalesOrderDetailID": "12"}
    values = {
        **plain,
        "FinanceKey": "12",
        "SalesOrderID": "1112",
        "ModifiedDate": ["2026-01-01 00:00:00", "2026-01-02 00:00:00", None, "never"],
        "StartDate": ["2026-01-01", "2026-01-01", "2026-01-02"],
    }
    for number in range(sampled.randint(2, 9)):
        line = {
            name: sampled.choice(values.get(name, ["1", "1", "1", "2"]))
            if not name.endswith("Date") or name in values
            else "2026-01-03"
            for name in columns
        }
        if sampled.random() < 0.2:
            line[sampled.choice(columns)] = "?"
        line |= {"_load": 1 + (number > 4), "_row_number": number + 1}
        yield [line[name] for name in columns]


@pytest.mark.parametrize(
    ("part", "is_held"),
    [
        (Part("landing_erp.product", "Size"), False),
        (Part("landing_erp.product", "Name"), True),
        (Part("landing_erp.product", "ProductSubcategoryID"), True),
        (Part("landing_erp.product", "ModifiedDate"), True),
    ],
)
def test_a_column_that_nobody_reads_holds_nothing(lineage, part, is_held):
    assert bool(lineage.affected([part], list(lineage.cells))) == is_held


def test_what_another_form_looks_at_holds_and_nothing_besides(lineage):
    cells = [("purchase_lines", (), ()), ("customers_with_orders", (), ())]
    orders = "staging.stg_erp__purchase_order_header"
    assert lineage.affected([Part(orders, "purchase_order_id")], cells) == cells[:1]
    assert lineage.affected([Part(orders, "total_due")], cells) == []
    sales = "staging.stg_erp__sales_order_header"
    assert lineage.affected([Part(sales, "order_date")], cells) == cells[1:]
    assert lineage.affected([Part(sales, "order_number")], cells) == []
