"""The sources file: what it may say, and how it complains."""

import re
from datetime import date
from pathlib import Path

import pytest

from plumbline.errors import ConfigurationError, UsageError
from plumbline.landing import load_contract, load_sources, resolve_as_of
from plumbline.project import Project

PROJECT = Project(Path(__file__).resolve().parents[3])


FILES = "systems:\n  erp:\n    connector: files\n    path: x\n"


def complaint(shop, text):
    shop.sources_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_sources(shop.project, "shop")
    return caught.value


def test_an_unknown_key_names_file_and_line_and_suggests(shop):
    error = complaint(
        shop,
        "company: shop\nsystems:\n  erp:\n    connector: files\n    path: x\n    tabels:\n      shop: {}\n",
    )
    assert error.where == "orchestration/sources/shop.yml:6"
    assert "unknown key 'tabels'" in str(error)
    assert "Did you mean 'tables'" in str(error)


def test_a_misspelt_connector_key_is_what_is_complained_of(shop):
    text = "systems:\n  erp:\n    label: ERP\n    conector: files\n    path: x\n    tables: {}\n"
    error = complaint(shop, text)
    assert "orchestration/sources/shop.yml:4: unknown key 'conector' [unknown-key]" in str(error)
    assert "Did you mean 'connector'?" in str(error)
    assert "has no connector" not in str(error)


def test_an_unknown_key_of_a_table_is_found(shop):
    error = complaint(
        shop,
        FILES + "    tables:\n      shop:\n        files: s.csv\n        encodign: gbk\n",
    )
    assert (error.where, error.code) == ("orchestration/sources/shop.yml:8", "unknown-key")
    assert "Did you mean 'encoding'?" in str(error)


def test_all_mistakes_of_a_file_are_told_at_once(shop):
    error = complaint(
        shop,
        FILES + "    refused: burn\n    tables:\n"
        "      shop: {files: s.csv, load: incremental}\n      shpo: {files: s.csv}\n",
    )
    text = str(error)
    assert "`refused` cannot be 'burn'" in text
    assert "cannot be loaded incrementally" in text
    assert "shop.yml:8: table 'shpo' is not declared" in text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("systems:\n  ../erp: {connector: files, path: x}\n", "'../erp' is no system name"),
        (
            FILES + "    tables:\n      ../shop: {files: s.csv}\n",
            "'../shop' is no table name",
        ),
        (
            FILES + "    tables:\n      shop: {files: ../../etc/p}\n",
            "'../../etc/p' leads out of the system's folder",
        ),
        (
            FILES + "    tables:\n      shop: {files: /etc/passwd}\n",
            "leads out of the system's folder",
        ),
    ],
)
def test_names_and_patterns_never_climb(shop, text, told):
    assert told in str(complaint(shop, text))


@pytest.mark.parametrize(
    ("system", "told"),
    [
        ("connector: database\n    url: postgresql://me:secret@host/db", "a password stands in this file"),
        (
            "connector: http\n    base_url: https://api\n    auth: {type: bearer, token: abcdef}",
            "a secret stands in this file",
        ),
        ("connector: databse\n    url: x", "Did you mean 'database'?"),
        ("label: ERP", "system 'erp' has no connector"),
        ("connector: files", "needs `path`"),
        ("connector: http\n    base_url: https://a\n    paging: {type: pages}", "unknown type 'pages'"),
        ("connector: files\n    path: x\n    freshness: {warn_after_days: soon}", "must be a whole number"),
        ("connector: http\n    base_url: https://a\n    timeout_seconds: soon", "must be a number above 0"),
        ("connector: http\n    base_url: https://a\n    timeout_seconds: 0", "must be a number above 0"),
        ("connector: http\n    base_url: https://a\n    timeout_seconds: .nan", "must be a number above 0"),
        ("connector: http\n    base_url: https://a\n    attempts: many", "whole number from 1 to 100"),
        ("connector: http\n    base_url: https://a\n    attempts: true", "whole number from 1 to 100"),
        ("connector: http\n    base_url: https://a\n    headers: {X-Name: 中}", "ASCII"),
        ("connector: http\n    base_url: https://a\n    auth: {type: bearer}", "needs token"),
        (
            "connector: http\n    base_url: https://a\n    auth: {type: oauth2, client_id: me}",
            "needs token_url, client_secret",
        ),
    ],
)
def test_what_a_system_may_not_say(shop, system, told):
    error = complaint(shop, f"systems:\n  erp:\n    {system}\n    tables:\n      shop: {{}}\n")
    assert told in str(error)
    assert "secret@" not in str(error)
    assert "abcdef" not in str(error)


@pytest.mark.parametrize(
    ("connector", "table", "told"),
    [
        ("files", "files: x, delimiter: ab", "the delimiter must be one character, not 'ab'"),
        ("files", "files: x, delimiter: null", "the delimiter must be one character"),
        ("files", "files: x, encoding: base64", "unknown encoding 'base64'"),
        ("files", "files: x, encoding: gbkk", "Did you mean 'gbk'"),
        ("http", "endpoint: x, records: 3", "3 is no path into an answer"),
        ("http", "endpoint: x, records: ../x", "'../x' is no path into an answer"),
        ("http", "endpoint: x, paging: {type: cursor, cursor_path: }", "None is no path into an answer"),
        ("http", "endpoint: x, paging: {type: cursor, size: many}", "size must be a whole number"),
        ("http", "endpoint: x, paging: {type: cursor, size_param: []}", "size_param must be a name"),
    ],
)
def test_what_a_table_may_not_say(shop, connector, table, told):
    place = {"files": "path: x", "http": "base_url: https://a"}[connector]
    system = f"connector: {connector}\n    {place}\n    tables:\n      shop: {{{table}}}\n"
    error = complaint(shop, f"systems:\n  erp:\n    {system}")
    assert told in str(error)
    assert re.match(r".*shop\.yml:[4-6]$", error.where)


