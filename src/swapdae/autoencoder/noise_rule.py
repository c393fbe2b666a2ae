"""Swap rates without a search: from how well each column can be predicted from the others.

A column that the others determine may be swapped often: the network can restore it, and learns how the columns hang
together. Noise in a column that the others do not predict is not restored; it only hides the column from the features.
docs/method.md has the figures, those of the opposite rule among them.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor

from swapdae.autoencoder.config import NoiseConfig
from swapdae.encoding.encoder import Codes, Encoder, Layout

LOWEST, HIGHEST = 0.05, 0.4  # rates of a column that the others do not predict, and of one that they determine
MAX_LEVELS = 50  # the commonest levels of a column stand for all, so that 10^5 levels cost no more
MIN_ROWS = 4  # fewer show nothing


def predictability(
    frame: pd.DataFrame,
    categorical: tuple[str, ...],
    numerical: tuple[str, ...],
    *,
    rows: int = 10_000,
    seed: int = 0,
) -> dict[str, float]:
    """How well each column is predicted from all others: 0 not at all, 1 fully.

    The share of the column's variance (of its one-hot block, or of number and missing-value indicator, rank-gaussed)
    that extremely randomized trees, fitted on one half of `rows` random rows, explain on the other half. For a category
    that is Goodman and Kruskal's tau, the drop in Gini impurity. A constant column counts as 1. No label is read.
    """
    rng = np.random.default_rng(seed)
    frame = frame.iloc[np.sort(rng.permutation(len(frame))[:rows])]
    encoder = Encoder(categorical, numerical, "rank_gauss", seed).fit(frame)
    codes, layout = encoder.transform(frame), encoder.layout
    blocks = {name: _inputs(codes, layout, name) for name in (*categorical, *numerical)}
    fitted = np.zeros(len(frame), dtype=bool)
    fitted[rng.permutation(len(frame))[: len(frame) // 2]] = True
    shares = {}
    for name in blocks:
        others = [block for other, block in blocks.items() if other != name]
        x = np.concatenate(others, axis=1) if others else np.zeros((len(frame), 0))
        shares[name] = _explained(x, _target(codes, layout, name), fitted, seed)
    return shares


def rule(shares: Mapping[str, float], noise: NoiseConfig) -> NoiseConfig:
    """`noise` with a rate for every column of `shares`: from LOWEST at share 0 to HIGHEST at share 1.

    shares: by column, how well it is predicted from the others, 0..1, as `predictability` gives it.
    """
    rates = {name: round(LOWEST + (HIGHEST - LOWEST) * share, 3) for name, share in shares.items()}
    return noise.model_copy(update={"columns": rates})


def _inputs(codes: Codes, layout: Layout, name: str) -> NDArray[np.float64]:
    """A column as trees read it, (n, 0 to 2): its code, or its indicator and number."""
    parts = [codes.x_cat[:, [j]] for j, column in enumerate(layout.categorical) if column == name]
    return np.concatenate([np.zeros((len(codes), 0)), *parts, *_numbers(codes, layout, name)], axis=1)


def _target(codes: Codes, layout: Layout, name: str) -> NDArray[np.float64]:
    """A column as trees predict it, (n, k): one-hot, or its indicator and number."""
    if name not in layout.categorical:
        return np.concatenate([np.zeros((len(codes), 0)), *_numbers(codes, layout, name)], axis=1)
    code = codes.x_cat[:, layout.categorical.index(name)]
    levels, counts = np.unique(code, return_counts=True)
    common = levels[np.argsort(-counts, kind="stable")[:MAX_LEVELS]]
    return np.asarray(code[:, None] == common, dtype=np.float64)


def _numbers(codes: Codes, layout: Layout, name: str) -> list[NDArray[np.float64]]:
    indicators = [codes.missing[:, [j]].astype(np.float64) for j, of in enumerate(layout.indicators) if of == name]
    return indicators + [codes.x_num[:, [j]].astype(np.float64) for j, of in enumerate(layout.numbers) if of == name]


def _explained(x: NDArray[np.float64], y: NDArray[np.float64], fitted: NDArray[np.bool_], seed: int) -> float:
    """The share of y's variance, all its columns together, that is predicted from x on the rows not fitted."""
    unseen = y[~fitted]
    total = ((unseen - unseen.mean(axis=0)) ** 2).sum() if len(y) >= MIN_ROWS else 0.0
    if not total > 0:
        return 1.0
    if x.shape[1] == 0:
        return 0.0
    trees = ExtraTreesRegressor(20, min_samples_leaf=3, max_features=0.5, random_state=seed)
    trees.fit(x[fitted], y[fitted].squeeze(axis=1) if y.shape[1] == 1 else y[fitted])
    left = ((unseen - trees.predict(x[~fitted]).reshape(unseen.shape)) ** 2).sum()
    return float(np.clip(1 - left / total, 0, 1))
