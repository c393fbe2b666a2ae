"""Numbers made of columns that no model reads as they are: dates and free text. Label-free and without chance."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from swapdae.base.errors import UserError
from swapdae.competition.config import Columns
from swapdae.competition.dates import date_parts, dates_of
from swapdae.competition.texts import text_parts

ABSOLUTE = "year", "age"  # parts of a date that do not come again


def made_columns(
    train: pd.DataFrame, test: pd.DataFrame, kinds: Columns, files: tuple[Path, Path]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Columns named <source>_<part> for train and for test, float64, of every date and text in `kinds`.

    What is made of a text depends on the texts of all rows. Of train alone come the newest date, and which parts are
    the same in all its rows; these are left out. So are ABSOLUTE parts of a date whose every test cell is as late as
    train's newest or later: no model can learn what they say of days to come. Raises UserError for a cell that is no
    date, and for a name that the file has already.
    """
    made_train: dict[str, pd.Series] = {}
    made_test: dict[str, pd.Series] = {}
    for name, form in kinds.dates.items():
        a, b = (dates_of(cells[name], form, file) for cells, file in zip((train, test), files, strict=True))
        newest = a.max()
        unseen = ABSOLUTE if b.min() >= newest else ()
        for made, dates in ((made_train, a), (made_test, b)):
            _add(made, name, {part: x for part, x in date_parts(dates, newest).items() if part not in unseen})
    for name in kinds.text:
        parts = text_parts(pd.concat([train[name], test[name]], ignore_index=True))
        _add(made_train, name, {part: cells[: len(train)].set_axis(train.index) for part, cells in parts.items()})
        _add(made_test, name, {part: cells[len(train) :].set_axis(test.index) for part, cells in parts.items()})
    kept = [name for name, values in made_train.items() if values.nunique(dropna=False) > 1]
    if twice := sorted(set(kept) & set(train.columns)):
        raise UserError(f"{files[0]}: column '{twice[0]}' is also made of a date or text; rename it, or drop one")
    return tuple(
        pd.DataFrame({name: made[name] for name in kept}, index=cells.index)
        for made, cells in ((made_train, train), (made_test, test))
    )  # type: ignore[return-value]


def _add(made: dict[str, pd.Series], source: str, parts: Mapping[str, pd.Series]) -> None:
    made |= {f"{source}_{part}": values for part, values in parts.items()}
