"""Approvals as an event log: who took up which step when, and how it ended."""

from __future__ import annotations

import numpy as np

from plumbline.demo import text
from plumbline.demo.people import EXECUTIVE, FINANCE, Employee, members
from plumbline.demo.planting import Correction, Defect, Plan, Tally, untidy
from plumbline.demo.randomness import Ints, lognormal, pick, stream
from plumbline.demo.text import Rows
from plumbline.demo.timeline import DAY, Month, Timeline, weekday

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
        """Give the steps of the requests submitted in a month, as they are known on the as-of day."""
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
        arrived = np.concatenate([started[:, :1], ended[:, :-1]], axis=1)[request, position]
        started, ended = started[request, position], ended[request, position]
        request_id = 1 + self._requests + np.arange(count)
        sequence = self._steps + np.arange(len(step))
        self._requests, self._steps = self._requests + count, self._steps + len(step)
        following = np.append(step[1:], _SUBMIT)
        is_last = np.append(request[1:] != request[:-1], True)
        outcome = self._outcome(rng, step, following, is_last)
        actor, department = self._actor(rng, step, applicant[request])

        shown, done = timeline.known(arrived), timeline.known(ended)
        rows: Rows = {
            "RequestID": text.number(request_id[request]),
            "RequestType": text.words(_TYPES, kind[request]),
            "StepNo": text.number(position + 1),
            "StepName": text.words(_STEPS, step),
            "ActorID": text.number(actor),
            "DepartmentID": text.number(department),
            "StartedAt": text.moments(np.where(timeline.known(started), started, arrived)),
            "EndedAt": text.moments(ended, ~done),
            "Outcome": text.words(
                ["pending", "approved", "rejected", "returned"], np.where(done, outcome, 0)
            ),
            "Amount": text.money(amount[request] * 100),
            "ModifiedDate": text.moments(timeline.last_known(arrived, started, ended)),
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
        """Give the steps of each request in their order, -1 after the last."""
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
        """Before a new submission a step was sent back; a last step other than the archive was refused."""
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
