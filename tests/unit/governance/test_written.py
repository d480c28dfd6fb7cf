"""What dbt cannot read is explained from the files themselves, with file, line and a suggestion."""

import pytest

from plumbline.governance import written_mistakes

MODELS = """
semantic_models:
  - name: orders
    measures:
      - {name: amount, agg: sum}
      - {name: order_count, agg: count}
"""
METRICS = """
metrics:
  - name: sales
    type: simple
    type_params: {measure: amount}
  - name: average
    type: ratio
    type_params:
      numerator: sales
      denominator: {name: orders}
  - name: orders
    type: simple
    type_params:
      measure: {name: order_count}
saved_queries:
  - name: by_month
    query_params: {metrics: [sales, orders]}
"""


@pytest.fixture
def mistakes(tmp_path):
    """Give a function that checks the shop's files after a text in them was replaced."""

    def check(before="", after=""):
        for name, text in (("orders.yml", MODELS), ("sales.yml", METRICS)):
            path = tmp_path / "metrics" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.replace(before, after, 1) if before else text, encoding="utf-8")
        return [str(finding) for finding in written_mistakes(tmp_path)]

    return check


def test_sound_files_have_no_mistakes(mistakes):
    assert mistakes() == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "{measure: amount}",
            "{measure: amuont}",
            "metrics/sales.yml:5: the measure 'amuont' is not defined [unknown-measure]\n"
            "  Did you mean 'amount'?",
        ),
        (
            "numerator: sales",
            "numerator: sale",
            "metrics/sales.yml:9: the metric 'sale' is not defined [unknown-metric]\n  Did you mean 'sales'?",
        ),
        (
            "[sales, orders]",
            "[sales, oders]",
            "metrics/sales.yml:17: the metric 'oders' is not defined [unknown-metric]\n"
            "  Did you mean 'orders'?",
        ),
        (
            "type: ratio",
            "type: raito",
            "metrics/sales.yml:7: 'average' has the unknown type 'raito' [unknown-type]\n"
            "  Did you mean 'ratio'?",
        ),
        (
            "agg: sum",
            "agg: summ",
            "metrics/orders.yml:5: 'amount' has the unknown agg 'summ' [unknown-aggregate]\n"
            "  Did you mean 'sum'?",
        ),
        (
            "  - name: orders\n    type",
            "  - name: sales\n    type",
            "metrics/sales.yml:11: metric 'sales' is defined twice [defined-twice]\n"
            "  The first stands at metrics/sales.yml:3.",
        ),
        (
            "type_params:\n      numerator",
            "type_parms:\n      numerator",
            "metrics/sales.yml:8: unknown key 'type_parms' in 'average' [unknown-key]\n"
            "  Did you mean 'type_params'?",
        ),
        (
            "  - name: average",
            "  - name: [average",
            "metrics/sales.yml:7: this is no valid YAML [bad-yaml]\n"
            "  YAML says: did not find expected ',' or ']'.",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_was_meant(mistakes, before, after, told):
    assert told in mistakes(before, after)
