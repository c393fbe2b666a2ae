"""How good are the features after how long? The published recipe in textbook code against the shipped one.

python benchmarks/time_to_quality.py [--quick] [--budget SECONDS] [--seeds 3] [--threads N] [--sets flights diamonds]
[--body stack] [--picture DIRECTORY]

Both sides train on the same rows (labels unseen) and are judged by the RMSE of ridge on their features of the labelled
60%, 3-fold, at the best of a few penalties. Our recipe is the default, but for the noise of the experiment
`flights_random` on its rows. Only training is on the clock. The textbook side (published noise, network, loss, Adam at
3e-4) is one training, looked at on the way; ours ends its schedule at each budget, so that every point is a training of
its own. Sets: `flights`, 60,000 rows of the competition `flights_random` (folds are drawn here, by row), and
`diamonds`, log price of 53,940 stones, from the package plotnine (left out, with a line, where it is not installed;
lengths of 0 mm count as missing). Prints the curves, mean and standard deviation over seeds, and one line of JSON:
speedup (the least over sets of the textbook's time to its best over ours to the same), best_published and best_ours by
set.
"""

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from downloaded import downloaded
from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.fit import fit_autoencoder, read_features
from swapdae.base.device import resolve_device
from swapdae.base.paths import here
from swapdae.competition.config import FoldsConfig
from swapdae.competition.folds import draw_folds
from swapdae.encoding.encoder import Codes, Encoder
from swapdae.modelling.moments import FoldMoments, predict, solve
from swapdae.pipeline.run import Run
from textbook import Textbook

PUBLISHED = DaeConfig.model_validate(
    {
        "body": {"kind": "transformer"},
        "noise": {"per": "one_hot", "donor": "row", "categorical": 0.9, "numerical": 0.25},
        "loss": {"categories": "binary", "mask": 2},
        "training": {"optimizer": "adam", "learning_rate": 3e-4, "batch_size": 384},
    }
)
LABELLED = 0.6
ALPHAS = 10.0, 30.0, 100.0, 300.0, 1e3, 3e3
TEXTBOOK_LOOKS = 0.5, 1.0  # shares of the budget
OUR_BUDGETS = 0.03, 0.1, 0.3, 1.0  # the first is one epoch, as a rule


@dataclass(frozen=True)
class Data:
    name: str
    frame: pd.DataFrame
    y: NDArray[np.float64]
    categorical: tuple[str, ...]
    numerical: tuple[str, ...]

    def codes(self, config: DaeConfig, seed: int) -> tuple[Codes, Encoder]:
        encoder = Encoder(self.categorical, self.numerical).fit(self.frame)
        return encoder.transform(self.frame), encoder

    @property
    def n_labelled(self) -> int:
        return int(LABELLED * len(self.y))


def flights(rows: int) -> Data:
    run = downloaded("flights_random")
    table = run.data.table
    return Data("flights", table.train[:rows], table.y[:rows], table.categorical, table.numerical)


def diamonds(rows: int) -> Data | None:
    spec = importlib.util.find_spec("plotnine")
    if spec is None or not spec.submodule_search_locations:
        print("diamonds: left out, the package plotnine is not installed")
        return None
    frame = pd.read_csv(Path(spec.submodule_search_locations[0]) / "data" / "diamonds.csv").sample(
        frac=1, random_state=0
    )
    lengths = ["x", "y", "z"]
    frame[lengths] = frame[lengths].where(frame[lengths] > 0)  # 0 mm stands for a length that was not taken
    y = np.log(frame.pop("price").to_numpy(dtype=np.float64))
    categorical = ("cut", "color", "clarity")
    numerical = tuple(name for name in frame.columns if name not in categorical)
    return Data("diamonds", frame[:rows].reset_index(drop=True), y[:rows], categorical, numerical)


def quality(features: NDArray[np.float32], y: NDArray[np.float64]) -> float:
    """RMSE of ridge, out of fold, at the best penalty, on features of unit variance over all rows: by a fold's own, one
    that is all but constant there would be blown up."""
    features = features / np.maximum(features.std(axis=0), 1e-3)
    folds = draw_folds(y, FoldsConfig(count=3), "regression")
    fitted = FoldMoments(lambda fold: (features,), y, folds, True)
    errors = np.zeros((len(ALPHAS), len(y)))
    for fold in range(folds.n_folds):
        rows = folds.out(fold)
        errors[:, rows] = predict((features,), rows, solve(fitted.training(fold), ALPHAS))[:, :, 0] - y[rows]
    return float(np.sqrt(np.square(errors).mean(axis=1)).min())


def textbook_curve(data: Data, budget: float, seed: int) -> list[tuple[float, float]]:
    """(seconds, RMSE) of one training."""
    numbers = list(data.numerical)  # published: no indicators, a missing number is the mean
    filled = data.frame.assign(**data.frame[numbers].fillna(data.frame[numbers].mean()))
    codes, encoder = replace(data, frame=filled).codes(PUBLISHED, seed)
    side, curve, spent = Textbook(codes, encoder.layout, PUBLISHED, seed), [], 0.0
    batches = side.epochs()
    for share in TEXTBOOK_LOOKS:
        while spent < share * budget:
            started = time.perf_counter()
            side.step(next(batches))
            spent += time.perf_counter() - started
        curve.append(
            (spent, quality(np.concatenate(list(side.features()))[: data.n_labelled], data.y[: data.n_labelled]))
        )
    return curve


