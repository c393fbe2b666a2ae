"""Numbers made of columns that no model reads as they are: dates and free text. Label-free and without chance."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from swapdae.base.errors import UserError
from swapdae.base.files import read_json, write_json
from swapdae.competition.config import Columns
from swapdae.competition.dates import date_parts, dates_of
from swapdae.competition.texts import Letters

ABSOLUTE = "year", "age"  # parts of a date that do not come again
FILE = "made.json"


class Dates(NamedTuple):
    """form: of strptime, or "ISO8601". newest: of train, from which ages count; "NaT" where train has no date."""

    form: str
    newest: str


@dataclass(frozen=True, eq=False)
class MadeColumns:
    """Columns named <source>_<part>, float64, of every date and text. names: those that are kept."""

    names: tuple[str, ...]
    dates: dict[str, Dates]
    texts: dict[str, Letters]

    @staticmethod
    def fit(train: pd.DataFrame, test: pd.DataFrame, kinds: Columns, files: tuple[Path, Path]) -> "MadeColumns":
        """Of the dates and texts in `kinds`.

        What is made of a text depends on the texts of all rows. Of train alone come the newest date, and which parts
        are the same in all its rows; these are left out. So are ABSOLUTE parts of a date whose every test cell is as
        late as train's newest or later: no model can learn what they say of days to come. Raises UserError for a cell
        that is no date, and for a name that the file has already.
        """
        dates, unseen = {}, set()
        for name, form in kinds.dates.items():
            a, b = (dates_of(cells[name], form, file) for cells, file in zip((train, test), files, strict=True))
            dates[name] = Dates(form, str(a.max()))
            if b.min() >= a.max():
                unseen |= {f"{name}_{part}" for part in ABSOLUTE}
        texts = {name: Letters.of(pd.concat([train[name], test[name]], ignore_index=True)) for name in kinds.text}
        made = MadeColumns((), dates, texts)._all(train, files[0])
        kept = [name for name, cells in made.items() if cells.nunique(dropna=False) > 1 and name not in unseen]
        if twice := sorted(set(kept) & set(train.columns)):
            raise UserError(f"{files[0]}: column '{twice[0]}' is also made of a date or text; rename it, or drop one")
        return MadeColumns(tuple(kept), dates, texts)

    def of(self, cells: pd.DataFrame, file: Path) -> pd.DataFrame:
        """Of any rows; `cells` are of `file`. Raises UserError for a cell that is no date."""
        made = self._all(cells, file)
        return pd.DataFrame({name: made[name] for name in self.names}, index=cells.index)

    def _all(self, cells: pd.DataFrame, file: Path) -> dict[str, pd.Series]:
        made: dict[str, pd.Series] = {}
        for name, (form, newest) in self.dates.items():
            parts = date_parts(dates_of(cells[name], form, file), pd.Timestamp(newest))
            made |= {f"{name}_{part}": values for part, values in parts.items()}
        for name, letters in self.texts.items():
            made |= {f"{name}_{part}": values for part, values in letters.parts(cells[name]).items()}
        return made

    def save(self, folder: Path) -> None:
        """made.json, and two arrays for each text."""
        texts = {name: letters.terms for name, letters in self.texts.items()}
        write_json(folder / FILE, {"names": self.names, "dates": self.dates, "texts": texts})
        for i, letters in enumerate(self.texts.values()):
            np.save(folder / f"text_{i}_idf.npy", letters.idf)
            np.save(folder / f"text_{i}_directions.npy", letters.directions)

    @staticmethod
    def load(folder: Path) -> "MadeColumns":
        """What `save` wrote."""
        told = read_json(folder / FILE)
        texts = {}
        for i, (name, terms) in enumerate(told["texts"].items()):
            idf, directions = (np.load(folder / f"text_{i}_{part}.npy") for part in ("idf", "directions"))
            texts[name] = Letters(terms, idf, directions)
        return MadeColumns(tuple(told["names"]), {name: Dates(*date) for name, date in told["dates"].items()}, texts)
