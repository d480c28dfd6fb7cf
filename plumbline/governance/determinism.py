"""Find aggregates whose result is not fixed: another order of rows or threads gives other digits.

Which ones differ was measured on DuckDB with 1 to 8 threads: sums and averages of floating point, what takes
any or the first row, lists without an order, approximations; and what asks for the moment or for chance.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plumbline.definitions import Definitions, Location, Measure, SemanticModel

FLOATS = frozenset({"double", "float", "real", "float4", "float8", "double precision"})
ADDING = frozenset({"sum", "average", "avg"})
UNSTABLE = frozenset(
    {
        *("any_value", "arbitrary", "first", "last", "mode"),
        *("arg_max", "arg_min", "max_by", "min_by"),
        *("approx_count_distinct", "approx_quantile", "approx_top_k", "reservoir_quantile"),
        *("random", "uuid", "gen_random_uuid", "setseed"),
        *("now", "today", "current_date", "current_timestamp", "get_current_timestamp", "current_time"),
        *("localtime", "localtimestamp", "sysdate"),
    }
)
# Without an order inside, their result has the order in which rows came.
ORDERED = frozenset({"list", "array_agg", "string_agg", "group_concat", "listagg"})
_BARE = frozenset({"current_date", "current_timestamp", "current_time", "localtime", "localtimestamp"})
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_WINDOWED = frozenset({"first", "last"})


@dataclass(frozen=True)
class Unstable:
    """A function whose result may differ from run to run: where it stands, and why."""

    location: Location
    owner: str
    what: str
    todo: str


def unstable_models(manifest: Mapping[str, Any]) -> Iterator[Unstable]:
    """Find unstable functions in the models and macros of a project, from dbt's manifest."""
    for node in manifest.get("nodes", {}).values():
        if node.get("resource_type") == "model":
            found = unstable_calls(node.get("raw_code") or "")
            yield from _told(node["original_file_path"], f"model {node['name']!r}", found)
    project = (manifest.get("metadata") or {}).get("project_name")
    for macro in manifest.get("macros", {}).values():
        if macro.get("package_name") == project:
            found = unstable_calls(macro.get("macro_sql") or "")
            yield from _told(macro["original_file_path"], f"macro {macro['name']!r}", found)


def _told(file: str, owner: str, found: Iterator[tuple[int, str, str]]) -> Iterator[Unstable]:
    for line, what, todo in found:
        yield Unstable(Location(file, line), owner, what, todo)


def unstable_calls(sql: str) -> Iterator[tuple[int, str, str]]:
    """Find unstable calls in SQL, which may have Jinja in it: line, what is unstable, what to do."""
    from sqlglot import Tokenizer, TokenType
    from sqlglot.errors import SqlglotError

    plain = _JINJA.sub(lambda found: " x " + "\n" * found[0].count("\n"), sql)
    try:
        tokens = Tokenizer(dialect="duckdb").tokenize(plain)
    except SqlglotError:  # what nobody can read fails when it is compiled
        return
    words = ["" if token.token_type == TokenType.STRING else token.text.lower() for token in tokens]
    for place, name in enumerate(words):
        calls = place + 1 < len(words) and words[place + 1] == "("
        if (calls and name in UNSTABLE) or (name in _BARE and not calls):
            if not (name in _WINDOWED and _is_windowed(words, place + 1)):
                yield tokens[place].line, name, _todo(name)
        elif calls and name in ORDERED and not _is_ordered(words, place + 1):
            todo = f"Write the order inside: {name}(… order by …)."
            yield tokens[place].line, f"{name} without an order", todo


def _todo(name: str) -> str:
    if name.startswith(("approx", "reservoir")):
        return "Count exactly: an approximation differs from run to run."
    if name in ("random", "uuid", "gen_random_uuid", "setseed"):
        return "Take a key of the row instead: chance cannot be audited."
    if name in ("any_value", "arbitrary", "first", "last", "mode", "arg_max", "arg_min", "max_by", "min_by"):
        return "Take min or max, or number the rows by an order that has no ties."
    return "Take the as-of day of the run, {{ as_of() }}: a later replay must give the same."


def _end(words: list[str], opening: int) -> int:
    """Give the place behind the parenthesis that closes the one at `opening`."""
    depth = 0
    for place in range(opening, len(words)):
        depth += {"(": 1, ")": -1}.get(words[place], 0)
        if not depth:
            return place
    return len(words)


def _is_ordered(words: list[str], opening: int) -> bool:
    return any(word.startswith("order") for word in words[opening : _end(words, opening)])


def _is_windowed(words: list[str], opening: int) -> bool:
    return words[_end(words, opening) + 1 : _end(words, opening) + 2] == ["over"]


def unstable_measures(
    definitions: Definitions, types: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[SemanticModel, Measure, str, str]]:
    """Find measures whose total has no fixed digits; `types` gives the column types of each relation."""
    for model in definitions.models.values():
        columns = {name.lower(): kind.lower() for name, kind in types.get(model.relation, {}).items()}
        for measure in model.measures:
            if measure.approximate:
                yield model, measure, "is an approximate percentile", "Set use_approximate_percentile: false."
            for _, name, todo in unstable_calls(measure.expr):
                yield model, measure, f"uses {name}", todo
            if measure.agg in ADDING and (floats := _floats(measure.expr, columns)):
                what = f"adds up floating point: {', '.join(floats)}"
                yield (
                    model,
                    measure,
                    what,
                    "Cast to DECIMAL in the mart: sums of floating point differ by threads.",
                )


def _floats(expr: str, columns: Mapping[str, str]) -> list[str]:
    """Name what is floating point in an expression: columns of such a type, and casts to one."""
    words: Collection[str] = re.findall(r"[a-z_][a-z0-9_]*", expr.lower())
    casts = re.findall(r"(?:\bas\s+|::\s*)(double|float|real)\b", expr.lower())
    return [*dict.fromkeys(word for word in words if columns.get(word) in FLOATS), *casts]
