"""What a metric cannot judge is refused when the table is read, and not after hours of training."""

from pathlib import Path

import numpy as np
import pandas as pd

from swapdae.base.errors import UserError
from swapdae.competition.csv_file import cell_error
from swapdae.competition.metric import Array, Metric
from swapdae.competition.metrics import OWN


def check_target(metric: Metric, cells: pd.Series, y: Array, classes: tuple[str, ...], file: Path) -> None:
    """Raises UserError naming the first cell that the metric refuses, or the label that it cannot write.

    One's own metric is tried on targets against those of other rows, so that what fails in it fails now.
    """
    if not classes and metric.refuses is not None:
        bad = np.asarray(metric.refuses.bad(y), dtype=bool)
        if bad.any():
            raise cell_error(file, cells, pd.Series(bad), f"{metric.refuses.what} (metric = '{metric.name}')")
    if metric.wants == "ranks" and (spaced := [label for label in classes if len(label.split()) != 1]):
        what = f"holds a space, and metric = '{metric.name}' separates labels by spaces; name it otherwise"
        raise UserError(f"{file}, column '{cells.name}': label '{spaced[0]}' {what}")
    if metric.name == OWN:
        metric.value(y, _of_other_rows(y, len(classes)))


def _of_other_rows(y: Array, n_classes: int) -> Array:
    """Predictions as a head makes them: each row's from the target of the row before."""
    other = np.roll(y, 1)
    if not n_classes:
        return other
    p: Array = 0.8 * np.eye(n_classes)[other] + 0.2 / n_classes
    return p[:, 1] if n_classes == 2 else p


def check_sample(metric: Metric, sample: pd.DataFrame, file: Path) -> None:
    """Raises UserError where the sample has more prediction columns than the metric's submissions."""
    if metric.wants == "ranks" and len(sample.columns) != 2:
        columns = len(sample.columns) - 1
        what = f"metric = '{metric.name}' takes one, of {metric.k} labels with spaces between them"
        raise UserError(f"{file}: {columns} prediction columns; {what}")
