"""The same arguments give the same files, and a later as-of day adds to the same history."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from plumbline.demo import generate

WITHOUT_VERSION = {
    "oa.fact_finance",
    "oa.dim_account",
    "oa.dim_organization",
    "oa.dim_department_group",
    "oa.dim_scenario",
}
EVENINGS = (date(2024, 1, 31), date(2024, 2, 29), date(2024, 7, 5), date(2024, 7, 23))


def _files(path: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.suffix != ".sqlite"
    }


def _dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path / "erp.sqlite")
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def test_equal_arguments_give_equal_files(tmp_path: Path) -> None:
    made = [tmp_path / "first", tmp_path / "second"]
    for out in made:
        generate(out, scale=0.02, start=date(2024, 1, 1), as_of=date(2024, 3, 10))
    assert _files(made[0]) == _files(made[1])
    assert _dump(made[0]) == _dump(made[1])


def test_another_seed_gives_another_company(tmp_path: Path) -> None:
    span = {"scale": 0.02, "start": date(2024, 1, 1), "as_of": date(2024, 1, 20)}
    generate(tmp_path / "first", seed=7, **span)
    generate(tmp_path / "second", seed=8, **span)
    assert _files(tmp_path / "first") != _files(tmp_path / "second")


def _as_bags(tables: dict[str, list[dict[str, Any]]], name: str) -> Counter[tuple[tuple[str, Any], ...]]:
    return Counter(tuple(row.items()) for row in tables.get(name, []))


@pytest.mark.parametrize("evening", EVENINGS, ids=str)
def test_one_more_day_changes_only_what_is_modified_on_it(
    company_as_of: Callable[[date], Any], evening: date
) -> None:
    morning = evening + timedelta(days=1)
    before, after = company_as_of(evening).tables, company_as_of(morning).tables
    for name in after.keys() - WITHOUT_VERSION:
        fresh = _as_bags(after, name) - _as_bags(before, name)
        stamps = {dict(row)["ModifiedDate"][:10] for row in fresh}
        assert stamps <= {morning.isoformat()}, name


@pytest.mark.parametrize("evening", EVENINGS, ids=str)
def test_one_more_day_takes_nothing_away(company_as_of: Callable[[date], Any], evening: date) -> None:
    before = company_as_of(evening).tables
    after = company_as_of(evening + timedelta(days=1)).tables
    for name in before:
        gone = _as_bags(before, name) - _as_bags(after, name)
        replaced = {next(iter(row)) for row in gone}
        assert replaced <= {next(iter(row.items())) for row in after[name]}, name
        if name in WITHOUT_VERSION:
            assert not gone


def test_nothing_is_known_before_its_time(company: Any) -> None:
    last = company.about["as_of"]
    for name, rows in company.tables.items():
        if name not in WITHOUT_VERSION:
            assert max(row["ModifiedDate"][:10] for row in rows) <= last, name


def test_what_is_open_is_closed_later(tmp_path: Path, year: Any, read_company: Callable[[Path], Any]) -> None:
    generate(tmp_path / "c", scale=year.about["scale"], start=date(2024, 1, 1), as_of=date(2024, 2, 20))
    early, late = read_company(tmp_path / "c").tables, year.tables
    for name, key, column in (
        ("erp.sales_order_header", "SalesOrderID", "ShipDate"),
        ("erp.work_order", "WorkOrderID", "EndDate"),
        ("crm.service_ticket", "TicketID", "ResolvedAt"),
        ("crm.opportunity", "OpportunityID", "ClosedDate"),
        ("oa.approval_step", "RequestID", "EndedAt"),
    ):
        pending = {row[key] for row in early[name] if row[column] is None}
        still = {row[key] for row in late[name] if row[column] is None}
        assert pending, name
        assert not pending & still, name


def test_files_of_closed_months_stay_as_they_are(company_as_of: Callable[[date], Any]) -> None:
    before, after = (company_as_of(day).path / "crm" for day in (date(2024, 7, 23), date(2024, 7, 24)))
    for month in ("2024-01", "2024-02", "2024-03", "2024-04"):
        for table in ("Crm_ServiceTicket", "Crm_StoreTraffic"):
            name = f"{table}_{month}.jsonl"
            assert (before / name).read_bytes() == (after / name).read_bytes()
