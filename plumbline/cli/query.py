"""`plumb query`: ask for metrics, split and filtered, and get the governed figures."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any

from plumbline.cli.parser import options_among, whole_number
from plumbline.cli.text import SHARES, Column, render_table
from plumbline.counting import counted
from plumbline.errors import DefinitionError, UsageError

if TYPE_CHECKING:
    from plumbline.project import Home
    from plumbline.serving import Answer, Question, Source
    from plumbline.serving.answer import AnswerColumn

_EPILOG = """\
A range is exactly the days from --from to --to. Sums count the rows of these
days; running totals (to date, of a window, of all time) and stock are those at
the end of the range, or at the as-of date where there is none. With --grain a
period that the range cuts, or that is not over yet, has a star (is_partial in
JSON, CSV and files); --compare and metrics that compare periods need whole ones.

A member without a name is shown as (none), and comes last. Conditions with !=
or NOT leave it out: add "or product__category is null" to keep it.

Examples:
  plumb query net_sales --by product__category --grain month --from 2026-01
  plumb query 净销售额 --by 销售渠道 --order=-净销售额
  plumb query net_sales --by product__category --where "net_sales > 1000000"
  plumb query orders --grain month --to 2026-10 --compare year-ago

Exit codes: 0 answered; 1 nothing published; 2 an unknown name, a condition that
cannot be understood, a period that a metric does not have, or a metric that is
not available.
"""
_WIDE = Context(prec=80, rounding=ROUND_HALF_UP)


def register(subparsers: Any) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "query",
        help="ask for metrics, split and filtered as you like",
        description="Answer a question from what is published. Metrics and dimensions may be given by name, "
        "label or synonym, in English or Chinese; `plumb list` names them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("metrics", nargs="+", metavar="METRIC", help="what to ask for")
    parser.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="DIMENSION",
        help="split by it; repeat, or separate by commas",
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help='"product__category = \'Bikes\'", or a metric that is asked for: "net_sales > 1000"; repeatable',
    )
    parser.add_argument(
        "--from",
        dest="start",
        metavar="DATE",
        help="the first day: 2026-01-31, 2026-W05, 2026-01, 2026-Q1 or 2026",
    )
    parser.add_argument(
        "--to", dest="end", metavar="DATE", help="the last day, month, quarter or year, included"
    )
    parser.add_argument("--grain", metavar="GRAIN", help="split by day, week, month, quarter or year")
    parser.add_argument(
        "--order",
        action="append",
        default=[],
        metavar="COLUMN",
        help="order by it; -COLUMN for descending",
    )
    parser.add_argument("--limit", type=whole_number, metavar="N", help="at most N rows; 0 gives none")
    parser.add_argument(
        "--compare",
        choices=("previous", "year-ago"),
        help="put another period's figures and the change beside; periods must be whole",
    )
    parser.add_argument(
        "--format",
        choices=("table", "csv", "json", "parquet", "arrow"),
        default="table",
        help="default: table",
    )
    parser.add_argument(
        "--explain", action="store_true", help="print the plan and the SQL, and what it reads, instead"
    )
    parser.add_argument("--company", default="demo", help="whose figures (default: demo)")
    parser.add_argument(
        "--live", action="store_true", help="ask the private warehouse, not what is published"
    )
    parser.add_argument(
        "--as",
        dest="role",
        default="",
        metavar="ROLE",
        help="answer as a role sees the figures (orchestration/access/<company>.yml)",
    )
    parser.set_defaults(run=run)


def _refuse_empty(options: argparse.Namespace) -> None:
    """An empty day is no bound left out: a script whose variable is not set must not ask for all."""
    from plumbline.serving.periods import read_whole_period

    for name, text in (("--from", options.start), ("--to", options.end)):
        if text == "":
            read_whole_period(text, name)


def run(options: argparse.Namespace) -> int:
    """Print the answer on stdout, and where it comes from on stderr."""
    from plumbline.cli.company import home_of
    from plumbline.serving import Question, open_generation, open_live
    from plumbline.serving.vocabulary import is_chinese

    home = home_of(options.company)
    _refuse_empty(options)
    if options.explain and options.format not in ("table", "json"):
        raise UsageError(
            f"a plan is not written as {options.format}",
            where="plumb query --explain",
            todo="Leave --format out, or take --format json.",
        )
    question = Question(
        metrics=_split(options.metrics),
        by=_split(options.by),
        where=tuple(options.where),
        start=options.start,
        end=options.end,
        grain=options.grain,
        order=_split(options.order),
        limit=options.limit,
        compare=options.compare,
    )
    with open_live(home) if options.live else open_generation(home, sealed=True) as source:
        try:
            answer = _ask(home, source, question, options.role)
        except DefinitionError as error:
            raise _without_dashes(error, question.metrics) or error from None
        if options.explain:
            _explain(answer, options.format)
        else:
            _print(answer, options.format, chinese=is_chinese((*question.metrics, *question.by)))
    return 0


def _ask(home: Home, source: Source, question: Question, role: str) -> Answer:
    """Ask as whoever sits at this machine, who sees everything; or as a role."""
    from plumbline.serving import ask

    if not role:
        return ask(home, source, question)
    from plumbline.access import load_policy
    from plumbline.project import Project
    from plumbline.serving.door import answer
    from plumbline.serving.edition import Edition

    policy = load_policy(Project.find(), home.root.name)
    return answer(Edition(home, source, policy), question, role)


def _without_dashes(error: DefinitionError, words: Sequence[str]) -> UsageError | None:
    """Say where an unknown metric is an option without its dashes."""
    if error.code != "unknown-metric" or not (found := options_among(words)):
        return None
    todo = f"Write --{found[0].lower()} before what belongs to it."
    return UsageError(f"{found[0]!r} stands among the metrics", where="plumb query", todo=todo)


def _split(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        part.strip() for text in texts for part in text.replace("，", ",").split(",") if part.strip()
    )


def _explain(answer: Answer, style: str) -> None:
    if style == "json":
        publication = answer.publication
        told = {
            "plan": answer.plan.splitlines(),
            "sql": answer.sql,
            "published_table": answer.published_table or None,
            "adds_up": bool(answer.published_table and answer.adds_up),
            "tables": list(answer.tables),
            "publication": publication.publication_id if publication else None,
        }
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for line in answer.plan.splitlines():
        print(f"-- {line}".rstrip())
    print(answer.sql)
    tables = ", ".join(answer.tables) or "no table"
    if answer.published_table:
        how = "of which rows are added up" if answer.adds_up else "which has these figures"
        print(f"-- read from published table {answer.published_table}, {how}", file=sys.stderr)
    else:
        print(f"-- calculated from {tables}; no published table has these figures", file=sys.stderr)
    print(f"-- {_origin(answer)}", file=sys.stderr)


def _origin(answer: Answer) -> str:
    publication = answer.publication
    if publication is None:
        return "private warehouse: not checked, not published"
    return f"publication {publication.publication_id}, as of {publication.as_of}"


def _print(answer: Answer, style: str, *, chinese: bool) -> None:
    from plumbline.serving import formats

    names = [column.name for column in answer.columns]
    if style in {"parquet", "arrow"}:
        write = formats.parquet_bytes if style == "parquet" else formats.arrow_bytes
        sys.stdout.buffer.write(write(answer.arrow()))
        return
    rows = answer.rows()
    if style == "csv":
        print(formats.csv_text(names, rows), end="")
    else:
        is_table = style == "table"
        told = (
            table_lines(answer.columns, rows, chinese=chinese)
            if is_table
            else formats.json_lines(names, rows)
        )
        for line in told:
            print(line)
    notes = answer.notes(rows)
    if style == "table":
        # Of another verdict the notes tell.
        certified = ", certified" if answer.verdict == "certified" else ""
        print(f"{counted(len(rows), 'row')} · {_origin(answer)}{certified}", file=sys.stderr)
    for note in notes:
        print(note, file=sys.stderr)


def table_lines(
    columns: Sequence[AnswerColumn], rows: Sequence[Sequence[Any]], *, chinese: bool
) -> Iterable[str]:
    """Render an answer for people: labels, units, figures at the right with thousands separators.

    A star stands behind a period that is counted in part only, and `(none)` for a member without a name.
    """
    marks = [index for index, column in enumerate(columns) if column.is_mark]
    partial = [bool(row[marks[0]]) if marks else False for row in rows]
    none = "（无）" if chinese else "(none)"
    headings, cells = [], []
    for index, column in enumerate(columns):
        values = [row[index] for row in rows]
        if column.is_mark:
            continue
        headings.append(Column(_heading(column, chinese), right=not column.is_key))
        if column.is_key:
            cells.append(_members(column, values, partial, none))
        else:
            cells.append(show_figures(values, column.label.unit))
    return render_table(headings, list(zip(*cells, strict=True)))


def _members(column: AnswerColumn, values: Sequence[Any], partial: Sequence[bool], none: str) -> list[str]:
    return [
        none if value is None else f"{value} *" if column.is_marked and cut else str(value)
        for value, cut in zip(values, partial, strict=True)
    ]


def _heading(column: AnswerColumn, chinese: bool) -> str:
    label = (column.label.label_zh if chinese else column.label.label) or column.label.label or column.name
    unit = column.label.unit
    return label if column.is_key or unit in {"", "count", *SHARES} else f"{label} ({unit})"


def show_figures(values: Sequence[Any], unit: str) -> list[str]:
    """Show the figures of one column alike: shares in percent or points, money with two decimals."""
    if unit in SHARES:
        sign = SHARES[unit]
        return [
            "-" if value is None else f"{_number(Decimal(str(value)) * 100, 2)} {sign}" for value in values
        ]
    places = 2 if unit == "currency" else max((_places(value) for value in values), default=0)
    return ["-" if value is None else _number(value, places) for value in values]


def _number(value: Any, places: int) -> str:
    if not _is_number(value):
        return str(value)
    return f"{Decimal(str(value)).quantize(Decimal(1).scaleb(-places), context=_WIDE):,f}"


def _places(value: Any) -> int:
    """Count the decimals that say something, two at most."""
    if not _is_number(value):
        return 0
    return len(_number(value, 2).partition(".")[2].rstrip("0"))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool) and isfinite(value)
