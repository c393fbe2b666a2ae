"""What an experiment is: experiments/<name>.toml as a frozen model. A misspelt key is refused.

Defaults are the shipped result, so an experiment's TOML holds only what differs. The stem of the file is the
experiment's name.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PositiveFloat,
    ValidationInfo,
    field_validator,
    model_validator,
)

from swapdae.autoencoder.config import DaeConfig
from swapdae.base.models import Name, StrictModel, entry, read_toml
from swapdae.base.paths import Paths
from swapdae.heads import HEADS
from swapdae.modelling.views import VIEWS
from swapdae.study.config import ActivationsConfig


def _view(name: str) -> str:
    entry(VIEWS, name, "view")
    return name


View = Annotated[str, AfterValidator(_view)]
Views = Annotated[
    tuple[View, ...], Field(min_length=1), BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
]


class HeadConfig(StrictModel):
    """One head of the experiment: a kind of model on one or more views of the rows.

    features: the views that stand side by side, of modelling/views.py.
    trials: finished trials of its tuning; 0: none, as for ridge, which has nothing to tune. params: where tuning starts
    and, with trials = 0, what is fitted; keys are those of the kind's Params. tune_rows: rows a trial may use (None:
    all); the head itself is always fitted on all. class_weight: what it weighs rows by, of each class by its label, or
    "balanced": all classes of a fold's training part weigh alike.
    """

    kind: str
    features: Views = ("raw",)
    trials: int = Field(0, ge=0)
    params: dict[str, Any] = {}
    tune_rows: int | None = Field(None, ge=100)
    class_weight: Literal["balanced"] | dict[str, PositiveFloat] | None = None

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        entry(HEADS, kind)
        return kind

    @field_validator("params")
    @classmethod
    def _fit_the_kind(cls, params: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """A misspelt parameter is found now, not after hours of training."""
        if "kind" in info.data:
            HEADS[info.data["kind"]].params.model_validate(params)
        return params

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.features)) < len(self.features):
            raise ValueError(f"features names a view twice: {', '.join(self.features)}")
        if self.trials and HEADS[self.kind].space is None:
            raise ValueError(f"trials: {self.kind} has nothing to tune, it searches by itself; leave trials out")
        return self

    @property
    def start(self) -> StrictModel:
        """The parameters as given, over the kind's defaults."""
        return HEADS[self.kind].params.model_validate(self.params)

    @property
    def features_text(self) -> str:
        """The views in one word, as tables show them."""
        return "+".join(self.features)

    @property
    def uses_dae(self) -> bool:
        """Whether it reads autoencoder features."""
        return "dae" in self.features


class Experiment(StrictModel):
    """experiments/<name>.toml."""

    name: Name
    competition: Name
    seed: int = Field(0, ge=0)
    rows: int | None = Field(None, ge=10)  # cap on train rows, drawn at random; None: all of them
    minutes: float | None = Field(None, gt=0, allow_inf_nan=False)  # that a run may take; None: all it needs
    dae: DaeConfig = DaeConfig()
    activations: ActivationsConfig = ActivationsConfig()
    heads: dict[Name, HeadConfig] = Field(min_length=1)
    keep_models: bool = True  # what `swapdae predict` needs

    @model_validator(mode="after")
    def _autoencoder_reads_what_it_may(self) -> Self:
        """Labels of a fold's held-out rows would reach its features through an autoencoder of all rows."""
        for name in self.dae.reads:
            view = entry(VIEWS, name, "view of dae.reads")
            if name == "raw" or view.stage is not None:
                raise ValueError(f"dae.reads: the autoencoder cannot read '{name}' beside the table's columns")
            if view.reads_labels and self.dae.scope != "per_fold":
                raise ValueError(f"dae.reads: view '{name}' sees the target, which needs dae.scope = 'per_fold'")
        return self

    def reads(self, *views: str) -> bool:
        """Whether any head reads one of these views."""
        return any(view in head.features for head in self.heads.values() for view in views)

    @property
    def uses_dae(self) -> bool:
        """Whether any head reads autoencoder features; without one no autoencoder is trained."""
        return any(head.uses_dae for head in self.heads.values())


def read_experiment(paths: Paths, name: str) -> Experiment:
    """experiments/<name>.toml. Raises UserError naming file and key."""
    return read_toml(Experiment, paths.experiment_file(name), name=name)
