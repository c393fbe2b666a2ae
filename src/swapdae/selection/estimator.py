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

from swapdae.base.device import Device, DeviceName
from swapdae.base.parameters import checked, config_values, device_of
from swapdae.base.random import RandomState, seed_of
from swapdae.encoding.frame_input import FrameInput
from swapdae.encoding.input_scaling import InputScaling, Scale
from swapdae.encoding.one_hot import one_hot
from swapdae.selection.concrete import InputColumns
from swapdae.selection.concrete_data import Data
from swapdae.selection.concrete_fit import fit_concrete
from swapdae.selection.concrete_training import ConcreteTraining, Parameterization, SelectorTask
from swapdae.selection.config import ConcreteConfig
from swapdae.selection.greedy import forward_selection, linear_covariance, swap_refinement

Array = NDArray[Any]


class ConcreteSelector(FrameInput, SelectorMixin, BaseEstimator):
    """Concrete autoencoder (Balin et al., ICML 2019) and its indirect parameterization (ICML 2024).

    X: a DataFrame, whose columns of text, categories or bools are categorical, or an array of numbers. NaN is allowed.
    Columns of dates, and of text with mostly different values, are refused by name. Whole columns are selected: a
    categorical's one-hot block, or a number with its missing-value indicator, is one.

    k: columns to select. task: "reconstruct" needs no y; "regress" takes y (n,) or (n, t); "classify" takes labels
    (n,). parameterization: of the logits; "direct" trains anew for twice as long until its rows have settled. epochs:
    with relaxed selections. decoder: hidden widths beside the linear part, () for a linear decoder. start: where the
    rows begin, at random, at greedy forward selection, or at k positions of columns (d_inner is then at least k).
    refine: try swaps, on the training covariance, of the final choice and of greedy forward selection, and keep what
    the decoder does best with on validation rows. scale: of the inputs, and so of the squared error of "reconstruct":
    "standard", "min_max" or "none". config: everything else; None is its defaults.

    categorical: "auto", or the names of the categorical columns. device: "auto", "cpu" or "cuda"; asked for again by
    every call. random_state: with None every fit differs.

    Learned: chosen_ (k,) positions of columns in the order of the selector's rows, n_unique_ (rows that chose
    different columns, before duplicates were replaced by the next best), log_ (one entry per epoch), classes_,
    encoder_, n_features_in_, feature_names_in_.
    """

    def __init__(
        self,
        k: int = 10,
        *,
        task: SelectorTask = "reconstruct",
        parameterization: Parameterization = "indirect",
        epochs: int = 100,
        decoder: tuple[int, ...] = (200,),
        start: Literal["random", "greedy"] | list[int] = "random",
        refine: bool = True,
        scale: Scale = "standard",
        config: ConcreteConfig | None = None,
        categorical: Literal["auto"] | list[str] = "auto",
        device: DeviceName = "auto",
        random_state: RandomState = 0,
    ) -> None:
        self.k = k
        self.task = task
        self.parameterization = parameterization
        self.epochs = epochs
        self.decoder = decoder
        self.start = start
        self.refine = refine
        self.scale = scale
        self.config = config
        self.categorical = categorical
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, X_val: Any = None, y_val: Any = None) -> Self:
        """Choose k columns of X, (n, n_features). X_val, y_val: validation rows, else split off X.

        Raises ValueError for a parameter or a column that cannot be used, fewer than two rows, a missing y, or fewer
        than k columns that vary.
        """
        training, device, seed = self._training(), device_of(self.device), seed_of(self.random_state)
        frame = self._frame(X, reset=True)
        target = self._target(y, len(frame), reset=True)
        if X_val is None:
            train, held = train_test_split(
                np.arange(len(frame)), test_size=training.validation_fraction, random_state=seed
            )
            held_frame, held_target = frame.iloc[held], target[held]
            frame, target = frame.iloc[train], target[train]
        else:
            held_frame = self._frame(X_val, reset=False)
            held_target = self._target(y_val, len(held_frame), reset=False)
        self.encoder_ = self._fitted_encoder(frame)
        layout = self.encoder_.layout
        n_columns = len({*layout.categorical, *layout.numbers, *layout.indicators})
        if not 1 <= training.k <= n_columns:
            raise ValueError(f"k = {training.k}: between 1 and the {n_columns} columns that vary can be selected")
        self._scaling = InputScaling.fit(self.encoder_.transform(frame), layout, frame, training.scale)
        self._fit(training, self._inputs(frame), target, self._inputs(held_frame), held_target, device, seed)
        return self

    def _training(self) -> ConcreteTraining:
        names = ("k", "task", "parameterization", "epochs", "decoder", "start", "refine", "scale")
        values = {**config_values(ConcreteConfig, self.config), **{name: getattr(self, name) for name in names}}
        return checked(ConcreteTraining, values, type(self).__name__)

    def _fit(
        self, training: ConcreteTraining, x: Array, y: Array, x_held: Array, y_held: Array, device: Device, seed: int
    ) -> None:
        if self.task == "reconstruct":
            y, y_held = x, x_held
        elif self.task == "regress":
            self._y_mean, self._y_deviation = y.mean(axis=0), y.std(axis=0)
            self._y_deviation[self._y_deviation == 0] = 1
            y, y_held = ((part - self._y_mean) / self._y_deviation for part in (y, y_held))
        linear = _Linear(x, self._linear_target(y), training.k, self._scaling)
        self._fitted = fit_concrete(
            Data.of(x, y, device),
            Data.of(x_held, y_held, device),
            InputColumns(self._scaling.of_input),
            len(self.classes_) if self.task == "classify" else y.shape[1],
            training,
            seed=seed,
            device=device,
            start=linear.start(training.start),
            refine=linear.refine if training.refine else None,
        )
        columns_of = self._scaling.columns
        self.chosen_ = np.array([columns_of[column] for column in self._fitted.chosen])
        self.n_unique_ = self._fitted.n_unique
        self.log_ = [
            replace(line, favourites=tuple(columns_of[column] for column in line.favourites))
            for line in self._fitted.log
        ]

    def _linear_target(self, y: Array) -> Array | None:
        """What greedy selection predicts, (n, t); None is the inputs themselves. A class weighs the same if rare."""
        if self.task == "reconstruct":
            return None
        if self.task == "regress":
            return y
        share = np.bincount(y, minlength=len(self.classes_)) / len(y)
        return np.asarray(one_hot(y, len(share)) / np.sqrt(share * (1 - share)).clip(1e-6))

    def transform(self, X: Any) -> Any:
        """The chosen columns of X, (n, k), in the order in which X has them."""
        check_is_fitted(self, "chosen_")
        return super().transform(self._with_text_names(X))

    def decode(self, X: Any) -> Array:
        """What the joint network makes of the chosen columns of X alone: for "regress" the prediction (n,) or (n, t),
        for "classify" probabilities (n, n_classes), for "reconstruct" all columns as they are in X, (n, n_features);
        there the columns must be numbers, else ValueError.
        """
        check_is_fitted(self, "chosen_")
        if self.task == "reconstruct" and self.encoder_.categorical:
            raise ValueError(f"categorical columns cannot be put in an array: {', '.join(self.encoder_.categorical)}")
        output = self._fitted.predict(self._inputs(self._frame(X, reset=False)), device_of(self.device))
        if self.task == "classify":
            return np.asarray(softmax(output, axis=1))
        if self.task == "regress":
            y = output * self._y_deviation + self._y_mean
            return np.asarray(y[:, 0] if self._y_is_flat else y)
        return self._scaling.inverse(output)

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


class _Linear:
    """Greedy selection on the training rows, by numbers into the source columns that have inputs.

    x: (n, n_inputs); target: (n, t), or None for x itself.
    """

    def __init__(self, x: Array, target: Array | None, k: int, scaling: InputScaling) -> None:
        self._covariance, self._targets = linear_covariance(x, target)
        self._k, self._positions = k, scaling.columns
        of_input = np.array(scaling.of_input)
        self._groups = [np.flatnonzero(of_input == column) for column in range(len(scaling.columns))]

    def start(self, start: str | list[int]) -> list[int] | None:
        """The columns at which the selector's rows begin; None is at random."""
        if start == "random":
            return None
        if start == "greedy":
            return forward_selection(self._covariance, self._targets, self._k, self._groups)
        if len(set(start)) != self._k or not set(start) <= set(self._positions):
            raise ValueError(f"start: {self._k} different columns that vary are needed, not {start}")
        return [self._positions.index(position) for position in start]

    def refine(self, chosen: list[int]) -> list[list[int]]:
        """The swap refinements of greedy selection and of `chosen`."""
        greedy = forward_selection(self._covariance, self._targets, self._k, self._groups)
        return [swap_refinement(self._covariance, self._targets, begun, self._groups) for begun in (greedy, chosen)]
