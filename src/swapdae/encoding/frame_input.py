"""What the estimators take: a DataFrame with categorical columns, or anything scikit-learn takes for numbers."""

from collections import Counter
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data

from swapdae.encoding.encoder import Encoder, NumericalScale

IDENTIFIER_ROWS = 100  # in a longer table, levels that are mostly distinct are identifiers or free text
NUMBERS = ("integer", "floating", "mixed-integer-float", "complex", "empty")  # as pandas calls what a column holds
DATES = ("datetime64", "datetime", "date", "timedelta64", "timedelta", "time", "period")
MIXED = ("mixed", "mixed-integer")


class FrameInput:
    """Reads X for an estimator whose parameter `categorical` is "auto" or names of columns. NaN is allowed."""

    categorical: Literal["auto"] | list[str]
    _categorical: tuple[str, ...]  # columns that were categorical in the fit

    def _frame(self, X: Any, *, reset: bool) -> pd.DataFrame:
        """X checked as scikit-learn does, as a frame whose names are text; categorical columns stay what they are.

        reset: in the fit. Raises ValueError where a column cannot be used, naming it.
        """
        least = 2 if reset else 1
        if isinstance(X, pd.DataFrame):
            if reset:
                self._categorical = self._levels(X)
            X = self._with_text_names(X)
            if self._categorical:
                return self._checked(X, least, reset=reset)
            _check_numbers(X)
        x = validate_data(
            self,
            X,
            reset=reset,
            dtype=np.float64,
            ensure_all_finite="allow-nan",
            ensure_min_samples=least,
        )
        frame = pd.DataFrame(x, columns=[str(n) for n in getattr(self, "feature_names_in_", range(x.shape[1]))])
        if reset:
            self._categorical = self._levels(frame)
        return frame

    def _checked(self, frame: pd.DataFrame, least: int, *, reset: bool) -> pd.DataFrame:
        """A frame with categorical columns, on which scikit-learn checks names alone."""
        validate_data(self, frame, reset=reset, skip_check_array=True)
        if len(frame) < least:
            raise ValueError(f"X has {len(frame)} rows; {least} are needed")
        _check_numbers(frame.drop(columns=list(self._categorical)))
        return frame

    def _levels(self, frame: pd.DataFrame) -> tuple[str, ...]:
        """The names of the categorical columns. Raises ValueError for one that is neither that nor numbers."""
        names = [str(name) for name in frame.columns]
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise ValueError(f"X has two columns '{twice[0]}'; rename one")
        if isinstance(self.categorical, str):
            if self.categorical != "auto":
                raise ValueError(f"categorical: 'auto' or a list of columns, not {self.categorical!r}")
            columns = zip(names, (column for _, column in frame.items()), strict=True)
            return tuple(name for name, column in columns if _is_categorical(name, column))
        listed = tuple(str(name) for name in self.categorical)
        if lacking := [name for name in listed if name not in names]:
            raise ValueError(f"categorical: X has no column '{lacking[0]}'")
        return listed

    def _with_text_names(self, X: Any) -> Any:
        """A DataFrame with its names as text; one of numbers alone, whose names are all numbers, stays nameless."""
        if not isinstance(X, pd.DataFrame) or all(isinstance(name, str) for name in X.columns):
            return X
        return X.rename(columns=str) if self._categorical or any(isinstance(n, str) for n in X.columns) else X

    def _fitted_encoder(self, frame: pd.DataFrame, scale: NumericalScale = "standard") -> Encoder:
        """Raises ValueError where there is nothing to learn."""
        numerical = tuple(name for name in frame.columns if name not in self._categorical)
        encoder = Encoder(self._categorical, numerical, scale).fit(frame)
        if not encoder.layout.varies:
            raise ValueError("X: every column is constant, so there is nothing to learn")
        return encoder


def _is_categorical(name: str, column: pd.Series) -> bool:
    """Whether a column holds text, categories or bools. Raises ValueError for dates, identifiers and mixtures."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        kind = pd.api.types.infer_dtype(column.cat.categories)
    elif (kind := pd.api.types.infer_dtype(column, skipna=True)) in NUMBERS:
        return False
    elif kind in DATES:
        raise ValueError(f"column '{name}' holds dates or times; drop it, or make numbers of it, as year, month, hour")
    if kind in MIXED:
        raise ValueError(f"column '{name}' mixes types; make it one, as X['{name}'].astype(str)")
    n_distinct = column.nunique()
    if len(column) > IDENTIFIER_ROWS and n_distinct > len(column) / 2:
        raise ValueError(
            f"column '{name}' has {n_distinct} different values in {len(column)} rows, as an identifier or free text "
            "has; drop it, or list it with all other categorical columns under categorical"
        )
    return True


def _check_numbers(frame: pd.DataFrame) -> None:
    for name, column in frame.items():
        if pd.api.types.infer_dtype(column, skipna=True) in DATES:
            raise ValueError(f"column '{name}' holds dates or times; drop it, or make numbers of it")
        try:
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError):
            raise ValueError(f"column '{name}' is not of numbers; drop it, or list it under categorical") from None
        if np.isinf(values).any():
            raise ValueError(f"column '{name}' contains infinity; replace it by NaN or a number")
