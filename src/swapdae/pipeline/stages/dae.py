"""dae: train the autoencoder, on all rows or once per fold, and write its features of all rows as float16 .npy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swapdae.encoding.encoder import Encoder
from swapdae.pipeline import stage_inputs
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Report, Stage

NAME = "dae"


def stages(run: Run) -> list[Stage]:
    """The stage; none where no head reads autoencoder features."""
    if not run.experiment.uses_dae:
        return []
    config = run.experiment.model_dump(mode="json", include={"dae", "rows", "seed"})
    return [run.stage(NAME, stage_inputs.dae(run), lambda scratch: _body(run, scratch), config=config)]


def main(run: Run) -> list[Report]:
    return run.carry_out(stages(run))


def _body(run: Run, scratch: Path) -> dict[str, Any]:
    # torch takes seconds to import: a run that finds its features made does not pay them.
    from swapdae.autoencoder.checkpoint import save_weights
    from swapdae.autoencoder.fit import fit_autoencoder, read_features
    from swapdae.autoencoder.progress import write_log
    from swapdae.base.device import resolve_device

    config, table, seed = run.experiment.dae, run.table, run.experiment.seed
    device = resolve_device(run.device)
    run.say(f"{NAME}: on {device}")
    trainings = []
    for fold, (rows, published) in enumerate(zip(run.label_free_rows(), run.dae_files, strict=True)):
        encoder = Encoder(table.categorical, table.numerical, config.numerical, seed)
        codes = encoder.fit(run.frame.iloc[rows]).transform(run.frame)
        work = scratch / f"training_{fold}"
        work.mkdir(exist_ok=True)
        title = f"{NAME} {fold + 1}/{len(run.dae_files)}"
        model, log = fit_autoencoder(
            codes[rows], encoder.layout, config, seed=seed + fold, device=device, work=work, title=title
        )
        write_log(work / "log.jsonl", log)
        blocks = read_features(model, codes, encoder.layout, device)
        write_npy(scratch / published.name, blocks, (len(codes), model.d_features))
        save_weights(work / "model.safetensors", model)
        sizes = {"n_inputs": encoder.layout.n_inputs, "d_features": model.d_features}
        trainings.append({"n_rows": len(rows), **sizes, **vars(log[-1])})
    for checkpoint in scratch.glob("training_*/checkpoint.safetensors"):
        checkpoint.unlink()
    return {"device": str(device), "trainings": trainings}


def write_npy(file: Path, blocks: Iterator[NDArray[np.float32]], shape: tuple[int, int]) -> None:
    """Stream blocks of rows into one float16 .npy: nothing is held whole, and a name that exists is whole."""
    aside = file.with_name(file.name + ".part")
    limit = np.finfo(np.float16).max
    n_rows = 0
    with aside.open("wb") as out:
        header = {"descr": "<f2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(out, header)
        for block in blocks:
            out.write(np.clip(block, -limit, limit).astype("<f2").data)
            n_rows += len(block)
    if n_rows != shape[0]:
        raise ValueError(f"{file}: {n_rows} rows came, {shape[0]} were announced")
    aside.replace(file)
