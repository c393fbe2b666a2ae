"""What the autoencoder is worth, on real tables and on rows kept back: against the untrained network, PCA, raw columns.

python benchmarks/worth.py [--quick] [--sets NAME ...] [--seeds 0 1 2] [--regimes all few] [--folder F]
[--twins F] [--summary [--picture FILE] [--gains FILE]]

A cell is a set (worth_tables), a seed and a regime: "all" labels of the train rows, or a "few", 1,000, with all other
rows unlabelled. The seed draws the rows kept back, folds and weights. Everything is sized as `swapdae new` sizes it
(experiment/first.py). Ridge and the perceptron read the raw columns (one-hot), their principal components (at most 200;
where there are fewer inputs all of them, a rotation), features of the untrained network, and of the same network
trained on all rows without labels; ridge, on development sets with all labels, also those of an autoencoder per fold
that never saw the held-out rows. Beside them LightGBM, XGBoost, CatBoost, each at the best, on fold 0, of four settings
(SETTINGS), and non-negative least-squares blends of the trees with these heads. The metric is RMSE, or AUC (one class
against the rest: it asks for no calibration, which ridge has not), out of fold and on the rows kept back.
A cell that has its row in worth_rows.jsonl is not run again (so delete the file when a default changes); a killed one
goes on from its predictions in the folder.
--summary runs nothing and prints what there is, ending with one line of JSON: see worth_summary.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.fit import fit_autoencoder, read_features, untrained_autoencoder
from swapdae.base.device import resolve_device
from swapdae.base.files import written_aside
from swapdae.base.models import StrictModel
from swapdae.competition.config import FoldsConfig
from swapdae.competition.fold_rows import Folds
from swapdae.competition.folds import draw_folds
from swapdae.competition.metrics import METRICS, Metric
from swapdae.encoding.encoder import encode
from swapdae.experiment.first import Size, first_experiment
from swapdae.heads import HEADS, head_params
from swapdae.modelling.blend import combine, cross_fitted_blend, nnls_weights
from swapdae.modelling.cross_fit import Problem, cross_fit, fold_values
from swapdae.modelling.encodings import Pieces
from swapdae.modelling.features import FeatureSet, JoinedFeatures, LoadedFeatures, RawFeatures
from swapdae.modelling.fitted_view import Fit
from swapdae.modelling.views import MadeFeatures
from swapdae.pipeline.feature_store import write_npy
from worth_summary import summary
from worth_tables import SETS, add_twins, labelled, split, table_of

Array = NDArray[Any]
ROWS = Path(__file__).with_name("worth_rows.jsonl")
N_LABELS = {"all": None, "few": 1_000}
COMPONENTS = 200
PER_FOLD = "development"  # five more autoencoders cost as much as all the rest, so sets of one role have them
TREES = "lightgbm raw", "xgboost raw", "catboost raw"
READERS = "ridge", "mlp"
# Of the trees, over the parameters of a first experiment: as it is, shallow, deep, fewer columns and rows a tree.
SETTINGS: dict[str, tuple[dict[str, float], ...]] = {
    "lightgbm": (
        {},
        {"num_leaves": 7, "learning_rate": 0.1},
        {"num_leaves": 127, "lambda_l2": 50.0},
        {"feature_fraction": 0.3, "bagging_fraction": 0.5},
    ),
    "xgboost": (
        {},
        {"max_depth": 3, "learning_rate": 0.1},
        {"max_depth": 8, "reg_lambda": 50.0},
        {"colsample_bytree": 0.3, "subsample": 0.5},
    ),
    "catboost": (
        {},
        {"depth": 4, "learning_rate": 0.1},
        {"depth": 8, "learning_rate": 0.1, "l2_leaf_reg": 10.0},
        {"rsm": 0.3, "subsample": 0.5, "learning_rate": 0.1},
    ),
}
VIEWS = "raw", "pieces", "pca", "untrained", "trained"
HEADS_OF_ALL = (*(f"{kind} {view}" for view in VIEWS for kind in READERS), *TREES)
RAW = "ridge raw", "mlp raw", "ridge pieces", "mlp pieces"
BLENDS: dict[str, tuple[str, ...]] = {
    "trees": (),
    **{f"trees + {kind} {view}": (f"{kind} {view}",) for view in VIEWS for kind in READERS},
    "trees + raw": RAW,
    **{f"trees + raw + {view}": (*RAW, f"ridge {view}", f"mlp {view}") for view in VIEWS[2:]},
}


class Cell(NamedTuple):
    name: str
    seed: int
    regime: str


class Fitted(NamedTuple):
    """A head's predictions of the labelled rows, out of fold, and of those kept back; the core-seconds they took."""

    oof: Array
    test: Array
    seconds: float


