"""A small built-in company that has published twice, and a copy of it for tests to tamper with."""

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestration.defs.recording import record_publication
from orchestration.defs.resources import open_session
from plumbline.audit import Proof, verify
from plumbline.governance.trust import Trust
from plumbline.ledger import Ledger, witnessed_ledger
from plumbline.project import Home
from plumbline.publication import RunFacts, Shelf, publish
from plumbline.warehouse import connect
from tests.built_once import built_once
from tests.end_to_end.young import DAYS

AS_OF = DAYS[0]


@pytest.fixture(scope="session")
def published(young, tmp_path_factory):
    """The PLUMBLINE_HOME of a company that has published its first day twice; not to be changed.

    The second time, the big marts have parts.
    """

    def publish_again(place):
        base = shutil.copytree(young.base, place / "home", symlinks=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PLUMBLINE_HOME", str(base))
            publish_with_parts()

    return built_once(tmp_path_factory, "audit", publish_again) / "home"


def publish_with_parts(run_id=None):
    """Publish the warehouse again as the run did, with marts of over a hundred rows in parts."""
    with open_session("demo", as_of=AS_OF.isoformat()) as session:
        state = json.loads((session.home.runs / "state.json").read_text(encoding="utf-8"))
        with connect(session.home.warehouse) as con:
            publish(
                con,
                session.home,
                run=RunFacts("demo", run_id or state["published_run"], AS_OF),
                large_rows=100,
                before_switch=lambda publication: record_publication(session, publication),
            )


@dataclass
class Copy:
    """A copy of the company. What `change` names is as it was after `restore`."""

    base: Path
    originals: dict[Path, bytes | str | None] = field(default_factory=dict)

    @property
    def home(self) -> Home:
        return Home(self.base / "demo")

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.home.published)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.home.ledger)

    @property
    def witness(self) -> Path:
        return self.base / "witness" / "demo.jsonl"

    def verify(self) -> Proof:
        return verify(self.home, witnessed_ledger(self.home, Trust("demo")), "demo")

    def change(self, path: Path) -> Path:
        """Remember a file, a link or that nothing is there, and give the path."""
        if path not in self.originals:
            content = os.readlink(path) if path.is_symlink() else None
            self.originals[path] = path.read_bytes() if content is None and path.exists() else content
        return path

    def restore(self) -> None:
        for path, content in self.originals.items():
            path.unlink(missing_ok=True)
            if isinstance(content, str):
                os.symlink(content, path)
            elif content is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        self.originals.clear()


@pytest.fixture(scope="module")
def shared_copy(published, tmp_path_factory):
    base = tmp_path_factory.mktemp("copy") / "home"
    shutil.copytree(published, base, symlinks=True)
    return Copy(base)


@pytest.fixture
def copy(shared_copy):
    """The copy, whole again after the test."""
    yield shared_copy
    shared_copy.restore()
