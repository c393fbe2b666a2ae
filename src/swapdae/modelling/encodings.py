"""New columns of the table's own: each is fitted on rows, and then made of any.

Who reads labels reads those of the rows that it is fitted on, and no others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, PredefinedSplit
from sklearn.preprocessing import TargetEncoder

from swapdae.base.models import StrictModel
from swapdae.encoding.pieces import edges_of, pieces
from swapdae.modelling.fitted_view import Fit, JsonView

Array = NDArray[Any]
Chosen = TypeVar("Chosen")

INNER_FOLDS = 5  # of a training part, for the target means of its own rows
N_BINS = 16
LEVELS = 50  # of a column that is crossed, at most
N_CROSSES, N_PAIRS = 10, 10  # of columns, and of numbers, that are kept
NUMBERS = 15  # that are paired: those that explain the target best
JUDGED_ROWS = 20_000  # of a training part, by which pairs are chosen
LARGE = 1e30  # a float32 holds it
SMOOTHING = 10.0  # rows of the overall mean that are added to a level's own


@dataclass(frozen=True, eq=False)
class Labelled:
    """The rows that a label-using step is fitted on.

    rows: numbers into all rows. targets: (len(rows), k): y, or 0/1 for each class. groups: (len(rows),) where rows
    belong together, else None.
    """

    rows: NDArray[np.int64]
    targets: Array
    names: tuple[str, ...]  # what is added to a column's name for each target: nothing, or "_" and the class
    groups: Array | None
    seed: int

    def inner_folds(self) -> Array:
        """(len(rows),) the inner fold of each; rows of one group share theirs."""
        if self.groups is None:
            splitter: KFold = KFold(min(INNER_FOLDS, len(self.rows)), shuffle=True, random_state=self.seed)
        else:
            n = min(INNER_FOLDS, len(np.unique(self.groups)))
            splitter = GroupKFold(n, shuffle=True, random_state=self.seed)
        number = np.zeros(len(self.rows), dtype=np.int64)
        for k, (_, held_out) in enumerate(splitter.split(number, groups=self.groups)):
            number[held_out] = k
        return number


class Vocabulary(StrictModel):
    """The levels of columns, by name; None is a missing cell, which is a level, too."""

    levels: dict[str, tuple[str | None, ...]]

    @staticmethod
    def of(columns: pd.DataFrame) -> "Vocabulary":
        levels = {str(name): column.astype(object).unique() for name, column in columns.items()}
        return Vocabulary(levels={name: tuple(None if pd.isna(v) else v for v in levels[name]) for name in levels})

    def codes(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Levels as numbers from 0, -1 for one that is not known. A number names a level and says nothing else."""
        found = {}
        for name, levels in self.levels.items():
            index = pd.Index([np.nan if level is None else level for level in levels], dtype=object)
            found[name] = index.get_indexer(pd.Index(frame[name].astype(object)))
        return pd.DataFrame(found, index=frame.index)


class LevelTable(StrictModel):
    """A number for each level of a column, and one for levels that are not known."""

    column: str
    values: tuple[float, ...]
    unseen: float

    def of(self, levels: pd.DataFrame) -> Array:
        values: Array = np.array([*self.values, self.unseen])[levels[self.column].to_numpy()]
        return values


class Cross(StrictModel):
    """A pair of columns as one column of levels. n_levels: of b. known: pairs that there are, in their numbers' order,
    each as a * n_levels + b."""

    a: str
    b: str
    n_levels: int
    known: tuple[int, ...]

    @staticmethod
    def of(levels: pd.DataFrame, a: str, b: str) -> "Cross":
        every = Cross(a=a, b=b, n_levels=int(levels[b].max()) + 1, known=())
        return every.model_copy(update={"known": tuple(pd.unique(every.pairs(levels)).tolist())})

    def pairs(self, levels: pd.DataFrame) -> Array:
        """(n,), -1 where either level is not known."""
        a, b = levels[self.a].to_numpy(), levels[self.b].to_numpy()
        return np.where((a < 0) | (b < 0), -1, a * self.n_levels + b)

    def codes(self, levels: pd.DataFrame) -> Array:
        """(n,) numbers from 0, -1 for a pair that is not known."""
        return np.asarray(pd.Index(self.known).get_indexer(pd.Index(self.pairs(levels))))


