"""What the finished stages of an experiment have left, loaded: all that a page is made from."""

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from swapdae.competition.config import Competition
from swapdae.competition.table import Table
from swapdae.experiment.config import Experiment
from swapdae.experiment.stage_report import State

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class StageResults:
    """states: of every stage by name, "heads/<head>" and "tune/<head>" among them. scores: {"heads": {name: {features,
    oof, public, private, seconds}}, "blend": {oof, oof_cross_fitted, public, private, weights}}, None where unknown.

    table, folds (n_train,), -1 in rows that none holds out: None before the download. oofs, tests: predictions by head,
    and "blend" (its oof cross-fitted). logs: one training log per autoencoder, of epochs as dicts. activations: the
    stage's arrays, by file stem. importances: of hyperparameters, by head.
    """

    experiment: Experiment
    competition: Competition
    states: dict[str, State]
    scores: dict[str, Any]
    table: Table | None = None
    folds: Array | None = None
    oofs: dict[str, Array] = field(default_factory=dict)
    tests: dict[str, Array] = field(default_factory=dict)
    logs: list[list[dict[str, Any]]] = field(default_factory=list)
    activations: dict[str, Array] = field(default_factory=dict)
    importances: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def predicted(self) -> Array:
        """(n_train,) rows that have out-of-fold predictions."""
        if self.folds is None:
            raise ValueError("there are no folds before the download")
        predicted: Array = self.folds >= 0
        return predicted

    @property
    def metric(self) -> str:
        return self.competition.metric

    @property
    def better(self) -> str:
        """Which way the metric is better, in words."""
        return "higher is better" if self.competition.metric_of.greater_is_better else "lower is better"

    def metrics(self, stage: str) -> dict[str, Any] | None:
        """What a stage's report says; None where it has not run."""
        state = self.states.get(stage)
        return state.report.metrics if state is not None and state.report is not None else None
