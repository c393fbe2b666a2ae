"""The methods without the pipeline: scikit-learn estimators over the same networks that the stages use."""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.fit import fit_autoencoder, read_features
from swapdae.base.device import DeviceName, resolve_device
from swapdae.encoding.encoder import Encoder
from swapdae.encoding.frame_input import FrameInput


class DenoisingAutoencoder(FrameInput, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Swap-noise denoising autoencoder: fit on rows, transform rows to the activations of its body.

    X: a DataFrame, whose columns of text, categories or bools are categorical, or an array of numbers. NaN is allowed.

    config: body, noise, loss and training; None is the shipped default. categorical: "auto", or the names of the
    DataFrame's categorical columns. device: "auto", "cpu" or "cuda". verbose: show a progress bar.

    Learned: encoder_, model_ (a torch module), log_ (one entry per epoch), n_features_in_, feature_names_in_.
    """

    def __init__(
        self,
        config: DaeConfig | None = None,
        *,
        categorical: Literal["auto"] | list[str] = "auto",
        device: DeviceName = "auto",
        random_state: int = 0,
        verbose: bool = False,
    ) -> None:
        self.config = config
        self.categorical = categorical
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on the rows of X, (n, n_features); y is ignored. Raises ValueError for fewer than two rows."""
        frame = self._frame(X, reset=True)
        config = self.config or DaeConfig()
        names = [str(name) for name in frame.columns]
        categorical = self._categorical(frame)
        numerical = tuple(name for name in names if name not in categorical)
        self.encoder_ = Encoder(categorical, numerical, config.numerical, self.random_state).fit(frame)
        self._device = resolve_device(self.device)
        self.model_, self.log_ = fit_autoencoder(
            self.encoder_.transform(frame),
            self.encoder_.layout,
            config,
            seed=self.random_state,
            device=self._device,
            show_progress=self.verbose,
        )
        self._n_features_out = self.model_.d_features
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Features of the rows of X, (n, d_features). A category not seen in fit is unknown, not an error."""
        check_is_fitted(self, "model_")
        codes = self.encoder_.transform(self._frame(X, reset=False))
        return np.concatenate(list(read_features(self.model_, codes, self.encoder_.layout, self._device)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
