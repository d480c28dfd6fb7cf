"""The compiler with one thing wrong: another kind of join, or a COALESCE, NULLIF, filter or way out less.

A mutant is made of the source: nothing of the compiler knows of it.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

PACKAGE = "plumbline.compiler"
MODULES = (
    *("rows", "relations", "generate", "steps", "sliding"),
    *("members", "aggregates", "expressions", "spines", "picked", "early"),
)
# Of each kind of join, the one that loses or invents rows.
_JOINS = {"left": "inner", "inner": "left", "full outer": "left", "FULL": "LEFT", "LEFT": "INNER"}
_DEFAULTS = ("Coalesce", "Nullif")
_FILTERS = ("where", "_where")
# Where what a module answers with nothing is answered by another way.
_CHOOSING = ("picked", "early")
_WAYS_OUT = ("return", "return None", "return False")


@dataclass(frozen=True)
class Mutant:
    """One change of one place of a module."""

    module: str
    number: int
    line: int
    function: str
    change: str

    def __str__(self) -> str:
        return f"{self.module}.py:{self.line} {self.change}"


def mutants() -> list[Mutant]:
    """Find every place where the compiler writes a join, a default or a filter."""
    return [
        Mutant(module, number, node.lineno, _function_at(tree, node.lineno), change)
        for module in MODULES
        for tree in [ast.parse(_source(module))]
        for number, (node, change) in enumerate(_places(tree, module))
        if _function_at(tree, node.lineno)
    ]


def _function_at(tree: ast.AST, line: int) -> str:
    """Name the function that has a line; tables of the module are none."""
    return next(
        (
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or 0)
        ),
        "",
    )


@contextmanager
def born(mutant: Mutant) -> Iterator[ModuleType]:
    """Import the compiler anew with the change, and give it; afterwards it is as it was."""
    kept = {name: module for name, module in sys.modules.items() if _is_ours(name)}
    for name in kept:
        del sys.modules[name]
    finder = _Finder(mutant)
    sys.meta_path.insert(0, finder)
    try:
        yield importlib.import_module(PACKAGE)
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if _is_ours(name)]:
            del sys.modules[name]
        sys.modules.update(kept)
        sys.modules["plumbline"].compiler = kept[PACKAGE]  # type: ignore[attr-defined]


def _is_ours(name: str) -> bool:
    return name == PACKAGE or name.startswith(f"{PACKAGE}.")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != f"{PACKAGE}.{self.mutant.module}":
            return None
        return importlib.machinery.ModuleSpec(name, self)

    def exec_module(self, module: ModuleType) -> None:
        tree = ast.parse(_source(self.mutant.module))
        target = list(_places(tree, self.mutant.module))[self.mutant.number][0]
        changed = ast.fix_missing_locations(_Change(target).visit(tree))
        exec(compile(changed, f"<{self.mutant}>", "exec"), module.__dict__)


class _Change(ast.NodeTransformer):
    def __init__(self, target: ast.AST) -> None:
        self.target = target

    def visit(self, node: ast.AST) -> ast.AST:
        return _changed(node) if node is self.target else self.generic_visit(node)


def _changed(node: ast.AST) -> ast.AST:
    if isinstance(node, ast.Constant):
        return ast.Constant(_JOINS[str(node.value)])
    if not isinstance(node, ast.Call):
        return ast.Pass()
    if _called(node) in _DEFAULTS:
        return next(item.value for item in node.keywords if item.arg == "this")
    return node.func.value if isinstance(node.func, ast.Attribute) else node.args[0]


def _source(module: str) -> str:
    path = Path(__file__).parents[2] / "plumbline" / "compiler" / f"{module}.py"
    return path.read_text(encoding="utf-8")


def _places(tree: ast.AST, module: str) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in _JOINS:
            yield node, f"{node.value} join"
        elif isinstance(node, ast.Call) and _called(node) in _DEFAULTS:
            yield node, f"no {_called(node).upper()}"
        elif isinstance(node, ast.Call) and _called(node) in _FILTERS and node.args:
            yield node, "no WHERE"
        elif isinstance(node, ast.Expr) and _appends_a_condition(node.value):
            yield node, "a condition less"
        elif isinstance(node, ast.AugAssign) and _name(node.target) in ("where", "match", "found", "parts"):
            yield node, "conditions less"
        elif (
            module in _CHOOSING
            and isinstance(node, ast.If)
            and "".join(map(ast.unparse, node.body)) in _WAYS_OUT
        ):
            yield node, "no way out"


def _appends_a_condition(node: ast.expr) -> bool:
    """Whether `where.append(…)`, `match.append(…)`, and the like add one more condition."""
    if not (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append"
    ):
        return False
    return _name(node.func.value) in ("where", "match", "found", "parts")


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else _name(node.func)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""
