"""FeatureSet: a function fold -> features of ALL rows, train then test. One interface for raw, dae, raw+dae.

A feature set is shared when every fold sees the same matrix (an autoencoder trained on all rows), else each fold has
its own, and columns of different folds must not be compared: their autoencoders live in different coordinate systems.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.base.files import read_json, write_json
from swapdae.encoding.encoder import Encoder, encoder_for

FloatArray = NDArray[Any]  # float32, or float16 where it is mapped from a file
RowNumbers = NDArray[np.int64]


@dataclass(frozen=True)
class Native:
    """What tree models read: category codes as they are, numbers with NaN where missing.

    x_cat: (n, c) int32, codes 0..n_levels[j]; 0 is "unknown". x_num: blocks of (n, m_i), side by side.
    names: of all c + sum(m_i) columns, categorical first.
    """

    x_cat: NDArray[np.int32]
    n_levels: tuple[int, ...]
    x_num: tuple[FloatArray, ...]
    names: tuple[str, ...]

    def table(self, rows: RowNumbers) -> NDArray[np.float32]:
        """(len(rows), columns): codes, then numbers, as one float32 matrix (exact for codes below 2^24)."""
        return np.concatenate([block[rows].astype(np.float32) for block in (self.x_cat, *self.x_num)], axis=1)


class FoldFeatures(Protocol):
    """A feature set as one fold reads it."""

    def native(self) -> Native:
        """For tree models."""

    def dense(self) -> tuple[FloatArray, ...]:
        """For linear models and networks."""


class FeatureSet(Protocol):
    """Features by fold. Rows 0..n_train-1 are the train rows, the rest the test rows."""

    @property
    def shared(self) -> bool:
        """Whether native() and dense() are the same for every fold."""

    def native(self, fold: int) -> Native:
        """For tree models."""

    def dense(self, fold: int) -> tuple[FloatArray, ...]:
        """For linear models and networks: finite blocks of (n, d_i), side by side, categories one-hot."""


@dataclass(frozen=True)
class ColumnEncoders:
    """From columns of a frame, categorical and numerical, to what heads read.

    levels: names the categories for tree models, which learn nothing from a name, so all rows were read for it. inputs:
    of the dense form; fitted on the rows that a fold may see.
    """

    levels: Encoder
    inputs: Encoder

    def native(self, frame: pd.DataFrame) -> Native:
        categorical, numerical = self.inputs.categorical, self.inputs.numerical
        return Native(
            x_cat=self.levels.transform(frame).x_cat.astype(np.int32),
            n_levels=self.levels.layout.n_levels,
            x_num=(frame[list(numerical)].to_numpy(dtype=np.float32, na_value=np.nan),),
            names=(*categorical, *numerical),
        )

    def dense(self, frame: pd.DataFrame) -> FloatArray:
        return self.inputs.transform(frame).one_hot(self.inputs.layout)

    def save(self, file: Path) -> None:
        write_json(file, {"levels": self.levels.state(), "inputs": self.inputs.state()})

    @staticmethod
    def load(file: Path) -> "ColumnEncoders":
        """What `save` wrote."""
        return ColumnEncoders(**{name: Encoder.of_state(state) for name, state in read_json(file).items()})


class RawFeatures:
    """The table's own columns. dense() is standardized and one-hot, by an encoder fitted without labels on the rows
    that `fit_rows` names: of every fold the same, or without its held-out rows.

    frame: all rows, train then test. fit_rows: one row selection for all folds, or one per fold.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        categorical: tuple[str, ...],
        numerical: tuple[str, ...],
        fit_rows: Sequence[RowNumbers],
    ) -> None:
        self._frame, self._categorical, self._numerical, self._fit_rows = (
            frame,
            categorical,
            numerical,
            fit_rows,
        )
        self._dense = lru_cache(maxsize=1)(lambda k: self.encoders(k).dense(frame))

    @property
    def shared(self) -> bool:
        return len(self._fit_rows) == 1

    @cached_property
    def _levels(self) -> Encoder:
        return Encoder(self._categorical, (), "standard").fit(self._frame)

    def encoders(self, fold: int) -> ColumnEncoders:
        """As fitted for a fold."""
        rows = self._fit_rows[0 if self.shared else fold]
        inputs = encoder_for(self._frame, rows, self._categorical, self._numerical)
        return ColumnEncoders(self._levels, inputs)

    @cached_property
    def _native(self) -> Native:
        return self.encoders(0).native(self._frame)

    def native(self, fold: int) -> Native:
        return self._native

    def dense(self, fold: int) -> tuple[FloatArray, ...]:
        return (self._dense(0 if self.shared else fold),)


class LoadedFeatures:
    """A matrix of all rows, (n, d), that load(k) gives: k is 0 where one serves all folds, else the fold."""

    def __init__(self, load: Callable[[int], FloatArray], *, shared: bool, prefix: str) -> None:
        self._load, self._shared, self._prefix = load, shared, prefix

    @property
    def shared(self) -> bool:
        return self._shared

    def native(self, fold: int) -> Native:
        (x,) = self.dense(fold)
        names = tuple(f"{self._prefix}_{j}" for j in range(x.shape[1]))
        return Native(np.zeros((len(x), 0), dtype=np.int32), (), (x,), names)

    def dense(self, fold: int) -> tuple[FloatArray, ...]:
        return (self._load(0 if self._shared else fold),)


class FileFeatures(LoadedFeatures):
    """Features that a stage wrote as .npy files, memory-mapped: one for all folds, or one per fold."""

    def __init__(self, files: Sequence[Path], prefix: str) -> None:
        super().__init__(
            lambda k: np.load(files[k], mmap_mode="r", allow_pickle=False), shared=len(files) == 1, prefix=prefix
        )


class FoldwiseFeatures:
    """Another feature set for each fold."""

    def __init__(self, by_fold: Sequence[FeatureSet]) -> None:
        self._by_fold = by_fold

    @property
    def shared(self) -> bool:
        return False

    def native(self, fold: int) -> Native:
        return self._by_fold[fold].native(fold)

    def dense(self, fold: int) -> tuple[FloatArray, ...]:
        return self._by_fold[fold].dense(fold)


class JoinedFeatures:
    """Several feature sets side by side; shared only if all are."""

    def __init__(self, parts: Sequence[FeatureSet]) -> None:
        self._parts = parts

    @property
    def shared(self) -> bool:
        return all(part.shared for part in self._parts)

    def native(self, fold: int) -> Native:
        natives = [part.native(fold) for part in self._parts]
        c = [native.x_cat.shape[1] for native in natives]
        return Native(
            x_cat=np.concatenate([native.x_cat for native in natives], axis=1),
            n_levels=tuple(n for native in natives for n in native.n_levels),
            x_num=tuple(block for native in natives for block in native.x_num),
            names=(
                *(name for native, k in zip(natives, c, strict=True) for name in native.names[:k]),
                *(name for native, k in zip(natives, c, strict=True) for name in native.names[k:]),
            ),
        )

    def dense(self, fold: int) -> tuple[FloatArray, ...]:
        return tuple(block for part in self._parts for block in part.dense(fold))
