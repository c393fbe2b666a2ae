"""What the autoencoder is worth, on tables where it must help and on features that are noise."""

import dataclasses
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from conftest import COMPETITION, write_csvs
from pipeline_case import make, with_dae, with_experiment
from swapdae.autoencoder.bodies.stack import StackConfig
from swapdae.autoencoder.config import TrainingConfig
from swapdae.base.files import sha256_of
from swapdae.competition.config import read_competition
from swapdae.experiment.config import HeadConfig
from swapdae.experiment.stage_report import write_report
from swapdae.pipeline.feature_store import FeatureStore
from swapdae.pipeline.run import Run
from swapdae.pipeline.scores import score_table, scores_of
from swapdae.pipeline.stages import plan_of
from swapdae.pipeline.stages.worth import untrained_features

RIDGES = {"ridge_raw": HeadConfig(kind="ridge"), "ridge_dae": HeadConfig(kind="ridge", features=("dae",))}
ALPHA_1 = HeadConfig(kind="ridge", features=("dae",), params={"alpha": 1.0})  # another one than the stage's own
BY_TIME = '\nkind = "time"\nby = "x4"\ncount = 3\n'


def of_product(run: Run, task: str, metric: str, labels: tuple[str, ...] = (), folds: str = "\ncount = 3\n") -> Run:
    """The synthetic competition whose target is a product of two columns, or its class, with a network of some size."""
    write_csvs(run.input, n_train=900)
    file = run.input / "train.csv"
    table = pd.read_csv(file)
    target = 3 * table["x0"] * table["x1"]
    if labels:
        edges = np.quantile(target, np.arange(1, len(labels)) / len(labels))
        target = pd.Series(np.array(labels)[np.digitize(target, edges)])
    table.assign(target=target).to_csv(file, index=False)
    text = COMPETITION.replace('"regression"', f'"{task}"').replace('"rmse"', f'"{metric}"')
    run.paths.competition_file("synthetic").write_text(text.replace("\ncount = 3\n", folds))
    training = TrainingConfig(epochs=20, batch_size=64, learning_rate=2e-3)
    larger = with_dae(run, body=StackConfig(width=128), training=training)
    competition = read_competition(run.paths, "synthetic")
    return with_experiment(replace(larger, competition=competition), heads=RIDGES | {"ridge_dae": ALPHA_1})


def with_noise(run: Run) -> None:
    """Put noise in the place of the trained autoencoder's features."""
    make(run, "dae")
    (file,), report = FeatureStore(run).dae_files, run.report("dae")
    shape = np.load(file).shape
    np.save(file, np.random.default_rng(1).normal(size=shape).astype(np.float16))
    write_report(run.directory("dae"), dataclasses.replace(report, files=report.files | {file.name: sha256_of(file)}))


def test_a_network_helps_where_the_target_is_a_product(run: Run) -> None:
    run = of_product(run, "regression", "rmse")
    (report,) = make(run, "worth")
    found = report.metrics
    assert {found[change]["verdict"] for change in ("blend", "network", "training", "both")} == {"helps"}
    assert found["ridge"]["trained"] < found["ridge"]["untrained"] < found["ridge"]["raw"]
    assert found["blend"]["high"] < 0
    assert found["blend"]["without"] > found["blend"]["with"] == run.report("blend").metrics["cross_fitted"]
    assert found["sentence"].startswith("The autoencoder helps the blend: -")
    assert score_table(run, scores_of(run)).splitlines()[-1] == found["sentence"]


def test_features_that_are_noise_add_nothing_and_their_training_harms(run: Run) -> None:
    run = with_experiment(run, heads=RIDGES)
    with_noise(run)
    (report,) = make(run, "worth")
    assert report.metrics["blend"]["verdict"] in ("nothing", "harms")
    assert report.metrics["training"]["verdict"] == report.metrics["both"]["verdict"] == "harms"
    assert "Training the network harms ridge: +" in report.metrics["sentence"]


@pytest.mark.parametrize("scope", ["transductive", "per_fold"])
def test_untrained_features_are_those_of_the_network_as_it_begins(run: Run, tmp_path: Path, scope: str) -> None:
    run = with_dae(run, scope=scope)
    features = untrained_features(run, tmp_path / "untrained.npy")
    for fold in (2, 0):
        k = fold if scope == "per_fold" else 0
        codes, layout = FeatureStore(run).encoded(k)
        torch.manual_seed(run.experiment.seed + k)
        layers = [torch.nn.Linear(a, b) for a, b in ((layout.n_inputs, 16), (16, 16), (16, 16))]
        x, outputs = torch.from_numpy(codes.one_hot(layout)[:300]), []
        for layer in layers:
            x = torch.nn.functional.gelu(layer(x))
            outputs.append(x)
        (found,) = features.dense(fold)
        assert found.shape == (300, 48) and found.dtype == np.float16
        assert np.allclose(found, torch.cat(outputs, dim=1).detach().numpy(), atol=0.03)  # bfloat16 where it is fast
    assert features.shared == (scope == "transductive")


