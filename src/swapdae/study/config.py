"""[activations] of an experiment: the study of which units are active in which rows."""

from typing import Literal

from pydantic import Field

from swapdae.base.models import Rate, StrictModel

UnitsName = Literal["relu", "features"]


class ActivationsConfig(StrictModel):
    """The study of which units are active in which rows.

    units: "relu" are the outputs of the ReLU (or GELU) layers, in a transformer of those inside it; "features" are the
    outputs that heads read. The two differ for a transformer only. Active units are counted over all rows; `rows` train
    rows are clustered, `probes` of these are corrupted, at each of `rates` (the same rate for every column). purity: a
    unit is exclusive to a cluster that holds this share of the rows in which it is active. specialised: units of a
    cluster that are dropped together, to see which rows then have larger errors.
    """

    units: UnitsName = "relu"
    rows: int = Field(20_000, ge=100)
    probes: int = Field(2_000, ge=20)
    clusters: int = Field(128, ge=2)
    rates: tuple[Rate, ...] = (0.0, 0.05, 0.1, 0.15, 0.25, 0.5, 0.75, 1.0)
    purity: float = Field(0.9, gt=0.5, le=1)
    specialised: int = Field(16, ge=1)
