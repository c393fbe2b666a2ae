"""No host: the files are the user's own, and so are the answers that were kept back, if there are any."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.base.errors import UserError
from swapdae.competition.config import Competition
from swapdae.competition.csv_file import cell_error, ids_of
from swapdae.competition.hosts.interface import Host, Score
from swapdae.competition.table_file import read_cells

Array = NDArray[Any]


class NoHost(Host):
    """Fetches nothing, takes nothing in; scores against `files.solution`."""

    def fetch(self, competition: Competition, directory: Path, names: Sequence[str]) -> None:
        advice = "put it there, or name the right file under [files] in competition.toml"
        raise UserError(f"{directory.parent}: no file {', '.join(names)}, and host 'none' fetches none; {advice}")

    def submit(self, competition: Competition, csv: Path, message: str, journal: Path) -> Score:
        raise UserError(f"{csv}: host 'none' takes no submissions; the file is ready to be handed in elsewhere")

    def score(self, competition: Competition, submission: pd.DataFrame, directory: Path) -> Score:
        """The metric on the solution's rows, as private score; None and None without a solution."""
        if competition.files.solution is None:
            return Score(None, None)
        file = directory / competition.files.solution
        if not file.is_file():
            raise UserError(f"{file}: no such file; put it there, or take `solution` out of competition.toml")
        answers = read_cells(file, [competition.id, competition.target], "score")
        for column in (competition.id, competition.target):
            if column not in answers:
                raise UserError(f"{file}: no column '{column}'; give the solution the names of competition.toml")
        rows = _rows(answers[competition.id], submission[competition.id], file)
        y, prediction = _judged(answers[competition.target], submission.drop(columns=competition.id), competition, file)
        return Score(None, competition.metric_of.value(y, prediction[rows], _weights(answers, competition, file)))


def _rows(cells: pd.Series, submitted: pd.Series, file: Path) -> Array:
    """The submission's row of each answer. Raises UserError unless both hold the same ids, once each."""
    ids = pd.Series(ids_of(cells))
    for bad, what in ((ids.duplicated(), "occurs again"), (~ids.isin(submitted), "is no id of the test rows")):
        if bad.any():
            raise cell_error(file, cells, bad, f"{what}; the solution has one row for every test row")
    if len(ids) != len(submitted):
        lacking = submitted[~submitted.isin(ids)].iloc[0]
        raise UserError(f"{file}: no answer for id {lacking}; the solution has one row for every test row")
    rows: Array = pd.Index(submitted).get_indexer(pd.Index(ids))
    return rows


def _weights(answers: pd.DataFrame, competition: Competition, file: Path) -> Array | None:
    """Of the answers' rows, where the solution holds the column that train's weights are in."""
    name = competition.columns.weight
    return None if name is None or name not in answers else _numbers(answers[name], file).to_numpy()


def _numbers(cells: pd.Series, file: Path) -> pd.Series:
    values = pd.to_numeric(cells, errors="coerce").astype(np.float64)
    if (bad := ~values.between(-np.inf, np.inf, inclusive="neither")).any():
        raise cell_error(file, cells, bad, "is not a number; mend it")
    return values


def _judged(answers: pd.Series, submitted: pd.DataFrame, competition: Competition, file: Path) -> tuple[Array, Array]:
    """y and prediction as metrics take them."""
    if competition.task != "regression":
        return _classes(answers, submitted, competition, file)
    return _numbers(answers, file).to_numpy(), submitted.iloc[:, 0].to_numpy(dtype=np.float64)


def _classes(answers: pd.Series, submitted: pd.DataFrame, competition: Competition, file: Path) -> tuple[Array, Array]:
    """Numbers of classes and their probabilities; a submission of labels gives each row's label all of it. Where the
    metric wants ranks, the (n, k) numbers of the classes that a row names, the likeliest first."""
    guessed, known = submitted.iloc[:, 0], _sorted(set(answers))
    prediction: Array = submitted.to_numpy()
    if competition.metric_of.wants == "ranks":
        named = np.array([cell.split() for cell in guessed])
        labels = _sorted({*answers, *named.ravel()})
        prediction = pd.Index(labels).get_indexer(pd.Index(named.ravel())).reshape(named.shape)
    elif len(submitted.columns) > 1:  # a column's name is its label, or ends in it: see table.prediction_columns
        labels = [next((n for n in known if c == n or c.endswith(f"_{n}")), "") for c in submitted.columns]
        order = sorted(range(len(labels)), key=lambda i: (not labels[i], known.index(labels[i]) if labels[i] else i))
        labels, prediction = [labels[i] for i in order], prediction[:, order]  # grades are told by their order
    elif competition.task == "multiclass" or competition.metric_of.takes_labels:
        labels = _sorted({*answers, *guessed})
        prediction = np.eye(len(labels))[pd.Index(labels).get_indexer(pd.Index(guessed))]
    else:
        labels, prediction = known, guessed.to_numpy()
        if len(labels) != 2:
            raise UserError(f"{file}: {len(labels)} labels in '{answers.name}'; a binary solution holds both")
    y = pd.Index(labels).get_indexer(pd.Index(answers))
    if (bad := pd.Series(y < 0)).any():
        raise cell_error(file, answers, bad, "is no class of the submission; mend it")
    return y, prediction if competition.metric_of.wants == "ranks" else prediction.astype(np.float64)


def _sorted(labels: set[str]) -> list[str]:
    """Numbers by size, else by letters: the order of Table.classes."""
    try:
        return sorted(labels, key=float)
    except ValueError:
        return sorted(labels)
