"""What a question costs: nothing heavy is imported before it is needed, and nothing twice."""

import subprocess
import sys
from pathlib import Path

from plumbline.compiler import cache, compile

QUERY = {"metrics": ["margin"], "group_by": ["metric_time__month"]}

CHILD = """
import sys
from pathlib import Path
from plumbline.compiler import compile
query = {"metrics": ["margin"], "group_by": ["metric_time__month"]}
compile(Path(sys.argv[1]), query, cache=Path(sys.argv[2]))
print(" ".join(sorted({name.split(".")[0] for name in sys.modules} & set(sys.argv[3].split()))))
"""


def modules_after(manifest: Path, directory: Path, names: str) -> str:
    command = [sys.executable, "-c", CHILD, str(manifest), str(directory), names]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_compiling_imports_neither_dbt_nor_metricflow(manifest: Path, tmp_path: Path) -> None:
    assert modules_after(manifest, tmp_path, "dbt metricflow duckdb pydantic jinja2") == ""


def test_what_was_compiled_before_does_not_need_sqlglot(manifest: Path, tmp_path: Path) -> None:
    compile(manifest, QUERY, cache=tmp_path)
    assert modules_after(manifest, tmp_path, "sqlglot") == ""


def test_the_cache_gives_the_same_text(manifest: Path, tmp_path: Path) -> None:
    assert (
        compile(manifest, QUERY, cache=tmp_path)
        == compile(manifest, QUERY)
        == compile(manifest, QUERY, cache=tmp_path)
    )
    assert len(list(tmp_path.rglob("*.sql"))) == 1


def test_each_question_and_dialect_has_its_own_entry(tmp_path: Path) -> None:
    paths = {
        cache.entry(tmp_path, digest, dialect, question)
        for digest in ("a" * 64, "b" * 64)
        for dialect in ("duckdb", "postgres")
        for question in ("one", "two")
    }
    assert len(paths) == 8


def test_old_manifests_are_forgotten(tmp_path: Path) -> None:
    for number in range(8):
        cache.write(cache.entry(tmp_path, f"{number:064}", "duckdb", "question"), "SELECT 1")
    assert len(list(tmp_path.iterdir())) <= 5


def test_a_cache_that_cannot_be_written_is_no_error(manifest: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory", encoding="utf-8")
    assert "SELECT" in compile(manifest, QUERY, cache=blocked)
