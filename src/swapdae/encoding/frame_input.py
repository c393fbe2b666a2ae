"""What the estimators take: a DataFrame with categorical columns, or anything scikit-learn takes for numbers."""

from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data


class FrameInput:
    """Reads X for an estimator whose parameter `categorical` is "auto" or names of columns. NaN is allowed."""

    categorical: Literal["auto"] | list[str]

    def _frame(self, X: Any, *, reset: bool) -> pd.DataFrame:
        """X checked as scikit-learn does, as a frame; text columns stay what they are."""
        least = 2 if reset else 1
        if isinstance(X, pd.DataFrame) and self._categorical(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            if len(X) < least or X.shape[1] == 0:
                raise ValueError(f"X has {X.shape[0]} rows and {X.shape[1]} columns; {least} and 1 are needed")
            numbers = X.drop(columns=list(self._categorical(X))).to_numpy(dtype=np.float64, na_value=np.nan)
            if np.isinf(numbers).any():
                raise ValueError("X contains infinity; replace it by NaN or a number")
            return X.rename(columns=str)
        x = validate_data(
            self,
            X,
            reset=reset,
            dtype=np.float64,
            ensure_all_finite="allow-nan",
            ensure_min_samples=least,
        )
        names = [str(name) for name in getattr(self, "feature_names_in_", range(x.shape[1]))]
        return pd.DataFrame(x, columns=names)

    def _categorical(self, frame: pd.DataFrame) -> tuple[str, ...]:
        if self.categorical != "auto":
            return tuple(self.categorical)
        return tuple(
            str(name)
            for name, dtype in frame.dtypes.items()
            if isinstance(name, str) and (not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype))
        )
