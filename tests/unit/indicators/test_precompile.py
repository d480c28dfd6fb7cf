"""Compiling ahead fills the cache that the run then reads."""

from plumbline.indicators import start_compiling
from plumbline.indicators.precompile import main
from plumbline.project import Project
from tests.unit.indicators.conftest import Builder


def test_what_was_compiled_ahead_is_not_compiled_again(build: Builder) -> None:
    with start_compiling(Project(build.home.root), build.home) as process:
        assert process.wait(timeout=120) == 0
    before = sorted(build.home.compiled.rglob("*.sql"))
    assert before
    build()
    assert sorted(build.home.compiled.rglob("*.sql")) == before


def test_a_mistake_in_the_definitions_is_left_to_the_run(build: Builder) -> None:
    text = build.home.semantic_manifest.read_text(encoding="utf-8").replace(
        "product__category", "product__categry"
    )
    build.home.semantic_manifest.write_text(text, encoding="utf-8")
    assert main([str(build.home.root), str(build.home.root)]) == 1
