"""An installed wheel in an empty folder: nothing of the clone is needed."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from conftest import write_csvs

ROOT = Path(__file__).parents[1]
SOURCES = ("src", "experiments", "input", "pyproject.toml", "README.md", "LICENSE")
Command = Callable[..., str]
SMALL = """
competition = "own"
[dae.body]
kind = "stack"
width = 16
[dae.training]
epochs = 2
[heads.ridge_dae]
kind = "ridge"
features = "dae"
[heads.lightgbm]
kind = "lightgbm"
params = { n_estimators = 20 }
"""


def checked(*command: str | Path, cwd: Path, **more: str) -> str:
    """What a command prints; no variable that could lead it to the clone."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SWAPDAE_ROOT")}
    done = subprocess.run(command, cwd=cwd, env=kept | more, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel, and our libraries from this one."""
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("*.egg-info", "__pycache__", "*.csv", ".*")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / "copy" / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(source, folder / "copy" / name)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, folder / "copy")
    checked(*pip, *build, cwd=folder)
    venv.create(folder / "venv", with_pip=False)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (wheel,) = folder.glob("*.whl")
    checked(*pip, "install", "--no-deps", "--target", site, wheel, cwd=folder)
    # By path alone: the .pth files there, which may name the clone, are not read.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv" / "bin" / "python"


@pytest.fixture
def swapdae(python: Path, tmp_path: Path) -> Command:
    folder = tmp_path / "empty"
    folder.mkdir()
    return lambda *arguments: checked(python, "-m", "swapdae", *arguments, cwd=folder, OMP_NUM_THREADS="1")


@pytest.mark.slow
def test_new_and_run_in_an_empty_folder(swapdae: Command, python: Path, tmp_path: Path) -> None:
    where = "import swapdae; print(swapdae.__file__)"
    assert Path(checked(python, "-c", where, cwd=tmp_path).strip()).is_relative_to(python.parents[1])
    write_csvs(tmp_path / "mine")
    mine = tmp_path / "mine"
    swapdae("new", "own", "--train", str(mine / "train.csv"), "--test", str(mine / "test.csv"))
    folder = tmp_path / "empty"
    (folder / "experiments" / "own.toml").write_text(SMALL)
    assert "blend: finished" in swapdae("run", "own", "--device", "cpu")
    submission = pd.read_csv(folder / "submissions" / "own.csv")
    assert sorted(submission["id"]) == sorted(pd.read_csv(mine / "test.csv")["id"])


@pytest.mark.slow
def test_the_embedded_flights_come_along(swapdae: Command, tmp_path: Path) -> None:
    out = swapdae("download", "flights")
    assert "flights.toml: brought from the package" in out and "download: finished" in out
    assert (tmp_path / "empty" / "input" / "flights" / "train.csv").is_file()
