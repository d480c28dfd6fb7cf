"""What no question can be answered by is found before anything is built, once and where it is written."""

import pytest

from plumbline.definitions import load
from plumbline.indicators.answerable import ill_fitting, unanswerable
from tests.unit.definitions import shop


@pytest.fixture
def found(tmp_path):
    """Give a function that says which codes are found of which owners in a manifest."""

    def find(content):
        manifest = shop.write(tmp_path / "target" / "semantic_manifest.json", content)
        return [(finding.code, finding.what) for finding in unanswerable(load(manifest, tmp_path), manifest)]

    return find


def changed(name, **params):
    content = shop.manifest()
    [metric] = [metric for metric in content["metrics"] if metric["name"] == name]
    metric.update(params)
    return content


def formula(name, expr):
    content = shop.manifest()
    [metric] = [metric for metric in content["metrics"] if metric["name"] == name]
    metric["type_params"]["expr"] = expr
    return content


def test_sound_definitions_have_no_finding(found):
    assert found(shop.manifest()) == []


def test_a_filter_by_a_dimension_that_there_is_not_is_found_once_and_not_at_what_rests_on_it(found):
    wrong = {"where_filters": [{"where_sql_template": "{{ Dimension('product__categry') }} = 'Bikes'"}]}
    [(code, what)] = found(changed("sales", filter=wrong))
    assert code == "unknown-dimension"
    assert what == "metric 'sales': unknown dimension 'product__categry'"


def test_a_name_in_a_formula_that_is_no_input_is_found(found):
    [(code, what)] = found(formula("sales_growth", "sales / nullif(sales_befor, 0) - 1"))
    assert code == "unknown-input"
    assert what == "the formula of metric 'sales_growth' has 'sales_befor', which is none of its inputs"


def test_a_formula_that_is_no_sql_is_found(found):
    assert [code for code, _ in found(formula("sales_growth", "sales -"))] == ["bad-sql"]


def test_a_saved_query_by_what_there_is_not_is_found(found):
    content = shop.manifest()
    content["saved_queries"] = [
        shop.saved_query("wide", ["sales"], ["TimeDimension('metric_time', 'quarte')"])
    ]
    [(code, what)] = found(content)
    assert code == "unknown-dimension"
    assert what.startswith("saved query 'wide': ")


def test_a_measure_of_a_column_that_the_mart_lacks_is_found(tmp_path):
    manifest = shop.write(tmp_path / "target" / "semantic_manifest.json")
    columns = dict.fromkeys(
        ("order_id", "customer_id", "product_id", "order_date", "number_of_customer", "amount")
    )
    node = {"name": "orders", "resource_type": "model", "columns": columns}
    [finding] = ill_fitting(load(manifest, tmp_path), {"nodes": {"model.shop.orders": node}})
    assert finding.code == "unknown-mart-column"
    assert finding.what == "measure 'cost' of 'orders' reads the column 'cost', which the mart lacks"
