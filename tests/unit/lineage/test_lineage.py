"""From tables that rest on each other to the figures that a failed check holds."""

import subprocess
import sys

import pytest

from plumbline.errors import ConfigurationError
from plumbline.lineage import Fallback, Lineage, Part, Relation, Step, cell_of, read_lineage
from plumbline.lineage.analyse import analyse, parsed
from plumbline.project import Home, Project

RELATIONS = [
    Relation("landing.sale", columns=("Id", "Amount", "Shop", "Note", "_load")),
    Relation("landing.shop", columns=("Id", "Name")),
    Relation(
        "staging.sale",
        "select Id as id, cast(Amount as decimal(9, 2)) as amount, Shop as shop, Note as note "
        "from landing.sale where _load = 1",
        keys=(("id",),),
    ),
    Relation("staging.shop", "select Id as id, Name as name from landing.shop", keys=(("id",),)),
    Relation(
        "marts.sales",
        "select s.*, p.name as shop_name from staging.sale as s left join staging.shop as p on s.shop = p.id",
        columns=("id", "amount", "shop", "note", "shop_name"),
    ),
]
TOTAL = "select sum(amount) as total from marts.sales"
BY_SHOP = "select shop_name, sum(amount) as total from marts.sales group by shop_name"


@pytest.fixture(scope="module")
def analysis():
    return analyse(RELATIONS)


@pytest.fixture(scope="module")
def lineage(analysis):
    cells = {
        cell_of("total"): analysis.read("total", parsed(TOTAL)).everything,
        cell_of("total", ["shop__name"]): analysis.read("total", parsed(BY_SHOP)).everything,
    }
    return Lineage(analysis.edges, cells)


def names(parts):
    return {f"{part.table}.{part.column}" for part in parts}


def test_a_metric_rests_on_its_columns_and_rows_down_to_what_landed(lineage):
    assert names(lineage.of_metric("total")) == {
        "marts.sales.amount",
        "marts.sales.",
        "staging.sale.amount",
        "staging.sale.",
        "staging.shop.",
        "landing.sale.Amount",
        "landing.sale._load",
        "landing.sale.",
    }


def test_a_column_rests_on_the_rows_of_its_table(lineage):
    assert names(lineage.upstream(Part("staging.shop", "name"))) == {
        "staging.shop.name",
        "staging.shop.",
        "landing.shop.Name",
        "landing.shop.",
    }


def test_a_failure_holds_exactly_what_it_can_change(lineage):
    total, by_shop = lineage.cells
    assert lineage.affected([Part("landing.shop", "Name")], lineage.cells) == [by_shop]
    assert lineage.affected([Part("landing.sale", "Amount")], lineage.cells) == [total, by_shop]
    assert lineage.affected([Part("landing.sale", "Note")], lineage.cells) == []
    assert lineage.affected([], lineage.cells) == []


def test_a_key_that_is_not_unique_holds_all_that_is_joined_to_it(lineage):
    assert lineage.affected([Part("staging.shop", "")], lineage.cells) == list(lineage.cells)


def test_rows_behind_a_checked_key_hold_only_what_takes_columns(lineage):
    by_shop = cell_of("total", ["shop__name"])
    assert lineage.affected([Part("landing.shop", "")], lineage.cells) == [by_shop]


def test_parts_are_known_in_any_spelling(lineage):
    assert lineage.upstream(Part("LANDING.sale", "amount")) == lineage.upstream(
        Part("landing.sale", "Amount")
    )
    assert len(lineage.affected([Part("Landing.Sale", "AMOUNT")], lineage.cells)) == 2


def test_what_is_affected_is_what_has_the_part_upstream(lineage):
    parts = {part for cell in lineage.cells for part in lineage.of_metric(*cell)}
    for part in parts:
        expected = [cell for cell in lineage.cells if part in lineage.of_metric(*cell)]
        assert lineage.affected([part], lineage.cells) == expected, part


def test_a_settled_table_hands_nothing_on(lineage):
    parts = [Part("landing.sale", "Amount")]
    assert lineage.affected(parts, lineage.cells, settled=["staging.sale"]) == []
    own = [Part("staging.sale", "amount")]
    assert len(lineage.affected(own, lineage.cells, settled=["staging.sale"])) == 2


