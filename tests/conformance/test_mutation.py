"""Each mutant of the compiler answers one of these questions otherwise, or not at all.

The tests of features compare the answers to such questions with SQL by hand: they fail for each mutant.
One mutant in so many stands for all; the others take long.
"""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest

from plumbline.compiler.sizes import Sizes
from tests.conformance.features.market import METRICS, TABLES, manifest
from tests.conformance.mutants import Mutant, born, mutants
from tests.conformance.sized import imagined

MONTH = "metric_time__month"
SEGMENT = "customer__segment"
SINCE = "{{ TimeDimension('metric_time', 'month') }} >= '2024-01-15'"
UNTIL = "{{ TimeDimension('metric_time', 'month') }} <= '2024-02-15'"
MIXED = (
    "{{ TimeDimension('metric_time', 'day') }} > '2024-02-01' OR {{ Dimension('order__channel') }} = 'web'"
)


def _follows(metric: str) -> bool:
    return next(item for item in METRICS if item["name"] == metric)["type"] == "conversion"


def asked(metrics: str, by: str = "", **more: Any) -> dict[str, Any]:
    return {"metrics": metrics.split(), "group_by": by.split(), **more}


QUESTIONS: list[dict[str, Any]] = [
    asked("sales refunded net_sales_filled orders_per_gift", f"{MONTH} {SEGMENT}"),
    asked("sales average_order refund_rate", f"{MONTH} customer__region__country__country_name"),
    asked("web_sales sales web_buyers", "order__channel"),
    asked("web_buyers web_sales", SEGMENT),
    asked("web_share web_over_shop", MONTH, where=[SINCE]),
    asked("sales", MONTH, where=[SINCE, UNTIL]),
    asked("sales", MONTH, where=["sales > 50"]),
    asked("sales", "metric_time__day", range=["2024-01-31", "2024-02-28"]),
    asked("orders", "store__manager metric_time__day"),
    asked("clicks", "ad__campaign"),
    asked("sales_of_regulars", MONTH),
    asked("quantity", SEGMENT, where=["{{ Metric('orders', group_by=['order__customer']) }} > 1"]),
    asked("sales_1_month_ago sales", MONTH),
    asked("sales_1_sprint_ago sales_1_season_ago", "metric_time__day"),
    asked("sales_since_month_start", "metric_time__week"),
    asked("sales_2_months_ago", "metric_time__quarter", where=[SINCE]),
    asked("sales_1_year_ago", f"{MONTH} {SEGMENT}", range=["2024-01-01", "2024-03-31"]),
    asked("sales_ever sales_28_days buyers_28_days", f"metric_time__day {SEGMENT}"),
    asked("sales_28_days average_28_days median_ever", MONTH, where=[MIXED]),
    asked("sales_28_days sales_2_months average_28_days", MONTH, range=["2024-02-01", "2024-03-31"]),
    asked("sales_28_days buyers_ever", "", range=["2024-03-01", "2024-03-31"]),
    asked("sales_28_days_first sales_28_days_average buyers_28_days_average", MONTH),
    asked("buyers_month_to_date buyers_ever", "metric_time__day"),
    asked("sales_month_to_date buyers_2_months", f"metric_time__week {SEGMENT}"),
    asked("notes_28_days some_gift_ever", "metric_time__day"),
    asked("last_stock first_stock", MONTH),
    asked("last_stock_by_store average_last_stock", f"{MONTH} product__category"),
    asked("last_stock", "store", where=["{{ Dimension('product__category') }} = 'veg'"]),
    asked("visit_to_order visit_to_order_week", f"{MONTH} visit__source"),
    asked("orders_after_visit_filled visit_to_same_channel", "visit__source"),
    asked("order_to_refund", "order__channel order__is_gift"),
    asked("visit_to_buyers web_visit_to_order", MONTH, range=["2024-01-01", "2024-02-29"]),
    asked(
        "orders_on_spine orders_filled",
        f"{MONTH} order__channel",
        where=["{{ Dimension('order__channel') }} = 'web'"],
    ),
    asked("orders_filled_1_month_ago watts_filled", "metric_time__day"),
    asked("watts_filled", "metric_time__sprint"),
    asked(
        "",
        f"{SEGMENT} customer__region__region_name",
        where=["{{ Dimension('region__region_name') }} IS NOT NULL"],
    ),
    asked("", f"{SEGMENT} customer__region__region_name metric_time__year"),
    asked("", f"{SEGMENT} customer__region__region_name metric_time__year", where=[SINCE]),
    asked(
        "",
        f"{SEGMENT} metric_time__day",
        where=[f"{{{{ Dimension('{SEGMENT}') }}}} = 'trade'"],
        range=["2024-01-01", "2024-01-03"],
    ),
    asked("", "metric_time__day", where=["{{ TimeDimension('metric_time', 'month') }} = '2024-02-01'"]),
    asked("", "customer", where=["{{ Metric('orders', group_by=['customer']) }} > 2"]),
    asked("", "store__city store__region__region_name"),
    asked("sales_growth", MONTH, where=[SINCE]),
    asked("sales_growth", MONTH, range=["2024-02-01", "2024-03-31"]),
    asked("sales_1_sprint_ago", "metric_time__sprint", range=["2024-01-30", "2024-03-10"]),
    asked("web_sales web_orders web_buyers retail_sales big_web_sales sales_of_regulars", "order__channel"),
    asked(
        "web_sales retail_sales big_web_sales sales_of_regulars", MONTH, range=["2024-02-01", "2024-03-31"]
    ),
    asked("web_sales shop_notes phone_largest_sale buyers", "customer__segment"),
    asked("sales_28_days_filled", "metric_time__day"),
    asked("average_28_days", f"metric_time__day {SEGMENT}"),
    asked("sales_month_to_date", "metric_time__day", where=[MIXED]),
    asked("orders_filled", MONTH, where=[SINCE]),
    asked("visit_to_web_order", MONTH),
    *(asked(item["name"], MONTH) for item in METRICS),
]
# Of no day, and of a day that the calendar does not have.
MORE = """
INSERT INTO market.stock (stock_id, store_id, product_id, on_hand) VALUES (1000, 1, 1, 7);
INSERT INTO market.hours VALUES (TIMESTAMP '2031-01-01 05:00');
"""
# Questions that engines without ASOF and full joins answer by other SQL.
ELSEWHERE = [item for item in QUESTIONS if any(_follows(name) for name in item["metrics"])]
ELSEWHERE.append(asked("sales refunded net_sales_filled", f"{MONTH} {SEGMENT}"))
# Questions that are answered otherwise where rows are many, and keys few.
SUMMED = [
    asked("orders sales web_sales noted gifts total_weight", f"{MONTH} {SEGMENT}"),
    asked("sales retail_sales", f"{MONTH} customer__region__region_name"),
    asked("retail_sales", MONTH),
    asked("retail_sales trade_orders", MONTH),
    asked("retail_sales", "customer__region__country__country_name"),
    asked("retail_sales", SEGMENT, where=["{{ Dimension('customer__region__region_name') }} IS NOT NULL"]),
    asked("retail_sales big_web_sales", f"{MONTH} order__channel"),
    asked("buyers sales average_sale median_sale", f"{MONTH} {SEGMENT}"),
    asked("price_per_further_item quantity", f"{MONTH} product__category"),
    asked("orders", f"store__manager {MONTH}"),
    asked("clicks", "ad__campaign metric_time__month"),
    asked("sales", "metric_time__sprint order__channel"),
    asked("sales retail_or_web_sales", f"{MONTH} {SEGMENT}"),
    asked("sales_2_months_ago sales_1_sprint_ago", MONTH),
    asked("web_sales web_orders shop_notes phone_largest_sale", f"{MONTH} {SEGMENT}"),
    asked("last_stock last_stock_by_store", f"{MONTH} product__category"),
    asked("sales_of_regulars", f"{MONTH} {SEGMENT}", range=["2024-01-01", "2024-03-31"]),
]
# What changes no answer, and why.
HARMLESS = {
    ("relations", "_following_values"): "what is empty adds nothing",
    ("rows", "_limits"): "limits only let the engine skip rows that the filter leaves out",
    ("relations", "_share"): "the average of no values is empty before it is divided",
    ("relations", "_following_each"): "what is empty adds nothing",
    ("members", "_apart"): "collects what an error tells",
    ("early", "_possible"): "more ways would only take longer to compare",
    ("picked", "_is_dimension"): "of what has many members, adding up by member only takes longer",
    ("spines", "moved_by_calendar"): "the condition beside it leaves out the same days",
    ("relations", "_followed_sums"): "what no event precedes has no latest event",
    ("relations", "_followed"): "what no event precedes has no last event",
    ("relations", "_last"): "what no event precedes has no last event",
}


