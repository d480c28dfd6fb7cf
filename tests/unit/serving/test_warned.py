"""Which warnings are told beside an answer: those on what is published, and on what comes the same way."""

from datetime import date
from types import SimpleNamespace

import pytest

from plumbline.definitions import parse_group_by
from plumbline.serving.warned import Warned, Warnings, warnings_on

BY_NAME, BY_TYPE, TOTAL = "campaign__channel,campaign__name", "customer__type", ""


def warned(dimensions, reason, metric="leads"):
    return Warned(metric, "month", dimensions, reason, date(2026, 1, 1), date(2026, 1, 31))


WARNINGS = Warnings(
    (
        warned(BY_NAME, "a campaign is unknown"),
        warned(BY_TYPE, "a type is empty"),
        warned(TOTAL, "leads are few", metric="orders"),
        warned("sales_person", "a person is unknown"),
    ),
    frozenset(
        {
            *(("leads", split) for split in (BY_NAME, BY_TYPE, TOTAL, "customer__city", "sales_person")),
            ("orders", TOTAL),
        }
    ),
)


@pytest.mark.parametrize(
    ("metrics", "by", "told"),
    [
        ("leads", "", []),
        ("leads", "campaign__channel campaign__name", ["a campaign is unknown"]),
        ("leads", "campaign__name", ["a campaign is unknown"]),
        ("leads", "campaign__name customer__type", ["a campaign is unknown", "a type is empty"]),
        ("leads", "customer__city", []),
        ("leads", "customer__name", ["a type is empty"]),
        ("leads", "customer__territory__name", []),
        ("leads", "sales_person__name", ["a person is unknown"]),
        ("leads orders", "lead__channel", ["leads are few"]),
    ],
)
def test_a_split_that_nobody_published_has_the_warnings_of_what_is_reached_the_same_way(metrics, by, told):
    group_by = tuple(map(parse_group_by, by.split()))
    asked = SimpleNamespace(metrics=tuple(metrics.split()), group_by=group_by, time=None, period=None)
    assert warnings_on(WARNINGS, asked) == told
