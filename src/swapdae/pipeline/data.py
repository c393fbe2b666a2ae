"""The rows that an experiment works on: its competition's table, cut to its cap on rows, and their folds."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.competition.config import Competition
from swapdae.competition.folds import draw_folds, train_rows
from swapdae.competition.table import Table, read_table
from swapdae.modelling.own_features import OwnFeatures


@dataclass(frozen=True, eq=False)
class Data:
    """table: validated, its train rows those of the experiment. folds: (n_train,), the fold of each."""

    table: Table
    folds: NDArray[np.int8]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Features of all rows, train then test."""
        return pd.concat([self.table.train, self.table.test], ignore_index=True)


def read_data(
    competition: Competition, directory: Path, rows: int | None, seed: int, own: OwnFeatures | None = None
) -> Data:
    """Folds are drawn over the competition's train rows and cut afterwards, so that a row keeps its fold in every
    experiment. rows: a cap on train rows. own: adds its columns to the whole table, before the cap. Raises UserError
    naming the file."""
    whole = read_table(competition, directory)
    if own is not None:
        whole = own.extend(whole, (competition.id, competition.target))
    chosen = train_rows(whole.n_train, rows, seed)
    return Data(whole.subset(chosen), draw_folds(whole.y, competition.folds, competition.task)[chosen])
