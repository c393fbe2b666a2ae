"""Folds and row caps: the only place that draws them.

Folds are drawn over all train rows of the competition and cut to an experiment's rows afterwards, so a row
lies in the same fold in every experiment.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold

from swapdae.base.errors import UserError
from swapdae.competition.config import FoldsConfig, Task


def draw_folds(y: NDArray[Any], folds: FoldsConfig, task: Task) -> NDArray[np.int8]:
    """The fold of every train row, (n_train,) numbers 0 .. folds.count - 1.

    Raises UserError where rows, or those of a class, are too few for the folds.
    """
    advice = "lower folds.count in competition.toml"
    if not 2 <= folds.count <= min(len(y), np.iinfo(np.int8).max):
        raise UserError(f"{len(y)} train rows do not go into {folds.count} folds; {advice}")
    if folds.kind == "stratified":
        if task == "regression":
            raise UserError("folds.kind = 'stratified' needs classes; a regression takes 'shuffle'")
        rarest = int(np.unique(y, return_counts=True)[1].min())
        if rarest < folds.count:
            raise UserError(f"a class has {rarest} rows, too few for {folds.count} folds; {advice}")
        splitter = StratifiedKFold(folds.count, shuffle=True, random_state=folds.seed)
    elif folds.kind == "shuffle":
        splitter = KFold(folds.count, shuffle=True, random_state=folds.seed)
    else:
        splitter = KFold(folds.count)
    fold_of = np.empty(len(y), dtype=np.int8)
    for fold, (_, held_out) in enumerate(splitter.split(np.zeros(len(y)), y)):
        fold_of[held_out] = fold
    if task != "regression" and pd.Series(fold_of).groupby(y).nunique().min() < 2:
        raise UserError("all rows of a class lie in one fold; set folds.kind = 'stratified' in competition.toml")
    return fold_of


def train_rows(n_train: int, cap: int | None, seed: int) -> NDArray[np.int64]:
    """The row numbers an experiment trains on, ascending: `cap` of them drawn at random, or all."""
    if cap is None or cap >= n_train:
        return np.arange(n_train)
    return np.sort(np.random.default_rng(seed).choice(n_train, cap, replace=False))


def n_duplicates(train: pd.DataFrame) -> int:
    """Train rows that equal an earlier one in every feature: such twins may be torn apart by the folds."""
    return int(train.duplicated().sum())
