"""What the published tables and columns mean, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from plumbline.publication.facts import TableFacts
from plumbline.publication.labels import Dictionary, Label, label_column
from plumbline.publication.marts import Mart
from plumbline.publication.sql import Column, identifier, literal

COMMENTS: dict[str, str] = {
    "publication": "One row per publication, this one and all before it. · 历次发布记录",
    "publication_table": "One row per published table and publication, with its digest. · 各次发布的表与摘要",
    "mart_part": "One row per Parquet file of a big mart in this generation. · 大表分片文件",
    "ledger": "One row per record of the ledger up to this publication, whose own record is in the next."
    " · 截至本次发布的账本记录",
    "available_table": "One row per table that can be queried. · 可查询的表",
    "indicator": "The indicator library: one row per metric. · 指标库",
    "indicator_edge": "The indicator tree: one row per parent and child. · 指标树",
    "target": "One row per target: metric, period and member. · 目标值表",
    "coverage": "One row per date that periods are made of: from when to when its data go. · 数据覆盖范围",
    "indicator_value": "One row per metric, period and member. · 指标值长表",
    "doubt": "One row per column of a mart that a failed check spoils. · 存疑的主题表列",
    "hold": "One row per figure that a failed check keeps back, and why. · 暂缓发布的指标",
    "restatement": "One row per past figure that differs from the one published before. · 历史数值重述",
    "waiver": "One row per waiver of a failed check, also those that are over. · 质量检查豁免",
    "quality_result": "One row per run, also one held back, and expectation. · 历次运行的质量检查结果",
    "reconciliation": "One row per source table: where its landed rows went. · 行数核对",
    "extract": "One row per load of a source table, with its checksum. · 数据提取批次",
    "quarantine_reason": "One row per source table and kind of reason for which rows are, or were, set aside."
    " · 隔离原因汇总",
    "rejected_row": "One row per landed row that was set aside: the newest 100,000. · 隔离行明细",
}
COLUMN_COMMENTS: dict[str, str] = {
    "publication_id": "Which publication, <company>-<generation>. · 发布编号",
    "generation": "Number of the generation; it grows by one or more. · 代次",
    "company": "Company whose figures these are. · 公司",
    "as_of": "Figures are as of this date. · 数据截止日",
    "published_at": "When it was published (UTC). · 发布时间（UTC）",
    "run_id": "The run that did it. · 运行编号",
    "code_commit": "Commit of the project that computed the figures; with + if files differed. · 代码版本",
    "definitions_digest": "SHA-256 of the metric definitions. · 口径定义摘要",
    "values_digest": "SHA-256 over the digests of all figures. · 数值摘要",
    "marts_digest": "SHA-256 over the contents of all marts. · 主题表摘要",
    "verdict": "certified, certified_with_warnings, held or stale (then the value is the last good one),"
    " not_available. · 质量结论",
    "publication.verdict": "certified, or partly_held where some figures are held back. · 质量结论",
    "filter": "Filter of the published table that the figure stands in. · 筛选条件",
    "hold.column_name": "Columns that the check is about; empty for the rows of the table. · 列名",
    "doubt.column_name": "Column of the mart; empty for which rows there are. · 列名",
    "hold.period_start": "Periods with days from this one on are held; empty: all before. · 暂缓起始日",
    "hold.period_end": "The last of these days; empty: without end. · 暂缓截止日",
    "doubt.time_column": "Date of the mart that the days are told by; empty for any day. · 日期列",
    "doubt.period_start": "Rows from this day on are in doubt; empty: all before, too. · 存疑起始日",
    "doubt.period_end": "The last day of which rows are in doubt; empty: without end. · 存疑截止日",
    "touches": "Columns and tables that are in doubt when it fails. · 涉及的表与列",
    "old_value": "The figure as it was published before. · 原数值",
    "new_value": "The figure as it is computed now; empty where it is gone. · 新数值",
    "change_share": "(new - old) / |old|; empty where the old value is zero. · 变动比例",
    "cause": "What changed: late or corrected rows, the definition, models. · 变动原因",
    "restatement.state": "recorded or approved (the new value is published), awaits approval, or"
    " withdrawn (no longer published). · 重述状态",
    "restatement.reason": "Why nobody had to approve it, why it was approved, or who may. · 重述说明",
    "restated_by": "Who started the run that found it. · 运行人",
    "approved_by": "Who approved it. · 批准人",
    "approved_at": "When it was approved (UTC). · 批准时间（UTC）",
    "waits_since": "Since when it has waited for an approval (UTC). · 待批准起始时间（UTC）",
    "restatement.last_good": "The publication whose figure is shown while it waits, or that had it last."
    " · 当前展示数值所属发布",
    "restatement.publication_id": "The publication in which the figure changed, waits, or went. · 发布编号",
    "restated_at": "When the change was found (UTC). · 重述时间（UTC）",
    "waiver_id": "Number of the waiver. · 豁免编号",
    "state": "valid, expired, ended, or void with the reason. · 豁免状态",
    "waiver.table_name": "The table that the check is about. · 表名",
    "waiver.expectation": "What was expected, and failed. · 质量规则",
    "waiver.metric": "The only metric that it lets through; empty for all. · 豁免指标",
    "metrics": "Metrics whose figures it lets through now. · 放行的指标",
    "waiver.reason": "Why the figures may be published nevertheless. · 豁免理由",
    "waived_by": "Who gave it. · 豁免人",
    "valid_until": "The last day on which it counts. · 有效期至",
    "author": "Who had a hand in what failed, and may not waive it. · 相关责任人",
    "waived_at": "When it was given (UTC). · 豁免时间（UTC）",
    "ended_at": "When somebody ended it (UTC). · 终止时间（UTC）",
    "ended_by": "Who ended it. · 终止人",
    "held_since": "When it was first held back (UTC). · 暂缓起始时间（UTC）",
    "last_good": "The publication whose figure is shown; empty if there never was a good one."
    " · 最近一次合格发布",
    "schema_name": "Schema: published or marts. · 模式",
    "table_name": "Name of the table. · 表名",
    "row_count": "Number of rows. · 行数",
    "digest": "Digest of the content, blind to row order. · 内容摘要",
    "kind": "saved query, figures, evidence, publication or mart. · 类别",
    "seq": "Number of the record; they have no gaps. · 记录序号",
    "recorded_at": "When it was recorded (UTC). · 记录时间（UTC）",
    "ledger.kind": "load, definition, quality, hold, release, waiver, publication, restatement, approval,"
    " witness or heal. · 记录类别",
    "subject": "What the record is about: a publication, a metric, a load. · 记录对象",
    "body": "What the record says, as canonical JSON (RFC 8785). · 记录内容",
    "prev": "Hash of the record before it. · 前一记录的哈希",
    "hash": "SHA-256 over the record and the hash before it. · 本记录的哈希",
    "label": "What people call it, in English. · 英文名称",
    "label_zh": "What people call it, in Chinese. · 中文名称",
    "description": "What it holds. · 说明",
    "mart": "Name of the mart. · 主题表",
    "part": "Month of the part. · 分片月份",
    "file": "File, relative to the directory of generations. · 文件",
    "bytes": "Size of the file. · 字节数",
    "sha256": "SHA-256 of the content as it arrived. · 校验和",
    "system": "Source system: erp, crm, oa. · 来源系统",
    "load": "Number of the load. · 批次号",
    "source": "Where the extract came from, without secrets. · 来源",
    "mode": "snapshot, append or incremental. · 装载方式",
    "rows": "Number of rows. · 行数",
    "extract_rows": "Rows of the whole extract, of which `rows` are new. · 整份提取行数",
    "is_current": "Whether the figures use this load. · 是否当前批次",
    "landed_at": "When it was landed (UTC). · 落地时间（UTC）",
    "landed": "Rows that arrived in current loads. · 落地行数",
    "staged": "Rows that the figures use. · 入库行数",
    "duplicates": "Rows that repeat another row. · 重复行数",
    "superseded": "Rows replaced by a later version. · 被更新行数",
    "quarantined": "Rows set aside, with a reason. · 隔离行数",
    "metric": "Name of the metric. · 指标",
    "grain": "Length of the period: day, week, month, quarter, year, all. · 周期粒度",
    "period_start": "First day of the period. · 周期开始日",
    "period_end": "Last day of the period. · 周期结束日",
    "dimensions": "The dimensions that the value is broken down by; empty for the total. · 维度组合",
    "members": "The members that the value belongs to, as JSON. · 维度成员",
    "value": "The figure. · 指标值",
    "numerator": "Numerator of a ratio. · 分子",
    "denominator": "Denominator of a ratio. · 分母",
    "target": "What the figure should be; empty where nobody set a target. · 目标值",
    "attainment": "1 + (value - target) / |target|, with minus where less is better; 1 is met. · 完成率",
    "light": "green, amber or red; empty without a target, or too early to tell. · 红黄绿灯",
    "unit": "Unit of the figure. · 单位",
    "target.value": "What the figure should be in the whole period. · 目标值",
    "target.source": "Where it comes from: maintained, sales_quotas or budgets. · 目标来源",
    "target.owner": "Who answers for reaching it. · 责任人",
    "target_to_date": "What it should be by the as-of date; the light compares with it. · 截至当日应达目标",
    "actual": "The figure of the period, as in indicator_value. · 实际值",
    "dimension": "What the member is a member of; empty for the company. · 维度",
    "member": "The member that the target is for; empty for the company. · 成员",
    "rule": "is; last_year_times or last_year_plus: last year's figure times or plus rule_figure. · 目标规则",
    "rule_figure": "The number of the rule. · 规则参数",
    "measured_from": "First day that counts towards the target. · 考核开始日",
    "measured_to": "Last day that counts towards the target. · 考核结束日",
    "deadline": "Day by which it is to be reached. · 完成期限",
    "note": "Why it was set. · 备注",
    "quality_result.verdict": "passed, failed, skipped or error. · 检查结论",
    "reason": "Why the verdict is what it is. · 原因",
    "rejected_row.reason": "What is wrong with the row. · 隔离原因",
    "quarantine_reason.reason": "What is wrong with the rows, without what is quoted of each. · 隔离原因",
    "first_seen": "When a row with that key and reason first arrived (UTC). · 首次出现时间（UTC）",
    "first_load": "Number of the load with which it first arrived. · 首次出现批次号",
    "newest_load": "Number of the newest load that has such a row. · 最近批次号",
    "newest_at": "When that load was landed (UTC). · 最近落地时间（UTC）",
    "open_rows": "Rows that are in quarantine now. · 待处理行数",
    "gone_rows": "Rows that were set aside, and are mended or not in the extract any more. · 已消除行数",
    "released_rows": "Rows that their owner has released. · 已放行行数",
    "quarantine_reason.owner": "Who answers for the source table. · 责任人",
    "row_number": "Line, or row, of the extract. · 行号",
    "row_key": "Key of the row, as far as it could be read. · 行主键",
    "grains": "Periods that it is published by. · 发布周期",
    "domain": "Business domain. · 业务域",
    "level": "strategic, process or operational. · 层级",
    "direction": "Whether up or down is good. · 方向",
    "version": "Version of the definition. · 口径版本",
    "status": "State of the definition: draft, certified, deprecated, retired. · 口径状态",
    "is_partial": "Whether the period begins before the data or is not over at the as-of date."
    " · 周期是否不完整",
    "indicator_value.is_partial": "Whether the value rests on days before the data begin or after"
    " the as-of date. · 数值所依据的日子是否不全",
    "partial_metrics": "Metrics whose figure in this row rests on days before the data begin or after the"
    " as-of date; empty if none. · 本行中数据不全的指标",
    "time_column": "Date column of the mart. · 日期列",
    "first_date": "Date of the first row. · 首行日期",
    "last_date": "Date of the last row up to the as-of date. · 末行日期",
    "usual_silence": "Days without a row between two rows; 99 of 100 are no longer. · 常见无数据天数",
    "data_from": "Periods that begin earlier are partial: first_date less usual_silence days. · 数据起始日",
    "definition_version": "Version of the definition that was used. · 口径版本",
    "name": "Name of the metric. · 指标",
    "type": "simple, ratio, derived, cumulative or conversion. · 指标类型",
    "formula": "How it is calculated, in words. · 计算公式",
    "counted_over": "What the value of a period counts: period, year to date, 28 days, end of period."
    " · 统计范围",
    "owner_department": "Department that answers for it. · 责任部门",
    "owner_role": "Role that answers for it. · 责任岗位",
    "synonyms": "Other English names. · 英文同义词",
    "synonyms_zh": "Other Chinese names. · 中文同义词",
    "sources": "The extracts it cannot do without. · 数据来源",
    "review_date": "When the definition is due for review. · 复审日期",
    "is_component": "Whether it only serves other metrics. · 是否仅作为组成部分",
    "available": "Whether its extracts have landed. · 是否可用",
    "unavailable_reason": "Why it is not available. · 不可用原因",
    "published_in": "The tables that have it as a column. · 所在发布表",
    "defined_in": "File and line of the definition. · 定义位置",
    "parent": "The metric that is calculated. · 上级指标",
    "child": "A metric that goes into it. · 下级指标",
    "role": "numerator, denominator, input, earlier input or accumulated. · 作用",
    "stage": "Where it was checked: landing, staging, marts or indicators. · 检查阶段",
    "position": "Place of the expectation in its suite. · 序号",
    "column_name": "Column that was checked. · 列名",
    "expectation": "What was expected. · 质量规则",
    "severity": "critical holds back what rests on it, warning does not. · 严重程度",
    "quality_dimension": "Kind of quality: completeness, accuracy, validity and so on. · 质量维度",
    "owner": "Who answers for it. · 责任人",
    "evaluated": "Rows that were checked. · 检查行数",
    "unexpected": "Rows that do not meet it. · 异常行数",
    "unexpected_share": "Share of rows that do not meet it. · 异常占比",
    "examples": "Some of the rows that do not meet it. · 异常示例",
    "observed": "What was found. · 实际值",
    "expected": "What was expected, as numbers. · 期望值",
    "message": "The finding in one sentence. · 结论说明",
    "why": "Why it matters. · 原因",
    "todo": "What to do about it. · 处理建议",
    "protects": "The tables and columns that it guards. · 所保护的表与列",
    "seconds": "How long the check took. · 耗时（秒）",
    "checked_at": "When it was checked (UTC). · 检查时间（UTC）",
}


def comment_sql(
    target: str, tables: Mapping[str, Sequence[Column]], labels: Mapping[str, Label]
) -> Iterator[str]:
    """Give the statements that comment the published tables and columns in both languages."""
    for table, columns in tables.items():
        label = labels.get(table)
        comment = COMMENTS.get(table) or (label.comment if label else "")
        explained = {column.name: column_comment(table, column.name, labels) for column in columns}
        yield from _comments("TABLE", identifier(target, "published", table), comment, explained)


def mart_comment_sql(target: str, marts: Iterable[Mart], dictionary: Dictionary) -> Iterator[str]:
    """Give the statements that comment the marts of a generation as their models describe them."""
    for mart in marts:
        label = dictionary.marts.get(mart.name)
        told = dictionary.mart_columns.get(mart.name, {})
        explained = {column.name: told.get(column.name, "") for column in mart.columns}
        kind = "VIEW" if mart.is_large else "TABLE"
        comment = label.comment if label else ""
        yield from _comments(kind, identifier(target, "marts", mart.name), comment, explained)


def label_table(table: TableFacts, dictionary: Dictionary) -> Label:
    """Label a published table or a mart."""
    if table.schema == "marts":
        return dictionary.marts.get(table.name, Label(table.name))
    if table.name in COMMENTS:
        description, _, label_zh = COMMENTS[table.name].partition(" · ")
        return Label(table.name, table.name.replace("_", " ").capitalize(), label_zh, description)
    return dictionary.labels.get(table.name, Label(table.name))


def _comments(kind: str, name: str, comment: str, columns: Mapping[str, str]) -> Iterator[str]:
    if comment:
        yield f"COMMENT ON {kind} {name} IS {literal(comment)}"
    for column, text in columns.items():
        if text:
            yield f"COMMENT ON COLUMN {name}.{identifier(column)} IS {literal(text)}"


def column_comment(table: str, column: str, labels: Mapping[str, Label]) -> str:
    """Explain a column: of our own tables by the lists above, of a wide table by its definitions."""
    told = COLUMN_COMMENTS.get(f"{table}.{column}") or COLUMN_COMMENTS.get(column, "")
    if column.endswith("__verdict"):
        return COLUMN_COMMENTS["verdict"]
    label = None if table in COMMENTS else label_column(column, labels)
    return label.comment if label else told
