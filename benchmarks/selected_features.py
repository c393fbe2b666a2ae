"""What a boosted head gains from k of the autoencoder's features, and what ridge loses without the others.

python benchmarks/selected_features.py [--quick] [--rows 10000] [--width 1024] [--epochs 8] [--ks 16 64 128] [--folds 3]
[--seed 0] [--heads lightgbm] [--concrete K ...]: on rows of `flights_random` (folds are drawn here, by row), an
autoencoder of three layers of `width` is trained without labels on all of them; then, out of fold, heads on raw
columns, raw + principal components, and raw + selected features (supervised within folds, or unsupervised), and ridge
on selected features alone and on all. Greedy selections of several k are prefixes of one; --concrete adds supervised
concrete selectors, trained for each k. Prints score, paired gain over the first line of its head with the standard
deviation over folds, and seconds of choosing and of fitting; then one line of JSON: score, gain, gain_sd, seconds of
every arm.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from downloaded import downloaded
from swapdae import ConcreteConfig, ConcreteSelector, DenoisingAutoencoder
from swapdae.competition.fold_rows import partition
from swapdae.competition.folds import train_rows
from swapdae.heads import HEADS
from swapdae.modelling.cross_fit import Problem, cross_fit
from swapdae.modelling.features import FeatureSet, FileFeatures, FoldwiseFeatures, JoinedFeatures, RawFeatures
from swapdae.modelling.moments import FoldMoments, accumulate
from swapdae.pipeline.feature_store import FeatureStore
from swapdae.selection.greedy import select_by_moments

Array = NDArray[Any]


class Features:
    """The autoencoder's features of all rows in a folder, and choices among them, each with its seconds."""

    def __init__(self, x: Array, problem: Problem, folder: Path) -> None:
        self.x, self._problem, self._folder, self._n = x, problem, folder, 0

    def of(self, columns: Array) -> FeatureSet:
        """columns: (n, k), the same for all folds."""
        self._n += 1
        file = self._folder / f"{self._n}.npy"
        np.save(file, columns.astype(np.float16))
        return FileFeatures([file], f"dae_{self._n}")

    def supervised(self, k: int) -> tuple[list[list[int]], float]:
        started, problem = time.perf_counter(), self._problem
        moments = FoldMoments(lambda fold: (self.x,), problem.y, problem.folds, shared=True)
        parts = (moments.training(fold) for fold in range(problem.n_folds))
        return [select_by_moments(part, k, supervised=True) for part in parts], time.perf_counter() - started

    def unsupervised(self, k: int) -> tuple[list[list[int]], float]:
        started, n = time.perf_counter(), len(self.x)
        (moments,) = accumulate((self.x,), np.zeros(n), np.zeros(n, dtype=int), 1)
        return [select_by_moments(moments, k, supervised=False)] * self._problem.n_folds, time.perf_counter() - started

    def concrete(self, k: int) -> tuple[list[list[int]], float]:
        started, chosen, still = time.perf_counter(), [], ConcreteConfig(decoder_epochs=0)
        for fold in range(self._problem.n_folds):
            train = self._problem.folds.training[fold]
            selector = ConcreteSelector(k, task="regress", epochs=20, refine=False, config=still)
            chosen.append(selector.fit(self.x[train], self._problem.y[train]).chosen_.tolist())
        return chosen, time.perf_counter() - started

    def principal(self, k: int) -> tuple[FeatureSet, float]:
        started = time.perf_counter()
        return self.of(PCA(k, random_state=0).fit_transform(self.x)), time.perf_counter() - started

    def chosen(self, by_fold: Sequence[Sequence[int]], k: int) -> FeatureSet:
        return FoldwiseFeatures([self.of(self.x[:, list(columns[:k])]) for columns in by_fold])


