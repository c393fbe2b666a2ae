"""Folds as rows: which of them every fold trains on, and which it holds out."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Folds:
    """training, held_out: (n_folds, n), what every fold trains on and what it holds out, never the same row.

    With repeats, the folds of one draw follow those of another, n_folds = repeats x n_per_repeat; a draw holds a row
    out once, or never: folds in time predict no row of their first window. groups (n,): rows of one number belong
    together. times (n,), gap: rows are in this order, and between those fitted on and those that judge lies the gap.
    final (n,): the rows of one more fit, the last, which holds none out and predicts test rows; None where the folds'
    own fits do. In time, where folds know less the earlier they are.
    """

    training: Mask
    held_out: Mask
    repeats: int = 1
    groups: Array | None = None
    times: Array | None = None
    gap: float = 0.0
    final: Mask | None = None

    def __post_init__(self) -> None:
        if self.training.shape != self.held_out.shape or self.n_per_repeat < 2:
            raise ValueError("folds are two at least, and each says of the same rows what it does with them")
        if (self.training & self.held_out).any():
            raise ValueError("folds hold out rows that they train on")
        if (self.held_out[: self.n_per_repeat].sum(axis=0) > 1).any():
            raise ValueError("folds of one draw hold a row out more than once")

    def __len__(self) -> int:
        """Rows."""
        return int(self.training.shape[1])

    @property
    def n_folds(self) -> int:
        """Of all repeats."""
        return len(self.training)

    @property
    def n_fits(self) -> int:
        """One for each fold, and the final one if there is one."""
        return self.n_folds + (self.final is not None)

    @property
    def of_test(self) -> range:
        """The fits that predict test rows: the final one, or where there is none all."""
        return range(0 if self.final is None else self.n_folds, self.n_fits)

    @property
    def n_per_repeat(self) -> int:
        return self.n_folds // self.repeats

    @cached_property
    def labels(self) -> NDArray[np.int8]:
        """(n,) the fold of the first repeat that holds a row out, -1 where none does."""
        first = self.held_out[: self.n_per_repeat]
        return np.where(first.any(axis=0), first.argmax(axis=0), -1).astype(np.int8)

    @cached_property
    def predicted(self) -> Mask:
        """(n,) rows that have an out-of-fold prediction."""
        return self.labels >= 0

    @property
    def n_left_out(self) -> int:
        """Rows without an out-of-fold prediction."""
        return int((~self.predicted).sum())

    @cached_property
    def in_full(self) -> bool:
        """Whether every fold trains on all rows that it does not hold out."""
        return bool((self.training != self.held_out).all())

    @cached_property
    def fits(self) -> Mask:
        """(n_fits, n) what every fit is trained on."""
        return self.training if self.final is None else np.vstack([self.training, self.final])

    def train(self, fit: int) -> NDArray[np.int64]:
        """Row numbers that a fit is trained on."""
        return np.flatnonzero(self.fits[fit])

    def out(self, fit: int) -> NDArray[np.int64]:
        """Row numbers that a fit holds out."""
        return np.flatnonzero(self.held_out[fit]) if fit < self.n_folds else np.arange(0)

    def subset(self, rows: Array) -> Self:
        """The same folds on these rows, (n,) numbers; a fold may be left without any."""
        return replace(
            self,
            training=self.training[:, rows],
            held_out=self.held_out[:, rows],
            groups=None if self.groups is None else self.groups[rows],
            times=None if self.times is None else self.times[rows],
            final=None if self.final is None else self.final[rows],
        )

    def fewer(self, most: int) -> Self:
        """At most so many folds, each with rows, of the first repeat: merged, or the last ones if folds are windows.
        These are to judge by, so there is no final fit."""
        if self.in_full:
            labels = np.where(self.predicted, self.labels % most, -1)
            merged = partition(compact(labels))
            return replace(self, training=merged.training, held_out=merged.held_out, repeats=1, final=None)
        whole = [k for k in range(self.n_per_repeat) if self.training[k].any() and self.held_out[k].any()][-most:]
        return replace(self, training=self.training[whole], held_out=self.held_out[whole], repeats=1, final=None)


def partition(labels: Array) -> Folds:
    """Folds that each train on all rows but their own.

    labels: (n,) from 0 without gaps, -1 for rows that none holds out. Raises ValueError for others, or under two folds.
    """
    n_folds = int(labels.max()) + 1
    if n_folds < 2 or not np.array_equal(np.unique(labels[labels >= 0]), np.arange(n_folds)) or labels.min() < -1:
        raise ValueError("folds must be numbered from 0, without gaps, and be two at least")
    held_out = labels == np.arange(n_folds)[:, None]
    return Folds(~held_out, held_out)


def repeated(draws: list[Folds]) -> Folds:
    """Several draws of folds over the same rows as one."""
    if len(draws) == 1:
        return draws[0]
    training, held_out = (np.concatenate([getattr(d, name) for d in draws]) for name in ("training", "held_out"))
    return replace(draws[0], training=training, held_out=held_out, repeats=len(draws))


def compact(labels: Array) -> Array:
    """(n,) the same folds numbered without gaps; -1 stays."""
    numbers = np.full(len(labels), -1)
    chosen = labels >= 0
    numbers[chosen] = np.unique(labels[chosen], return_inverse=True)[1]
    return numbers
