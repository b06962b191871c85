"""The house's arrows: imports point one way, without a cycle, and hooks load nothing heavy."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import provenance

ROOT = Path(provenance.__file__).parent

WORDS = {"errors", "hashes", "words", "model", "files", "standalone", "dsse"}
DOERS = {
    "captures",
    "memory",
    "fingerprint",
    "index",
    "ledger",
    "store",
    "capture",
    "dataset",
    "policy",
    "views",
    "setup",
    "git",
    "signals",
    "hints",
    "terms",
}
JOINERS = {
    "querying",
    "importing",
    "exports",
    "label",
    "evidence",
    "hook",
    "entries",
    "committing",
    "tagging",
    "githook",
    "finding",
    "splitting",
    "health",
    "matching",
    "ingest",
    "scan",
    "report",
    "page",
    "collecting",
    "others",
    "background",
    "checking",
    "signatures",
    "contamination",
    "declarations",
    "enforcing",
}
TOP = {"cli", "__main__"}
STOREYS = {**dict.fromkeys(WORDS, 0), **dict.fromkeys(DOERS, 1), **dict.fromkeys(JOINERS, 2), **dict.fromkeys(TOP, 3)}
AMONG_DOERS = {
    ("index", "fingerprint"),
    ("capture", "fingerprint"),
    ("store", "fingerprint"),
    ("views", "fingerprint"),
    ("captures", "fingerprint"),
    ("memory", "fingerprint"),
    ("signals", "capture"),
}
"""The arrows inside a storey: fingerprints are what the others handle."""
HEAVY = {"numpy", "pyarrow", "duckdb", "datasketch", "scipy", "rich"}
HOOK_ROOMS = {
    "errors",
    "words",
    "hook",
    "entries",
    "captures",
    "memory",
    "model",
    "files",
    "fingerprint",
    "capture",
    "store",
    "ledger",
    "ingest",
}
"""What a capture hook and an ingest load."""


@functools.cache
def modules() -> dict[str, ast.Module]:
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text())
    return found


def imported(tree: ast.AST, known: set[str], top_only: bool = False) -> set[str]:
    nodes = _outside_functions(tree) if top_only else ast.walk(tree)
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                names.add(full if full in known else node.module)
    return names


def _outside_functions(tree: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        found.append(node)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            stack.extend(ast.iter_child_nodes(node))
    return found


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def test_every_room_has_a_storey() -> None:
    rooms = {room(name) for name in modules()} - {"__init__"}
    assert set() == rooms - STOREYS.keys()


def test_imports_point_down_and_doers_meet_only_where_named() -> None:
    trees = modules()
    wrong = []
    for name, tree in trees.items():
        for target in imported(tree, set(trees)):
            if not target.startswith("provenance.") or room(name) in ("__init__", room(target)):
                continue
            here, there = STOREYS[room(name)], STOREYS[room(target)]
            beside = here == there and (here != 1 or (room(name), room(target)) in AMONG_DOERS)
            if not (there < here or beside):
                wrong.append(f"{name} -> {target}")
    assert [] == wrong


def test_there_is_no_cycle() -> None:
    trees = modules()
    graph = {name: {t for t in imported(tree, set(trees)) if t in trees and t != name} for name, tree in trees.items()}
    # A package's __init__ gathers its own modules, which may name the package: only arrows between modules count.
    graph = {name: {t for t in targets if not name.startswith(t + ".")} for name, targets in graph.items()}
    assert len(graph) == len(list(TopologicalSorter(graph).static_order()))


def test_nothing_heavy_is_imported_at_module_level_of_what_a_hook_loads() -> None:
    trees = modules()
    wrong = [
        f"{name} imports {target}"
        for name, tree in trees.items()
        if room(name) in HOOK_ROOMS
        for target in imported(tree, set(trees), top_only=True)
        if target.split(".")[0] in HEAVY
    ]
    assert [] == wrong


def test_capture_loads_nothing_heavy_when_it_runs() -> None:
    script = (
        "import sys, provenance.ingest, provenance.capture\n"
        "from provenance import fingerprint\n"
        "fingerprint.fingerprint(b'x = 1\\n' * 40); fingerprint.engine.signature(b'a b c d e f')\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


def test_the_command_line_starts_without_anything_heavy() -> None:
    script = (
        "import sys\nfrom provenance.cli import main\nsys.argv = ['provenance', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip().splitlines()[-1]
