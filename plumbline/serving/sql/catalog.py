"""The relations of the endpoint in PostgreSQL's own catalog, so that tools can list columns and comments.

They are tables without figures: whoever reads one past the endpoint, or without MEASURE(), is told what to
write; what reads no row, such as LIMIT 0, is answered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plumbline.access import Policy, Principal, Role
from plumbline.definitions import METRIC_TIME
from plumbline.errors import PlumblineError
from plumbline.publication.labels import Label, labels_of, read_dictionary
from plumbline.publication.sql import identifier, literal
from plumbline.serving.resolve import Question
from plumbline.serving.sql.answers import figure_type, postgres_type
from plumbline.serving.sql.names import METRICS, Book, Relation

if TYPE_CHECKING:
    from plumbline.serving.desk import Desk, Visit

_LONGEST_NAME = 63
_TIME = Label(METRIC_TIME, "Time of the metric", "指标时间")
_ALL = Label(METRICS, "All metrics, by any dimension that they have", "全部指标")
_REFUSE = "ask_with_measure"
_COMMENT = "SELECT obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace WHERE nspname = %s"


@dataclass(frozen=True)
class CatalogColumn:
    """A column as tools see it."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class CatalogRelation:
    """A relation as tools see it."""

    name: str
    comment: str
    columns: tuple[CatalogColumn, ...]


def schema_of(role: Role, schema: str) -> str:
    """Name the schema where a role finds its relations: those who see everything share one."""
    everything = role.metrics.everything and not role.metrics.but and role.persons and not role.rows
    return schema if everything else f"{schema}_{role.name}"


def apply_catalog(connection: Any, desk: Desk, *, schema: str = METRICS) -> list[str]:
    """Create or renew the relations of every role, in one transaction; gives the schemas that changed.

    `connection` is one of psycopg or psycopg2 to the server behind the endpoint, of somebody who may create
    schemas. Accounts and roles of the policy that PostgreSQL has may read them.
    """
    policy = desk.policy
    changed = []
    types: dict[tuple[str, str], str] = {}
    with closing(connection.cursor()) as cursor:
        for name, role in _schemas(policy, schema).items():
            with desk.visit(Principal("", role.name)) as visit:
                statements = list(catalog_sql(name, relations(visit, schema, types), _readers(policy, role)))
            if _renewed(cursor, name, statements):
                changed.append(name)
    connection.commit()
    return changed


def renew_catalog(url: str, desk: Desk, schema: str = METRICS) -> str:
    """Renew the catalog of a server; gives a remark where that is not possible, so that serving goes on."""
    import psycopg2  # type: ignore[import-untyped]

    try:
        with closing(psycopg2.connect(url, connect_timeout=15)) as connection:
            apply_catalog(connection, desk, schema=schema)
    except psycopg2.Error as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        return f"\n        its relations are not listed in PostgreSQL: {_without_secret(why, url)}"
    return ""


def _without_secret(text: str, url: str) -> str:
    from urllib.parse import unquote, urlsplit

    secret = urlsplit(url).password or ""
    for part in filter(None, (secret, unquote(secret))):
        text = text.replace(part, "…")
    return text


def relations(
    visit: Visit, schema: str = METRICS, types: dict[tuple[str, str], str] | None = None
) -> list[CatalogRelation]:
    """Describe the relations that the role of a visit can read; `types` are kept for the next role."""
    return list(_Describer(visit, schema, {} if types is None else types).relations())


def catalog_sql(schema: str, found: Sequence[CatalogRelation], readers: Sequence[str] = ()) -> Iterator[str]:
    """Write the statements that create a schema anew with these relations, for `readers` to read."""
    space = identifier(schema)
    message = literal(f"figures are asked for with MEASURE(), through the SQL endpoint of {schema}")
    hint = literal("Write SELECT dimension, MEASURE(metric) FROM metrics GROUP BY dimension.")
    yield f"CREATE SCHEMA {space}"
    yield (
        f"CREATE FUNCTION {space}.{_REFUSE}() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $function$ "
        f"BEGIN RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = {message}, HINT = {hint}; END $function$"
    )
    for relation in found:
        name = f"{space}.{identifier(relation.name)}"
        columns = ", ".join(f"{identifier(item.name)} {item.type}" for item in relation.columns)
        yield f"CREATE TABLE {name} ({columns})"
        yield f"COMMENT ON TABLE {name} IS {literal(relation.comment)}"
        # The policy is asked for each row: with none at all, nobody would be told.
        yield f"INSERT INTO {name} DEFAULT VALUES"
        yield f"CREATE POLICY {_REFUSE} ON {name} FOR SELECT USING ({space}.{_REFUSE}())"
        yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
        for item in relation.columns:
            yield f"COMMENT ON COLUMN {name}.{identifier(item.name)} IS {literal(item.comment)}"
    for reader in readers:
        yield (
            f"DO $grant$ BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {literal(reader)}) "
            f"THEN GRANT USAGE ON SCHEMA {space} TO {identifier(reader)}; "
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {space} TO {identifier(reader)}; END IF; END $grant$"
        )


def _schemas(policy: Policy, schema: str) -> dict[str, Role]:
    """Give each schema with a role that sees what belongs into it."""
    return {schema_of(role, schema): role for role in policy.roles.values()}


