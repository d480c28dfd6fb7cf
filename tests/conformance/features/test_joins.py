"""Joins: any number of hops, keys that are empty or lead nowhere, several ways, rows that must not repeat."""

import pytest

from plumbline.errors import DefinitionError
from tests.conformance.features.market import Market

ORDERS = """market.orders o LEFT JOIN market.customers c ON o.customer_id = c.customer_id
  LEFT JOIN market.regions r ON c.region_id = r.region_id
  LEFT JOIN market.countries n ON r.country_id = n.country_id"""


@pytest.mark.parametrize(
    ("by", "column"),
    [
        ("order__channel", "o.channel"),
        ("customer__segment", "c.segment"),
        ("customer__region__region_name", "r.region_name"),
        ("customer__region__country__country_name", "n.country_name"),
        ("customer__region", "c.region_id"),
        ("customer__region__country", "r.country_id"),
    ],
)
def test_over_hops_every_order_counts_once(market: Market, by: str, column: str) -> None:
    assert market.ask("sales orders", by) == market.sql(
        f"SELECT {column}, sum(amount), count(*) FROM {ORDERS} GROUP BY 1"
    )


def test_over_four_hops_a_line_counts_once(market: Market) -> None:
    assert market.ask("quantity", "order__customer__region__country__country_name") == market.sql("""
        SELECT country_name, sum(quantity) FROM market.lines
        LEFT JOIN market.orders USING (order_id) LEFT JOIN market.customers USING (customer_id)
        LEFT JOIN market.regions USING (region_id) LEFT JOIN market.countries USING (country_id)
        GROUP BY 1""")


def test_empty_and_dangling_keys_are_one_group(market: Market) -> None:
    rows = market.ask("orders", "customer__segment")
    assert rows == market.sql(
        """SELECT segment, count(*) FROM market.orders LEFT JOIN market.customers USING (customer_id)
        GROUP BY 1"""
    )
    assert sum(row[0] is None for row in rows) == 1


def test_a_key_that_leads_nowhere_is_still_its_own_entity(market: Market) -> None:
    assert market.ask("orders", "customer") == market.sql(
        "SELECT customer_id, count(*) FROM market.orders GROUP BY 1"
    )


def test_joined_columns_that_are_computed(market: Market) -> None:
    assert market.ask("quantity", "order__size product__category") == market.sql("""
        SELECT CASE WHEN amount >= 40 THEN 'big' WHEN amount < 40 THEN 'small' END, category, sum(quantity)
        FROM market.lines LEFT JOIN market.orders USING (order_id) LEFT
        JOIN market.products USING (product_id)
        GROUP BY 1, 2""")


def test_a_time_of_a_joined_model_at_a_grain(market: Market) -> None:
    assert market.ask("sales", "customer__joined_on__quarter store__opened_on__year") == market.sql("""
        SELECT date_trunc('quarter', joined_on), date_trunc('year', opened_on), sum(amount)
        FROM market.orders LEFT JOIN market.customers USING (customer_id)
        LEFT JOIN market.stores USING (store_id) GROUP BY 1, 2""")


def test_the_same_table_by_two_ways_is_joined_twice(market: Market) -> None:
    by = "customer__region__region_name store__region__region_name"
    assert market.ask("orders", by) == market.sql("""
        SELECT a.region_name, b.region_name, count(*) FROM market.orders
        LEFT JOIN market.customers c USING (customer_id) LEFT JOIN market.stores s USING (store_id)
        LEFT JOIN market.regions a ON c.region_id = a.region_id
        LEFT JOIN market.regions b ON s.region_id = b.region_id GROUP BY 1, 2""")


