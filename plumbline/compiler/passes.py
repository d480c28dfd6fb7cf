"""What is done to a plan before it is written: plain functions from nodes to nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from plumbline.compiler.plan import (
    Beside,
    Cell,
    Condition,
    Fill,
    Formula,
    Node,
    Ratio,
    Relation,
    Scan,
    Spread,
    leaves,
)


def separate_rows(outputs: Mapping[str, Node]) -> dict[str, Node]:
    """Give shifted values a scan of their own where rows that only they need would show in the result."""
    cells = list(dict.fromkeys(leaf for node in outputs.values() for leaf in leaves(node)))
    shown: dict[Relation, set[tuple[Condition, ...]]] = {}
    behind: dict[Relation, set[tuple[Condition, ...]]] = {}
    for cell in cells:
        if isinstance(cell.relation, Scan):
            shown.setdefault(cell.relation, set()).add(cell.value.conditions)
        elif isinstance(cell.relation, Spread):
            behind.setdefault(cell.relation.source, set()).add(cell.value.conditions)
    mixed = {scan for scan, kinds in behind.items() if scan in shown and _differ(kinds, shown[scan])}
    moved = {cell: _with_own_scan(cell) for cell in cells if _source(cell) in mixed}
    return {name: _replaced(node, moved) for name, node in outputs.items()}


def _differ(kinds: set[tuple[Condition, ...]], others: set[tuple[Condition, ...]]) -> bool:
    """Whether values need different rows: where both have one that needs all of them, they do not."""
    return kinds != others and not (() in kinds and () in others)


def _source(cell: Cell) -> Relation | None:
    return cell.relation.source if isinstance(cell.relation, Spread) else None


def _with_own_scan(cell: Cell) -> Cell:
    assert isinstance(cell.relation, Spread)
    assert isinstance(cell.relation.source, Scan)
    return replace(cell, relation=replace(cell.relation, source=replace(cell.relation.source, own=True)))


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
