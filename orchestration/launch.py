"""Run a company's jobs in this process, against the same instance that `dagster dev` shows.

dbt starts, and parses what has changed, in a worker process while the extracts land. Nothing heavy starts at
all when there is nothing new.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.dbt_worker import DbtWorker
from orchestration.parsed import digest_parsed
from orchestration.prepare import is_prepared, mark_prepared
from plumbline.errors import PlumblineError, disk_is_full, full_disk
from plumbline.project import Home, Project
from plumbline.runs import RunRecord, current_progress, end_running, new_run_id
from plumbline.runs.state import RunState, write_json
from plumbline.warehouse import is_damaged, set_aside

if TYPE_CHECKING:
    from orchestration.defs.resources import Session
    from plumbline.demo.aside import Generation

_NO_ROOM = 64 * 1024
_GROWING = "built-in company"

INSTANCE_SETTINGS = """\
telemetry:
  enabled: false
nux:
  enabled: false
event_log_storage:
  module: orchestration.storage
  class: OneFileEventLogStorage
  config:
    base_dir: {base}/history
"""


def launch(
    project: Project,
    home: Home,
    company: str,
    *,
    data: Path,
    as_of: date | None,
    full: bool,
    grow: Callable[[], Generation | None] = lambda: None,
) -> dict[str, Any]:
    """Land, and build, check and publish if there is anything new; give the run's record.

    `grow` begins to make extracts, for the built-in company, and they land when they are there. Errors of the
    steps are raised as they are; the record has them too. A warehouse that turns out to be damaged is moved
    aside, and built anew at once: it holds nothing that has not landed.
    """
    settings = {
        "company": company,
        "data": str(data),
        "as_of": as_of.isoformat() if as_of else "",
        "full": full,
        "run_id": new_run_id(),
    }
    try:
        return _launch(_Run(project, home, company, settings), grow)
    except Exception as error:
        if not is_damaged(error):
            raise
        _require_whole_generation(project, home, company)
        end_running(home.runs, "failed", str(error))
    rebuilt = str(set_aside(home.warehouse))
    return _launch(
        _Run(project, home, company, {**settings, "full": True, "run_id": new_run_id()}), grow, rebuilt
    )


def _require_whole_generation(project: Project, home: Home, company: str) -> None:
    """Raise StorageError when it is the published generation that is damaged: runs read it, too."""
    from plumbline.ledger import open_ledger
    from plumbline.publication.recording import require_whole

    require_whole(open_ledger(project, home, company).ledger, home)


def _launch(run: _Run, grow: Callable[[], Generation | None], rebuilt: str = "") -> dict[str, Any]:
    with _full_disk_explained(run.home), run.closing():
        run.begin(rebuilt)
        growing = grow()
        run.start(growing is not None)
        if growing:
            run.wait_for(growing)
        run.land(soon=run.is_full or growing is not None)
        if not run.is_needless():
            run.refresh()
        return run.record()


class _Run:
    def __init__(self, project: Project, home: Home, company: str, settings: dict[str, Any]) -> None:
        self._project = project
        self.home = home
        self._company = company
        self._settings = settings
        self._worker: DbtWorker | None = None
        self._parsing = ""
        self._landing: Any = None
        self._instance: Any = None
        self._stages: list[dict[str, Any]] = []
        self._began = time.perf_counter()

    @property
    def is_full(self) -> bool:
        return bool(self._settings["full"])

    def begin(self, rebuilt: str) -> None:
        """Note that the run has begun."""
        run_id, as_of = str(self._settings["run_id"]), str(self._settings["as_of"])
        RunRecord(run_id, self._company, as_of, full=self.is_full, rebuilt=rebuilt).save(self.home.runs)

    def start(self, growing: bool) -> None:
        """Load what landing needs, and have dbt parse what has changed; `growing` while extracts are made."""
        if not is_prepared(self._project, self.home):
            self._parse()
        elif self._is_of_another_day(growing):
            self._start_worker()
        with self._stage("start"):
            os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
            os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "500")
            with _quiet():
                import dagster

                from orchestration.build import build_landing
                from orchestration.defs import ingestion

                self._landing = build_landing(self._company)
            logging.getLogger("dagster").setLevel(logging.CRITICAL)
            self._instance = dagster.DagsterInstance.from_config(str(instance_home(self.home)))
            close_dead_runs(self._instance)
        ingestion.when_something_lands(self._start_worker)
        ingestion.when_all_has_landed(self._begin_models)

    def wait_for(self, growing: Generation) -> None:
        """Wait until the built-in company has lived on."""
        self._warm_up()
        progress = current_progress()
        progress.begin(_GROWING)
        seconds = round(growing.wait(progress.update), 3)
        self._stages.append({"name": _GROWING, "seconds": seconds})
        progress.end(_GROWING, seconds)

    def _is_of_another_day(self, growing: bool) -> bool:
        """Tell whether the run before was of another as-of date: the figures then change, whatever lands.

        A first run is of another day, too; where its extracts are still made, that needs the second core.
        """
        from plumbline.landing import load_sources, resolve_as_of

        day = self._settings["as_of"] or str(resolve_as_of(load_sources(self._project, self._company)))
        before = RunState.read(self.home.runs / "state.json").as_of
        return before != day and (bool(before) or not growing)

    def _warm_up(self) -> None:
        """Have Great Expectations imported while extracts land."""
        from plumbline.quality import warm_up

        warm_up()

    def _parse(self) -> None:
        self._worker = DbtWorker(self._project, self.home)
        self._parsing = digest_parsed(self._project)
        self._worker.send(["parse"])

    def _start_worker(self) -> None:
        self._worker = self._worker or DbtWorker(self._project, self.home, prepared=True)

    def _end_worker(self, worker: DbtWorker) -> None:
        from orchestration.defs import transformation

        transformation.forget_worker()
        worker.close()

    def _begin_models(self, session: Session) -> None:
        """Have dbt build at once, unless it has definitions to parse first."""
        from orchestration.defs import transformation

        if self._worker and not self._parsing:
            transformation.use_worker(self._worker)
            transformation.begin_early(session)

    def land(self, *, soon: bool) -> None:
        """Land what is new; dbt starts at once where it will be needed, else when something lands."""
        if soon or self._worker:
            self._start_worker()
        self._execute(self._landing, "land")

    def is_needless(self) -> bool:
        """Tell, and record, that the published generation already shows what has landed."""
        from orchestration.defs.pushing import push_to_postgres
        from orchestration.defs.resources import open_session
        from plumbline.publication.recording import require_whole

        with open_session(**self._settings) as session:
            session.require_extracts()
            if session.nothing_new:
                require_whole(session.ledger.ledger, self.home)
                session.record.status = "nothing_new"
                push_to_postgres(session)
            return session.nothing_new

    def refresh(self) -> None:
        from orchestration.defs import transformation

        self._start_worker()
        assert self._worker
        with self._stage("definitions"):
            if self._parsing:
                self._worker.answer()
                mark_prepared(self._project, self.home, self._parsing)
            transformation.use_worker(self._worker)
            with _quiet():
                from orchestration.build import build

                definitions = build(self._company)
        self._execute(definitions, "refresh")

    def _execute(self, definitions: Any, job: str) -> None:
        try:
            definitions.resolve_job_def(job).execute_in_process(
                instance=self._instance,
                tags={"plumbline/run": self._settings["run_id"]},
                run_config={
                    "resources": {"session": {"config": self._settings}},
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                },
                raise_on_error=True,
            )
        except Exception as error:
            raise _root_error(error) from None

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        progress = current_progress()
        progress.begin(name)
        start = time.perf_counter()
        yield
        seconds = round(time.perf_counter() - start, 3)
        self._stages.append({"name": name, "seconds": seconds})
        progress.end(name, seconds)

    def record(self) -> dict[str, Any]:
        """Give the record of both jobs, with the seconds before and between them."""
        path = self.home.runs / f"{self._settings['run_id']}.json"
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        record["stages"] = self._stages + record["stages"]
        record["seconds"] = round(time.perf_counter() - self._began, 3)
        write_json(path, record)
        return record

    @contextmanager
    def closing(self) -> Iterator[None]:
        try:
            yield
        finally:
            if self._worker:
                self._end_worker(self._worker)
            if self._instance:
                self._instance.dispose()


@contextmanager
def _full_disk_explained(home: Home) -> Iterator[None]:
    """Tell of a full disk as such, whoever met it: Dagster's log, the run's record, a table.

    SQLite may say only "disk I/O error".
    """
    try:
        yield
    except PlumblineError:
        raise
    except Exception as error:
        if not disk_is_full(error) and shutil.disk_usage(home.root).free > _NO_ROOM:
            raise
        raise full_disk(str(home.root), str(error).splitlines()[0]) from None


def _root_error(error: BaseException) -> BaseException:
    """Take the error that a person can understand out of those that Dagster wraps around it."""
    found: BaseException | None = error
    root = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        if isinstance(found, PlumblineError):
            return found
        seen.add(id(found))
        root = getattr(found, "user_exception", None) or root
        found = found.__cause__ or found.__context__
    return root


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def instance_home(home: Home) -> Path:
    """Make the DAGSTER_HOME of a company, with its settings, and give its path."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    settings = home.dagster / "dagster.yaml"
    text = INSTANCE_SETTINGS.format(base=home.dagster)
    if not settings.is_file() or settings.read_text(encoding="utf-8") != text:
        settings.write_text(text, encoding="utf-8")
    return home.dagster


def close_dead_runs(instance: Any) -> None:
    """Mark runs that a kill or a crash left unfinished as failed; the caller holds the company's lock."""
    from dagster import DagsterRunStatus, RunsFilter

    unfinished = [DagsterRunStatus.STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.NOT_STARTED]
    for dead in instance.get_runs(RunsFilter(statuses=unfinished)):
        instance.report_run_failed(dead, "The process of this run ended before the run did.")