EVERY = 5


def _chosen() -> Iterator[Any]:
    """Give every mutant that does harm; most of them are long."""
    harmful = [item for item in mutants() if not _is_harmless(item)]
    for number, mutant in enumerate(harmful):
        marks = [pytest.mark.long] if number % EVERY else []
        yield pytest.param(mutant, marks=marks, id=str(mutant))


def _is_harmless(mutant: Mutant) -> bool:
    told = HARMLESS.get((mutant.module, mutant.function), "")
    if told.startswith("what no event"):
        return "join" in mutant.change
    return bool(told) and not (mutant.function == "_following_values" and mutant.change == "no WHERE")


def answers(compiler: ModuleType, path: Path, con: duckdb.DuckDBPyConnection) -> Iterator[Any]:
    """Answer every question, also by the SQL of engines that lack joins; an error is an answer, too."""
    for query in QUESTIONS:
        yield _answer(compiler, path, con, query)
    sizes = imagined(con)
    for query in SUMMED:
        yield from (_answer(compiler, path, con, query, one) for one in sizes)
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (("relations", "joins_the_last"), ("generate", "joins_fully")):
            patch.setattr(sys.modules[f"{compiler.__name__}.{module}"], name, lambda dialect: False)
        for query in ELSEWHERE:
            yield _answer(compiler, path, con, query)


