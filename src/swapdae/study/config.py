"""[activations] of an experiment: the study of which units fire."""

from typing import Literal

from pydantic import Field

from swapdae.base.models import Rate, Strict

UnitsName = Literal["relu", "features"]


class ActivationsConfig(Strict):
    """The study of which units fire. units: "relu" are the outputs of ReLU layers (or GELU), of a transformer those
    inside it; "features" the outputs that heads read (the same, but for a transformer). Firing is counted over all
    rows; `rows` train rows are clustered, `probes` of these are corrupted, at each of `rates` (of every column).
    purity: a unit is exclusive to a cluster that holds this share of its firings. specialised: units dropped per
    cluster to see who pays.
    """

    units: UnitsName = "relu"
    rows: int = Field(20_000, ge=100)
    probes: int = Field(2_000, ge=20)
    clusters: int = Field(128, ge=2)
    rates: tuple[Rate, ...] = (0.0, 0.05, 0.1, 0.15, 0.25, 0.5, 0.75, 1.0)
    purity: float = Field(0.9, gt=0.5, le=1)
    specialised: int = Field(16, ge=1)
