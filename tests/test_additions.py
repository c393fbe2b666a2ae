"""A head, a metric, a body, a host and a stage, each added from outside the package by one line, in one whole run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from torch import Tensor, nn

from conftest import COMPETITION, write_csvs
from pipeline_case import make
from swapdae.autoencoder.bodies import BODIES
from swapdae.autoencoder.bodies.body import Body
from swapdae.autoencoder.layers.body import BodyNetwork
from swapdae.base.models import StrictModel
from swapdae.base.paths import Paths
from swapdae.competition.config import Competition
from swapdae.competition.hosts import HOSTS
from swapdae.competition.hosts.interface import Score
from swapdae.competition.metrics import METRICS, Metric
from swapdae.heads import HEADS
from swapdae.modelling.cross_fit import FoldView
from swapdae.modelling.features import FoldFeatures
from swapdae.modelling.head import Head, Trial
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.revisions import REVISIONS, Revision
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Stage
from swapdae.pipeline.stages import KINDS

EXPERIMENT = """
competition = "synthetic"
[dae.body]
kind = "line"
[dae.training]
epochs = 1
[heads.nearest]
kind = "nearest"
features = "dae"
params.k = 5
[heads.ridge]
kind = "ridge"
"""


class Params(StrictModel):
    k: int = 1


class Nearest:
    """The mean target of the k nearest train rows."""

    def __init__(self, params: Params) -> None:
        self._k = params.k

    def fit(self, view: FoldView) -> None:
        self._view = view

    def predict(self, features: FoldFeatures, rows: NDArray[Any]) -> NDArray[Any]:
        (x,) = (np.asarray(block, dtype=np.float64) for block in self._view.dense())
        squares = ((x[rows][:, None] - x[self._view.train]) ** 2).sum(axis=2)
        nearest = np.argsort(squares, axis=1)[:, : self._k]
        mean: NDArray[Any] = self._view.y[nearest].mean(axis=1)
        return mean


class Line(Body):
    kind: Literal["line"] = "line"

    def network(self, n_inputs: int, *, compiled: bool) -> "LineNetwork":
        return LineNetwork(n_inputs)


class LineNetwork(BodyNetwork):
    def __init__(self, n_inputs: int) -> None:
        super().__init__(6, 6)
        self.linear = nn.Linear(n_inputs, 6)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.linear(x)]


class Shelf:
    """A host that has the CSVs lying about, and scores by the number of rows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self, competition: Competition, directory: Path, names: Sequence[str]) -> None:
        for name in names:
            (directory / name).write_bytes((self._folder / name).read_bytes())

    def submit(self, competition: Competition, csv: Path, message: str, journal: Path) -> Score:
        return Score(0.25, None, "1")

    def score(self, competition: Competition, submission: pd.DataFrame, directory: Path) -> Score:
        return Score(None, float(len(submission)))


def count(run: Run, before: Plan) -> list[Stage]:
    """A stage that reads the blend."""

    def body(scratch: Scratch) -> dict[str, Any]:
        np.save(scratch.out / "rank.npy", run.array("blend", "test.npy").argsort())
        return {"n": len(run.array("blend", "test.npy"))}

    return [Stage("rank", body, reads=("blend",), config={"seed": run.experiment.seed})]


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """One line each."""

    def space(trial: Trial, start: Params) -> Params:
        return Params(k=trial.suggest_int("k", 1, 9))

    monkeypatch.setitem(HEADS, "nearest", Head("nearest", Params, lambda params, seed: Nearest(params), space))
    worst = Metric("worst", False, frozenset({"regression"}), "squared", lambda y, p: float(np.abs(y - p).max()))
    monkeypatch.setitem(METRICS, "worst", worst)
    monkeypatch.setitem(BODIES, "line", Line)
    monkeypatch.setitem(HOSTS, "shelf", lambda: Shelf(tmp_path / "shelf"))
    KINDS.insert(-1, StageKind("rank", "Rank the test rows.", "rank.npy", count))
    monkeypatch.setitem(REVISIONS, "rank", (Revision(1, "the first"),))

    write_csvs(tmp_path / "shelf")
    paths = Paths(tmp_path)
    paths.experiment_file("e").parent.mkdir()
    paths.experiment_file("e").write_text(EXPERIMENT)
    paths.input("synthetic").mkdir(parents=True)
    competition = COMPETITION.replace('"kaggle"', '"shelf"').replace('"rmse"', '"worst"')
    paths.competition_file("synthetic").write_text(competition)
    return Run.of(paths, "e", device="cpu", say=lambda line: None)


def test_one_of_each_from_outside_in_one_run(added: Run) -> None:
    run = added
    try:
        make(run, *(kind.name for kind in KINDS if kind.in_run))
        make(run, "report")
    finally:
        del KINDS[-2]
    y, oof = run.data.table.y, run.array("heads/nearest", "oof.npy")
    assert run.report("heads/nearest").metrics["worst"] == np.abs(y - oof).max()
    assert run.report("dae").metrics["trainings"][0]["d_features"] == 6
    assert run.report("score").metrics["blend"] == {"public": None, "private": 120.0}
    assert run.report("rank").metrics == {"n": 120} and sorted(run.array("rank", "rank.npy")) == list(range(120))
    assert "rank" in (run.paths.oof("e") / "report.html").read_text(), "the page's provenance names every stage"
