"""What folds tear apart: rows so alike that one gives the other's target away, and rows of one group."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.competition.column_guesses import is_unshared, may_group, runs_on

Array = NDArray[Any]
MOST_ROWS = 20_000  # that are looked at
BEYOND_CHANCE = 3.0  # times as many near-duplicates as columns shuffled one by one would have are not chance


def torn_duplicates(frame: pd.DataFrame, labels: Array) -> int:
    """Rows that equal a row of another fold in every column. labels: (n,), the fold of each."""
    return int(_torn(_hashes(frame).sum(axis=1), labels).sum())


def torn_near_duplicates(frame: pd.DataFrame, labels: Array, seed: int = 0) -> int:
    """Rows that equal a row of another fold in all columns but one, among the first MOST_ROWS; 0 where so many would by
    chance, as in tables of few columns with few levels."""
    hashes, labels = _hashes(frame[:MOST_ROWS]), labels[:MOST_ROWS]
    found = _n_near(hashes, labels)
    by_chance = _n_near(np.random.default_rng(seed).permuted(hashes, axis=0), labels) if found else 0
    return found if found > BEYOND_CHANCE * by_chance else 0


def torn_groups(train: pd.DataFrame, test: pd.DataFrame, labels: Array) -> dict[str, int]:
    """Columns whose rows belong together, for test holds other values of them (persons, shops), and how many train rows
    share one with another fold. train, test: features; labels: (n,), the fold of each train row."""
    found = {}
    for name in map(str, train):
        if _is_text_or_integer(train[name]) and _is_text_or_integer(test[name]):
            cells, others = train[name].astype(str), test[name].astype(str)
            if may_group(cells) and is_unshared(cells, others) and not runs_on(cells.to_frame(), others.to_frame()):
                found[name] = int(_torn(_hashes(cells.to_frame())[:, 0], labels).sum())
    return {name: n for name, n in found.items() if n}


def _hashes(frame: pd.DataFrame) -> NDArray[np.uint64]:
    """(n, columns): of each cell, other ones for every column, so that sums of them tell rows apart."""
    rng = np.random.default_rng(0)
    columns = [pd.factorize(frame[name], use_na_sentinel=False)[0] for name in frame.columns]
    return np.column_stack([rng.integers(2**64, size=int(c.max()) + 1, dtype=np.uint64)[c] for c in columns])


def _torn(keys: NDArray[np.uint64], labels: Array) -> NDArray[np.bool_]:
    """(n,) rows whose key occurs in another fold, too; rows that no fold holds out (-1) are a part like others."""
    _, at = np.unique(keys, return_inverse=True)
    low, high = np.full(at.max() + 1, 128), np.full(at.max() + 1, -2)
    np.minimum.at(low, at, labels)
    np.maximum.at(high, at, labels)
    torn: NDArray[np.bool_] = (low < high)[at]
    return torn


def _n_near(hashes: NDArray[np.uint64], labels: Array) -> int:
    """Rows with a near-duplicate in another fold that are no duplicates of a row in one."""
    whole = hashes.sum(axis=1)
    near = np.zeros(len(whole), dtype=bool)
    for column in hashes.T:
        near |= _torn(whole - column, labels)
    return int((near & ~_torn(whole, labels)).sum())


def _is_text_or_integer(cells: pd.Series) -> bool:
    if not pd.api.types.is_numeric_dtype(cells):
        return True
    numbers = cells.dropna().to_numpy(dtype=np.float64)
    return bool((numbers == np.round(numbers)).all())