class CategoryTables(JsonView):
    """Numbers by level: of the columns of a vocabulary, or of pairs of them where there are any. By made name."""

    vocabulary: Vocabulary
    crosses: dict[str, Cross] = {}
    tables: dict[str, LevelTable]

    def columns(self, frame: pd.DataFrame) -> pd.DataFrame:
        levels = self.vocabulary.codes(frame)
        if self.crosses:
            levels = crossed(levels, self.crosses)
        return pd.DataFrame({name: table.of(levels) for name, table in self.tables.items()}, index=frame.index)


def crossed(levels: pd.DataFrame, crosses: Mapping[str, Cross]) -> pd.DataFrame:
    """Pairs of columns as columns."""
    return pd.DataFrame({name: cross.codes(levels) for name, cross in crosses.items()}, index=levels.index)


def frequencies(levels: pd.DataFrame, rows: Array) -> dict[str, LevelTable]:
    """Of each level its share of `rows`, as log(1 + count): shares of rare levels keep their distance."""
    made = {}
    for name in levels:
        count = np.bincount(levels[name].to_numpy()[rows], minlength=levels[name].max() + 1)
        made[f"freq_{name}"] = LevelTable(column=str(name), values=tuple(np.log1p(count).tolist()), unseen=0.0)
    return made


def target_means(levels: pd.DataFrame, labelled: Labelled) -> tuple[dict[str, LevelTable], pd.DataFrame]:
    """Of each level its smoothed mean target by scikit-learn's TargetEncoder, fitted on the labelled rows; and what
    these rows themselves get. They are cross-fitted within: each is encoded without its own target and its inner
    fold's. A level that was not seen gets the overall mean: within, too, for an inner fold's own mean would tell of the
    targets that are left out, being low where these are high."""
    inner, sizes = labelled.inner_folds(), levels.max().to_numpy() + 1
    every = np.minimum(np.arange(sizes.max())[:, None], sizes - 1)  # each level of each column
    made: dict[str, LevelTable] = {}
    trained: dict[str, Array] = {}
    for target, suffix in zip(labelled.targets.T, labelled.names, strict=True):
        # Of classes, too: one against the others as 0 and 1.
        encoder = TargetEncoder(target_type="continuous", cv=PredefinedSplit(inner))
        shift = np.array([target.mean() - target[inner != k].mean() for k in range(inner.max() + 1)])
        values = encoder.fit_transform(levels.to_numpy()[labelled.rows], target) + shift[inner, None]
        of_level, mean = encoder.transform(every), float(encoder.target_mean_)
        for j, (name, size) in enumerate(zip(levels, sizes, strict=True)):
            made_name, table = f"te_{name}{suffix}", tuple(of_level[:size, j].tolist())
            made[made_name] = LevelTable(column=str(name), values=table, unseen=mean)
            trained[made_name] = values[:, j]
    return made, pd.DataFrame(trained, index=labelled.rows)


def frequency_view(columns: pd.DataFrame, rows: Array) -> CategoryTables:
    """Categories by their frequency in `rows`."""
    vocabulary = Vocabulary.of(columns)
    return CategoryTables(vocabulary=vocabulary, tables=frequencies(vocabulary.codes(columns), rows))


def target_view(columns: pd.DataFrame, labelled: Labelled) -> Fit:
    """Categories by their mean target."""
    vocabulary = Vocabulary.of(columns)
    tables, trained = target_means(vocabulary.codes(columns), labelled)
    return Fit(CategoryTables(vocabulary=vocabulary, tables=tables), trained)