@pytest.mark.parametrize("day", ["2026-13-01", "2026-02-30", "2026-01-31 10:00:00", "soon"])
def test_an_as_of_that_is_no_day_is_named_with_its_line(shop, day):
    error = complaint(
        shop, f"company: shop\nas_of: {day}\n" + FILES + "    tables:\n      shop: {files: s}\n"
    )
    assert error.where == "orchestration/sources/shop.yml:2"


@pytest.mark.parametrize("text", ["", "company: shop\n", "systems:\n", "systems: {}\n"])
def test_a_company_without_systems_is_none(shop, text):
    assert "company 'shop' lists no systems" in str(complaint(shop, text))


def test_a_key_that_stands_twice_is_refused(shop):
    error = complaint(shop, "company: shop\ncompany: shop\n")
    assert error.where.endswith("shop.yml:2")
    assert "stands here twice" in str(error)


def test_broken_yaml_names_the_line(shop):
    assert complaint(shop, "company: shop\nsystems: [\n").where.startswith("orchestration/sources/shop.yml:")


def test_a_system_without_declared_tables_says_where_to_declare_them(shop):
    error = complaint(shop, "systems:\n  wms: {connector: files, path: x, tables: {bin: {files: b.csv}}}\n")
    assert "models/staging/wms/_wms__sources.yml" in str(error)


def test_an_unknown_company_names_the_known_ones(shop):
    with pytest.raises(UsageError, match="shop"):
        load_sources(shop.project, "shpo")


def test_the_as_of_date_is_asked_for_or_configured_or_yesterday(shop):
    sources = load_sources(shop.project, "shop")
    assert resolve_as_of(sources, "2025-12-31") == date(2025, 12, 31)
    assert resolve_as_of(sources, today=date(2026, 3, 1)) == date(2026, 2, 28)
    with pytest.raises(UsageError, match="2018-02-29"):
        resolve_as_of(sources, "2018-02-29")


def test_a_day_that_has_not_come_yet_is_refused_for_every_company(shop):
    sources = load_sources(shop.project, "shop")
    assert resolve_as_of(sources, "2026-03-01", today=date(2026, 3, 1)) == date(2026, 3, 1)
    with pytest.raises(UsageError, match="2026-03-02 has not come yet"):
        resolve_as_of(sources, "2026-03-02", today=date(2026, 3, 1))


def test_the_companies_of_the_project_load():
    for company in PROJECT.companies():
        sources = load_sources(PROJECT, company)
        assert set(sources.systems) == {"erp", "crm", "oa"}
    adventureworks = load_sources(PROJECT, "adventureworks")
    assert resolve_as_of(adventureworks) == date(2014, 6, 30)
    assert not adventureworks.is_connected("crm", "lead")
    assert adventureworks.systems["erp"].refused == "copy"


def test_every_declared_table_is_connected_by_some_company():
    listed = {
        (system, table)
        for company in PROJECT.companies()
        for system, source in load_sources(PROJECT, company).systems.items()
        for table in source.tables
    }
    assert listed == {
        (system, table) for system, tables in load_contract(PROJECT).items() for table in tables
    }


def test_every_declared_table_has_a_key_and_required_columns():
    for tables in load_contract(PROJECT).values():
        for table in tables.values():
            assert set(table.key) <= set(table.names), table.where
            assert table.required, table.where
            assert table.version is None or table.version in table.names, table.where


DECLARED = """\
sources:
  - name: shop
    tables:
      - name: orders
        config: {{meta: {{label: Orders, {table}, our_own: 7}}}}
        columns:
          - name: OrderID
            config: {{meta: {{type: integer, required: true}}}}
          - name: {name}
            config: {{meta: {{{column}}}}}
"""


@pytest.mark.parametrize(
    ("told", "line", "what", "todo"),
    [
        ({"column": "requried: true"}, 10, "unknown key 'requried'", "Did you mean 'required'?"),
        ({"column": "control_totals: true"}, 10, "unknown key 'control_totals'", "'control_total'"),
        ({"table": "keys: [OrderID]"}, 5, "unknown key 'keys'", "Did you mean 'key'?"),
        ({"table": "key: [OrderId]"}, 5, "'OrderId', which is no column of it", "Did you mean 'OrderID'?"),
        ({"table": "version: Changed"}, 5, "`version` of table 'orders' names 'Changed'", "Declare"),
        ({"column": "required: 'no'"}, 10, "`required` of column 'Amount' cannot be 'no'", "true or false"),
        ({"column": "type: money"}, 10, "column 'Amount' has the unknown type 'money'", "Types are integer"),
        ({"name": "OrderID"}, 9, "column 'OrderID' is declared twice", "Remove one."),
        ({"name": "''"}, 9, "one of `columns` has no name", "Add `name:`."),
    ],
)
def test_a_declaration_that_would_be_passed_over_is_refused(tmp_path, told, line, what, todo):
    text = DECLARED.format(**{"table": "key: [OrderID]", "name": "Amount", "column": "type: decimal", **told})
    file = tmp_path / "models" / "staging" / "shop" / "_shop__sources.yml"
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_contract(Project(tmp_path))
    assert what in caught.value.what
    assert caught.value.where == f"models/staging/shop/_shop__sources.yml:{line}"
    assert todo in caught.value.todo
