"""The indicator library as it was published: what there is to ask for, and what it means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from plumbline.compiler import compile
from plumbline.definitions import METRIC_TIME, GroupBy, SavedQuery, loaded
from plumbline.errors import DefinitionError
from plumbline.indicators.coverage import data_from, first_day, read_coverage
from plumbline.indicators.sight import Days, in_months, together
from plumbline.publication.sql import identifier, tables_of
from plumbline.serving.answer import whole_day
from plumbline.serving.compare import STEPS
from plumbline.serving.reader import Source
from plumbline.serving.sight import Sight
from plumbline.serving.vocabulary import Vocabulary

_WORST = ("held", "stale", "certified_with_warnings")


def list_metrics(source: Source, words: Vocabulary | None = None) -> list[dict[str, Any]]:
    """List the metrics by domain and name, with verdicts, and why those without data are not available.

    `words` are those of who asks; without them everything is listed, here and in all that follows.
    """
    ruled = None if source.publication is None else verdicts(source)
    return [
        {
            "name": row["name"],
            "label": row["label"],
            "label_zh": row["label_zh"],
            "domain": row.get("domain", ""),
            "level": row.get("level", ""),
            "unit": row.get("unit", ""),
            "available": row["available"],
            "verdict": _verdict(row, ruled),
            "reason": row.get("unavailable_reason") or "",
        }
        for row in sorted(_indicators(source), key=lambda row: (row.get("domain") or "", row["name"]))
        if words is None or words.sight.sees(row["name"])
    ]


def _verdict(row: dict[str, Any], ruled: dict[str, dict[str, Any]] | None) -> str:
    """Name the worst verdict on a metric; '' in the private warehouse, which no gate has ruled on."""
    if ruled is None:
        return ""
    if not row["available"]:
        return "not_available"
    return str(ruled.get(row["name"], {}).get("verdict", "certified"))


def verdicts(source: Source, metric: str = "") -> dict[str, dict[str, Any]]:
    """Give the worst verdict on each metric (or one), over all its breakdowns, and why.

    Beside it, for what is held, since when, the last good publication, which breakdowns are held
    ('total' is none), and which periods, where not all are. Nothing for the private warehouse.
    """
    columns = tables_of(source.connection, "warehouse", source.library).get("indicator_value", ())
    # Generations of an older make have a verdict and no more.
    if source.publication is None or "held_since" not in {column.name for column in columns}:
        return {}
    values = identifier("warehouse", source.library, "indicator_value")
    rows = source.connection.execute(
        f"""
        SELECT metric, verdict, arg_min(reason, dimensions), min(held_since), max(last_good),
            list_sort(list(DISTINCT coalesce(nullif(replace(dimensions, ',', ' + '), ''), 'total')))
        FROM (SELECT DISTINCT metric, verdict, reason, held_since, last_good, dimensions FROM {values}
            WHERE verdict <> 'certified' AND ? IN ('', metric))
        GROUP BY metric, verdict""",
        [metric],
    ).fetchall()
    found: dict[str, dict[str, Any]] = {}
    periods = _held_periods(source) if rows else {}
    for name, verdict, reason, since, last_good, by in sorted(rows, key=lambda row: _WORST.index(row[1])):
        told = {"verdict": verdict, "verdict_reason": reason}
        held = {"held_since": since, "last_good": last_good, "held": by} if since else {}
        only = {"held_periods": periods[name]} if since and periods.get(name) else {}
        found.setdefault(name, told | held | only)
    return found


def _held_periods(source: Source) -> dict[str, str]:
    """Say by metric which periods are held, where it is not all of them."""
    columns = tables_of(source.connection, "warehouse", source.library).get("hold", ())
    if "period_start" not in {column.name for column in columns}:
        return {}
    rows = source.connection.execute(
        f"SELECT metric, period_start, period_end FROM {identifier('warehouse', source.library, 'hold')}"
    ).fetchall()
    found: dict[str, list[dict[str, Any]]] = {}
    for metric, first, last in rows:
        found.setdefault(metric, []).append({"period_start": first, "period_end": last})
    return {metric: in_months(held_days(days)) for metric, days in found.items()}


def held_days(holds: Iterable[Mapping[str, Any]]) -> Days:
    """Give the days of some rows of `hold`; one of an older make is about all."""
    return together(
        (hold.get("period_start") or date.min, hold.get("period_end") or date.max) for hold in holds
    )


def of_domain(entries: list[dict[str, Any]], domain: str) -> list[dict[str, Any]]:
    """Give the metrics of a domain, where one is asked for; DefinitionError where none is of it."""
    wanted = domain.strip().casefold()
    found = [entry for entry in entries if not wanted or str(entry["domain"] or "").casefold() == wanted]
    if wanted and not found:
        known = sorted({entry["domain"] for entry in entries if entry["domain"]})
        raise DefinitionError(
            f"unknown domain {domain!r}",
            todo=f"Possible: {', '.join(map(repr, known))}." if known else "",
            code="unknown-domain",
        )
    return found


def list_dimensions(
    source: Source, metrics: Sequence[str], words: Vocabulary | None = None
) -> list[dict[str, Any]]:
    """List what all of the given metrics (none: any) can be split by, `metric_time` first."""
    vocabulary = words or Vocabulary(loaded(source.manifest))
    names = vocabulary.dimensions([vocabulary.metric(text) for text in metrics])
    known = vocabulary.splits
    time = {
        "name": METRIC_TIME,
        "label": "Time of the metric",
        "label_zh": "指标时间",
        "type": "time",
        "synonyms": [],
    }
    found = [
        {
            "name": name,
            "label": known[name].label,
            "label_zh": known[name].label_zh,
            "type": known[name].type,
            "synonyms": [*known[name].synonyms, *known[name].synonyms_zh],
        }
        for name in names
    ]
    return [time, *found]


def list_values(
    source: Source, dimension: str, metrics: Sequence[str] = (), words: Vocabulary | None = None
) -> list[dict[str, Any]]:
    """List the members of a dimension in order, the one without a name last.

    With `metrics`, the dimension is the one that these can be split by.
    """
    cursor = source.connection.execute(values_sql(source, dimension, metrics, words=words))
    (name,) = (column[0] for column in cursor.description)
    of_days = is_period(name)
    return [{name: whole_day(value) if of_days else value} for (value,) in cursor.fetchall()]


def is_period(column: str) -> bool:
    """Tell whether a column has the first days of periods, or the least and the greatest of them."""
    return column.removesuffix("__min").removesuffix("__max").rpartition("__")[2] in STEPS


def values_sql(
    source: Source,
    dimension: str,
    metrics: Sequence[str] = (),
    where: Sequence[str] = (),
    *,
    limit: int | None = None,
    ends: bool = False,
    words: Vocabulary | None = None,
) -> str:
    """Write SQL for the members of a dimension that meet the conditions, or for the first and the last.

    The time of metrics has the periods in which one of them has a figure; without metrics, those from the
    first day on that the data of any metric cover: the calendar begins with the earliest date of all.
    """
    vocabulary = words or Vocabulary(loaded(source.manifest))
    names = [vocabulary.metric(text) for text in metrics]
    item = vocabulary.group_by(dimension, names)
    _require_reachable(vocabulary, names, item)
    conditions = [vocabulary.where(text, ()) for text in where]
    # Which days there are tells nothing of rows.
    is_calendar = item.name == METRIC_TIME and not names
    if vocabulary.sight.is_limited and not is_calendar:
        asked = [next(iter(names), "") or _first_split_by(vocabulary, item)]
        conditions += vocabulary.sight.limits(asked)
        return _values_seen_sql(source, item, asked, conditions, limit, ends)
    if item.name == METRIC_TIME and not is_calendar:
        return _values_seen_sql(source, item, names, conditions, limit, ends)
    if is_calendar:
        conditions += _since_the_data_begin(source, vocabulary)
    query = {
        "group_by": [item.column],
        "where": conditions,
        "order_by": [] if ends else [item.column],
        "limit": limit,
        "min_max_only": ends,
    }
    return compile(source.manifest, query)


def _since_the_data_begin(source: Source, vocabulary: Vocabulary) -> list[str]:
    """Write the condition that leaves out the days before there is anything that the role sees."""
    coverage = read_coverage(source.connection, source.library)
    first = first_day(vocabulary.definitions, coverage, vocabulary.known)
    return [vocabulary.where(f"{METRIC_TIME} >= '{first}'", ())] if first else []


def _values_seen_sql(
    source: Source,
    item: GroupBy,
    metrics: Sequence[str],
    where: Sequence[str],
    limit: int | None,
    ends: bool,
) -> str:
    """Write SQL for the members that have a figure of one of the metrics."""
    asked = {"name": item.column, "alias": item.column}
    query = {"metrics": list(dict.fromkeys(metrics)), "group_by": [asked], "where": list(where)}
    column = identifier(item.column)
    shown = f"min({column}) AS {identifier(item.column + '__min')}, max({column}) AS "
    shown = f"{shown}{identifier(item.column + '__max')}" if ends else f"DISTINCT {column}"
    tail = "" if ends else f" ORDER BY {column} NULLS LAST"
    tail += f" LIMIT {limit:d}" if limit is not None and not ends else ""
    return f"SELECT {shown} FROM ({compile(source.manifest, query)}) AS seen{tail}"


def _first_split_by(vocabulary: Vocabulary, item: GroupBy) -> str:
    """Name a metric of the role's own rows that can be split by a dimension."""
    for name, metric in vocabulary.known.items():
        is_own = metric.type == "simple" and name not in vocabulary.sight.company_wide
        if is_own and item.name in vocabulary.dimensions([name]):
            return name
    raise DefinitionError(
        f"the members of {item.name!r} cannot be told apart by the rows that this role sees",
        todo="Name a metric that can be split by it.",
        code="unreachable-dimension",
    )


