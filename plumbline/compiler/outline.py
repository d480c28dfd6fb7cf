"""A plan in words: each column of the result as a formula, and each pass over rows that it rests on.

```
gross_margin_rate = A.gross_profit / A.net_sales

A  rows of marts.order_lines, by metric_time__month (order_date), product__line (marts.products over product)
   gross_profit: sum(gross_profit)
   net_sales: sum(net_amount)
```
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from string import ascii_uppercase
from types import MappingProxyType

from plumbline.compiler.plan import (
    Beside,
    Cell,
    Condition,
    Events,
    Fill,
    Formula,
    Kept,
    Key,
    Node,
    Plan,
    Ratio,
    Relation,
    Running,
    Scan,
    Shift,
    Snapshot,
    Spread,
    Value,
)
from plumbline.compiler.templates import Template, placeholder
from plumbline.definitions import Definitions, Measure, Window

_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_BARE = re.compile(r"[\w.]+")
_AGGREGATES = {"count_distinct": "count(distinct {})", "average": "avg({})", "sum_boolean": "count_if({})"}


def outline(
    plan: Plan, definitions: Definitions, first: Mapping[Scan, tuple[Key, ...]] = MappingProxyType({})
) -> str:
    """Give the plan as text: formulas first, then the passes, named A, B, C … in the order of the columns.

    `first` has the keys by which rows of a scan are added up before those of the result are told.
    """
    return "\n".join(_Outline.of(plan, definitions, first).lines(plan))


@dataclass(frozen=True)
class _Outline:
    definitions: Definitions
    letters: Mapping[Relation, str]
    names: Mapping[Cell, str]
    first: Mapping[Scan, tuple[Key, ...]]

    @classmethod
    def of(cls, plan: Plan, definitions: Definitions, first: Mapping[Scan, tuple[Key, ...]]) -> _Outline:
        letters = {relation: _letter(number) for number, relation in enumerate(plan.relations)}
        names: dict[Cell, str] = {}
        for cell in plan.cells:
            base = f"{letters[cell.relation]}.{cell.value.measure.name}"
            taken = sum(name == base or name.startswith(f"{base}#") for name in names.values())
            names[cell] = f"{base}#{taken + 1}" if taken else base
        return cls(definitions, letters, names, first)

    def lines(self, plan: Plan) -> Iterator[str]:
        for name, node in plan.outputs.items():
            yield f"{name} = {self.formula(node)}"
        for relation, letter in self.letters.items():
            yield ""
            yield f"{letter}  {self.relation(relation)}"
            for cell, name in self.names.items():
                if cell.relation == relation:
                    yield f"   {name.partition('.')[2]}: {_value(cell.value)}"
        if plan.where:
            yield ""
            yield f"keep rows where {' and '.join(map(_plain, plan.where))}"

    def formula(self, node: Node) -> str:
        match node:
            case Cell():
                return self.names[node]
            case Fill(inner, number):
                return f"coalesce({self.formula(inner)}, {number})"
            case Ratio(above, below):
                return f"{self.part(above)} / {self.part(below)}"
            case Beside(inner, other):
                return f"{self.formula(inner)}, where there is {self.formula(other)}"
            case Formula(expr, inputs):
                parts = {name: self.part(inner) for name, inner in inputs}
                return _WORD.sub(lambda found: parts.get(found[0], found[0]), expr)

    def part(self, node: Node) -> str:
        text = self.formula(node)
        return text if isinstance(node, Cell | Fill) or _BARE.fullmatch(text) else f"({text})"

    def relation(self, relation: Relation) -> str:
        match relation:
            case Scan():
                return self.scan(relation)
            case Spread(source, shifts, outer, conditions):
                kept = ["a row for every period"] if outer else []
                return "; ".join([self.relation(source), *_shifts(shifts), *kept, *_where(conditions)])
            case Kept(source, conditions):
                return "; ".join([self.relation(source), *_where(conditions)])
            case Running(source=source):
                return "; ".join([self.scan(source), *_running(relation)])
            case Events(base, following, _, entity, window):
                within = f" within {_length(window)}" if window else ""
                then = f"followed{within} by {self.scan(following)} of the same {entity[0].name}"
                return f"{self.scan(base)}; {then}"

    def scan(self, scan: Scan) -> str:
        parts = [f"rows of {self.table(scan.model)}"]
        if scan.keys:
            parts[0] += f", by {', '.join(self.key(key, scan) for key in scan.keys)}"
        if scan.range:
            first, after = (moment.removesuffix("T00:00:00") for moment in scan.range)
            parts.append(f"{first} <= {scan.time.name} < {after}")
        parts += [*_shifts(scan.shifts), *_where(scan.conditions)]
        if scan.snapshot:
            parts.append(_snapshot(scan.snapshot))
        if keys := self.first.get(scan):
            parts.append(f"added up first by {', '.join(_first(key, scan) for key in keys)}")
        return "; ".join(parts)

    def key(self, key: Key, scan: Scan) -> str:
        if key.is_time:
            return f"{key.name} ({scan.time.name})"
        if not key.column.path:
            return key.name
        over = " and ".join(hop.entity for hop in key.column.path)
        return f"{key.name} ({self.table(key.column.model)} over {over})"

    def table(self, model: str) -> str:
        parts = self.definitions.models[model].relation.replace('"', "").split(".")
        return ".".join(parts[-2:])


def _first(key: Key, scan: Scan) -> str:
    """Name a key by which rows are added up first: one of the result, or what leads to one."""
    if key in scan.keys:
        return key.name
    return "__".join([*(hop.entity for hop in key.column.path), key.column.name])


def _letter(number: int) -> str:
    """Name the nth pass: A to Z, then A1 to Z1."""
    turn, position = divmod(number, len(ascii_uppercase))
    return ascii_uppercase[position] + (str(turn) if turn else "")


def _value(value: Value) -> str:
    return "; ".join([_aggregate(value.measure), *_where(value.conditions)])


def _aggregate(measure: Measure) -> str:
    if measure.agg == "percentile":
        return f"percentile {measure.percentile} of {measure.expr}"
    return _AGGREGATES.get(measure.agg, measure.agg + "({})").format(measure.expr)


def _where(conditions: Iterable[Condition]) -> list[str]:
    texts = [_plain(condition.template) for condition in conditions]
    return [f"where {' and '.join(texts)}"] if texts else []


def _plain(template: Template) -> str:
    """Write a filter with the names of what it asks for, and nothing around them."""
    text = " ".join(template.sql.split())
    for number, reference in enumerate(template.references):
        members = ", ".join(item.column for item in reference.by)
        name = f"{reference.metric} by {members}" if reference.metric else reference.item.column
        text = text.replace(placeholder(number), name)
    return text


def _shifts(shifts: Iterable[Shift]) -> list[str]:
    return [
        f"seen {_length(shift.window)} later"
        if shift.window
        else f"the first period of each {shift.to_grain}"
        for shift in shifts
    ]


def _running(running: Running) -> Iterator[str]:
    if running.window:
        yield f"running over {_length(running.window)}"
    else:
        since = f"since the {running.grain_to_date} began" if running.grain_to_date else "of all time"
        yield f"running, {since}"
    if running.roll:
        yield f"{running.roll} of the period"
    yield from _shifts(running.shifts)
    yield from _where(running.conditions)


def _snapshot(snapshot: Snapshot) -> str:
    which = "first" if snapshot.choice == "min" else "last"
    apart = (
        f" of each {', '.join(column.name for column in snapshot.groupings)}" if snapshot.groupings else ""
    )
    return f"only the {which} {snapshot.moment.name}{apart}"


def _length(window: Window) -> str:
    return f"{window.count} {window.grain}{'s' if window.count != 1 else ''}"
