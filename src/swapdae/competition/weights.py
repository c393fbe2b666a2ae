"""The weight of each train row: a column of the train file that is no feature."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.base.errors import UserError
from swapdae.competition.csv_file import cell_error


def weights_of(train: pd.DataFrame, name: str, file: Path) -> NDArray[Any]:
    """(n_train,) finite numbers >= 0, not all 0. Raises UserError naming file, line and column."""
    if name not in train:
        raise UserError(f"{file}: no column '{name}', which columns.weight names in competition.toml")
    cells = train[name]
    weights = pd.to_numeric(cells, errors="coerce").astype(np.float64)
    wrong = ~(weights >= 0) | (weights == np.inf)
    if wrong.any():
        raise cell_error(file, cells, wrong, "is no weight: a number of 0 or more; mend it")
    if not weights.any():
        raise UserError(f"{file}, column '{name}': every weight is 0, so no row would count")
    return weights.to_numpy()
