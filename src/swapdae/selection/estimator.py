"""ConcreteSelector: k of N columns, learned together with the network that reads them, as a scikit-learn selector."""

from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted

from swapdae.base.device import DeviceName, resolve_device
from swapdae.encoding.encoder import Encoder
from swapdae.encoding.frame_input import FrameInput
from swapdae.encoding.unit_scaling import Scale, UnitScaling
from swapdae.selection.concrete import Units
from swapdae.selection.concrete_config import ConcreteConfig, Data, Parameterization, SelectorTask
from swapdae.selection.concrete_fit import fit_concrete
from swapdae.selection.greedy import forward_selection, linear_covariance, swap_refinement

Array = NDArray[Any]


class ConcreteSelector(FrameInput, SelectorMixin, BaseEstimator):
    """Concrete autoencoder (Balin et al., ICML 2019) and its indirect parameterization (ICML 2024).

    X: a DataFrame, whose columns of text, categories or bools are categorical, or an array of numbers. NaN is allowed.
    Whole columns are selected: a categorical's one-hot block, or a number with its missing-value indicator, is one.

    k: columns to select. parameterization: of the logits; "direct" trains anew for twice as long until its rows have
    settled. task: "reconstruct" needs no y; "regress" takes y (n,) or (n, t); "classify" takes labels (n,).
    decoder: hidden widths beside the linear part, () for a linear decoder. d_inner: p of "indirect". start: where the
    rows begin, at random, at greedy forward selection, or at k positions of columns (d_inner is then at least k).
    refine: try swaps, on the training covariance, of the final choice and of greedy forward selection, and keep what
    the decoder does best with on validation rows.
    epochs, decoder_epochs: with relaxed selections, then with hard ones. selection_rate: learning rate of the logits;
    None is .003 for "indirect", .1 for "direct". samples: Gumbel samples a batch, "row" for one each row (slow, as
    published). overlap: weight of the loss on units claimed twice. scale: units of the inputs, and so of the squared
    error of "reconstruct". validation_fraction: of the rows, where fit is given none.

    Learned: chosen_ (k,) positions of columns in the order of the selector's rows, n_unique_ (rows that chose
    different columns, before duplicates were replaced by the next best), log_ (one entry per epoch), classes_,
    encoder_, n_features_in_, feature_names_in_.
    """

    def __init__(
        self,
        k: int = 10,
        *,
        parameterization: Parameterization = "indirect",
        task: SelectorTask = "reconstruct",
        decoder: tuple[int, ...] = (200,),
        dropout: float = 0.2,
        d_inner: int = 64,
        start: Literal["random", "greedy"] | list[int] = "random",
        refine: bool = True,
        epochs: int = 100,
        decoder_epochs: int = 100,
        batch_size: int = 64,
        learning_rate: float = 3e-3,
        selection_rate: float | None = None,
        temperatures: tuple[float, float] = (10.0, 0.01),
        samples: int | Literal["row"] = 1,
        overlap: float = 1.0,
        scale: Scale = "standard",
        categorical: Literal["auto"] | list[str] = "auto",
        validation_fraction: float = 0.2,
        device: DeviceName = "auto",
        random_state: int = 0,
    ) -> None:
        self.k = k
        self.parameterization = parameterization
        self.task = task
        self.decoder = decoder
        self.dropout = dropout
        self.d_inner = d_inner
        self.start = start
        self.refine = refine
        self.epochs = epochs
        self.decoder_epochs = decoder_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.selection_rate = selection_rate
        self.temperatures = temperatures
        self.samples = samples
        self.overlap = overlap
        self.scale = scale
        self.categorical = categorical
        self.validation_fraction = validation_fraction
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, X_val: Any = None, y_val: Any = None) -> Self:
        """Choose k columns of X, (n, n_features). X_val, y_val: validation rows, else split off X.

        Raises ValueError for fewer than two rows, a missing y, or fewer than k columns that vary.
        """
        frame = self._frame(X, reset=True)
        target = self._target(y, len(frame), reset=True)
        if X_val is None:
            train, held = train_test_split(
                np.arange(len(frame)), test_size=self.validation_fraction, random_state=self.random_state
            )
            held_frame, held_target = frame.iloc[held], target[held]
            frame, target = frame.iloc[train], target[train]
        else:
            held_frame = self._frame(X_val, reset=False)
            held_target = self._target(y_val, len(held_frame), reset=False)
        categorical = self._categorical(frame)
        numerical = tuple(str(name) for name in frame.columns if str(name) not in categorical)
        self.encoder_ = Encoder(categorical, numerical, "standard", self.random_state).fit(frame)
        n_units = len({*categorical, *self.encoder_.layout.numbers, *self.encoder_.layout.indicators})
        if not 1 <= self.k <= n_units:
            raise ValueError(f"k = {self.k}: between 1 and the {n_units} columns that vary can be selected")
        self._scaling = UnitScaling.fit(self.encoder_.transform(frame), self.encoder_.layout, frame, self.scale)
        self._device = resolve_device(self.device)
        self._fit(self._inputs(frame), target, self._inputs(held_frame), held_target)
        return self

    def _fit(self, x: Array, y: Array, x_held: Array, y_held: Array) -> None:
        if self.task == "reconstruct":
            y, y_held = x, x_held
        elif self.task == "regress":
            self._y_mean, self._y_deviation = y.mean(axis=0), y.std(axis=0)
            self._y_deviation[self._y_deviation == 0] = 1
            y, y_held = ((part - self._y_mean) / self._y_deviation for part in (y, y_held))
        units = Units(self._scaling.of_input)
        columns = [np.flatnonzero(np.array(units.of_input) == unit) for unit in range(units.n_units)]
        linear_y = y if self.task == "regress" else None if self.task == "reconstruct" else _indicators(y)
        covariance, targets = linear_covariance(x, linear_y)

        def refine(chosen: list[int]) -> list[list[int]]:
            greedy = forward_selection(covariance, targets, self.k, columns)
            return [swap_refinement(covariance, targets, begun, columns) for begun in (greedy, chosen)]

        self._fitted = fit_concrete(
            Data.of(x, y, self._device),
            Data.of(x_held, y_held, self._device),
            units,
            len(self.classes_) if self.task == "classify" else y.shape[1],
            self._config(units.n_units),
            seed=self.random_state,
            device=self._device,
            start=self._start(covariance, targets, columns),
            refine=refine if self.refine else None,
        )
        columns_of = self._scaling.columns
        self.chosen_ = np.array([columns_of[unit] for unit in self._fitted.chosen])
        self.n_unique_ = self._fitted.n_unique
        self.log_ = [
            replace(line, favourites=tuple(columns_of[unit] for unit in line.favourites)) for line in self._fitted.log
        ]

    def _start(self, covariance: Array, targets: Array, columns: list[Array]) -> list[int] | None:
        if self.start == "random":
            return None
        if self.start == "greedy":
            return forward_selection(covariance, targets, self.k, columns)
        position = {column: unit for unit, column in enumerate(self._scaling.columns)}
        if len(set(self.start)) != self.k or not set(self.start) <= set(position):
            raise ValueError(f"start: {self.k} different columns that vary are needed, not {self.start}")
        return [position[column] for column in self.start]

    def _config(self, n_units: int) -> ConcreteConfig:
        direct = self.parameterization == "direct"
        return ConcreteConfig(
            k=self.k,
            task=self.task,
            parameterization=self.parameterization,
            d_inner=min(self.d_inner if self.start == "random" else max(self.d_inner, self.k), n_units),
            hidden=tuple(self.decoder),
            dropout=self.dropout,
            epochs=self.epochs,
            hard_epochs=self.decoder_epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            selection_rate=self.selection_rate or (0.1 if direct else 0.003),
            temperatures=self.temperatures,
            n_samples=None if self.samples == "row" else self.samples,
            overlap=self.overlap,
            until_settled=direct,
        )

    def decode(self, X: Any) -> Array:
        """What the joint network makes of the chosen columns of X alone: for "regress" the prediction (n,) or (n, t),
        for "classify" probabilities (n, n_classes), for "reconstruct" all columns in their own units, (n, n_features);
        there the columns must be numbers, else ValueError.
        """
        check_is_fitted(self, "chosen_")
        if self.task == "reconstruct" and self.encoder_.categorical:
            raise ValueError(f"categorical columns cannot be put in an array: {', '.join(self.encoder_.categorical)}")
        output = self._fitted.predict(self._inputs(self._frame(X, reset=False)))
        if self.task == "classify":
            return np.asarray(softmax(output, axis=1))
        if self.task == "regress":
            y = output * self._y_deviation + self._y_mean
            return np.asarray(y[:, 0] if self._y_is_flat else y)
        return self._scaling.in_own_units(output)

    def _inputs(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        return self._scaling(self.encoder_.transform(frame).one_hot(self.encoder_.layout))

    def _target(self, y: Any, n: int, *, reset: bool) -> Array:
        if self.task == "reconstruct":
            return np.zeros(n)
        if y is None:
            raise ValueError(f'task="{self.task}" requires y to be passed, but the target y is None')
        values = check_array(y, ensure_2d=False, dtype=None if self.task == "classify" else np.float64)
        check_consistent_length(values, np.empty(n))
        if self.task == "regress":
            self._y_is_flat = values.ndim == 1
            return np.asarray(values.reshape(n, -1))
        check_classification_targets(values)
        if reset:
            self.classes_ = np.unique(values)
        if unknown := set(values.ravel().tolist()) - set(self.classes_.tolist()):
            raise ValueError(f"y_val has classes that y lacks: {sorted(unknown)}")
        return np.asarray(np.searchsorted(self.classes_, values.ravel()))

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self, "chosen_")
        mask = np.zeros(self.n_features_in_, dtype=bool)
        mask[self.chosen_] = True
        return mask

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = self.task != "reconstruct"
        return tags


def _indicators(y: Array) -> Array:
    """Class codes (n,) as columns (n, n_classes) of variances that do not depend on how frequent a class is."""
    share = np.bincount(y) / len(y)
    return np.asarray(np.eye(len(share))[y] / np.sqrt(share * (1 - share)).clip(1e-6))
