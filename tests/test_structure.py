"""The tree tells the story: imports point one way, transforms are pure, modules stay short."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from archives import ROOT

MAY_IMPORT = {
    "schemas": {"schemas"},
    "transforms": {"schemas", "transforms"},
    "storage": {"schemas", "transforms", "storage"},
    "warehouses": {"schemas", "storage", "warehouses"},
    "flows": {"schemas", "transforms", "storage", "warehouses", "flows"},
}
MODULES = [path for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))]
TRANSFORMS = sorted((ROOT / "transforms").rglob("*.py"))
IMPURE = set(
    "asyncio ctypes ftplib glob http io logging mmap multiprocessing os pathlib random requests secrets shutil socket "
    "sqlite3 subprocess tempfile threading time urllib3 uuid".split()
)
# Of `urllib`, only the part that reads addresses; `email` and `html` read text.
IMPURE_MODULES = {"urllib.request", "http.client", "importlib.resources", "concurrent.futures"}
CALLS = {
    *("open", "print", "input", "eval", "exec", "__import__", "breakpoint"),
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "datetime.fromtimestamp"),
}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    ours = {name.partition(".")[0] for name in imported(path)} & MAY_IMPORT.keys()
    assert ours <= MAY_IMPORT[package]
    if package != "flows":
        assert not any(name.partition(".")[0] == "prefect" for name in imported(path))


def test_every_package_has_modules_to_check() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == MAY_IMPORT.keys()
    assert len(MODULES) > 30


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_name_their_module_in_full(path: Path) -> None:
    nodes = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)]
    assert all(node.level == 0 for node in nodes)
    assert all(alias.name != "*" for node in nodes for alias in node.names)


@pytest.mark.parametrize("path", TRANSFORMS, ids=lambda path: path.name)
def test_transforms_touch_no_disk_network_or_clock(path: Path) -> None:
    names = imported(path)
    assert not {name.partition(".")[0] for name in names} & IMPURE
    assert not names & IMPURE_MODULES
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in CALLS, f"line {node.lineno}: {called}"
            assert not called.endswith((".read_text", ".read_bytes", ".write_text", ".write_bytes", ".open")), called


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_say_what_they_own_and_stay_short(path: Path) -> None:
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    assert len(ast.get_docstring(tree) or "") > 20
    assert text.count("\n") <= 500
    public = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"]
    for node in public:
        assert ast.get_docstring(node), f"{node.name} has no docstring"
    if public:
        assert any(isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__" for node in tree.body)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_all_names_what_a_module_gives_and_nothing_else(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    given: set[str] = set()
    exported: list[str] | None = None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            given.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            given.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            given.update(names)
            if names == ["__all__"]:
                exported = ast.literal_eval(node.value)  # type: ignore[arg-type]
    if len(tree.body) == 1:
        assert exported is None, "a package that only says what it holds exports nothing"
    else:
        assert exported is not None, "`__all__` is missing"
        assert len(exported) == len(set(exported))
        assert set(exported) <= given
        assert not any(name.startswith("_") for name in exported)