def our_curve(data: Data, config: DaeConfig, budget: float, seed: int) -> list[tuple[float, float]]:
    """(seconds, RMSE), each of a training that ends its schedule there. How long an epoch takes is first tried out."""
    codes, encoder = data.codes(config, seed)
    device, curve = resolve_device("cpu"), []

    def fit(epochs: float) -> tuple[Any, float]:
        whole = max(1, int(epochs))
        shortened = config.model_copy(update={"training": config.training.model_copy(update={"epochs": whole})})
        model, log = fit_autoencoder(codes, encoder.layout, shortened, seed=seed, device=device, show_progress=False)
        return model, log[-1].seconds

    epoch = fit(1)[1]
    for share in OUR_BUDGETS:
        model, seconds = fit(share * budget / epoch)
        blocks = read_features(model, codes[: data.n_labelled], encoder.layout, device)
        curve.append((seconds, quality(np.concatenate(list(blocks)), data.y[: data.n_labelled])))
    return curve


def time_to(curve: NDArray[np.float64], goal: float) -> float:
    """Seconds at which a curve of (seconds, RMSE) first is at or below `goal`, between points by a straight line."""
    seconds, value = curve.T
    below = np.flatnonzero(value <= goal)
    if not len(below):
        return float("inf")
    at = below[0]
    if at == 0:
        return float(seconds[0])
    share = (value[at - 1] - goal) / (value[at - 1] - value[at])
    return float(seconds[at - 1] + share * (seconds[at] - seconds[at - 1]))


def compare(
    data: Data, config: DaeConfig, budget: float, seeds: Sequence[int], picture: Path | None
) -> dict[str, float]:
    curves: dict[str, list[list[tuple[float, float]]]] = {"published": [], "ours": []}
    for seed in seeds:
        curves["published"].append(textbook_curve(data, budget, seed))
        curves["ours"].append(our_curve(data, config, budget, seed))
        for name in curves:
            points = "  ".join(f"{value:.4f} after {seconds:.0f} s" for seconds, value in curves[name][-1])
            print(f"{data.name} seed {seed} {name:9} {points}")
        sys.stdout.flush()
    mean = {name: np.mean(curve, axis=0) for name, curve in curves.items()}
    for name, curve in curves.items():
        deviation = np.std(curve, axis=0, ddof=1)[:, 1] if len(seeds) > 1 else np.zeros(len(mean[name]))
        for (seconds, value), spread in zip(mean[name], deviation, strict=True):
            print(f"{data.name:9} {name:9} {seconds:6.0f} s  {value:.5f} +- {spread:.5f}")
    best = mean["published"][:, 1].argmin()
    reached = time_to(mean["ours"], mean["published"][best, 1])
    if picture is not None:
        draw(data.name, mean, picture / f"time_to_quality_{data.name}.svg")
    return {
        "speedup": float(mean["published"][best, 0]) / reached,
        "best_published": float(mean["published"][:, 1].min()),
        "best_ours": float(mean["ours"][:, 1].min()),
    }


def draw(name: str, mean: dict[str, NDArray[np.float64]], file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for (side, curve), colour, marker in zip(mean.items(), ("#D55E00", "#0072B2"), "os", strict=True):
        axes.plot(*curve.T, marker=marker, color=colour, label=side)
    axes.set(xscale="log", xlabel="seconds of training", ylabel="RMSE of ridge, out of fold", title=name)
    axes.legend()
    figure.savefig(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="6,000 rows, 10 s, one seed, narrow; says nothing of quality"
    )
    parser.add_argument("--budget", type=float, default=120.0, help="seconds of the longest training of either side")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--sets", nargs="+", default=["flights", "diamonds"])
    parser.add_argument("--body", default="stack", choices=["stack", "transformer"], help="ours")
    parser.add_argument("--picture", type=Path, help="a directory to draw the curves into")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rows, budget, seeds = (6_000, 10.0, 1) if given.quick else (60_000, given.budget, given.seeds)
    body: dict[str, Any] = {"kind": given.body}
    if given.quick:
        body |= {"width": 128} if given.body == "stack" else {"d_subspace": 16}
    config = DaeConfig.model_validate({"body": body})
    noise = {"flights": Run.of(here(), "flights_random").experiment.dae.noise, "diamonds": config.noise}
    results = {}
    for name, read in (("flights", flights), ("diamonds", diamonds)):
        if name in given.sets and (data := read(rows)) is not None:
            results[name] = compare(
                data, config.model_copy(update={"noise": noise[name]}), budget, range(seeds), given.picture
            )
    line: dict[str, Any] = {"speedup": round(min(result["speedup"] for result in results.values()), 2)}
    for key in ("best_published", "best_ours"):
        line[key] = {name: round(result[key], 5) for name, result in results.items()}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
