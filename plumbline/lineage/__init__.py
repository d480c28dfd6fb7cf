"""Influence lineage: which source columns and rows can change which figures.

Not only what a projection shows counts, but all that decides about rows and groups: conditions, joins,
groups, windows, what is distinct or cut off. What is not understood counts as reading whole tables.
"""

from __future__ import annotations

from plumbline.lineage.graph import Cell, Fallback, Lineage, Step, cell_of
from plumbline.lineage.parts import EVERY, ROWS, Mark, Part
from plumbline.lineage.relations import Relation, read_relations, write_relations
from plumbline.lineage.store import LINEAGE, RELATIONS, code_digest, read_lineage

__all__ = [
    "EVERY",
    "LINEAGE",
    "RELATIONS",
    "ROWS",
    "Cell",
    "Fallback",
    "Lineage",
    "Mark",
    "Part",
    "Relation",
    "Step",
    "cell_of",
    "code_digest",
    "read_lineage",
    "read_relations",
    "write_relations",
]
