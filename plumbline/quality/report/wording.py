"""What the sentences of the report say in Chinese: one template for each kind of sentence.

A sentence that no template knows, a condition in SQL or one that a rule of the project says in its own words,
stands as it is.
"""

from __future__ import annotations

import re
from functools import cache

_LISTED = re.compile(r",? and ")
_NEARLY = re.compile(r" for at least (?P<share>[\d.]+) % of rows$")
_LIMITS = (
    (re.compile(r"^(.*), for orders up to the day that figures are as of$"), r"\1（截至数据日的订单）"),
    (re.compile(r"^(.*?) where (.*)$"), r"\1（条件：\2）"),
)
# What an expectation demands, the special before the general.
_EXPECTED = (
    (r"at most ([\d.]+) % of the rows are quarantined", r"隔离行不超过 \1 %"),
    (r"has at least ([\d,]+) rows? and at most ([\d,]+)", r"行数在 \1 到 \2 之间"),
    (r"has at least ([\d,]+) rows?", r"至少有 \1 行"),
    (r"has the columns (.+)", r"具有列 \1"),
    (r"has the rows that its manifests announce", "行数与清单所载一致"),
    (r"has as many rows as (\S+)", r"行数与 \1 相同"),
    (r"staging has read every row that landed", "落地的每一行都已被读取"),
    (r"landed = staged \+ duplicates \+ superseded \+ quarantined", "落地 = 入库 + 重复 + 被更新 + 隔离"),
    (r"the newest load has half to twice the rows of those before it",
     "最新批次的行数是此前批次的一半到两倍"),
    (r"the 7 days to (\S+) by (\S+) have half to twice the rows of a week before",
     r"按 \2，截至 \1 的 7 天行数是此前各周的一半到两倍"),
    (r"the newest business date of (\S+) is at most (\S+) days before (\S+)",
     r"\1 的最新业务日期距 \3 不超过 \2 天"),
    (r"the newest business date of (\S+) is as recent as agreed", r"\1 的最新业务日期符合约定的时效"),
    (r"the newest (\S+) is as recent as agreed", r"最新的 \1 符合约定的时效"),
    (r"the newest (\S+) is at most (\S+) days before (\S+)", r"最新的 \1 距 \3 不超过 \2 天"),
    (r"the total of (\S+), set aside or not, is the control total of (\S+)",
     r"\1 的合计（含隔离行）等于 \2 的控制总数"),
    (r"the total of (\S+) is that of (.+?) in (\S+)", r"\1 的合计等于 \3 中 \2 的合计"),
    (r"the months of (\S+) add up to the rows of (\S+)", r"\1 的各月之和等于 \2 的行数"),
    (r"the months of (\S+) add up to the total of (.+) in (\S+)", r"\1 的各月之和等于 \3 中 \2 的合计"),
    (r"(.+) are unique together", r"\1 的组合不重复"),
    (r"(\S+) is unique", r"\1 不重复"),
    (r"(\S+) is never empty", r"\1 不为空"),
    (r"(\S+) is a plain number", r"\1 是普通数字"),
    (r"(\S+) is found in (\S+)", r"\1 都能在 \2 中找到"),
    (r"(\S+) is one of (.+)", r"\1 取值于 \2"),
    (r"(\S+) matches (.+)", r"\1 符合格式 \2"),
    (r"(\S+) lies between (\S+) and (\S+)", r"\1 在 \2 到 \3 之间"),
    (r"(\S+) is at least (\S+)", r"\1 不小于 \2"),
    (r"(\S+) is at most (\S+)", r"\1 不大于 \2"),
    (r"(\S+) is not after (\S+)", r"\1 不晚于 \2"),
    (r"(\S+) is not before (\S+)", r"\1 不早于 \2"),
    (r"shares lie between 0 and 1", "占比在 0 到 1 之间"),
    (r"a ratio is its numerator divided by its denominator", "比率等于分子除以分母"),
    (r"the members of a breakdown add up to the total of the period", "各维度成员之和等于周期合计"),
    (r"every metric whose sources have landed has a value", "来源已落地的指标都有值"),
    (r"no light without a value", "没有数值就没有红黄绿灯"),
    (r"the subtotal of an order is the sum of its lines", "订单小计等于各明细行之和"),
    (r"what is won is closed", "赢单的商机都已关闭"),
    (r"only what is completed is within its service level", "只有已完成的才算时效达标"),
    (r"the targets of members add up to that of the company, within ([\d.]+) %",
     r"各成员目标之和等于公司目标（误差 \1 % 以内）"),
    (r"the last whole (month|quarter|week|day) is as usual, against (.+) before",
     r"最近一个完整周期与以往同期相比属于正常范围"),
    (r"(.+): the last whole (month|quarter|week|day) is as usual, against (.+) before",
     r"\1：最近一个完整周期与以往同期相比属于正常范围"),
    (r"a figure that is computed from others equals its formula over those",
     "由其他指标计算的数值等于其公式的结果"),
    (r"those of months add up to quarter and year, within ([\d.]+) %",
     r"各月目标之和等于季度与年度目标（误差 \1 % 以内）"),
)  # fmt: skip
# What was found, and why something was not judged.
_FOUND = (
    (r"evaluated no rows, though there is an extract", "有抽取数据，但没有可检查的行"),
    (r"([\d,]+) rows are in quarantine, such as (.+)", r"\1 行在隔离区，例如 \2"),
    (r"([\d,]+) of ([\d,]+) rows break it", r"\2 行中有 \1 行不符"),
    (r"([\d,]+) rows?", r"\1 行"),
    (r"([\d,]+) different values are not in (\S+)", r"\1 个不同的值不在 \2 中"),
    (r"([\d,]+) rows in the last 7 days, ([\d,]+) in the median of the 8 weeks before",
     r"最近 7 天 \1 行，此前 8 周的中位数为 \2 行"),
    (r"total (\S+)", r"合计 \1"),
    (r"(\S+) here, (\S+) in the landed control totals", r"此处 \1，落地控制总数 \2"),
    (r"(\S+) here, (\S+) in (\S+)", r"此处 \1，\3 中 \2"),
    (r"load (\d+) has ([\d,]+) rows, those before ([\d,.]+) in the median",
     r"批次 \1 有 \2 行，此前各批次的中位数为 \3 行"),
    (r"the newest is of (\S+), and the longest time without any was (\d+) days",
     r"最新的是 \1，最长间隔 \2 天"),
    (r"(?:skipped: )?every value is empty", "所有值均为空"),
    (r"(?:skipped: )?its loads are increments of any size", "各批次为增量，大小不定"),
    (r"(?:skipped: )?the first load has none to compare with", "首个批次没有可比对象"),
    (r"(?:skipped: )?loads of few rows are too few to tell", "批次行数太少，无法判断"),
    (r"(?:skipped: )?fewer than (\d+) rows a week are too few to tell", r"每周不足 \1 行，无法判断"),
    (r"(?:skipped: )?fewer than (\d+) of the (\d+) weeks before have rows",
     r"此前 \2 周中有数据的不足 \1 周"),
    (r"(?:skipped: )?no whole has a target beside those of its parts", "没有整体与部分同时设有目标"),
    (r"(?:skipped: )?no figure that adds up is published by members", "没有可相加的指标按维度成员发布"),
    (r"(?:skipped: )?no extract of (.+)", r"没有 \1 的提取数据"),
    (r"(?:skipped: )?no freshness is agreed for (\S+)", r"未约定 \1 的时效"),
    (r"(?:skipped: )?no figure has been there long enough to tell what is usual",
     "历史不足，无法判断是否正常"),
    (r"(?:skipped: )?no figure is published together with those that it is computed from",
     "没有与其计算来源一同发布的数值"),
    (r"(?:skipped: )?no metric is computed from others", "没有由其他指标计算的指标"),
    (r"([\d,]+) formulas computed again", r"重新计算了 \1 个公式"),
    (r"([\d,]+) figures of (\S+) are as usual", r"\2 的 \1 个数值均属正常"),
    (r"(\S+) is (\S+), usual is (\S+) to (\S+) \(of (\S+)\)", r"\5 的 \1 为 \2，正常范围为 \3 到 \4"),
    (r"(\S+) is (\S+), usual is (\S+) to (\S+)", r"\1 为 \2，正常范围为 \3 到 \4"),
)  # fmt: skip
WORDS = {
    "critical": "严重",
    "warning": "警告",
    "could not be judged": "无法判断",
    "adds up": "相符",
    "not compared": "未比对",
    "yes": "是",
    "replaced": "已被替换",
    "staged": "入库",
    "duplicates": "重复",
    "superseded": "被更新",
    "quarantined": "隔离",
    "completeness": "完整性",
    "accuracy": "准确性",
    "consistency": "一致性",
    "validity": "规范性",
    "timeliness": "时效性",
    "uniqueness": "唯一性",
    "landing": "落地",
    "staging": "清洗",
    "marts": "主题表",
    "indicators": "候选指标",
}


@cache
def expected_in_chinese(sentence: str) -> str:
    """Say in Chinese what an expectation demands; '' where only its own words say it."""
    nearly = _NEARLY.search(sentence)
    if nearly:
        found = expected_in_chinese(sentence[: nearly.start()])
        return f"{found}（至少 {nearly['share']} % 的行）" if found else ""
    for limit, chinese in _LIMITS:
        inner = limit.match(sentence)
        if inner and (found := _translated(inner[1], _EXPECTED)):
            return limit.sub(chinese, sentence).replace(inner[1], found, 1)
    return _translated(sentence, _EXPECTED)


@cache
def found_in_chinese(text: str) -> str:
    """Say in Chinese what was found, part by part; '' where a part is known in its own words only."""
    parts = [_translated(part, _FOUND) for part in text.split("; ")]
    return "；".join(parts) if all(parts) else ""


def _translated(sentence: str, templates: tuple[tuple[str, str], ...]) -> str:
    for pattern, chinese in templates:
        match = re.fullmatch(pattern, sentence)
        if match:
            return _LISTED.sub("、", match.expand(chinese))
    return ""
