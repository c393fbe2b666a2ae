"""One run of one experiment: what to run, where its files lie, and how to run it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swapdae.base.device import DeviceName
from swapdae.base.errors import UserError
from swapdae.base.models import StrictModel
from swapdae.base.paths import Paths
from swapdae.competition.config import Competition, read_competition
from swapdae.experiment.config import Experiment, read_experiment
from swapdae.experiment.planned import in_force
from swapdae.experiment.stage_report import StageReport, read_report
from swapdae.modelling.own_features import OwnFeatures, read_own_features
from swapdae.pipeline.data import Data, read_data

LATE = 1.15  # of its limit, behind which a head is given up, and a training for a shorter one
JOINED = ("dae", "blend", "submit")  # stages for all of several targets; each target has a folder beside them


@dataclass(frozen=True)
class Run:
    """device: where networks are trained. force: remake the stages that are named. strict: remake what other code or
    library versions have made. options: what a command was told, by the name of its stage. say: takes lines for the
    user. limits: seconds that a stage may take, by its name; see pipeline/minutes.py.
    """

    paths: Paths
    experiment: Experiment
    competition: Competition
    device: DeviceName = "auto"
    force: bool = False
    strict: bool = False
    options: Mapping[str, StrictModel] = field(default_factory=dict)
    say: Callable[[str], None] = field(default=print)
    limits: Mapping[str, float] = field(default_factory=dict)

    @staticmethod
    def of(paths: Paths, name: str, *, planned: bool = True, **how: Any) -> "Run":
        """Reads both TOMLs. name: of an experiment; or experiment/target, of its run for one of several targets.
        planned: the experiment as its plan has it, where it has one that was made of this TOML. how: the fields behind
        them. Raises UserError naming file and key."""
        name, _, target = name.partition("/")
        experiment = read_experiment(paths, name)
        if planned:
            experiment = in_force(paths.oof(name), experiment)
        run = Run(paths, experiment, read_competition(paths, experiment.competition), **how)
        return run.for_target(target) if target else run

    def for_target(self, target: str) -> "Run":
        """The run for one of several targets; what it makes lies in oof/<experiment>/<target>."""
        if target in JOINED:
            raise UserError(f"target '{target}' has the name of a stage; give the column another in all files")
        named = self.experiment.model_copy(update={"name": f"{self.experiment.name}/{target}"})
        return replace(self, experiment=named, competition=self.competition.for_target(target))

    @property
    def stem(self) -> str:
        """Of the experiment's TOML, which all its targets share."""
        return self.experiment.name.partition("/")[0]

    @property
    def parts(self) -> "tuple[Run, ...]":
        """This run alone, or one for each of several targets."""
        if self.competition.target:
            return (self,)
        return tuple(self.for_target(target) for target in self.competition.targets)

    @property
    def input(self) -> Path:
        """Where the competition's CSVs lie."""
        return self.paths.input(self.competition.name)

    @property
    def shares_dae(self) -> bool:
        """Whether several targets have one autoencoder: one of all rows sees no target."""
        return bool(self.competition.targets) and self.experiment.dae.scope == "transductive"

    def directory(self, stage: str) -> Path:
        """Where a stage's output lies."""
        shared = stage == "dae" and self.shares_dae
        return self.paths.stage(self.stem if shared else self.experiment.name, stage)

    @cached_property
    def own(self) -> OwnFeatures | None:
        """The columns of one's own, read once. Raises UserError naming the file."""
        return read_own_features(*self.paths.own_features(self.competition.name, self.stem))

    @cached_property
    def data(self) -> Data:
        """Table and folds, read once. Raises UserError naming the file."""
        return read_data(self.competition, self.input, self.experiment.rows, self.experiment.seed, self.own)

    def device_text(self) -> str:
        """The device that networks are trained on, and its precision, as reports tell it."""
        from swapdae.base.device import resolve_device

        return str(resolve_device(self.device))

    def report(self, stage: str) -> StageReport:
        """The report of a stage that must have run. Raises UserError where it has not."""
        if (report := read_report(self.directory(stage))) is None:
            name = self.experiment.name
            raise UserError(f"{self.directory(stage)}: stage {stage} has not run; run `swapdae run {name}`")
        return report

    def array(self, stage: str, file: str) -> NDArray[Any]:
        """An array that a stage has written. Raises UserError where it has not run."""
        self.report(stage)
        array: NDArray[Any] = np.load(self.directory(stage) / file, allow_pickle=False)
        return array
