"""The office's files: departments, employees, approvals, projects, and finance actual against budget."""

from __future__ import annotations

import numpy as np

from plumbline.demo import text
from plumbline.demo.catalogue import TERRITORIES, Catalogue, opening_day
from plumbline.demo.people import DEPARTMENTS, EXECUTIVE, FINANCE, Employee, members
from plumbline.demo.planting import Correction, Defect, Plan, Tally, untidy
from plumbline.demo.randomness import Floats, Ints, lognormal, pick, stream
from plumbline.demo.sales import SalesMonth
from plumbline.demo.text import Rows
from plumbline.demo.timeline import DAY, Month, Timeline, weekday

EMPLOYEE_PLAN = Plan(
    60, (Defect("date-slash"), Defect("full-width", "LoginID"), Defect("padded", "JobTitle"))
)
HISTORY_PLAN = Plan(70, (Defect("duplicate"), Defect("date-compact"), Defect("blank", "ShiftID")))
PROJECT_PLAN = Plan(
    40,
    (
        Defect("date-slash"),
        Defect("date-compact"),
        Defect("bad-date", "PlannedEnd"),
        Defect("padded", "Name"),
    ),
)
FINANCE_PLAN = Plan(
    400, (Defect("duplicate"), Defect("bad-number", "Amount"), Defect("full-width", "Amount"))
)
APPROVAL_PLAN = Plan(
    320,
    (
        Defect("duplicate"),
        Defect("superseded"),
        Defect("bad-date", "StartedAt"),
        Defect("bad-number", "StepNo"),
        Defect("full-width", "Amount"),
        Defect("padded", "StepName"),
        Defect("blank", "ActorID"),
    ),
)


def departments(timeline: Timeline, tally: Tally) -> Rows:
    """Give the departments."""
    tally.rows("oa.department", len(DEPARTMENTS))
    return {
        "DepartmentID": text.number(np.array([number for number, _, _ in DEPARTMENTS], dtype=np.int64)),
        "Name": text.words([name for _, name, _ in DEPARTMENTS]),
        "GroupName": text.words([group for _, _, group in DEPARTMENTS]),
        "ModifiedDate": text.moments(np.full(len(DEPARTMENTS), opening_day(timeline) * DAY)),
    }


def employees(staff: list[Employee], timeline: Timeline, tally: Tally) -> Rows:
    """Give everybody who was ever hired, up to the as-of day."""
    hired = [person for person in staff if person.hired <= timeline.last_day]
    left = np.array([person.left or 2**30 for person in hired], dtype=np.int64)
    gone = left < timeline.last_day
    start = np.array([person.hired for person in hired], dtype=np.int64)
    rows: Rows = {
        "BusinessEntityID": text.number(np.array([person.id for person in hired], dtype=np.int64)),
        "LoginID": text.words([person.login for person in hired]),
        "OrganizationLevel": text.number(np.array([person.level for person in hired], dtype=np.int64)),
        "JobTitle": text.words([person.title for person in hired]),
        "BirthDate": text.dates(np.array([person.birth for person in hired], dtype=np.int64)),
        "Gender": text.words([person.gender for person in hired]),
        "HireDate": text.dates(start),
        "CurrentFlag": text.number((~gone).astype(np.int64)),
        "ModifiedDate": text.moments(np.where(gone, left + 1, start) * DAY),
    }
    codes = EMPLOYEE_PLAN.codes(np.arange(len(hired)))
    return untidy("oa.employee", rows, codes, EMPLOYEE_PLAN, tally, dates=("BirthDate", "HireDate"))[0]


def department_history(staff: list[Employee], timeline: Timeline, tally: Tally) -> Rows:
    """Give who worked in which department from when to when."""
    last = timeline.last_day
    found = [(person, part) for person in staff for part in person.assignments]
    sequence = np.array(
        [number for number, (_, part) in enumerate(found) if part.start <= last], dtype=np.int64
    )
    shown = [found[number] for number in sequence]
    start = np.array([part.start for _, part in shown], dtype=np.int64)
    end = np.array([part.end if part.end is not None else 2**30 for _, part in shown], dtype=np.int64)
    ended = end < last
    rows: Rows = {
        "BusinessEntityID": text.number(np.array([person.id for person, _ in shown], dtype=np.int64)),
        "DepartmentID": text.number(np.array([part.department for _, part in shown], dtype=np.int64)),
        "ShiftID": text.number(np.array([1 + person.id % 3 for person, _ in shown], dtype=np.int64)),
        "StartDate": text.dates(start),
        "EndDate": text.dates(np.where(ended, end, 0), ~ended),
        "ModifiedDate": text.moments(np.where(ended, end + 1, start) * DAY),
    }
    codes = HISTORY_PLAN.codes(np.arange(len(shown)))
    return untidy(
        "oa.employee_department_history", rows, codes, HISTORY_PLAN, tally, dates=("StartDate", "EndDate")
    )[0]


