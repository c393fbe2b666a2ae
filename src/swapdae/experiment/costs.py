"""What each part of a run costs in seconds: simple formulas of rows, columns, classes and sizes.

Constants are in units of the machine's own speed, which pipeline/probe.py measures once, so they hold on other
machines. `python benchmarks/minutes.py --fit` measures them; so far on four tables of 1,800 to 11,727 rows a fold.
"""

from dataclasses import dataclass
from typing import Any

from swapdae.base.models import StrictModel
from swapdae.experiment.config import Experiment, HeadConfig


class TableSize(StrictModel):
    """n_train, n_test: rows. n_fits: models that one head is cross-fitted by. share: of the train rows that one of them
    is fitted on. n_levels: of all categorical columns. n_outputs: classes of more than two, else 1. n_targets: columns
    to predict."""

    n_train: int
    n_test: int
    n_fits: int
    share: float
    n_cat: int
    n_num: int
    n_levels: int
    n_outputs: int = 1
    n_targets: int = 1

    @property
    def n_rows(self) -> int:
        return self.n_train + self.n_test

    @property
    def n_fit(self) -> int:
        """Rows that one model is fitted on."""
        return max(int(self.n_train * self.share), 1)


class Machine(StrictModel):
    """What was measured of it, once. product: float64 products and sums a second, of a matrix product. network: the
    same of a network's type on its device. boosting: seconds of a fixed short boosting. step: seconds of one step of
    the experiment's autoencoder, 0 where it has none; d_features: its features."""

    cores: int
    device: str
    gpu: bool
    product: float
    network: float
    boosting: float
    step: float = 0.0
    d_features: int = 0


@dataclass(frozen=True)
class Boosting:
    """Of one library, at 31 leaves (depth 5). round_: of one tree's own, per_cell: per row and column of it, both in
    units of Machine.boosting. rounds: trees until early stopping ends 10,000 rows at a rate of 0.05; growth: the power
    of rows that they grow by. predicted: per predicted row and tree, per_cell being 1."""

    round_: float
    per_cell: float
    rounds: float
    growth: float
    predicted: float = 3.0


BOOSTING = {
    "lightgbm": Boosting(round_=2.2e-3, per_cell=3.3e-8, rounds=220, growth=0.2),
    "xgboost": Boosting(round_=1.8e-3, per_cell=2.8e-8, rounds=430, growth=0.2),
    "catboost": Boosting(round_=1.8e-3, per_cell=7.0e-8, rounds=600, growth=0.2),
}
REFIT = 1.9  # of a fit, with the one on all rows that follows it
EIGEN = 9.0  # x d^3 products: one eigendecomposition
GRID = 8 * 57  # the penalties that ridge predicts with; narrow products are that much slower
SLOWER = 2.0  # a network's passes between its products, of the products' time
# In units of Machine.boosting:
START = 10.0  # imports, files, folds
PER_CELL_READ = 1e-6  # of the files
PER_STAGE = 2.5  # keys, hashes, reports
PER_STEP = 8e-3  # of a perceptron, beside its products
BLEND, PER_PREDICTION = 4.0, 2e-5  # of the blend, and of every prediction that it reads
STUDY = 3.0  # activations: in units of the ridge that it refits without sets of units


