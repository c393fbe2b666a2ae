"""select: k of the autoencoder's features, chosen in every fold's training part or without labels on all rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swapdae.base.errors import UserError
from swapdae.competition.folds import train_rows
from swapdae.competition.stop_rows import split
from swapdae.encoding.one_hot import one_hot
from swapdae.modelling.moments import FoldMoments, Moments, accumulate
from swapdae.pipeline.feature_store import FeatureStore
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Stage
from swapdae.selection.greedy import select_by_moments

NAME = "select"
Array = NDArray[Any]


def _stages(run: Run, before: Plan) -> list[Stage]:
    """None where no head reads selected features."""
    if not run.experiment.uses_selection:
        return []
    config = {"select": run.experiment.select.model_dump(mode="json"), "seed": run.experiment.seed}
    if run.experiment.select.task == "supervised":
        config["folds"] = run.competition.folds.model_dump(mode="json")
    method = "selection.greedy" if run.experiment.select.method == "greedy" else "selection.estimator"
    return [
        Stage(
            NAME,
            lambda scratch: _body(run, scratch),
            reads=("download", "folds", "dae") if run.experiment.select.task == "supervised" else ("download", "dae"),
            config=config,
            code=(method, "modelling.moments", "competition.folds", "pipeline.feature_store"),
        )
    ]


def _body(run: Run, scratch: Scratch) -> dict[str, Any]:
    config, store = run.experiment.select, FeatureStore(run)
    features = store.view("dae")
    chosen, device = [], {} if config.method == "greedy" else {"device": run.device_text()}
    found = _greedy(run, store) if config.method == "greedy" else _concrete(run, store)
    for part, (file, columns) in enumerate(zip(store.selected_files, found, strict=True)):
        np.save(scratch.out / file.name, np.asarray(features.dense(part)[0][:, columns]))
        chosen.append(columns)
        run.say(f"{NAME}: {part + 1}/{len(store.selected_files)}: {len(columns)} features")
    return {**device, "n_features": features.dense(0)[0].shape[1], "chosen": chosen}


def row_sets(run: Run, store: FeatureStore) -> list[Array]:
    """The rows that each choice reads, among all rows: a fold's training part, or those without need of labels."""
    config, seed, table = run.experiment.select, run.experiment.seed, run.data.table
    if config.task == "unsupervised":
        return [rows[train_rows(len(rows), config.rows, seed)] for rows in store.rows]
    folds = run.data.folds
    cap = None if config.rows is None else config.rows * folds.n_per_repeat // (folds.n_per_repeat - 1)
    sample = train_rows(table.n_train, cap, seed)  # one for all folds, so that they share its moments
    return [sample[folds.fits[fit, sample]] for fit in range(folds.n_fits)]


def _greedy(run: Run, store: FeatureStore) -> Iterator[list[int]]:
    config = run.experiment.select
    for moments in _supervised(run, store) if config.task == "supervised" else _unsupervised(run, store):
        try:
            yield select_by_moments(moments, config.k, supervised=config.task == "supervised")
        except ValueError as error:
            raise UserError(f"{run.experiment.name}: select.k: {error}; lower it") from None


def _supervised(run: Run, store: FeatureStore) -> Iterator[Moments]:
    y, features = run.data.table.y, store.view("dae")
    targets = one_hot(y, len(run.data.table.classes)) if run.competition.task == "multiclass" else y
    weights = np.zeros(len(y))
    weights[np.concatenate(row_sets(run, store))] = 1
    folds = FoldMoments(features.dense, targets, run.data.folds, features.shared, lambda fold: weights)
    return (folds.training(fit) for fit in range(run.data.folds.n_fits))


def _unsupervised(run: Run, store: FeatureStore) -> Iterator[Moments]:
    for part, rows in enumerate(row_sets(run, store)):
        labels = np.full(len(run.data.frame), -1)
        labels[rows] = 0
        yield accumulate(store.view("dae").dense(part), np.zeros(len(labels)), labels, 1)[0]


def _concrete(run: Run, store: FeatureStore) -> Iterator[list[int]]:
    from swapdae.selection.concrete_training import SelectorTask
    from swapdae.selection.config import ConcreteConfig
    from swapdae.selection.estimator import ConcreteSelector

    config, y = run.experiment.select, run.data.table.y
    supervised = config.task == "supervised"
    learned: SelectorTask = "regress" if run.competition.task == "regression" else "classify"
    for part, rows in enumerate(row_sets(run, store)):
        selector = ConcreteSelector(
            config.k,
            task=learned if supervised else "reconstruct",
            epochs=config.epochs,
            refine=False,
            config=ConcreteConfig(decoder_epochs=0),  # the choice alone is wanted, not the decoder
            device=run.device,
            random_state=run.experiment.seed + part,
        )
        x = store.view("dae").dense(part)[0][rows]
        try:
            if supervised and (watched := _watched(run, rows, part)):
                fit, stop = watched
                selector.fit(x[fit], y[rows][fit], X_val=x[stop], y_val=y[rows][stop])
            else:
                selector.fit(x, y[rows] if supervised else None)
        except ValueError as error:
            raise UserError(f"{run.experiment.name}: select: {error}") from None
        yield [int(column) for column in selector.chosen_]


def _watched(run: Run, rows: Array, part: int) -> tuple[Array, Array] | None:
    """Positions within `rows` to fit on and to judge by, where they cannot be any: in groups, and in time."""
    folds, classes = run.data.folds.subset(rows), run.competition.task != "regression"
    if folds.groups is None and folds.times is None:
        return None
    rng = np.random.default_rng([run.experiment.seed, part])
    return split(run.data.table.y[rows], classes, rng, groups=folds.groups, times=folds.times, gap=folds.gap)


KIND = StageKind(NAME, "Choose k of the autoencoder's features, where a head reads them.", "features*.npy", _stages)