_PROJECTS = (
    "ERP Upgrade",
    "新品开发",
    "Warehouse Layout",
    "质量改进",
    "Web Shop",
    "Energy Saving",
    "Supplier Audit",
)


def projects(seed: int, timeline: Timeline, months: list[Month], tally: Tally) -> Rows:
    """Give the projects that are registered, with their end as it is known."""
    columns: list[tuple[int, int, int, int, int]] = []
    for month in months:
        rng = stream(seed, "projects", month.key)
        for day in np.sort(rng.choice(month.days, size=int(rng.poisson(3.4)))):
            length = int(rng.integers(20, 160))
            slip = int(rng.integers(3, 50)) if rng.random() < 0.34 else -int(rng.integers(0, 8))
            columns.append(
                (
                    int(day),
                    int(day) + length,
                    int(day) + length + slip,
                    int(rng.integers(0, 15)),
                    rng.random() < 0.05,
                )
            )
    data = np.array(columns, dtype=np.int64).reshape(-1, 5)
    sequence = np.flatnonzero(data[:, 0] <= timeline.last_day)
    start, planned, actual, department, dropped = data[sequence].T
    ended = actual < timeline.last_day
    dropped = dropped == 1
    state = np.where(ended, np.where(dropped, 2, 1), 0)
    rows: Rows = {
        "ProjectID": text.number(1 + sequence),
        "Name": text.words([f"{_PROJECTS[n % 7]} {n + 1}" for n in sequence]),
        "DepartmentID": text.number(np.array([number for number, _, _ in DEPARTMENTS])[department]),
        "PlannedStart": text.dates(start),
        "PlannedEnd": text.dates(planned),
        "ActualEnd": text.dates(actual, ~ended | dropped),
        "Status": text.words(["In Progress 进行中", "Completed 已完成", "Cancelled 已取消"], state),
        "ModifiedDate": text.moments(np.where(ended, actual + 1, start) * DAY),
    }
    codes = PROJECT_PLAN.codes(sequence)
    dates = ("PlannedStart", "PlannedEnd", "ActualEnd")
    return untidy("oa.project", rows, codes, PROJECT_PLAN, tally, dates=dates)[0]


# -- approvals -------------------------------------------------------------------------------------------------

_TYPES = ("采购申请 Purchase", "费用报销 Expense", "合同审批 Contract", "请假 Leave")
_TYPE_SHARE = np.array([0.34, 0.36, 0.12, 0.18])
_SUBMIT, _MANAGER, _FINANCE, _BOSS, _ARCHIVE = range(5)
_STEPS = ("提交 Submit", "主管审批 Manager", "财务复核 Finance", "总经理审批 CEO", "归档 Archive")
_WAIT_HOURS = np.array([0.0, 3.2, 34.0, 12.0, 1.5])
_WORK_HOURS = np.array([0.05, 0.4, 1.4, 0.5, 0.1])
_BIG = 50_000
_REQUESTS_PER_DAY = 2.45


