import csv
import io
import json
import subprocess
import sys

import pytest

from plumbline.cli.main import main
from plumbline.cli.query import show_figures


@pytest.fixture
def plumb(published, monkeypatch, tmp_path, capsys):
    """Run `plumb` on the published shop; give exit code, stdout, stderr."""
    (tmp_path / "dbt_project.yml").touch()
    monkeypatch.setenv("PLUMBLINE_PROJECT", str(tmp_path))
    monkeypatch.setenv("PLUMBLINE_HOME", str(published.home.root.parent))

    def run(*arguments):
        code = main(list(arguments))
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_a_table_for_people(plumb):
    code, out, err = plumb("query", "net_sales", "--by", "category", "--grain", "year", "--limit", "3")
    assert code == 0
    assert out.splitlines() == [
        "Year          Category  Net sales (currency)",
        "────────────  ────────  ────────────────────",
        "2025-01-01    Bikes                   130.00",
        "2025-01-01    Helmets                  50.00",
        "2026-01-01 *  Bikes                   200.00",
    ]
    assert "publication demo-000001, as of 2026-02-28, certified" in err


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_an_empty_day_is_no_day(plumb, option):
    code, out, err = plumb("query", "net_sales", option, "")
    assert (code, out) == (2, "")
    assert f"error: {option}: '' is no date [bad-date]" in err


def test_a_chinese_question_gets_chinese_headings(plumb):
    _, out, _ = plumb("query", "净销售额", "--by", "渠道", "--order=-净销售额")
    lines = out.splitlines()
    assert lines[0].split() == ["渠道", "净销售额", "(currency)"]
    assert lines[2].split() == ["online", "359.50"]


def test_a_minus_before_a_column_is_no_option(plumb):
    _, joined, _ = plumb("query", "net_sales", "--by", "渠道", "--order=-net_sales")
    assert plumb("query", "net_sales", "--by", "渠道", "--order", "-net_sales")[1] == joined


def test_a_period_that_is_not_over_is_named(plumb):
    _, _, err = plumb("query", "orders", "--grain", "year")
    assert "* the year from 2026-01-01 is not over yet: it counts 2026-01-01 to 2026-02-28" in err
    _, _, err = plumb("query", "orders", "--grain", "month")
    assert "not over" not in err


def test_json_keeps_every_digit(plumb):
    _, out, _ = plumb("query", "net_sales", "--grain", "year", "--format", "json")
    assert '"net_sales": 180.000001' in out
    assert json.loads(out) == [
        {"metric_time__year": "2025-01-01", "net_sales": 180.000001, "is_partial": False},
        {"metric_time__year": "2026-01-01", "net_sales": 250.0, "is_partial": True},
    ]


def test_csv_has_machine_names(plumb):
    _, out, _ = plumb("query", "net_sales", "--by", "product__name", "--format", "csv")
    found = list(csv.reader(io.StringIO(out)))
    assert found[0] == ["product__name", "net_sales"]
    assert ["头盔", "90.500000"] in found
    assert ["", "9.500000"] in found


@pytest.mark.parametrize("style", ["parquet", "arrow"])
def test_files_go_to_standard_output(plumb, style, monkeypatch):
    import pyarrow as pa
    import pyarrow.parquet as pq

    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    assert main(["query", "orders", "--grain", "year", "--format", style]) == 0
    content = io.BytesIO(sys.stdout.buffer.getvalue())
    table = pq.read_table(content) if style == "parquet" else pa.ipc.open_stream(content).read_all()
    assert table.column("orders").to_pylist() == [2, 3]
    assert table.schema.field(0).type == pa.date32()


def test_explain_shows_the_sql(plumb):
    _, out, _ = plumb("query", "orders", "--explain")
    assert out.startswith("-- orders = A.order_count\n")
    assert '"warehouse"."marts"."orders"' in out


def test_a_metric_that_is_not_available_exits_with_2(plumb):
    code, out, err = plumb("query", "leads")
    assert (code, out) == (2, "")
    assert "metric 'leads' is not available [not-available]" in err
    assert "No extract of crm.lead." in err


def test_list_metrics(plumb):
    _, out, _ = plumb("list", "metrics", "--format", "json")
    names = [entry["name"] for entry in json.loads(out)]
    assert names == ["leads", "average_order_value", "net_sales", "orders"]
    _, out, _ = plumb("list", "metrics")
    assert "no extract of crm.lead" in out


def test_list_dimensions_of_a_metric(plumb):
    _, out, _ = plumb("list", "dimensions", "--metric", "average_order_value", "--format", "json")
    names = [entry["name"] for entry in json.loads(out)]
    assert names == ["metric_time", "order__channel", "order__order_date"]


def test_list_entities_and_saved_queries(plumb):
    _, out, _ = plumb("list", "entities", "--format", "json")
    assert {"name": "product"} in json.loads(out)
    _, out, _ = plumb("list", "saved-queries")
    assert "sales_monthly" in out


def test_list_the_values_of_a_dimension(plumb):
    _, out, _ = plumb("list", "values", "category")
    assert out.splitlines()[2:] == ["Bikes", "Helmets"]
    _, out, _ = plumb("list", "values", "year", "--format", "json")
    assert json.loads(out)[0] == {"metric_time__year": "2025-01-01"}


def test_keys_are_listed_as_a_condition_takes_them(plumb, monkeypatch):
    found = [{"customer": 12383}, {"customer": None}]
    monkeypatch.setattr("plumbline.serving.library.list_values", lambda *_: found)
    assert plumb("list", "values", "customer")[1].splitlines()[2:] == ["12383", "(none)"]


def test_values_of_no_dimension_and_a_dimension_of_other_lists_are_refused(plumb):
    assert plumb("list", "values")[0] == 2
    assert plumb("list", "metrics", "category")[0] == 2


