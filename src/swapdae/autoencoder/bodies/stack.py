"""The plain body: linear layers of one width."""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field

from swapdae.autoencoder.bodies.body import Body

if TYPE_CHECKING:
    from swapdae.autoencoder.layers.stack import Stack


class StackConfig(Body):
    """The plain body: `n_layers` x (linear, activation) of one width (published: "relu"). Features: all outputs."""

    kind: Literal["stack"] = "stack"
    width: int = Field(1536, ge=1)
    n_layers: int = Field(3, ge=1)
    activation: Literal["relu", "gelu"] = "gelu"

    def network(self, n_inputs: int, *, compiled: bool) -> "Stack":
        from swapdae.autoencoder.layers.stack import Stack

        return Stack(n_inputs, self.width, self.n_layers, self.activation)

    def shrunk(self, factor: int) -> Self:
        return self.model_copy(update={"width": max(self.width // factor, 1)})