class Approvals:
    """The event log of approvals: the finance review is where requests wait, and where they are sent back."""

    def __init__(self, seed: int, scale: float, timeline: Timeline, staff: list[Employee]) -> None:
        self._seed, self._scale, self._timeline = seed, scale, timeline
        first = timeline.first_day
        applicants = [person for person in staff if person.hired <= first]
        self._staff = np.array([person.id for person in applicants], dtype=np.int64)
        self._home = np.array([person.assignments[0].department for person in applicants], dtype=np.int64)
        self._reviewers, self._bosses = members(staff, FINANCE, first), members(staff, EXECUTIVE, first)
        self._requests = self._steps = 0

    def month(self, month: Month, tally: Tally) -> Rows:
        """Give the steps of the requests that are submitted in a month, as they are known on the as-of day."""
        rng = stream(self._seed, "approvals", month.key)
        timeline, days = self._timeline, month.days
        level = self._scale * 1.1 ** timeline.years_since_start(days) * np.where(weekday(days) < 5, 1.4, 0.0)
        day = np.repeat(days, rng.poisson(_REQUESTS_PER_DAY * level))
        count = len(day)
        kind = pick(rng, _TYPE_SHARE, count)
        amount = np.rint(
            lognormal(rng, np.array([18_000.0, 1_400.0, 90_000.0, 0.0])[kind], 0.9, count) * 100
        ).astype(np.int64)
        applicant = rng.integers(0, len(self._staff), count)
        path = self._path(rng, kind, amount)
        request, position = np.nonzero(path >= 0)
        step = path[request, position]
        started, ended = self._times(rng, path, day, month)
        started, ended = started[request, position], ended[request, position]
        request_id = 1 + self._requests + np.arange(count)
        sequence = self._steps + np.arange(len(step))
        self._requests, self._steps = self._requests + count, self._steps + len(step)
        following = np.append(step[1:], _SUBMIT)
        is_last = np.append(request[1:] != request[:-1], True)
        outcome = self._outcome(rng, step, following, is_last)
        actor, department = self._actor(rng, step, applicant[request])

        shown, done = timeline.known(started), timeline.known(ended)
        rows: Rows = {
            "RequestID": text.number(request_id[request]),
            "RequestType": text.words(_TYPES, kind[request]),
            "StepNo": text.number(position + 1),
            "StepName": text.words(_STEPS, step),
            "ActorID": text.number(actor),
            "DepartmentID": text.number(department),
            "StartedAt": text.moments(started),
            "EndedAt": text.moments(ended, ~done),
            "Outcome": text.words(
                ["pending", "approved", "rejected", "returned"], np.where(done, outcome, 0)
            ),
            "Amount": text.money(amount[request] * 100),
            "ModifiedDate": text.moments(timeline.last_known(started, ended)),
        }
        corrected_at = ended + (1 + sequence % 4) * DAY
        correction = Correction(
            timeline.known(corrected_at)[shown],
            "Amount",
            text.money(amount[request] * 100 + 1_000_000).where(shown),
            corrected_at[shown],
        )
        codes = APPROVAL_PLAN.codes(sequence)[shown]
        kept = text.filter_rows(rows, shown)
        return untidy("oa.approval_step", kept, codes, APPROVAL_PLAN, tally, correction=correction)[0]

    @staticmethod
    def _path(rng: np.random.Generator, kind: Ints, amount: Ints) -> Ints:
        """Give the steps of each request, -1 after the last: submit, manager, finance, again when sent back, …"""
        count = len(kind)
        path = np.full((count, 9), -1, dtype=np.int64)
        leave = kind == 3
        back = (rng.random(count) < 0.16) & ~leave
        refused = (rng.random(count) < 0.05) & ~back
        big = (amount > _BIG * 100) & ~leave
        for row in range(count):
            steps = [_SUBMIT, _MANAGER]
            if not leave[row]:
                steps += [_FINANCE, _SUBMIT, _MANAGER, _FINANCE] if back[row] else [_FINANCE]
            if big[row] and not refused[row]:
                steps.append(_BOSS)
            if not refused[row]:
                steps.append(_ARCHIVE)
            path[row, : len(steps)] = steps
        return path

    @staticmethod
    def _times(rng: np.random.Generator, path: Ints, day: Ints, month: Month) -> tuple[Ints, Ints]:
        """Give when each step is taken up and ended; finance is slower at the end of a quarter."""
        known = np.maximum(path, 0)
        rush = np.where((known == _FINANCE) & (month.month % 3 == 0), 1.6, 1.0)
        wait = _WAIT_HOURS[known] * rush * np.exp(rng.normal(0, 0.6, path.shape))
        work = _WORK_HOURS[known] * np.exp(rng.normal(0, 0.5, path.shape))
        wait[:, 1:] = np.where(
            (known == _SUBMIT)[:, 1:], 5.0 * np.exp(rng.normal(0, 0.5, path[:, 1:].shape)), wait[:, 1:]
        )
        wait[:, 0] = 0.0
        begin = day * DAY + rng.integers(9 * 3600, 18 * 3600, len(day))
        spent = np.rint((np.cumsum(wait + work, axis=1)) * 3600).astype(np.int64)
        worked = np.maximum(1, np.rint(work * 3600).astype(np.int64))
        ended = begin[:, None] + spent
        return ended - worked, ended

    @staticmethod
    def _outcome(rng: np.random.Generator, step: Ints, following: Ints, is_last: Ints) -> Ints:
        """A step that is followed by a new submission was sent back; a last one before the archive was refused."""
        returned = ~is_last.astype(np.bool_) & (following == _SUBMIT)
        refused = is_last.astype(np.bool_) & (step != _ARCHIVE)
        return np.where(returned, 3, np.where(refused, 2, 1))

    def _actor(self, rng: np.random.Generator, step: Ints, applicant: Ints) -> tuple[Ints, Ints]:
        count = len(step)
        home = self._home[applicant]
        manager = self._staff[(applicant * 7 + 3) % len(self._staff)]
        reviewer = self._reviewers[pick(rng, np.linspace(3, 1, len(self._reviewers)), count)]
        boss = self._bosses[np.zeros(count, dtype=np.int64)]
        actor = np.choose(step, [self._staff[applicant], manager, reviewer, boss, reviewer])
        department = np.choose(
            step, [home, home, np.full(count, FINANCE), np.full(count, EXECUTIVE), np.full(count, FINANCE)]
        )
        return actor, department


