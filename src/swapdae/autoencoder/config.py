"""What an autoencoder is and how it is trained: frozen models. Defaults are the shipped result."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from swapdae.base.models import Rate, Strict


class NoiseConfig(Strict):
    """Swap noise: the chance that a cell takes its value from another row.

    unit: "column" swaps whole source columns, "one_hot" each one-hot column by itself (the published way).
    donor: "row" takes all of a row's swapped cells from one other row (the published way), "cell" each from its own.
    columns: rates of single columns, by name, over the two defaults.
    """

    unit: Literal["column", "one_hot"] = "column"
    donor: Literal["row", "cell"] = "cell"
    categorical: Rate = 0.1
    numerical: Rate = 0.1
    columns: dict[str, Rate] = {}


class TransformerConfig(Strict):
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


class StackConfig(Strict):
    """The plain body: `n_layers` x (linear, activation) of one width (published: "relu"). Features: all outputs."""

    kind: Literal["stack"] = "stack"
    width: int = Field(1536, ge=1)
    n_layers: int = Field(3, ge=1)
    activation: Literal["relu", "gelu"] = "gelu"


class BottleneckConfig(Strict):
    """Linear-ReLU down to a narrow layer and up again. Features are the narrow layer's outputs."""

    kind: Literal["bottleneck"] = "bottleneck"
    width: int = Field(1536, ge=1)
    bottleneck: int = Field(128, ge=1)


class LossConfig(Strict):
    """Weights of the loss: `emphasis` on corrupted cells (1 - emphasis on the others), `mask` on the mask head, which 0
    leaves out. categories: "softmax" over a column's levels, every source column weighing the same, or "binary" for
    each one-hot column by itself (the published way)."""

    categories: Literal["softmax", "binary"] = "softmax"
    emphasis: Rate = 0.75
    mask: float = Field(0.0, ge=0)


class TrainingConfig(Strict):
    """The loop: `schedule` "exponential" multiplies the learning rate by `decay` each epoch, "cosine" ends at 0.

    compile: on a CPU, build and use the transformer block's own C++ code. cuda_graph: on a GPU, record the whole step
    once and replay it. Both fall back, with a warning, where they do not work.
    """

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(512, ge=2)
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    schedule: Literal["exponential", "cosine"] = "cosine"
    decay: float = Field(0.998, gt=0, le=1)
    warmup: Rate = 0.05  # share of all steps
    compile: bool = True
    cuda_graph: bool = False


class DaeConfig(Strict):
    """The autoencoder. scope: "transductive" is one for all rows, train and test; "per_fold" one per fold, which
    never sees the fold's held-out rows (test rows it sees only if `test_rows`)."""

    scope: Literal["transductive", "per_fold"] = "transductive"
    test_rows: bool = True
    numerical: Literal["standard", "rank_gauss"] = "standard"
    body: Annotated[TransformerConfig | StackConfig | BottleneckConfig, Field(discriminator="kind")] = StackConfig()
    noise: NoiseConfig = NoiseConfig()
    loss: LossConfig = LossConfig()
    training: TrainingConfig = TrainingConfig()

    def decisive(self) -> dict[str, Any]:
        """What decides the numbers, as JSON values."""
        return self.model_dump(mode="json", exclude={"training": {"compile", "cuda_graph"}})
