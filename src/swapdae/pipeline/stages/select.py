"""select: k of the autoencoder's features, chosen in every fold's training part or without labels on all rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swapdae.base.errors import UserError
from swapdae.competition.folds import train_rows
from swapdae.modelling.moments import FoldMoments, Moments, accumulate
from swapdae.pipeline import stage_inputs
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Report, Stage
from swapdae.selection.greedy import select_by_moments

NAME = "select"
Array = NDArray[Any]


def stages(run: Run) -> list[Stage]:
    """The stage; none where no head reads selected features."""
    if not run.experiment.uses_selection:
        return []
    config = run.experiment.select.model_dump(mode="json")
    return [run.stage(NAME, stage_inputs.select(run), lambda scratch: _body(run, scratch), config=config)]


def main(run: Run) -> list[Report]:
    return run.carry_out(stages(run))


def _body(run: Run, scratch: Path) -> dict[str, Any]:
    config = run.experiment.select
    run.report("dae")
    features = run.features("dae")
    chosen, device = [], {} if config.method == "greedy" else {"device": _device(run)}
    found = _greedy(run) if config.method == "greedy" else _concrete(run)
    for part, (file, columns) in enumerate(zip(run.select_files, found, strict=True)):
        np.save(scratch / file.name, np.asarray(features.dense(part)[0][:, columns]))
        chosen.append(columns)
        run.say(f"{NAME}: {part + 1}/{len(run.select_files)}: {len(columns)} features")
    return {**device, "n_features": features.dense(0)[0].shape[1], "chosen": chosen}


def row_sets(run: Run) -> list[Array]:
    """The rows that each choice reads, among all rows: a fold's training part, or those without need of labels."""
    config, seed, table = run.experiment.select, run.experiment.seed, run.table
    if config.task == "unsupervised":
        return [rows[train_rows(len(rows), config.rows, seed)] for rows in run.label_free_rows()]
    count = run.competition.folds.count
    cap = None if config.rows is None else config.rows * count // (count - 1)
    sample = train_rows(table.n_train, cap, seed)  # one for all folds, so that they share its moments
    return [sample[run.folds[sample] != fold] for fold in range(count)]


def _greedy(run: Run) -> Iterator[list[int]]:
    config = run.experiment.select
    for moments in _supervised(run) if config.task == "supervised" else _unsupervised(run):
        try:
            yield select_by_moments(moments, config.k, supervised=config.task == "supervised")
        except ValueError as error:
            raise UserError(f"{run.experiment.name}: select.k: {error}; lower it") from None


def _supervised(run: Run) -> Iterator[Moments]:
    y, features = run.table.y, run.features("dae")
    targets = y[:, None] == np.arange(len(run.table.classes)) if run.competition.task == "multiclass" else y
    weights = np.zeros(len(y))
    weights[np.concatenate(row_sets(run))] = 1
    folds = FoldMoments(features.dense, targets, run.folds, features.shared, weights)
    return (folds.training(fold) for fold in range(run.competition.folds.count))


def _unsupervised(run: Run) -> Iterator[Moments]:
    for part, rows in enumerate(row_sets(run)):
        labels = np.full(len(run.frame), -1)
        labels[rows] = 0
        yield accumulate(run.features("dae").dense(part), np.zeros(len(labels)), labels, 1)[0]


def _concrete(run: Run) -> Iterator[list[int]]:
    from swapdae.selection.concrete_training import SelectorTask
    from swapdae.selection.config import ConcreteConfig
    from swapdae.selection.estimator import ConcreteSelector

    config, y = run.experiment.select, run.table.y
    supervised = config.task == "supervised"
    learned: SelectorTask = "regress" if run.competition.task == "regression" else "classify"
    for part, rows in enumerate(row_sets(run)):
        selector = ConcreteSelector(
            config.k,
            task=learned if supervised else "reconstruct",
            epochs=config.epochs,
            refine=False,
            config=ConcreteConfig(decoder_epochs=0),  # the choice alone is wanted, not the decoder
            device=run.device,
            random_state=run.experiment.seed + part,
        )
        try:
            selector.fit(run.features("dae").dense(part)[0][rows], y[rows] if supervised else None)
        except ValueError as error:
            raise UserError(f"{run.experiment.name}: select: {error}") from None
        yield [int(column) for column in selector.chosen_]


def _device(run: Run) -> str:
    from swapdae.base.device import resolve_device

    return str(resolve_device(run.device))