# -- finance ---------------------------------------------------------------------------------------------------

ACCOUNTS = (
    (1, None, "Net Income", "Revenue", "+"),
    (2, 1, "Operating Profit", "Revenue", "+"),
    (3, 2, "Gross Margin", "Revenue", "+"),
    (4, 3, "Trade Sales", "Revenue", "+"),
    (5, 3, "Returns and Adjustments", "Expenditures", "-"),
    (6, 3, "Standard Cost of Sales", "Expenditures", "-"),
    (7, 2, "Operating Expenses", "Expenditures", "-"),
    (8, 7, "Salaries 工资", "Expenditures", "+"),
    (9, 7, "Travel 差旅", "Expenditures", "+"),
    (10, 7, "Marketing 市场推广", "Expenditures", "+"),
    (11, 7, "Rent 租金", "Expenditures", "+"),
    (12, 7, "Office and IT", "Expenditures", "+"),
    (13, 7, "Freight 物流", "Expenditures", "+"),
)
ORGANIZATIONS = (
    (1, None, "Yunling Group 云岭集团"),
    (2, 1, "China"),
    (3, 1, "Europe"),
    (4, 1, "North America"),
    (5, 1, "Pacific"),
)
DEPARTMENT_GROUPS = (
    (1, None, "Corporate"),
    (2, 1, "Executive General and Administration"),
    (3, 1, "Inventory Management"),
    (4, 1, "Manufacturing"),
    (5, 1, "Quality Assurance"),
    (6, 1, "Research and Development"),
    (7, 1, "Sales and Marketing"),
)
SCENARIOS = ((1, "Actual"), (2, "Budget"))
_ACTUAL, _BUDGET = 1, 2
_REGION = np.array(
    [{"China": 0, "Europe": 1, "North America": 2, "Pacific": 3}[t.group] for t in TERRITORIES]
)
_EXPENSES = {
    8: (150_000, 100_000, 320_000, 55_000, 130_000, 205_000),
    9: (11_000, 2_500, 4_000, 2_500, 7_500, 29_000),
    10: (3_000, 0, 0, 0, 0, 160_000),
    11: (37_000, 56_000, 87_000, 7_500, 19_000, 32_000),
    12: (22_000, 5_500, 7_500, 4_500, 17_000, 13_000),
    13: (0, 118_000, 7_500, 0, 0, 0),
}
"""Monthly budget by account and department group at scale 1."""
_CLOSING_DAYS = 6


