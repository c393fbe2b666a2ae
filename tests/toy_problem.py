"""Small modelling problems with a known signal, for the tests of heads, cross-fitting and tuning."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swapdae.competition.config import Task
from swapdae.competition.fold_rows import partition
from swapdae.competition.metrics import METRICS
from swapdae.modelling.cross_fit import Problem
from swapdae.modelling.features import Native

Array = NDArray[Any]
# Few, quick trees, and leaves small enough for few rows.
QUICK: dict[str, dict[str, Any]] = {
    "ridge": {"alpha": 1.0},
    "lightgbm": {
        "learning_rate": 0.2,
        "n_estimators": 30,
        "min_child_samples": 5,
        "min_data_per_group": 5,
        "cat_smooth": 1,
        "cat_l2": 1,
    },
    "xgboost": {"learning_rate": 0.2, "n_estimators": 30, "min_child_weight": 1},
    "catboost": {"learning_rate": 0.2, "iterations": 30, "depth": 4},
    "mlp": {"width": 32, "n_members": 2, "epochs": 20, "batch_size": 16, "learning_rate": 0.01, "dropout": 0.0},
}
METRIC = {"regression": "rmse", "binary": "auc", "multiclass": "logloss"}


@dataclass(frozen=True)
class ToyFeatures:
    """A FeatureSet over plain arrays; with `per_fold` its dense columns change order from fold to fold."""

    x_cat: NDArray[np.int32]
    x_num: Array
    n_levels: tuple[int, ...]
    per_fold: bool = False

    @property
    def shared(self) -> bool:
        return not self.per_fold

    def native(self, fold: int) -> Native:
        names = [f"cat{j}" for j in range(self.x_cat.shape[1])] + [f"num{j}" for j in range(self.x_num.shape[1])]
        return Native(self.x_cat, self.n_levels, (self.x_num,), tuple(names))

    def dense(self, fold: int) -> tuple[Array, ...]:
        one_hot = [np.eye(n + 1, dtype=np.float16)[codes] for codes, n in zip(self.x_cat.T, self.n_levels, strict=True)]
        blocks = (*one_hot, np.nan_to_num(self.x_num))
        return blocks[::-1] if self.per_fold and fold % 2 else blocks


def toy_problem(
    task: Task = "regression",
    *,
    n_train: int = 300,
    n_test: int = 60,
    n_cat: int = 2,
    n_num: int = 4,
    n_folds: int = 3,
    per_fold: bool = False,
) -> Problem:
    """The target follows the first category and the first two numbers. The second number has holes, the last
    one of three or more is constant. The last test row's categories are found in no train row.
    """
    rng = np.random.default_rng(0)
    n, n_levels = n_train + n_test, 6
    x_cat = rng.integers(0, n_levels, (n, n_cat)).astype(np.int32)  # code n_levels is left to the test set
    x_cat[-1] = n_levels
    x_num = rng.normal(size=(n, n_num)).astype(np.float32)
    signal = 0.3 * rng.normal(size=n)
    if n_cat:
        signal += (x_cat[:, 0] % 2) * 2 - 1
    signal += x_num[:, :2].sum(axis=1)
    if n_num > 1:
        x_num[rng.random(n) < 0.1, 1] = np.nan
    if n_num > 2:
        x_num[:, -1] = 7
    y: Array = signal + 5
    n_classes = 0
    if task != "regression":
        n_classes = 2 if task == "binary" else 3
        y = np.digitize(signal, np.quantile(signal, np.arange(1, n_classes) / n_classes))
    return Problem(
        features=ToyFeatures(x_cat, x_num, (n_levels,) * n_cat, per_fold),
        y=y[:n_train],
        folds=partition(rng.permutation(n_train) % n_folds),
        n_test=n_test,
        task=task,
        n_classes=n_classes,
        metric=METRICS[METRIC[task]],
        seed=0,
    )