def _require_reachable(vocabulary: Vocabulary, metrics: Sequence[str], item: GroupBy) -> None:
    possible = vocabulary.dimensions(metrics)
    if item.name in vocabulary.splits and item.name not in possible:
        raise DefinitionError(
            f"{', '.join(map(repr, metrics))} cannot be split by {item.name!r}",
            why="No key leads from the rows to that dimension.",
            todo=f"Possible: {', '.join(possible) or METRIC_TIME}.",
            code="unreachable-dimension",
        )


def list_entities(source: Source, words: Vocabulary | None = None) -> list[dict[str, Any]]:
    """List the keys that metrics can be split by."""
    vocabulary = words or Vocabulary(loaded(source.manifest))
    return [{"name": name} for name in vocabulary.keys]


def list_saved_queries(source: Source, words: Vocabulary | None = None) -> list[dict[str, Any]]:
    """List the published wide tables: what they hold, by what they are split, and how many rows."""
    published = _published_tables(source)
    vocabulary = words or Vocabulary(loaded(source.manifest))
    listed = [
        _told_of_table(query, published, vocabulary.sight)
        for query in vocabulary.definitions.saved_queries.values()
    ]
    return [entry for entry in listed if entry["metrics"]]


def _told_of_table(
    query: SavedQuery, published: Mapping[str, tuple[str, int]], sight: Sight
) -> dict[str, Any]:
    label_zh, rows = published.get(query.name, ("", None))
    return {
        "name": query.name,
        "label": query.label,
        "label_zh": label_zh,
        "metrics": [metric for metric in query.metrics if sight.sees(metric)],
        "by": [item.published for item in query.group_by if sight.names(item.name)],
        # How many there are would tell of rows that the role does not see.
        "rows": None if sight.is_limited else rows,
    }


