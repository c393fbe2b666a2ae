from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import synthetic_frame
from swapdae.autoencoder.bodies.stack import StackConfig
from swapdae.autoencoder.config import DaeConfig, NoiseConfig, TrainingConfig
from swapdae.autoencoder.fit import fit_autoencoder, read_features
from swapdae.autoencoder.progress import Epoch
from swapdae.base.device import resolve_device
from swapdae.base.errors import UserError
from swapdae.competition.fold_rows import partition
from swapdae.competition.metrics import METRICS
from swapdae.encoding.encoder import Encoder
from swapdae.modelling.cross_fit import Problem
from swapdae.modelling.features import RawFeatures
from swapdae.modelling.tuning import TrialResult, best_of
from swapdae.pipeline.noise_search import HIGHEST, LOWEST, Trainings, groups_of, search_noise

CATEGORICAL, NUMERICAL = ("c0", "c1", "c2", "c3"), ("x0", "x1", "x2", "x3", "x4")
TOLD = {"c0": 0.1, "c1": 0.9, "c2": 0.2, "c3": 0.5, "x0": 0.5, "x1": 0.4, "x2": 0.3, "x3": 0.2, "x4": 0.1}
CONFIG = DaeConfig(
    body=StackConfig(width=16),
    noise=NoiseConfig(donor="row"),
    training=TrainingConfig(epochs=3, batch_size=64),
)


def trainings(per_fold: bool = False, task: Any = "regression", **changes: Any) -> Trainings:
    frame = synthetic_frame(240, seed=0)
    y, folds = frame.pop("target").to_numpy(), np.arange(240) % 3
    n_classes = {"regression": 0, "binary": 2, "multiclass": 3}[task]
    if n_classes:
        y = np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))
    rows = [np.flatnonzero(folds != fold) for fold in range(3)] if per_fold else [np.arange(240)]
    problem = Problem(
        features=RawFeatures(frame, CATEGORICAL, NUMERICAL, rows),
        y=y,
        folds=partition(folds),
        n_test=0,
        task=task,
        n_classes=n_classes,
        metric=METRICS["logloss" if n_classes else "rmse"],
        seed=0,
    )
    made = Trainings(frame, CATEGORICAL, NUMERICAL, rows, problem, CONFIG, resolve_device("cpu"))
    return replace(made, **changes)


def test_columns_alike_in_predictability_share_a_rate() -> None:
    groups = groups_of(TOLD, trainings(), 2)
    assert groups == {
        "categorical_1": ("c0", "c2"),
        "categorical_2": ("c3", "c1"),
        "numerical_1": ("x4", "x3"),
        "numerical_2": ("x2", "x1", "x0"),
    }
    each = groups_of(TOLD, trainings(), 99)
    assert len(each) == 9 and set(each.values()) == {(name,) for name in TOLD}
    assert list(groups_of(TOLD, trainings(categorical=()), 1)) == ["numerical_1"]


def test_score_is_that_of_ridge_on_the_features_of_that_noise() -> None:
    noise = NoiseConfig(columns={"x0": 0.5})
    made = trainings()
    encoder = Encoder(CATEGORICAL, NUMERICAL).fit(made.frame)
    codes, config = encoder.transform(made.frame), CONFIG.model_copy(update={"noise": noise})
    model, _ = fit_autoencoder(codes, encoder.layout, config, seed=0, device=made.device, show_progress=False)
    x = np.concatenate(list(read_features(model, codes, encoder.layout, made.device))).astype(np.float64)
    rmse = []
    for alpha in (1.0, 10.0, 100.0, 1000.0):
        error = np.zeros(240)
        for fold in range(3):
            fit, out = made.problem.folds.labels != fold, made.problem.folds.labels == fold
            centre, mean = x[fit].mean(axis=0), made.problem.y[fit].mean()
            z = x[fit] - centre
            w = np.linalg.solve(z.T @ z + alpha * np.eye(48), z.T @ (made.problem.y[fit] - mean))
            error[out] = (x[out] - centre) @ w + mean - made.problem.y[out]
        rmse.append(np.sqrt(np.mean(error**2)))
    assert made.score(noise) == pytest.approx(-min(rmse), rel=1e-4)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes_are_scored_by_their_metric(task: str) -> None:
    assert -2 < trainings(task=task).score(NoiseConfig()) < 0


def test_an_early_epoch_is_reported_and_the_end_is_not_changed_by_it() -> None:
    said: list[tuple[int, float]] = []
    epochs: list[Epoch] = []
    made = trainings(on_epoch=epochs.append)
    score = made.score(NoiseConfig(), lambda step, value: said.append((step, value)))
    assert [step for step, _ in said] == [1] and said[0][1] != score
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3]
    assert made.score(NoiseConfig()) == score