@dataclass(frozen=True)
class Work:
    """One cell at work. folder: of its set and seed, for what both regimes share and for the predictions of each."""

    cell: Cell
    folder: Path
    epochs: int | None = None  # of the autoencoder, where not those of a first experiment

    def __post_init__(self) -> None:
        (self.folder / self.cell.regime).mkdir(parents=True, exist_ok=True)

    @cached_property
    def table(self) -> Any:
        return table_of(self.cell.name)

    @cached_property
    def rows(self) -> Array:
        """Of the table: those to train on, then those kept back."""
        return np.concatenate(self.parts)

    @cached_property
    def parts(self) -> tuple[Array, Array]:
        return split(self.table, self.cell.seed)

    @cached_property
    def at(self) -> Array:
        """Positions in `rows` that heads see: the labelled, then those kept back."""
        train, test = self.parts
        chosen = labelled(self.table, train, N_LABELS[self.cell.regime], self.cell.seed)
        numbers = np.flatnonzero(np.isin(train, chosen))
        return np.concatenate([numbers, np.arange(len(train), len(train) + len(test))])

    @property
    def n_labelled(self) -> int:
        return len(self.at) - len(self.parts[1])

    @cached_property
    def targets(self) -> tuple[Array, Array]:
        y = self.table.y[self.rows[self.at]]
        return y[: self.n_labelled], y[self.n_labelled :]

    @cached_property
    def folds(self) -> Folds:
        y, groups = self.targets[0], self.table.groups
        kind = {(False, False): "shuffle", (False, True): "group", (True, False): "stratified"}.get(
            (self.table.n_classes > 0, groups is not None), "stratified_group"
        )
        by = {} if groups is None else {"group": groups[self.rows[self.at]][: self.n_labelled]}
        told = FoldsConfig.model_validate({"kind": kind, "seed": self.cell.seed, "by": tuple(by)})
        return draw_folds(y, told, SETS[self.cell.name].task, by)

    @property
    def metric(self) -> Metric:
        return METRICS["auc" if self.table.n_classes else "rmse"]

    @cached_property
    def first(self) -> dict[str, Any]:
        """A first experiment's autoencoder and heads for the rows that there are."""
        many = self.table.n_classes if self.table.n_classes > 2 else 1
        return first_experiment(self.cell.name, Size(len(self.rows), self.n_labelled * 4 // 5, many))[0]

    @cached_property
    def config(self) -> DaeConfig:
        training = self.first["dae"]["training"]
        epochs = {} if self.epochs is None else {"epochs": self.epochs}
        return DaeConfig.model_validate({**self.first["dae"], "training": {**training, **epochs}})

    def encoded(self, seen: Array) -> tuple[Any, Any]:
        frame = self.table.frame.iloc[self.rows].reset_index(drop=True)
        return encode(frame, seen, self.table.categorical, self.table.numerical)

    def features_file(self, view: str, fold: int | None = None) -> Path:
        """Of all rows, float16 as the pipeline writes them. view: "untrained", "trained" or "pca". fold: of an
        autoencoder that sees none of its held-out rows."""
        file = self.folder / (f"{view}.npy" if fold is None else f"{view}_{fold}.npy")
        if file.is_file():
            return file
        seen = np.arange(len(self.rows)) if fold is None else np.delete(np.arange(len(self.rows)), self.held_out(fold))
        codes, layout = self.encoded(seen)
        if view == "pca":
            x, n = codes.one_hot(layout), min(COMPONENTS, layout.n_inputs)
            write_npy(file, iter([PCA(n, random_state=self.cell.seed).fit_transform(x)]), (len(x), n))
            return file
        device, seed = resolve_device("cpu"), self.cell.seed + (fold or 0)
        if view == "untrained":
            model = untrained_autoencoder(codes[seen], layout, self.config, seed=seed, device=device)
        else:
            model, _ = fit_autoencoder(codes[seen], layout, self.config, seed=seed, device=device, show_progress=False)
        write_npy(file, read_features(model, codes, layout, device), (len(codes), model.d_features))
        return file

    def held_out(self, fold: int) -> Array:
        """Positions in `rows`."""
        return self.at[: self.n_labelled][self.folds.out(fold)]

    def features(self, view: str) -> FeatureSet:
        """Of the rows that heads see."""
        if view in ("raw", "pieces"):
            frame = self.table.frame.iloc[self.rows[self.at]].reset_index(drop=True)
            every = [np.arange(len(frame))]
            raw = RawFeatures(frame, self.table.categorical, self.table.numerical, every)
            if view == "raw" or not self.table.numerical:
                return raw
            made = Fit(Pieces.of(frame[list(self.table.numerical)], every[0]))
            return JoinedFeatures([raw, MadeFeatures(frame, lambda k: made, every)])
        folds = list(range(self.folds.n_folds)) if view == "per_fold" else [None]
        files = [self.features_file("trained" if view == "per_fold" else view, fold) for fold in folds]
        return LoadedFeatures(lambda k: np.load(files[k], mmap_mode="r")[self.at], shared=len(files) == 1, prefix=view)

    def problem(self, features: FeatureSet) -> Problem:
        """Of the rows that heads see."""
        return Problem(
            features,
            self.targets[0],
            self.folds,
            len(self.targets[1]),
            SETS[self.cell.name].task,
            self.table.n_classes,
            self.metric,
            self.cell.seed,
            device="cpu",
        )

    def best_setting(self, kind: str, problem: Problem) -> StrictModel:
        """Params of a kind of head: a first experiment's, or of a tree's settings the one that is best on fold 0."""
        first = {} if kind == "ridge" else self.first["heads"][_NAMES.get(kind, kind)]["params"]
        settings = [head_params(kind, {**first, **setting}) for setting in SETTINGS.get(kind, ({},))]
        if len(settings) == 1:
            return settings[0]
        view = problem.view(0)

        def score(params: StrictModel) -> float:
            model = HEADS[kind].factory(params, self.cell.seed)(0)
            model.fit(view)
            return self.metric.score(problem.y[view.held_out], model.predict(view, view.held_out))

        return max(settings, key=score)

    def fitted(self, head: str) -> Fitted:
        """Predictions of a kind of head on a view, made if need be."""
        file, (kind, view) = self.folder / self.cell.regime / f"{head}.npz", head.split()
        if not file.is_file():
            started = time.process_time()
            problem = self.problem(self.features(view))
            params = self.best_setting(kind, problem)
            made = cross_fit(problem, HEADS[kind].factory(params, self.cell.seed), name=head)
            seconds = time.process_time() - started
            with written_aside(file) as aside, aside.open("wb") as out:
                np.savez(out, oof=made.oof, test=np.asarray(made.test), seconds=seconds)
            print(f"{' '.join(map(str, self.cell))}: {head} {seconds:.1f} s", flush=True)
        with np.load(file) as kept:
            return Fitted(kept["oof"], kept["test"], float(kept["seconds"]))

    def figures(self, oof: Array, test: Array) -> dict[str, Any]:
        """The metric of all rows out of fold, of those kept back, and of every fold."""
        y, of_test = self.targets
        by_fold = fold_values(self.metric, y, oof, self.folds.labels)
        whole = {"oof": self.metric.value(y, oof), "test": self.metric.value(of_test, test)}
        return {**whole, "folds": [None if np.isnan(value) else float(value) for value in by_fold]}

    def blended(self, heads: tuple[str, ...], fitted: dict[str, Fitted]) -> dict[str, Any]:
        oofs, tests = (np.stack([fitted[head][k] for head in heads]) for k in (0, 1))
        y = self.targets[0]
        weights = nnls_weights(oofs, y)
        crossed = cross_fitted_blend(oofs, y, self.folds.labels, lambda oofs, y, w: nnls_weights(oofs, y, w))
        shown = {head: round(float(weight), 3) for head, weight in zip(heads, weights, strict=True) if weight > 0}
        return {**self.figures(crossed, combine(tests, weights)), "weights": shown}

    def blind_guess(self) -> Array:
        """For the rows kept back, by who knows the labels and no column: their mean, or the shares of the classes."""
        y, n = self.targets[0], len(self.targets[1])
        if self.table.n_classes > 2:
            return np.tile(np.bincount(y, minlength=self.table.n_classes) / len(y), (n, 1))
        return np.full(n, float(np.mean(y)))

    def run(self) -> dict[str, Any]:
        """The cell's row."""
        told = SETS[self.cell.name]
        per_fold = ("ridge per_fold",) if (told.role, self.cell.regime) == (PER_FOLD, "all") else ()
        fitted = {head: self.fitted(head) for head in (*HEADS_OF_ALL, *per_fold)}
        heads = {head: {**self.figures(*of[:2]), "seconds": round(of.seconds, 1)} for head, of in fitted.items()}
        return {
            "set": self.cell.name,
            "role": told.role,
            "task": told.task,
            "metric": self.metric.name,
            "seed": self.cell.seed,
            "regime": self.cell.regime,
            "rows": {"train": len(self.parts[0]), "labelled": self.n_labelled, "test": len(self.parts[1])},
            "columns": self.table.frame.shape[1],
            "dae": self.config.decisive(),
            "seconds": round(sum(of.seconds for of in fitted.values()), 1),
            "blind": self.metric.value(self.targets[1], self.blind_guess()),
            "heads": heads,
            "blends": {name: self.blended((*TREES, *more), fitted) for name, more in BLENDS.items()},
        }


_NAMES = {"mlp": "mlp_raw"}  # of a head in a first experiment


def cells(sets: list[str], seeds: list[int], regimes: list[str]) -> Iterator[Cell]:
    """Development sets, confirmation sets, twins, one seed after another, so that a bench broken off is balanced."""
    for seed in seeds:
        for name in sorted(sets, key=lambda name: list(SETS).index(name)):
            yield from (Cell(name, seed, regime) for regime in regimes)


def read_rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="flights, one seed, one epoch, rows not kept; no quality")
    parser.add_argument("--twins", type=Path, help="a folder of worth_twins.py, whose tables are run as well")
    parser.add_argument("--sets", nargs="+", metavar="NAME", help="all by default")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--regimes", nargs="+", choices=list(N_LABELS), default=list(N_LABELS))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "swapdae_worth")
    parser.add_argument("--rows", type=Path, default=ROWS, help="the file of rows")
    parser.add_argument("--summary", action="store_true", help="run nothing, print what there is")
    parser.add_argument("--picture", type=Path, help="an SVG of the methods' mean ranks on the confirmation sets")
    parser.add_argument("--gains", type=Path, help="an SVG of what is gained on each of them")
    told = parser.parse_args()
    if told.twins is not None:
        add_twins(told.twins)
    told.sets = told.sets or list(SETS)
    if unknown := set(told.sets) - set(SETS):
        parser.error(f"--sets: '{min(unknown)}' is unknown; known are {', '.join(SETS)}")
    if told.quick:
        told.sets, told.seeds = ["flights"], [0]
    with tempfile.TemporaryDirectory() if told.quick else nullcontext(told.folder) as folder:
        rows = Path(folder) / "rows.jsonl" if told.quick else told.rows
        done = {Cell(row["set"], row["seed"], row["regime"]) for row in read_rows(rows)}
        for cell in () if told.summary else cells(told.sets, told.seeds, told.regimes):
            if cell not in done:
                run(cell, Path(folder), rows, 1 if told.quick else None)
        summary(read_rows(rows), told.picture, told.gains)


def run(cell: Cell, folder: Path, rows: Path, epochs: int | None) -> None:
    """Adds a cell's row. What its set and seed kept in the folder goes when both regimes have theirs."""
    of_set = folder / f"{cell.name}_{cell.seed}"
    row = Work(cell, of_set, epochs).run()
    with rows.open("a") as out:
        out.write(json.dumps(row) + "\n")
    if sum((row["set"], row["seed"]) == cell[:2] for row in read_rows(rows)) == len(N_LABELS):
        shutil.rmtree(of_set)


if __name__ == "__main__":
    main()
