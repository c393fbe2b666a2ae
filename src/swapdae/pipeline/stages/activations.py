"""activations: which units of the trained autoencoder fire, for whom, how stably, and what ridge loses without them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swapdae.autoencoder.config import NoiseConfig
from swapdae.competition.folds import train_rows
from swapdae.encoding.one_hot import one_hot
from swapdae.pipeline.feature_store import FeatureStore
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Stage
from swapdae.study import activations as study
from swapdae.study.ablation import ablate, random_sets
from swapdae.study.activations import Active, interval

NAME = "activations"
ALPHAS = (10.0, 100.0, 1000.0)
N_CONTROLS = 2  # random sets of units for each that is dropped
N_CORRUPTIONS = 60  # of the one row that is pictured
Array = NDArray[Any]


def _stages(run: Run, before: Plan) -> list[Stage]:
    """None where there is no autoencoder."""
    if not run.experiment.uses_dae:
        return []
    return [
        Stage(
            NAME,
            lambda scratch: _body(run, scratch),
            reads=("download", "folds", "dae"),
            config={
                "activations": run.experiment.activations.model_dump(mode="json"),
                "folds": run.competition.folds.model_dump(mode="json"),
                "seed": run.experiment.seed,
            },
            code=("study.activations", "study.units", "study.ablation", "competition.folds", "pipeline.feature_store"),
        )
    ]


def _body(run: Run, scratch: Scratch) -> dict[str, Any]:
    config, seed, table = run.experiment.activations, run.experiment.seed, run.data.table
    network = _Network(run)
    rows = train_rows(table.n_train, config.rows, seed)
    active, x = network.read(rows)
    labels = study.cluster(x, config.clusters, seed)
    n_probes = min(config.probes, len(rows) // 2)
    probes = np.sort(np.random.default_rng(seed).permutation(len(rows))[:n_probes])
    known = study.supports(active[np.delete(rows, probes)], np.delete(labels, probes), config.clusters)
    counts = study.active_counts(active[rows], labels, config.clusters)
    sizes = np.bincount(labels, minlength=config.clusters)

    np.save(scratch.out / "share_active.npy", (active.sizes / active.n_units).astype(np.float32))
    np.save(scratch.out / "cluster_iou.npy", study.pairwise_iou(known[sizes > 0]).astype(np.float32))
    np.save(scratch.out / "cluster_rates.npy", (counts / np.maximum(sizes, 1)[:, None]).astype(np.float16))
    np.save(scratch.out / "one_row.npy", network.one_row(rows[probes[0]], N_CORRUPTIONS).unpacked())
    never = active.n_units - int(study.popcount(active.support))
    run.say(
        f"{NAME}: {active.sizes.mean() / active.n_units:.1%} of {active.n_units:,} units active, {never:,} never fire"
    )
    return {
        "device": str(network.device),
        "n_rows": len(active),
        "n_units": active.n_units,
        "n_sampled": len(rows),
        "n_probes": n_probes,
        "share_active": interval(active[rows].sizes / active.n_units),
        "never_fires": never / active.n_units,
        "clusters": _clusters(active[rows], labels, config.clusters, seed),
        "noise": network.noise_curves(rows[probes], labels[probes], active, known),
        "exclusive": int((study.exclusive(counts, config.purity) >= 0).sum()) / active.n_units,
        "ablation": _ablation(run, network, rows, x, labels, counts),
        "columns": network.restored(rows[probes]),
    }


def _clusters(active: Active, labels: Array, n_clusters: int, seed: int) -> dict[str, Any]:
    """Between clusters by the units that can fire in them; within, by rows and by halves."""
    sizes = np.bincount(labels, minlength=n_clusters)
    filled = study.supports(active, labels, n_clusters)[sizes > 0]
    first, second = (active.words[rows] for rows in study.pairs_within(labels, len(labels), seed))
    return {
        "sizes": sizes.tolist(),
        "can_fire": interval(study.popcount(filled) / active.n_units),
        "iou_between": study.interval_of_pairs(study.pairwise_iou(filled)),
        "iou_of_halves": interval(study.split_half_iou(active, labels, n_clusters, seed)),
        "iou_within": interval(study.iou(first, second)),
        "agreement_within": interval(study.agreement(first, second, active.n_units)),
        "containment_within": interval(study.containment(first, second)),
    }


class _Network:
    """The trained autoencoder (of fold 0 where there is one per fold), with the rows of the table encoded for it."""

    def __init__(self, run: Run) -> None:
        from swapdae.base.device import resolve_device

        self._model, self.codes = FeatureStore(run).autoencoder(0)
        self.layout, self.device = self._model.layout, resolve_device(run.device)
        self._model.to(self.device.device).eval()
        experiment = run.experiment
        self._noise, self._study, self._seed = experiment.dae.noise, experiment.activations, experiment.seed

    def read(self, rows: Array) -> tuple[Active, Array]:
        """The active units of all rows, and the features of `rows`, ascending, as float16."""
        from swapdae.study.units import n_units, read_units

        x = np.empty((len(rows), self._model.d_features), dtype=np.float16)

        def units() -> Iterator[Array]:
            start = 0
            for features, found in read_units(self._model, self.codes, self.device, self._study.units):
                low, high = np.searchsorted(rows, [start, start + len(features)])
                x[low:high] = features[rows[low:high] - start]
                start += len(features)
                yield found

        return study.pack(units(), n_units(self._model, self._study.units)), x

    def corrupted(self, rows: Array, noise: NoiseConfig, seed: int) -> Active:
        from swapdae.study.units import n_units, read_corrupted_units

        found = read_corrupted_units(self._model, self.codes[rows], noise, self.device, self._study.units, seed)
        return study.pack(found, n_units(self._model, self._study.units))

    def one_row(self, row: int, n: int) -> Active:
        """One row corrupted n times, by the noise of training; donors are the rows that follow."""
        others = (row + 1 + np.arange(2000)) % len(self.codes)
        rows = np.concatenate([np.full(n, row), others])
        return self.corrupted(rows, self._noise, self._seed)[:n]

    def noise_curves(self, rows: Array, labels: Array, active: Active, known: Array) -> list[dict[str, Any]]:
        """At every rate, and with the noise of training (rate None): IoU of clean and corrupted units, IoU of two
        corruptions, share of a corrupted row's units that are not known of its cluster."""
        clean, curves = active.words[rows], []
        noises = {
            rate: NoiseConfig(per=self._noise.per, donor=self._noise.donor, categorical=rate, numerical=rate)
            for rate in self._study.rates
        }
        for rate, noise in [*noises.items(), (None, self._noise)]:
            one, other = (self.corrupted(rows, noise, seed).words for seed in (self._seed, self._seed + 1))
            curves.append(
                {
                    "rate": rate,
                    "iou_clean": interval(study.iou(clean, one)),
                    "iou_two": interval(study.iou(one, other)),
                    "outside": interval(1 - study.containment(one, known[labels])),
                }
            )
        return curves

    def restored(self, rows: Array) -> list[dict[str, Any]]:
        from swapdae.study.units import restored

        return [
            dict(column) for column in restored(self._model, self.codes[rows], self._noise, self.device, self._seed)
        ]