def test_a_head_that_is_the_same_ridge_is_not_fitted_again(run: Run) -> None:
    reused = make(with_experiment(run, heads=RIDGES), "worth")[0].metrics
    assert set(reused["ridge_seconds"]) == {"untrained"}
    for view, name in (("raw", "ridge_raw"), ("trained", "ridge_dae")):
        assert reused["ridge"][view] == run.report(f"heads/{name}").metrics["rmse"]
    others = {"ridge_dae": ALPHA_1, "both": HeadConfig(kind="ridge", features=("raw", "dae"))}
    fitted = make(with_experiment(run, heads=others), "worth")[0].metrics
    assert set(fitted["ridge_seconds"]) == {"raw", "untrained", "trained"}
    assert fitted["ridge"] == pytest.approx(reused["ridge"])
    assert fitted["ridge"]["trained"] != run.report("heads/ridge_dae").metrics["rmse"]
    assert not list(run.paths.oof("tiny").rglob("*untrained*")), "they are gone with the scratch directory"


@pytest.mark.parametrize(
    ("task", "metric", "labels"),
    [
        ("binary", "f1", ("no", "yes")),
        ("binary", "brier", ("no", "yes")),
        ("multiclass", "map:2", ("low", "mid", "top")),
        ("regression", "kappa_quadratic", ("1", "2", "3")),
        ("regression", "rmsle", ("1", "10", "100")),
    ],
)
def test_metrics_of_labels_ranks_and_logarithms(run: Run, task: str, metric: str, labels: tuple[str, ...]) -> None:
    run = of_product(run, task, metric, labels)
    (report,) = make(run, "worth")
    found, name = report.metrics, run.competition.metric
    assert run.competition.metric_of.value_of(found["blend"]["mean"]) > 0 and f" {name} (" in found["sentence"]
    assert found["blend"]["with"] == run.report("blend").metrics["cross_fitted"]
    assert found["ridge"]["raw"] == run.report("heads/ridge_raw").metrics[name]


def test_rows_count_by_their_weights_and_repeats_as_one_draw(run: Run) -> None:
    run = of_product(run, "regression", "rmse", folds="\ncount = 3\nrepeats = 2\n[columns]\nweight = 'w'\n")
    weights, file = np.random.default_rng(0).uniform(0.1, 3, 900), run.input / "train.csv"
    pd.read_csv(file).assign(w=weights).to_csv(file, index=False)
    found = make(run, "worth")[0].metrics
    y, labels = run.data.table.y, run.data.folds.labels
    oofs = [run.array("heads/ridge_raw", "oof.npy"), run.array("heads/ridge_dae", "oof.npy")]
    assert found["ridge"]["raw"] == pytest.approx(np.sqrt(np.average((oofs[0] - y) ** 2, weights=weights)))
    both = run.array("blend", "oof_cross_fitted.npy")
    rmse = [
        [np.sqrt(np.average(((oof - y) ** 2)[labels == k], weights=weights[labels == k])) for k in range(3)]
        for oof in (oofs[0], both)
    ]
    assert found["blend"]["mean"] == pytest.approx(np.mean(rmse[1]) - np.mean(rmse[0]))


def test_probabilities_of_classes_and_rows_left_out_in_time(run: Run) -> None:
    run = of_product(run, "multiclass", "logloss", ("low", "mid", "top"), BY_TIME)
    (report,) = make(run, "worth")
    assert run.data.folds.n_left_out > 0
    assert report.metrics["blend"]["verdict"] == "helps" and "nan" not in str(report.metrics)


def test_auc_that_rises_is_a_help(run: Run) -> None:
    run = with_dae(of_product(run, "binary", "auc", ("no", "yes")), scope="per_fold")
    (report,) = make(run, "worth")
    assert report.metrics["blend"]["verdict"] == "helps" and report.metrics["blend"]["low"] > 0
    assert "higher is better" in report.metrics["sentence"]


def test_where_all_heads_read_it_the_blend_tells_nothing(run: Run) -> None:
    run = with_experiment(run, heads={"ridge_dae": RIDGES["ridge_dae"]})
    (report,) = make(run, "worth")
    assert report.metrics["blend"] is None and report.metrics["sentence"].startswith("Every head reads")
    assert set(report.metrics["ridge_seconds"]) == {"raw", "untrained"}


def test_no_head_reads_it_no_stage(run: Run) -> None:
    run = with_experiment(run, heads={"ridge_raw": RIDGES["ridge_raw"]})
    assert "worth" not in plan_of(run).stages and scores_of(run)["worth"] is None


def test_what_decides_it_is_in_its_key(run: Run) -> None:
    make(run, "worth")
    for changed in (with_experiment(run, seed=1), with_dae(run, scope="per_fold")):
        assert plan_of(changed).states()["worth"].state == "stale"
    fewer = with_experiment(run, heads={name: run.experiment.heads[name] for name in ("ridge_raw", "ridge_dae")})
    assert plan_of(fewer).states()["worth"].state == "stale"
    assert plan_of(run).states()["worth"].state == "done"
