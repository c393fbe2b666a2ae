"""worth: what the autoencoder adds, out of fold: to the blend, and by its training to ridge."""

import time
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swapdae.heads import HEADS
from swapdae.modelling.features import FloatArray, LoadedFeatures
from swapdae.modelling.worth import Change, Judge, sentence
from swapdae.pipeline.feature_store import FeatureStore, write_npy
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Stage

NAME = "worth"
VIEWS = {"raw": "raw", "trained": "dae"}  # that ridge reads; the untrained features are none of a run's views
Array = NDArray[Any]


def _stages(run: Run, before: Plan) -> list[Stage]:
    """None where no head reads the autoencoder. Its configuration, which decides the untrained features too, is in the
    key of the stage dae."""
    if not run.experiment.uses_dae:
        return []
    config = {
        "seed": run.experiment.seed,
        "folds": run.competition.folds.model_dump(mode="json"),
        "metric": run.competition.metric_key,
        "ridge": HEADS["ridge"].params().model_dump(mode="json"),
        "heads": list(run.experiment.heads),
    }
    return [
        Stage(
            NAME,
            lambda scratch: _body(run, scratch),
            reads=("download", "folds", "dae", *(f"heads/{name}" for name in run.experiment.heads), "blend"),
            config=config,
            code=("modelling.worth", "modelling.blend", "heads.ridge", "autoencoder.fit", "pipeline.feature_store"),
        )
    ]


def _body(run: Run, scratch: Scratch) -> dict[str, Any]:
    data, metric = run.data, run.competition.metric_of
    judge = Judge(metric, data.table.y, data.folds.labels, data.table.weights)
    blend, blends = _blend(run, judge)
    oofs, seconds = _ridge(run, scratch.work / "untrained.npy")
    values = {name: judge.value(oof) for name, oof in oofs.items()}
    training = judge.change(oofs["untrained"], oofs["trained"])
    said = sentence(metric, blend, values, training)
    run.say(f"{NAME}: {said}")
    return {
        "device": run.device_text(),
        "sentence": said,
        "blend": None if blend is None else {**blends, **asdict(blend)},
        "ridge": values,
        "network": asdict(judge.change(oofs["raw"], oofs["untrained"])),
        "training": asdict(training),
        "both": asdict(judge.change(oofs["raw"], oofs["trained"])),
        "ridge_seconds": seconds,
    }


def _blend(run: Run, judge: Judge) -> tuple[Change | None, dict[str, float]]:
    """From the blend of the heads that do not read the autoencoder to that of all, both cross-fitted, each by its
    better method; and the metric of both. None where all heads read it."""
    from swapdae.modelling.blend import fit_blend

    others = [name for name, head in run.experiment.heads.items() if not head.uses_dae]
    if not others:
        return None, {}
    oofs = [run.array(f"heads/{name}", "oof.npy") for name in others]
    blend = fit_blend(oofs, judge.y, judge.folds, judge.metric, judge.weights)
    change = judge.change(blend.oof_cross_fitted, run.array("blend", "oof_cross_fitted.npy"))
    without = judge.metric.value_of(blend.score_cross_fitted)
    return change, {"without": without, "with": run.report("blend").metrics["cross_fitted"]}


def _ridge(run: Run, file: Path) -> tuple[dict[str, Array], dict[str, float]]:
    """Out-of-fold predictions of ridge with its default parameters, by what it reads; and the seconds of each that is
    fitted here. file: where the untrained features lie meanwhile."""
    from swapdae.modelling.cross_fit import cross_fit

    ridge, store = HEADS["ridge"], FeatureStore(run)
    make, problem = ridge.factory(ridge.params(), run.experiment.seed), replace(store.problem(["raw"]), n_test=0)
    oofs, seconds = _fitted_ridges(run), dict[str, float]()
    for name in ("raw", "untrained", "trained"):
        if name not in oofs:
            started = time.perf_counter()
            features = untrained_features(run, file) if name == "untrained" else store.view(VIEWS[name])
            fitted = cross_fit(replace(problem, features=features), make, name=f"ridge, {name}", with_test=False)
            oofs[name], seconds[name] = fitted.oof, round(time.perf_counter() - started, 3)
    return oofs, seconds


def _fitted_ridges(run: Run) -> dict[str, Array]:
    """Of the heads that are the same ridge."""
    params = HEADS["ridge"].params().model_dump(mode="json")
    names = {
        what: name
        for name, head in run.experiment.heads.items()
        for what, view in VIEWS.items()
        if (head.kind, head.features, head.class_weight) == ("ridge", (view,), None)
        and run.report(f"heads/{name}").metrics["params"] == params
    }
    return {what: run.array(f"heads/{name}", "oof.npy") for what, name in names.items()}


def untrained_features(run: Run, file: Path) -> LoadedFeatures:
    """Features of the train rows by the autoencoder as its training begins, of the same scope and seed. file: where
    they lie, those of one fold at a time."""
    store, n_train = FeatureStore(run), run.data.table.n_train

    @lru_cache(maxsize=1)
    def load(k: int) -> FloatArray:
        from swapdae.autoencoder.fit import read_features, untrained_autoencoder
        from swapdae.base.device import resolve_device

        device, (codes, layout) = resolve_device(run.device), store.encoded(k)
        seen, seed = codes[store.rows[k]], run.experiment.seed + k
        model = untrained_autoencoder(seen, layout, run.experiment.dae, seed=seed, device=device)
        features = read_features(model, codes[:n_train], layout, device)
        write_npy(file, features, (n_train, model.d_features))
        written: FloatArray = np.load(file, mmap_mode="r", allow_pickle=False)
        return written

    return LoadedFeatures(load, shared=store.n_autoencoders == 1, prefix="untrained")


KIND = StageKind(
    NAME, "Tell what the autoencoder adds to the blend, and by its training to ridge.", "report.json", _stages
)
