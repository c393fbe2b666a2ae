"""Swap rates by search: short trainings, each judged by ridge on its features, one rate per group of columns.

Columns of a kind that are about equally predictable from the others share a rate, which keeps the search small. All
trainings start from the same weights and take the same draws, so two trials differ by their rates and little else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from swapdae.autoencoder.config import DaeConfig, NoiseConfig
from swapdae.autoencoder.fit import fit_autoencoder, read_features
from swapdae.autoencoder.network import Autoencoder
from swapdae.autoencoder.progress import Epoch
from swapdae.base.device import Device
from swapdae.encoding.encoder import encode
from swapdae.heads import HEADS
from swapdae.modelling.cross_fit import Problem, cross_fit
from swapdae.modelling.features import FloatArray, LoadedFeatures, RowNumbers
from swapdae.modelling.head import Trial
from swapdae.modelling.tuning import OnStep, OnTrial, TrialResult, search

LOWEST, HIGHEST = 0.01, 0.95  # the rates that are searched, on a logarithmic scale
ALPHAS = 100.0, 1e3, 10.0, 1.0  # penalties; features are judged by the best. The first decides on pruning by fold
EARLY = 1 / 3  # of the epochs, after which a trial is judged for the first time
PUBLISHED = {"categorical": 0.9, "numerical": 0.25}
Groups = Mapping[str, tuple[str, ...]]  # columns that share a rate, by the rate's name


@dataclass(frozen=True, eq=False)
class Trainings:
    """Trainings that differ by their swap noise alone.

    frame: (n, columns), the rows. problem: their targets and folds; its features are not read. fit_rows: the rows that
    an autoencoder is trained on, one selection for all folds, or one per fold, without its held-out rows. on_epoch:
    called with the log's line of every epoch of every training.
    """

    frame: pd.DataFrame
    categorical: tuple[str, ...]
    numerical: tuple[str, ...]
    fit_rows: Sequence[RowNumbers]
    problem: Problem
    config: DaeConfig
    device: Device
    on_epoch: Callable[[Epoch], None] = lambda epoch: None

    @property
    def shared(self) -> bool:
        return len(self.fit_rows) == 1

    def score(self, noise: NoiseConfig, on_step: OnStep | None = None) -> float:
        """The metric's score of ridge, out of fold, on features trained with `noise`.

        on_step: called with an early epoch and the score there or, with an autoencoder per fold, with the fold and the
        score of its held-out rows. Raises FloatingPointError where the training diverges.
        """
        config = self.config.model_copy(update={"noise": noise})
        return self._ridge(lambda fold: self._train(fold, config, on_step), None if self.shared else on_step)

    def _ridge(self, train: Callable[[int], FloatArray], on_step: OnStep | None = None) -> float:
        ridge = HEADS["ridge"]
        features = LoadedFeatures(cache(train), shared=self.shared, prefix="dae")
        problem = replace(self.problem, features=features)
        scores = []
        for alpha in ALPHAS:
            make = ridge.factory(ridge.params.model_validate({"alpha": alpha}), problem.seed)
            on_fold = on_step if alpha == ALPHAS[0] else None
            scores.append(cross_fit(problem, make, on_fold, name="ridge", with_test=False).score)
        return max(scores)

    def _train(self, fold: int, config: DaeConfig, on_step: OnStep | None) -> FloatArray:
        rows, seed, epochs = self.fit_rows[fold], self.problem.seed, config.training.epochs
        codes, layout = encode(self.frame, rows, self.categorical, self.numerical)

        def read(model: Autoencoder) -> FloatArray:
            return np.concatenate(list(read_features(model, codes, layout, self.device)))

        def report_early(model: Autoencoder, epoch: Epoch) -> None:
            self.on_epoch(epoch)
            early = max(1, round(EARLY * epochs))
            if on_step is not None and self.shared and epoch.epoch == early < epochs:
                on_step(early, self._ridge(lambda fold: read(model)))

        model, _ = fit_autoencoder(
            codes[rows],
            layout,
            config,
            seed=seed + fold,
            device=self.device,
            show_progress=False,
            on_epoch=report_early,
        )
        return read(model)


def groups_of(shares: Mapping[str, float], trainings: Trainings, n_groups: int) -> Groups:
    """Columns by kind and predictability: up to `n_groups` groups of each kind, the least predictable first."""
    groups: dict[str, tuple[str, ...]] = {}
    for kind, names in (("categorical", trainings.categorical), ("numerical", trainings.numerical)):
        order = sorted(names, key=lambda name: shares[name])
        n = min(n_groups, len(order))
        bounds = [len(order) * i // n for i in range(n + 1)] if n else []
        for i, (start, stop) in enumerate(pairwise(bounds), start=1):
            groups[f"{kind}_{i}"] = tuple(order[start:stop])
    return groups


def search_noise(
    trainings: Trainings,
    groups: Groups,
    starts: Sequence[NoiseConfig],
    *,
    trials: int,
    storage_file: Path,
    key: str,
    on_trial: OnTrial | None = None,
) -> tuple[TrialResult, ...]:
    """All finished trials, their params a NoiseConfig with a rate for every column; per and donor stay as configured.

    starts: tried first, a group at the mean of its columns' rates; of equal ones the first. trials, storage_file, key,
    on_trial, errors: see tuning.search.
    """
    base = trainings.config.noise

    def draw(trial: Trial) -> NoiseConfig:
        rates = {name: round(trial.suggest_float(name, LOWEST, HIGHEST, log=True), 3) for name in groups}
        return base.model_copy(
            update={"columns": {c: rates[name] for name, columns in groups.items() for c in columns}}
        )

    drawn: list[dict[str, float]] = []
    for start in starts:
        rates = {name: _mean_rate(start, columns, trainings.categorical) for name, columns in groups.items()}
        if rates not in drawn:
            drawn.append(rates)
    return search(
        draw,
        trainings.score,
        drawn,
        trials=trials,
        storage_file=storage_file,
        key=key,
        seed=trainings.problem.seed,
        name="tune-noise",
        steps="epochs" if trainings.shared else "folds",
        on_trial=on_trial,
    )


def _mean_rate(noise: NoiseConfig, columns: tuple[str, ...], categorical: tuple[str, ...]) -> float:
    rates = [noise.columns.get(c, noise.categorical if c in categorical else noise.numerical) for c in columns]
    return float(np.clip(np.mean(rates), LOWEST, HIGHEST))
