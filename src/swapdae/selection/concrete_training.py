"""All that the training of a concrete selector is given, as one checked model."""

from typing import Annotated, Literal

from pydantic import Field

from swapdae.encoding.input_scaling import Scale
from swapdae.selection.config import ConcreteConfig

Parameterization = Literal["direct", "indirect"]
SelectorTask = Literal["reconstruct", "regress", "classify"]
DEFAULT_RATES: dict[Parameterization, float] = {"direct": 0.1, "indirect": 0.003}


class ConcreteTraining(ConcreteConfig):
    """The parameters of a ConcreteSelector and those of its config; see there for the meaning of each."""

    k: int
    task: SelectorTask = "reconstruct"
    parameterization: Parameterization = "indirect"
    epochs: int = Field(100, ge=0)
    decoder: tuple[Annotated[int, Field(ge=1)], ...] = (200,)
    start: Literal["random", "greedy"] | list[int] = "random"
    refine: bool = True
    scale: Scale = "standard"

    @property
    def rate(self) -> float:
        """The learning rate of the logits."""
        return DEFAULT_RATES[self.parameterization] if self.selection_rate is None else self.selection_rate

    def n_samples(self, n_rows: int) -> int:
        """Gumbel samples of a batch of n_rows."""
        return n_rows if self.samples == "row" else min(self.samples, n_rows)

    def inner(self, n_columns: int) -> int:
        """p of the parameterization "indirect"; a start must be represented exactly, which takes at least k."""
        return min(self.d_inner if self.start == "random" else max(self.d_inner, self.k), n_columns)
