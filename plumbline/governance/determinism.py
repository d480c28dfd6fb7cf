"""Find what has no fixed result: another order of rows or threads gives other digits, or other rows.

Which ones differ was measured on DuckDB with 1 to 8 threads: sums and averages of floating point, what takes
any or the first row, lists without an order, approximations; and what asks for the moment or for chance.
That an order inside has no ties nobody can read from SQL: replaying on other numbers of threads tells.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plumbline.definitions import Definitions, Location, Measure, SemanticModel

FLOATS = frozenset({"double", "float", "real", "float4", "float8", "double precision"})
ADDING = frozenset({"sum", "average", "avg", "mean", "sum_no_overflow"})
_CHANCE = frozenset(
    {
        *("random", "rand", "randn", "setseed", "shuffle"),
        *("uuid", "uuidv4", "uuidv7", "gen_random_uuid"),
        *("nextval", "currval", "txid_current", "current_transaction_id", "current_query_id"),
        *("current_connection_id", "current_setting", "getvariable", "monotonically_increasing_id"),
    }
)
_ANY_ROW = frozenset(
    {
        *("any_value", "arbitrary", "first", "last", "mode", "lttb"),
        *("arg_max", "arg_min", "max_by", "min_by", "argmax", "argmin"),
        *("arg_max_null", "arg_min_null", "arg_max_nulls_last", "arg_min_nulls_last"),
    }
)
# They add up floating point inside, whatever they are given.
_FLOATING = frozenset(
    {
        *("stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp", "sem"),
        *("corr", "covar_pop", "covar_samp", "skewness", "kurtosis", "kurtosis_pop", "entropy"),
        *("regr_avgx", "regr_avgy", "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy"),
        *("regr_syy", "product", "geomean", "geometric_mean", "favg", "fsum", "kahan_sum", "sumkahan"),
    }
)
_MOMENT = frozenset(
    {
        *("now", "today", "current_date", "current_timestamp", "get_current_timestamp", "current_time"),
        *("get_current_time", "transaction_timestamp", "statement_timestamp", "clock_timestamp"),
        *("localtime", "localtimestamp", "current_localtime", "current_localtimestamp", "sysdate"),
        "unix_timestamp",
    }
)
_APPROXIMATE = frozenset(
    {
        *("approx_count_distinct", "approx_quantile", "approx_top_k", "reservoir_quantile"),
        *("approx_percentile", "percentile_approx"),
    }
)
UNSTABLE = _CHANCE | _ANY_ROW | _FLOATING | _MOMENT | _APPROXIMATE
# Without an order inside, their result has the order in which rows came.
ORDERED = frozenset(
    {
        *("list", "array_agg", "string_agg", "group_concat", "listagg", "array", "collect_list"),
        *("json_group_array", "json_group_object", "json_agg", "jsonb_agg", "variant_group_object"),
    }
)
# Over rows without an order, they take whichever stands there.
_RANKING = frozenset({"row_number", "first_value", "last_value", "nth_value", "ntile", "lag", "lead"})
_BARE = frozenset({"current_date", "current_timestamp", "current_time", "localtime", "localtimestamp"})
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_WINDOWED = frozenset({"first", "last"})
_FLOAT_CASTS = re.compile(r"(?:\bas|::)\s*(double|float[48]?|real)\b")
# Of what Jinja writes, that which is another one in each run, or has no order.
_WRITTEN = re.compile(
    r"\b(run_started_at|invocation_id|modules\.datetime|modules\.pytz"
    r"|dbt\.(?:any_value|listagg|array_agg|current_timestamp\w*))\b"
)


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
    found = [*_unstable_functions(words), *_rows_without_an_order(words)]
    told = [(tokens[place].line, what, todo) for place, what, todo in sorted(found)]
    yield from sorted([*told, *_unstable_jinja(sql)], key=lambda each: each[0])


def _unstable_jinja(sql: str) -> Iterator[tuple[int, str, str]]:
    for written in _JINJA.finditer(sql):
        for name in _WRITTEN.finditer("" if written[0].startswith("{#") else written[0]):
            line = sql.count("\n", 0, written.start() + name.start()) + 1
            yield line, name[1], _todo(name[1].removeprefix("dbt."))


def _unstable_functions(words: list[str]) -> Iterator[tuple[int, str, str]]:
    """Find calls whose result is not fixed: place, what it is, what to do."""
    for place, name in enumerate(words):
        calls = place + 1 < len(words) and words[place + 1] == "("
        if (calls and name in UNSTABLE) or (name in _BARE and not calls):
            if not (name in _WINDOWED and _is_windowed(words, place + 1)):
                yield place, name, _todo(name)
            elif not _has_ordered_window(words, place + 1):
                yield place, f"{name} over rows without an order", _ORDER_ROWS
        elif calls and name == "age" and _is_alone(words, place + 1):
            yield place, "age to the moment", _todo("now")
        elif calls and name == "array" and words[place + 2 : place + 3] not in (["select"], ["with"]):
            continue  # a type, or a list that is written out
        elif calls and name in ORDERED and not _is_ordered(words, place + 1):
            yield place, f"{name} without an order", f"Write the order inside: {name}(… order by …)."
        elif calls and name in ADDING and (kind := _float_cast(words, place + 1)):
            yield (
                place,
                f"{name} of floating point: {kind}",
                "Cast to DECIMAL: sums of floats differ by threads.",
            )
        elif calls and name in _RANKING and not _has_ordered_window(words, place + 1):
            yield place, f"{name} over rows without an order", _ORDER_ROWS


_ORDER_ROWS = "Write an order that has no ties: over (… order by …)."


def _rows_without_an_order(words: list[str]) -> Iterator[tuple[int, str, str]]:
    """Find what takes some of the rows, and does not say which."""
    for place, name in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else ""
        if name == "tablesample" or (name == "using" and following == "sample"):
            yield place, "a sample of the rows", "Take all rows: chance cannot be audited."
        elif name == "distinct" and following == "on":
            todo = "Number the rows by an order that has no ties, and keep the first."
            yield place, "distinct on, which keeps any of the rows", todo
        elif _limits(words, place) and not _is_sorted_before(words, place):
            yield place, "limit without an order", "Write an order that has no ties: order by … limit …."


def _limits(words: list[str], place: int) -> bool:
    """Tell whether rows are limited here, to more than none."""
    name, following = words[place], words[place + 1] if place + 1 < len(words) else ""
    if name == "fetch":
        return following in ("first", "next")
    return name == "limit" and (following in ("(", "x") or (following.isdecimal() and following != "0"))


def _is_sorted_before(words: list[str], limit: int) -> bool:
    """Tell whether the query that a limit ends is sorted: an `order` stands before it, no deeper."""
    depth = 0
    for place in range(limit - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(words[place], 0)
        if depth < 0:
            return False
        if depth == 0 and words[place].startswith("order"):
            return True
    return False


def _todo(name: str) -> str:
    if name in _APPROXIMATE:
        return "Count exactly: an approximation differs from run to run."
    if name in _CHANCE or name == "invocation_id":
        return "Take a key of the row instead: chance cannot be audited."
    if name in _ANY_ROW:
        return "Take min or max, or number the rows by an order that has no ties."
    if name in _FLOATING:
        return "Add up decimals instead, as sum(x) and sum(x * x): sums of floating point differ by threads."
    if name in ORDERED:
        return f"Write it in SQL, with the order inside: {name}(… order by …)."
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


def _behind(words: list[str], opening: int) -> int:
    """Give the place behind a call, and behind what it filters by and what it does with nothing."""
    place = _end(words, opening) + 1
    if words[place : place + 2] == ["filter", "("]:
        place = _end(words, place + 1) + 1
    return place + 2 if words[place : place + 1] in (["ignore"], ["respect"]) else place


def _is_windowed(words: list[str], opening: int) -> bool:
    return words[_behind(words, opening) :][:1] == ["over"]


def _has_ordered_window(words: list[str], opening: int) -> bool:
    """Tell whether the window of a call has an order; of a named one that stands elsewhere nobody knows."""
    if not _is_windowed(words, opening):
        return False
    window = _behind(words, opening) + 1
    if _is_ordered(words, opening):
        return True
    inside = (
        words[window + 1 : window + 2] if words[window : window + 1] == ["("] else words[window : window + 1]
    )
    if words[window : window + 1] == ["("] and _is_ordered(words, window):
        return True
    named = [
        place + 2
        for place in range(len(words) - 2)
        if words[place : place + 1] == inside and words[place + 1 : place + 3] == ["as", "("]
    ]
    if not named:
        return words[window : window + 1] != ["("]
    return any(_is_ordered(words, place) for place in named)


def _is_alone(words: list[str], opening: int) -> bool:
    """Tell whether a call is given one thing only."""
    depth = 0
    for word in words[opening : _end(words, opening)]:
        depth += {"(": 1, ")": -1}.get(word, 0)
        if word == "," and depth == 1:
            return False
    return True


def _float_cast(words: list[str], opening: int) -> str:
    """Name the floating type that what a call is given is cast to, or ''."""
    found = _FLOAT_CASTS.search(" ".join(words[opening : _end(words, opening)]))
    return found[1] if found else ""


def unstable_definitions(definitions: Definitions) -> Iterator[Unstable]:
    """Find unstable functions in what is no measure: dimensions, entities, filters, formulas of metrics."""
    for model in definitions.models.values():
        for kind, items in (("dimension", model.dimensions), ("entity", model.entities)):
            for item in items:
                owner = f"{kind} {item.name!r} of {model.name!r}"
                yield from _written_in(model.location, owner, [item.expr])
    for metric in definitions.metrics.values():
        taken = [each.filters for each in metric.measures] + [each.filters for each in metric.inputs]
        filters = [text for texts in (metric.filters, *taken) for text in texts]
        yield from _written_in(metric.location, f"metric {metric.name!r}", [metric.expr, *filters])
    for saved in definitions.saved_queries.values():
        yield from _written_in(saved.location, f"saved query {saved.name!r}", saved.where)


def _written_in(location: Location, owner: str, texts: Iterable[str]) -> Iterator[Unstable]:
    found = {(what, todo) for text in texts for _, what, todo in unstable_calls(text)}
    for what, todo in sorted(found):
        yield Unstable(location, owner, what, todo)


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
    casts = _FLOAT_CASTS.findall(expr.lower())
    return [*dict.fromkeys(word for word in words if columns.get(word) in FLOATS), *casts]