def test_the_way_from_a_metric_to_its_sources(lineage):
    steps = lineage.path("total")
    assert steps[0] == Step(Part("", "total"), (Part("marts.sales", ""), Part("marts.sales", "amount")))
    ways = {str(step.part): [str(part) for part in step.rests_on] for step in steps}
    assert ways["marts.sales.amount"] == ["staging.sale.amount"]
    assert ways["staging.sale.amount"] == ["landing.sale.Amount"]
    assert ways["landing.sale.Amount"] == []
    assert ways["rows of staging.sale"] == ["rows of landing.sale", "landing.sale._load"]


def test_time_is_no_dimension_and_order_does_not_matter():
    assert cell_of("m", ["b", "metric_time__month", "a"], ["y", "x"]) == ("m", ("a", "b"), ("x", "y"))


GROWING = Relation(
    "marts.grown", "select 1 as one", columns=("one", "two"), reads=("staging.sale",), opaque="it grows"
)


@pytest.mark.parametrize(
    "relation",
    [
        GROWING,
        Relation("marts.grown", "selec nothing", columns=("one",), reads=("staging.sale",)),
        Relation("marts.grown", "select id as other from staging.sale", columns=("one",)),
    ],
    ids=["it grows from run to run", "it cannot be parsed", "a declared column does not show"],
)
def test_a_table_that_is_not_understood_rests_on_all_that_it_reads(relation):
    found = analyse([*RELATIONS, relation])
    upstream = names(Lineage(found.edges).upstream(Part("marts.grown", "one")))
    assert upstream >= {"staging.sale.id", "staging.sale.note", "staging.sale.", "landing.sale.Note"}
    assert [item.where for item in found.fallbacks] == ["marts.grown"]


def test_what_only_another_form_of_the_sql_reads_decides_about_rows():
    relation = Relation(
        "marts.some", "select id, note from staging.sale", reads=("staging.sale", "staging.shop")
    )
    found = Lineage(analyse([*RELATIONS, relation]).edges)
    assert Part("landing.shop", "Name") in found.upstream(Part("marts.some", ""))


def test_another_form_that_gives_the_same_counts_only_by_itself():
    reads = ("staging.sale", "staging.shop")
    relation = Relation("marts.some", "select id, note from staging.sale", reads=reads, is_same=True)
    upstream = Lineage(analyse([*RELATIONS, relation]).edges).upstream(Part("marts.some", ""))
    assert Part("staging.shop", "") in upstream
    assert Part("landing.shop", "Name") not in upstream


def test_of_what_another_form_reads_only_some_columns_may_count():
    reads = ("staging.sale", "staging.shop")
    only = (("staging.shop", ("id",)),)
    sql = "select id, note from staging.sale"
    rows = Part("marts.some", "")
    upstream = Lineage(
        analyse([*RELATIONS, Relation("marts.some", sql, reads=reads, only=only)]).edges
    ).upstream(rows)
    assert {Part("staging.shop", ""), Part("landing.shop", "Id")} <= upstream
    assert Part("landing.shop", "Name") not in upstream
    unknown = (("staging.shop", ("colour",)),)
    upstream = Lineage(
        analyse([*RELATIONS, Relation("marts.some", sql, reads=reads, only=unknown)]).edges
    ).upstream(rows)
    assert Part("landing.shop", "Name") in upstream


def test_lineage_is_read_of_the_statement_that_shows_it_better():
    sql = "select id, note from staging.shown where note <> ''"
    shown = Relation("staging.shown", "select id, note, amount from staging.sale")
    same = Relation(
        "marts.some", sql, reads=("staging.shown",), is_same=True, same_as="select id, note from staging.sale"
    )
    found = Lineage(analyse([*RELATIONS, shown, same]).edges)
    upstream = found.upstream(Part("marts.some", "id"))
    assert Part("landing.sale", "Id") in upstream
    assert Part("landing.sale", "Note") not in upstream
    assert Part("staging.shown", "note") in upstream  # by what goes wrong there itself
    plain = Relation("marts.some", sql, same_as="this is no SQL (")
    assert Part("landing.sale", "Note") in Lineage(analyse([*RELATIONS, shown, plain]).edges).upstream(
        Part("marts.some", "id")
    )


