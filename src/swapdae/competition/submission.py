"""Test predictions in the shape of the sample submission, checked when made and again before the upload."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from swapdae.base.errors import UserError
from swapdae.competition.config import Competition
from swapdae.competition.csv_file import ids_of, read_csv, write_csv
from swapdae.competition.metric import labels_of, ranks_of
from swapdae.competition.table import Array, Table, prediction_columns

ROUNDING = 1e-6  # by which the weights of a blend may take a probability over 1


def make_submission(table: Table, test_prediction: Array, competition: Competition) -> pd.DataFrame:
    """Predictions in the sample's order of ids and with its columns.

    test_prediction: (n_test,), or (n_test, n_classes) for multiclass, in the order of table.test; or what was decided
    of it, (n_test,) class numbers. A sample of one column takes labels for multiclass and for a metric of labels (whole
    numbers for regression), and the k likeliest labels, in one text, for a metric of ranks.
    """
    id_ = table.sample.columns[0]
    order = pd.Index(table.test_ids).get_indexer(pd.Index(table.sample[id_]))
    return shaped_as(table.sample, test_prediction[order], table.classes, competition)


def shaped_as(
    sample: pd.DataFrame, prediction: Array, labels: tuple[str, ...], competition: Competition
) -> pd.DataFrame:
    """Predictions in the order of `sample`'s rows under its columns, whose first is the id; see make_submission."""
    names, id_ = prediction_columns(sample, labels, "the sample submission"), sample.columns[0]
    metric, classes = competition.metric_of, np.array(labels)
    if metric.wants == "ranks":
        prediction = np.array([" ".join(row) for row in classes[ranks_of(prediction, metric.k)]])
    elif _takes_labels(sample, competition):
        prediction = classes[labels_of(prediction, whole=False)]
    elif metric.takes_labels and competition.task == "regression":
        prediction = labels_of(prediction, whole=True)
    columns = dict(zip(names, prediction.reshape(len(prediction), -1).T, strict=True))
    frame = pd.DataFrame({id_: sample[id_], **columns})
    return frame[sample.columns]


def takes_probabilities(sample: pd.DataFrame, competition: Competition) -> bool:
    """Whether the sample has a column for each class: it takes probabilities, also under a metric of labels."""
    return competition.task == "multiclass" and len(sample.columns) > 2


def check_submission(
    frame: pd.DataFrame, sample: pd.DataFrame, competition: Competition, oof: Array | None = None
) -> None:
    """Raises UserError unless `frame` has the sample's columns and ids, in order, and believable predictions.

    Probabilities lie in [0, 1]; a regression's predictions, if `oof` (n_train,), NaN where there is none, is given,
    no farther outside the span of the out-of-fold predictions than that span is wide.
    """
    if list(frame.columns) != list(sample.columns):
        found, expected = ", ".join(frame.columns), ", ".join(sample.columns)
        raise UserError(f"submission: columns are {found} and not {expected}; make it again")
    if len(frame) != len(sample):
        raise UserError(f"submission: {len(frame)} rows and not {len(sample)}; make it again")
    id_ = sample.columns[0]
    ids, expected_ids = frame[id_].to_numpy(), sample[id_].to_numpy()
    if (other := ids != expected_ids).any():
        row = int(np.argmax(other))
        raise UserError(f"submission, line {row + 2}: id {ids[row]} and not {expected_ids[row]}; make it again")
    low, high = _bounds(competition, oof)
    for column in sample.columns[1:]:
        values = frame[column]
        if _takes_labels(sample, competition):
            bad, what = values.isna() | (values == ""), "is no label"
        else:
            numbers = pd.to_numeric(values, errors="coerce")
            bad = ~(np.isfinite(numbers) & numbers.between(low, high))
            what = f"is not a number from {low:g} to {high:g}"
        if bad.any():
            row, count = int(np.argmax(bad)), int(bad.sum())
            where = f"submission, id {ids[row]}, column '{column}' ({count} rows)"
            raise UserError(f"{where}: {values.iloc[row]} {what}; look at the heads' predictions")


def write_submission(frame: pd.DataFrame, file: Path) -> None:
    """Write the CSV in one step: a file that is there is whole."""
    write_csv(frame, file)


def join_submissions(sample: pd.DataFrame, csvs: Mapping[str, Path]) -> pd.DataFrame:
    """The CSVs of single targets, by target, as one: the sample's ids and columns, in its order.

    Raises UserError where one has other ids.
    """
    id_ = sample.columns[0]
    joined = pd.DataFrame({id_: sample[id_]})
    for target in sample.columns[1:]:
        frame = read_csv(csvs[target], [id_, target], "blend").set_index(id_)
        if len(frame) != len(sample) or not sample[id_].isin(frame.index).all():
            raise UserError(f"{csvs[target]}: has other ids than the sample submission; make the blend again")
        joined[target] = frame[target].loc[sample[id_]].to_numpy()
    return joined


def read_submission(file: Path, sample: pd.DataFrame, competition: Competition) -> pd.DataFrame:
    """The CSV as it would be handed in, checked once more. Raises UserError if damaged or unfit."""
    frame = read_csv(file, list(sample.columns), "blend")
    if (id_ := sample.columns[0]) in frame:
        frame[id_] = ids_of(frame[id_])
    try:
        check_submission(frame, sample, competition)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
    if _takes_labels(sample, competition):
        return frame
    return frame.astype(dict.fromkeys(sample.columns[1:], np.float64))


def _takes_labels(sample: pd.DataFrame, competition: Competition) -> bool:
    """Whether the one prediction column holds class labels instead of numbers."""
    if competition.task == "regression":
        return False
    several = competition.task == "multiclass" or competition.metric_of.takes_labels
    return several and len(sample.columns) == 2


def _bounds(competition: Competition, oof: Array | None) -> tuple[float, float]:
    if competition.task != "regression":
        return -ROUNDING, 1 + ROUNDING
    if oof is None:
        return -np.inf, np.inf
    low, high = float(np.nanmin(oof)), float(np.nanmax(oof))
    return low - (high - low), high + (high - low)
