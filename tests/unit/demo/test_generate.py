"""What `generate` promises about its arguments and its directory, and the command over it."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from plumbline.cli import demo as command
from plumbline.demo import generate
from plumbline.demo.timeline import default_span
from plumbline.errors import UsageError

SMALL = {"scale": 0.005, "start": date(2024, 1, 1), "as_of": date(2024, 1, 10)}


def test_company_json_tells_what_was_generated(tmp_path: Path) -> None:
    about = generate(tmp_path / "c", **SMALL)
    assert json.loads((tmp_path / "c" / "company.json").read_text(encoding="utf-8")) == about
    assert about | {"planted": {}} == {
        "company": "云岭 Yunling Outfitters",
        "scale": 0.005,
        "seed": 7,
        "start": "2024-01-01",
        "as_of": "2024-01-10",
        "generator_version": 1,
        "planted": {},
    }


def test_three_years_up_to_yesterday_are_the_default() -> None:
    assert default_span(date(2026, 7, 1)) == (date(2023, 6, 1), date(2026, 6, 30))
    assert default_span(date(2024, 3, 1)) == (date(2021, 2, 1), date(2024, 2, 29))


def test_start_is_rounded_down_to_its_month(tmp_path: Path) -> None:
    assert generate(tmp_path / "c", **SMALL | {"start": date(2024, 1, 9)})["start"] == "2024-01-01"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"scale": 0}, "bad-scale"),
        ({"scale": float("nan")}, "bad-scale"),
        ({"scale": 1e9}, "bad-scale"),
        ({"seed": -1}, "bad-seed"),
        ({"as_of": date(2023, 12, 31)}, "bad-span"),
        ({"start": date(1999, 1, 1)}, "bad-span"),
    ],
)
def test_impossible_arguments_are_refused(tmp_path: Path, wrong: dict[str, Any], code: str) -> None:
    with pytest.raises(UsageError) as refusal:
        generate(tmp_path / "c", **SMALL | wrong)
    assert refusal.value.code == code
    assert not (tmp_path / "c").exists()


def test_an_earlier_company_is_replaced_as_a_whole(tmp_path: Path) -> None:
    generate(tmp_path / "c", **SMALL | {"as_of": date(2024, 3, 3)})
    generate(tmp_path / "c", **SMALL)
    assert not list((tmp_path / "c" / "crm").glob("*2024-0[23]*"))
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_a_directory_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "mine.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(UsageError, match="holds something else"):
        generate(tmp_path / "c", **SMALL)
    assert (tmp_path / "c" / "mine.txt").read_text(encoding="utf-8") == "precious"


def test_a_failure_leaves_the_earlier_company(tmp_path: Path) -> None:
    before = generate(tmp_path / "c", **SMALL)

    def fail(what: str, share: float) -> None:
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        generate(tmp_path / "c", **SMALL | {"as_of": date(2024, 1, 11)}, progress=fail)
    assert json.loads((tmp_path / "c" / "company.json").read_text(encoding="utf-8")) == before
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_what_a_killed_generation_left_is_removed(tmp_path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    for name in (f".c.{killed.stdout.strip()}.new", f".c.{os.getppid()}.new"):
        (tmp_path / name).mkdir()
    generate(tmp_path / "c", **SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f".c.{os.getppid()}.new", "c"]


def test_progress_grows_to_one(tmp_path: Path) -> None:
    shares: list[float] = []
    generate(tmp_path / "c", **SMALL, progress=lambda what, share: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def _parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    return parser.parse_args(["demo", "generate", *words])


def test_the_command_generates_and_sums_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "c"
    args = _parse("--scale", "0.005", "--start", "2024-01-01", "--as-of", "2024-01-10", "--out", str(out))
    assert args.run(args) == 0
    assert "2024-01-01 to 2024-01-10, scale 0.005" in capsys.readouterr().out
    assert (out / "erp.sqlite").is_file()


def test_the_command_prints_company_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "c"
    args = _parse(
        "--scale", "0.005", "--as-of", "2024-01-10", "--out", str(out), "--format", "json", "--seed", "9"
    )
    assert args.run(args) == 0
    assert json.loads(capsys.readouterr().out)["seed"] == 9


def test_the_command_refuses_what_is_no_day(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parse("--as-of", "2024-02-30", "--out", "x")
    assert "'2024-02-30' is no day" in capsys.readouterr().err


def test_the_command_line_loads_nothing_heavy() -> None:
    code = (
        "import sys, plumbline.cli.demo, plumbline.demo;"
        "print({'numpy', 'pyarrow', 'openpyxl', 'sqlalchemy', 'adbc_driver_sqlite'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
