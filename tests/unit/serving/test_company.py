"""The API for programs: opened once, it answers as the command line does, from one generation."""

from datetime import date, datetime
from decimal import Decimal

import pytest

import plumbline
from plumbline.errors import DefinitionError, StorageError, UsageError
from plumbline.project import Project


@pytest.fixture
def company(published):
    with plumbline.open_company("demo", project=project_of(published)) as opened:
        yield opened


def project_of(shop):
    """Let the shop's state be found where a project keeps it."""
    root = shop.home.root.parent
    state = root / ".plumbline"
    if not state.exists():
        state.symlink_to(root, target_is_directory=True)
    return Project(root)


def test_figures_are_those_of_sql_written_by_hand(company, published):
    found = company.query("net_sales", by="product__category", grain="year").to_pylist()
    oracle = published.sql("""
        SELECT date_trunc('year', order_date)::DATE, category, sum(net_amount)
        FROM marts.order_lines LEFT JOIN marts.products USING (product_id) GROUP BY 1, 2 ORDER BY 1, 2""")
    keys = ("metric_time__year", "product__category", "net_sales")
    assert [tuple(row[key] for key in keys) for row in found] == oracle
    assert isinstance(found[0]["net_sales"], Decimal)


def test_chinese_names_are_understood(company):
    asked = {"by": ["渠道"], "order": "-net_sales", "start": "2026-01", "end": "2026-02"}
    assert (
        company.query(["净销售额"], **asked).to_pylist() == company.query(["net_sales"], **asked).to_pylist()
    )


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("limit", "5"),
        ("limit", True),
        ("start", 2026),
        ("by", 5),
        ("by", [{"name": "category"}]),
        ("where", 5),
        ("order", [None]),
        ("grain", 1),
        ("compare", ["previous"]),
    ],
)
def test_what_is_of_another_kind_is_refused(company, name, given):
    for asked in (company.query, company.explain):
        with pytest.raises(UsageError, match=f"'{name}' cannot be"):
            asked("net_sales", **{name: given})


def test_metrics_and_dimensions_are_texts(company):
    for ask in (company.query, company.dimensions, lambda given: company.values("category", metrics=given)):
        with pytest.raises(UsageError, match="'metrics' cannot be"):
            ask([None])
    with pytest.raises(UsageError, match="'dimension' cannot be"):
        company.values(5)


def test_dates_may_be_dates_and_nothing_may_be_none(company):
    asked = {"by": None, "start": date(2026, 1, 1), "end": datetime(2026, 2, 28, 12)}
    expected = company.query("net_sales", start="2026-01-01", end="2026-02-28").to_pylist()
    assert company.query("net_sales", **asked).to_pylist() == expected


def test_an_unknown_comparison_names_those_that_are_known(company):
    with pytest.raises(UsageError, match="Known: previous, year-ago"):
        company.query("net_sales", grain="month", compare="last-year")


def test_members_of_a_dimension_come_in_order(company):
    assert company.values("product__category").to_pylist() == [
        {"product__category": "Bikes"},
        {"product__category": "Helmets"},
    ]
    assert company.values("category", where="product__category != 'Bikes'").num_rows == 1
    assert company.values("渠道", metrics="orders", limit=1).to_pylist() == [{"order__channel": "online"}]


def test_the_first_and_the_last_member_are_one_row(company):
    assert company.span("product__category").to_pylist() == [
        {"product__category__min": "Bikes", "product__category__max": "Helmets"}
    ]


def test_an_explanation_tells_formulas_passes_sql_and_marts(company):
    told = company.explain("net_sales", by="category", where="product__category = 'Bikes'")
    assert told.plan.splitlines() == [
        "net_sales = A.net_amount",
        "",
        "A  rows of marts.order_lines, by product__category (marts.products over product)",
        "   net_amount: sum(net_amount); where product__category = 'Bikes'",
    ]
    assert set(told.tables) == {"order_lines", "products"}
    assert "SELECT" in told.sql


def test_an_explanation_takes_what_a_question_does(company):
    told = company.explain(
        "net_sales", by="category", start="2026-01", end="2026-01", order="-net_sales", limit=7
    )
    assert "2026-01-01" in told.sql
    assert "LIMIT 7" in told.sql


def test_the_library_is_that_of_the_command_line(company):
    metrics = {entry["name"]: entry for entry in company.metrics()}
    assert metrics["leads"]["reason"] == "no extract of crm.lead"
    assert company.dimensions("net_sales")[0]["name"] == "metric_time"
    assert [entry["name"] for entry in company.entities()] != []
    assert company.saved_queries()[0]["name"] == "sales_monthly"
    assert company.show("净销售额")["label"] == "Net sales"
    assert company.publication.as_of == date(2026, 2, 28)


@pytest.mark.parametrize(
    "ask",
    [
        lambda company: company.query("nett_sales"),
        lambda company: company.query("net_sales", by="categry"),
        lambda company: company.values("categry"),
        lambda company: company.explain("leads"),
    ],
)
def test_what_is_unknown_or_not_available_is_an_error(company, ask):
    with pytest.raises(DefinitionError):
        ask(company)


def test_a_question_without_a_metric_is_refused(company):
    with pytest.raises(UsageError):
        company.query([])


def test_what_it_opened_stays_while_others_publish(shop):
    shop.publish()
    with plumbline.open_company("demo", project=project_of(shop)) as company:
        before = company.query("net_sales").to_pylist()
        shop.change("UPDATE marts.order_lines SET net_amount = 0")
        shop.publish()
        assert company.query("net_sales").to_pylist() == before
    with plumbline.open_company("demo", project=project_of(shop)) as company:
        assert company.query("net_sales").to_pylist() == [{"net_sales": Decimal(0)}]


def test_nothing_published_is_an_error_that_says_what_to_do(shop):
    with pytest.raises(StorageError, match="nothing is published yet"):
        plumbline.open_company("demo", project=project_of(shop))


def test_the_private_warehouse_can_be_asked(shop):
    with plumbline.open_company("demo", project=project_of(shop), live=True) as company:
        assert company.publication is None
        assert company.query("orders").to_pylist() == [{"orders": 5}]


def test_what_is_closed_is_refused(published):
    with plumbline.open_company("demo", project=project_of(published)) as opened:
        pass
    opened.close()
    for asked in (opened.metrics, lambda: opened.query("net_sales"), lambda: opened.publication):
        with pytest.raises(UsageError, match="'demo' is closed") as caught:
            asked()
        assert caught.value.code == "closed"
        assert "plumbline.open_company('demo')" in caught.value.todo


def test_the_time_of_a_metric_is_that_of_its_figures(company, published):
    (days,) = published.sql("SELECT min(order_date), max(order_date) FROM marts.order_lines")
    (found,) = company.span("metric_time", metrics="net_sales").to_pylist()
    assert tuple(found.values()) == days
    months = published.sql(
        "SELECT DISTINCT date_trunc('month', order_date)::DATE FROM marts.order_lines ORDER BY 1"
    )
    assert company.values("metric_time__month", metrics="net_sales").to_pylist() == [
        {"metric_time__month": month} for (month,) in months
    ]


def test_a_saved_query_is_shown(company):
    found = company.show("sales_monthly")
    assert (found["kind"], found["table"]) == ("saved query", "published.sales_monthly")
    assert found["metrics"] == ["net_sales", "orders"]
    assert found["by"] == ["month"]
    assert company.show("Sales by month") == found


def test_a_dimension_tells_its_synonyms(company):
    (found,) = (entry for entry in company.dimensions("net_sales") if entry["name"] == "product__category")
    assert found["synonyms"] == ["Product group", "品类"]
