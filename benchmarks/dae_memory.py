"""Peak memory of training on 500,000 rows of the TPS schema, and of writing their 500,000 x 3,072 features.

python benchmarks/dae_memory.py [--quick]: ten categorical columns of 2 to 15 levels and 14 numerical ones, made up; a
minute of training the published network, left by Ctrl-C with the checkpoint that this writes, and its features
streamed to a temporary float16 .npy of 3 GB (quick: a tenth of the rows, and of the minute). Each runs in a process of
its own, which also makes and encodes the table and keeps it, as the stage does: the peak is that of all of it.
Prints a table, then one line of JSON: training_peak_gb, features_peak_gb.
"""

import argparse
import contextlib
import json
import os
import signal
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from fresh_process import alone
from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.fit import fit_autoencoder, read_features
from swapdae.autoencoder.network import Autoencoder
from swapdae.base.device import resolve_device
from swapdae.base.memory import peak_rss_gb
from swapdae.encoding.encoder import Codes, Encoder, Layout
from swapdae.pipeline.feature_store import write_npy

N_LEVELS, N_NUMBERS = (2, 2, 2, 4, 4, 4, 8, 8, 7, 15), 14
SECONDS_PER_ROW = 60 / 500_000
CONFIG = DaeConfig.model_validate({"body": {"kind": "transformer"}})


def make_frame(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    letters = np.array(list("ABCDEFGHIJKLMNO"), dtype=object)
    columns: dict[str, Any] = {
        f"cat{j}": pd.array(letters[rng.integers(n_levels, size=n)], dtype="str") for j, n_levels in enumerate(N_LEVELS)
    }
    return pd.DataFrame(columns | {f"cont{j}": rng.random(n) for j in range(N_NUMBERS)})


def encode(frame: pd.DataFrame) -> tuple[Codes, Layout]:
    names = tuple(frame.columns)
    encoder = Encoder(names[: len(N_LEVELS)], names[len(N_LEVELS) :]).fit(frame)
    return encoder.transform(frame), encoder.layout


def training(n: int, folder: Path) -> dict[str, float]:
    """Peaks in GB before and after a part of the first epoch on n rows."""
    frame = make_frame(n)
    codes, layout = encode(frame)
    encoded = peak_rss_gb()
    leave = threading.Timer(n * SECONDS_PER_ROW, os.kill, (os.getpid(), signal.SIGINT))
    leave.start()
    with contextlib.suppress(KeyboardInterrupt):
        fit_autoencoder(codes, layout, CONFIG, seed=0, device=resolve_device("auto"), work=folder, show_progress=False)
    leave.cancel()
    return {"encoded": encoded, "peak": peak_rss_gb()}


def features(n: int, folder: Path) -> dict[str, float]:
    """Peaks in GB before and after the features of n rows went to a file."""
    frame = make_frame(n)
    codes, layout = encode(frame)
    encoded = peak_rss_gb()
    device = resolve_device("auto")
    torch.manual_seed(0)
    model = Autoencoder(layout, CONFIG).to(device.device)
    write_npy(folder / "features.npy", read_features(model, codes, layout, device), (n, model.d_features))
    return {"encoded": encoded, "peak": peak_rss_gb()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    n = 50_000 if parser.parse_args().quick else 500_000
    with tempfile.TemporaryDirectory() as folder:
        found = {function.__name__: alone(function, n, Path(folder)) for function in (training, features)}
    print(f"{n:,} rows of {len(N_LEVELS)} categorical and {N_NUMBERS} numerical columns, on {resolve_device('auto')}")
    for name, figures in found.items():
        print(f"{name:10} peak {figures['peak']:.2f} GB, {figures['encoded']:.2f} GB once the table was encoded")
    print(json.dumps({f"{name}_peak_gb": float(f"{figures['peak']:.3g}") for name, figures in found.items()}))


if __name__ == "__main__":
    main()
