"""Days on which figures are held, held to the periods in which they truly change on the built-in company.

A sample of the columns is changed in two rows, which a check names; PLUMBLINE_INFLUENCE_EVERY=1 takes all.
"""

import os

import pytest

from plumbline.gate import Cell, Dating
from plumbline.indicators.sight import EVER
from plumbline.lineage import Part
from tests.influence_by_day import failed_on, parts_with_rows

EVERY = int(os.environ.get("PLUMBLINE_INFLUENCE_EVERY", "25"))
pytestmark = pytest.mark.xdist_group("lineage")
LEVELS = ("staging.stg_", "marts.")


@pytest.fixture(scope="module", params=[EVERY, pytest.param(5, marks=pytest.mark.long)])
def every(request):
    return request.param


@pytest.fixture(scope="module")
def found(company, every):
    return {part: company.try_days(part) for part in parts_with_rows(company, LEVELS, every)}


def test_no_period_is_missed_that_wrong_rows_change(found):
    assert {str(part): held.missed for part, held in found.items() if held.missed} == {}


def test_no_period_is_missed_where_one_cause_spoils_more_than_the_check_knows(company, every):
    parts = parts_with_rows(company, ("staging.stg_",), every)
    missed = {str(part): held.missed for part in parts if (held := company.try_cause(part)).missed}
    assert missed == {}


def test_many_periods_that_do_not_change_are_not_held(found):
    whole, dated, changed = (
        sum(getattr(held, name) for held in found.values()) for name in ("whole", "dated", "changed")
    )
    assert changed
    assert dated < whole * 2 / 3


def days(company, part, metric, *dimensions, rows="rowid in (1, 2)"):
    dating = Dating(company.con, company.definitions, company.lineage, lambda: company.relations)
    return dating.days(failed_on(part, rows, 2), Cell(metric, dimensions))


def test_a_line_is_dated_by_its_order_through_the_model(company):
    part = Part("staging.stg_erp__sales_order_detail", "line_total")
    (expected,) = company.con.execute("""
        select list(distinct orders.order_date order by orders.order_date)
        from staging.stg_erp__sales_order_detail as lines
        inner join staging.stg_erp__sales_order_header as orders on lines.order_id = orders.order_id
        where lines.rowid in (1, 2)""").fetchone()
    found = days(company, part, "net_sales")
    assert sorted({first for first, _ in found} | {last for _, last in found}) == expected


def test_what_decides_to_which_order_a_line_belongs_may_be_of_any_day(company):
    assert days(company, Part("staging.stg_erp__sales_order_detail", "order_id"), "net_sales") == EVER
