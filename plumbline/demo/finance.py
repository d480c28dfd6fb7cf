"""Finance: actual against budget, by month, organisation, department group and account."""

from __future__ import annotations

import numpy as np

from plumbline.demo import text
from plumbline.demo.catalogue import TERRITORIES, Catalogue
from plumbline.demo.planting import Defect, Plan, Tally, untidy
from plumbline.demo.randomness import Floats, stream
from plumbline.demo.sales import SalesMonth
from plumbline.demo.text import Rows
from plumbline.demo.timeline import DAY, Month

FINANCE_PLAN = Plan(
    400, (Defect("duplicate"), Defect("bad-number", "Amount"), Defect("full-width", "Amount"))
)

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
    """Books the months one after another; a month is closed, and shown, on the 6th of the next."""

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