def _ablation(
    run: Run, network: _Network, rows: Array, x: Array, labels: Array, counts: Array
) -> dict[str, Any] | None:
    """Drop a cluster's most specialised units, refit ridge, and see who pays: rows of the cluster, or others.

    Controls drop as many random ones of the other units that fire in the cluster. None where units are not features.
    Changes of the error are relative to the ridge's own mean squared error; so is the error of ridge on raw columns.
    """
    if x.shape[1] != counts.shape[1]:
        return None
    config, seed, table = run.experiment.activations, run.experiment.seed, run.data.table
    y = table.y[rows]
    targets = y if run.competition.task == "regression" else one_hot(y, len(table.classes))
    filled, sets, controls = _sets(counts, labels, config.specialised, seed)
    folds = run.data.folds.subset(rows)
    found = ablate(x, targets, folds, [*sets, *controls], ALPHAS).of(folds.predicted)
    raw = ablate(network.codes[rows].one_hot(network.layout), targets, folds, [], ALPHAS).of(folds.predicted)
    labels = labels[folds.predicted]
    change = (found.dropped - found.whole) / found.whole.mean()
    own, control = change[: len(sets)], change[len(sets) :].reshape(len(sets), N_CONTROLS, -1).mean(axis=1)
    mine = labels == filled[:, None]
    return {
        "alpha": found.alpha,
        "n_clusters": len(filled),
        "n_dropped": len(sets[0]),
        "n_dropped_together": len(sets[-1]),
        "error": float(found.whole.mean()),
        "raw": float(raw.whole.mean() / found.whole.mean() - 1),
        "inside": interval(own[:-1][mine]),
        "inside_control": interval(control[:-1][mine]),
        "outside": interval(_rowwise(own[:-1], ~mine)),
        "outside_control": interval(_rowwise(control[:-1], ~mine)),
        "together": interval(own[-1]),
        "together_control": interval(control[-1]),
    }


def _sets(counts: Array, labels: Array, n: int, seed: int) -> tuple[Array, list[Array], list[Array]]:
    """Clusters that have rows; the n most specialised units of each, and last all of these; N_CONTROLS for each set."""
    sizes = np.bincount(labels, minlength=len(counts))
    filled = np.flatnonzero(sizes)
    sets = list(study.specialised(counts, sizes, n)[filled])
    sets.append(np.unique(sets))

    def others(i: int) -> Array:
        fires = counts[filled[i]] > 0 if i < len(filled) else counts.sum(axis=0) > 0
        return np.setdiff1d(np.flatnonzero(fires), sets[i])

    return filled, sets, [drawn for draws in random_sets(sets, others, N_CONTROLS, seed) for drawn in draws]


def _rowwise(values: Array, chosen: Array) -> Array:
    """(n,): each row's mean over the sets that are chosen for it."""
    mean: Array = (values * chosen).sum(axis=0) / np.maximum(chosen.sum(axis=0), 1)
    return mean


KIND = StageKind(
    NAME, "Which of the autoencoder's units fire, for whom, how stably.", "report.json, arrays of the study", _stages
)
