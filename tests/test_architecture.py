"""Imports point down from room to room, no module imports itself in a circle, and a question loads no heavy library."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "swapdae"

# From the ground up: a room imports from rooms before it, never from one behind it.
ROOMS = (
    "base",
    "competition",
    "encoding",
    "autoencoder",
    "modelling",
    "heads",
    "selection",
    "study",
    "experiment",
    "report",
    "pipeline",
    "cli",
    "__main__",
)
ALONE = {  # libraries that one room alone knows
    "optuna": "modelling",
    "kagglesdk": "competition",
    "typer": "cli",
    "matplotlib": "report",
    "jinja2": "report",
}
HEAVY = ("torch", "lightgbm", "xgboost", "catboost", "optuna", "matplotlib", "kagglesdk")
FILES = sorted(file for file in PACKAGE.rglob("*.py"))


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def name_of(file: Path) -> str:
    """ "swapdae.base.paths", or "swapdae.base" for its __init__."""
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imported(file: Path, *, for_types: bool = True) -> tuple[str, ...]:
    """Modules that `file` imports anywhere; of `from a import b`, a.b if that is a module, else a."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    skipped = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test) and not for_types
        for node in ast.walk(block)
    }
    return tuple(name for node in ast.walk(tree) if id(node) not in skipped for name in _names(node))


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = node.module or ""
        for alias in node.names:
            inner = PACKAGE.parent.joinpath(*module.split("."), alias.name)
            is_module = inner.with_suffix(".py").is_file() or (inner / "__init__.py").is_file()
            yield f"{module}.{alias.name}" if is_module else module


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_point_down(file: Path) -> None:
    mine = room_of(file)
    if mine == "__init__":
        return  # the public face names the estimators, which it loads on first use
    for module in imported(file):
        parts = module.split(".")
        if parts[0] == "swapdae" and len(parts) > 1:
            assert ROOMS.index(parts[1]) <= ROOMS.index(mine), f"{file.name} imports {module}, which lies above it"


def test_every_room_is_in_the_order() -> None:
    assert {room_of(file) for file in FILES} - {"__init__"} == set(ROOMS)


def test_no_circle_inside_a_room() -> None:
    """Imports made in functions and for types count too."""
    edges = {name_of(file): {m for m in imported(file) if m.startswith("swapdae.")} for file in FILES}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for other in sorted(edges.get(module, ())):
                visit(other, (*path, module))
            done.add(module)

    for module in edges:
        if module != "swapdae":
            visit(module, ())


def test_stages_do_not_import_each_other() -> None:
    for file in (PACKAGE / "pipeline" / "stages").glob("[a-z]*.py"):
        assert not [m for m in imported(file) if m.startswith("swapdae.pipeline.stages")], file.name


@pytest.mark.parametrize("package", sorted(ALONE))
def test_library_is_met_in_one_room(package: str) -> None:
    users = {room_of(f) for f in FILES if any(m.split(".")[0] == package for m in imported(f))}
    assert users == {ALONE[package]}


@pytest.mark.parametrize("arguments", [("--help",), ("status", "flights"), ("scores", "flights"), ("list",)], ids=str)
def test_a_question_loads_no_heavy_library(arguments: tuple[str, ...]) -> None:
    """In a process of its own, on the shipped default experiment."""
    ask = f"""
import sys
from swapdae.cli import app
try:
    app({list(arguments)!r})
except SystemExit as end:
    assert not end.code, end.code
print("LOADED", *[name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=PACKAGE.parents[1], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "LOADED"


def test_floors_are_the_locked_versions() -> None:
    """A floor is a promise; the only versions that were tested are those of the lock."""
    root = PACKAGE.parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    locked = dict(
        line.lower().split("==") for line in (root / "requirements.txt").read_text().splitlines() if "==" in line
    )
    for requirement in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        name, floor = requirement.lower().split(">=")
        assert locked[name] == floor, requirement
