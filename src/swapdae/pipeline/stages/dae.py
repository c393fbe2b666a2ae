"""dae: train the autoencoder, on all rows or once per fold, and write its features of all rows as float16 .npy."""

import math
from typing import Any

from swapdae.autoencoder.progress import Epoch
from swapdae.base.errors import TimeIsUp
from swapdae.pipeline.feature_store import FeatureStore, feature_files, write_npy
from swapdae.pipeline.head_inputs import own_hash
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.run import LATE, Run
from swapdae.pipeline.stage import Stage

NAME = "dae"


def _stages(run: Run, before: Plan) -> list[Stage]:
    """None where no head reads autoencoder features."""
    if not run.experiment.uses_dae:
        return []
    config = {"dae": run.experiment.dae.decisive(), "seed": run.experiment.seed}
    if run.experiment.dae.scope == "per_fold":
        config["folds"] = run.competition.folds.model_dump(mode="json")
    if "own" in run.experiment.dae.reads:
        config["own"] = own_hash(run, "dae.reads")
    return [
        Stage(
            NAME,
            lambda scratch: _body(run, scratch),
            reads=("download", "folds") if run.experiment.dae.scope == "per_fold" else ("download",),
            config=config,
            code=("autoencoder.fit", "autoencoder.checkpoint", "encoding.encoder", "pipeline.feature_store"),
            **(_shared(run) if run.shares_dae else {}),
        )
    ]


def _shared(run: Run) -> dict[str, Any]:
    """What makes the stage one and the same for all targets: the first makes it, the others find it."""
    return {
        "folder": run.directory(NAME).parent,
        "counts": lambda report: {name: value for name, value in report.inputs.items() if name != "target"},
        "forced": run.competition.target == run.competition.targets[0],
    }


def _body(run: Run, scratch: Scratch) -> dict[str, Any]:
    # torch takes seconds to import: a run that finds its features made does not pay them.
    from swapdae.autoencoder.checkpoint import save_weights
    from swapdae.autoencoder.fit import fit_autoencoder, read_features
    from swapdae.autoencoder.progress import write_log
    from swapdae.base.device import resolve_device

    config, seed, store = run.experiment.dae, run.experiment.seed, FeatureStore(run)
    device = resolve_device(run.device)
    run.say(f"{NAME}: on {device}")
    trainings, files = [], feature_files(scratch.out, len(store.rows))
    limit = run.limits.get(NAME, math.inf) / len(files)

    def on_epoch(model: object, epoch: Epoch) -> None:
        n, one = config.training.epochs, epoch.seconds / epoch.epoch
        if epoch.epoch < n and n * one > LATE * limit:
            raise TimeIsUp(max(int((limit - epoch.seconds) / one), 0))

    for k, (rows, file) in enumerate(zip(store.rows, files, strict=True)):
        codes, layout = store.encoded(k)
        kept, work = scratch.out / f"training_{k}", scratch.work / f"training_{k}"
        for folder in (kept, work):
            folder.mkdir(exist_ok=True)
        title = f"{NAME} {k + 1}/{len(files)}"
        model, log = fit_autoencoder(
            codes[rows], layout, config, seed=seed + k, device=device, work=work, title=title, on_epoch=on_epoch
        )
        write_npy(file, read_features(model, codes, layout, device), (len(codes), model.d_features))
        save_weights(kept / "model.safetensors", model)
        write_log(kept / "log.jsonl", log)
        sizes = {"n_inputs": layout.n_inputs, "d_features": model.d_features}
        trainings.append({"n_rows": len(rows), **sizes, **vars(log[-1])})
    return {"device": str(device), "trainings": trainings}


KIND = StageKind(
    NAME,
    "Train the autoencoder, on all rows or once per fold, and write its features of all rows.",
    "features*.npy, weights, log",
    _stages,
)
