"""What the configuration of every body can do."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from swapdae.base.models import StrictModel

if TYPE_CHECKING:
    from swapdae.autoencoder.layers.body import BodyNetwork


class Body(StrictModel, ABC):
    """A body's kind and sizes. kind: its name in BODIES.

    Loads no torch: whoever asks for the state of things does not wait for it. Only `network` does.
    """

    kind: str

    @abstractmethod
    def network(self, n_inputs: int, *, compiled: bool) -> "BodyNetwork":
        """The body with random weights. compiled: it may use code of its own for the CPU, if it has any."""

    def shrunk(self, factor: int) -> Self:
        """The same body with its widths divided by `factor`, for short trainings; a body without widths is itself."""
        return self
