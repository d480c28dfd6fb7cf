"""A real company: the public figures of AdventureWorks come out exactly."""

import json

import pytest

from tests.companies import ADVENTUREWORKS, plumb

FIGURES = {
    "orders": "31465",
    "order_lines": "121317",
    "units_sold": "274914",
    "net_sales": "109846381.399888",
    "total_due": "123216786.1159",
    "work_orders": "72591",
    "units_planned": "4507721",
    "units_scrapped": "10651",
    "quota": "95714000",
    "purchase_orders": "4012",
    "headcount": "290",
}

pytestmark = pytest.mark.skipif(
    not ADVENTUREWORKS.is_dir(),
    reason="the AdventureWorks data is not here; PLUMBLINE_ADVENTUREWORKS names its directory",
)


@pytest.fixture
def home(adventureworks):
    return adventureworks


def ask(home, *arguments):
    done = plumb("query", *arguments, "--company", "adventureworks", "--format", "json", home=home)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout, parse_float=str, parse_int=str)


def rows(answer):
    return answer if isinstance(answer, list) else answer["rows"]


@pytest.fixture(scope="module")
def totals(adventureworks):
    """All of them asked for at once."""
    [row] = rows(ask(adventureworks, *FIGURES))
    return row


@pytest.mark.parametrize("metric", FIGURES)
def test_the_public_figures_come_out_exactly(metric, totals):
    value = str(totals[metric])
    assert (value.rstrip("0").rstrip(".") if "." in value else value) == FIGURES[metric]


def test_what_is_not_recorded_there_is_not_available_and_says_why(home):
    done = plumb("query", "leads", "--company", "adventureworks", home=home)
    assert done.returncode != 0
    assert "crm.lead" in done.stderr


def test_a_column_that_is_not_in_the_extract_is_named(home):
    done = plumb("query", "promotion_sales", "--company", "adventureworks", home=home)
    assert done.returncode == 2
    assert "erp.sales_order_detail has no column SpecialOfferID." in done.stderr


def test_the_data_directory_is_left_alone(home):
    assert not list((home / "adventureworks" / "quarantine").rglob("*.csv"))
