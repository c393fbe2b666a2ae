"""[select] of an experiment: k of the autoencoder's features, for heads that read `dae_selected`."""

from typing import Literal

from pydantic import Field

from swapdae.base.models import Strict


class SelectConfig(Strict):
    """task: "supervised" chooses what tells the target, anew within every fold's training part; "unsupervised" what
    tells the other features, on the rows that the autoencoder may see. method: "greedy" is forward selection on the
    covariance, "concrete" the concrete selector, trained for `epochs`. rows: cap on those that a choice reads.
    """

    k: int = Field(64, ge=1)
    task: Literal["supervised", "unsupervised"] = "supervised"
    method: Literal["greedy", "concrete"] = "greedy"
    rows: int | None = Field(20_000, ge=10)
    epochs: int = Field(20, ge=1)
