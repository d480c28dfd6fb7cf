"""The columns of a SELECT, one by one: what each rests on, and where it comes from unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from plumbline.lineage.expressions import Expressions, has_window, maybe_aggregates, multiplies
from plumbline.lineage.joins import owns
from plumbline.lineage.parts import NOTHING, Key, Marks, Shape, Span, union
from plumbline.lineage.scope import Scope


@dataclass(frozen=True)
class Output:
    """One column of a projection; `origin` is the source and column that it hands on unchanged."""

    name: str
    marks: Marks
    origin: tuple[str, str] | None = None
    node: exp.Expr | None = None

    @property
    def looks_around(self) -> bool:
        """Whether it is computed from several rows."""
        return self.node is not None and (maybe_aggregates(self.node) or has_window(self.node))


@dataclass
class Projection:
    """The columns of a SELECT; `rest` is what columns rest on whose names are not known."""

    outputs: list[Output] = field(default_factory=list)
    rest: Marks | None = None
    is_open: bool = False
    multiplied: Marks | None = None

    def open(self, marks: Marks) -> None:
        """Note that there may be more columns, in any place, that rest on `marks`."""
        self.rest = (self.rest or NOTHING) | marks
        self.is_open = True

    @property
    def values(self) -> Marks:
        """What all columns rest on."""
        return union((*(output.marks for output in self.outputs), self.rest or NOTHING))

    @property
    def computed(self) -> list[exp.Expr]:
        """The expressions that stand in it; not those of a star."""
        return [output.node for output in self.outputs if output.node is not None]

    def at(self, literal: exp.Literal) -> Marks:
        """What the column rests on that a number names."""
        if self.is_open:
            return self.values
        place = int(literal.name) - 1 if literal.name.isdigit() else -1
        return self.outputs[place].marks if 0 <= place < len(self.outputs) else NOTHING

    def look_around(self, marks: Marks) -> None:
        """Note what columns rest on besides that are computed from several rows."""
        around = [output.looks_around for output in self.outputs]
        if any(around) and self.rest is not None:
            self.rest |= marks
        self.outputs = [
            replace(output, marks=output.marks | marks) if looks else output
            for output, looks in zip(self.outputs, around, strict=True)
        ]

    def shape(self, rows: Marks, keys: Mapping[Key, Marks], spans: frozenset[Span]) -> Shape:
        """Give the relation that has these columns."""
        columns: dict[str, Marks] = {}
        rest = self.rest
        for number, output in enumerate(self.outputs):
            name = output.name
            if name in columns:  # the engine gives the later one another name
                columns[name] |= output.marks
                rest = (rest or NOTHING) | output.marks
                name = f"?again {number}"
            columns[name] = output.marks
        return Shape(columns, rows, rest, self.is_open, keys, spans=spans)


def project(node: exp.Select, scope: Scope, expressions: Expressions) -> Projection:
    """Read the projection of a SELECT; its aliases become known in the scope."""
    found = Projection()
    for item in node.expressions:
        _project(item, scope, found, expressions)
    return found


def _project(item: exp.Expr, scope: Scope, found: Projection, expressions: Expressions) -> None:
    value = item.this if isinstance(item, exp.Alias) else item
    if isinstance(value, exp.Star) or (isinstance(value, exp.Column) and isinstance(value.this, exp.Star)):
        _star(value, scope, found, expressions)
        return
    marks = expressions.marks(value, scope)
    if _names_many(value) or isinstance(item, exp.Aliases):
        found.open(marks | scope.everything)
        return
    if multiplies(value):
        found.multiplied = (found.multiplied or NOTHING) | marks
        found.rest = (found.rest or NOTHING) | marks
    name = item.alias_or_name.lower() if isinstance(item, exp.Alias | exp.Column) else ""
    origin = origin_of(value, scope)
    found.outputs.append(Output(name or f"?{len(found.outputs)}", marks, origin, value))
    if name:
        scope.aliases[name] = scope.aliases.get(name, NOTHING) | marks
    else:
        found.rest = (found.rest or NOTHING) | marks


def _star(value: exp.Expr, scope: Scope, found: Projection, expressions: Expressions) -> None:
    star = value if isinstance(value, exp.Star) else value.this
    qualifier = value.parts[-2].name.lower() if isinstance(value, exp.Column) else ""
    sources = [source for source in scope.sources if not qualifier or source[0] == qualifier]
    is_known = bool(sources) and not any(shape.rest is not None for _, shape in sources)
    if star.args.get("ilike") or not is_known:
        found.open(scope.everything if sources else scope.reachable)
        return
    dropped = {item.name.lower() for item in star.args.get("except_") or []}
    replaced = {item.alias.lower(): item.this for item in star.args.get("replace") or []}
    renamed = {item.this.name.lower(): item.alias.lower() for item in star.args.get("rename") or []}
    for alias, name, marks in _expanded(sources, {} if qualifier else scope.merged):
        if name in dropped:
            continue
        if name in replaced:
            output = Output(name, expressions.marks(replaced[name], scope), None, replaced[name])
        else:
            output = Output(renamed.get(name, name), marks, (alias, name))
        found.outputs.append(output)


def _expanded(
    sources: Iterable[tuple[str, Shape]], merged: Mapping[str, Marks]
) -> Iterator[tuple[str, str, Marks]]:
    """Give the columns that a star stands for; a column that was made one by USING stands once."""
    seen: set[str] = set()
    for alias, shape in sources:
        for name, marks in shape.columns.items():
            if name in merged:
                if name in seen:
                    continue
                seen.add(name)
                marks = merged[name]
            yield alias, name, marks


def _names_many(value: exp.Expr) -> bool:
    """Whether an expression stands for columns whose names only the engine knows."""
    found = value.find(exp.Columns, exp.PositionalColumn)
    return found is not None or any(
        not isinstance(star.parent, exp.Count | exp.Select) for star in value.find_all(exp.Star)
    )


def origin_of(value: exp.Expr, scope: Scope) -> tuple[str, str] | None:
    """Give the source and column that an expression is; None when it is more than one column."""
    if not isinstance(value, exp.Column):
        return None
    for alias, shape in scope.sources:
        if owns(value, alias, shape, [source for source in scope.sources if source[0] != alias]):
            return alias, value.name.lower()
    return None
