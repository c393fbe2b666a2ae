"""The views of a table's rows by name, which heads read side by side: `features = ["raw", "te", "dae"]`.

A new view is a line in VIEWS. A view that reads labels is made anew for each fold, from its training part alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.base.errors import UserError
from swapdae.encoding.one_hot import one_hot
from swapdae.modelling.encodings import (
    Arithmetic,
    Bins,
    CategoryTables,
    Labelled,
    Pieces,
    cross_view,
    frequency_view,
    target_view,
)
from swapdae.modelling.features import (
    ColumnEncoders,
    FeatureSet,
    FileFeatures,
    FloatArray,
    Native,
    RawFeatures,
    RowNumbers,
)
from swapdae.modelling.fitted_view import Fit, FittedView
from swapdae.modelling.own_features import OwnFeatures, OwnView

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Source:
    """What views are made from.

    frame: all rows, train then test. y: (n_train,), class numbers for classes. label_free: the rows that steps without
    labels may be fitted on, one selection for all folds or one a fold. training: each fold's training part. groups:
    (n_train,) of rows that belong together, None where none do. dae_files: the autoencoder's features,
    one file for all folds or one a fold.
    """

    frame: pd.DataFrame
    categorical: tuple[str, ...]
    numerical: tuple[str, ...]
    y: Array
    n_classes: int  # 0 for regression
    label_free: Sequence[RowNumbers]
    training: Sequence[RowNumbers]
    seed: int
    dae_files: Callable[[], Sequence[Path]]
    groups: Array | None = None
    own: OwnFeatures | None = None

    def labelled(self, fold: int) -> Labelled:
        """The fold's training part with its targets."""
        rows, many = self.training[fold], self.n_classes > 2
        y = self.y[rows]
        return Labelled(
            rows=rows,
            targets=one_hot(y, self.n_classes) if many else np.asarray(y, dtype=np.float64)[:, None],
            names=tuple(f"_{k}" for k in range(self.n_classes)) if many else ("",),
            groups=None if self.groups is None else self.groups[rows],
            seed=self.seed,
        )


class Columns(NamedTuple):
    """frame: all rows, train then test. Names of its columns by kind."""

    frame: pd.DataFrame
    categorical: tuple[str, ...]
    numerical: tuple[str, ...]

    def beside(self, others: "Columns") -> "Columns":
        """Both. Raises UserError for a name that both have."""
        if twice := sorted({*map(str, self.frame)} & {*map(str, others.frame)}):
            raise UserError(f"column '{twice[0]}' is made under a name that the table has; rename the table's")
        frame = pd.concat([self.frame, others.frame], axis=1)
        return Columns(frame, self.categorical + others.categorical, self.numerical + others.numerical)


class MadeFeatures:
    """Columns that are made of the table's, encoded as the table's are: numbers standardized, text one-hot.

    frame: all rows, train then test. fit: k -> the view as fitted for all folds, or for fold k. rows: what its encoding
    is fitted on, one selection for all folds, or one a fold.
    """

    def __init__(self, frame: pd.DataFrame, fit: Callable[[int], Fit], rows: Sequence[RowNumbers]) -> None:
        self._frame, self._rows = frame, rows
        self._fit, self._of = cache(fit), cache(self._encoded)  # few columns, so that all folds' are kept

    @property
    def shared(self) -> bool:
        return len(self._rows) == 1

    def fitted(self, fold: int) -> FittedView:
        """As fitted for a fold."""
        return self._fit(0 if self.shared else fold).view

    def columns(self, k: int) -> Columns:
        """As they are made: of all folds, or of fold k."""
        frame = self._fit(k).columns(self._frame)
        numerical = tuple(str(name) for name in frame if pd.api.types.is_numeric_dtype(frame[name]))
        return Columns(frame, tuple(str(name) for name in frame if name not in numerical), numerical)

    def encoders(self, fold: int) -> ColumnEncoders:
        """As fitted for a fold."""
        return self._of(0 if self.shared else fold).encoders(0)

    def _encoded(self, k: int) -> RawFeatures:
        return RawFeatures(*self.columns(k), [self._rows[k]])

    def native(self, fold: int) -> Native:
        return self._of(0 if self.shared else fold).native(0)

    def dense(self, fold: int) -> tuple[FloatArray, ...]:
        return self._of(0 if self.shared else fold).dense(0)


