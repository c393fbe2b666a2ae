"""Supervised selection of source columns inside folds, and what models make of the columns selected.

A concrete selector is trained in a fold's training part for the largest two of the ks; a smaller k goes on from the
next larger one that was trained, by dropping, one at a time, the column whose shuffling its network minds least on the
rows kept for stopping early. So a whole curve costs two trainings.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.base.device import DeviceName
from swapdae.base.models import StrictModel
from swapdae.heads.lightgbm import LightGBMModel
from swapdae.modelling.cross_fit import CrossFit, Model, Problem, cross_fit
from swapdae.modelling.features import FoldwiseFeatures, RawFeatures
from swapdae.modelling.head import Head
from swapdae.selection.config import ConcreteConfig
from swapdae.selection.estimator import ConcreteSelector

Array = NDArray[Any]
Names = tuple[str, ...]
JUDGED_ROWS = 1000  # rows on which a column is shuffled


@dataclass(frozen=True, eq=False)
class ColumnProblem:
    """Source columns of train rows, and the target that they are to predict.

    frame: (n_train, N), all columns in it vary. problem: its targets and folds; its features are not read.
    """

    frame: pd.DataFrame
    categorical: Names
    problem: Problem

    @property
    def columns(self) -> Names:
        return tuple(map(str, self.frame.columns))

    def fit(self, by_fold: Sequence[Names], head: Head, params: StrictModel, seed: int) -> tuple[CrossFit, list[Model]]:
        """Cross-fit a head on the columns named for each fold; its models by fold."""
        parts = []
        for fold, names in enumerate(by_fold):
            kinds = ([n for n in names if (n in self.categorical) == categorical] for categorical in (True, False))
            categorical, numerical = map(tuple, kinds)
            fit_rows = self.problem.folds.train(fold)
            parts.append(RawFeatures(self.frame, categorical, numerical, [fit_rows]))
        models: list[Model] = []

        def make(fold: int) -> Model:
            models.append(head.make(params, seed + fold))
            return models[-1]

        problem = replace(self.problem, features=FoldwiseFeatures(parts), n_test=0)
        return cross_fit(problem, make, with_test=False, name=head.kind), models

    def select(self, fold: int, ks: Sequence[int], *, epochs: int, device: DeviceName, seed: int) -> dict[int, Names]:
        """The columns selected for each k in the fold's training part, in order of use where they were dropped to."""
        found: dict[int, Names] = {}
        order: Names = ()
        for rank, k in enumerate(sorted(ks, reverse=True)):
            if rank < 2:
                view = self.problem.view(fold)
                config = ConcreteConfig(decoder_epochs=max(1, epochs // 2))
                selector = self._selector(
                    fold, k, epochs=epochs, config=config, device=device, random_state=seed + fold
                )
                judged = view.split[1][:JUDGED_ROWS]
                order = order_of_use(selector, self.frame.iloc[view.train[judged]], view.y[judged], seed)
            found[k] = order[:k]
        return found

    def select_greedily(self, fold: int, k: int) -> Names:
        """k columns by greedy forward selection in the fold's training part, in the order in which it takes them."""
        still = ConcreteConfig(decoder_epochs=0)
        selector = self._selector(fold, k, start="greedy", epochs=0, config=still, refine=False, device="cpu")
        return tuple(self.columns[j] for j in selector.chosen_)

    def _selector(self, fold: int, k: int, **options: Any) -> ConcreteSelector:
        """Fitted in the fold's training part; the rows of early stopping are its validation rows."""
        view = self.problem.view(fold)
        fit, stop = view.split
        rows = self.frame.iloc[view.train]
        options["task"] = "regress" if view.task == "regression" else "classify"
        selector = ConcreteSelector(k, categorical=list(self.categorical), **options)
        return selector.fit(rows.iloc[fit], view.y[fit], X_val=rows.iloc[stop], y_val=view.y[stop])


def order_of_use(selector: ConcreteSelector, frame: pd.DataFrame, y: Array, seed: int) -> Names:
    """The chosen columns, the most useful first: the reverse of the order in which shuffling them harms least.

    Every column that has been passed over stays shuffled. frame (n, N), y (n,): rows that judge.
    """
    rng = np.random.default_rng(seed)
    now = frame.reset_index(drop=True)
    shuffled = {name: now[name].iloc[rng.permutation(len(now))].array for name in map(str, now.columns)}
    left, passed = [str(now.columns[j]) for j in selector.chosen_], list[str]()
    while len(left) > 1:
        losses = [_loss(selector, now.assign(**{name: shuffled[name]}), y) for name in left]
        least = left.pop(int(np.argmin(losses)))
        now[least] = shuffled[least]
        passed.append(least)
    return (*left, *reversed(passed))


def _loss(selector: ConcreteSelector, frame: pd.DataFrame, y: Array) -> float:
    predicted = selector.decode(frame)
    if selector.task == "regress":
        return float(np.mean((predicted - y) ** 2))
    return float(-np.log(predicted[np.arange(len(y)), np.searchsorted(selector.classes_, y)] + 1e-9).mean())


def order_of_gain(model: LightGBMModel) -> Names:
    """Columns by the total gain of the splits on them, the largest first."""
    gain = model.gain()
    return tuple(sorted(gain, key=lambda name: -gain[name]))


def random_columns(columns: Names, k: int, seed: int) -> Names:
    return tuple(np.random.default_rng(seed).choice(columns, k, replace=False).tolist())
