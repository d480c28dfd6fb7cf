"""The import layers: each package of plumbline imports only what stands below it."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAYERS: tuple[tuple[str, ...], ...] = (
    ("counting", "errors", "replacing", "spreadsheets"),
    ("project", "yaml_lines"),
    ("definitions", "demo"),
    ("governance", "compiler", "access"),
    ("warehouse",),
    ("landing",),
    ("lineage",),
    ("quality", "ledger", "indicators"),
    ("gate", "quarantine"),
    ("publication", "runs"),
    ("serving",),
    ("audit",),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def imported_modules(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def sibling_packages(path: Path) -> set[str]:
    parts = (name.split(".") for name in imported_modules(path))
    return {name[1] for name in parts if name[0] == "plumbline" and len(name) > 1 and name[1] in RANK}


def upward_imports(package: Path) -> list[str]:
    found = []
    for path in sorted(package.rglob("*.py")):
        own = path.relative_to(package).parts[0].removesuffix(".py")
        for target in sibling_packages(path):
            if target != own and RANK[target] >= RANK.get(own, -1) and own not in ("__init__", "__main__"):
                found.append(f"{path.relative_to(package)} imports {target}")
    return found


def test_every_package_has_a_layer():
    package = ROOT / "plumbline"
    names = {
        path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert names - {"__init__", "__main__"} <= set(RANK)


def test_imports_go_one_way():
    assert upward_imports(ROOT / "plumbline") == []


def test_the_engine_knows_nothing_of_the_project_around_it():
    outside = {"orchestration", "expectations", "tests"}
    offenders = [
        f"{path}: {name}"
        for path in (ROOT / "plumbline").rglob("*.py")
        for name in imported_modules(path)
        if name.split(".")[0] in outside
    ]
    assert offenders == []


def test_an_upward_import_would_be_found(tmp_path):
    module = tmp_path / "plumbline" / "compiler" / "plan.py"
    module.parent.mkdir(parents=True)
    module.write_text("def f():\n    from plumbline.serving import query\n", encoding="utf-8")
    assert upward_imports(tmp_path / "plumbline") == ["compiler/plan.py imports serving"]
