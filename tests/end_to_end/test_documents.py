"""Every command that a document shows is run, in the order in which a reader meets it."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from itertools import takewhile
from pathlib import Path

import duckdb
import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from plumbline.cli.main import build_parser
from tests.companies import ADVENTUREWORKS
from tests.end_to_end.documents import Command, File, steps

pytestmark = pytest.mark.apart

ROOT = Path(__file__).resolve().parents[2]


def documents_that_differ():
    """Give the documents that show commands; of translations that show the same, the first."""
    shown = {}
    for path in [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        if path.is_file():
            shown.setdefault(tuple(steps(path)), path)
    return [path for asked, path in shown.items() if asked]


DOCUMENTS = documents_that_differ()
ALLOWED = {"plumb", "make", "python", "git", "cp", "mv", "ls", "cat", "head", "rm", "mkdir", "curl"}
TIMEOUT = 300
# The data sets that some blocks need, by name.
DATA = {"adventureworks": ADVENTUREWORKS}


def tracked_files():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.fixture
def checkout(tmp_path, demo_home):
    """A copy of the project whose built-in company has already run once."""
    root = tmp_path / "plumbline"
    for name in tracked_files():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    for made in [
        ROOT / "target",
        *ROOT.glob("[!.]*/**/__pycache__"),
    ]:  # as `make setup` and a run leave it
        shutil.copytree(made, root / made.relative_to(ROOT))
    shutil.copytree(demo_home.root.parent, root / ".plumbline", symlinks=True)
    return root


def environment(root):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PLUMBLINE_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), inherited["PATH"]])
    given = {f"PLUMBLINE_{name.upper()}": str(directory) for name, directory in DATA.items()}
    return {**inherited, **given, "PATH": path, "PLUMBLINE_DEMO_SCALE": os.environ["PLUMBLINE_DEMO_SCALE"]}


def first_told(root):
    """Give what the first run of the company said; it ran in the same way."""
    return (root / ".plumbline" / "told").read_text(encoding="utf-8")


def run_command(root, command):
    """Run a command, which must end as is shown, and give what it printed."""
    done = started(root, command)
    printed = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == expected_code(command), f"{command.text}\n{printed}"
    return printed


def started(root, command):
    if command.text.startswith("make "):
        return subprocess.run(
            ["make", "-n", *command.text.split()[1:]], cwd=root, capture_output=True, text=True
        )
    return subprocess.run(
        ["bash", "-c", command.text],
        cwd=root,
        env=environment(root),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        stdin=subprocess.DEVNULL,
    )


def serve_command(root, command):
    process = subprocess.Popen(
        ["bash", "-c", command.text],
        cwd=root,
        env=environment(root),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    killer = threading.Timer(TIMEOUT, os.killpg, (process.pid, signal.SIGKILL))
    killer.start()
    try:
        if any(command.serves in line for line in process.stdout):
            with requests.Session() as session:
                session.mount("http://", HTTPAdapter(max_retries=Retry(connect=10, backoff_factor=0.2)))
                return session.get(command.serves, timeout=30).status_code
    finally:
        killer.cancel()
        end(process)
    return None


def end(process):
    """End what was served; where signals to end are ignored, as behind nohup, without asking."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


# Guides that run a company again and again, and the tests that do the same with a smaller one.
LONG = {
    "add-a-source.md": "tests/integration/models/test_project.py, tests/unit/landing",
    "add-a-quality-rule.md": "test_run.py, tests/unit/quality",
    "held-figures.md": "test_run.py, test_held_figures.py",
    "set-a-target.md": "test_targets.py, tests/integration/models/test_targets.py",
    "approve-and-waive.md": "test_deciding.py, tests/unit/cli/test_waiver.py",
    "when-something-is-damaged.md": "test_damage.py, tests/integration/audit",
}


def needs_data(document):
    return any(isinstance(step, Command) and step.needs for step in steps(document))


def cases():
    """Give each document; what needs the data of a company is long: test_held_figures.py asks it, too."""
    for path in DOCUMENTS:
        name = str(path.relative_to(ROOT))
        yield pytest.param(path, False, id=name, marks=[pytest.mark.long] * (path.name in LONG))
        if needs_data(path):
            yield pytest.param(path, True, id=f"{name} with data", marks=pytest.mark.long)


