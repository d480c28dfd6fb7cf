"""The tables of a project as lineage wants them: their SQL, their columns, and what is unique in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from plumbline.replacing import replace_text


@dataclass(frozen=True)
class Relation:
    """One table or view, `schema.table`.

    `sql` is the whole statement that makes it, '' for what arrives from outside. `columns` are declared
    ones, () when they follow from the SQL. Of `keys` a critical check holds that they are unique. `reads`
    are tables that it may read beside those of its SQL, such as those of its incremental form, which
    `is_same` when it gives the same as the whole; of those that `only` names, these columns. `opaque` says
    why the SQL does not tell what the table holds, where that is so. `same_as` is another statement that
    gives the same, of which lineage is read: it shows better what the rows rest on.
    """

    name: str
    sql: str = ""
    columns: tuple[str, ...] = ()
    keys: tuple[tuple[str, ...], ...] = ()
    reads: tuple[str, ...] = ()
    opaque: str = ""
    is_same: bool = False
    only: tuple[tuple[str, tuple[str, ...]], ...] = ()
    same_as: str = ""


def write_relations(path: Path, relations: Iterable[Relation]) -> None:
    """Write the relations of a project."""
    replace_text(path, json.dumps([asdict(item) for item in relations]), durable=False)


def read_relations(text: str) -> list[Relation]:
    """Read what `write_relations` wrote."""
    return [
        Relation(
            item["name"],
            item["sql"],
            tuple(item["columns"]),
            tuple(tuple(key) for key in item["keys"]),
            tuple(item["reads"]),
            item["opaque"],
            item["is_same"],
            tuple((table, tuple(columns)) for table, columns in item["only"]),
            item["same_as"],
        )
        for item in json.loads(text)
    ]


def in_order(relations: Iterable[Relation], reads: Mapping[str, frozenset[str]]) -> Iterator[Relation]:
    """Give the relations, each after those that it reads."""
    known = {item.name.lower(): item for item in relations}
    done: set[str] = set()

    def visit(name: str) -> Iterator[Relation]:
        if name in done or name not in known:
            return
        done.add(name)
        for other in sorted(reads.get(name, ())):
            yield from visit(other)
        yield known[name]

    for name in known:
        yield from visit(name)
