"""Questions at random, as each way in is asked them: parameters, arguments, options, SQL."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from plumbline.serving import Question

METRICS = (
    *("net_sales", "orders", "average_order_value", "sales_so_far", "sales_this_year"),
    *("monthly_growth", "invoiced", "orders_ever", "leads", "qwerty"),
)
DIMENSIONS = ("order__channel", "product__category", "product__name", "order", "order_line")
GRAINS = ("day", "month", "quarter", "year")
# The same in the language of conditions and in that of PostgreSQL.
CONDITIONS = (
    "order__channel = 'store'",
    "order__channel <> 'online'",
    "order__channel IN ('online', 'store')",
    "NOT (order__channel = 'online')",
    "order__channel IS NULL OR order__channel LIKE 's%'",
    "order__channel = 'store' OR product__category = 'Bikes'",
    "product__category = 'Bikes'",
    "product__category IS NULL",
    "product__name LIKE '%头%'",
)
SQL_FORMS = ("{}", "{}", "SELECT count(*) FROM ({}) AS t", "EXPLAIN {}", "WITH t AS ({}) TABLE t")
RANGES = ((None, None), (None, None), ("2025", "2025"), ("2026-01", None), ("2025-02-01", "2026-02-14"))


@dataclass(frozen=True)
class Asked:
    """A question; `having` are conditions on the metrics that are asked for."""

    metrics: tuple[str, ...]
    by: tuple[str, ...]
    grain: str | None
    where: tuple[str, ...]
    having: tuple[str, ...]
    start: str | None
    end: str | None
    order: tuple[str, ...]
    limit: int | None
    compare: str | None
    form: int = 0

    @property
    def conditions(self) -> tuple[str, ...]:
        """Give all conditions, as the one door takes them."""
        return (*self.where, *self.having)

    def question(self) -> Question:
        """Give it for the desk."""
        given = (self.start, self.end, self.grain, self.order, self.limit, self.compare)
        return Question(self.metrics, self.by, self.conditions, *given)

    def parameters(self) -> list[tuple[str, str]]:
        """Give it for GET /query."""
        found = [("metrics", ",".join(self.metrics)), *(("by", name) for name in self.by)]
        found += [("where", text) for text in self.conditions] + [("order", name) for name in self.order]
        found += [("format", ("json", "json", "csv")[self.form % 3])]
        return found + [(name.strip("-"), value) for name, value in self._single()]

    def arguments(self) -> dict[str, Any]:
        """Give it for the tool query_metrics."""
        lists = {"metrics": self.metrics, "by": self.by, "where": self.conditions, "order": self.order}
        found: dict[str, Any] = {name: list(values) for name, values in lists.items() if values}
        single = {"start": self.start, "end": self.end, "grain": self.grain, "compare": self.compare}
        found |= {name: value for name, value in single.items() if value}
        return found | ({} if self.limit is None else {"limit": max(1, self.limit)})

    def options(self) -> list[str]:
        """Give it for `plumb query`."""
        found = [",".join(self.metrics), *(["--by", ",".join(self.by)] if self.by else [])]
        found += [part for text in self.conditions for part in ("--where", text)]
        found += [f"--order={','.join(self.order)}"] if self.order else []
        return found + [part for name, value in self._single() for part in (name, value)]

    def sql(self) -> str:
        """Give it for the SQL endpoint, in one of several forms; comparisons are left out."""
        times = (f"metric_time__{self.grain}",) if self.grain else ()
        keys = (*times, *self.by)
        items = ", ".join([*keys, *(f"MEASURE({name})" for name in self.metrics)])
        text = f"SELECT {items} FROM metrics"
        where = [f"({condition})" for condition in self.where] + self._days()
        text += f" WHERE {' AND '.join(where)}" if where else ""
        text += f" GROUP BY {', '.join(keys)}" if keys else ""
        having = [_measured(condition) for condition in self.having]
        text += f" HAVING {' AND '.join(having)}" if having else ""
        order = [_ordered(name, self.metrics) for name in self.order] + [f"{key} NULLS LAST" for key in keys]
        text += f" ORDER BY {', '.join(order)}" if order else ""
        text += f" LIMIT {self.limit}" if self.limit is not None else ""
        return SQL_FORMS[self.form % len(SQL_FORMS)].format(text)

    def _single(self) -> list[tuple[str, str]]:
        named = {"--from": self.start, "--to": self.end, "--grain": self.grain, "--compare": self.compare}
        found = [(name, value) for name, value in named.items() if value]
        return found + ([] if self.limit is None else [("--limit", str(self.limit))])

    def _days(self) -> list[str]:
        first, last = _FIRST.get(self.start or ""), _AFTER.get(self.end or "")
        found = [f"metric_time >= '{first}'"] if first else []
        return found + ([f"metric_time < '{last}'"] if last else [])


_FIRST = {"2025": "2025-01-01", "2026-01": "2026-01-01", "2025-02-01": "2025-02-01"}
_AFTER = {"2025": "2026-01-01", "2026-02-14": "2026-02-15"}


def _measured(condition: str) -> str:
    name, _, rest = condition.partition(" ")
    return f"MEASURE({name}) {rest}"


def _ordered(name: str, metrics: tuple[str, ...]) -> str:
    plain = name.removeprefix("-")
    column = f"MEASURE({plain})" if plain in metrics or plain in METRICS else plain
    return f"{column} {'DESC' if name.startswith('-') else 'ASC'} NULLS LAST"


def some_question(chance: random.Random, seen: Sequence[str]) -> Asked:
    """Draw a question, mostly of metrics that are seen; some names are nobody's, or not of the role."""
    metrics = tuple(dict.fromkeys(_metric(chance, seen) for _ in range(chance.choice((1, 1, 2)))))
    by = tuple(chance.sample(DIMENSIONS, chance.choice((0, 1, 1, 2)))) + ("nothing",) * _rarely(chance)
    start, end = chance.choice(RANGES)
    named = _metric(chance, seen) if _rarely(chance) else chance.choice((*metrics, *by))
    compared = _metric(chance, seen) if _rarely(chance) else metrics[0]
    conditions = chance.sample(CONDITIONS, chance.choice((0, 0, 1, 2)))
    return Asked(
        metrics,
        by,
        chance.choice((None, None, "month", *GRAINS)),
        (*conditions, *("nothing = 'store'",) * _rarely(chance)),
        (f"{compared} {chance.choice(('> 35', '>= 100', '< 60', 'IS NULL'))}",) * (chance.random() < 0.25),
        start,
        end,
        (chance.choice(("", "-")) + named,) if chance.random() < 0.4 else (),
        chance.choice((None, None, None, 1, 3)),
        chance.choice((None, None, None, None, "year-ago", "previous")),
        chance.randrange(30),
    )


def _metric(chance: random.Random, seen: Sequence[str]) -> str:
    return chance.choice(METRICS if chance.random() < 0.12 else seen)


def _rarely(chance: random.Random) -> bool:
    return chance.random() < 0.05
