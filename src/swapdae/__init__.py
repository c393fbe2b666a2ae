"""Swap-noise denoising autoencoders for tabular competitions."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from swapdae.autoencoder.estimator import DenoisingAutoencoder as DenoisingAutoencoder
    from swapdae.selection.estimator import ConcreteSelector as ConcreteSelector

__all__ = ["ConcreteSelector", "DenoisingAutoencoder", "__version__"]


def __getattr__(name: str) -> Any:
    """The estimators on first use: the command line must not load torch to say that there is nothing to do."""
    if name == "DenoisingAutoencoder":
        from swapdae.autoencoder.estimator import DenoisingAutoencoder

        return DenoisingAutoencoder
    if name == "ConcreteSelector":
        from swapdae.selection.estimator import ConcreteSelector

        return ConcreteSelector
    raise AttributeError(f"module 'swapdae' has no attribute '{name}'")
