"""Experiments side by side: their scores, and differences over folds with their uncertainty.

Experiments that share their folds are compared fold by fold, on the train rows that all have predicted. Those of one
table with other folds, of another competition or of what competition.toml said before, are compared unpaired.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.base.errors import UserError
from swapdae.base.files import sha256_of
from swapdae.base.text import markdown_table
from swapdae.modelling.cross_fit import fold_values
from swapdae.modelling.decision import decided
from swapdae.modelling.paired import paired_difference, unpaired_difference
from swapdae.pipeline.data import FOLDS_CSV, LABELS
from swapdae.pipeline.run import Run
from swapdae.pipeline.scores import scores_of

Array = NDArray[Any]
Comparison = dict[str, Any]


def compare(runs: Sequence[Run]) -> Comparison:
    """{"metric", "n_rows", "experiments": {name: {"heads": {head: oof}, "blend", "public", "private", "folds",
    "difference", "paired"}}}: blend, folds and difference of the cross-fitted blend on the rows that all have
    predicted, difference from the first experiment with its interval, paired where both have the same folds. Raises
    UserError for different tables, or one that has not run.
    """
    if len({run.experiment.name for run in runs}) < 2:
        raise UserError("compare takes two experiments or more, by name")
    _check_alike(runs)
    metric = runs[0].competition.metric_of
    oofs = [run.array("blend", "oof_cross_fitted.npy") for run in runs]
    labels = [_labels(run) for run in runs]
    pairs = zip(runs, labels, strict=True)
    ids = reduce(np.intersect1d, [run.data.table.train_ids[folds >= 0] for run, folds in pairs])
    if not len(ids):
        raise UserError("these experiments have no train row in common; give them the same seed and rows")
    found: dict[str, Any] = {}
    first: tuple[Array, Array] | None = None
    for run, oof, label in zip(runs, oofs, labels, strict=True):
        _, _, at = np.intersect1d(ids, run.data.table.train_ids, return_indices=True)
        table = run.data.table
        y, folds, mine = table.y[at], label[at], oof[at]
        weights = None if table.weights is None else table.weights[at]
        values = fold_values(metric, y, mine, folds, weights)
        first = (values, folds) if first is None else first
        paired = np.array_equal(first[1], folds)
        difference = paired_difference if paired else unpaired_difference
        scores = scores_of(run)
        found[run.experiment.name] = {
            "heads": {name: head["oof"] for name, head in scores["heads"].items()},
            "blend": metric.value(y, decided(metric, y, mine, folds, weights), weights),
            "public": scores["blend"]["public"],
            "private": scores["blend"]["private"],
            "folds": values.tolist(),
            "difference": difference(first[0], values),
            "paired": paired,
        }
    return {"metric": metric.name, "n_rows": len(ids), "experiments": found}


def _check_alike(runs: Sequence[Run]) -> None:
    """Raises UserError unless the experiments have in common a table, what is predicted, and how that is judged."""
    for run in runs:
        if len(run.parts) > 1:
            one = run.parts[0].experiment.name
            raise UserError(f"experiment '{run.experiment.name}' has several targets; compare one of them, as {one}")
    tables = [(_train_hash(run), run.competition.name) for run in runs]
    if len({sha256 for sha256, _ in tables}) > 1:
        names = ", ".join(sorted({name for _, name in tables}))
        raise UserError(f"experiments of different tables cannot be compared: {names}")
    for what in ("id", "target", "metric_key"):
        if len(found := {getattr(run.competition, what): None for run in runs}) > 1:
            word = what.removesuffix("_key")
            raise UserError(f"experiments of another {word} cannot be compared: {', '.join(found)}")


def _train_hash(run: Run) -> str:
    file = run.input / run.competition.files.train
    return sha256_of(file) if file.is_file() else run.competition.name


def _labels(run: Run) -> Array:
    """(n_train,) the folds that the experiment was made with, whatever competition.toml says now."""
    run.report("folds")
    return pd.read_csv(run.directory("folds") / FOLDS_CSV)[LABELS].to_numpy()


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
    table = markdown_table(rows)
    if unpaired := [name for name, each in experiments.items() if not each["paired"]]:
        table += f"\n\nUnpaired, for their folds are not those of {next(iter(experiments))}: {', '.join(unpaired)}."
    return table


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.5f}"
