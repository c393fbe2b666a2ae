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
    blend, without = _blend(run, judge)
    ridge = _Ridge(run)
    raw, trained = ridge.oof("raw"), ridge.oof("dae")
    untrained = ridge.fitted(untrained_features(run, scratch.work / "untrained.npy"), "untrained")
    values = {"raw": judge.value(raw), "untrained": judge.value(untrained), "trained": judge.value(trained)}
    training = judge.change(untrained, trained)
    said = sentence(metric, blend, values, training)
    run.say(f"{NAME}: {said}")
    return {
        "device": run.device_text(),
        "sentence": said,
        "blend": None if blend is None else {"without": without, "with": _whole(run), **asdict(blend)},
        "ridge": values,
        "network": asdict(judge.change(raw, untrained)),
        "training": asdict(training),
        "both": asdict(judge.change(raw, trained)),
        "ridge_seconds": ridge.seconds,
    }


def _whole(run: Run) -> float:
    """The metric of the cross-fitted blend of all heads."""
    value: float = run.report("blend").metrics["cross_fitted"]
    return value


def _blend(run: Run, judge: Judge) -> tuple[Change | None, float | None]:
    """From the blend of the heads that do not read the autoencoder to that of all, both cross-fitted, each by its
    better method; and the metric of the first. None where all heads read it."""
    from swapdae.modelling.blend import fit_blend

    heads = run.experiment.heads
    others = [name for name, head in heads.items() if not {"dae", "dae_selected"} & set(head.features)]
    if not others:
        return None, None
    oofs = [run.array(f"heads/{name}", "oof.npy") for name in others]
    blend = fit_blend(oofs, judge.y, judge.folds, judge.metric, judge.weights)
    change = judge.change(blend.oof_cross_fitted, run.array("blend", "oof_cross_fitted.npy"))
    return change, judge.metric.value_of(blend.score_cross_fitted)


class _Ridge:
    """Ridge with its default parameters, out of fold. seconds: of each that was fitted here; a head that is the same is
    not fitted again."""

    def __init__(self, run: Run) -> None:
        self._run, self._params = run, HEADS["ridge"].params()
        self.seconds: dict[str, float] = {}

    def oof(self, view: str) -> Array:
        """On one view."""
        for name, head in self._run.experiment.heads.items():
            if (head.kind, head.features, head.class_weight) == ("ridge", (view,), None):
                params = self._run.report(f"heads/{name}").metrics["params"]
                if params == self._params.model_dump(mode="json"):
                    return self._run.array(f"heads/{name}", "oof.npy")
        return self.fitted(FeatureStore(self._run).view(view), view)

    def fitted(self, features: Any, name: str) -> Array:
        """On any features of the train rows."""
        from swapdae.modelling.cross_fit import cross_fit

        started = time.perf_counter()
        problem = replace(FeatureStore(self._run).problem(["raw"]), features=features, n_test=0)
        make = HEADS["ridge"].factory(self._params, self._run.experiment.seed)
        oof = cross_fit(problem, make, name=f"ridge on {name}", with_test=False).oof
        self.seconds[name] = round(time.perf_counter() - started, 3)
        return oof


def untrained_features(run: Run, file: Path) -> LoadedFeatures:
    """Features of the train rows by the autoencoder as its training begins, of the same scope and seed. file: where
    they lie, those of one fold at a time."""
    store, n_train = FeatureStore(run), run.data.table.n_train

    @lru_cache(maxsize=1)
    def load(k: int) -> FloatArray:
        from swapdae.autoencoder.fit import read_features, untrained_autoencoder
        from swapdae.base.device import resolve_device

        device, (codes, layout) = resolve_device(run.device), store.encoded(k)
        model = untrained_autoencoder(layout, run.experiment.dae, seed=run.experiment.seed + k, device=device)
        features = read_features(model, codes[:n_train], layout, device)
        write_npy(file, features, (n_train, model.d_features))
        written: FloatArray = np.load(file, mmap_mode="r", allow_pickle=False)
        return written

    return LoadedFeatures(load, shared=store.n_autoencoders == 1, prefix="untrained")


KIND = StageKind(
    NAME, "Tell what the autoencoder adds to the blend, and by its training to ridge.", "report.json", _stages
)
