"""By which code and libraries a result was made: hashes of sources, versions of what they import.

Neither is part of a key: a comment must not throw hours of work away. `status` and `run` tell what differs, and
--strict treats it as stale.
"""

import ast
import hashlib
import platform
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from swapdae.experiment.stage_report import StageReport

PACKAGE = Path(__file__).parents[1]
LIBRARIES = {  # those that compute numbers: the name they are imported by, the name they are installed by
    "catboost": "catboost",
    "lightgbm": "lightgbm",
    "numpy": "numpy",
    "optuna": "optuna",
    "pandas": "pandas",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "torch": "torch",
    "xgboost": "xgboost",
}
OTHERS = (".cpp", ".html")  # sources in other languages, which a module beside them names
NOT_FOLLOWED = ("experiment", "pipeline")  # rooms that compute nothing, unless a stage names a module


def drift(report: StageReport, kind: str, code: tuple[str, ...]) -> str:
    """What has changed since, in words: "by other code (autoencoder/step.py)", "with numpy 2.4.6, now 2.5.0"."""
    now = sources_of(kind, code)
    changed = sorted(name for name in {*now, *report.sources} if now.get(name) != report.sources.get(name))
    parts = [f"by other code ({_few(changed)})"] if changed else []
    versions = versions_of(kind, code)
    for name in sorted({*versions, *report.versions}):
        was, found = report.versions.get(name, "absent"), versions.get(name, "absent")
        if was != found:
            parts.append(f"with {name} {was}, now {found}")
    return "; ".join(parts)


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


@cache
def sources_of(kind: str, code: tuple[str, ...]) -> dict[str, str]:
    """A hash of every source file that a stage uses, by its path in the package."""
    return {str(file.relative_to(PACKAGE)): _hash(file) for file in _files(kind, code)}


@cache
def versions_of(kind: str, code: tuple[str, ...]) -> dict[str, str]:
    """Of Python, and of the libraries that a stage's sources import."""
    imported = {name.split(".")[0] for file in _files(kind, code) if file.suffix == ".py" for name in _imports(file)}
    found = {"python": platform.python_version()}
    for name in sorted(imported & set(LIBRARIES)):
        try:
            found[LIBRARIES[name]] = version(LIBRARIES[name])
        except PackageNotFoundError:
            found[LIBRARIES[name]] = "absent"
    return found


@cache
def _files(kind: str, code: tuple[str, ...]) -> tuple[Path, ...]:
    """The stage's own module, the modules of `code`, and whatever these import of the package."""
    seen: set[Path] = set()
    left = [file for name in code if (file := _file_of(f"swapdae.{name}")) is not None]
    while left:
        file = left.pop()
        if file not in seen:
            seen.add(file)
            text = file.read_text(encoding="utf-8")
            seen |= {other for other in file.parent.iterdir() if other.suffix in OTHERS and other.name in text}
            modules = (name for name in _imports(file) if name.startswith("swapdae."))
            followed = (name for name in modules if name.split(".")[1] not in NOT_FOLLOWED)
            left += [found for name in followed if (found := _file_of(name)) is not None]
    own = _file_of(f"swapdae.pipeline.stages.{kind}")
    return tuple(sorted(seen | ({own} if own is not None else set())))


def _file_of(module: str) -> Path | None:
    """A module of the package; None for a name that is none, as of a function that is imported."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


@cache
def _imports(file: Path) -> frozenset[str]:
    """Modules that a file imports anywhere, in functions and for types too; "a.b" for `from a import b`."""
    return frozenset(name for node in ast.walk(_tree(file)) for name in _names(node))


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def _hash(file: Path) -> str:
    """Of what a source says, not of how: comments, docstrings and layout leave it as it is."""
    text = "".join(_said(_tree(file))) if file.suffix == ".py" else file.read_text(encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _said(node: ast.AST) -> Iterator[str]:
    """A tree as text. Fields that are empty are left out, for they come and go with Python's versions."""
    yield f"({type(node).__name__}"
    for name, value in ast.iter_fields(node):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, ast.AST):
                if not _is_docstring(item):
                    yield from (name, *_said(item))
            elif item is not None:
                yield f" {name}={item!r}"
    yield ")"


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
