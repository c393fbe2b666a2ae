"""The rows that an experiment works on: its competition's table, cut to its cap on rows, and their folds."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from swapdae.competition.config import Competition
from swapdae.competition.fold_rows import Folds
from swapdae.competition.folds import draw_folds, train_rows
from swapdae.competition.table import Table, read_table
from swapdae.modelling.own_features import OwnFeatures

FOLDS_CSV = "folds.csv"
LABELS = "fold"  # its column of the first draw; those of repeats are fold_1, fold_2, ...


@dataclass(frozen=True, eq=False)
class Data:
    """table: validated, its train rows those of the experiment. folds: of its train rows."""

    table: Table
    folds: Folds

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Features of all rows, train then test."""
        return pd.concat([self.table.train, self.table.test], ignore_index=True)

    def folds_table(self, id_: str) -> pd.DataFrame:
        """id and fold of every train row, -1 where none holds it out; a column more for each repeat."""
        size = self.folds.n_per_repeat
        columns = {id_: self.table.train_ids, LABELS: self.folds.labels}
        for repeat in range(1, self.folds.repeats):
            held_out = self.folds.held_out[repeat * size : (repeat + 1) * size]
            columns[f"{LABELS}_{repeat}"] = held_out.argmax(axis=0)
        return pd.DataFrame(columns)


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
    folds = draw_folds(whole.y, competition.folds, competition.task, whole.fold_by)
    return Data(whole.subset(chosen), folds.subset(chosen))