class Finance:
    """Actual and budget by month, organisation, department group and account; a month is closed on the 6th."""

    def __init__(self, seed: int, scale: float, catalogue: Catalogue) -> None:
        self._seed, self._scale, self._catalogue = seed, scale, catalogue
        self._timeline = catalogue.timeline
        self._rows: list[tuple[int, int, int, int, int, int]] = []
        self._base: Floats | None = None

    def month(self, month: Month, sold: SalesMonth) -> None:
        """Book a month: sales, returns and cost from the orders, expenses around their budget."""
        if not self._timeline.known(np.array([(month.days[-1] + _CLOSING_DAYS) * DAY]))[0]:
            return
        rng = stream(self._seed, "finance", month.key)
        book = self._sales_of(month, sold)
        if self._base is None:
            self._base = book / 1.02
        plan = self._base * 1.17 ** (month.number / 12) * self._season(month)
        for region in range(4):
            for position, account in enumerate((4, 5, 6)):
                self._enter(
                    month, 2 + region, 7, account, int(book[region, position]), int(plan[region, position])
                )
        for account, budgets in _EXPENSES.items():
            for position, budget in enumerate(budgets):
                if budget:
                    planned = budget * self._scale * 1.08 ** (month.number / 12)
                    over = 1.11 if account == 13 else 1.0
                    actual = planned * over * float(rng.normal(1.0, 0.05))
                    self._enter(month, 1, 2 + position, account, round(actual), round(planned / 100) * 100)

    @staticmethod
    def _season(month: Month) -> float:
        return (0.90, 0.78, 0.94, 0.98, 1.06, 1.2, 1.02, 0.99, 0.99, 1.03, 1.25, 1.14)[month.month - 1]

    def _sales_of(self, month: Month, sold: SalesMonth) -> Floats:
        """Sum sales, expected returns and standard cost by region, in whole units of money."""
        lines = sold.lines
        region = _REGION[sold.orders.territory[lines.order]]
        net = lines.total(lines.quantity) / 10_000
        back = lines.total(lines.returned) / 10_000
        cost = self._catalogue.cost_on(int(month.days[14]))[lines.product] * lines.quantity / 100
        return np.stack(
            [np.rint(np.bincount(region, weights=part, minlength=4)) for part in (net, back, cost)], axis=1
        )

    def _enter(
        self, month: Month, organization: int, group: int, account: int, actual: int, budget: int
    ) -> None:
        day = int(month.days[-1])
        self._rows.append((day, organization, group, _ACTUAL, account, actual))
        self._rows.append((day, organization, group, _BUDGET, account, budget))

    def sheets(self, tally: Tally) -> dict[str, Rows]:
        """Give the sheets of the finance workbook."""
        facts = np.array(self._rows, dtype=np.int64).reshape(-1, 6)
        rows: Rows = {
            "FinanceKey": text.number(1 + np.arange(len(facts))),
            "OrganizationKey": text.number(facts[:, 1]),
            "DepartmentGroupKey": text.number(facts[:, 2]),
            "ScenarioKey": text.number(facts[:, 3]),
            "AccountKey": text.number(facts[:, 4]),
            "Amount": text.number(facts[:, 5]),
            "Date": text.dates(facts[:, 0]),
        }
        fact = untidy(
            "oa.fact_finance", rows, FINANCE_PLAN.codes(np.arange(len(facts))), FINANCE_PLAN, tally
        )[0]
        accounts: Rows = {
            "AccountKey": text.number(np.array([key for key, *_ in ACCOUNTS])),
            "ParentAccountKey": _parents([parent for _, parent, *_ in ACCOUNTS]),
            "AccountDescription": text.words([name for _, _, name, _, _ in ACCOUNTS]),
            "AccountType": text.words([kind for *_, kind, _ in ACCOUNTS]),
            "Operator": text.words([sign for *_, sign in ACCOUNTS]),
        }
        scenarios: Rows = {
            "ScenarioKey": text.number(np.array([key for key, _ in SCENARIOS])),
            "ScenarioName": text.words([name for _, name in SCENARIOS]),
        }
        for name, table in (("dim_account", ACCOUNTS), ("dim_scenario", SCENARIOS)):
            tally.rows(f"oa.{name}", len(table))
        return {
            "FactFinance": fact,
            "DimAccount": accounts,
            "DimOrganization": _tree("Organization", "dim_organization", ORGANIZATIONS, tally),
            "DimDepartmentGroup": _tree("DepartmentGroup", "dim_department_group", DEPARTMENT_GROUPS, tally),
            "DimScenario": scenarios,
        }


def _tree(name: str, table: str, members_: tuple[tuple[int, int | None, str], ...], tally: Tally) -> Rows:
    tally.rows(f"oa.{table}", len(members_))
    return {
        f"{name}Key": text.number(np.array([key for key, _, _ in members_])),
        f"Parent{name}Key": _parents([parent for _, parent, _ in members_]),
        f"{name}Name": text.words([label for _, _, label in members_]),
    }


def _parents(keys: list[int | None]) -> text.Column:
    missing = np.array([key is None for key in keys])
    return text.number(np.array([key or 0 for key in keys]), missing)
