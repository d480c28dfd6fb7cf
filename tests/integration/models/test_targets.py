"""Targets: the rows that people maintain, and what quotas and budgets ask for, as one mart."""

import csv

import pytest

from plumbline.governance.seeds import TARGETS

PERSON = {"BusinessEntityID": "274", "ModifiedDate": "2024-01-01"}
QUOTAS = [("2024-01-01", "100"), ("2024-04-01", "50.5")]


@pytest.fixture
def sold(company):
    company.land("crm.sales_person", [PERSON], "snapshot")
    company.land(
        "crm.sales_person_quota_history",
        [
            {"BusinessEntityID": "274", "QuotaDate": day, "SalesQuota": amount, "ModifiedDate": day}
            for day, amount in QUOTAS
        ],
        "snapshot",
    )
    return company


def test_a_company_without_maintained_targets_has_those_of_its_data(sold):
    sold.build("2024-06-30")
    assert sold.query("select distinct source from marts.period_targets") == [("sales_quotas",)]
    by_hand = sold.query("""
        select date_trunc('quarter', quota_date)::date, sum(quota_amount)
        from marts.sales_quotas group by 1""")
    asked = """
        select period_start, figure from marts.period_targets
        where metric = 'quota_attained_sales' and dimension = ''"""
    assert sorted(sold.query(asked)) == sorted(by_hand) != []


def test_every_maintained_row_of_a_company_is_in_the_mart(sold, project):
    with open(project.root / TARGETS, encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if "demo" in row["company"].split("|")]
    assert rows
    sold.name = "demo"
    sold.build("2024-06-30")
    found = sold.query("""
        select metric, grain, dimension, member, rule, count(*) > 0 from marts.period_targets
        where source = 'maintained' group by all""")
    named = {
        (*(row[key] for key in ("metric", "grain", "dimension", "member", "rule")), True) for row in rows
    }
    assert set(found) == named
    assert sold.query("select amber, red from marts.light_thresholds where metric = '*'") != []


def test_no_table_that_is_kept_rests_on_a_seed(manifest):
    """A changed seed does not rebuild everything, so what is made of it must be made anew in each run."""
    fed = {name for name in manifest.nodes if name.startswith("seed.")}
    while more := {name for parent in fed for name in manifest.child_map[parent]} - fed:
        fed |= more
    kept = {
        name
        for name in fed
        if name.startswith("model.") and manifest.nodes[name].config.materialized != "table"
    }
    assert kept == set()
