"""Imports point down only, torch and Optuna and kagglesdk are each met in one place, no file outgrows its reader."""

import ast
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "swapdae"

# From the ground up; a module may import those of lower floors, and of its own floor except among stages.
FLOORS = [
    {"errors", "paths", "metrics", "strict"},
    {"config", "select_config", "stage", "experiment_file"},
    {
        "csv_file",
        "data",
        "folds",
        "preprocess",
        "features",
        "moments",
        "noise_rule",
        "greedy_selection",
        "stability",
        "cross_fit",
        "blend",
        "submission",
    },
    {"activations", "ablation"},
    {"nn"},
    {"estimators", "heads", "competition_hosts", "selector", "frame_input", "unit_scaling", "report"},
    {"tuning", "noise_search", "column_selection"},
    {"run", "stage_inputs", "scores", "compare"},
    {"stages"},
    {"cli", "__main__"},
]
ALONE = {
    "torch": "nn",
    "safetensors": "nn",
    "optuna": "tuning",
    "kagglesdk": "competition_hosts",
    "typer": "cli",
    "matplotlib": "report",
    "jinja2": "report",
}
FILES = sorted(PACKAGE.rglob("*.py"))


def part_of(module: str) -> str:
    """ "swapdae.nn.fit" -> "nn"; "swapdae" itself -> "swapdae"."""
    return module.split(".")[1] if "." in module else module


def imported(file: Path) -> list[tuple[str, bool]]:
    """Modules that `file` imports, and whether for types only."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in for_types) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [f"swapdae.{a.name}" for a in node.names] if module == "swapdae" else [module]
            found += [(name, id(node) in for_types) for name in names]
    return found


def own_part(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def floor_of(part: str) -> int:
    (floor,) = (i for i, parts in enumerate(FLOORS) if part in parts)
    return floor


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_point_down(file: Path) -> None:
    mine = own_part(file)
    if mine == "__init__":
        return
    for module, _ in imported(file):
        other = part_of(module)
        if not module.startswith("swapdae") or other in ("swapdae", "__version__", mine):
            continue
        assert floor_of(other) <= floor_of(mine), f"{file.name} imports {module}, which lies above it"


def test_stages_do_not_import_each_other() -> None:
    for file in (PACKAGE / "stages").glob("[a-z]*.py"):
        assert not [m for m, _ in imported(file) if m.startswith("swapdae.stages")], file.name


@pytest.mark.parametrize("package", sorted(ALONE))
def test_library_is_met_in_one_place(package: str) -> None:
    users = {own_part(f) for f in FILES if any(m.split(".")[0] == package for m, _ in imported(f))}
    assert users == {ALONE[package]}


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_no_file_is_over_250_lines(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 250


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
