"""Rows are added up by keys before they are joined where sizes say that it costs less, and nowhere else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from plumbline.compiler import compile, explain
from plumbline.compiler.sizes import Members, Sizes, Table
from tests.benchmarks import bazaar
from tests.unit.definitions import shop

MONTH = "metric_time__month"
TYPES = {
    "orders": {
        "order_date": ("DATE", 1_096),
        "customer_id": ("INTEGER", 500_000),
        "product_id": ("INTEGER", 500),
        "channel": ("VARCHAR", 6),
        "amount": ("DECIMAL(18,4)", 100_000),
        "cost": ("DECIMAL(18,4)", 50_000),
    },
    "customers": {"customer_id": ("INTEGER", 500_000), "region_id": ("INTEGER", 10)},
    "regions": {"region_id": ("INTEGER", 9), "region": ("VARCHAR", 9)},
    "products": {"product_id": ("INTEGER", 500), "category": ("VARCHAR", 12)},
}
ROWS = {"orders": 20_000_000, "customers": 500_000, "regions": 9, "products": 500}


def sizes(rows: Mapping[str, int] = ROWS, **types: tuple[str, int | None]) -> Sizes:
    """Give the sizes of the bazaar; `types` of columns of its orders may be others."""

    def read(relation: str) -> Table | None:
        name = relation.split(".")[-1].strip('"')
        if name not in rows:
            return None
        columns = TYPES[name] | (types if name == "orders" else {})
        return Table(rows[name], {column: Members(*told) for column, told in columns.items()})

    return Sizes("bazaar", read)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop.write(tmp_path_factory.mktemp("bazaar") / "semantic_manifest.json", bazaar.definitions())


def written(
    manifest: Path,
    metrics: str,
    by: str = "",
    known: Sizes | None = None,
    dialect: str = "duckdb",
    **more: Any,
) -> str:
    asked = {"metrics": metrics.split(), "group_by": by.split(), **more}
    sql = compile(manifest, asked, dialect, sizes=known or sizes())
    return " ".join(sql.replace('"', "").replace("warehouse.marts.", "").split())


def plainly(manifest: Path, metrics: str, by: str = "", dialect: str = "duckdb", **more: Any) -> str:
    sql = compile(manifest, {"metrics": metrics.split(), "group_by": by.split(), **more}, dialect)
    return " ".join(sql.replace('"', "").replace("warehouse.marts.", "").split())


def test_few_products_are_joined_with_their_sums(manifest: Path) -> None:
    sql = written(manifest, "sales", "product__category")
    assert "GROUP BY orders.product_id ) AS orders LEFT JOIN products" in sql


def test_a_month_is_told_of_the_sums_of_its_days(manifest: Path) -> None:
    sql = written(manifest, "sales", MONTH)
    assert "GROUP BY orders.order_date ) AS orders GROUP BY DATE_TRUNC('MONTH', orders.stored moment)" in sql


def test_of_two_joins_the_one_that_leads_to_few_is_done_afterwards(manifest: Path) -> None:
    sql = written(manifest, "sales", f"{MONTH} customer__region__region_name")
    assert "GROUP BY customer.region_id, orders.order_date ) AS orders LEFT JOIN regions" in sql


def test_a_filter_of_one_metric_on_what_is_joined_is_asked_of_the_sums(
    manifest: Path, tmp_path: Path
) -> None:
    content = bazaar.definitions()
    bikes = "{{ Dimension('product__category') }} = 'bikes'"
    content["metrics"].append(shop.metric("bike_sales", measure="amount", where=bikes))
    path = shop.write(tmp_path / "semantic_manifest.json", content)
    sql = written(path, "sales bike_sales", "product__category")
    assert "SUM(CASE WHEN product.category = 'bikes' THEN orders.amount END) AS bike_sales" in sql
    assert sql.count("SUM(orders.amount) AS amount FROM orders AS orders") == 1


def test_what_is_counted_has_the_type_of_a_count(manifest: Path) -> None:
    assert "CAST(SUM(orders.order_count) AS BIGINT) AS orders" in written(manifest, "orders", MONTH)


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("product__category", "added up first by product"),
        (MONTH, "added up first by order_date"),
        (f"{MONTH} order__channel", "added up first by order__channel, order_date"),
        (f"{MONTH} customer__region__region_name", "added up first by customer__region, order_date"),
        ("customer", ""),
    ],
)
def test_the_plan_in_words_tells_by_what_rows_are_added_up_first(manifest: Path, by: str, words: str) -> None:
    query = {"metrics": ["sales"], "group_by": by.split()}
    told = explain(manifest, query, sizes=sizes()).plan
    (line,) = (line for line in told.splitlines() if line.startswith("A  "))
    assert line.partition("; ")[2] == words
    assert "added up" not in explain(manifest, query).plan


def test_the_plan_in_words_tells_the_members_that_filters_pick_from(manifest: Path) -> None:
    metrics = [f"sales_of_channel_{number}" for number in range(6)]
    told = explain(manifest, {"metrics": metrics, "group_by": [MONTH]}).plan
    assert "; added up first by metric_time__month, channel\n" in told


@pytest.mark.parametrize(
    ("metrics", "by", "known"),
    [
        pytest.param("sales", MONTH, sizes({"customers": 9}), id="rows of nobody knows how many"),
        pytest.param("sales", MONTH, sizes(amount=("DOUBLE", 9)), id="fractions"),
        pytest.param("sales", MONTH, sizes(order_date=("TIMESTAMP", 19_000_000)), id="as many moments"),
        pytest.param("sales", MONTH, sizes(order_date=("DATE", None)), id="moments nobody counted"),
        pytest.param("customers", MONTH, sizes(), id="different ones"),
        pytest.param("sales", "customer", sizes(), id="nothing to join"),
        pytest.param("sales", "", sizes(), id="a total"),
        pytest.param("sales", "product__category", sizes(ROWS | {"orders": 2_000}), id="few rows"),
        pytest.param(
            "sales",
            "product__category",
            sizes(ROWS | {"products": 15_000_000}, product_id=("INTEGER", 15_000_000)),
            id="many products",
        ),
    ],
)
def test_where_it_is_no_gain_or_not_exact_the_sql_stays(
    manifest: Path, metrics: str, by: str, known: Sizes
) -> None:
    assert written(manifest, metrics, by, known) == plainly(manifest, metrics, by)


def test_rows_are_not_kept_that_a_filter_on_what_is_joined_leaves_out(manifest: Path) -> None:
    where = ["{{ Dimension('product__category') }} = 'bikes'"]
    sql = written(manifest, "sales", "product__category", where=where)
    assert sql == plainly(manifest, "sales", "product__category", where=where)


def test_sums_of_sums_are_of_another_type_elsewhere(manifest: Path) -> None:
    sql = written(manifest, "sales", MONTH, dialect="postgres")
    assert sql == plainly(manifest, "sales", MONTH, dialect="postgres")


def test_a_range_of_few_days_leaves_few_rows(manifest: Path) -> None:
    small = sizes(ROWS | {"orders": 200_000})
    assert "stored moment" in written(manifest, "sales", MONTH, small)
    days = ["2024-01-01", "2024-01-31"]
    assert "stored moment" not in written(manifest, "sales", MONTH, small, range=days)


def test_what_is_kept_on_the_disk_is_kept_by_the_name_of_the_data(manifest: Path, tmp_path: Path) -> None:
    asked = {"metrics": ["sales"], "group_by": [MONTH]}
    first = compile(manifest, asked, cache=tmp_path, sizes=sizes())
    assert compile(manifest, asked, cache=tmp_path) == compile(manifest, asked) != first
    few = Sizes("few", lambda relation: None)
    assert compile(manifest, asked, cache=tmp_path, sizes=few) == compile(manifest, asked)
    assert compile(manifest, asked, cache=tmp_path, sizes=sizes()) == first


@pytest.mark.parametrize(
    ("expr", "is_rewritten"),
    [
        ("amount - cost", True),
        ("amount * 2", True),
        ("CASE WHEN channel = 'web' THEN amount ELSE 0 END", True),
        ("coalesce(amount, 0)", True),
        ("CAST(amount AS DECIMAL(18, 2))", True),
        ("CASE WHEN amount / 2 > 1 THEN 1 END", True),
        ("amount / 2", False),
        ("amount * 1e3", False),
        ("CAST(amount AS DOUBLE)", False),
        ("sqrt(amount)", False),
        ("CASE WHEN channel = 'web' THEN amount ELSE amount / 3 END", False),
        ("coalesce(amount / 2, 0)", False),
        ("TRY_CAST(amount AS DOUBLE)", False),
        ("unknown_column", False),
    ],
)
def test_only_exact_numbers_are_added_up_in_another_order(
    tmp_path: Path, expr: str, is_rewritten: bool
) -> None:
    content = bazaar.definitions()
    content["semantic_models"][0]["measures"].append(shop.measure("given", expr=expr))
    content["metrics"].append(shop.metric("given", measure="given"))
    path = shop.write(tmp_path / "semantic_manifest.json", content)
    assert (written(path, "given", MONTH) != plainly(path, "given", MONTH)) == is_rewritten
