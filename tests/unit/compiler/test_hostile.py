"""Hostile text in names, values, filters and definitions never becomes SQL of its own."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from plumbline.compiler import compile
from plumbline.compiler.dialects import DIALECTS
from plumbline.errors import DefinitionError, PlumblineError
from tests.unit.definitions import shop

PIECES = [
    *(
        "'",
        '"',
        "`",
        "\\",
        ";",
        "--",
        "/*",
        "*/",
        "#",
        "$$",
        "\x00",
        "\n",
        "%",
        "{{",
        "}}",
        "(",
        ")",
        "[",
        ",",
    ),
    *("drop table marts.orders", "or 1=1", "union select * from marts.secret", "select", "1", "=", "is null"),
    *(
        "{{ Dimension('product__category') }}",
        "'Bikes'",
        "read_csv('/etc/passwd')",
        "pg_sleep(9)",
        "été",
        "名",
    ),
    *(
        "product__category",
        "sales",
        "metric_time__month",
        "__reference_0__",
        " ",
        "and",
        "not",
        "current_user",
    ),
]
TABLES = {"orders", "products", "stock", "days"}
hostile = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join)
anything = st.one_of(hostile, st.text(max_size=30))


def harmless(sql: str, dialect: str = "duckdb") -> None:
    """One statement that selects, from no other tables, and calls nothing that reads or waits."""
    (tree,) = sqlglot.parse(sql, dialect=dialect)
    assert isinstance(tree, exp.Select), sql
    known = TABLES | {item.alias for item in tree.find_all(exp.CTE)}
    assert {table.name for table in tree.find_all(exp.Table)} <= known, sql
    called = {part.name.lower() for part in tree.find_all(exp.Anonymous)}
    assert not called & {"read_csv", "pg_sleep"}, sql
    assert not list(tree.find_all(exp.Drop, exp.Command, exp.ReadCSV)), sql


def try_out(manifest: Path, query: dict[str, Any], dialect: str = "duckdb") -> None:
    try:
        sql = compile(manifest, query, dialect)
    except PlumblineError:
        return
    harmless(sql, dialect)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(text=anything)
def test_in_filters(text: str) -> None:
    manifest = _shop()
    for where in (text, f"{{{{ Dimension('product__category') }}}} = {text}", f"sales > {text}"):
        try_out(manifest, {"metrics": ["sales"], "group_by": ["metric_time__month"], "where": [where]})


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=anything, dialect=st.sampled_from(DIALECTS))
def test_in_values(text: str, dialect: str) -> None:
    value = text.replace("'", "''")
    query = {"metrics": ["sales"], "where": [f"{{{{ Dimension('product__category') }}}} = '{value}'"]}
    try_out(_shop(), query, dialect)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    text=anything, key=st.sampled_from(["metrics", "group_by", "order_by", "saved_query", "time_constraint"])
)
def test_in_names(text: str, key: str) -> None:
    asked: dict[str, Any] = {"metrics": ["sales"], "group_by": ["product__category"]}
    asked[key] = text if key == "saved_query" else [text, text] if key == "time_constraint" else [text]
    try_out(_shop(), asked)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=anything, key=st.sampled_from(["name", "grain", "date_part", "alias"]), members=st.booleans())
def test_in_what_describes_a_column(text: str, key: str, members: bool) -> None:
    asked = {"name": "metric_time", "grain": "month"} | {key: text}
    query = {"metrics": [] if members else ["sales"], "group_by": [asked, "product__category"]}
    for more in ({}, {"order_by": [f"-{text}"]}, {"where": [f"{text} is not null"]}):
        try_out(_shop(), query | more)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=anything)
def test_in_the_ends_of_a_time(text: str) -> None:
    day = "2026-01-31"
    for ends in ([f"2026-01-01{text}", day], [text, day], [day, f"{day} {text}"], [None, text], text):
        for key in ("time_constraint", "range"):
            query = {"metrics": ["sales"], "group_by": ["metric_time__month"], key: ends}
            try_out(_shop(), query)
            try_out(_shop(), {"group_by": ["metric_time__month"], key: ends})


@settings(max_examples=200, deadline=None, derandomize=True)
@given(text=anything)
def test_in_what_a_metric_is_counted_by(text: str) -> None:
    for by in (text, f"product', '{text}"):
        where = [f"{{{{ Metric('sales', group_by=['{by}']) }}}} > 1"]
        try_out(_shop(), {"metrics": ["sales"], "where": where})


@settings(max_examples=200, deadline=None, derandomize=True)
@given(text=anything, dialect=st.sampled_from(DIALECTS))
def test_in_the_names_that_columns_are_given(text: str, dialect: str) -> None:
    metrics = [{"name": "sales", "alias": text}]
    try_out(_shop(), {"metrics": metrics, "group_by": ["product__category"], "order_by": ["-sales"]}, dialect)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(text=anything, part=st.sampled_from(["name", "expr", "relation", "formula", "filter"]))
def test_in_definitions(text: str, part: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    content: dict[str, Any] = json.loads(json.dumps(shop.manifest()))
    orders, metrics = content["semantic_models"][0], content["metrics"]
    if part == "name":
        metrics[1]["name"] = text
    elif part == "expr":
        orders["measures"][1]["expr"] = text
    elif part == "relation":
        orders["node_relation"]["relation_name"] = text
    elif part == "formula":
        metrics[8]["type_params"]["expr"] = text
    else:
        metrics[1]["filter"] = {"where_filters": [{"where_sql_template": text}]}
    path = shop.write(tmp_path_factory.getbasetemp() / "hostile.json", content)
    for name in (metrics[1]["name"], "profit"):
        try:
            sql = compile(path, {"metrics": [name], "group_by": ["metric_time__month"]}, "duckdb")
        except PlumblineError:
            continue
        statements = sqlglot.parse(sql, dialect="duckdb")
        assert [type(statement) for statement in statements] == [exp.Select], sql


STATEMENTS = [
    "ATTACH 'x'",
    "SHOW TABLES",
    "DESCRIBE x",
    "COMMIT",
    "ALTER TABLE x ADD y INT",
    "KILL 1",
    "x := 1",
]


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_statement_is_no_condition(text: str) -> None:
    for query in ({"metrics": ["sales"]}, {"group_by": ["product__category"]}):
        with pytest.raises(DefinitionError) as caught:
            compile(_shop(), {**query, "where": [text]})
        assert caught.value.code == "bad-condition"


@pytest.mark.parametrize("quote", ["'{}' = 'Bikes'", "'of {}' = 'Bikes'"])
def test_what_is_named_within_quotes_is_not_compared_as_a_text(quote: str) -> None:
    where = [quote.format('{{ Dimension("product__category") }}')]
    with pytest.raises(DefinitionError) as caught:
        compile(_shop(), {"metrics": ["sales"], "where": where})
    assert caught.value.code == "bad-condition"
    assert "product__category" in caught.value.why


DEEP = ["(" * 9000 + "1 = 1" + ")" * 9000, "NOT " * 9000 + "sales > 1"]


@pytest.mark.parametrize("where", [*([text] for text in DEEP), ["sales > 1"] * 3000])
def test_what_is_nested_too_deeply_is_refused(where: list[str]) -> None:
    with pytest.raises(DefinitionError) as caught:
        compile(_shop(), {"metrics": ["sales"], "where": where})
    assert caught.value.code == "too-deep"


def test_many_conditions_take_no_longer_each() -> None:
    """The statement is not copied for each of them: 300 took 3 seconds."""
    copied = 0

    def count(tree: exp.Expr) -> exp.Expr:
        nonlocal copied
        copied += 1
        return tree

    query = {"metrics": ["sales"], "where": [f"sales > {number}" for number in range(300)]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exp.Select, "copy", count)
        compile(_shop(), query)
    assert copied < len(query["where"])


def _shop() -> Path:
    import tempfile

    path = Path(tempfile.gettempdir()) / "plumbline-hostile" / "semantic_manifest.json"
    return path if path.exists() else shop.write(path)
