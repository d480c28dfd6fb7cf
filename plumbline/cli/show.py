"""`plumb list` and `plumb show`: what there is to ask for, and what it means."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from plumbline.cli.text import Column, pad, paint, render_table
from plumbline.errors import UsageError

if TYPE_CHECKING:
    from plumbline.serving import Source

_WIDTH = 90
KINDS = ("metrics", "dimensions", "entities", "saved-queries", "values")


def register(subparsers: Any) -> None:
    """Add both commands to the parser."""
    listing = subparsers.add_parser(
        "list",
        help="name the metrics, dimensions, entities, saved queries, or the values of a dimension",
        description="Name what there is to ask for, as the published library has it.",
        epilog="Examples: plumb list dimensions --metric net_sales; plumb list values product__category",
    )
    listing.add_argument("kind", choices=KINDS, metavar="KIND", help=f"what to list: {', '.join(KINDS)}")
    listing.add_argument("dimension", nargs="?", metavar="DIMENSION", help="values: those of this dimension")
    listing.add_argument(
        "--metric",
        action="append",
        default=[],
        help="dimensions, values: only what this metric can be split by",
    )
    showing = subparsers.add_parser(
        "show",
        help="tell what a metric means, who owns it and where it comes from",
        description="Show everything the published library says of one metric, or of a published table.",
        epilog="Examples: plumb show net_sales; plumb show sales_monthly. Labels and synonyms will do, "
        "also in Chinese.",
    )
    showing.add_argument(
        "metric", metavar="METRIC", help="name, label or synonym; or the name of a saved query"
    )
    for parser in (listing, showing):
        parser.add_argument("--company", default="demo", help="whose library (default: demo)")
        parser.add_argument("--format", choices=("table", "json"), default="table", help="default: table")
        parser.add_argument(
            "--live", action="store_true", help="the private warehouse, not what is published"
        )
    listing.set_defaults(run=run, show=_list)
    showing.set_defaults(run=run, show=_show)


def run(options: argparse.Namespace) -> int:
    """Print the list or the entry on stdout."""
    from plumbline.cli.company import home_of
    from plumbline.serving import open_generation, open_live

    home = home_of(options.company)
    with open_live(home) if options.live else open_generation(home) as source:
        options.show(source, options)
    return 0


def _list(source: Source, options: argparse.Namespace) -> None:
    from plumbline.serving import library

    _require_fitting(options)
    listings: dict[str, Callable[[Source], list[dict[str, Any]]]] = {
        "metrics": library.list_metrics,
        "dimensions": lambda source: library.list_dimensions(source, options.metric),
        "entities": library.list_entities,
        "saved-queries": library.list_saved_queries,
        "values": lambda source: library.list_values(source, options.dimension, options.metric),
    }
    entries = listings[options.kind](source)
    if options.format == "json":
        _print_json(entries)
        return
    if options.kind == "values":
        # As a condition takes them: a key is no figure.
        entries = [
            {name: "(none)" if value is None else str(value) for name, value in e.items()} for e in entries
        ]
    if options.kind == "dimensions":
        entries = [{name: value for name, value in e.items() if name != "synonyms"} for e in entries]
    if options.kind == "saved-queries":
        entries = [{**entry, "metrics": len(entry["metrics"])} for entry in entries]
    for line in _table(entries):
        print(line)


def _require_fitting(options: argparse.Namespace) -> None:
    """Refuse what the kind of list has no use for, and values of no dimension."""
    kind, word = options.kind, options.dimension
    if kind == "values" and word is None:
        what = "the dimension is missing"
        todo = "Write `plumb list values product__category`; `plumb list dimensions` names what there is."
    elif kind != "values" and word is not None:
        what = f"{word!r} is too much"
        todo = (
            f"`plumb show {word}` tells of one metric, `plumb list values {word}` the values of a dimension."
        )
    elif options.metric and kind not in ("dimensions", "values"):
        what = "--metric says nothing here"
        todo = f"`plumb list dimensions --metric {options.metric[0]}` names what it can be split by."
    else:
        return
    raise UsageError(what, where=f"plumb list {kind}", todo=todo)


def _show(source: Source, options: argparse.Namespace) -> None:
    from plumbline.serving import library

    entry = library.show(source, options.metric)
    if options.format == "json":
        _print_json(entry)
        return
    targets = entry.pop("targets", [])
    told = [
        (name.replace("_", " "), _text(value)) for name, value in entry.items() if value not in (None, "", [])
    ]
    told += [("target", _target(target, entry.get("unit") or "")) for target in targets]
    width = max(len(name) for name, _ in told)
    for name, text in told:
        lines = wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
        print(
            "\n".join(
                f"{pad(head, width)}  {line}" for head, line in zip_longest([name], lines, fillvalue="")
            )
        )


def _target(target: dict[str, Any], unit: str) -> str:
    """Say what a period should be and how far it got: `month of 2026-10-01: 8,650,992.61, …`."""
    from plumbline.cli.summary import show_value

    parts = [f"{target['grain']} of {target['period_start']}: {show_value(target['value'], unit)}"]
    if target["actual"] is not None:
        so_far = " so far" if target["is_running"] else ""
        parts.append(f"{show_value(target['actual'], unit)} reached{so_far}")
    if target["attainment"] is not None:
        parts.append(f"attained {show_value(target['attainment'], 'ratio')}")
    parts += [paint(target["light"] or ""), f"due {target['deadline']}", target["owner"] or ""]
    return ", ".join(part for part in parts if part)


def _print_json(content: object) -> None:
    print(json.dumps(content, ensure_ascii=False, indent=2, default=str))


def _table(entries: Sequence[dict[str, Any]]) -> Iterable[str]:
    if not entries:
        return []
    columns = [
        Column(" ".join(name.replace("_", " ").split()), right=name in {"metrics", "rows"})
        for name in entries[0]
    ]
    return render_table(columns, [[_text(value) for value in entry.values()] for entry in entries])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return "" if value is None else str(value)