@dataclass(frozen=True)
class View:
    """does: what it holds. make: from the source. load: the fitted view from a folder; None where there is none, as of
    the table's own columns and of files. reads_labels: whether targets of the training part are seen. stage: whose
    files it reads. needs: kind and number of the columns that it is made of."""

    does: str
    make: Callable[[Source], FeatureSet]
    load: Callable[[Path], FittedView] | None = None
    reads_labels: bool = False
    stage: str | None = None
    needs: tuple[Literal["categorical", "numerical"], int] | None = None


def _raw(source: Source) -> FeatureSet:
    return RawFeatures(source.frame, source.categorical, source.numerical, source.label_free)


def _dae(source: Source) -> FeatureSet:
    return FileFeatures(source.dae_files(), "dae")


def _of_categories(fit: Callable[[pd.DataFrame, RowNumbers], FittedView]) -> Callable[[Source], FeatureSet]:
    """A view that is fitted without labels on categories."""
    return lambda source: _label_free(source, source.categorical, fit)


def _of_numbers(fit: Callable[[pd.DataFrame, RowNumbers], FittedView]) -> Callable[[Source], FeatureSet]:
    """A view that is fitted without labels on numbers."""
    return lambda source: _label_free(source, source.numerical, fit)


def _label_free(
    source: Source, names: tuple[str, ...], fit: Callable[[pd.DataFrame, RowNumbers], FittedView]
) -> FeatureSet:
    columns, rows = source.frame[list(names)], source.label_free
    return MadeFeatures(source.frame, lambda k: Fit(fit(columns, rows[k])), rows)


def _labelled(fit: Callable[[pd.DataFrame, Labelled], Fit]) -> Callable[[Source], FeatureSet]:
    """A view that is fitted on categories and targets of each fold's training part."""

    def make(source: Source) -> FeatureSet:
        columns = source.frame[list(source.categorical)]
        return MadeFeatures(source.frame, lambda fold: fit(columns, source.labelled(fold)), source.training)

    return make


def _arith(source: Source) -> FeatureSet:
    numbers = source.frame[list(source.numerical)]
    return MadeFeatures(source.frame, lambda fold: Fit(Arithmetic.of(numbers, source.labelled(fold))), source.training)


def _own(source: Source) -> FeatureSet:
    own = source.own
    if own is None:
        raise UserError("view 'own' needs input/<competition>/features.py with a function transformers()")

    def fit(fold: int) -> Fit:
        rows = source.training[fold]
        return own.fit(source.frame, rows, source.y[rows], source.seed + fold)

    return MadeFeatures(source.frame, fit, source.training)


VIEWS: dict[str, View] = {
    "raw": View("the table's own columns", _raw),
    "dae": View("the autoencoder's features", _dae, stage="dae"),
    "freq": View(
        "how frequent each category is", _of_categories(frequency_view), CategoryTables.load, needs=("categorical", 1)
    ),
    "bins": View("quantile bins of numbers", _of_numbers(Bins.of), Bins.load, needs=("numerical", 1)),
    "pieces": View("numbers, linear between quantiles", _of_numbers(Pieces.of), Pieces.load, needs=("numerical", 1)),
    "te": View(
        "mean target of each category, cross-fitted",
        _labelled(target_view),
        CategoryTables.load,
        reads_labels=True,
        needs=("categorical", 1),
    ),
    "cross": View(
        "mean target and frequency of pairs of categories",
        _labelled(cross_view),
        CategoryTables.load,
        reads_labels=True,
        needs=("categorical", 2),
    ),
    "arith": View(
        "differences, products, ratios of pairs of numbers",
        _arith,
        Arithmetic.load,
        reads_labels=True,
        needs=("numerical", 2),
    ),
    "own": View("the columns of one's own transformers", _own, OwnView.load, reads_labels=True),
}


def make_view(name: str, source: Source) -> FeatureSet:
    """Raises UserError where the table lacks the columns that the view is made of."""
    view = VIEWS[name]
    if view.needs is not None:
        kind, least = view.needs
        found = len(source.categorical if kind == "categorical" else source.numerical)
        if found < least:
            raise UserError(f"view '{name}' needs {least} {kind} columns, the table has {found}; take it from features")
    return view.make(source)
