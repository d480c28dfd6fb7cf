"""The report says in Chinese what its sentences say in English; conditions in SQL speak for themselves."""

import pytest

from plumbline.quality.report.wording import expected_in_chinese, found_in_chinese


@pytest.mark.parametrize(
    ("sentence", "chinese"),
    [
        ("quantity is at least 1", "quantity 不小于 1"),
        ("name is never empty for at least 95 % of rows", "name 不为空（至少 95 % 的行）"),
        ("month and channel are unique together", "month、channel 的组合不重复"),
        (
            "has as many rows as staging.a where day <= 2026-01-31",
            "行数与 staging.a 相同（条件：day <= 2026-01-31）",
        ),
        ("the total of a is that of b in c.d", "a 的合计等于 c.d 中 b 的合计"),
        ("the months of a add up to the rows of b", "a 的各月之和等于 b 的行数"),
        ("a = b - c", ""),
    ],
)
def test_an_expectation_is_said_in_chinese(sentence, chinese):
    assert expected_in_chinese(sentence) == chinese


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("2 of 52 rows break it", "52 行中有 2 行不符"),
        ("1 of 2 rows break it; total 5.00", "2 行中有 1 行不符；合计 5.00"),
        ("skipped: no extract of crm.call_center", "没有 crm.call_center 的提取数据"),
        ("1 of 2 rows break it; and something new", ""),
        ("", ""),
    ],
)
def test_what_was_found_is_said_in_chinese(text, chinese):
    assert found_in_chinese(text) == chinese
