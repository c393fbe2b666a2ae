"""The kind of every column: as [columns] in competition.toml names it, else by its cells."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from swapdae.base.errors import UserError
from swapdae.competition.config import ISO, Columns, Competition
from swapdae.competition.dates import are_iso_dates

MISSING_WORDS = ("", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "?", "-", ".")  # of a number, in any case
FREE_TEXT_ROWS = 100  # a longer string column with mostly distinct values is an identifier or free text
COMMA_NUMBER = re.compile(r"\s*[+-]?(\d{1,3}([ .']\d{3})+|\d*),\d+\s*|\s*[+-]?\d{1,3}(,\d{3})+(\.\d*)?\s*")


def numbers_of(cells: pd.Series) -> tuple["pd.Series[float]", "pd.Series[bool]"]:
    """Cells as float64 with NaN for missing ones, and which cells are neither missing nor a number."""
    numbers = pd.to_numeric(cells, errors="coerce").astype(np.float64)
    wrong = numbers.isna()
    wrong[wrong] = ~missing_numbers(cells[wrong])
    return numbers, wrong


def missing_numbers(cells: pd.Series) -> "pd.Series[bool]":
    """Which cells stand for no number. Of categories only the empty cell is missing: "NA" and "?" are levels."""
    return cells.str.strip().str.lower().isin(MISSING_WORDS)


def is_free_text(cells: pd.Series) -> bool:
    return len(cells) > FREE_TEXT_ROWS and cells.nunique() > len(cells) / 2


def kinds_of(train: pd.DataFrame, test: pd.DataFrame, competition: Competition, file: Path) -> Columns:
    """Every feature in one list of Columns: those named there come first and stay, "auto" decides on the rest.

    train, test: features only. "auto" calls numerical what is numbers in both files, a date what is ISO dates in both.
    Raises UserError, naming file and column, for what is none of these and no category either.
    """
    named = competition.columns
    found: dict[str, list[str]] = {"categorical": [], "numerical": [], "dates": []}
    for name in (name for name in train.columns if name not in named.kinds):
        found[_kind(train[name], test[name], file)].append(name)
    return Columns(
        categorical=(*named.categorical, *found["categorical"]),
        numerical=(*named.numerical, *found["numerical"]),
        dates={**named.dates, **dict.fromkeys(found["dates"], ISO)},
        text=named.text,
    )


def _kind(train: pd.Series, test: pd.Series, file: Path) -> str:
    cells = pd.concat([train, test], ignore_index=True)
    numbers, wrong = numbers_of(cells)
    if not wrong.any() and (numbers.notna().any() or (cells == "").all()):
        return "numerical"
    if are_iso_dates(cells):
        return "dates"
    if wrong.any() and (odd := cells[wrong]).str.fullmatch(COMMA_NUMBER).all():
        advice = "write a decimal point and no thousands separators, or name the column under [columns]"
        raise UserError(f"{file}, column '{train.name}': '{odd.iloc[0]}' looks like a number with a comma; {advice}")
    if is_free_text(train):
        what = "over half of its values are distinct, as in free text, identifiers or unusual dates"
        advice = "name it under text, dates, drop or categorical of [columns] in competition.toml"
        raise UserError(f"{file}, column '{train.name}': {what}; {advice}")
    return "categorical"