def _answer(
    compiler: ModuleType,
    path: Path,
    con: duckdb.DuckDBPyConnection,
    query: dict[str, Any],
    sizes: Sizes | None = None,
) -> Any:
    try:
        answer = con.execute(compiler.compile(path, query, "duckdb", sizes=sizes))
        types = [str(item[1]) for item in answer.description or ()]
        return [*types, *sorted(map(repr, answer.fetchall()))]
    except Exception as error:
        return getattr(error, "code", type(error).__name__)


@pytest.fixture(scope="module")
def plain() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute(TABLES)
        con.execute(MORE)
        yield con


@pytest.fixture(scope="module")
def manifest_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mutants") / "semantic_manifest.json"
    path.write_text(json.dumps(manifest()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def expected(plain: duckdb.DuckDBPyConnection, manifest_path: Path) -> list[Any]:
    return list(answers(importlib.import_module("plumbline.compiler"), manifest_path, plain))


def test_the_questions_have_answers(expected: list[Any]) -> None:
    assert not [item for item in expected if isinstance(item, str)]


@pytest.mark.parametrize("mutant", list(_chosen()))
def test_a_mutant_answers_otherwise(
    mutant: Mutant, expected: list[Any], plain: duckdb.DuckDBPyConnection, manifest_path: Path
) -> None:
    with born(mutant) as compiler:
        found = answers(compiler, manifest_path, plain)
        assert any(one != other for one, other in zip(found, expected, strict=True)), f"{mutant} lives"
