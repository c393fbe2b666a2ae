"""What does each head add to the blend, and so which heads should the default experiment have?

python benchmarks/blend_parts.py [--quick] [--rows 20000] [--epochs N] [--seeds 3] [--trials 20] [--sets flights
diamonds] [--keep DIRECTORY]: the autoencoder's recipe is that of the experiment `flights_random` for both sets, and
`flights` is its table (see time_to_quality); each head's parameters are tuned on a draw of its own, from those of the
experiment.
A seed draws rows, folds and weights; 60% of the rows are labelled, and one autoencoder is trained on all. All heads are
cross-fitted on the same folds (ridge finds its penalty), then blends as in the pipeline: of all heads, of
all but one, and of LightGBM with one other. With --keep, features, trials and out-of-fold predictions stay there, and a
later call goes on from them.
Per set, for each head: its metric, what it takes off LightGBM's (gain) and what leaving it out of all adds (loss),
paired over folds, its weight in the blend of all, and its seconds. The interval is that of `swapdae compare`, on folds
averaged over seeds; sd is over single folds. Ends with one line of JSON: value, gain and loss of every head.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.fit import fit_autoencoder, read_features
from swapdae.base.device import resolve_device
from swapdae.base.models import StrictModel
from swapdae.base.paths import here
from swapdae.competition.config import FoldsConfig
from swapdae.competition.fold_rows import partition
from swapdae.competition.folds import draw_folds, train_rows
from swapdae.competition.metrics import METRICS
from swapdae.heads import HEADS
from swapdae.heads.ridge import Params as RidgeParams
from swapdae.modelling.blend import Blend, fit_blend
from swapdae.modelling.cross_fit import CrossFit, Problem, cross_fit, fold_values
from swapdae.modelling.features import FeatureSet, FileFeatures, JoinedFeatures, RawFeatures
from swapdae.modelling.paired import paired_difference
from swapdae.modelling.tuning import tune
from swapdae.pipeline.feature_store import write_npy
from swapdae.pipeline.run import Run
from time_to_quality import LABELLED, Data, diamonds, flights

Array = NDArray[Any]
FIRST = "lightgbm raw"  # kind and features of a head
PARTS = FIRST, "ridge raw", "ridge dae", "mlp raw", "mlp dae", "lightgbm raw+pca", "xgboost raw", "catboost raw"
COMPONENTS = 48
WHOLE = 60_000  # rows of a set that draws are taken from
TUNING = 1000  # seed of the draw that heads are tuned on
METRIC = METRICS["rmse"]


@dataclass(frozen=True)
class Draw:
    """One draw of a set: its rows, the labelled first, and where its features and predictions are kept."""

    data: Data
    seed: int
    config: DaeConfig
    params: dict[str, StrictModel]  # of the heads but ridge, by part
    work: Path

    @cached_property
    def y(self) -> Array:
        return self.data.y[: self.data.n_labelled]

    @cached_property
    def folds(self) -> Array:
        return draw_folds(self.y, FoldsConfig(seed=self.seed), "regression").labels

    def dae_features(self) -> Path:
        """Trains the autoencoder, if that has not been done."""
        if not (file := self.work / "dae.npy").is_file():
            codes, encoder = self.data.codes(self.config, self.seed)
            device, seed = resolve_device("auto"), self.seed
            model, _ = fit_autoencoder(codes, encoder.layout, self.config, seed=seed, device=device, work=self.work)
            write_npy(file, read_features(model, codes, encoder.layout, device), (len(codes), model.d_features))
        return file

    def principal_components(self) -> Path:
        """Of the autoencoder's features, over all rows."""
        if not (file := self.work / "pca.npy").is_file():
            x = np.load(self.dae_features()).astype(np.float32)
            pca = PCA(COMPONENTS, svd_solver="randomized", random_state=self.seed)
            aside = self.work / "part.npy"  # a name that exists is whole: calls are broken off
            np.save(aside, pca.fit_transform(x))
            aside.replace(file)
        return file

    def features(self, name: str) -> FeatureSet:
        data = self.data
        made: dict[str, Callable[[], FeatureSet]] = {
            "raw": lambda: RawFeatures(data.frame, data.categorical, data.numerical, [np.arange(len(data.y))]),
            "dae": lambda: FileFeatures([self.dae_features()], "dae"),
            "pca": lambda: FileFeatures([self.principal_components()], "pca"),
        }
        parts = [made[part]() for part in name.split("+")]
        return parts[0] if len(parts) == 1 else JoinedFeatures(parts)

    def oof(self, part: str) -> tuple[Array, float]:
        """A head's out-of-fold predictions and the seconds they took, autoencoder not counted."""
        if not (file := self.work / f"{part}.npz").is_file():
            problem = self._problem(part)
            started = time.perf_counter()
            best = self._fit(problem, part)
            seconds = time.perf_counter() - started
            aside = self.work / "part.npz"
            np.savez(aside, oof=best.oof, seconds=seconds)
            aside.replace(file)
            value = METRIC.value_of(best.score)
            print(f"{self.data.name} seed {self.seed} {part:17} {value:.5f} {seconds:5.0f} s", flush=True)
        with np.load(file) as kept:
            return kept["oof"], float(kept["seconds"])

    def tuned(self, part: str, start: StrictModel, trials: int) -> StrictModel:
        """The part's best parameters on this draw, of `trials`, beginning with `start`."""
        kind = part.split()[0]
        file, key = self.work / f"{part}.sqlite", start.model_dump_json()
        problem, head = self._problem(part), HEADS[kind]
        found = tune(problem, head, start, trials=trials, storage_file=file, key=key, seed=self.seed)
        print(f"{self.data.name} tuned {part:17} {METRIC.value_of(found.score):.5f} {found.params}", flush=True)
        return found.params

    def _problem(self, part: str) -> Problem:
        _, features = part.split()
        n_test = len(self.data.y) - len(self.y)
        read = self.features(features)
        return Problem(read, self.y, partition(self.folds), n_test, "regression", 0, METRIC, self.seed)

    def _fit(self, problem: Problem, part: str) -> CrossFit:
        kind = part.split()[0]
        params = RidgeParams() if kind == "ridge" else self.params[part]
        return cross_fit(problem, HEADS[kind].factory(params, self.seed), with_test=False)


