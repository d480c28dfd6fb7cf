import json
from datetime import date

import pytest

from plumbline.cli.built_in import day_to_live_to
from plumbline.errors import UsageError

TODAY = date(2026, 3, 10)


@pytest.fixture
def lived(tmp_path):
    def until(day):
        (tmp_path / "company.json").write_text(json.dumps({"as_of": day}), encoding="utf-8")
        return tmp_path

    return until


def test_a_run_takes_the_company_to_yesterday_or_to_the_day_asked_for(tmp_path):
    assert day_to_live_to(tmp_path, None, TODAY) == date(2026, 3, 9)
    assert day_to_live_to(tmp_path, date(2026, 1, 1), TODAY) == date(2026, 1, 1)


def test_figures_are_as_of_the_last_day_that_the_company_lived(lived):
    """Otherwise they would differ from those of a company generated as of yesterday."""
    assert day_to_live_to(lived("2026-03-10"), None, TODAY) == date(2026, 3, 10)


@pytest.mark.parametrize(
    ("until", "asked"), [("2026-03-01", date(2026, 2, 1)), ("2030-01-01", None), ("2030-01-01", TODAY)]
)
def test_the_company_never_goes_back(lived, until, asked):
    with pytest.raises(UsageError, match="cannot go back") as caught:
        day_to_live_to(lived(until), asked, TODAY)
    assert until in caught.value.why
    assert "PLUMBLINE_HOME" in caught.value.todo
