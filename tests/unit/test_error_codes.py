"""docs/errors.md tells every code that an error or a finding can carry, with its exit code."""

import ast
import importlib
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from plumbline.errors import PlumblineError
from plumbline.governance import rules

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "errors.md"
ROW = re.compile(r"\| `([a-z-]+)` \| (\d) \| (\S.*\S) \| (\S.*\S) \|")
# What ends the codes that are put together, by how they begin.
ENDINGS = {
    "missing-": {
        *(name for name, _, _ in rules._REQUIRED),
        *(*rules._TOLD_OF_METRICS, *rules._TOLD_OF_TABLES, *rules._TOLD_OF_DIMENSIONS),
    },
    "unknown-": {name for name, _, _ in rules._CHOICES},
}


class Finding:
    """What `plumb lint` prints; it has no class of its own among the errors."""

    exit_code = 2


def modules():
    """Parse every module that can raise an error of ours."""
    paths = [
        path
        for folder in ("plumbline", "orchestration", "expectations")
        for path in (ROOT / folder).rglob("*.py")
    ]
    return [ast.parse(path.read_text(encoding="utf-8")) for path in paths]


def kinds():
    """Give the errors by the name of their class; some live in the modules that raise them."""
    for module in ("plumbline.landing.outcomes", "orchestration.dbt_runner", "plumbline.serving.sql.refusal"):
        importlib.import_module(module)
    found, pending = {"Finding": Finding}, [PlumblineError]
    while pending:
        kind = pending.pop()
        found[kind.__name__] = kind
        pending += kind.__subclasses__()
    return found


def calls(node):
    return [call for call in ast.walk(node) if isinstance(call, ast.Call)]


def names_of(call):
    """Name what is called; `(SourceDown if is_down else SourceUnavailable)(…)` is two."""
    parts = ast.walk(call.func) if isinstance(call.func, ast.IfExp) else [call.func]
    return [part.id if isinstance(part, ast.Name) else getattr(part, "attr", "") for part in parts]


def makers(trees, known):
    """Give what makes an error: its name, where the code stands among its arguments, the classes it makes."""
    found = {name: (3 if kind is Finding else None, [kind]) for name, kind in known.items()}
    for function in (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        arguments = [argument.arg for argument in function.args.args if argument.arg != "self"]
        made = [known[name] for call in calls(function) for name in names_of(call) if name in known]
        if "code" in arguments and made:
            found[function.name] = (arguments.index("code"), made)
    return found


def codes_of(node):
    """Give the codes that an expression may be; a code that is passed on is found where it was given."""
    if isinstance(node, ast.Constant):
        return {node.value}
    if isinstance(node, ast.IfExp):
        return codes_of(node.body) | codes_of(node.orelse)
    if isinstance(node, ast.JoinedStr):
        begin = node.values[0].value
        return {begin + re.sub("[_.]", "-", ending) for ending in ENDINGS[begin]}
    assert ast.unparse(node) in ("code", "error.code", "first.code"), f"a code is made of {ast.unparse(node)}"
    return set()


def governs(tree):
    """Tell whether the findings of a module are those of `plumb lint`: the quality gate has others."""
    return any(
        isinstance(node, ast.ImportFrom) and str(node.module).startswith("plumbline.governance")
        for node in ast.walk(tree)
    )


def codes_given(call, place):
    """Give the codes that a call gives; none when it leaves the code to the class of the error."""
    given = [item.value for item in call.keywords if item.arg == "code"]
    return [codes_of(node) for node in given or (call.args[place : place + 1] if place is not None else [])]


@cache
def raised():
    """Give every code with the exit codes of the errors that carry it."""
    trees, known = modules(), kinds()
    making, found = makers(trees, known), defaultdict(set)
    for module, call in ((tree, call) for tree in trees for call in calls(tree)):
        for place, made in (making[name] for name in names_of(call) if name in making):
            if Finding in made and not governs(module):
                continue
            given = codes_given(call, place)
            for kind in made:
                for code in given[0] if given else {kind.default_code}:
                    found[code].add(kind.exit_code)
    return found


def told():
    """Give the rows of the document: code, exit code, meaning, what to do."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    return [ROW.fullmatch(line) or pytest.fail(line) for line in lines if line.startswith("| `")]


def test_the_document_tells_every_code_once_and_no_other():
    assert sorted(row[1] for row in told()) == sorted(raised())


def test_the_exit_code_is_that_of_the_error():
    assert {row[1]: {int(row[2])} for row in told()} == dict(raised())


def test_codes_are_looked_for_wherever_errors_are_made():
    """What the search rests on: literals, choices of two, codes put together, defaults, helpers, findings."""
    found = raised()
    assert found["disk-full"] == {1}
    assert found["missing-owner-role"] == {2}
    assert found["source-down"] == {4}
    assert found["bad-query"] == {2}
    assert found["configuration"] == {2}
    assert found["bad-threshold"] == {2}
    assert found["locked"] == {5}
