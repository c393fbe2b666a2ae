"""Folds from competition.toml to the submission: written for others, told of where they tear rows apart."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline_case import make, with_dae, with_experiment
from swapdae.base.errors import UserError
from swapdae.competition.config import FoldsConfig
from swapdae.pipeline.feature_store import FeatureStore
from swapdae.pipeline.run import Run
from swapdae.pipeline.scores import score_table, scores_of
from swapdae.pipeline.stages import plan_of
from swapdae.pipeline.stages.select_features import Effort, problem_of
from swapdae.pipeline.stages.tune_noise import Effort as NoiseEffort
from swapdae.pipeline.stages.tune_noise import trainings_of


def folded(run: Run, **folds: Any) -> Run:
    """The same run with other folds; it keeps what it says."""
    competition = run.competition.model_copy(update={"folds": FoldsConfig.model_validate(folds)})
    return replace(run, competition=competition)


def add_columns(run: Run, test: bool = False, **columns: Any) -> None:
    for name in ("train.csv", "test.csv")[: 1 + test]:
        frame = pd.read_csv(run.input / name)
        frame.assign(**{key: values[: len(frame)] for key, values in columns.items()}).to_csv(
            run.input / name, index=False
        )


def written(run: Run) -> pd.DataFrame:
    return pd.read_csv(run.paths.oof(run.experiment.name) / "folds.csv")


def test_folds_are_written_and_part_of_what_heads_read(run: Run) -> None:
    make(run, "heads")
    folds = written(run)
    assert folds.columns.tolist() == ["id", "fold"]
    assert folds["id"].tolist() == pd.read_csv(run.input / "train.csv")["id"].tolist()
    assert folds["fold"].tolist() == run.data.folds.labels.tolist()
    assert "folds.csv" in run.report("folds").files and run.report("folds").metrics["warnings"] == []
    (run.paths.oof("tiny") / "folds.csv").unlink()
    make(run, "folds")
    assert len(written(run)) == 300, "put in place again"
    other = plan_of(folded(run, count=3, seed=1)).states()
    assert {other[name].state for name in ("folds", "heads/lightgbm", "heads/ridge_dae")} == {"stale"}
    assert {other[name].state for name in ("download", "dae")} == {"done"}, "which see no fold"


def test_repeats_are_columns_and_heads_average_them(run: Run) -> None:
    run = folded(with_experiment(run, heads={"ridge": run.experiment.heads["ridge_raw"]}), count=3, repeats=2)
    make(run, "blend")
    once = [folded(run, count=3, seed=seed).data.folds.labels.tolist() for seed in (0, 1)]
    assert [written(run)[name].tolist() for name in ("fold", "fold_1")] == once
    assert len(run.report("heads/ridge").metrics["folds"]) == 6
    assert np.isfinite(run.array("heads/ridge", "oof.npy")).all()


def in_time(run: Run, **changes: Any) -> Run:
    add_columns(run, day=pd.date_range("2024-01-01", periods=300).strftime("%Y-%m-%d"))
    return folded(run, kind="time", by="day", count=3, **changes)


def test_the_first_rows_in_time_are_left_out_from_heads_to_the_page(run: Run) -> None:
    said: list[str] = []
    run = replace(in_time(run, gap=7), say=said.append)
    make(run)
    assert "folds: 75 of 300 train rows are held out by no fold: they have no out-of-fold prediction" in said
    first, y = np.arange(300) < 75, run.data.table.y
    for stage, array in (("heads/lightgbm", "oof"), ("heads/ridge_dae", "oof"), ("blend", "oof_cross_fitted")):
        oof, metrics = run.array(stage, f"{array}.npy"), run.report(stage).metrics
        assert np.array_equal(np.isnan(oof), first) and metrics["rows_left_out"] == 75
        value = metrics["cross_fitted" if stage == "blend" else "rmse"]
        assert value == pytest.approx(np.sqrt(np.mean((oof - y)[~first] ** 2)))
    assert np.isfinite(pd.read_csv(run.paths.submission("tiny"))["target"]).all()
    assert "leaves out 75 train rows that no fold holds out.\n" in score_table(run, scores_of(run))
    make(run, "report")
    page = (run.paths.oof("tiny") / "report.html").read_text()
    assert "75 of 300 train rows are held out by no fold: these scores leave them out." in page
    assert "75 train rows without an out-of-fold prediction are left out." in page
    assert "day" not in run.data.table.train, "the test file lacks it"


def test_an_autoencoder_per_fold_sees_its_window_of_time_alone(run: Run) -> None:
    run = with_dae(in_time(run, window="sliding", gap=5), scope="per_fold", test_rows=False)
    windows = [np.arange(0, 70), np.arange(75, 145), np.arange(150, 220), np.arange(225, 300)]
    assert [rows.tolist() for rows in FeatureStore(run).rows] == [window.tolist() for window in windows]
    make(run, "dae")
    assert [training["n_rows"] for training in run.report("dae").metrics["trainings"]] == [70, 70, 70, 75]
    noise = trainings_of(run, NoiseEffort(rows=300, folds=2))
    assert [rows.tolist() for rows in noise.fit_rows] == [window.tolist() for window in windows[1:3]]


def test_ridge_in_time_is_that_of_its_window(run: Run) -> None:
    from sklearn.linear_model import Ridge

    run = in_time(with_experiment(run, heads={"ridge": run.experiment.heads["ridge_raw"]}), gap=2)
    make(run, "heads")
    (x,) = FeatureStore(run).view("raw").dense(0)
    penalties, y = run.report("heads/ridge").metrics["penalties"], run.data.table.y
    for fold, start in enumerate((75, 150, 225)):
        model = Ridge(alpha=penalties[fold]).fit(x[: start - 2].astype(np.float64), y[: start - 2])
        found = run.array("heads/ridge", "oof.npy")[start : start + 75]
        assert found == pytest.approx(model.predict(x[start : start + 75].astype(np.float64)), rel=1e-4), fold


def test_columns_are_selected_in_windows_of_time(run: Run) -> None:
    run = replace(in_time(run), options={"select_features": Effort(k=2, rows=200, seeds=1, epochs=1)})
    study = problem_of(run, 200, 0)
    assert study.problem.n_folds == 3 and 40 < study.problem.folds.n_left_out < 60
    make(run, "select_features")
    assert {line["columns"] for line in run.report("select_features").metrics["quality"]} >= {"all", "selected"}


def test_own_folds_of_a_file_and_another_file_make_stale(run: Run) -> None:
    ids, file = pd.read_csv(run.input / "train.csv")["id"], run.input / "own.csv"
    run = folded(run, kind="file", by="own.csv")
    pd.DataFrame({"id": ids, "fold": np.arange(300) % 4}).to_csv(file, index=False)
    make(run, "dae", "folds")
    assert written(run)["fold"].tolist() == (np.arange(300) % 4).tolist() and run.data.folds.n_folds == 4
    pd.DataFrame({"id": ids, "fold": np.arange(300) % 5}).to_csv(file, index=False)
    states = plan_of(run).states()
    assert str(states["folds"]) == "stale (changed: own.csv)" and states["dae"].state == "done"


def test_own_folds_of_a_column_are_no_feature(run: Run) -> None:
    add_columns(run, test=True, mine=np.arange(300) % 4)
    with_feature = plan_of(run)
    own = folded(run, kind="column", by="mine")
    assert "mine" in run.data.table.train and "mine" not in own.data.table.train
    with_feature.make(["download"], force=False, strict=False, say=lambda line: None)
    assert plan_of(own).states()["download"].state == "stale"


def test_rows_alike_that_folds_tear_apart_are_told_with_advice(run: Run) -> None:
    train = pd.read_csv(run.input / "train.csv")
    twins, sisters = train[:20].assign(id=range(1000, 1020)), train[20:50].assign(id=range(2000, 2030), x4=9.0)
    whose = [*range(300), *range(50)]
    every = pd.concat([train, twins, sisters], ignore_index=True).assign(whose=whose)
    every.drop(columns="whose").to_csv(run.input / "train.csv", index=False)
    said: list[str] = []
    run = replace(run, say=said.append)
    make(run, "folds")
    warnings = run.report("folds").metrics["warnings"]
    labels = run.data.folds.labels
    torn = 2 * int((labels[:20] != labels[300:320]).sum())
    assert warnings[0].startswith(f"{torn} train rows equal a row of another fold in every feature; ")
    torn = 2 * int((labels[20:50] != labels[320:]).sum())
    assert warnings[1].startswith(f"{torn} train rows equal a row of another fold in all features but one; ")
    assert all("folds.kind = 'group'" in line and f"folds: {line}" in said for line in warnings)
    make(run, "report")
    assert "in all features but one" in (run.paths.oof("tiny") / "report.html").read_text()
    every.to_csv(run.input / "train.csv", index=False)
    grouped = folded(run, kind="group", by="whose", count=3)
    make(grouped, "folds")
    assert grouped.report("folds").metrics["warnings"] == []


def test_groups_that_folds_tear_apart_are_told_of(run: Run) -> None:
    order = np.random.default_rng(0).permutation(300)
    for file, persons in (("train.csv", order // 3 * 2), ("test.csv", np.arange(120) // 3 * 2 + 1)):
        frame = pd.read_csv(run.input / file)
        frame.assign(person=persons[: len(frame)]).to_csv(run.input / file, index=False)
    make(run, "folds")
    (line,) = run.report("folds").metrics["warnings"]
    assert "share 'person' with a row of another fold" in line and "folds.by = 'person'" in line
    grouped = folded(run, kind="group", by="person")
    make(grouped, "folds")
    assert grouped.report("folds").metrics["warnings"] == []


def test_folds_that_cannot_be_drawn_stop_the_first_stage(run: Run) -> None:
    with pytest.raises(UserError, match=r"train\.csv: no column 'person'; name the right one as folds\.by"):
        make(folded(run, kind="group", by="person"), "download")
    add_columns(run, shop=["a", "b"] * 150)
    with pytest.raises(UserError, match=r"folds\.by = 'shop' has 2 groups, and 5 folds take 5"):
        make(folded(run, kind="group", by="shop"), "download")


def test_heads_under_groups_and_select(run: Run, tmp_path: Path) -> None:
    """Every stage of a run, with groups that the features tell nothing of."""
    add_columns(run, person=np.arange(300) // 3)
    run = folded(run, kind="group", by="person", count=4)
    make(run)
    labels = written(run)["fold"].to_numpy()
    assert (labels.reshape(-1, 3) == labels[::3, None]).all() and set(labels) == {0, 1, 2, 3}
    assert np.isfinite(run.array("blend", "oof_cross_fitted.npy")).all()
