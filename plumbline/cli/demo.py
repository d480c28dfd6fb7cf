"""plumb demo: generate the built-in company."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `plumb demo generate` to the command line."""
    demo = subparsers.add_parser("demo", help="generate the built-in company")
    commands = demo.add_subparsers(dest="demo_command", metavar="COMMAND", required=True)
    generate = commands.add_parser(
        "generate",
        help="write the extracts of the built-in company",
        description=(
            "Write the extracts of the built-in company: an ERP in SQLite, a CRM in JSON Lines, an office in "
            "Excel and CSV. Equal arguments give equal files; a later --as-of with the same --start adds "
            "days to the same history."
        ),
    )
    generate.add_argument(
        "--scale", type=float, default=1.0, metavar="S", help="1 (default) gives about 200,000 order lines"
    )
    generate.add_argument(
        "--seed", type=int, default=7, metavar="N", help="which company of the many (default 7)"
    )
    generate.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="an empty directory, or an earlier company"
    )
    generate.add_argument(
        "--start",
        type=_day,
        metavar="DATE",
        help="first day, rounded down to the first of its month (default: three years back)",
    )
    generate.add_argument(
        "--as-of", type=_day, metavar="DATE", help="last day that is known (default: yesterday)"
    )
    generate.add_argument(
        "--format", choices=("text", "json"), default="text", help="how to print the result"
    )
    generate.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Generate the company, with progress on stderr and a summary on stdout."""
    import json

    from plumbline.demo import generate

    shows_progress = sys.stderr.isatty()

    def progress(what: str, share: float) -> None:
        if shows_progress:
            print(f"\r{share:5.0%}  {what:<20}", end="\n" if share >= 1 else "", file=sys.stderr, flush=True)

    company = generate(
        args.out, scale=args.scale, seed=args.seed, start=args.start, as_of=args.as_of, progress=progress
    )
    if args.format == "json":
        print(json.dumps(company, ensure_ascii=False, indent=2))
    else:
        rows = sum(table["rows"] for table in company["planted"].values())
        lines = company["planted"]["erp.sales_order_detail"]["rows"]
        print(f"{company['company']}: {company['start']} to {company['as_of']}, scale {company['scale']:g}")
        print(
            f"{rows:,} rows in {len(company['planted'])} tables, {lines:,} of them order lines, in {args.out}"
        )
        print(f"What is wrong with them on purpose: {args.out / 'company.json'}")
    return 0


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value!r} is no day; write it as 2026-06-30") from None
