"""One run of one experiment: what every stage is given, and how stages are carried out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.base.device import DeviceName
from swapdae.base.errors import UserError
from swapdae.base.models import Strict, parse
from swapdae.base.paths import Paths
from swapdae.competition.config import Competition, read_competition
from swapdae.competition.folds import draw_folds, train_rows
from swapdae.competition.table import Table, read_table
from swapdae.encoding.encoder import Encoder
from swapdae.experiment.config import Experiment, FeatureName, read_experiment
from swapdae.modelling.cross_fit import Problem
from swapdae.modelling.features import FeatureSet, FileFeatures, JoinedFeatures, Pretrained, RawFeatures, RowNumbers
from swapdae.pipeline.stage import Inputs, Report, Stage, read_report, run_stage, sha256_of


@dataclass(frozen=True)
class Run:
    """An experiment, its competition, and where and how to run: never what."""

    paths: Paths
    experiment: Experiment
    competition: Competition
    device: DeviceName = "auto"
    force: bool = False
    say: Callable[[str], None] = field(default=print)

    @staticmethod
    def of(paths: Paths, name: str, *, device: DeviceName = "auto", force: bool = False) -> "Run":
        """Reads both TOMLs. Raises UserError naming file and key."""
        experiment = read_experiment(paths, name)
        return Run(paths, experiment, read_competition(paths, experiment.competition), device, force)

    @property
    def input(self) -> Path:
        return self.paths.input(self.competition.name)

    def directory(self, stage: str) -> Path:
        return self.paths.stage(self.experiment.name, stage)

    @cached_property
    def input_files(self) -> dict[str, str]:
        """sha256 of the competition's CSVs, by name; "absent" where there is none."""
        files = {name: self.input / name for name in self.competition.files.all}
        return {name: sha256_of(file) if file.is_file() else "absent" for name, file in files.items()}

    @cached_property
    def table(self) -> Table:
        """The validated table, cut to the experiment's rows."""
        return self._whole.subset(self._rows)

    @cached_property
    def folds(self) -> NDArray[np.int8]:
        """The fold of every row of `table`, (n_train,)."""
        drawn = draw_folds(self._whole.y, self.competition.folds, self.competition.task)
        return drawn[self._rows]

    @cached_property
    def _whole(self) -> Table:
        return read_table(self.competition, self.input)

    @cached_property
    def _rows(self) -> RowNumbers:
        return train_rows(self._whole.n_train, self.experiment.rows, self.experiment.seed)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Features of all rows, train then test."""
        return pd.concat([self.table.train, self.table.test], ignore_index=True)

    def label_free_rows(self) -> list[RowNumbers]:
        """The rows that label-free steps may be fitted on: one selection for all folds, or one per fold.

        By dae.scope: "transductive" is all rows; "per_fold" leaves out a fold's held-out rows, and test rows where
        dae.test_rows is false.
        """
        n_train, n = self.table.n_train, self.table.n_train + self.table.n_test
        if self.experiment.dae.scope == "transductive":
            return [np.arange(n)]
        test = np.arange(n_train, n) if self.experiment.dae.test_rows else np.arange(0)
        return [np.concatenate([np.flatnonzero(self.folds != k), test]) for k in range(self.competition.folds.count)]

    @property
    def dae_files(self) -> list[Path]:
        """Where the stage dae puts its features: one file for all folds, or one per fold."""
        if self.experiment.dae.scope == "transductive":
            return [self.directory("dae") / "features.npy"]
        return [self.directory("dae") / f"features_{k}.npy" for k in range(self.competition.folds.count)]

    @property
    def select_files(self) -> list[Path]:
        """Where the stage select puts its features: one file for all folds, or one per fold."""
        if self.experiment.select.task == "unsupervised" and self.experiment.dae.scope == "transductive":
            return [self.directory("select") / "features.npy"]
        return [self.directory("select") / f"features_{k}.npy" for k in range(self.competition.folds.count)]

    def features(self, name: FeatureName) -> FeatureSet:
        """The feature set that a head calls `name`."""
        parts: list[FeatureSet] = []
        if "raw" in name:
            table = self.table
            rows = self.label_free_rows()
            parts.append(RawFeatures(self.frame, table.categorical, table.numerical, rows))
        if "selected" in name:
            parts.append(FileFeatures(self.select_files, "dae_selected"))
        elif "dae" in name:
            parts.append(FileFeatures(self.dae_files, "dae"))
        return parts[0] if len(parts) == 1 else JoinedFeatures(parts)

    def pretrained(self, k: int) -> Pretrained:
        """The trained autoencoder k: 0, or the fold where there is one per fold. Raises UserError where it has not
        been trained."""
        from swapdae.autoencoder.checkpoint import load_weights  # torch takes seconds to import

        self.report("dae")
        config, table = self.experiment.dae, self.table
        encoder = Encoder(table.categorical, table.numerical, config.numerical, self.experiment.seed)
        codes = encoder.fit(self.frame.iloc[self.label_free_rows()[k]]).transform(self.frame)
        weights = self.directory("dae") / f"training_{k}" / "model.safetensors"
        return Pretrained(codes, encoder.layout, config, partial(load_weights, weights))

    def problem(self, name: FeatureName, *, n_penalties: int = 1) -> Problem:
        """The feature set with targets and folds: what heads are cross-fitted on. n_penalties: see Problem."""
        pretrained = lru_cache(maxsize=1)(self.pretrained)  # trials and folds that share one encode its rows once
        n_trainings = len(self.dae_files)
        return Problem(
            features=self.features(name),
            y=self.table.y,
            folds=self.folds,
            n_test=self.table.n_test,
            task=self.competition.task,
            n_classes=len(self.table.classes),
            metric=self.competition.metric_of,
            seed=self.experiment.seed,
            n_penalties=n_penalties,
            device=self.device,
            pretrained=(lambda fold: pretrained(fold % n_trainings)) if name == "dae" else None,
        )

    def start_params(self, head: str) -> Strict:
        """A head's parameters as its TOML gives them, over the kind's defaults. Raises UserError naming the key."""
        # Three boosting libraries: not for a stage that has no heads.
        from swapdae.heads import HEADS

        config = self.experiment.heads[head]
        return parse(HEADS[config.kind].params, config.params, f"{self.experiment.name}: heads.{head}.params")

    def report(self, stage: str) -> Report:
        """The report of a stage that must have run. Raises UserError where it has not."""
        if (report := read_report(self.directory(stage))) is None:
            name = self.experiment.name
            raise UserError(f"{self.directory(stage)}: stage {stage} has not run; run `swapdae run {name}`")
        return report

    def array(self, stage: str, file: str) -> NDArray[Any]:
        """An array that a finished stage wrote. Raises UserError where it has not run."""
        self.report(stage)
        array: NDArray[Any] = np.load(self.directory(stage) / file, allow_pickle=False)
        return array

    def again(self) -> "Run":
        """The same run with nothing remembered of its input files."""
        return replace(self)

    def stage(
        self, name: str, inputs: Inputs, body: Callable[[Path], dict[str, Any]], *, config: dict[str, Any]
    ) -> Stage:
        """A stage of this run, in its own directory."""
        return Stage(name, self.directory(name), self.experiment.name, inputs, config, body)

    def carry_out(self, stages: Sequence[Stage]) -> list[Report]:
        """Run each stage that is not done. The experiment's lock must be held."""
        return [run_stage(stage, force=self.force, say=self.say) for stage in stages]
