"""The office's workbooks on people and projects."""

from __future__ import annotations

import numpy as np

from plumbline.demo import text
from plumbline.demo.catalogue import opening_day
from plumbline.demo.people import DEPARTMENTS, Employee
from plumbline.demo.planting import Defect, Plan, Tally, untidy
from plumbline.demo.randomness import stream
from plumbline.demo.text import Rows
from plumbline.demo.timeline import DAY, Month, Timeline

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
