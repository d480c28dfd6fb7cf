"""Values in conditions of SQL, as PostgreSQL computes them."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlglot

from plumbline.serving.sql.constants import Parameters, evaluate
from plumbline.serving.sql.refusal import SqlRefusal

BERLIN = ZoneInfo("Europe/Berlin")


class AfterTheChange(Parameters):
    """Half past three on the night on which clocks went from two to three."""

    def now(self) -> datetime:
        return datetime(2026, 3, 29, 3, 30, tzinfo=BERLIN)


def value(text: str) -> Any:
    node = sqlglot.parse_one(f"SELECT {text}", dialect="postgres").expressions[0]
    return evaluate(node, AfterTheChange(zone="Europe/Berlin"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now() - INTERVAL '1 hour'", datetime(2026, 3, 29, 1, 30)),
        ("now() - INTERVAL '1 day'", datetime(2026, 3, 28, 3, 30)),
        ("now() - INTERVAL '24 hours'", datetime(2026, 3, 28, 2, 30)),
        ("CAST(now() AS timestamp) - INTERVAL '24 hours'", datetime(2026, 3, 28, 3, 30)),
        ("localtimestamp - INTERVAL '90 minutes'", datetime(2026, 3, 29, 2, 0)),
        ("date_trunc('month', now()) - INTERVAL '1 month'", datetime(2026, 2, 1)),
        ("now() - 2 * INTERVAL '1 day'", datetime(2026, 3, 27, 3, 30)),
        ("now() - ('2' || ' days')::interval", datetime(2026, 3, 27, 3, 30)),
        ("now() - (INTERVAL '1 day' + INTERVAL '2 days')", datetime(2026, 3, 26, 3, 30)),
        ("CURRENT_DATE + INTERVAL '90 seconds'", datetime(2026, 3, 29, 0, 1, 30)),
    ],
)
def test_days_are_those_of_the_calendar_and_hours_pass(text: str, expected: datetime) -> None:
    assert value(text).replace(tzinfo=None) == expected


def test_texts_are_put_together() -> None:
    assert value("'Cam' || 'ping' || 7") == "Camping7"
    assert value("'Cam' || NULL") is None
    assert value("3 * 4") == 12
    for text in ("1 || 2", "'a' || TRUE", "'a' * 2"):
        with pytest.raises(SqlRefusal):
            value(text)
