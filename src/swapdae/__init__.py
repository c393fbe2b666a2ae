"""Swap-noise denoising autoencoders for tabular competitions."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from swapdae.estimators import DenoisingAutoencoder as DenoisingAutoencoder
    from swapdae.selector import ConcreteSelector as ConcreteSelector

__all__ = ["ConcreteSelector", "DenoisingAutoencoder", "__version__"]


def __getattr__(name: str) -> Any:
    """The estimators on first use: the command line must not load torch to say that there is nothing to do."""
    if name == "DenoisingAutoencoder":
        from swapdae.estimators import DenoisingAutoencoder

        return DenoisingAutoencoder
    if name == "ConcreteSelector":
        from swapdae.selector import ConcreteSelector

        return ConcreteSelector
    raise AttributeError(f"module 'swapdae' has no attribute '{name}'")