def _readers(policy: Policy, role: Role) -> list[str]:
    """Name who may read the schema of a role, as PostgreSQL may know them."""
    alike = {name for name, found in policy.roles.items() if schema_of(found, "") == schema_of(role, "")}
    accounts = [name for name, found in policy.accounts.items() if alike.intersection(found.roles)]
    return sorted({*(f"{policy.company}_{name}" for name in alike), *accounts})


def _renewed(cursor: Any, schema: str, statements: Sequence[str]) -> bool:
    """Create a schema anew where what is there was made of other statements."""
    mark = "Plumbline " + hashlib.sha256("\n".join(statements).encode()).hexdigest()
    cursor.execute(_COMMENT, [schema])
    there = cursor.fetchone()
    if there and there[0] == mark:
        return False
    if there and not str(there[0] or "").startswith("Plumbline "):
        raise _not_ours(schema)
    cursor.execute(f"DROP SCHEMA IF EXISTS {identifier(schema)} CASCADE")
    cursor.execute(";\n".join([*statements, f"COMMENT ON SCHEMA {identifier(schema)} IS {literal(mark)}"]))
    return True


def _not_ours(schema: str) -> PlumblineError:
    from plumbline.errors import ConfigurationError

    return ConfigurationError(
        f"PostgreSQL has a schema {schema!r} that this endpoint did not make",
        todo="Give the endpoint another `schema`, or drop that one.",
        code="foreign-schema",
    )


class _Describer:
    """Describes relations; types are those of answers."""

    def __init__(self, visit: Visit, schema: str, types: dict[tuple[str, str], str]) -> None:
        self._visit = visit
        self._types = types
        self._words = visit.words
        self._book = Book(visit.words, (schema,))
        manifest = visit.source.manifest
        self._labels: Mapping[str, Label] = labels_of(visit.words.definitions) | dict(
            read_dictionary(manifest).labels
        )
        self._split_columns: dict[tuple[str, str], CatalogColumn | None] = {}
        self._metric_columns = {name: found for name in self._words.known if (found := self._metric(name))}

    def relations(self) -> Iterator[CatalogRelation]:
        """Describe each relation."""
        for relation in self._book.relations.values():
            names = [name for name in self._book.metrics_of(relation) if name in self._metric_columns]
            if not names:
                continue
            splits = self._own(relation, names) if relation.columns else self._splits(names)
            columns = (*splits, *(self._metric_columns[name] for name in names))
            yield CatalogRelation(relation.name, self._comment(relation), columns)

    def _comment(self, relation: Relation) -> str:
        if relation.name == METRICS:
            return _ALL.comment
        label = self._labels.get(relation.name)
        return label.comment if label and relation.columns else f"Metrics of domain {relation.name}"

    def _metric(self, name: str) -> CatalogColumn | None:
        """Describe a metric; none that has no data behind it."""
        kind = self._type(name, "")
        return self._column(name, kind, self._labels[name].comment) if kind else None

    def _splits(self, metrics: Sequence[str]) -> list[CatalogColumn]:
        """Describe what one of these metrics at least can be split by."""
        reached = {found: name for name in metrics for found in self._words.dimensions([name])}
        columns = [CatalogColumn(METRIC_TIME, "timestamp", _TIME.comment)]
        columns += [found for name in sorted(reached) if (found := self._split(name, name, reached[name]))]
        return columns

    def _own(self, relation: Relation, metrics: Sequence[str]) -> list[CatalogColumn]:
        """Describe the columns that a published table has, and the time of its metrics."""
        columns = [CatalogColumn(METRIC_TIME, "timestamp", _TIME.comment)]
        for name, column in relation.columns.items():
            if found := self._split(name, column, metrics[0]):
                columns.append(found)
        return columns

    def _split(self, name: str, column: str, metric: str) -> CatalogColumn | None:
        """Describe what a metric can be split by."""
        if (name, column) not in self._split_columns:
            self._split_columns[name, column] = self._described(name, column, metric)
        return self._split_columns[name, column]

    def _described(self, name: str, column: str, metric: str) -> CatalogColumn | None:
        item = self._words.group_by(column, ())
        comment = self._labels.get(name, self._labels.get(item.name, Label(name))).comment
        dimension = self._words.splits.get(item.name)
        if item.name == METRIC_TIME:
            return self._column(name, "date", comment)
        if dimension is not None and dimension.type == "time":
            return self._column(name, "timestamp" if name == item.name else "date", comment)
        kind = self._type(metric, item.column)
        return self._column(name, kind, comment) if kind else None

    def _type(self, metric: str, column: str) -> str:
        """Give the type of a metric, or of what it is split by; '' for what cannot be answered."""
        key = ("", column) if column else (metric, "")
        if key not in self._types:
            self._types[key] = self._asked(metric, column)
        return self._types[key]

    def _asked(self, metric: str, column: str) -> str:
        import duckdb

        question = Question((metric,), (column,) if column else ())
        try:
            types = self._visit.explain(question).types()
            return postgres_type(types[column]) if column else figure_type(types[metric])
        except (PlumblineError, duckdb.Error):
            return ""

    def _column(self, name: str, kind: str, comment: str) -> CatalogColumn | None:
        if len(name.encode()) > _LONGEST_NAME:
            return None
        return CatalogColumn(name, kind, comment)
