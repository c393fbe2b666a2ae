"""Experiments side by side: their scores, and paired differences over folds with their uncertainty.

Experiments of one competition share its folds, so they are compared fold by fold, on the train rows that all have.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swapdae.base.errors import UserError
from swapdae.base.text import markdown_table
from swapdae.modelling.cross_fit import fold_values
from swapdae.modelling.paired import paired_difference
from swapdae.pipeline.run import Run
from swapdae.pipeline.scores import scores_of

Array = NDArray[Any]
Comparison = dict[str, Any]


def compare(runs: Sequence[Run]) -> Comparison:
    """{"metric", "n_rows", "experiments": {name: {"heads": {head: oof}, "blend", "public", "private", "folds",
    "difference"}}}: blend, folds and difference of the cross-fitted blend on the rows that all have, difference
    from the first experiment with its interval. Raises UserError for different competitions, or one that has not run.
    """
    if len({run.experiment.name for run in runs}) < 2:
        raise UserError("compare takes two experiments or more, by name")
    if len(names := sorted({run.competition.name for run in runs})) > 1:
        raise UserError(f"experiments of different competitions cannot be compared: {', '.join(names)}")
    metric = runs[0].competition.metric_of
    oofs = [run.array("blend", "oof_cross_fitted.npy") for run in runs]
    ids = reduce(np.intersect1d, [run.data.table.train_ids for run in runs])
    if not len(ids):
        raise UserError("these experiments have no train row in common; give them the same seed and rows")
    found: dict[str, Any] = {}
    first: Array | None = None
    for run, oof in zip(runs, oofs, strict=True):
        _, _, at = np.intersect1d(ids, run.data.table.train_ids, return_indices=True)
        y, folds, mine, weights = run.data.table.y[at], run.data.folds[at], oof[at], run.data.table.weights
        weights = None if weights is None else weights[at]
        values = fold_values(metric, y, mine, folds, weights)
        first = values if first is None else first
        scores = scores_of(run)
        found[run.experiment.name] = {
            "heads": {name: head["oof"] for name, head in scores["heads"].items()},
            "blend": metric.value(y, mine, weights),
            "public": scores["blend"]["public"],
            "private": scores["blend"]["private"],
            "folds": values.tolist(),
            "difference": paired_difference(first, values),
        }
    return {"metric": metric.name, "n_rows": len(ids), "experiments": found}


def comparison_table(found: Comparison) -> str:
    """The comparison as a Markdown table, experiments as columns."""
    experiments = found["experiments"]
    heads = dict.fromkeys(name for each in experiments.values() for name in each["heads"])
    rows = [[f"{found['metric']}, {found['n_rows']:,} rows in common", *experiments]]
    rows += [
        [f"{head}, own rows", *(_text(each["heads"].get(head)) for each in experiments.values())] for head in heads
    ]
    rows.append(["blend (cross-fitted)", *(_text(each["blend"]) for each in experiments.values())])
    rows += [[key, *(_text(each[key]) for each in experiments.values())] for key in ("public", "private")]
    differences = [each["difference"] for each in experiments.values()]
    rows.append(["difference of folds", "", *(f"{mean:+.5f}" for mean, _, _ in differences[1:])])
    rows.append(["its 95% interval", "", *(f"{low:+.5f} to {high:+.5f}" for _, low, high in differences[1:])])
    return markdown_table(rows)


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.5f}"