def cross_view(columns: pd.DataFrame, labelled: Labelled) -> Fit:
    """Pairs of categories by mean target and frequency."""
    vocabulary = Vocabulary.of(columns)
    levels = vocabulary.codes(columns)
    chosen = {f"{a}*{b}": Cross.of(levels, a, b) for a, b in crosses(levels, labelled)}
    pairs = crossed(levels, chosen)
    means, trained = target_means(pairs, labelled)
    counts = frequencies(pairs, labelled.rows)
    counted = pd.DataFrame({name: table.of(pairs)[labelled.rows] for name, table in counts.items()}, labelled.rows)
    view = CategoryTables(vocabulary=vocabulary, crosses=chosen, tables=means | counts)
    return Fit(view, pd.concat([trained, counted], axis=1))


class Bins(JsonView):
    """Bins of equal counts, as text, so that they are categories; a missing number has none. edges: by column, None for
    one that does not vary, which has no bins."""

    edges: dict[str, tuple[float, ...] | None]

    @staticmethod
    def of(numbers: pd.DataFrame, rows: Array) -> "Bins":
        """Of the values in `rows`."""
        return Bins(edges={str(name): _edges(column.to_numpy()[rows]) for name, column in numbers.items()})

    def columns(self, frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({f"bin_{name}": _bins(frame[name], edges) for name, edges in self.edges.items()})


def _edges(values: Array) -> tuple[float, ...] | None:
    if not _varies(values):
        return None
    known = values[~np.isnan(values)]
    return tuple(np.unique(np.quantile(known, np.arange(1, N_BINS) / N_BINS)).tolist())


def _bins(column: "pd.Series[float]", edges: tuple[float, ...] | None) -> pd.Series:
    known = column.notna().to_numpy()
    cells = np.full(len(column), None, dtype=object)
    if edges is not None:
        cells[known] = [f"b{k}" for k in np.searchsorted(edges, column.to_numpy()[known], side="right")]
    return pd.Series(cells, index=column.index, dtype="str")


class Pieces(JsonView):
    """The piecewise linear encoding between quantiles, of columns that vary; a missing number is at their mean."""

    edges: dict[str, tuple[float, ...]]
    means: dict[str, float]

    @staticmethod
    def of(numbers: pd.DataFrame, rows: Array) -> "Pieces":
        """Of the values in `rows`."""
        edges, means = {}, {}
        for name, column in numbers.items():
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)[rows]
            known = values[~np.isnan(values)]
            if len(found := edges_of(known)):
                edges[str(name)], means[str(name)] = tuple(found.tolist()), float(known.mean())
        return Pieces(edges=edges, means=means)

    def columns(self, frame: pd.DataFrame) -> pd.DataFrame:
        made: dict[str, Array] = {}
        for name, edges in self.edges.items():
            values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
            found = pieces(np.where(np.isnan(values), self.means[name], values), np.array(edges))
            made |= {f"piece_{name}_{t}": found[:, t] for t in range(found.shape[1])}
        return pd.DataFrame(made, index=frame.index)


def explained(levels: Array, targets: Array) -> float:
    """The share of the targets' variance that the levels' means explain, each half of the rows judged by the other's.

    levels: (n,) numbers from 0. targets: (n, k). Below 0 where they only fit noise.
    """
    half, error = np.arange(len(levels)) % 2 == 0, 0.0
    for fit in (half, ~half):
        mean = targets[fit].mean(axis=0)
        count = np.bincount(levels[fit], minlength=levels.max() + 1)
        for k, target in enumerate(targets.T):
            total = np.bincount(levels[fit], weights=target[fit], minlength=len(count))
            of_level = (total + SMOOTHING * mean[k]) / (count + SMOOTHING)
            error += float(np.square(target[~fit] - of_level[levels[~fit]]).sum())
    spread = float(np.square(targets - targets.mean(axis=0)).sum())
    return 1 - error / spread if spread else 0.0


def _judges(labelled: Labelled) -> tuple[Array, Array]:
    """Rows, in random order, and their targets, by which pairs are chosen."""
    chosen = np.random.default_rng(labelled.seed).permutation(len(labelled.rows))[:JUDGED_ROWS]
    return labelled.rows[chosen], labelled.targets[chosen]