def test_show_a_metric_by_its_chinese_label(plumb):
    _, out, _ = plumb("show", "客单价", "--format", "json")
    entry = json.loads(out)
    assert entry["name"] == "average_order_value"
    assert "order__channel" in entry["dimensions"]
    _, out, _ = plumb("show", "net_sales")
    assert "净销售额" in out


def test_a_cached_question_needs_no_heavy_library(plumb, published):
    plumb("query", "orders", "--format", "json")
    script = (
        "import sys; from plumbline.cli.main import main; main(['query', 'orders', '--format', 'json']);"
        "heavy = {'dbt', 'dagster', 'great_expectations', 'metricflow', 'pandas', 'pyarrow', 'sqlalchemy',"
        "'sqlglot', 'plumbline.publication.publisher', 'plumbline.landing', 'plumbline.ledger'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_figures_of_one_column_look_alike():
    from decimal import Decimal

    assert show_figures([Decimal("1234567.891"), None, 5], "currency") == ["1,234,567.89", "-", "5.00"]
    assert show_figures([0.12345, 1], "ratio") == ["12.35 %", "100.00 %"]
    assert show_figures([1000, 2], "count") == ["1,000", "2"]
    assert show_figures([1.5, 2.25], "days") == ["1.50", "2.25"]
    assert show_figures([0.005, float("inf")], "days") == ["0.01", "inf"]
    assert show_figures([Decimal("9" * 38)], "currency")[0].endswith("999,999.00")


def test_two_shares_differ_by_percentage_points():
    from plumbline.publication.labels import Label
    from plumbline.serving.door import figure_label

    labels = {"margin": Label("margin", "Margin", "毛利率", unit="ratio"), "net_sales": Label("net_sales")}
    assert figure_label("margin__change", labels).unit == "percentage_points"
    assert figure_label("margin__change_rate", labels).unit == "ratio"
    assert figure_label("margin__year_ago", labels).unit == "ratio"
    assert figure_label("net_sales__change", labels).unit == ""
    assert show_figures([0.0062], "percentage_points") == ["0.62 pp"]


def test_a_member_without_a_name_is_shown_and_comes_last(plumb):
    for order in ("--order=product__category", "--order=-product__category"):
        _, out, _ = plumb("query", "net_sales", "--by", "product__category", order)
        assert out.splitlines()[-1].split() == ["(none)", "9.50"]
    _, out, _ = plumb("query", "净销售额", "--by", "类别")
    assert out.splitlines()[-1].split() == ["（无）", "9.50"]


def test_a_limit_of_no_rows_gives_none_and_a_negative_one_is_refused(plumb):
    code, out, err = plumb("query", "net_sales", "--by", "product__category", "--limit", "0")
    assert (code, len(out.splitlines())) == (0, 2)
    assert err.startswith("0 rows")
    code, _, err = plumb("query", "net_sales", "--limit", "-1")
    assert code == 2
    assert "[bad-limit]" in err


def test_a_plan_is_written_for_programs_too(plumb):
    _, out, err = plumb("query", "net_sales", "--by", "product__category", "--explain", "--format", "json")
    told = json.loads(out)
    assert told["plan"][0].startswith("net_sales = ")
    assert "SELECT" in told["sql"]
    assert (told["published_table"], told["tables"]) == (None, ["order_lines", "products"])
    assert (told["publication"], err) == ("demo-000001", "")
    code, _, err = plumb("query", "net_sales", "--explain", "--format", "csv")
    assert code
    assert "--format json" in err


def test_explain_tells_what_is_read(plumb):
    _, _, err = plumb("query", "net_sales", "--by", "product__category", "--explain")
    assert "-- calculated from order_lines, products; no published table has these figures" in err


def test_a_condition_that_cannot_be_understood_exits_with_2(plumb):
    code, out, err = plumb("query", "net_sales", "--where", "product__category = ")
    assert (code, out) == (2, "")
    assert "the condition 'product__category = ' cannot be understood [bad-condition]" in err


def test_notes_stand_beside_the_answer_of_every_format(plumb):
    for style in ("table", "json", "csv"):
        _, out, err = plumb("query", "orders", "--from", "2030", "--format", style)
        assert "after 2026-02-28, the as-of date" in err
        assert "as-of" not in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["query", "net_sales", "by", "product__category"], "'by' stands among the metrics [usage]"),
        (["list", "metrics", "net_sales"], "'net_sales' is too much [usage]\n  `plumb show net_sales`"),
        (["list", "metrics", "--metric", "orders"], "--metric says nothing here [usage]\n  `plumb list"),
        (["list", "values"], "the dimension is missing [usage]\n  Write `plumb list values"),
    ],
)
def test_words_in_the_wrong_place_are_told_with_the_right_one(plumb, words, told):
    code, out, err = plumb(*words)
    assert (code, out) == (2, "")
    assert told in err


POLICY = """
roles:
  online: {metrics: {names: [net_sales]}, rows: {order__channel: [online]}}
"""


def test_figures_are_shown_as_a_role_sees_them(plumb, tmp_path):
    policy = tmp_path / "orchestration" / "access" / "demo.yml"
    policy.parent.mkdir(parents=True)
    policy.write_text(POLICY, encoding="utf-8")
    code, out, err = plumb("query", "net_sales", "--as", "online", "--format", "csv")
    assert (code, out) == (0, "net_sales\n359.500001\n")
    assert "counts order__channel online only: that is what this role sees" in err
    assert plumb("query", "orders", "--as", "online")[::2] == (
        2,
        "error: unknown metric 'orders' [unknown-metric]\n  `plumb list metrics` names them all.\n",
    )
    assert "'sales' is no role of demo" in plumb("query", "net_sales", "--as", "sales")[2]
