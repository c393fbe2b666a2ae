"""Runs under metrics of labels, of ranks and of one's own: what the blend reports, the CSV holds, and what is stale."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score

from conftest import COMPETITION, EXPERIMENT, write_csvs
from pipeline_case import make
from swapdae.base.paths import Paths
from swapdae.competition.config import read_competition
from swapdae.experiment.config import Experiment
from swapdae.modelling.decision import Decision
from swapdae.pipeline.compare import compare
from swapdae.pipeline.run import Run
from swapdae.pipeline.scores import scores_of
from swapdae.pipeline.stages import plan_of
from swapdae.pipeline.stages.score import KIND as SCORE

RAW = {
    "ridge": {"kind": "ridge"},
    "lightgbm": {"kind": "lightgbm", "params": {"n_estimators": 20, "min_child_samples": 5}},
}


def run_of(root: Path, metric: str, task: str, classes: list[str], name: str = "e") -> Run:
    """The synthetic competition, its target cut to these classes: the first for two rows in three."""
    paths = Paths(root)
    write_csvs(paths.input("synthetic"))
    told = COMPETITION.replace('"rmse"', f'"{metric}"').replace('"regression"', f'"{task}"')
    paths.competition_file("synthetic").write_text(told)
    if classes:
        file = paths.input("synthetic") / "train.csv"
        train = pd.read_csv(file)
        cuts = train["target"].quantile(np.linspace(0.66, 0.95, len(classes) - 1)).tolist()
        train["target"] = [classes[i] for i in np.digitize(train["target"], cuts)]
        train.to_csv(file, index=False)
    experiment = Experiment.model_validate({**EXPERIMENT, "name": name, "heads": RAW})
    return Run(paths, experiment, read_competition(paths, "synthetic"), "cpu", say=lambda line: None)


def submission(run: Run) -> pd.Series:
    return pd.read_csv(run.paths.submission(run.experiment.name))["target"]


def test_labels_of_two_classes_are_decided_by_a_threshold(tmp_path: Path) -> None:
    run = run_of(tmp_path, "f1", "binary", ["no", "yes"])
    make(run, "blend")
    found, y, folds = run.report("blend").metrics, run.data.table.y, run.data.folds.labels
    decision = Decision(**{**found["decision"], "values": tuple(found["decision"]["values"])})
    assert decision.kind == "threshold" and decision.values != (0.5,)
    labels = np.where(run.array("blend", "test.npy") > decision.values[0], "yes", "no")
    by_id = dict(zip(run.data.table.test_ids, labels, strict=True))
    assert submission(run).tolist() == [by_id[i] for i in run.data.table.sample["id"]]
    oof = run.array("blend", "oof.npy")
    assert found["f1"] == pytest.approx(f1_score(y, oof > decision.values[0]))
    crossed = run.array("blend", "oof_cross_fitted.npy")
    assert found["f1"] >= found["cross_fitted"] > f1_score(y, crossed > 0.5) - 0.02
    assert set(found["cross_fitted_by_method"].values()) >= {found["cross_fitted"]}
    assert len(np.unique(folds)) == len(run.report("heads/ridge").metrics["folds"])


def test_grades_are_decided_by_cut_points(tmp_path: Path) -> None:
    run = run_of(tmp_path, "kappa_quadratic", "regression", ["1", "2", "3", "4"])
    make(run, "blend")
    found, y, oof = run.report("blend").metrics, run.data.table.y, run.array("blend", "oof.npy")
    values = found["decision"]["values"]
    assert found["decision"]["kind"] == "cuts" and len(values) == 3 and values == sorted(values)
    labels = 1 + (oof[:, None] > values).sum(axis=1)
    assert found["kappa_quadratic"] == pytest.approx(cohen_kappa_score(y.astype(int), labels, weights="quadratic"))
    assert set(submission(run)) <= {1, 2, 3, 4} and submission(run).dtype == np.int64


def test_ranks_are_a_text_of_labels(tmp_path: Path) -> None:
    run = run_of(tmp_path, "map:2", "multiclass", ["low", "mid", "top"])
    make(run, "blend")
    first = np.array(run.data.table.classes)[run.array("blend", "test.npy").argmax(axis=1)]
    by_id = dict(zip(run.data.table.test_ids, first, strict=True))
    texts = submission(run)
    assert [text.split()[0] for text in texts] == [by_id[i] for i in run.data.table.sample["id"]]
    assert {len(set(text.split())) for text in texts} == {2}
    assert 0.5 < run.report("blend").metrics["cross_fitted"] < 1 and "decision" not in run.report("blend").metrics


@pytest.mark.parametrize("metric", ["accuracy", "kappa_quadratic"])
def test_a_column_for_each_class_takes_probabilities_under_a_metric_of_labels(tmp_path: Path, metric: str) -> None:
    run = run_of(tmp_path, metric, "multiclass", ["low", "mid", "top"])
    columns = {f"target_{label}": 0 for label in ("top", "low", "mid")}
    sample = pd.read_csv(run.input / "sample_submission.csv")[["id"]].assign(**columns)
    sample.to_csv(run.input / "sample_submission.csv", index=False)
    make(run, "score")
    made = pd.read_csv(run.paths.submission("e"))
    test = pd.DataFrame(run.array("blend", "test.npy"), index=run.data.table.test_ids.astype(int))
    np.testing.assert_allclose(made[["target_low", "target_mid", "target_top"]], test.loc[made["id"]])


def test_the_host_is_asked_about_decided_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, asked = run_of(tmp_path, "f1", "binary", ["no", "yes"]), list[list[str]]()

    class Host:
        def score(self, competition: object, frame: pd.DataFrame, directory: Path) -> "Host":
            asked.append(frame["target"].tolist())
            return self

        public, private = None, 0.5

    monkeypatch.setattr("swapdae.pipeline.stages.score.host_of", lambda competition: Host())
    make(run, SCORE.name)
    assert asked[-1] == submission(run).tolist() and len(asked) == 3


def test_scores_and_comparison_agree_with_the_blend(tmp_path: Path) -> None:
    runs = [run_of(tmp_path, "f1", "binary", ["no", "yes"], name) for name in ("one", "two")]
    for run in runs:
        make(run, "blend")
    cross_fitted = runs[0].report("blend").metrics["cross_fitted"]
    assert compare(runs)["experiments"]["one"]["blend"] == cross_fitted
    assert scores_of(runs[0])["blend"]["oof_cross_fitted"] == cross_fitted


def test_a_head_says_what_it_fits_instead(tmp_path: Path) -> None:
    run, said = run_of(tmp_path, "mae", "regression", []), list[str]()
    make(Run(run.paths, run.experiment, run.competition, "cpu", say=said.append), "heads")
    lines = [line for line in said if "instead" in line or "fits" in line]
    assert lines == ["heads/ridge: fits squared error, for ridge has no absolute loss"]
    assert run.report("heads/ridge").metrics["instead_of_loss"] == {"absolute": "squared error"}
    assert "instead_of_loss" not in run.report("heads/lightgbm").metrics


def test_rmsle_is_blended_and_written_in_the_targets_units(tmp_path: Path) -> None:
    run = run_of(tmp_path, "rmsle", "regression", ["1", "10", "100"])
    make(run, "blend")
    y, oof = run.data.table.y, run.array("blend", "oof.npy")
    found = run.report("blend").metrics["rmsle"]
    assert found == pytest.approx(np.sqrt(np.mean((np.log1p(y) - np.log1p(oof)) ** 2))) and found < np.log1p(y).std()
    assert submission(run).between(0, 200).all()


OWN = """
GREATER_IS_BETTER = True
TASK = "binary"
WANTS = "labels"
def score(y, prediction):
    return ((y == 1) & (prediction == 1)).sum() - 0.5 * ((y == 0) & (prediction == 1)).sum()
"""


def test_a_changed_metric_of_ones_own_makes_stale_what_uses_it(tmp_path: Path) -> None:
    file = Paths(tmp_path).input("synthetic") / "metric.py"
    file.parent.mkdir(parents=True)
    file.write_text(OWN)
    run = run_of(tmp_path, "mine", "binary", ["no", "yes"])
    said: list[str] = []
    make(Run(run.paths, run.experiment, run.competition, "cpu", say=said.append), "blend")
    assert f"download: the metric is your own, metric.py with sha256 {run.competition.metric_sha256[:12]}" in said
    found = run.report("blend").metrics
    assert found["decision"]["kind"] == "threshold" and found["mine"] >= found["cross_fitted"] > 0

    file.write_text(OWN.replace("0.5", "0.75"))
    changed = Run(run.paths, run.experiment, read_competition(run.paths, "synthetic"), "cpu")
    states = plan_of(changed).states()
    stale = {name for name, state in states.items() if state.state == "stale"}
    assert stale == {"heads/ridge", "heads/lightgbm", "blend"} and "metric" in states["heads/ridge"].why