@pytest.mark.parametrize(
    "name", ["region__region_name", "region__country__country_name", "country__country_name"]
)
def test_a_name_with_two_ways_is_refused_and_both_are_named(market: Market, name: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.ask("sales", name)
    rest = name.removeprefix("region__")
    assert caught.value.code == "ambiguous-dimension"
    assert f"customer__region__{rest} or store__region__{rest}" in str(caught.value)
    assert "in full" in caught.value.todo


@pytest.mark.one_engine
def test_the_same_element_under_a_longer_name_is_no_other(market: Market) -> None:
    assert market.ask("orders quantity", "customer__segment") == market.ask(
        "orders quantity", "order__customer__segment"
    )


def test_a_name_may_leave_out_the_start_of_its_way(market: Market) -> None:
    assert market.ask("quantity", "customer__segment") == market.sql("""
        SELECT segment, sum(quantity) FROM market.lines LEFT JOIN market.orders USING (order_id)
        LEFT JOIN market.customers USING (customer_id) GROUP BY 1""")


def test_what_would_repeat_rows_is_refused_with_what_is_possible(market: Market) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.ask("sales", "product__category")
    assert caught.value.code == "unreachable-dimension"
    assert "without repeating rows" in caught.value.why
    assert "order__customer" in caught.value.todo


def test_a_parent_of_many_lines_is_refused_by_the_lines(market: Market) -> None:
    with pytest.raises(DefinitionError) as caught:
        market.ask("sales", "line__line_date__month")
    assert caught.value.code == "unreachable-dimension"


@pytest.mark.one_engine
def test_joining_the_same_key_for_two_dimensions_joins_once(market: Market) -> None:
    sql = market.compiled("sales", "customer__segment customer__joined_on__month customer__region")
    assert sql.count("JOIN") == 1


# -- models of which a row is valid for a time


MANAGED = """LEFT JOIN market.managers m ON o.store_id = m.store_id AND {at} >= m.valid_from
  AND ({at} < m.valid_to OR m.valid_to IS NULL)"""


def test_the_row_that_was_valid_then_counts(market: Market) -> None:
    assert market.ask("sales orders", "store__manager") == market.sql(f"""
        SELECT manager, sum(amount), count(*) FROM market.orders o {MANAGED.format(at="order_date")}
        GROUP BY 1""")


def test_a_time_without_a_valid_row_is_the_empty_member(market: Market) -> None:
    assert market.ask("orders", "order", where=["store__manager IS NULL"]) == market.sql(f"""
        SELECT order_id, 1 FROM market.orders o {MANAGED.format(at="order_date")} WHERE manager IS NULL""")


def test_validity_follows_the_time_of_the_measure(market: Market) -> None:
    assert market.ask("shipped_sales", "store__manager") == market.sql(f"""
        SELECT manager, sum(amount) FROM market.orders o {MANAGED.format(at="ship_date")} GROUP BY 1""")


def test_validity_over_two_hops_is_that_of_the_first_row(market: Market) -> None:
    assert market.ask("quantity", "order__store__manager") == market.sql(f"""
        SELECT manager, sum(quantity) FROM market.lines l
        LEFT JOIN market.orders o USING (order_id) {MANAGED.format(at="line_date")} GROUP BY 1""")


def test_two_facts_by_a_valid_row_each_at_its_own_time(market: Market) -> None:
    assert market.ask("orders refund_count", "store__manager") == market.sql(f"""
        SELECT manager, a.n, b.n FROM
          (SELECT manager, count(*) n FROM market.orders o {MANAGED.format(at="order_date")} GROUP BY 1) a
          FULL JOIN (SELECT manager, count(*) n FROM market.refunds o {MANAGED.format(at="refund_date")}
            GROUP BY 1) b USING (manager) WHERE manager IS NOT NULL
        UNION ALL SELECT NULL,
          (SELECT count(*) FROM market.orders o {MANAGED.format(at="order_date")} WHERE manager IS NULL),
          (SELECT count(*) FROM market.refunds o {MANAGED.format(at="refund_date")} WHERE manager IS NULL)""")


# -- partitions


def test_partitions_meet_their_own_kind(market: Market) -> None:
    assert market.ask("clicks", "ad__campaign") == market.sql("""
        SELECT campaign, count(*) FROM market.clicks c
        LEFT JOIN market.ads a ON c.ad_id = a.ad_id AND c.part = a.part GROUP BY 1""")


def test_a_click_of_a_day_without_its_ad_stays(market: Market) -> None:
    assert market.ask("clicks") == market.ask("clicks", where=["1 = 1"]) == [(7.0,)]


def test_a_partition_is_a_dimension_too(market: Market) -> None:
    assert market.ask("clicks", "click__part__day ad__part__day") == market.sql("""
        SELECT c.part, a.part, count(*) FROM market.clicks c
        LEFT JOIN market.ads a ON c.ad_id = a.ad_id AND c.part = a.part GROUP BY 1, 2""")
