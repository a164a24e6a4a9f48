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
    "flows": {"schemas", "transforms", "storage", "flows"},
}
MODULES = [path for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))]
IMPURE = {"os", "pathlib", "socket", "subprocess", "time", "random", "secrets", "shutil", "urllib.request", "tempfile"}


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


@pytest.mark.parametrize("path", sorted((ROOT / "transforms").glob("*.py")), ids=lambda path: path.name)
def test_transforms_touch_no_disk_network_or_clock(path: Path) -> None:
    assert not imported(path) & IMPURE
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("open", "datetime.now", "datetime.utcnow", "date.today", "print", "input"), called


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
