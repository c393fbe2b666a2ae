"""What an experiment is: experiments/<name>.toml as a frozen model. A misspelt key is refused.

Defaults are the shipped result, so an experiment's TOML holds only what differs. The stem of the file is the
experiment's name.
"""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from swapdae.autoencoder.config import DaeConfig
from swapdae.base.models import Name, Strict, read_toml
from swapdae.base.paths import Paths
from swapdae.selection.config import SelectConfig
from swapdae.study.config import ActivationsConfig

FeatureName = Literal["raw", "dae", "raw+dae", "dae_selected", "raw+dae_selected"]


class HeadConfig(Strict):
    """One head of the experiment: a kind of model on a feature set, tuned for `trials` finished trials (0: as given).

    params: where tuning starts and, with trials = 0, what is fitted; keys are those of the kind's Params.
    tune_rows: rows a trial may use (None: all); the head itself is always fitted on all."""

    kind: Literal["ridge", "lightgbm", "xgboost", "catboost", "mlp"]
    features: FeatureName = "raw"
    trials: int = Field(0, ge=0)
    params: dict[str, Any] = {}
    tune_rows: int | None = Field(None, ge=100)

    @model_validator(mode="after")
    def _has_a_body(self) -> Self:
        if self.params.get("fine_tune") and self.features != "dae":
            raise ValueError("params.fine_tune trains the autoencoder's body and needs features = 'dae'")
        return self


class Experiment(Strict):
    """experiments/<name>.toml."""

    name: Name
    competition: Name
    seed: int = 0
    rows: int | None = Field(None, ge=10)  # cap on train rows, drawn at random; None: all of them
    dae: DaeConfig = DaeConfig()
    activations: ActivationsConfig = ActivationsConfig()
    select: SelectConfig = SelectConfig()
    heads: dict[Name, HeadConfig] = Field(min_length=1)

    @property
    def uses_dae(self) -> bool:
        """Whether any head reads autoencoder features; without one no autoencoder is trained."""
        return any("dae" in head.features for head in self.heads.values())

    @property
    def uses_selection(self) -> bool:
        """Whether any head reads selected features."""
        return any("selected" in head.features for head in self.heads.values())


def read_experiment(paths: Paths, name: str) -> Experiment:
    """experiments/<name>.toml. Raises UserError naming file and key."""
    return read_toml(Experiment, paths.experiment_file(name), name=name)
