"""The young company on a second day that rewrites the past and brings a conflict between two rows."""

import json
import shutil
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from plumbline.gate.waive import new_waiver
from plumbline.governance.trust import load_trust
from plumbline.ledger import witnessed_ledger
from plumbline.project import Home, Project
from tests.companies import ROOT, plumb
from tests.end_to_end.young import DAYS

COST = 1_000_000
LI, WANG = "li.na@demo.example", "wang.fang@demo.example"
CHECK = {"table": "staging.stg_crm__campaign", "expectation": "at most 5 % of the rows are quarantined"}
WAIVED = "campaign_roi"


def rewrite(database):
    """Double the orders of a month long past; gives its first day."""
    con = sqlite3.connect(database)
    months = "select strftime('%Y-%m', max(OrderDate), 'start of month', '-3 months'), {} from {}"
    later = "datetime(max(ModifiedDate), '+1 second')"
    [(month, now)] = con.execute(months.format(later, "Sales_SalesOrderHeader")).fetchall()
    orders = (
        "SalesOrderID in (select SalesOrderID from Sales_SalesOrderHeader where substr(OrderDate, 1, 7) = ?)"
    )
    with con:
        for change in (
            "Sales_SalesOrderDetail set UnitPrice = 2 * UnitPrice, LineTotal = 2 * LineTotal",
            "Sales_SalesOrderHeader set SubTotal = 2 * SubTotal, TotalDue = TotalDue + SubTotal",
        ):
            con.execute(f"update {change}, ModifiedDate = ? where {orders}", (now, month))
    con.close()
    return f"{month}-01"


def send_twice(path):
    """Send one campaign twice: with a cost that is wrong, and then as it was."""
    first, *others = path.read_text(encoding="utf-8").splitlines()
    campaign = json.loads(first)
    other = json.dumps({**campaign, "Cost": campaign["Cost"] + COST}, ensure_ascii=False)
    path.write_text("\n".join([other, first, *others]) + "\n", encoding="utf-8")


def waive(base):
    """Let one metric through of those that the conflict will hold."""
    trust = load_trust(Project(ROOT), "demo")
    witnessing = witnessed_ledger(Home(base / "demo"), trust)
    until = datetime.now(UTC).date() + timedelta(days=7)
    why = {"reason": "the cost was checked by hand", "until": until, "involved": ()}
    new_waiver(witnessing.ledger, trust, trust.person(LI), **CHECK, metric=WAIVED, **why)
    witnessing.show(strict=True)


@dataclass(frozen=True)
class Undecided:
    """The company, its extracts of that day, and the first day of the month that is another."""

    base: Path
    extracts: Path
    month: str

    @classmethod
    def grow(cls, young, place):
        """Let it have run on that day, which holds what is to be decided."""
        base, extracts = place / "home", place / "extracts"
        shutil.copytree(young.base, base, symlinks=True)
        shutil.copytree(young.extracts[DAYS[1]], extracts)
        (place / "month").write_text(rewrite(extracts / "erp.sqlite"), encoding="utf-8")
        send_twice(extracts / "crm" / "Crm_Campaign.jsonl")
        waive(base)
        (place / "told").write_text(cls.at(place).run(user=WANG, code=3), encoding="utf-8")

    @classmethod
    def at(cls, place):
        """Give what has grown at a place."""
        return cls(place / "home", place / "extracts", (place / "month").read_text(encoding="utf-8"))

    @property
    def words(self):
        """What the run told that found it."""
        return (self.base.parent / "told").read_text(encoding="utf-8")

    def told(self, *arguments, user=LI, code=0, **environment):
        """Give a command as somebody, and give what is told."""
        done = plumb(*arguments, home=self.base, PLUMBLINE_USER=user, **environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def run(self, **given):
        return self.told("run", "--as-of", DAYS[1], "--data", self.extracts, **given)
