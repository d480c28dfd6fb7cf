"""What is done to a plan before it is written: plain functions from nodes to nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from plumbline.compiler.periods import spanned, touch
from plumbline.compiler.plan import (
    Beside,
    Cell,
    Condition,
    Fill,
    Formula,
    Kept,
    Node,
    Ratio,
    Relation,
    Scan,
    Spread,
    leaves,
)
from plumbline.definitions import TIMES


def separate_rows(outputs: Mapping[str, Node]) -> dict[str, Node]:
    """Give shifted values a scan of their own where rows that only others need would show in the result."""
    cells = list(dict.fromkeys(leaf for node in outputs.values() for leaf in leaves(node)))
    users: dict[Scan, dict[Relation, set[tuple[Condition, ...]]]] = {}
    for cell in cells:
        if scan := _rows_of(cell.relation):
            users.setdefault(scan, {}).setdefault(cell.relation, set()).add(cell.value.conditions)
    numbers = {
        relation: number for kinds in users.values() for relation, number in _apart(kinds).items() if number
    }
    moved = {cell: _with_own_scan(cell, numbers[cell.relation]) for cell in cells if cell.relation in numbers}
    return {name: _replaced(node, moved) for name, node in outputs.items()}


def _rows_of(relation: Relation) -> Scan | None:
    if isinstance(relation, Scan):
        return relation
    source = relation.source if isinstance(relation, Spread | Kept) else None
    return source if isinstance(source, Scan) else None


def _apart(kinds: Mapping[Relation, set[tuple[Condition, ...]]]) -> dict[Relation, int]:
    """Number the users of a scan by the rows that they need; those that are shown as they are come first."""
    found: list[set[tuple[Condition, ...]]] = []
    numbers: dict[Relation, int] = {}
    for relation in sorted(kinds, key=lambda item: (not isinstance(item, Scan), isinstance(item, Spread))):
        same = next((number for number, some in enumerate(found) if not _differ(some, kinds[relation])), None)
        if same is None:
            found.append(kinds[relation])
        numbers[relation] = len(found) - 1 if same is None else same
    return numbers


def share_periods(outputs: Mapping[str, Node]) -> dict[str, Node]:
    """Take periods and the shifted ones beside them from one scan, where a filter on time asks for both."""
    cells = list(dict.fromkeys(leaf for node in outputs.values() for leaf in leaves(node)))
    moved: dict[Cell, Cell] = {}
    for scan in dict.fromkeys(cell.relation for cell in cells if _is_plain(cell.relation)):
        assert isinstance(scan, Scan)
        now = [cell for cell in cells if cell.relation == scan]
        before = [cell for cell in cells if _looks_back_at(cell.relation, scan)]
        moved |= _from_one_scan(scan, now, before)
    return {name: _replaced(node, moved) for name, node in outputs.items()}


def _is_plain(relation: Relation) -> bool:
    return isinstance(relation, Scan) and not (relation.snapshot or relation.shifts or relation.conditions)


def _looks_back_at(relation: Relation, scan: Scan) -> bool:
    if not isinstance(relation, Spread) or relation.outer or not isinstance(relation.source, Scan):
        return False
    return replace(relation.source, range=scan.range) == scan


def _from_one_scan(scan: Scan, now: Sequence[Cell], before: Sequence[Cell]) -> dict[Cell, Cell]:
    spreads = {cell: cell.relation for cell in before if isinstance(cell.relation, Spread)}
    asked = {(spread.conditions, spread.range, spread.shown) for spread in spreads.values()}
    if len(asked) != 1 or not _only_periods(scan):
        return {}
    ((timed, span, every),) = asked
    rests = {cell: _without(cell, timed) for cell in now}
    kinds = {rest for rest in rests.values() if rest is not None}
    if (
        not (timed or span)
        or None in rests.values()
        or _differ({cell.value.conditions for cell in before}, kinds)
    ):
        return {}
    for range_ in dict.fromkeys(_scanned(spread).range for spread in spreads.values()):
        if not touch(every, range_):
            return {}
        every = spanned(every, range_)
    if not all(_is_whole(item, scan) for item in timed):
        return {}
    source = replace(scan, range=every)
    kept = Kept(source, timed, span)
    moved = {cell: Cell(kept, replace(cell.value, conditions=rest or ())) for cell, rest in rests.items()}
    return moved | {
        cell: Cell(replace(spread, source=source), cell.value) for cell, spread in spreads.items()
    }


def _scanned(spread: Spread) -> Scan:
    assert isinstance(spread.source, Scan)
    return spread.source


def _without(cell: Cell, timed: tuple[Condition, ...]) -> tuple[Condition, ...] | None:
    """Give the conditions of a value beside those on time; None where it has others on time."""
    own = tuple(item for item in cell.value.conditions if item.only_time)
    if set(own) != set(timed) or any(item.mixed for item in cell.value.conditions):
        return None
    return tuple(item for item in cell.value.conditions if not item.only_time)


def _only_periods(scan: Scan) -> bool:
    times = [key.column for key in scan.keys if key.is_time]
    return bool(times) and all(item.grain in TIMES and not item.part for item in times)


def _is_whole(condition: Condition, scan: Scan) -> bool:
    """Whether a condition holds for all moments of a period or for none."""
    grain = min((key.column.grain for key in scan.keys if key.is_time), key=TIMES.index)
    return all(
        not item.part and item.grain in TIMES and _lies_in(grain, item.grain) for item in condition.columns
    )


def _lies_in(grain: str, longer: str) -> bool:
    """Whether each period lies in one period of the longer grain: weeks do not lie in months."""
    if TIMES.index(grain) > TIMES.index(longer):
        return False
    return grain == longer or "week" not in (grain, longer) or TIMES.index(grain) <= TIMES.index("day")


def _differ(kinds: set[tuple[Condition, ...]], others: set[tuple[Condition, ...]]) -> bool:
    """Whether values need different rows: where both have one that needs all of them, they do not."""
    return kinds != others and not (() in kinds and () in others)


def _with_own_scan(cell: Cell, number: int) -> Cell:
    relation = cell.relation
    assert isinstance(relation, Spread | Kept)
    assert isinstance(relation.source, Scan)
    return replace(cell, relation=replace(relation, source=replace(relation.source, own=number)))


def _replaced(node: Node, cells: Mapping[Cell, Cell]) -> Node:
    match node:
        case Cell():
            return cells.get(node, node)
        case Fill(inner, number):
            return Fill(_replaced(inner, cells), number)
        case Ratio(above, below):
            return Ratio(_replaced(above, cells), _replaced(below, cells))
        case Beside(inner, other):
            return Beside(_replaced(inner, cells), _replaced(other, cells))
    return Formula(node.expr, tuple((name, _replaced(part, cells)) for name, part in node.inputs))
