"""A young company of two days: published as of the first, with the extracts of the second at hand."""

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import duckdb

from plumbline.audit import verify
from plumbline.demo import generate
from plumbline.governance.trust import Trust
from plumbline.landing import visible_loads
from plumbline.ledger import Ledger, witnessed_ledger
from plumbline.project import Home
from plumbline.publication import Shelf

DAYS = (date(2026, 3, 30), date(2026, 3, 31))
START, SCALE = date(2025, 11, 1), 0.1
PATIENCE = 900
# What differs between two publications of the same figures.
STAMPS = "publication_id, published_at, held_since, last_good"
EVIDENCE = {"extract", "quality_result", "quarantine_reason", "rejected_row", "restatement", "waiver"}


@dataclass(frozen=True)
class State:
    """What can be seen of a company: the figures, tables and marts that are current."""

    figures: str
    tables: tuple[tuple[str, str, int, str], ...]

    @classmethod
    def of(cls, base):
        shelf = Shelf(base / "demo" / "published")
        publication = shelf.publication(shelf.current())
        rows = f"select * exclude ({STAMPS}) from published.indicator_value"
        with closing(duckdb.connect(str(publication.path), read_only=True)) as con:
            [(figures,)] = con.execute(
                "select sha256(string_agg(line, chr(10) order by line))"
                f" from (select figures::varchar as line from ({rows}) as figures)"
            ).fetchall()
        others = EVIDENCE | {"indicator_value"}
        found = [(t.schema, t.name, t.rows, t.digest) for t in publication.tables if t.name not in others]
        return cls(figures, tuple(sorted(found)))


@dataclass(frozen=True)
class Day:
    """What a run that nobody disturbed has made of the company; not to be changed."""

    base: Path

    @cached_property
    def state(self):
        return State.of(self.base)

    @cached_property
    def landed(self):
        return landed(self.base)

    @cached_property
    def seconds(self):
        """Seconds by stage, and of the whole run as `run`."""
        record = json.loads(max(home_of(self.base).runs.glob("2*.json")).read_text(encoding="utf-8"))
        return {stage["name"]: stage["seconds"] for stage in record["stages"]} | {"run": record["seconds"]}


@dataclass(frozen=True)
class Young:
    """The company, as it is after its first day, and the extracts of each day."""

    base: Path
    extracts: dict[date, Path]

    @classmethod
    def at(cls, place):
        """Give the company that has grown at a place."""
        return cls(place / "home", {day: place / str(day) for day in DAYS})

    @classmethod
    def grow(cls, place):
        young = cls.at(place)
        for day, directory in young.extracts.items():
            generate(directory, scale=SCALE, start=START, as_of=day)
        young.run(young.base, DAYS[0])

    def start(self, base, day=DAYS[1], *arguments):
        data = str(self.extracts[day])
        command = [sys.executable, "-m", "plumbline", "run", "--as-of", str(day), "--data", data, *arguments]
        return subprocess.Popen(
            command,
            env={**os.environ, "PLUMBLINE_HOME": str(base)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )

    def run(self, base, day=DAYS[1], *arguments, code=0):
        """Run, and give what was told."""
        process = self.start(base, day, *arguments)
        told, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == code, told
        assert "Traceback" not in told
        return told


def home_of(base):
    return Home(base / "demo")


def ledger_of(base):
    return Ledger(home_of(base).ledger)


def kinds(base):
    return [record.kind for record in ledger_of(base).records()]


def landed(base):
    """Count the loads by what they hold; their numbers may have gaps."""
    loads = visible_loads(home_of(base))
    return Counter((load.system, load.table, load.content_sha256, load.rows) for load in loads)


def assert_proved(base):
    """Everything that is published is as it was recorded; what a crash leaves is no difference."""
    home = home_of(base)
    assert verify(home, witnessed_ledger(home, Trust("demo")), "demo").differences == []


def assert_recorded_once(base):
    """Each load that is there was recorded once, and each publication has a name of its own."""
    records = [*ledger_of(base).records()]
    loads = [record.body["load"] for record in records if record.kind == "load"]
    assert sorted(loads) == [load.load for load in visible_loads(home_of(base))]
    publications = [record.subject for record in records if record.kind == "publication"]
    assert len(publications) == len(set(publications))


def assert_tidy(base):
    """Nothing half-written is left among what has landed and what is published."""
    home = home_of(base)
    assert [*home.landing.rglob(".tmp-*"), *home.published.rglob(".tmp-*")] == []
