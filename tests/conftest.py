"""One synthetic competition for all: 300 train and 120 test rows with a known signal, in a tree of its own."""

import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from swapdae.base.paths import Paths
from swapdae.competition.config import read_competition
from swapdae.experiment.config import Experiment
from swapdae.pipeline.run import Run

COMPETITION = """
host = "kaggle"
slug = "a-competition"
id = "id"
target = "target"
task = "regression"
metric = "rmse"
[folds]
count = 3
"""


def synthetic_frame(n: int, seed: int) -> pd.DataFrame:
    """4 categorical and 5 numerical columns, no missing cell; the target follows c0, x0 and x1."""
    rng = np.random.default_rng(seed)
    columns: dict[str, np.ndarray] = {f"c{j}": rng.choice(list("abcd")[: j + 2], n) for j in range(3)}
    columns["c3"] = rng.choice([f"l{k}" for k in range(12)], n)
    columns |= {f"x{j}": rng.normal(size=n).round(4) for j in range(5)}
    signal = np.where(columns["c0"] == "a", 1.0, -1.0) + columns["x0"] + columns["x1"] ** 2
    columns["target"] = (signal + 0.1 * rng.normal(size=n)).round(4)
    return pd.DataFrame(columns)


def write_csvs(directory: Path, n_train: int = 300, n_test: int = 120) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    frame = synthetic_frame(n_train + n_test, seed=0)
    frame.insert(0, "id", np.random.default_rng(1).permutation(len(frame)))
    train, test = frame[:n_train], frame[n_train:].drop(columns="target")
    train.to_csv(directory / "train.csv", index=False)
    test.to_csv(directory / "test.csv", index=False)
    sample = test[["id"]].sort_values("id").assign(target=0.5)
    sample.to_csv(directory / "sample_submission.csv", index=False)


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """A shell starts its background jobs deaf to Ctrl-C, and their children too: the tests send it to both."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A tree with the synthetic competition in place, named by SWAPDAE_ROOT."""
    paths = Paths(tmp_path)
    write_csvs(paths.input("synthetic"))
    paths.competition_file("synthetic").write_text(COMPETITION)
    (tmp_path / "experiments").mkdir()
    monkeypatch.setenv("SWAPDAE_ROOT", str(tmp_path))
    return paths


EXPERIMENT = {
    "name": "tiny",
    "competition": "synthetic",
    "dae": {"body": {"kind": "stack", "width": 16}, "training": {"epochs": 2, "batch_size": 64}},
    "heads": {
        "ridge_raw": {"kind": "ridge"},
        "ridge_dae": {"kind": "ridge", "features": "dae"},
        "lightgbm": {"kind": "lightgbm", "params": {"n_estimators": 20, "min_child_samples": 5}},
    },
}


@pytest.fixture
def run(tree: Paths) -> Run:
    """A tiny experiment on the synthetic competition; what it says is kept silent."""
    experiment = Experiment.model_validate(EXPERIMENT)
    return Run(tree, experiment, read_competition(tree, "synthetic"), "cpu", say=lambda line: None)
