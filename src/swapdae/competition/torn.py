"""What folds tear apart: rows so alike that one gives the other's target away. And columns that look like groups."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[Any]
MOST_ROWS = 20_000  # that are looked at
BEYOND_CHANCE = 3.0  # times as many near-duplicates as columns shuffled one by one would have are not chance
AGREES, APART = 0.95, 0.25  # rows of a group agree in a column so often, and so much more often than any two rows
SHARE_OF_COLUMNS = 0.15  # that rows of a group agree in


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


def likely_groups(frame: pd.DataFrame) -> list[str]:
    """Columns whose rows of one value look like one thing seen several times, as the visits of a patient: text or
    integers, 2 to n/3 distinct values, whose rows agree in other columns. The finest first.

    frame: features of train rows, text in object or string columns.
    """
    codes = {str(name): pd.factorize(frame[name])[0] for name in frame.columns}
    n_levels = {name: int(column.max()) + 1 for name, column in codes.items()}
    varying = [name for name in codes if n_levels[name] > 1]
    found = []
    for name in varying:
        if not 2 <= n_levels[name] <= len(frame) / 3 or not _is_text_or_integer(frame[name]):
            continue
        agreeing = sum(_agree(codes[name], codes[other]) for other in varying if other != name)
        if agreeing >= max(2, SHARE_OF_COLUMNS * (len(varying) - 1)):
            found.append((n_levels[name], name))
    return [name for _, name in sorted(found, reverse=True)]


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
    numbers = cells.to_numpy(dtype=np.float64)
    return bool((numbers == np.round(numbers)).all())


def _agree(groups: Array, codes: Array) -> bool:
    """Whether two rows of a group agree in a column far more often than any two rows do."""
    within = _n_pairs(groups * (codes.max() + 2) + codes + 1) / max(_n_pairs(groups), 1)
    between = _n_pairs(codes) / _n_pairs(np.zeros_like(codes))
    return within >= AGREES and within - between >= APART


def _n_pairs(codes: Array) -> int:
    """Pairs of rows with the same code."""
    counts = np.unique(codes, return_counts=True)[1]
    return int((counts * (counts - 1)).sum())