@pytest.mark.parametrize(("document", "with_data"), list(cases()))
def test_the_commands_of_a_document_work(document, with_data, checkout):
    for step in steps(document):
        if isinstance(step, File):
            write_file(checkout, step)
        elif step.needs and not (with_data and DATA[step.needs].is_dir()):
            continue
        elif step.serves:
            assert serve_command(checkout, step) == 200, step.text
        else:
            # Variables of the shell may stand before the command.
            assert next(word for word in step.text.split() if "=" not in word) in ALLOWED, step.text
            printed = first_told(checkout) if step.is_first_run else run_command(checkout, step)
            assert not step.compared or step.not_told(printed) == [], f"{step.text}\n{printed}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_a_document_is_one_that_plumb_knows(document):
    parser = build_parser()
    for step in steps(document):
        if isinstance(step, Command) and (words := arguments(step)) and "--help" not in words:
            assert parser.parse_args(words).command, step.text


def arguments(command):
    """Give what stands behind `plumb`, up to where its output goes; nothing of other commands."""
    words = iter(shlex.split(command.text))
    first = next(word for word in words if "=" not in word)
    return list(takewhile(lambda word: word != ">", words)) if first == "plumb" else []


@pytest.mark.parametrize(
    ("shown", "printed", "alike"),
    [
        ("  2 of 69,807 rows break it", "2 of 69,990 rows break it", True),
        ("  2 of 69,807 rows break it", "  1,644 of 69,807 rows break it", False),
        ("order_id 51872, subtotal 41230.0000", "order_id 7, subtotal 5.2500", True),
        ("subtotal is at most 25000", "subtotal is at least 25000", False),
        ("Net sales  8,453.03  ▲ +3.5 %  amber", "Net sales  3.1  ▼ -1.2 %  green", True),
        ("Net sales  8,453.03  amber", "Net sales  3.1", False),
        ("──────  ───", "─────────  ──", True),
    ],
)
def test_shown_lines_are_compared_but_for_their_numbers(shown, printed, alike):
    assert (Command("plumb run", (shown,), compared=True).not_told(printed) == []) is alike


def expected_code(command: Command) -> int:
    """A document may show `exit code: N` as the last line of what a command prints."""
    last = command.shown[-1] if command.shown else ""
    return int(last.removeprefix("exit code: ")) if last.startswith("exit code: ") else 0


def write_file(root, step: File):
    path = root / step.path
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text(encoding="utf-8") if step.append and path.is_file() else ""
    path.write_text(before + step.text, encoding="utf-8")


GUIDE = ROOT / "docs" / "guides" / "query-published-tables.md"
QUESTIONS = re.findall(r"^```sql\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
STATEMENTS = [text for block in QUESTIONS for text in block.split(";") if text.strip()]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_sql_of_the_guide_for_bi_users_can_be_asked(statement, demo_home):
    with duckdb.connect(str(demo_home.current.resolve()), read_only=True) as con:
        assert con.sql(statement).columns


def test_failed_expectations_are_asked_for_of_the_run_that_was_published(demo_home, tmp_path):
    (statement,) = [text for text in STATEMENTS if "quality_result" in text]
    copy = shutil.copyfile(demo_home.current.resolve(), tmp_path / "copy.duckdb")
    with duckdb.connect(str(copy)) as con:
        con.execute("update published.quality_result set verdict = 'failed'")
        con.execute(
            "insert into published.quality_result by name select 'held' as run_id, 'failed' as verdict"
        )
        rows = con.sql(statement).project("run_id").distinct().fetchall()
        assert rows == con.sql("select run_id from published.publication").fetchall()


def test_both_readmes_show_the_same_commands():
    shown = [list(steps(ROOT / name)) for name in ("README.md", "README.zh-CN.md")]
    assert shown[0] == shown[1]


def test_the_guide_for_auditors_shows_the_same_in_both_languages():
    guides = ROOT / "docs" / "guides"
    shown = [list(steps(guides / f"prove-a-figure{suffix}.md")) for suffix in ("", ".zh-CN")]
    assert shown[0] == shown[1]
