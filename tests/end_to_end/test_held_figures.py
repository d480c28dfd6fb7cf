"""Three columns of AdventureWorks broken by hand, as in the guide: exactly what rests on them is held."""

import os
import shutil
import subprocess
import sys

import duckdb
import pytest

from tests.companies import ADVENTUREWORKS, ROOT, run_adventureworks
from tests.end_to_end.documents import File, steps

GUIDE = ROOT / "docs" / "guides" / "held-figures.md"
TOO_MANY_SET_ASIDE = "at most 5 % of the rows are quarantined"
TOO_MUCH_SCRAP = "stocked_quantity + scrapped_quantity <= planned_quantity"
QUOTA_BELOW_ZERO = "quota_amount is at least 0"
HELD = {
    TOO_MANY_SET_ASIDE: {
        *("cost_of_sales", "cost_of_sales_trailing_365_days", "cost_per_unit_sold", "discount_amount"),
        *("discount_rate", "gross_margin_rate", "gross_margin_rate_change_yoy", "gross_profit"),
        *("gross_profit_yoy", "gross_sales", "inventory_days", "inventory_turnover", "net_sales"),
        *("net_sales_mom", "net_sales_mtd", "net_sales_per_employee", "net_sales_per_sku", "net_sales_qtd"),
        *("net_sales_trailing_28_days", "net_sales_yoy", "net_sales_ytd", "net_sales_ytd_yoy"),
        *("order_lines", "refund_amount", "refund_rate", "sales_before_refunds", "sell_through_rate"),
        *("skus_sold", "units_sold"),
    },
    TOO_MUCH_SCRAP: {
        *("cost_per_unit_produced", "scrap_rate", "units_planned", "units_scrapped", "units_stocked"),
        "yield_rate",
    },
    QUOTA_BELOW_ZERO: {"quota", "quota_attainment"},
}

pytestmark = pytest.mark.skipif(
    not ADVENTUREWORKS.is_dir(),
    reason="the AdventureWorks data is not here; PLUMBLINE_ADVENTUREWORKS names its directory",
)


class Company:
    """AdventureWorks after its first run, with files of its own, run again and again."""

    def __init__(self, base, home):
        self.base, self.data = base, base / "adventureworks_data"
        shutil.copytree(home, base, symlinks=True, dirs_exist_ok=True)
        shutil.copytree(ADVENTUREWORKS, self.data)

    def run(self, code):
        run_adventureworks(self.base, self.data, code)

    def break_columns(self):
        """Break the columns with the script of the guide."""
        [script] = [
            step for step in steps(GUIDE) if isinstance(step, File) and step.path == "break_adventureworks.py"
        ]
        path = self.base / script.path
        path.write_text(script.text, encoding="utf-8")
        subprocess.run([sys.executable, str(path), str(self.data)], check=True)

    def mend(self):
        shutil.copytree(ADVENTUREWORKS, self.data, dirs_exist_ok=True)

    def ask(self, sql):
        current = os.path.realpath(self.base / "adventureworks" / "published" / "current.duckdb")
        with duckdb.connect(current, read_only=True) as con:
            return con.execute(sql).fetchall()

    def figures(self):
        """Give the figures of each metric, as one digest."""
        return dict(
            self.ask(
                "select metric, md5(string_agg(concat_ws('|', grain, period_start, dimensions, members,"
                " value), ';' order by grain, period_start, dimensions, members))"
                " from published.indicator_value group by metric"
            )
        )


@pytest.fixture(scope="module")
def company(adventureworks, tmp_path_factory):
    return Company(tmp_path_factory.mktemp("held"), adventureworks)


@pytest.fixture(scope="module")
def story(company):
    """Break what is published, and run; gives what was seen on the way."""
    seen = {"before": company.figures()}
    company.break_columns()
    company.run(code=3)
    seen["broken"] = company.figures()
    seen["holds"] = company.ask("select expectation, metric from published.hold")
    seen["verdicts"] = company.ask("select distinct metric, verdict from published.indicator_value")
    seen["months"] = company.ask(
        "select distinct metric, period_start, verdict from published.indicator_value"
        " where grain = 'month' and dimensions = ''"
    )
    seen["set aside"] = company.ask(
        "select system, table_name, reason, open_rows, owner from published.quarantine_reason"
    )
    return seen


def test_each_broken_column_holds_exactly_what_rests_on_it(story):
    held = {name: set() for name in HELD}
    for expectation, metric in story["holds"]:
        held[expectation].add(metric)
    assert held == HELD


def test_held_figures_are_those_of_the_publication_before(story):
    metrics = set().union(*HELD.values())
    assert {name: story["broken"][name] for name in metrics} == {
        name: story["before"][name] for name in metrics
    }


def test_all_others_are_published(story):
    held = {metric for metric, verdict in story["verdicts"] if verdict == "held"}
    published = {
        metric for metric, verdict in story["verdicts"] if verdict in ("certified", "certified_with_warnings")
    }
    assert held == set().union(*HELD.values())
    assert held | published == set(story["before"])
    assert held.isdisjoint(published - HELD[TOO_MUCH_SCRAP] - HELD[QUOTA_BELOW_ZERO])


def test_only_the_months_are_held_that_wrong_rows_are_of(story):
    months = {}
    for metric, month, verdict in story["months"]:
        months.setdefault(metric, {}).setdefault(verdict == "held", set()).add(month.isoformat()[:7])
    assert months["units_scrapped"][True] == {"2011-06", "2012-08", "2013-07", "2014-02"}
    assert len(months["units_scrapped"][False]) > 20
    assert False not in months["net_sales"]


def test_the_rows_that_cannot_be_read_are_told_with_their_reason_and_owner(story):
    assert story["set aside"] == [
        ("erp", "sales_order_detail", "UnitPrice … is not a plain number", 12_132, "Sales: head of sales")
    ]


@pytest.mark.long
def test_mended_files_release_everything_and_give_the_same_figures(story, company):
    company.mend()
    company.run(code=0)
    assert company.ask("select * from published.hold") == []
    assert company.figures() == story["before"]
    assert company.ask("select open_rows, gone_rows from published.quarantine_reason") == [(0, 12_132)]