def test_a_table_whose_columns_are_not_known_counts_by_any_of_them():
    relations = [
        Relation("landing.any"),
        Relation("staging.any", "select * exclude (b) from landing.any"),
        Relation("marts.any", "select a from staging.any"),
    ]
    found = analyse(relations)
    cell = cell_of("m")
    asked = found.read("m", parsed("select max(a) as m from marts.any")).everything
    lineage = Lineage(found.edges, {cell: asked})
    assert lineage.affected([Part("landing.any", "c")], [cell]) == [cell]
    assert lineage.affected([Part("landing.any", "")], [cell]) == [cell]


def test_nothing_is_read_before_the_models_were_compiled(tmp_path):
    with pytest.raises(ConfigurationError, match="no-lineage"):
        read_lineage(Project(tmp_path), Home(tmp_path))


def test_importing_and_fallbacks_are_light():
    program = (
        "import sys, plumbline.lineage; print([m for m in ('sqlglot', 'dbt', 'duckdb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert sorted([Fallback("b", "x"), Fallback("a", "y")])[0].where == "a"


def test_what_is_unique_by_its_sql_stays_so_when_it_is_stored():
    relations = [
        *RELATIONS,
        Relation("marts.by_shop", "select shop, max(note) as note from staging.sale group by shop"),
    ]
    found = analyse(relations)
    query = "select count(*) as n from staging.shop as s left join marts.by_shop as b on b.shop = s.id"
    marks = found.read("n", parsed(query)).everything
    upstream = Lineage(found.edges, {cell_of("n"): marks}).of_metric("n")
    assert Part("marts.by_shop", "") in upstream
    assert not {part for part in upstream if part.table in ("staging.sale", "landing.sale")}


TOGETHER = [
    Relation("landing.line", columns=("Id", "OrderId", "Price", "Count")),
    Relation("landing.header", columns=("Id", "Day")),
    Relation(
        "marts.lines",
        "select l.Id as id, l.OrderId as order_id, l.Price as price, l.Price * l.Count as amount,"
        " h.Day as day, date_trunc('month', h.Day) as month"
        " from landing.line as l join landing.header as h on l.OrderId = h.Id",
    ),
]


@pytest.mark.parametrize(
    ("column", "with_it"),
    [
        ("price", {"price", "amount"}),
        ("month", {"month", "day"}),
        ("order_id", {"id", "order_id", "price", "amount", "day", "month"}),
    ],
)
def test_a_cause_may_spoil_other_columns_and_which_rows_are_joined_all(column, with_it):
    lineage = Lineage(analyse(TOGETHER).edges)
    assert lineage.spoiled_with("marts.lines", [column]) == with_it


def test_a_cause_in_what_landed_joins_nothing_where_other_rows_lie_between():
    judged = "select Id as id, Day as day, Note as note, Note <> '' as is_kept from landing.day"
    relations = [
        Relation("landing.day", columns=("Id", "Day", "Note")),
        Relation("staging.judged", judged),
        Relation(
            "staging.day",
            "select id, day, note from staging.judged where is_kept",
            reads=("staging.judged",),
            is_same=True,
            same_as="select Id as id, Day as day, Note as note from landing.day where Note <> ''",
        ),
    ]
    lineage = Lineage(analyse(relations).edges)
    assert lineage.spoiled_with("staging.day", ["note"]) == {"note"}


def test_columns_that_rest_on_several_rows_are_named():
    numbered = "select id, day, row_number() over (partition by note order by day) as place from landing.day"
    relations = [
        Relation("landing.day", columns=("id", "day", "note")),
        Relation("marts.days", numbered),
    ]
    lineage = Lineage(analyse(relations).edges)
    assert lineage.over_rows("marts.days", ["id", "day", "place"]) == {"place"}


def test_what_has_landed_has_a_cause_of_its_own():
    lineage = Lineage(analyse(TOGETHER).edges)
    assert lineage.spoiled_with("landing.line", ["Price"]) == {"Price"}
