"""Pixels of MNIST 5k that a selector would choose, over training, direct above indirect: docs/selection.png.

python benchmarks/concrete_picture.py [--epochs 60] [--out docs/selection.png]
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np

from concrete import Problem

matplotlib.use("Agg")
from matplotlib import pyplot as plt

MOMENTS = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path("docs/selection.png"))
    args = parser.parse_args()
    problem = Problem("mnist_5k", Path())
    mean = problem.x[0].mean(axis=0).reshape(28, 28)
    figure, axes = plt.subplots(2, MOMENTS, figsize=(2 * MOMENTS, 4.4), layout="constrained")
    for kind, row in zip(("direct", "indirect"), axes, strict=True):
        selector = problem.fit(0, parameterization=kind, epochs=args.epochs, decoder_epochs=1, refine=False)
        lines = [line for line in selector.log_ if line.temperature > 0]
        for axis, i in zip(row, np.linspace(0, len(lines) - 1, MOMENTS).round().astype(int), strict=True):
            pixels = np.array(sorted(set(lines[i].favourites)))
            axis.imshow(mean, cmap="Greys", alpha=0.5)
            axis.scatter(pixels % 28, pixels // 28, s=14, c="crimson", marker="s")
            axis.set_title(f"{kind}, epoch {i + 1}\n{len(pixels)} different, T {lines[i].temperature:.2g}", fontsize=8)
            axis.set_axis_off()
    figure.savefig(args.out, dpi=100)


if __name__ == "__main__":
    main()