class Measured(NamedTuple):
    """Of one draw. Arrays are (n_parts, n_folds) values of the metric, but `every`, of the blend of all, (n_folds,)."""

    alone: Array
    every: Array
    without: Array
    paired: Array  # the blend of LightGBM and the head
    weights: Array  # (n_parts,), fitted on all folds
    seconds: Array  # (n_parts,)
    values: Array  # (n_parts + 1,) of all rows, the blend of all last


def measure(draw: Draw) -> Measured:
    found = [draw.oof(part) for part in PARTS]
    oofs, first = [oof for oof, _ in found], PARTS.index(FIRST)

    def by_fold(oof: Array) -> Array:
        return fold_values(METRIC, draw.y, oof, draw.folds)

    def blend(chosen: Iterable[int]) -> Blend:
        return fit_blend([oofs[j] for j in chosen], draw.y, draw.folds, METRIC)

    every, numbers = blend(range(len(PARTS))), range(len(PARTS))
    return Measured(
        alone=np.array([by_fold(oof) for oof in oofs]),
        every=np.array(by_fold(every.oof_cross_fitted)),
        without=np.array([by_fold(blend(k for k in numbers if k != j).oof_cross_fitted) for j in numbers]),
        paired=np.array([by_fold(blend({first, j}).oof_cross_fitted) for j in numbers]),
        weights=every.weights,
        seconds=np.array([seconds for _, seconds in found]),
        values=np.array([METRIC.value(draw.y, oof) for oof in (*oofs, every.oof_cross_fitted)]),
    )


class Effect(NamedTuple):
    mean: float
    low: float
    high: float
    sd: float

    @staticmethod
    def of(better: Array, worse: Array) -> "Effect":
        """worse - better, each (n_seeds, n_folds)."""
        return Effect(
            *paired_difference(better.mean(axis=0), worse.mean(axis=0)), float(np.std(worse - better, ddof=1))
        )

    def __str__(self) -> str:
        return f"{self.mean:+.5f} [{self.low:+.5f}, {self.high:+.5f}] sd {self.sd:.5f}"


