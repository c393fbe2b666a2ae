"""A trained autoencoder's units and what it restores, for clean rows and for rows under any swap noise."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor

from swapdae.autoencoder.config import NoiseConfig
from swapdae.autoencoder.network import Autoencoder
from swapdae.autoencoder.swap_noise import Inputs, Rows, SwapNoise
from swapdae.base.device import Device
from swapdae.encoding.encoder import Codes
from swapdae.study.config import UnitsName

FloatArray = NDArray[np.float32]
BATCH = 4096


def n_units(model: Autoencoder, units: UnitsName) -> int:
    """How many units `units` names."""
    return model.body.n_units if units == "relu" else model.d_features


def _forward(model: Autoencoder, x: Tensor, units: UnitsName) -> tuple[Tensor, Tensor]:
    """Features (batch, d_features) and units (batch, n_units) of network inputs.

    units "relu": the outputs of the body's activation functions, see BodyNetwork.with_units; "features": the features.
    """
    if units == "relu":
        return model.body.with_units(model.embed(x))
    features = model.features(x)
    return features, features


def read_units(
    model: Autoencoder, codes: Codes, device: Device, units: UnitsName
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Features and units of every row, in order, in blocks of rows."""
    inputs = Inputs(model.layout, device.device)
    model.eval()
    for start in range(0, len(codes), BATCH):
        with torch.inference_mode(), device.autocast():
            features, found = _forward(model, inputs(Rows.of(codes[start : start + BATCH], device.device)), units)
        yield device.to_host(features.float()), device.to_host(found.float())


def read_corrupted_units(
    model: Autoencoder, codes: Codes, noise: NoiseConfig, device: Device, units: UnitsName, seed: int
) -> Iterator[FloatArray]:
    """Units of every row, in order, each corrupted once; donors are rows of `codes`, 4096 around it at most."""
    corrupt = _noise(model, noise, device, seed)
    model.eval()
    for start in range(0, len(codes), BATCH):
        with torch.inference_mode(), device.autocast():
            _, corrupted, _ = corrupt(Rows.of(codes[start : start + BATCH], device.device))
            found = _forward(model, corrupted, units)[1]
        yield device.to_host(found.float())


def restored(
    model: Autoencoder, codes: Codes, noise: NoiseConfig, device: Device, seed: int
) -> list[dict[str, float | str | None]]:
    """How well each source column's corrupted cells are found and restored, over the rows of `codes`.

    Of a category, or a missing-value indicator: `quality` is the share of corrupted cells restored right, `guess` that
    of the most frequent level. Of a number: the R2 over its corrupted cells, against their mean, whose own is 0.
    mask_auc: of the predicted mask over all its cells. corrupted: share of cells that really changed. None where
    undefined, or not predicted.
    """
    corrupt, layout = _noise(model, noise, device, seed), model.layout
    model.eval()
    with torch.inference_mode(), device.autocast():
        clean, corrupted, mask = corrupt(Rows.of(codes, device.device))
        output = model(corrupted)
    x, found = device.to_host(clean), device.to_host(output.reconstruction.float())
    scores = None if output.mask_logits is None else device.to_host(output.mask_logits.float())
    hit: NDArray[np.bool_] = device.to_host(mask)
    columns: list[dict[str, float | str | None]] = []
    start = 0
    widths = [*layout.n_levels, *[1] * (layout.n_indicators + layout.n_numbers)]
    kinds = ["category"] * len(layout.n_levels) + ["missing"] * layout.n_indicators + ["number"] * layout.n_numbers
    names = (*layout.categorical, *layout.indicators, *layout.numbers)
    for name, kind, width in zip(names, kinds, widths, strict=True):
        block = slice(start, start + width)
        start += width
        cells: NDArray[np.bool_] = np.any(hit[:, block], axis=1)
        quality = _quality(kind, x[:, block], found[:, block], cells)
        columns.append(
            {
                "column": name,
                "kind": kind,
                "corrupted": float(cells.mean()),
                **quality,
                "mask_auc": None if scores is None else _auc(cells, scores[:, block].max(axis=1)),
            }
        )
    return columns


def _quality(
    kind: str, clean: FloatArray, found: FloatArray, cells: NDArray[np.bool_]
) -> dict[str, float | str | None]:
    if not cells.any():
        return {"quality": None, "guess": None}
    if kind == "number":
        spread = float(clean[cells].var())
        error = float(np.mean((clean[cells] - found[cells]) ** 2))
        return {"quality": 1 - error / spread if spread else None, "guess": 0.0}
    if kind == "missing":
        truth, guess = clean[:, 0] > 0.5, found[:, 0] > 0
    else:
        truth, guess = clean.argmax(axis=1), found.argmax(axis=1)
    frequent = np.bincount(truth).argmax()
    return {
        "quality": float(np.mean(truth[cells] == guess[cells])),
        "guess": float(np.mean(truth[cells] == frequent)),
    }


def _auc(truth: NDArray[np.bool_], score: FloatArray) -> float | None:
    return float(roc_auc_score(truth, score)) if 0 < truth.sum() < len(truth) else None


def _noise(model: Autoencoder, noise: NoiseConfig, device: Device, seed: int) -> SwapNoise:
    return SwapNoise(noise, model.layout, device.device, device.generator(seed))
