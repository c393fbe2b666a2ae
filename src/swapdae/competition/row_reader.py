"""How the rows of a file become features: as those of train and test did, so those of a new file."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from swapdae.base.errors import UserError
from swapdae.base.files import read_json, write_json
from swapdae.competition.config import Columns
from swapdae.competition.csv_file import cell_error
from swapdae.competition.kinds import numbers_of
from swapdae.competition.made_columns import MadeColumns
from swapdae.competition.table_file import read_cells

FILE = "reader.json"
LISTS = ("targets", "ignored", "sample")


@dataclass(frozen=True, eq=False)
class RowReader:
    """id: the column that tells rows apart. targets: columns that only train has. ignored: those that are no features,
    and may be there or not. kinds: of all features. made: columns of dates and texts. sample: columns of the sample
    submission, all targets'."""

    id: str
    targets: tuple[str, ...]
    ignored: tuple[str, ...]
    sample: tuple[str, ...]
    kinds: Columns
    made: MadeColumns

    def features(self, cells: pd.DataFrame, file: Path) -> pd.DataFrame:
        """Categories, numbers, and what is made of dates and texts; see Table. cells: of `file`. Raises UserError,
        naming line and column, for a cell that does not fit its column."""
        categorical = {column: cells[column].mask(cells[column] == "") for column in self.kinds.categorical}
        numerical = {column: finite(cells[column], file) for column in self.kinds.numerical}
        return pd.concat([pd.DataFrame(categorical | numerical, cells.index), self.made.of(cells, file)], axis=1)

    def read(self, file: Path) -> tuple[pd.Series, pd.DataFrame]:
        """Ids as they stand, and features, of rows that need not have been there at training.

        Raises UserError where the file is no table, lacks a feature, has a column more, or an id twice.
        """
        if not file.is_file():
            raise UserError(f"{file}: no such file")
        cells = read_cells(file, [self.id, *self.kinds.kinds], "predict")
        if self.id not in cells:
            raise UserError(f"{file}: no column '{self.id}', the id by which rows are told apart; add it")
        if given := [name for name in self.targets if name in cells]:
            raise UserError(f"{file}: holds the target '{given[0]}'; take that column out")
        found = set(cells.columns) - {self.id, *self.ignored}
        same_columns(set(self.kinds.kinds), found, file, "compared with the rows of the training")
        ids = cells[self.id].astype(object)
        for bad, what in ((ids == "", "is empty"), (ids.duplicated(), "occurs again")):
            if bad.any():
                raise cell_error(file, cells[self.id], bad, f"{what}; give every row an id of its own")
        return cells[self.id], self.features(cells, file)

    def save(self, folder: Path) -> None:
        """reader.json, and what `made` keeps."""
        told = {name: getattr(self, name) for name in ("id", *LISTS)}
        write_json(folder / FILE, {**told, "kinds": self.kinds.model_dump(mode="json")})
        self.made.save(folder)

    @staticmethod
    def load(folder: Path) -> "RowReader":
        """What `save` wrote."""
        told = read_json(folder / FILE)
        lists = {name: tuple(told[name]) for name in LISTS}
        kinds = Columns.model_validate(told["kinds"])
        return RowReader(id=told["id"], kinds=kinds, made=MadeColumns.load(folder), **lists)


def same_columns(expected: Iterable[str], found: Iterable[str], file: Path, against: str) -> None:
    """Raises UserError naming the columns that are missing, and those that are too many."""
    lists = (("missing", set(expected) - set(found)), ("extra", set(found) - set(expected)))
    if parts := [f"{word} columns {', '.join(sorted(names))}" for word, names in lists if names]:
        raise UserError(f"{file}: {'; '.join(parts)}, {against}; make the two agree")


def finite(cells: pd.Series, file: Path) -> "pd.Series[float]":
    """Numbers, NaN where missing. Raises UserError for a cell of `file` that is none, or not finite."""
    numbers, wrong = numbers_of(cells)
    if wrong.any():
        advice = "mend it, or the column's kind in competition.toml"
        raise cell_error(file, cells, wrong, f"is not a number as 1234.5; {advice}")
    if (endless := numbers.abs() == np.inf).any():
        raise cell_error(file, cells, endless, "is infinite; leave the cell empty or mend it")
    return numbers