def crosses(levels: pd.DataFrame, labelled: Labelled) -> Sequence[tuple[str, str]]:
    """The pairs of columns of few levels that explain most beyond what either does alone.

    They are chosen on the labelled rows; at most N_CROSSES, and always one.
    """
    rows, targets = _judges(labelled)
    few = [str(name) for name in levels if levels[name].max() < LEVELS]
    alone = {name: explained(levels[name].to_numpy()[rows], targets) for name in few}
    gains = {
        (a, b): explained(Cross.of(levels, a, b).pairs(levels)[rows], targets) - max(alone[a], 0) - max(alone[b], 0)
        for a, b in combinations(few, 2)
    }
    return _best(gains, N_CROSSES)


class Pair(StrictModel):
    """A pair of numbers, and what is made of them; values are cut at low and high where these are given."""

    a: str
    sign: str
    b: str
    low: float | None = None
    high: float | None = None

    def of(self, numbers: pd.DataFrame) -> Array:
        values = OPERATIONS[self.sign](numbers[self.a].to_numpy(), numbers[self.b].to_numpy())
        large: Array = np.clip(values, -LARGE, LARGE)
        return large if self.low is None else np.clip(large, self.low, self.high)


class Arithmetic(JsonView):
    """Differences, products and ratios of pairs of numbers that explain most beyond the better of the two."""

    pairs: tuple[Pair, ...]

    @staticmethod
    def of(numbers: pd.DataFrame, labelled: Labelled) -> "Arithmetic":
        """They are chosen on the labelled rows, by the means of their quantile bins; at most N_PAIRS, and always one.
        Values are cut at the 0.1% and 99.9% quantiles of these rows, for a ratio may be of any size."""
        chosen = []
        for a, sign, b in _worthy(numbers, labelled):
            pair = Pair(a=a, sign=sign, b=b)
            fitted = pair.of(numbers)[labelled.rows]
            if _varies(fitted):
                low, high = np.nanquantile(fitted, [0.001, 0.999]).tolist()
                pair = Pair(a=a, sign=sign, b=b, low=low, high=high)
            chosen.append(pair)
        return Arithmetic(pairs=tuple(chosen))

    def columns(self, frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({f"{p.a}{p.sign}{p.b}": p.of(frame) for p in self.pairs}, index=frame.index)


def _worthy(numbers: pd.DataFrame, labelled: Labelled) -> Sequence[tuple[str, str, str]]:
    rows, targets = _judges(labelled)
    judged = {str(name): column.to_numpy()[rows] for name, column in numbers.items()}

    def worth(values: Array) -> float:
        edges = np.nanquantile(values, np.arange(1, N_BINS) / N_BINS) if _varies(values) else np.zeros(1)
        return explained(np.digitize(values, edges), targets)  # what is missing falls into the last bin

    alone = {name: worth(values) for name, values in judged.items()}
    best = sorted(alone, key=lambda name: -alone[name])[:NUMBERS]
    gains = {
        (a, sign, b): worth(OPERATIONS[sign](judged[a], judged[b])) - max(alone[a], alone[b])
        for a, b in combinations([name for name in judged if name in best], 2)
        for sign in OPERATIONS
    }
    return _best(gains, N_PAIRS)


def _ratio(a: Array, b: Array) -> Array:
    """Missing where b is 0."""
    with np.errstate(over="ignore"):
        ratio: Array = np.divide(a, b, out=np.full(len(a), np.nan), where=b != 0)
    return ratio


OPERATIONS: dict[str, Callable[[Array, Array], Array]] = {"-": np.subtract, "*": np.multiply, "/": _ratio}


def _varies(values: Array) -> bool:
    known = values[~np.isnan(values)]
    return len(known) > 0 and bool(known.min() < known.max())


def _best(gains: dict[Chosen, float], n: int) -> Sequence[Chosen]:
    """Those of the n largest gains, without those that are none; of these only the best where it is alone."""
    ordered = sorted(gains, key=lambda pair: -gains[pair])
    return ordered[: max(1, min(n, sum(gain > 0 for gain in gains.values())))]
