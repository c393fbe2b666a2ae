"""What an autoencoder is and how it is trained: frozen models. Defaults are the shipped result."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializeAsAny, model_validator

from swapdae.autoencoder.bodies import BODIES
from swapdae.autoencoder.bodies.body import Body
from swapdae.autoencoder.bodies.stack import StackConfig
from swapdae.base.models import Rate, StrictModel, by_kind


class NoiseConfig(StrictModel):
    """Swap noise: the chance that a cell takes its value from another row.

    per: "column" swaps whole source columns, "one_hot" each one-hot column by itself (the published way).
    donor: "row" takes all of a row's swapped cells from one other row (the published way), "cell" each from its own.
    columns: rates of single columns, by name, over the two defaults.
    """

    per: Literal["column", "one_hot"] = "column"
    donor: Literal["row", "cell"] = "cell"
    categorical: Rate = 0.1
    numerical: Rate = 0.1
    columns: dict[str, Rate] = {}


class LossConfig(StrictModel):
    """Weights of the loss: `emphasis` on corrupted cells (1 - emphasis on the others), `mask` on the mask head, which 0
    leaves out. categories: "softmax" over a column's levels, every source column weighing the same, or "binary" for
    each one-hot column by itself (the published way)."""

    categories: Literal["softmax", "binary"] = "softmax"
    emphasis: Rate = 0.75
    mask: float = Field(0.0, ge=0)


class EmbeddingConfig(StrictModel):
    """What the body reads of every number beside the number itself: `pieces` linear between quantiles, and `waves` made
    of sines and cosines of as many learned frequencies, which start normal with deviation `sigma` (per unit of a
    standardized number). 0 leaves either out."""

    pieces: int = Field(16, ge=0)
    waves: int = Field(16, ge=0)
    sigma: float = Field(0.1, gt=0)

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.pieces + self.waves:
            raise ValueError("pieces and waves are both 0; leave the embedding out")
        return self


class TrainingConfig(StrictModel):
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


class DaeConfig(StrictModel):
    """The autoencoder. scope: "transductive" is one for all rows, train and test; "per_fold" one per fold, which
    never sees the fold's held-out rows (test rows it sees only if `test_rows`). reads: views of the rows whose columns
    it takes as inputs beside the table's own."""

    scope: Literal["transductive", "per_fold"] = "transductive"
    test_rows: bool = True
    reads: tuple[str, ...] = ()
    body: Annotated[SerializeAsAny[Body], by_kind(BODIES)] = StackConfig()
    embedding: EmbeddingConfig | None = None
    noise: NoiseConfig = NoiseConfig()
    loss: LossConfig = LossConfig()
    training: TrainingConfig = TrainingConfig()

    def decisive(self) -> dict[str, Any]:
        """What decides a number of the result, as JSON values: all but `compile` and `cuda_graph`, and no `reads` and
        no `embedding` where there are none."""
        values = self.model_dump(mode="json", exclude={"training": {"compile", "cuda_graph"}})
        return {name: value for name, value in values.items() if name not in ("reads", "embedding") or value}
