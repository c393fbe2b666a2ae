"""The settings of a ConcreteSelector: a frozen model that loads no library for arrays."""

from typing import Annotated, Literal

from pydantic import Field

from swapdae.base.models import StrictModel

Temperature = Annotated[float, Field(gt=0)]


class ConcreteConfig(StrictModel):
    """Settings of a ConcreteSelector that rarely need a change.

    dropout: of the decoder. d_inner: p of the parameterization "indirect". decoder_epochs: with hard selections, after
    the relaxed ones. learning_rate: of the decoder; selection_rate: of the logits, None is .003 for "indirect" and .1
    for "direct". temperatures: of the first and the last relaxed step. samples: Gumbel samples a batch, "row" for one
    each row (slow, as published). overlap: weight of the loss on columns claimed twice. validation_fraction: of the
    rows, where fit is given no validation rows.
    """

    dropout: float = Field(0.2, ge=0, lt=1)
    d_inner: int = Field(64, ge=1)
    decoder_epochs: int = Field(100, ge=0)
    batch_size: int = Field(64, ge=1)
    learning_rate: float = Field(3e-3, gt=0)
    selection_rate: float | None = Field(None, ge=0)
    temperatures: tuple[Temperature, Temperature] = (10.0, 0.01)
    samples: Annotated[int, Field(ge=1)] | Literal["row"] = 1
    overlap: float = Field(1.0, ge=0)
    validation_fraction: float = Field(0.2, gt=0, lt=1)
