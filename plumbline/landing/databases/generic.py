"""Read any database that SQLAlchemy knows; values become text here, rows stream in batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plumbline.errors import SourceUnavailable
from plumbline.landing.canonical import text_array, value_text
from plumbline.landing.databases.reading import Selection
from plumbline.landing.extract import BATCH_ROWS

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]
    from sqlalchemy import Table
    from sqlalchemy.engine import URL


_ONE_STATE = ("REPEATABLE READ", "SERIALIZABLE")


class SQLAlchemyReader:
    """One database, over the driver that its URL names."""

    def __init__(self, address: URL) -> None:
        import sqlalchemy as sa

        self._name = f"{address.host or address.get_backend_name()}/{address.database or ''}"
        with self._errors():
            self._engine = sa.create_engine(address, poolclass=sa.pool.NullPool)
            self._connection = self._engine.connect()
            self._see_one_state()
        self._tables: dict[str, Table | None] = {}

    def _see_one_state(self) -> None:
        """Ask for transactions that see one state of the database, where it has them."""
        import sqlalchemy as sa

        dialect = self._engine.dialect
        driver: Any = self._connection.connection.dbapi_connection
        try:
            levels = dialect.get_isolation_level_values(driver)
        except (NotImplementedError, sa.exc.InvalidRequestError):
            return
        level = next((level for level in _ONE_STATE if level in levels), None)
        if level is not None:
            self._connection = self._connection.execution_options(isolation_level=level)

    def begin(self) -> None:
        with self._errors():
            self._connection.rollback()
            self._connection.begin()

    def columns(self, table: str) -> list[str] | None:
        found = self._table(table)
        return None if found is None else [column.name for column in found.columns]

    def tables(self) -> list[str]:
        import sqlalchemy as sa

        with self._errors():
            inspector = sa.inspect(self._connection)
            return [*inspector.get_table_names(), *inspector.get_view_names()]

    def _table(self, table: str) -> Table | None:
        import sqlalchemy as sa

        if table not in self._tables:
            schema, _, name = table.rpartition(".")
            try:
                with self._errors():
                    self._tables[table] = sa.Table(
                        name, sa.MetaData(), schema=schema or None, autoload_with=self._connection
                    )
            except _NoSuchTableError:
                self._tables[table] = None
        return self._tables[table]

    def measure(self, table: str, selection: Selection) -> tuple[int, str | None]:
        import sqlalchemy as sa

        known = self._known(table)
        greatest = sa.func.max(known.columns[selection.cursor]) if selection.cursor else sa.null()
        query: Any = sa.select(sa.func.count(), greatest).select_from(known)
        with self._errors():
            row = self._connection.execute(self._where(query, table, selection)).one()
        return int(row[0]), value_text(row[1])

    def read(self, table: str, columns: list[str], selection: Selection) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        import sqlalchemy as sa

        known = self._known(table).columns
        query = self._where(sa.select(*(known[name] for name in columns)), table, selection)
        with self._errors():
            result = self._connection.execution_options(yield_per=BATCH_ROWS).execute(query)
            for rows in result.partitions():
                yield pa.RecordBatch.from_arrays(
                    [text_array(list(column)) for column in zip(*rows, strict=True)], columns
                )

    def _known(self, table: str) -> Table:
        found = self._table(table)
        if found is None:
            raise LookupError(table)
        return found

    def _where(self, query: Any, table: str, selection: Selection) -> Any:
        if selection.cursor is None or selection.since is None:
            return query
        column = self._known(table).columns[selection.cursor]
        return query.where((column >= _typed(column, selection.since)) | column.is_(None))

    def signature(self) -> str | None:
        return None

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        import sqlalchemy.exc

        try:
            yield
        except sqlalchemy.exc.NoSuchTableError as error:
            raise _NoSuchTableError from error
        except (sqlalchemy.exc.NoSuchModuleError, ImportError) as error:
            raise SourceUnavailable(
                "the driver for this database is not installed",
                where=self._name,
                why=f"{error}.",
                todo="Install it in the environment of plumb, or name another in the address: mysql+pymysql://…",
            ) from error
        except (sqlalchemy.exc.SQLAlchemyError, OSError) as error:
            raise SourceUnavailable(
                "the database does not answer, or refuses",
                where=self._name,
                why=str(error).splitlines()[0],
                todo="Check the address, the user's rights and that the server runs.",
            ) from error


class _NoSuchTableError(Exception):
    pass


def _typed(column: Any, text: str) -> Any:
    """Read a cursor value back as what the database compares it with."""
    kind = column.type.python_type
    if kind is datetime:
        return datetime.fromisoformat(text)
    if kind is date:
        return date.fromisoformat(text)
    return kind(text) if kind in (int, float, Decimal) else text
