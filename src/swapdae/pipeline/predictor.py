"""Predictions of new rows by what a run has kept: the same views, models and blend, read from files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.autoencoder.config import DaeConfig
from swapdae.base.device import DeviceName
from swapdae.base.errors import UserError
from swapdae.base.files import read_json, sha256_of
from swapdae.competition.config import Competition
from swapdae.competition.metrics import OWN as OWN_METRIC
from swapdae.competition.own_metric import read_own_metric
from swapdae.competition.row_reader import RowReader
from swapdae.competition.submission import shaped_as, takes_probabilities
from swapdae.encoding.encoder import Encoder
from swapdae.experiment.stage_report import read_report
from swapdae.heads import HEADS
from swapdae.modelling.blend import combine
from swapdae.modelling.cross_fit import Predictor as Model
from swapdae.modelling.decision import Decision
from swapdae.modelling.features import ColumnEncoders, FeatureSet, FloatArray, JoinedFeatures, LoadedFeatures, Native
from swapdae.modelling.fitted_view import FittedView
from swapdae.modelling.own_features import OWN, OwnFeatures, read_own_features
from swapdae.modelling.views import VIEWS
from swapdae.pipeline.feature_store import to_half
from swapdae.pipeline.kept import NAME, WEIGHTS, Kept, autoencoders, fit_folder, read_kept

if TYPE_CHECKING:
    from swapdae.autoencoder.network import Autoencoder
    from swapdae.base.device import Device

Array = NDArray[Any]
BATCH = 16_384  # rows whose features are held at a time


@dataclass(frozen=True, eq=False)
class KeptView:
    """A view of any rows, as it was fitted: `fitted` makes its columns, or None where they are the table's."""

    encoders: ColumnEncoders
    fitted: FittedView | None

    @staticmethod
    def load(folder: Path, name: str) -> "KeptView":
        load = VIEWS[name].load
        return KeptView(ColumnEncoders.load(folder / "encoders.json"), None if load is None else load(folder))

    def columns(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame if self.fitted is None else self.fitted.columns(frame)


class ViewOfRows:
    """A FeatureSet: one view of the rows of `frame`. views: by fold, or one under 0 for all. What was read last is
    held, for several heads read it."""

    def __init__(self, frame: pd.DataFrame, views: Mapping[int, KeptView]) -> None:
        self._shared = list(views) == [0]
        columns = lru_cache(maxsize=1)(lambda k: views[k].columns(frame))
        self._native = lru_cache(maxsize=1)(lambda k: views[k].encoders.native(columns(k)))
        self._dense = lru_cache(maxsize=1)(lambda k: views[k].encoders.dense(columns(k)))

    @property
    def shared(self) -> bool:
        return self._shared

    def native(self, fold: int) -> Native:
        return self._native(0 if self._shared else fold)

    def dense(self, fold: int) -> tuple[FloatArray, ...]:
        return (self._dense(0 if self._shared else fold),)


@dataclass(frozen=True, eq=False)
class KeptAutoencoder:
    """encoder: of rows with the columns that `reads` make beside the table's."""

    model: "Autoencoder"
    encoder: Encoder
    reads: tuple[FittedView, ...]
    device: "Device"

    @staticmethod
    def load(weights: Path, folder: Path, config: DaeConfig, device: "Device") -> "KeptAutoencoder":
        from swapdae.autoencoder.checkpoint import load_weights
        from swapdae.autoencoder.network import Autoencoder

        encoder = Encoder.of_state(read_json(folder / "encoder.json"))
        model = Autoencoder(encoder.layout, config)
        load_weights(weights, model)
        loads = [(VIEWS[name].load, folder / name) for name in config.reads]
        reads = tuple(load(place) for load, place in loads if load is not None)
        return KeptAutoencoder(model.to(device.device).eval(), encoder, reads, device)

    def features(self, frame: pd.DataFrame) -> FloatArray:
        """(n, d_features) float16, as the stage dae writes them."""
        from swapdae.autoencoder.fit import read_features

        columns = pd.concat([frame, *(view.columns(frame) for view in self.reads)], axis=1)
        codes = self.encoder.transform(columns)
        blocks = read_features(self.model, codes, self.encoder.layout, self.device)
        return np.concatenate([to_half(block) for block in blocks])


@dataclass(frozen=True)
class OneFold:
    """A feature set as a fold reads it, which is what models predict from."""

    features: FeatureSet
    fold: int

    def native(self) -> Native:
        return self.features.native(self.fold)

    def dense(self) -> tuple[FloatArray, ...]:
        return self.features.dense(self.fold)


@dataclass(frozen=True, eq=False)
class Predictor:
    """All that predicts one target. models: by head, by fit. views: by name, by fold."""

    kept: Kept
    competition: Competition
    reader: RowReader
    own: OwnFeatures | None
    views: Mapping[str, Mapping[int, KeptView]]
    autoencoders: Mapping[int, KeptAutoencoder]
    models: Mapping[str, Mapping[int, Model]]

    @staticmethod
    def load(root: Path, device: DeviceName, models: Path | None = None) -> "Predictor":
        """From oof/<experiment>, or an exported folder. models: the folder `models`, where it lies elsewhere.

        Raises UserError where files are gone or are not those that were kept, and where the run could keep nothing.
        """
        folder = models or root / NAME
        kept = read_kept(folder)
        _check(root, folder, kept)
        metric, competition = kept.competition.metric, kept.competition
        if metric == OWN_METRIC:
            own_metric, _ = read_own_metric(folder, competition.task)
            competition = competition.model_copy(update={"own_metric": own_metric})
        heads = {
            name: {fit: _load(head.kind)(root / "heads" / name / fit_folder(fit), device) for fit in kept.fits}
            for name, head in kept.heads.items()
        }
        return Predictor(
            kept=kept,
            competition=competition,
            reader=RowReader.load(folder / "table"),
            own=read_own_features(folder / OWN),
            views={name: _views(folder / "views" / name, name) for name in kept.views},
            autoencoders=_autoencoders(root, folder, kept, device),
            models=heads,
        )

    def predict_file(self, file: Path) -> pd.DataFrame:
        """The rows of a file in the shape of the sample submission: id and prediction columns."""
        ids, frame = self.reader.read(file)
        prediction, kept = self.predict(frame), self.kept
        sample = pd.DataFrame({kept.sample[0]: ids}).reindex(columns=list(kept.sample))
        if kept.decision is not None and not takes_probabilities(sample, self.competition):
            prediction = Decision(**kept.decision).decide(prediction)
        return shaped_as(sample, prediction, kept.classes, self.competition)

    def predict(self, frame: pd.DataFrame) -> Array:
        """(n,) or (n, n_classes), the blend of all heads. frame: features as `reader` gives them; BATCH rows at a time
        are predicted, so that memory stays bounded."""
        starts = range(0, len(frame), BATCH)
        return np.concatenate([self._batch(self._extended(frame.iloc[i : i + BATCH])) for i in starts])

    def _extended(self, frame: pd.DataFrame) -> pd.DataFrame:
        """With the columns of one's own, as the table had them."""
        frame, wanted = frame.reset_index(drop=True), [*self.kept.categorical, *self.kept.numerical]
        if self.own is None or not self.kept.own:
            return frame[wanted]
        made = self.own.made(frame)
        if lacking := [name for name in wanted if name not in made and name not in frame]:
            raise UserError(f"{self.own.file}: make made no column '{lacking[0]}' of these rows")
        return pd.concat([frame, made], axis=1)[wanted]

    def _batch(self, frame: pd.DataFrame) -> Array:
        rows, fits, metric = np.arange(len(frame)), self.kept.fits, self.competition.metric_of
        features, totals = self._features(frame), dict[str, Array]()
        for fit in fits:
            for name, models in self.models.items():
                of_fit = OneFold(JoinedFeatures([features[view] for view in self.kept.heads[name].features]), fit)
                part = metric.from_fit(models[fit].predict(of_fit, rows)) / len(fits)
                totals[name] = totals.get(name, np.zeros(part.shape)) + part
        weights = np.array([head.weight for head in self.kept.heads.values()])
        return combine(np.stack([totals[name] for name in self.kept.heads]), weights)

    def _features(self, frame: pd.DataFrame) -> dict[str, FeatureSet]:
        """Every view of these rows."""
        features: dict[str, FeatureSet] = {name: ViewOfRows(frame, views) for name, views in self.views.items()}

        @lru_cache(maxsize=1)
        def dae(k: int) -> FloatArray:
            return self.autoencoders[k].features(frame)

        features["dae"] = LoadedFeatures(dae, shared=self.kept.n_autoencoders == 1, prefix="dae")
        return features


def _load(kind: str) -> Callable[[Path, DeviceName], Model]:
    head = HEADS.get(kind)
    if head is None or head.load is None:
        raise UserError(f"there is no kind of head '{kind}' here whose models can be loaded")
    return head.load


def _views(folder: Path, name: str) -> dict[int, KeptView]:
    return {int(place.name): KeptView.load(place, name) for place in sorted(folder.iterdir())}


def _autoencoders(root: Path, folder: Path, kept: Kept, device: DeviceName) -> dict[int, KeptAutoencoder]:
    if not kept.n_autoencoders:
        return {}
    from swapdae.base.device import resolve_device

    load = partial(KeptAutoencoder.load, config=kept.dae, device=resolve_device(device))
    weights = {k: root / kept.dae_folder / f"training_{k}" / WEIGHTS for k in autoencoders(kept)}
    return {k: load(file, folder / "dae" / str(k)) for k, file in weights.items()}


def _check(root: Path, folder: Path, kept: Kept) -> None:
    """Files are those that were kept; those of `folder` itself once it is published."""
    report = read_report(folder)
    named = {root / name: sha256 for name, sha256 in kept.files.items()}
    named |= {folder / name: sha256 for name, sha256 in (report.files if report is not None else {}).items()}
    for file, sha256 in named.items():
        if not file.is_file():
            raise UserError(f"{file}: is gone; `swapdae run {kept.experiment}` makes it again")
        if sha256_of(file) != sha256:
            raise UserError(f"{file}: is not what was kept; `swapdae run {kept.experiment}` keeps it anew")
