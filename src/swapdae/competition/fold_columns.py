"""What folds are drawn by, read from the train file or from a file of one's own: groups, times, fold numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.base.errors import UserError
from swapdae.competition.config import Competition, FoldsConfig
from swapdae.competition.csv_file import cell_error, read_csv

Array = NDArray[Any]
DAY = np.timedelta64(1, "D")


def fold_by(train: pd.DataFrame, competition: Competition, file: Path) -> dict[str, Array]:
    """{"group": numbers, "time": numbers, days for dates, or "fold": numbers}, (n_train,), or nothing: see FoldsConfig.

    train: the cells of `file`. Raises UserError naming file and column, and the line of a cell that cannot be read.
    """
    folds = competition.folds
    if folds.kind == "file":
        return {"fold": _own_of_file(train, competition, file)}
    if lacking := [name for name in folds.by if name not in train]:
        raise UserError(f"{file}: no column '{lacking[0]}'; name the right one as folds.by in competition.toml")
    for name in folds.by:
        if (empty := train[name] == "").any():
            raise cell_error(file, train[name], empty, "is empty, and folds are drawn by it; fill it")
    if not folds.by:
        return {}
    if folds.kind in ("group", "stratified_group"):
        return {"group": train.groupby(list(folds.by)).ngroup().to_numpy()}
    role, read = _READ[folds.kind]
    return {role: read(train[folds.by[0]], file)}


def no_features(train: pd.DataFrame, test: pd.DataFrame, folds: FoldsConfig, id_: str) -> list[str]:
    """Columns that folds are drawn by and that are no features: one's own fold numbers, and what test rows lack."""
    if folds.kind == "file":
        return []
    return [name for name in folds.by if name in train and name != id_ and (folds.kind == "column" or name not in test)]


def _times(cells: pd.Series, file: Path) -> Array:
    """Numbers as they are, else ISO dates as days."""
    numbers = pd.to_numeric(cells, errors="coerce").astype(np.float64)
    if np.isfinite(numbers).all():
        return numbers.to_numpy()
    dates = pd.to_datetime(cells, format="ISO8601", errors="coerce", utc=True)
    if dates.notna().any():
        wrong, what = dates.isna(), "is no ISO date as 2024-01-31"
    else:
        wrong, what = numbers.isna() | numbers.abs().eq(np.inf), "is neither a number nor an ISO date as 2024-01-31"
    if wrong.any():
        raise cell_error(file, cells, wrong, f"{what}, so that rows cannot be put in order of time; mend it")
    since: Array = (dates.dt.tz_localize(None) - pd.Timestamp(0)).to_numpy() / DAY
    return since


def _fold_numbers(cells: pd.Series, file: Path) -> "pd.Series[float]":
    numbers = pd.to_numeric(cells, errors="coerce").astype(np.float64)
    if (wrong := ~(numbers % 1 == 0) | ~numbers.between(-1, np.iinfo(np.int8).max)).any():
        raise cell_error(file, cells, wrong, "is no fold number; number folds from 0 (-1: in no fold)")
    return numbers


def _labels(numbers: "pd.Series[float]", where: str) -> Array:
    """Numbers from 0, -1 for none; they may be given from 1."""
    found = np.unique(numbers[numbers >= 0].astype(int))
    if len(found) < 2 or found[0] > 1 or found[-1] - found[0] + 1 != len(found):
        some = ", ".join(map(str, found[:10]))
        raise UserError(f"{where}: train rows have the folds {some}; number two or more from 0, without gaps")
    labels: Array = np.where(numbers < 0, -1, numbers - found[0]).astype(np.int64)
    return labels


def _own(cells: pd.Series, file: Path) -> Array:
    return _labels(_fold_numbers(cells, file), f"{file}, column '{cells.name}'")


def _own_of_file(train: pd.DataFrame, competition: Competition, train_file: Path) -> Array:
    """The fold of every train row, in the order of train rows; the file may hold other ids, too."""
    id_, file = competition.id, train_file.with_name(competition.folds.by[0])
    if not file.is_file():
        raise UserError(f"{file}: no such file; folds.by in competition.toml names it, with columns {id_} and fold")
    cells = read_csv(file, [id_, "fold"], "folds")
    if lacking := [name for name in (id_, "fold") if name not in cells]:
        raise UserError(f"{file}: no column '{lacking[0]}'; a file of folds has the columns {id_} and fold")
    if (again := cells[id_].duplicated()).any():
        raise cell_error(file, cells[id_], again, "occurs again; give every id one fold")
    numbers = pd.Series(_fold_numbers(cells["fold"], file).to_numpy(), index=cells[id_]).reindex(train[id_])
    if (missing := numbers.isna().reset_index(drop=True)).any():
        raise cell_error(train_file, train[id_], missing, f"has no fold in {file.name}; add it there")
    return _labels(numbers, f"{file}, column 'fold'")


_READ: dict[str, tuple[str, Callable[[pd.Series, Path], Array]]] = {"time": ("time", _times), "column": ("fold", _own)}
