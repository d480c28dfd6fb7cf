"""What a role sees of each published table, as columns and conditions."""

import json
from types import MappingProxyType

import pytest

from plumbline.access import Policy, Role, Selection, SmallGroup
from plumbline.definitions import load
from plumbline.publication.postgres.sights import Onlooker
from plumbline.publication.postgres.tables import Table
from plumbline.publication.sql import Column
from tests.integration.postgres.shop import MANIFEST

EVERYTHING = Selection(everything=True)
SALES = Selection(("sales",))
NORTH = MappingProxyType({"store__region": ("North", None)})
GROUPS = (SmallGroup(Selection(("people",)), "headcount", 5),)


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    path = tmp_path_factory.mktemp("shop") / "semantic_manifest.json"
    path.write_text(json.dumps(MANIFEST), encoding="utf-8")
    return load(path)


@pytest.fixture
def sees(definitions):
    def look(role, name, *columns, splits=("", "store__region", "seller__name"), groups=GROUPS):
        table = Table(name, tuple(Column(column, "VARCHAR") for column in columns))
        return Onlooker(Policy("shop", small_groups=groups), role, definitions, splits, "inner").sight(table)

    return look


def wide(*metrics):
    return ("month", *metrics, "is_partial", "partial_metrics", *(f"{name}__verdict" for name in metrics))


def test_a_role_that_sees_all_has_no_condition(sees):
    columns = wide("sales", "cost")
    sight = sees(Role("boss", metrics=EVERYTHING), "sales_by_region", *columns)
    assert (sight.columns, sight.condition) == (columns, "")


def test_a_hidden_metric_takes_its_verdict_and_rows_without_a_visible_figure_along(sees):
    sight = sees(Role("seller", metrics=SALES), "sales_by_region", *wide("sales", "cost"))
    assert sight.columns == ("month", "sales", "is_partial", "sales__verdict")
    assert sight.condition == '("sales" IS NOT NULL)'


def test_a_table_without_a_visible_metric_is_not_seen(sees):
    assert sees(Role("seller", metrics=SALES), "staff_by_department", *wide("headcount", "pay")) is None


def test_rows_are_those_of_the_members_and_of_none_where_asked(sees):
    sight = sees(Role("north", metrics=EVERYTHING, rows=NORTH), "sales_by_region", *wide("sales", "cost"))
    assert sight.condition == ('(CAST("store_region" AS text) IN (\'North\') OR "store_region" IS NULL)')


def test_a_table_without_the_dimension_shows_what_is_company_wide_alone(sees):
    role = Role(
        "north", metrics=SALES, rows=NORTH, company_wide=Selection(names=("headcount",)), persons=True
    )
    sight = sees(role, "company_monthly", *wide("sales", "headcount"))
    assert sight.columns == ("month", "headcount", "is_partial", "headcount__verdict")
    assert (
        sees(Role("north", metrics=SALES, rows=NORTH), "company_monthly", *wide("sales", "headcount")) is None
    )


def test_a_table_by_person_needs_persons(sees):
    assert sees(Role("analyst", metrics=EVERYTHING), "sales_by_seller", *wide("sales")) is None
    assert sees(Role("boss", metrics=EVERYTHING, persons=True), "sales_by_seller", *wide("sales")) is not None


def test_figures_of_people_need_a_count_beside_them(sees, definitions):
    analyst = Role("analyst", metrics=EVERYTHING)
    sight = sees(analyst, "staff_by_department", *wide("headcount", "pay"))
    assert sight.condition == '"headcount" >= 5'
    uncounted = (SmallGroup(Selection(names=("pay",)), "sales", 5),)
    sight = sees(analyst, "staff_by_department", *wide("headcount", "pay"), groups=uncounted)
    assert "pay" not in sight.columns


def test_evidence_and_unknown_tables_are_closed_unless_said_otherwise(sees):
    analyst = Role("analyst", metrics=EVERYTHING)
    auditor = Role("auditor", metrics=EVERYTHING, evidence=True)
    assert sees(analyst, "quality_result", "examples") is None
    assert sees(auditor, "quality_result", "examples").columns == ("examples",)
    assert sees(auditor, "some_table_of_later", "secret") is None
    assert "examples" not in sees(analyst, "hold", "metric", "dimensions", "examples").columns


def test_the_long_table_is_open_for_known_splits_only(sees):
    columns = ("metric", "grain", "period_start", "dimensions", "members", "value")
    analyst = sees(Role("analyst", metrics=SALES), "indicator_value", *columns)
    assert analyst.condition == "((metric IN ('sales') AND dimensions IN ('', 'store__region')))"
    assert sees(Role("analyst", metrics=SALES), "indicator_value", "metric", "value") is None


def test_members_with_quotes_stay_texts(sees):
    rows = MappingProxyType({"store__region": ("O'Neill' OR true --",)})
    sight = sees(Role("odd", metrics=SALES, rows=rows), "sales_by_region", *wide("sales", "cost"))
    assert "'O''Neill'' OR true --'" in sight.condition
