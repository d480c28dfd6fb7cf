"""Departments and employees, and who worked where on which day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plumbline.demo import names
from plumbline.demo.randomness import Ints, pick, stream
from plumbline.demo.timeline import Month, Timeline

DEPARTMENTS = (
    (1, "Product Design 产品设计", "Research and Development"),
    (2, "Engineering", "Research and Development"),
    (3, "Sales China 国内销售部", "Sales and Marketing"),
    (4, "Sales International", "Sales and Marketing"),
    (5, "Marketing 市场部", "Sales and Marketing"),
    (6, "Customer Service 客服部", "Sales and Marketing"),
    (7, "Purchasing 采购部", "Inventory Management"),
    (8, "Shipping and Receiving 仓储物流部", "Inventory Management"),
    (9, "Production 生产部", "Manufacturing"),
    (10, "Production Control 计划部", "Manufacturing"),
    (11, "Quality Assurance 质量部", "Quality Assurance"),
    (12, "Finance 财务部", "Executive General and Administration"),
    (13, "Human Resources 人力资源部", "Executive General and Administration"),
    (14, "Information Services", "Executive General and Administration"),
    (15, "Executive 总经办", "Executive General and Administration"),
)
SALES_CHINA, SALES_INTERNATIONAL, SERVICE, PURCHASING, FINANCE, EXECUTIVE = 3, 4, 6, 7, 12, 15
_SIZES = {1: 9, 2: 10, 5: 9, 6: 12, 7: 8, 8: 16, 9: 44, 10: 6, 11: 8, 12: 9, 13: 5, 14: 6, 15: 4}
_TITLES = {
    1: "Designer", 2: "Engineer", 3: "销售代表 Sales Representative", 4: "Sales Representative",
    5: "Marketing Specialist", 6: "Service Agent", 7: "Buyer", 8: "Warehouse Clerk",
    9: "Production Technician", 10: "Planner",
    11: "Quality Inspector", 12: "Accountant", 13: "HR Specialist", 14: "Network Administrator",
    15: "Executive",
}  # fmt: skip

FIRST_SALES_PERSON = 274
_SALES_TERRITORIES = (1, 1, 1, 2, 2, 3, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10)


@dataclass(frozen=True)
class Assignment:
    """A time in a department: its first and its last day, None while it lasts."""

    department: int
    start: int
    end: int | None


@dataclass(frozen=True)
class Employee:
    """One person on the payroll; days count from 1970-01-01."""

    id: int
    first_name: str
    last_name: str
    title: str
    level: int
    birth: int
    gender: str
    hired: int
    left: int | None
    assignments: tuple[Assignment, ...]

    @property
    def login(self) -> str:
        return f"yunling\\e{self.id:04d}"


@dataclass(frozen=True)
class SalesPerson:
    """A sales person: where, how good at closing, and how far the quota is stretched."""

    id: int
    territory: int
    skill: float
    stretch: float


def sales_people(seed: int) -> tuple[SalesPerson, ...]:
    """Build the 16 sales people."""
    rng = stream(seed, "sales-people")
    return tuple(
        SalesPerson(
            FIRST_SALES_PERSON + index,
            territory,
            float(rng.uniform(0.7, 1.35)),
            float(rng.uniform(0.92, 1.12)),
        )
        for index, territory in enumerate(_SALES_TERRITORIES)
    )


def employees(seed: int, timeline: Timeline, months: list[Month]) -> list[Employee]:
    """Build everybody who was hired up to the last month, the later ones included."""
    rng = stream(seed, "employees")
    first = timeline.first_day
    departments = [department for department, size in _SIZES.items() for _ in range(size)]
    people = [
        _employee(rng, number + 1, department, first - int(rng.integers(60, 3600)), first)
        for number, department in enumerate(departments)
    ]
    for index, territory in enumerate(_SALES_TERRITORIES):
        department = SALES_CHINA if territory <= 4 else SALES_INTERNATIONAL
        hired = first - int(rng.integers(200, 3000))
        people.append(_sales_employee(rng, FIRST_SALES_PERSON + index, department, hired, first))
    for month in months:
        people += _hires(seed, month, 300 + sum(person.id >= 300 for person in people))
    return people


def _hires(seed: int, month: Month, next_id: int) -> list[Employee]:
    rng = stream(seed, "hires", month.key)
    count = int(rng.poisson(1.4))
    sizes = np.array([float(size) for size in _SIZES.values()])
    departments = [list(_SIZES)[index] for index in pick(rng, sizes, count)]
    days = np.sort(rng.choice(month.days, size=count))
    return [
        _employee(rng, next_id + number, department, int(day), int(day))
        for number, (department, day) in enumerate(zip(departments, days, strict=True))
    ]


def _employee(rng: np.random.Generator, number: int, department: int, hired: int, since: int) -> Employee:
    """Draw a person who may leave, or change the department, some time after `since`."""
    chance, after, other = rng.random(), int(rng.integers(90, 1500)), int(rng.integers(1, 14))
    left = since + after if chance < 0.28 else None
    assignments: tuple[Assignment, ...] = (Assignment(department, hired, left),)
    if (
        0.28 <= chance < 0.40
        and department not in (SERVICE, FINANCE)
        and _other(department, other) != department
    ):
        moved = since + after
        assignments = (
            Assignment(department, hired, moved - 1),
            Assignment(_other(department, other), moved, None),
        )
    return _person(rng, number, department, hired, left, assignments)


def _other(department: int, draw: int) -> int:
    others = [number for number in _SIZES if number != SERVICE]
    return others[(others.index(department) + draw) % len(others)] if department in others else department


def _sales_employee(
    rng: np.random.Generator, number: int, department: int, hired: int, since: int
) -> Employee:
    """Draw a sales person; one in five goes over to the other sales department in the second year."""
    assignments: tuple[Assignment, ...] = (Assignment(department, hired, None),)
    if number % 5 == 0:
        moved = since + 400 + 10 * (number - FIRST_SALES_PERSON)
        other = SALES_CHINA + SALES_INTERNATIONAL - department
        assignments = (Assignment(department, hired, moved - 1), Assignment(other, moved, None))
    return _person(rng, number, department, hired, None, assignments)


def _person(
    rng: np.random.Generator,
    number: int,
    department: int,
    hired: int,
    left: int | None,
    assignments: tuple[Assignment, ...],
) -> Employee:
    country = ("DE", "FR", "US", "JP")[number % 4] if department == SALES_INTERNATIONAL else "CN"
    first_name, last_name = names.person(country, number)
    lead = number % 9 == 1
    return Employee(
        id=number,
        first_name=first_name,
        last_name=last_name,
        title=f"{'Senior ' if lead else ''}{_TITLES[department]}",
        level=1 if department == EXECUTIVE else 2 if lead else 3,
        birth=hired - int(rng.integers(20 * 365, 50 * 365)),
        gender="MF"[int(rng.integers(0, 2))],
        hired=hired,
        left=left,
        assignments=assignments,
    )


def members(people: list[Employee], department: int, first_day: int) -> Ints:
    """List who was in the department when the data starts and stays there."""
    return np.array(
        [
            person.id
            for person in people
            if person.assignments[-1].department == department
            and person.left is None
            and person.assignments[-1].start <= first_day
        ],
        dtype=np.int64,
    )