@dataclass(frozen=True)
class Costs:
    """Seconds of the stages of one experiment on one table and machine, for all targets."""

    experiment: Experiment
    size: TableSize
    machine: Machine

    @property
    def start(self) -> float:
        """The stages download and folds, and what libraries take to import, which goes with the machine's speed."""
        size = self.size
        return self.machine.boosting * (START + PER_CELL_READ * size.n_rows * (size.n_cat + size.n_num))

    @property
    def stage(self) -> float:
        """What every stage takes beside its work."""
        return PER_STAGE * self.machine.boosting

    def blend(self, n_heads: int) -> float:
        size = self.size
        read = PER_PREDICTION * size.n_train * size.n_outputs * n_heads
        return size.n_targets * self.machine.boosting * (BLEND + read)

    def dae(self, epochs: int) -> float:
        """Training for so many epochs, and the features of all rows."""
        size, config = self.size, self.experiment.dae
        batch = max(min(config.training.batch_size, size.n_rows), 1)
        per_fold = config.scope == "per_fold"
        n_fits = size.n_fits * size.n_targets if per_fold else 1
        steps = max(size.n_rows // batch, 1)
        return self.stage + n_fits * self.machine.step * steps * (epochs + 1 / 3)

    def head(self, head: HeadConfig) -> float:
        """Cross-fitting it once, as the stage heads does."""
        size = self.size
        predicted = size.n_train / size.n_fits + size.n_test
        one = self._fit(head, size.n_fit, predicted)
        return size.n_targets * (self.stage + size.n_fits * one)

    def trial(self, head: HeadConfig) -> float:
        """One trial of its search, on at most tune_rows of a fold's rows."""
        size = self.size
        n = min(size.n_fit, head.tune_rows or size.n_fit)
        return size.n_targets * size.n_fits * self._fit(head, n, size.n_train / size.n_fits)

    @property
    def worth(self) -> float:
        """Ridge on the untrained network's features, which are computed first."""
        size, batch = self.size, self.experiment.dae.training.batch_size
        read = self.machine.step / 3 * size.n_train / max(min(batch, size.n_train), 1)
        n_read = size.n_fits if self.experiment.dae.scope == "per_fold" else 1
        ridge = size.n_fits * self._ridge(self.machine.d_features, size.n_fit, size.n_train / size.n_fits)
        return size.n_targets * (self.stage + n_read * read + ridge)

    @property
    def activations(self) -> float:
        """The study: a ridge of some rows, refitted without many sets of units."""
        size, rows = self.size, min(self.experiment.activations.rows, self.size.n_train)
        ridge = size.n_fits * self._ridge(self.machine.d_features, int(rows * size.share), rows / size.n_fits)
        return size.n_targets * (self.stage + STUDY * ridge)

    def _fit(self, head: HeadConfig, n: int, predicted: float) -> float:
        """One model, fitted on n rows."""
        if head.kind == "ridge":
            return self._ridge(self._width(head), n, predicted)
        params = head.start.model_dump()
        if head.kind == "mlp":
            return self._mlp(self._width(head), n, predicted, params)
        return self._boosting(head, n, predicted, params)

    def _ridge(self, d: int, n: int, predicted: float) -> float:
        k = self.size.n_outputs
        moments = 2 * n * d**2 / max(self.size.n_fits - 1, 1)  # each row is summed once for all folds
        grid = 2 * GRID * k * d * (d + predicted)
        return (moments + EIGEN * d**3 + grid) / self.machine.product

    def _mlp(self, d: int, n: int, predicted: float, params: dict[str, Any]) -> float:
        width, members = params["width"], params["n_members"]
        weights = d * width + members * (params["n_layers"] - 1) * width**2 + members * width * self.size.n_outputs
        products = 2 * weights * (3 * n * params["epochs"] + predicted)
        steps = 0.9 * n / params["batch_size"] * params["epochs"]
        return float(SLOWER * products / self.machine.network + PER_STEP * steps * self.machine.boosting)

    def _boosting(self, head: HeadConfig, n: int, predicted: float, params: dict[str, Any]) -> float:
        """A library that is not known costs as much as the slowest of the known ones."""
        of = BOOSTING.get(head.kind, BOOSTING["catboost"])
        depth = params.get("depth", params.get("max_depth", 5))
        leaves = params.get("num_leaves", 2**depth)
        cap = params.get("n_estimators", params.get("iterations", 3000))
        waited = params.get("patience", params.get("od_wait", 50))
        rate = params.get("learning_rate", 0.05)
        rounds = min(cap, waited + of.rounds * (0.05 / rate) * (n / 10_000) ** of.growth)
        columns = self._width(head, native=True)
        cells = columns * (n + of.predicted * predicted / max(columns, 1))
        per_round = of.round_ * leaves / 31 + of.per_cell * cells
        refit = REFIT if params.get("refit") else 1.0
        return float(self.machine.boosting * rounds * self.size.n_outputs * per_round * refit)

    def _width(self, head: HeadConfig, native: bool = False) -> int:
        """Columns that the head reads; native: categories as such."""
        size = self.size
        of_table = size.n_num + (size.n_cat if native else size.n_levels)
        widths = {
            "dae": self.machine.d_features,
            "pieces": 16 * size.n_num,
            "freq": size.n_cat,
            "te": size.n_cat * size.n_outputs,
        }
        return max(sum(widths.get(view, of_table) for view in head.features), 1)