def test_an_autoencoder_per_fold_is_judged_on_rows_it_has_not_seen() -> None:
    said: list[int] = []
    epochs: list[Epoch] = []
    made = trainings(per_fold=True, on_epoch=epochs.append)
    score = made.score(NoiseConfig(), lambda step, value: said.append(step))
    assert said == [0, 1, 2] and [epoch.epoch for epoch in epochs] == [1, 2, 3] * 3
    held_out = np.flatnonzero(made.problem.folds.labels == 0)
    changed = made.frame.copy()
    changed.loc[held_out, "x2"] = 50.0
    before, after = (replace(made, frame=frame)._train(0, CONFIG, None) for frame in (made.frame, changed))
    others = np.setdiff1d(np.arange(240), held_out)
    assert np.array_equal(before[others], after[others]) and not np.array_equal(before[held_out], after[held_out])
    assert np.isfinite(score)


GROUPS = groups_of(TOLD, trainings(), 2)
STARTS = [
    NoiseConfig(),
    NoiseConfig(columns={"x4": 0.1}),  # the same
    NoiseConfig(categorical=0.9, numerical=1.0, columns={"c0": 0.1}),
]


def find(file: Path, trials: int = 4, made: Trainings | None = None, **more: Any) -> tuple[TrialResult, ...]:
    return search_noise(made or trainings(), GROUPS, STARTS, trials=trials, storage_file=file, key="k", **more)


def rates(history: tuple[TrialResult, ...]) -> list[dict[str, float]]:
    return [trial.params["columns"] for trial in history]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrialResult, ...]:
    return find(tmp_path_factory.mktemp("whole") / "s.db")


def test_starts_come_first_then_rates_by_group(whole: tuple[TrialResult, ...]) -> None:
    first, second, *drawn = rates(whole)
    assert set(first.values()) == {NoiseConfig().numerical}
    assert second["c0"] == second["c2"] == 0.5 and second["c1"] == 0.9 and second["x0"] == HIGHEST
    for found in drawn:
        assert set(found) == set(TOLD) and all(LOWEST <= rate <= HIGHEST for rate in found.values())
        assert all(len({found[name] for name in columns}) == 1 for columns in GROUPS.values())
    score, best = best_of(whole)
    noise = NoiseConfig.model_validate(best.params)
    assert noise.donor == "row" and score == trainings().score(noise), "the rates written are those that were tried"


def test_same_seed_same_search_and_another_seed_another(tmp_path: Path, whole: tuple[TrialResult, ...]) -> None:
    again = find(tmp_path / "a.db")
    assert rates(again) == rates(whole) and [t.score for t in again] == [t.score for t in whole]
    made = trainings()
    other = find(tmp_path / "b.db", made=replace(made, problem=replace(made.problem, seed=1)))
    assert rates(other)[:2] == rates(whole)[:2] and rates(other)[2:] != rates(whole)[2:]


@pytest.mark.parametrize("at", [1, 5, 8])
def test_interrupted_search_goes_on_as_if_it_had_not_been(
    tmp_path: Path, whole: tuple[TrialResult, ...], at: int
) -> None:
    seen: list[Epoch] = []

    def stop(epoch: Epoch) -> None:
        seen.append(epoch)
        if len(seen) == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find(tmp_path / "s.db", made=trainings(on_epoch=stop))
    resumed = find(tmp_path / "s.db")
    assert rates(resumed) == rates(whole) and [t.score for t in resumed] == [t.score for t in whole]


def test_what_is_below_the_median_early_is_pruned(tmp_path: Path) -> None:
    epochs: list[Epoch] = []
    history = find(tmp_path / "s.db", 12, made=trainings(on_epoch=epochs.append))
    pruned = [trial for trial in history if trial.score is None]
    assert pruned and all(trial.score is not None for trial in history[:2]), "no start is pruned"
    assert all(len(trial.fold_scores) == 1 for trial in history)
    assert len(epochs) == 3 * (12 - len(pruned)) + len(pruned)


def test_diverging_trainings_end_in_one_line(tmp_path: Path) -> None:
    diverging = CONFIG.model_copy(update={"training": TrainingConfig(epochs=2, batch_size=64, learning_rate=1e30)})
    with pytest.raises(UserError, match="tune-noise: none of 2 trials got a score"):
        find(tmp_path / "s.db", 2, made=trainings(config=diverging))
