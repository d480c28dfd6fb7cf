"""A row that means nothing is told with its file and line, before a run takes it."""

from pathlib import Path

import pytest

from plumbline.definitions import load
from plumbline.governance import Finding, lint_seeds
from plumbline.governance.seeds import COLUMNS, TARGETS, THRESHOLDS
from tests.unit.definitions import shop

SOUND = {
    "company": "shop",
    "metric": "sales",
    "grain": "month",
    "period_start": "2026-01-01",
    "value": "9200000",
    "deadline": "2026-01-31",
}
BOUNDS = {"company": "*", "metric": "sales", "measured_by": "attainment", "amber": "1", "red": "0.9"}


class Seeds:
    """Write seeds and lint them against the shop's definitions."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "seeds").mkdir()
        self.definitions = load(shop.write(root / "target" / "semantic_manifest.json"))

    def lint(self) -> list[Finding]:
        return lint_seeds(self.root, self.definitions, ["shop", "shop_online"])

    def write(self, name: str, *rows: dict[str, str]) -> list[Finding]:
        columns = COLUMNS[name]
        lines = [",".join(columns), *(",".join(row.get(column, "") for column in columns) for row in rows)]
        (self.root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self.lint()


@pytest.fixture
def seeds(tmp_path: Path) -> Seeds:
    return Seeds(tmp_path)


def test_a_project_without_seeds_has_no_finding(seeds: Seeds) -> None:
    assert seeds.lint() == []


def test_sound_rows_have_no_finding(seeds: Seeds) -> None:
    growth = {
        **SOUND,
        "company": "shop|shop_online",
        "period_start": "2026-02-01",
        "period_end": "2026-12-31",
        "rule": "last_year_times",
        "value": "1.05",
        "deadline": "2026-12-31",
    }
    each = {**SOUND, "dimension": "product__category", "member": "*"}
    assert seeds.write(TARGETS, SOUND, growth, each, {}) == []
    every = {"company": "*", "metric": "*", "measured_by": "attainment", "amber": "1", "red": "0.9"}
    assert seeds.write(THRESHOLDS, every, BOUNDS) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"company": "shopp"}, "unknown-company"),
        ({"company": ""}, "unknown-company"),
        ({"metric": "saels"}, "unknown-metric"),
        ({"grain": "moth"}, "unknown-grain"),
        ({"grain": "all"}, "unknown-grain"),
        ({"metric": "orders_ever"}, "unpublished-grain"),
        ({"period_start": "2026-01-02"}, "bad-period"),
        ({"period_start": "1.1.2026"}, "bad-period"),
        ({"period_start": ""}, "bad-period"),
        ({"grain": "quarter", "period_start": "2026-02-01", "deadline": "2026-04-30"}, "bad-period"),
        ({"period_end": "2026-02-27"}, "bad-period"),
        ({"period_end": "2025-12-31"}, "bad-period"),
        ({"period_end": "2026-02-30"}, "bad-period"),
        ({"value": "9.200.000"}, "bad-value"),
        ({"value": ""}, "bad-value"),
        ({"value": "NaN"}, "bad-value"),
        ({"value": "5 %"}, "bad-value"),
        ({"value": "50", "rule": "last_year_times"}, "bad-value"),
        ({"deadline": ""}, "missing-deadline"),
        ({"deadline": "soon"}, "bad-deadline"),
        ({"deadline": "2025-12-31"}, "bad-deadline"),
        ({"rule": "last_year_time"}, "unknown-rule"),
        ({"dimension": "product__category"}, "half-a-member"),
        ({"member": "Bikes"}, "half-a-member"),
        ({"dimension": "product__catgory", "member": "Bikes"}, "unknown-dimension"),
    ],
)
def test_a_target_that_means_nothing_is_told(seeds: Seeds, change: dict[str, str], code: str) -> None:
    (found,) = seeds.write(TARGETS, {**SOUND, "period_start": "2025-12-01"}, {**SOUND, **change})
    assert found.code == code
    assert str(found).startswith("seeds/targets.csv:3: ")
    assert found.todo


def test_a_suggestion_names_the_metric_that_was_meant(seeds: Seeds) -> None:
    (found,) = seeds.write(TARGETS, {**SOUND, "metric": "saels"})
    assert "Did you mean 'sales'?" in str(found)


def test_a_metric_that_cannot_be_split_so_can_have_no_such_target(seeds: Seeds) -> None:
    row = {**SOUND, "dimension": "product__category", "member": "*"}
    assert seeds.write(TARGETS, row) == []
    dimensions = {"sales": ["order__channel"]}
    (found,) = lint_seeds(seeds.root, seeds.definitions, ["shop"], lambda metric: dimensions[metric])
    assert found.code == "unreachable-dimension"
    assert "order__channel" in found.todo


def test_a_metric_without_a_good_direction_can_have_no_target(seeds: Seeds) -> None:
    content = shop.manifest()
    content["metrics"][0]["config"]["meta"]["direction"] = "none"
    seeds.definitions = load(shop.write(seeds.root / "target" / "semantic_manifest.json", content))
    (found,) = seeds.write(TARGETS, {**SOUND, "metric": content["metrics"][0]["name"]})
    assert found.code == "target-without-direction"


@pytest.mark.parametrize("other", [{"company": "*"}, {"company": "shop_online|shop"}, {"value": "1"}])
def test_two_targets_for_the_same_period_are_told(seeds: Seeds, other: dict[str, str]) -> None:
    year = {**SOUND, "period_start": "2025-01-01", "period_end": "2026-12-31", **other}
    (found,) = seeds.write(TARGETS, SOUND, year)
    assert (found.code, found.location.line) == ("said-twice", 3)
    assert "line 2" in found.todo


def test_targets_of_other_companies_members_and_periods_do_not_meet(seeds: Seeds) -> None:
    others = (
        {"company": "shop_online"},
        {"dimension": "product__category", "member": "Bikes"},
        {"period_start": "2026-02-01", "deadline": "2026-02-28"},
        {"metric": "orders"},
    )
    assert seeds.write(TARGETS, SOUND, *({**SOUND, **other} for other in others)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"amber": "much"},
        {"red": ""},
        {"red": "1.1"},
        {"measured_by": "valeu"},
        {"measured_by": "value"},
        {"metric": "*", "measured_by": "value"},
    ],
)
def test_a_threshold_that_means_nothing_is_told(seeds: Seeds, change: dict[str, str]) -> None:
    (found,) = seeds.write(THRESHOLDS, {**BOUNDS, **change})
    assert (found.code, found.location.line) == ("bad-threshold", 2)


def test_bounds_of_a_value_that_should_be_small_rise(seeds: Seeds) -> None:
    content = shop.manifest()
    margin = next(metric for metric in content["metrics"] if metric["name"] == "margin")
    margin["config"]["meta"]["direction"] = "down"
    seeds.definitions = load(shop.write(seeds.root / "target" / "semantic_manifest.json", content))
    bounds = {**BOUNDS, "metric": "margin", "measured_by": "value", "amber": "0.1", "red": "0.2"}
    assert seeds.write(THRESHOLDS, bounds) == []
    (found,) = seeds.write(THRESHOLDS, {**bounds, "red": "0.05"})
    assert found.code == "bad-threshold"


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (b"", "seed-columns", 1),
        (b"company,metric\n", "seed-columns", 1),
        ("公司".encode("gb18030"), "seed-encoding", 1),
    ],
)
def test_a_file_that_cannot_be_read_is_told(seeds: Seeds, text: bytes, code: str, line: int) -> None:
    (seeds.root / TARGETS).write_bytes(text)
    found = seeds.lint()
    assert {(item.code, item.location.line) for item in found} == {(code, line)}


def test_lines_count_from_where_a_row_begins(seeds: Seeds) -> None:
    columns = ",".join(COLUMNS[TARGETS])
    sound = "shop,sales,month,2026-01-01,,,,,1,2026-01-31,,"
    text = (
        f'\ufeff{columns}\n{sound}"two\nlines"\nshop,sales,month,2026-02-01,,,,,x,2026-02-28,,\nshop,sales\n'
    )
    (seeds.root / TARGETS).write_text(text, encoding="utf-8")
    found = seeds.lint()
    assert [(item.code, item.location.line) for item in found] == [("bad-value", 4), ("seed-row", 5)]
