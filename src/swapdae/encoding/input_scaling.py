"""Network inputs on the scale on which a selector measures its errors, and the source column of each."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.encoding.encoder import Codes, Layout

Array = NDArray[Any]
Scale = Literal["standard", "min_max", "none"]


@dataclass(frozen=True)
class InputScaling:
    """(inputs - mean) * factor, both (n_inputs,), of inputs whose numbers the encoder has standardized.

    columns: (n_columns,) positions in the frame of the source columns that have inputs; a number that does not vary
    has none. of_input: (n_inputs,) which of `columns` each input comes from. constants: (n_features,) a value of each
    column of numbers.
    """

    mean: Array
    factor: Array
    columns: tuple[int, ...]
    of_input: tuple[int, ...]
    numbers: tuple[int, ...]
    original_mean: Array
    original_factor: Array
    constants: Array

    @staticmethod
    def fit(codes: Codes, layout: Layout, frame: pd.DataFrame, scale: Scale) -> "InputScaling":
        """From the training rows. "standard": the variances of a number, and of a one-hot block, sum to 1; "min_max":
        numbers range over 1; "none": numbers as they are in the frame. The last two leave 0 and 1 as they are."""
        x, n_binary = codes.one_hot(layout).astype(np.float64), layout.n_binary
        names = list(map(str, frame.columns))
        source = [name for name, n in zip(layout.categorical, layout.n_levels, strict=True) for _ in range(n)]
        source += [*layout.indicators, *layout.numbers]
        columns = sorted({names.index(name) for name in source})
        low, span = _range(frame, [name for name in names if name not in layout.categorical])
        numbers = [names.index(name) for name in layout.numbers]
        z = x[:, n_binary:]
        factor, to_original = np.ones(layout.n_inputs), np.array([span[j] for j in numbers]) / np.ptp(z, axis=0)
        if scale == "standard":
            variance = pd.Series(x.var(axis=0)).groupby(source).transform("sum").to_numpy()
            blocks = np.arange(sum(layout.n_levels))
            factor[blocks] = np.where(variance[blocks] > 0, variance[blocks], 1) ** -0.5
        else:
            factor[n_binary:] = to_original if scale == "none" else 1 / np.ptp(z, axis=0)
        return InputScaling(
            mean=x.mean(axis=0),
            factor=factor,
            columns=tuple(columns),
            of_input=tuple(columns.index(names.index(name)) for name in source),
            numbers=tuple(numbers),
            original_mean=np.array([low[j] for j in numbers]) + (z.mean(axis=0) - z.min(axis=0)) * to_original,
            original_factor=to_original / factor[n_binary:],
            constants=np.array([low.get(j, np.nan) for j in range(len(names))]),
        )

    def __call__(self, inputs: Array) -> NDArray[np.float32]:
        return np.asarray((inputs - self.mean) * self.factor, dtype=np.float32)

    def inverse(self, inputs: Array) -> Array:
        """Scaled inputs (n, n_inputs) as columns of the frame, (n, n_features); categorical ones are NaN."""
        values = np.tile(self.constants, (len(inputs), 1))
        if self.numbers:
            part = inputs[:, -len(self.numbers) :]
            values[:, list(self.numbers)] = self.original_mean + part * self.original_factor
        return values


def _range(frame: pd.DataFrame, numerical: list[str]) -> tuple[dict[int, float], dict[int, float]]:
    """Least value and range of each column of numbers, by position; those of a column without any are NaN."""
    low, span = {}, {}
    for name in numerical:
        values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        values = values[~np.isnan(values)]
        position = list(map(str, frame.columns)).index(name)
        low[position] = float(values.min()) if len(values) else np.nan
        span[position] = float(np.ptp(values)) if len(values) else np.nan
    return low, span
