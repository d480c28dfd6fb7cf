"""The counts in company.json are those that a plain reading of the rules finds in the files."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
_DATES = (
    re.compile(r"(\d{4})-(\d{2})-(\d{2})( \d{2}:\d{2}:\d{2})?"),
    re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})"),
    re.compile(r"(\d{4})(\d{2})(\d{2})"),
)


def _contract() -> dict[str, dict[str, Any]]:
    """Read key, required columns and types of every table from the sources of the staging models."""
    tables: dict[str, dict[str, Any]] = {}
    for system in ("erp", "crm", "oa"):
        declared = yaml.safe_load(
            (ROOT / f"models/staging/{system}/_{system}__sources.yml").read_text("utf-8")
        )
        for table in declared["sources"][0]["tables"]:
            columns = {column["name"]: column["config"]["meta"] for column in table["columns"]}
            tables[f"{system}.{table['name']}"] = {"key": table["config"]["meta"]["key"], "columns": columns}
    del tables["crm.call_center"]
    return tables


CONTRACT = _contract()


def _clean(value: str | None) -> str | None:
    if value is None:
        return None
    return unicodedata.normalize("NFKC", value).strip() or None


def _read(value: str | None, kind: str) -> object:
    """Read a cleaned text as its type; raise ValueError when it cannot be read."""
    if value is None or kind == "text":
        return value
    if kind in ("date", "timestamp"):
        match = next((found for form in _DATES if (found := form.fullmatch(value))), None)
        if match is None:
            raise ValueError("bad-date")
        try:
            return date(int(match[1]), int(match[2]), int(match[3])).isoformat() + (
                match[4] or "" if match.re is _DATES[0] and kind == "timestamp" else ""
            )
        except ValueError:
            raise ValueError("bad-date") from None
    if not re.fullmatch(r"-?\d+(\.\d+)?", value):
        raise ValueError("bad-number")
    try:
        return Decimal(value)
    except InvalidOperation:
        raise ValueError("bad-number") from None


def _judge(name: str, rows: list[dict[str, str | None]], orders: set[object]) -> Counter[str]:
    """Give each row its verdict by the rules, the long way."""
    contract = CONTRACT[name]
    found: Counter[str] = Counter()
    seen: set[tuple[object, ...]] = set()
    versions: dict[tuple[object, ...], list[str]] = {}
    for row in rows:
        raw = tuple(row.values())
        if raw in seen:
            found["duplicate"] += 1
            continue
        seen.add(raw)
        try:
            read = {
                column: _read(_clean(value), contract["columns"][column]["type"])
                for column, value in row.items()
            }
        except ValueError as error:
            found[str(error)] += 1
            continue
        if any(read[column] is None for column, meta in contract["columns"].items() if meta.get("required")):
            found["missing"] += 1
        elif name == "erp.sales_order_detail" and read["SalesOrderID"] not in orders:
            found["orphan"] += 1
        else:
            versions.setdefault(tuple(read[column] for column in contract["key"]), []).append(
                str(read.get("ModifiedDate"))
            )
    for stamps in versions.values():
        assert len(set(stamps)) == len(stamps), "two contents of one key and version"
        found["superseded"] += len(stamps) - 1
    return +found


def _repairs(rows: list[dict[str, str | None]], types: dict[str, Any]) -> Counter[str]:
    """Count the rows that need a repair, by kind; rows that cannot be repaired do not count."""
    found: Counter[str] = Counter()
    for row in rows:
        for column, value in row.items():
            kind = _repair(value, types[column]["type"])
            if kind:
                found[kind] += 1
                break
    return found


def _repair(value: str | None, kind: str) -> str | None:
    if value is None:
        return None
    if value and not value.strip():
        return "blank"
    if value != value.strip():
        return "padded"
    if any("！" <= sign <= "～" for sign in value):
        return "full-width"
    if kind in ("date", "timestamp") and re.fullmatch(r"\d{4}/\d+/\d+", value):
        return "date-slash"
    if kind in ("date", "timestamp") and re.fullmatch(r"\d{8}", value):
        return "date-compact"
    return None


DAYS = (date(2024, 2, 29), date(2024, 3, 1), date(2024, 7, 24))


@pytest.mark.parametrize("as_of", DAYS, ids=str)
@pytest.mark.parametrize("name", sorted(CONTRACT))
def test_planted_counts_are_what_the_rules_find(
    company_as_of: Callable[[date], Any], as_of: date, name: str
) -> None:
    company = company_as_of(as_of)
    rows, planted = company.tables[name], company.about["planted"][name]
    orders = {Decimal(row["SalesOrderID"]) for row in company.tables["erp.sales_order_header"]}
    expected = Counter(planted["quarantined"])
    expected.update({kind: planted[kind] for kind in ("duplicate", "superseded")})
    assert planted["rows"] == len(rows)
    assert _judge(name, rows, orders) == +expected
    assert _repairs(rows, CONTRACT[name]["columns"]) == Counter(planted["repaired"])


@pytest.mark.parametrize("name", sorted(CONTRACT))
def test_columns_are_those_of_the_contract(company: Any, name: str) -> None:
    declared = list(CONTRACT[name]["columns"])
    assert all(list(row) == declared for row in company.tables[name])


@pytest.mark.parametrize("as_of", DAYS, ids=str)
def test_kept_oddities_are_counted(company_as_of: Callable[[date], Any], as_of: date) -> None:
    company = company_as_of(as_of)
    planted = {name: table["kept"] for name, table in company.about["planted"].items()}
    customers = {_clean(row["CustomerID"]) for row in company.tables["crm.customer"]}
    headers = company.tables["erp.sales_order_header"]
    ordered = {row["SalesOrderID"]: date.fromisoformat(row["OrderDate"][:10]) for row in headers}
    lines = company.tables["erp.sales_order_detail"]
    sold = [row for row in lines if int(row["OrderQty"]) > 0 and row["SalesOrderID"] in ordered]
    delay = [_days(row["ModifiedDate"]) - ordered[row["SalesOrderID"]].toordinal() for row in sold]
    traffic = [row for row in company.tables["crm.store_traffic"] if "-" in row["TrafficDate"]]
    machines = company.tables["erp.machine_run_time"]

    assert (
        sum(row["CustomerID"] not in customers for row in headers)
        == planted["erp.sales_order_header"]["unknown-customer"]
    )
    assert sum(int(row["OrderQty"]) < 0 for row in lines) == planted["erp.sales_order_detail"]["refund"]
    assert sum(days >= 7 for days in delay) == planted["erp.sales_order_detail"]["late"]
    assert sum(0 < days < 7 for days in delay) == planted["erp.sales_order_detail"]["corrected"]
    assert (
        sum(_days(row["ModifiedDate"]) - _days(row["RunDate"]) >= 7 for row in machines)
        == planted["erp.machine_run_time"]["late"]
    )
    assert sum(
        not _is_bad(row["TrafficDate"]) and _days(row["ModifiedDate"]) - _days(row["TrafficDate"]) >= 7
        for row in traffic
    ) == planted["crm.store_traffic"].get("late", 0)


def _days(text: str) -> int:
    return date.fromisoformat(text[:10]).toordinal()


def _is_bad(text: str) -> bool:
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return True
    return False


def test_every_kind_of_defect_is_there(company: Any) -> None:
    found: Counter[str] = Counter()
    for table in company.about["planted"].values():
        found.update({kind: table[kind] for kind in ("duplicate", "superseded")})
        for group in ("quarantined", "repaired", "kept"):
            found.update(table[group])
    kinds = {
        "duplicate", "superseded", "bad-date", "bad-number", "missing", "orphan",
        "blank", "padded", "full-width", "date-slash", "date-compact",
        "late", "corrected", "refund", "unknown-customer",
    }  # fmt: skip
    assert {kind for kind, count in found.items() if count} == kinds
