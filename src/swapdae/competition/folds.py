"""Folds and row caps: the only place that draws them.

Folds are drawn over all train rows of the competition and cut to an experiment's rows afterwards, so a row
lies in the same fold in every experiment.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from swapdae.base.errors import UserError
from swapdae.competition.config import UNSTRATIFIED, FoldsConfig, Task
from swapdae.competition.fold_rows import Folds, partition, repeated
from swapdae.competition.fold_windows import time_folds
from swapdae.competition.stop_rows import split_times

Array = NDArray[Any]
ADVICE = "lower folds.count in competition.toml"


def draw_folds(y: Array, folds: FoldsConfig, task: Task, by: Mapping[str, Array] | None = None) -> Folds:
    """The folds of all train rows. y: (n_train,). by: what they are drawn by, see fold_by.

    Raises UserError where rows, or those of a class, or groups or times are too few for the folds.
    """
    by = by or {}
    if folds.kind == "time":
        drawn = time_folds(by["time"], folds)
    elif folds.kind in ("column", "file"):
        drawn = partition(by["fold"])
    else:
        _check_counts(y, folds, task, by.get("group"))
        seeds = range(folds.seed, folds.seed + folds.repeats)
        drawn = repeated([_draw(y, folds, seed, by.get("group")) for seed in seeds])
    if task != "regression":
        _check_classes(y, drawn, folds)
    return drawn


def _draw(y: Array, folds: FoldsConfig, seed: int, groups: Array | None) -> Folds:
    splitter = {
        "shuffle": KFold(folds.count, shuffle=True, random_state=seed),
        "unshuffled": KFold(folds.count),
        "stratified": StratifiedKFold(folds.count, shuffle=True, random_state=seed),
        "group": GroupKFold(folds.count, shuffle=True, random_state=seed),
        "stratified_group": StratifiedGroupKFold(folds.count, shuffle=True, random_state=seed),
    }[folds.kind]
    held_out = np.zeros((folds.count, len(y)), dtype=bool)
    for fold, (_, rows) in enumerate(splitter.split(np.zeros(len(y)), y, groups)):
        held_out[fold, rows] = True
    if not held_out.any(axis=1).all():
        raise UserError(f"folds.kind = '{folds.kind}': a fold has no group, for they are few and large; {ADVICE}")
    return Folds(~held_out, held_out, groups=groups)


def _check_counts(y: Array, folds: FoldsConfig, task: Task, groups: Array | None) -> None:
    if not 2 <= folds.count <= min(len(y), np.iinfo(np.int8).max):
        raise UserError(f"{len(y)} train rows do not go into {folds.count} folds; {ADVICE}")
    if groups is not None and (n_groups := len(np.unique(groups))) < (needed := max(folds.count, 3)):
        names = ", ".join(folds.by)
        raise UserError(f"folds.by = '{names}' has {n_groups} groups, and {folds.count} folds take {needed}; {ADVICE}")
    if folds.kind in UNSTRATIFIED:
        if task == "regression":
            instead = UNSTRATIFIED[folds.kind]
            raise UserError(f"folds.kind = '{folds.kind}' needs classes; a regression takes '{instead}'")
        rarest = int(np.unique(y, return_counts=True)[1].min())
        if rarest < folds.count:
            raise UserError(f"a class has {rarest} rows, too few for {folds.count} folds; {ADVICE}")


def _check_classes(y: Array, drawn: Folds, folds: FoldsConfig) -> None:
    """Every fold trains on every class, in time also before the rows that early stopping watches."""
    n_classes = len(np.unique(y))
    for fold in range(drawn.n_folds):
        rows = drawn.train(fold)
        if drawn.times is not None:
            rows = rows[split_times(y[rows], True, drawn.times[rows], drawn.gap, np.random.default_rng(0))[0]]
        if len(np.unique(y[rows])) == n_classes:
            continue
        if folds.kind == "time":
            raise UserError(f"fold {fold + 1}: a class has no row in its window of time; {ADVICE}")
        if folds.kind in ("group", "stratified_group"):
            raise UserError(f"all groups of a class lie in one fold; take folds.kind = 'stratified_group', or {ADVICE}")
        raise UserError("all rows of a class lie in one fold; set folds.kind = 'stratified' in competition.toml")


def train_rows(n_train: int, cap: int | None, seed: int) -> NDArray[np.int64]:
    """The row numbers an experiment trains on, ascending: `cap` of them drawn at random, or all."""
    if cap is None or cap >= n_train:
        return np.arange(n_train)
    return np.sort(np.random.default_rng(seed).choice(n_train, cap, replace=False))


def n_duplicates(train: pd.DataFrame) -> int:
    """Train rows that equal an earlier one in every feature: such twins may be torn apart by the folds."""
    return int(train.duplicated().sum())
