"""Encoder: a frame's rows as compact codes and scaled numbers, fitted without any label."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import OrdinalEncoder, QuantileTransformer, StandardScaler

NumericalScale = Literal["standard", "clipped", "rank_gauss"]
CLIP = 5.0  # standard deviations; a linear model that follows one extreme value further misses all others


@dataclass(frozen=True)
class Layout:
    """Input columns in order: one-hot blocks of `n_levels[j]`, missing-value indicators, scaled numbers.

    names: the source column of every one-hot block, then of every indicator, then of every number.
    """

    n_levels: tuple[int, ...]
    n_indicators: int
    n_numbers: int
    categorical: tuple[str, ...]
    indicators: tuple[str, ...]
    numbers: tuple[str, ...]

    @property
    def n_binary(self) -> int:
        """Input columns that hold 0 or 1."""
        return sum(self.n_levels) + self.n_indicators

    @property
    def n_inputs(self) -> int:
        return self.n_binary + self.n_numbers

    @property
    def varies(self) -> bool:
        """Whether any input column holds two distinct values in the rows of the fit."""
        return self.n_indicators + self.n_numbers > 0 or max(self.n_levels, default=0) > 1


@dataclass(frozen=True)
class Codes:
    """Encoded rows, compact: x_cat (n, c) int16 or int32 codes 1..n_levels, 0 for a level that the encoder has not
    seen; missing (n, n_indicators) bool; x_num (n, n_numbers) float32, 0 (the mean) where missing."""

    x_cat: NDArray[np.signedinteger]
    missing: NDArray[np.bool_]
    x_num: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.x_cat)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> "Codes":
        return Codes(self.x_cat[rows], self.missing[rows], self.x_num[rows])

    def one_hot(self, layout: Layout) -> NDArray[np.float32]:
        """All input columns, (n, layout.n_inputs). An unknown level has no column: its block is all zeros."""
        x = np.zeros((len(self), layout.n_inputs), dtype=np.float32)
        start = 0
        for j, n_levels in enumerate(layout.n_levels):
            rows = np.flatnonzero(self.x_cat[:, j])
            x[rows, start + self.x_cat[rows, j] - 1] = 1
            start += n_levels
        x[:, start : layout.n_binary] = self.missing
        x[:, layout.n_binary :] = self.x_num
        return x


class Encoder:
    """Categories to codes (a missing value is a level of its own), numbers standardized, cut at CLIP where
    models read them, or made normal by rank for who compares columns of any shape.

    A missing number becomes the mean, and its column gets an indicator. A column with no two distinct numbers is
    kept out of scaling: it yields at most its indicator. Ties in rank-gauss share a value.
    """

    def __init__(
        self,
        categorical: tuple[str, ...],
        numerical: tuple[str, ...],
        scale: NumericalScale = "standard",
        seed: int = 0,
    ) -> None:
        self.categorical = categorical
        self.numerical = numerical
        self.scale = scale
        self.seed = seed

    def fit(self, frame: pd.DataFrame) -> "Encoder":
        self._ordinal = _new_ordinal()
        n_levels: tuple[int, ...] = ()
        if self.categorical:
            self._ordinal.fit(self._categories(frame))
            n_levels = tuple(len(levels) for levels in self._ordinal.categories_)
        x = self._numbers(frame)
        missing = np.isnan(x)
        self._indicated = np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0))
        low = np.where(missing, np.inf, x).min(axis=0, initial=np.inf)
        high = np.where(missing, -np.inf, x).max(axis=0, initial=-np.inf)
        self._scaled = np.flatnonzero(low < high)
        if len(self._scaled):
            self._scaler = self._new_scaler(len(frame)).fit(x[:, self._scaled])
            self._mean = np.nanmean(self._scaler.transform(x[:, self._scaled]), axis=0)
        self.layout = self._layout(n_levels)
        return self

    def _layout(self, n_levels: tuple[int, ...]) -> Layout:
        return Layout(
            n_levels=n_levels,
            n_indicators=len(self._indicated),
            n_numbers=len(self._scaled),
            categorical=self.categorical,
            indicators=tuple(self.numerical[j] for j in self._indicated),
            numbers=tuple(self.numerical[j] for j in self._scaled),
        )

    def _new_scaler(self, n_rows: int) -> "StandardScaler | QuantileTransformer":
        if self.scale == "rank_gauss":
            return QuantileTransformer(
                n_quantiles=min(1000, n_rows),
                output_distribution="normal",
                subsample=200_000,
                random_state=self.seed,
            )
        return StandardScaler()

    def _categories(self, frame: pd.DataFrame) -> NDArray[np.object_]:
        # Without copy=True, pandas 3 tries to write into a read-only view of a column of floats.
        return frame[list(self.categorical)].to_numpy(dtype=object, na_value=np.nan, copy=True)

    def _numbers(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        return frame[list(self.numerical)].to_numpy(dtype=np.float64, na_value=np.nan)

    def transform(self, frame: pd.DataFrame) -> Codes:
        """Encode rows; a category not seen in fit becomes code 0."""
        n = len(frame)
        code = np.int16 if max(self.layout.n_levels, default=0) < 2**15 - 1 else np.int32
        x_cat = np.zeros((n, 0), dtype=code)
        if self.categorical:
            found = self._ordinal.transform(self._categories(frame)) + 1
            # scikit-learn sorts a missing value last among the levels, but encodes it as NaN.
            x_cat = np.where(np.isnan(found), self.layout.n_levels, found).astype(code)
        x = self._numbers(frame)
        x_num = np.zeros((n, 0), dtype=np.float32)
        if len(self._scaled):
            centred = self._scaler.transform(x[:, self._scaled]) - self._mean
            if self.scale == "clipped":
                centred = np.clip(centred, -CLIP, CLIP)
            x_num = np.nan_to_num(centred, nan=0.0).astype(np.float32)
        return Codes(x_cat, np.isnan(x[:, self._indicated]), x_num)

    def state(self) -> dict[str, Any]:
        """All that was fitted, as JSON values; see of_state. For levels of text, and not for scale "rank_gauss"."""
        if self.scale == "rank_gauss":
            raise ValueError("an encoder of ranks cannot be kept")
        found = self._ordinal.categories_ if self.categorical else []
        return {
            "categorical": list(self.categorical),
            "numerical": list(self.numerical),
            "scale": self.scale,
            "levels": [[None if pd.isna(level) else str(level) for level in levels] for levels in found],
            "indicated": self._indicated.tolist(),
            "scaled": self._scaled.tolist(),
            "centre": self._scaler.mean_.tolist() if len(self._scaled) else [],
            "deviation": self._scaler.scale_.tolist() if len(self._scaled) else [],
            "mean": self._mean.tolist() if len(self._scaled) else [],
        }

    @staticmethod
    def of_state(state: Mapping[str, Any]) -> "Encoder":
        """The fitted encoder whose state this is."""
        encoder = Encoder(tuple(state["categorical"]), tuple(state["numerical"]), state["scale"])
        levels = [[np.nan if level is None else level for level in column] for column in state["levels"]]
        if levels:
            longest = max(map(len, levels))  # what scikit-learn finds in columns filled up is these levels
            filled = [[*column, *[column[-1]] * (longest - len(column))] for column in levels]
            encoder._ordinal = _new_ordinal().fit(np.array(filled, dtype=object).T)
        encoder._indicated, encoder._scaled = (np.array(state[k], dtype=np.int64) for k in ("indicated", "scaled"))
        if state["scaled"]:
            scaler, encoder._mean = StandardScaler(), np.array(state["mean"])
            scaler.mean_, scaler.scale_ = np.array(state["centre"]), np.array(state["deviation"])
            scaler.n_features_in_ = len(state["scaled"])
            encoder._scaler = scaler
        encoder.layout = encoder._layout(tuple(map(len, levels)))
        return encoder


def _new_ordinal() -> OrdinalEncoder:
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float64)


def encoder_for(
    frame: pd.DataFrame,
    rows: NDArray[np.int64],
    categorical: tuple[str, ...],
    numerical: tuple[str, ...],
) -> Encoder:
    """What models read through, fitted on `rows` (row numbers) of `frame` alone."""
    return Encoder(categorical, numerical, "clipped").fit(frame.iloc[rows])


def encode(
    frame: pd.DataFrame,
    rows: NDArray[np.int64],
    categorical: tuple[str, ...],
    numerical: tuple[str, ...],
) -> tuple[Codes, Layout]:
    """All rows of `frame`, encoded by what is seen in `rows` (row numbers) alone, and the layout of their inputs."""
    encoder = encoder_for(frame, rows, categorical, numerical)
    return encoder.transform(frame), encoder.layout
