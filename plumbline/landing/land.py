"""Land one system: each of its tables by itself, so that one bad extract stops no other."""

from __future__ import annotations

import os
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from plumbline.errors import (
    ConfigurationError,
    PlumblineError,
    SourceDown,
    StorageError,
    UsageError,
    did_you_mean,
    disk_is_full,
)
from plumbline.landing.contract import load_contract
from plumbline.landing.outcomes import (
    LANDED,
    REFUSED,
    RELEASED,
    UNAVAILABLE,
    UNCHANGED,
    ExtractOutcome,
    Refused,
    SystemResult,
    TableOutcome,
)
from plumbline.landing.quarantine import (
    Refusal,
    is_released,
    kept_file,
    open_refusals,
    put_aside,
    settle,
)
from plumbline.landing.secrets import Secrets
from plumbline.landing.session import Progress, Session
from plumbline.landing.sources import Sources, TableSource
from plumbline.landing.writer import disk_errors, remove_leftovers
from plumbline.project import Home, Project


class Connector(Protocol):
    """Reaches one system."""

    def extracts(self, table: TableSource) -> Iterator[ExtractOutcome]:
        """Land one table, and say what became of each of its extracts."""
        ...

    def close(self) -> None: ...


def land_system(
    project: Project,
    home: Home,
    sources: Sources,
    system: str,
    *,
    data: Path | None = None,
    as_of: date,
    progress: Progress | None = None,
    environment: Mapping[str, str] | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> SystemResult:
    """Land what is new of one system; one outcome for each table of the sources file, in its order.

    A table or file that cannot be read or is refused is an outcome, never an exception. Raises StorageError
    when the disk is full, UsageError for an unknown system. `{data}` is `data`, else the company's
    own directory. The caller holds the company's run lock. `wait` sleeps between attempts at an API.
    """
    return land(open_session(project, home, sources, system, data, as_of, environment, wait), progress)


def open_session(
    project: Project,
    home: Home,
    sources: Sources,
    system: str,
    data: Path | None,
    as_of: date,
    environment: Mapping[str, str] | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Session:
    """Prepare to land one system; see `land_system`."""
    if system not in sources.systems:
        raise UsageError(
            f"company {sources.company!r} has no system {system!r}",
            where=str(sources.file),
            todo=did_you_mean(system, list(sources.systems)) or f"It has {', '.join(sources.systems)}.",
            code="unknown-system",
        )
    return Session(
        root=project.root,
        home=home,
        company=sources.company,
        system=sources.systems[system],
        contract=load_contract(project)[system],
        secrets=Secrets(os.environ if environment is None else environment, (data or home.data).resolve()),
        as_of=as_of,
        wait=wait,
    )


def land(session: Session, progress: Progress | None = None) -> SystemResult:
    """Land what is new of the system of a session; see `land_system`."""
    started = time.perf_counter()
    home, system = session.home, session.system.name
    remove_leftovers(home.landing / system)
    outcomes = _with_places(session, _land_tables(session, progress or (lambda _: None)))
    settle(home, system, lambda table, source: _is_replaced(session, outcomes, table, source))
    session.cache.save()
    session.totals.close()
    seconds = round(time.perf_counter() - started, 3)
    return SystemResult(system, tuple(outcomes), seconds, tuple(open_refusals(home, system)))


def expected_loads(session: Session) -> int:
    """Say how many loads landing will make at most, as far as that can be told without reading anything."""
    tables = session.system.tables.values()
    if session.system.connector != "files":
        return len(tables)
    from plumbline.landing.files.connector import expected_files

    return sum(expected_files(session, table) for table in tables)


def _with_places(session: Session, outcomes: list[TableOutcome]) -> list[TableOutcome]:
    """Put refused extracts aside, and say in their outcomes where they are now, or that they are released."""
    become = {}
    waiting = Counter(refusal.file for refusal in session.refusals)
    for refusal in session.refusals:
        waiting[refusal.file] -= 1
        shared = refusal.file in session.accepted or waiting[refusal.file] > 0
        source = session.secrets.redact(refusal.outcome.source)
        told = replace(refusal, outcome=replace(refusal.outcome, source=source))
        become[refusal.table, source] = _put_aside(
            session, told, "copy" if shared else session.system.refused
        )
    return [
        TableOutcome.of(
            outcome.table,
            [
                replace(extract, **become.get((outcome.table, extract.source), {}))
                for extract in outcome.extracts
            ],
            outcome.seconds,
        )
        for outcome in outcomes
    ]


def _put_aside(session: Session, refusal: Refusal, how: str) -> dict[str, Any]:
    """Put a refused extract aside, and give what is another in its outcome then: where it is, or its status.

    A file that other tables were read from is only copied.
    """
    note = put_aside(session.home, session.system.name, refusal, how)
    if is_released(note, refusal):
        return {"status": RELEASED}
    kept = kept_file(note)
    if kept is None:
        return {}
    place = kept.relative_to(session.root) if kept.is_relative_to(session.root) else kept
    moved = refusal.file and how == "move"
    return {"kept": f"It was moved to {place}" if moved else f"A copy is in {place}"}


def _is_replaced(session: Session, outcomes: list[TableOutcome], table: str, source: str) -> bool:
    """Tell whether an extract of that name was accepted now, or any extract of a table that has one only."""
    listed = session.system.tables.get(table)
    whole = session.system.connector != "files" or (listed is not None and listed.load == "snapshot")
    return any(
        extract.status in (LANDED, UNCHANGED) and (whole or extract.source == source)
        for outcome in outcomes
        if outcome.table == table
        for extract in outcome.extracts
    )


def _land_tables(session: Session, progress: Progress) -> list[TableOutcome]:
    connector: Connector | None = None
    outcomes: list[TableOutcome] = []
    try:
        for number, table in enumerate(session.system.tables.values(), start=1):
            progress(f"{table.name} ({number} of {len(session.system.tables)})")
            session.go_on()
            started = time.perf_counter()
            if connector is None and session.down is None:
                connector = _reach(session)
            if session.down is not None:
                extracts = [session.down]
            else:
                extracts = list(_land_table(session, connector, table)) if connector else []
            outcomes.append(TableOutcome.of(table.name, extracts, time.perf_counter() - started))
    finally:
        if connector is not None:
            connector.close()
    return outcomes


def _reach(session: Session) -> Connector | None:
    """Connect; what goes wrong is so for every table of the system."""
    try:
        return _connect(session)
    except (PlumblineError, OSError) as error:
        session.down = _failure(session, session.system.name, error)
        return None
    except Exception as error:
        session.down = _mistake(session, session.system.name, error)
        return None


def _connect(session: Session) -> Connector:
    kind = session.system.connector
    if kind == "files":
        from plumbline.landing.files.connector import FilesConnector

        return FilesConnector(session)
    if kind == "database":
        from plumbline.landing.databases.connector import DatabaseConnector

        return DatabaseConnector(session)
    from plumbline.landing.http.connector import HTTPConnector

    return HTTPConnector(session)


def _land_table(session: Session, connector: Connector, table: TableSource) -> Iterator[ExtractOutcome]:
    """Land one table; what goes wrong becomes an outcome, without secrets in its words."""
    try:
        for outcome in connector.extracts(table):
            yield replace(outcome, source=session.secrets.redact(outcome.source))
    except StorageError:
        raise
    except (PlumblineError, OSError) as error:
        outcome = _failure(session, f"{session.system.name}.{table.name}", error)
        if isinstance(error, SourceDown):
            session.down = outcome
        if outcome.status == REFUSED:
            session.refusals.append(Refusal(table.name, outcome))
        yield outcome
    except Exception as error:
        yield _mistake(session, f"{session.system.name}.{table.name}", error)


def _failure(session: Session, asked: str, error: PlumblineError | OSError) -> ExtractOutcome:
    """Say what went wrong with what was asked for: a table, or the system as a whole."""
    hide = session.secrets.redact
    if isinstance(error, Refused):
        reason, status = error.what, REFUSED
    elif isinstance(error, PlumblineError):
        reason, status = _sentence(error), UNAVAILABLE
    else:
        reason, status = str(error), UNAVAILABLE
    where = ""
    if isinstance(error, Refused):
        where = error.file
    elif isinstance(error, PlumblineError) and not isinstance(error, ConfigurationError):
        where = error.where
    return ExtractOutcome(
        status,
        hide(where or asked),
        line=getattr(error, "line", None),
        reason=hide(reason),
        todo=hide(getattr(error, "todo", "")),
    )


def _mistake(session: Session, asked: str, error: Exception) -> ExtractOutcome:
    """Say that Plumbline itself failed at what was asked for, and keep the traceback for a report.

    Raises the error again where the disk is full: that is nobody's mistake, and nothing else would land.
    """
    if disk_is_full(error):
        raise error
    hide = session.secrets.redact
    place = session.home.landing / ".errors" / f"{asked}.txt"
    with disk_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(hide("".join(traceback.format_exception(error))), encoding="utf-8")
    where = traceback.extract_tb(error.__traceback__)[-1]
    told = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
    return ExtractOutcome(
        UNAVAILABLE,
        asked,
        reason=hide(f"Plumbline failed at it: {' '.join(told.split())}"),
        todo=f"This is a mistake in Plumbline, not in the extract: report it with the traceback in {place}.",
    )


def _sentence(error: PlumblineError) -> str:
    return f"{error.what}: {error.why}" if error.why else error.what