class Table:
    """Arms by name, printed as they come."""

    def __init__(self, problem: Problem) -> None:
        self._problem, self._first, self.figures = problem, dict[str, Array](), dict[str, dict[str, float]]()

    def add(self, head: str, name: str, features: FeatureSet, choosing: float = 0.0) -> None:
        problem = replace(self._problem, features=features)
        started = time.perf_counter()
        fitted = cross_fit(problem, HEADS[head].factory(HEADS[head].params(), problem.seed), with_test=False)
        seconds, scores = time.perf_counter() - started, np.array(fitted.fold_scores)
        gains = scores - self._first.setdefault(head, scores)
        value = problem.metric.value_of(fitted.score)
        gain = f"{gains.mean():+.5f} ({gains.std(ddof=1):.5f})"
        print(f"{head:9} {name:28} {value:.5f}  {gain} {choosing:7.1f} {seconds:7.1f}")
        sys.stdout.flush()
        figures = {"score": value, "gain": gains.mean(), "gain_sd": gains.std(ddof=1)}
        figures |= {"choosing_s": choosing, "fitting_s": seconds}
        self.figures[f"{head} {name}"] = {key: float(f"{x:.5g}") for key, x in figures.items()}


def prepared(given: argparse.Namespace, folder: Path) -> tuple[Features, FeatureSet, Problem]:
    """The autoencoder trained, its features, the raw ones, and the problem without any."""
    run = downloaded("flights_random")
    table = run.data.table
    rows = train_rows(table.n_train, given.rows, given.seed)
    frame = table.train.iloc[rows].reset_index(drop=True)
    raw = RawFeatures(frame, table.categorical, table.numerical, [np.arange(len(rows))])
    started = time.perf_counter()
    autoencoder = DenoisingAutoencoder(
        body="stack",
        width=given.width,
        epochs=given.epochs,
        categorical=list(table.categorical),
        random_state=given.seed,
    )
    x = autoencoder.fit(frame).transform(frame).astype(np.float16).astype(np.float32)
    print(f"{len(x):,} rows, {x.shape[1]:,} features, autoencoder {time.perf_counter() - started:.1f} s")
    folds = np.random.default_rng(given.seed).permutation(len(rows)) % given.folds
    whole = replace(
        FeatureStore(run).problem(["raw"]),
        features=raw,
        y=run.data.table.y[rows],
        folds=partition(folds),
        n_test=0,
        seed=given.seed,
    )
    return Features(x, whole, folder), raw, whole


def measure(given: argparse.Namespace, folder: Path) -> dict[str, dict[str, float]]:
    features, raw, problem = prepared(given, folder)
    table, top = Table(problem), max(given.ks)
    every = features.of(features.x)
    print(f"{'head':9} {'features':28} {problem.metric.name:>7}  {'gain':>8} {'(sd)':>9} {'choose':>7} {'fit s':>7}")
    table.add("ridge", "all features", every)
    table.add("ridge", "raw", raw)
    for head in given.heads:
        table.add(head, "raw", raw)
    chosen: list[tuple[str, Callable[[int], tuple[list[list[int]], float]], list[int]]] = [
        ("supervised", features.supervised, given.ks),
        ("unsupervised", features.unsupervised, given.ks),
        ("concrete", features.concrete, given.concrete),
    ]
    for name, choose, ks in chosen:
        found = {top: choose(top)} if name != "concrete" else {k: choose(k) for k in ks}
        for k in ks:
            by_fold, seconds = found[k if name == "concrete" else top]
            part = features.chosen(by_fold, k)
            table.add("ridge", f"{name} {k}", part, seconds)
            for head in given.heads:
                table.add(head, f"raw + {name} {k}", JoinedFeatures([raw, part]), seconds)
    for k in given.ks:
        part, seconds = features.principal(k)
        for head in given.heads:
            table.add(head, f"raw + principal {k}", JoinedFeatures([raw, part]), seconds)
    return table.figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2,000 rows, width 64, 2 epochs, k = 8 and 16")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--ks", type=int, nargs="+", default=[16, 64, 128])
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--heads", nargs="*", default=["lightgbm"], choices=["lightgbm", "xgboost", "catboost"])
    parser.add_argument("--concrete", type=int, nargs="*", default=[], metavar="K")
    given = parser.parse_args()
    if given.quick:
        given.rows, given.width, given.epochs, given.ks = 2_000, 64, 2, [8, 16]
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(given, Path(folder))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
