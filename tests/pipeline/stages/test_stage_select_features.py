import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from pipeline_case import make, with_experiment, with_table
from swapdae.base.errors import UserError
from swapdae.competition.folds import train_rows
from swapdae.experiment.config import Experiment, HeadConfig
from swapdae.experiment.stage_report import StageReport
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import select_features
from swapdae.pipeline.stages.select_features import Effort, curve, problem_of, table_of
from swapdae.selection.columns import ColumnProblem

EFFORT = Effort(k=3, rows=200, seeds=2, epochs=3)
HEADS = {
    "mlp": {"kind": "mlp", "params": {"width": 8, "epochs": 1}},
    "lightgbm": {"kind": "lightgbm", "params": {"n_estimators": 10, "min_child_samples": 5}},
}


def main(run: Run, effort: Effort) -> StageReport:
    (report,) = make(replace(run, options={"select_features": effort}), "select_features")
    return report


@pytest.fixture
def small(run: Run) -> Run:
    values = {**run.experiment.model_dump(), "heads": HEADS}
    return replace(run, experiment=Experiment.model_validate(values))


def test_report_holds_quality_curve_stability_and_columns_to_drop(small: Run) -> None:
    said: list[str] = []
    report = main(replace(small, say=said.append), EFFORT)
    found = report.metrics
    columns = set(small.data.table.train.columns)
    assert set(found["keep"]) | set(found["drop"]) == columns and len(found["keep"]) == 3
    assert sum(found["keep"].values()) + sum(found["drop"].values()) == pytest.approx(3)
    lines = {(line["columns"], line["k"], line["model"]): line for line in found["quality"]}
    arms = {(arm, k, "lightgbm") for arm in ("selected", "greedy", "gain", "random") for k in (1, 3, 6)}
    arms |= {(arm, 3, "network") for arm in ("selected", "greedy", "gain", "random")}
    assert set(lines) == arms | {("all", 9, "lightgbm"), ("all", 9, "network")}
    assert lines["all", 9, "lightgbm"]["cost"][0] == 0
    some = lines["selected", 1, "lightgbm"]
    assert some["cost"][0] == pytest.approx(some["rmse"] - lines["all", 9, "lightgbm"]["rmse"], abs=0.02)
    files = [small.directory("select_features") / f"seed_{seed}.json" for seed in (0, 1)]
    selections = [json.loads(file.read_text())["selections"] for file in files]
    assert np.shape(selections) == (2, 3, 3) and {name for s in selections for f in s for name in f} <= columns
    assert len(found["stability"]["folds"]) == 2 and len(found["stability"]["seeds"]) == 3
    assert said[-1] == table_of(found) == (small.directory("select_features") / "table.txt").read_text().rstrip("\n")
    assert "drop: " in said[-1] and len(said[-1].splitlines()) == 1 + len(lines) + 4
    before = len(said)
    main(replace(small, say=said.append), EFFORT)
    assert "select_features: done, nothing to do" in said[before:]


def test_killed_goes_on_with_the_next_seed(small: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = main(small, EFFORT).metrics
    seeds: list[int] = []

    def killed_in_seed_1(run: Run, n_rows: int, seed: int) -> ColumnProblem:
        seeds.append(seed)
        if seeds == [0, 1]:
            raise KeyboardInterrupt
        return problem_of(run, n_rows, seed)

    monkeypatch.setattr(select_features, "problem_of", killed_in_seed_1)
    forced = replace(small, force=True)
    with pytest.raises(KeyboardInterrupt):
        main(forced, EFFORT)
    shutil.rmtree(small.directory("select_features"))
    assert main(small, EFFORT).metrics == whole and seeds == [0, 1, 1]


def test_targets_of_held_out_rows_decide_nothing_of_their_fold(small: Run) -> None:
    study = problem_of(small, 200, seed=0)
    held_out = np.flatnonzero(study.problem.folds.labels == 0)
    y = study.problem.y.copy()
    y[held_out] = np.random.default_rng(0).permutation(y[held_out])
    other = replace(study, problem=replace(study.problem, y=y))
    chosen, again = (
        [each.select(fold, [3, 6], epochs=2, device="cpu", seed=0) for fold in (0, 1)] for each in (study, other)
    )
    assert chosen[0] == again[0]
    assert chosen[1] != again[1], "in the other folds these rows are trained on"


@pytest.mark.parametrize(
    ("k", "n", "ks"), [(3, 9, [1, 3, 6]), (8, 9, [2, 4, 8]), (1, 2, [1]), (12, 24, [3, 6, 12, 23])]
)
def test_curve(k: int, n: int, ks: list[int]) -> None:
    assert curve(k, n) == ks


def test_constant_columns_are_no_choice(small: Run) -> None:
    small.data.table.train["x4"], small.data.table.train["c3"] = 1.0, "one"
    small.data.table.__dict__.pop("constant", None)
    study = problem_of(small, 200, seed=0)
    assert set(study.columns) == {"c0", "c1", "c2", "x0", "x1", "x2", "x3"}
    assert len(study.select(0, [2], epochs=1, device="cpu", seed=0)[2]) == 2


def test_all_columns_cannot_be_asked_for(small: Run) -> None:
    with pytest.raises(UserError, match="k = 9: there are 9 columns that vary; --k must lie below"):
        main(small, EFFORT.model_copy(update={"k": 9}))


def test_weights_are_cut_to_the_rows_and_no_column_stays_monotone(small: Run) -> None:
    """A monotone column may be one of those that are dropped."""
    weights = np.arange(small.data.table.n_train) + 1.0
    problem = problem_of(with_table(small, weights=weights), 100, seed=0).problem
    rows = train_rows(small.data.table.n_train, 100, 0)
    assert problem.weights is not None and problem.weights.tolist() == weights[rows].tolist()
    head = HeadConfig(kind="lightgbm", params={"num_leaves": 7, "monotone": {"x0": 1}, "native": {"max_bin": 63}})
    params = select_features._params(with_experiment(small, heads={"l": head}), "lightgbm").model_dump()
    assert "monotone" not in params and params["native"] == {"max_bin": 63} and params["num_leaves"] == 7
