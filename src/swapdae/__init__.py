"""Swap-noise denoising autoencoders for tabular competitions."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from swapdae.autoencoder.config import DaeConfig as DaeConfig
    from swapdae.autoencoder.estimator import DenoisingAutoencoder as DenoisingAutoencoder
    from swapdae.selection.config import ConcreteConfig as ConcreteConfig
    from swapdae.selection.estimator import ConcreteSelector as ConcreteSelector

__all__ = ["ConcreteConfig", "ConcreteSelector", "DaeConfig", "DenoisingAutoencoder", "__version__"]

_MODULES = {
    "ConcreteConfig": "swapdae.selection.config",
    "ConcreteSelector": "swapdae.selection.estimator",
    "DaeConfig": "swapdae.autoencoder.config",
    "DenoisingAutoencoder": "swapdae.autoencoder.estimator",
}


def __getattr__(name: str) -> Any:
    """Each on first use: the command line must not load torch to say that there is nothing to do."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'swapdae' has no attribute '{name}'")
