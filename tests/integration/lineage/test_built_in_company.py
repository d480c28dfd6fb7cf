"""Lineage of the project's own models and metrics, held to what truly changes on the built-in company.

A sample of the columns is poisoned; PLUMBLINE_INFLUENCE_EVERY=1 takes all of them, which takes an hour.
"""

import os
import subprocess
import sys
from contextlib import suppress

import duckdb
import pytest

from plumbline.compiler import compile
from plumbline.definitions import load
from plumbline.errors import DefinitionError
from plumbline.lineage import ROWS, Part
from plumbline.lineage.analyse import Analysis, parsed
from plumbline.lineage.parts import stored
from tests.influence import sample

EVERY = int(os.environ.get("PLUMBLINE_INFLUENCE_EVERY", "50"))

# One test process builds the company in memory for all tests of lineage.
pytestmark = pytest.mark.xdist_group("lineage")


def test_every_construct_of_the_models_and_metrics_is_understood(lineage):
    assert lineage.fallbacks == ()


def test_the_sql_that_lineage_reads_makes_the_tables_that_dbt_built(company, home):
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        built = {item.name: con.execute(f"describe {item.name}").fetchall() for item in company.made}
        rows = {
            item.name: con.execute(f"select count(*) from {item.name}").fetchone()[0] for item in company.made
        }
    for name, described in built.items():
        assert set(company.columns(name)) == {row[0] for row in described}, name
        assert company.contents[name][0] == rows[name], name


def test_lineage_knows_the_columns_of_every_table(company, lineage):
    for part in lineage.edges:
        assert part.column in (ROWS, *company.columns(part.table)), part


@pytest.mark.parametrize("every", [EVERY, pytest.param(20, marks=pytest.mark.long)])
def test_nothing_that_changes_a_figure_is_missed(company, every):
    missed = {}
    for part in sample(company, every):
        outcome = company.try_out(part)
        if outcome.missed:
            missed[str(part)] = sorted(outcome.missed)
    assert missed == {}


def test_a_figure_without_products_does_not_rest_on_their_rows(lineage):
    sources = {part.table for part in lineage.of_metric("net_sales")}
    assert "landing_erp.sales_order_detail" in sources
    assert not sources & {"landing_erp.product", "landing_crm.customer", "landing_oa.employee"}
    by_category = {part.table for part in lineage.of_metric("net_sales", ["product__category"])}
    assert {"landing_erp.product", "landing_erp.product_category"} <= by_category


def test_a_product_that_is_there_twice_holds_what_is_joined_to_products(lineage):
    cells = list(lineage.cells)
    held = lineage.affected([Part("marts.products", ROWS)], cells)
    assert ("net_sales", ("product__category",), ()) in held
    assert ("net_sales", (), ()) not in held


def test_the_length_of_a_period_does_not_matter(project, home, lineage, company):
    """Questions are read at the shortest and the longest period only: those between rest on the same."""
    tables = {name: stored(name, company.columns(name)) for name in company.tables}
    reader = Analysis(tables=tables)
    for metric in load(home.semantic_manifest, project.root).metrics:
        known = {mark[:2] for mark in lineage.direct(metric)}
        for grain in ("week", "month", "quarter"):
            query = {"metrics": [metric], "group_by": [f"metric_time__{grain}"]}
            with suppress(DefinitionError):  # it is for other periods
                sql = compile(home.semantic_manifest, query, cache=home.compiled)
                found = reader.read(metric, parsed(sql)).everything
                assert {mark[:2] for mark in found} <= known, (metric, grain)


def test_lineage_that_was_made_before_is_read_in_a_moment(project, home, lineage):
    program = (
        "import sys, time; from pathlib import Path; from plumbline.lineage import read_lineage\n"
        "from plumbline.project import Home, Project\n"
        "begun = time.process_time()\n"
        "read_lineage(Project(Path(sys.argv[1])), Home(Path(sys.argv[2])))\n"
        "print(time.process_time() - begun, 'sqlglot' in sys.modules)"
    )
    command = [sys.executable, "-c", program, str(project.root), str(home.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, has_sqlglot = done.stdout.split()
    assert float(seconds) < 0.1
    assert has_sqlglot == "False"
