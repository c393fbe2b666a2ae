"""The published body: a transformer on the subspaces of one wide layer."""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from swapdae.autoencoder.bodies.body import Body

if TYPE_CHECKING:
    from swapdae.autoencoder.layers.transformer import Transformer


class TransformerConfig(Body):
    """The published body: tokens are subspaces of one wide layer. Features are the outputs of every block."""

    kind: Literal["transformer"] = "transformer"
    n_subspaces: int = Field(8, ge=1)
    d_subspace: int = Field(128, ge=1)
    n_blocks: int = Field(3, ge=1)
    n_heads: int = Field(8, ge=1)
    d_feedforward: int = Field(512, ge=1)

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        if self.d_subspace % self.n_heads:
            raise ValueError(f"d_subspace = {self.d_subspace} is not a multiple of n_heads = {self.n_heads}")
        return self

    def network(self, n_inputs: int, *, compiled: bool) -> "Transformer":
        from swapdae.autoencoder.layers.transformer import Transformer

        return Transformer(
            n_inputs,
            n_subspaces=self.n_subspaces,
            d_subspace=self.d_subspace,
            n_blocks=self.n_blocks,
            n_heads=self.n_heads,
            d_feedforward=self.d_feedforward,
            compiled=compiled,
        )

    def shrunk(self, factor: int) -> Self:
        """Heads and tokens keep their number, so widths stay multiples of n_heads."""
        widths = {"d_feedforward": self.d_feedforward, "d_subspace": self.d_subspace}
        n = self.n_heads
        return self.model_copy(update={name: max(width // factor // n * n, n) for name, width in widths.items()})