def summary(name: str, draws: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """Prints the table of one set; returns value, gain and loss of every head."""
    alone, every, without, paired = (np.stack([draw[k] for draw in draws]) for k in range(4))
    values = np.stack([draw.values for draw in draws])
    first, spread = alone[:, PARTS.index(FIRST)], np.std(values, axis=0, ddof=1 if len(draws) > 1 else 0)
    weights, seconds = (np.mean([draw[k] for draw in draws], axis=0) for k in (4, 5))
    print(f"\n{name}: {METRIC.name}, {len(draws)} seeds x {every.shape[1]} folds")
    print(
        f"{'head':17} {'alone':>7} {'sd':>7}  {'gain over LightGBM':42}  {'loss if left out':42} {'weight':>6} {'s':>4}"
    )
    results = {}
    for j, part in enumerate(PARTS):
        gain, loss = Effect.of(paired[:, j], first), Effect.of(every, without[:, j])
        value = float(values[:, j].mean())
        gained = "-" if part == FIRST else str(gain)
        print(f"{part:17} {value:.5f} {spread[j]:.5f}  {gained:42}  {loss!s:42} {weights[j]:6.2f} {seconds[j]:4.0f}")
        results[part] = {"value": value, "gain": gain.mean, "loss": loss.mean}
    print(f"{'blend of all':17} {values[:, -1].mean():.5f} {spread[-1]:.5f}  {Effect.of(every, first)}")
    results["blend"] = {"value": float(values[:, -1].mean()), "gain": Effect.of(every, first).mean}
    return results


def drawn(data: Data, rows: int, seed: int) -> Data:
    """`rows` rows in random order."""
    chosen = np.random.default_rng(seed).permutation(train_rows(len(data.y), rows, seed))
    return replace(data, frame=data.frame.iloc[chosen].reset_index(drop=True), y=data.y[chosen])


def equal_steps(mlp: StrictModel, share: float) -> StrictModel:
    """With the batch cut to `share`: eight epochs of 512 rows leave a network on few rows untrained."""
    batch_size: int = mlp.model_dump()["batch_size"]
    return mlp.model_copy(update={"batch_size": max(16, round(batch_size * share))})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="4,000 rows, 2 epochs, 2 seeds, 1 trial; no quality")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, help="default: the experiment's")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", nargs="+", default=["flights", "diamonds"], choices=["flights", "diamonds"])
    parser.add_argument("--keep", type=Path, help="a directory for features and predictions, made if need be")
    parser.add_argument("--trials", type=int, default=20, help="of each head, on a draw of its own; 0: not tuned")
    given = parser.parse_args()
    run = Run.of(here(), "flights_random")
    config, heads = run.experiment.dae, run.experiment.heads
    whole = given.rows, given.epochs or config.training.epochs, given.seeds, given.trials
    rows, epochs, seeds, trials = (4_000, 2, 2, 1) if given.quick else whole
    config = config.model_copy(update={"training": config.training.model_copy(update={"epochs": epochs})})
    by_kind: dict[str, StrictModel] = {head.kind: head.start for head in heads.values()}
    by_kind["mlp"] = equal_steps(by_kind["mlp"], LABELLED * rows / (run.experiment.rows or WHOLE))
    start = {part: by_kind[part.split()[0]] for part in PARTS if not part.startswith("ridge")}
    results = {}
    with TemporaryDirectory() as temporary:
        for name, read in (("flights", flights), ("diamonds", diamonds)):
            if name not in given.sets or (data := read(WHOLE)) is None:
                continue

            def draw(data: Data, seed: int, params: dict[str, StrictModel]) -> Draw:
                work = (given.keep or Path(temporary)) / f"{data.name}_{rows}_{epochs}_{seed}"
                work.mkdir(parents=True, exist_ok=True)
                return Draw(drawn(data, rows, seed), seed, config, params, work)

            tuning = draw(data, TUNING, start)
            params = {part: tuning.tuned(part, start[part], trials) for part in start} if trials else start
            results[name] = summary(name, [measure(draw(data, seed, params)) for seed in range(seeds)])
    rounded = {
        name: {part: {key: float(f"{x:.5g}") for key, x in line.items()} for part, line in table.items()}
        for name, table in results.items()
    }
    print(json.dumps(rounded))


if __name__ == "__main__":
    main()
