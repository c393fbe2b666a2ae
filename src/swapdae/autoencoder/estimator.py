"""DenoisingAutoencoder: the autoencoder without the pipeline, as a scikit-learn transformer."""

import copy
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.fit import fit_autoencoder, read_features
from swapdae.base.device import DeviceName
from swapdae.base.parameters import checked, config_values, device_of
from swapdae.base.random import RandomState, seed_of
from swapdae.encoding.frame_input import FrameInput


class DenoisingAutoencoder(FrameInput, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Swap-noise denoising autoencoder: fit on rows, transform rows to the activations of its body.

    X: a DataFrame, whose columns of text, categories or bools are categorical, or an array of numbers. NaN is allowed.
    Columns of dates, and of text with mostly different values, are refused by name.

    body: its kind, "stack" or "transformer". width: of the stack. epochs, batch_size, learning_rate: of the training.
    swap_rate: the chance that a cell takes its value from another row, 0 to 1. Each of these that is None is what
    config says. config: everything else; None is the shipped default.

    categorical: "auto", or the names of the categorical columns. device: "auto", "cpu" or "cuda"; asked for again by
    every call. random_state: with None every fit differs. verbose: show a progress bar.

    Learned: encoder_, config_ (what was trained), model_ (a torch module on the CPU), log_ (one entry per epoch),
    n_features_in_, feature_names_in_.
    """

    def __init__(
        self,
        *,
        body: str | None = None,
        width: int | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        swap_rate: float | None = None,
        config: DaeConfig | None = None,
        categorical: Literal["auto"] | list[str] = "auto",
        device: DeviceName = "auto",
        random_state: RandomState = 0,
        verbose: bool = False,
    ) -> None:
        self.body = body
        self.width = width
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.swap_rate = swap_rate
        self.config = config
        self.categorical = categorical
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on the rows of X, (n, n_features); y is ignored.

        Raises ValueError for a parameter or a column that cannot be used, and for fewer than two rows.
        """
        config, device, seed = self._config(), device_of(self.device), seed_of(self.random_state)
        frame = self._frame(X, reset=True)
        self.encoder_ = self._fitted_encoder(frame, "clipped")
        codes = self.encoder_.transform(frame)
        model, self.log_ = fit_autoencoder(
            codes, self.encoder_.layout, config, seed=seed, device=device, show_progress=self.verbose
        )
        # On the CPU, so that a pickle can be read on any machine.
        self.config_, self.model_, self._n_features_out = config, model.cpu(), model.d_features
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Features of the rows of X, (n, d_features). A category not seen in fit is unknown, not an error."""
        check_is_fitted(self, "model_")
        device = device_of(self.device)
        codes = self.encoder_.transform(self._frame(X, reset=False))
        model = self.model_ if device.kind == "cpu" else copy.deepcopy(self.model_).to(device.device)
        return np.concatenate(list(read_features(model, codes, self.encoder_.layout, device)))

    def _config(self) -> DaeConfig:
        """config, with what the other parameters change in it."""
        values = config_values(DaeConfig, self.config)
        if self.body not in (None, values["body"]["kind"]):
            values["body"] = {"kind": self.body}
        swap = {"categorical": self.swap_rate, "numerical": self.swap_rate}
        training = {name: getattr(self, name) for name in ("epochs", "batch_size", "learning_rate")}
        for part, changes in (("body", {"width": self.width}), ("noise", swap), ("training", training)):
            values[part] |= {name: value for name, value in changes.items() if value is not None}
        return checked(DaeConfig, values, type(self).__name__)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
