"""Which rows label-free steps may see, what each view of the rows is, and the problem that heads are fitted on.

The scope of the autoencoder is decided here and nowhere else: "transductive" is one for all rows, "per_fold" one per
fold, which never sees the fold's held-out rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.autoencoder.config import DaeConfig
from swapdae.base.errors import UserError
from swapdae.base.files import written_aside
from swapdae.competition.fold_rows import Folds
from swapdae.encoding.encoder import Codes, Encoder, Layout, encoder_for
from swapdae.experiment.config import HeadConfig
from swapdae.modelling.cross_fit import ClassWeight, Problem
from swapdae.modelling.features import FeatureSet, JoinedFeatures, RowNumbers
from swapdae.modelling.views import Columns, MadeFeatures, Source, make_view
from swapdae.pipeline.run import Run

if TYPE_CHECKING:
    from swapdae.autoencoder.network import Autoencoder


def label_free_rows(config: DaeConfig, folds: Folds, n_test: int) -> list[RowNumbers]:
    """The rows that steps without labels may be fitted on: one selection for all folds, or one per fold.

    folds: of the train rows. "transductive": all rows. "per_fold": what a fold trains on, in time no row behind its
    window, and test rows unless test_rows is false.
    """
    n_train = len(folds)
    if config.scope == "transductive":
        return [np.arange(n_train + n_test)]
    test = np.arange(n_train, n_train + n_test) if config.test_rows else np.arange(0)
    return [np.concatenate([folds.train(k), test]) for k in range(folds.n_fits)]


def feature_files(directory: Path, n: int) -> list[Path]:
    """Where a stage puts features: one file for all folds, or one per fold."""
    return [directory / ("features.npy" if n == 1 else f"features_{k}.npy") for k in range(n)]


def to_half(block: NDArray[np.float32]) -> NDArray[np.float16]:
    """As features are written."""
    limit = np.finfo(np.float16).max
    return np.clip(block, -limit, limit).astype("<f2")


def write_npy(file: Path, blocks: Iterator[NDArray[np.float32]], shape: tuple[int, int]) -> None:
    """Stream blocks of rows into one float16 .npy: nothing is held whole, and a name that exists is whole."""
    n_rows = 0
    with written_aside(file) as aside, aside.open("wb") as out:
        header = {"descr": "<f2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(out, header)
        for block in blocks:
            out.write(to_half(block).data)
            n_rows += len(block)
        if n_rows != shape[0]:
            raise ValueError(f"{file}: {n_rows} rows came, {shape[0]} were announced")


@dataclass(frozen=True)
class FeatureStore:
    """The views of a run's rows. Reading an autoencoder's features needs the stage dae to have run."""

    run: Run

    @cached_property
    def rows(self) -> list[RowNumbers]:
        """See label_free_rows; one selection for each autoencoder."""
        data = self.run.data
        return label_free_rows(self.run.experiment.dae, data.folds, data.table.n_test)

    @property
    def n_autoencoders(self) -> int:
        """One for all folds, or one for each fit."""
        return 1 if self.run.experiment.dae.scope == "transductive" else self.run.data.folds.n_fits

    @property
    def dae_files(self) -> list[Path]:
        """What the stage dae writes, one file for each autoencoder."""
        return feature_files(self.run.directory("dae"), self.n_autoencoders)

    def encoded(self, k: int) -> tuple[Codes, Layout]:
        """All rows, encoded for autoencoder k by what it may see of them."""
        encoder, frame = self.encoder(k)
        return encoder.transform(frame), encoder.layout

    def encoder(self, k: int) -> tuple[Encoder, pd.DataFrame]:
        """What encodes rows for autoencoder k, and all rows with the columns that it reads."""
        columns = Columns(self.run.data.frame, self.run.data.table.categorical, self.run.data.table.numerical)
        for name in self.run.experiment.dae.reads:
            view = self.view(name)
            assert isinstance(view, MadeFeatures)  # the experiment's model lets no other in
            columns = columns.beside(view.columns(0 if view.shared else k))
        return encoder_for(columns.frame, self.rows[k], columns.categorical, columns.numerical), columns.frame

    @cached_property
    def source(self) -> Source:
        """What the views are made from."""
        data, table = self.run.data, self.run.data.table
        return Source(
            frame=data.frame,
            categorical=table.categorical,
            numerical=table.numerical,
            y=table.y,
            n_classes=len(table.classes),
            label_free=self.rows,
            training=[data.folds.train(k) for k in range(data.folds.n_fits)],
            groups=data.folds.groups,
            seed=self.run.experiment.seed,
            dae_files=lambda: self.dae_files,
            own=self.run.own,
        )

    def view(self, name: str) -> FeatureSet:
        """One view of all rows, train then test."""
        return make_view(name, self.source)

    def views(self, names: Sequence[str]) -> FeatureSet:
        """Several views side by side."""
        parts = [self.view(name) for name in names]
        return parts[0] if len(parts) == 1 else JoinedFeatures(parts)

    def autoencoder(self, k: int) -> "tuple[Autoencoder, Codes]":
        """The trained autoencoder k, on the CPU, with all rows encoded for it."""
        from swapdae.autoencoder.checkpoint import load_weights  # torch takes seconds to import
        from swapdae.autoencoder.network import Autoencoder

        self.run.report("dae")
        codes, layout = self.encoded(k)
        model = Autoencoder(layout, self.run.experiment.dae)
        load_weights(self.run.directory("dae") / f"training_{k}" / "model.safetensors", model)
        return model, codes

    def class_weight(self, head: HeadConfig) -> ClassWeight:
        """The head's weights of classes, by number. Raises UserError for a label that the target has not."""
        if not isinstance(head.class_weight, dict):
            return head.class_weight
        classes = self.run.data.table.classes
        if strange := [label for label in head.class_weight if label not in classes]:
            raise UserError(f"class_weight: the target has no class '{strange[0]}'; it has {', '.join(classes)}")
        return {classes.index(label): weight for label, weight in head.class_weight.items()}

    def problem_of(self, head: HeadConfig) -> Problem:
        """What a head of the experiment is cross-fitted on."""
        return replace(self.problem(head.features), class_weight=self.class_weight(head))

    def problem(self, names: Sequence[str]) -> Problem:
        """Views with targets and folds: what heads are cross-fitted on."""
        run, data = self.run, self.run.data
        return Problem(
            features=self.views(names),
            y=data.table.y,
            folds=data.folds,
            n_test=data.table.n_test,
            task=run.competition.task,
            n_classes=len(data.table.classes),
            metric=run.competition.metric_of,
            seed=run.experiment.seed,
            device=run.device,
            weights=data.table.weights,
        )