def show(source: Source, text: str, words: Vocabulary | None = None) -> dict[str, Any]:
    """Show everything the library says of a metric, or of a published table."""
    vocabulary = words or Vocabulary(loaded(source.manifest))
    name = vocabulary.table(text)
    if not name:
        return show_metric(source, text, vocabulary)
    query = vocabulary.definitions.saved_queries[name]
    told = _told_of_table(query, _published_tables(source), vocabulary.sight)
    # A condition may name what the role does not see.
    where = [] if vocabulary.sight.is_limited else [" ".join(text.split()) for text in query.where]
    read = {"table": f"published.{name}"} if source.publication else {}
    return {"kind": "saved query", **told, "description": query.description, "where": where, **read}


def show_metric(source: Source, text: str, words: Vocabulary | None = None) -> dict[str, Any]:
    """Show everything the library says of one metric, since when it has data, and what it can be split by."""
    vocabulary = words or Vocabulary(loaded(source.manifest))
    definitions = vocabulary.definitions
    name = vocabulary.metric(text)
    entry = next((row for row in _indicators(source) if row["name"] == name), {"name": name})
    first = data_from(definitions, read_coverage(source.connection, source.library), name)
    begun = {"data_from": first} if first else {}
    dimensions = ["metric_time", *vocabulary.dimensions([name])]
    quality = verdicts(source, name).get(name, {})
    sight = vocabulary.sight
    if sight.is_limited and quality:
        # Reasons count rows, also those that a role with limited rows does not see.
        quality = {**quality, "verdict_reason": None}
    # Targets are of the whole company, and come with what it reached.
    seen = name not in sight.small_groups and (not sight.is_limited or name in sight.company_wide)
    targets = _targets(source, name) if seen else []
    return {**entry, **quality, **begun, "dimensions": dimensions, "targets": targets}


def _targets(source: Source, metric: str) -> list[dict[str, Any]]:
    """Give what the company's last two begun periods of each grain should be, and how far they got."""
    there = source.connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'warehouse' AND schema_name = ?"
        " AND table_name = 'target'",
        [source.library],
    ).fetchone()
    if not (there and there[0]):
        return []
    cursor = source.connection.execute(
        f"""
        SELECT grain, period_start, value, actual, attainment, light, measured_to > as_of AS is_running,
            deadline, owner, source
        FROM {identifier("warehouse", source.library, "target")}
        WHERE metric = ? AND dimension = '' AND period_start <= as_of
        QUALIFY row_number() OVER (PARTITION BY grain ORDER BY period_start DESC) <= 2
        ORDER BY grain, period_start""",
        [metric],
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _indicators(source: Source) -> list[dict[str, Any]]:
    cursor = source.connection.execute(f"FROM {identifier('warehouse', source.library, 'indicator')}")
    names = [column[0] for column in cursor.description]
    hidden = {"publication_id", "published_at"}
    return [
        {name: value for name, value in zip(names, row, strict=True) if name not in hidden}
        for row in cursor.fetchall()
    ]


def _published_tables(source: Source) -> dict[str, tuple[str, int]]:
    """Give Chinese label and rows of each table; the private warehouse has no such list."""
    if source.publication is None:
        return {}
    rows = source.connection.execute(
        "SELECT table_name, label_zh, row_count FROM warehouse.published.available_table"
    ).fetchall()
    return {name: (label, count) for name, label, count in rows}
